//! Migrations, and that lists are read by index.

use super::{
    database::{OpenError, open},
    lists::{self, Filtro},
    migrations::{self, MigrationError},
    order::{Chave, Marca, Ordem},
    schema::{STEPS, Step, V1},
};
use crate::{error::Error, phone::Phone};
use automerge::{Automerge, ObjType, ROOT, transaction::Transactable};
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
    assert_eq!(migrations::version(&conn).unwrap(), 7);
    assert_eq!(dump(&conn), before);
    assert!(conn.prepare("SELECT nota FROM fates").is_ok());
    let marked = "SELECT count(*) FROM documents WHERE stale <> 0";
    assert_eq!(conn.query_row(marked, [], |row| row.get::<_, u32>(0)).unwrap(), 0);
    drop(conn);
    let campo = Phone::open(&path, None).unwrap();
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
    let mensagem = Error::from(OpenError::from(failed)).to_string();
    assert!(mensagem.contains("Tudo continua como estava"), "{mensagem}");
    assert_eq!(migrations::version(&conn).unwrap(), 1);
    assert_eq!(dump(&conn), before);
    drop(conn);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    // A later version of the app with the step repaired continues from there.
    assert_eq!(migrations::version(&open(&path, None).unwrap()).unwrap(), 7);
}

#[test]
fn ff43_an_update_that_brings_photos_leaves_accounts_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("campo.db");
    v1_file(&path);
    let mut conn = Connection::open(&path).unwrap();
    migrations::run(&mut conn, &STEPS[..4]).unwrap();
    let before = dump(&conn);
    migrations::run(&mut conn, STEPS).unwrap();
    assert_eq!(dump(&conn), before);
    drop(conn);
    let campo = Phone::open(&path, None).unwrap();
    assert_eq!(campo.budget().unwrap(), crate::Budget::AnyNetwork);
    assert_eq!(campo.armazenamento().unwrap(), crate::StorageUse::default());
    // What waited before waits on, and is counted.
    assert_eq!(campo.safe_to_uninstall().unwrap().commands, 1);
    assert!(!dir.path().join("campo.db.fotos").exists());
}

/// A document of the shape that only unreleased versions wrote.
fn old_shape(id: Uuid) -> Vec<u8> {
    let mut document = Automerge::new();
    let mut tx = document.transaction();
    tx.put(ROOT, "schema", 1).unwrap();
    tx.put(ROOT, "kind", "ocorrencia").unwrap();
    tx.put(ROOT, "id", id.as_bytes().to_vec()).unwrap();
    tx.put(ROOT, "tipo", "p000.ocorrencia").unwrap();
    tx.put(ROOT, "tipo_versao", 1).unwrap();
    for name in ["campos", "itens", "participantes", "notas", "pedidos", "laudos", "servidor"] {
        tx.put_object(ROOT, name, ObjType::Map).unwrap();
    }
    tx.commit();
    document.save_nocompress()
}

#[test]
fn documents_of_the_old_shape_are_set_aside_and_nothing_that_was_written_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("campo.db");
    v1_file(&path);
    let mut conn = Connection::open(&path).unwrap();
    migrations::run(&mut conn, &STEPS[..3]).unwrap();
    let (document, laudo, pedido) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let command = serde_json::json!({ "comando": "emitir_laudo", "pedido": pedido, "laudo": laudo,
        "procedente": true, "conclusao": "Cupim" })
    .to_string();
    conn.execute("DELETE FROM fates", []).unwrap();
    conn.execute("DELETE FROM queue", []).unwrap();
    conn.execute("DELETE FROM documents", []).unwrap();
    conn.execute(
        "INSERT INTO documents (account, id, kind, rotulo, generation, chunks, in_scope) \
         VALUES (1, ?, 'ocorrencia', '2026/000007', 1, ?, 1)",
        params![document.as_bytes(), old_shape(document)],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO lista (account, id, kind, raiz, rotulo, titulo, ordem, situacao, \
             situacao_nome, fase, minha, busca, criado_em, pendente, conflito) \
         VALUES (1, ?1, 'ocorrencia', ?1, '2026/000007', 'Mesa', 'mesa', 'em_analise', \
             'Em Análise', 'andamento', 1, 'mesa', 5, 1, 0)",
        [document.as_bytes()],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO queue (account, command_id, document, command, at, seen, change, hash) \
         VALUES (1, ?1, ?2, ?3, 1000, 3, x'0102', zeroblob(32))",
        params![laudo.as_bytes(), document.as_bytes(), command],
    )
    .unwrap();
    conn.execute(
        "INSERT INTO fates (account, command_id, document, kind, rotulo, command, at, settled_at, \
             fate, code, message) \
         VALUES (1, ?1, ?2, 'ocorrencia', '2026/000007', ?3, 1, 2, 'refused', 'c', 'm')",
        params![pedido.as_bytes(), document.as_bytes(), command],
    )
    .unwrap();
    drop(conn);

    let campo = Phone::open(&path, None).unwrap();
    let estado = campo.status().unwrap();
    assert_eq!(estado.damaged, 1);
    assert!(estado.notice.unwrap().contains("serão pedidos de novo"));
    let pagina = campo.ocorrencias(&Filtro::default()).unwrap();
    assert_eq!(pagina.linhas[0].rotulo, "2026/000007");
    assert!(matches!(campo.show(document.into()), Err(Error::Documento(_))));
    let pendencias = campo.pending().unwrap();
    let (pendente, recusada) = (&pendencias.pendentes[0], &pendencias.recusadas[0]);
    assert_eq!((&pendente.o_que, &recusada.o_que), (&"Registrar laudo".into(), &pendente.o_que));
    assert_eq!(pendente.conteudo, recusada.conteudo);
    let conteudo: Vec<_> = pendente.conteudo.iter().map(|c| c.valor.as_str()).collect();
    assert_eq!(conteudo, ["Sim", "Cupim"]);
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
    let error = Error::from(open(&path, None).unwrap_err());
    assert!(matches!(error, Error::VersaoMaisNova { found: 99, known: 7 }), "{error}");
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
    let chave = Chave { marca: Marca::Numero(0), id: DocumentId::from(Uuid::nil()) };
    let todas = Filtro { depois_de: Some(chave), ..Filtro::default() };
    let minhas = Filtro { apenas_minhas: true, ..todas.clone() };
    let situacao = Filtro { situacao: Some("aberta".into()), ..todas.clone() };
    let lista = |kind, filtro: &Filtro| lists::lista_sql(1, kind, filtro).unwrap();
    let cases = [
        (lista(Kind::Assistencia, &todas), "lista_recentes"),
        (lista(Kind::Ocorrencia, &minhas), "lista_minhas"),
        (lista(Kind::Ocorrencia, &situacao), "lista_situacao"),
        (lists::por_nome_sql(1, Kind::Cliente, "ze"), "lista_nome"),
        (lists::agenda_sql(1, now, now, false), "lista_agenda"),
    ];
    for (query, index) in cases {
        let sql = format!("EXPLAIN QUERY PLAN {}", query.sql);
        let mut statement = conn.prepare(&sql).unwrap();
        let plan: Vec<String> = statement
            .query_map(params_from_iter(&query.values), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(plan[0].contains("SEARCH l") && plan[0].contains(index), "{index}: {plan:?}");
        assert!(plan.iter().all(|line| !line.contains("SCAN")), "{index}: {plan:?}");
        assert!(plan.iter().all(|line| !line.contains("documents")), "{index}: {plan:?}");
        // A day's agendas are few: found by their end, and then put in order.
        let sorts = plan.iter().any(|line| line.contains("TEMP B-TREE FOR ORDER BY"));
        assert_eq!(sorts, index == "lista_agenda", "{index}: {plan:?}");
    }
}

#[test]
fn a_list_in_any_order_is_valid_sql_and_reads_no_document() {
    let dir = tempfile::tempdir().unwrap();
    let conn = open(&dir.path().join("campo.db"), None).unwrap();
    let colunas = ["criado_em", "titulo", "numero", "rotulo", "tipo", "situacao", "fase"];
    let outras = ["cliente", "recebido_em", "etapa_desde", "etapa_ate", "atrasa_em"];
    for kind in Kind::TODOS {
        let campos = kind.campos().iter().map(|campo| campo.nome);
        for coluna in colunas.into_iter().chain(outras).chain(campos) {
            let ordem = Ordem { coluna: coluna.into(), decrescente: coluna.len() % 2 == 0 };
            let filtro = Filtro { ordem, ..Filtro::default() };
            let query = lists::lista_sql(1, kind, &filtro).unwrap();
            assert!(!query.sql.contains("documents"), "{coluna}");
            assert_eq!(lists::lista(&conn, 1, kind, &filtro).unwrap(), Some(vec![]), "{coluna}");
        }
    }
}
