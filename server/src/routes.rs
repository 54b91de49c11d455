//! Every route of the server with what serves it, and the layers around them. If it is not here, it
//! is not served. The OpenAPI document is made of the same list.

use crate::{
    api::{
        catalogos, chaves, docs, empresa, health, live,
        registros::{
            acoes, acompanhamento, busca, comandos, corretivas, criar, emails, ficha, fontes,
            lista, notas, partes, pessoas, portal, restricao, retidas, transicoes,
        },
        saida, session, sync, tipos, usuarios,
    },
    app::App,
    arquivos::{download, upload},
    drain,
    error::{ApiError, ApiResult},
    http::{BODY_BYTES_MAX, idempotency, principal},
    log,
    web::{
        agenda, anexos, assets, create, held, lists, page,
        record::{buttons, show},
        session as entrance,
    },
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, head, options, post},
};
use std::{any::Any, time::Duration};
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::{
    router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt},
    routes,
};

/// Longest time for an answer, streams excepted.
const ANSWER_MAX: Duration = Duration::from_secs(30);

const CSP: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; \
                   base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The whole service.
pub fn router(app: App) -> Router {
    let authenticate = from_fn_with_state(app.clone(), principal::authenticate);
    let programs = Router::from(served(records()))
        .merge(served(across_records()))
        .merge(Router::from(served(company())))
        .route_layer(from_fn_with_state(app.clone(), idempotency::keep))
        .route_layer(authenticate.clone());
    let timed = Router::from(served(open()))
        .merge(programs)
        .route("/v1/openapi.json", docs::json(document()))
        .merge(docs::viewer())
        .merge(pages())
        .merge(record_buttons())
        .fallback(async || ApiError::nao_encontrado())
        .layer(from_fn(timeout));

    // Uploads have no limit of time nor of a body's length but their own, and keep nothing of a
    // body as the other routes for programs do: it may be large, and tus repeats it safely.
    let uploads = Router::from(served(uploads()))
        .route("/v1/arquivos/{id}", head(upload::look).post(upload::overridden))
        .route_layer(authenticate)
        .route("/v1/arquivos", options(upload::options))
        .route("/v1/arquivos/{id}", options(upload::options))
        .layer(upload::version());

    // Streams end when `App::shutdown` is requested, not after a time.
    let endless = Router::from(served(streams())).route("/web/ao-vivo", get(live::office));

    timed
        .merge(endless)
        .merge(uploads)
        .method_not_allowed_fallback(async || {
            let mensagem = "Este endereço não aceita esse método.";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "metodo_nao_aceito", mensagem)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(header(header::CONTENT_SECURITY_POLICY, CSP))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::REFERRER_POLICY, "same-origin"))
        .layer(from_fn(log::request))
        .layer(from_fn(drain::request))
        .with_state(app)
}

/// The OpenAPI document of the whole service.
pub fn document() -> OpenApi {
    let all = [open(), records(), across_records(), company(), uploads(), streams()];
    let all = all.into_iter().map(served);
    let documented = all.fold(docs::beginning(), OpenApiRouter::merge);
    docs::complete(documented.into_openapi())
}

/// Handlers that document themselves, each with the address that it documents.
type Documented = Vec<(&'static str, UtoipaMethodRouter<App>)>;

fn served(handlers: Documented) -> OpenApiRouter<App> {
    handlers.into_iter().fold(OpenApiRouter::new(), |router, (path, handlers)| {
        debug_assert!(handlers.1.paths.contains_key(path), "{path} documents another address");
        router.routes(handlers)
    })
}

/// Routes that ask by themselves who calls, or let anybody in.
fn open() -> Documented {
    let sync = routes!(sync::sync).layer(DefaultBodyLimit::max(sync::BODY_BYTES_MAX));
    vec![
        ("/healthz", routes!(health::healthz)),
        ("/readyz", routes!(health::readyz)),
        ("/v1/auth/login", routes!(session::login)),
        ("/v1/auth/refresh", routes!(session::refresh)),
        ("/v1/auth/logout", routes!(session::logout)),
        ("/v1/sync", sync),
    ]
}

/// Records: lists, one whole, and every command.
fn records() -> Documented {
    vec![
        ("/v1/{kind}", routes!(lista::listar, criar::criar)),
        ("/v1/{kind}/{id}", routes!(ficha::ver, comandos::alterar)),
        ("/v1/{kind}/{id}/comandos", routes!(comandos::comandar)),
        ("/v1/{kind}/{id}/transicoes/{verbo}", routes!(transicoes::transicionar)),
        ("/v1/{kind}/{id}/notas", routes!(notas::anotar)),
        ("/v1/{kind}/{id}/analises", routes!(transicoes::analisar)),
        (
            "/v1/{kind}/{id}/participantes/{usuario}",
            routes!(pessoas::incluir_participante, pessoas::remover_participante),
        ),
        (
            "/v1/{kind}/{id}/interessados/{usuario}",
            routes!(pessoas::incluir_interessado, pessoas::remover_interessado),
        ),
        ("/v1/{kind}/{id}/restricao", routes!(restricao::restringir, restricao::liberar)),
        ("/v1/{kind}/{id}/duplicar", routes!(criar::duplicar)),
        ("/v1/{kind}/{id}/{partes}", routes!(partes::incluir)),
        ("/v1/{kind}/{id}/{partes}/{parte}", routes!(partes::alterar, partes::remover)),
        ("/v1/{kind}/{id}/acompanhamento", routes!(acompanhamento::ver)),
        ("/v1/{kind}/{id}/emails", routes!(emails::listar)),
        ("/v1/{kind}/{id}/acoes", routes!(acoes::solicitar)),
        ("/v1/anexos/{documento}/{anexo}/{variante}", routes!(download::download)),
        ("/v1/anexos/{documento}/{anexo}/{variante}/link", routes!(download::link)),
    ]
}

/// What goes over many records, and the client's portal.
fn across_records() -> Documented {
    vec![
        ("/v1/acoes", routes!(acoes::listar)),
        ("/v1/acoes/{id}", routes!(acoes::ver)),
        ("/v1/acoes/{id}/resposta", routes!(acoes::responder)),
        ("/v1/acoes-corretivas", routes!(corretivas::listar, corretivas::criar)),
        ("/v1/acoes-corretivas/{id}", routes!(corretivas::ver, corretivas::alterar)),
        ("/v1/acoes-corretivas/{id}/registros", routes!(corretivas::vincular)),
        ("/v1/acoes-corretivas/{id}/iniciar", routes!(corretivas::iniciar)),
        ("/v1/acoes-corretivas/{id}/encerrar", routes!(corretivas::encerrar)),
        ("/v1/retidas", routes!(retidas::listar)),
        ("/v1/retidas/{id}", routes!(retidas::ver)),
        ("/v1/retidas/{id}/decisao", routes!(retidas::decidir)),
        ("/v1/busca", routes!(busca::buscar)),
        ("/v1/fontes", routes!(fontes::listar)),
        ("/v1/fontes/{fonte}", routes!(fontes::ler)),
        ("/v1/portal/tipos", routes!(portal::formulario::tipos)),
        ("/v1/portal/ocorrencias", routes!(portal::lista::listar, portal::criar)),
        ("/v1/portal/ocorrencias/{id}", routes!(portal::ver)),
        ("/v1/portal/ocorrencias/{id}/notas", routes!(portal::anotar)),
        ("/v1/portal/ocorrencias/{id}/anexos", routes!(portal::anexar)),
        ("/v1/portal/ocorrencias/{id}/transicoes/{verbo}", routes!(portal::transicionar)),
    ]
}

/// The company: its catalogues, tipos, people, keys, and what leaves it.
fn company() -> Documented {
    vec![
        ("/v1/catalogos", routes!(catalogos::collections)),
        ("/v1/catalogos/{colecao}", routes!(catalogos::list)),
        ("/v1/catalogos/{colecao}/{codigo}", routes!(catalogos::show, catalogos::put)),
        ("/v1/tipos", routes!(tipos::list, tipos::create)),
        ("/v1/tipos/{codigo}", routes!(tipos::show, tipos::change)),
        ("/v1/tipos/{codigo}/versoes", routes!(tipos::history, tipos::renew)),
        ("/v1/tipos/{codigo}/versoes/{versao}", routes!(tipos::version)),
        ("/v1/presets", routes!(tipos::presets)),
        ("/v1/presets/{id}/carregar", routes!(tipos::load)),
        ("/v1/usuarios", routes!(usuarios::list, usuarios::create)),
        ("/v1/usuarios/{id}", routes!(usuarios::show, usuarios::change)),
        ("/v1/usuarios/{id}/senha", routes!(usuarios::set_password)),
        ("/v1/chaves", routes!(chaves::list, chaves::create)),
        ("/v1/chaves/{id}", routes!(chaves::show, chaves::revoke)),
        ("/v1/empresa", routes!(empresa::show, empresa::change)),
        ("/v1/webhooks", routes!(saida::endpoints, saida::create_endpoint)),
        (
            "/v1/webhooks/{id}",
            routes!(saida::endpoint, saida::change_endpoint, saida::remove_endpoint),
        ),
        ("/v1/webhooks/{id}/segredo", routes!(saida::turn_secret)),
        ("/v1/entregas", routes!(saida::deliveries)),
        ("/v1/entregas/{id}", routes!(saida::delivery)),
        ("/v1/entregas/{id}/tentativas", routes!(saida::tries)),
        ("/v1/entregas/{id}/reentregar", routes!(saida::deliver_again)),
        ("/v1/emails", routes!(saida::emails)),
        ("/v1/emails/{id}/reenviar", routes!(saida::send_again)),
        ("/v1/emails/{id}/cancelar", routes!(saida::cancel)),
        ("/v1/modelos-email", routes!(saida::templates)),
        (
            "/v1/modelos-email/{codigo}",
            routes!(saida::template, saida::write_template, saida::restore_template),
        ),
    ]
}

/// Uploads (tus). Its other methods on the same addresses need no line in the document.
fn uploads() -> Documented {
    vec![
        ("/v1/arquivos", routes!(upload::create)),
        ("/v1/arquivos/{id}", routes!(upload::resume, upload::terminate)),
    ]
}

/// What says that something moved.
fn streams() -> Documented {
    vec![("/v1/live", routes!(live::device))]
}

/// The pages of the office, and the files that they load.
fn pages() -> Router<App> {
    Router::new()
        .route("/", get(page::home))
        .route("/entrar", get(entrance::form).post(entrance::enter))
        .route("/sair", post(entrance::leave))
        .route("/assistencias", get(lists::assistencias))
        .route("/ocorrencias", get(lists::ocorrencias))
        .route("/agenda", get(agenda::day))
        .route("/retidas", get(held::list))
        .route("/retidas/{id}", post(held::decide))
        .route("/novo/{kind}", get(create::form).post(create::save))
        .route("/registros/{kind}/{id}", get(show::show))
        .route("/web/anexos/{documento}/{anexo}/{variante}", get(anexos::show))
        .route("/arquivo/{tenant}/{documento}/{anexo}/{variante}", get(anexos::linked))
        .route("/assets/{file}", get(assets::serve))
}

/// The forms of a record's page. Asked for by GET (a reload after a refusal), they lead to the
/// page.
fn record_buttons() -> Router<App> {
    let act = |button: MethodRouter<App>| button.get(show::home);
    Router::new()
        .route("/registros/{kind}/{id}/campo", act(post(buttons::fields::field)))
        .route("/registros/{kind}/{id}/conflito", act(post(buttons::fields::settle)))
        .route("/registros/{kind}/{id}/retida", act(post(buttons::fields::decide)))
        .route("/registros/{kind}/{id}/transicao", act(post(buttons::flow::ask)))
        .route("/registros/{kind}/{id}/analise", act(post(buttons::flow::analyse)))
        .route("/registros/{kind}/{id}/nota", act(post(buttons::notes::write)))
        .route("/registros/{kind}/{id}/participante", act(post(buttons::people::participant)))
        .route("/registros/{kind}/{id}/interessado", act(post(buttons::people::interested)))
        .route("/registros/{kind}/{id}/restricao", act(post(buttons::people::restrict)))
        .route("/registros/{kind}/{id}/parte", act(post(buttons::parts::save)))
        .route("/registros/{kind}/{id}/parte/remover", act(post(buttons::parts::remove)))
        .route("/registros/{kind}/{id}/acao", act(post(buttons::erp::ask)))
        .route("/registros/{kind}/{id}/corretiva", act(post(buttons::quality::join)))
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

async fn timeout(request: Request, next: Next) -> ApiResult<Response> {
    tokio::time::timeout(ANSWER_MAX, next.run(request)).await.map_err(|_| {
        let mensagem = "O servidor demorou demais. Tente de novo em instantes.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        ApiError::new(status, "tempo_esgotado", mensagem).after(5)
    })
}

fn panicked(what: Box<dyn Any + Send>) -> Response {
    let message = what
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| what.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::interno(anyhow::anyhow!("panic: {message}")).into_response()
}
