//! "Buscar no sistema" (R36): one search over screens, catalogues, their entries and records.

use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::{
        extract::ApiQuery,
        principal::{Acesso, LerRegistros},
    },
    reading::{
        self, record,
        search::{FoundEntry, FoundRecord},
    },
    search,
    visibility::Viewer,
};
use axum::{Json, extract::State};
use campo_domain::{
    busca, catalogo,
    pessoa::{Permissao, Pessoa},
};
use serde::{Deserialize, Serialize};
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
#[derive(Debug, Serialize, ToSchema)]
struct EntradaDeCatalogo {
    /// O catálogo.
    catalogo: String,
    /// O código.
    codigo: String,
    /// O nome.
    nome: String,
}

/// Um registro.
#[derive(Debug, Serialize, ToSchema)]
struct Encontrado {
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
    let viewer = Viewer::of(&acesso.pessoa);
    let registros = match search::query(&filtro.q) {
        Some(q) => reading::search::records(&mut tx, viewer, q, limite.into()).await?,
        None => Vec::new(),
    };
    let entradas = reading::search::entries(&mut tx, &palavras, limite.into()).await?;
    Ok(Json(Encontrados {
        telas: telas(&acesso.pessoa, &palavras).take(max).collect(),
        catalogos: catalogos(&palavras).take(max).collect(),
        entradas: entradas.into_iter().map(EntradaDeCatalogo::from).collect(),
        registros: registros.into_iter().map(Encontrado::from).collect(),
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

impl From<FoundEntry> for EntradaDeCatalogo {
    fn from(found: FoundEntry) -> Self {
        let FoundEntry { catalogo, codigo, nome } = found;
        Self { catalogo, codigo, nome }
    }
}

impl From<FoundRecord> for Encontrado {
    fn from(found: FoundRecord) -> Self {
        Self {
            id: found.id,
            kind: found.kind,
            rotulo: record::label(found.id, found.numero.as_deref()),
            titulo: found.titulo,
            situacao: found.situacao_nome,
            cliente: found.nome,
        }
    }
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
