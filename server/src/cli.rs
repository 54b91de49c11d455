//! The command line: `campo` alone serves; the rest looks after companies, people and devices.

use crate::{
    admin::{self, Admin},
    config::{self, Config},
    db, log, rebuild,
    serve::{self, Database},
};
use anyhow::{Context, Result};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

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
