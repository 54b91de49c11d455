//! Starts the server and stops it in order: first no new requests, then streams end, requests under
//! way are finished, and the database is stopped last.

use crate::{
    app::App, arquivos, auth::accounts, config::Config, db::Db, demo, objects::Objects, outbox,
    postgres::Embedded, routes, timers,
};
use anyhow::{Context, Result, bail};
use std::{future::IntoFuture, io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};

/// How long requests that are under way may take once the server is stopping.
const DRAIN: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct Running {
    /// The address at which it listens.
    pub addr: SocketAddr,
    /// Its state.
    pub app: App,
    task: JoinHandle<std::io::Result<()>>,
    outbox: JoinHandle<()>,
    verification: JoinHandle<()>,
}

/// Serves on a listener until [`Running::stop`].
///
/// # Errors
/// The listener has no address.
pub fn start(
    config: Arc<Config>,
    db: Db,
    objects: Objects,
    listener: TcpListener,
) -> Result<Running> {
    start_app(App::new(config, db, objects), listener)
}

fn start_app(app: App, listener: TcpListener) -> Result<Running> {
    let addr = listener.local_addr()?;
    let service = routes::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let shutdown = app.shutdown.clone();
    tokio::spawn(app.live.clone().listen(app.db.clone(), shutdown.clone()));
    tokio::spawn(timers::run(app.clone()));
    tokio::spawn(arquivos::derivatives::run(app.clone()));
    tokio::spawn(arquivos::cleanup::run(app.clone()));
    let verification = tokio::spawn(arquivos::verify::run(app.clone()));
    let outbox =
        tokio::spawn(outbox::worker::run(app.db.clone(), app.config.clone(), shutdown.clone()));
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(async move { shutdown.requested().await });
    let task = tokio::spawn(server.into_future());
    Ok(Running { addr, app, task, outbox, verification })
}

impl Running {
    /// Stops accepting requests, ends streams, waits up to 10 s for requests, deliveries and
    /// verifications under way, then aborts them. The database stays open.
    pub async fn stop(mut self) {
        self.app.shutdown.request();
        let all = async { tokio::join!(&mut self.task, &mut self.outbox, &mut self.verification) };
        if tokio::time::timeout(DRAIN, all).await.is_err() {
            tracing::warn!("requests or deliveries were still running after the drain: cut off");
            self.task.abort();
            self.outbox.abort();
            self.verification.abort();
        }
    }
}

/// The database of the settings: an external one, or the embedded one.
pub struct Database {
    /// The connections.
    pub db: Db,
    /// The embedded PostgreSQL, unless `DATABASE_URL` is set.
    pub embedded: Option<Embedded>,
}

impl Database {
    /// For the server: starts the embedded one, and migrates either.
    ///
    /// # Errors
    /// It cannot be started, reached or migrated.
    pub async fn start(config: &Config) -> Result<Self> {
        match &config.database_url {
            Some(url) => Self::connect(config, url.clone(), None).await,
            None => {
                let bin = config.postgres_bin.as_deref();
                let embedded = Embedded::start(&config.data_dir, bin).await?;
                Self::connect(config, embedded.url().to_owned(), Some(embedded)).await
            }
        }
    }

    /// For a command: as [`Database::start`], beside a server that may be running.
    ///
    /// # Errors
    /// As [`Database::start`].
    pub async fn open(config: &Config) -> Result<Self> {
        match &config.database_url {
            Some(url) => Self::connect(config, url.clone(), None).await,
            None => {
                let bin = config.postgres_bin.as_deref();
                let embedded = Embedded::open(&config.data_dir, bin).await?;
                Self::connect(config, embedded.url().to_owned(), Some(embedded)).await
            }
        }
    }

    async fn connect(config: &Config, url: String, embedded: Option<Embedded>) -> Result<Self> {
        // The embedded PostgreSQL has `max_connections=200`.
        let max = if embedded.is_some() { 150 } else { u32::MAX };
        match Db::connect(&url, config.db_connections.min(max)).await {
            Ok(db) => Ok(Self { db, embedded }),
            Err(error) => {
                stop(embedded).await?;
                Err(error)
            }
        }
    }

    /// Closes the connections and stops the embedded database, if this process started it.
    ///
    /// # Errors
    /// It does not stop.
    pub async fn stop(self) -> Result<()> {
        if tokio::time::timeout(Duration::from_secs(5), self.db.close()).await.is_err() {
            tracing::warn!("database connections were still in use: dropped");
        }
        stop(self.embedded).await
    }
}

async fn stop(embedded: Option<Embedded>) -> Result<()> {
    match embedded {
        Some(embedded) => embedded.stop().await,
        None => Ok(()),
    }
}

/// The command `campo serve`: until SIGINT or SIGTERM.
///
/// # Errors
/// Anything that keeps the server from starting, or the database from stopping.
pub async fn run(config: Config) -> Result<()> {
    // Installed first, since a signal during the start must stop the database in order too.
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let listener = listen(config.listen).await?;
    let objects = Objects::connect(&config).await?;
    let database = Database::start(&config).await?;
    let app = App::new(Arc::new(config), database.db.clone(), objects);
    let outcome = async {
        prepare_demo(&app, database.embedded.is_some()).await?;
        let running = start_app(app, listener)?;
        banner(&running.app, running.addr, database.embedded.as_ref()).await;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        println!("\nParando: o que está em andamento termina primeiro.");
        running.stop().await;
        Ok(())
    }
    .await;
    // Also when something failed above: the database is stopped in order, and the error told.
    database.stop().await?;
    outcome
}

async fn listen(addr: SocketAddr) -> Result<TcpListener> {
    for _ in 0..10 {
        match TcpListener::bind(addr).await {
            // A server that was just killed may hold the port for a moment more.
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => return bound.with_context(|| format!("CAMPO_LISTEN={addr} não serve aqui")),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!(
        "a porta de CAMPO_LISTEN={addr} já está em uso. Pare quem a usa ou escolha outra; exemplo: \
         CAMPO_LISTEN={}:{}",
        addr.ip(),
        addr.port().saturating_add(1)
    )
}

async fn prepare_demo(app: &App, embedded: bool) -> Result<()> {
    let wanted = match app.config.demo {
        Some(wanted) => wanted,
        // The demonstration alone counts as empty: a first start may have been interrupted.
        None => embedded && accounts::only_company(&app.db, demo::SLUG).await?,
    };
    if wanted { demo::create(app).await } else { Ok(()) }
}

async fn banner(app: &App, addr: SocketAddr, embedded: Option<&Embedded>) {
    println!("\nCampo {} atende em http://{addr}", env!("CARGO_PKG_VERSION"));
    match embedded {
        Some(embedded) => println!("  dados: {}", embedded.cluster().display()),
        None => println!("  dados: PostgreSQL de DATABASE_URL"),
    }
    if accounts::company_by_slug(&app.db, demo::SLUG).await.is_ok() {
        println!("\n  Empresa de demonstração: {} (senha: {})", demo::SLUG, demo::PASSWORD);
        for person in demo::PEOPLE {
            println!("    {:<12} {}", person.login, person.role);
        }
        println!("\n  Experimente: abra http://{addr}/entrar e entre como carla@demo.");
    } else if accounts::only_company(&app.db, demo::SLUG).await.is_ok_and(|empty| empty) {
        println!("\n  Comece por uma empresa e quem a administra:");
        println!(
            "    campo admin company create --nome \"Móveis Aurora\" --slug aurora --preset P001"
        );
        println!(
            "    campo admin user create --empresa aurora --login carla --nome Carla \
             --permissoes ver,ver_todas,administrar"
        );
    }
    println!("  Ctrl-C para parar.\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn it_answers_until_it_is_stopped_even_with_a_connection_open() {
        let test = testing::database().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running =
            start(testing::config().unwrap(), test.db, Objects::memory(), listener).unwrap();
        let addr = running.addr;
        let mut kept = tokio::net::TcpStream::connect(addr).await.unwrap();
        kept.write_all(b"GET /readyz HTTP/1.1\r\nhost: campo\r\n\r\n").await.unwrap();
        let mut answer = [0; 2_000];
        let length = kept.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        for header in ["content-security-policy", "x-content-type-options", "x-request-id"] {
            assert!(answer.contains(header), "{header} in {answer}");
        }
        let before = std::time::Instant::now();
        running.stop().await;
        assert!(before.elapsed() < DRAIN, "an idle connection must not hold up the end");
        assert!(tokio::net::TcpStream::connect(addr).await.is_err());
    }

    #[tokio::test]
    async fn the_demonstration_is_created_once_and_completed_if_it_was_interrupted() {
        let test = testing::database().await.unwrap();
        let app = App::new(testing::config().unwrap(), test.db, Objects::memory());
        prepare_demo(&app, false).await.unwrap();
        assert!(accounts::company_by_slug(&app.db, demo::SLUG).await.is_err());
        prepare_demo(&app, true).await.unwrap();
        let owner = app.db.owner();
        sqlx::query("DELETE FROM usuario WHERE login = 'carla@demo'").execute(owner).await.ok();
        prepare_demo(&app, true).await.unwrap();
        let people: i64 =
            sqlx::query_scalar("SELECT count(*) FROM usuario").fetch_one(owner).await.unwrap();
        assert_eq!(people, 3);
    }

    #[tokio::test]
    async fn a_port_in_use_names_the_setting() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let error = listen(taken.local_addr().unwrap()).await.unwrap_err().to_string();
        assert!(error.contains("CAMPO_LISTEN"), "{error}");
    }
}
