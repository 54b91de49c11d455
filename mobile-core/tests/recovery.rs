//! What starting over and unreadable documents leave on the device: only what the person may see,
//! all that was not sent, and every other document.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::{
    ids::{DocumentId, HeldId, UserId},
    pessoa::Permissao::{Gerenciar, Ver},
};
use campo_mobile_core::{Error, SyncReport, SyncState};
use campo_sync::wire::{self, Bootstrap, Entry, Outcome, Reason, SyncRequest};
use chrono::{TimeDelta, Utc};
use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};
use support::{Device, Reply, Server};
use uuid::Uuid;

const DAY_MS: i64 = 86_400_000;

fn ana(server: &Server) -> Device {
    server.person("ana@demo", &[Ver, Gerenciar]);
    let device = server.device("ana@demo");
    device.sync().unwrap();
    device
}

fn eu(device: &Device) -> UserId {
    device.campo.conta().unwrap().unwrap().usuario
}

fn nomes(device: &Device) -> Vec<String> {
    device.campo.clientes("").unwrap().into_iter().map(|linha| linha.titulo).collect()
}

/// Answers of `/v1/sync`, one after the other, then the fake's own.
fn answers(server: &Server, replies: Vec<Reply>) {
    let mut replies = VecDeque::from(replies);
    server.script(
        move |request| {
            if request.path == "/v1/sync" { replies.pop_front() } else { None }
        },
    );
}

fn page(user: UserId, entries: Vec<Entry>, bootstrap: Option<Bootstrap>) -> Reply {
    support::page(user, entries, 7, 40, bootstrap)
}

fn rank(rank: u8) -> Option<Bootstrap> {
    Some(Bootstrap { rank, after: DocumentId::from(Uuid::max()) })
}

/// Every request so far that started over.
fn starts(server: &Server) -> usize {
    server.pushed().iter().filter(|(_, request)| request.cursor.seq == 0).count()
}

/// A change of a document that builds on one that no device ever got.
fn gap(device: &Device, document: DocumentId) -> Entry {
    let Entry::Snapshot { bytes, .. } = device.snapshot(document) else { unreachable!() };
    let mut whole = automerge::Automerge::load(&bytes).unwrap();
    let mut write = |n: i64| {
        let mut tx = whole.transaction();
        automerge::transaction::Transactable::put(&mut tx, automerge::ROOT, "x", n).unwrap();
        tx.commit();
        whole.get_last_local_change().unwrap().raw_bytes().to_vec()
    };
    write(1);
    Entry::Change { seq: 30, document, generation: 1, bytes: write(2) }
}

fn overwrite(device: &Device, document: DocumentId) {
    let sql = "UPDATE documents SET chunks = x'00112233445566778899' WHERE id = ?";
    assert_eq!(device.raw().execute(sql, [document.bytes()]).unwrap(), 1);
}

/// As if the device had started over so long ago.
fn started_over(device: &Device, ago_ms: i64) {
    let then = Utc::now().timestamp_millis() - ago_ms;
    device.raw().execute("UPDATE cursor SET restarted_at = ?", [then]).unwrap();
}

#[test]
fn what_a_start_over_no_longer_names_leaves_the_lists_and_unsent_work_is_still_sent() {
    let server = Server::start();
    let device = ana(&server);
    let user = eu(&device);
    let [visto, perdido, escrito] = ["Visto", "Perdido", "Escrito"].map(|n| device.cliente(n));
    device.sync().unwrap();
    device.campo.editar(escrito, "cidade", "Olinda").unwrap();
    let novo = device.cliente("Novo");
    answers(
        &server,
        vec![
            support::answer(user, vec![gap(&device, visto)], 30),
            page(user, Vec::new(), rank(1)),
            page(user, vec![device.snapshot(visto)], rank(2)),
            page(user, Vec::new(), None),
        ],
    );
    let seen = Mutex::new(Vec::new());
    let progress = |_| seen.lock().unwrap().push(nomes(&device).len());
    device.campo.sync_now(&progress, &AtomicBool::new(false)).unwrap();
    // Only the last page tells what is missing.
    assert_eq!(seen.lock().unwrap()[..3], [4, 4, 2]);
    assert_eq!(nomes(&device), ["Novo", "Visto"]);
    let device = device.reopen();
    assert!(matches!(device.campo.sync_state(perdido), Err(Error::NaoEncontrado(_))));
    assert_eq!(device.campo.sync_state(escrito).unwrap(), SyncState::OutOfSight);
    assert_eq!(device.campo.sync_state(visto).unwrap(), SyncState::Synced);
    let pendentes = device.campo.pending().unwrap().pendentes;
    assert_eq!(pendentes.len(), 2);

    assert_eq!(device.sync().unwrap().accepted, 2);
    assert!(matches!(device.campo.sync_state(escrito), Err(Error::NaoEncontrado(_))));
    assert_eq!(device.campo.sync_state(novo).unwrap(), SyncState::Synced);
}

#[test]
fn a_start_over_that_was_cut_goes_on_where_it_was_and_sweeps_at_its_end() {
    let server = Server::start();
    let device = ana(&server);
    let user = eu(&device);
    let [primeiro, segundo, perdido] =
        ["Primeiro", "Segundo", "Perdido"].map(|n| device.cliente(n));
    device.sync().unwrap();
    device.raw().execute("UPDATE cursor SET cursor = NULL", []).unwrap();
    let cut = (503, Vec::new(), Vec::new());
    let first = page(user, vec![device.snapshot(primeiro)], rank(1));
    answers(&server, vec![first, cut]);
    assert!(device.sync().is_err());
    assert_eq!(nomes(&device).len(), 3);

    let device = device.reopen();
    answers(&server, vec![page(user, vec![device.snapshot(segundo)], None)]);
    device.sync().unwrap();
    assert_eq!(nomes(&device), ["Primeiro", "Segundo"]);
    assert!(matches!(device.campo.sync_state(perdido), Err(Error::NaoEncontrado(_))));
}

#[test]
fn ff32_a_new_epoch_drops_nothing_that_the_restored_server_may_have_lost() {
    let server = Server::start();
    let device = ana(&server);
    let user = eu(&device);
    let [fica, _] = ["Fica", "Sai"].map(|nome| device.cliente(nome));
    device.sync().unwrap();
    let first = support::page(user, vec![device.snapshot(fica)], 8, 5, rank(1));
    // What is created while a first sync is under way comes after it, in the log.
    answers(&server, vec![first]);
    let cancel = AtomicBool::new(false);
    device.campo.sync_now(&|_| cancel.store(true, Ordering::Relaxed), &cancel).unwrap();
    assert_eq!(nomes(&device), ["Fica", "Sai"]);
    device.cliente("Meio");
    let mut once = true;
    server.script(move |request| {
        let sync = request.path == "/v1/sync" && std::mem::take(&mut once);
        sync.then(|| {
            let sent: SyncRequest = wire::unpack(&request.body, 1 << 20).unwrap();
            let (_, _, body) = support::page(user, Vec::new(), 8, 5, None);
            let mut answer: wire::SyncResponse = wire::unpack(&body, 1 << 20).unwrap();
            let hash = automerge::Change::try_from(&sent.push[0].change[..]).unwrap().hash();
            let (document, outcome) = (sent.push[0].document, Outcome::Accepted { seq: 6 });
            answer.verdicts = vec![wire::Verdict { document, hash: hash.into(), outcome }];
            (200, Vec::new(), wire::pack(&answer).unwrap())
        })
    });
    assert_eq!(device.sync().unwrap().accepted, 1);
    assert_eq!(nomes(&device), ["Fica", "Meio", "Sai"]);
}

/// Two clientes of which the first is no longer readable, each with an edit that waits. `ago_ms`:
/// since the device last started over.
fn one_damaged(server: &Server, ago_ms: i64) -> (Device, [DocumentId; 2], [Entry; 2]) {
    let device = ana(server);
    let ids = ["Danificado", "Outro"].map(|nome| device.cliente(nome));
    device.sync().unwrap();
    let snapshots = ids.map(|id| device.snapshot(id));
    for id in ids {
        device.campo.editar(id, "cidade", "Olinda").unwrap();
    }
    overwrite(&device, ids[0]);
    started_over(&device, ago_ms);
    (device, ids, snapshots)
}

fn danificados(device: &Device, report: SyncReport) -> u32 {
    let (estado, pendencias) = (device.campo.status().unwrap(), device.campo.pending().unwrap());
    assert_eq!(estado.damaged, report.damaged);
    assert_eq!(pendencias.danificados, report.damaged);
    assert_eq!(estado.notice, pendencias.aviso);
    assert_eq!(estado.notice, report.notice());
    report.damaged
}

#[test]
fn ff22_a_document_that_cannot_be_read_is_set_aside_and_the_others_go_on() {
    let server = Server::start();
    let (device, [danificado, outro], _) = one_damaged(&server, 0);
    let before = starts(&server);
    let report = device.sync().unwrap();
    assert_eq!((report.accepted, report.pending), (1, 1));
    assert_eq!(danificados(&device, report), 1);
    let aviso = device.campo.status().unwrap().notice.unwrap();
    let esperado = "1 registro(s) não puderam ser lidos; eles serão pedidos de novo";
    assert!(aviso.starts_with(esperado), "{aviso}");

    let device = device.reopen();
    assert_eq!(nomes(&device), ["Danificado", "Outro"]);
    assert_eq!(device.campo.sync_state(outro).unwrap(), SyncState::Synced);
    assert_eq!(device.campo.pending().unwrap().pendentes[0].conteudo[0].valor, "Olinda");
    let text = "SELECT damaged FROM documents WHERE id = ?";
    let text: String =
        device.raw().query_row(text, [danificado.bytes()], |row| row.get(0)).unwrap();
    assert!(text.starts_with("the document could not be read: "), "{text}");
    // It fails no later page either, and is not asked for again on the same day.
    device.campo.editar(outro, "cidade", "Recife").unwrap();
    assert_eq!(device.sync().unwrap().accepted, 1);
    assert_eq!(starts(&server), before);
}

#[test]
fn a_damaged_document_is_asked_for_again_and_rebuilt_with_its_unsent_work() {
    let server = Server::start();
    let (device, [danificado, outro], snapshots) = one_damaged(&server, DAY_MS + 1);
    snapshots.into_iter().for_each(|entry| server.entry(entry));
    let before = starts(&server);
    let report = device.sync().unwrap();
    assert_eq!(danificados(&device, report), 0);
    assert_eq!(device.campo.status().unwrap().notice, None);
    assert_eq!(starts(&server), before + 1);
    for id in [danificado, outro] {
        let registro = device.campo.show(id).unwrap().registro;
        assert_eq!(registro.valor("cidade").texto(), Some("Olinda"));
    }
    let device = device.reopen();
    assert_eq!(device.campo.sync_state(danificado).unwrap(), SyncState::Pending { n: 1 });
    assert_eq!(device.sync().unwrap().accepted, 1);
    assert_eq!(device.campo.sync_state(danificado).unwrap(), SyncState::Synced);
}

#[test]
fn a_damaged_document_is_asked_for_at_most_once_a_day() {
    let server = Server::start();
    let (device, [danificado, outro], [_, snapshot]) = one_damaged(&server, DAY_MS + 1);
    // The server's own copy is no better.
    let bytes = vec![1, 2, 3];
    server.entry(Entry::Snapshot { document: danificado, generation: 1, bytes });
    server.entry(snapshot);
    let before = starts(&server);
    for _ in 0..3 {
        assert_eq!(device.sync().unwrap().damaged, 1);
    }
    assert_eq!(starts(&server), before + 1);
    assert_eq!(nomes(&device), ["Danificado", "Outro"]);
    assert_eq!(device.campo.sync_state(outro).unwrap(), SyncState::Synced);
    assert_eq!(device.pendentes(), 1);
    started_over(&device, DAY_MS + 1);
    device.sync().unwrap();
    assert_eq!(starts(&server), before + 2);
    // A clock that was set back does not keep it waiting.
    started_over(&device, -TimeDelta::days(400).num_milliseconds());
    device.sync().unwrap();
    assert_eq!(starts(&server), before + 3);
}

#[test]
fn a_damaged_document_out_of_sight_keeps_its_work_until_the_server_has_judged_it() {
    for accepts in [true, false] {
        let server = Server::start();
        let (device, [danificado, _], [_, outro]) = one_damaged(&server, DAY_MS + 1);
        server.entry(outro);
        let report = device.sync().unwrap();
        assert_eq!((report.pending, danificados(&device, report)), (1, 0));
        assert_eq!(nomes(&device), ["Outro"]);
        assert_eq!(device.campo.sync_state(danificado).unwrap(), SyncState::OutOfSight);
        let reason = Reason { code: "tarde".into(), message: "Tarde.".into() };
        let held = Outcome::Held { id: HeldId::from(Uuid::now_v7()), reason };
        server.judge(move |_| (!accepts).then(|| held.clone()));
        let report = device.sync().unwrap();
        assert_eq!(report.accepted + report.held, 1);
        assert_eq!((report.pending, report.held), (0, u32::from(!accepts)));
        assert_eq!(device.campo.pending().unwrap().retidas.len(), usize::from(!accepts));
        let rows = "SELECT count(*) FROM documents WHERE id = ?";
        let rows: u32 =
            device.raw().query_row(rows, [danificado.bytes()], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0);
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_noted_and_its_document_comes_the_next_day() {
    let server = Server::start();
    let device = ana(&server);
    let [novo, bom] = ["Novo", "Bom"].map(|nome| device.cliente(nome));
    device.sync().unwrap();
    let other = Server::start();
    let user = other.person("rui@demo", &[Ver]);
    let rui = other.device("rui@demo");
    rui.sync().unwrap();
    started_over(&rui, 0);
    let change = Entry::Change { seq: 9, document: novo, generation: 1, bytes: vec![7; 30] };
    answers(&other, vec![support::answer(user, vec![change, device.snapshot(bom)], 9)]);
    let report = rui.sync().unwrap();
    assert_eq!(danificados(&rui, report), 1);
    assert_eq!(nomes(&rui), ["Bom"]);

    started_over(&rui, DAY_MS + 1);
    let tipos = other.take_entries();
    let snapshots = [novo, bom].map(|id| device.snapshot(id));
    tipos.into_iter().chain(snapshots).for_each(|entry| other.entry(entry));
    let report = rui.sync().unwrap();
    assert_eq!(danificados(&rui, report), 0);
    assert_eq!(nomes(&rui), ["Bom", "Novo"]);
}

#[test]
fn a_gap_that_starting_over_does_not_fill_concerns_its_document_alone() {
    let server = Server::start();
    let device = ana(&server);
    let user = eu(&device);
    let [falho, outro] = ["Falho", "Outro"].map(|nome| device.cliente(nome));
    device.sync().unwrap();
    let whole = [falho, outro].map(|id| device.snapshot(id)).to_vec();
    let gap = gap(&device, falho);
    device.campo.editar(outro, "cidade", "Olinda").unwrap();
    let first = support::answer(user, vec![gap.clone()], 41);
    answers(&server, vec![first, page(user, whole, rank(1)), page(user, vec![gap], None)]);
    let report = device.sync().unwrap();
    assert_eq!(danificados(&device, report), 1);
    assert_eq!(device.sync().unwrap().accepted, 1);
    assert_eq!(nomes(&device), ["Falho", "Outro"]);
}
