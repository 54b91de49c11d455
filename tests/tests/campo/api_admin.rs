//! The administration of a company through the API, and what every route of the API shares: keys,
//! versions, repetition, pages, problems.

use crate::{
    harness::{AURORA, SENHA, Site},
    page_client::{Answer, Pages},
    rest::{self, Rest},
};
use campo_domain::kind::Kind;
use serde_json::{Value, json};
use std::{collections::BTreeSet, io::Write, net::TcpStream, thread::sleep, time::Duration};
use uuid::Uuid;

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.codigo())
}

fn is(status: u16, codigo: &str) -> (u16, String) {
    (status, codigo.to_owned())
}

#[test]
fn a_problem_says_what_happened_to_programs_and_to_people() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let answer = carla.get("/v1/catalogos/nenhum");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let told = answer.json();
    assert_eq!(told["type"], "urn:campo:problema:nao_encontrado");
    assert_eq!(told["title"], "Não encontrado");
    assert_eq!((&told["status"], &told["codigo"]), (&json!(404), &json!("nao_encontrado")));
    assert_eq!(told["detail"], told["mensagem"]);
    let id = answer.header("x-request-id");
    assert_eq!(told["requisicao"], id);
    assert_eq!(told["instance"], format!("urn:campo:requisicao:{id}"));

    let path = "/v1/catalogos/setor/vendas";
    let put = |body: &str, kind: &str| {
        let bearer = ("authorization", carla.bearer().to_owned());
        Pages::stranger(&site).post_with("/v1/usuarios", kind, &[bearer], body.as_bytes())
    };
    assert_eq!(said(&put("{", "application/json")), is(400, "pedido_invalido"));
    assert_eq!(said(&put("{}", "text/plain")), is(415, "pedido_invalido"));
    assert_eq!(said(&put("{}", "application/json")), is(422, "pedido_invalido"));
    let nul = r#"{"login":"a\u0000b","nome":"A","permissoes":[]}"#;
    assert_eq!(said(&put(nul, "application/json")), is(400, "pedido_invalido"));
    // A little over the limit: of much more, the server closes before all of it is sent.
    let large = format!(r#"{{"login":"{}"}}"#, "x".repeat(2 << 20));
    assert_eq!(put(&large, "application/json").status, 413);

    let unknown = carla.send("PUT", path, &[], Some(&json!({ "nome": "Vendas", "cor": "azul" })));
    assert_eq!(said(&unknown), is(422, "pedido_invalido"));
    assert!(unknown.json()["detalhe"].as_str().unwrap().contains("cor"));
    for query in ["limite=0", "limite=201", "limite=x", "cor=azul", "busca=%00"] {
        let answer = carla.get(&format!("/v1/catalogos/setor?{query}"));
        assert_eq!(said(&answer), is(400, "pedido_invalido"), "{query}");
    }
    assert_eq!(said(&carla.get("/v1/catalogos/setor?cursor=x")), is(400, "cursor_invalido"));
    assert_eq!(said(&carla.get("/v1/catalogos/setor/a%00b")), is(404, "nao_encontrado"));
    assert_eq!(said(&carla.get("/v1/usuarios/ana")), is(404, "nao_encontrado"));
    assert_eq!(said(&carla.get("/v1/nada")), is(404, "nao_encontrado"));
    let method = carla.send("DELETE", "/v1/catalogos", &[], None);
    assert_eq!(said(&method), is(405, "metodo_nao_aceito"));
}

#[test]
fn a_key_acts_as_a_person_of_service_within_its_scopes_until_it_is_revoked() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let body = json!({ "nome": "ERP", "escopos": ["catalogos:ler", "catalogos:escrever"],
                       "permissoes": ["ver", "administrar"] });
    let made = carla.post("/v1/chaves", &body);
    assert_eq!(made.status, 201, "{}", made.body);
    let chave = made.json();
    let (segredo, id) = (chave["segredo"].as_str().unwrap(), chave["id"].as_str().unwrap());
    assert!(
        segredo.starts_with("campo_") && segredo.starts_with(chave["prefixo"].as_str().unwrap())
    );
    assert_eq!(made.header("cache-control"), "no-store");
    let stored =
        site.count("SELECT count(*) FROM chave_api WHERE chave_api::text LIKE '%segredo%'");
    assert_eq!(stored, 0);
    let path = format!("/v1/chaves/{id}");
    assert_eq!(carla.read(&path)["segredo"], Value::Null);
    assert_eq!(carla.read("/v1/chaves")["itens"][0]["nome"], "ERP");

    let erp = carla.with(segredo);
    let vendas = "/v1/catalogos/setor/vendas";
    let item = json!({ "nome": "Vendas" });
    assert_eq!(erp.send("PUT", vendas, &[], Some(&item)).status, 201);
    // It holds `administrar`, which the scopes do not reach.
    assert_eq!(said(&erp.get("/v1/usuarios")), is(403, "escopo_insuficiente"));
    assert!(carla.read(&path)["usada_em"].is_string());

    // What it acts as has a name, and no way in.
    let usuario = carla.read(&format!("/v1/usuarios/{}", chave["usuario"].as_str().unwrap()));
    assert_eq!((&usuario["nome"], &usuario["servico"]), (&json!("ERP"), &json!(true)));
    let login = usuario["login"].as_str().unwrap();
    assert_eq!(said(&erp.sign_in(AURORA, login, "")), is(401, "credenciais_invalidas"));
    let senha = format!("/v1/usuarios/{}/senha", usuario["id"].as_str().unwrap());
    assert_eq!(carla.post(&senha, &json!({ "senha": SENHA })).status, 404);
    assert_eq!(said(&erp.sign_in(AURORA, login, SENHA)), is(401, "credenciais_invalidas"));

    // Another key of the same program signs alike.
    let other = json!({ "nome": "ERP 2027", "escopos": ["catalogos:ler"],
                        "usuario": chave["usuario"] });
    let other = carla.post("/v1/chaves", &other).json();
    assert_eq!(other["usuario"], chave["usuario"]);
    let other = carla.with(other["segredo"].as_str().unwrap());

    assert_eq!(carla.send("DELETE", &path, &[], None).status, 204);
    assert_eq!(said(&erp.get(vendas)), is(401, "chave_revogada"));
    assert_eq!(other.get(vendas).status, 200);
    site.sql("UPDATE chave_api SET expira_em = now() - interval '1 second'");
    assert_eq!(said(&other.get(vendas)), is(401, "chave_expirada"));
    site.sql("UPDATE chave_api SET expira_em = NULL");
    let usuario = format!("/v1/usuarios/{}", chave["usuario"].as_str().unwrap());
    carla.change("PATCH", &usuario, &usuario, &json!({ "ativo": false }));
    assert_eq!(said(&other.get(vendas)), is(403, "usuario_inativo"));
}

#[test]
fn a_key_never_does_more_than_whoever_made_it() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let dono = json!({ "login": "dono", "nome": "Dono", "senha": SENHA,
                       "permissoes": ["ver", "administrar"] });
    assert_eq!(carla.post("/v1/usuarios", &dono).status, 201);
    let dono = Rest::enter(&site, AURORA, "dono");
    let wanted = |escopos: &[&str], permissoes: &[&str]| {
        let nome = "Programa";
        json!({ "nome": nome, "escopos": escopos, "permissoes": permissoes })
    };
    let more = dono.post("/v1/chaves", &wanted(&["administrar"], &["ver", "aprovar"]));
    assert_eq!(said(&more), is(403, "permissao_alem_da_propria"));
    let key = dono.key(&["administrar"], &["ver", "administrar"]);
    let more = key.post("/v1/chaves", &wanted(&["registros:ler"], &["ver"]));
    assert_eq!(said(&more), is(403, "permissao_alem_da_propria"));
    assert_eq!(key.post("/v1/chaves", &wanted(&["administrar"], &["ver"])).status, 201);

    // Nor is a person of service given more later on, nor a person taken for one.
    let chave = carla.post("/v1/chaves", &wanted(&["registros:ler"], &["ver"])).json();
    let usuario = format!("/v1/usuarios/{}", chave["usuario"].as_str().unwrap());
    let more = json!({ "permissoes": ["ver", "aprovar"] });
    let answer = dono.change("PATCH", &usuario, &usuario, &more);
    assert_eq!(said(&answer), is(403, "permissao_alem_da_propria"));
    assert_eq!(carla.change("PATCH", &usuario, &usuario, &more).status, 200);
    let as_ana = json!({ "nome": "X", "escopos": ["administrar"], "usuario": site.id("ana") });
    assert_eq!(said(&carla.post("/v1/chaves", &as_ana)), is(422, "chave_invalida"));
    for wrong in [
        wanted(&[], &["ver"]),
        wanted(&["registros:ler"], &["portal"]),
        json!({ "nome": "X", "escopos": ["registros:ler"] }),
        json!({ "nome": "X", "escopos": ["registros:ler"], "permissoes": [],
                "expira_em": "2020-01-01T00:00:00Z" }),
    ] {
        assert_eq!(said(&carla.post("/v1/chaves", &wrong)), is(422, "chave_invalida"), "{wrong}");
    }
    let ana = Rest::enter(&site, AURORA, "ana");
    let mine = ana.post("/v1/chaves", &wanted(&["registros:ler"], &["ver"]));
    assert_eq!(said(&mine), is(403, "sem_permissao"));
}

#[test]
fn a_key_makes_nobody_who_may_do_more_than_itself() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let key = carla.key(&["administrar"], &["ver", "administrar"]);
    let novo = |login: &str, permissoes: &[&str]| {
        json!({ "login": login, "nome": "Gil", "senha": SENHA,
                "permissoes": permissoes })
    };
    let above = is(403, "permissao_alem_da_propria");
    assert_eq!(said(&key.post("/v1/usuarios", &novo("gil", &["ver", "aprovar"]))), above);
    let gil = key.post("/v1/usuarios", &novo("gil", &["ver"]));
    assert_eq!(gil.status, 201, "{}", gil.body);
    let gil = format!("/v1/usuarios/{}", gil.json()["id"].as_str().unwrap());
    let more = json!({ "permissoes": ["ver", "gerenciar"] });
    assert_eq!(said(&key.change("PATCH", &gil, &gil, &more)), above);
    let senha = json!({ "senha": SENHA });
    assert_eq!(key.post(&format!("{gil}/senha"), &senha).status, 200);

    // Who may more already, a person sees to; the program may still write the rest of it down.
    assert_eq!(carla.change("PATCH", &gil, &gil, &more).status, 200);
    assert_eq!(said(&key.post(&format!("{gil}/senha"), &senha)), above);
    assert_eq!(key.change("PATCH", &gil, &gil, &json!({ "nome": "Gil Reis" })).status, 200);
    let cliente = rest::cliente(&site, "Padaria");
    let portal = json!({ "login": "padaria", "nome": "Padaria", "permissoes": ["portal"],
                         "cliente": cliente });
    assert_eq!(key.post("/v1/usuarios", &portal).status, 201);
}

#[test]
fn a_person_keeps_a_group_that_was_withdrawn_until_it_is_taken_away() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    for catalogo in ["/v1/catalogos/grupo/g1", "/v1/catalogos/filial/f1"] {
        let entry = json!({ "nome": "Um" });
        assert_eq!(carla.send("PUT", catalogo, &[], Some(&entry)).status, 201);
    }
    let ana = format!("/v1/usuarios/{}", site.id("ana"));
    let edit = |body: Value| carla.change("PATCH", &ana, &ana, &body);
    assert_eq!(edit(json!({ "grupos": ["g1"], "filial": "f1" })).status, 200);
    for catalogo in ["/v1/catalogos/grupo/g1", "/v1/catalogos/filial/f1"] {
        let entry = json!({ "nome": "Um", "ativo": false });
        assert_eq!(carla.change("PUT", catalogo, catalogo, &entry).status, 200);
    }
    let out = edit(json!({ "ativo": false }));
    assert_eq!((out.status, out.json()["grupos"].clone()), (200, json!(["g1"])), "{}", out.body);
    let bruno = format!("/v1/usuarios/{}", site.id("bruno"));
    for new in [json!({ "grupos": ["g1"] }), json!({ "filial": "f1" })] {
        let answer = carla.change("PATCH", &bruno, &bruno, &new);
        assert_eq!(said(&answer), is(422, "item_de_catalogo_inexistente"));
    }
}

#[test]
fn a_repeated_post_is_answered_from_memory_and_done_once() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let with = |who: &Rest, key: &str, path: &str, body: &Value| {
        who.send("POST", path, &[("idempotency-key", key)], Some(body))
    };
    let novo = json!({ "login": "gil", "nome": "Gil", "permissoes": ["ver"] });
    let first = with(&carla, "k1", "/v1/usuarios", &novo);
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, ""), "{}", first.body);
    let again = with(&carla, "k1", "/v1/usuarios", &novo);
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    for header in ["location", "etag", "content-type", "cache-control"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    // All of it but the secret, which is nowhere in the table.
    let (mut first, again) = (first.json(), again.json());
    let senha = first.as_object_mut().unwrap().remove("senha").unwrap();
    assert_eq!(first, again);
    let senha = senha.as_str().unwrap();
    let kept = "SELECT count(*) FROM idempotencia WHERE position";
    assert_eq!(site.count(&format!("{kept}(convert_to('{senha}', 'UTF8') IN corpo) > 0")), 0);
    assert_eq!(site.count(&format!("{kept}(convert_to('gil', 'UTF8') IN corpo) > 0")), 1);
    assert_eq!(site.count("SELECT count(*) FROM usuario WHERE login = 'gil'"), 1);

    // Another request under the same key, another person's key, no key at all.
    let other = json!({ "login": "hugo", "nome": "Hugo", "permissoes": [] });
    for (path, body) in [("/v1/usuarios", &other), ("/v1/chaves", &novo)] {
        assert_eq!(said(&with(&carla, "k1", path, body)), is(422, "chave_reutilizada"));
    }
    let chave = carla.key(&["administrar"], &["ver", "administrar"]);
    assert_eq!(said(&with(&chave, "k1", "/v1/usuarios", &novo)), is(409, "login_existe"));
    assert_eq!(said(&carla.post("/v1/usuarios", &novo)), is(409, "login_existe"));

    // An error wrote nothing and is not kept: the same key may try again.
    let late = json!({ "login": "ivo", "nome": "Ivo", "permissoes": [], "grupos": ["posvenda"] });
    let refused = with(&carla, "k2", "/v1/usuarios", &late);
    assert_eq!(said(&refused), is(422, "item_de_catalogo_inexistente"));
    let grupo = json!({ "nome": "Pós-venda" });
    assert_eq!(carla.send("PUT", "/v1/catalogos/grupo/posvenda", &[], Some(&grupo)).status, 201);
    assert_eq!(with(&carla, "k2", "/v1/usuarios", &late).status, 201);

    for key in ["", &"k".repeat(201)] {
        assert_eq!(said(&with(&carla, key, "/v1/usuarios", &other)), is(400, "pedido_invalido"));
    }
    // After a day it is forgotten.
    site.sql("UPDATE idempotencia SET criado_em = now() - interval '25 hours'");
    assert_eq!(with(&carla, "k1", "/v1/usuarios", &other).status, 201);
    assert_eq!(site.count("SELECT count(*) FROM idempotencia"), 1);
}

#[test]
fn two_at_once_under_one_key_do_it_once() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let novo = json!({ "login": "gil", "nome": "Gil", "senha": SENHA, "permissoes": [] });
    let send = |who: &Rest| {
        let key = [("idempotency-key", "mesma")];
        who.send("POST", "/v1/usuarios", &key, Some(&novo))
    };
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| send(&carla))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let done = |answer: &&Answer| answer.status == 201;
    let first = |answer: &&Answer| done(answer) && answer.header("idempotency-replayed").is_empty();
    assert_eq!(answers.iter().filter(first).count(), 1);
    for answer in answers.iter().filter(|answer| !done(answer)) {
        assert_eq!(said(answer), is(409, "em_andamento"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(send(&carla).header("idempotency-replayed"), "true");

    // As if the server had been killed while it worked: until the lease ends, then anew.
    site.sql("UPDATE idempotencia SET status = NULL");
    assert_eq!(said(&send(&carla)), is(409, "em_andamento"));
    site.sql("UPDATE idempotencia SET reservada_ate = now() - interval '1 second'");
    assert_eq!(said(&send(&carla)), is(409, "login_existe"));
}

#[test]
fn what_was_begun_is_finished_and_kept_when_the_caller_hangs_up() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let novo = json!({ "login": "gil", "nome": "Gil", "senha": SENHA, "permissoes": [] });
    let (body, bearer) = (novo.to_string(), carla.bearer());
    let head = format!(
        "POST /v1/usuarios HTTP/1.1\r\nhost: campo\r\nauthorization: {bearer}\r\n\
         idempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len(),
    );
    let mut stream = TcpStream::connect(site.addr()).unwrap();
    stream.write_all((head + &body).as_bytes()).unwrap();
    while site.count("SELECT count(*) FROM idempotencia") == 0 {
        sleep(Duration::from_millis(5));
    }
    drop(stream);
    let again = || carla.send("POST", "/v1/usuarios", &[("idempotency-key", "k")], Some(&novo));
    let mut answer = again();
    for _ in 0..500 {
        if answer.status == 409 && answer.codigo() == "em_andamento" {
            sleep(Duration::from_millis(20));
            answer = again();
        }
    }
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (201, "true"));
}

#[test]
fn nobody_overwrites_what_somebody_else_changed_meanwhile() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let path = format!("/v1/usuarios/{}", site.id("bruno"));
    let seen = carla.get(&path);
    let etag = seen.header("etag").to_owned();
    let known = carla.send("GET", &path, &[("if-none-match", &etag)], None);
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let change = |headers: &[(&str, &str)], nome: &str| {
        carla.send("PATCH", &path, headers, Some(&json!({ "nome": nome })))
    };
    let blind = change(&[], "Bruno T.");
    assert_eq!(said(&blind), is(428, "exige_if_match"));
    assert_eq!(blind.header("etag"), etag);
    let changed = change(&[("if-match", &etag)], "Bruno T.");
    assert_eq!((changed.status, &changed.json()["nome"]), (200, &json!("Bruno T.")));
    let late = change(&[("if-match", &etag)], "Bruno Tav.");
    assert_eq!(said(&late), is(412, "versao_desatualizada"));
    assert_eq!(late.header("etag"), changed.header("etag"));
    assert_eq!(carla.get(&path).header("etag"), changed.header("etag"));

    let empresa = "/v1/empresa";
    let fuso = json!({ "nome": "Aurora Móveis", "fuso": "America/Manaus" });
    let blind = carla.send("PATCH", empresa, &[], Some(&fuso));
    assert_eq!(said(&blind), is(428, "exige_if_match"));
    assert_eq!(carla.change("PATCH", empresa, empresa, &fuso).status, 200);
    assert_eq!(carla.read(empresa)["fuso"], "America/Manaus");
    let wrong = carla.change("PATCH", empresa, empresa, &json!({ "fuso": "Lua/Tranquilidade" }));
    assert_eq!(said(&wrong), is(422, "fuso_desconhecido"));
    let elsewhere = "SELECT count(*) FROM tenant WHERE nome = 'Aurora Móveis'";
    assert_eq!(site.count(elsewhere), 1);
}

#[test]
fn what_is_kept_in_a_catalogue_reaches_the_devices() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let ana = Rest::enter(&site, AURORA, "ana");
    let phone = site.phone("ana");
    let has = |codigo: &str| {
        phone.sync();
        let itens = phone.campo.catalogo("tipo_despesa").unwrap();
        itens.into_iter().find(|item| item.codigo == codigo).map(|item| item.nome)
    };
    // Expenses are kept by whoever sees records (R35), the rest by the administration.
    let path = "/v1/catalogos/tipo_despesa/pedagio";
    let made = ana.send("PUT", path, &[], Some(&json!({ "nome": "Pedágio" })));
    assert_eq!((made.status, made.json()["ativo"].as_bool()), (201, Some(true)), "{}", made.body);
    assert_eq!(has("pedagio").as_deref(), Some("Pedágio"));
    let setor = "/v1/catalogos/setor/vendas";
    let refused = ana.send("PUT", setor, &[], Some(&json!({ "nome": "Vendas" })));
    assert_eq!(said(&refused), is(403, "sem_permissao"));

    let blind = ana.send("PUT", path, &[], Some(&json!({ "nome": "Pedágios" })));
    assert_eq!(said(&blind), is(428, "exige_if_match"));
    let body = json!({ "nome": "Pedágios", "dados": { "conta": "4.1.2", "limite": 50 } });
    let changed = ana.change("PUT", path, path, &body);
    assert_eq!((changed.status, changed.json()["dados"]["limite"].clone()), (200, json!(50)));
    assert_eq!(ana.get(path).header("etag"), changed.header("etag"));
    assert_eq!(has("pedagio").as_deref(), Some("Pedágios"));
    let gone = json!({ "nome": "Pedágios", "ativo": false });
    assert_eq!(ana.change("PUT", path, path, &gone).status, 200);
    assert_eq!(has("pedagio"), None);
    assert_eq!(ana.read(path)["ativo"], false);
    let anew = ana.send("PUT", path, &[("if-none-match", "*")], Some(&gone));
    assert_eq!(said(&anew), is(412, "versao_desatualizada"));

    let put = |path: &str, body: Value| carla.send("PUT", path, &[], Some(&body));
    let large = json!({ "nome": "X", "dados": { "t": "x".repeat(17 << 10) } });
    assert_eq!(said(&put(setor, large)), is(422, "dados_grandes_demais"));
    assert_eq!(said(&put(setor, json!({ "nome": " " }))), is(422, "texto_invalido"));
    assert_eq!(said(&put(setor, json!({ "nome": "a\nb" }))), is(422, "texto_invalido"));
    for codigo in ["a%20b", "a%2Fb", &"x".repeat(65)] {
        let answer = put(&format!("/v1/catalogos/setor/{codigo}"), json!({ "nome": "X" }));
        assert_eq!(said(&answer), is(422, "codigo_invalido"), "{codigo}");
    }
    let person = put(&format!("/v1/catalogos/usuario/{}", site.id("ana")), json!({ "nome": "A" }));
    assert_eq!(said(&person), is(422, "catalogo_de_leitura"));
    let names = ana.read("/v1/catalogos/usuario?busca=nogueira");
    assert_eq!(names["itens"][0]["nome"], "Carla Nogueira");
}

#[test]
fn a_catalogue_is_searched_without_accents_and_read_page_by_page() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let nomes = ["Água", "abelha", "Ábaco", "zinco", "Banco", "banco", "Êmbolo"];
    for (n, nome) in nomes.iter().enumerate() {
        let path = format!("/v1/catalogos/fornecedor/f{n}");
        let body = json!({ "nome": nome, "ativo": *nome != "zinco" });
        assert_eq!(carla.send("PUT", &path, &[], Some(&body)).status, 201);
    }
    let (mut path, mut seen) = ("/v1/catalogos/fornecedor?limite=2&ativo=true".to_owned(), vec![]);
    loop {
        let page = carla.get(&path);
        assert_eq!(page.status, 200, "{}", page.body);
        for item in page.json()["itens"].as_array().unwrap() {
            seen.push(item["nome"].as_str().unwrap().to_owned());
        }
        let link = page.header("link");
        let Some(next) = link.strip_prefix('<').and_then(|link| link.split_once('>')) else {
            assert_eq!(page.json()["proximo"], Value::Null);
            break;
        };
        assert_eq!(next.1, "; rel=\"next\"");
        assert!(next.0.ends_with(page.json()["proximo"].as_str().unwrap()));
        path = next.0.to_owned();
    }
    assert_eq!(seen, ["Ábaco", "abelha", "Água", "Banco", "banco", "Êmbolo"]);
    let found = |query: &str| {
        let page = carla.read(&format!("/v1/catalogos/fornecedor?{query}"));
        let itens = page["itens"].as_array().unwrap().clone();
        itens.iter().map(|item| item["codigo"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("busca=EMBOLO"), ["f6"]);
    assert_eq!(found("busca=%C3%A1gu"), ["f0"]);
    assert_eq!(found("busca=f3"), ["f3"]);
    assert_eq!(found("ativo=false"), ["f3"]);
    assert_eq!(found("busca=nada"), [] as [&str; 0]);
    let all = carla.read("/v1/catalogos");
    let of = |codigo: &str| {
        let itens = all["itens"].as_array().unwrap();
        itens.iter().find(|item| item["codigo"] == codigo).cloned().unwrap()
    };
    assert_eq!(
        (&of("fornecedor")["itens"], &of("fornecedor")["nome"]),
        (&json!(7), &json!("Fornecedores"))
    );
    assert_eq!(of("tipo_despesa")["permissao"], "ver");
    assert_eq!(of("usuario")["permissao"], Value::Null);
}

#[test]
fn a_tipo_gets_a_new_version_and_records_keep_theirs() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let phone = site.phone("ana");
    let of = |kind: Kind| {
        let tipos = phone.campo.tipos(kind).unwrap();
        tipos.iter().map(|t| (t.codigo.clone(), t.versao)).collect::<BTreeSet<_>>()
    };
    let old = phone.cliente("Padaria");
    phone.sync();
    let codigo = phone.registro(old).tipo.codigo;
    let path = format!("/v1/tipos/{codigo}");
    let versoes = format!("{path}/versoes");
    let mut tipo = carla.read(&path);
    assert_eq!(tipo["versao"], 1);

    tipo["nome"] = json!("Freguês");
    tipo["versao"] = json!(77);
    let blind = carla.post(&versoes, &tipo);
    assert_eq!(said(&blind), is(428, "exige_if_match"));
    let faulty = |edit: &dyn Fn(&mut Value)| {
        let mut tipo = tipo.clone();
        edit(&mut tipo);
        let answer = carla.change("POST", &versoes, &path, &tipo);
        assert_eq!(said(&answer), is(422, "tipo_invalido"), "{}", answer.body);
        answer.json()["detalhes"][0].as_str().unwrap().to_owned()
    };
    assert!(faulty(&|t| t["fluxo"]["inicial"] = json!("limbo")).contains("limbo"));
    assert!(faulty(&|t| t["fluxo"]["cor"] = json!("azul")).contains("cor"));
    assert!(faulty(&|t| t["obrigatorios"] = json!(7)).contains("sequence"));
    let lost = json!({ "codigo": "perdida", "nome": "Perdida", "fase": "andamento",
                       "campos_editaveis": "todos" });
    assert!(
        faulty(&|t| t["fluxo"]["situacoes"].as_array_mut().unwrap().push(lost.clone()))
            .contains("perdida")
    );
    faulty(&|t| t["codigo"] = json!("p001.outro"));
    faulty(&|t| t["kind"] = json!("agenda"));

    let made = carla.change("POST", &versoes, &path, &tipo);
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!((&made.json()["versao"], &made.json()["nome"]), (&json!(2), &json!("Freguês")));
    assert_eq!(carla.read(made.header("location")), made.json());
    assert_eq!(carla.get(&path).header("etag"), made.header("etag"));
    assert_eq!(carla.read(&format!("{versoes}/1"))["versao"], 1);
    assert_eq!(carla.read(&versoes)["itens"].as_array().unwrap().len(), 2);
    assert_eq!(carla.get(&format!("{versoes}/3")).status, 404);
    let listed = carla.read("/v1/tipos?kind=cliente");
    assert!(listed["itens"].as_array().unwrap().iter().any(|t| t["nome"] == "Freguês"));

    phone.sync();
    assert!(of(Kind::Cliente).contains(&(codigo.clone(), 2)));
    assert_eq!(phone.registro(old).tipo.versao, 1);

    // Withdrawn, it is offered no more; the records stay.
    let off = carla.change("PATCH", &path, &path, &json!({ "ativo": false }));
    assert_eq!(off.status, 200, "{}", off.body);
    assert_eq!(carla.get(&path).header("etag"), off.header("etag"));
    phone.sync();
    assert!(!of(Kind::Cliente).iter().any(|(c, _)| *c == codigo));
    assert_eq!(phone.registro(old).tipo.versao, 1);

    // A tipo of the company's own.
    let again = carla.post("/v1/tipos", &tipo);
    assert_eq!(said(&again), is(409, "tipo_existe"));
    tipo["codigo"] = json!("casa.fregues");
    let own = carla.post("/v1/tipos", &tipo);
    assert_eq!((own.status, own.json()["versao"].clone()), (201, json!(1)), "{}", own.body);
    phone.sync();
    assert!(of(Kind::Cliente).contains(&("casa.fregues".into(), 1)));
}

#[test]
fn a_preset_adds_what_is_missing_and_changes_nothing_that_is_there() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let presets = carla.read("/v1/presets");
    let ids: Vec<&str> =
        presets["itens"].as_array().unwrap().iter().map(|p| p["id"].as_str().unwrap()).collect();
    assert!(ids.starts_with(&["P000", "P001"]), "{ids:?}");
    let load = |id: &str| carla.post(&format!("/v1/presets/{id}/carregar"), &json!({}));
    assert_eq!(load("P009").status, 404);
    assert_eq!(load("P001").json(), json!({ "tipos": 0, "itens": 0 }));

    let itens = carla.read("/v1/catalogos/tipo_ocorrencia?ativo=true");
    let codigo = itens["itens"][0]["codigo"].as_str().unwrap();
    let path = format!("/v1/catalogos/tipo_ocorrencia/{codigo}");
    let ours = json!({ "nome": "Como nós chamamos" });
    assert_eq!(carla.change("PUT", &path, &path, &ours).status, 200);
    let tipo = "/v1/tipos/p001.cliente";
    let mut changed = carla.read(tipo);
    changed["nome"] = json!("Freguês");
    let made = carla.change("POST", &format!("{tipo}/versoes"), tipo, &changed);
    assert_eq!(made.status, 201, "{}", made.body);
    for id in ["P000", "P001"] {
        assert_eq!(load(id).json(), json!({ "tipos": 0, "itens": 0 }));
    }
    assert_eq!(carla.read(&path)["nome"], "Como nós chamamos");
    assert_eq!(carla.read(tipo)["nome"], "Freguês");
    // A tipo that the company never had like that becomes the next version, over none.
    site.sql(
        "UPDATE referencia SET data = jsonb_set(data, '{nome}', '\"Outro\"') \
         WHERE collection = 'tipo' AND key = 'p001.cliente@1'",
    );
    assert_eq!(load("P001").json(), json!({ "tipos": 1, "itens": 0 }));
    assert_eq!(carla.read(tipo)["versao"], 3);
}

#[test]
fn people_come_change_and_leave_with_what_their_devices_hold() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let stranger = Rest::stranger(&site);
    let grupo = json!({ "nome": "Pós-venda" });
    carla.send("PUT", "/v1/catalogos/grupo/posvenda", &[], Some(&grupo));
    let novo = json!({ "login": "Gil@Aurora", "nome": " Gil Reis ", "permissoes": ["ver"],
                       "email": "gil@aurora.example", "grupos": ["posvenda"] });
    let made = carla.post("/v1/usuarios", &novo);
    assert_eq!(made.status, 201, "{}", made.body);
    let gil = made.json();
    assert_eq!((&gil["login"], &gil["nome"]), (&json!("gil@aurora"), &json!("Gil Reis")));
    assert_eq!(gil["grupos"], json!(["posvenda"]));
    let senha = gil["senha"].as_str().unwrap();
    assert_eq!(stranger.sign_in(AURORA, "gil@aurora", senha).status, 200);
    let path = format!("/v1/usuarios/{}", gil["id"].as_str().unwrap());
    assert_eq!(made.header("location"), path);
    assert_eq!(carla.get(&path).header("etag"), made.header("etag"));

    let reset = carla.post(&format!("{path}/senha"), &json!({ "senha": "outro segredo" }));
    assert_eq!((reset.status, reset.json()), (200, json!({})), "{}", reset.body);
    assert_eq!(stranger.sign_in(AURORA, "gil@aurora", senha).status, 401);
    assert_eq!(stranger.sign_in(AURORA, "gil@aurora", "outro segredo").status, 200);
    let weak = carla.post(&format!("{path}/senha"), &json!({ "senha": "curta" }));
    assert_eq!(said(&weak), is(400, "senha_fraca"));

    let edit = |body: Value| carla.change("PATCH", &path, &path, &body);
    let edited = edit(json!({ "email": null, "grupos": [], "login": "gil" })).json();
    assert_eq!((&edited["email"], &edited["login"]), (&Value::Null, &json!("gil")));
    assert_eq!(said(&edit(json!({ "login": "ana" }))), is(409, "login_existe"));
    assert_eq!(said(&edit(json!({ "login": "a b" }))), is(400, "pedido_invalido"));
    assert_eq!(said(&edit(json!({ "filial": "lua" }))), is(422, "item_de_catalogo_inexistente"));
    assert_eq!(said(&edit(json!({ "permissoes": ["voar"] }))), is(422, "pedido_invalido"));
    assert_eq!(said(&edit(json!({ "email": "nada" }))), is(422, "email_invalido"));

    // Seeing all brings all to the phone; seeing nothing takes it away (R85).
    let carlas = site.phone("carla");
    let case = carlas.assistencia("Porta empenada", site.id("carla"));
    carlas.sync();
    let phone = site.phone("ana");
    assert!(phone.campo.show(case).is_err());
    let ana = format!("/v1/usuarios/{}", site.id("ana"));
    let sees = |permissoes: Value| {
        let answer = carla.change("PATCH", &ana, &ana, &json!({ "permissoes": permissoes }));
        assert_eq!(answer.status, 200, "{}", answer.body);
        phone.sync();
        phone.campo.show(case).is_ok()
    };
    assert!(sees(json!(["ver", "ver_todas"])));
    assert!(!sees(json!(["ver"])));

    let out = carla.change("PATCH", &ana, &ana, &json!({ "ativo": false }));
    assert_eq!(out.json()["ativo"], false);
    assert!(phone.try_sync().is_err());
    assert_eq!(said(&stranger.sign_in(AURORA, "ana", SENHA)), is(403, "usuario_inativo"));
    let listed = |query: &str| {
        let page = carla.read(&format!("/v1/usuarios?{query}"));
        let itens = page["itens"].as_array().unwrap().clone();
        itens.iter().map(|p| p["login"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("ativo=false"), ["ana"]);
    assert_eq!(listed("busca=NOGUEIRA"), ["carla"]);
    assert_eq!(listed("ativo=true"), ["bruno", "carla", "gil", "nair"]);

    // The company is never left with nobody to look after it.
    let carla_path = format!("/v1/usuarios/{}", site.id("carla"));
    for last in [json!({ "ativo": false }), json!({ "permissoes": ["ver"] })] {
        let answer = carla.change("PATCH", &carla_path, &carla_path, &last);
        assert_eq!(said(&answer), is(422, "ultimo_administrador"));
    }
    // Nor is another company's anybody reached.
    let elsewhere = format!("/v1/usuarios/{}", site.id("dora"));
    assert_eq!(carla.get(&elsewhere).status, 404);
}

#[test]
fn a_login_of_the_portal_is_of_one_client_and_opens_nothing_else() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let cliente = rest::cliente(&site, "Padaria");
    let novo = |permissoes: &[&str], cliente: Value| {
        json!({ "login": "padaria", "nome": "Padaria", "senha": SENHA,
                "permissoes": permissoes, "cliente": cliente })
    };
    for wrong in [
        novo(&["portal"], Value::Null),
        novo(&["ver"], json!(cliente)),
        novo(&["ver", "portal"], json!(cliente)),
    ] {
        assert_eq!(said(&carla.post("/v1/usuarios", &wrong)), is(422, "portal_invalido"));
    }
    let unknown = novo(&["portal"], json!(Uuid::now_v7()));
    assert_eq!(said(&carla.post("/v1/usuarios", &unknown)), is(422, "cliente_inexistente"));
    let made = carla.post("/v1/usuarios", &novo(&["portal"], json!(cliente)));
    assert_eq!((made.status, made.json()["cliente"].clone()), (201, json!(cliente)));
    let padaria = Rest::enter(&site, AURORA, "padaria");
    for path in ["/v1/catalogos", "/v1/tipos", "/v1/empresa", "/v1/usuarios", "/v1/presets"] {
        assert_eq!(said(&padaria.get(path)), is(403, "sem_permissao"), "{path}");
    }
}
