//! What goes wrong in the field, each with the server and the device as they are: accepted means
//! merged, refused means kept, and a queue belongs to who wrote it.

use crate::{
    harness::{AURORA, Fate, Site, textos},
    page_client::Pages,
};
use campo_domain::{command::Command, ids::DocumentId, kind::Kind, tipo::TipoRef, valor::Valor};
use campo_mobile_core::{Error, Filtro, SessionState, SyncState};
use campo_server::reference;
use chrono::Utc;
use std::sync::atomic::AtomicBool;
use uuid::Uuid;

#[test]
fn ff01_an_answer_that_is_lost_after_the_commit_leaves_one_record() {
    let site = Site::new();
    let ana = site.phone("ana");
    let id = ana.assistencia("Porta caída", site.id("ana"));
    site.road.once("/v1/sync", Fate::Cut);
    assert!(matches!(ana.try_sync(), Err(Error::SemConexao(_))));
    assert!(site.documents().is_empty());
    site.road.once("/v1/sync", Fate::Lose);
    assert!(matches!(ana.try_sync(), Err(Error::SemConexao(_))));
    assert_eq!(ana.counts(), (2, 0, 0));
    let numero = site.registro(id).numero.unwrap();
    assert_eq!(ana.sync().accepted, 2);
    assert_eq!(ana.counts(), (0, 0, 0));
    assert_eq!(site.registro(id).numero.unwrap(), numero);
    assert_eq!(site.count("SELECT count(*) FROM assistencias"), 1);
    site.converged("ana", &ana);
}

#[test]
fn ff02_the_same_push_sent_twice_at_the_same_time_is_one_record() {
    let site = Site::new();
    let ana = site.phone("ana");
    let id = ana.assistencia("Porta caída", site.id("ana"));
    ana.campo.anotar(id, "Uma vez só.").unwrap();
    let twin = ana.copied();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| twin.sync().accepted);
        assert_eq!((ana.sync().accepted, other.join().unwrap()), (3, 3));
    });
    assert_eq!(site.registro(id).notas.len(), 1);
    assert_eq!(site.count("SELECT count(*) FROM assistencias"), 1);
    assert_eq!(site.count("SELECT ultimo FROM numeracao"), 1);
    site.converged("ana", &ana);
    site.converged("ana", &twin);
}

#[test]
fn ff04_a_record_edited_while_it_is_sent_arrives_in_both_states_in_order() {
    let site = Site::new();
    let ana = site.phone("ana");
    let id = ana.assistencia("Porta caída", site.id("ana"));
    ana.campo.editar(id, "contrato", "antes").unwrap();
    let campo = ana.campo.clone();
    let edit = move || campo.editar(id, "contrato", "durante").unwrap();
    site.road.once("/v1/sync", Fate::Meanwhile(Box::new(edit)));
    let report = ana.sync();
    assert_eq!((report.accepted, report.pending), (4, 0));
    assert_eq!(site.registro(id).valor("contrato"), &Valor::Texto("durante".into()));
    let order = site.count(
        "SELECT count(*) FROM acompanhamentos a JOIN acompanhamentos b USING (tenant, document) \
         WHERE a.para = 'antes' AND b.de = 'antes' AND b.para = 'durante' AND a.seq < b.seq",
    );
    assert_eq!(order, 1);
    site.converged("ana", &ana);
}

#[test]
fn ff10_accepted_means_merged_and_what_fails_to_merge_is_not_accepted() {
    let site = Site::new();
    let ana = site.phone("ana");
    let id = ana.assistencia("Porta caída", site.id("ana"));
    site.sql(
        "CREATE FUNCTION falha() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'disco cheio'; END $$; \
         ",
    );
    site.sql("CREATE TRIGGER falha BEFORE INSERT ON acompanhamentos EXECUTE FUNCTION falha()");
    assert!(matches!(ana.try_sync(), Err(Error::SemConexao(_))));
    assert_eq!(ana.counts(), (2, 0, 0));
    assert_eq!(site.count("SELECT count(*) FROM document"), 0);
    assert_eq!(ana.registro(id).titulo(), "Porta caída");
    site.sql("DROP TRIGGER falha ON acompanhamentos");
    assert_eq!(ana.sync().accepted, 2);
    assert!(site.registro(id).numero.is_some());
    ana.sync();
    assert_eq!(ana.campo.assistencias(&Filtro::default()).unwrap().linhas.len(), 1);
    site.converged("ana", &ana);
}

#[test]
fn ff23_a_refusal_and_a_401_keep_the_work_and_show_it() {
    let site = Site::new();
    let (ana, bruno) = (site.phone("ana"), site.phone("bruno"));
    let id = ana.assistencia("Porta caída", site.id("ana"));
    ana.campo.participar(id, site.id("bruno"), true).unwrap();
    ana.sync();
    bruno.sync();
    // One id on two devices, as after a restored copy.
    let twice = DocumentId::from(Uuid::now_v7());
    let open = |alegada: &str| Command::Criar {
        id: twice,
        kind: Kind::Assistencia,
        tipo: TipoRef { codigo: "p001.assistencia".into(), versao: 1 },
        campos: [
            ("cliente".to_owned(), site.registro(id).valor("cliente").clone()),
            ("situacao_alegada".to_owned(), Valor::Texto(alegada.into())),
            ("responsavel".to_owned(), Valor::Id(site.id("bruno").uuid())),
        ]
        .into(),
        itens: Vec::new(),
    };
    ana.campo.run(None, open("Gaveta torta")).unwrap();
    bruno.campo.run(None, open("Tampo lascado")).unwrap();
    bruno.campo.anotar(id, "Continua valendo.").unwrap();
    ana.sync();
    let report = bruno.sync();
    assert_eq!((report.accepted, report.refused, report.pending), (1, 1, 0));
    let refused = &bruno.pending().recusadas[0];
    assert_eq!(&*refused.codigo, "id_em_uso");
    assert!(refused.conteudo.iter().any(|said| said.valor == "Tampo lascado"));
    assert_eq!(bruno.campo.sync_state(twice).unwrap(), SyncState::Refused { n: 1 });
    assert_eq!(site.registro(id).notas.len(), 1);

    bruno.campo.anotar(id, "Escrita antes do 401.").unwrap();
    site.sql("UPDATE device_session SET revogado_em = now()");
    assert!(matches!(bruno.try_sync(), Err(Error::SessaoExpirada)));
    bruno.campo.anotar(id, "Escrita depois do 401.").unwrap();
    assert!(matches!(bruno.campo.session_state().unwrap(), SessionState::Expired { .. }));
    assert_eq!(bruno.counts(), (2, 0, 1));
    bruno.enter(&site, "bruno");
    assert_eq!(bruno.sync().accepted, 2);
    assert_eq!(bruno.counts(), (0, 0, 1));
    assert_eq!(site.registro(id).notas.len(), 3);
    bruno.campo.dismiss(bruno.pending().recusadas[0].id).unwrap();
    assert_eq!(bruno.counts(), (0, 0, 0));
}

#[test]
fn ff24_a_refresh_whose_answer_is_lost_does_not_sign_the_person_out() {
    let site = Site::new();
    let ana = site.phone("ana");
    ana.cliente("Padaria");
    for _ in 0..2 {
        site.sql("UPDATE device_session SET access_expira_em = now() - interval '1 s'");
        site.road.once("/v1/auth/refresh", Fate::Lose);
        assert!(matches!(ana.try_sync(), Err(Error::SemConexao(_))));
        assert_eq!(ana.campo.session_state().unwrap(), SessionState::Active);
        assert!(ana.sync().pending == 0);
    }
    assert_eq!(site.count("SELECT count(*) FROM clientes"), 1);
    assert_eq!(site.count("SELECT count(*) FROM device_session WHERE revogado_em IS NOT NULL"), 0);
}

#[test]
fn ff26_a_second_person_on_the_phone_neither_sees_nor_sends_the_first_ones_work() {
    let site = Site::new();
    let phone = site.phone("ana");
    let anas = phone.assistencia("Da Ana", site.id("ana"));
    phone.campo.sign_out().unwrap();
    phone.enter(&site, "bruno");
    assert_eq!(phone.counts(), (0, 0, 0));
    assert!(phone.campo.show(anas).is_err());
    phone.sync();
    let brunos = phone.assistencia("Do Bruno", site.id("bruno"));
    phone.sync();
    assert!(site.seen_by("carla", anas).is_none());
    assert_eq!(site.registro(brunos).criacao.por, site.id("bruno"));
    phone.enter(&site, "ana");
    assert_eq!(phone.counts(), (2, 0, 0));
    assert_eq!(phone.sync().accepted, 2);
    assert_eq!(site.registro(anas).criacao.por, site.id("ana"));
    assert!(phone.campo.show(brunos).is_err());
    site.converged("ana", &phone);
}

#[test]
fn ff28_the_report_of_a_technician_who_was_replaced_is_held_shown_and_can_be_merged() {
    let site = Site::new();
    let (ana, bruno) = (site.phone("ana"), site.phone("bruno"));
    let id = bruno.assistencia("Porta caída", site.id("ana"));
    bruno.sync();
    ana.sync();
    ana.campo.editar(id, "observacoes", "Troquei a dobradiça.").unwrap();
    ana.campo.anotar(id, "Cliente assinou.").unwrap();
    let found = ana.ocorrencia(id, "Parede úmida");
    site.edit(id, "responsavel", Valor::Id(site.id("bruno").uuid()));

    let report = ana.sync();
    assert_eq!((report.accepted, report.held, report.refused), (0, 3, 0));
    assert_eq!(ana.counts(), (0, 3, 0));
    assert_eq!(ana.campo.sync_state(id).unwrap(), SyncState::OutOfSight);
    let shown: Vec<_> = ana.pending().retidas;
    assert!(shown.iter().any(|held| held.conteudo[0].valor == "Troquei a dobradiça."));
    assert!(ana.campo.show(id).is_err() && site.registro(id).notas.is_empty());

    let held = &site.held(id)[0];
    assert_eq!((held.author, &*held.reason_code), (site.id("ana"), "fora_de_alcance"));
    site.decide(held, true, None).unwrap();
    let registro = site.registro(id);
    assert_eq!(registro.notas[0].autoria.por, site.id("ana"));
    site.decide(&site.held(found)[0], true, None).unwrap();
    assert_eq!(site.registro(found).criacao.por, site.id("ana"));
    assert_eq!(ana.sync().decided, 2);
    assert_eq!(ana.counts(), (0, 0, 0));
    bruno.sync();
    site.converged("bruno", &bruno);
    site.converged("ana", &ana);
}

#[test]
fn ff29_unsent_work_of_a_person_who_lost_access_moves_to_the_holding_area() {
    let site = Site::new();
    let ana = site.phone("ana");
    let id = ana.assistencia("Porta caída", site.id("ana"));
    ana.sync();
    ana.campo.anotar(id, "Escrita sem sinal.").unwrap();
    let nova = ana.assistencia("Mesa bamba", site.id("ana"));
    site.rt.block_on(async {
        let mut tx = site.office.db.tenant(site.tenant).await.unwrap();
        sqlx::query("UPDATE usuario SET permissoes = '{}' WHERE id = $1")
            .bind(site.id("ana").uuid())
            .execute(&mut *tx)
            .await
            .unwrap();
        reference::user_changed(&mut tx, site.tenant, site.id("ana")).await.unwrap();
        tx.commit().await.unwrap();
    });
    let report = ana.sync();
    assert_eq!((report.accepted, report.refused, report.pending), (0, 0, 0));
    assert_eq!(ana.counts(), (0, 3, 0));
    assert_eq!(site.held(id)[0].writes[0].proposed.as_deref(), Some("Escrita sem sinal."));
    let carla = Pages::enter(&site, AURORA, "carla");
    assert!(carla.page("/retidas").contains("Ana Ribeiro"));
    let held = &site.held(nova)[0];
    // The cliente that it names is held as well: the office decides on both.
    let cliente = held_cliente(&site);
    site.decide(&cliente, true, None).unwrap();
    site.decide(held, true, None).unwrap();
    assert_eq!(site.registro(nova).titulo(), "Mesa bamba");
}

fn held_cliente(site: &Site) -> campo_server::office::HeldView {
    let id = site.rt.block_on(async {
        sqlx::query_scalar::<_, uuid::Uuid>("SELECT document FROM held WHERE kind = 'cliente'")
            .fetch_one(site.office.db.owner())
            .await
            .unwrap()
    });
    site.held(id.into()).remove(0)
}

#[test]
fn ff30_a_person_without_the_right_is_told_at_the_first_tap() {
    let site = Site::new();
    let nair = site.phone("nair");
    let told = nair.campo.novo(Kind::Cliente, None, &textos(&[("nome", "Padaria")]), &[]);
    let Err(Error::Recusa(refusal)) = told else { panic!("{told:?}") };
    assert_eq!(refusal.codigo.codigo(), "sem_permissao");
    assert_eq!(nair.counts(), (0, 0, 0));

    let ana = site.phone("ana");
    let id = ana.assistencia("Porta caída", site.id("ana"));
    let told = ana.campo.transicionar(id, "cancelar", Some("Desistiu"));
    assert!(matches!(told, Err(Error::Recusa(_))), "{told:?}");
    let responsavel = site.id("bruno").to_string();
    let told = ana.campo.editar(id, "responsavel", &responsavel);
    assert!(matches!(told, Err(Error::Recusa(_))), "{told:?}");
    let detalhe = ana.campo.show(id).unwrap();
    assert!(detalhe.verbos.iter().all(|oferta| oferta.verbo != "cancelar"));
    assert_eq!(ana.counts(), (2, 0, 0));
}

#[test]
fn ff41_the_next_try_is_visible_and_happens() {
    let mut site = Site::new();
    let ana = site.phone("ana");
    ana.cliente("Padaria");
    site.stop();
    let before = Utc::now();
    assert!(ana.try_sync().is_err());
    let next = ana.pending().proxima_tentativa.unwrap();
    assert!(next > before && ana.pending().ultimo_erro.is_some());
    let due = |now| ana.campo.sync_if_due(now, &|_| {}, &AtomicBool::new(false));
    assert!(due(before).unwrap().is_none());
    site.start();
    assert_eq!(due(next).unwrap().unwrap().accepted, 1);
    let estado = ana.campo.status().unwrap();
    assert_eq!((estado.next_try_at, estado.failures, estado.pending), (None, 0, 0));
}

#[test]
fn an_approval_that_can_no_longer_be_merged_changes_nothing() {
    let site = Site::new();
    let (ana, bruno) = (site.phone("ana"), site.phone("bruno"));
    let id = bruno.assistencia("Porta caída", site.id("ana"));
    bruno.sync();
    ana.sync();
    ana.campo.editar(id, "contrato", "C-1").unwrap();
    ana.campo.editar(id, "endereco", "Rua Um").unwrap();
    site.edit(id, "responsavel", Valor::Id(site.id("bruno").uuid()));
    assert_eq!(ana.sync().held, 2);
    // The second change of the branch is damaged: it can never be merged.
    site.sql(
        "UPDATE held_change SET bytes = '\\x00' WHERE ordem = (SELECT max(ordem) FROM held_change)",
    );
    let held = &site.held(id)[0];
    assert!(site.decide(held, true, None).is_err());
    assert!(site.registro(id).valor("contrato").vazio(), "half of the branch was merged");
    assert_eq!(site.held(id)[0].status, "aguardando");
    site.decide(held, false, None).unwrap();
}

#[test]
fn whoever_lost_a_case_does_not_get_it_back_by_adding_to_it() {
    let site = Site::new();
    let (ana, bruno) = (site.phone("ana"), site.phone("bruno"));
    let id = bruno.assistencia("Porta caída", site.id("ana"));
    bruno.sync();
    ana.sync();
    site.edit(id, "responsavel", Valor::Id(site.id("bruno").uuid()));
    ana.sync();
    assert!(ana.campo.show(id).is_err());
    // With nothing but the id, which one who lost it still knows.
    let pai = id.to_string();
    let campos = [("assistencia", &*pai), ("tipo_ocorrencia", "regulagem")];
    ana.campo.novo(Kind::Ocorrencia, None, &textos(&campos), &[]).unwrap();
    ana.sync();
    ana.sync();
    let (pendentes, retidas, recusadas) = ana.counts();
    assert_eq!((pendentes, retidas + recusadas), (0, 1), "the work itself is kept and shown");
    assert!(site.seen_by("ana", id).is_none(), "adding to a case gave sight of it");
    assert!(ana.campo.show(id).is_err());
}

#[test]
fn the_office_does_the_whole_of_p000_on_its_pages() {
    let site = Site::new();
    let ana = site.phone("ana");
    let campos = [
        ("escopo", "produto"),
        ("produto", "Mesa"),
        ("tipo_ocorrencia", "avaria"),
        ("relato", "Veio riscado"),
        ("contato_nome", "Rui"),
        ("contato_telefone", "11 99999-0000"),
    ];
    let tipo = Some("p000.ocorrencia");
    let id = ana.campo.novo(Kind::Ocorrencia, tipo, &textos(&campos), &[]).unwrap();
    ana.sync();
    let carla = Pages::enter(&site, AURORA, "carla");
    let path = format!("/registros/ocorrencia/{id}");
    let ask = |verbo: &str, texto: &str| {
        carla.send(&format!("{path}/transicao"), &[("verbo", verbo), ("texto", texto)]).status
    };
    assert_eq!(ask("concluir", ""), 422);
    assert_eq!(ask("colocar_em_analise", ""), 303);
    assert_eq!(ask("concluir", ""), 422);
    let laudo = [("procedente", "sim"), ("texto", "Risco de fábrica."), ("verbo", "emitir_laudo")];
    assert_eq!(carla.send(&format!("{path}/transicao"), &laudo).status, 303);
    assert_eq!(ask("concluir", ""), 303);
    assert_eq!(site.registro(id).situacao.as_deref(), Some("concluida"));
    assert!(carla.page(&path).contains("Risco de fábrica."));
    ana.sync();
    assert_eq!(ana.campo.show(id).unwrap().linha.situacao_nome, "Concluída");
    site.converged("ana", &ana);
    assert!(ana.campo.anotar(id, "Tarde demais.").is_err());
}
