//! "Buscar no sistema" (R36): one search over screens, catalogues, their entries and records.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::ApiQuery,
        principal::{Acesso, LerRegistros},
    },
    reading::{
        lists::{client, columns},
        record,
    },
    search,
    visibility::{Viewer, visible},
};
use axum::{Json, extract::State};
use campo_domain::{
    busca,
    catalogo::{self, CATALOGOS},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{PgTransaction, Row};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Of each sort, how many when nobody says.
const LIMITE: u8 = 10;
/// Most words of a search.
const PALAVRAS_MAX: usize = 8;
/// Of each sort, at most.
const LIMITE_MAX: u8 = 50;

/// A screen, by the names that a person may look for.
struct Entrada {
    titulo: &'static str,
    outros: &'static str,
    endereco: &'static str,
    /// Whether it is a page of the office, or an address of the API.
    pagina: bool,
    permissao: Permissao,
}

const fn pagina(titulo: &'static str, outros: &'static str, endereco: &'static str) -> Entrada {
    Entrada { titulo, outros, endereco, pagina: true, permissao: Permissao::Ver }
}

const fn api(
    titulo: &'static str,
    outros: &'static str,
    endereco: &'static str,
    permissao: Permissao,
) -> Entrada {
    Entrada { titulo, outros, endereco, pagina: false, permissao }
}

/// What there is to open, by name.
const TELAS: &[Entrada] = &[
    pagina("Assistências", "atendimentos visitas técnicas chamados", "/assistencias"),
    pagina("Ocorrências", "casos chamados suporte reclamações atendimento", "/ocorrencias"),
    pagina("Agenda", "compromissos visitas calendário", "/agenda"),
    pagina("Retidas", "alterações retidas decidir aprovar descartar", "/retidas"),
    api("Clientes", "contas cadastro de clientes", "/v1/clientes", Permissao::Ver),
    api("Ações", "pedidos ao ERP integrações crédito devolução", "/v1/acoes", Permissao::Ver),
    api("Ações corretivas", "qualidade não conformidades", "/v1/acoes-corretivas", Permissao::Ver),
    api("Relatórios", "fontes de dados indicadores exportar", "/v1/fontes", Permissao::Ver),
    api("Catálogos", "cadastros tabelas listas", "/v1/catalogos", Permissao::Ver),
    api("Tipos e fluxos", "tipo de atendimento situações etapas", "/v1/tipos", Permissao::Ver),
    api("Pessoas", "usuários permissões grupos", "/v1/usuarios", Permissao::Administrar),
    api("Chaves de API", "integração tokens escopos", "/v1/chaves", Permissao::Administrar),
    api("Webhooks", "integração ERP entregas avisos", "/v1/webhooks", Permissao::Administrar),
    api("E-mails", "mensagens enviadas modelos de e-mail", "/v1/emails", Permissao::Administrar),
    api("Modelos iniciais", "presets produtos", "/v1/presets", Permissao::Administrar),
    api("Empresa", "dados fuso configuração", "/v1/empresa", Permissao::Administrar),
    api("Documentação da API", "openapi swagger integração", "/docs", Permissao::Ver),
];

/// What to look for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Filtro {
    /// O que procurar: nomes, números, clientes. Acentos não importam.
    q: String,
    /// Quantos de cada, até 50.
    #[param(minimum = 1, maximum = 50)]
    limite: Option<u8>,
}

/// O que foi encontrado.
#[derive(Debug, Serialize, ToSchema)]
pub struct Encontrados {
    /// Telas e endereços.
    telas: Vec<Tela>,
    /// Catálogos.
    catalogos: Vec<Catalogo>,
    /// Entradas de catálogos.
    entradas: Vec<EntradaDeCatalogo>,
    /// Registros que a pessoa pode ver, os alterados por último na frente.
    registros: Vec<Encontrado>,
}

/// Uma tela, ou um endereço da API.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tela {
    /// O nome.
    titulo: &'static str,
    /// O endereço.
    endereco: &'static str,
    /// `pagina` ou `api`.
    onde: &'static str,
}

/// Um catálogo.
#[derive(Debug, Serialize, ToSchema)]
pub struct Catalogo {
    /// O código.
    codigo: &'static str,
    /// O nome.
    titulo: &'static str,
    /// O endereço.
    endereco: String,
}

/// Uma entrada de um catálogo.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct EntradaDeCatalogo {
    /// O catálogo.
    catalogo: String,
    /// O código.
    codigo: String,
    /// O nome.
    nome: String,
}

/// Um registro.
#[derive(Debug, Serialize, ToSchema)]
pub struct Encontrado {
    /// O identificador.
    id: Uuid,
    /// O que ele é.
    #[schema(value_type = crate::schemas::Kind)]
    kind: String,
    /// O número; antes dele, um rótulo provisório.
    rotulo: String,
    /// O começo do texto principal.
    titulo: String,
    /// O nome da situação.
    situacao: String,
    /// O nome do cliente, do registro ou daquele a que pertence.
    cliente: Option<String>,
}

/// Busca telas, catálogos, entradas e registros.
#[utoipa::path(get, path = "/v1/busca", tag = "Busca", params(Filtro),
    security(("token" = ["registros:ler"])),
    responses((status = 200, body = Encontrados), crate::http::problems::Problemas))]
pub async fn buscar(
    State(app): State<App>,
    acesso: Acesso<LerRegistros>,
    ApiQuery(filtro): ApiQuery<Filtro>,
) -> ApiResult<Json<Encontrados>> {
    let limite = filtro.limite.unwrap_or(LIMITE);
    if filtro.q.chars().count() > 200 || !(1..=LIMITE_MAX).contains(&limite) {
        let mensagem = format!("A busca aceita até 200 caracteres, e limite de 1 a {LIMITE_MAX}.");
        return Err(ApiError::invalido(mensagem));
    }
    let dobrado = busca::dobrar(&filtro.q);
    let palavras: Vec<String> =
        dobrado.split_whitespace().take(PALAVRAS_MAX).map(str::to_owned).collect();
    if palavras.is_empty() {
        return Err(ApiError::invalido("Diga o que procurar."));
    }
    let max = usize::from(limite);
    let mut tx = app.db.snapshot(acesso.tenant).await?;
    let registros = match search::query(&filtro.q) {
        Some(q) => registros(&mut tx, Viewer::of(&acesso.pessoa), q, limite.into()).await?,
        None => Vec::new(),
    };
    Ok(Json(Encontrados {
        telas: telas(&acesso.pessoa, &palavras).take(max).collect(),
        catalogos: catalogos(&palavras).take(max).collect(),
        entradas: entradas(&mut tx, &palavras, limite.into()).await?,
        registros,
    }))
}

/// Whether every word is in the text.
fn tem(palavras: &[String], texto: &str) -> bool {
    let texto = busca::dobrar(texto);
    palavras.iter().all(|palavra| texto.contains(palavra.as_str()))
}

fn telas(pessoa: &Pessoa, palavras: &[String]) -> impl Iterator<Item = Tela> {
    let achadas = TELAS.iter().filter(|tela| {
        pessoa.pode(tela.permissao) && tem(palavras, &format!("{} {}", tela.titulo, tela.outros))
    });
    achadas.map(|tela| Tela {
        titulo: tela.titulo,
        endereco: tela.endereco,
        onde: if tela.pagina { "pagina" } else { "api" },
    })
}

fn catalogos(palavras: &[String]) -> impl Iterator<Item = Catalogo> {
    catalogo::buscar(&palavras.join(" ")).map(|catalogo| Catalogo {
        codigo: catalogo.codigo,
        titulo: catalogo.titulo,
        endereco: format!("/v1/catalogos/{}", catalogo.codigo),
    })
}

async fn entradas(
    tx: &mut PgTransaction<'_>,
    palavras: &[String],
    limite: i64,
) -> sqlx::Result<Vec<EntradaDeCatalogo>> {
    let padroes: Vec<String> = palavras.iter().map(|palavra| columns::pattern(palavra)).collect();
    let catalogos: Vec<&str> = CATALOGOS.iter().map(|catalogo| catalogo.codigo).collect();
    let sql = format!(
        "SELECT r.collection AS catalogo, r.key AS codigo, \
             coalesce(r.data->>'nome', r.key) AS nome \
         FROM referencia r WHERE r.tenant = campo_tenant() AND r.collection = ANY($1) AND r.active \
             AND ({} LIKE ALL ($2) OR r.key LIKE ALL ($2)) \
         ORDER BY nome, catalogo, codigo LIMIT $3",
        columns::text("coalesce(r.data->>'nome', r.key)")
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(catalogos)
        .bind(padroes)
        .bind(limite)
        .fetch_all(&mut **tx)
        .await
}

/// The records that match `$3`, up to `$4`; `$1` and `$2` are the viewer.
pub(super) fn sql() -> String {
    format!(
        "(SELECT 'assistencia' AS kind, t.id, t.numero, t.titulo, t.situacao_nome, c.nome, \
             t.atualizado_em FROM assistencias t \
             LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = t.cliente \
             WHERE t.id IN (SELECT busca_assistencias($3)) AND {visible} \
             ORDER BY t.atualizado_em DESC LIMIT $4) UNION ALL \
         (SELECT 'ocorrencia', t.id, t.numero, t.titulo, t.situacao_nome, c.nome, \
             t.atualizado_em FROM ocorrencias t \
             LEFT JOIN assistencias a ON a.tenant = t.tenant AND a.id = t.assistencia \
             LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = {da_ocorrencia} \
             WHERE t.id IN (SELECT busca_ocorrencias($3)) AND {visible} \
             ORDER BY t.atualizado_em DESC LIMIT $4) UNION ALL \
         (SELECT 'agenda', t.id, NULL, t.titulo, t.situacao_nome, c.nome, t.atualizado_em \
             FROM agendas t \
             LEFT JOIN assistencias a ON a.tenant = t.tenant AND a.id = t.assistencia \
             LEFT JOIN ocorrencias o ON o.tenant = t.tenant AND o.id = t.ocorrencia \
             LEFT JOIN clientes c ON c.tenant = t.tenant AND c.id = {da_agenda} \
             WHERE t.id IN (SELECT busca_agendas($3)) AND {visible} \
             ORDER BY t.atualizado_em DESC LIMIT $4) UNION ALL \
         (SELECT 'cliente', t.id, NULL, t.titulo, t.situacao_nome, t.nome, t.atualizado_em \
             FROM clientes t WHERE t.id IN (SELECT busca_clientes($3)) AND $1 IS NOT NULL \
             ORDER BY t.atualizado_em DESC LIMIT $4) \
         ORDER BY atualizado_em DESC, id LIMIT $4",
        visible = visible!("t"),
        da_ocorrencia = client(Kind::Ocorrencia, "t"),
        da_agenda = client(Kind::Agenda, "t"),
    )
}

/// The records of every kind that match, by their number, title, client or any of their words.
async fn registros(
    tx: &mut PgTransaction<'_>,
    viewer: Viewer,
    q: Value,
    limite: i64,
) -> sqlx::Result<Vec<Encontrado>> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql()))
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(q)
        .bind(limite)
        .fetch_all(&mut **tx)
        .await?;
    let um = |row: sqlx::postgres::PgRow| {
        let (id, numero): (Uuid, Option<String>) = (row.try_get("id")?, row.try_get("numero")?);
        Ok(Encontrado {
            id,
            kind: row.try_get("kind")?,
            rotulo: record::label(id, numero.as_deref()),
            titulo: row.try_get("titulo")?,
            situacao: row.try_get("situacao_nome")?,
            cliente: row.try_get("nome")?,
        })
    };
    rows.into_iter().map(um).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_is_found_by_any_of_its_names_and_only_by_whom_it_is_for() {
        let pessoa = |permissoes: &[Permissao]| Pessoa {
            id: campo_domain::ids::UserId::from_u128(1),
            nome: "Ana".into(),
            permissoes: permissoes.iter().copied().collect(),
            ativo: true,
            grupos: Default::default(),
            filial: None,
            cliente: None,
        };
        let achadas = |permissoes: &[Permissao], q: &str| {
            let palavras: Vec<String> =
                busca::dobrar(q).split_whitespace().map(str::to_owned).collect();
            telas(&pessoa(permissoes), &palavras).map(|tela| tela.titulo).collect::<Vec<_>>()
        };
        let (ver, tudo) = ([Permissao::Ver], [Permissao::Ver, Permissao::Administrar]);
        assert_eq!(achadas(&ver, "ACOES corretivas"), ["Ações corretivas"]);
        assert_eq!(achadas(&ver, "calendário"), ["Agenda"]);
        assert!(achadas(&ver, "usuários").is_empty());
        assert_eq!(achadas(&tudo, "usuários"), ["Pessoas"]);
        assert_eq!(catalogos(&["despesas".into()]).next().unwrap().codigo, "tipo_despesa");
    }
}
