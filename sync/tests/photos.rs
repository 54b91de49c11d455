//! Photos, as far as a document knows of them: states that only the server writes, and requests
//! that wait until their photos have been verified.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use automerge::{ObjType, ReadDoc, transaction::Transactable};
use campo_domain::{
    command::{Command, NovoItem},
    fluxo::Guarda,
    ids::{ItemId, UserId},
    parte::Colecao,
    refusal::Codigo,
    registro::{
        Registro, SituacaoArquivo,
        SituacaoArquivo::{Esperada, Recebida, Recusada, Verificada},
    },
    tipo::{Tipo, Tipos},
    valor::Valor,
};
use campo_sync::{
    client::{self, Context, Fate},
    wire::Outcome,
};
use std::sync::Arc;
use support::*;

/// An assistência that may be resolved with two photos of the damage, and no fewer.
fn com_fotos() -> Arc<Tipos> {
    let mut tipo: Tipo = (**tipos().atual("p001.assistencia").unwrap()).clone();
    tipo.min_fotos.insert("avaria".into(), 2);
    let resolver = tipo.fluxo.transicoes.iter_mut().find(|t| t.verbo == "resolver").unwrap();
    resolver.guardas.push(Guarda::Fotos);
    let mut todos = (*tipos()).clone();
    todos.incluir(tipo);
    Arc::new(todos)
}

fn foto(n: u128) -> Command {
    let campos = [
        ("nome", Valor::Texto(format!("foto{n}.jpg"))),
        ("categoria", Valor::Texto("avaria".into())),
        ("mime", Valor::Texto("image/jpeg".into())),
        ("tamanho", Valor::Inteiro(1_000)),
        ("sha256", Valor::Texto(format!("{n:064x}"))),
    ];
    let campos = campos.map(|(nome, valor)| (nome.to_owned(), valor)).into();
    Command::IncluirItem { em: Colecao::Anexos, item: NovoItem { id: anexo(n), campos } }
}

fn anexo(n: u128) -> ItemId {
    ItemId::from_u128(n)
}

fn begin() -> (Server, Phone) {
    let (mut server, mut phone) = (Server::new(), Phone::new(tecnica()));
    server.world.tipos = com_fotos();
    server.world.authors.insert(tecnica().id, tecnica());
    phone.tipos = com_fotos();
    phone.run(criar(1, "Porta solta"));
    phone.run(transicionar(10, "iniciar", None));
    phone.run(foto(21));
    phone.run(foto(22));
    phone.sync(&mut server);
    (server, phone)
}

fn arrive(server: &mut Server, n: u128, situacao: SituacaoArquivo) -> bool {
    server.plan(|planner| planner.file_state(id(1), anexo(n), situacao, None))
}

fn situacao(server: &Server) -> &str {
    server.registro(id(1)).situacao.as_deref().unwrap()
}

fn judged(registro: &Registro, n: u128) -> Option<bool> {
    let pedido = registro.pedidos.iter().find(|p| p.id.uuid().as_u128() == n).unwrap();
    pedido.veredito.as_ref().map(|veredito| veredito.recusa.is_none())
}

#[test]
fn a_file_is_expected_received_and_verified_and_stays_so() {
    let (mut server, _) = begin();
    assert_eq!(server.registro(id(1)).arquivo(&anexo(21)), Esperada);
    assert!(!arrive(&mut server, 99, Recebida), "no such file");
    for (says, then) in [
        (Recebida, Recebida),
        (Recusada, Recusada),
        (Recebida, Recebida),
        (Verificada, Verificada),
        (Recusada, Verificada),
        (Recebida, Verificada),
    ] {
        assert!(arrive(&mut server, 21, says));
        assert_eq!(server.registro(id(1)).arquivo(&anexo(21)), then);
    }
    let seq = server.seq;
    assert!(arrive(&mut server, 21, Verificada));
    assert_eq!(server.seq, seq, "what is known is not written again");
    assert_eq!(server.registro(id(1)).arquivo(&anexo(22)), Esperada);
}

#[test]
fn why_a_file_was_discarded_is_said_until_it_comes_again() {
    let (mut server, mut phone) = begin();
    arrive(&mut server, 21, Recebida);
    server.plan(|p| p.file_state(id(1), anexo(21), Recusada, Some("hash_diferente")));
    phone.sync(&mut server);
    let ctx = Context { pessoa: &phone.pessoa, device: DEVICE, tipos: &phone.tipos };
    let view = client::view(phone.document.as_ref().unwrap(), &ctx).unwrap();
    let arquivo = &view.registro.arquivos[&anexo(21)];
    assert_eq!((arquivo.situacao, arquivo.motivo.as_deref()), (Recusada, Some("hash_diferente")));
    arrive(&mut server, 21, Recebida);
    assert_eq!(server.registro(id(1)).arquivos[&anexo(21)].motivo, None);
}

#[test]
fn no_device_says_that_a_file_has_arrived() {
    let (mut server, _) = begin();
    let forged = forged(&server, |document| {
        let servidor = container(document, "servidor");
        let arquivos = document.get(&servidor, "arquivos").unwrap().unwrap().1;
        commit(document, |tx| {
            let key = anexo(21).uuid().simple().to_string();
            let obj = tx.put_object(&arquivos, key, ObjType::Map).unwrap();
            tx.put(&obj, "situacao", "verificada").unwrap();
        });
    });
    let outcome = server.push(&tecnica(), forged);
    assert!(!code(&outcome).is_empty(), "{outcome:?}");
    assert_eq!(server.registro(id(1)).arquivo(&anexo(21)), Esperada);
}

#[test]
fn a_record_is_resolved_when_its_photos_are_verified_and_not_before() {
    let (mut server, mut phone) = begin();
    phone.run(transicionar(11, "resolver", None));
    let ctx = Context { pessoa: &phone.pessoa, device: DEVICE, tipos: &phone.tipos };
    let view = client::view(phone.document.as_ref().unwrap(), &ctx).unwrap();
    assert_eq!(view.previsto.situacao.as_deref(), Some("resolvida"), "proposed on the phone");
    phone.sync(&mut server);
    assert_eq!(situacao(&server), "em_atendimento");
    assert_eq!(judged(server.registro(id(1)), 11), None, "it waits");
    arrive(&mut server, 21, Verificada);
    arrive(&mut server, 22, Recebida);
    assert_eq!(situacao(&server), "em_atendimento");
    arrive(&mut server, 22, Verificada);
    assert_eq!(situacao(&server), "resolvida");
    assert_eq!(judged(server.registro(id(1)), 11), Some(true));
}

#[test]
fn where_a_photo_was_discarded_another_may_be_taken_in_its_place() {
    let (mut server, mut phone) = begin();
    phone.run(transicionar(11, "resolver", None));
    phone.sync(&mut server);
    arrive(&mut server, 21, Verificada);
    arrive(&mut server, 22, Recusada);
    assert_eq!(judged(server.registro(id(1)), 11), None, "the phone may send it again");
    phone.sync(&mut server);
    phone.run(foto(23));
    phone.sync(&mut server);
    arrive(&mut server, 23, Verificada);
    assert_eq!(situacao(&server), "resolvida");
}

#[test]
fn photos_that_were_never_taken_refuse_a_request_at_once() {
    let (mut server, mut phone) = begin();
    let remove = |n| Command::RemoverItem { em: Colecao::Anexos, item: anexo(n) };
    phone.run(transicionar(11, "resolver", None));
    phone.sync(&mut server);
    assert_eq!(judged(server.registro(id(1)), 11), None);
    // Taken away while it was waited for: there is nothing more to wait for.
    server.office(id(1), remove(22));
    assert_eq!(judged(server.registro(id(1)), 11), Some(false));
    assert_eq!(situacao(&server), "em_atendimento");
}

#[test]
fn what_its_author_asked_for_after_it_waits_too_and_nobody_else_does() {
    let (mut server, mut phone) = begin();
    phone.run(transicionar(11, "resolver", None));
    phone.sync(&mut server);
    let resolver = server.office_as(&office(), id(1), transicionar(12, "resolver", None));
    assert_eq!(resolver.unwrap_err().codigo, Codigo::FotosACaminho, "the office is told");
    // On the phone it shows as resolved; there nothing more is to be done, but another app may ask.
    let after = forged_command(&server, &transicionar(14, "aguardar_peca", None));
    assert!(matches!(server.push(&tecnica(), after), Outcome::Accepted { .. }));
    assert_eq!(judged(server.registro(id(1)), 14), None, "behind what waits");
    let dela = server.office_as(&tecnica(), id(1), transicionar(15, "aguardar_peca", None));
    assert_eq!(dela, Ok(()));
    assert_eq!(situacao(&server), "aguardando_peca", "in the office she is not behind herself");
    server.office(id(1), transicionar(13, "cancelar", Some("Desistiu")));
    assert_eq!(situacao(&server), "cancelada");
    assert_eq!(judged(server.registro(id(1)), 11), Some(false), "nothing is left to resolve");
    arrive(&mut server, 21, Verificada);
    arrive(&mut server, 22, Verificada);
    assert_eq!(situacao(&server), "cancelada", "a closed record still takes its bytes");
}

#[test]
fn a_request_that_waited_is_judged_by_the_permissions_of_the_day() {
    let (mut server, mut phone) = begin();
    phone.run(transicionar(11, "resolver", None));
    phone.sync(&mut server);
    server.world.authors.insert(tecnica().id, pessoa(1, &[]));
    arrive(&mut server, 21, Verificada);
    arrive(&mut server, 22, Verificada);
    assert_eq!(judged(server.registro(id(1)), 11), Some(false));
    let none: Option<UserId> = server.registro(id(1)).responsavel();
    assert_eq!((situacao(&server), none), ("em_atendimento", None));
}

#[test]
fn the_acompanhamento_tells_how_a_file_came() {
    let (mut server, _) = begin();
    let mut told = Vec::new();
    for (situacao, motivo) in [
        (Recebida, None),
        (Recusada, Some("imagem_ilegivel")),
        (Recebida, None),
        (Verificada, None),
    ] {
        let before = server.world.documents[&id(1)].merged.clone();
        let bytes_before = before.document.get_heads();
        server.plan(|planner| planner.file_state(id(1), anexo(21), situacao, motivo));
        let change = server.document(id(1)).get_changes(&bytes_before).pop().unwrap();
        let tipos = server.world.tipos.clone();
        let (_, eventos) =
            campo_sync::exchange::replay(Some(before), change.raw_bytes(), &tipos).unwrap();
        told.extend(eventos.into_iter().map(|e| (e.tipo, e.de, e.para, e.texto)));
    }
    let line = |de: &str, para: &str, texto: &str| {
        ("arquivo", Some(de.to_owned()), Some(para.to_owned()), texto.to_owned())
    };
    let discarded = "Arquivo foto21.jpg: recusado. A imagem está danificada ou incompleta.";
    let received = "Arquivo foto21.jpg: recebido, em conferência.";
    assert_eq!(
        told,
        [
            line("esperada", "recebida", received),
            line("recebida", "recusada", discarded),
            line("recusada", "recebida", received),
            line("recebida", "verificada", "Arquivo foto21.jpg: conferido."),
        ]
    );
}

/// In Em Atendimento a record has a prazo; Aguardando Peça is reached with photos, and needs none.
fn begin_with_a_prazo() -> (Server, Phone) {
    let (mut server, mut phone) = (Server::new(), Phone::new(tecnica()));
    let mut tipo: Tipo = (**com_fotos().atual("p001.assistencia").unwrap()).clone();
    let situacao = tipo.fluxo.situacoes.iter_mut().find(|s| s.codigo == "em_atendimento").unwrap();
    situacao.exige.push("prazo".into());
    let esperar = tipo.fluxo.transicoes.iter_mut().find(|t| t.verbo == "aguardar_peca").unwrap();
    esperar.guardas.push(Guarda::Fotos);
    tipo.validar().unwrap();
    let mut todos = (*tipos()).clone();
    todos.incluir(tipo);
    let todos = Arc::new(todos);
    (server.world.tipos, phone.tipos) = (todos.clone(), todos);
    server.world.authors.insert(tecnica().id, tecnica());
    phone.run(criar(1, "Porta solta"));
    phone.run(prazo(Valor::Data("2026-12-01".parse().unwrap())));
    phone.run(transicionar(10, "iniciar", None));
    phone.run(foto(21));
    phone.run(foto(22));
    phone.sync(&mut server);
    (server, phone)
}

fn prazo(valor: Valor) -> Command {
    Command::Editar { campo: "prazo".into(), valor, visto: None }
}

#[test]
fn what_the_situacao_asks_for_is_asked_where_ones_own_request_leads() {
    let (mut server, mut phone) = begin_with_a_prazo();
    phone.run(transicionar(11, "aguardar_peca", None));
    phone.run(prazo(Valor::Nulo));
    let fates = phone.sync(&mut server);
    assert!(fates.iter().all(|(_, fate)| *fate == Fate::Accepted), "{fates:?}");
    assert!(server.registro(id(1)).valor("prazo").vazio());
    assert_eq!(situacao(&server), "em_atendimento", "its photos are on their way");

    // Where the office stopped it meanwhile, the office decides.
    let (mut server, mut phone) = begin_with_a_prazo();
    phone.run(transicionar(11, "aguardar_peca", None));
    phone.run(prazo(Valor::Nulo));
    let recusa = server.office_as(&office(), id(1), prazo(Valor::Nulo)).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::CamposObrigatorios, "the office sees it where it is");
    server.office(id(1), transicionar(30, "cancelar", Some("Desistiu.")));
    let fates = phone.sync(&mut server);
    let held = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Held { .. })).count();
    let accepted = fates.iter().filter(|(_, fate)| *fate == Fate::Accepted).count();
    assert_eq!((accepted, held), (1, 1), "what was asked for is always kept: {fates:?}");
}
