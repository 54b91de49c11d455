//! What is read across records: the client's portal, the search, the sources of reports.

use crate::{
    api_registros::{cliente, concluida, done, id, is, office, reclamacao, said},
    harness::{AURORA, SENHA, Site},
    rest::Rest,
};
use serde_json::{Value, json};

/// A client's login for a client of the company.
fn portal(site: &Site, carla: &Rest, login: &str, cliente: &str) -> Rest {
    let pessoa = json!({ "login": login, "nome": "Rui da Loja", "senha": SENHA,
                         "permissoes": ["portal"], "cliente": cliente });
    assert_eq!(carla.post("/v1/usuarios", &pessoa).status, 201);
    Rest::enter(site, AURORA, login)
}

#[test]
fn a_client_opens_and_follows_its_own_cases_and_sees_nothing_else() {
    let (site, carla) = office("P002");
    let loja = cliente(&carla, "p002.cliente", "Loja Sul");
    let outra = cliente(&carla, "p002.cliente", "Loja Norte");
    let rui = portal(&site, &carla, "rui", &loja);
    let vizinho = portal(&site, &carla, "vizinho", &outra);

    let tipos = rui.read("/v1/portal/tipos");
    assert_eq!(tipos.as_array().unwrap().len(), 1);
    let campos = tipos[0]["campos"].as_array().unwrap();
    let categoria = campos.iter().find(|campo| campo["campo"] == "categoria").unwrap();
    assert_eq!(categoria["opcoes"].as_array().unwrap().len(), 5, "estratégica is internal (R27)");
    let relato = campos.iter().find(|campo| campo["campo"] == "relato").unwrap();
    assert!(relato["orientacao"].as_str().unwrap().contains("maior volume"), "R25");
    assert_eq!(relato["obrigatorio"], true);

    let nova = |campos: Value| rui.post("/v1/portal/ocorrencias", &json!({ "campos": campos }));
    let base =
        json!({ "assunto": "Erro na nota", "relato": "Ao emitir, trava", "categoria": "problema" });
    let with = |nome: &str, valor: Value| {
        let mut campos = base.clone();
        campos[nome] = valor;
        campos
    };
    assert_eq!(nova(with("categoria", json!("estrategica"))).status, 422);
    assert_eq!(nova(with("esforco", json!(3))).status, 403);
    assert_eq!(nova(with("cliente", json!(outra))).status, 422);
    let aberta = nova(base.clone());
    assert_eq!(aberta.status, 201, "{}", aberta.body);
    let caso = aberta.json();
    assert!(caso["numero"].is_string(), "the client gets the code (R26)");
    assert_eq!(caso["situacao"]["codigo"], "aguardando_atendimento");
    assert_eq!(caso["campos"]["prioridade"], "urgente");
    let dele = format!("/v1/portal/ocorrencias/{}", id(&caso));
    let interno = format!("/v1/ocorrencias/{}", id(&caso));
    assert_eq!(carla.read(&interno)["campos"]["cliente"], json!(loja));
    for path in
        ["/v1/ocorrencias", &interno, "/v1/busca?q=nota", "/v1/fontes/registros", "/v1/acoes"]
    {
        assert_eq!(said(&rui.get(path)), is(403, "sem_permissao"), "{path}");
    }
    assert_eq!(carla.get(&dele).status, 403, "the portal is the client's");
    assert_eq!(vizinho.get(&dele).status, 404);
    assert_eq!(vizinho.read("/v1/portal/ocorrencias")["itens"], json!([]));

    // The company works, inside and out.
    let mover = |verbo: &str, corpo: Value| {
        done(carla.post(&format!("{interno}/transicoes/{verbo}"), &corpo))
    };
    mover("iniciar", json!({}));
    let nota = |texto: &str, visibilidade: &str| {
        let nota = json!({ "texto": texto, "visibilidade": visibilidade });
        done(carla.post(&format!("{interno}/notas"), &nota));
    };
    nota("Segredo da casa", "interna");
    nota("Estamos vendo.", "cliente");
    mover("solicitar_informacao", json!({ "motivo": "Qual nota?" }));
    let visto = rui.read(&dele);
    assert_eq!(visto["situacao"]["codigo"], "aguardando_cliente");
    assert_eq!(visto["espera_resposta"], true);
    assert!(!visto.to_string().contains("Segredo"));
    assert!(
        visto.to_string().contains("Qual nota?") && visto.to_string().contains("Estamos vendo.")
    );
    assert_eq!(visto["notas"][0]["do_cliente"], false);

    // An answer ends the wait.
    let resposta = rui.post(&format!("{dele}/notas"), &json!({ "texto": "A 881." }));
    assert_eq!(resposta.status, 201, "{}", resposta.body);
    let visto = resposta.json();
    assert_eq!(visto["situacao"]["codigo"], "em_atendimento");
    assert_eq!(visto["notas"][1]["do_cliente"], true);

    // An internal stage: for the client nothing moves, not even the tag.
    let antes = rui.get(&dele);
    mover("diagnosticar", json!({}));
    nota("Só para nós", "interna");
    let depois = rui.get(&dele);
    assert_eq!(depois.json(), antes.json());
    assert_eq!(depois.header("etag"), antes.header("etag"));
    let listada = rui.read("/v1/portal/ocorrencias?aberta=true&q=NOTA")["itens"].clone();
    assert_eq!(listada[0]["situacao"]["codigo"], "em_atendimento");
    assert_eq!(listada[0]["titulo"], "Erro na nota");
    assert_eq!(rui.read("/v1/portal/ocorrencias?q=segredo")["itens"], json!([]));
    assert_eq!(carla.read(&interno)["situacao"]["codigo"], "diagnostico_tecnico");
    let negada = rui.post(&format!("{dele}/transicoes/finalizar"), &json!({}));
    assert_eq!(said(&negada), is(422, "transicao_inexistente"));
    assert!(!negada.body.contains("Diagnóstico"));

    // Withdrawn by the client (R59).
    let cancelada =
        rui.post(&format!("{dele}/transicoes/cancelar"), &json!({ "motivo": "Resolvi" }));
    assert_eq!(cancelada.status, 200, "{}", cancelada.body);
    assert_eq!(cancelada.json()["situacao"]["fase"], "cancelado");
    assert_eq!(cancelada.json()["pode_anotar"], false);
    assert_eq!(rui.read("/v1/portal/ocorrencias?aberta=true")["itens"], json!([]));

    // What is internal is nobody's business outside.
    let interna = json!({ "tipo": "p002.ocorrencia", "campos": {
        "cliente": loja, "relato": "Nosso", "interno": true } });
    let interna = done(carla.post("/v1/ocorrencias", &interna));
    assert_eq!(rui.get(&format!("/v1/portal/ocorrencias/{}", id(&interna))).status, 404);
    assert_eq!(rui.read("/v1/portal/ocorrencias")["itens"].as_array().unwrap().len(), 1);
}

#[test]
fn the_search_finds_screens_catalogues_entries_and_records() {
    let (site, carla) = office("P003");
    let (_, feita) = reclamacao(&site, &carla);
    let found = |q: &str| carla.read(&format!("/v1/busca?q={q}"));
    assert_eq!(found("despesas")["catalogos"][0]["codigo"], "tipo_despesa", "R36");
    assert_eq!(found("corretivas")["telas"][0]["endereco"], "/v1/acoes-corretivas");
    assert_eq!(found("ALMOCO")["entradas"][0]["codigo"], "almoco");
    let numero = feita["numero"].as_str().unwrap().replace('/', "%2F");
    assert_eq!(found(&numero)["registros"][0]["id"], feita["id"]);
    // By the name of the client: the case, and the client.
    let mut kinds: Vec<String> = found("padaria%20pao")["registros"]
        .as_array()
        .unwrap()
        .iter()
        .map(|achado| achado["kind"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["cliente", "ocorrencia"]);
    for q in ["", "%20", "%00"] {
        assert_eq!(carla.get(&format!("/v1/busca?q={q}")).status, 400);
    }
    for q in ["'%3B--", "%25", "a%26b%7C!%3A*", "%5C"] {
        assert_eq!(carla.get(&format!("/v1/busca?q={q}")).status, 200, "{q}");
    }
    let ana = Rest::enter(&site, AURORA, "ana");
    assert_eq!(ana.read("/v1/busca?q=pessoas")["telas"], json!([]), "for whom it is not");
    assert_eq!(ana.read(&format!("/v1/busca?q={numero}"))["registros"], json!([]));
}

#[test]
fn a_report_tool_reads_every_source_whole_by_pages() {
    let (site, carla) = office("P003");
    concluida(&site, &carla);
    reclamacao(&site, &carla);
    let fontes = carla.read("/v1/fontes");
    for fonte in fontes.as_array().unwrap() {
        let path = fonte["endereco"].as_str().unwrap();
        let whole = carla.read(&format!("{path}?limite=200"))["itens"].as_array().unwrap().clone();
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = carla.read(&format!("{path}?limite=2{cursor}"));
            rows.extend(page["itens"].as_array().unwrap().clone());
            match page["proximo"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(rows, whole, "{path}");
        // Nothing was asked of the ERP, nobody was written to, nothing joined.
        let none = ["/acoes", "/emails", "/acoes-corretivas"].iter().any(|end| path.ends_with(end));
        assert_eq!(whole.is_empty(), none, "{path}");
    }
    let linhas = |query: &str| carla.read(&format!("/v1/fontes/{query}"))["itens"].clone();
    let item = &linhas("itens")[0];
    assert_eq!((&item["quantidade"], &item["valor_indenizado"]), (&json!("2.5"), &json!("35.90")));
    assert!(item["numero"].is_string() && item["registro"].is_string());
    assert_eq!(linhas("despesas")[0]["valor"], "12.00");
    let so = linhas("registros?kind=cliente");
    assert_eq!(so.as_array().unwrap().len(), 2);
    assert_eq!(so[0]["cliente_nome"], "Padaria Pão Quente");
    let situacoes = linhas("situacoes?kind=ocorrencia");
    let primeiro = situacoes[0]["registro"].clone();
    let dela: Vec<&str> = situacoes
        .as_array()
        .unwrap()
        .iter()
        .filter(|linha| linha["registro"] == primeiro)
        .filter_map(|linha| linha["situacao"].as_str())
        .collect();
    assert_eq!(dela, ["aberto", "iniciado", "em_analise", "aguardando_conclusao", "concluido"]);
    assert_eq!(situacoes[0]["situacao_nome"], "Aberto");
    assert!(situacoes[0]["duracao_s"].is_i64());
    assert_eq!(linhas("registros?atualizado_de=2999-01-01"), json!([]));
    let errada = carla.get("/v1/fontes/itens?cursor=lixo");
    assert_eq!(said(&errada), is(400, "cursor_invalido"));
}
