//! The buttons of a record's page. Each is one [`Command`] through `office::run`, then back to the
//! page (303); refused, the same page comes back with what was typed (422).

use super::{Asked, Which, render};
use crate::{
    app::App,
    office::{self, OfficeError},
    web::{
        form::{Draft, Sent},
        page::{Notice, PageError, PageResult, Visit},
    },
};
use axum::{extract::State, response::Response};
use campo_domain::{
    command::Command,
    ids::{AnaliseId, HeldId, ItemId, NotaId, PedidoId, UserId},
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
        let auth = &self.visit.auth;
        let found = office::load(self.app, auth.tenant, &auth.pessoa, self.which.id).await?;
        let found = found.filter(|(registro, _)| registro.kind == self.which.kind);
        found.ok_or_else(PageError::not_found)
    }

    /// Runs one command.
    ///
    /// # Errors
    /// As `office::run`.
    pub async fn run(&self, command: Command) -> Result<(), OfficeError> {
        let auth = &self.visit.auth;
        office::run(self.app, auth.tenant, &auth.pessoa, self.which.id, command).await
    }

    /// Back to the page with a notice.
    pub fn done(&self, notice: Notice) -> Response {
        notice.back_to(self.app, &self.which.path())
    }

    /// The page again, with the form of that key as it was sent.
    ///
    /// # Errors
    /// The page cannot be made.
    pub async fn refused(&self, form: String, refusal: &Refusal) -> PageResult {
        let draft = Draft { form, sent: self.sent.clone(), error: refusal.mensagem() };
        render(self.app, self.visit, self.which, &Asked::default(), Some(&draft)).await
    }

    /// Runs one command and answers for it.
    async fn answer(&self, form: String, command: Command, notice: Notice) -> PageResult {
        self.check()?;
        match self.run(command.clone()).await {
            Ok(()) => Ok(self.done(notice)),
            // The same form sent twice: it was done the first time.
            Err(OfficeError::Refused(_)) if is_done(&self.load().await?.0, &command) => {
                Ok(self.done(notice))
            }
            Err(OfficeError::Refused(refusal)) => self.refused(form, &refusal).await,
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the command, told by the id that the page minted, is in the record already.
fn is_done(registro: &Registro, command: &Command) -> bool {
    match command {
        Command::Anotar { id, .. } => registro.notas.iter().any(|nota| nota.id == *id),
        Command::IncluirItem { item } => registro.itens.contains_key(&item.id),
        Command::Transicionar { pedido, .. } | Command::EmitirLaudo { pedido, .. } => {
            let asked = registro.pedidos.iter().find(|asked| asked.id == *pedido);
            asked.and_then(|asked| asked.veredito.as_ref()).is_some_and(|v| v.recusa.is_none())
        }
        _ => false,
    }
}

fn not_valid(label: &str) -> Refusal {
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
    let command = match name.split('/').collect::<Vec<_>>()[..] {
        ["itens", item, campo] => {
            let item: ItemId = item.parse().map_err(|_| PageError::not_found())?;
            Command::EditarItem { item, campo: campo.to_owned(), valor }
        }
        _ => Command::Editar { campo: name, valor },
    };
    act.answer("conflitos".into(), command, Notice::Settled).await
}

/// `POST …/transicao`: asks for a transition.
///
/// # Errors
/// As [`field`].
pub async fn transition(
    State(app): State<App>,
    which: Which,
    visit: Visit,
    sent: Sent,
) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let verbo = sent.get("verbo");
    let command = Command::Transicionar {
        pedido: PedidoId::from(sent.id("pedido")),
        verbo: verbo.clone(),
        motivo: sent.filled("texto"),
    };
    act.answer(format!("acao-{verbo}"), command, Notice::Moved).await
}

/// `POST …/laudo`: issues a laudo and asks for the transition that needs it.
///
/// # Errors
/// As [`field`].
pub async fn laudo(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let form = format!("acao-{}", sent.get("verbo"));
    let procedente = match sent.get("procedente").as_str() {
        "sim" => true,
        "nao" => false,
        _ => {
            act.check()?;
            return act.refused(form, &not_valid("Procedente")).await;
        }
    };
    let command = Command::EmitirLaudo {
        pedido: PedidoId::from(sent.id("pedido")),
        laudo: AnaliseId::from(sent.id("laudo")),
        procedente,
        conclusao: sent.get("texto"),
    };
    act.answer(form, command, Notice::Laudo).await
}

/// `POST …/nota`: writes into the acompanhamento.
///
/// # Errors
/// As [`field`].
pub async fn note(State(app): State<App>, which: Which, visit: Visit, sent: Sent) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let id = NotaId::from(sent.id("nota"));
    let command = Command::Anotar { id, texto: sent.get("texto") };
    act.answer("nota".into(), command, Notice::Noted).await
}

/// `POST …/participante`: adds or removes a participante.
///
/// # Errors
/// As [`field`].
pub async fn participant(
    State(app): State<App>,
    which: Which,
    visit: Visit,
    sent: Sent,
) -> PageResult {
    let act = Act { app: &app, visit: &visit, which, sent: &sent };
    let Ok(usuario) = sent.get("usuario").parse::<UserId>() else {
        act.check()?;
        let refusal = not_valid("Participante");
        return act.refused("participantes".into(), &refusal).await;
    };
    let participa = sent.get("participa") == "sim";
    let command = Command::Participar { usuario, participa };
    act.answer("participantes".into(), command, Notice::Saved).await
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
