//! P000 and the company's ERP: what the office asks of it arrives once, signed, and what it answers
//! is read in the field.

use crate::{
    aparelho::Aparelho,
    office_api::{Api, Caso, Desfecho, falta},
    outside::Erp,
    preset_p000::{ACOES, Cenario, cenario},
};
use campo_domain::{
    command::Command,
    ids::AcaoId,
    refusal::{Codigo, Refusal},
};
use campo_mobile_core::View;
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Each ação reaches the ERP once, signed, and what the ERP answers is read in the field.
#[test]
fn r72_r75_each_acao_goes_to_the_erp_once_and_its_answer_is_shown() {
    let c = cenario();
    let erp = Erp::ligado(&c.casa.adm);
    let programa = c.casa.adm.chave("acoes:responder registros:ler", "ver ver_todas");
    let vera = c.casa.aparelho(&c.vera);
    let caso = a_sale_to_be_taken_back(&c, &vera);
    let credito = each_acao_asks_for_what_the_erp_needs(&c, &erp, &caso, &vera);
    the_erp_answers_once(&c, &programa, &caso, &credito, &vera);
    what_does_not_arrive_comes_again(&c, &erp, &caso);
    c.casa.confere(&[&vera]);
}

fn a_sale_to_be_taken_back(c: &Cenario, vera: &Aparelho) -> Caso {
    let id = vera.registra(
        "p000.ocorrencia",
        &[
            ("escopo", "cliente"),
            ("tipo_ocorrencia", "reclamacao_produto"),
            ("relato", "Quer o dinheiro de volta."),
            ("origem", "nf_saida"),
            ("origem_numero", "45198"),
            ("contato_nome", "Márcia"),
            ("contato_telefone", "11988776655"),
        ],
        &[&[
            ("produto", "Colchão Itatiba"),
            ("quantidade", "1,5"),
            ("valor", "1.890,00"),
            ("valor_indenizado", "350,00"),
        ]],
    );
    vera.sync();
    let caso = Caso::ocorrencia(id.unwrap());
    c.gilda.pede(&caso, "colocar_em_analise").feito();
    caso
}

fn each_acao_asks_for_what_the_erp_needs(
    c: &Cenario,
    erp: &Erp,
    caso: &Caso,
    vera: &Aparelho,
) -> String {
    // The office asks; neither who opened the case nor any phone does.
    c.vera.solicita(caso, "credito_cliente").recusa("sem_permissao", &falta("gerenciar"));
    c.lauro.solicita(caso, "credito_cliente").recusa("sem_permissao", &falta("gerenciar"));
    let acao = AcaoId::from(Uuid::now_v7());
    let do_celular =
        Command::SolicitarAcao { acao, codigo: "credito_cliente".into(), observacao: None };
    vera.run(Some(caso.id), do_celular)
        .recusa("exige_conexao", "Esta ação só pode ser feita com conexão, pela retaguarda.");
    let compra = "nf_devolucao_compra";
    c.gilda.solicita(caso, compra).recusa("exige_campo", "Preencha antes: Fornecedor, Origem.");
    let vazio = c.reclamacao("Sem item nenhum.");
    c.gilda.pede(&vazio, "colocar_em_analise").feito();
    c.gilda
        .solicita(&vazio, "entrada_estoque")
        .recusa("exige_campo", "Preencha antes: Quantidade dos itens.");
    c.gilda
        .solicita(&vazio, "credito_cliente")
        .recusa("exige_campo", "Preencha antes: Cliente, Valor indenizado dos itens.");
    c.gilda
        .solicita(caso, "gerar_pedido")
        .recusa("acao_nao_permitida", "A ação “gerar_pedido” não é possível neste registro agora.");

    // The same request twice is one action, and one webhook.
    let body = json!({ "codigo": "credito_cliente", "observacao": "Abater na próxima compra." });
    let uma_vez = |n: &str| {
        let headers = [("idempotency-key", n)];
        c.gilda.send("POST", &caso.em("/acoes"), &headers, Some(&body)).id()
    };
    let credito = uma_vez("pedido-1");
    assert_eq!(uma_vez("pedido-1"), credito);
    let aviso = &erp.recebe(&c.casa, 1)[0].corpo;
    assert_eq!(aviso["type"], "acao.solicitada");
    let dados = &aviso["data"];
    assert_eq!((&dados["acao"], &dados["codigo"]), (&json!(credito), &json!("credito_cliente")));
    assert_eq!(dados["numero"], c.gilda.le(caso)["numero"]);
    assert_eq!(dados["cliente"]["nome"], "Márcia Albuquerque");
    assert_eq!(dados["solicitada_por"]["nome"], "Gilda");
    assert_eq!(dados["observacao"], "Abater na próxima compra.");
    let item = &dados["itens"][0];
    assert_eq!(item["produto"], "Colchão Itatiba");
    assert_eq!((&item["quantidade"], &item["valor"]), (&json!("1.5"), &json!("1890.00")));
    assert_eq!(item["valor_indenizado"], "350.00");

    c.gilda.solicita(caso, "devolucao_venda").feito();
    c.gilda.solicita(caso, "entrada_estoque").feito();
    let de_compra = c.davi.abre_com(
        "ocorrencias",
        &json!({
            "campos": {
                "escopo": "fornecedor", "tipo_ocorrencia": "avaria", "relato": "Veio amassado.",
                "origem": "nf_entrada", "origem_numero": "9001", "contato_nome": "Rui",
                "contato_telefone": "11 5555-0000",
            },
            "itens": [{ "campos": { "produto": "colchão itatiba", "quantidade": "10" } }],
        }),
    );
    let de_compra = de_compra.caso();
    assert_eq!(c.gilda.le(&de_compra)["campos"]["fornecedor"], "colchoes_sul");
    c.gilda.pede(&de_compra, "colocar_em_analise").feito();
    c.gilda.solicita(&de_compra, compra).feito();
    let avisos = erp.recebe(&c.casa, 4);
    let codigos: BTreeSet<_> =
        avisos.iter().map(|aviso| aviso.corpo["data"]["codigo"].as_str().unwrap()).collect();
    assert_eq!(codigos, ACOES.map(|(codigo, _)| codigo).into());
    let ids: BTreeSet<_> = avisos.iter().map(|aviso| &aviso.id).collect();
    assert_eq!(ids.len(), 4, "each has an id of its own");
    credito
}

fn the_erp_answers_once(c: &Cenario, erp: &Api, caso: &Caso, credito: &str, vera: &Aparelho) {
    let path = format!("/v1/acoes/{credito}/resposta");
    let concluida = json!({ "situacao": "concluida", "externo": "CR-881",
                            "retorno": "Crédito disponível." });
    let so_le = c.casa.adm.chave("registros:ler", "ver ver_todas");
    so_le.post(&path, &concluida).recusa(
        "escopo_insuficiente",
        "Esta chave não tem o escopo “acoes:responder”. Crie outra que o tenha.",
    );
    assert_eq!(erp.post(&path, &concluida).feito()["externo"], "CR-881");
    assert_eq!(erp.post(&path, &concluida).feito()["situacao"], "concluida");
    let recusada = json!({ "situacao": "recusada", "retorno": "Mudamos de ideia." });
    erp.post(&path, &recusada)
        .recusa("acao_respondida", "A ação “Crédito para o Cliente” já foi respondida.");

    vera.sync();
    let acoes = vera.registro(caso.id).acoes;
    assert_eq!(acoes[0].externo.as_deref(), Some("CR-881"));
    let conta = vera.acompanhamento(caso.id, View::Historico).unwrap();
    let conta: Vec<_> = conta.iter().map(|evento| evento.texto.as_str()).collect();
    let pedida = "Crédito para o Cliente: solicitada. Abater na próxima compra.";
    let feita = "Crédito para o Cliente: concluída (CR-881). Crédito disponível.";
    let lugar = |texto: &str| conta.iter().position(|dito| *dito == texto);
    assert!(lugar(pedida).is_some() && lugar(pedida) < lugar(feita), "{conta:#?}");
    let lista = c.gilda.lista("/v1/acoes?situacao=solicitada");
    assert_eq!(lista.len(), 3, "the others are not answered yet");
}

fn what_does_not_arrive_comes_again(c: &Cenario, erp: &Erp, caso: &Caso) {
    let casa = &c.casa;
    let ja =
        || casa.sql("UPDATE webhook_entrega SET proxima_em = now() WHERE situacao = 'pendente'");
    // What was asked for and is not answered cannot be asked for again.
    let rotulo = "Entrar Produto no Estoque";
    c.gilda.solicita(caso, "entrada_estoque").recusa(
        "acao_em_andamento",
        &Refusal::with(Codigo::AcaoEmAndamento, [rotulo.to_owned()]).mensagem(),
    );
    let responde = || {
        let path =
            format!("/v1/acoes?situacao=solicitada&codigo=entrada_estoque&registro={}", caso.id);
        let acao = c.gilda.lista(&path)[0]["id"].as_str().unwrap().to_owned();
        let feita = json!({ "situacao": "concluida", "externo": "ENT-1" });
        c.gilda.post(&format!("/v1/acoes/{acao}/resposta"), &feita).feito();
    };
    responde();
    erp.respondera(&[500, 500]);
    let acao = c.gilda.solicita(caso, "entrada_estoque").id();
    for vezes in 5..=6 {
        erp.recebe(casa, vezes);
        ja();
    }
    let avisos = erp.recebe(casa, 7);
    let ids: BTreeSet<_> = avisos[4..].iter().map(|aviso| &aviso.id).collect();
    assert_eq!(ids.len(), 1, "the same webhook-id on every try");
    let entrega = |situacao: &str| {
        let path = format!("/v1/entregas?situacao={situacao}&documento={}", caso.id);
        let todas = casa.adm.lista(&path);
        todas.into_iter().find(|entrega| entrega["acao"] == json!(acao))
    };
    casa.ate("the delivery", || entrega("entregue").is_some());
    let id = entrega("entregue").unwrap()["id"].as_str().unwrap().to_owned();
    let log = casa.adm.get(&format!("/v1/entregas/{id}/tentativas")).feito();
    let status: Vec<_> = log.as_array().unwrap().iter().map(|t| t["status"].clone()).collect();
    assert_eq!(status, [500, 500, 200]);

    // With its last try it is dead, and stays in the log until somebody sends it again.
    responde();
    erp.respondera(&[503]);
    let acao = c.gilda.solicita(caso, "entrada_estoque").id();
    casa.sql(&format!("UPDATE webhook_entrega SET tentativas = 9 WHERE acao = '{acao}'"));
    erp.recebe(casa, 8);
    let morta = || {
        let path = format!("/v1/entregas?situacao=falhou&documento={}", caso.id);
        casa.adm.lista(&path).into_iter().next()
    };
    casa.ate("the end of it", || morta().is_some());
    let id = morta().unwrap()["id"].as_str().unwrap().to_owned();
    casa.adm.post(&format!("/v1/entregas/{id}/reentregar"), &json!({})).feito();
    let avisos = erp.recebe(casa, 9);
    assert_eq!(avisos[8].id, avisos[7].id);
}
