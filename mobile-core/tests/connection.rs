//! How the device behaves when the connection, the session or the server does not: the queue stays
//! whole, the person is told, and the next try is known.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::{
    ids::HeldId,
    pessoa::Permissao::{Gerenciar, Ver},
};
use campo_mobile_core::{Error, SessionState, SyncState};
use campo_sync::wire::{self, Entry, Outcome, Reason, SyncRequest};
use chrono::{TimeDelta, Utc};
use std::sync::{Arc, atomic::AtomicBool};
use support::{Device, Server, problem};
use uuid::Uuid;

fn ana(server: &Server) -> Device {
    server.person("ana@demo", &[Ver, Gerenciar]);
    let device = server.device("ana@demo");
    device.sync().unwrap();
    device
}

fn syncs(server: &Server) -> usize {
    server.log().iter().filter(|path| *path == "/v1/sync").count()
}

#[test]
fn ff26_a_queue_is_sent_only_under_the_session_of_who_wrote_it() {
    let server = Server::start();
    let bia = server.person("bia@demo", &[Ver]);
    let device = ana(&server);
    let ana = device.campo.conta().unwrap().unwrap().usuario;
    let id = device.cliente("Da Ana");
    device.campo.sign_out().unwrap();
    assert!(matches!(device.campo.show(id), Err(Error::NinguemEntrou)));
    assert_eq!(device.campo.session_state().unwrap(), SessionState::Nobody);

    device.enter(&server, "bia@demo");
    assert_eq!(device.pendentes(), 0);
    assert!(matches!(device.campo.show(id), Err(Error::NaoEncontrado(_))));
    device.sync().unwrap();
    device.cliente("Da Bia");
    device.sync().unwrap();

    device.enter(&server, "ana@demo");
    let device = device.reopen();
    assert_eq!(device.pendentes(), 1);
    assert_eq!(device.sync().unwrap().accepted, 1);
    for (user, request) in server.pushed() {
        for push in request.push {
            let dono = if push.document == id { ana } else { bia };
            assert_eq!(user, dono.uuid());
        }
    }
}

#[test]
fn ff23_an_expired_session_keeps_the_work_and_signing_in_goes_on() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Um");
    server.script(|request| match request.path.as_str() {
        "/v1/sync" | "/v1/auth/refresh" => Some(problem(401, "sessao_expirada")),
        _ => None,
    });
    assert!(matches!(device.sync(), Err(Error::SessaoExpirada)));
    assert!(matches!(device.campo.session_state().unwrap(), SessionState::Expired { .. }));
    device.cliente("Dois");
    assert_eq!(device.pendentes(), 2);
    let later = Utc::now() + TimeDelta::days(1);
    let due = device.campo.sync_if_due(later, &|_| {}, &AtomicBool::new(false));
    assert_eq!(due.unwrap(), None);

    server.script(|_| None);
    let device = device.reopen();
    device.enter(&server, "ana@demo");
    assert_eq!(device.campo.session_state().unwrap(), SessionState::Active);
    assert_eq!(device.sync().unwrap().accepted, 2);
}

#[test]
fn ff24_a_lost_answer_to_a_refresh_is_survived_by_presenting_the_same_token_again() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Um");
    let mut presented = Vec::new();
    server.script(move |request| match request.path.as_str() {
        "/v1/sync" if request.bearer.as_deref() == Some("ana@demo#1") => {
            Some(problem(401, "sessao_expirada"))
        }
        "/v1/auth/refresh" => {
            presented.push(request.body.clone());
            assert!(presented.iter().all(|body| *body == presented[0]));
            (presented.len() == 1).then(|| (502, Vec::new(), Vec::new()))
        }
        _ => None,
    });
    assert!(matches!(device.sync(), Err(Error::SemConexao(_))));
    assert_eq!(device.campo.session_state().unwrap(), SessionState::Active);
    let device = device.reopen();
    assert_eq!(device.sync().unwrap().accepted, 1);
}

#[test]
fn a_401_of_something_that_is_not_campo_does_not_end_the_session() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Um");
    server.script(|_| Some((401, Vec::new(), b"<html>Wi-Fi do hotel</html>".to_vec())));
    assert!(matches!(device.sync(), Err(Error::SemConexao(_))));
    assert_eq!(device.campo.session_state().unwrap(), SessionState::Active);
    assert_eq!(device.pendentes(), 1);
}

#[test]
fn ff41_the_next_try_is_stored_shown_and_kept() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Um");
    server.script(|_| Some((503, vec![("retry-after".into(), "90".into())], Vec::new())));
    let before = Utc::now();
    assert!(matches!(device.sync(), Err(Error::SemConexao(_))));
    let device = device.reopen();
    let pendencias = device.campo.pending().unwrap();
    let next = pendencias.proxima_tentativa.unwrap();
    assert!(next >= before + TimeDelta::seconds(89), "{next}");
    assert!(pendencias.ultimo_erro.unwrap().contains("continua guardado"));
    assert_eq!(pendencias.pendentes.len(), 1);
    assert_eq!(device.campo.status().unwrap().failures, 1);

    let asked = syncs(&server);
    let cancel = AtomicBool::new(false);
    let early = device.campo.sync_if_due(Utc::now(), &|_| {}, &cancel).unwrap();
    assert_eq!((early, syncs(&server)), (None, asked));
    server.script(|_| None);
    let due = device.campo.sync_if_due(next, &|_| {}, &cancel).unwrap().unwrap();
    assert_eq!(due.accepted, 1);
    let estado = device.campo.status().unwrap();
    assert_eq!((estado.failures, estado.next_try_at), (0, None));
    assert!(estado.last_sync_at.is_some());
}

#[test]
fn a_next_try_in_a_far_future_was_set_by_a_wrong_clock_and_is_due() {
    let server = Server::start();
    let device = ana(&server);
    server.script(|_| Some((500, Vec::new(), Vec::new())));
    device.sync().unwrap_err();
    server.script(|_| None);
    let past = Utc::now() - TimeDelta::days(365);
    let due = device.campo.sync_if_due(past, &|_| {}, &AtomicBool::new(false)).unwrap();
    assert!(due.is_some());
}

#[test]
fn without_a_server_the_work_stays_and_the_error_says_so() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Um");
    device.raw().execute("UPDATE account SET servidor = 'http://127.0.0.1:9'", []).unwrap();
    let error = device.sync().unwrap_err();
    assert!(error.to_string().contains("continua guardado"), "{error}");
    assert_eq!(device.pendentes(), 1);
}

#[test]
fn ff13_a_413_splits_the_batch_until_it_fits() {
    let server = Server::start();
    let device = ana(&server);
    for n in 0..20 {
        device.cliente(&format!("Cliente {n}"));
    }
    server.script(|request| {
        if request.path != "/v1/sync" {
            return None;
        }
        let sent: SyncRequest = wire::unpack(&request.body, 1 << 20).unwrap();
        (sent.push.len() > 3).then(|| problem(413, "grande_demais"))
    });
    let report = device.sync().unwrap();
    assert_eq!((report.accepted, report.pending), (20, 0));
}

#[test]
fn a_change_that_never_fits_waits_and_lets_the_others_pass() {
    let server = Server::start();
    let device = ana(&server);
    let grande = device.cliente("Grande");
    device.cliente("Pequeno");
    server.script(move |request| {
        if request.path != "/v1/sync" {
            return None;
        }
        let sent: SyncRequest = wire::unpack(&request.body, 1 << 20).unwrap();
        let too_large = sent.push.iter().any(|push| push.document == grande);
        too_large.then(|| problem(413, "grande_demais"))
    });
    let report = device.sync().unwrap();
    assert_eq!(report.accepted, 1);
    assert_eq!(device.campo.sync_state(grande).unwrap(), SyncState::Pending { n: 1 });
}

#[test]
fn a_permanent_error_never_drops_the_queue() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Um");
    for status in [400, 404, 422] {
        server.script(move |_| Some(problem(status, "pedido_invalido")));
        assert!(matches!(device.sync(), Err(Error::Servidor { .. })), "{status}");
        assert_eq!(device.pendentes(), 1);
        assert!(device.campo.status().unwrap().next_try_at.is_some());
    }
    server.script(|_| Some((200, Vec::new(), b"not a message".to_vec())));
    assert!(matches!(device.sync(), Err(Error::RespostaInvalida(_))));
    assert_eq!(device.pendentes(), 1);
}

#[test]
fn an_answer_for_another_person_is_not_taken() {
    let server = Server::start();
    server.person("bia@demo", &[Ver]);
    let device = ana(&server);
    device.cliente("Um");
    device.raw().execute("UPDATE session SET acesso = 'bia@demo#9'", []).unwrap();
    assert!(matches!(device.sync(), Err(Error::RespostaInvalida(_))));
    assert_eq!(device.pendentes(), 1);
}

#[test]
fn ff16_what_the_server_misses_stays_pending_and_the_synchronisation_ends() {
    let server = Server::start();
    let device = ana(&server);
    let preso = device.cliente("Preso");
    device.cliente("Livre");
    server
        .judge(move |push| (push.document == preso).then(|| Outcome::Missing { deps: Vec::new() }));
    let report = device.sync().unwrap();
    assert_eq!((report.accepted, report.pending), (1, 1));
    server.judge(|_| None);
    assert_eq!(device.sync().unwrap().accepted, 1);
}

#[test]
fn ff22_refused_and_held_work_is_shown_with_its_content_until_it_is_decided_or_dismissed() {
    let server = Server::start();
    let device = ana(&server);
    let recusado = device.cliente("Recusado");
    let retido = device.cliente("Retido");
    let aceito = device.cliente("Aceito");
    let held = HeldId::from(Uuid::now_v7());
    let reason = |code: &str| Reason { code: code.into(), message: "Porque sim.".into() };
    server.judge(move |push| match push.document {
        id if id == recusado => Some(Outcome::Refused { reason: reason("sem_permissao") }),
        id if id == retido => Some(Outcome::Held { id: held, reason: reason("tarde") }),
        _ => None,
    });
    let report = device.sync().unwrap();
    assert_eq!((report.accepted, report.refused, report.held), (1, 1, 1));
    let device = device.reopen();
    let pendencias = device.campo.pending().unwrap();
    assert_eq!(pendencias.recusadas[0].mensagem, "Porque sim.");
    assert_eq!(pendencias.recusadas[0].conteudo[0].valor, "Recusado");
    assert_eq!(pendencias.retidas[0].conteudo[0].valor, "Retido");
    assert_eq!(device.campo.sync_state(aceito).unwrap(), SyncState::Synced);
    assert!(device.campo.dismiss(pendencias.retidas[0].id).is_err());
    device.campo.dismiss(pendencias.recusadas[0].id).unwrap();
    assert!(device.campo.pending().unwrap().recusadas.is_empty());

    device.raw().execute("UPDATE cursor SET cursor = NULL", []).unwrap();
    server.entry(Entry::HeldDecided {
        seq: 9,
        held,
        approved: false,
        note: Some("Cliente repetido".into()),
    });
    assert_eq!(device.sync().unwrap().decided, 1);
    let pendencias = device.campo.pending().unwrap();
    assert!(pendencias.retidas.is_empty());
    assert!(pendencias.recusadas[0].descartada);
    assert_eq!(pendencias.recusadas[0].nota.as_deref(), Some("Cliente repetido"));
}

#[test]
fn ff29_unsent_work_on_a_record_that_went_out_of_sight_is_shown_and_still_sent() {
    let server = Server::start();
    let device = ana(&server);
    let ana = device.campo.conta().unwrap().unwrap().usuario;
    let id = device.cliente("Perdido");
    device.sync().unwrap();
    device.campo.editar(id, "cidade", "Olinda").unwrap();
    server.script(move |request| {
        let revoked = vec![Entry::Revoked { seq: 9, document: id }];
        (request.path == "/v1/sync").then(|| support::answer(ana, revoked, 9))
    });
    assert_eq!(device.sync().unwrap().pending, 1);
    let device = device.reopen();
    assert!(device.campo.clientes("").unwrap().is_empty());
    assert_eq!(device.campo.sync_state(id).unwrap(), SyncState::OutOfSight);
    assert!(matches!(device.campo.editar(id, "cidade", ""), Err(Error::Recusa(_))));
    let pendente = device.campo.pending().unwrap().pendentes.remove(0);
    assert_eq!(pendente.o_que, "Alterar Cidade");
    assert_eq!(pendente.conteudo[0].valor, "Olinda");

    server.script(|_| None);
    assert_eq!(device.sync().unwrap().accepted, 1);
    assert!(matches!(device.campo.sync_state(id), Err(Error::NaoEncontrado(_))));
}

#[test]
fn a_document_that_arrives_before_its_tipo_is_kept_and_shown_once_the_tipo_is_there() {
    let server = Server::start();
    let device = ana(&server);
    let id = device.cliente("Cedo demais");
    device.sync().unwrap();
    let chunks: Vec<u8> =
        device.raw().query_row("SELECT chunks FROM documents", [], |row| row.get(0)).unwrap();

    let other = Server::start();
    other.person("rui@demo", &[Ver]);
    let tipos = other.take_entries();
    other.entry(Entry::Snapshot { document: id, generation: 1, bytes: chunks });
    let rui = other.device("rui@demo");
    rui.sync().unwrap();
    assert!(rui.campo.clientes("").unwrap().is_empty());
    assert_eq!(rui.campo.sync_state(id).unwrap(), SyncState::Synced);

    let user = rui.campo.conta().unwrap().unwrap().usuario;
    other.script(move |request| {
        (request.path == "/v1/sync").then(|| support::answer(user, tipos.clone(), 9))
    });
    rui.sync().unwrap();
    assert_eq!(rui.campo.clientes("cedo").unwrap()[0].id, id);
}

#[test]
fn ff04_what_is_written_while_a_request_is_in_flight_is_kept_and_sent_after_it() {
    let server = Server::start();
    let device = Arc::new(ana(&server));
    let id = device.cliente("Antes");
    let (writer, mut once) = (device.clone(), true);
    server.script(move |request| {
        if request.path == "/v1/sync" && std::mem::take(&mut once) {
            writer.campo.editar(id, "cidade", "Durante").unwrap();
        }
        None
    });
    let report = device.sync().unwrap();
    assert_eq!((report.accepted, report.pages), (2, 2));
    let registro = device.campo.show(id).unwrap().registro;
    assert_eq!(registro.valor("cidade").texto(), Some("Durante"));
}

#[test]
fn a_log_that_skipped_something_is_read_again_from_its_beginning() {
    let server = Server::start();
    let device = ana(&server);
    let id = device.cliente("Um");
    device.campo.editar(id, "cidade", "Natal").unwrap();
    device.campo.editar(id, "cidade", "Recife").unwrap();
    device.sync().unwrap();
    let sent = server.pushed().pop().unwrap().1.push;
    let changes: Vec<_> = sent.into_iter().map(|push| push.change).collect();
    let snapshot =
        |n| Entry::Snapshot { document: id, generation: 1, bytes: changes[..n].concat() };

    let other = Server::start();
    let user = other.person("rui@demo", &[Ver]);
    let rui = other.device("rui@demo");
    other.entry(snapshot(1));
    rui.sync().unwrap();
    other.entry(snapshot(3));
    let (change, mut once) = (changes[2].clone(), true);
    other.script(move |request| {
        let skips = request.path == "/v1/sync" && std::mem::take(&mut once);
        let entry = Entry::Change { seq: 9, document: id, generation: 1, bytes: change.clone() };
        skips.then(|| support::answer(user, vec![entry], 9))
    });
    rui.sync().unwrap();
    assert_eq!(rui.campo.search("recife").unwrap()[0].id, id);
}

#[test]
fn cancelling_stops_between_pages_and_keeps_everything() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Um");
    let report = device.campo.sync_now(&|_| {}, &AtomicBool::new(true)).unwrap();
    assert!(report.cancelled);
    assert_eq!(device.pendentes(), 1);
}
