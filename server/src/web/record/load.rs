//! Gathers what the page of a record shows: the record by `office::load`, the rest in one
//! transaction.

use super::which::{Asked, Which};
use crate::{
    app::App,
    office::{self, HeldView},
    outbox::delivery::{self, EntregaDaAcao},
    reading::{
        self,
        names::Names,
        outbox::{self, Email},
        record::{self, Child, Corretiva, Linked, Picture},
        timeline::{self, Entry, Visao},
        values::{Reader, named},
    },
    web::page::{PageError, Shell, Visit},
};
use campo_domain::{
    kind::Kind,
    origem,
    parte::Colecao,
    preenchimento::Dados,
    registro::Registro,
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;

/// Lines of the acompanhamento a page.
pub const HISTORY_PAGE: usize = 50;
/// Most lines of the acompanhamento on one page.
const HISTORY_MAX: usize = 5_000;

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
    pub fuso: Tz,
    pub ocorrencias: Vec<Child>,
    pub agendas: Vec<Child>,
    pub assistencias: Vec<Child>,
    pub linked: Vec<Linked>,
    pub corretivas: Vec<Corretiva>,
    /// What there is to see of its files.
    pub pictures: BTreeMap<Uuid, Picture>,
    pub deliveries: BTreeMap<Uuid, EntregaDaAcao>,
    pub emails: Vec<Email>,
    /// What the catalogue knows of its contract.
    pub contrato: Option<Dados>,
    /// The lines of the document that it comes from.
    pub origem: Vec<origem::Linha>,
    /// When the wait for the client ends by itself.
    pub inactive_at: Option<DateTime<Utc>>,
    pub visao: Visao,
    pub history: Vec<Entry>,
    /// How many lines were asked for; there are more when `history` has one more than that.
    pub history_limit: usize,
    pub clientes: Option<FoundClientes>,
}

impl Loaded {
    /// Reads its fields.
    pub fn reader(&self) -> Reader<'_> {
        Reader { names: &self.names, tipo: &self.tipo, fuso: self.fuso }
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
    asked: &Asked,
) -> Result<Option<Loaded>, PageError> {
    let (tenant, pessoa) = (visit.auth.tenant, &visit.auth.pessoa);
    let found = office::load(app, tenant, pessoa, which.id).await?;
    let Some((registro, tipo)) = found.filter(|(registro, _)| registro.kind == which.kind) else {
        return Ok(None);
    };
    let held = office::held(&mut app.db.snapshot(tenant).await?, tenant, which.id).await?;
    let visao = Visao::de_codigo(&asked.visao);
    let history_limit = match visao {
        Visao::Tramite => HISTORY_MAX,
        _ => asked.historico.parse().unwrap_or(HISTORY_PAGE).clamp(HISTORY_PAGE, HISTORY_MAX),
    };
    let (id, kind, viewer) = (which.id.uuid(), which.kind, visit.viewer());

    let mut tx = app.db.tenant(tenant).await?;
    let section = match kind {
        Kind::Ocorrencia => "/ocorrencias",
        Kind::Agenda => "/agenda",
        Kind::Assistencia | Kind::Cliente => "/assistencias",
    };
    let shell = visit.shell(&mut tx, registro.rotulo(), section).await?;
    let rows = i64::try_from(history_limit + 1).unwrap_or(i64::MAX);
    let history = timeline::history(&mut tx, id, visao, rows).await?;
    let (mut ocorrencias, mut agendas, mut assistencias) = (Vec::new(), Vec::new(), Vec::new());
    match kind {
        Kind::Assistencia => {
            ocorrencias = record::ocorrencias(&mut tx, viewer, id).await?;
            agendas = record::agendas(&mut tx, viewer, id).await?;
        }
        Kind::Ocorrencia => agendas = record::agendas(&mut tx, viewer, id).await?,
        Kind::Cliente => {
            assistencias = record::assistencias(&mut tx, viewer, id).await?;
            ocorrencias = record::ocorrencias_of_cliente(&mut tx, viewer, id).await?;
        }
        Kind::Agenda => {}
    }
    let linked = record::linked_by(&mut tx, viewer, id).await?;
    let ids: Vec<Uuid> = registro.corretivas.iter().map(|link| link.id.uuid()).collect();
    let joinable = tipo.permite_acao_corretiva.then_some(tipo.codigo.as_str());
    let corretivas = record::corretivas(&mut tx, &ids, joinable).await?;
    let pictures = record::pictures(&mut tx, id).await?;
    let acoes: Vec<Uuid> = registro.acoes.iter().map(|acao| acao.id.uuid()).collect();
    let deliveries = delivery::of_actions(&mut tx, tenant, &acoes).await?;
    let emails = outbox::emails(&mut tx, id).await?;
    let contrato = match registro.valor("contrato").texto() {
        Some(code) => reading::dados(&mut tx, "contrato", code).await?,
        None => None,
    };
    let origem = match origem::chave(&registro.campos) {
        Some(key) => reading::dados(&mut tx, origem::CATALOGO, &key).await?,
        None => None,
    };
    let inactive_at = record::inactive_at(&mut tx, kind, id).await?;
    let clientes = match asked.cliente.trim() {
        "" => None,
        text => Some(FoundClientes {
            text: text.to_owned(),
            found: record::find_clientes(&mut tx, viewer, text).await?,
        }),
    };
    let devices = device_ids(&registro, &held, &history);
    let documents = document_ids(&registro, &held, &history);
    let names = Names::load(&mut tx, viewer, kind, &devices, &documents).await?;
    tx.commit().await?;
    Ok(Some(Loaded {
        shell,
        registro,
        tipo,
        held,
        names,
        fuso: visit.auth.fuso,
        ocorrencias,
        agendas,
        assistencias,
        linked,
        corretivas,
        pictures,
        deliveries,
        emails,
        contrato,
        origem: origem.as_ref().map(origem::linhas).unwrap_or_default(),
        inactive_at,
        visao,
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
    let kind = registro.kind;
    let references = |nome: &str| named(kind, nome).is_some_and(|(campo, _)| is_document(campo));
    let now = registro.campos.iter().filter(|(nome, _)| references(nome));
    let mut ids: BTreeSet<Uuid> = now.filter_map(|(_, valor)| valor.id()).collect();
    let links = registro.vivos(Colecao::Vinculos);
    ids.extend(links.filter_map(|(_, link)| link.valor("documento").id()));
    for conflito in registro.conflitos.iter().filter(|conflito| references(&conflito.campo)) {
        ids.extend(conflito.versoes.iter().filter_map(|versao| versao.valor.id()));
    }
    for entry in history.iter().filter(|entry| entry.campo.as_deref().is_some_and(references)) {
        let values = [&entry.de, &entry.para].into_iter().flatten();
        ids.extend(values.filter_map(|value| value.parse::<Uuid>().ok()));
    }
    let writes = held.iter().flat_map(|held| &held.writes);
    let values = writes.flat_map(|write| [&write.current, &write.proposed]).flatten();
    ids.extend(values.filter_map(|value| value.parse::<Uuid>().ok()));
    ids.into_iter().collect()
}

fn is_document(campo: &Campo) -> bool {
    matches!(campo.tipo, TipoCampo::Referencia(Alvo::Documento(_) | Alvo::Qualquer))
}
