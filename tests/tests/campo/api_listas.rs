//! The lists of the API: every order, page by page, over rows with and without values; the search;
//! and what nobody should get through them.

use crate::{
    harness::{AURORA, Site},
    rest::Rest,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Rows whose every column is filled in one, empty in another, and often the same in several.
const LINHAS: usize = 23;

/// Writes rows straight into the projection: a list reads nothing else.
fn preencher(site: &Site, tabela: &str) {
    let tenant = site.tenant;
    let colunas: Vec<String> = columns(site, tabela);
    let um = |coluna: &String| {
        let (nome, tipo) = coluna.split_once(' ').unwrap();
        let empty = |valor: &str| format!("CASE WHEN n % 3 = 0 THEN NULL ELSE {valor} END");
        match (nome, tipo) {
            ("tenant", _) => format!("'{tenant}'::uuid"),
            ("id" | "raiz" | "criado_por", _) => {
                "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid".into()
            }
            ("tipo", _) => "'t' || n % 4".into(),
            ("tipo_versao", _) => "1".into(),
            ("situacao", _) => "'s' || n % 2".into(),
            ("situacao_nome", _) => "(ARRAY['Ágil', 'abc', 'Zê'])[n % 3 + 1]".into(),
            ("fase", _) => "(ARRAY['fila', 'concluido', 'andamento'])[n % 3 + 1]".into(),
            ("titulo", _) => "(ARRAY['Édipo', 'eco', 'Eça', 'zás'])[n % 4 + 1]".into(),
            ("criado_em" | "atualizado_em", _) => {
                "timestamptz '2026-01-01 00:00:00.123456+00' + (n % 5) * interval '1 microsecond'"
                    .into()
            }
            ("conflitos", _) => "'[]'::jsonb".into(),
            ("busca_fts", _) => "''::tsvector".into(),
            ("busca", _) => "''".into(),
            ("prioridade", _) => empty("(ARRAY['baixa', 'urgente', 'alta', 'normal'])[n % 4 + 1]"),
            (_, "text") => empty("(ARRAY['Água', 'agua', 'Óleo; DROP', 'B''\\%_'])[n % 4 + 1]"),
            (_, "uuid") => {
                empty("('00000000-0000-7000-9000-' || lpad((n % 4)::text, 12, '0'))::uuid")
            }
            (_, "bigint" | "smallint" | "integer") => empty("n % 4"),
            (_, "boolean") => empty("n % 2 = 0"),
            (_, "date") => empty("date '2026-01-01' + n % 4"),
            (_, "timestamp with time zone") => {
                empty("timestamptz '2026-01-01 12:00:00.000001+00' + (n % 4) * interval '1 day'")
            }
            (_, other) => panic!("{tabela}.{nome} is {other}"),
        }
    };
    let nomes: Vec<&str> = colunas.iter().map(|c| c.split_once(' ').unwrap().0).collect();
    let valores: Vec<String> = colunas.iter().map(um).collect();
    site.sql(&format!(
        "INSERT INTO {tabela} ({}) SELECT {} FROM generate_series(1, {LINHAS}) n",
        nomes.join(", "),
        valores.join(", ")
    ));
}

fn columns(site: &Site, tabela: &str) -> Vec<String> {
    let rows = sqlx::query_scalar(
        "SELECT column_name || ' ' || data_type FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name = $1",
    )
    .bind(tabela)
    .fetch_all(site.office.db.owner());
    site.rt.block_on(rows).unwrap()
}

/// The ids of the whole list, page by page.
fn walk(who: &Rest, path: &str, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = who.read(&format!("{path}?{query}&limite=4{cursor}"));
        let rows = page["itens"].as_array().unwrap();
        ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        match page["proximo"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
        assert!(ids.len() <= 1_000, "{query} never ends");
    }
}

/// The orders that a list has, as its refusal of another names them.
fn orders(who: &Rest, path: &str) -> Vec<String> {
    let answer = who.get(&format!("{path}?ordenar=nenhuma"));
    assert_eq!(answer.status, 400, "{}", answer.body);
    let names = answer.json()["colunas"].as_array().unwrap().clone();
    names.into_iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_order_walks_every_row_once_and_backwards_in_reverse() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    for tabela in ["assistencias", "ocorrencias", "agendas", "clientes"] {
        preencher(&site, tabela);
        let path = format!("/v1/{tabela}");
        let known = orders(&carla, &path);
        assert!(known.len() > 15, "{tabela}: {known:?}");
        let all: BTreeSet<String> = walk(&carla, &path, "").into_iter().collect();
        assert_eq!(all.len(), LINHAS);
        for order in known {
            let up = walk(&carla, &path, &format!("ordenar={order}"));
            let down = walk(&carla, &path, &format!("ordenar=-{order}"));
            for ids in [&up, &down] {
                assert_eq!(ids.len(), LINHAS, "{tabela} {order}: a row twice, or none");
                let distinct: BTreeSet<String> = ids.iter().cloned().collect();
                assert_eq!(distinct, all, "{tabela} {order}");
            }
            // A reference to somebody who is not there has no name to be ordered by.
            if ["cliente", "responsavel", "assistencia", "ocorrencia"].contains(&order.as_str()) {
                continue;
            }
            // What is empty is last both ways; the rest is the other way round.
            let whole = carla.read(&format!("{path}?ordenar={order}&limite=200"));
            let rows = whole["itens"].as_array().unwrap();
            let empty = |row: &Value| {
                row["campos"].get(&order).or_else(|| row.get(&order)).is_some_and(Value::is_null)
            };
            let filled = rows.iter().filter(|row| !empty(row)).count();
            assert!(rows[filled..].iter().all(empty), "{tabela} {order}: empty ones are last");
            let mut back: Vec<String> = down[..filled].to_vec();
            back.reverse();
            assert_eq!(up[..filled], back[..], "{tabela} {order}");
        }
    }
}

#[test]
fn text_is_ordered_as_a_person_reads_it_and_choices_by_their_rank() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    preencher(&site, "assistencias");
    let column = |order: &str, name: &str| -> Vec<String> {
        let page = carla.read(&format!("/v1/assistencias?ordenar={order}&limite=200"));
        let mut seen: Vec<String> = Vec::new();
        for row in page["itens"].as_array().unwrap() {
            let value = row.get(name).filter(|v| !v.is_object()).unwrap_or(&row["campos"][name]);
            let value = value.as_str().unwrap_or("—").to_owned();
            if seen.last() != Some(&value) {
                seen.push(value);
            }
        }
        seen
    };
    assert_eq!(column("titulo", "titulo"), ["Eça", "eco", "Édipo", "zás"]);
    assert_eq!(column("prioridade", "prioridade"), ["baixa", "normal", "alta", "urgente", "—"]);
    assert_eq!(column("-prioridade", "prioridade"), ["urgente", "alta", "normal", "baixa", "—"]);
}

fn done(answer: crate::page_client::Answer) -> Value {
    assert!(answer.status < 300, "{} {}", answer.status, answer.body);
    answer.json()
}

/// Three assistências and what belongs to them.
fn assistencias(site: &Site, carla: &Rest) -> Vec<String> {
    let mut ids = Vec::new();
    for (nome, telefone, alegada, prazo, quem) in [
        ("Padaria Pão Quente", "(11) 98888-7777", "Porta caída na cozinha", "2020-01-31", "ana"),
        ("João D'Água", "11 3333-2222", "Instalações mal feitas", "2199-01-31", "bruno"),
        ("Ótica Visão", "", "Gaveta emperrada", "", ""),
    ] {
        let campos = json!({ "nome": nome, "telefone": telefone });
        let cliente = json!({ "tipo": "p001.cliente", "campos": campos });
        let cliente = done(carla.post("/v1/clientes", &cliente));
        let mut campos = json!({ "cliente": cliente["id"], "situacao_alegada": alegada });
        if !quem.is_empty() {
            campos["responsavel"] = json!(site.id(quem));
            campos["prazo"] = json!(prazo);
        }
        let feita = done(carla.post("/v1/assistencias", &json!({ "campos": campos })));
        ids.push(feita["id"].as_str().unwrap().to_owned());
    }
    let item = json!({ "produto": "Dobradiça 35 mm", "lote_serie": "SN-4471/B" });
    let ocorrencia = json!({ "tipo": "p001.ocorrencia", "campos": {
        "assistencia": ids[0], "tipo_ocorrencia": "regulagem", "relato": "Reclamação do vizinho" },
        "itens": [{ "campos": item }] });
    ids.push(done(carla.post("/v1/ocorrencias", &ocorrencia))["id"].as_str().unwrap().to_owned());
    ids
}

#[test]
fn a_list_is_searched_by_number_client_phone_serial_and_any_text() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let ids = assistencias(&site, &carla);
    let numero = carla.read(&format!("/v1/assistencias/{}", ids[0]))["numero"].clone();
    let numero = numero.as_str().unwrap().replace('/', "%2F");
    let found = |lista: &str, q: &str| -> Vec<usize> {
        let page = carla.read(&format!("/v1/{lista}?ordenar=criado_em&q={q}"));
        let rows = page["itens"].as_array().unwrap().clone();
        rows.iter().map(|row| ids.iter().position(|id| row["id"] == **id).unwrap()).collect()
    };
    for (q, expected) in [
        (numero.as_str(), vec![0]),
        ("cozinha", vec![0]),
        ("COZI", vec![0]),
        ("caida", vec![0]),
        ("porta%20padaria", vec![0]),
        ("porta%20%C3%B3tica", vec![]),
        ("pao", vec![0]),
        ("instalacao", vec![1]),
        ("INSTALA%C3%87%C3%95ES", vec![1]),
        ("agua", vec![1]),
        ("(11)%2098888-7777", vec![0]),
        ("988887777", vec![0]),
        ("33332222", vec![1]),
        ("visao%20gavet", vec![2]),
        ("nada%20disto", vec![]),
        ("%20%20", vec![0, 1, 2]),
    ] {
        assert_eq!(found("assistencias", q), expected, "{q}");
    }
    for q in ["SN-4471%2FB", "sn-4471", "reclamacoes", "dobradica"] {
        assert_eq!(found("ocorrencias", q), [3], "{q}");
    }
}

#[test]
fn filters_narrow_and_what_makes_no_sense_is_said() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let ids = assistencias(&site, &carla);
    let cliente = carla.read(&format!("/v1/assistencias/{}", ids[0]))["campos"]["cliente"].clone();
    let cliente = cliente.as_str().unwrap();
    let cancelar = format!("/v1/assistencias/{}/transicoes/cancelar", ids[2]);
    done(carla.post(&cancelar, &json!({ "motivo": "Desistiu" })));
    let found = |query: &str| {
        let page = carla.read(&format!("/v1/assistencias?ordenar=criado_em&{query}"));
        let rows = page["itens"].as_array().unwrap().clone();
        let places = rows.iter().map(|row| ids.iter().position(|id| row["id"] == **id).unwrap());
        places.collect::<Vec<_>>()
    };
    let ana = site.id("ana");
    for (query, expected) in [
        (String::new(), vec![0, 1, 2]),
        ("situacao=aberta".into(), vec![0, 1]),
        ("situacao=aberta,cancelada".into(), vec![0, 1, 2]),
        ("fase=aberta".into(), vec![0, 1]),
        ("fase=cancelado".into(), vec![2]),
        ("tipo=p001.assistencia".into(), vec![0, 1, 2]),
        ("tipo=outro".into(), vec![]),
        (format!("responsavel={ana}"), vec![0]),
        ("responsavel=nenhum".into(), vec![2]),
        ("responsavel=eu".into(), vec![]),
        (format!("cliente={cliente}"), vec![0]),
        ("atrasado=true".into(), vec![0]),
        ("atrasado=false".into(), vec![1, 2]),
        ("criado_de=2020-01-01&criado_ate=2999-01-01".into(), vec![0, 1, 2]),
        ("criado_ate=2020-01-01".into(), vec![]),
        ("atualizado_de=2999-01-01T00:00:00Z".into(), vec![]),
    ] {
        assert_eq!(found(&query), expected, "{query}");
    }
    let row = carla.read("/v1/assistencias?ordenar=criado_em&limite=1")["itens"][0].clone();
    assert_eq!(row["cliente_nome"], "Padaria Pão Quente");
    assert_eq!(row["responsavel_nome"], "Ana Ribeiro");
    assert_eq!((&row["atrasado"], &row["conflito"]), (&json!(true), &json!(false)));
    assert_eq!(row["situacao"], json!({ "codigo": "aberta", "nome": "Aberta", "fase": "fila" }));
    assert_eq!(row["tipo"]["nome"], "Assistência Técnica");
    assert_eq!(row["campos"]["prazo"], "2020-01-31");
    assert!(row["rotulo"] == row["numero"] && row["recebido_em"].is_string());
    // An ocorrência shows the client of its assistência.
    let row = carla.read("/v1/ocorrencias")["itens"][0].clone();
    assert_eq!(row["cliente_nome"], "Padaria Pão Quente");
    for query in [
        "categoria=a",
        "responsavel=ninguem",
        "cliente=x",
        "atrasado=talvez",
        "criado_de=ontem",
        "cor=azul",
        "ordenar=tenant",
        "limite=0",
    ] {
        assert_eq!(carla.get(&format!("/v1/assistencias?{query}")).status, 400, "{query}");
    }
    assert_eq!(carla.get("/v1/clientes?responsavel=eu").status, 400);
    assert_eq!(carla.get("/v1/marcianos").status, 404);
}

#[test]
fn nothing_that_is_sent_to_a_list_is_read_as_sql() {
    let site = Site::new();
    let carla = Rest::enter(&site, AURORA, "carla");
    let ids = assistencias(&site, &carla);
    let evil = [
        "%27%20OR%201%3D1--",
        "%27%3BDROP%20TABLE%20assistencias%3B--",
        "titulo%29%3B%20SELECT%20pg_sleep%2810%29",
        "%5C%27",
        "%25%25%25",
        "%00",
        "a%00b",
        "%24%241",
        "%3A%2A%20%7C%20%21%28%29%26",
        "t.id",
        "%F0%9F%92%A9",
    ];
    for text in evil {
        for parameter in ["q", "situacao", "fase", "tipo", "responsavel", "cliente", "categoria"] {
            let answer = carla.get(&format!("/v1/ocorrencias?{parameter}={text}"));
            assert!([200, 400].contains(&answer.status), "{parameter}={text}: {}", answer.body);
        }
        for order in [text.to_owned(), format!("-{text}")] {
            let answer = carla.get(&format!("/v1/assistencias?ordenar={order}"));
            assert_eq!(answer.status, 400, "{order}");
        }
    }
    // A cursor that somebody wrote: of another order, with a value that its column cannot have.
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let cursor = |key: Value| URL_SAFE_NO_PAD.encode(key.to_string());
    for (order, key) in [
        ("prazo", json!(["assistencia", "-prazo", ["2026-01-01"], ids[0]])),
        ("prazo", json!(["agenda", "prazo", ["2026-01-01"], ids[0]])),
        ("prazo", json!(["assistencia", "prazo", ["2026-01-01", "2026-01-01"], ids[0]])),
        ("prazo", json!(["assistencia", "prazo", [], ids[0]])),
        ("prazo", json!(["assistencia", "prazo", ["'; DROP TABLE assistencias; --"], ids[0]])),
        ("criado_em", json!(["assistencia", "criado_em", ["ontem"], ids[0]])),
        ("criado_em", json!(["assistencia", "criado_em", ["\u{0}"], ids[0]])),
        ("prazo", json!(["assistencia", "prazo", ["2026-01-01"], "x"])),
        ("prazo", json!([1, 2, 3])),
    ] {
        let path = format!("/v1/assistencias?ordenar={order}&cursor={}", cursor(key.clone()));
        let answer = carla.get(&path);
        let said = (answer.status, answer.json()["codigo"].clone());
        assert_eq!(said, (400, json!("cursor_invalido")), "{key}");
    }
    let whole = format!(
        "/v1/assistencias?ordenar=titulo&cursor={}",
        cursor(json!(["assistencia", "titulo", ["' OR ''='"], ids[0]]))
    );
    assert_eq!(carla.get(&whole).status, 200, "a text is a text");
    assert_eq!(site.count("SELECT count(*) FROM assistencias"), 3);
}
