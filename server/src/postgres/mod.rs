//! PostgreSQL as part of Campo: found or downloaded, started with the server, stopped with it.
//!
//! It listens on 127.0.0.1 only, on a free port, with a random password. It is the child of a small
//! shell script that waits for the end of a pipe: when this process dies, even by `kill -9`, the
//! script stops the database in order (ADR 0006). Restarting keeps the data.

mod place;
mod process;
mod programs;

use anyhow::{Context, Result, bail, ensure};
use place::Place;
use process::{PATIENCE, last_lines, open_log, postmaster, spawn, wait_for_earlier};
use programs::Programs;
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

/// The owner of the database, and its name.
const NAME: &str = "campo";
const START: Duration = Duration::from_secs(120);

/// A running PostgreSQL of our own. Dropping it stops the database without waiting for it.
#[derive(Debug)]
pub struct Embedded {
    url: String,
    place: Place,
    /// `None` when the database belongs to another Campo and we only use it.
    guard: Option<Child>,
    /// Held for as long as the database is ours; the system releases it when we die.
    _lock: Option<File>,
}

impl Embedded {
    /// Starts the database of `data_dir`, making it on first use. `bin` overrides the search for
    /// the programs (`CAMPO_POSTGRES_BIN`).
    ///
    /// # Errors
    /// Another Campo uses the folder; no programs; wrong version; PostgreSQL does not start.
    pub async fn start(data_dir: &Path, bin: Option<&Path>) -> Result<Self> {
        let lock = lock(data_dir)?.with_context(|| {
            format!(
                "outro Campo já usa CAMPO_DATA_DIR={}. Pare-o ou escolha outra pasta",
                data_dir.display()
            )
        })?;
        Self::launch(data_dir, bin, lock, false).await
    }

    /// As [`Embedded::start`], or joins the database of a Campo that is serving: for commands.
    ///
    /// # Errors
    /// As [`Embedded::start`].
    pub async fn open(data_dir: &Path, bin: Option<&Path>) -> Result<Self> {
        let started = Instant::now();
        loop {
            if let Some(lock) = lock(data_dir)? {
                return Self::launch(data_dir, bin, lock, false).await;
            }
            let place = Place::prepare(data_dir)?;
            if let Some(url) = running(&place).await? {
                return Ok(Self { url, place, guard: None, _lock: None });
            }
            ensure!(started.elapsed() < PATIENCE, "o Campo desta pasta não respondeu em 30 s");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// A database for tests: fast, not safe, and removed with its folder when the process ends.
    ///
    /// # Errors
    /// As [`Embedded::start`].
    pub async fn for_tests() -> Result<Self> {
        let name = format!("campo-test-{}", uuid::Uuid::now_v7().simple());
        let data_dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&data_dir)?;
        let lock = lock(&data_dir)?.context("a pasta do teste já está em uso")?;
        Self::launch(&data_dir, None, lock, true).await
    }

    /// URL of the database `campo`, as its owner. Holds the password: not for a log.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the data are.
    pub(crate) fn cluster(&self) -> &Path {
        &self.place.cluster
    }

    /// Stops the database in order and waits for it; does nothing to one that is not ours.
    ///
    /// # Errors
    /// It has not stopped within 30 s.
    pub async fn stop(mut self) -> Result<()> {
        let Some(mut guard) = self.guard.take() else {
            return Ok(());
        };
        drop(guard.stdin.take());
        let started = Instant::now();
        while guard.try_wait()?.is_none() {
            ensure!(started.elapsed() < PATIENCE, "o PostgreSQL não parou em 30 s");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn launch(data_dir: &Path, bin: Option<&Path>, lock: File, test: bool) -> Result<Self> {
        let place = Place::prepare(data_dir)?;
        if test {
            // So that PostgreSQL's user may remove it.
            place.give(data_dir)?;
        }
        if place.version()?.is_none() && place.cluster.exists() {
            bail!("{} existe e não é um banco: mova a pasta dali", place.cluster.display());
        }
        let programs = Programs::find(bin, place.version()?, &place.downloads).await?;
        let password = place.password()?;
        if place.version()?.is_none() {
            create(&place, &programs)?;
        }
        wait_for_earlier(&place).await?;
        let log = open_log(&place.log)?;
        // The port is free when we look and may be taken when PostgreSQL does: then another.
        for attempt in 1..=3 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let guard = spawn(&place, &programs, port, log.try_clone()?, test)?;
            let mut embedded = Self {
                url: url(&password, port, NAME),
                place: place.clone(),
                guard: Some(guard),
                _lock: None,
            };
            match embedded.ready(&password, port).await {
                Ok(()) => {
                    embedded._lock = Some(lock);
                    return Ok(embedded);
                }
                Err(error) if attempt == 3 => return Err(error),
                Err(_) => embedded.stop().await?,
            }
        }
        bail!("o PostgreSQL não iniciou")
    }

    /// Waits for the first connection; makes the database `campo` if it is not there.
    async fn ready(&mut self, password: &str, port: u16) -> Result<()> {
        let options: PgConnectOptions = url(password, port, "postgres").parse()?;
        let options = options.disable_statement_logging();
        let started = Instant::now();
        let mut connection = loop {
            match options.connect().await {
                Ok(connection) => break connection,
                // Wrong password: the file belongs to another cluster, so waiting does not help.
                Err(error) if code(&error).as_deref() == Some("28P01") => {
                    bail!("a senha em {} não abre o banco", self.place.password.display())
                }
                Err(error) => {
                    let ended = self.guard.as_mut().map(Child::try_wait).transpose()?.flatten();
                    if ended.is_some() || started.elapsed() > START {
                        bail!("o PostgreSQL não iniciou: {}", last_lines(&self.place.log, &error));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'campo')")
                .fetch_one(&mut connection)
                .await?;
        if !there {
            sqlx::query("CREATE DATABASE campo").execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }
}

fn url(password: &str, port: u16, database: &str) -> String {
    format!("postgres://{NAME}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// The lock of a data folder, or `None` when another process holds it.
fn lock(data_dir: &Path) -> Result<Option<File>> {
    let context = || format!("não foi possível gravar em CAMPO_DATA_DIR={}", data_dir.display());
    fs::create_dir_all(data_dir).with_context(context)?;
    let file = File::create(data_dir.join("campo.lock")).with_context(context)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(context),
    }
}

/// Makes the cluster in another folder and renames it, so that an incomplete one is never started.
fn create(place: &Place, programs: &Programs) -> Result<()> {
    let partial = place.cluster.with_extension("parcial");
    let mut said = String::new();
    for locale in ["C.UTF-8", "C"] {
        place.fresh(&partial)?;
        let output = place
            .command(&programs.bin.join("initdb"))
            .args(["--encoding=UTF8", "--auth=scram-sha-256", "--username", NAME])
            .arg(format!("--locale={locale}"))
            .arg("--pwfile")
            .arg(&place.password)
            .arg("--pgdata")
            .arg(&partial)
            .output()
            .context("initdb não pôde ser executado")?;
        if output.status.success() {
            return Ok(fs::rename(&partial, &place.cluster)?);
        }
        said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    }
    bail!("não foi possível criar o banco em {}: {said}", place.cluster.display())
}

/// URL of the database of a Campo that is serving, once it answers.
async fn running(place: &Place) -> Result<Option<String>> {
    let Some((_, port)) = postmaster(place) else {
        return Ok(None);
    };
    let url = url(&place.password()?, port, NAME);
    let options: PgConnectOptions = url.parse()?;
    let Ok(connection) = options.disable_statement_logging().connect().await else {
        return Ok(None);
    };
    connection.close().await?;
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::PgConnection;

    #[tokio::test]
    async fn a_restart_keeps_the_data_and_a_second_campo_is_told_so() {
        // In a folder that PostgreSQL's user reaches, unlike the one `tempfile` makes.
        let name = format!("campo-restart-{}", uuid::Uuid::now_v7().simple());
        let folder = std::env::temp_dir().join(name);
        let first = Embedded::start(&folder, None).await.unwrap();
        let mut connection = PgConnection::connect(first.url()).await.unwrap();
        sqlx::query("CREATE TABLE fica (x int)").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let second = Embedded::start(&folder, None).await.unwrap_err().to_string();
        assert!(second.contains("CAMPO_DATA_DIR"), "{second}");
        let guest = Embedded::open(&folder, None).await.unwrap();
        assert_eq!(guest.url(), first.url());
        guest.stop().await.unwrap();
        // Dropped without a stop, as by a crash: the next one waits for it to end.
        drop(first);
        let again = Embedded::start(&folder, None).await.unwrap();
        let mut connection = PgConnection::connect(again.url()).await.unwrap();
        sqlx::query("SELECT x FROM fica").fetch_all(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        again.stop().await.unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_cluster_of_another_version_is_left_alone() {
        let name = format!("campo-version-{}", uuid::Uuid::now_v7().simple());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(folder.join("postgres")).unwrap();
        fs::write(folder.join("postgres/PG_VERSION"), "9\n").unwrap();
        let error = Embedded::start(&folder, None).await.unwrap_err().to_string();
        assert!(error.contains("PostgreSQL 9") && error.contains("CAMPO_POSTGRES_BIN"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
