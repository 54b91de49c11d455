//! The settings of the server, read once from environment variables. No other module reads them.
//!
//! [`SETTINGS`] is the one table of them: `campo --help` prints it, and [`Config::parse`] may read
//! only what is in it.

mod bucket;
mod master_key;
mod smtp;

pub use bucket::{Bucket, Secret};
pub use master_key::MasterKey;
pub use smtp::Smtp;

use anyhow::{Context, Result, anyhow, ensure};
use lettre::message::Mailbox;
use std::{fmt::Write, net::SocketAddr, path::PathBuf, time::Duration};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// One setting as the help shows it.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub name: &'static str,
    /// What applies when it is unset, pt-BR.
    pub default: &'static str,
    /// The values that it may have, pt-BR.
    pub allowed: &'static str,
    /// A value that works.
    pub example: &'static str,
    /// What it is for.
    pub help: &'static str,
}

impl Setting {
    const fn of(
        name: &'static str,
        default: &'static str,
        allowed: &'static str,
        example: &'static str,
        help: &'static str,
    ) -> Self {
        Setting { name, default, allowed, example, help }
    }
}

/// Every setting, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    Setting::of(
        "CAMPO_DATA_DIR",
        "./campo-data",
        "uma pasta",
        "/var/lib/campo",
        "pasta dos dados (banco embutido e arquivos)",
    ),
    Setting::of(
        "DATABASE_URL",
        "banco embutido",
        "postgres://usuario:senha@servidor/banco",
        "postgres://campo:senha@127.0.0.1/campo",
        "PostgreSQL externo, do dono das tabelas",
    ),
    Setting::of(
        "CAMPO_POSTGRES_BIN",
        "procura nesta máquina; se não há, baixa",
        "uma pasta com initdb e postgres",
        "/usr/lib/postgresql/17/bin",
        "programas do PostgreSQL embutido",
    ),
    Setting::of(
        "CAMPO_OBJECTS",
        "a pasta objects de CAMPO_DATA_DIR",
        "s3://bucket/prefixo?endpoint=https://…&regiao=…",
        "s3://campo-fotos?endpoint=https://s3.exemplo.com.br&regiao=us-east-1",
        "onde ficam fotos e outros arquivos; o mesmo em todos os servidores de um banco",
    ),
    Setting::of(
        "CAMPO_OBJECTS_CHAVE",
        "sem chave",
        "um texto",
        "AKIAIOSFODNN7EXAMPLE",
        "chave de acesso ao bucket de CAMPO_OBJECTS",
    ),
    Setting::of(
        "CAMPO_OBJECTS_SEGREDO",
        "sem chave",
        "um texto",
        "wJalrXUtnFEMI",
        "chave secreta do bucket de CAMPO_OBJECTS",
    ),
    Setting::of("CAMPO_DB_CONNECTIONS", "16", "1 a 1000", "16", "conexões com o banco"),
    Setting::of(
        "CAMPO_LISTEN",
        "127.0.0.1:8080",
        "ip:porta",
        "0.0.0.0:8080",
        "endereço em que atende",
    ),
    Setting::of(
        "CAMPO_SECURE_COOKIES",
        "0 se CAMPO_LISTEN é local, senão 1",
        "0 ou 1",
        "1",
        "cookies só por HTTPS",
    ),
    Setting::of(
        "CAMPO_TRUST_PROXY",
        "0",
        "0 ou 1",
        "1",
        "usa o último X-Forwarded-For como endereço do cliente (só atrás de um proxy)",
    ),
    Setting::of(
        "CAMPO_ACCESS_TOKEN_MINUTES",
        "60",
        "1 a 1440",
        "60",
        "validade do acesso de um dispositivo",
    ),
    Setting::of(
        "CAMPO_REFRESH_TOKEN_DAYS",
        "90",
        "1 a 3650",
        "90",
        "por quanto tempo um dispositivo parado continua conectado",
    ),
    Setting::of("CAMPO_SESSION_HOURS", "12", "1 a 720", "12", "validade da sessão da retaguarda"),
    Setting::of(
        "CAMPO_CHAVE",
        "feita uma vez, no arquivo chave de CAMPO_DATA_DIR",
        "32 bytes em base64 (openssl rand -base64 32)",
        "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=",
        "cifra os segredos guardados; a mesma em todos os servidores de um banco",
    ),
    Setting::of(
        "CAMPO_SMTP",
        "sem envio de e-mails",
        "smtp://usuario:senha@servidor:587?tls=required ou smtps://…",
        "smtp://campo:senha@smtp.exemplo.com.br:587?tls=required",
        "servidor que envia os e-mails",
    ),
    Setting::of(
        "CAMPO_SMTP_DE",
        "sem envio de e-mails",
        "um endereço, com ou sem nome",
        "Campo <campo@exemplo.com.br>",
        "remetente dos e-mails",
    ),
    Setting::of(
        "CAMPO_WEBHOOK_REDES_PRIVADAS",
        "0",
        "0 ou 1",
        "1",
        "permite webhooks para endereços locais e de redes internas, também por http",
    ),
    Setting::of(
        "CAMPO_DEMO",
        "1 se o banco é embutido e está vazio, senão 0",
        "0 ou 1",
        "0",
        "cria a empresa de demonstração",
    ),
    Setting::of(
        "CAMPO_LOG",
        "info,sqlx=warn",
        "alvo=nível, separados por vírgula; ou só o nível",
        "info,campo_server=debug",
        "o que vai para o log",
    ),
    Setting::of("CAMPO_LOG_FORMAT", "text", "text ou json", "json", "formato do log"),
];

/// The default filter of the log. PostgreSQL's notices are of no use to operators.
const LOG: &str = "info,sqlx=warn";

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// For a collector: one object a line.
    Json,
}

/// The settings of this process.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of everything that is stored on this machine.
    pub data_dir: PathBuf,
    /// URL of an external PostgreSQL; the embedded one when `None`.
    pub database_url: Option<String>,
    /// Folder with `initdb` and `postgres`; they are searched for when `None`.
    pub postgres_bin: Option<PathBuf>,
    /// The bucket of files; the folder in `data_dir` when `None`.
    pub objects: Option<Bucket>,
    /// The access key of the bucket.
    pub objects_access: Option<Secret>,
    /// Its secret key.
    pub objects_secret: Option<Secret>,
    /// Most connections of the application's pool.
    pub db_connections: u32,
    /// Address the server answers at.
    pub listen: SocketAddr,
    /// Whether cookies are sent over HTTPS only.
    pub secure_cookies: bool,
    /// Whether the last `X-Forwarded-For` names the client.
    pub trust_proxy: bool,
    /// How long a device's access token is good for.
    pub access_ttl: Duration,
    /// How long an idle device stays signed in.
    pub refresh_ttl: Duration,
    /// How long an office session lasts.
    pub session_ttl: Duration,
    /// The key that encrypts stored secrets; that of the file `chave` when `None`.
    pub master_key: Option<MasterKey>,
    /// The SMTP server for e-mails.
    pub smtp: Option<Smtp>,
    /// The sender of e-mails.
    pub smtp_from: Option<Mailbox>,
    /// Whether webhooks may go into private networks.
    pub webhook_private_networks: bool,
    /// Whether the demo company is wanted; `None`: when embedded and empty.
    pub demo: Option<bool>,
    /// The filter of the log.
    pub log: Targets,
    /// The format of the log.
    pub log_format: LogFormat,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// The first bad value: its setting, what is allowed and an example.
    pub(crate) fn from_env() -> Result<Self> {
        Self::parse(|name| std::env::var(name).ok())
    }

    /// The key that encrypts stored secrets: `CAMPO_CHAVE`, else the file `chave` in
    /// `CAMPO_DATA_DIR`, which is made on first use.
    ///
    /// # Errors
    /// The file cannot be made or read, or holds no key; the message names the setting.
    pub(crate) fn master_key(&self) -> Result<MasterKey> {
        match &self.master_key {
            Some(key) => Ok(key.clone()),
            None => MasterKey::of_folder(&self.data_dir),
        }
    }

    /// Reads the settings through `lookup`. A blank value counts as unset.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let read = Reader { lookup };
        let listen: SocketAddr =
            read.with("CAMPO_LISTEN", |v| v.parse().ok())?.unwrap_or(([127, 0, 0, 1], 8080).into());
        let minutes = read.number("CAMPO_ACCESS_TOKEN_MINUTES", 60, 1..=1440)?;
        let days = read.number("CAMPO_REFRESH_TOKEN_DAYS", 90, 1..=3650)?;
        let hours = read.number("CAMPO_SESSION_HOURS", 12, 1..=720)?;
        Ok(Self {
            data_dir: read.text("CAMPO_DATA_DIR").unwrap_or_else(|| "./campo-data".into()).into(),
            database_url: read.with("DATABASE_URL", |v| {
                let known = v.starts_with("postgres://") || v.starts_with("postgresql://");
                known.then(|| v.to_owned())
            })?,
            postgres_bin: read.text("CAMPO_POSTGRES_BIN").map(PathBuf::from),
            objects: read.with("CAMPO_OBJECTS", bucket::parse)?,
            objects_access: read.text("CAMPO_OBJECTS_CHAVE").map(Secret),
            objects_secret: read.text("CAMPO_OBJECTS_SEGREDO").map(Secret),
            db_connections: read.number("CAMPO_DB_CONNECTIONS", 16, 1..=1000)?,
            listen,
            secure_cookies: read
                .flag("CAMPO_SECURE_COOKIES")?
                .unwrap_or(!listen.ip().is_loopback()),
            trust_proxy: read.flag("CAMPO_TRUST_PROXY")?.unwrap_or(false),
            access_ttl: Duration::from_secs(60 * u64::from(minutes)),
            refresh_ttl: Duration::from_secs(86_400 * u64::from(days)),
            session_ttl: Duration::from_secs(3_600 * u64::from(hours)),
            master_key: read.with("CAMPO_CHAVE", MasterKey::parse)?,
            smtp: read.smtp()?,
            smtp_from: read.with("CAMPO_SMTP_DE", |v| v.parse().ok())?,
            webhook_private_networks: read.flag("CAMPO_WEBHOOK_REDES_PRIVADAS")?.unwrap_or(false),
            demo: read.flag("CAMPO_DEMO")?,
            log: match read.with("CAMPO_LOG", log_filter)? {
                Some(log) => log,
                None => LOG.parse()?,
            },
            log_format: read
                .with("CAMPO_LOG_FORMAT", |v| match v {
                    "text" => Some(LogFormat::Text),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                })?
                .unwrap_or(LogFormat::Text),
        })
    }
}

/// What goes into the log: levels, each for all modules or for one. A word that is no level would
/// be taken for a module, and an empty piece for silence: neither is what anybody means.
fn log_filter(text: &str) -> Option<Targets> {
    let pieces = text.split(',').map(str::trim);
    let level = |text: &str| text.parse::<LevelFilter>().is_ok() && !text.is_empty();
    let fits = |piece: &str| match piece.split_once('=') {
        Some((module, text)) => {
            let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            !module.is_empty() && module.chars().all(name) && level(text)
        }
        None => level(piece),
    };
    let pieces: Vec<&str> = pieces.collect();
    if pieces.iter().all(|piece| fits(piece)) { pieces.join(",").parse().ok() } else { None }
}

struct Reader<F> {
    lookup: F,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    fn with<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let setting = SETTINGS
            .iter()
            .find(|setting| setting.name == name)
            .with_context(|| format!("{name} não está na tabela de configurações"))?;
        // These may hold a password, so the value is not shown.
        let secret =
            matches!(name, "DATABASE_URL" | "CAMPO_CHAVE" | "CAMPO_SMTP" | "CAMPO_OBJECTS");
        let shown = if secret { "(oculto)" } else { &value };
        parse(&value).map(Some).ok_or_else(|| {
            anyhow!(
                "{name}={shown} não serve: use {}. Exemplo: {name}={}",
                setting.allowed,
                setting.example
            )
        })
    }

    fn number(
        &self,
        name: &str,
        default: u32,
        range: std::ops::RangeInclusive<u32>,
    ) -> Result<u32> {
        let parse = |v: &str| v.parse().ok().filter(|n| range.contains(n));
        Ok(self.with(name, parse)?.unwrap_or(default))
    }

    fn smtp(&self) -> Result<Option<Smtp>> {
        let clear = self.text("CAMPO_SMTP").is_some_and(|url| smtp::sends_password_in_clear(&url));
        ensure!(
            !clear,
            "CAMPO_SMTP=(oculto) mandaria a senha sem cifra pela rede: acrescente ?tls=required ao \
             endereço, ou use smtps://. Sem cifra, só para um servidor nesta mesma máquina."
        );
        self.with("CAMPO_SMTP", smtp::parse)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.with(name, |v| match v {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        })
    }
}

/// The settings as the last part of `campo --help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Configuração (variáveis de ambiente):\n");
    for Setting { name, default, allowed, help, .. } in SETTINGS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name}\n      {help}: {allowed} [padrão: {default}]");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::RefCell, collections::BTreeSet};

    fn parse(pairs: &[(&str, &str)]) -> Result<Config> {
        Config::parse(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_table_lists_exactly_what_is_read() {
        let asked = RefCell::new(BTreeSet::new());
        Config::parse(|name| {
            asked.borrow_mut().insert(name.to_owned());
            None
        })
        .unwrap();
        let table: BTreeSet<_> = SETTINGS.iter().map(|s| s.name.to_owned()).collect();
        assert_eq!(asked.into_inner(), table);
        for setting in SETTINGS {
            assert!(help().contains(setting.name));
        }
    }

    #[test]
    fn every_example_is_accepted() {
        for setting in SETTINGS {
            parse(&[(setting.name, setting.example)]).unwrap();
        }
    }

    #[test]
    fn a_bad_value_says_what_is_allowed() {
        let error = parse(&[("CAMPO_SESSION_HOURS", "0")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "CAMPO_SESSION_HOURS=0 não serve: use 1 a 720. Exemplo: CAMPO_SESSION_HOURS=12"
        );
        for (name, value) in [
            ("CAMPO_LISTEN", "8080"),
            ("CAMPO_DEMO", "sim"),
            ("CAMPO_LOG_FORMAT", "xml"),
            ("CAMPO_LOG", "campo=ruidoso"),
            ("CAMPO_LOG", "info,"),
            ("CAMPO_LOG", "inof"),
            ("CAMPO_LOG", "info campo_server=debug"),
            ("CAMPO_LOG", "campo_server="),
            ("CAMPO_DB_CONNECTIONS", "-1"),
        ] {
            assert!(parse(&[(name, value)]).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn a_bad_value_that_may_hold_a_secret_is_not_repeated() {
        for name in ["DATABASE_URL", "CAMPO_SMTP", "CAMPO_CHAVE", "CAMPO_OBJECTS"] {
            let error = parse(&[(name, "mysql://a:segredo@b/c")]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("segredo"), "{error}");
        }
    }

    #[test]
    fn a_password_of_smtp_goes_encrypted_unless_the_server_is_this_machine() {
        for url in [
            "smtp://campo:segredo@smtp.exemplo.com.br:587",
            "smtp://campo:segredo@smtp.exemplo.com.br?tls=opportunistic",
            "smtp://campo:segredo@10.0.0.5",
        ] {
            let error = parse(&[("CAMPO_SMTP", url)]).unwrap_err().to_string();
            assert!(error.contains("CAMPO_SMTP") && error.contains("?tls=required"), "{error}");
            assert!(!error.contains("segredo"), "{error}");
        }
        for url in [
            "smtp://campo:segredo@smtp.exemplo.com.br?tls=required",
            "smtps://campo:segredo@smtp.exemplo.com.br",
            "smtp://campo:segredo@localhost:1025",
            "smtp://campo:segredo@127.0.0.1:1025",
            "smtp://campo:segredo@[::1]:1025",
            "smtp://smtp.exemplo.com.br",
        ] {
            assert!(parse(&[("CAMPO_SMTP", url)]).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_setting_that_holds_a_secret_does_not_show_it() {
        let key = "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";
        let smtp = "smtps://campo:segredo@smtp.exemplo.com.br";
        let config = parse(&[("CAMPO_CHAVE", key), ("CAMPO_SMTP", smtp)]).unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("segredo") && !shown.contains(key), "{shown}");
    }

    #[test]
    fn blank_counts_as_unset_and_cookies_follow_the_address() {
        let config = parse(&[("CAMPO_LISTEN", " "), ("DATABASE_URL", "")]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert!(config.database_url.is_none() && !config.secure_cookies);
        assert!(parse(&[("CAMPO_LISTEN", "0.0.0.0:80")]).unwrap().secure_cookies);
    }
}
