//! The gate against a device that does not play by the rules.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use automerge::{
    ActorId, Automerge, Change, ObjType, ROOT, ReadDoc, ScalarValue, transaction::Transactable,
};
use campo_domain::{
    command::Command,
    ids::{DeviceId, HeldId, NotaId, UserId},
    kind::Kind,
    pessoa::Permissao,
    valor::Valor,
};
use campo_sync::{
    admission::Requester,
    document::{self, Actor},
    wire::{Hash, Limits, Outcome, Push},
};
use chrono::DateTime;
use uuid::Uuid;

use support::*;

#[test]
fn the_servers_part_of_a_document_is_closed_to_everyone_else() {
    let (mut server, _) = begun();
    let push = forged(&server, |document| {
        let servidor = container(document, "servidor");
        commit(document, |tx| tx.put(&servidor, "situacao", "resolvida").unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_protegido");
    let push = forged(&server, |document| {
        commit(document, |tx| tx.put(ROOT, "kind", "cliente").unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_protegido");
}

#[test]
fn a_put_that_the_same_change_deletes_again_is_seen() {
    let (mut server, _) = begun();
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| {
            tx.put(&campos, "contrato", "C-1").unwrap();
            tx.delete(&campos, "contrato").unwrap();
        });
    });
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
}

#[test]
fn a_change_in_anothers_name_or_from_another_device_is_refused() {
    let (mut server, _) = begun();
    let write = |document: &mut Automerge| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "contrato", "C-1").unwrap());
    };
    let strangers = [
        Actor { user: office().id, device: DEVICE, nonce: 1 }.actor_id(),
        Actor { user: tecnica().id, device: OTHER_DEVICE, nonce: 1 }.actor_id(),
        Actor { user: UserId::SERVIDOR, device: DeviceId::ESCRITORIO, nonce: 1 }.actor_id(),
        ActorId::from(vec![1, 2, 3]),
        ActorId::random(),
    ];
    for actor in strangers {
        let push = forged_by(&server, actor, write);
        refused(server.push(&tecnica(), push), "autor_alheio");
    }
}

#[test]
fn a_field_takes_only_values_of_its_type_and_within_its_bounds() {
    let (mut server, _) = begun();
    let values = [
        ("contrato", ScalarValue::Int(7)),
        ("contrato", ScalarValue::Str("x".repeat(65).into())),
        ("contrato", ScalarValue::Str("nulo\0".into())),
        ("prioridade", ScalarValue::Str("maxima".into())),
        ("prazo", ScalarValue::Str("2026-1-2".into())),
        ("prazo", ScalarValue::Timestamp(0)),
        ("responsavel", ScalarValue::Bytes(vec![1, 2])),
        ("contrato", ScalarValue::F64(f64::NAN)),
        ("contrato", ScalarValue::Counter(1.into())),
    ];
    for (campo, value) in values {
        let push = forged(&server, |document| {
            let campos = container(document, "campos");
            commit(document, |tx| tx.put(&campos, campo, value.clone()).unwrap());
        });
        let outcome = server.push(&tecnica(), push);
        assert!(matches!(
            code(&outcome),
            "valor_invalido" | "texto_longo_demais" | "sem_permissao"
        ));
    }
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "desconhecido", 1).unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_desconhecido");
}

#[test]
fn a_long_text_is_written_whole_and_within_its_bound() {
    let (mut server, _) = begun();
    let longest = "a".repeat(10_000);
    for (text, code) in [(longest.clone() + "a", "texto_longo_demais"), (longest, "")] {
        let push = forged(&server, |document| {
            let campos = container(document, "campos");
            commit(document, |tx| tx.put(&campos, "situacao_alegada", text.as_str()).unwrap());
        });
        match code {
            "" => assert!(matches!(server.push(&tecnica(), push), Outcome::Accepted { .. })),
            code => refused(server.push(&tecnica(), push), code),
        }
    }
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| {
            tx.put_object(&campos, "situacao_alegada", ObjType::Text).unwrap();
        });
    });
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
    let push = forged(&server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.delete(&campos, "situacao_alegada").unwrap());
    });
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
}

#[test]
fn a_note_or_a_request_once_written_stays_as_it_is() {
    let (mut server, mut phone) = begun();
    let nota = NotaId::from(Uuid::from_u128(40));
    phone.run(anotar(nota, "Cliente ausente"));
    phone.sync(&mut server);
    let key = nota.uuid().simple().to_string();
    let push = forged(&server, |document| {
        let notas = container(document, "notas");
        let nota = document.get(&notas, key.as_str()).unwrap().unwrap().1;
        commit(document, |tx| tx.put(&nota, "texto", "Cliente presente").unwrap());
    });
    refused(server.push(&tecnica(), push), "campo_protegido");
    let push = forged(&server, |document| {
        let notas = container(document, "notas");
        commit(document, |tx| {
            let nota = tx.put_object(&notas, key.as_str(), ObjType::Map).unwrap();
            tx.put(&nota, "texto", "outra").unwrap();
            tx.put(&nota, "em", ScalarValue::Timestamp(0)).unwrap();
        });
    });
    refused(server.push(&tecnica(), push), "id_em_uso");
}

#[test]
fn a_genesis_must_be_complete_and_of_the_document_that_it_is_pushed_for() {
    let mut server = Server::new();
    let mut phone = Phone::new(tecnica());
    phone.run(criar(1, "Porta solta"));
    let mut push = phone.queue().remove(0);
    push.document = id(2);
    refused(server.push(&tecnica(), push.clone()), "operacao_nao_permitida");
    push.document = id(1);
    assert!(matches!(server.push(&tecnica(), push.clone()), Outcome::Accepted { .. }));
    assert!(matches!(server.push(&tecnica(), push), Outcome::Known { .. }));

    let mut bare = Automerge::new();
    bare.set_actor(Actor { user: tecnica().id, device: DEVICE, nonce: 3 }.actor_id());
    commit(&mut bare, |tx| tx.put(ROOT, "kind", "assistencia").unwrap());
    let change = bare.get_changes(&[])[0].raw_bytes().to_vec();
    let push = Push { document: id(3), generation: 1, change, seen: 0 };
    refused(server.push(&tecnica(), push), "operacao_nao_permitida");
}

#[test]
fn an_id_that_is_taken_is_refused_to_a_second_creator() {
    let (mut server, _) = begun();
    let mut other = Phone::new(tecnica());
    other.n = 70;
    other.run(criar(1, "Outra porta"));
    let push = other.queue().remove(0);
    refused(server.push(&tecnica(), push), "id_em_uso");
}

#[test]
fn required_fields_are_checked_again_at_the_gate() {
    let mut server = Server::new();
    let mut document = Automerge::new();
    document.set_actor(Actor { user: tecnica().id, device: DEVICE, nonce: 3 }.actor_id());
    let tipos = tipos();
    let tipo = tipos.atual("p001.assistencia").unwrap();
    let Command::Criar { id, kind, tipo: referencia, .. } = criar(1, "") else { unreachable!() };
    let command =
        Command::Criar { id, kind, tipo: referencia, campos: Default::default(), itens: vec![] };
    let actor = Actor { user: tecnica().id, device: DEVICE, nonce: 3 };
    let change = campo_sync::edit::apply(&mut document, actor, &command, tipo, None, stamp(1).at);
    let change = change.unwrap().unwrap().raw_bytes().to_vec();
    let push = Push { document: id, generation: 1, change, seen: 0 };
    refused(server.push(&tecnica(), push), "campos_obrigatorios");
}

#[test]
fn compressed_chunks_documents_and_rubbish_are_not_read() {
    let (mut server, _) = begun();
    let mut document = server.document(id(1)).clone();
    document.set_actor(Actor { user: tecnica().id, device: DEVICE, nonce: 9 }.actor_id());
    let before = document.get_heads();
    let campos = container(&document, "campos");
    let text = "abc ".repeat(500);
    commit(&mut document, |tx| tx.put(&campos, "situacao_alegada", text).unwrap());
    let mut change: Change = document.get_changes(&before).pop().unwrap();
    let compressed = change.bytes().to_vec();
    assert_eq!(compressed[8], 2, "the test needs a chunk that compresses");
    let mut damaged = change.raw_bytes().to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    let mut trailing = change.raw_bytes().to_vec();
    trailing.push(0);
    let cut = change.raw_bytes()[..40].to_vec();
    for bytes in [compressed, damaged, trailing, cut, document.save(), vec![], vec![0; 9]] {
        let push = Push { document: id(1), generation: 1, change: bytes, seen: 0 };
        refused(server.push(&tecnica(), push), "alteracao_invalida");
    }
    let huge = vec![1; Limits::DEFAULT.change_bytes_max as usize + 1];
    let push = Push { document: id(1), generation: 1, change: huge, seen: 0 };
    refused(server.push(&tecnica(), push), "limite_excedido");
}

#[test]
fn a_change_whose_parents_are_not_there_is_asked_for_again_and_never_merged() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    phone.run(editar("contrato", "C-2"));
    let pushes = phone.queue();
    let outcome = server.push(&tecnica(), pushes[1].clone());
    let Outcome::Missing { deps } = outcome else { panic!("{outcome:?}") };
    let first = Change::try_from(&pushes[0].change[..]).unwrap().hash();
    assert_eq!(deps, [Hash::from(first)]);
    for push in pushes {
        assert!(matches!(server.push(&tecnica(), push), Outcome::Accepted { .. }));
    }
}

#[test]
fn who_may_not_see_a_record_does_not_learn_that_it_exists() {
    let (mut server, _) = begun();
    let stranger = pessoa(7, &[Permissao::Ver]);
    let actor = Actor { user: stranger.id, device: DEVICE, nonce: 1 };
    let push = forged_by(&server, actor.actor_id(), |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "contrato", "C-1").unwrap());
    });
    refused(server.push(&stranger, push), "nao_encontrado");
}

#[test]
fn numbers_follow_each_other_and_a_replayed_request_takes_none() {
    let mut server = Server::new();
    let mut phone = Phone::new(tecnica());
    phone.run(criar(1, "Porta"));
    let push = phone.queue().remove(0);
    for _ in 0..3 {
        server.push(&tecnica(), push.clone());
    }
    let mut other = Phone::new(tecnica());
    other.n = 50;
    other.run(criar(2, "Mesa"));
    server.push(&tecnica(), other.queue().remove(0));
    let numero = |n| server.world.documents[&id(n)].merged.registro.numero.clone();
    assert_eq!(numero(1).as_deref(), Some("2027/000001"));
    assert_eq!(numero(2).as_deref(), Some("2027/000002"));
}

#[test]
fn a_change_with_another_checksum_is_refused_because_nobody_could_load_it_again() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    let mut push = phone.queue().remove(0);
    push.change[5] ^= 1;
    refused(server.push(&tecnica(), push), "alteracao_invalida");
}

/// Writes a change by its parts, so that a test can lie in any of them.
fn expanded(server: &Server, lie: impl FnOnce(&mut automerge::ExpandedChange)) -> Push {
    let push = forged(server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "uf", "SP").unwrap());
    });
    let mut change = Change::try_from(&push.change[..]).unwrap().decode();
    lie(&mut change);
    let change = Change::from(change);
    Push { change: change.raw_bytes().to_vec(), ..push }
}

#[test]
fn a_change_cannot_replace_what_it_does_not_name() {
    let (mut server, mut phone) = begun();
    phone.run(editar("cidade", "Santos"));
    let nota = NotaId::from(Uuid::from_u128(40));
    phone.run(anotar(nota, "Cliente ausente"));
    phone.sync(&mut server);
    let campos = container(server.document(id(1)), "campos");
    let notas = container(server.document(id(1)), "notas");
    let key = nota.uuid().simple().to_string();
    let victims = [
        server.document(id(1)).get(&campos, "cidade").unwrap().unwrap().1,
        server.document(id(1)).get(&campos, "cliente").unwrap().unwrap().1,
        server.document(id(1)).get(&notas, key).unwrap().unwrap().1,
    ];
    for victim in victims {
        let automerge::ObjId::Id(counter, actor, _) = victim else { unreachable!() };
        let push = expanded(&server, |change| {
            let pred = automerge::legacy::OpId::new(counter, &actor);
            change.operations[0].pred = vec![pred].into();
        });
        let outcome = server.push(&tecnica(), push);
        let merged = &server.world.documents[&id(1)].merged.registro;
        assert_eq!(merged.valor("cidade").texto(), Some("Santos"));
        assert!(merged.referencia("cliente").is_some());
        assert_eq!(merged.notas.len(), 1);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    }
}

#[test]
fn a_counter_that_leaps_ahead_or_a_sequence_with_a_gap_is_refused_without_a_panic() {
    let (mut server, _) = begun();
    for start in [u64::from(u32::MAX) - 2, u64::from(u32::MAX) + 9, u64::MAX / 2, 1] {
        let push = expanded(&server, |change| {
            change.start_op = std::num::NonZeroU64::new(start).unwrap();
        });
        refused(server.push(&tecnica(), push), "alteracao_invalida");
    }
    for seq in [0, 2, 7, u64::from(u32::MAX) + 1] {
        let push = expanded(&server, |change| change.seq = seq);
        let outcome = server.push(&tecnica(), push);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{seq}: {outcome:?}");
    }
}

/// A change chunk with one column replaced by the given bytes, its length and checksum put right.
fn bomb(server: &Server, spec: u8, column: &[u8]) -> Push {
    let push = forged(server, |document| {
        let campos = container(document, "campos");
        commit(document, |tx| tx.put(&campos, "uf", "SP").unwrap());
    });
    let change = Change::try_from(&push.change[..]).unwrap();
    // Everything before the columns ends with the empty message and the other actors.
    let body = &push.change[9..];
    let prefix = body.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let body = &body[prefix..];
    let actors: usize = change.other_actor_ids().iter().map(|a| 1 + a.to_bytes().len()).sum();
    let head = 1 + 32 * change.deps().len() + 1 + 40;
    let mut rest = &body[head..];
    for _ in 0..3 {
        let end = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        rest = &rest[end..];
    }
    let end = body.len() - rest.len() + 1 + 1 + actors;
    let mut forged = body[..end].to_vec();
    forged.push(1);
    match spec {
        short @ ..128 => forged.push(short),
        long => forged.extend([long, 1]),
    }
    forged.push(column.len() as u8);
    forged.extend(column);
    let mut chunk = push.change[..8].to_vec();
    chunk.push(1);
    assert!(forged.len() < 16_384);
    match forged.len() {
        short @ ..128 => chunk.push(short as u8),
        long => chunk.extend([(long & 0x7f) as u8 | 0x80, (long >> 7) as u8]),
    }
    chunk.extend(forged);
    Push { change: chunk, ..push }
}

#[test]
fn a_few_bytes_that_claim_endless_operations_cost_nothing() {
    let (mut server, _) = begun();
    // The frame is sound: with a short run, Automerge gets as far as the operations themselves.
    let short = bomb(&server, 66, &[0x03, 0x01]);
    let error = format!("{:?}", Change::try_from(&short.change[..]));
    assert!(error.contains("DecodeColumnError"), "{error}");
    let endless = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x01];
    let began = std::time::Instant::now();
    for spec in [1, 2, 17, 19, 21, 52, 66, 86, 112, 113, 115, 148, 165, 200] {
        let outcome = server.push(&tecnica(), bomb(&server, spec, &endless));
        let expected = if spec == 200 { "alteracao_invalida" } else { "limite_excedido" };
        assert_eq!(code(&outcome), expected, "{spec}: {outcome:?}");
    }
    let many_preds = [0x01, 0x80, 0x80, 0x80, 0x80, 0x40];
    refused(server.push(&tecnica(), bomb(&server, 112, &many_preds)), "limite_excedido");
    assert!(began.elapsed().as_secs() < 5);
}

fn agenda(n: u128, assistencia: u128, responsavel: UserId) -> Command {
    let tipos = tipos();
    let instante = Valor::Instante(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
    Command::Criar {
        id: id(n),
        kind: Kind::Agenda,
        tipo: tipos.atual("p001.agenda").unwrap().referencia(),
        campos: [
            ("assistencia".to_owned(), Valor::Id(Uuid::from_u128(assistencia))),
            ("tipo_agenda".to_owned(), Valor::Texto("assistencia_tecnica".into())),
            ("responsavel".to_owned(), Valor::Id(responsavel.uuid())),
            ("inicio".to_owned(), instante.clone()),
            ("fim".to_owned(), instante),
            ("assunto".to_owned(), Valor::Texto("Vistoria".into())),
        ]
        .into(),
        itens: Vec::new(),
    }
}

#[test]
fn nobody_gets_sight_of_a_case_by_adding_to_it() {
    let (mut server, _) = begun();
    let stranger = pessoa(7, &[Permissao::Ver]);
    let mut phone = Phone::new(stranger.clone());
    phone.run(agenda(30, 1, stranger.id));
    refused(server.push(&stranger, phone.queue().remove(0)), "nao_encontrado");
    // The same of a case that is not here yet is a fact like any other.
    let mut phone = Phone::new(stranger.clone());
    phone.run(agenda(31, 999, stranger.id));
    assert!(matches!(server.push(&stranger, phone.queue().remove(0)), Outcome::Accepted { .. }));
}

#[test]
fn ff28_what_was_added_to_a_case_that_passed_to_somebody_else_is_held() {
    let (mut server, _) = begun();
    let other = pessoa(7, &[Permissao::Ver]);
    let assign = |to: UserId| Command::Editar {
        campo: "responsavel".into(),
        valor: Valor::Id(to.uuid()),
        visto: None,
    };
    server.office(id(1), assign(other.id));
    let known = server.seq;
    server.office(id(1), assign(office().id));
    let mut phone = Phone::new(other.clone());
    phone.run(agenda(30, 1, other.id));
    let mut push = phone.queue().remove(0);
    push.seen = known;
    let outcome = server.push(&other, push.clone());
    assert!(matches!(outcome, Outcome::Held { .. }), "{outcome:?}");
    assert_eq!(code(&outcome), "fora_de_alcance");
    assert!(matches!(server.push(&other, push), Outcome::Held { .. }), "and again, the same");
}

#[test]
fn a_child_hangs_on_a_parent_of_the_right_kind() {
    let (mut server, _) = begun();
    let mut phone = Phone::new(tecnica());
    phone.run(agenda(30, 1, tecnica().id));
    phone.sync(&mut server);
    let mut child = Phone::new(tecnica());
    child.n = 50;
    child.run(agenda(31, 30, tecnica().id));
    refused(server.push(&tecnica(), child.queue().remove(0)), "valor_invalido");
}

#[test]
fn a_branch_that_cannot_be_merged_as_a_whole_is_not_merged_at_all() {
    let (mut server, mut phone) = begun();
    phone.run(editar("contrato", "C-1"));
    let good = phone.queue().remove(0);
    let rubbish = Push { change: vec![0; 20], ..good.clone() };
    let before = document::heads(server.document(id(1)));
    let author = Requester { pessoa: tecnica(), device: DEVICE, earlier: vec![] };
    let held = HeldId::from(Uuid::from_u128(1));
    server.plan(|planner| planner.approve(held, &author, &[good, rubbish])).unwrap_err();
    assert_eq!(document::heads(server.document(id(1))), before);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(400))]

    /// Whatever bytes a device sends: the gate answers, and what it lets in can be stored and
    /// loaded.
    #[test]
    fn damaged_changes_never_get_in_and_never_stop_the_server(
        which in 0_usize..3,
        damage in proptest::collection::vec((9_usize..400, proptest::num::u8::ANY), 1..4),
        honest_checksum in proptest::bool::ANY,
    ) {
        use sha2::{Digest, Sha256};
        let (mut server, mut phone) = begun();
        phone.run(editar("contrato", "C-1"));
        phone.run(anotar(NotaId::from_u128(40), "Cliente ausente"));
        phone.run(transicionar(41, "iniciar", None));
        let pushes = phone.queue();
        for push in &pushes[..which] {
            server.push(&tecnica(), push.clone());
        }
        let mut push = pushes[which].clone();
        for (place, byte) in damage {
            let place = place % push.change.len();
            push.change[place.max(9)] = byte;
        }
        if honest_checksum {
            let hash = Sha256::digest(&push.change[8..]);
            push.change[4..8].copy_from_slice(&hash[..4]);
        }
        let original = push.change == pushes[which].change;
        let outcome = server.push(&tecnica(), push);
        if let Outcome::Accepted { .. } = outcome {
            // A value may be damaged into another that is allowed; the record stays sound.
            assert!(original || honest_checksum, "{outcome:?}");
        }
        let saved = document::save(server.document(id(1)));
        let loaded = campo_sync::exchange::Loaded::read(&saved, 1, &tipos()).unwrap();
        assert_eq!(loaded.merged.registro, server.world.documents[&id(1)].merged.registro);
    }
}
