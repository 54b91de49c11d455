//! Gathers what the page of a record shows: the record by `office::load`, the rest in one
//! transaction.

use super::{Asked, Which};
use crate::{
    app::App,
    office::{self, HeldView},
    web::{
        page::{PageError, Shell, Visit},
        queries::{
            self, Catalogues, People,
            record::{self, Child, Entry, Named},
        },
    },
};
use campo_domain::{
    ids::DeviceId,
    kind::Kind,
    registro::Registro,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;

/// Lines of the acompanhamento a page.
pub const HISTORY_PAGE: usize = 50;
/// Most lines of the acompanhamento on one page.
const HISTORY_MAX: usize = 5_000;

/// Names by id and code.
pub struct Names {
    /// Of people.
    pub people: People,
    /// Of devices.
    pub devices: BTreeMap<Uuid, String>,
    /// Of documents that the person may see.
    pub documents: BTreeMap<Uuid, Named>,
    /// Of catalogue entries.
    pub catalogues: Catalogues,
}

impl Names {
    /// Where something was written: the device's name, or the office.
    pub fn device(&self, id: Uuid) -> String {
        match self.devices.get(&id) {
            Some(name) => name.clone(),
            None if id == DeviceId::ESCRITORIO.uuid() => "retaguarda".into(),
            None => "aparelho desconhecido".into(),
        }
    }
}

/// Clientes found for the choice of another one.
pub struct FoundClientes {
    /// What was asked for.
    pub text: String,
    /// Id, name, city.
    pub found: Vec<(Uuid, String, Option<String>)>,
}

/// Everything that the page shows.
pub struct Loaded {
    pub shell: Shell,
    pub registro: Registro,
    pub tipo: Arc<Tipo>,
    pub held: Vec<HeldView>,
    pub names: Names,
    pub ocorrencias: Vec<Child>,
    pub agendas: Vec<Child>,
    pub assistencias: Vec<Child>,
    pub history: Vec<Entry>,
    /// How many lines were asked for; there are more when `history` has one more than that.
    pub history_limit: usize,
    pub clientes: Option<FoundClientes>,
}

/// The record with what surrounds it; `None` where there is nothing that the person may see.
///
/// # Errors
/// PostgreSQL refuses.
pub async fn load(
    app: &App,
    visit: &Visit,
    which: Which,
    asked: &Asked,
) -> Result<Option<Loaded>, PageError> {
    let (tenant, pessoa) = (visit.auth.tenant, &visit.auth.pessoa);
    let found = office::load(app, tenant, pessoa, which.id).await?;
    let Some((registro, tipo)) = found.filter(|(registro, _)| registro.kind == which.kind) else {
        return Ok(None);
    };
    let held = office::held(app, tenant, which.id).await?;
    let history_limit =
        asked.historico.parse().unwrap_or(HISTORY_PAGE).clamp(HISTORY_PAGE, HISTORY_MAX);
    let (id, viewer) = (which.id.uuid(), visit.viewer());

    let mut tx = app.db.tenant(tenant).await?;
    let section = match which.kind {
        Kind::Ocorrencia => "/ocorrencias",
        Kind::Agenda => "/agenda",
        Kind::Assistencia | Kind::Cliente => "/assistencias",
    };
    let shell = visit.shell(&mut tx, registro.rotulo(), section).await?;
    let rows = i64::try_from(history_limit + 1).unwrap_or(i64::MAX);
    let history = record::history(&mut tx, id, rows).await?;
    let (mut ocorrencias, mut agendas, mut assistencias) = (Vec::new(), Vec::new(), Vec::new());
    match which.kind {
        Kind::Assistencia => {
            ocorrencias = record::ocorrencias(&mut tx, viewer, id).await?;
            agendas = record::agendas(&mut tx, viewer, id).await?;
        }
        Kind::Ocorrencia => agendas = record::agendas(&mut tx, viewer, id).await?,
        Kind::Cliente => assistencias = record::assistencias(&mut tx, viewer, id).await?,
        Kind::Agenda => {}
    }
    let clientes = match queries::patterns(&asked.cliente) {
        words if words.is_empty() => None,
        words => Some(FoundClientes {
            text: asked.cliente.clone(),
            found: record::find_clientes(&mut tx, viewer, &words).await?,
        }),
    };
    let names = Names {
        people: People::load(&mut tx).await?,
        devices: record::devices(&mut tx, &device_ids(&registro, &held, &history)).await?,
        documents: record::named(&mut tx, viewer, &document_ids(&registro, &held, &history))
            .await?,
        catalogues: Catalogues::load(&mut tx, &catalogues_of(which.kind)).await?,
    };
    tx.commit().await?;
    Ok(Some(Loaded {
        shell,
        registro,
        tipo,
        held,
        names,
        ocorrencias,
        agendas,
        assistencias,
        history,
        history_limit,
        clientes,
    }))
}

fn device_ids(registro: &Registro, held: &[HeldView], history: &[Entry]) -> Vec<Uuid> {
    let versions = registro.conflitos.iter().flat_map(|conflito| &conflito.versoes);
    let ids: BTreeSet<Uuid> = versions
        .map(|versao| versao.autoria.em.uuid())
        .chain(held.iter().map(|held| held.device.uuid()))
        .chain(history.iter().map(|entry| entry.dispositivo))
        .collect();
    ids.into_iter().collect()
}

/// The documents that fields name: now, in a conflict, in a held branch or in the past.
fn document_ids(registro: &Registro, held: &[HeldView], history: &[Entry]) -> Vec<Uuid> {
    let references = |nome: &str| registro.kind.campo(nome).is_some_and(is_document);
    let now = registro.campos.iter().filter(|(nome, _)| references(nome));
    let mut ids: BTreeSet<Uuid> = now.filter_map(|(_, valor)| valor.id()).collect();
    for conflito in registro.conflitos.iter().filter(|conflito| references(&conflito.campo)) {
        ids.extend(conflito.versoes.iter().filter_map(|versao| versao.valor.id()));
    }
    for entry in history.iter().filter(|entry| entry.campo.as_deref().is_some_and(references)) {
        let values = [&entry.de, &entry.para].into_iter().flatten();
        ids.extend(values.filter_map(|value| value.parse::<Uuid>().ok()));
    }
    let writes = held.iter().flat_map(|held| &held.writes);
    let values = writes.flat_map(|write| [&write.atual, &write.proposto]);
    ids.extend(values.filter_map(|value| value.parse::<Uuid>().ok()));
    ids.into_iter().collect()
}

fn is_document(campo: &Campo) -> bool {
    matches!(campo.tipo, TipoCampo::Referencia(Alvo::Documento(_)))
}

fn catalogues_of(kind: Kind) -> BTreeSet<&'static str> {
    let fields = kind.campos().iter().chain(kind.campos_item());
    fields
        .filter_map(|campo| match campo.tipo {
            TipoCampo::Referencia(Alvo::Catalogo(name)) => Some(name),
            _ => None,
        })
        .collect()
}
