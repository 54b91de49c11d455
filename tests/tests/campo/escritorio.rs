//! What the office is told before the gate, in the API and on its pages: what a telephone without a
//! connection cannot know, and what is kept all the same where it did not. And how the office
//! decides on such work through the API.

use crate::{
    api_registros,
    casa::Casa,
    harness::{AURORA, Site, textos},
    office_api::{Api, Caso, Desfecho, NAO_HA, Resposta, falta, fechado},
    page_client::Pages,
    preset_p000,
    rest::Rest,
};
use campo_domain::{ids::DocumentId, kind::Kind, parte::Colecao, valor::Valor};
use serde_json::{Value, json};
use uuid::Uuid;

/// An assistência of a client's, with an ocorrência.
struct Cenario {
    casa: Casa,
    lia: Api,
    olga: Api,
    ines: DocumentId,
    caso: Caso,
    ocorrencia: Caso,
}

fn cenario() -> Cenario {
    let casa = Casa::nova("P001");
    let ines = casa.adm.cliente(json!({ "nome": "Inês Conceição" }));
    let (lia, olga) = (casa.pessoa("lia", "ver"), casa.pessoa("olga", "ver ver_todas gerenciar"));
    let campos =
        json!({ "cliente": ines, "situacao_alegada": "Porta caída.", "responsavel": lia.id });
    let caso = olga.abre_com("assistencias", &json!({ "campos": campos })).caso();
    let campos = json!({ "assistencia": caso.id, "tipo_ocorrencia": "regulagem" });
    let ocorrencia = olga.abre("p001.ocorrencia", campos).caso();
    Cenario { casa, lia, olga, ines, caso, ocorrencia }
}

impl Cenario {
    fn agenda(&self, de: Value) -> Value {
        let mut campos = json!({
            "tipo_agenda": "montagem", "responsavel": self.lia.id, "assunto": "Troca",
            "inicio": "2026-11-24T09:00", "fim": "2026-11-24T10:00",
        });
        let todos = campos.as_object_mut().unwrap();
        todos.extend(de.as_object().unwrap().clone());
        json!({ "campos": campos })
    }

    /// Withdraws a tipo, or brings it back.
    fn oferece(&self, tipo: &str, ativo: bool) {
        let path = format!("/v1/tipos/{tipo}");
        let etag = self.casa.adm.get(&path).cabecalho("etag").to_owned();
        let headers = [("if-match", etag.as_str())];
        self.casa.adm.send("PATCH", &path, &headers, Some(&json!({ "ativo": ativo }))).feito();
    }
}

#[test]
fn held_work_is_read_and_decided_through_the_api() {
    let c = cenario();
    let lia = c.casa.aparelho(&c.lia);
    lia.editar(c.caso.id, "prazo", "2026-12-01").unwrap();
    lia.anotar(c.caso.id, "Medi o vão.").unwrap();
    let outro = json!({ "campos": { "cliente": c.ines, "situacao_alegada": "Outra." } });
    let outro = c.olga.abre_com("assistencias", &outro).caso();
    c.olga.pede_por(&c.caso, "cancelar", "Desistiu.").feito();
    assert_eq!(lia.sync().held, 2);

    let ids = |query: &str| {
        let linhas = c.olga.lista(&format!("/v1/retidas?{query}"));
        linhas.iter().map(|linha| linha["id"].clone()).collect::<Vec<_>>()
    };
    let linha = &c.olga.lista("/v1/retidas")[0];
    assert_eq!((&linha["registro"], &linha["kind"]), (&json!(c.caso.id), &json!("assistencia")));
    assert_eq!(linha["autor"]["nome"], "Lia");
    assert_eq!(linha["codigo"], "situacao_nao_permite_edicao");
    assert_eq!(linha["motivo"], fechado("Cancelada"));
    let todas = ids("");
    for query in [
        format!("registro={}", c.caso.id),
        "kind=assistencia".into(),
        format!("autor={}", c.lia.id),
    ] {
        assert_eq!(ids(&query), todas, "{query}");
    }
    for query in
        [format!("registro={}", outro.id), "kind=agenda".into(), format!("autor={}", c.olga.id)]
    {
        assert!(ids(&query).is_empty(), "{query}");
    }
    let nino = c.casa.pessoa("nino", "ver gerenciar");
    assert!(nino.lista("/v1/retidas").is_empty(), "of a case that is none of his");

    let path = format!("/v1/retidas/{}", linha["id"].as_str().unwrap());
    nino.get(&path).recusa("nao_encontrado", NAO_HA);
    let retida = c.olga.get(&path).feito();
    assert_eq!(
        (&retida["situacao"], &retida["pode_decidir"]),
        (&json!("aguardando"), &json!(true))
    );
    let escritas: Vec<_> = retida["escritas"].as_array().unwrap().iter().collect();
    assert_eq!(escritas[0]["rotulo"], "Prazo");
    assert_eq!(escritas[0]["atual"], Value::Null);
    assert_eq!(escritas[0]["proposto"], "01/12/2026", "as the page shows it");
    assert_eq!(c.lia.get(&path).feito()["pode_decidir"], false);

    let decisao = format!("{path}/decisao");
    let aprovar = json!({ "aprovar": true, "nota": "Vale.\r\nObrigada." });
    c.lia.post(&decisao, &aprovar).recusa("sem_permissao", &falta("gerenciar"));
    nino.post(&decisao, &aprovar).recusa("nao_encontrado", NAO_HA);
    let decidida = c.olga.post(&decisao, &aprovar).feito();
    assert_eq!(
        (&decidida["situacao"], &decidida["nota"]),
        (&json!("aprovado"), &json!("Vale.\nObrigada.")),
    );
    assert_eq!(c.olga.le(&c.caso)["campos"]["prazo"], "2026-12-01");
    let again = c.olga.post(&decisao, &json!({ "aprovar": false }));
    assert_eq!((again.status, &again.corpo["codigo"]), (409, &json!("retida_decidida")));
    assert!(!ids("").contains(&linha["id"]));
}

/// B2, N2: what came after somebody read it, even while the decision is on its way, is not decided
/// with the rest.
#[test]
fn a_decision_is_of_the_held_work_that_was_read() {
    let c = cenario();
    let lia = c.casa.aparelho(&c.lia);
    lia.editar(c.caso.id, "prazo", "2026-12-01").unwrap();
    c.olga.pede_por(&c.caso, "cancelar", "Desistiu.").feito();
    assert_eq!(lia.sync().held, 1);
    let read = || c.olga.lista("/v1/retidas")[0].clone();
    let held = read();
    let path = format!("/v1/retidas/{}/decisao", held["id"].as_str().unwrap());
    let decide = |seen: &Value| c.olga.post(&path, &json!({ "aprovar": true, "visto": seen }));
    let more = "UPDATE held SET received_at = received_at + interval '1 s'";

    c.casa.sql(more);
    let answer = decide(&held["recebida_em"]);
    assert_eq!((answer.status, &answer.corpo["codigo"]), (409, &json!("valor_mudou")));

    // Another server has written more of it, and has not committed when the decision is made.
    let held = read();
    let committed = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (begun, waits) = std::sync::mpsc::channel();
        let (casa, committed) = (&c.casa, &committed);
        scope.spawn(move || {
            casa.in_transaction(more, || {
                begun.send(()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(600));
                committed.store(true, std::sync::atomic::Ordering::SeqCst);
            });
        });
        waits.recv().unwrap();
        let answer = decide(&held["recebida_em"]);
        assert!(committed.load(std::sync::atomic::Ordering::SeqCst), "it waited for the other");
        assert_eq!((answer.status, &answer.corpo["codigo"]), (409, &json!("valor_mudou")));
    });
    assert_eq!(c.olga.le(&c.caso)["campos"]["prazo"], Value::Null, "nothing was applied");

    let answer = decide(&read()["recebida_em"]).feito();
    assert_eq!(answer["situacao"], "aprovado");
    assert_eq!(c.olga.le(&c.caso)["campos"]["prazo"], "2026-12-01");
}

#[test]
fn held_work_is_read_page_by_page() {
    let c = cenario();
    let lia = c.casa.aparelho(&c.lia);
    let campos =
        json!({ "cliente": c.ines, "situacao_alegada": "Outra.", "responsavel": c.lia.id });
    let outro = c.olga.abre_com("assistencias", &json!({ "campos": campos })).caso();
    lia.sync();
    for caso in [&c.caso, &outro] {
        lia.anotar(caso.id, "Medi o vão.").unwrap();
        c.olga.pede_por(caso, "cancelar", "Desistiu.").feito();
    }
    assert_eq!(lia.sync().held, 2);
    let first = c.olga.get("/v1/retidas?limite=1").feito();
    let cursor = first["proximo"].as_str().unwrap();
    let second = c.olga.get(&format!("/v1/retidas?limite=1&cursor={cursor}")).feito();
    let registro = |page: &Value| page["itens"][0]["registro"].clone();
    assert_ne!(registro(&first), registro(&second));
    assert_eq!(second["proximo"], Value::Null);
}

#[test]
fn a_withdrawn_tipo_makes_nothing_new_but_what_a_phone_made_before_it_knew() {
    let c = cenario();
    let lia = c.casa.aparelho(&c.lia);
    let antes = lia.registra(
        "p001.assistencia",
        &[("cliente", &c.ines.to_string()), ("situacao_alegada", "Antes de saber.")],
        &[],
    );
    c.oferece("p001.assistencia", false);
    let retirado = "O tipo “Assistência Técnica” não é mais usado em registros novos.";
    let campos = json!({ "cliente": c.ines, "situacao_alegada": "Depois." });
    let nova = json!({ "tipo": "p001.assistencia", "campos": campos });
    c.olga.abre_com("assistencias", &nova).recusa("tipo_retirado", retirado);
    let sem_tipo = c.olga.abre_com("assistencias", &json!({ "campos": campos }));
    assert_eq!((sem_tipo.status, &sem_tipo.corpo["tipos"]), (400, &json!([])));
    c.olga.post(&c.caso.em("/duplicar"), &json!({})).recusa("tipo_retirado", retirado);

    // The record that is there goes on, and so does what was made in good faith.
    c.olga.altera(&c.caso, json!({ "prazo": "2026-12-01" })).feito();
    assert_eq!(lia.sync().refused, 0);
    assert!(c.casa.registro(antes.unwrap()).numero.is_some());
    let campos = textos(&[("cliente", &c.ines.to_string()), ("situacao_alegada", "Depois.")]);
    lia.novo(Kind::Assistencia, Some("p001.assistencia"), &campos, &[])
        .recusa("tipo_retirado", retirado);
    let copia = lia.copiar(c.caso.id);
    copia.recusa("tipo_retirado", retirado);
    c.oferece("p001.assistencia", true);
    c.olga.abre_com("assistencias", &nova).feito();
}

/// R40, R41.
#[test]
fn an_agenda_of_an_ocorrencia_is_of_its_assistencia_too() {
    let c = cenario();
    let agenda = c.agenda(json!({ "ocorrencia": c.ocorrencia.id }));
    let agenda = c.olga.abre_com("agendas", &agenda).ficha();
    assert_eq!(agenda["campos"]["assistencia"], json!(c.caso.id));

    let lia = c.casa.aparelho(&c.lia);
    let campos = textos(&[
        ("ocorrencia", &c.ocorrencia.id.to_string()),
        ("tipo_agenda", "montagem"),
        ("responsavel", &c.lia.id.to_string()),
        ("assunto", "Regular"),
        ("inicio", "2026-11-24 14:00"),
        ("fim", "2026-11-24 15:00"),
    ]);
    let visita = lia.novo(Kind::Agenda, None, &campos, &[]).unwrap();
    assert_eq!(lia.registro(visita).referencia("assistencia"), Some(c.caso.id.uuid()));
    assert_eq!(lia.sync().refused, 0);
}

/// R9, R11.
#[test]
fn a_contract_of_another_client_does_not_stand_in_a_record() {
    let c = cenario();
    let dados = json!({ "cliente": c.ines, "endereco": "Rua das Acácias, 120" });
    c.casa.adm.cataloga("contrato", "c1", "Contrato 1", dados);
    let alvaro = c.casa.adm.cliente(json!({ "nome": "Álvaro" }));
    let de_outro = |feito: Resposta| {
        feito.recusa("contrato_de_outro_cliente", "O contrato é de outro cliente.");
    };
    let campos = json!({ "cliente": alvaro, "contrato": "c1", "situacao_alegada": "Gaveta.",
                "responsavel": c.lia.id });
    de_outro(c.olga.abre_com("assistencias", &json!({ "campos": campos })));
    de_outro(c.olga.post(
        &c.caso.em("/duplicar"),
        &json!({ "campos": {
        "cliente": alvaro, "contrato": "c1" } }),
    ));
    c.olga.altera(&c.caso, json!({ "contrato": "c1" })).feito();
    de_outro(c.olga.altera(&c.caso, json!({ "cliente": alvaro })));
    c.olga.altera(&c.caso, json!({ "cliente": alvaro, "contrato": null })).feito();
    de_outro(c.olga.altera(&c.caso, json!({ "contrato": "c1" })));

    let lia = c.casa.aparelho(&c.lia);
    lia.editar(c.caso.id, "contrato", "c1")
        .recusa("contrato_de_outro_cliente", "O contrato é de outro cliente.");
    let campos =
        [("cliente", &*alvaro.to_string()), ("contrato", "c1"), ("situacao_alegada", "Gaveta.")];
    lia.registra("p001.assistencia", &campos, &[])
        .recusa("contrato_de_outro_cliente", "O contrato é de outro cliente.");
}

#[test]
fn nothing_is_planned_or_opened_in_an_assistencia_that_is_over() {
    let c = cenario();
    let lia = c.casa.aparelho(&c.lia);
    let id = c.caso.id.to_string();
    let da_rua = [("assistencia", id.as_str()), ("tipo_ocorrencia", "regulagem")];
    let da_rua = lia.registra("p001.ocorrencia", &da_rua, &[]).unwrap();
    c.olga.pede_por(&c.caso, "cancelar", "Desistiu.").feito();
    let fechada = fechado("Cancelada");
    let agenda = c.agenda(json!({ "ocorrencia": c.ocorrencia.id }));
    c.olga.abre_com("agendas", &agenda).recusa("situacao_nao_permite_edicao", &fechada);
    let campos = json!({ "assistencia": c.caso.id, "tipo_ocorrencia": "regulagem" });
    c.olga.abre("p001.ocorrencia", campos).recusa("situacao_nao_permite_edicao", &fechada);
    c.olga.abre_com("agendas", &c.agenda(json!({}))).feito();

    // What was found there is a fact.
    let feito = lia.sync();
    assert_eq!((feito.held, feito.refused), (0, 0));
    assert!(c.casa.registro(da_rua).numero.is_some());
}

/// R94.
#[test]
fn a_copy_is_filled_in_and_leaves_out_what_is_no_longer_in_use() {
    let c = cenario();
    let ruy = c.casa.pessoa("ruy", "ver");
    let agenda = c.agenda(json!({ "ocorrencia": c.ocorrencia.id, "responsavel": ruy.id,
                                  "tipo_compromisso": "vistoria" }));
    let agenda = c.olga.abre_com("agendas", &agenda).caso();
    let path = agenda.em("/duplicar");
    assert_eq!(c.olga.post(&path, &json!({})).ficha()["campos"]["tipo_compromisso"], "vistoria");

    let item = json!({ "nome": "Vistoria", "ativo": false });
    c.casa.adm.grava("/v1/catalogos/tipo_compromisso/vistoria", &item).feito();
    let copia = c.olga.post(&path, &json!({})).ficha();
    assert_eq!(copia["campos"]["tipo_compromisso"], Value::Null);
    assert_eq!(copia["campos"]["assistencia"], json!(c.caso.id));

    let ativo = json!({ "ativo": false });
    let usuario = format!("/v1/usuarios/{}", ruy.id);
    let etag = c.casa.adm.get(&usuario).cabecalho("etag").to_owned();
    c.casa.adm.send("PATCH", &usuario, &[("if-match", etag.as_str())], Some(&ativo)).feito();
    c.olga
        .post(&path, &json!({}))
        .recusa("campos_obrigatorios", "Preencha o campo obrigatório: Responsável.");
    let rascunho = c.olga.post(&path, &json!({ "rascunho": true })).feito();
    assert_eq!(rascunho["campos"]["responsavel"], Value::Null);
    c.olga.post(&path, &json!({ "campos": { "responsavel": c.lia.id } })).feito();
}

/// R31, R94.
#[test]
fn a_copy_has_a_time_of_its_own() {
    let casa = Casa::nova("P003");
    let ana = casa.pessoa("ana", "ver ver_todas");
    let cliente = casa.adm.cliente(json!({ "nome": "Padaria" }));
    let campos = json!({ "cliente": cliente, "responsavel": ana.id, "relato": "Veio amassado",
                         "atendimento_em": "2020-01-01T10:00:00Z" });
    let caso = ana.abre("p003.reclamacao", campos).caso();
    for corpo in [json!({}), json!({ "rascunho": true })] {
        let copia = ana.post(&caso.em("/duplicar"), &corpo).ficha();
        let quando = copia["campos"]["atendimento_em"].as_str().unwrap().to_owned();
        assert!(!quando.starts_with("2020"), "{quando}");
    }
}

/// R94.
#[test]
fn a_telephone_copies_what_the_tipo_still_has() {
    let c = cenario();
    c.olga.altera(&c.caso, json!({ "observacoes": "Levar calço." })).feito();
    let lia = c.casa.aparelho(&c.lia);
    let path = "/v1/tipos/p001.assistencia";
    let mut tipo = c.casa.adm.get(path).feito();
    tipo["formulario"] = json!(["cliente", "situacao_alegada", "responsavel"]);
    let etag = c.casa.adm.get(path).cabecalho("etag").to_owned();
    let headers = [("if-match", etag.as_str())];
    c.casa.adm.send("POST", &format!("{path}/versoes"), &headers, Some(&tipo)).feito();
    lia.sync();
    let copia = lia.copiar(c.caso.id).unwrap();
    assert!(!copia.campos.iter().any(|(nome, _)| nome == "observacoes"), "{:?}", copia.campos);
    let nova = lia.novo(copia.kind, Some(&copia.tipo), &copia.campos, &copia.itens).unwrap();
    assert_eq!(lia.registro(nova).tipo.versao, 2);
    assert_eq!(lia.sync().refused, 0);
}

/// R6.
#[test]
fn another_origem_has_the_items_and_says_the_client() {
    let c = preset_p000::cenario();
    let campos = |campos: Value| {
        let mut todos = json!({
            "escopo": "servico", "produto": "Colchão Itatiba", "relato": "Afundou.",
            "tipo_ocorrencia": "reclamacao_produto", "contato_nome": "Ivo",
            "contato_telefone": "11 3333-4444",
        });
        todos.as_object_mut().unwrap().extend(campos.as_object().unwrap().clone());
        todos
    };
    let fora = "“Sofá” não está entre os produtos de 45.198.";
    let caso = c.vera.abre("p000.ocorrencia", campos(json!({}))).caso();
    let sofa = c.vera.inclui(&caso, "itens", json!({ "produto": "Sofá" })).id();
    let nota = json!({ "origem": "nf_saida", "origem_numero": "45.198" });
    c.vera.altera(&caso, nota.clone()).recusa("produto_fora_da_origem", fora);
    c.vera.remove(&caso, "itens", &sofa).feito();
    let ficha = c.vera.altera(&caso, nota.clone()).ficha();
    assert_eq!(ficha["campos"]["cliente"], json!(c.marcia), "the invoice says whose it is");

    // Of the only line of a product, what it says.
    let ficha = c.vera.inclui(&caso, "itens", json!({ "produto": "colchao itatiba" })).ficha();
    let item = &ficha["itens"].as_array().unwrap().last().unwrap()["campos"];
    assert_eq!((&item["quantidade"], &item["lote_serie"]), (&json!("2"), &json!("L-77")));
    let novo = json!({ "tipo": "p000.ocorrencia", "campos": campos(nota),
        "itens": [{ "campos": { "produto": "Colchão Itatiba", "quantidade": "1" } }] });
    let item = c.vera.abre_com("ocorrencias", &novo).ficha()["itens"][0]["campos"].clone();
    assert_eq!((&item["quantidade"], &item["lote_serie"]), (&json!("1"), &json!("L-77")));

    // And before what comes after it, which may end the editing.
    let outro = c.vera.abre("p000.ocorrencia", campos(json!({}))).caso();
    let aceita = json!([
        { "comando": "editar", "campo": "origem", "valor": "nf_saida" },
        { "comando": "editar", "campo": "origem_numero", "valor": "45198" },
        { "comando": "transicionar", "verbo": "colocar_em_analise" },
    ]);
    let ficha = c.gilda.post(&outro.em("/comandos"), &aceita).ficha();
    assert_eq!(ficha["campos"]["cliente"], json!(c.marcia));
    assert_eq!(ficha["situacao"]["codigo"], "em_analise");

    // A client who was said is not said otherwise.
    let outro = c.casa.adm.cliente(json!({ "nome": "Outro" }));
    let dito = c.vera.abre("p000.ocorrencia", campos(json!({ "cliente": outro }))).caso();
    let nota = json!({ "origem": "nf_saida", "origem_numero": "45198" });
    assert_eq!(c.vera.altera(&dito, nota).ficha()["campos"]["cliente"], json!(outro));
}

/// R6.
#[test]
fn a_telephone_asks_the_same_of_another_origem() {
    let c = preset_p000::cenario();
    let vera = c.casa.aparelho(&c.vera);
    let campos = [
        ("escopo", "servico"),
        ("produto", "Colchão Itatiba"),
        ("tipo_ocorrencia", "reclamacao_produto"),
        ("relato", "Afundou."),
        ("contato_nome", "Ivo"),
        ("contato_telefone", "11 3333-4444"),
    ];
    let id = vera.registra("p000.ocorrencia", &campos, &[&[("produto", "Sofá")]]).unwrap();
    vera.editar(id, "origem", "nf_saida").unwrap();
    vera.editar(id, "origem_numero", "45198")
        .recusa("produto_fora_da_origem", "“Sofá” não está entre os produtos de 45198.");
    let sofa = *vera.registro(id).itens.keys().next().unwrap();
    vera.remover_item(id, sofa).unwrap();
    vera.editar(id, "origem_numero", "45198").unwrap();
    assert_eq!(vera.registro(id).referencia("cliente"), Some(c.marcia.uuid()));
    let item = vera.inclui(id, Colecao::Itens, &[("produto", "Colchão Itatiba")]).unwrap();
    assert_eq!(*vera.registro(id).itens[&item].valor("quantidade"), Valor::Inteiro(2_000));
    let feito = vera.sync();
    assert_eq!((feito.held, feito.refused), (0, 0));
    c.casa.confere(&[&vera]);
}

/// R4, R23, R64, R86, R87.
#[test]
fn work_is_given_to_people_who_see_records_and_to_no_clients_login() {
    let c = cenario();
    let portal = c.casa.portal("ines", c.ines);
    let erp = c.casa.adm.chave("registros:ler", "ver");
    let chefia = c.casa.pessoa("chefia", "administrar");
    let campo = |pessoa: &Api| c.olga.altera(&c.caso, json!({ "responsavel": pessoa.id }));
    let lista = |lista: &str, pessoa: &Api| {
        let path = c.caso.em(&format!("/{lista}/{}", pessoa.id));
        c.olga.send("PUT", &path, &[], None)
    };
    let restringe = |pessoa: &Api| c.olga.restringe(&c.caso, json!({ "usuarios": [pessoa.id] }));
    let agenda =
        |pessoa: &Api| c.olga.abre_com("agendas", &c.agenda(json!({ "responsavel": pessoa.id })));
    let cada = |pessoa: &Api| {
        [
            (campo(pessoa), "Responsável"),
            (agenda(pessoa), "Responsável"),
            (lista("participantes", pessoa), "Participante"),
            (lista("interessados", pessoa), "Interessado"),
            (restringe(pessoa), "Pessoa"),
        ]
    };
    for (feito, rotulo) in cada(&portal) {
        let frase = format!("{rotulo} precisa ser uma pessoa da empresa com acesso aos registros.");
        feito.recusa("cliente_do_portal", &frase);
    }
    let recusa = |feito: Resposta, rotulo: &str| {
        feito.recusa("valor_invalido", &format!("O valor informado em {rotulo} não é válido."));
    };
    recusa(lista("participantes", &chefia), "Participante");
    for ninguem in [&erp, &chefia] {
        recusa(campo(ninguem), "Responsável");
        recusa(agenda(ninguem), "Responsável");
        recusa(lista("interessados", ninguem), "Interessado");
    }
    // A program takes part, to see the case.
    for quem in [&c.lia, &erp] {
        lista("participantes", quem).feito();
    }

    // Nor are they offered, though their names are read.
    let pessoas = |query: &str| {
        let linhas = c.olga.lista(&format!("/v1/catalogos/usuario{query}"));
        linhas.iter().map(|linha| linha["nome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(pessoas("?ativo=true"), ["Adm", "Lia", "Olga"]);
    assert!(pessoas("").contains(&"Ines".to_owned()));
    let lia = c.casa.aparelho(&c.lia);
    let oferecidas: Vec<_> =
        lia.catalogo("usuario").unwrap().into_iter().map(|pessoa| pessoa.nome).collect();
    assert_eq!(oferecidas, ["Adm", "Lia", "Olga"]);
}

/// R86.
#[test]
fn a_restriction_lists_whom_the_company_knows_and_keeps_who_left() {
    let c = cenario();
    let erp = c.casa.adm.chave("registros:ler", "ver ver_todas");
    let (nino, portal) = (c.casa.pessoa("nino", "ver"), c.casa.portal("ines", c.ines));
    let restringe = |ids: &[Value]| c.casa.adm.restringe(&c.caso, json!({ "usuarios": ids }));
    let [lia, nino_id, erp_id] = [&c.lia, &nino, &erp].map(|pessoa| json!(pessoa.id));
    restringe(&[lia.clone(), nino_id.clone()]).feito();
    erp.tenta_ler(&c.caso).recusa("nao_encontrado", NAO_HA);
    c.casa.sql(&format!("UPDATE usuario SET ativo = false WHERE id = '{}'", nino.id));
    restringe(&[lia.clone(), nino_id, erp_id.clone()]).feito();
    erp.tenta_ler(&c.caso).feito();
    for (outro, codigo) in
        [(json!(portal.id), "cliente_do_portal"), (json!(Uuid::now_v7()), "valor_invalido")]
    {
        let feito = restringe(&[lia.clone(), erp_id.clone(), outro]);
        assert_eq!((feito.status, &feito.corpo["codigo"]), (422, &json!(codigo)));
    }
}

/// What is decided is kept for ever; the page of a record reads the last of it.
#[test]
fn a_record_shows_what_waits_and_what_was_decided_last() {
    let c = cenario();
    c.casa.sql(&format!(
        "INSERT INTO held (tenant, id, document, generation, kind, raiz, author, device, reason, \
             message, received_at, status) \
         SELECT '{tenant}', gen_random_uuid(), '{caso}', 1, 'assistencia', '{caso}', '{lia}', \
             gen_random_uuid(), 'r', 'r', now() - n * interval '1 hour', \
             CASE WHEN n > 60 THEN 'aguardando' ELSE 'descartado' END \
         FROM generate_series(1, 62) n",
        tenant = c.casa.tenant,
        caso = c.caso.id,
        lia = c.lia.id,
    ));
    let held = c.casa.rt.block_on(async {
        let mut tx = c.casa.app.db.snapshot(c.casa.tenant).await.unwrap();
        campo_server::office::held(&mut tx, c.casa.tenant, c.caso.id).await.unwrap()
    });
    assert!(held.is_sorted_by_key(|held| std::cmp::Reverse(held.received_at)));
    let esperam = held.iter().filter(|held| held.status == "aguardando").count();
    assert_eq!((held.len(), esperam), (52, 2));
}

/// A form of a page is refused, in these words.
#[track_caller]
fn recusa_na_pagina(pages: &Pages, path: &str, fields: &[(&str, &str)], frase: &str) {
    let answer = pages.send(path, fields);
    assert_eq!(answer.status, 422, "{path}: {}", answer.body);
    assert!(answer.body.contains(frase), "{path}: {}", answer.body);
}

#[test]
fn the_pages_ask_what_the_api_asks() {
    let site = Site::new();
    let (carla, api) = (Pages::enter(&site, AURORA, "carla"), Rest::enter(&site, AURORA, "carla"));
    let phone = site.phone("carla");
    let caso = phone.assistencia("Porta caída", site.id("carla"));
    let ocorrencia = phone.ocorrencia(caso, "Riscada").to_string();
    phone.sync();
    let (responsavel, ids) = (site.id("carla").to_string(), [(); 3].map(|()| Uuid::now_v7()));
    let [id, withdrawn, closed] = ids.map(|id| id.to_string());
    let agenda = |id| {
        [
            ("id", id),
            ("tipo", "p001.agenda"),
            ("versao", "1"),
            ("ocorrencia", &*ocorrencia),
            ("tipo_agenda", "montagem"),
            ("responsavel", &*responsavel),
            ("inicio", "2026-11-24T09:00"),
            ("fim", "2026-11-24T10:00"),
            ("assunto", "Troca"),
        ]
    };
    let made = carla.send("/novo/agenda", &agenda(&id));
    assert_eq!(made.status, 303, "{}", made.body);
    let visita = site.registro(DocumentId::from(ids[0]));
    assert_eq!(visita.referencia("assistencia"), Some(caso.uuid()));

    let path = "/v1/tipos/p001.agenda";
    let offers = |ativo: bool| {
        assert_eq!(api.change("PATCH", path, path, &json!({ "ativo": ativo })).status, 200);
    };
    offers(false);
    assert!(!carla.page("/novo/agenda").contains("p001.agenda"));
    let retirado = "não é mais usado em registros novos";
    recusa_na_pagina(&carla, "/novo/agenda", &agenda(&withdrawn), retirado);
    let copy = carla.get(&format!("/novo/agenda?copia={id}"));
    assert!(copy.status == 422 && copy.body.contains(retirado), "{}", copy.body);
    offers(true);
    site.transition(caso, "cancelar", Some("Desistiu."));
    recusa_na_pagina(&carla, "/novo/agenda", &agenda(&closed), "está em “Cancelada”");
}

/// R6.
#[test]
fn a_page_asks_of_another_origem_what_the_api_asks() {
    let (site, api) = api_registros::office("P000");
    let cliente = api_registros::cliente(&api, "p000.cliente", "Márcia");
    let dados = json!({ "cliente": cliente, "produtos": "Mesa Aurora|2|L1" });
    let nota = json!({ "nome": "NF 45198", "dados": dados });
    let nota = api.send("PUT", "/v1/catalogos/origem/nf_saida:45198", &[], Some(&nota));
    assert_eq!(nota.status, 201, "{}", nota.body);
    let caso = json!({ "tipo": "p000.ocorrencia", "campos": {
        "escopo": "servico", "produto": "Mesa", "relato": "Riscada.", "tipo_ocorrencia": "avaria",
        "contato_nome": "Ivo", "contato_telefone": "11 3333-4444", "origem": "nf_saida" } });
    let caso = api_registros::id(&api_registros::done(api.post("/v1/ocorrencias", &caso)));
    let path = format!("/registros/ocorrencia/{caso}");
    let carla = Pages::enter(&site, AURORA, "carla");
    let numero = [("campo", "origem_numero"), ("valor", "45198"), ("visto", "")];
    assert_eq!(carla.send(&format!("{path}/campo"), &numero).status, 303);
    let registro = site.registro(caso.parse().unwrap());
    assert_eq!(registro.referencia("cliente"), Some(cliente.parse().unwrap()));

    let item =
        |produto, id| [("em", "itens"), ("parte", id), ("novo", "sim"), ("produto", produto)];
    let ids = [(); 2].map(|()| Uuid::now_v7().to_string());
    let parte = format!("{path}/parte");
    recusa_na_pagina(&carla, &parte, &item("Sofá", &ids[0]), "não está entre os produtos");
    assert_eq!(carla.send(&parte, &item("Mesa Aurora", &ids[1])).status, 303);
    let registro = site.registro(caso.parse().unwrap());
    let (_, mesa) = registro.vivos(Colecao::Itens).next().unwrap();
    assert_eq!(*mesa.valor("quantidade"), Valor::Inteiro(2_000));
    assert_eq!(mesa.valor("lote_serie").texto(), Some("L1"));
}
