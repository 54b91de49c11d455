//! Gathers what the page of a record shows, all of it as of one moment: the record, what surrounds
//! it, and the names of what they mention.

use super::{
    inputs::Pickers,
    which::{PageQuery, Which},
};
use crate::{
    app::App,
    office::{self, HeldView, preparo},
    outbox::delivery::{self, EntregaDaAcao},
    reading::{
        cited,
        outbox::{self, Email},
        record::{self, Child, Corretiva, Linked, Picture},
        timeline::{self, Place},
    },
    visibility::Viewer,
    web::page::{PageError, Shell, Visit, section},
};
use campo_domain::{
    ids::UserId, kind::Kind, origem, preenchimento::Dados, registro::Registro, tipo::Tipo,
};
use campo_screens::{Cited, Entry, Handover, Look, Names, View};
use chrono::{DateTime, Utc};
use sqlx::PgTransaction;
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Lines of the acompanhamento a page.
const HISTORY_PAGE: usize = 50;
/// Most lines of the acompanhamento on one page.
const HISTORY_MAX: usize = 5_000;

/// Clientes found for the choice of another one.
pub struct FoundClientes {
    /// What was asked for.
    pub text: String,
    /// Id, name, city.
    pub found: Vec<(Uuid, String, Option<String>)>,
}

/// The records that belong to this one.
#[derive(Default)]
pub struct Children {
    pub ocorrencias: Vec<Child>,
    pub agendas: Vec<Child>,
    pub assistencias: Vec<Child>,
}

/// What was asked for of the acompanhamento.
pub struct Log {
    /// The view.
    pub view: View,
    /// Its lines, the newest first.
    pub entries: Vec<Entry>,
    /// Where each of them is in the log.
    pub places: Vec<Place>,
    /// How many lines the next page would have, where there are more.
    pub more: Option<usize>,
    /// Who was responsible when, for the trâmite.
    pub handovers: Vec<Handover>,
}

/// Everything that the page shows.
pub struct RecordRead {
    pub shell: Shell,
    pub record: Registro,
    pub tipo: Arc<Tipo>,
    pub names: Names,
    pub pickers: Pickers,
    pub held: Vec<HeldView>,
    pub log: Log,
    pub children: Children,
    /// The records that link to this one.
    pub linked: Vec<Linked>,
    /// The corrective actions that it belongs to or may join.
    pub correctives: Vec<Corretiva>,
    /// What there is to see of its files.
    pub pictures: BTreeMap<Uuid, Picture>,
    /// How its actions got to the ERP.
    pub deliveries: BTreeMap<Uuid, EntregaDaAcao>,
    pub emails: Vec<Email>,
    /// What the catalogue knows of its contract.
    pub contract: Option<Dados>,
    /// The lines of the document that it comes from.
    pub origin_lines: Vec<origem::Linha>,
    /// When the wait for the client ends by itself.
    pub inactive_at: Option<DateTime<Utc>>,
    pub clientes: Option<FoundClientes>,
}

impl RecordRead {
    /// The record as the visitor sees it.
    pub fn look<'a>(&'a self, visit: &'a Visit) -> Look<'a> {
        visit.look(&self.record, &self.tipo, &self.names)
    }
}

/// The record with what surrounds it; `None` where there is nothing that the person may see.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn load(
    app: &App,
    visit: &Visit,
    which: Which,
    asked: &PageQuery,
) -> Result<Option<RecordRead>, PageError> {
    let (tenant, person) = (visit.auth.tenant, &visit.auth.pessoa);
    let (id, kind, viewer) = (which.id.uuid(), which.kind, visit.viewer());
    let mut snapshot = app.db.snapshot(tenant).await?;
    let tx = &mut snapshot;
    let found = office::seen(tx, tenant, person, which.id).await?;
    let Some((record, tipo)) = found.filter(|(record, _)| record.kind == kind) else {
        return Ok(None);
    };
    let held = office::held(tx, tenant, which.id).await?;
    let log = log(tx, id, asked).await?;
    let children = children(tx, viewer, kind, id).await?;
    let cited = cited(&record, &held, &log, &children);
    let joined: Vec<Uuid> = record.corretivas.iter().map(|link| link.id.uuid()).collect();
    let joinable = tipo.permite_acao_corretiva.then_some(tipo.codigo.as_str());
    let actions: Vec<Uuid> = record.acoes.iter().map(|action| action.id.uuid()).collect();
    let origin = preparo::da_origem(tx, &record.campos).await?;
    let read = RecordRead {
        shell: visit.shell(tx, record.rotulo(), section(kind)).await?,
        names: cited::names(tx, viewer, &cited).await?,
        pickers: Pickers::load(tx, kind).await?,
        linked: record::linked_by(tx, viewer, id).await?,
        correctives: record::corretivas(tx, &joined, joinable).await?,
        pictures: record::pictures(tx, id).await?,
        deliveries: delivery::of_actions(tx, tenant, &actions).await?,
        emails: outbox::emails(tx, id).await?,
        contract: preparo::do_contrato(tx, &record.campos).await?,
        origin_lines: origin.as_ref().map(origem::linhas).unwrap_or_default(),
        inactive_at: record::inactive_at(tx, kind, id).await?,
        clientes: clientes(tx, viewer, &asked.cliente).await?,
        record,
        tipo,
        held,
        log,
        children,
    };
    snapshot.commit().await?;
    Ok(Some(read))
}

async fn log(tx: &mut PgTransaction<'_>, id: Uuid, asked: &PageQuery) -> sqlx::Result<Log> {
    let view = View::from_code(&asked.visao).unwrap_or_default();
    if view == View::Tramite {
        let handovers = timeline::handovers(tx, id).await?;
        let (entries, places) = (Vec::new(), Vec::new());
        return Ok(Log { view, entries, places, more: None, handovers });
    }
    let limit = asked.historico.parse().unwrap_or(HISTORY_PAGE).clamp(HISTORY_PAGE, HISTORY_MAX);
    // One line more than is shown says whether there are more.
    let rows = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut lines = timeline::history(tx, id, view, None, rows).await?;
    let more = (lines.len() > limit).then_some(limit + HISTORY_PAGE);
    lines.truncate(limit);
    let (places, entries) = lines.into_iter().unzip();
    Ok(Log { view, entries, places, more, handovers: Vec::new() })
}

async fn children(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    kind: Kind,
    id: Uuid,
) -> sqlx::Result<Children> {
    let mut children = Children::default();
    match kind {
        Kind::Assistencia => {
            children.ocorrencias = record::ocorrencias(tx, viewer, id).await?;
            children.agendas = record::agendas(tx, viewer, id).await?;
        }
        Kind::Ocorrencia => children.agendas = record::agendas(tx, viewer, id).await?,
        Kind::Cliente => {
            children.assistencias = record::assistencias(tx, viewer, id).await?;
            children.ocorrencias = record::ocorrencias_of_cliente(tx, viewer, id).await?;
        }
        Kind::Agenda => {}
    }
    Ok(children)
}

async fn clientes(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    text: &str,
) -> sqlx::Result<Option<FoundClientes>> {
    match text.trim() {
        "" => Ok(None),
        text => {
            let found = record::find_clientes(tx, viewer, text).await?;
            Ok(Some(FoundClientes { text: text.to_owned(), found }))
        }
    }
}

/// Everything that the page names.
fn cited(record: &Registro, held: &[HeldView], log: &Log, children: &Children) -> Cited {
    let mut cited = Cited::of(record);
    for branch in held {
        cited.people.insert(branch.author);
        cited.devices.insert(branch.device);
        branch.writes.iter().for_each(|write| write.cite(record.kind, &mut cited));
    }
    log.entries.iter().for_each(|entry| entry.cite(record.kind, &mut cited));
    for handover in &log.handovers {
        cited.people.extend([Some(handover.by), handover.from, handover.to].into_iter().flatten());
    }
    let Children { ocorrencias, agendas, assistencias } = children;
    let all = [ocorrencias, agendas, assistencias].into_iter().flatten();
    cited.people.extend(all.filter_map(|child| child.responsavel).map(UserId::from));
    cited
}
