//! The command line: `campo` alone serves; the rest looks after companies, people and devices.

use crate::{
    admin,
    config::{self, Config},
    db, log, rebuild,
    serve::{self, Database},
};
use anyhow::{Context, Result};
use campo_domain::{ids::DeviceId, pessoa::Permissao};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Campo: assistência técnica em campo, mesmo sem internet.
#[derive(Debug, Parser)]
#[command(name = "campo", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Atende (é o que acontece sem comando)
    Serve,
    /// Aplica as migrações que faltam no banco
    Migrate,
    /// Cuida de empresas, pessoas e dispositivos
    #[command(subcommand)]
    Admin(Admin),
    /// Refaz as listas e relatórios a partir dos documentos
    RebuildProjection {
        /// Só esta empresa (slug)
        #[arg(long)]
        empresa: Option<String>,
    },
}

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

/// Reads the arguments and the environment, and does what they say.
///
/// # Errors
/// Whatever keeps it from being done, as a sentence with what to do about it.
pub fn run() -> Result<()> {
    let cli = Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|e| e.exit());
    let config = Config::from_env()?;
    log::init(&config);
    let runtime = tokio::runtime::Runtime::new().context("não foi possível iniciar")?;
    runtime.block_on(dispatch(cli.command.unwrap_or(Command::Serve), config))
}

fn command() -> clap::Command {
    Cli::command().after_help(config::help())
}

async fn dispatch(command: Command, config: Config) -> Result<()> {
    match command {
        Command::Serve => return serve::run(config).await,
        Command::Migrate if config.database_url.is_some() => {
            db::migrate(config.database_url.as_deref().unwrap_or_default()).await?;
            println!("Banco em dia.");
            return Ok(());
        }
        _ => {}
    }
    let database = Database::open(&config).await?;
    let outcome = match command {
        // Opening it migrated it.
        Command::Serve | Command::Migrate => Ok("Banco em dia.".to_owned()),
        Command::Admin(command) => admin::run(&config, &database.db, command).await,
        Command::RebuildProjection { empresa } => {
            let db = &database.db;
            async {
                let tenant = match empresa {
                    Some(slug) => Some(crate::auth::accounts::company_by_slug(db, &slug).await?),
                    None => None,
                };
                Ok(rebuild::run(db, tenant).await?.to_string())
            }
            .await
        }
    };
    database.stop().await?;
    println!("{}", outcome?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_consistent_and_the_help_lists_every_setting() {
        command().debug_assert();
        let help = command().render_long_help().to_string();
        for setting in config::SETTINGS {
            assert!(help.contains(setting.name), "{}", setting.name);
        }
    }

    #[test]
    fn an_unknown_permission_is_refused_by_name() {
        let arguments = "campo admin user create --empresa a --login b --nome c --permissoes voar";
        let error = command().try_get_matches_from(arguments.split(' ')).unwrap_err().to_string();
        assert!(error.contains("permissão desconhecida: voar"), "{error}");
    }
}
