//! The OpenAPI document, and its viewer at `/docs`, which comes with the server: nothing is loaded
//! from elsewhere.

use crate::{app::App, arquivos::envio, auth, error::ApiResult, health, live, sync};
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
        RefOr, Required, ResponseBuilder,
        content::ContentBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        response::Response as Documented,
        schema::{ObjectBuilder, Ref, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

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
    }
}

/// What holds for every operation of the API, and is not said at each.
pub fn complete(document: &mut utoipa::openapi::OpenApi) {
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
            let repeatable = path != "/v1/sync" && !path.starts_with("/v1/auth/");
            if method == "post" && repeatable {
                operation.parameters.get_or_insert_default().push(idempotency_key());
            }
        }
    }
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Para repetir sem fazer de novo: até 200 caracteres."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
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

/// The problems that any route of the API may answer with.
#[derive(Debug)]
pub struct Problemas;

impl IntoResponses for Problemas {
    fn responses() -> BTreeMap<String, RefOr<Documented>> {
        let problem = |what: &str| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problema")));
            ResponseBuilder::new()
                .description(what)
                .content("application/problem+json", content.build())
                .build()
        };
        [
            ("400", "O pedido não pôde ser lido."),
            ("401", "Falta o token ou a chave, ou não vale mais."),
            ("403", "Falta a permissão ou o escopo."),
            ("404", "Não existe, ou não para quem pergunta."),
            ("409", "Não cabe no estado atual."),
            ("412", "Foi alterado por outra pessoa; o `ETag` atual vem no cabeçalho."),
            ("422", "Os dados ou as regras não permitem."),
            ("428", "Falta o cabeçalho If-Match."),
        ]
        .map(|(status, what)| (status.to_owned(), problem(what).into()))
        .into()
    }
}

/// The document and the viewer.
pub fn routes(document: utoipa::openapi::OpenApi) -> Router<App> {
    let json = document.to_json().map(Bytes::from).map_err(|error| error.to_string());
    let viewer = Router::from(SwaggerUi::new("/docs").config(Config::from(URL)));
    Router::new()
        .route(
            URL,
            get(async move || -> ApiResult<Response> {
                let json = json.clone().map_err(|error| anyhow::anyhow!(error))?;
                Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
            }),
        )
        .merge(viewer.layer(from_fn(csp)))
}

async fn csp(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static(CSP);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
