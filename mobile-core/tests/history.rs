//! The acompanhamento on the phone: five views of what each change did, with both clocks as far as
//! the phone knows them.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use automerge::{ObjType, ReadDoc, ScalarValue, transaction::Transactable};
use campo_domain::{
    ids::{DocumentId, UserId},
    kind::Kind,
    parte::Colecao,
    pessoa::Permissao::Ver,
    registro::{
        TipoAnalise::Parcial,
        Visibilidade::{Cliente, Interna},
    },
};
use campo_mobile_core::{Evento, View};
use campo_sync::wire::Entry;
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use support::{Device, Server, textos};

fn ana(server: &Server) -> (Device, UserId) {
    let eu = server.person("ana@demo", &[Ver]);
    let device = server.device("ana@demo");
    device.sync().unwrap();
    (device, eu)
}

fn ver(device: &Device, id: DocumentId, vista: View) -> Vec<Evento> {
    device.campo.acompanhamento(id, vista).unwrap()
}

fn frases(eventos: &[Evento]) -> Vec<&str> {
    eventos.iter().map(|evento| evento.texto.as_str()).collect()
}

/// The server takes the record in, and its first request, so much later.
fn julgado(device: &Device, id: DocumentId, quando: DateTime<Utc>) -> Entry {
    let pedido = device.campo.show(id).unwrap().registro.pedidos[0].id;
    device.by_server(id, |tx, servidor| {
        let quando = ScalarValue::Timestamp(quando.timestamp_millis());
        tx.put(servidor, "numero", "2026/000001").unwrap();
        tx.put(servidor, "recebido_em", quando.clone()).unwrap();
        let vereditos = tx.get(servidor, "vereditos").unwrap().unwrap().1;
        let chave = pedido.uuid().simple().to_string();
        let veredito = tx.put_object(&vereditos, chave, ObjType::Map).unwrap();
        tx.put(&veredito, "de", "aberto").unwrap();
        tx.put(&veredito, "para", "iniciado").unwrap();
        tx.put(&veredito, "em", quando).unwrap();
        tx.put(servidor, "situacao", "iniciado").unwrap();
    })
}

#[test]
fn r78_r82_one_acompanhamento_is_seen_in_five_ways() {
    let server = Server::of("P003");
    let (device, eu) = ana(&server);
    let rui = server.person("rui@demo", &[Ver]);
    let data = r#"{"nome":"Rui","ativo":true}"#.to_owned();
    let (collection, key) = ("usuario".into(), rui.to_string());
    device.hear(&server, vec![Entry::Reference { seq: 2, collection, key, active: true, data }]);
    let campo = &device.campo;
    let campos = textos(&[
        ("cliente", &device.cliente("Márcia").to_string()),
        ("responsavel", &eu.to_string()),
        ("relato", "Cadeira quebrada"),
    ]);
    let id = campo.novo(Kind::Ocorrencia, Some("Reclamação"), &campos, &[]).unwrap();
    campo.editar(id, "canal", "telefone").unwrap();
    campo.editar(id, "canal", "whatsapp").unwrap();
    campo.editar(id, "relato", "Cadeira azul quebrada").unwrap();
    let item = textos(&[("produto", "Cadeira"), ("quantidade", "1")]);
    let item = campo.incluir_item(id, &item).unwrap();
    campo.editar_item(id, item, "quantidade", "2,5").unwrap();
    let frete = textos(&[("despesa", "frete"), ("valor", "45,00")]);
    campo.incluir_parte(id, Colecao::Despesas, &frete).unwrap();
    campo.interessar(id, rui, true).unwrap();
    campo.anotar(id, "Ligar amanhã").unwrap();
    campo.transicionar(id, "iniciar", None).unwrap();
    assert!(ver(&device, id, View::Tudo).iter().all(|evento| evento.pendente));
    device.sync().unwrap();
    let depois = (Utc::now() + TimeDelta::hours(3)).trunc_subsecs(3);
    device.hear(&server, vec![julgado(&device, id, depois)]);
    campo.transicionar(id, "enviar_para_analise", None).unwrap();
    campo.analisar(id, Parcial, "Encaixe solto", None, false).unwrap();

    let tudo = ver(&device, id, View::Tudo);
    let pendentes: Vec<_> = tudo.iter().map(|evento| evento.pendente).collect();
    assert_eq!(pendentes[tudo.len() - 3..], [false, true, true]);
    assert_eq!((tudo[0].que.as_str(), tudo[0].no_servidor), ("criacao", Some(depois)));
    assert!(tudo[0].quando < depois - TimeDelta::hours(2));
    assert_eq!((tudo[0].autor.as_str(), tudo[0].onde), ("ana", "este aparelho"));
    let pedido = tudo.iter().find(|evento| evento.que == "pedido").unwrap();
    assert_eq!((pedido.no_servidor, pedido.aguarda), (Some(depois), false));
    let outro = tudo.iter().rfind(|evento| evento.que == "pedido").unwrap();
    assert_eq!((outro.no_servidor, outro.aguarda), (None, true));

    let tramite = ver(&device, id, View::Tramite);
    let esperado = [
        "Ocorrência criada.",
        "Pedido: Iniciar atendimento.",
        "Situação: Aberto → Iniciado.",
        "Pedido: Enviar para análise.",
    ];
    assert_eq!(frases(&tramite), esperado);
    assert_eq!((tramite[2].autor.as_str(), tramite[2].onde), ("Campo", "servidor"));

    let historico = ver(&device, id, View::Historico);
    let esperado = [
        "Ocorrência criada.",
        "Item incluído: Cadeira.",
        "Despesa incluída: Frete.",
        "Interessado incluído: Rui.",
        "Ligar amanhã",
        "Pedido: Iniciar atendimento.",
        "Número 2026/000001 atribuído.",
        "Situação: Aberto → Iniciado.",
        "Pedido: Enviar para análise.",
        "Análise parcial: Encaixe solto",
    ];
    assert_eq!(frases(&historico), esperado);

    let alteracoes = ver(&device, id, View::Alteracoes);
    let mudancas: Vec<_> = alteracoes
        .iter()
        .filter(|evento| evento.campo.is_some())
        .map(|e| (e.campo.as_deref(), e.de.as_deref(), e.para.as_deref()))
        .map(|(campo, de, para)| (campo.unwrap(), de.unwrap_or(""), para.unwrap_or("")))
        .collect();
    let esperado = [
        ("Canal de comunicação", "", "Telefone"),
        ("Canal de comunicação", "Telefone", "WhatsApp"),
        ("Descrição do atendimento", "Cadeira quebrada", "Cadeira azul quebrada"),
        ("Quantidade do item", "1", "2,5"),
    ];
    assert_eq!(mudancas, esperado);
    let situacao = alteracoes.iter().find(|evento| evento.que == "veredito").unwrap();
    assert_eq!(situacao.de.as_deref(), Some("Aberto"));
    assert_eq!(frases(&ver(&device, id, View::Conversas)), ["Ligar amanhã"]);
}

#[test]
fn r79_who_had_the_record_is_part_of_its_way() {
    let server = Server::of("P004");
    let (device, eu) = ana(&server);
    let campos = textos(&[("assunto", "Não imprime")]);
    let id = device.campo.novo(Kind::Ocorrencia, Some("bug"), &campos, &[]).unwrap();
    device.campo.editar(id, "responsavel", &eu.to_string()).unwrap();
    device.campo.editar(id, "assunto", "Não imprime mais").unwrap();
    let tramite = ver(&device, id, View::Tramite);
    assert_eq!(frases(&tramite), ["Ocorrência criada.", "Atribuído a alterado."]);
    assert_eq!((tramite[1].de.as_deref(), tramite[1].para.as_deref()), (None, Some("ana")));
}

#[test]
fn r81_answers_stand_below_what_they_answer() {
    let server = Server::of("P002");
    let (device, _) = ana(&server);
    let campos = textos(&[("relato", "Parou")]);
    let id = device.campo.novo(Kind::Ocorrencia, None, &campos, &[]).unwrap();
    let nota = |texto, para, resposta| device.campo.conversar(id, texto, para, resposta).unwrap();
    let um = nota("Qual a tela?", Cliente, None);
    let dois = nota("Vou ver o log", Interna, None);
    let tres = nota("A de pedidos", Cliente, Some(um));
    nota("Log limpo", Interna, Some(dois));
    nota("Obrigada", Cliente, Some(tres));
    nota("E o módulo?", Cliente, Some(um));
    let conversas = ver(&device, id, View::Conversas);
    let vistas: Vec<_> = conversas.iter().map(|e| (e.nivel, e.texto.as_str())).collect();
    let esperado = [
        (0, "Qual a tela?"),
        (1, "A de pedidos"),
        (2, "Obrigada"),
        (1, "E o módulo?"),
        (0, "Vou ver o log"),
        (1, "Log limpo"),
    ];
    assert_eq!(vistas, esperado);
    assert_eq!(conversas[1].resposta_a, Some(um));
    assert_eq!((conversas[0].visibilidade, conversas[4].visibilidade), (Cliente, Interna));
    // What it answers may be on its way: the answer is read all the same.
    nota("A quem?", Interna, Some(uuid::Uuid::now_v7().into()));
    let ultima = ver(&device, id, View::Conversas).pop().unwrap();
    assert_eq!((ultima.nivel, ultima.texto.as_str()), (0, "A quem?"));
}

#[test]
fn what_somebody_else_wrote_says_who_and_where() {
    let server = Server::of("P001");
    let (device, eu) = ana(&server);
    let id = device.cliente("Zé");
    device.sync().unwrap();
    let outra = server.device("ana@demo");
    outra.sync().unwrap();
    outra.hear(&server, vec![device.snapshot(id)]);
    outra.campo.editar(id, "cidade", "Olinda").unwrap();
    outra.sync().unwrap();
    device.hear(&server, vec![outra.snapshot(id)]);
    let eventos = ver(&device, id, View::Tudo);
    let onde: Vec<_> = eventos.iter().map(|evento| evento.onde).collect();
    assert_eq!(onde, ["este aparelho", "outro aparelho"]);
    assert_eq!(eventos[1].autor, device.campo.conta().unwrap().unwrap().nome);
    assert!(eventos.iter().all(|evento| !evento.pendente && evento.no_servidor.is_none()));
    assert_eq!(device.campo.conta().unwrap().unwrap().usuario, eu);
}
