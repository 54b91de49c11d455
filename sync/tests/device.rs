//! The device against every verdict, and late work against causality.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use automerge::{Change, transaction::Transactable};
use campo_domain::{command::Command, ids::HeldId};
use campo_sync::{
    admission::Requester,
    client::{self, Context, Event, Fate},
    document::{self},
    wire::{Outcome, Push},
};

use support::*;

#[test]
fn an_edit_on_a_record_that_was_closed_meanwhile_is_held_whole_and_shown() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("cidade", "Campinas"));
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let fates = phone.sync(&mut server);
    let held: Vec<HeldId> = fates
        .iter()
        .map(|(_, fate)| match fate {
            Fate::Held { held, reason } => {
                assert_eq!(reason.code, "situacao_nao_permite_edicao");
                *held
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(held.len(), 2);
    assert_eq!(held[0], held[1], "one branch");
    assert_eq!(phone.text("contrato"), "", "the phone shows the server's state");
    assert!(phone.document.as_ref().unwrap().queue.is_empty());

    // The office approves: the changes are merged as they were written, under their author's name.
    let pushes: Vec<Push> = server.held.iter().map(|(_, push)| push.clone()).collect();
    let author = Requester { pessoa: tecnica(), device: DEVICE, earlier: vec![] };
    server.plan(|planner| planner.approve(held[0], &author, &pushes)).unwrap();
    phone.sync(&mut server);
    assert_eq!(phone.text("contrato"), "C-1");
    assert_eq!(phone.text("cidade"), "Campinas");
}

#[test]
fn an_edit_made_knowing_that_the_record_is_closed_is_refused() {
    let (mut server, _) = begun();
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "contrato", "C-1").unwrap());
    });
    refused(server.push(&tecnica(), push), "situacao_nao_permite_edicao");
}

#[test]
fn a_request_of_transition_is_always_kept_and_its_refusal_is_in_the_record() {
    let (mut server, mut phone) = begun();
    phone.run(transicionar(61, "iniciar", None));
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let fates = phone.sync(&mut server);
    assert_eq!(fates[0].1, Fate::Accepted);
    let registro = &server.world.documents[&id(1)].merged.registro;
    assert_eq!(registro.situacao.as_deref(), Some("cancelada"));
    let pedido = registro.pedidos.iter().find(|p| p.verbo == "iniciar").unwrap();
    let recusa = pedido.veredito.as_ref().unwrap().recusa.as_ref().unwrap();
    assert_eq!(recusa.codigo.codigo(), "transicao_nao_permitida");
}

#[test]
fn what_the_server_refuses_leaves_the_queue_and_the_rest_is_written_again() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("cidade", "Santos"));
    let first = phone.document.as_ref().unwrap().queue[0].clone();
    let reason = campo_sync::wire::Reason { code: "x".into(), message: "Não.".into() };
    let fates = phone.absorb(vec![Event::Verdict {
        hash: first.hash,
        outcome: Outcome::Refused { reason: reason.clone() },
    }]);
    assert_eq!(fates, [(first.id, Fate::Refused { reason })]);
    assert_eq!(phone.text("contrato"), "");
    assert_eq!(phone.text("cidade"), "Santos");
    let fates = phone.sync(&mut server);
    assert_eq!(fates[0].1, Fate::Accepted);
}

#[test]
fn a_device_restored_from_a_backup_numbers_its_changes_anew() {
    let (mut server, mut phone) = begun();
    let backup = phone.document.clone();
    phone.run(editar("contrato", "C-1"));
    phone.sync(&mut server);
    phone.document = backup;
    phone.run(editar("contrato", "C-2"));
    let fates = phone.sync(&mut server);
    assert!(fates.is_empty(), "the numbering is at fault, not the work: {fates:?}");
    let fates = phone.sync(&mut server);
    assert_eq!(fates.len(), 1);
    assert_eq!(fates[0].1, Fate::Accepted);
    assert_eq!(phone.text("contrato"), "C-2");
}

#[test]
fn ff18_three_values_of_one_field_are_all_kept_and_shown_with_who_and_when() {
    let (mut server, mut phone) = begun();
    let mut second = Phone::new(tecnica());
    second.document = phone.document.clone();
    second.document.as_mut().unwrap().nonce = None;
    second.n = 900;
    phone.run(editar("contrato", "da manhã"));
    second.run(editar("contrato", "da tarde"));
    server.office(id(1), editar("contrato", "do escritório"));
    phone.sync(&mut server);
    second.sync(&mut server);
    let registro = &server.world.documents[&id(1)].merged.registro;
    assert_eq!(registro.conflitos.len(), 1);
    let conflito = &registro.conflitos[0];
    assert_eq!(conflito.campo, "contrato");
    assert_eq!(conflito.versoes.len(), 3);
    assert_eq!(&conflito.versoes[0].valor, registro.valor("contrato"));
    assert!(conflito.versoes.iter().any(|versao| versao.autoria.por == office().id));
    assert!(conflito.versoes.iter().all(|versao| versao.quando.timestamp() > 0));
    // Writing any of them again settles it, the one that shows as well.
    let shown = registro.valor("contrato").texto().unwrap().to_owned();
    for settled in [shown.as_str(), "da tarde", "do escritório"] {
        let mut server = Server { world: server.world.clone(), seq: server.seq, ..Server::new() };
        server.office(id(1), editar("contrato", settled));
        let registro = &server.world.documents[&id(1)].merged.registro;
        assert!(registro.conflitos.is_empty());
        assert_eq!(registro.valor("contrato").texto(), Some(settled));
    }
}

#[test]
fn what_was_written_behind_a_held_edit_follows_it_even_in_a_later_request() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("cidade", "Campinas"));
    server.office(id(1), transicionar(60, "cancelar", Some("duplicada")));
    let first = phone.queue().remove(0);
    let outcome = server.push(&tecnica(), first.clone());
    let Outcome::Held { id: branch, .. } = outcome else { panic!("{outcome:?}") };
    let hash = Change::try_from(&first.change[..]).unwrap().hash().into();
    let bytes = document::save(server.document(id(1)));
    let fates = phone
        .absorb(vec![Event::Verdict { hash, outcome }, Event::Snapshot { generation: 1, bytes }]);
    assert_eq!(fates.len(), 1);
    assert_eq!(phone.text("cidade"), "", "it builds on what is held: not shown as done");
    assert_eq!(phone.document.as_ref().unwrap().queue.len(), 1, "and not lost");
    let fates = phone.sync(&mut server);
    assert!(matches!(fates[0].1, Fate::Held { held, .. } if held == branch), "{fates:?}");
}

#[test]
fn a_text_that_is_too_much_for_one_change_is_told_at_the_tap() {
    let (_, phone) = begun();
    let many = "a".repeat(9_999);
    let ctx = Context { pessoa: &phone.pessoa, device: DEVICE, tipos: &phone.tipos };
    let write = |de: &str, para: &str| Command::EditarTexto {
        campo: "situacao_alegada".into(),
        de: de.into(),
        para: para.into(),
    };
    let para = |texto: &str| write("Porta solta", texto);
    let ran = client::run(phone.document.clone(), &ctx, para(&many), stamp(9)).unwrap();
    let again = client::run(Some(ran.document), &ctx, write(&many, &"b".repeat(9_999)), stamp(10));
    assert!(again.is_ok(), "the longest text can be written and replaced");
    let longer = client::run(phone.document.clone(), &ctx, para(&"a".repeat(10_001)), stamp(9));
    let Err(client::RunError::Refused(refusal)) = longer else { panic!("{longer:?}") };
    assert_eq!(refusal.codigo.codigo(), "texto_longo_demais");
}
