//! The OpenAPI document, and its [viewer] at `/docs`, which comes with the server: nothing is loaded
//! from elsewhere.

use crate::{
    api::{esquemas, idempotency, page, viewer},
    app::App,
    arquivos::envio,
    auth,
    error::ApiResult,
    health, live, sync,
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use campo_domain::refusal::{Codigo, Refusal};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, Modify, OpenApi, ToSchema,
    openapi::{
        HeaderBuilder, RefOr, Required, ResponseBuilder, Schema,
        content::{Content, ContentBuilder},
        path::{Operation, ParameterBuilder, ParameterIn},
        response::Response as Documented,
        schema::{ObjectBuilder, Ref, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// Where the document is.
const URL: &str = "/v1/openapi.json";

/// The viewer draws with styles and images that it writes into the page itself.
const CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                   object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the document says beyond the routes of the API.
#[derive(OpenApi)]
#[openapi(
    info(title = "Campo", description = "A API REST do Campo."),
    paths(
        auth::device::login,
        auth::device::refresh,
        auth::device::logout,
        sync::sync,
        live::device,
        envio::criar,
        envio::continuar,
        envio::encerrar,
        health::healthz,
        health::readyz,
    ),
    components(schemas(Problema)),
    tags(
        (name = "Sessão"), (name = "Sincronização"), (name = "Registros"), (name = "Ações"),
        (name = "Ações corretivas"), (name = "Portal"), (name = "Arquivos"), (name = "Busca"),
        (name = "Fontes"), (name = "Catálogos"), (name = "Tipos"), (name = "Administração"),
        (name = "Integração"), (name = "Servidor"),
    ),
    modifiers(&Extras),
    security(("token" = [])),
)]
pub struct Documento;

struct Extras;

impl Modify for Extras {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        document.info.description = Some(include_str!("docs.md").to_owned() + &codes());
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "O `acesso` de `/v1/auth/login`, ou uma chave que começa por `campo_`.",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
        components.schemas.extend(esquemas::conjuntos());
    }
}

/// What holds for every operation of the API, and is not said at each.
pub fn complete(document: &mut utoipa::openapi::OpenApi) {
    let extensions = document.extensions.get_or_insert_default();
    extensions.insert("webhooks".to_owned(), super::saida::webhooks());
    for (path, item) in &mut document.paths.paths {
        let methods = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in methods {
            let Some(operation) = operation else { continue };
            // Unique, as it must be; the names of the handlers are not.
            let words = path.split(['/', '{', '}']).filter(|word| !word.is_empty());
            let id = words.fold(method.to_owned(), |id, word| id + "_" + word);
            operation.operation_id = Some(id);
            // The layer of idempotency has neither of these within.
            let repeatable = path != "/v1/sync" && path != "/v1/arquivos";
            if method == "post" && repeatable && !path.starts_with("/v1/auth/") {
                let what = "Para repetir sem fazer de novo: até 200 caracteres.";
                add_header(operation, "Idempotency-Key", what);
                let replayed = "`true` se é a resposta que já foi dada.";
                tell(operation, "2", idempotency::REPLAYED.as_str(), replayed);
            }
            versions(path, operation);
            pages(operation);
            let sub = ["/notas", "/analises", "/acoes", "/{partes}"];
            if method == "post" && !sub.iter().any(|part| path.ends_with(part)) {
                tell(operation, "201", "Location", "O endereço do que foi criado.");
            }
            if path.starts_with("/v1/anexos/") {
                tell(operation, "404", "Retry-After", "Segundos até que talvez tenha chegado.");
            }
            for (status, response) in &mut operation.responses.responses {
                let RefOr::T(response) = response else { continue };
                if status.starts_with(['4', '5']) && response.content.is_empty() {
                    response.content.insert(PROBLEM.to_owned(), problem());
                }
            }
        }
    }
}

/// Which version an answer shows, where it shows one.
fn versions(path: &str, operation: &mut Operation) {
    let changed = "A versão do que se mostra, para `If-Match` e `If-None-Match`.";
    if operation.responses.responses.contains_key("304") {
        add_header(operation, "If-None-Match", "O `ETag` do que se tem: se não mudou, é 304.");
        tell(operation, "304", "ETag", changed);
    }
    let named = |name: &str| {
        let parameters = operation.parameters.iter().flatten();
        parameters.into_iter().any(|parameter| parameter.name == name)
    };
    if named("If-None-Match") || named("If-Match") {
        tell(operation, "200", "ETag", changed);
    }
    if !["/v1/chaves", "/v1/arquivos"].contains(&path) {
        tell(operation, "201", "ETag", changed);
    }
    for status in ["412", "428"] {
        tell(operation, status, "ETag", "A versão atual, se há uma.");
    }
}

/// How long a page may be, and where the next one is.
fn pages(operation: &mut Operation) {
    let mut paged = false;
    for parameter in operation.parameters.iter_mut().flatten() {
        paged |= parameter.name == "cursor";
        if let ("limite", Some(RefOr::T(Schema::Object(limite)))) =
            (parameter.name.as_str(), &mut parameter.schema)
        {
            limite.minimum = Some(1.into());
            limite.maximum.get_or_insert(usize::from(page::LIMITE_MAX).into());
        }
    }
    if paged {
        tell(operation, "200", "Link", "O endereço da próxima página: `rel=\"next\"`.");
    }
}

fn add_header(operation: &mut Operation, name: &str, what: &str) {
    let parameters = operation.parameters.get_or_insert_default();
    if parameters.iter().any(|parameter| parameter.name == name) {
        return;
    }
    let header = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(what))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
    parameters.push(header.build());
}

/// Documents a header of every answer whose status begins like that, and that says something.
fn tell(operation: &mut Operation, status: &str, name: &str, what: &str) {
    for (of, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && of.starts_with(status)
        {
            let header = HeaderBuilder::new().description(Some(what));
            let header = header.schema(ObjectBuilder::new().schema_type(Type::String));
            response.headers.entry(name.to_owned()).or_insert_with(|| header.build());
        }
    }
}

/// Every refusal of the domain, as a table.
fn codes() -> String {
    let row = |codigo: &Codigo| {
        let sentence = Refusal::com(*codigo, ["…", "…"].map(str::to_owned)).mensagem();
        format!("| `{}` | {sentence} |\n", codigo.codigo())
    };
    Codigo::TODOS.iter().map(row).collect()
}

/// Um problema (RFC 9457), em `application/problem+json`.
#[derive(Serialize, ToSchema)]
#[allow(dead_code)] // Shown in the document; `ApiError` writes it.
pub struct Problema {
    /// `urn:campo:problema:` e o código.
    r#type: String,
    /// O que o status quer dizer.
    title: String,
    /// O status da resposta.
    status: u16,
    /// O que aconteceu e o que fazer, para pessoas.
    detail: String,
    /// Código estável, para programas.
    codigo: String,
    /// O mesmo que `detail`.
    mensagem: String,
    /// `urn:campo:requisicao:` e o id da requisição.
    instance: Option<String>,
    /// O id da requisição, para procurar no registro do servidor.
    requisicao: Option<String>,
    /// Os particulares que a mensagem nomeia, na ordem dela.
    detalhes: Option<Vec<String>>,
    /// O que a leitura do pedido encontrou, para quem programa.
    detalhe: Option<String>,
}

/// What a problem is written as.
const PROBLEM: &str = "application/problem+json";

fn problem() -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name("Problema"))).build()
}

/// What a GET with an `ETag` answers where the caller has that version already.
#[derive(Debug)]
pub struct NaoMudou;

impl IntoResponses for NaoMudou {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        let same = ResponseBuilder::new().description("Não mudou.").build();
        [("304".to_owned(), same.into())].into()
    }
}

/// The problems that any route of the API may answer with.
#[derive(Debug)]
pub struct Problemas;

impl IntoResponses for Problemas {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        let later = || {
            let seconds = HeaderBuilder::new().description(Some("Segundos até tentar de novo."));
            seconds.schema(ObjectBuilder::new().schema_type(Type::Integer)).build()
        };
        let problem = |status: &str, what: &str| {
            let response = ResponseBuilder::new().description(what).content(PROBLEM, problem());
            match status {
                "409" | "429" | "503" => response.header("Retry-After", later()).build(),
                _ => response.build(),
            }
        };
        [
            ("400", "O pedido não pôde ser lido."),
            ("401", "Falta o token ou a chave, ou não vale mais."),
            ("403", "Falta a permissão ou o escopo."),
            ("404", "Não existe, ou não para quem pergunta."),
            ("405", "O endereço não aceita esse método; `Allow` diz quais aceita."),
            ("409", "Não cabe no estado atual, ou o mesmo pedido ainda está em andamento."),
            ("410", "Foi apagado."),
            ("412", "Foi alterado por outra pessoa; o `ETag` atual vem no cabeçalho."),
            ("413", "O corpo passa do limite."),
            ("415", "O corpo não é do tipo que o endereço lê."),
            ("422", "Os dados ou as regras não permitem."),
            ("428", "Falta o cabeçalho If-Match."),
            ("429", "Tentativas demais."),
            ("500", "Algo falhou no servidor."),
            ("503", "O servidor está ocupado, iniciando ou parando."),
        ]
        .map(|(status, what)| (status.to_owned(), problem(status, what).into()))
        .into()
    }
}

/// The document and the viewer.
pub fn routes(document: utoipa::openapi::OpenApi) -> Router<App> {
    let json = document.to_json().map(Bytes::from).map_err(|error| error.to_string());
    Router::new()
        .route(
            URL,
            get(async move || -> ApiResult<Response> {
                let json = json.clone().map_err(|error| anyhow::anyhow!(error))?;
                Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
            }),
        )
        .merge(viewer::routes().layer(from_fn(csp)))
}

async fn csp(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static(CSP);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
