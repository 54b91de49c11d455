//! The records half of the API, through the real router: one record from its creation to its end,
//! all or nothing, and what each person sees of it.

use crate::{
    harness::{AURORA, Site},
    page_client::Answer,
    rest::Rest,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// Status and code of an answer.
pub fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.codigo())
}

/// What [`said`] should be.
pub fn is(status: u16, codigo: &str) -> (u16, String) {
    (status, codigo.to_owned())
}

/// A site with a preset loaded, and the office on the API.
pub fn office(preset: &str) -> (Site, Rest) {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let loaded = carla.post(&format!("/v1/presets/{preset}/carregar"), &json!({}));
    assert!(loaded.status < 300, "{}", loaded.body);
    (site, carla)
}

/// What must have been done.
pub fn done(answer: Answer) -> Value {
    assert!(answer.status < 300, "{} {}", answer.status, answer.body);
    answer.json()
}

/// The id of it.
pub fn id(of: &Value) -> String {
    of["id"].as_str().unwrap().to_owned()
}

/// A client of that name.
pub fn cliente(who: &Rest, tipo: &str, nome: &str) -> String {
    let campos = json!({ "nome": nome, "telefone": "(11) 98888-7777", "email": "rui@exemplo.com" });
    id(&done(who.post("/v1/clientes", &json!({ "tipo": tipo, "campos": campos }))))
}

/// A reclamação of P003, with two items, in Em análise.
pub fn reclamacao(site: &Site, carla: &Rest) -> (String, Value) {
    let cliente = cliente(carla, "p003.cliente", "Padaria Pão Quente");
    let novo = json!({
        "tipo": "p003.reclamacao",
        "campos": { "cliente": cliente, "responsavel": site.id("carla"),
                    "relato": "Veio amassado" },
        "itens": [
            { "campos": { "produto": "Lata 5 kg", "quantidade": "2.5",
                          "valor_indenizado": "35.90" } },
            { "campos": { "produto": "Saco" } },
        ],
        "despesas": [{ "campos": { "despesa": "frete", "valor": "12.00", "data": "2026-11-20" } }],
        "interessados": [site.id("ana")],
    });
    let feita = done(carla.post("/v1/ocorrencias", &novo));
    let path = format!("/v1/ocorrencias/{}", id(&feita));
    done(carla.post(&format!("{path}/transicoes/iniciar"), &json!({})));
    let feita = done(carla.post(&format!("{path}/transicoes/enviar_para_analise"), &json!({})));
    (path, feita)
}

/// The same, concluded.
pub fn concluida(site: &Site, carla: &Rest) -> (String, Value) {
    let (path, feita) = reclamacao(site, carla);
    for item in feita["itens"].as_array().unwrap() {
        let body = json!({ "campos": { "procedencia": "procedente" } });
        done(carla.send("PATCH", &format!("{path}/itens/{}", id(item)), &[], Some(&body)));
    }
    let solucao = json!({ "analise": { "texto": "Trocar a lata." } });
    done(carla.post(&format!("{path}/transicoes/registrar"), &solucao));
    let parecer = json!({ "tipo": "parecer", "texto": "Cliente atendido." });
    let feita = done(carla.post(&format!("{path}/analises"), &parecer));
    assert_eq!(feita["registro"]["situacao"]["fase"], "concluido");
    (path, feita["registro"].clone())
}

#[test]
fn a_record_is_made_whole_read_and_changed_by_version() {
    let (site, carla) = office("P003");
    let cliente = cliente(&carla, "p003.cliente", "Padaria Pão Quente");
    let novo = json!({
        "id": Uuid::now_v7(),
        "tipo": "p003.reclamacao",
        "campos": { "cliente": cliente, "responsavel": site.id("carla"),
                    "relato": "Veio amassado" },
        "itens": [{ "campos": { "produto": "Lata 5 kg", "quantidade": "2.50",
                                "valor_indenizado": "1035.9" } }],
        "despesas": [{ "campos": { "despesa": "frete", "valor": "12.00" } }],
        "participantes": [site.id("bruno")],
        "interessados": [site.id("ana")],
    });
    let answer = carla.post("/v1/ocorrencias", &novo);
    assert_eq!(answer.status, 201, "{}", answer.body);
    let path = format!("/v1/ocorrencias/{}", novo["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), path);
    let feita = answer.json();
    assert!(feita["numero"].is_string());
    assert_eq!(feita["situacao"]["codigo"], "aberto");
    assert_eq!(feita["campos"]["contato_email"], "rui@exemplo.com", "from the client (R32)");
    assert!(feita["campos"]["atendimento_em"].as_str().unwrap().ends_with('Z'));
    assert_eq!(feita["itens"][0]["campos"]["quantidade"], "2.5");
    assert_eq!(feita["itens"][0]["campos"]["valor_indenizado"], "1035.90");
    assert_eq!(feita["despesas"][0]["campos"]["valor"], "12.00");
    assert_eq!(feita["despesas"][0]["exibicao"]["despesa"], "Frete");
    assert_eq!(feita["participantes"][0]["nome"], "Bruno Tavares");
    assert_eq!(feita["interessados"][0]["nome"], "Ana Ribeiro");
    let relato = feita["formulario"].as_array().unwrap().iter();
    let relato = relato.clone().find(|campo| campo["campo"] == "relato").unwrap();
    assert_eq!(relato["rotulo"], "Descrição do atendimento");
    assert_eq!((&relato["obrigatorio"], &relato["editavel"]), (&json!(true), &json!(true)));
    assert!(feita["etapa_ate"].is_string());
    assert_eq!(feita["verbos"][0]["verbo"], "iniciar");

    // Sent again it is not made again.
    assert_eq!(said(&carla.post("/v1/ocorrencias", &novo)), is(409, "id_em_uso"));

    let lida = carla.get(&path);
    assert_eq!(lida.json(), feita);
    let etag = lida.header("etag").to_owned();
    // Its version says nothing of its children, of its client or of what went to the ERP.
    let same = carla.send("GET", &path, &[("if-none-match", &etag)], None);
    assert_eq!((same.status, same.json()), (200, lida.json()));

    let mudanca = json!({ "campos": { "relato": "Veio amassada e aberta", "setor": "qualidade" } });
    let mudada = carla.send("PATCH", &path, &[("if-match", &etag)], Some(&mudanca));
    assert_eq!(mudada.status, 200, "{}", mudada.body);
    assert_eq!(mudada.json()["campos"]["setor"], "qualidade");
    assert_eq!(mudada.json()["titulo"], "Veio amassada e aberta");
    assert_ne!(mudada.header("etag"), etag);
    let late = carla.send("PATCH", &path, &[("if-match", &etag)], Some(&mudanca));
    assert_eq!(said(&late), is(412, "versao_desatualizada"));
    // What is there already writes nothing.
    let again = carla.send("PATCH", &path, &[], Some(&mudanca));
    assert_eq!(again.header("etag"), mudada.header("etag"));
    let limpa = carla.send("PATCH", &path, &[], Some(&json!({ "campos": { "setor": null } })));
    assert_eq!(limpa.json()["campos"]["setor"], Value::Null);
}

#[test]
fn a_request_is_done_whole_or_not_at_all() {
    let (site, carla) = office("P003");
    let (path, antes) = reclamacao(&site, &carla);
    let patch = |campos: Value| {
        let answer = carla.send("PATCH", &path, &[], Some(&json!({ "campos": campos })));
        said(&answer)
    };
    // The first field alone would do.
    for (campos, codigo) in [
        (json!({ "relato": "Outro", "responsavel": Uuid::now_v7() }), "valor_invalido"),
        (json!({ "relato": "Outro", "cor": "azul" }), "campo_desconhecido"),
        (json!({ "relato": "Outro", "setor": "marte" }), "valor_invalido"),
        (json!({ "relato": "Outro", "contato_nome": 7 }), "valor_invalido"),
        (json!({ "relato": "Outro", "modulo": "vendas" }), "valor_invalido"),
        (json!({ "contato_nome": "Rui", "relato": "" }), "campos_obrigatorios"),
    ] {
        assert_eq!(patch(campos.clone()), is(422, codigo), "{campos}");
    }
    let comandos = json!([
        { "comando": "editar", "campo": "contato_nome", "valor": "Rui" },
        { "comando": "incluir_item", "item": { "id": Uuid::now_v7(),
            "campos": { "produto": "Caixa", "valor_indenizado": "99999.00" } } },
    ]);
    let answer = carla.post(&format!("{path}/comandos"), &comandos);
    assert_eq!(said(&answer), is(422, "limite_indenizacao"));
    let mut agora = carla.read(&path);
    assert_eq!(agora["itens"], antes["itens"]);
    assert_eq!(agora["campos"], antes["campos"]);
    let novo = json!({
        "id": Uuid::now_v7(), "tipo": "p003.reclamacao",
        "campos": { "cliente": agora["campos"]["cliente"], "responsavel": site.id("carla"),
                    "relato": "Outra" },
        "restricao": { "usuarios": [], "grupos": [] },
    });
    assert_eq!(said(&carla.post("/v1/ocorrencias", &novo)), is(422, "campos_obrigatorios"));
    let path_novo = format!("/v1/ocorrencias/{}", novo["id"].as_str().unwrap());
    assert_eq!(carla.get(&path_novo).status, 404);

    let comandos = json!([
        { "comando": "editar", "campo": "contato_nome", "valor": "Rui" },
        { "comando": "editar_texto", "campo": "relato", "de": "Veio amassado",
          "para": "Veio roto" },
        { "comando": "incluir_item", "em": "despesas", "item": { "id": Uuid::now_v7(),
            "campos": { "despesa": "almoco", "valor": "30.00" } } },
        { "comando": "participar", "usuario": site.id("ana"), "participa": true },
        { "comando": "anotar", "id": Uuid::now_v7(), "texto": "Tudo junto." },
    ]);
    agora = done(carla.post(&format!("{path}/comandos"), &comandos));
    assert_eq!(agora["campos"]["contato_nome"], "Rui");
    assert_eq!(agora["campos"]["relato"], "Veio roto");
    assert_eq!(agora["despesas"].as_array().unwrap().len(), 2);
    assert_eq!(agora["notas"][0]["texto"], "Tudo junto.");
    for comando in [
        json!({ "comando": "vincular_corretiva", "corretiva": Uuid::now_v7(), "numero": "1" }),
        json!({ "comando": "responder_acao", "acao": Uuid::now_v7(), "situacao": "concluida" }),
        json!({ "comando": "explodir" }),
    ] {
        let answer = carla.post(&format!("{path}/comandos"), &comando);
        assert_eq!(said(&answer), is(400, "pedido_invalido"), "{comando}");
    }
}

#[test]
fn a_visit_is_moved_to_any_other_time_in_one_request() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let novo = json!({ "campos": {
        "tipo_agenda": "assistencia_tecnica", "responsavel": site.id("ana"), "assunto": "Visita",
        "inicio": "2026-11-23T09:00", "fim": "2026-11-23T10:00" } });
    let feita = done(carla.post("/v1/agendas", &novo));
    assert_eq!(
        feita["campos"]["inicio"], "2026-11-23T12:00:00Z",
        "São Paulo is three hours behind"
    );
    let path = format!("/v1/agendas/{}", id(&feita));
    for (inicio, fim) in [
        ("2026-11-30T09:00", "2026-11-30T10:00"),
        ("2026-11-20T09:00", "2026-11-20T10:00"),
        ("2026-11-20T09:30", "2026-11-20T11:00"),
    ] {
        let campos = json!({ "campos": { "inicio": inicio, "fim": fim } });
        let answer = carla.send("PATCH", &path, &[], Some(&campos));
        assert_eq!(answer.status, 200, "{inicio}: {}", answer.body);
    }
    let errado = json!({ "campos": { "inicio": "2026-11-21T09:00", "fim": "2026-11-20T10:00" } });
    let answer = carla.send("PATCH", &path, &[], Some(&errado));
    assert_eq!(said(&answer), is(422, "fim_antes_do_inicio"));
}

#[test]
fn transitions_say_what_they_ask_for_and_refuse_with_the_reason() {
    let (site, carla) = office("P003");
    let (path, feita) = reclamacao(&site, &carla);
    let verbo = |feita: &Value, nome: &str| {
        let verbos = feita["verbos"].as_array().unwrap().clone();
        verbos.into_iter().find(|verbo| verbo["verbo"] == nome).unwrap_or(Value::Null)
    };
    let registrar = verbo(&feita, "registrar");
    assert_eq!(registrar["analise"], "solucao");
    assert_eq!(registrar["falta"]["codigo"], "exige_procedencia");
    assert_eq!(verbo(&feita, "cancelar")["motivo"], true);
    assert_eq!(verbo(&feita, "reabrir"), Value::Null);

    let pedir =
        |verbo: &str, corpo: Value| carla.post(&format!("{path}/transicoes/{verbo}"), &corpo);
    assert_eq!(said(&pedir("registrar", json!({}))), is(422, "exige_solucao"));
    let solucao = json!({ "analise": { "texto": "Trocar." } });
    assert_eq!(said(&pedir("registrar", solucao.clone())), is(422, "exige_procedencia"));
    assert_eq!(said(&pedir("cancelar", json!({}))), is(422, "exige_motivo"));
    assert_eq!(said(&pedir("concluir", json!({}))), is(409, "transicao_nao_permitida"));
    assert_eq!(said(&pedir("voar", json!({}))), is(422, "transicao_inexistente"));
    assert_eq!(said(&pedir("cancelar", solucao.clone())), is(400, "pedido_invalido"));
    let refused = carla.read(&path);
    assert_eq!(refused["situacao"]["codigo"], "em_analise");

    let parcial =
        json!({ "tipo": "parcial", "texto": "Verificar o lote.", "encaminhar": site.id("ana") });
    let feita = done(carla.post(&format!("{path}/analises"), &parcial));
    assert_eq!(feita["registro"]["campos"]["responsavel"], json!(site.id("ana")));
    assert_eq!(feita["registro"]["analises"][0]["encaminhar"]["nome"], "Ana Ribeiro");
    let errada = json!({ "tipo": "parcial", "texto": "x", "encaminhar": Uuid::now_v7() });
    let errada = carla.post(&format!("{path}/analises"), &errada);
    assert_eq!(said(&errada), is(422, "valor_invalido"));

    let (path, feita) = concluida(&site, &carla);
    assert_eq!(verbo(&feita, "reabrir")["para"]["codigo"], "reaberto");
    let vigentes: Vec<&Value> = feita["analises"].as_array().unwrap().iter().collect();
    assert!(vigentes.iter().all(|analise| analise["vigente"] == true));
    assert_eq!(feita["pedidos"][3]["veredito"]["aceito"], true);
    let campos = json!({ "campos": { "relato": "Tarde demais" } });
    let late = carla.send("PATCH", &path, &[], Some(&campos));
    assert_eq!(said(&late), is(422, "situacao_nao_permite_edicao"));
}

#[test]
fn parts_are_added_changed_and_removed_each_by_its_address() {
    let (site, carla) = office("P003");
    let (path, feita) = reclamacao(&site, &carla);
    let item = Uuid::now_v7();
    let novo = json!({ "id": item, "campos": { "produto": "Tampa", "quantidade": 3 } });
    let criado = carla.post(&format!("{path}/itens"), &novo);
    assert_eq!((criado.status, &criado.json()["id"]), (201, &json!(item)));
    assert!(!criado.header("etag").is_empty());
    assert_eq!(said(&carla.post(&format!("{path}/itens"), &novo)), is(409, "id_em_uso"));
    let um = format!("{path}/itens/{item}");
    let campos = json!({ "campos": { "quantidade": "4.125", "valor_indenizado": "10,50" } });
    let mudado = done(carla.send("PATCH", &um, &[], Some(&campos)));
    let itens = mudado["itens"].as_array().unwrap();
    let tampa = itens.iter().find(|parte| parte["id"] == json!(item)).unwrap();
    assert_eq!(tampa["campos"]["quantidade"], "4.125");
    assert_eq!(tampa["campos"]["valor_indenizado"], "10.50");
    for (campos, codigo) in [
        (json!({ "quantidade": 1.5 }), "valor_invalido"),
        (json!({ "valor_indenizado": "1.234" }), "valor_invalido"),
        (json!({ "lote_serie": "A1" }), "campo_fora_do_tipo"),
        (json!({ "produto": "" }), "campos_obrigatorios"),
    ] {
        let answer = carla.send("PATCH", &um, &[], Some(&json!({ "campos": campos })));
        assert_eq!(said(&answer), is(422, codigo), "{campos}");
    }
    let removido = done(carla.send("DELETE", &um, &[], None));
    assert_eq!(removido["itens"].as_array().unwrap().len(), 2);
    assert_eq!(carla.send("DELETE", &um, &[], None).status, 200, "sent again");
    assert_eq!(carla.send("PATCH", &um, &[], Some(&campos)).status, 404);
    let nenhum = format!("{path}/itens/{}", Uuid::now_v7());
    assert_eq!(carla.send("DELETE", &nenhum, &[], None).status, 404);

    // A link is read from both ends (R38).
    let outra = carla.post(&format!("{path}/duplicar"), &json!({}));
    let outra = done(outra);
    let vinculo = json!({ "campos": { "relacao": "causa", "documento": outra["id"],
                                      "descricao": "Mesmo lote" } });
    let feito = done(carla.post(&format!("{path}/vinculos"), &vinculo));
    let vinculos = feito["registro"]["vinculos"].as_array().unwrap().clone();
    assert_eq!(vinculos[0]["exibicao"]["relacao"], "Causado por");
    assert!(vinculos[0]["exibicao"]["documento"].as_str().unwrap().contains("Veio amassado"));
    let outra = carla.read(&format!("/v1/ocorrencias/{}", id(&outra)));
    assert_eq!(outra["vinculado_por"][0]["id"], feita["id"]);
    let perdido = json!({ "campos": { "relacao": "causa", "documento": Uuid::now_v7() } });
    let perdido = carla.post(&format!("{path}/vinculos"), &perdido);
    assert_eq!(said(&perdido), is(422, "valor_invalido"));
}

#[test]
fn only_the_products_of_the_origem_are_taken_and_its_client_is_filled_in() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let cliente = cliente(&carla, "p000.cliente", "Loja Sul");
    let dados = json!({ "nome": "NF 45198", "dados": {
        "cliente": cliente, "produtos": "Colchão Itatiba|2|L-77\nCabeceira" } });
    let origem = carla.send("PUT", "/v1/catalogos/origem/nf_saida:45198", &[], Some(&dados));
    assert_eq!(origem.status, 201, "{}", origem.body);
    let novo = |produto: &str| {
        json!({ "tipo": "p000.ocorrencia", "campos": {
            "escopo": "cliente", "tipo_ocorrencia": "avaria", "relato": "Molas soltas",
            "origem": "nf_saida", "origem_numero": "45198",
            "contato_nome": "Rui", "contato_telefone": "11 98888-7777" },
            "itens": [{ "campos": { "produto": produto, "lote_serie": "L-77" } }] })
    };
    let errado = carla.post("/v1/ocorrencias", &novo("Sofá"));
    assert_eq!(said(&errado), is(422, "produto_fora_da_origem"));
    let feita = done(carla.post("/v1/ocorrencias", &novo("COLCHAO ITATIBA")));
    assert_eq!(feita["campos"]["cliente"], json!(cliente));
    let path = format!("/v1/ocorrencias/{}", id(&feita));
    let item = json!({ "campos": { "produto": "Mesa" } });
    let errado = carla.post(&format!("{path}/itens"), &item);
    assert_eq!(said(&errado), is(422, "produto_fora_da_origem"));
}

#[test]
fn who_sees_a_record_is_decided_alike_in_lists_and_alone() {
    let (site, carla) = office("P003");
    let (path, feita) = reclamacao(&site, &carla);
    let (ana, bruno) = (Rest::enter(&site, AURORA, "ana"), Rest::enter(&site, AURORA, "bruno"));
    let sees = |who: &Rest| {
        let alone = who.get(&path).status == 200;
        let listed = who.read("/v1/ocorrencias")["itens"].as_array().unwrap().len() == 1;
        let found = who.read("/v1/busca?q=amassado")["registros"].as_array().unwrap().len() == 1;
        let rows = who.read("/v1/fontes/itens")["itens"].as_array().unwrap().len() == 2;
        let told = who.get(&format!("{path}/acompanhamento")).status == 200;
        assert_eq!([alone; 4], [listed, found, rows, told]);
        alone
    };
    assert_eq!((sees(&carla), sees(&ana), sees(&bruno)), (true, false, false));
    let of = |who: &str| format!("{path}/participantes/{}", site.id(who));
    done(carla.send("PUT", &of("ana"), &[], None));
    let again = carla.send("PUT", &of("ana"), &[], None);
    assert_eq!(again.status, 200);
    assert_eq!((sees(&ana), sees(&bruno)), (true, false));
    let nobody = carla.send("PUT", &format!("{path}/participantes/{}", Uuid::now_v7()), &[], None);
    assert_eq!(said(&nobody), is(422, "valor_invalido"));

    // Restricted to a group: whoever is not in it loses sight, except administrators (R86).
    let ana_id = format!("/v1/usuarios/{}", site.id("ana"));
    done(carla.change("PATCH", &ana_id, &ana_id, &json!({ "grupos": ["qualidade"] })));
    done(carla.send("PUT", &of("bruno"), &[], None));
    assert!(sees(&bruno));
    let restricao = format!("{path}/restricao");
    let grupo = json!({ "grupos": ["qualidade"] });
    let restrita = done(carla.send("PUT", &restricao, &[], Some(&grupo)));
    assert_eq!(restrita["restricao"]["grupos"], json!(["qualidade"]));
    assert_eq!((sees(&carla), sees(&ana), sees(&bruno)), (true, true, false));
    let errada = carla.send("PUT", &restricao, &[], Some(&json!({ "grupos": ["marte"] })));
    assert_eq!(said(&errada), is(422, "valor_invalido"));
    let vazia = carla.send("PUT", &restricao, &[], Some(&json!({})));
    assert_eq!(said(&vazia), is(422, "campos_obrigatorios"));
    // Somebody who may only see it may not say who else does.
    assert_eq!(said(&ana.send("DELETE", &restricao, &[], None)), is(403, "sem_permissao"));
    let livre = done(carla.send("DELETE", &restricao, &[], None));
    assert_eq!(livre["restricao"], Value::Null);
    assert!(sees(&bruno));
    done(carla.send("DELETE", &of("bruno"), &[], None));
    assert!(!sees(&bruno));
    assert_eq!(bruno.post(&format!("{path}/notas"), &json!({ "texto": "x" })).status, 404);
    // Restricted from the first moment (R86).
    let reservada = json!({ "tipo": "p003.reclamacao",
        "campos": { "cliente": feita["campos"]["cliente"], "responsavel": site.id("carla"),
                    "relato": "Reservada" },
        "participantes": [site.id("ana"), site.id("bruno")],
        "restricao": { "usuarios": [site.id("ana")] } });
    let reservada = done(carla.post("/v1/ocorrencias", &reservada));
    let reservada = format!("/v1/ocorrencias/{}", id(&reservada));
    assert_eq!((ana.get(&reservada).status, bruno.get(&reservada).status), (200, 404));

    let other = Rest::enter(&site, crate::harness::VIZINHA, "elias");
    assert_eq!(other.get(&path).status, 404);
    assert_eq!(feita["kind"], "ocorrencia");
    let wrong = path.replace("ocorrencias", "assistencias");
    assert_eq!(carla.get(&wrong).status, 404, "of another kind");
}

#[test]
fn a_copy_keeps_what_may_be_copied_and_is_a_record_of_its_own() {
    let (site, carla) = office("P003");
    let (path, original) = concluida(&site, &carla);
    let rascunho = json!({ "rascunho": true, "campos": { "relato": "De novo" } });
    let visto = done(carla.post(&format!("{path}/duplicar"), &rascunho));
    assert_eq!(visto["campos"]["relato"], "De novo");
    assert_eq!(visto["itens"].as_array().unwrap().len(), 2);
    assert_eq!(visto["itens"][0]["campos"]["procedencia"], Value::Null);
    let tamanho = carla.read("/v1/ocorrencias")["itens"].as_array().unwrap().len();
    assert_eq!(tamanho, 1, "it was only shown");
    // It is the body of a creation.
    let salva = done(carla.post("/v1/ocorrencias", &visto));
    assert_eq!(salva["id"], visto["id"]);
    let copia = carla.post(&format!("{path}/duplicar"), &json!({}));
    assert_eq!(copia.status, 201, "{}", copia.body);
    let copia = copia.json();
    assert_ne!(copia["numero"], original["numero"]);
    assert_eq!(copia["situacao"]["codigo"], "aberto");
    assert_eq!(copia["campos"]["cliente"], original["campos"]["cliente"]);
    assert_eq!(copia["notas"], json!([]));
}

#[test]
fn one_log_has_five_views() {
    let (site, carla) = office("P003");
    let (path, _) = reclamacao(&site, &carla);
    done(carla.send("PATCH", &path, &[], Some(&json!({ "campos": { "contato_nome": "Rui" } }))));
    let parcial = json!({ "tipo": "parcial", "texto": "Ver lote", "encaminhar": site.id("ana") });
    done(carla.post(&format!("{path}/analises"), &parcial));
    let pergunta = done(carla.post(&format!("{path}/notas"), &json!({ "texto": "Chegou?" })));
    let resposta = json!({ "texto": "Chegou.", "resposta_a": pergunta["id"] });
    done(carla.post(&format!("{path}/notas"), &resposta));
    done(carla.post(&format!("{path}/notas"), &json!({ "texto": "Outra coisa" })));

    let view = |visao: &str, more: &str| {
        let page = carla.read(&format!("{path}/acompanhamento?visao={visao}{more}"));
        page["itens"].as_array().unwrap().clone()
    };
    let all = |visao: &str| {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = format!("{path}/acompanhamento?visao={visao}&limite=2{cursor}");
            let page = carla.read(&query);
            rows.extend(page["itens"].as_array().unwrap().clone());
            match page["proximo"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    };
    for visao in ["tudo", "tramite", "historico", "conversas", "alteracoes"] {
        let mut whole = view(visao, "&limite=200");
        let mut paged = all(visao);
        // How long the present stretch lasts goes on meanwhile.
        for row in whole.iter_mut().chain(&mut paged) {
            row.as_object_mut().unwrap().remove("duracao_s");
        }
        assert_eq!(whole, paged, "{visao}");
    }
    let tipos = |rows: &[Value]| {
        rows.iter().map(|row| row["tipo"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let tudo = view("tudo", "");
    assert_eq!(tudo.last().unwrap()["tipo"], "criacao");
    for tipo in ["campo", "nota", "pedido", "veredito", "analise", "numero"] {
        assert!(tipos(&tudo).iter().any(|is| is == tipo), "{tipo}");
    }
    assert!(!tipos(&view("historico", "")).iter().any(|tipo| tipo == "campo"));
    let alteracoes = view("alteracoes", "");
    let nome = alteracoes.iter().find(|row| row["campo"] == "contato_nome").unwrap();
    assert_eq!((&nome["de"], &nome["para"]), (&Value::Null, &json!("Rui")));
    assert_eq!(nome["por"]["nome"], "Carla Nogueira");
    assert_eq!(nome["aparelho_nome"], "Retaguarda");
    assert!(nome["no_aparelho"].is_string() && nome["no_servidor"].is_string());
    let quem = alteracoes.iter().find(|row| row["campo"] == "responsavel").unwrap();
    assert_eq!(quem["de_exibicao"], "Carla Nogueira");
    assert_eq!(quem["para_exibicao"], "Ana Ribeiro");
    let situacao = alteracoes.iter().find(|row| row["campo"] == "situacao").unwrap();
    assert_eq!(situacao["para_exibicao"], "Em análise");

    let tramite = view("tramite", "");
    let passos: Vec<(String, String)> = tramite
        .iter()
        .map(|etapa| {
            let nome = etapa["responsavel"]["nome"].as_str().unwrap().to_owned();
            (etapa["situacao"]["codigo"].as_str().unwrap().to_owned(), nome)
        })
        .collect();
    let carla_nome = "Carla Nogueira".to_owned();
    let esperados = [
        ("aberto", &carla_nome),
        ("iniciado", &carla_nome),
        ("em_analise", &carla_nome),
        ("em_analise", &"Ana Ribeiro".to_owned()),
    ];
    let esperados: Vec<_> = esperados.map(|(s, n)| (s.to_owned(), n.clone())).into();
    assert_eq!(passos, esperados);
    assert_eq!(tramite[0]["saiu_em"], tramite[1]["entrou_em"]);
    assert_eq!(tramite[3]["saiu_em"], Value::Null);
    assert!(tramite[3]["duracao_s"].is_i64());

    let conversas = view("conversas", "");
    assert_eq!(conversas.len(), 2);
    assert_eq!(conversas[0]["texto"], "Chegou?");
    assert_eq!(conversas[0]["respostas"][0]["texto"], "Chegou.");
    let other = carla.get(&format!("{path}/acompanhamento?visao=tudo&cursor=lixo"));
    assert_eq!(other.status, 400);
}

#[test]
fn an_action_goes_to_the_erp_and_its_answer_is_taken_once() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let cliente = cliente(&carla, "p000.cliente", "Loja Sul");
    let nova = |cliente: Value| {
        let novo = json!({ "tipo": "p000.ocorrencia", "campos": {
            "escopo": "produto", "produto": "Colchão", "tipo_ocorrencia": "avaria",
            "relato": "Molas soltas", "cliente": cliente, "contato_nome": "Rui",
            "contato_telefone": "11 98888-7777" },
            "itens": [{ "campos": { "produto": "Colchão", "valor_indenizado": "350.00" } }] });
        done(carla.post("/v1/ocorrencias", &novo))
    };
    let em_analise = |feita: &Value| {
        let path = format!("/v1/ocorrencias/{}/transicoes/colocar_em_analise", id(feita));
        done(carla.post(&path, &json!({})))
    };
    let sem = nova(Value::Null);
    let pedir = |registro: &Value, codigo: &str| {
        let acoes = format!("/v1/ocorrencias/{}/acoes", id(registro));
        carla.post(&acoes, &json!({ "codigo": codigo, "observacao": "Valor da nota" }))
    };
    assert_eq!(said(&pedir(&sem, "credito_cliente")), is(422, "acao_nao_permitida"), "not yet");
    let sem = em_analise(&sem);
    assert_eq!(said(&pedir(&sem, "credito_cliente")), is(422, "exige_campo"));
    assert_eq!(said(&pedir(&sem, "nenhuma")), is(422, "acao_nao_permitida"));
    let possiveis = sem["acoes_possiveis"].as_array().unwrap().clone();
    let credito = possiveis.iter().find(|acao| acao["codigo"] == "credito_cliente").unwrap();
    assert_eq!(credito["falta"]["codigo"], "exige_campo");
    let feita = em_analise(&nova(json!(cliente)));
    let path = format!("/v1/ocorrencias/{}", id(&feita));
    let criada = pedir(&feita, "credito_cliente");
    assert_eq!(criada.status, 201, "{}", criada.body);
    let acao = id(&criada.json());

    let listed = |query: &str| {
        carla.read(&format!("/v1/acoes?{query}"))["itens"].as_array().unwrap().clone()
    };
    assert_eq!(listed("situacao=solicitada").len(), 1);
    assert_eq!(listed("situacao=concluida").len(), 0);
    assert_eq!(listed(&format!("registro={}&codigo=credito_cliente", id(&feita))).len(), 1);
    assert_eq!(listed("")[0]["rotulo"], "Crédito para o Cliente");
    assert_eq!(listed("")[0]["registro"]["rotulo"], feita["numero"]);

    let erp = carla.key(&["acoes:responder"], &["ver", "ver_todas"]);
    let um = format!("/v1/acoes/{acao}/resposta");
    assert_eq!(said(&erp.get("/v1/acoes")), is(403, "escopo_insuficiente"));
    let resposta = json!({ "situacao": "concluida", "externo": "CR-881", "retorno": "Emitido." });
    let feita = done(erp.post(&um, &resposta));
    assert_eq!((&feita["situacao"], &feita["externo"]), (&json!("concluida"), &json!("CR-881")));
    let etag = carla.get(&path).header("etag").to_owned();
    let again = erp.post(&um, &resposta);
    assert_eq!((again.status, again.json()), (200, feita));
    assert_eq!(carla.get(&path).header("etag"), etag, "nothing was written");
    let outra = json!({ "situacao": "recusada", "retorno": "Sem saldo." });
    assert_eq!(said(&erp.post(&um, &outra)), is(409, "acao_respondida"));
    let aberta = json!({ "situacao": "solicitada" });
    assert_eq!(said(&erp.post(&um, &aberta)), is(400, "pedido_invalido"));
    let nenhuma = format!("/v1/acoes/{}/resposta", Uuid::now_v7());
    assert_eq!(erp.post(&nenhuma, &resposta).status, 404);
    let historico = carla.read(&format!("{path}/acompanhamento?visao=historico"));
    let textos: Vec<&str> =
        historico["itens"].as_array().unwrap().iter().filter_map(|l| l["texto"].as_str()).collect();
    assert!(textos.iter().any(|texto| texto.contains("CR-881")), "{textos:?}");
    // A key for it answers by the id alone: it was told of it whoever may see the record.
    let cego = carla.key(&["acoes:responder"], &["ver"]);
    assert_eq!(done(cego.post(&um, &resposta))["externo"], "CR-881");
}

#[test]
fn a_corrective_action_groups_concluded_records_of_one_tipo_while_in_draft() {
    let (site, carla) = office("P003");
    let (um, primeiro) = concluida(&site, &carla);
    let (_, segundo) = concluida(&site, &carla);
    let (aberto, em_analise) = reclamacao(&site, &carla);
    let todos = |registros: &[&Value]| {
        let ids: Vec<String> = registros.iter().map(|registro| id(registro)).collect();
        json!({ "titulo": "Amassados", "registros": ids })
    };
    // One that is not concluded: none is linked, and no action is left behind.
    let answer = carla.post("/v1/acoes-corretivas", &todos(&[&primeiro, &em_analise]));
    assert_eq!(said(&answer), is(422, "corretiva_nao_permitida"));
    assert_eq!(carla.read("/v1/acoes-corretivas")["itens"], json!([]));
    assert_eq!(carla.read(&um)["corretivas"], json!([]));

    let answer = carla.post("/v1/acoes-corretivas", &todos(&[&primeiro]));
    assert_eq!(answer.status, 201, "{}", answer.body);
    let corretiva = answer.json();
    assert!(corretiva["numero"].as_str().unwrap().ends_with("/000001"), "{corretiva}");
    assert_eq!(corretiva["tipo"], "p003.reclamacao");
    assert_eq!(corretiva["registros"][0]["id"], primeiro["id"]);
    let path = format!("/v1/acoes-corretivas/{}", id(&corretiva));
    let registros = format!("{path}/registros");
    let vincular =
        |registro: &Value| carla.post(&registros, &json!({ "registros": [registro["id"]] }));
    done(vincular(&segundo));
    let feita = done(vincular(&segundo));
    assert_eq!(feita["registros"].as_array().unwrap().len(), 2, "linked once");
    assert_eq!(carla.read(&um)["corretivas"][0]["numero"], corretiva["numero"]);
    let historico = carla.read(&format!("{um}/acompanhamento?visao=historico"));
    assert_eq!(historico["itens"][0]["tipo"], "corretiva");

    let vazia = json!({ "titulo": "Outra", "tipo": "p003.elogio" });
    let vazia = carla.post("/v1/acoes-corretivas", &vazia);
    assert_eq!(said(&vazia), is(422, "corretiva_nao_permitida"), "its tipo has none");
    let body = json!({ "descricao": "Rever a embalagem" });
    let mudada = done(carla.change("PATCH", &path, &path, &body));
    assert_eq!(mudada["descricao"], "Rever a embalagem");
    let ana = Rest::enter(&site, AURORA, "ana");
    assert_eq!(said(&ana.post(&format!("{path}/iniciar"), &json!({}))), is(403, "sem_permissao"));
    let encerrar = format!("{path}/encerrar");
    assert_eq!(said(&carla.post(&encerrar, &json!({}))), is(409, "corretiva_fora_de_hora"));
    let feita = done(carla.post(&format!("{path}/iniciar"), &json!({})));
    assert_eq!(feita["situacao"], "em_execucao");
    let (_, terceiro) = concluida(&site, &carla);
    assert_eq!(said(&vincular(&terceiro)), is(422, "corretiva_nao_permitida"));
    assert_eq!(done(carla.post(&encerrar, &json!({})))["situacao"], "encerrada");
    assert_eq!(done(carla.post(&encerrar, &json!({})))["situacao"], "encerrada", "sent again");
    assert_eq!(carla.send("PATCH", &path, &[], Some(&body)).status, 409);
    let second = carla.post("/v1/acoes-corretivas", &todos(&[&terceiro])).json();
    assert!(second["numero"].as_str().unwrap().ends_with("/000002"), "{second}");
    let so = carla.read("/v1/acoes-corretivas?situacao=rascunho")["itens"].clone();
    assert_eq!(so.as_array().unwrap().len(), 1);
    // Ana sees that there is one, and of its records none.
    assert_eq!(ana.read(&path)["registros"], json!([]));
    assert_eq!(carla.get(&aberto).status, 200);
}
