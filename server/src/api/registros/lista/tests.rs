//! No list in an order, or by a filter, that an index serves reads a whole table.

use super::order;
use crate::{
    api::registros::filtro::Filtro,
    auth::accounts::{self, NewCompany},
    projection::table,
    reading::{
        lists::{self, DEFAULT, Key, List},
        search,
        sources::{self, Fonte},
    },
    testing,
    visibility::Viewer,
};
use campo_domain::kind::Kind;
use chrono::Utc;
use serde_json::Value;
use serde_json::json;
use sqlx::Row;
use uuid::Uuid;

const FUSO: chrono_tz::Tz = chrono_tz::America::Sao_Paulo;

const MUITOS: i32 = 20_000;

/// Many records of every kind, and a person who sees a few.
async fn muitos(db: &crate::db::Db, tenant: Uuid, eu: Uuid) {
    let caso = "CASE WHEN n % 2 = 0 THEN md5('assistencias' || n)::uuid END";
    for (tabela, campos, valores) in [
        ("clientes", "nome", "'Cliente ' || n".to_owned()),
        (
            "assistencias",
            "numero, prazo, etapa_ate, responsavel, cliente",
            "'2026/' || n, CASE WHEN n % 3 = 0 THEN current_date - n END, \
             CASE WHEN n % 4 = 0 THEN now() - n * interval '1 hour' END, \
             md5('u' || n % 50)::uuid, md5('clientes' || n)::uuid"
                .to_owned(),
        ),
        (
            "ocorrencias",
            "numero, prazo, etapa_ate, responsavel, cliente, assistencia, categoria",
            format!(
                "'2027/' || n, CASE WHEN n % 3 = 0 THEN current_date - n END, \
                 CASE WHEN n % 4 = 0 THEN now() - n * interval '1 hour' END, \
                 md5('u' || n % 50)::uuid, \
                 CASE WHEN n % 2 = 1 THEN md5('clientes' || n)::uuid END, {caso}, \
                 CASE WHEN n % 3 = 0 THEN 'c' || n % 300 END"
            ),
        ),
        (
            "agendas",
            "inicio, responsavel, assistencia, ocorrencia",
            format!(
                "now() - n * interval '1 hour', md5('u' || n % 50)::uuid, {caso}, \
                 CASE WHEN n % 2 = 1 THEN md5('ocorrencias' || n)::uuid END"
            ),
        ),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "INSERT INTO {tabela} (tenant, id, raiz, tipo, tipo_versao, situacao, \
                 situacao_nome, fase, titulo, criado_por, criado_em, atualizado_em, \
                 conflitos, busca, {campos}) \
             SELECT $1, md5('{tabela}' || n)::uuid, md5('{tabela}' || n)::uuid, \
                 CASE WHEN n % 4000 = 0 THEN 'raro' ELSE 't' || n % 3 END, 1, 's' || n % 5, \
                 's', CASE WHEN n % 50 = 0 THEN 'fila' ELSE 'concluido' END, \
                 'Título ' || md5(n::text), $2, now() - n * interval '1 hour', \
                 now() - n * 7919 % 20000 * interval '1 hour', '[]', '', {valores} \
             FROM generate_series(1, {MUITOS}) n"
        )))
        .bind(tenant)
        .bind(eu)
        .execute(db.owner())
        .await
        .unwrap();
    }
    sqlx::query(
        "INSERT INTO envolvido (tenant, raiz, document, usuario) \
         SELECT tenant, id, id, CASE WHEN n <= 100 THEN $1 ELSE md5('u' || n % 50)::uuid END \
         FROM (SELECT tenant, id, row_number() OVER () AS n FROM ocorrencias \
             UNION ALL SELECT tenant, id, row_number() OVER () FROM assistencias \
             UNION ALL SELECT tenant, id, row_number() OVER () FROM agendas) r",
    )
    .bind(eu)
    .execute(db.owner())
    .await
    .unwrap();
    sqlx::raw_sql("VACUUM ANALYZE").execute(db.owner()).await.unwrap();
}

/// The plans of a list and of the page behind `valor` in its order.
async fn planos(
    db: &crate::db::Db,
    tenant: campo_domain::ids::TenantId,
    kind: Kind,
    viewer: Viewer,
    (ordenar, valor): (&str, &str),
    filtro: Value,
) -> Vec<String> {
    let filtro: Filtro = serde_json::from_value(filtro).unwrap();
    let filter = filtro.read(kind, &Default::default(), viewer.id.unwrap(), FUSO).unwrap();
    let order = order(kind, Some(ordenar)).unwrap();
    let depois: Key = (kind, ordenar.into(), vec![Some(valor.into())], Uuid::nil());
    let list = List { kind, viewer, zone: FUSO, filter: &filter, order: &order };
    let mut planos = Vec::new();
    for after in [None, Some(&depois)] {
        let mut tx = db.snapshot(tenant).await.unwrap();
        planos.extend(lists::plans(&mut tx, &list, after).await.unwrap());
    }
    planos
}

/// The plans of what shows every kind with its client: a report's page, and the search.
async fn planos_de_todos(
    db: &crate::db::Db,
    tenant: campo_domain::ids::TenantId,
    viewer: Viewer,
) -> [String; 2] {
    let mut tx = db.snapshot(tenant).await.unwrap();
    let mut fonte = lists::begin(viewer, FUSO).unwrap();
    fonte.push("EXPLAIN ");
    sources::select(&mut fonte, Fonte::Registros, Default::default(), None);
    fonte.push(" LIMIT 51");
    let fonte = fonte.build().fetch_all(&mut *tx).await.unwrap();
    let sql = format!("EXPLAIN {}", search::sql());
    let busca = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(viewer.id)
        .bind(viewer.all)
        .bind(crate::search::query("titulo 7").unwrap())
        .bind(20_i64);
    let busca = busca.fetch_all(&mut *tx).await.unwrap();
    [fonte, busca].map(|plano| {
        let linhas: Vec<String> = plano.iter().map(|row| row.get(0)).collect();
        linhas.join("\n")
    })
}

/// A person who sees everything, and one who sees a few.
#[tokio::test]
async fn no_list_in_an_order_or_by_a_filter_of_an_index_reads_a_whole_table() {
    let test = testing::database().await.unwrap();
    let new = NewCompany {
        nome: "Aurora",
        slug: "aurora",
        fuso: "America/Sao_Paulo",
        preset: Some("P001"),
    };
    let tenant = accounts::create_company(&test.db, new).await.unwrap();
    let eu = Uuid::now_v7();
    muitos(&test.db, tenant.uuid(), eu).await;
    let agora = Utc::now().to_rfc3339();
    let hoje = Utc::now().date_naive().to_string();
    let padrao = (DEFAULT, agora.as_str());
    let de =
        |texto: &str| sqlx::query_scalar::<_, Uuid>("SELECT md5($1)::uuid").bind(texto.to_owned());
    let cliente = de("clientes77").fetch_one(test.db.owner()).await.unwrap();
    let alguem = de("u7").fetch_one(test.db.owner()).await.unwrap();
    let comuns = [("criado_em", agora.as_str()), ("-criado_em", &agora), padrao];
    let numerados = [
        ("numero", "2026/5"),
        ("-numero", "2026/5"),
        ("titulo", "titulo 7"),
        ("-titulo", "titulo 7"),
        ("etapa_ate", &agora),
        ("-etapa_ate", &agora),
        ("prazo", &hoje),
        ("-prazo", &hoje),
    ];
    let filtros = [
        json!({"tipo": "raro"}),
        json!({"fase": "aberta"}),
        json!({"atrasado": true}),
        json!({"cliente": cliente}),
        json!({"responsavel": alguem}),
    ];
    let de_ocorrencias = [
        json!({"categoria": "c30"}),
        json!({"assistencia": cliente}),
        json!({"criado_de": hoje}),
        json!({"tipo": "raro,t1", "categoria": "c30"}),
    ];
    for all in [true, false] {
        let viewer = Viewer { id: Some(eu), all };
        for plano in planos_de_todos(&test.db, tenant, viewer).await {
            assert!(!plano.contains("Seq Scan on clientes c"), "{all}:\n{plano}");
        }
    }
    let casos = [
        (Kind::Assistencia, [&comuns[..], &numerados].concat(), filtros.to_vec()),
        (
            Kind::Ocorrencia,
            [&comuns[..], &numerados].concat(),
            [&filtros[..], &de_ocorrencias].concat(),
        ),
        (
            Kind::Agenda,
            [&comuns[..], &[("inicio", &agora), ("-inicio", &agora)]].concat(),
            vec![json!({"cliente": cliente}), json!({"responsavel": alguem})],
        ),
        (Kind::Cliente, [&comuns[..], &[("nome", "cliente 7")]].concat(), vec![]),
    ];
    for (kind, ordens, filtros) in casos {
        let ordens = ordens.into_iter().map(|ordem| (ordem, json!({})));
        let pedidos = ordens.chain(filtros.into_iter().map(|filtro| (padrao, filtro)));
        for (ordem, filtro) in pedidos {
            for all in [true, false] {
                let viewer = Viewer { id: Some(eu), all };
                let pedido = format!("{kind} {} {filtro} {all}", ordem.0);
                for plano in planos(&test.db, tenant, kind, viewer, ordem, filtro.clone()).await {
                    let inteira = Kind::TODOS
                        .iter()
                        .any(|kind| plano.contains(&format!("Seq Scan on {}", table(*kind))));
                    assert!(!inteira, "{pedido}:\n{plano}");
                }
            }
        }
    }
}
