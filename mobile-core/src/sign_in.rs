//! Signing in and out, and the renewal of the session's tokens. What a person wrote never depends
//! on whether the server still takes the session.

use crate::{
    error::Error,
    http::{self, Granted, HttpError, Login},
    phone::Phone,
    store::session::{self, Conta, Session},
};
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Whether the person's session is good for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "sessao")]
pub enum SessionState {
    /// As far as the device knows.
    #[serde(rename = "ativa")]
    Active,
    /// The server refused it; local work goes on.
    #[serde(rename = "expirada")]
    Expired {
        /// When the device heard of it.
        #[serde(rename = "desde")]
        since: DateTime<Utc>,
    },
    /// Nobody is signed in.
    #[serde(rename = "ninguem")]
    Nobody,
}

impl From<Option<&Session>> for SessionState {
    fn from(session: Option<&Session>) -> Self {
        match session {
            None => SessionState::Nobody,
            Some(Session { expired_since: Some(since), .. }) => {
                SessionState::Expired { since: *since }
            }
            Some(_) => SessionState::Active,
        }
    }
}

impl Phone {
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
            error => Error::from(error),
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
            let account = session::signed_in(tx)?;
            session::leave(tx)?;
            Ok(session.zip(account))
        })?;
        if let Some((session, account)) = ended {
            // Without an answer the server's side of the session ends when it expires.
            let _ = self.http.logout(&account.conta.servidor, &session.access);
        }
        Ok(())
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// Storage.
    pub fn conta(&self) -> Result<Option<Conta>, Error> {
        self.read(|conn| Ok(session::signed_in(conn)?.map(|account| account.conta)))
    }

    /// Whether the session is good for the server.
    ///
    /// # Errors
    /// Storage.
    pub fn session_state(&self) -> Result<SessionState, Error> {
        self.read(|conn| Ok(session::session(conn)?.as_ref().into()))
    }

    /// Renews the session whose token was refused, unless somebody else has meanwhile: one renewal
    /// at a time, whatever runs, in this process or another. Two at once would each get a pair, and
    /// end each other's. A lost answer changes nothing here: the same token is presented again next
    /// time, and the server tolerates that (ff24).
    pub(crate) fn refresh(&self, server: &str, session: &Session) -> Result<(), Error> {
        let _alone = self.files.renewal();
        let now = self.read(|conn| Ok(session::session(conn)?))?.ok_or(Error::NinguemEntrou)?;
        if now.refresh != session.refresh {
            return Ok(());
        }
        match self.http.refresh(server, &session.refresh) {
            Ok(Granted { acesso, renovacao, .. }) => self.write(|tx| {
                session::renew(tx, &session.refresh, &acesso, &renovacao)?;
                Ok(())
            }),
            Err(HttpError::Status(problem))
                if matches!(problem.status, 401 | 403) && !problem.codigo.is_empty() =>
            {
                self.expire(session)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Notes that the server no longer takes the session, and says so.
    pub(crate) fn expire<T>(&self, session: &Session) -> Result<T, Error> {
        self.write(|tx| Ok(session::expire(tx, &session.refresh, Utc::now())?))?;
        Err(Error::SessaoExpirada)
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
