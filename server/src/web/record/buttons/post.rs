//! What every button of a record's page shares. Each is a [`Command`] or several through
//! `office::run_all`, then back to the page (303); refused, the same page comes back with what was
//! typed (422).

use crate::{
    app::App,
    office::{self, OfficeError},
    web::{
        form::{Draft, Form},
        page::{Notice, PageError, PageResult, Visit},
        record::{
            show::render,
            which::{PageQuery, Which},
        },
    },
};
use axum::response::Response;
use campo_domain::{
    command::Command,
    refusal::{Codigo, Refusal},
    registro::Registro,
    tipo::Tipo,
};
use campo_screens::View;
use std::sync::Arc;

/// A form of a record's page that was sent.
pub struct FormPost<'a> {
    /// The application.
    pub app: &'a App,
    /// Who sent it.
    pub visit: &'a Visit,
    /// On which record.
    pub which: Which,
    /// What was sent.
    pub sent: &'a Form,
}

impl FormPost<'_> {
    /// Nothing happens without the token of the session.
    ///
    /// # Errors
    /// The form is not of this session.
    pub fn check(&self) -> Result<(), PageError> {
        Ok(self.visit.auth.check_csrf(&self.sent.get("csrf"))?)
    }

    /// The record as it is.
    ///
    /// # Errors
    /// 404 for what is not there or may not be seen.
    pub async fn load(&self) -> Result<(Registro, Arc<Tipo>), PageError> {
        self.find().await?.ok_or_else(PageError::not_found)
    }

    async fn find(&self) -> Result<Option<(Registro, Arc<Tipo>)>, PageError> {
        let auth = &self.visit.auth;
        let found = office::load(self.app, auth.tenant, &auth.pessoa, self.which.id).await?;
        Ok(found.filter(|(registro, _)| registro.kind == self.which.kind))
    }

    /// Runs commands, all or nothing.
    ///
    /// # Errors
    /// As `office::run_all`.
    async fn run(&self, commands: Vec<Command>) -> Result<(), OfficeError> {
        let auth = &self.visit.auth;
        let commands = commands.into_iter().map(|command| (self.which.id, command)).collect();
        office::run_all(self.app, auth.tenant, &auth.pessoa, commands, None).await
    }

    /// Back to the page, as it was looked at, with a notice.
    pub fn done(&self, notice: Notice) -> Response {
        let path = self.which.path();
        match View::from_code(&self.sent.get("visao")).unwrap_or_default() {
            View::Tudo => notice.back_to(self.app, &path),
            view => notice.back_to(self.app, &format!("{path}?visao={}", view.code())),
        }
    }

    /// The page again, with the form of that key as it was sent.
    ///
    /// # Errors
    /// The page cannot be made.
    pub async fn refused(&self, key: String, refusal: &Refusal) -> PageResult {
        let outdated = matches!(refusal.codigo, Codigo::TextoMudou | Codigo::ValorMudou);
        let draft = Draft { key, sent: self.sent.clone(), error: refusal.mensagem(), outdated };
        self.again(&draft).await
    }

    /// As [`FormPost::refused`], by the sentence for the person.
    ///
    /// # Errors
    /// The page cannot be made.
    pub async fn refused_with(&self, key: String, error: String) -> PageResult {
        self.again(&Draft { key, sent: self.sent.clone(), error, outdated: false }).await
    }

    async fn again(&self, draft: &Draft) -> PageResult {
        let asked = PageQuery { visao: self.sent.get("visao"), ..PageQuery::default() };
        render(self.app, self.visit, self.which, &asked, Some(draft)).await
    }

    /// Runs one command and answers for it.
    ///
    /// # Errors
    /// The form is not of this session, or the record may not be seen.
    pub async fn answer(&self, key: String, command: Command, notice: Notice) -> PageResult {
        self.answer_all(key, vec![command], notice).await
    }

    /// Runs commands, all or nothing, and answers for them.
    ///
    /// # Errors
    /// As [`FormPost::answer`].
    pub async fn answer_all(
        &self,
        key: String,
        commands: Vec<Command>,
        notice: Notice,
    ) -> PageResult {
        self.check()?;
        if commands.is_empty() {
            return Ok(self.done(Notice::Unchanged));
        }
        match self.run(commands.clone()).await {
            Ok(()) => match self.find().await? {
                Some(_) => Ok(self.done(notice)),
                // The change took it out of the person's sight.
                None => Ok(Notice::Gone.back_to(self.app, "/")),
            },
            // The same form sent twice: it was done the first time.
            Err(OfficeError::Refused(_)) if is_done(&self.load().await?.0, &commands) => {
                Ok(self.done(notice))
            }
            Err(OfficeError::Refused(refusal)) => self.refused(key, &refusal).await,
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the first command, told by the id that the page minted, is in the record already.
fn is_done(registro: &Registro, commands: &[Command]) -> bool {
    match commands.first() {
        Some(Command::Anotar { id, .. }) => registro.notas.iter().any(|nota| nota.id == *id),
        Some(Command::IncluirItem { em, item }) => registro.colecao(*em).contains_key(&item.id),
        Some(Command::Analisar { analise, pedido: None, .. }) => {
            registro.analises.iter().any(|known| known.id == *analise)
        }
        Some(Command::SolicitarAcao { acao, .. }) => {
            registro.acoes.iter().any(|known| known.id == *acao)
        }
        Some(command) => command.pedido().is_some_and(|pedido| {
            let asked = registro.pedidos.iter().find(|asked| asked.id == pedido);
            asked.and_then(|asked| asked.veredito.as_ref()).is_some_and(|v| v.recusa.is_none())
        }),
        None => false,
    }
}

/// A value that its form cannot have sent.
pub fn not_valid(label: &str) -> Refusal {
    Refusal { codigo: Codigo::ValorInvalido, detalhes: vec![label.to_owned()] }
}
