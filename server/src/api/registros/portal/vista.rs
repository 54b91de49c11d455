//! One case as its client sees it, as `campo_screens` has it. What is the company's own is not in
//! it: internal stages, notes and fields, and what is written in a field before the client may read
//! it.

use super::lista::LinhaDoPortal;
use crate::{
    api::registros::{possivel::Verbo, read::RecordRead, vista::EstadoDoArquivo},
    error::ApiResult,
    http::principal::Principal,
    reading::{
        self, cited,
        json::{self, Situacao},
        record,
    },
    visibility::Viewer,
};
use campo_domain::{
    ids::{NotaId, UserId},
    parte::Colecao,
    registro::{Nota, Visibilidade},
    valor::{Campo, Valor},
};
use campo_screens::{
    Cited, ClientStep, Look, client_reads, client_steps, client_title, may, parts,
    waits_for_client, words,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgTransaction;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use uuid::Uuid;

/// Uma ocorrência, como o cliente a vê.
#[derive(Debug, Serialize, ToSchema)]
pub struct OcorrenciaDoPortal {
    /// O que a lista mostra.
    #[serde(flatten)]
    linha: LinhaDoPortal,
    /// Os campos que o cliente lê.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// O que uma pessoa lê de cada um.
    #[schema(value_type = Object)]
    rotulos: BTreeMap<&'static str, String>,
    /// Os valores preenchidos, como uma pessoa os lê.
    #[schema(value_type = Object)]
    exibicao: BTreeMap<&'static str, String>,
    /// Os estágios por que passou, do mais antigo ao mais novo.
    andamento: Vec<Passo>,
    /// As interações, na ordem.
    notas: Vec<NotaDoPortal>,
    /// Os arquivos que o cliente anexou.
    anexos: Vec<AnexoDoPortal>,
    /// O que o cliente pode pedir agora.
    verbos: Vec<Verbo>,
    /// Se o cliente pode escrever.
    pode_anotar: bool,
}

/// Um estágio por que a ocorrência passou.
#[derive(Debug, Serialize, ToSchema)]
pub struct Passo {
    /// O estágio.
    situacao: Situacao,
    /// Quando chegou a ele.
    quando: Option<DateTime<Utc>>,
    /// O que foi dito então.
    #[serde(skip_serializing_if = "Option::is_none")]
    motivo: Option<String>,
}

/// Uma interação.
#[derive(Debug, Serialize, ToSchema)]
struct NotaDoPortal {
    /// O identificador.
    id: Uuid,
    /// O texto.
    texto: String,
    /// O nome de quem escreveu.
    por: Option<String>,
    /// Se foi escrita pelo cliente.
    do_cliente: bool,
    /// A interação que responde.
    resposta_a: Option<Uuid>,
    /// Quando.
    quando: DateTime<Utc>,
}

/// Um arquivo do cliente.
#[derive(Debug, Serialize, ToSchema)]
struct AnexoDoPortal {
    /// O identificador.
    id: Uuid,
    /// Os campos.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Até onde chegaram os bytes.
    #[serde(flatten)]
    estado: EstadoDoArquivo,
}

impl From<ClientStep<'_>> for Passo {
    fn from(step: ClientStep<'_>) -> Self {
        Self {
            situacao: step.situacao.into(),
            quando: step.at,
            motivo: step.reason.map(str::to_owned),
        }
    }
}

/// Shapes a case for its client, in the transaction in which it was read.
///
/// # Errors
/// PostgreSQL refuses.
pub(super) async fn shape(
    tx: &mut PgTransaction<'_>,
    who: &Principal,
    read: &RecordRead,
) -> ApiResult<OcorrenciaDoPortal> {
    let (record, tipo) = (&read.record, &*read.tipo);
    let mut cited = Cited::default();
    let values = client_reads(record, tipo);
    values.iter().for_each(|(campo, value)| cited.value(campo, value));
    cited.people.extend(notes(read).map(|note| note.autoria.por));
    // Another client's logins are none of its own, should the case have been that client's before.
    let logins = match who.pessoa.cliente {
        Some(cliente) => record::logins_of(tx, cliente).await?,
        None => BTreeSet::new(),
    };
    let names = cited::names(tx, Viewer::of(&who.pessoa), &cited).await?;
    let look = read.look(who, &names, reading::zone(tx).await?);
    let shown = |(campo, value): &(&'static Campo, Valor)| {
        Some((campo.nome, words(campo, value, Some(tipo), &names, look.zone).known()?))
    };
    let note = |note: &Nota| NotaDoPortal {
        id: note.id.uuid(),
        texto: note.texto.clone(),
        por: names.person(note.autoria.por).map(str::to_owned),
        do_cliente: logins.contains(&note.autoria.por),
        resposta_a: note.resposta_a.map(NotaId::uuid),
        quando: note.quando,
    };
    Ok(OcorrenciaDoPortal {
        linha: row(&look),
        campos: values
            .iter()
            .map(|(c, value)| (c.nome.to_owned(), json::valor(c, value)))
            .collect(),
        rotulos: values.iter().map(|(c, _)| (c.nome, tipo.rotulo(c.nome).to_owned())).collect(),
        exibicao: values.iter().filter_map(shown).collect(),
        andamento: client_steps(record, tipo).into_iter().map(Passo::from).collect(),
        notas: notes(read).map(note).collect(),
        anexos: files(&look, &logins),
        verbos: Verbo::all(&look),
        pode_anotar: may(&look).notes_to_client.is_ok(),
    })
}

/// The notes that are for the client.
fn notes(read: &RecordRead) -> impl Iterator<Item = &Nota> {
    read.record.notas.iter().filter(|note| note.visibilidade == Visibilidade::Cliente)
}

/// The files that the client attached.
fn files(look: &Look<'_>, logins: &BTreeSet<UserId>) -> Vec<AnexoDoPortal> {
    let fields = look.record.kind.campos_de(Colecao::Anexos);
    let files = parts(look, Colecao::Anexos).rows.into_iter();
    let file = |file: campo_screens::Part| AnexoDoPortal {
        id: file.id.uuid(),
        campos: json::part(fields, &file),
        estado: EstadoDoArquivo::of(look.record, file.id),
    };
    files.filter(|file| logins.contains(&file.by)).map(file).collect()
}

fn row(look: &Look<'_>) -> LinhaDoPortal {
    let (record, tipo) = (look.record, look.tipo);
    let situacao = record.situacao_do_cliente(tipo);
    LinhaDoPortal {
        id: record.id.uuid(),
        rotulo: record.rotulo(),
        numero: record.numero.clone(),
        tipo: tipo.codigo.clone(),
        tipo_nome: tipo.nome.clone(),
        titulo: client_title(record, tipo),
        situacao: situacao.map(Situacao::from),
        espera_resposta: waits_for_client(situacao),
        criado_em: record.criado_em,
    }
}
