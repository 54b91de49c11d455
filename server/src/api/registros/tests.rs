//! What an answer shows of a record is of one moment.

use super::{ficha, read};
use crate::{
    app::App,
    auth::accounts::{self, NewCompany, NewUser},
    http::principal::Principal,
    ledger,
    objects::Objects,
    office, testing,
};
use campo_domain::{
    command::Command,
    ids::{DocumentId, NotaId, TenantId},
    kind::Kind,
    pessoa::Permissao,
    registro::Visibilidade,
    valor::Valor,
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

struct Office {
    app: App,
    who: Principal,
}

impl Office {
    async fn new() -> Self {
        let test = testing::database().await.unwrap();
        let store = Objects::of(Arc::new(object_store::memory::InMemory::new()));
        let app = App::new(testing::config().unwrap(), test.db, store);
        let (slug, fuso) = ("aurora", "America/Sao_Paulo");
        let company = NewCompany { nome: slug, slug, fuso, preset: Some("P001") };
        let tenant: TenantId = accounts::create_company(&app.db, company).await.unwrap();
        let permissoes = Permissao::TODAS.into_iter().filter(|p| *p != Permissao::Portal).collect();
        let carla =
            NewUser { login: "carla", nome: "Carla", senha: "segredo de teste", permissoes };
        let carla = accounts::create_user(&app.db, tenant, carla).await.unwrap();
        let mut tx = app.db.snapshot(tenant).await.unwrap();
        let pessoa = ledger::pessoa(&mut tx, tenant, carla).await.unwrap();
        tx.rollback().await.unwrap();
        let who = Principal { tenant, pessoa, escopos: BTreeSet::new(), chave: None };
        Self { app, who }
    }

    async fn run(&self, id: DocumentId, command: Command) {
        let commands = vec![(id, command)];
        let who = &self.who;
        office::run_all(&self.app, who.tenant, &who.pessoa, commands, None).await.unwrap();
    }

    async fn cliente(&self) -> DocumentId {
        let id = DocumentId::from(Uuid::now_v7());
        let mut tx = self.app.db.snapshot(self.who.tenant).await.unwrap();
        let tipos = ledger::tipos(&mut tx, self.who.tenant).await.unwrap();
        tx.rollback().await.unwrap();
        let kind = Kind::Cliente;
        let tipo = tipos.do_kind(kind).next().unwrap().referencia();
        let campos = [("nome".to_owned(), Valor::Texto("Padaria Sol".into()))].into();
        self.run(id, Command::Criar { id, kind, tipo, campos, itens: vec![] }).await;
        id
    }
}

fn note(text: &str) -> Command {
    Command::Anotar {
        id: NotaId::from(Uuid::now_v7()),
        texto: text.into(),
        visibilidade: Visibilidade::Interna,
        resposta_a: None,
    }
}

#[tokio::test]
async fn a_record_is_read_at_one_moment() {
    let office = Office::new().await;
    let id = office.cliente().await;
    let (before, _) = ficha::now(&office.app, &office.who, id).await.unwrap().unwrap();
    // A reader that has begun: the snapshot is of its first query.
    let mut tx = office.app.db.snapshot(office.who.tenant).await.unwrap();
    let read = read::find(&mut tx, &office.who, id).await.unwrap().unwrap();
    assert_eq!(read.etag, before);
    office.run(id, note("Meanwhile")).await;
    // All that it reads afterwards is of the moment of its tag.
    let again = read::find(&mut tx, &office.who, id).await.unwrap().unwrap();
    assert_eq!(again.etag, before);
    let shown =
        serde_json::to_value(ficha::assemble(&mut tx, &office.who, &again).await.unwrap()).unwrap();
    assert_eq!(shown["notas"], json!([]));
    // Whoever begins now sees the note, under another tag.
    let (after, whole) = ficha::now(&office.app, &office.who, id).await.unwrap().unwrap();
    assert_ne!(after, before);
    let whole = serde_json::to_value(whole).unwrap();
    assert_eq!(whole["notas"][0]["texto"], "Meanwhile");
}
