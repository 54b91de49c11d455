//! kill -9, of the server and of devices, in the middle of synchronisations. Afterwards
//! everything that a device called durable is in the office, once, and nothing is left running.

use anyhow::{Context, Result, ensure};
use campo_mobile_core::Phone;
use campo_server::{db::Db, postgres::Embedded};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a start (recovery included) or a stop may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// The server as a process, with its own PostgreSQL in a folder that PostgreSQL's user can reach.
struct Server {
    data: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Server {
    fn new() -> Self {
        let name = format!("campo-crash-{}", uuid::Uuid::now_v7().simple());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Server { data: std::env::temp_dir().join(name), port, process: None }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until it is ready.
    fn start(&mut self) -> Result<()> {
        fs::create_dir_all(&self.data)?;
        let log = File::options().create(true).append(true).open(self.data.join("campo.log"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_campo_under_test"))
            .env_remove("DATABASE_URL")
            .env("CAMPO_DATA_DIR", &self.data)
            .env("CAMPO_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("CAMPO_DEMO", "1")
            .env("CAMPO_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let child = self.process.insert(child);
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() || !ready(self.port) {
            let ended = child.try_wait()?;
            let log = || fs::read_to_string(self.data.join("campo.log")).unwrap_or_default();
            ensure!(ended.is_none(), "the server ended by itself: {}", log());
            ensure!(since.elapsed() < PATIENCE, "the server does not start: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// kill -9.
    fn kill(&mut self) -> Result<()> {
        let mut child = self.process.take().context("not running")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Ctrl-C: an end in order.
    fn interrupt(&mut self) -> Result<()> {
        let mut child = self.process.take().context("not running")?;
        let id = child.id().to_string();
        ensure!(Command::new("kill").args(["-INT", &id]).status()?.success());
        let since = Instant::now();
        while child.try_wait()?.is_none() {
            ensure!(since.elapsed() < PATIENCE, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Rows of one text column, as the owner of the server's own database.
    fn rows(&self, query: &'static str) -> Result<Vec<String>> {
        let rt = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        rt.block_on(async {
            let guest = Embedded::open(&self.data, None).await?;
            let db = Db::open(guest.url(), 1).await?;
            let rows = sqlx::query_scalar(query).fetch_all(db.owner()).await?;
            db.close().await;
            Ok(rows)
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
        // Its PostgreSQL stops by itself; the folder goes once it has.
        let since = Instant::now();
        while !processes_of(&self.data).is_empty() && since.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn ready(port: u16) -> bool {
    ureq::get(format!("http://127.0.0.1:{port}/readyz")).call().is_ok()
}

/// Processes that name the folder on their command line or work inside it.
fn processes_of(folder: &Path) -> Vec<String> {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        let works_in = fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if command.contains(&name) || works_in.to_string_lossy().contains(&name) {
            found.push(format!("{} {command}", entry.file_name().to_string_lossy()));
        }
    }
    found
}

/// A device as a process, and what it said was durable.
struct Device {
    login: &'static str,
    dir: TempDir,
    lives: u32,
    process: Option<Child>,
}

impl Device {
    fn new(login: &'static str) -> Self {
        Device { login, dir: tempfile::tempdir().unwrap(), lives: 0, process: None }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("campo.db")
    }

    fn start(&mut self, server: &Server) -> Result<()> {
        self.lives += 1;
        let said = File::create(self.dir.path().join(format!("{}.txt", self.lives)))?;
        let child = Command::new(env!("CARGO_BIN_EXE_device_under_test"))
            .arg("--db")
            .arg(self.file())
            .args(["--server", &server.url(), "--empresa", "demo", "--login", self.login])
            .args(["--senha", "campo-demo"])
            .stdout(said)
            .spawn()?;
        self.process = Some(child);
        Ok(())
    }

    /// kill -9.
    fn kill(&mut self) -> Result<()> {
        let mut child = self.process.take().context("not running")?;
        ensure!(child.try_wait()?.is_none(), "the device ended by itself");
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Every whole line of every life.
    fn durable(&self) -> Result<BTreeSet<String>> {
        let mut lines = BTreeSet::new();
        for life in 1..=self.lives {
            let text = fs::read_to_string(self.dir.path().join(format!("{life}.txt")))?;
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            lines.extend(whole.lines().map(str::to_owned));
        }
        Ok(lines)
    }

    /// Sends what is left, by the app itself.
    fn settle(&self) -> Result<()> {
        let campo = Phone::open(&self.file(), None)?;
        campo.sync_now(&|_| {}, &AtomicBool::new(false))?;
        let pending = campo.pending()?;
        ensure!(pending.pendentes.is_empty(), "{} commands wait", pending.pendentes.len());
        ensure!(pending.retidas.is_empty() && pending.recusadas.is_empty(), "not all accepted");
        Ok(())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits a moment that is never the same.
fn a_moment(ms_max: u64) {
    std::thread::sleep(Duration::from_millis(rand::random_range(40..ms_max)));
}

#[test]
fn the_server_and_devices_are_killed_in_mid_sync_and_everything_converges() -> Result<()> {
    let mut server = Server::new();
    server.start()?;
    let mut devices = [Device::new("ana@demo"), Device::new("bruno@demo")];
    for device in &mut devices {
        device.start(&server)?;
    }
    // Until both have signed in and work.
    let since = Instant::now();
    while devices.iter().any(|device| device.durable().is_ok_and(|lines| lines.len() < 6)) {
        ensure!(since.elapsed() < PATIENCE, "the devices do not work");
        std::thread::sleep(Duration::from_millis(50));
    }
    for turn in 0..3 {
        for _ in 0..2 {
            for device in &mut devices {
                a_moment(300);
                device.kill()?;
                device.start(&server)?;
            }
        }
        a_moment(400);
        server.kill()?;
        if turn == 1 {
            a_moment(200);
            devices[0].kill()?;
            devices[0].start(&server)?;
        }
        server.start()?;
        a_moment(400);
    }
    for device in &mut devices {
        device.kill()?;
        device.settle()?;
    }

    let there = server.rows(
        "SELECT 'cliente ' || id || ' ' || nome FROM clientes WHERE nome LIKE 'Cliente %@demo %' \
         UNION ALL SELECT 'nota ' || document || ' ' || texto FROM acompanhamentos \
         WHERE tipo = 'nota' AND texto LIKE 'nota %'",
    )?;
    let once: BTreeSet<String> = there.iter().cloned().collect();
    assert_eq!(once.len(), there.len(), "something is there twice");
    let mut durable = BTreeSet::new();
    for device in &devices {
        durable.append(&mut device.durable()?);
    }
    assert!(durable.len() > 50, "only {} commands: the devices hardly worked", durable.len());
    let lost: Vec<_> = durable.difference(&once).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), durable.len());
    // At most the one line that was cut off for each life that ended.
    let lives: u32 = devices.iter().map(|device| device.lives).sum();
    assert!(once.len() - durable.len() <= lives as usize, "{} {}", once.len(), durable.len());
    let gaps = server.rows(
        "SELECT tenant::text FROM change_log GROUP BY tenant \
         HAVING count(*) <> max(seq) OR count(DISTINCT seq) <> count(*)",
    )?;
    assert!(gaps.is_empty(), "the log has gaps");

    assert!(!processes_of(&server.data).is_empty());
    server.interrupt()?;
    let left = processes_of(&server.data);
    assert!(left.is_empty(), "still running: {left:?}");
    Ok(())
}
