//! A company on the real server over the real PostgreSQL, real devices on SQLite, and the road
//! between them, on which requests are counted, delayed and lost. All tests of this crate that
//! need a server begin with [`Site::new`].

use anyhow::Result;
use campo_domain::{
    command::Command,
    ids::{DeviceId, DocumentId, PedidoId, TenantId, UserId},
    kind::Kind,
    pessoa::{
        Permissao::{self, Administrar, Aprovar, EmitirLaudo, Gerenciar, Ver, VerTodas},
        Pessoa,
    },
    registro::Registro,
    tipo::TipoRef,
    valor::Valor,
};
use campo_mobile_core::{Error, Pendencias, SyncReport};
use campo_server::{
    app::App,
    auth::accounts::{self, NewCompany, NewUser},
    db::Db,
    ledger,
    objects::Objects,
    office::{self, HeldView, OfficeError},
    reference,
    serve::{self, Running},
    testing,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, sync::OnceCell};
use uuid::Uuid;

pub use crate::road::{Fate, Road};

/// Everybody's password.
pub const SENHA: &str = "segredo de teste";
/// The company.
pub const AURORA: &str = "aurora";
/// Another company on the same server.
pub const VIZINHA: &str = "vizinha";

/// The permissions of the office.
const TODAS: &[Permissao] = &[Ver, VerTodas, Gerenciar, EmitirLaudo, Aprovar, Administrar];

/// Company, login, name, permissions.
const PESSOAS: [(&str, &str, &str, &[Permissao]); 6] = [
    (AURORA, "ana", "Ana Ribeiro", &[Ver]),
    (AURORA, "bruno", "Bruno Tavares", &[Ver]),
    (AURORA, "carla", "Carla Nogueira", TODAS),
    (AURORA, "nair", "Nair Prado", &[]),
    (VIZINHA, "dora", "Dora Lima", &[Ver]),
    (VIZINHA, "elias", "Elias Couto", TODAS),
];

/// The database that every test's own is copied from, with its companies and people.
#[derive(Debug)]
struct Template {
    url: String,
    aurora: TenantId,
    vizinha: TenantId,
    pessoas: Vec<(&'static str, Pessoa)>,
}

static TEMPLATE: OnceCell<Template> = OnceCell::const_new();

async fn template() -> Result<Template> {
    let test = testing::database().await?;
    let mut tenants = Vec::new();
    for (slug, nome) in [(AURORA, "Móveis Aurora"), (VIZINHA, "Estofados Vizinha")] {
        let fuso = "America/Sao_Paulo";
        let new = NewCompany { nome, slug, fuso, preset: Some("P001") };
        let tenant = accounts::create_company(&test.db, new).await?;
        let mut tx = test.db.tenant(tenant).await?;
        reference::load_preset(&mut tx, tenant, "P000").await?;
        tx.commit().await?;
        tenants.push((slug, tenant));
    }
    let mut pessoas = Vec::new();
    for (slug, login, nome, permissoes) in PESSOAS {
        let tenant = tenants.iter().find(|(s, _)| *s == slug).unwrap().1;
        let permissoes = permissoes.iter().copied().collect();
        let new = NewUser { login, nome, senha: SENHA, permissoes };
        let permissoes = new.permissoes.clone();
        let id = accounts::create_user(&test.db, tenant, new).await?;
        let mut tx = test.db.tenant(tenant).await?;
        let pessoa = ledger::pessoa(&mut tx, tenant, id).await?;
        assert_eq!(pessoa.permissoes, permissoes);
        pessoas.push((login, pessoa));
    }
    test.db.close().await;
    Ok(Template { url: test.url, aurora: tenants[0].1, vizinha: tenants[1].1, pessoas })
}

/// Two companies on a server of a test's own, and a second process in the office.
pub struct Site {
    /// The company's id.
    pub tenant: TenantId,
    /// The other company's.
    pub vizinha: TenantId,
    /// URL of the database, as its owner.
    pub database: String,
    /// What devices go through.
    pub road: Road,
    /// The office's own process: never stops.
    pub office: App,
    server: Option<Running>,
    pessoas: &'static [(&'static str, Pessoa)],
    // Last: what is above still needs it while it is dropped.
    pub rt: Runtime,
}

impl Site {
    /// A server that runs.
    pub fn new() -> Self {
        let rt = runtime();
        let (template, database, office) = rt.block_on(async {
            let template = TEMPLATE.get_or_try_init(template).await.unwrap();
            let database = copy(&template.url).await.unwrap();
            let office = app(&database, Objects::memory()).await;
            (template, database, office)
        });
        let mut site = Site {
            tenant: template.aurora,
            vizinha: template.vizinha,
            database,
            road: Road::new(),
            office,
            server: None,
            pessoas: &template.pessoas,
            rt,
        };
        site.start();
        site
    }

    /// Another server over the same database.
    pub fn beside(other: &Site) -> Self {
        let rt = runtime();
        let office = rt.block_on(app(&other.database, other.office.objects.clone()));
        let mut site = Site {
            tenant: other.tenant,
            vizinha: other.vizinha,
            database: other.database.clone(),
            road: Road::new(),
            office,
            server: None,
            pessoas: other.pessoas,
            rt,
        };
        site.start();
        site
    }

    /// Stops everything of it, connections to the database included.
    pub fn end(mut self) {
        let served = self.server.as_ref().map(|running| running.app.db.clone());
        self.stop();
        self.rt.block_on(async {
            self.office.db.close().await;
            if let Some(served) = served {
                served.close().await;
            }
        });
    }

    /// Another process over the same database.
    pub fn process(&self) -> App {
        self.rt.block_on(app(&self.database, self.office.objects.clone()))
    }

    /// Starts the server; devices reach it by the same address as before.
    pub fn start(&mut self) {
        let running = self.rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let objects = self.office.objects.clone();
            let App { config, db, objects, .. } = app(&self.database, objects).await;
            serve::start(config, db, objects, listener).unwrap()
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

    /// The server's own address, past the road.
    pub fn addr(&self) -> SocketAddr {
        self.server.as_ref().unwrap().addr
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// A person.
    pub fn pessoa(&self, login: &str) -> &'static Pessoa {
        &self.pessoas.iter().find(|(l, _)| *l == login).unwrap().1
    }

    /// A person's id.
    pub fn id(&self, login: &str) -> UserId {
        self.pessoa(login).id
    }

    /// A new device, signed in and synchronised.
    pub fn phone(&self, login: &str) -> Phone {
        let dir = tempfile::tempdir().unwrap();
        let campo =
            Arc::new(campo_mobile_core::Phone::open(&dir.path().join("campo.db"), None).unwrap());
        let phone = Phone { campo, dir };
        phone.enter(self, login);
        phone.sync();
        phone
    }

    /// Carla does something in the office, in a process other than the server.
    pub fn run(&self, document: DocumentId, command: Command) -> Result<(), OfficeError> {
        let carla = self.pessoa("carla");
        self.rt.block_on(office::run(&self.office, self.tenant, carla, document, command))
    }

    /// Carla writes a field.
    pub fn edit(&self, document: DocumentId, campo: &str, valor: Valor) {
        self.run(document, Command::Editar { campo: campo.into(), valor, visto: None }).unwrap();
    }

    /// Carla creates a record.
    pub fn open(&self, kind: Kind, tipo: &str, campos: &[(&str, Valor)]) -> DocumentId {
        let id = DocumentId::from(Uuid::now_v7());
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let tipo = TipoRef { codigo: tipo.to_owned(), versao: 1 };
        self.run(id, Command::Criar { id, kind, tipo, campos, itens: vec![] }).unwrap();
        id
    }

    /// Carla asks for a transition, and it is done.
    pub fn transition(&self, document: DocumentId, verbo: &str, motivo: Option<&str>) {
        let pedido = PedidoId::from(Uuid::now_v7());
        let motivo = motivo.map(str::to_owned);
        let verbo = verbo.into();
        self.run(document, Command::Transicionar { pedido, verbo, motivo, email: false }).unwrap();
    }

    /// The record as the person, with the permissions and groups of now, sees it on the server.
    pub fn seen_by(&self, login: &str, document: DocumentId) -> Option<Registro> {
        self.rt.block_on(async {
            let mut tx = self.office.db.tenant(self.tenant).await.unwrap();
            let pessoa = ledger::pessoa(&mut tx, self.tenant, self.id(login)).await.unwrap();
            drop(tx);
            let seen = office::load(&self.office, self.tenant, &pessoa, document).await.unwrap();
            seen.map(|(registro, _)| registro)
        })
    }

    /// The record as the office sees it.
    pub fn registro(&self, document: DocumentId) -> Registro {
        self.seen_by("carla", document).unwrap()
    }

    /// Held branches of a record.
    pub fn held(&self, document: DocumentId) -> Vec<HeldView> {
        self.rt.block_on(async {
            let mut tx = self.office.db.snapshot(self.tenant).await.unwrap();
            office::held(&mut tx, self.tenant, document).await.unwrap()
        })
    }

    /// Carla decides on a held branch.
    pub fn decide(
        &self,
        held: &HeldView,
        approve: bool,
        note: Option<&str>,
    ) -> Result<(), OfficeError> {
        let (carla, note) = (self.pessoa("carla"), note.map(str::to_owned));
        let decide =
            office::decide_held(&self.office, self.tenant, carla, held.id, approve, note, None);
        self.rt.block_on(decide)
    }

    /// Runs a statement as the owner of the database.
    pub fn sql(&self, statement: &str) -> u64 {
        let run = sqlx::query(AssertSqlSafe(statement)).execute(self.office.db.owner());
        self.rt.block_on(run).unwrap().rows_affected()
    }

    /// A number out of the database, as its owner.
    pub fn count(&self, query: &str) -> i64 {
        let run = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(self.office.db.owner());
        self.rt.block_on(run).unwrap()
    }

    /// Every document of the company.
    pub fn documents(&self) -> Vec<DocumentId> {
        let run = sqlx::query_scalar("SELECT id FROM document WHERE tenant = $1 ORDER BY id")
            .bind(self.tenant.uuid())
            .fetch_all(self.office.db.owner());
        let ids: Vec<Uuid> = self.rt.block_on(run).unwrap();
        ids.into_iter().map(DocumentId::from).collect()
    }

    /// The device holds exactly what the person may see on the server, each record equal to it.
    pub fn converged(&self, login: &str, phone: &Phone) {
        for id in self.documents() {
            match (self.seen_by(login, id), phone.campo.show(id)) {
                (Some(there), Ok(here)) => assert_eq!(here.registro, there, "{login}"),
                (None, Err(_)) => {}
                (there, here) => {
                    let here = here.map(|detalhe| detalhe.registro.titulo());
                    panic!("{login} {id}: server {:?}, device {here:?}", there.is_some())
                }
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop();
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn app(database: &str, objects: Objects) -> App {
    let db = Db::open(database, 6).await.unwrap();
    App::new(testing::config().unwrap(), db, objects)
}

/// A copy of a database that nobody is connected to.
async fn copy(template: &str) -> Result<String> {
    let (server, rest) = template.rsplit_once('/').unwrap();
    let (from, options) = rest.split_once('?').unwrap();
    let name = format!("e_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&format!("{server}/postgres?{options}")).await?;
    let create = format!("CREATE DATABASE {name} TEMPLATE {from}");
    sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(format!("{server}/{name}?{options}"))
}

/// Fields as a person types them.
pub fn textos(campos: &[(&str, &str)]) -> Vec<(String, String)> {
    campos.iter().map(|(nome, valor)| ((*nome).to_owned(), (*valor).to_owned())).collect()
}

/// A device with a database of its own.
pub struct Phone {
    /// What the app calls.
    pub campo: Arc<campo_mobile_core::Phone>,
    dir: TempDir,
}

impl Phone {
    /// Signs in, over the road.
    pub fn enter(&self, site: &Site, login: &str) {
        self.campo.sign_in(&site.road.url, AURORA, login, SENHA, "Celular de teste").unwrap();
    }

    /// The file.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("campo.db")
    }

    /// A copy of the device, taken while nothing is written: the same installation, once more.
    pub fn copied(&self) -> Phone {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("campo.db");
        let from = rusqlite::Connection::open(self.file()).unwrap();
        from.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
        Phone { campo: Arc::new(campo_mobile_core::Phone::open(&to, None).unwrap()), dir }
    }

    /// Tries to synchronise.
    pub fn try_sync(&self) -> Result<SyncReport, Error> {
        self.campo.sync_now(&|_| {}, &AtomicBool::new(false))
    }

    /// Synchronises.
    pub fn sync(&self) -> SyncReport {
        self.try_sync().unwrap()
    }

    /// Everything that is not settled.
    pub fn pending(&self) -> Pendencias {
        self.campo.pending().unwrap()
    }

    /// How many commands wait, are held, were refused.
    pub fn counts(&self) -> (usize, usize, usize) {
        let all = self.pending();
        (all.pendentes.len(), all.retidas.len(), all.recusadas.len())
    }

    /// The record as the device has it.
    pub fn registro(&self, id: DocumentId) -> Registro {
        self.campo.show(id).unwrap().registro
    }

    /// A new cliente.
    pub fn cliente(&self, nome: &str) -> DocumentId {
        self.campo.novo(Kind::Cliente, None, &textos(&[("nome", nome)]), &[]).unwrap()
    }

    /// A new assistência of a new cliente.
    pub fn assistencia(&self, alegada: &str, responsavel: UserId) -> DocumentId {
        let cliente = self.cliente(&format!("Cliente de {alegada}")).to_string();
        let responsavel = responsavel.to_string();
        let campos =
            [("cliente", &*cliente), ("situacao_alegada", alegada), ("responsavel", &*responsavel)];
        self.campo.novo(Kind::Assistencia, None, &textos(&campos), &[]).unwrap()
    }

    /// A new ocorrência with two items.
    pub fn ocorrencia(&self, assistencia: DocumentId, relato: &str) -> DocumentId {
        let pai = assistencia.to_string();
        let campos = [("assistencia", &*pai), ("tipo_ocorrencia", "regulagem"), ("relato", relato)];
        let itens = [
            textos(&[("produto", "Dobradiça 35 mm"), ("quantidade", "2")]),
            textos(&[("produto", "Puxador"), ("valor_indenizado", "R$ 35,90")]),
        ];
        self.campo.novo(Kind::Ocorrencia, None, &textos(&campos), &itens).unwrap()
    }
}

/// A device id that nothing else has.
pub fn a_device() -> DeviceId {
    DeviceId::from(Uuid::now_v7())
}
