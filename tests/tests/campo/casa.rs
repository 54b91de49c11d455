//! A company on a server of its own, with one preset and nothing else: where the tests of the
//! presets take place. Its people are [`Api`] in the office and [`Aparelho`] in the field.

use crate::{
    aparelho::Aparelho,
    harness::{SENHA, a_device},
    office_api::{Api, Caso},
    road::Road,
};
use campo_domain::{
    ids::{DocumentId, TenantId, UserId},
    kind::Kind,
    pessoa::Pessoa,
    registro::Registro,
};
use campo_server::{
    app::App,
    auth::{
        accounts::{self, NewCompany, Person},
        password,
    },
    config::Config,
    db::Db,
    ledger,
    objects::Objects,
    office::{self, HeldView},
    outbox::worker,
    projection, rebuild,
    serve::{self, Running},
    testing,
};
use serde_json::json;
use sqlx::AssertSqlSafe;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::OnceCell};
use uuid::Uuid;

/// The company.
pub const EMPRESA: &str = "casa";
/// The time zone of the company.
pub const FUSO: chrono_tz::Tz = chrono_tz::America::Sao_Paulo;
/// How long what happens by itself may take.
const SOON: Duration = Duration::from_secs(20);
/// Every permission but the portal's.
pub const TODAS: &str = "ver ver_todas gerenciar emitir_laudo aprovar administrar";

/// [`SENHA`], hashed once.
static HASH: OnceCell<String> = OnceCell::const_new();

/// A company, its server, and another process beside it.
pub struct Casa {
    /// The company's id.
    pub tenant: TenantId,
    /// What everybody goes through.
    pub road: Road,
    /// The other process: never stops.
    pub app: App,
    /// Who looks after the company.
    pub adm: Api,
    /// URL of the database, as its owner.
    pub database: String,
    server: Option<Running>,
    // Last: what is above still needs it while it is dropped.
    pub rt: Runtime,
}

impl Casa {
    /// With that preset, and nothing else.
    pub fn nova(preset: &str) -> Self {
        Self::com(preset, &[])
    }

    /// With those settings of the server too.
    pub fn com(preset: &str, settings: &[(&str, &str)]) -> Self {
        let chave = "2Bq7uZ3mF1xS0oJkq8dYtVn5cWgRr4aLhXeP6iKMbTs=";
        let always = [("CAMPO_CHAVE", chave), ("CAMPO_WEBHOOK_REDES_PRIVADAS", "1")];
        let find = |name: &str| always.iter().chain(settings).find(|(key, _)| *key == name);
        let config = Config::parse(|name| find(name).map(|(_, value)| (*value).to_owned()));
        let config = Arc::new(config.unwrap());
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let rt = builder.worker_threads(2).enable_all().build().unwrap();
        let (tenant, database, app) = rt.block_on(async {
            let test = testing::database().await.unwrap();
            let (nome, fuso) = ("Casa de Teste", FUSO.name());
            let new = NewCompany { nome, slug: EMPRESA, fuso, preset: Some(preset) };
            let tenant = accounts::create_company(&test.db, new).await.unwrap();
            (tenant, test.url, App::new(config, test.db, Objects::memory()))
        });
        let (road, adm) = (Road::new(), Api::stranger(""));
        let mut casa = Casa { tenant, road, app, adm, database, server: None, rt };
        casa.start();
        casa.adm = casa.pessoa("adm", TODAS);
        casa
    }

    /// Starts the server; everybody reaches it by the same address as before.
    pub fn start(&mut self) {
        let running = self.rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let db = Db::open(&self.database, 6).await.unwrap();
            serve::start(self.app.config.clone(), db, self.app.objects.clone(), listener).unwrap()
        });
        self.road.leads_to(Some(running.addr));
        self.server = Some(running);
    }

    /// Stops it.
    pub fn stop(&mut self) {
        self.road.leads_to(None);
        if let Some(running) = self.server.take() {
            self.rt.block_on(running.stop());
        }
    }

    /// Another database handle, as another server would have.
    pub fn outro_servidor(&self) -> Db {
        self.rt.block_on(Db::open(&self.database, 3)).unwrap()
    }

    /// Somebody whom the server does not know.
    pub fn ninguem(&self) -> Api {
        Api::stranger(&self.road.url)
    }

    /// Somebody of the company, signed in on the API.
    pub fn pessoa(&self, login: &str, permissoes: &str) -> Api {
        self.pessoa_com(login, permissoes, |_| {})
    }

    /// Somebody of whom more is known.
    pub fn pessoa_com(&self, login: &str, permissoes: &str, mais: impl FnOnce(&mut Person)) -> Api {
        let (inicial, resto) = login.split_at(1);
        let mut person = Person {
            login: login.to_owned(),
            nome: inicial.to_uppercase() + resto,
            email: Some(format!("{login}@casa.example")),
            permissoes: permissoes.split(' ').map(|nome| nome.parse().unwrap()).collect(),
            ativo: true,
            ..Person::default()
        };
        mais(&mut person);
        let id = UserId::from(Uuid::now_v7());
        self.rt.block_on(async {
            let hash = HASH.get_or_init(async || password::hash(SENHA).await.unwrap()).await;
            let mut tx = self.app.db.tenant(self.tenant).await.unwrap();
            accounts::write_user(&mut tx, self.tenant, id, &person, Some(hash)).await.unwrap();
            tx.commit().await.unwrap();
        });
        let mut quem = self.ninguem();
        (quem.id, quem.login, quem.nome) = (id, login.to_owned(), person.nome);
        let body = json!({ "empresa": EMPRESA, "login": login, "senha": SENHA,
                           "dispositivo": a_device(), "dispositivo_nome": "Retaguarda" });
        let granted = quem.post("/v1/auth/login", &body).feito();
        quem.with(granted["acesso"].as_str().unwrap())
    }

    /// A client's login in the portal.
    pub fn portal(&self, login: &str, cliente: DocumentId) -> Api {
        self.pessoa_com(login, "portal", |person| person.cliente = Some(cliente))
    }

    /// A device of that person, signed in and synchronised.
    pub fn aparelho(&self, quem: &Api) -> Aparelho {
        let aparelho = Aparelho::novo(&self.road.url, quem);
        aparelho.sync();
        aparelho
    }

    /// The person as the rules see it now.
    pub fn como(&self, id: UserId) -> Pessoa {
        self.rt.block_on(async {
            let mut tx = self.app.db.tenant(self.tenant).await.unwrap();
            ledger::pessoa(&mut tx, self.tenant, id).await.unwrap()
        })
    }

    /// The record as somebody sees it on the server.
    pub fn visto_por(&self, quem: UserId, id: DocumentId) -> Option<Registro> {
        let pessoa = self.como(quem);
        let load = office::load(&self.app, self.tenant, &pessoa, id);
        self.rt.block_on(load).unwrap().map(|(registro, _)| registro)
    }

    /// The record as the administration sees it.
    pub fn registro(&self, id: DocumentId) -> Registro {
        self.visto_por(self.adm.id, id).unwrap()
    }

    /// The code of its situação.
    pub fn situacao(&self, caso: &Caso) -> String {
        let ficha = self.adm.le(caso);
        ficha["situacao"]["codigo"].as_str().unwrap().to_owned()
    }

    /// Work of a record that waits for the office.
    pub fn retidos(&self, caso: &Caso) -> Vec<HeldView> {
        let held = self.rt.block_on(async {
            let mut tx = self.app.db.snapshot(self.tenant).await.unwrap();
            office::held(&mut tx, self.tenant, caso.id).await.unwrap()
        });
        held.into_iter().filter(|held| held.status == "aguardando").collect()
    }

    /// Somebody approves held work.
    pub fn aprova(&self, quem: &Api, retido: &HeldView) {
        let pessoa = self.como(quem.id);
        let decide =
            office::decide_held(&self.app, self.tenant, &pessoa, retido.id, true, None, None);
        self.rt.block_on(decide).unwrap();
    }

    /// Runs a statement as the owner of the database.
    pub fn sql(&self, statement: &str) -> u64 {
        let run = sqlx::query(AssertSqlSafe(statement)).execute(self.app.db.owner());
        self.rt.block_on(run).unwrap().rows_affected()
    }

    /// Runs a statement as the owner of the database, and `meanwhile` before it is committed.
    pub fn in_transaction(&self, statement: &str, meanwhile: impl FnOnce()) {
        let owner = self.app.db.owner();
        let mut tx = self.rt.block_on(owner.begin()).unwrap();
        self.rt.block_on(sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx)).unwrap();
        meanwhile();
        self.rt.block_on(tx.commit()).unwrap();
    }

    /// Sends what waits to leave, until this has come.
    #[track_caller]
    pub fn ate(&self, what: &str, mut came: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !came() {
            assert!(begun.elapsed() < SOON, "{what} did not come");
            self.rt.block_on(worker::once(&self.app.db, &self.app.config)).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// At the end of a story: every device holds exactly what its person may see, each record equal
    /// to the server's, and the rows of lists and reports are those that the log gives.
    #[track_caller]
    pub fn confere(&self, aparelhos: &[&Aparelho]) {
        for aparelho in aparelhos {
            aparelho.sync();
        }
        let sql = "SELECT id FROM document WHERE tenant = $1 ORDER BY id";
        let ids = sqlx::query_scalar(sql).bind(self.tenant.uuid()).fetch_all(self.app.db.owner());
        let ids: Vec<Uuid> = self.rt.block_on(ids).unwrap();
        for aparelho in aparelhos {
            for id in ids.iter().copied().map(DocumentId::from) {
                match (self.visto_por(aparelho.quem, id), aparelho.show(id)) {
                    (Some(there), Ok(here)) => assert_eq!(here.registro, there),
                    (None, Err(_)) => {}
                    (there, here) => panic!(
                        "{id}: server {:?}, device {:?}",
                        there.map(|registro| registro.titulo()),
                        here.map(|detalhe| detalhe.registro.titulo()),
                    ),
                }
            }
        }
        let before = self.rows();
        self.rt.block_on(rebuild::run(&self.app.db, Some(self.tenant))).unwrap();
        for (before, after) in before.iter().zip(self.rows()) {
            assert_eq!(*before, after);
        }
    }

    fn rows(&self) -> Vec<(String, String)> {
        let tables = Kind::TODOS.map(|kind| format!("{kind}s")).into_iter();
        let parts = projection::PARTS.into_iter().chain(["acompanhamentos"]).map(str::to_owned);
        let read = |table: String| {
            let sql = format!(
                "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t"
            );
            let run = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(self.app.db.owner());
            (table, self.rt.block_on(run).unwrap())
        };
        tables.chain(parts).map(read).collect()
    }
}

impl Drop for Casa {
    fn drop(&mut self) {
        self.stop();
    }
}
