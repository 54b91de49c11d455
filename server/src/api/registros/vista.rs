//! The parts of a record as the API shows them.

use crate::{
    outbox::delivery::EntregaDaAcao,
    reading::{
        json::{self, PersonRef},
        record::Linked,
    },
    schemas,
};
use campo_domain::{
    ids::{DeviceId, ItemId},
    parte::{Colecao, Variante, frase_do_motivo},
    refusal::Refusal,
    registro::{self, Registro},
    valor::{Campo, TipoCampo},
};
use campo_screens::{Look, Names, located};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Um item, despesa ou vínculo.
#[derive(Debug, Serialize, ToSchema)]
pub struct Parte {
    /// O identificador.
    id: Uuid,
    /// Os campos.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Os campos de referência como uma pessoa os lê.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    exibicao: BTreeMap<&'static str, String>,
    /// Quem incluiu.
    por: PersonRef,
}

/// Um arquivo: o que se sabe dele, e até onde chegaram os bytes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Anexo {
    /// O que se sabe dele.
    #[serde(flatten)]
    parte: Parte,
    /// Até onde chegaram os bytes.
    #[serde(flatten)]
    estado: EstadoDoArquivo,
}

/// Até onde chegaram os bytes de um arquivo.
#[derive(Debug, Serialize, ToSchema)]
pub struct EstadoDoArquivo {
    /// Até onde.
    #[schema(value_type = schemas::SituacaoDoArquivo)]
    estado: &'static str,
    /// Desde quando; ausente enquanto nada chegou.
    estado_em: Option<DateTime<Utc>>,
    /// Por que o que chegou foi recusado: o código e a frase.
    motivo: Option<Recusa>,
    /// De onde se baixa cada variante.
    links: LinksDoArquivo,
}

/// De onde se baixa cada variante de um arquivo.
#[derive(Debug, Serialize, ToSchema)]
struct LinksDoArquivo {
    /// Os bytes como foram tirados.
    original: String,
    /// Um JPEG de até 1.600 pixels de lado.
    previa: String,
    /// Um JPEG de até 320 pixels de lado.
    miniatura: String,
}

/// Um vínculo visto da outra ponta.
#[derive(Debug, Serialize, ToSchema)]
pub struct VinculadoPor {
    /// O registro que o tem.
    id: Uuid,
    /// O que ele é.
    #[schema(value_type = schemas::Kind)]
    kind: String,
    /// O número, se tem.
    numero: Option<String>,
    /// O começo do texto principal.
    titulo: String,
    /// A relação.
    relacao: Option<String>,
    /// A descrição.
    descricao: Option<String>,
}

/// Uma anotação.
#[derive(Debug, Serialize, ToSchema)]
pub struct Nota {
    /// O identificador.
    id: Uuid,
    /// O texto.
    texto: String,
    /// Para quem.
    #[schema(value_type = schemas::Visibilidade)]
    visibilidade: &'static str,
    /// A anotação que responde.
    resposta_a: Option<Uuid>,
    /// Quem.
    por: PersonRef,
    /// Em que aparelho.
    aparelho: Option<String>,
    /// Quando, pelo relógio do aparelho.
    quando: DateTime<Utc>,
}

/// Uma análise.
#[derive(Debug, Serialize, ToSchema)]
pub struct Analise {
    /// O identificador.
    id: Uuid,
    /// O que é.
    #[schema(value_type = schemas::TipoDeAnalise)]
    tipo: &'static str,
    /// O texto.
    texto: String,
    /// De um laudo: se a reclamação procede.
    procedente: Option<bool>,
    /// O pedido que a trouxe.
    pedido: Option<Uuid>,
    /// A quem uma parcial encaminhou o registro.
    encaminhar: Option<PersonRef>,
    /// Se é a que vale, das do mesmo tipo.
    vigente: bool,
    /// Quem.
    por: PersonRef,
    /// Em que aparelho.
    aparelho: Option<String>,
    /// Quando, pelo relógio do aparelho.
    quando: DateTime<Utc>,
}

/// Uma ação pedida ao ERP.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcaoDoRegistro {
    /// O identificador.
    id: Uuid,
    /// O código.
    codigo: String,
    /// O que uma pessoa lê.
    rotulo: String,
    /// Quem pediu.
    por: PersonRef,
    /// Quando, pelo relógio do servidor.
    quando: DateTime<Utc>,
    /// O que a pessoa acrescentou.
    observacao: Option<String>,
    /// Em que ponto está.
    #[schema(value_type = schemas::SituacaoDaAcao)]
    situacao: &'static str,
    /// O número do que o ERP fez.
    externo: Option<String>,
    /// O que o ERP disse.
    retorno: Option<String>,
    /// Quando chegou a esta situação.
    atualizada_em: DateTime<Utc>,
    /// Até onde chegou o pedido a caminho do ERP.
    entrega: Option<EntregaDaAcao>,
}

/// Uma ação corretiva a que o registro pertence.
#[derive(Debug, Serialize, ToSchema)]
pub struct CorretivaDoRegistro {
    /// O identificador.
    id: Uuid,
    /// O número.
    numero: String,
    /// Quem vinculou.
    por: PersonRef,
    /// Quando.
    quando: DateTime<Utc>,
}

/// Um pedido de transição.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pedido {
    /// O identificador.
    id: Uuid,
    /// A transição.
    verbo: String,
    /// O que uma pessoa lê dela.
    rotulo: String,
    /// O motivo.
    motivo: Option<String>,
    /// Se o cliente é avisado por e-mail.
    email: bool,
    /// Quem.
    por: PersonRef,
    /// Em que aparelho.
    aparelho: Option<String>,
    /// Quando, pelo relógio do aparelho.
    quando: DateTime<Utc>,
    /// O que o servidor decidiu; ausente enquanto não decidiu.
    veredito: Option<Veredito>,
}

/// O que o servidor decidiu de um pedido.
#[derive(Debug, Serialize, ToSchema)]
pub struct Veredito {
    /// Se foi feito.
    aceito: bool,
    /// Por que não.
    recusa: Option<Recusa>,
    /// A situação antes.
    de: String,
    /// A situação depois.
    para: String,
    /// Quando, pelo relógio do servidor.
    quando: DateTime<Utc>,
}

/// Por que algo não pode ser feito.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recusa {
    /// O código, estável.
    pub codigo: String,
    /// A frase para a pessoa.
    pub mensagem: String,
}

impl From<&Refusal> for Recusa {
    fn from(refusal: &Refusal) -> Self {
        Self { codigo: refusal.codigo.codigo().to_owned(), mensagem: refusal.mensagem() }
    }
}

/// Um campo que vários escreveram ao mesmo tempo.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conflito {
    /// O campo; de uma parte, `colecao/id/campo`.
    campo: String,
    /// Tudo o que foi escrito; primeiro o que aparece.
    versoes: Vec<Versao>,
}

/// Um dos valores escritos.
#[derive(Debug, Serialize, ToSchema)]
pub struct Versao {
    /// O valor.
    valor: Value,
    /// Quem.
    por: PersonRef,
    /// Em que aparelho.
    aparelho: Option<String>,
    /// Quando, pelo relógio do aparelho.
    quando: DateTime<Utc>,
}

/// Quem pode ver o registro, além de quem administra.
#[derive(Debug, Serialize, ToSchema)]
pub struct Restricao {
    /// Pessoas.
    usuarios: Vec<PersonRef>,
    /// Grupos, pelo código.
    grupos: Vec<String>,
    /// Quem restringiu.
    por: PersonRef,
    /// Quando.
    quando: DateTime<Utc>,
}

impl EstadoDoArquivo {
    /// Of a file of the record.
    pub fn of(record: &Registro, id: ItemId) -> Self {
        let file = record.arquivos.get(&id);
        let refused = file.and_then(|file| file.motivo.as_deref());
        let link = |variant| format!("/v1/anexos/{}/{id}/{variant}", record.id);
        Self {
            estado: record.arquivo(&id).codigo(),
            estado_em: file.map(|file| file.quando),
            motivo: refused.map(|code| Recusa {
                codigo: code.to_owned(),
                mensagem: frase_do_motivo(code).to_owned(),
            }),
            links: LinksDoArquivo {
                original: link(Variante::Original),
                previa: link(Variante::Previa),
                miniatura: link(Variante::Miniatura),
            },
        }
    }
}

impl Anexo {
    /// Those that were not removed.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let parts = Parte::all(look, Colecao::Anexos).into_iter();
        let one = |parte: Parte| {
            let estado = EstadoDoArquivo::of(look.record, parte.id.into());
            Self { parte, estado }
        };
        parts.map(one).collect()
    }
}

impl Parte {
    /// Those of a collection that were not removed.
    pub fn all(look: &Look<'_>, collection: Colecao) -> Vec<Self> {
        let fields = look.record.kind.campos_de(collection);
        let rows = campo_screens::parts(look, collection).rows.into_iter();
        let one = |part: campo_screens::Part| Self {
            id: part.id.uuid(),
            campos: json::part(fields, &part),
            por: PersonRef::of(part.by, look.names),
            exibicao: part
                .fields
                .into_iter()
                .filter(|field| is_named(field.campo))
                .filter_map(|field| Some((field.campo.nome, field.words.known()?)))
                .collect(),
        };
        rows.map(one).collect()
    }
}

/// Whether people read something else than what is stored.
const fn is_named(campo: &Campo) -> bool {
    matches!(campo.tipo, TipoCampo::Referencia(_) | TipoCampo::Escolha(_))
}

impl From<Linked> for VinculadoPor {
    fn from(linked: Linked) -> Self {
        Self {
            id: linked.id,
            kind: linked.kind,
            numero: linked.numero,
            titulo: linked.titulo,
            relacao: linked.relacao,
            descricao: linked.descricao,
        }
    }
}

fn device(id: DeviceId, names: &Names) -> Option<String> {
    names.device(id).map(str::to_owned)
}

impl Nota {
    /// A note.
    pub fn of(note: &registro::Nota, names: &Names) -> Self {
        Self {
            id: note.id.uuid(),
            texto: note.texto.clone(),
            visibilidade: note.visibilidade.codigo(),
            resposta_a: note.resposta_a.map(|id| id.uuid()),
            por: PersonRef::of(note.autoria.por, names),
            aparelho: device(note.autoria.em, names),
            quando: note.quando,
        }
    }
}

impl Analise {
    /// Those of a record, in order.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let one = |shown: campo_screens::Analysis<'_>| {
            let analysis = shown.analysis;
            Self {
                id: analysis.id.uuid(),
                tipo: analysis.tipo.codigo(),
                texto: analysis.texto.clone(),
                procedente: analysis.procedente,
                pedido: analysis.pedido.map(|id| id.uuid()),
                encaminhar: analysis.encaminhar.map(|id| PersonRef::of(id, look.names)),
                vigente: shown.in_force,
                por: PersonRef::of(analysis.autoria.por, look.names),
                aparelho: device(analysis.autoria.em, look.names),
                quando: analysis.quando,
            }
        };
        campo_screens::analyses(look).into_iter().map(one).collect()
    }
}

impl AcaoDoRegistro {
    /// An action, with what became of its way to the ERP.
    pub fn of(action: &registro::Acao, look: &Look<'_>, entrega: Option<EntregaDaAcao>) -> Self {
        let offered = look.tipo.acao(&action.codigo);
        Self {
            id: action.id.uuid(),
            codigo: action.codigo.clone(),
            rotulo: offered.map_or(&action.codigo, |offered| &offered.rotulo).clone(),
            por: PersonRef::of(action.por, look.names),
            quando: action.quando,
            observacao: action.observacao.clone(),
            situacao: action.situacao.codigo(),
            externo: action.externo.clone(),
            retorno: action.retorno.clone(),
            atualizada_em: action.atualizada_em,
            entrega,
        }
    }
}

impl CorretivaDoRegistro {
    /// A corrective action.
    pub fn of(link: &registro::Corretiva, names: &Names) -> Self {
        Self {
            id: link.id.uuid(),
            numero: link.numero.clone(),
            por: PersonRef::of(link.por, names),
            quando: link.quando,
        }
    }
}

impl Pedido {
    /// A request.
    pub fn of(request: &registro::Pedido, look: &Look<'_>) -> Self {
        let transition = look.tipo.fluxo.transicao(&request.verbo);
        Self {
            id: request.id.uuid(),
            verbo: request.verbo.clone(),
            rotulo: transition.map_or(&request.verbo, |transition| &transition.rotulo).clone(),
            motivo: request.motivo.clone(),
            email: request.email,
            por: PersonRef::of(request.autoria.por, look.names),
            aparelho: device(request.autoria.em, look.names),
            quando: request.quando,
            veredito: request.veredito.as_ref().map(|verdict| Veredito {
                aceito: verdict.recusa.is_none(),
                recusa: verdict.recusa.as_ref().map(Recusa::from),
                de: verdict.de.clone(),
                para: verdict.para.clone(),
                quando: verdict.quando,
            }),
        }
    }
}

impl Restricao {
    /// A restriction.
    pub fn of(restriction: &registro::Restricao, names: &Names) -> Self {
        Self {
            usuarios: restriction.usuarios.iter().map(|id| PersonRef::of(*id, names)).collect(),
            grupos: restriction.grupos.iter().cloned().collect(),
            por: PersonRef::of(restriction.por, names),
            quando: restriction.quando,
        }
    }
}

impl Conflito {
    /// The fields of a record with several values.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let one = |dispute: campo_screens::Dispute<'_>| {
            let campo = located(look.record.kind, dispute.field).map(|at| at.campo);
            let version = |version: &campo_screens::Version<'_>| Versao {
                valor: campo.map_or(Value::Null, |campo| json::valor(campo, version.value)),
                por: PersonRef::of(version.by, look.names),
                aparelho: device(version.device, look.names),
                quando: version.at,
            };
            let versoes = dispute.versions.iter().map(version).collect();
            Self { campo: dispute.field.to_owned(), versoes }
        };
        campo_screens::disputes(look).into_iter().map(one).collect()
    }
}
