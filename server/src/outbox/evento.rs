//! The body of the event `acao.solicitada` (R100): all that an ERP needs to do what was asked for,
//! without asking back. Its schema is in the OpenAPI document; `docs/webhooks.md` tells of it.

use super::{
    cliente::{Cliente, ClienteDoEvento},
    delivery::ACAO_SOLICITADA,
    queue::Mensagem,
};
use crate::{
    reading::{
        cited,
        json::{self, PersonRef},
    },
    schemas,
    visibility::Viewer,
};
use anyhow::Result;
use campo_domain::{
    ids::TenantId,
    parte::Colecao,
    registro::{Acao, Item, Registro, TipoAnalise},
    tipo::Tipo,
    valor::{Campo, TipoCampo, Valor},
};
use campo_screens::{Cited, Names, words};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{FromRow, PgTransaction};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use uuid::Uuid;

/// O evento `acao.solicitada`: uma ação foi pedida ao ERP.
#[derive(Serialize, ToSchema)]
pub(crate) struct AcaoSolicitada {
    /// `acao.solicitada`.
    r#type: &'static str,
    /// Quando foi escrito.
    timestamp: DateTime<Utc>,
    /// A ação, e o registro como estava então.
    data: DadosDaAcao,
}

/// A ação pedida, e o registro como estava então.
#[derive(Serialize, ToSchema)]
struct DadosDaAcao {
    /// A ação: o que se responde em `/v1/acoes/{id}/resposta`.
    acao: Uuid,
    /// O código dela.
    codigo: String,
    /// O que uma pessoa lê.
    rotulo: String,
    /// O que quem pediu acrescentou.
    observacao: Option<String>,
    /// Quando foi pedida.
    solicitada_em: DateTime<Utc>,
    /// Quem pediu.
    solicitada_por: PersonRef,
    /// De que empresa.
    empresa: EmpresaDoEvento,
    /// O registro.
    documento: Uuid,
    /// O que ele é.
    #[schema(value_type = schemas::Kind)]
    kind: &'static str,
    /// O número dele.
    numero: Option<String>,
    /// O código do tipo.
    tipo: String,
    /// O nome do tipo.
    tipo_nome: String,
    /// O código da situação.
    situacao: Option<String>,
    /// O nome da situação.
    situacao_nome: Option<String>,
    /// O cliente: do registro, ou da assistência a que pertence.
    cliente: Option<ClienteDoEvento>,
    /// O fornecedor.
    fornecedor: Option<FornecedorDoEvento>,
    /// Todos os campos, pelo nome; os vazios são nulos. Dinheiro e quantidades são textos decimais.
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
    /// Os campos de referência como uma pessoa os lê.
    #[schema(value_type = Object)]
    exibicao: BTreeMap<&'static str, String>,
    /// Os itens.
    itens: Vec<ItemDoEvento>,
    /// O que os itens somam.
    totais: Totais,
    /// O laudo que vale.
    laudo: Option<LaudoDoEvento>,
}

/// A empresa de que é o registro.
#[derive(Serialize, ToSchema, FromRow)]
struct EmpresaDoEvento {
    /// O identificador.
    id: Uuid,
    /// Com que se entra; não muda.
    slug: String,
    /// O nome.
    nome: String,
    #[serde(skip)]
    fuso: String,
}

/// Um fornecedor do catálogo.
#[derive(Serialize, ToSchema)]
struct FornecedorDoEvento {
    /// O código.
    codigo: String,
    /// O nome.
    nome: String,
}

/// Um item: com os campos dele, pelo nome.
#[derive(Serialize, ToSchema)]
struct ItemDoEvento {
    /// O identificador.
    id: Uuid,
    /// O código do produto, se um só do catálogo `produto` tem o nome que o item diz.
    produto_codigo: Option<String>,
    /// Os campos de referência como uma pessoa os lê.
    #[schema(value_type = Object)]
    exibicao: BTreeMap<&'static str, String>,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    campos: Map<String, Value>,
}

/// Somas exatas dos itens, como textos decimais; nulas onde nenhum item diz o valor.
#[derive(Serialize, ToSchema)]
struct Totais {
    /// A soma das quantidades.
    quantidade: Option<String>,
    /// A soma de quantidade vezes valor unitário, dos itens que têm os dois.
    valor: Option<String>,
    /// A soma dos valores indenizados.
    valor_indenizado: Option<String>,
}

/// O laudo que vale.
#[derive(Serialize, ToSchema)]
struct LaudoDoEvento {
    /// O identificador.
    id: Uuid,
    /// Se a reclamação procede.
    procedente: Option<bool>,
    /// O que diz.
    texto: String,
    /// Quem o emitiu.
    por: PersonRef,
    /// Quando, pelo relógio do aparelho.
    quando: DateTime<Utc>,
}

/// Writes the event of an action of the record, as it is now.
///
/// # Errors
/// PostgreSQL refuses.
pub(super) async fn solicitada(
    tx: &mut PgTransaction<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
    registro: &Registro,
    tipo: &Tipo,
    acao: &Acao,
) -> Result<Mensagem> {
    let empresa: EmpresaDoEvento =
        sqlx::query_as("SELECT id, slug, nome, fuso FROM tenant WHERE id = $1")
            .bind(tenant.uuid())
            .fetch_one(&mut **tx)
            .await?;
    let fuso = empresa.fuso.parse().unwrap_or(Tz::UTC);
    let laudo = registro.vigente(TipoAnalise::Laudo);
    let (dele, dos_itens) = (registro.kind.campos(), registro.kind.campos_de(Colecao::Itens));
    let names = names(tx, registro, acao).await?;
    let produtos = produtos(tx, registro).await?;
    let itens = registro.vivos(Colecao::Itens).map(|(id, item)| ItemDoEvento {
        id: id.uuid(),
        produto_codigo: item.valor("produto").texto().and_then(|nome| produtos.get(nome).cloned()),
        exibicao: shown(dos_itens, |name| item.valor(name), None, &names, fuso),
        campos: json::campos(dos_itens, &item.campos),
    });
    let exibicao = shown(dele, |name| registro.valor(name), Some(tipo), &names, fuso);
    let fornecedor = registro.valor("fornecedor").texto().map(|codigo| FornecedorDoEvento {
        codigo: codigo.to_owned(),
        nome: exibicao.get("fornecedor").cloned().unwrap_or_else(|| codigo.to_owned()),
    });
    let situacao = registro.situacao(tipo);
    let data = DadosDaAcao {
        acao: acao.id.uuid(),
        codigo: acao.codigo.clone(),
        rotulo: tipo.acao(&acao.codigo).map_or(&acao.codigo, |acao| &acao.rotulo).clone(),
        observacao: acao.observacao.clone(),
        solicitada_em: acao.quando,
        solicitada_por: PersonRef::of(acao.por, &names),
        empresa,
        documento: registro.id.uuid(),
        kind: registro.kind.codigo(),
        numero: registro.numero.clone(),
        tipo: tipo.codigo.clone(),
        tipo_nome: tipo.nome.clone(),
        situacao: situacao.map(|situacao| situacao.codigo.clone()),
        situacao_nome: situacao.map(|situacao| situacao.nome.clone()),
        cliente: Cliente::load(tx, tenant, registro.id).await?.no_evento(),
        fornecedor,
        campos: json::campos(dele, &registro.campos),
        exibicao,
        itens: itens.collect(),
        totais: totais(registro),
        laudo: laudo.map(|laudo| LaudoDoEvento {
            id: laudo.id.uuid(),
            procedente: laudo.procedente,
            texto: laudo.texto.clone(),
            por: PersonRef::of(laudo.autoria.por, &names),
            quando: laudo.quando,
        }),
    };
    let evento = AcaoSolicitada { r#type: ACAO_SOLICITADA, timestamp: now, data };
    Ok(Mensagem {
        tipo: ACAO_SOLICITADA,
        documento: registro.id,
        acao: acao.id,
        corpo: serde_json::to_string(&evento)?,
    })
}

/// The names of the people and of all else that the event shows.
async fn names(
    tx: &mut PgTransaction<'_>,
    registro: &Registro,
    acao: &Acao,
) -> sqlx::Result<Names> {
    let laudo = registro.vigente(TipoAnalise::Laudo);
    let (dele, dos_itens) = (registro.kind.campos(), registro.kind.campos_de(Colecao::Itens));
    let mut cited = Cited::default();
    cited.people.insert(acao.por);
    cited.people.extend(laudo.map(|laudo| laudo.autoria.por));
    dele.iter().for_each(|campo| cited.value(campo, registro.valor(campo.nome)));
    for (_, item) in registro.vivos(Colecao::Itens) {
        dos_itens.iter().for_each(|campo| cited.value(campo, item.valor(campo.nome)));
    }
    // The ERP is the company's own. Of what is restricted it reads what whoever asks may see.
    let viewer = Viewer { id: Some(acao.por.uuid()), all: true };
    cited::names(tx, viewer, &cited).await
}

/// What people read of the fields that hold an id or a code; `tipo` is none for fields of a part.
fn shown<'a>(
    fields: &'static [Campo],
    value: impl Fn(&str) -> &'a Valor,
    tipo: Option<&Tipo>,
    names: &Names,
    zone: Tz,
) -> BTreeMap<&'static str, String> {
    let coded =
        |campo: &&Campo| matches!(campo.tipo, TipoCampo::Referencia(_) | TipoCampo::Escolha(_));
    let one = |campo: &'static Campo| {
        Some((campo.nome, words(campo, value(campo.nome), tipo, names, zone).known()?))
    };
    fields.iter().filter(coded).filter_map(one).collect()
}

/// The codes of the products that the items name.
async fn produtos(
    tx: &mut PgTransaction<'_>,
    registro: &Registro,
) -> sqlx::Result<BTreeMap<String, String>> {
    let itens = registro.vivos(Colecao::Itens);
    let nomes: BTreeSet<&str> =
        itens.filter_map(|(_, item)| item.valor("produto").texto()).collect();
    if nomes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let codigos: Vec<(String, String)> =
        sqlx::query_as("SELECT nome, codigo FROM produto_por_nome($1)")
            .bind(Vec::from_iter(nomes))
            .fetch_all(&mut **tx)
            .await?;
    Ok(codigos.into_iter().collect())
}

fn totais(registro: &Registro) -> Totais {
    let inteiro = |item: &Item, campo: &str| match item.valor(campo) {
        Valor::Inteiro(n) => Some(i128::from(*n)),
        _ => None,
    };
    let soma = |de: &dyn Fn(&Item) -> Option<i128>| {
        registro.vivos(Colecao::Itens).filter_map(|(_, item)| de(item)).reduce(|a, b| a + b)
    };
    let vezes = |item: &Item| Some(inteiro(item, "quantidade")? * inteiro(item, "valor")?);
    // Thousandths, centavos, and the one times the other.
    Totais {
        quantidade: soma(&|item| inteiro(item, "quantidade")).map(|n| decimal(n, 3, 0)),
        valor: soma(&vezes).map(|n| decimal(n, 5, 2)),
        valor_indenizado: soma(&|item| inteiro(item, "valor_indenizado")).map(|n| decimal(n, 2, 2)),
    }
}

/// An integer scaled by 10^casas as decimal text, with no zeros at its end beyond `minimo` places.
fn decimal(n: i128, casas: usize, minimo: usize) -> String {
    let escala = 10_u128.pow(casas as u32);
    let (inteiro, resto) = (n.unsigned_abs() / escala, n.unsigned_abs() % escala);
    let sinal = if n < 0 { "-" } else { "" };
    let mut texto = format!("{sinal}{inteiro}.{resto:0casas$}");
    for _ in minimo..casas {
        texto = texto.strip_suffix('0').map(str::to_owned).unwrap_or(texto);
    }
    texto.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_written_out_exactly() {
        assert_eq!(decimal(1_500, 3, 0), "1.5");
        assert_eq!(decimal(2_000, 3, 0), "2");
        assert_eq!(decimal(20_000, 3, 0), "20");
        assert_eq!(decimal(283_500_000, 5, 2), "2835.00");
        assert_eq!(decimal(333, 5, 2), "0.00333");
        assert_eq!(decimal(35_000, 2, 2), "350.00");
    }
}
