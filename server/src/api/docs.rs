//! The OpenAPI document, and its viewer at `/docs`. The viewer's files are part of the server;
//! nothing is loaded from elsewhere.

use super::{
    registros::{
        acompanhamento::Visao, corretivas::SituacaoCorretiva, enderecos::Registros, partes::Partes,
    },
    saida,
};
use crate::{
    app::App,
    error::ApiResult,
    http::{
        idempotency, page,
        problems::{PROBLEM, Problema, problem},
    },
    outbox::{AcaoSolicitada, delivery::SituacaoEntrega},
    reading::sources::Fonte,
    schemas,
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use campo_domain::refusal::{Codigo, Refusal};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        HeaderBuilder, OpenApi as Document, RefOr, Required, Schema,
        path::{Operation, ParameterBuilder, ParameterIn},
        schema::{ObjectBuilder, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Where the document is.
const URL: &str = "/v1/openapi.json";

/// The viewer draws with styles and images that it writes into the page itself.
const CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                   object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the document says beyond the routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Campo", description = "A API REST do Campo."),
    // Schemas that no route names: errors, parameters, and webhooks.
    components(schemas(
        Problema, Registros, Partes, Fonte, SituacaoCorretiva, Visao, AcaoSolicitada,
        SituacaoEntrega,
    )),
    tags(
        (name = "Sessao", description = "Sessão"),
        (name = "Sincronizacao", description = "Sincronização"),
        (name = "Registros"),
        (name = "Acoes", description = "Ações"),
        (name = "Acoes corretivas", description = "Ações corretivas"),
        (name = "Portal"), (name = "Arquivos"), (name = "Busca"), (name = "Fontes"),
        (name = "Catalogos", description = "Catálogos"),
        (name = "Tipos"),
        (name = "Administracao", description = "Administração"),
        (name = "Integracao", description = "Integração"),
        (name = "Servidor"),
    ),
    modifiers(&Extras),
    security(("token" = [])),
)]
struct Documento;

/// The document before it has any route.
pub fn beginning() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Documento::openapi())
}

struct Extras;

impl Modify for Extras {
    fn modify(&self, document: &mut Document) {
        document.info.description = Some(include_str!("docs.md").to_owned() + &codes());
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "O `acesso` de `/v1/auth/login`, ou uma chave que começa por `campo_`.",
        ));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
        components.schemas.extend(schemas::conjuntos());
    }
}

/// Completes every operation with what the routes do not repeat: ids, common headers, errors.
pub fn complete(mut document: Document) -> Document {
    let extensions = document.extensions.get_or_insert_default();
    extensions.insert("webhooks".to_owned(), saida::webhooks());
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
            // From method and path, since ids must be unique and names of handlers are not.
            let words = path.split(['/', '{', '}']).filter(|word| !word.is_empty());
            let id = words.fold(method.to_owned(), |id, word| id + "_" + word);
            operation.operation_id = Some(id);
            // These two are outside of the idempotency layer.
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
    document
}

/// Adds the headers of versions: `ETag`, `If-Match`, `If-None-Match`.
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

/// Adds the limits of `limite` and the header `Link` to operations with pages.
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

/// Documents a header of every response whose status begins with `status`.
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
        let sentence = Refusal::with(*codigo, ["…", "…"].map(str::to_owned)).mensagem();
        format!("| `{}` | {sentence} |\n", codigo.codigo())
    };
    Codigo::TODOS.iter().map(row).collect()
}

/// Answers with the document.
pub fn json(document: Document) -> MethodRouter<App> {
    let json = document.to_json().map(Bytes::from).map_err(|error| error.to_string());
    get(async move || -> ApiResult<Response> {
        let json = json.clone().map_err(|error| anyhow::anyhow!(error))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
    })
}

/// `/docs`: the viewer, with the files that it loads.
pub fn viewer() -> Router<App> {
    let viewer = Router::from(SwaggerUi::new("/docs").config(Config::from(URL)));
    viewer.layer(from_fn(csp))
}

async fn csp(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static(CSP);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
