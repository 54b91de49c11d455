//! A sixth preset, made up here: a glazier's measurements, with stages, guards, an ação, categories
//! and deadlines of its own. It is created through the API and works on the phone, in the office
//! and in the portal without any code knowing of it.

use crate::{
    aparelho::{Aparelho, digitado, em_json, foto},
    casa::Casa,
    office_api::{Api, Caso, Desfecho, Resposta, falta, fechado, nao_cabe},
};
use campo_domain::{
    ids::{DocumentId, ItemId},
    kind::Kind,
    parte::Colecao,
    registro::{SituacaoArquivo, TipoAnalise},
};
use campo_server::{
    commit::{Answer, Work},
    timers,
};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

const CODIGO: &str = "vidro.medicao";
const PATH: &str = "/v1/tipos/vidro.medicao";

fn fluxo() -> Value {
    let abertas = ["pedida", "a_caminho", "medindo", "espera_arquiteto", "orcada"];
    let medindo = ["relato", "produto", "prazo_entrega", "itens", "analises"];
    json!({
        "codigo": CODIGO,
        "inicial": "pedida",
        "situacoes": [
            { "codigo": "pedida", "nome": "Pedida", "fase": "fila", "campos_editaveis": "todos" },
            { "codigo": "a_caminho", "nome": "A caminho", "fase": "andamento",
              "campos_editaveis": "todos", "visivel_cliente": false },
            { "codigo": "medindo", "nome": "Medindo", "fase": "andamento",
              "campos_editaveis": { "apenas": medindo } },
            { "codigo": "espera_arquiteto", "nome": "Espera o arquiteto",
              "fase": "espera_cliente", "campos_editaveis": "nenhum" },
            { "codigo": "orcada", "nome": "Orçada", "fase": "conclusao",
              "campos_editaveis": "nenhum" },
            { "codigo": "aprovada", "nome": "Aprovada", "fase": "concluido",
              "campos_editaveis": "nenhum" },
            { "codigo": "desistida", "nome": "Desistida", "fase": "cancelado",
              "campos_editaveis": "nenhum" },
            { "codigo": "inviavel", "nome": "Inviável", "fase": "negado",
              "campos_editaveis": "nenhum" },
        ],
        "transicoes": [
            { "verbo": "sair", "rotulo": "Sair para medir", "de": ["pedida"], "para": "a_caminho",
              "permissao": "ver", "modo": "direto", "efeitos": ["atribuir_se_vazio"] },
            { "verbo": "medir", "rotulo": "Começar a medir", "de": ["a_caminho"],
              "para": "medindo", "permissao": "ver", "modo": "propor",
              "guardas": [{ "categoria": ["box", "espelho"] }] },
            { "verbo": "perguntar", "rotulo": "Perguntar ao arquiteto", "de": ["medindo"],
              "para": "espera_arquiteto", "permissao": "ver", "modo": "propor",
              "guardas": ["motivo"] },
            { "verbo": "retomar", "rotulo": "Retomar", "de": ["espera_arquiteto"],
              "para": "medindo", "permissao": "ver", "modo": "propor",
              "quem": ["interno", "cliente"] },
            { "verbo": "esquecer", "rotulo": "Dar por esquecida", "de": ["espera_arquiteto"],
              "para": "desistida", "permissao": "administrar", "modo": "online",
              "quem": ["sistema"] },
            { "verbo": "orcar", "rotulo": "Orçar", "de": ["medindo"], "para": "orcada",
              "permissao": "ver", "modo": "propor", "traz": "solucao",
              "guardas": ["fotos", { "campos": ["prazo_entrega"] },
                { "campos_da_categoria": { "categorias": ["espelho"], "campos": ["produto"] } }] },
            { "verbo": "aprovar", "rotulo": "Aprovar", "de": ["orcada"], "para": "aprovada",
              "permissao": "aprovar", "modo": "online", "traz": "parecer",
              "guardas": ["solucao"] },
            { "verbo": "medir_de_novo", "rotulo": "Medir de novo", "de": ["aprovada"],
              "para": "medindo", "permissao": "gerenciar", "modo": "propor" },
            { "verbo": "desistir", "rotulo": "Desistir", "de": abertas, "para": "desistida",
              "permissao": "gerenciar", "modo": "propor",
              "guardas": ["nunca_concluido", "motivo"] },
            { "verbo": "voltar", "rotulo": "Voltar atrás", "de": ["desistida"], "para": "pedida",
              "permissao": "gerenciar", "modo": "propor" },
            { "verbo": "recusar", "rotulo": "Recusar", "de": ["pedida", "a_caminho"],
              "para": "inviavel", "permissao": "ver", "modo": "propor",
              "guardas": ["motivo", { "categoria_exceto": ["box"] }] },
        ],
    })
}

fn tipo() -> Value {
    json!({
        "codigo": CODIGO,
        "versao": 1,
        "nome": "Medição",
        "kind": "ocorrencia",
        "obrigatorios": ["cliente", "assunto", "categoria"],
        "formulario": ["cliente", "assunto", "categoria", "produto", "relato", "prazo_entrega",
            "prioridade", "responsavel", "contato_nome"],
        "formulario_itens": ["produto", "quantidade", "valor"],
        "permite_reabrir": true,
        "acoes": [{ "codigo": "cortar_vidro", "rotulo": "Cortar o vidro", "permissao": "ver",
                    "fases": ["conclusao"], "exige": ["itens"] }],
        "min_fotos": { "antes": 2 },
        "prazos": { "pedida": 2, "medindo": 1 },
        "dias_inatividade": 3,
        "categorias": [
            { "codigo": "box", "nome": "Box", "prioridade": "alta" },
            { "codigo": "espelho", "nome": "Espelho", "prioridade": "baixa" },
            { "codigo": "vitrine", "nome": "Vitrine", "prioridade": "urgente", "interna": true },
        ],
        "visivel_no_portal": true,
        "portal_campos": ["assunto", "categoria", "relato"],
        "orientacoes": { "assunto": "O que devemos medir?" },
        "rotulos": { "assunto": "O que medir", "prazo_entrega": "Entrega" },
        "fluxo": fluxo(),
    })
}

/// A glazier that began with P001, and its people.
struct Cenario {
    casa: Casa,
    rui: Api,
    dona: Api,
    bela: Api,
    hotel: DocumentId,
}

fn cenario() -> Cenario {
    let casa = Casa::nova("P001");
    let hotel = casa.adm.cliente(json!({ "nome": "Hotel Miramar" }));
    let feito = casa.adm.post("/v1/tipos", &tipo());
    assert_eq!(feito.status, 201, "{}", feito.texto);
    Cenario {
        rui: casa.pessoa("rui", "ver"),
        dona: casa.pessoa("dona", "ver ver_todas gerenciar aprovar"),
        bela: casa.portal("bela", hotel),
        casa,
        hotel,
    }
}

impl Cenario {
    fn medicao(&self, rui: &Aparelho, categoria: &str, assunto: &str) -> Caso {
        let hotel = self.hotel.to_string();
        let campos = [("cliente", &*hotel), ("assunto", assunto), ("categoria", categoria)];
        Caso::ocorrencia(rui.registra(CODIGO, &campos, &[]).unwrap())
    }
}

#[test]
fn a_sixth_preset_works_on_the_phone_in_the_office_and_in_the_portal() {
    let c = cenario();
    let rui = c.casa.aparelho(&c.rui);
    let caso = the_phone_knows_the_form(&c, &rui);
    its_guards_hold_in_the_field(&c, &rui, &caso);
    the_office_concludes_and_asks_the_erp(&c, &rui, &caso);
    what_was_approved_is_never_given_up(&c, &rui, &caso);
    the_client_opens_one_and_is_waited_for(&c);
    c.casa.confere(&[&rui]);
}

fn the_phone_knows_the_form(c: &Cenario, rui: &Aparelho) -> Caso {
    let formulario = rui.formulario(Kind::Ocorrencia, "Medição").unwrap();
    let assunto = formulario.campos.iter().find(|campo| campo.nome == "assunto").unwrap();
    assert_eq!(assunto.rotulo, "O que medir");
    assert_eq!(assunto.orientacao.as_deref(), Some("O que devemos medir?"));
    assert!(formulario.despesas.is_empty());
    rui.registra(CODIGO, &[], &[]).recusa(
        "campos_obrigatorios",
        "Preencha os campos obrigatórios: O que medir, Cliente, Categoria.",
    );
    let caso = c.medicao(rui, "espelho", "Espelho do saguão");
    rui.editar(caso.id, "categoria", "porta")
        .recusa("valor_invalido", "O valor informado em Categoria não é válido.");
    rui.editar(caso.id, "modalidade", "loja")
        .recusa("campo_fora_do_tipo", "Este tipo de registro não tem o campo Modalidade.");
    rui.editar(caso.id, "prioridade", "urgente").recusa("sem_permissao", &falta("gerenciar"));
    rui.sync();
    assert!(rui.registro(caso.id).numero.is_some());
    let ficha = c.dona.le(&caso);
    assert_eq!(
        (&ficha["prioridade"], &ficha["tipo"]["nome"]),
        (&json!("baixa"), &json!("Medição"))
    );
    let instante = |nome: &str| ficha[nome].as_str().unwrap().parse::<chrono::DateTime<Utc>>();
    let prazo = instante("etapa_ate").unwrap() - instante("etapa_desde").unwrap();
    assert_eq!(prazo.num_days(), 2);
    caso
}

fn its_guards_hold_in_the_field(c: &Cenario, rui: &Aparelho, caso: &Caso) {
    let vitrine = c.medicao(rui, "vitrine", "Vitrine da loja");
    rui.pede(vitrine.id, "sair").unwrap();
    rui.pede(vitrine.id, "medir")
        .recusa("exige_categoria", "“Começar a medir” não é possível para esta categoria.");
    rui.pede_por(vitrine.id, "recusar", "Alta demais").unwrap();

    rui.pede(caso.id, "sair").unwrap();
    rui.pede(caso.id, "medir").unwrap();
    rui.sync();
    assert_eq!(rui.mostra(caso.id).0, "Medindo");
    assert_eq!(rui.mostra(vitrine.id).0, "Inviável");
    assert_eq!(rui.registro(caso.id).responsavel(), Some(c.rui.id));
    rui.editar(caso.id, "contato_nome", "Ana")
        .recusa("situacao_nao_permite_edicao", &fechado("Medindo"));
    let orcar = || rui.analisar(caso.id, TipoAnalise::Solucao, "R$ 900 com moldura.", None, false);
    let fotos = "Faltam fotos da categoria Antes: são necessárias 2.";
    orcar().recusa("exige_fotos", fotos);
    for (nome, categoria) in [("a.jpg", "antes"), ("b.jpg", "depois")] {
        rui.inclui(caso.id, Colecao::Anexos, &digitado(&foto(nome, categoria))).unwrap();
    }
    orcar().recusa("exige_fotos", fotos);
    rui.inclui(caso.id, Colecao::Anexos, &digitado(&foto("c.jpg", "antes"))).unwrap();
    orcar().recusa("exige_campo", "Preencha antes: Entrega.");
    rui.editar(caso.id, "prazo_entrega", "2026-12-20").unwrap();
    orcar().recusa("exige_campo", "Preencha antes: Produto ou serviço.");
    rui.editar(caso.id, "produto", "Espelho 4 mm").unwrap();
    rui.inclui(caso.id, Colecao::Itens, &[("produto", "Espelho"), ("valor", "900,00")]).unwrap();
    orcar().unwrap();
    assert_eq!(rui.mostra(caso.id).1.as_deref(), Some("Orçada"));
    assert_eq!(rui.sync().refused, 0);
    // The phone counts what it has taken; the office waits for what has arrived (ff08).
    assert_eq!(rui.mostra(caso.id), ("Medindo".into(), Some("Orçada".into())));
    assert_eq!(c.dona.le(caso)["situacao"]["codigo"], "medindo");
    chegam_as_fotos(c, caso);
    rui.sync();
    assert_eq!(rui.mostra(caso.id), ("Orçada".into(), None));
}

/// The bytes of every file of the record arrive and are what was declared.
fn chegam_as_fotos(c: &Cenario, caso: &Caso) {
    let anexos: Vec<ItemId> = c.casa.registro(caso.id).anexos.keys().copied().collect();
    for anexo in anexos {
        for situacao in [SituacaoArquivo::Recebida, SituacaoArquivo::Verificada] {
            let work =
                Work::File { document: caso.id, attachment: anexo, state: situacao, reason: None };
            let done = c.casa.rt.block_on(c.casa.app.submit(c.casa.tenant, work));
            assert!(matches!(done.unwrap(), Answer::File(true)));
        }
    }
}

fn the_office_concludes_and_asks_the_erp(c: &Cenario, rui: &Aparelho, caso: &Caso) {
    rui.analisar(caso.id, TipoAnalise::Parecer, "Aprovado.", None, false)
        .recusa("sem_permissao", &falta("aprovar"));
    let possiveis = c.dona.le(caso)["acoes_possiveis"].clone();
    assert_eq!(possiveis[0]["rotulo"], "Cortar o vidro");
    let acao = c.rui.solicita(caso, "cortar_vidro").id();
    let entregas = c.casa.adm.lista("/v1/entregas?situacao=sem_destino");
    assert_eq!((&entregas[0]["acao"], entregas.len()), (&json!(acao), 1));
    c.dona
        .pede(caso, "aprovar")
        .recusa("exige_parecer", "Informe o parecer final antes de concluir.");
    let parecer = json!({ "tipo": "parecer", "texto": "Pode cortar." });
    c.dona.analisa(caso, parecer).leva_a("aprovada");
    c.rui.solicita(caso, "cortar_vidro").recusa(
        "acao_nao_permitida",
        "A ação “Cortar o vidro” não é possível neste registro agora.",
    );
    rui.sync();
    rui.anotar(caso.id, "Mais nada.").recusa("situacao_nao_permite_edicao", &fechado("Aprovada"));
}

fn what_was_approved_is_never_given_up(c: &Cenario, rui: &Aparelho, caso: &Caso) {
    c.rui.pede(caso, "medir_de_novo").recusa("sem_permissao", &falta("gerenciar"));
    c.dona.pede(caso, "medir_de_novo").leva_a("medindo");
    c.dona
        .pede_por(caso, "desistir", "Caro")
        .recusa("ja_concluido", "“Desistir” não é possível: o registro já foi concluído.");
    let outro = c.medicao(rui, "box", "Box da suíte");
    rui.sync();
    c.dona.pede(&outro, "desistir").recusa("exige_motivo", "Informe o motivo.");
    c.dona.pede_por(&outro, "desistir", "Caro").leva_a("desistida");
    let nao = nao_cabe("Sair para medir", "Desistida");
    c.rui.pede(&outro, "sair").recusa("transicao_nao_permitida", &nao);
    c.dona.pede(&outro, "voltar").leva_a("pedida");
    c.rui
        .pede_por(&outro, "recusar", "Longe")
        .recusa("exige_categoria", "“Recusar” não é possível para esta categoria.");
}

fn the_client_opens_one_and_is_waited_for(c: &Cenario) {
    let portal = "/v1/portal/ocorrencias";
    let campos = json!({ "assunto": "Box do 12", "categoria": "box" });
    let caso = c.bela.post(portal, &json!({ "campos": campos })).caso();
    let estagio = || c.bela.le(&caso.no_portal())["situacao"]["nome"].clone();
    c.dona.pede(&caso, "sair").leva_a("a_caminho");
    assert_eq!(estagio(), "Pedida", "that they are on the way is theirs to know");
    c.dona.pede(&caso, "medir").leva_a("medindo");
    c.dona.pede_por(&caso, "perguntar", "Qual o vão?").leva_a("espera_arquiteto");
    assert_eq!(estagio(), "Espera o arquiteto");
    let nota = c.bela.post(&caso.no_portal().em("/notas"), &json!({ "texto": "1,20 m." }));
    assert_eq!(nota.feito()["situacao"]["codigo"], "medindo");
    c.dona.pede_por(&caso, "perguntar", "E a altura?").leva_a("espera_arquiteto");
    let bate = |dias: i64| {
        let run = timers::tick(&c.casa.app.db, Utc::now() + TimeDelta::days(dias));
        c.casa.rt.block_on(run).unwrap()
    };
    assert_eq!((bate(2), bate(4)), (0, 1));
    assert_eq!(estagio(), "Desistida");
}

/// A record keeps the rules that it was made with.
#[test]
fn a_new_version_leaves_the_records_of_the_old_one_alone() {
    let c = cenario();
    let (rui, longe) = (c.casa.aparelho(&c.rui), c.casa.aparelho(&c.rui));
    let velha = c.medicao(&rui, "box", "Box velho");
    for verbo in ["sair", "medir"] {
        rui.pede(velha.id, verbo).unwrap();
    }
    rui.sync();
    let mut segunda = tipo();
    segunda["obrigatorios"] = json!(["cliente", "assunto", "categoria", "contato_nome"]);
    segunda["min_fotos"] = json!({});
    segunda["nome"] = json!("Medição a laser");
    let etag = c.casa.adm.get(PATH).cabecalho("etag").to_owned();
    let versoes = format!("{PATH}/versoes");
    let feita = c.casa.adm.send("POST", &versoes, &[("if-match", &etag)], Some(&segunda));
    assert_eq!(feita.feito()["versao"], 2);

    // A phone that has not heard of it goes on with the first: a fact, and taken as one.
    let do_longe = c.medicao(&longe, "box", "Box longe");
    assert_eq!(longe.sync().refused, 0);
    rui.sync();
    let hotel = c.hotel.to_string();
    let campos = [("cliente", &*hotel), ("assunto", "Box novo"), ("categoria", "box")];
    rui.registra(CODIGO, &campos, &[])
        .recusa("campos_obrigatorios", "Preencha o campo obrigatório: Nome do contato.");
    let mut campos = campos.to_vec();
    campos.push(("contato_nome", "Ana"));
    let nova = Caso::ocorrencia(rui.registra(CODIGO, &campos, &[]).unwrap());
    for verbo in ["sair", "medir"] {
        rui.pede(nova.id, verbo).unwrap();
    }
    let orcar = |caso: &Caso| {
        rui.editar(caso.id, "prazo_entrega", "2026-12-20").unwrap();
        rui.analisar(caso.id, TipoAnalise::Solucao, "R$ 700.", None, false)
    };
    orcar(&nova).unwrap();
    let fotos = "Faltam fotos da categoria Antes: são necessárias 2.";
    orcar(&velha).recusa("exige_fotos", fotos);
    rui.sync();
    for (caso, versao, nome) in
        [(&velha, 1, "Medição"), (&do_longe, 1, "Medição"), (&nova, 2, "Medição a laser")]
    {
        let tipo = c.dona.le(caso)["tipo"].clone();
        assert_eq!((&tipo["versao"], &tipo["nome"]), (&json!(versao), &json!(nome)));
    }
    let solucao = json!({ "tipo": "solucao", "texto": "R$ 700." });
    c.dona.analisa(&velha, solucao.clone()).recusa("exige_fotos", fotos);
    for nome in ["a.jpg", "b.jpg"] {
        c.dona.inclui(&velha, "anexos", em_json(&foto(nome, "antes"))).feito();
    }
    c.dona
        .analisa(&velha, solucao.clone())
        .recusa("fotos_a_caminho", "As fotos da categoria Antes ainda não chegaram todas: 0 de 2.");
    chegam_as_fotos(&c, &velha);
    c.dona.analisa(&velha, solucao).leva_a("orcada");
    c.casa.confere(&[&rui, &longe]);
}

/// One that cannot work is refused, by a sentence that names what is wrong with it.
#[test]
fn a_preset_that_cannot_work_is_refused_by_name() {
    let casa = Casa::nova("P001");
    let com = |muda: &dyn Fn(&mut Value)| -> Resposta {
        let mut errado = tipo();
        muda(&mut errado);
        casa.adm.post("/v1/tipos", &errado)
    };
    let nao = |porque: &str| format!("O tipo não serve e nada foi gravado: {porque}.");
    let fluxo = |porque: &str| nao(&format!("fluxo {CODIGO}: {porque}"));
    let do_tipo = |porque: &str| nao(&format!("tipo {CODIGO}: {porque}"));
    let recusa = |muda: &dyn Fn(&mut Value), mensagem: String| {
        com(muda).recusa("tipo_invalido", &mensagem);
    };
    let perdida = json!({ "codigo": "perdida", "nome": "Perdida", "fase": "andamento",
                          "campos_editaveis": "todos" });
    recusa(
        &|tipo| tipo["fluxo"]["situacoes"].as_array_mut().unwrap().push(perdida.clone()),
        fluxo("nenhuma transição leva a perdida"),
    );
    recusa(
        &|tipo| tipo["fluxo"]["transicoes"][0]["para"] = json!("nenhures"),
        fluxo("a situação nenhures não existe"),
    );
    recusa(&|tipo| tipo["fluxo"]["inicial"] = json!("limbo"), fluxo("a situação limbo não existe"));
    recusa(
        &|tipo| tipo["permite_reabrir"] = json!(false),
        fluxo("medir_de_novo sai de aprovada, que é final"),
    );
    recusa(
        &|tipo| tipo["fluxo"]["transicoes"][9]["para"] = json!("medindo"),
        fluxo("voltar sai de desistida, que é final"),
    );
    recusa(
        &|tipo| tipo["fluxo"]["transicoes"][1]["verbo"] = json!("sair"),
        fluxo("sair aparece mais de uma vez"),
    );
    recusa(
        &|tipo| tipo["fluxo"]["transicoes"][0]["quem"] = json!([]),
        fluxo(
            "ninguém pode pedir sair: falta de onde sair, quem peça, uma categoria, ou a \
             transição que traz a análise que ela exige",
        ),
    );
    recusa(
        &|tipo| tipo["obrigatorios"] = json!(["cor"]),
        do_tipo("obrigatorios cita “cor”, que não existe"),
    );
    recusa(
        &|tipo| tipo["fluxo"]["transicoes"][5]["guardas"] = json!([{ "campos": ["cor"] }]),
        do_tipo("guardas cita “cor”, que não existe"),
    );
    recusa(
        &|tipo| tipo["fluxo"]["transicoes"][1]["guardas"] = json!([{ "categoria": ["porta"] }]),
        do_tipo("guardas cita “porta”, que não existe"),
    );
    recusa(
        &|tipo| tipo["min_fotos"] = json!({ "selfie": 1 }),
        do_tipo("min_fotos cita “selfie”, que não existe"),
    );
    recusa(
        &|tipo| tipo["prazos"] = json!({ "limbo": 1 }),
        do_tipo("prazos cita “limbo”, que não existe"),
    );
    recusa(&|tipo| tipo["cores"] = json!(7), nao("não existe o campo “cores”"));
    let guarda = com(&|tipo| tipo["fluxo"]["transicoes"][0]["guardas"] = json!(["lua_cheia"]));
    assert_eq!((guarda.status, &guarda.corpo["codigo"]), (422, &json!("tipo_invalido")));
    let dito = guarda.corpo["mensagem"].as_str().unwrap();
    assert!(dito.contains("lua_cheia") && dito.starts_with("O tipo não serve"), "{dito}");
    assert_eq!(casa.adm.get(PATH).status, 404, "nothing of it was written");
    casa.adm.post("/v1/tipos", &tipo()).feito();
    casa.adm
        .post("/v1/tipos", &tipo())
        .recusa("tipo_existe", "Já existe um tipo com este código. Crie uma versão dele.");
}
