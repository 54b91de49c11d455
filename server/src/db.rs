//! The two roles in PostgreSQL: the application, which row-level security restricts to one company,
//! and the owner of the tables.
//!
//! Every connection of the application's pool starts as `campo_app`: the role is the session's
//! default, so even `RESET ROLE` or `DISCARD ALL` ends there. Handlers use [`Db::tenant`]; only
//! migrations and commands over all companies use [`Db::owner`].

use anyhow::{Context, Result};
use campo_domain::ids::TenantId;
use sqlx::{
    PgPool, PgTransaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{str::FromStr, time::Duration};

/// The database of this server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
    owner: PgPool,
}

impl Db {
    /// Connects as the owner the URL names, migrates, then opens up to `max` application
    /// connections.
    ///
    /// # Errors
    /// The database cannot be reached or migrated, or acting as `campo_app` is not possible.
    pub async fn connect(url: &str, max: u32) -> Result<Self> {
        migrate(url).await?;
        Self::open(url, max).await
    }

    /// As [`Db::connect`] on a database that is migrated already.
    ///
    /// # Errors
    /// As [`Db::connect`].
    pub async fn open(url: &str, max: u32) -> Result<Self> {
        let options = options(url)?;
        let owner = PgPoolOptions::new()
            .max_connections(2)
            .idle_timeout(Duration::from_secs(60))
            .connect_lazy_with(options.clone());
        let options = options.options([
            ("role", "campo_app"),
            // A page of a list is a few rows of large tables: compiling takes longer than reading.
            ("jit", "off"),
            ("statement_timeout", "30s"),
            ("idle_in_transaction_session_timeout", "60s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(max)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await
            .context("não foi possível conectar ao banco no papel campo_app")?;
        let bound: bool = sqlx::query_scalar(
            "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user \
             AND rolname = 'campo_app'",
        )
        .fetch_optional(&pool)
        .await?
        .unwrap_or(false);
        anyhow::ensure!(bound, "o papel campo_app não pode ser superusuário nem ter BYPASSRLS");
        Ok(Self { pool, owner })
    }

    /// A transaction that sees the rows of one company, and no others.
    ///
    /// # Errors
    /// No connection, or PostgreSQL refuses.
    pub async fn tenant(&self, tenant: TenantId) -> sqlx::Result<PgTransaction<'static>> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("SELECT set_config('campo.tenant', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(tx)
    }

    /// As [`Db::tenant`], to read only and as of one moment, however many queries it takes.
    ///
    /// # Errors
    /// As [`Db::tenant`].
    pub async fn snapshot(&self, tenant: TenantId) -> sqlx::Result<PgTransaction<'static>> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut tx = self.pool.begin_with(begin).await?;
        sqlx::query("SELECT set_config('campo.tenant', $1, true)")
            .bind(tenant.to_string())
            .execute(&mut *tx)
            .await?;
        Ok(tx)
    }

    /// Whether PostgreSQL answers.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn ready(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The application's pool, where no company is set: for the identity functions of 0001 only.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The owner's pool, which sees every company: for administration, never for a request.
    pub fn owner(&self) -> &PgPool {
        &self.owner
    }

    /// Closes both pools; waits for what is running.
    pub async fn close(&self) {
        self.pool.close().await;
        self.owner.close().await;
    }
}

/// Applies the migrations that are missing, as the owner the URL names.
///
/// # Errors
/// The database cannot be reached, or a migration fails.
pub(crate) async fn migrate(url: &str) -> Result<()> {
    let owner = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(15))
        .connect_with(options(url)?)
        .await
        .context("não foi possível conectar ao banco; confira DATABASE_URL")?;
    // A newer server may have migrated further. Migrations are expand/contract, so this one still
    // works.
    let mut migrator = sqlx::migrate!("../migrations");
    migrator.set_ignore_missing(true);
    let done = migrator.run(&owner).await.context("falha ao migrar o banco");
    owner.close().await;
    done
}

fn options(url: &str) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(url)
        .context("DATABASE_URL não serve; exemplo: postgres://campo:senha@127.0.0.1/campo")?;
    Ok(options.application_name("campo"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::accounts::{self, NewCompany},
        testing,
    };
    use sqlx::{AssertSqlSafe, Connection, PgConnection};

    /// As a managed PostgreSQL gives it: an owner that is no superuser.
    #[tokio::test]
    async fn the_owner_need_not_be_a_superuser() {
        let test = testing::database().await.unwrap();
        let mut admin = PgConnection::connect(&test.url).await.unwrap();
        let name = format!("dono_{}", uuid::Uuid::now_v7().simple());
        for statement in [
            format!("CREATE ROLE {name} LOGIN CREATEROLE NOSUPERUSER PASSWORD 'senha'"),
            format!("CREATE DATABASE {name} OWNER {name} TEMPLATE template0"),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
        let (_, server) = test.url.rsplit_once('@').unwrap();
        let (server, _) = server.split_once('/').unwrap();
        let url = format!("postgres://{name}:senha@{server}/{name}?sslmode=disable");
        let db = Db::connect(&url, 2).await.unwrap();
        Db::connect(&url, 2).await.unwrap();
        let new = NewCompany { nome: "A", slug: "aurora", fuso: "America/Belem", preset: None };
        let tenant = accounts::create_company(&db, new).await.unwrap();
        assert_eq!(accounts::company_by_slug(&db, "aurora").await.unwrap(), tenant);
        let seen: i64 =
            sqlx::query_scalar("SELECT count(*) FROM tenant").fetch_one(db.pool()).await.unwrap();
        assert_eq!(seen, 0);
    }
}
