//! The process of PostgreSQL: how it is started, watched and found again.

use super::{place::Place, programs::Programs};
use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// How long an earlier server of the same data may take to stop, and this one to start (recovery).
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `postgres` until it ends or our end of stdin closes.
/// `$1`: signal that stops it. `$2`: folder to remove afterwards, or nothing. The rest: the
/// command.
const GUARD: &str = r#"
signal=$1; rubbish=$2; shift 2
exec 3<&0
"$@" 3<&- </dev/null &
postgres=$!
( read -r _ <&3; while kill -"$signal" "$postgres" 2>/dev/null; do sleep 1; done ) &
guard=$!
exec 3<&- </dev/null
wait "$postgres"
code=$?
kill "$guard" 2>/dev/null
[ -n "$rubbish" ] && rm -rf "$rubbish"
exit "$code"
"#;

/// After a `kill -9` the earlier PostgreSQL may still be stopping.
pub async fn wait_for_earlier(place: &Place) -> Result<()> {
    let started = Instant::now();
    while let Some(pid) = postmaster(place).map(|(pid, _)| pid).filter(|pid| alive(*pid)) {
        ensure!(
            started.elapsed() < PATIENCE,
            "um PostgreSQL (processo {pid}) ainda usa {}: pare-o e tente de novo",
            place.cluster.display()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Process and port of the PostgreSQL that holds the cluster, as it wrote them down.
pub fn postmaster(place: &Place) -> Option<(u32, u16)> {
    let text = fs::read_to_string(place.cluster.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    let port = lines.nth(2)?.trim().parse().ok()?;
    Some((pid, port))
}

/// Whether the process is a live PostgreSQL: after a reboot its number may be anybody's.
fn alive(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => name.trim().starts_with("postgres"),
        // No /proc here: PostgreSQL itself refuses to start beside another.
        Err(_) => false,
    }
}

/// Starts PostgreSQL on a port; it stops when our end of its stdin closes.
pub fn spawn(
    place: &Place,
    programs: &Programs,
    port: u16,
    log: File,
    test: bool,
) -> Result<Child> {
    let (signal, rubbish) = match test {
        true => ("QUIT", place.cluster.parent().map(Path::to_owned).unwrap_or_default()),
        false => ("INT", PathBuf::new()),
    };
    let mut command = place.command("/bin/sh".as_ref());
    command.args(["-c", GUARD, "campo-postgres", signal]).arg(rubbish);
    command.arg(programs.bin.join("postgres")).arg("-D").arg(&place.cluster);
    let port = format!("port={port}");
    let mut settings = vec![
        port.as_str(),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "timezone=UTC",
        "log_timezone=UTC",
        "max_connections=200",
        "password_encryption=scram-sha-256",
    ];
    if test {
        settings.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"]);
    }
    for setting in settings {
        command.args(["-c", setting]);
    }
    // A group of its own: Ctrl-C in a terminal is for us, and we then stop the database in order.
    command.process_group(0).stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    command.spawn().context("não foi possível executar /bin/sh")
}

/// A new log at each start; the one before is kept beside it.
pub fn open_log(path: &Path) -> Result<File> {
    if path.exists() {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    File::create(path).with_context(|| path.display().to_string())
}

/// What the log says last, or the error when it says nothing.
pub fn last_lines(log: &Path, error: &sqlx::Error) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.len() {
        0 => error.to_string(),
        count => format!("{} (em {})", lines[count.saturating_sub(3)..].join(" / "), log.display()),
    }
}
