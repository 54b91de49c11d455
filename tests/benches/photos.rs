//! A hundred photos of 12 million pixels and 4 MB, taken on a device and sent to a server, each a
//! process of its own: how long it takes, and that neither needs more memory the longer it goes
//! on. Run with `cargo bench -p campo-tests --bench photos`.

use anyhow::{Context, Result, ensure};
use campo_domain::kind::Kind;
use campo_mobile_core::Phone;
use campo_server::testing;
use campo_tests::{memory_use::peak_kb, pictures::Shot};
use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

/// Photos of each turn; the first warms up.
const TURNS: [u64; 3] = [20, 40, 40];
/// How much more memory the last turn may take than the one before, in kB. What is on its way at
/// once differs by some pictures; whoever kept what passed would grow by more than 120 MB.
const GROWTH_KB_MAX: u64 = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// The server as a process; it ends with this one.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(database: &str, data: &Path, url: &str) -> Result<Server> {
    let mut server = Command::new(env!("CARGO_BIN_EXE_campo_under_test"));
    server.env("DATABASE_URL", database).env("CAMPO_DATA_DIR", data).env("CAMPO_DEMO", "1");
    server.env("CAMPO_LISTEN", url.trim_start_matches("http://")).env("CAMPO_LOG", "warn");
    let server = Server(server.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?);
    let since = Instant::now();
    while ureq::get(format!("{url}/readyz")).call().is_err() {
        ensure!(since.elapsed() < PATIENCE, "the server does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(server)
}

/// Runs the device; its peak of memory in kB.
fn device(db: &Path, args: &[String]) -> Result<(u64, Duration)> {
    let begun = Instant::now();
    let mut device = Command::new(env!("CARGO_BIN_EXE_photos_under_test"));
    let output = device.arg("--db").arg(db).args(args).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the device failed");
    let said = String::from_utf8(output.stdout)?;
    let peak = said.split_whitespace().last().context("it said nothing")?.parse()?;
    Ok((peak, begun.elapsed()))
}

fn main() -> Result<()> {
    let rt = tokio::runtime::Runtime::new()?;
    let test = rt.block_on(testing::database())?;
    let dir = tempfile::tempdir()?;
    let url = format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?);
    let server = serve(&test.url, &dir.path().join("dados"), &url)?;

    let (db, foto) = (dir.path().join("campo.db"), dir.path().join("foto.jpg"));
    let jpeg = Shot::new(1, 4_000, 3_000).jpeg()?;
    std::fs::write(&foto, &jpeg)?;
    let caso = {
        let campo = Phone::open(&db, None)?;
        campo.sign_in(&url, "demo", "ana@demo", "campo-demo", "Celular de Ana")?;
        campo.sync_now(&|_| {}, &AtomicBool::new(false))?;
        let campo_de = |nome: &str, valor: &str| (nome.to_owned(), valor.to_owned());
        let nome = [campo_de("nome", "Cliente das fotos")];
        let cliente = campo.novo(Kind::Cliente, None, &nome, &[])?.to_string();
        let campos = [campo_de("cliente", &cliente), campo_de("situacao_alegada", "Riscos.")];
        campo.novo(Kind::Assistencia, None, &campos, &[])?
    };

    println!("photos of {} kB\n", jpeg.len() / 1_000);
    println!("photos   taken   peak MB    sent   peak MB   MB/s   server's peak MB");
    let (mut first, mut peaks) = (0, Vec::new());
    for photos in TURNS {
        let args = format!("--take {photos} --first {first} --caso {caso} --foto");
        let mut args: Vec<String> = args.split(' ').map(str::to_owned).collect();
        args.push(foto.display().to_string());
        let (taking, took) = device(&db, &args)?;
        let (sending, sent) = device(&db, &[])?;
        let serving = peak_kb(&server.0.id().to_string())?;
        let rate = (photos * jpeg.len() as u64) as f64 / 1e6 / sent.as_secs_f64();
        println!(
            "{photos:6} {:6.1}s {:9} {:6.1}s {:9} {rate:6.1} {:18}",
            took.as_secs_f64(),
            taking / 1024,
            sent.as_secs_f64(),
            sending / 1024,
            serving / 1024,
        );
        peaks.push([taking, sending, serving]);
        first += photos;
    }
    // The first turn has brought everything to its size.
    for (few, many) in peaks[1].iter().zip(peaks[2]) {
        ensure!(many <= few + GROWTH_KB_MAX, "{few} kB became {many} kB: memory is not flat");
    }
    Ok(())
}
