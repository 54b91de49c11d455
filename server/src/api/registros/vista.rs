//! The parts of a record as the API shows them.

use crate::{
    outbox::delivery::EntregaDaAcao,
    reading::{
        json,
        nomes::{Nomes, Quem},
    },
    schemas,
};
use campo_domain::{
    ids::ItemId,
    kind::Kind,
    parte::{Colecao, Variante, frase_do_motivo},
    refusal::Refusal,
    registro::{self, Registro},
    tipo::Tipo,
    valor::Campo,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
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
    por: Quem,
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
pub struct LinksDoArquivo {
    /// Os bytes como foram tirados.
    original: String,
    /// Um JPEG de até 1.600 pixels de lado.
    previa: String,
    /// Um JPEG de até 320 pixels de lado.
    miniatura: String,
}

/// Um vínculo visto da outra ponta.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
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
    por: Quem,
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
    encaminhar: Option<Quem>,
    /// Se é a que vale, das do mesmo tipo.
    vigente: bool,
    /// Quem.
    por: Quem,
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
    por: Quem,
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
    por: Quem,
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
    por: Quem,
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
    por: Quem,
    /// Em que aparelho.
    aparelho: Option<String>,
    /// Quando, pelo relógio do aparelho.
    quando: DateTime<Utc>,
}

/// Quem pode ver o registro, além de quem administra.
#[derive(Debug, Serialize, ToSchema)]
pub struct Restricao {
    /// Pessoas.
    usuarios: Vec<Quem>,
    /// Grupos, pelo código.
    grupos: Vec<String>,
    /// Quem restringiu.
    por: Quem,
    /// Quando.
    quando: DateTime<Utc>,
}

impl EstadoDoArquivo {
    /// Of a file of the record.
    pub fn de(registro: &Registro, id: ItemId) -> Self {
        let arquivo = registro.arquivos.get(&id);
        let recusado = arquivo.and_then(|arquivo| arquivo.motivo.as_deref());
        let link = |variante| format!("/v1/anexos/{}/{id}/{variante}", registro.id);
        Self {
            estado: registro.arquivo(&id).codigo(),
            estado_em: arquivo.map(|arquivo| arquivo.quando),
            motivo: recusado.map(|codigo| Recusa {
                codigo: codigo.to_owned(),
                mensagem: frase_do_motivo(codigo).to_owned(),
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
    pub fn todos(registro: &Registro, nomes: &Nomes, fuso: Tz) -> Vec<Self> {
        let partes = Parte::todas(registro, Colecao::Anexos, nomes, fuso).into_iter();
        let um = |parte: Parte| {
            let estado = EstadoDoArquivo::de(registro, parte.id.into());
            Self { parte, estado }
        };
        partes.map(um).collect()
    }
}

impl Parte {
    /// Those of a collection that were not removed.
    pub fn todas(registro: &Registro, colecao: Colecao, nomes: &Nomes, fuso: Tz) -> Vec<Self> {
        let definicoes = registro.kind.campos_de(colecao);
        let uma = |(id, parte): (&ItemId, &registro::Item)| {
            let exibicao = definicoes.iter().filter_map(|campo| {
                let valor = parte.valor(campo.nome);
                let texto = nomes.exibir(campo, valor, fuso);
                Some((campo.nome, texto.filter(|_| refere(campo))?))
            });
            Self {
                id: id.uuid(),
                campos: json::campos(definicoes, &parte.campos),
                exibicao: exibicao.collect(),
                por: nomes.quem(parte.autoria.por),
            }
        };
        registro.vivos(colecao).map(uma).collect()
    }
}

const fn refere(campo: &Campo) -> bool {
    use campo_domain::valor::TipoCampo;
    matches!(campo.tipo, TipoCampo::Referencia(_) | TipoCampo::Escolha(_))
}

impl Nota {
    /// A note.
    pub fn de(nota: &registro::Nota, nomes: &Nomes) -> Self {
        Self {
            id: nota.id.uuid(),
            texto: nota.texto.clone(),
            visibilidade: nota.visibilidade.codigo(),
            resposta_a: nota.resposta_a.map(|id| id.uuid()),
            por: nomes.quem(nota.autoria.por),
            aparelho: nomes.aparelho(nota.autoria.em),
            quando: nota.quando,
        }
    }
}

impl Analise {
    /// Those of a record, in order.
    pub fn todas(registro: &Registro, nomes: &Nomes) -> Vec<Self> {
        let uma = |analise: &registro::Analise| Self {
            id: analise.id.uuid(),
            tipo: analise.tipo.codigo(),
            texto: analise.texto.clone(),
            procedente: analise.procedente,
            pedido: analise.pedido.map(|id| id.uuid()),
            encaminhar: analise.encaminhar.map(|id| nomes.quem(id)),
            vigente: registro.vigente(analise.tipo).is_some_and(|vale| vale.id == analise.id),
            por: nomes.quem(analise.autoria.por),
            aparelho: nomes.aparelho(analise.autoria.em),
            quando: analise.quando,
        };
        registro.analises.iter().map(uma).collect()
    }
}

impl AcaoDoRegistro {
    /// An action.
    pub fn de(
        acao: &registro::Acao,
        tipo: &Tipo,
        nomes: &Nomes,
        entrega: Option<EntregaDaAcao>,
    ) -> Self {
        let permitida = tipo.acao(&acao.codigo);
        Self {
            id: acao.id.uuid(),
            codigo: acao.codigo.clone(),
            rotulo: permitida.map_or(&acao.codigo, |permitida| &permitida.rotulo).clone(),
            por: nomes.quem(acao.por),
            quando: acao.quando,
            observacao: acao.observacao.clone(),
            situacao: acao.situacao.codigo(),
            externo: acao.externo.clone(),
            retorno: acao.retorno.clone(),
            atualizada_em: acao.atualizada_em,
            entrega,
        }
    }
}

impl CorretivaDoRegistro {
    /// A corrective action.
    pub fn de(corretiva: &registro::Corretiva, nomes: &Nomes) -> Self {
        Self {
            id: corretiva.id.uuid(),
            numero: corretiva.numero.clone(),
            por: nomes.quem(corretiva.por),
            quando: corretiva.quando,
        }
    }
}

impl Pedido {
    /// A request.
    pub fn de(pedido: &registro::Pedido, tipo: &Tipo, nomes: &Nomes) -> Self {
        let transicao = tipo.fluxo.transicao(&pedido.verbo);
        Self {
            id: pedido.id.uuid(),
            verbo: pedido.verbo.clone(),
            rotulo: transicao.map_or(&pedido.verbo, |transicao| &transicao.rotulo).clone(),
            motivo: pedido.motivo.clone(),
            email: pedido.email,
            por: nomes.quem(pedido.autoria.por),
            aparelho: nomes.aparelho(pedido.autoria.em),
            quando: pedido.quando,
            veredito: pedido.veredito.as_ref().map(|veredito| Veredito {
                aceito: veredito.recusa.is_none(),
                recusa: veredito.recusa.as_ref().map(Recusa::from),
                de: veredito.de.clone(),
                para: veredito.para.clone(),
                quando: veredito.quando,
            }),
        }
    }
}

impl Restricao {
    /// A restriction.
    pub fn de(restricao: &registro::Restricao, nomes: &Nomes) -> Self {
        Self {
            usuarios: restricao.usuarios.iter().map(|id| nomes.quem(*id)).collect(),
            grupos: restricao.grupos.iter().cloned().collect(),
            por: nomes.quem(restricao.por),
            quando: restricao.quando,
        }
    }
}

/// The fields of a record with several values.
pub fn conflitos(registro: &Registro, nomes: &Nomes) -> Vec<Conflito> {
    let um = |conflito: &registro::Conflito| {
        let campo = campo_de(registro.kind, &conflito.campo);
        let versao = |versao: &registro::Versao| Versao {
            valor: campo.map_or(Value::Null, |campo| json::valor(campo, &versao.valor)),
            por: nomes.quem(versao.autoria.por),
            aparelho: nomes.aparelho(versao.autoria.em),
            quando: versao.quando,
        };
        let versoes = conflito.versoes.iter().map(versao).collect();
        Conflito { campo: conflito.campo.clone(), versoes }
    };
    registro.conflitos.iter().map(um).collect()
}

/// The field of a name as conflicts and the acompanhamento have it: its own, or
/// `colecao/id/campo` for one of a part.
pub fn campo_de(kind: Kind, nome: &str) -> Option<&'static Campo> {
    let mut partes = nome.splitn(3, '/');
    match (partes.next(), partes.next(), partes.next()) {
        (Some(nome), None, None) => kind.campo(nome),
        (Some(colecao), Some(_), Some(nome)) => kind.campo_de(colecao.parse().ok()?, nome),
        _ => None,
    }
}
