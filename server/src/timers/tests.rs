//! The wait for a client on a real PostgreSQL, with a clock of the tests' own.

use super::*;
use crate::{
    auth::accounts::{self, NewCompany, NewUser},
    ledger, rebuild,
    testing::{self, TestDb},
};
use campo_domain::{
    command::Command,
    ids::{DeviceId, HeldId, UserId},
    kind::Kind,
    pessoa::Permissao,
    registro::{Registro, Visibilidade},
    valor::Valor,
};
use campo_sync::{
    document::{self, Actor},
    edit,
    exchange::Loaded,
    wire::{Outcome, Push},
};
use chrono::TimeDelta;

/// A company of P002 with one record that waits for its client since day 0.
struct Office {
    test: TestDb,
    tenant: TenantId,
    carla: UserId,
    record: DocumentId,
}

/// An instant so many days after the wait began.
fn day(days: i64) -> DateTime<Utc> {
    let begin = DateTime::from_timestamp(1_793_000_000, 0).unwrap();
    begin + TimeDelta::days(days)
}

impl Office {
    async fn waiting() -> Self {
        let test = testing::database().await.unwrap();
        let preset = Some("P002");
        let new = NewCompany { nome: "Suporte", slug: "suporte", fuso: "America/Belem", preset };
        let tenant = accounts::create_company(&test.db, new).await.unwrap();
        let permissoes = Permissao::TODAS.into_iter().filter(|p| *p != Permissao::Portal).collect();
        let (login, senha) = ("carla", "segredo de teste");
        let new = NewUser { login, nome: "Carla", senha, permissoes };
        let carla = accounts::create_user(&test.db, tenant, new).await.unwrap();
        let mut office = Office { test, tenant, carla, record: DocumentId::NIL };
        let campos = [("nome", Valor::Texto("Padaria Sol".into()))];
        let cliente = office.create(Kind::Cliente, &campos).await;
        let campos = [
            ("relato", Valor::Texto("O relatório não abre.".into())),
            ("categoria", Valor::Texto("problema".into())),
            ("cliente", Valor::Id(cliente.uuid())),
        ];
        office.record = office.create(Kind::Ocorrencia, &campos).await;
        office.ask("iniciar", 0).await;
        office.ask("solicitar_informacao", 0).await;
        assert_eq!(office.situacao().await, "aguardando_cliente");
        office
    }

    async fn office(&self, at: DateTime<Utc>, document: DocumentId, command: Command) {
        let work =
            Work::Office { user: self.carla, commands: vec![(document, command)], only_if: None };
        let answers = commit::run(&self.test.db, self.tenant, vec![work], at).await.unwrap();
        assert!(matches!(&answers[..], [Answer::Office(Ok(()))]), "{answers:?}");
    }

    async fn create(&self, kind: Kind, campos: &[(&str, Valor)]) -> DocumentId {
        let id = DocumentId::from(Uuid::now_v7());
        let mut tx = self.test.db.snapshot(self.tenant).await.unwrap();
        let tipos = ledger::tipos(&mut tx, self.tenant).await.unwrap();
        let tipo = tipos.do_kind(kind).next().unwrap().referencia();
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let command = Command::Criar { id, kind, tipo, campos, itens: vec![] };
        self.office(day(0), id, command).await;
        id
    }

    async fn ask(&self, verbo: &str, on: i64) {
        let (pedido, motivo) = (Uuid::now_v7().into(), Some("Precisamos do arquivo.".into()));
        let verbo = verbo.to_owned();
        let command = Command::Transicionar { pedido, verbo, motivo, email: false };
        self.office(day(on), self.record, command).await;
    }

    async fn loaded(&self) -> Loaded {
        let mut tx = self.test.db.snapshot(self.tenant).await.unwrap();
        let tipos = ledger::tipos(&mut tx, self.tenant).await.unwrap();
        let ids = [self.record.uuid()];
        let mut stored = ledger::chunks(&mut tx, self.tenant, &ids).await.unwrap();
        let (generation, chunks) = stored.remove(&self.record).unwrap();
        Loaded::read(&chunks, generation, &tipos).unwrap()
    }

    async fn registro(&self) -> Registro {
        self.loaded().await.merged.registro
    }

    async fn situacao(&self) -> String {
        let loaded = self.loaded().await.merged;
        loaded.registro.situacao(&loaded.tipo).unwrap().codigo.clone()
    }

    /// The change of a device that knows the record as it was `then`, written on that day.
    fn note(&self, then: &Loaded, on: i64) -> Push {
        let mut doc = then.merged.document.clone();
        let device = DeviceId::from(Uuid::now_v7());
        let actor = Actor { user: self.carla, device, nonce: 7 };
        let command = Command::Anotar {
            id: Uuid::now_v7().into(),
            texto: "O cliente mandou o arquivo.".into(),
            visibilidade: Visibilidade::Interna,
            resposta_a: None,
        };
        let change =
            edit::apply(&mut doc, actor, &command, &then.merged.tipo, None, day(on)).unwrap();
        let change = change.unwrap().raw_bytes().to_vec();
        Push { document: self.record, generation: 1, change, seen: 0 }
    }

    async fn push(&self, push: Push, on: i64) -> Outcome {
        let change = automerge::Change::try_from(&push.change[..]).unwrap();
        let device = Actor::parse(change.actor_id()).unwrap().device;
        let work = Work::Push { user: self.carla, device, pushes: vec![push] };
        let answers = commit::run(&self.test.db, self.tenant, vec![work], day(on)).await.unwrap();
        let [Answer::Verdicts(verdicts)] = &answers[..] else { panic!("{answers:?}") };
        verdicts[0].outcome.clone()
    }

    async fn tick(&self, on: i64) -> u64 {
        tick(&self.test.db, day(on)).await.unwrap()
    }
}

#[tokio::test]
async fn ten_days_without_movement_end_the_wait_once_though_several_servers_look() {
    let office = Office::waiting().await;
    assert_eq!(office.tick(9).await, 0);
    let beside = Db::open(&office.test.url, 3).await.unwrap();
    let again = Db::open(&office.test.url, 3).await.unwrap();
    let (a, b, c) = tokio::join!(
        tick(&office.test.db, day(10)),
        tick(&beside, day(10)),
        tick(&again, day(11)),
    );
    assert_eq!(a.unwrap() + b.unwrap() + c.unwrap(), 1);
    let registro = office.registro().await;
    assert_eq!(office.situacao().await, "finalizado");
    let pedidos: Vec<_> =
        registro.pedidos.iter().filter(|p| p.autoria.por == UserId::SERVIDOR).collect();
    assert_eq!(pedidos.len(), 1);
    assert!(pedidos[0].motivo.is_some() && pedidos[0].veredito.as_ref().unwrap().recusa.is_none());
    assert_eq!(office.tick(400).await, 0);
    rebuild::run(&office.test.db, None).await.unwrap();
    assert_eq!(office.tick(400).await, 0);
}

#[tokio::test]
async fn whatever_moves_begins_the_wait_anew() {
    let office = Office::waiting().await;
    let found = document::heads(&office.loaded().await.merged.document);
    // Written long ago on a device, arrived on day 9: the arrival is what counts.
    let note = office.note(&office.loaded().await, -30);
    assert!(matches!(office.push(note, 9).await, Outcome::Accepted { .. }));
    assert_eq!(office.tick(10).await, 0);
    // Found before the note came, committed after it.
    let work = Work::Inactive { document: office.record, heads: found };
    let done = commit::run(&office.test.db, office.tenant, vec![work], day(10)).await.unwrap();
    assert!(matches!(&done[..], [Answer::Ended(false)]), "{done:?}");
    // The wait is in the rows: a rebuild, and so a restart, does not forget it.
    rebuild::run(&office.test.db, None).await.unwrap();
    assert_eq!(office.tick(18).await, 0);
    assert_eq!(office.situacao().await, "aguardando_cliente");
    assert_eq!(office.tick(19).await, 1);
    assert_eq!(office.situacao().await, "finalizado");
}

#[tokio::test]
async fn what_the_client_answered_in_time_is_not_ended() {
    let office = Office::waiting().await;
    office.ask("registrar_retorno", 5).await;
    assert_eq!(office.tick(30).await, 0);
    office.ask("solicitar_informacao", 31).await;
    assert_eq!(office.tick(40).await, 0);
    assert_eq!(office.tick(41).await, 1);
}

#[tokio::test]
async fn an_event_that_arrives_after_the_end_is_kept_and_ends_nothing_again() {
    let office = Office::waiting().await;
    // On day 3 a device without a connection writes down that the client answered.
    let late = office.note(&office.loaded().await, 3);
    assert_eq!(office.tick(10).await, 1);
    let outcome = office.push(late.clone(), 12).await;
    let Outcome::Held { id, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(office.tick(13).await, 0);
    assert_eq!(office.situacao().await, "finalizado");
    // The office takes it in: the note is there, the end stays.
    let decide = |held: HeldId| Work::Decide {
        user: office.carla,
        held,
        approve: true,
        note: None,
        seen: None,
    };
    let works = vec![decide(id)];
    let done = commit::run(&office.test.db, office.tenant, works, day(14)).await.unwrap();
    assert!(matches!(&done[..], [Answer::Office(Ok(()))]), "{done:?}");
    assert_eq!(office.registro().await.notas.len(), 1);
    assert_eq!(office.situacao().await, "finalizado");
    assert_eq!(office.tick(60).await, 0);
    assert!(matches!(office.push(late, 61).await, Outcome::Known { .. }));
}
