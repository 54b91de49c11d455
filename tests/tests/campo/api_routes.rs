//! Every route is in the OpenAPI document, and every route of the document turns away whoever may
//! not use it. Who may is written out in a golden file; `CAMPO_BLESS=1` writes it anew.

use crate::{
    harness::{AURORA, SENHA, Site},
    page_client::Answer,
    rest::{self, Rest},
};
use campo_server::routes;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt::Write,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Routes where anybody may come in.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/v1/auth/login", "/v1/auth/refresh"];
/// Routes of a device's session, where a key is of no use.
const DEVICE: [&str; 3] = ["/v1/auth/logout", "/v1/sync", "/v1/live"];

const ESCOPOS: [&str; 6] = [
    "registros:ler",
    "registros:escrever",
    "acoes:responder",
    "catalogos:ler",
    "catalogos:escrever",
    "administrar",
];

const TODAS: [&str; 6] =
    ["ver", "ver_todas", "gerenciar", "emitir_laudo", "aprovar", "administrar"];

/// Method and path of every operation of the document.
fn operations(document: &Value) -> Vec<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |path: &String, item: &Value| {
        let methods: Vec<_> = item.as_object().unwrap().keys().cloned().collect();
        let one = |method: String| (method.to_uppercase(), path.clone());
        methods.into_iter().map(one).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| of(path, item)).collect()
}

fn document() -> Value {
    serde_json::to_value(routes::document()).unwrap()
}

/// The path with something in place of each variable.
fn filled(path: &str) -> String {
    let id = Uuid::now_v7().to_string();
    path.split('/')
        .map(|part| match part {
            "{colecao}" => "setor",
            "{kind}" => "ocorrencias",
            "{versao}" => "1",
            variable if variable.starts_with('{') => &id,
            other => other,
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn every_route_for_programs_is_in_the_document_and_the_document_has_no_other() {
    let routes = include_str!("../../../server/src/routes.rs");
    let (programs, _pages) = routes.split_once("fn pages()").unwrap();
    let by_hand: BTreeSet<&str> = programs
        .split(".route(")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .filter(|path| !path.starts_with("/web/") && *path != "/v1/openapi.json")
        .collect();
    let document = document();
    let documented: BTreeSet<String> =
        operations(&document).into_iter().map(|(_, path)| path).collect();
    for path in by_hand {
        assert!(documented.contains(path), "{path} is not in the document");
    }
    // There is no other way in: the one list is all that is served.
    for source in sources("server/src/api").iter().chain(&sources("server/src/web")) {
        assert!(!source.contains(".route("), "list it in routes.rs: {source:.60}");
    }
    assert_eq!(document["openapi"], "3.1.0");
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    for (method, path) in operations(&document) {
        if !DEVICE.contains(&path.as_str()) {
            let answer = carla.send(&method, &filled(&path), &[], None);
            assert_ne!(answer.status, 405, "{method} {path}: {}", answer.body);
            assert!(answer.status < 500, "{method} {path}: {}", answer.body);
        }
    }
}

#[test]
fn the_document_is_served_and_its_viewer_loads_nothing_from_elsewhere() {
    let site = Site::new();
    let stranger = Rest::stranger(&site);
    assert_eq!(stranger.read("/v1/openapi.json"), document());
    let page = stranger.get("/docs/");
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    let elsewhere = page.body.split(['"', '\'']).find(|text| text.contains("//"));
    assert_eq!(elsewhere, None, "/docs names an address");
    for part in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert!(page.body.contains(part), "{part}");
        assert_eq!(stranger.get(&format!("/docs/{part}")).status, 200, "{part}");
    }
    assert!(stranger.get("/docs/swagger-initializer.js").body.contains("/v1/openapi.json"));
}

#[test]
fn what_the_document_promises_can_be_read() {
    let document = document();
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        let name = format!("{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|text| text.len() > 8), "{name}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        let variables = path.matches('{').count();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, variables, "{name}");
        assert!(operation["responses"].as_object().is_some_and(|r| !r.is_empty()), "{name}");
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    let names = text.split("#/components/schemas/").skip(1).map(|rest| rest.split('"').next());
    let lost: BTreeSet<&str> = names
        .flatten()
        .filter(|name| !document["components"]["schemas"][name].is_object())
        .collect();
    assert!(lost.is_empty(), "in no component: {lost:?}");
}

/// What the files below a folder of the project say.
pub fn sources(folder: &str) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder), &mut found);
    found
}

#[test]
fn no_two_schemas_and_no_two_operations_share_a_name() {
    let (sources, mut names) = (sources("server/src"), BTreeSet::new());
    for declared in sources.iter().flat_map(|source| source.split("ToSchema").skip(1)) {
        // From a derive: `)]`, other attributes, then the type.
        let Some((attributes, body)) = declared.split_once(" {") else { continue };
        if !attributes.starts_with([')', ',']) || attributes.contains("fn ") {
            continue;
        }
        let own = attributes.split("schema(as = ").nth(1).and_then(|rest| rest.split(')').next());
        let of_type = attributes.rsplit([' ', '\n']).next().unwrap();
        let name = own.unwrap_or(of_type).to_owned();
        assert!(names.insert(name.clone()), "two types are called {name}: {body:.60}");
    }
    assert!(names.contains("Usuario") && names.contains("SessaoUsuario"), "{names:?}");
    let document = document();
    let ids: Vec<String> = operations(&document)
        .iter()
        .map(|(method, path)| &document["paths"][path][method.to_lowercase()]["operationId"])
        .map(|id| id.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

fn problem(answer: &Answer, what: &str) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    (answer.status, answer.codigo())
}

#[test]
fn no_route_lets_in_whoever_has_no_token_or_not_the_right_one() {
    let site = Site::new();
    let stranger = Rest::stranger(&site);
    for (method, path) in operations(&document()) {
        if OPEN.contains(&path.as_str()) {
            continue;
        }
        let to = filled(&path);
        for somebody in [&stranger, &stranger.with("lixo"), &stranger.with("campo_lixo")] {
            let what = format!("{method} {path}");
            let answer = somebody.send(&method, &to, &[], None);
            assert_eq!(problem(&answer, &what), (401, "nao_autenticado".into()), "{what}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        // A page elsewhere can make a browser send a cookie, so a cookie opens nothing here.
        let office = crate::page_client::Pages::enter(&site, AURORA, "carla");
        let cookie = [("cookie", office.headers[0].1.as_str())];
        assert_eq!(stranger.send(&method, &to, &cookie, None).status, 401, "{method} {path}");
    }
}

/// What each scope alone and each kind of person is told, route by route.
fn matrix(site: &Site) -> String {
    let carla = Rest::enter(site, AURORA, "carla");
    let keys = ESCOPOS.map(|escopo| (escopo, carla.key(&[escopo], &TODAS)));
    let cliente = rest::cliente(site, "Padaria");
    let portal = json!({ "login": "cliente", "nome": "Cliente", "senha": SENHA,
                         "permissoes": ["portal"], "cliente": cliente });
    assert_eq!(carla.post("/v1/usuarios", &portal).status, 201);
    let people = ["nair", "ana", "cliente"].map(|login| (login, Rest::enter(site, AURORA, login)));

    let mut out = String::from("# Quem entra em cada rota da API.\n");
    let document = document();
    for (method, path) in operations(&document) {
        if OPEN.contains(&path.as_str()) || DEVICE.contains(&path.as_str()) {
            continue;
        }
        let to = filled(&path);
        let refused = |who: &Rest, what: &str| {
            let answer = who.send(&method, &to, &[], None);
            if answer.status != 403 {
                return None;
            }
            Some(problem(&answer, what).1)
        };
        let name = format!("{method} {path}");
        let declared = &document["paths"][&path][method.to_lowercase()]["security"];
        let open = keys.iter().filter(|(escopo, key)| match refused(key, escopo) {
            None => true,
            Some(codigo) => codigo != "escopo_insuficiente",
        });
        let escopos: Vec<&str> = open.map(|(escopo, _)| *escopo).collect();
        assert_eq!(escopos.len(), 1, "{name} takes exactly one scope, not {escopos:?}");
        assert_eq!(*declared, json!([{ "token": escopos }]), "{name}: say so in `security`");
        let (out_who, in_who): (Vec<_>, Vec<_>) =
            people.iter().partition(|(login, person)| refused(person, login).is_some());
        let names = |list: Vec<&(&str, Rest)>| {
            let names: Vec<&str> = list.iter().map(|(login, _)| *login).collect();
            if names.is_empty() { "ninguém".to_owned() } else { names.join(" ") }
        };
        let escopo = escopos[0];
        let (no, yes) = (names(out_who), names(in_who));
        writeln!(out, "{name}\n  escopo {escopo}; entram: {yes}; 403: {no}").unwrap();
    }
    out
}

#[test]
fn who_may_use_a_route_is_what_the_golden_file_says() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/api_routes.txt");
    let now = matrix(&Site::new());
    if std::env::var_os("CAMPO_BLESS").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap();
    let differs = now.lines().zip(golden.lines()).find(|(now, golden)| now != golden);
    assert!(now == golden, "first here: {differs:?}\nIf it is meant: CAMPO_BLESS=1");
    // Nobody without a permission gets in anywhere, and a client only into the portal and to the
    // files of its own cases.
    let for_clients = ["/portal", "/v1/anexos", "/v1/arquivos"];
    for line in golden.lines().filter(|line| line.starts_with("  ")) {
        assert!(line.split("403: ").nth(1).unwrap().contains("nair"), "{line}");
    }
    let routes: Vec<&str> = golden.lines().filter(|line| !line.starts_with("  ")).collect();
    for (route, line) in routes[1..].iter().zip(golden.lines().filter(|l| l.starts_with("  "))) {
        let inside = line.split("403: ").next().unwrap();
        let for_clients = for_clients.iter().any(|prefix| route.contains(prefix));
        assert_eq!(inside.contains("cliente"), for_clients, "{route}: {line}");
    }
}
