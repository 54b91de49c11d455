//! What only PostgreSQL can prove: rows that a rebuild leaves as they were, processes that commit
//! side by side, companies that the database itself keeps apart, and indexes that are used.

use crate::{
    client::{added, created},
    harness::{AURORA, Phone, Site, a_device},
    page_client::Pages,
};
use campo_domain::{
    command::{Command, Listados, NovoItem, NovoPedido},
    ids::{DeviceId, NotaId, TenantId},
    kind::Kind,
    parte::Colecao,
    pessoa::Pessoa,
    registro::{TipoAnalise, Visibilidade},
    valor::Valor,
};
use campo_server::{
    api::sync,
    app::App,
    commit::{Answer, Work},
    projection::PARTS,
    rebuild, reference,
};
use campo_sync::{
    client::LocalDocument,
    wire::{Cursor, Entry, Limits, Outcome, PROTOCOL, Push, SyncRequest},
};
use sqlx::AssertSqlSafe;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// Every table of the projection.
fn tables() -> impl Iterator<Item = &'static str> {
    let kinds = ["assistencias", "ocorrencias", "agendas", "clientes", "acompanhamentos"];
    kinds.into_iter().chain(PARTS)
}

fn projection(site: &Site) -> BTreeMap<&'static str, Vec<String>> {
    let mut all = BTreeMap::new();
    for table in tables() {
        let query = format!("SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(site.office.db.owner());
        all.insert(table, site.rt.block_on(rows).unwrap());
    }
    all
}

/// Something of everything: conflicts, items, laudos, refusals, held work, participantes.
fn a_rich_scenario(site: &Site) -> (Phone, Phone) {
    let (ana, bruno) = (site.phone("ana"), site.phone("bruno"));
    let id = ana.assistencia("Porta caída", site.id("ana"));
    ana.campo.participar(id, site.id("bruno"), true).unwrap();
    let ocorrencia = ana.ocorrencia(id, "Dobradiça solta");
    ana.sync();
    bruno.sync();
    let item = *bruno.registro(ocorrencia).itens.keys().next().unwrap();
    bruno.campo.editar_item(ocorrencia, item, "quantidade", "3,5").unwrap();
    bruno.campo.editar(id, "endereco", "Rua Dois").unwrap();
    bruno.campo.transicionar(id, "iniciar", None).unwrap();
    bruno.campo.anotar(id, "A caminho.\nChego às 9.").unwrap();
    ana.campo.remover_item(ocorrencia, item).unwrap();
    ana.campo.editar(id, "endereco", "Rua Um").unwrap();
    ana.campo.editar(id, "observacoes", "Portão azul.").unwrap();
    ana.campo.transicionar(id, "iniciar", None).unwrap();
    ana.sync();
    bruno.sync();
    ana.campo.editar(id, "endereco", "Rua Um, fundos").unwrap();
    let acao = Uuid::now_v7().into();
    let itens = ana.registro(ocorrencia).itens;
    let outro = *itens.keys().find(|outro| **outro != item).unwrap();
    ana.campo.editar_item(ocorrencia, outro, "quantidade", "1").unwrap();
    ana.sync();
    let codigo = "gerar_pedido".to_owned();
    site.run(ocorrencia, Command::SolicitarAcao { acao, codigo, observacao: None }).unwrap();
    site.transition(ocorrencia, "cancelar", Some("Duplicada"));
    ana.campo.anotar(ocorrencia, "Chegou tarde.").unwrap();
    bruno.campo.participar(id, site.id("carla"), true).unwrap();
    let campos = crate::harness::textos(&[
        ("escopo", "produto"),
        ("tipo_ocorrencia", "avaria"),
        ("produto", "Mesa"),
        ("relato", "Veio riscado"),
        ("contato_nome", "Rui"),
        ("contato_telefone", "11 99999-0000"),
        ("prazo", "2026-12-01"),
    ]);
    let (pai, quem) = (id.to_string(), site.id("bruno").to_string());
    let visita = crate::harness::textos(&[
        ("assistencia", &pai),
        ("tipo_agenda", "assistencia_tecnica"),
        ("responsavel", &quem),
        ("inicio", "2026-11-23 09:00"),
        ("fim", "2026-11-23 10:30"),
        ("assunto", "Visita"),
    ]);
    bruno.campo.novo(Kind::Agenda, None, &visita, &[]).unwrap();
    let outra = bruno.campo.novo(Kind::Ocorrencia, Some("p000.ocorrencia"), &campos, &[]).unwrap();
    ana.sync();
    bruno.sync();
    site.transition(outra, "colocar_em_analise", None);
    let laudo = Command::Analisar {
        analise: Uuid::now_v7().into(),
        tipo: TipoAnalise::Laudo,
        texto: "Risco de fábrica.".into(),
        procedente: Some(true),
        pedido: Some(NovoPedido { id: Uuid::now_v7().into(), email: false }),
        encaminhar: None,
    };
    site.run(outra, laudo).unwrap();
    site.transition(outra, "concluir", None);
    site.decide(&site.held(ocorrencia)[0], true, Some("Vale.")).unwrap();
    a_complaint(site);
    (ana, bruno)
}

/// What only a tipo of P003 has: despesas, partial analyses, a parecer, a corrective action.
fn a_complaint(site: &Site) {
    site.rt.block_on(async {
        let mut tx = site.office.db.tenant(site.tenant).await.unwrap();
        reference::load_preset(&mut tx, site.tenant, "P003").await.unwrap();
        tx.commit().await.unwrap();
    });
    let texto = |texto: &str| Valor::Texto(texto.into());
    let cliente = site.open(Kind::Cliente, "p003.cliente", &[("nome", texto("Padaria Sol"))]);
    let campos = [
        ("cliente", Valor::Id(cliente.uuid())),
        ("responsavel", Valor::Id(site.id("carla").uuid())),
        ("relato", texto("A balança veio sem o cabo.")),
    ];
    let id = site.open(Kind::Ocorrencia, "p003.reclamacao", &campos);
    let parts = [
        (Colecao::Despesas, vec![("despesa", texto("frete")), ("valor", Valor::Inteiro(3_590))]),
        (Colecao::Vinculos, vec![("relacao", texto("conta")), ("contato", texto("rui"))]),
        (
            Colecao::Anexos,
            vec![
                ("nome", texto("caixa.jpg")),
                ("categoria", texto("avaria")),
                ("mime", texto("image/jpeg")),
                ("tamanho", Valor::Inteiro(48_123)),
                ("sha256", texto(&"0f".repeat(32))),
            ],
        ),
    ];
    for (em, campos) in parts {
        let campos = campos.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let item = NovoItem { id: Uuid::now_v7().into(), campos };
        site.run(id, Command::IncluirItem { em, item }).unwrap();
    }
    let usuario = site.id("ana");
    site.run(id, Command::Interessar { usuario, interessado: true }).unwrap();
    site.transition(id, "iniciar", None);
    site.transition(id, "enviar_para_analise", None);
    site.edit(id, "procedencia", texto("procedente"));
    for tipo in [TipoAnalise::Parcial, TipoAnalise::Solucao, TipoAnalise::Parecer] {
        let pedido = (tipo != TipoAnalise::Parcial)
            .then(|| NovoPedido { id: Uuid::now_v7().into(), email: true });
        let analise = Command::Analisar {
            analise: Uuid::now_v7().into(),
            tipo,
            texto: "Cabo esquecido na expedição.".into(),
            procedente: None,
            pedido,
            encaminhar: None,
        };
        site.run(id, analise).unwrap();
    }
    let (corretiva, numero) = (Uuid::now_v7().into(), "AC 2026/0001".to_owned());
    site.run(id, Command::VincularCorretiva { corretiva, numero }).unwrap();
    let para = Some(Listados { usuarios: [usuario].into(), ..Listados::default() });
    site.run(id, Command::Restringir { para }).unwrap();
}

#[test]
fn a_rebuild_gives_exactly_the_rows_that_were_there() {
    let site = Site::new();
    let (ana, _) = a_rich_scenario(&site);
    let before = projection(&site);
    assert!(before.values().all(|rows| !rows.is_empty()), "the scenario leaves a table empty");
    let report = site.rt.block_on(rebuild::run(&site.office.db, None)).unwrap();
    assert_eq!(report.documents, site.documents().len() as u64);
    let after = projection(&site);
    for table in tables() {
        for (before, after) in before[table].iter().zip(&after[table]) {
            assert_eq!(before, after, "{table}");
        }
        assert_eq!(before[table].len(), after[table].len(), "{table}");
    }
    ana.campo.novo(Kind::Cliente, None, &crate::harness::textos(&[("nome", "Nova")]), &[]).unwrap();
    ana.sync();
    site.converged("ana", &ana);
}

/// A technician's device that pushes through one of the processes.
struct Pusher {
    app: App,
    tenant: TenantId,
    pessoa: &'static Pessoa,
    device: DeviceId,
    shared: LocalDocument,
}

impl Pusher {
    async fn push(&self, pushes: Vec<Push>) {
        let (user, device) = (self.pessoa.id, self.device);
        let work = Work::Push { user, device, pushes };
        let answer = self.app.submit(self.tenant, work).await.unwrap();
        let Answer::Verdicts(verdicts) = answer else { panic!("{answer:?}") };
        for verdict in verdicts {
            let outcome = verdict.outcome;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        }
    }

    /// Notes on the shared record, and assistências of its own.
    async fn work(mut self, cliente: Uuid, rounds: usize) {
        for round in 0..rounds {
            let texto = format!("{} {round}", self.device);
            let note = Command::Anotar {
                id: NotaId::from(Uuid::now_v7()),
                texto,
                visibilidade: Visibilidade::Interna,
                resposta_a: None,
            };
            let (shared, noted) = added(Some(self.shared), self.pessoa, self.device, note);
            self.shared = shared;
            let campos = [
                ("cliente", Valor::Id(cliente)),
                ("situacao_alegada", Valor::Texto(format!("Chamado {round}"))),
            ];
            let (_, made) = created(self.pessoa, self.device, Kind::Assistencia, &campos);
            self.push(vec![noted, made]).await;
        }
    }
}

/// Polls the log as a device does, until told to stop and nothing is left.
async fn read(
    app: App,
    tenant: TenantId,
    user: Uuid,
    device: DeviceId,
    stop: Arc<AtomicBool>,
) -> Vec<u64> {
    let (mut cursor, mut epoch, mut seen) = (Cursor::default(), 0, Vec::new());
    loop {
        let ending = stop.load(Ordering::SeqCst);
        let limits = Limits::DEFAULT;
        let request =
            SyncRequest { protocol: PROTOCOL, device, epoch, cursor, push: vec![], limits };
        let page = sync::exchange(&app, tenant, user.into(), device, request).await.unwrap();
        let found = page.entries.iter().filter_map(|entry| match entry {
            Entry::Change { seq, .. } => Some(*seq),
            _ => None,
        });
        seen.extend(found);
        (cursor, epoch) = (page.cursor, page.epoch);
        if ending && !page.more {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

#[test]
fn two_processes_on_the_same_records_accept_everything_in_one_order() {
    const DEVICES: usize = 3;
    const ROUNDS: usize = 8;
    let site = Site::new();
    let processes = [site.process(), site.process()];
    let (ana, tenant) = (site.pessoa("ana"), site.tenant);
    let first = a_device();
    let nome = [("nome", Valor::Texto("Padaria".into()))];
    let (cliente, made) = created(ana, first, Kind::Cliente, &nome);
    let campos = [
        ("cliente", Valor::Id(cliente.id.uuid())),
        ("situacao_alegada", Valor::Texto("Porta caída".into())),
    ];
    let (shared, opened) = created(ana, first, Kind::Assistencia, &campos);
    let shared_id = shared.id;
    site.rt.block_on(async {
        let app = processes[0].clone();
        let (cliente, device) = (cliente.id.uuid(), first);
        let begin = Pusher { app, tenant, pessoa: ana, device, shared: shared.clone() };
        begin.push(vec![made, opened]).await;

        let stop = Arc::new(AtomicBool::new(false));
        let carla = site.id("carla").uuid();
        let reader = read(processes[1].clone(), tenant, carla, a_device(), stop.clone());
        let reader = tokio::spawn(reader);
        // Its bootstrap comes first; what follows is all in the log.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let before: i64 = sqlx::query_scalar("SELECT max(seq) FROM change_log WHERE tenant = $1")
            .bind(tenant.uuid())
            .fetch_one(site.office.db.owner())
            .await
            .unwrap();
        let mut pushers = Vec::new();
        for n in 0..2 * DEVICES {
            let (app, device, shared) = (processes[n % 2].clone(), a_device(), shared.clone());
            let pusher = Pusher { app, tenant, pessoa: ana, device, shared };
            pushers.push(tokio::spawn(pusher.work(cliente, ROUNDS)));
        }
        for pusher in pushers {
            pusher.await.unwrap();
        }
        stop.store(true, Ordering::SeqCst);
        let seen = reader.await.unwrap();
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "out of order");
        let there: Vec<i64> = sqlx::query_scalar(
            "SELECT seq FROM change_log WHERE tenant = $1 AND kind = 'change' AND seq > $2 \
             ORDER BY seq",
        )
        .bind(tenant.uuid())
        .bind(before)
        .fetch_all(site.office.db.owner())
        .await
        .unwrap();
        assert_eq!(seen, there.iter().map(|seq| *seq as u64).collect::<Vec<_>>(), "missed some");
    });
    let made = 2 * DEVICES * ROUNDS;
    assert_eq!(site.registro(shared_id).notas.len(), made);
    assert_eq!(site.count("SELECT count(DISTINCT numero) FROM assistencias"), made as i64 + 1);
    let last = "SELECT max(right(numero, 6)::bigint) FROM assistencias";
    assert_eq!(site.count(last), made as i64 + 1);
    let dense =
        "SELECT max(seq) - count(*) FROM change_log GROUP BY tenant ORDER BY 1 DESC LIMIT 1";
    assert_eq!(site.count(dense), 0);
    site.rt.block_on(async {
        for app in processes {
            app.db.close().await;
        }
    });
}

#[test]
fn the_application_sees_only_the_company_that_it_set_in_every_table() {
    let site = Site::new();
    a_rich_scenario(&site);
    site.rt.block_on(async {
        let db = &site.office.db;
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public' \
             AND column_name = 'tenant' AND table_name NOT LIKE '\\_%' \
             UNION SELECT 'tenant' ORDER BY 1",
        )
        .fetch_all(db.owner())
        .await
        .unwrap();
        assert!(tables.len() >= 25, "{tables:?}");
        for table in &tables {
            let count = format!("SELECT count(*) FROM {table}");
            let mine = match table.as_str() {
                "tenant" => format!("{count} WHERE id = $1"),
                _ => format!("{count} WHERE tenant = $1"),
            };
            let all = || AssertSqlSafe(count.clone());
            let bare: i64 = sqlx::query_scalar(all()).fetch_one(db.pool()).await.unwrap();
            assert_eq!(bare, 0, "{table} without a company");
            for tenant in [site.tenant, site.vizinha, Uuid::now_v7().into()] {
                let owner: i64 = sqlx::query_scalar(AssertSqlSafe(mine.clone()))
                    .bind(tenant.uuid())
                    .fetch_one(db.owner())
                    .await
                    .unwrap();
                let mut tx = db.tenant(tenant).await.unwrap();
                let seen: i64 = sqlx::query_scalar(all()).fetch_one(&mut *tx).await.unwrap();
                assert_eq!(seen, owner, "{table}");
            }
        }
        for statement in [
            "UPDATE change_log SET bytes = ''",
            "DELETE FROM change_log",
            "TRUNCATE change_log",
            "ALTER TABLE change_log DISABLE ROW LEVEL SECURITY",
        ] {
            let mut tx = db.tenant(site.tenant).await.unwrap();
            let error = sqlx::query(statement).execute(&mut *tx).await.unwrap_err();
            let code = error.as_database_error().and_then(|e| e.code().map(|c| c.into_owned()));
            assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
        }
        let mut tx = db.tenant(site.vizinha).await.unwrap();
        let changed = sqlx::query("UPDATE assistencias SET titulo = 'x'").execute(&mut *tx).await;
        assert_eq!(changed.unwrap().rows_affected(), 0);
        let insert =
            "INSERT INTO envolvido (tenant, raiz, document, usuario) VALUES ($1, $1, $1, $1)";
        let foreign = sqlx::query(insert).bind(site.tenant.uuid()).execute(&mut *tx).await;
        assert!(foreign.is_err(), "wrote a row of another company");
    });
}

/// Copies one assistência of the company, and one change of its log, as often into another's.
fn multiply(site: &Site, into: TenantId, times: u32) {
    let from = site.tenant;
    site.sql(&format!(
        "INSERT INTO assistencias SELECT made.* FROM (SELECT * FROM assistencias \
         WHERE tenant = '{from}' ORDER BY id LIMIT 1) t, generate_series(1, {times}) n, \
         jsonb_populate_record(NULL::assistencias, to_jsonb(t) || jsonb_build_object( \
         'tenant', '{into}', 'id', gen_random_uuid(), 'raiz', gen_random_uuid(), \
         'atualizado_em', now() - n * interval '1 minute')) made"
    ));
    site.sql(&format!(
        "WITH clock AS (UPDATE tenant_clock SET seq = seq + {times} WHERE tenant = '{into}' \
         RETURNING seq) \
         INSERT INTO change_log SELECT made.* FROM (SELECT * FROM change_log \
         WHERE tenant = '{from}' AND kind = 'change' ORDER BY seq LIMIT 1) t, clock, \
         generate_series(1, {times}) n, jsonb_populate_record(NULL::change_log, \
         to_jsonb(t) || jsonb_build_object('tenant', '{into}', 'seq', clock.seq - n + 1, \
         'hash', '\\x' || md5(n::text) || md5(n::text))) made"
    ));
}

#[test]
fn lists_and_pulls_read_by_index_and_not_the_whole_table() {
    const MANY: u32 = 20_000;
    let site = Site::new();
    let ana = site.phone("ana");
    ana.assistencia("Porta caída", site.id("ana"));
    ana.sync();
    // Rows that were looked at, by whatever way. Counters reach the view when a connection ends:
    // each step gets a process of its own.
    let rows_read = |table: &str| {
        site.count(&format!(
            "SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables \
             WHERE relname = '{table}'"
        ))
    };
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
    let measured = |step: &dyn Fn(&mut Site)| {
        let before = site.count(connections);
        let mut beside = Site::beside(&site);
        step(&mut beside);
        beside.end();
        while site.count(connections) > before {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    measured(&|site| {
        multiply(site, site.tenant, MANY);
        multiply(site, site.vizinha, MANY);
        site.sql("ANALYZE");
    });
    let before = (rows_read("assistencias"), rows_read("change_log"));
    measured(&|site| {
        let pages = Pages::enter(site, AURORA, "carla");
        for query in [
            "",
            "?situacao=aberta",
            &format!("?responsavel={}", site.id("ana")),
            &format!("?antes=1790000000000001.{}", Uuid::now_v7()),
        ] {
            assert!(pages.page(&format!("/assistencias{query}")).contains("Assistências"));
        }
    });
    let read = rows_read("assistencias") - before.0;
    assert!((51..i64::from(MANY) / 2).contains(&read), "the lists read {read} rows");
    measured(&|site| {
        let app = site.process();
        let (user, device) = (site.id("carla"), a_device());
        let clock = format!("SELECT seq FROM tenant_clock WHERE tenant = '{}'", site.tenant);
        let head = site.count(&clock) as u64;
        site.rt.block_on(async {
            let epoch: i64 = sqlx::query_scalar("SELECT epoch FROM tenant_clock WHERE tenant = $1")
                .bind(site.tenant.uuid())
                .fetch_one(site.office.db.owner())
                .await
                .unwrap();
            for seq in [head / 2, head - 10] {
                let request = SyncRequest {
                    protocol: PROTOCOL,
                    device,
                    epoch: epoch as u64,
                    cursor: Cursor { seq, bootstrap: None },
                    push: vec![],
                    limits: Limits { page_bytes_max: 20_000, ..Limits::DEFAULT },
                };
                sync::exchange(&app, site.tenant, user, device, request).await.unwrap();
            }
            app.db.close().await;
        });
    });
    let read = rows_read("change_log") - before.1;
    assert!((10..i64::from(MANY) / 2).contains(&read), "the pulls read {read} rows");
}
