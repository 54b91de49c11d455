//! Creates, changes and blocks companies, people and devices, for the API, the command line, the
//! demo and the tests. Every statement runs in the role of the application, inside one company.

use crate::{
    auth::password,
    db::Db,
    error::{ApiError, ApiResult, OnConstraint},
    reference,
};
use axum::http::StatusCode;
use campo_domain::{
    ids::{DeviceId, DocumentId, TenantId, UserId},
    pessoa::{Permissao, Permissoes},
};
use chrono::{DateTime, Utc};
use sqlx::{PgTransaction, Row, postgres::PgRow};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A company to create.
#[derive(Clone, Debug)]
pub struct NewCompany<'a> {
    /// Name as people know it.
    pub nome: &'a str,
    /// What people type to sign in: lowercase letters, digits and hyphens.
    pub slug: &'a str,
    /// Time zone (IANA).
    pub fuso: &'a str,
    /// Reference data to start with.
    pub preset: Option<&'a str>,
}

/// A person to create.
#[derive(Clone, Debug)]
pub struct NewUser<'a> {
    /// E-mail or name, without spaces; stored in lowercase.
    pub login: &'a str,
    /// Name as people know it.
    pub nome: &'a str,
    /// Password.
    pub senha: &'a str,
    /// What the person may do.
    pub permissoes: Permissoes,
}

/// A row of `usuario` without id and password.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// E-mail or name, without spaces; stored in lowercase.
    pub login: String,
    /// Name as people know it.
    pub nome: String,
    /// Where e-mails go.
    pub email: Option<String>,
    /// What the person may do.
    pub permissoes: Permissoes,
    /// Groups, by code.
    pub grupos: BTreeSet<String>,
    /// Branch, by code.
    pub filial: Option<String>,
    /// The client whose login it is.
    pub cliente: Option<DocumentId>,
    /// Whether the person may sign in and get work.
    pub ativo: bool,
    /// Whether it is the identity of a program, which cannot sign in.
    pub servico: bool,
}

/// A device as the administration sees it.
#[derive(Clone, Debug)]
pub struct Device {
    /// The installation.
    pub id: DeviceId,
    /// Name.
    pub nome: String,
    /// When it was created.
    pub criado_em: DateTime<Utc>,
    /// When it was last seen, with a precision of five minutes.
    pub visto_em: Option<DateTime<Utc>>,
    /// When it was blocked.
    pub revogado_em: Option<DateTime<Utc>>,
}

/// Creates a company and loads its preset.
///
/// # Errors
/// 409 `empresa_existe`; 400 for a slug or a time zone that does not serve.
pub async fn create_company(db: &Db, company: NewCompany<'_>) -> ApiResult<TenantId> {
    if company.fuso.parse::<chrono_tz::Tz>().is_err() {
        let message = format!("Fuso desconhecido: {}. Exemplo: America/Sao_Paulo.", company.fuso);
        return Err(ApiError::invalido(message));
    }
    if !slug_serves(company.slug) {
        let message = "O slug usa de 2 a 40 letras minúsculas, dígitos e hífens, e não começa \
                        por hífen. Exemplo: moveis-aurora.";
        return Err(ApiError::invalido(message));
    }
    let tenant = TenantId::from(Uuid::now_v7());
    let mut tx = db.tenant(tenant).await?;
    sqlx::query("INSERT INTO tenant (id, nome, slug, fuso, preset) VALUES ($1, $2, $3, $4, $5)")
        .bind(tenant.uuid())
        .bind(company.nome.trim())
        .bind(company.slug)
        .bind(company.fuso)
        .bind(company.preset)
        .execute(&mut *tx)
        .await
        .on_constraint("tenant_slug_unico", || {
            let message = format!("Já existe uma empresa com o slug {}.", company.slug);
            ApiError::new(StatusCode::CONFLICT, "empresa_existe", message)
        })?;
    if let Some(preset) = company.preset {
        reference::load_preset(&mut tx, tenant, preset).await?;
    }
    tx.commit().await?;
    Ok(tenant)
}

/// The same rule as the constraint `tenant_slug_forma`.
fn slug_serves(slug: &str) -> bool {
    (2..=40).contains(&slug.len())
        && !slug.starts_with('-')
        && slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The company of a slug.
///
/// # Errors
/// 404 `empresa_nao_encontrada`.
pub(crate) async fn company_by_slug(db: &Db, slug: &str) -> ApiResult<TenantId> {
    let found: Option<Uuid> =
        sqlx::query_scalar("SELECT tenant_por_slug($1)").bind(slug).fetch_one(db.pool()).await?;
    found.map(TenantId::from).ok_or_else(|| {
        let message = format!("Não há empresa com o slug {slug}.");
        ApiError::new(StatusCode::NOT_FOUND, "empresa_nao_encontrada", message)
    })
}

/// Whether there is no company, or none but the one of this slug.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn only_company(db: &Db, slug: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT NOT EXISTS (SELECT FROM tenant WHERE slug <> $1)")
        .bind(slug)
        .fetch_one(db.owner())
        .await
}

/// Creates a person.
///
/// # Errors
/// 409 `login_existe`; 400 `senha_fraca` or for a login that does not serve.
pub async fn create_user(db: &Db, tenant: TenantId, user: NewUser<'_>) -> ApiResult<UserId> {
    let hash = password::hash(user.senha).await?;
    let id = UserId::from(Uuid::now_v7());
    let person = Person {
        login: user.login.to_owned(),
        nome: user.nome.to_owned(),
        permissoes: user.permissoes,
        ativo: true,
        ..Person::default()
    };
    let mut tx = db.tenant(tenant).await?;
    write_user(&mut tx, tenant, id, &person, Some(&hash)).await?;
    tx.commit().await?;
    Ok(id)
}

/// Inserts or updates a person, and publishes it to devices. Without a hash an existing password
/// stays, and a new person has none. An inactive person's sessions are ended.
///
/// # Errors
/// 409 `login_existe`; 400 for a login that does not serve.
pub async fn write_user(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    id: UserId,
    person: &Person,
    hash: Option<&str>,
) -> ApiResult<()> {
    let login = person.login.trim().to_lowercase();
    if login.is_empty() || login.len() > 200 || login.contains(char::is_whitespace) {
        return Err(ApiError::invalido("O login é um e-mail ou um nome, sem espaços."));
    }
    let names: Vec<&str> = person.permissoes.iter().map(|permissao| permissao.codigo()).collect();
    let grupos: Vec<&str> = person.grupos.iter().map(String::as_str).collect();
    sqlx::query(
        "INSERT INTO usuario AS u (tenant, id, login, nome, senha_hash, permissoes, email, grupos, \
             filial, cliente, ativo, servico) \
         VALUES ($1, $2, $3, $4, coalesce($5, ''), $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (tenant, id) DO UPDATE SET login = excluded.login, nome = excluded.nome, \
             senha_hash = coalesce($5, u.senha_hash), permissoes = excluded.permissoes, \
             email = excluded.email, grupos = excluded.grupos, filial = excluded.filial, \
             cliente = excluded.cliente, ativo = excluded.ativo",
    )
    .bind(tenant.uuid())
    .bind(id.uuid())
    .bind(&login)
    .bind(person.nome.trim())
    .bind(hash)
    .bind(names)
    .bind(&person.email)
    .bind(grupos)
    .bind(&person.filial)
    .bind(person.cliente.map(Uuid::from))
    .bind(person.ativo)
    .bind(person.servico)
    .execute(&mut **tx)
    .await
    .on_constraint("usuario_login_unico", || {
        let message = format!("Já existe uma pessoa com o login {login}.");
        ApiError::new(StatusCode::CONFLICT, "login_existe", message)
    })?;
    if !person.ativo {
        end_sessions(tx, id).await?;
    }
    Ok(reference::user_changed(tx, tenant, id).await?)
}

/// The person of a login.
///
/// # Errors
/// 404 `usuario_nao_encontrado`.
pub(crate) async fn user_by_login(db: &Db, tenant: TenantId, login: &str) -> ApiResult<UserId> {
    let mut tx = db.tenant(tenant).await?;
    let found: Option<Uuid> = sqlx::query_scalar("SELECT id FROM usuario WHERE login = $1")
        .bind(login.trim().to_lowercase())
        .fetch_optional(&mut *tx)
        .await?;
    found.map(UserId::from).ok_or_else(|| {
        let message = format!("Não há pessoa com o login {login} nesta empresa.");
        ApiError::new(StatusCode::NOT_FOUND, "usuario_nao_encontrado", message)
    })
}

/// Sets a password and ends every session of the person.
///
/// # Errors
/// 400 `senha_fraca`; 404, also for a person of service.
pub(crate) async fn reset_password(
    db: &Db,
    tenant: TenantId,
    user: UserId,
    senha: &str,
) -> ApiResult<()> {
    let hash = password::hash(senha).await?;
    let mut tx = db.tenant(tenant).await?;
    sqlx::query("UPDATE usuario SET senha_hash = $2 WHERE id = $1 AND NOT servico RETURNING id")
        .bind(user.uuid())
        .bind(hash)
        .fetch_one(&mut *tx)
        .await?;
    end_sessions(&mut tx, user).await?;
    Ok(tx.commit().await?)
}

/// A row of `usuario` without its password.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub id: UserId,
    pub person: Person,
    pub criado_em: DateTime<Utc>,
}

/// A person, locked until the transaction ends if asked for.
///
/// # Errors
/// There is none of that id; PostgreSQL refuses.
pub(crate) async fn read_user(
    tx: &mut PgTransaction<'_>,
    id: UserId,
    lock: bool,
) -> sqlx::Result<User> {
    let query = match lock {
        true => "SELECT * FROM usuario WHERE id = $1 FOR UPDATE",
        false => "SELECT * FROM usuario WHERE id = $1",
    };
    user(&sqlx::query(query).bind(id.uuid()).fetch_one(&mut **tx).await?)
}

/// At most `rows` people, by their folded names and ids, after the one of that name and id: those
/// whose name or login has each of the folded words, and who are active, or are not, if asked for.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn users(
    tx: &mut PgTransaction<'_>,
    active: Option<bool>,
    words: Vec<&str>,
    after: Option<(String, Uuid)>,
    rows: i64,
) -> sqlx::Result<Vec<User>> {
    let (nome, id) = after.unzip();
    let rows = sqlx::query(
        "SELECT * FROM usuario WHERE ($1::boolean IS NULL OR ativo = $1) \
             AND NOT EXISTS (SELECT FROM unnest($2::text[]) palavra \
                 WHERE strpos(campo_dobrar(nome || ' ' || login), palavra) = 0) \
             AND ($3::text IS NULL OR (campo_dobrar(nome) COLLATE \"C\", id) \
                 > (campo_dobrar($3) COLLATE \"C\", $4)) \
         ORDER BY campo_dobrar(nome) COLLATE \"C\", id LIMIT $5",
    )
    .bind(active)
    .bind(words)
    .bind(nome)
    .bind(id)
    .bind(rows)
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(user).collect()
}

/// Whether somebody who can sign in may look after the company.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn is_administered(tx: &mut PgTransaction<'_>) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM usuario WHERE ativo AND NOT servico AND $1 = ANY(permissoes))",
    )
    .bind(Permissao::Administrar.codigo())
    .fetch_one(&mut **tx)
    .await
}

fn user(row: &PgRow) -> sqlx::Result<User> {
    Ok(User {
        id: row.try_get::<Uuid, _>("id")?.into(),
        person: person(row)?,
        criado_em: row.try_get("criado_em")?,
    })
}

/// The person of a row of `usuario`.
fn person(row: &PgRow) -> sqlx::Result<Person> {
    Ok(Person {
        login: row.try_get("login")?,
        nome: row.try_get("nome")?,
        email: row.try_get("email")?,
        permissoes: super::permissoes(row)?,
        grupos: row.try_get::<Vec<String>, _>("grupos")?.into_iter().collect(),
        filial: row.try_get("filial")?,
        cliente: row.try_get::<Option<Uuid>, _>("cliente")?.map(DocumentId::from),
        ativo: row.try_get("ativo")?,
        servico: row.try_get("servico")?,
    })
}

async fn end_sessions(tx: &mut PgTransaction<'_>, user: UserId) -> sqlx::Result<()> {
    for statement in [
        "UPDATE device_session SET revogado_em = now() WHERE usuario = $1 AND revogado_em IS NULL",
        "UPDATE office_session SET revogado_em = now() WHERE usuario = $1 AND revogado_em IS NULL",
    ] {
        sqlx::query(statement).bind(user.uuid()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Creates a device before its first sign-in.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn create_device(db: &Db, tenant: TenantId, nome: &str) -> ApiResult<DeviceId> {
    let id = DeviceId::from(Uuid::now_v7());
    let mut tx = db.tenant(tenant).await?;
    sqlx::query("INSERT INTO dispositivo (tenant, id, nome) VALUES ($1, $2, $3)")
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(nome.trim().chars().take(200).collect::<String>())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(id)
}

/// The devices of a company, the last seen first.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn devices(db: &Db, tenant: TenantId) -> ApiResult<Vec<Device>> {
    let mut tx = db.tenant(tenant).await?;
    let rows = sqlx::query("SELECT * FROM dispositivo ORDER BY visto_em DESC NULLS LAST, id")
        .fetch_all(&mut *tx)
        .await?;
    Ok(rows.iter().map(device).collect::<sqlx::Result<_>>()?)
}

fn device(row: &PgRow) -> sqlx::Result<Device> {
    Ok(Device {
        id: row.try_get::<Uuid, _>("id")?.into(),
        nome: row.try_get("nome")?,
        criado_em: row.try_get("criado_em")?,
        visto_em: row.try_get("visto_em")?,
        revogado_em: row.try_get("revogado_em")?,
    })
}

/// Blocks a device: its sessions end, and nobody can sign in on it.
///
/// # Errors
/// 404.
pub(crate) async fn revoke_device(db: &Db, tenant: TenantId, device: DeviceId) -> ApiResult<()> {
    let mut tx = db.tenant(tenant).await?;
    sqlx::query(
        "UPDATE dispositivo SET revogado_em = coalesce(revogado_em, now()) \
         WHERE id = $1 RETURNING id",
    )
    .bind(device.uuid())
    .fetch_one(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}
