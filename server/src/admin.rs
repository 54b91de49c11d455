//! What `campo admin` does. Each command answers with the text to print.

use crate::{
    arquivos::varredura,
    auth::{
        accounts::{self, NewCompany, NewUser},
        password,
    },
    cli::{Admin, Company, Device, Objetos, User, Who},
    config::Config,
    db::Db,
    objects::Objects,
};
use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use std::fmt::Write;

/// Runs a command.
///
/// # Errors
/// As the function of [`accounts`] or [`varredura`] that it calls.
pub async fn run(config: &Config, db: &Db, command: Admin) -> Result<String> {
    match command {
        Admin::Company(command) => company(db, command).await,
        Admin::User(command) => user(db, command).await,
        Admin::Device(command) => device(db, command).await,
        Admin::Objetos(command) => objetos(&Objects::connect(config).await?, db, command).await,
    }
}

async fn company(db: &Db, command: Company) -> Result<String> {
    let Company::Create { nome, slug, preset, fuso } = command;
    let company = NewCompany { nome: &nome, slug: &slug, fuso: &fuso, preset: preset.as_deref() };
    let tenant = accounts::create_company(db, company).await?;
    Ok(format!("Empresa {slug} criada ({tenant})."))
}

async fn user(db: &Db, command: User) -> Result<String> {
    match command {
        User::Create { who: Who { empresa, login }, nome, permissoes, senha } => {
            let tenant = accounts::company_by_slug(db, &empresa).await?;
            let (senha, note) = chosen_or_generated(senha);
            let permissoes = permissoes.into_iter().collect();
            let new = NewUser { login: &login, nome: &nome, senha: &senha, permissoes };
            let id = accounts::create_user(db, tenant, new).await?;
            Ok(format!("Pessoa {login} criada em {empresa} ({id}).{note}"))
        }
        User::ResetPassword { who: Who { empresa, login }, senha } => {
            let tenant = accounts::company_by_slug(db, &empresa).await?;
            let id = accounts::user_by_login(db, tenant, &login).await?;
            let (senha, note) = chosen_or_generated(senha);
            accounts::reset_password(db, tenant, id, &senha).await?;
            Ok(format!("Senha de {login} trocada; as sessões abertas foram encerradas.{note}"))
        }
    }
}

/// The password, and the line that shows it if nobody chose it.
fn chosen_or_generated(senha: Option<String>) -> (String, String) {
    match senha {
        Some(senha) => (senha, String::new()),
        None => {
            let senha = password::generate();
            let note = format!("\nSenha (não será mostrada de novo): {senha}");
            (senha, note)
        }
    }
}

async fn device(db: &Db, command: Device) -> Result<String> {
    match command {
        Device::Create { empresa, nome } => {
            let tenant = accounts::company_by_slug(db, &empresa).await?;
            let id = accounts::create_device(db, tenant, &nome).await?;
            Ok(format!("Dispositivo criado: {id}"))
        }
        Device::List { empresa } => {
            let tenant = accounts::company_by_slug(db, &empresa).await?;
            let mut text = format!("{:<36}  {:<17}  {:<10}  nome", "id", "visto (UTC)", "situação");
            for device in accounts::devices(db, tenant).await? {
                let state = if device.revogado_em.is_some() { "bloqueado" } else { "ativo" };
                let seen = device.visto_em.map_or_else(|| "nunca".into(), minute);
                // Writing to a String cannot fail.
                let _ = write!(text, "\n{}  {seen:<17}  {state:<10}  {}", device.id, device.nome);
            }
            Ok(text)
        }
        Device::Revoke { empresa, id } => {
            let tenant = accounts::company_by_slug(db, &empresa).await?;
            accounts::revoke_device(db, tenant, id).await?;
            Ok(format!("Dispositivo {id} bloqueado."))
        }
    }
}

async fn objetos(objects: &Objects, db: &Db, command: Objetos) -> Result<String> {
    let Objetos::Varrer { apagar } = command;
    let found = varredura::varrer(db, objects, apagar, Utc::now()).await?;
    if found.falta_algo() {
        bail!("há registros sem o arquivo deles.\n{found}");
    }
    Ok(found.to_string())
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%d/%m/%Y %H:%M").to_string()
}
