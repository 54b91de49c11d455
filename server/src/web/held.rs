//! `/retidas`: late work that waits for the office, over all records, and its decision.

use super::{
    form::Form,
    format::Moment,
    page::{self, Notice, PageError, PageResult, Shell, Visit},
};
use crate::{
    app::App,
    auth::office::{OfficeAuth, local_path},
    office::{self, OfficeError},
    reading::{
        cited,
        record::{self, Waiting, label},
    },
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use campo_domain::{ids::HeldId, kind::Kind, registro::Autoria};
use campo_screens::Cited;
use uuid::Uuid;

#[derive(Template)]
#[template(path = "retidas.html")]
struct HeldPage {
    shell: Shell,
    rows: Vec<HeldRow>,
    may_decide: bool,
}

struct HeldRow {
    id: Uuid,
    label: String,
    kind: String,
    title: String,
    href: Option<String>,
    author: String,
    device: String,
    received: Moment,
    reason: String,
}

/// `GET /retidas`.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn list(State(app): State<App>, visit: Visit) -> PageResult {
    let mut tx = app.db.tenant(visit.auth.tenant).await?;
    let shell = visit.shell(&mut tx, "Edições retidas", "/retidas").await?;
    let found = record::held(&mut tx, visit.viewer(), &Waiting::default()).await?;
    let mut cited = Cited::default();
    for held in &found {
        cited.authorship(Autoria { por: held.author.into(), em: held.device.into() });
    }
    let names = cited::names(&mut tx, visit.viewer(), &cited).await?;
    tx.commit().await?;

    let rows = found.into_iter().map(|held| HeldRow {
        id: held.id,
        label: label(held.document, held.numero.as_deref()),
        kind: held.kind.parse().map_or(held.kind.clone(), |kind: Kind| kind.rotulo().into()),
        title: held.titulo.unwrap_or_default(),
        href: held.existe.then(|| format!("/registros/{}/{}", held.kind, held.document)),
        author: names.person_or_unknown(held.author.into()).to_owned(),
        device: names.device(held.device.into()).unwrap_or_default().to_owned(),
        received: Moment::new(held.received_at, visit.now, visit.auth.fuso),
        reason: held.message,
    });
    let may_decide = office::may_decide_held(&visit.auth.pessoa).is_ok();
    let page = HeldPage { shell, rows: rows.collect(), may_decide };
    page::answer_shell(StatusCode::OK, &page.shell, &page)
}

/// `POST /retidas/{id}`: approves or discards a branch as a whole.
///
/// # Errors
/// The form is not of this session, the branch is not there or was decided already, or it no longer
/// fits the record.
pub async fn decide(
    State(app): State<App>,
    auth: OfficeAuth,
    Path(id): Path<String>,
    sent: Form,
) -> Result<Response, PageError> {
    auth.check_csrf(&sent.get("csrf"))?;
    let held: HeldId = id.parse().map_err(|_| PageError::not_found())?;
    let approve = match sent.get("decisao").as_str() {
        "aprovar" => true,
        "descartar" => false,
        _ => return Err(PageError::not_found()),
    };
    let (note, seen) = (sent.filled("motivo"), sent.get("visto").parse().ok());
    let who = &auth.pessoa;
    let decided = office::decide_held(&app, auth.tenant, who, held, approve, note, seen).await;
    let back = sent.get("voltar");
    let back = if back.is_empty() { "/retidas" } else { local_path(&back) };
    match decided {
        Ok(()) if approve => Ok(Notice::HeldApproved.back_to(&app, back)),
        Ok(()) => Ok(Notice::HeldDiscarded.back_to(&app, back)),
        Err(OfficeError::Refused(refusal)) => Err(PageError::refused(&refusal)),
        Err(error) => Err(error.into()),
    }
}
