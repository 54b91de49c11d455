//! What the OpenAPI document says of answers is true. Every answer that a test gets through
//! [`crate::rest::Rest`] is held against it; here every route that reads is asked, in a company
//! that has some of everything.

use crate::{
    casa::Casa,
    office_api::{Api, Caso},
    outside::Erp,
    page_client::Answer,
    preset_p003::{self, Cenario},
};
use campo_server::routes;
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex},
};
use uuid::Uuid;

/// Headers that an operation must say it answers with.
const HEADERS: [&str; 5] = ["etag", "location", "link", "retry-after", "idempotency-replayed"];
/// Rows of a list that are read one by one.
const ROWS: usize = 10;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::to_value(routes::document()).unwrap());
/// The components, for answers: with no more fields than they say.
static CLOSED: LazyLock<Value> = LazyLock::new(|| closed(&DOCUMENT["components"]));
/// What was compiled, by operation and status.
static COMPILED: LazyLock<Mutex<BTreeMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The same components, where an object that has fields has no others.
fn closed(components: &Value) -> Value {
    let mut components = components.clone();
    let schemas = components["schemas"].as_object_mut().unwrap();
    let composed = schemas.values().filter_map(|schema| schema["allOf"].as_array()).flatten();
    let parts = composed.filter_map(|part| part["$ref"].as_str()?.rsplit('/').next());
    let mut open: BTreeSet<String> = parts.map(str::to_owned).collect();
    // A problem names further particulars of what it is about.
    open.insert("Problema".into());
    for (name, schema) in schemas.iter_mut().filter(|(name, _)| !open.contains(*name)) {
        let of_fields = schema["properties"].is_object() || schema["allOf"].is_array();
        if of_fields && schema.get("additionalProperties").is_none() {
            let schema = schema.as_object_mut().unwrap_or_else(|| panic!("{name}"));
            schema.insert("unevaluatedProperties".into(), json!(false));
        }
    }
    components
}

/// The path of the document that an address is of: the one with the most literal beginning.
fn template(path: &str) -> Option<&'static str> {
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &&'static String| {
        let of: Vec<&str> = template.split('/').collect();
        let same = |(of, is): (&&str, &&str)| of == is || (of.starts_with('{') && !is.is_empty());
        of.len() == segments.len() && of.iter().zip(&segments).all(same)
    };
    let paths = DOCUMENT["paths"].as_object()?.keys().filter(fits);
    let literal = |template: &&'static String| -> Vec<bool> {
        template.split('/').map(|segment| !segment.starts_with('{')).collect()
    };
    paths.max_by_key(literal).map(String::as_str)
}

/// Holds an answer against the document.
#[track_caller]
pub fn confere(method: &str, address: &str, answer: &Answer) {
    let path = address.split('?').next().unwrap_or_default();
    let Some(template) = template(path).filter(|_| path != "/v1/openapi.json") else { return };
    let operation = &DOCUMENT["paths"][template][method.to_lowercase()];
    if !operation.is_object() {
        return;
    }
    let what = format!("{method} {template} -> {}", answer.status);
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "{what}: no such status in the document: {}", answer.body);
    for name in HEADERS.into_iter().filter(|name| !answer.header(name).is_empty()) {
        let said = response["headers"].as_object().into_iter().flatten();
        let said = said.into_iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
        assert!(said, "{what}: the header {name} is not in the document");
    }
    let kind = answer.header("content-type").split(';').next().unwrap_or_default().trim();
    if !kind.ends_with("json") {
        let json = response["content"].get("application/json").is_some();
        assert!(!json, "{what}: the document says JSON, and it is “{kind}”");
        return;
    }
    let schema = &response["content"][kind]["schema"];
    assert!(!schema.is_null(), "{what}: the document has no {kind}: {}", answer.body);
    let validator = {
        let mut compiled = COMPILED.lock().unwrap();
        compiled.entry(what.clone()).or_insert_with(|| Arc::new(validator(schema))).clone()
    };
    let body = answer.json();
    let faults: Vec<String> = validator
        .iter_errors(&body)
        .take(5)
        .map(|error| format!("{}: {:.300}", error.instance_path(), error.to_string()))
        .collect();
    assert!(faults.is_empty(), "{what}: not what the document says: {faults:#?}");
}

fn validator(schema: &Value) -> Validator {
    let root = json!({ "components": *CLOSED, "allOf": [schema] });
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
    options.should_validate_formats(true).build(&root).unwrap()
}

/// A company with records of every kind, and of everything that may be of one.
struct Cheia {
    c: Cenario,
    portal: Api,
    foto: (Caso, String),
    _erp: Erp,
}

fn cheia() -> Cheia {
    let c = preset_p003::cenario(&[]);
    let (casa, adm) = (&c.casa, &c.casa.adm);
    let erp = Erp::ligado(adm);
    let rosa = casa.aparelho(&c.rosa);
    for preset in ["P000", "P001", "P002"] {
        adm.post(&format!("/v1/presets/{preset}/carregar"), &json!({})).feito();
    }

    // Concluded, with parts, notes and a link; gathered under an ação corretiva.
    let concluido = c.resolvido("reclamacao", "Veio amassado");
    let item = c.rosa.inclui(
        &c.atendimento("reclamacao", "Outro"),
        "itens",
        json!({
        "produto": "Lata 5 kg", "quantidade": "2.5", "valor_indenizado": "35.90" }),
    );
    let outro = item.ficha()["id"].as_str().unwrap().parse().map(Caso::ocorrencia).unwrap();
    let despesa = json!({ "despesa": "frete", "valor": "12.00" });
    c.rosa.inclui(&outro, "despesas", despesa).feito();
    let vinculo = json!({ "relacao": "causa", "documento": concluido.id });
    c.rosa.inclui(&outro, "vinculos", vinculo).feito();
    let dita = c.rosa.anota(&outro, "Chegou?").id();
    let resposta = json!({ "texto": "Chegou.", "resposta_a": dita });
    c.abel.post(&outro.em("/notas"), &resposta).feito();
    let parcial = json!({ "tipo": "parcial", "texto": "Ver o lote.", "encaminhar": c.chefe.id });
    c.abel.analisa(&concluido, json!({ "tipo": "parcial", "texto": "Ver o lote." }));
    c.abel.pede(&outro, "iniciar").feito();
    c.abel.pede(&outro, "enviar_para_analise").feito();
    c.abel.analisa(&outro, parcial).feito();
    let ultimo = json!({ "tipo": "parecer", "texto": "Encerrado.", "email": true });
    c.chefe.analisa(&concluido, ultimo).leva_a("concluido");
    let corretiva = json!({ "titulo": "Amassados", "registros": [concluido.id] });
    adm.post("/v1/acoes-corretivas", &corretiva).feito();
    c.chefe.restringe(&outro, json!({ "usuarios": [c.rosa.id, c.chefe.id] })).feito();
    c.chefe.libera(&outro).feito();
    c.chefe.restringe(&concluido, json!({ "usuarios": [c.rosa.id] })).feito();

    // A file that is declared; two values of one field; work that came too late.
    let arquivo = json!({ "nome": "foto.jpg", "categoria": "avaria", "mime": "image/jpeg",
                          "tamanho": 3, "sha256": "a".repeat(64) });
    let foto = c.rosa.inclui(&outro, "anexos", arquivo).id();
    let tarde = c.atendimento("reclamacao", "Tarde demais");
    rosa.sync();
    rosa.editar(outro.id, "contato_nome", "Rui").unwrap();
    rosa.editar(tarde.id, "contato_nome", "Rui").unwrap();
    c.abel.altera(&outro, json!({ "contato_nome": "Ana" })).feito();
    c.chefe.pede_por(&tarde, "cancelar", "Desistiu.").feito();
    assert_eq!(rosa.sync().held, 1);
    assert_eq!(adm.le(&outro)["conflitos"].as_array().map(Vec::len), Some(1));

    // A visit with what was found on it, and its agenda; what is asked of the ERP, and answered.
    let campos = json!({ "cliente": c.cliente, "situacao_alegada": "Porta caída" });
    let novo = json!({ "tipo": "p001.assistencia", "campos": campos });
    let visita = adm.abre_com("assistencias", &novo).caso();
    let campos = json!({ "assistencia": visita.id, "tipo_ocorrencia": "regulagem" });
    adm.abre("p001.ocorrencia", campos).feito();
    let agenda = json!({ "assistencia": visita.id, "tipo_agenda": "montagem",
        "responsavel": c.abel.id, "assunto": "Troca", "inicio": "2026-11-24T09:00",
        "fim": "2026-11-24T10:00" });
    adm.abre_com("agendas", &json!({ "tipo": "p001.agenda", "campos": agenda })).feito();
    asked_of_the_erp(casa, &c, &erp);

    let portal = casa.portal("rui", c.cliente);
    let campos = json!({ "assunto": "Erro na nota", "relato": "Trava", "categoria": "problema" });
    let nova = json!({ "tipo": "p002.ocorrencia", "campos": campos });
    let caso = portal.post("/v1/portal/ocorrencias", &nova).id();
    let nota = json!({ "texto": "Ainda trava." });
    portal.post(&format!("/v1/portal/ocorrencias/{caso}/notas"), &nota).feito();
    adm.chave("registros:ler", "ver");
    Cheia { foto: (outro, foto), portal, c, _erp: erp }
}

fn asked_of_the_erp(casa: &Casa, c: &Cenario, erp: &Erp) {
    let caso = json!({ "tipo": "p000.ocorrencia",
        "campos": { "escopo": "cliente", "tipo_ocorrencia": "divergencia_comercial",
            "relato": "Cobrado a mais", "cliente": c.cliente, "contato_nome": "Ivo",
            "contato_telefone": "11 3333-4444" },
        "itens": [{ "campos": { "produto": "Colchão", "quantidade": "1",
                                "valor_indenizado": "10.00" } }] });
    let caso = casa.adm.abre_com("ocorrencias", &caso).caso();
    casa.adm.pede(&caso, "colocar_em_analise").feito();
    let acao = casa.adm.solicita(&caso, "credito_cliente").id();
    erp.recebe(casa, 1);
    let resposta = json!({ "situacao": "concluida", "externo": "CR-881", "retorno": "Emitido." });
    let programa = casa.adm.chave("acoes:responder", "ver ver_todas");
    programa.post(&format!("/v1/acoes/{acao}/resposta"), &resposta).feito();
}

impl Cheia {
    fn quem(&self, template: &str) -> &Api {
        if template.starts_with("/v1/portal") { &self.portal } else { &self.c.casa.adm }
    }

    /// Addresses of a path of the document: each variable is what the list before it names.
    fn addresses(&self, template: &str) -> Vec<String> {
        let mut begun = vec![String::new()];
        for segment in template.split('/').skip(1) {
            let longer = |begin: &String| {
                let values = match segment.strip_prefix('{') {
                    None => vec![segment.to_owned()],
                    Some(variable) => self.values(template, begin, variable.trim_end_matches('}')),
                };
                values.into_iter().map(|value| format!("{begin}/{value}")).collect::<Vec<_>>()
            };
            begun = begun.iter().flat_map(longer).collect();
        }
        begun
    }

    fn values(&self, template: &str, list: &str, variable: &str) -> Vec<String> {
        let known: &[&str] = match variable {
            "kind" => &["assistencias", "ocorrencias", "agendas", "clientes"],
            "variante" => &["original", "previa", "miniatura"],
            "documento" => return vec![self.foto.0.id.to_string()],
            "anexo" => return vec![self.foto.1.clone()],
            _ => &[],
        };
        if !known.is_empty() {
            return known.iter().map(|value| (*value).to_owned()).collect();
        }
        let read = self.quem(template).get(list);
        let rows = rows(&read.corpo).into_iter().flatten().take(ROWS);
        let value = |row: &Value| {
            let named = [variable, "id", "codigo"].into_iter().find_map(|name| row.get(name))?;
            Some(named.as_str().map_or_else(|| named.to_string(), str::to_owned))
        };
        rows.filter_map(value).collect()
    }
}

/// The rows of an answer that is a list.
fn rows(body: &Value) -> Option<&Vec<Value>> {
    body.get("itens").unwrap_or(body).as_array()
}

/// Queries that an operation takes: none, and one for each value of each closed set.
fn queries(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.filter(|parameter| parameter["in"] == "query");
    let required = parameters.clone().filter(|parameter| parameter["required"] == true);
    let base: String = required
        .map(|parameter| format!("{}=pr", parameter["name"].as_str().unwrap()))
        .collect::<Vec<_>>()
        .join("&");
    let mut queries = vec![base.clone()];
    for parameter in parameters {
        let schema = &parameter["schema"];
        let either = schema["oneOf"].as_array().into_iter().flatten();
        for schema in either.chain([schema]) {
            let name = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            let schema = name.map_or(schema, |name| &DOCUMENT["components"]["schemas"][name]);
            for value in schema["enum"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                queries.extend(value.as_str().map(|value| format!("{base}&{name}={value}")));
            }
        }
    }
    queries
}

#[test]
fn every_route_that_reads_answers_what_the_document_says() {
    let cheia = cheia();
    let (mut silent, mut empty) = (Vec::new(), Vec::new());
    for (template, item) in DOCUMENT["paths"].as_object().unwrap() {
        let operation = &item["get"];
        // A stream, and bytes that have not arrived.
        if !operation.is_object() || template == "/v1/live" || template.starts_with("/v1/anexos") {
            continue;
        }
        let (mut read, mut lines) = (0, None::<usize>);
        for address in cheia.addresses(template) {
            for query in queries(operation) {
                let answer = cheia.quem(template).get(&format!("{address}?{query}"));
                assert_eq!(answer.status, 200, "{address}?{query}: {}", answer.texto);
                read += 1;
                if let Some(rows) = rows(&answer.corpo) {
                    *lines.get_or_insert(0) += rows.len();
                }
                let etag = answer.cabecalho("etag");
                let same = cheia.quem(template).send(
                    "GET",
                    &format!("{address}?{query}"),
                    &[("if-none-match", etag)],
                    None,
                );
                // A record shows more than what its version is of.
                let fresh = !etag.is_empty() && template != "/v1/{kind}/{id}";
                assert_eq!(same.status == 304, fresh, "{template}");
                let responses = &operation["responses"];
                assert_eq!(responses["304"].is_object(), fresh, "{template}");
                let told = responses["200"]["headers"]["ETag"].is_object();
                assert_eq!(told, !etag.is_empty(), "{template}");
            }
        }
        silent.extend((read == 0).then_some(template));
        empty.extend((lines == Some(0)).then_some(template));
    }
    assert!(silent.is_empty(), "nothing to ask for: {silent:?}");
    assert!(empty.is_empty(), "no rows to look at: {empty:?}");
    let foto = cheia.foto.0.em("").replace("/v1/ocorrencias", "/v1/anexos");
    let answer = cheia.c.casa.adm.get(&format!("{foto}/{}/previa", cheia.foto.1));
    assert_eq!(answer.status, 404);
}

#[test]
fn a_list_says_where_its_next_page_is_and_a_repeated_request_that_it_is_one() {
    let (_site, carla) = crate::api_registros::office("P003");
    for nome in ["Um", "Dois"] {
        let body = json!({ "tipo": "p003.cliente", "campos": { "nome": nome } });
        let answers = [(), ()].map(|()| {
            carla.send("POST", "/v1/clientes", &[("idempotency-key", nome)], Some(&body))
        });
        assert_eq!(answers[1].header("idempotency-replayed"), "true");
        assert_eq!(answers[0].body, answers[1].body);
    }
    let page = carla.get("/v1/clientes?limite=1");
    assert!(page.header("link").contains("rel=\"next\""));
}

#[test]
fn every_route_that_honours_if_match_says_so() {
    let sources = crate::api_routes::sources("server/src/api");
    let mut honouring = 0;
    for handler in sources.iter().flat_map(|source| source.split("#[utoipa::path(").skip(1)) {
        let (head, rest) = handler.split_once("fn ").unwrap();
        let signature = rest.split("->").next().unwrap();
        let path = head.split("path = \"").nth(1).and_then(|rest| rest.split('"').next());
        let (method, path) = (head.split(',').next().unwrap().trim(), path.unwrap());
        let parameters = DOCUMENT["paths"][path][method]["parameters"].as_array();
        let said = parameters.into_iter().flatten().any(|given| given["name"] == "If-Match");
        assert_eq!(said, signature.contains(": IfMatch"), "{method} {path}");
        honouring += usize::from(said);
    }
    assert!(honouring > 20, "{honouring}");
}

#[test]
fn every_command_is_in_the_document_with_all_its_fields_and_no_others() {
    let comandos = DOCUMENT["components"]["schemas"]["Comando"]["oneOf"].as_array().unwrap();
    let names: Vec<&str> = comandos
        .iter()
        .map(|comando| comando["properties"]["comando"]["enum"][0].as_str().unwrap())
        .collect();
    let all = [
        "editar",
        "editar_texto",
        "incluir_item",
        "editar_item",
        "remover_item",
        "participar",
        "interessar",
        "anotar",
        "transicionar",
        "analisar",
        "restringir",
        "solicitar_acao",
    ];
    assert_eq!(names, all);
    assert!(comandos.iter().all(|comando| comando["additionalProperties"] == false));
    let body = &DOCUMENT["paths"]["/v1/{kind}/{id}/comandos"]["post"]["requestBody"];
    let accepts = validator(&body["content"]["application/json"]["schema"]);
    let um = json!({ "comando": "editar", "campo": "prazo", "valor": "2026-12-01" });
    let mut errado = um.clone();
    errado["xx"] = json!(1);
    assert!(accepts.is_valid(&um) && accepts.is_valid(&json!([um, um])));
    assert!(!accepts.is_valid(&errado) && !accepts.is_valid(&json!([um, errado])));
    // Every page has a length that can be asked for.
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        for limite in parameters.filter(|parameter| parameter["name"] == "limite") {
            let range = (&limite["schema"]["minimum"], &limite["schema"]["maximum"]);
            assert!(*range.0 == 1 && range.1.as_u64().is_some_and(|max| max <= 200), "{path}");
        }
    }
}

#[test]
fn a_race_that_was_lost_says_which_version_there_is() {
    let (site, carla) = crate::api_registros::office("P003");
    let (path, _) = crate::api_registros::reclamacao(&site, &carla);
    let etag = carla.get(&path).header("etag").to_owned();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..6)
            .map(|n| {
                let (carla, path, etag) = (&carla, &path, &etag);
                let body = json!({ "campos": { "contato_nome": format!("Rui {n}") } });
                scope.spawn(move || carla.send("PATCH", path, &[("if-match", etag)], Some(&body)))
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let now = carla.get(&path).header("etag").to_owned();
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((lost.status, lost.codigo()), (412, "versao_desatualizada".into()));
        assert_eq!(lost.header("etag"), now, "what to go on from");
    }
}

#[test]
fn every_error_of_a_body_is_a_problem_with_one_code() {
    let (site, carla) = crate::api_registros::office("P003");
    let (path, _) = crate::api_registros::reclamacao(&site, &carla);
    let large = json!({ "motivo": "x".repeat(2 << 20) });
    let large = large.to_string();
    let bearer = || vec![("authorization", carla.bearer())];
    let pages = crate::page_client::Pages::stranger(&site);
    for to in [
        format!("{path}/transicoes/cancelar"),
        format!("{path}/duplicar"),
        format!("{path}/comandos"),
        "/v1/auth/login".to_owned(),
    ] {
        let answer = pages.post_with(&to, "application/json", &bearer(), large.as_bytes());
        assert_eq!(answer.header("content-type"), "application/problem+json", "{to}");
        assert_eq!((answer.status, answer.codigo()), (413, "pedido_grande_demais".into()), "{to}");
        let answer = pages.post_with(&to, "text/plain", &bearer(), b"{}");
        assert_eq!((answer.status, answer.codigo()), (415, "pedido_invalido".into()), "{to}");
    }
    // A body that may be absent may be absent.
    let copia = carla.send("POST", &format!("{path}/duplicar"), &[], None);
    assert_eq!(copia.status, 201, "{}", copia.body);
}

#[test]
fn whoever_makes_a_record_for_others_learns_which_it_is() {
    let c = preset_p003::cenario(&[]);
    let gil = c.casa.pessoa("gil", "ver ver_todas gerenciar");
    let novo = json!({ "id": Uuid::now_v7(), "tipo": "p003.reclamacao",
        "campos": { "cliente": c.cliente, "responsavel": c.abel.id, "relato": "Reservada" },
        "restricao": { "usuarios": [c.abel.id] } });
    let feito = gil.post("/v1/ocorrencias", &novo);
    let endereco = format!("/v1/ocorrencias/{}", novo["id"].as_str().unwrap());
    assert_eq!((feito.status, feito.cabecalho("location")), (201, endereco.as_str()));
    assert_eq!(feito.corpo, json!({ "id": novo["id"] }));
    assert_eq!(gil.get(&endereco).status, 404);
    assert_eq!(c.abel.get(&endereco).status, 200);
}

#[test]
fn text_may_come_with_the_line_ends_of_any_system() {
    let (site, carla) = crate::api_registros::office("P003");
    let (path, _) = crate::api_registros::reclamacao(&site, &carla);
    let texto = "linha 1\r\nlinha 2";
    let feita = crate::api_registros::done(
        carla.post(&format!("{path}/notas"), &json!({ "texto": texto })),
    );
    assert_eq!(feita["registro"]["notas"][0]["texto"], "linha 1\nlinha 2");
    let parcial = json!({ "tipo": "parcial", "texto": texto });
    let feita = crate::api_registros::done(carla.post(&format!("{path}/analises"), &parcial));
    assert_eq!(feita["registro"]["analises"][0]["texto"], "linha 1\nlinha 2");
    let motivo = json!({ "motivo": texto });
    let feita =
        crate::api_registros::done(carla.post(&format!("{path}/transicoes/cancelar"), &motivo));
    let pedidos = feita["pedidos"].as_array().unwrap();
    assert_eq!(pedidos.last().unwrap()["motivo"], "linha 1\nlinha 2");
}
