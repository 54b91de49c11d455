//! Migrations, and that lists are read by index.

use super::{
    lists::{self, Filtro},
    migrations::{self, MigrationError},
    open,
    schema::{STEPS, Step, V1},
};
use crate::error::Error;
use campo_domain::{ids::DocumentId, kind::Kind};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, params, params_from_iter};
use std::path::Path;
use uuid::Uuid;

const BROKEN: &str = "DROP TABLE queue; CREATE TABLE other (id INTEGER); SELECT nonsense;";

/// A file as the first version wrote it, with a command that waits.
fn v1_file(path: &Path) {
    let conn = Connection::open(path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.execute_batch(V1).unwrap();
    conn.pragma_update(None, "user_version", 1).unwrap();
    let (device, document, command) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let one = r#"{"comando":"anotar","id":"0190b3a0-0000-7000-8000-000000000001","texto":"Pó"}"#;
    conn.execute("INSERT INTO device VALUES (1, ?, 'Celular')", [device.as_bytes()]).unwrap();
    conn.execute(
        "INSERT INTO account VALUES (1, zeroblob(16), zeroblob(16), 'https://x', 'demo', 'Demo', \
             'America/Sao_Paulo', 'ana', 'Ana', '[\"ver\"]')",
        [],
    )
    .unwrap();
    conn.execute("INSERT INTO session VALUES (1, 1, 'a', 'r', NULL)", []).unwrap();
    conn.execute(
        "INSERT INTO documents VALUES (1, ?, 'cliente', 'P-1', 1, x'00', 5, 1)",
        [document.as_bytes()],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO queue (account, command_id, document, command, at, seen, change, hash) \
         VALUES (1, ?, ?, ?, 1000, 3, x'0102', zeroblob(32))",
        params![command.as_bytes(), document.as_bytes(), one],
    )
    .unwrap();
    conn.execute("INSERT INTO cursor (account, epoch) VALUES (1, 7)", []).unwrap();
    conn.execute(
        "INSERT INTO fates VALUES (1, ?, ?, 'cliente', 'P-1', ?, 1, 2, 'held', zeroblob(16), 'c', \
             'm', 0)",
        params![device.as_bytes(), document.as_bytes(), one],
    )
    .unwrap();
}

/// Everything in the columns that the first version has.
fn dump(conn: &Connection) -> Vec<String> {
    let v1 = Connection::open_in_memory().unwrap();
    v1.execute_batch(V1).unwrap();
    let mut all = Vec::new();
    for table in ["device", "account", "session", "documents", "queue", "fates", "cursor"] {
        let of_v1 = v1.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = of_v1.column_names().join(", ");
        let mut statement = conn.prepare(&format!("SELECT {columns} FROM {table}")).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values = (0..of_v1.column_count()).map(|i| row.get_ref(i).unwrap());
            all.push(format!("{table} {:?}", values.collect::<Vec<_>>()));
        }
    }
    assert_eq!(all.len(), 7);
    all
}

#[test]
fn ff43_an_update_of_the_app_keeps_device_session_documents_and_queue() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("campo.db");
    v1_file(&path);
    let before = dump(&Connection::open(&path).unwrap());
    let conn = open(&path, None).unwrap();
    assert_eq!(migrations::version(&conn).unwrap(), 3);
    assert_eq!(dump(&conn), before);
    assert!(conn.prepare("SELECT nota FROM fates").is_ok());
    let marked = "SELECT count(*) FROM documents WHERE stale <> 0 OR damaged IS NOT NULL";
    assert_eq!(conn.query_row(marked, [], |row| row.get::<_, u32>(0)).unwrap(), 0);
    drop(conn);
    let campo = crate::Campo::open(&path, None).unwrap();
    let pendencias = campo.pending().unwrap();
    assert_eq!(pendencias.pendentes[0].conteudo[0].valor, "Pó");
    assert_eq!(pendencias.pendentes[0].documento_rotulo, "P-1");
    assert_eq!(pendencias.retidas.len(), 1);
}

#[test]
fn ff43_a_migration_that_fails_changes_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("campo.db");
    v1_file(&path);
    let bytes = std::fs::read(&path).unwrap();
    let mut conn = Connection::open(&path).unwrap();
    let before = dump(&conn);
    let steps = [Step { version: 1, sql: V1 }, Step { version: 2, sql: BROKEN }];
    let failed = migrations::run(&mut conn, &steps).unwrap_err();
    assert!(matches!(failed, MigrationError::Failed { version: 2, .. }), "{failed}");
    let mensagem = Error::from(failed).to_string();
    assert!(mensagem.contains("Tudo continua como estava"), "{mensagem}");
    assert_eq!(migrations::version(&conn).unwrap(), 1);
    assert_eq!(dump(&conn), before);
    drop(conn);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    // The app with the repaired step goes on from there.
    assert_eq!(migrations::version(&open(&path, None).unwrap()).unwrap(), 3);
}

#[test]
fn a_file_from_a_newer_app_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("campo.db");
    v1_file(&path);
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let bytes = std::fs::read(&path).unwrap();
    let error = open(&path, None).unwrap_err();
    assert!(matches!(error, Error::VersaoMaisNova { found: 99, known: 3 }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[test]
fn steps_are_numbered_one_by_one() {
    let versions: Vec<_> = STEPS.iter().map(|step| step.version).collect();
    assert_eq!(versions, (1..=STEPS.len() as i64).collect::<Vec<_>>());
}

#[test]
fn every_list_is_read_by_its_index_and_without_documents() {
    let dir = tempfile::tempdir().unwrap();
    let conn = open(&dir.path().join("campo.db"), None).unwrap();
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let chave = lists::Chave { criado_em: now, id: DocumentId::from(Uuid::nil()) };
    let todas = Filtro { depois_de: Some(chave), ..Filtro::default() };
    let minhas = Filtro { apenas_minhas: true, ..todas.clone() };
    let situacao = Filtro { situacao: Some("aberta".into()), ..todas.clone() };
    let cases = [
        (lists::recentes_sql(1, Kind::Assistencia, &todas), "lista_recentes"),
        (lists::recentes_sql(1, Kind::Ocorrencia, &minhas), "lista_minhas"),
        (lists::recentes_sql(1, Kind::Ocorrencia, &situacao), "lista_situacao"),
        (lists::por_nome_sql(1, Kind::Cliente, "ze"), "lista_nome"),
        (lists::agenda_sql(1, now, now, false), "lista_agenda"),
    ];
    for (consulta, index) in cases {
        let sql = format!("EXPLAIN QUERY PLAN {}", consulta.sql);
        let mut statement = conn.prepare(&sql).unwrap();
        let plan: Vec<String> = statement
            .query_map(params_from_iter(&consulta.valores), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(plan[0].contains("SEARCH l") && plan[0].contains(index), "{index}: {plan:?}");
        assert!(plan.iter().all(|line| !line.contains("SCAN")), "{index}: {plan:?}");
        assert!(plan.iter().all(|line| !line.contains("documents")), "{index}: {plan:?}");
        let sorts = plan.iter().any(|line| line.contains("TEMP B-TREE FOR ORDER BY"));
        assert!(!sorts, "{index}: {plan:?}");
    }
}
