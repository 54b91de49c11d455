//! The session for transfers: one person's, whatever happens meanwhile. As in synchronisations, a
//! refused token is renewed once; who signs in later never carries another's files (ff26).

use crate::{
    error::Error,
    http::HttpError,
    phone::Phone,
    store::session::{self, Conta, Session},
};

/// The session of a run of transfers.
pub(super) struct Access<'a> {
    phone: &'a Phone,
    pub(super) account: i64,
    conta: Conta,
}

/// Why a transfer did not get its answer.
pub(super) enum Failure {
    /// Of this one.
    Http(HttpError),
    /// Of all of them.
    Fatal(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Fatal(error)
    }
}

impl<'a> Access<'a> {
    /// As the person who is signed in. A session that the server refused is tried once more,
    /// because the person asks.
    pub(super) fn new(phone: &'a Phone) -> Result<Self, Error> {
        let (session, conta) = phone.read(|conn| {
            let session = session::session(conn)?.ok_or(Error::NinguemEntrou)?;
            let conta = session::account(conn, session.account)?.conta;
            Ok((session, conta))
        })?;
        if session.expired_since.is_some() {
            phone.refresh(&conta.servidor, &session)?;
        }
        Ok(Access { phone, account: session.account, conta })
    }

    /// Asks with the token of now; once more with a new one if it is refused.
    pub(super) fn call<T>(
        &self,
        mut ask: impl FnMut(&str, &str) -> Result<T, HttpError>,
    ) -> Result<T, Failure> {
        let server = &self.conta.servidor;
        let session = self.session()?;
        match ask(server, &session.access) {
            Err(HttpError::Status(problem)) if problem.status == 401 => {}
            other => return other.map_err(Failure::Http),
        }
        self.phone.refresh(&self.conta.servidor, &session)?;
        let session = self.session()?;
        match ask(server, &session.access) {
            Err(HttpError::Status(problem))
                if problem.status == 401 && !problem.codigo.is_empty() =>
            {
                Ok(self.phone.expire(&session)?)
            }
            other => other.map_err(Failure::Http),
        }
    }

    fn session(&self) -> Result<Session, Error> {
        let session = self.phone.read(|conn| Ok(session::session(conn)?))?;
        let session = session.filter(|session| session.account == self.account);
        let session = session.ok_or(Error::NinguemEntrou)?;
        match session.expired_since {
            Some(_) => Err(Error::SessaoExpirada),
            None => Ok(session),
        }
    }
}
