//! Real databases for tests: one PostgreSQL a process, one database a test. No part of the product.
//!
//! The PostgreSQL ends with the process, and takes its folder with it.

use crate::{
    config::Config,
    db::{self, Db},
    postgres::Embedded,
};
use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::sync::Arc;
use tokio::sync::OnceCell;

static CLUSTER: OnceCell<Embedded> = OnceCell::const_new();

/// A migrated database of a test's own.
#[derive(Debug)]
pub struct TestDb {
    /// Its URL, as the owner.
    pub url: String,
    /// Connected.
    pub db: Db,
}

/// A new database, copied from one that is migrated.
///
/// # Errors
/// PostgreSQL does not start, or refuses.
pub async fn database() -> Result<TestDb> {
    let cluster = CLUSTER
        .get_or_try_init(|| async {
            let cluster = Embedded::for_tests().await?;
            // The database of the cluster serves as the template: nobody connects to it again.
            db::migrate(cluster.url()).await?;
            anyhow::Ok(cluster)
        })
        .await?;
    let name = format!("t_{}", uuid::Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&url(cluster, "postgres")?).await?;
    let create = format!("CREATE DATABASE {name} TEMPLATE campo");
    sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await?;
    connection.close().await?;
    let url = url(cluster, &name)?;
    let db = Db::open(&url, 5).await?;
    Ok(TestDb { url, db })
}

fn url(cluster: &Embedded, database: &str) -> Result<String> {
    let (server, rest) = cluster.url().rsplit_once('/').context("URL sem banco")?;
    let options = rest.split_once('?').map_or("", |(_, options)| options);
    Ok(format!("{server}/{database}?{options}"))
}

/// The key of every server of the tests. Without one, the first that needs a key would make a file
/// in the folder that the tests run in.
const CHAVE: &str = "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";

/// The settings of a test: the defaults, whatever the environment says, and a key.
///
/// # Errors
/// None that is known: these settings are valid.
pub fn config() -> Result<Arc<Config>> {
    Ok(Arc::new(Config::parse(|name| (name == "CAMPO_CHAVE").then(|| CHAVE.to_owned()))?))
}
