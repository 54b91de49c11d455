//! What every button of a record's page shares, and those of single fields, conflicts and held
//! branches. Each is a [`Command`] or several through `office::run_all`, then back to the page
//! (303); refused, the same page comes back with what was typed (422).

use super::{Asked, Which, render};
use crate::{
    app::App,
    office::{self, OfficeError},
    reading::{timeline::Visao, values},
    web::{
        form::{Draft, Sent},
        page::{Notice, PageError, PageResult, Visit},
    },
};
use axum::{extract::State, response::Response};
use campo_domain::{
    command::Command,
    ids::HeldId,
    refusal::{Codigo, Refusal},
    registro::Registro,
    tipo::Tipo,
    valor::Valor,
};
use std::sync::Arc;

/// A form of a record's page that was sent.
pub struct Act<'a> {
    /// The application.
    pub app: &'a App,
    /// Who sent it.
    pub visit: &'a Visit,
    /// On which record.
    pub which: Which,
    /// What was sent.
    pub sent: &'a Sent,
}

impl Act<'_> {
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
        match Visao::de_codigo(&self.sent.get("visao")) {
            Visao::Tudo => notice.back_to(self.app, &path),
            visao => notice.back_to(self.app, &format!("{path}?visao={}", visao.codigo())),
        }
    }

    /// The page again, with the form of that key as it was sent.
    ///
    /// # Errors
    /// The page cannot be made.
    pub async fn refused(&self, form: String, refusal: &Refusal) -> PageResult {
        self.refused_with(form, refusal.mensagem()).await
    }

    /// As [`Act::refused`], by the sentence for the person.
    ///
    /// # Errors
    /// The page cannot be made.
    pub async fn refused_with(&self, form: String, error: String) -> PageResult {
        let draft = Draft { form, sent: self.sent.clone(), error };
        let asked = Asked { visao: self.sent.get("visao"), ..Asked::default() };
        render(self.app, self.visit, self.which, &asked, Some(&draft)).await
    }

    /// Runs one command and answers for it.
    ///
    /// # Errors
    /// The form is not of this session, or the record may not be seen.
    pub async fn answer(&self, form: String, command: Command, notice: Notice) -> PageResult {
        self.answer_all(form, vec![command], notice).await
    }

    /// Runs commands, all or nothing, and answers for them.
    ///
    /// # Errors
    /// As [`Act::answer`].
    pub async fn answer_all(
        &self,
        form: String,
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
            Err(OfficeError::Refused(refusal)) => self.refused(form, &refusal).await,
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

/// `POST …/campo`: one field.
///
/// # Errors
/// The form is not of this session, or the record may not be seen.
pub async fn field(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let name = sent.get("campo");
    let form = format!("campo-{name}");
    let campo = match which.kind.campo(&name) {
        Some(campo) => campo,
        None => return act.refused(form, &Refusal::campo_desconhecido(&name)).await,
    };
    let (text, fuso) = (sent.get("valor"), visit.auth.fuso);
    if text == sent.get("visto") {
        return Ok(act.done(Notice::Unchanged));
    }
    let valor = match campo.ler(&text, fuso) {
        Ok(valor) => valor,
        Err(refusal) => return act.refused(form, &refusal).await,
    };
    let command = match campo.longo() {
        true => Command::EditarTexto { campo: name, de: sent.get("visto"), para: text },
        false => Command::Editar { campo: name, valor },
    };
    act.answer(form, command, Notice::Saved).await
}

/// `POST …/conflito`: one of the versions becomes the value.
///
/// # Errors
/// As [`field`].
pub async fn settle(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let name = sent.get("campo");
    let valor: Valor =
        serde_json::from_str(&sent.get("valor")).map_err(|_| PageError::not_found())?;
    let command = match values::named(which.kind, &name) {
        Some((campo, Some((em, item)))) => {
            Command::EditarItem { em, item, campo: campo.nome.to_owned(), valor }
        }
        _ => Command::Editar { campo: name, valor },
    };
    act.answer("conflitos".into(), command, Notice::Settled).await
}

/// `POST …/retida`: approves or discards a held branch of the record.
///
/// # Errors
/// As [`field`].
pub async fn decide(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    act.check()?;
    let held: HeldId = sent.get("retida").parse().map_err(|_| PageError::not_found())?;
    let approve = sent.get("decisao") == "aprovar";
    let (auth, note) = (&visit.auth, sent.filled("motivo"));
    match office::decide_held(&app, auth.tenant, &auth.pessoa, held, approve, note).await {
        Ok(()) if approve => Ok(act.done(Notice::HeldApproved)),
        Ok(()) => Ok(act.done(Notice::HeldDiscarded)),
        Err(OfficeError::Refused(refusal)) => act.refused(format!("retida-{held}"), &refusal).await,
        Err(error) => Err(error.into()),
    }
}
