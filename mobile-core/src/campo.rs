//! [`Campo`]: the open database, who is signed in, and the state of the connection.

use crate::{
    error::Error,
    http::{self, Granted, Http, HttpError, Login},
    photos::{Fotos, ResumoFotos},
    store::{
        self, cursor, fates, marks, queue,
        session::{self, Conta, Quem, Session},
    },
    sync::aviso,
    transfer::Transfer,
};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Serialize;
use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Campo on one device. Every call blocks until it is done; what it changed is on the disk then.
pub struct Campo {
    conn: Mutex<Connection>,
    pub(crate) http: Http,
    pub(crate) transfer: Transfer,
    /// One synchronisation at a time; never held together with `conn` across HTTP.
    pub(crate) syncing: Mutex<()>,
    pub(crate) fotos: Fotos,
}

/// Whether the person's session is good for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "sessao", rename_all = "snake_case")]
pub enum Sessao {
    /// As far as the device knows.
    Ativa,
    /// The server refused it; local work goes on.
    Expirada {
        /// When the device heard of it.
        desde: DateTime<Utc>,
    },
    /// Nobody is signed in.
    Ninguem,
}

/// How the device stands.
#[derive(Clone, Debug, Serialize)]
pub struct Estado {
    /// Who is signed in.
    pub conta: Option<Conta>,
    /// Whether the session is good.
    #[serde(flatten)]
    pub sessao: Sessao,
    /// This installation.
    pub dispositivo: campo_domain::ids::DeviceId,
    /// How people call it.
    pub dispositivo_nome: String,
    /// Commands that wait.
    pub pendentes: u32,
    /// Commands that the office has to decide on.
    pub retidas: u32,
    /// Commands that were refused and not dismissed.
    pub recusadas: u32,
    /// Documents that could not be read and are set aside; they will be asked for again.
    pub danificados: u32,
    /// What the person is told of them.
    pub aviso: Option<String>,
    /// When a synchronisation last came to its end.
    pub ultima_sincronizacao: Option<DateTime<Utc>>,
    /// When the next try is due, after a failure (ff41).
    pub proxima_tentativa: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub falhas: u32,
    /// What the last failure said.
    pub ultimo_erro: Option<String>,
    /// Photos that the server is not known to have.
    pub fotos: ResumoFotos,
}

impl Campo {
    /// Opens the database file, or makes it. A key needs a build with the feature `sqlcipher`.
    ///
    /// # Errors
    /// `SemCifra`, `ChaveErrada`, `VersaoMaisNova`, `MigracaoFalhou`, `Armazenamento`; the file is
    /// as it was then.
    pub fn open(path: &Path, key: Option<&str>) -> Result<Self, Error> {
        let conn = Mutex::new(store::open(path, key)?);
        let fotos = Fotos::new(path);
        let (http, transfer, syncing) = (Http::new(), Transfer::new(), Mutex::new(()));
        let campo = Campo { conn, http, transfer, syncing, fotos };
        // What a crash left behind costs space and nothing else; the next opening tries again.
        let _ = campo.sweep();
        Ok(campo)
    }

    /// Signs a person in. Whoever was signed in before keeps data and queue, out of sight (ff26).
    ///
    /// # Errors
    /// `EnderecoInvalido`, `SemConexao`, `Servidor` (wrong password and the like).
    pub fn sign_in(
        &self,
        servidor: &str,
        empresa: &str,
        login: &str,
        senha: &str,
        device_name: &str,
    ) -> Result<Conta, Error> {
        let address =
            http::address(servidor).ok_or_else(|| Error::EnderecoInvalido(servidor.to_owned()))?;
        let (dispositivo, _) = self.read(|conn| Ok(session::device(conn)?))?;
        let login = Login { empresa, login, senha, dispositivo, dispositivo_nome: device_name };
        let granted = self.http.login(&address, &login).map_err(|error| match error {
            // Whatever the status, the server's own words help most here.
            HttpError::Status(problem) if !problem.codigo.is_empty() => problem.into(),
            error => sentence(error),
        })?;
        let conta = conta(granted.usuario, granted.tenant, address);
        self.write(|tx| {
            session::name_device(tx, device_name)?;
            session::enter(tx, &conta, &granted.acesso, &granted.renovacao)?;
            Ok(())
        })?;
        self.conta()?.ok_or(Error::NinguemEntrou)
    }

    /// Signs out; data and queue stay for the next time. Tells the server if it can be reached.
    ///
    /// # Errors
    /// Storage.
    pub fn sign_out(&self) -> Result<(), Error> {
        let ended = self.write(|tx| {
            let session = session::session(tx)?;
            let quem = session::signed_in(tx)?;
            session::leave(tx)?;
            Ok(session.zip(quem))
        })?;
        if let Some((session, quem)) = ended {
            // Without an answer the server's side of the session ends when it expires.
            let _ = self.http.logout(&quem.conta.servidor, &session.acesso);
        }
        Ok(())
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// Storage.
    pub fn conta(&self) -> Result<Option<Conta>, Error> {
        self.read(|conn| Ok(session::signed_in(conn)?.map(|quem| quem.conta)))
    }

    /// Whether the session is good for the server.
    ///
    /// # Errors
    /// Storage.
    pub fn session_state(&self) -> Result<Sessao, Error> {
        self.read(|conn| Ok(state(session::session(conn)?.as_ref())))
    }

    /// How the device stands, for a status line.
    ///
    /// # Errors
    /// Storage.
    pub fn estado(&self) -> Result<Estado, Error> {
        self.read(|conn| {
            let (dispositivo, dispositivo_nome) = session::device(conn)?;
            let sessao = state(session::session(conn)?.as_ref());
            let quem = session::signed_in(conn)?;
            // No account has the key 0: nobody's figures are all zero.
            let account = quem.as_ref().map_or(0, |quem| quem.account);
            let place = cursor::load(conn, account)?;
            let (retidas, recusadas) = fates::counts(conn, account, None)?;
            let danificados = marks::damaged(conn, account)?;
            Ok(Estado {
                conta: quem.map(|quem| quem.conta),
                sessao,
                dispositivo,
                dispositivo_nome,
                pendentes: queue::count(conn, account, None)?,
                retidas,
                recusadas,
                danificados,
                aviso: aviso(danificados),
                ultima_sincronizacao: place.last_sync_at,
                proxima_tentativa: place.next_try_at,
                falhas: place.failures,
                ultimo_erro: place.last_error,
                fotos: ResumoFotos::load(conn, account)?,
            })
        })
    }

    /// Reads under the lock.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut conn = self.lock();
        // One snapshot for all that is read, even if another process writes meanwhile.
        let tx = conn.transaction()?;
        let result = work(&tx)?;
        tx.commit()?;
        Ok(result)
    }

    /// Reads as the person who is signed in.
    pub(crate) fn read_as<T>(
        &self,
        work: impl FnOnce(&Connection, &Quem) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.read(|conn| {
            let quem = session::signed_in(conn)?.ok_or(Error::NinguemEntrou)?;
            work(conn, &quem)
        })
    }

    /// Writes in one transaction: all of it, or on an error nothing.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut conn = self.lock();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&tx)?;
        tx.commit()?;
        Ok(result)
    }

    /// A panic elsewhere rolled its transaction back: the connection is good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state(session: Option<&Session>) -> Sessao {
    match session {
        None => Sessao::Ninguem,
        Some(Session { expirada_desde: Some(desde), .. }) => Sessao::Expirada { desde: *desde },
        Some(_) => Sessao::Ativa,
    }
}

fn conta(usuario: http::Usuario, tenant: http::Empresa, servidor: String) -> Conta {
    Conta {
        tenant: tenant.id,
        empresa: tenant.slug,
        empresa_nome: tenant.nome,
        fuso: tenant.fuso.parse().unwrap_or(chrono_tz::America::Sao_Paulo),
        usuario: usuario.id,
        login: usuario.login,
        nome: usuario.nome,
        permissoes: usuario.permissoes,
        servidor,
    }
}

/// Presents the refresh token once. A lost answer changes nothing here: the same token is presented
/// again next time, and the server tolerates that (ff24).
pub(crate) fn refresh(campo: &Campo, conta: &Conta, session: &Session) -> Result<(), Error> {
    match campo.http.refresh(&conta.servidor, &session.renovacao) {
        Ok(Granted { acesso, renovacao, .. }) => campo.write(|tx| {
            session::renew(tx, &session.renovacao, &acesso, &renovacao)?;
            Ok(())
        }),
        Err(HttpError::Status(problem))
            if matches!(problem.status, 401 | 403) && !problem.codigo.is_empty() =>
        {
            campo.write(|tx| Ok(session::expire(tx, &session.renovacao, Utc::now())?))?;
            Err(Error::SessaoExpirada)
        }
        Err(error) => Err(sentence(error)),
    }
}

/// What an HTTP failure means to the person.
pub(crate) fn sentence(error: HttpError) -> Error {
    match error {
        HttpError::Answer(error) => Error::RespostaInvalida(error),
        HttpError::Status(problem) if !problem.passing() => problem.into(),
        error => Error::SemConexao(error),
    }
}
