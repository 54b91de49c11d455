//! Who sees a case, when not the case moved but what decides on its sight: a restriction, a group,
//! a permission (R85, R86). What a device is sent follows, whole and in an order that it can apply.

use crate::{
    harness::{AURORA, Site, a_device},
    page_client::Pages,
};
use automerge::Automerge;
use campo_domain::{
    command::{Command, Listados},
    ids::{DeviceId, DocumentId, NotaId, PedidoId, TenantId, UserId},
    kind::Kind,
    registro::Visibilidade,
    valor::Valor,
};
use campo_server::{api::sync, app::App, db::Db, office, reference};
use campo_sync::{
    document,
    wire::{Cursor, Entry, Limits, PROTOCOL, SyncRequest},
};
use sqlx::AssertSqlSafe;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;

/// Changes a person as the company's administration does.
async fn change(db: &Db, tenant: TenantId, user: UserId, set: &str) {
    let mut tx = db.tenant(tenant).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("UPDATE usuario SET {set} WHERE id = $1")))
        .bind(user.uuid())
        .execute(&mut *tx)
        .await
        .unwrap();
    reference::user_changed(&mut tx, tenant, user).await.unwrap();
    tx.commit().await.unwrap();
}

impl Site {
    fn change(&self, login: &str, set: &str) {
        self.rt.block_on(change(&self.office.db, self.tenant, self.id(login), set));
    }

    /// Carla lets only these people and groups see the case; everybody again for `None`.
    fn restrict(&self, case: DocumentId, to: Option<(&[&str], &[&str])>) {
        let para = to.map(|(logins, groups)| Listados {
            usuarios: logins.iter().map(|login| self.id(login)).collect(),
            grupos: groups.iter().map(|group| (*group).to_owned()).collect(),
        });
        self.run(case, Command::Restringir { para }).unwrap();
    }

    fn note(&self, document: DocumentId, texto: &str) {
        let id = NotaId::from(Uuid::now_v7());
        let (texto, visibilidade) = (texto.to_owned(), Visibilidade::Interna);
        let note = Command::Anotar { id, texto, visibilidade, resposta_a: None };
        self.run(document, note).unwrap();
    }

    fn assistencia(&self, alegada: &str) -> DocumentId {
        let nome = format!("Cliente de {alegada}");
        let cliente = self.open(Kind::Cliente, "p001.cliente", &[("nome", Valor::Texto(nome))]);
        let campos = [
            ("cliente", Valor::Id(cliente.uuid())),
            ("situacao_alegada", Valor::Texto(alegada.into())),
        ];
        self.open(Kind::Assistencia, "p001.assistencia", &campos)
    }

    fn ocorrencia(&self, assistencia: DocumentId, relato: &str) -> DocumentId {
        let campos = [
            ("assistencia", Valor::Id(assistencia.uuid())),
            ("tipo_ocorrencia", Valor::Texto("regulagem".into())),
            ("relato", Valor::Texto(relato.into())),
        ];
        self.open(Kind::Ocorrencia, "p001.ocorrencia", &campos)
    }

    fn participate(&self, document: DocumentId, login: &str, participa: bool) {
        let usuario = self.id(login);
        self.run(document, Command::Participar { usuario, participa }).unwrap();
    }
}

/// A device that takes every entry at its word: what it cannot apply fails the test.
struct Reader {
    login: &'static str,
    user: UserId,
    device: DeviceId,
    cursor: Cursor,
    epoch: u64,
    documents: BTreeMap<DocumentId, Automerge>,
    /// Collection and key of all reference data, in the order in which it came.
    references: Vec<(String, String)>,
}

impl Reader {
    fn new(site: &Site, login: &'static str) -> Self {
        let (user, device) = (site.id(login), a_device());
        let cursor = Cursor::default();
        let (documents, references) = (BTreeMap::new(), Vec::new());
        Reader { login, user, device, cursor, epoch: 0, documents, references }
    }

    /// One page of about so many bytes; whether another one waits.
    fn page(&mut self, site: &Site, bytes: u32) -> bool {
        let request = SyncRequest {
            protocol: PROTOCOL,
            device: self.device,
            epoch: self.epoch,
            cursor: self.cursor.clone(),
            push: vec![],
            limits: Limits { page_bytes_max: bytes, ..Limits::DEFAULT },
        };
        let answer = sync::exchange(&site.office, site.tenant, self.user, self.device, request);
        let page = site.rt.block_on(answer).unwrap();
        let size = |entry: &Entry| match entry {
            Entry::Change { bytes, .. } | Entry::Snapshot { bytes, .. } => bytes.len() + 64,
            Entry::Reference { data, .. } => data.len() + 64,
            _ => 0,
        };
        let all_but_last = page.entries.iter().rev().skip(1).map(size).sum::<usize>();
        assert!(all_but_last < bytes as usize, "a page of {all_but_last} bytes and more");
        assert!(self.epoch != page.epoch || self.cursor.seq <= page.cursor.seq, "back in the log");
        for entry in page.entries {
            self.apply(entry);
        }
        (self.cursor, self.epoch) = (page.cursor, page.epoch);
        page.more
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Snapshot { document, bytes, .. } => {
                let mut merged = document::load(&bytes).unwrap();
                if let Some(known) = self.documents.get_mut(&document) {
                    merged.merge(known).unwrap();
                }
                self.documents.insert(document, merged);
            }
            Entry::Change { document, bytes, .. } => {
                let known = self.documents.entry(document).or_default();
                let applied = document::append(known, &bytes);
                assert!(applied.is_ok(), "{}: a change before what it builds on", self.login);
            }
            Entry::Revoked { document, .. } => {
                self.documents.remove(&document);
            }
            Entry::Reference { collection, key, .. } => self.references.push((collection, key)),
            _ => {}
        }
    }

    /// Reads all there is, then holds exactly what its person may see.
    fn sync(&mut self, site: &Site) {
        while self.page(site, 3_000) {}
        self.holds_what_is_seen(site);
    }

    fn holds_what_is_seen(&self, site: &Site) {
        for id in site.documents() {
            let here = self.documents.get(&id).map(|known| document::read(known).unwrap());
            assert_eq!(here, site.seen_by(self.login, id), "{} {id}", self.login);
        }
    }

    fn holds(&self, document: DocumentId) -> bool {
        self.documents.contains_key(&document)
    }
}

const VER_TODAS: &str = "permissoes = '{ver,ver_todas}'";

#[test]
fn a_restricted_case_leaves_the_devices_of_who_is_not_listed_and_comes_back_whole() {
    let site = Site::new();
    site.change("bruno", VER_TODAS);
    let (ana, bruno) = (site.phone("ana"), site.phone("bruno"));
    let case = ana.assistencia("Porta caída", site.id("ana"));
    let ocorrencia = ana.ocorrencia(case, "Dobradiça solta");
    ana.sync();
    bruno.sync();
    assert!(bruno.campo.show(case).is_ok() && bruno.campo.show(ocorrencia).is_ok());

    // Neither seeing everything nor having created it helps; the client stays everybody's.
    site.restrict(case, Some((&["carla"], &["qualidade"])));
    let cliente = DocumentId::from(site.registro(case).referencia("cliente").unwrap());
    for (login, phone) in [("ana", &ana), ("bruno", &bruno)] {
        phone.sync();
        site.converged(login, phone);
        assert!(phone.campo.show(case).is_err() && phone.campo.show(ocorrencia).is_err());
        assert!(phone.campo.show(cliente).is_ok());
    }
    assert!(site.seen_by("carla", case).is_some());

    // Much happens meanwhile, in documents old and new.
    site.edit(case, "endereco", Valor::Texto("Rua Dois".into()));
    site.note(ocorrencia, "Só entre nós.");
    let hidden = site.ocorrencia(case, "Defeito de projeto");
    ana.sync();
    bruno.sync();
    assert!(bruno.campo.show(hidden).is_err());

    site.restrict(case, None);
    site.note(case, "Pode ser vista.");
    for (login, phone) in [("ana", &ana), ("bruno", &bruno)] {
        phone.sync();
        site.converged(login, phone);
        assert_eq!(phone.registro(case).notas.len(), 1);
        assert!(phone.campo.show(hidden).is_ok());
    }
    bruno.campo.anotar(hidden, "Visto.").unwrap();
    bruno.sync();
    ana.sync();
    site.converged("ana", &ana);
    assert_eq!(ana.registro(hidden).notas.len(), 1);
}

#[test]
fn a_group_opens_a_restricted_case_to_its_people_for_as_long_as_they_are_in_it() {
    let site = Site::new();
    site.change("bruno", VER_TODAS);
    let case = site.assistencia("Vazamento");
    site.participate(case, "ana", true);
    let (mut ana, mut bruno) = (Reader::new(&site, "ana"), Reader::new(&site, "bruno"));
    ana.sync(&site);
    bruno.sync(&site);
    assert!(ana.holds(case) && bruno.holds(case));
    site.restrict(case, Some((&[], &["qualidade", "diretoria"])));
    ana.sync(&site);
    bruno.sync(&site);
    assert!(!ana.holds(case) && !bruno.holds(case));
    for round in 0..3 {
        site.note(case, &format!("Antes {round}"));
        site.change("bruno", "grupos = '{qualidade,campo}'");
        site.note(case, &format!("Depois {round}"));
        site.change("ana", "grupos = '{diretoria}'");
        // One of them looks each time, the other only now and then.
        bruno.sync(&site);
        if round == 2 {
            ana.sync(&site);
            assert!(ana.holds(case));
        }
        assert!(bruno.holds(case));
        site.note(case, &format!("Com {round}"));
        site.change("bruno", "grupos = '{campo}'");
        site.change("ana", "grupos = '{}'");
        bruno.sync(&site);
        assert!(!bruno.holds(case));
    }
    ana.sync(&site);
    assert!(!ana.holds(case));
    // The list changes instead of the people.
    site.restrict(case, Some((&["ana"], &["campo"])));
    ana.sync(&site);
    bruno.sync(&site);
    assert!(ana.holds(case) && bruno.holds(case));
}

#[test]
fn permissions_move_the_horizon_and_a_restriction_stays_in_it() {
    let site = Site::new();
    let (open, closed, own) =
        (site.assistencia("Porta"), site.assistencia("Gaveta"), site.assistencia("Mesa"));
    site.participate(own, "bruno", true);
    site.participate(closed, "bruno", true);
    site.restrict(closed, Some((&["carla"], &[])));
    let mut bruno = Reader::new(&site, "bruno");
    let seen = |bruno: &Reader| [open, closed, own].map(|case| bruno.holds(case));
    for (set, expected) in [
        ("ativo = true", [false, false, true]),
        (VER_TODAS, [true, false, true]),
        ("permissoes = '{ver,ver_todas,administrar}'", [true, true, true]),
        ("permissoes = '{ver,administrar}'", [false, true, true]),
        ("permissoes = '{ver}'", [false, false, true]),
        ("ativo = false", [false, false, false]),
        ("ativo = true, permissoes = '{ver,ver_todas}'", [true, false, true]),
        ("permissoes = '{}'", [false, false, false]),
        ("permissoes = '{ver,ver_todas}', grupos = '{x}'", [true, false, true]),
    ] {
        site.change("bruno", set);
        for case in [open, closed, own] {
            site.note(case, set);
        }
        bruno.sync(&site);
        assert_eq!(seen(&bruno), expected, "{set}");
    }
    // Those who looked at none of it in between end up the same.
    Reader::new(&site, "bruno").sync(&site);
    let list = Pages::enter(&site, AURORA, "bruno").page("/assistencias");
    assert!(list.contains("Porta") && list.contains("Mesa") && !list.contains("Gaveta"));
    site.restrict(closed, None);
    site.restrict(open, Some((&["carla"], &[])));
    bruno.sync(&site);
    assert_eq!(seen(&bruno), [false, true, true]);
    let list = Pages::enter(&site, AURORA, "bruno").page("/assistencias");
    assert!(!list.contains("Porta") && list.contains("Gaveta"));
}

#[test]
fn a_case_that_comes_back_by_one_right_does_not_bring_what_was_hidden_by_another() {
    let site = Site::new();
    site.change("bruno", VER_TODAS);
    let case = site.assistencia("Rachadura");
    site.participate(case, "bruno", true);
    let mut bruno = Reader::new(&site, "bruno");
    bruno.sync(&site);
    site.restrict(case, Some((&["carla"], &[])));
    bruno.sync(&site);
    site.note(case, "Escondida.");
    site.restrict(case, None);
    // Still seen, as one who sees everything: the devices hold it since it was freed, not for ever.
    site.participate(case, "bruno", false);
    bruno.sync(&site);
    assert!(bruno.holds(case));
}

#[test]
fn a_first_sync_that_is_interrupted_ends_with_what_is_seen_at_its_end() {
    let site = Site::new();
    site.change("bruno", VER_TODAS);
    let cases: Vec<DocumentId> =
        (0..12).map(|n| site.assistencia(&format!("Chamado {n}"))).collect();
    site.restrict(cases[0], Some((&["carla"], &[])));
    site.restrict(cases[11], Some((&["carla"], &[])));
    let mut bruno = Reader::new(&site, "bruno");
    let mut pages = 0;
    while bruno.page(&site, 1_500) {
        if bruno.documents.is_empty() {
            continue;
        }
        match pages {
            2 => site.restrict(cases[6], Some((&["carla"], &[]))),
            3 => site.restrict(cases[11], None),
            4 => site.restrict(cases[10], Some((&["carla"], &["x"]))),
            5 => site.note(cases[6], "Escondida."),
            6 => site.restrict(cases[6], None),
            7 => site.restrict(cases[0], None),
            8 => site.change("bruno", "grupos = '{x}'"),
            _ => site.note(cases[pages % 12], "Mais uma."),
        }
        pages += 1;
        assert!(pages < 200, "it does not end");
    }
    assert!(pages > 8, "{pages} pages");
    bruno.sync(&site);
    let held: BTreeSet<bool> = cases.iter().map(|case| bruno.holds(*case)).collect();
    assert_eq!(held, BTreeSet::from([true]));
}

#[test]
fn reference_data_comes_a_page_at_a_time_and_only_once() {
    let site = Site::new();
    let case = site.assistencia("Porta caída");
    let entries = |from: usize, to: usize| -> Vec<_> {
        (from..to).map(|n| (format!("nf/{n}"), true, serde_json::json!({ "nome": "NF" }))).collect()
    };
    let put = |entries| {
        site.rt.block_on(async {
            let mut tx = site.office.db.tenant(site.tenant).await.unwrap();
            reference::lock(&mut tx, site.tenant).await.unwrap();
            reference::put(&mut tx, site.tenant, "origem", entries).await.unwrap();
            tx.commit().await.unwrap();
        });
    };
    put(entries(0, 1_500));
    let mut bruno = Reader::new(&site, "bruno");
    let mut pages = 0;
    // Something new on every page does not keep the first sync from its end.
    while bruno.page(&site, 20_000) {
        pages += 1;
        if pages < 4 {
            put(entries(2_000 + pages, 2_001 + pages));
        }
        assert!(pages < 40, "it does not end");
    }
    bruno.holds_what_is_seen(&site);
    let (came, all) = (bruno.references.len(), BTreeSet::from_iter(bruno.references.clone()));
    assert_eq!(came, all.len(), "something came twice");
    let notas = bruno.references.iter().filter(|(collection, _)| collection == "origem").count();
    assert_eq!(notas, 1_503);
    // What the rest is read with comes before it.
    let of = |name: &str| bruno.references.iter().rposition(|(collection, _)| collection == name);
    let first = bruno.references.iter().position(|(collection, _)| collection == "origem");
    assert!(["eu", "tipo", "usuario"].into_iter().all(|name| of(name) < first));

    // Who sees farther starts over with the documents alone.
    bruno.references.clear();
    site.change("bruno", VER_TODAS);
    bruno.sync(&site);
    assert!(bruno.holds(case));
    let again: BTreeSet<&str> = bruno.references.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(again, BTreeSet::from(["eu", "usuario"]));
}

#[test]
fn a_large_case_that_comes_into_sight_comes_a_document_at_a_time() {
    let site = Site::new();
    let case = site.assistencia("Porta caída");
    for n in 0..8 {
        site.ocorrencia(case, &format!("Dobradiça {n}"));
    }
    let mut bruno = Reader::new(&site, "bruno");
    bruno.sync(&site);
    site.participate(case, "bruno", true);
    site.note(case, "Bruno chegou.");
    let before = bruno.documents.len();
    let mut pages = 0;
    while bruno.page(&site, 1) {
        pages += 1;
        match pages {
            2 => site.note(case, "Durante."),
            4 => {
                site.participate(case, "bruno", false);
                site.note(case, "Escondida.");
                site.participate(case, "bruno", true);
            }
            _ => {}
        }
        assert!(pages < 60, "it does not end");
    }
    bruno.holds_what_is_seen(&site);
    assert_eq!(bruno.documents.len(), before + 9);
    assert!(pages > 9, "{pages} pages");
}

#[test]
fn work_on_a_case_that_was_restricted_meanwhile_is_held_and_kept() {
    let site = Site::new();
    let ana = site.phone("ana");
    let case = ana.assistencia("Gaveta presa", site.id("ana"));
    ana.sync();
    ana.campo.anotar(case, "Trocada a corrediça.").unwrap();
    site.restrict(case, Some((&["carla"], &[])));
    ana.sync();
    assert_eq!(ana.counts(), (0, 1, 0));
    assert!(site.registro(case).notas.is_empty());
    site.decide(&site.held(case)[0], true, None).unwrap();
    assert_eq!(site.registro(case).notas.len(), 1);
    ana.sync();
    site.converged("ana", &ana);
    assert!(ana.campo.show(case).is_err());
}

#[test]
fn only_who_answers_for_a_case_restricts_it_and_only_as_a_whole() {
    let site = Site::new();
    let case = site.assistencia("Porta");
    let ocorrencia = site.ocorrencia(case, "Dobradiça");
    site.participate(case, "ana", true);
    let para = Some(Listados { usuarios: [site.id("ana")].into(), ..Listados::default() });
    let as_ana = |document, command| {
        let ana = site.pessoa("ana");
        site.rt.block_on(office::run(&site.office, site.tenant, ana, document, command))
    };
    assert!(as_ana(case, Command::Restringir { para: para.clone() }).is_err());
    assert!(site.run(ocorrencia, Command::Restringir { para: para.clone() }).is_err());
    let nobody = Some(Listados::default());
    assert!(site.run(case, Command::Restringir { para: nobody }).is_err());
    site.run(case, Command::Restringir { para }).unwrap();
    assert!(site.seen_by("ana", ocorrencia).is_some());
    assert!(site.seen_by("bruno", case).is_none());
}

/// As the office does it in a process of its own.
async fn restrict(app: &App, site: &Site, case: DocumentId, groups: Option<&str>) {
    let para = groups
        .map(|group| Listados { usuarios: BTreeSet::new(), grupos: [group.to_owned()].into() });
    let carla = site.pessoa("carla");
    office::run(app, site.tenant, carla, case, Command::Restringir { para }).await.unwrap();
}

#[test]
fn a_restriction_and_a_group_that_change_at_once_leave_no_device_wrong() {
    let site = Arc::new(Site::new());
    site.change("bruno", VER_TODAS);
    let case = site.assistencia("Disputada");
    site.participate(case, "ana", true);
    let processes = [site.process(), site.process()];
    let mut readers = [Reader::new(&site, "ana"), Reader::new(&site, "bruno")];
    let groups = |round: usize, person: usize| match (round + person) % 3 {
        0 => "grupos = '{a}'",
        1 => "grupos = '{b}'",
        _ => "grupos = '{}'",
    };
    for round in 0..12 {
        let to = [Some("a"), Some("b"), None][round % 3];
        site.rt.block_on(async {
            let (db, tenant) = (&processes[1].db, site.tenant);
            tokio::join!(
                restrict(&processes[0], &site, case, to),
                change(db, tenant, site.id("bruno"), groups(round, 0)),
                change(db, tenant, site.id("ana"), groups(round, 1)),
                async {
                    let pedido = PedidoId::from(Uuid::now_v7());
                    let verbo = if round % 2 == 0 { "iniciar" } else { "aguardar_peca" };
                    let command = Command::Transicionar {
                        pedido,
                        verbo: verbo.into(),
                        motivo: None,
                        email: false,
                    };
                    let carla = site.pessoa("carla");
                    // Refused or done: it moves the case all the same.
                    let _ = office::run(&processes[1], tenant, carla, case, command).await;
                },
            )
        });
        for reader in &mut readers {
            reader.sync(&site);
        }
    }
    site.rt.block_on(async {
        for app in processes {
            app.db.close().await;
        }
    });
}
