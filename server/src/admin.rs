//! The commands of `campo admin`, and what they do. Each command answers with the text to print.

use crate::{
    arquivos::sweep,
    auth::{
        accounts::{self, NewCompany, NewUser},
        password,
    },
    config::Config,
    db::Db,
    objects::Objects,
};
use anyhow::{Result, bail};
use campo_domain::{ids::DeviceId, pessoa::Permissao, pt_br};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use std::fmt::Write;

/// The commands of `campo admin`.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Empresas
    #[command(subcommand)]
    Company(Company),
    /// Pessoas
    #[command(subcommand)]
    User(User),
    /// Dispositivos
    #[command(subcommand)]
    Device(Device),
    /// Fotos e outros arquivos guardados
    #[command(subcommand)]
    Objetos(Objetos),
}

/// The commands of `campo admin objetos`.
#[derive(Debug, Subcommand)]
pub enum Objetos {
    /// Compara os objetos guardados com os registros; termina com erro se falta algum objeto
    Varrer {
        /// Apaga os objetos sem registro que têm mais de um dia
        #[arg(long)]
        apagar: bool,
    },
}

/// The commands of `campo admin company`.
#[derive(Debug, Subcommand)]
pub enum Company {
    /// Cria uma empresa
    Create {
        /// Nome da empresa
        #[arg(long)]
        nome: String,
        /// Com que se entra: letras minúsculas, dígitos e hífens
        #[arg(long)]
        slug: String,
        /// Dados de referência iniciais; exemplo: P001
        #[arg(long)]
        preset: Option<String>,
        /// Fuso horário
        #[arg(long, default_value = "America/Sao_Paulo")]
        fuso: String,
    },
}

/// The commands of `campo admin user`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Cria uma pessoa
    Create {
        #[command(flatten)]
        who: Who,
        /// Nome da pessoa
        #[arg(long)]
        nome: String,
        /// ver, ver_todas, gerenciar, emitir_laudo, aprovar, administrar
        #[arg(long, value_delimiter = ',', required = true)]
        permissoes: Vec<Permissao>,
        /// Senha; sem ela, uma é gerada e mostrada
        #[arg(long)]
        senha: Option<String>,
    },
    /// Troca a senha e encerra as sessões da pessoa
    ResetPassword {
        #[command(flatten)]
        who: Who,
        /// Senha; sem ela, uma é gerada e mostrada
        #[arg(long)]
        senha: Option<String>,
    },
}

/// A person of a company.
#[derive(Debug, Args)]
pub struct Who {
    /// Slug da empresa
    #[arg(long)]
    pub empresa: String,
    /// E-mail ou nome, sem espaços
    #[arg(long)]
    pub login: String,
}

/// The commands of `campo admin device`.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Cria um dispositivo e mostra o id dele
    Create {
        /// Slug da empresa
        #[arg(long)]
        empresa: String,
        /// Nome do dispositivo
        #[arg(long)]
        nome: String,
    },
    /// Lista os dispositivos
    List {
        /// Slug da empresa
        #[arg(long)]
        empresa: String,
    },
    /// Bloqueia um dispositivo
    Revoke {
        /// Slug da empresa
        #[arg(long)]
        empresa: String,
        /// Id do dispositivo
        #[arg(long)]
        id: DeviceId,
    },
}

/// Runs a command.
///
/// # Errors
/// As the function of [`accounts`] or [`sweep`] that it calls.
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
    let found = sweep::run(db, objects, apagar, Utc::now()).await?;
    if found.lacks_any() {
        bail!("há registros sem o arquivo deles.\n{found}");
    }
    Ok(found.to_string())
}

fn minute(at: DateTime<Utc>) -> String {
    pt_br::moment(at, chrono_tz::UTC)
}
