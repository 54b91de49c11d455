//! What the API says of records that belong together: a case's children, client and address; the
//! search, which the telephone's equals; and the feed for who keeps a copy.

use crate::{
    casa::Casa,
    office_api::{Api, Caso, Resposta},
};
use campo_domain::ids::DocumentId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The ids of a list's rows.
fn ids(linhas: &[Value], campo: &str) -> Vec<String> {
    linhas.iter().map(|linha| linha[campo].as_str().unwrap().to_owned()).collect()
}

/// Every row of a list, by pages of two.
#[track_caller]
fn tudo(quem: &Api, path: &str) -> Vec<Value> {
    let (mut linhas, mut cursor) = (Vec::new(), String::new());
    loop {
        let pagina = quem.get(&format!("{path}&limite=2{cursor}")).feito();
        linhas.extend(pagina["itens"].as_array().unwrap().clone());
        match pagina["proximo"].as_str() {
            Some(proximo) => cursor = format!("&cursor={proximo}"),
            None => return linhas,
        }
    }
}

fn errado(resposta: &Resposta) -> (u16, &str) {
    (resposta.status, resposta.corpo["codigo"].as_str().unwrap())
}

/// Two clients, each with an assistência; the first's has an ocorrência and three visits.
struct Cenario {
    casa: Casa,
    olga: Api,
    ines: DocumentId,
    caso: Caso,
    outro: Caso,
    ocorrencia: Caso,
    visita: Caso,
    entrega: Caso,
}

fn cenario() -> Cenario {
    let casa = Casa::nova("P001");
    let olga = casa.pessoa("olga", "ver ver_todas gerenciar");
    casa.adm.cataloga("fornecedor", "f-0012", "Móveis Norte", json!({}));
    let cliente = |nome: &str| casa.adm.cliente(json!({ "nome": nome }));
    let (ines, alvaro) = (cliente("Inês Conceição"), cliente("Álvaro Reis"));
    let dados = json!({ "cliente": ines, "endereco": "Rua das Acácias, 120", "uf": "SP" });
    casa.adm.cataloga("contrato", "c-1", "Contrato 1", dados);
    let abre = |em: &str, campos: Value| olga.abre_com(em, &json!({ "campos": campos })).caso();
    let caso = abre("assistencias", json!({ "contrato": "c-1", "situacao_alegada": "Porta" }));
    let outro = abre("assistencias", json!({ "cliente": alvaro, "situacao_alegada": "Tampo" }));
    let ocorrencia = |de: &Caso| {
        let campos = json!({ "assistencia": de.id, "tipo_ocorrencia": "regulagem",
            "modalidade": "transportadora", "fornecedor": "f-0012", "relato": "Empenou" });
        abre("ocorrencias", campos)
    };
    ocorrencia(&outro);
    let ocorrencia = ocorrencia(&caso);
    let agenda = |tipo: &str, dia: u32, de: Value| {
        let mut campos = json!({ "tipo_agenda": tipo, "responsavel": olga.id,
            "inicio": format!("2026-12-{dia:02}T12:00:00Z"), "assunto": "Ir lá",
            "fim": format!("2026-12-{dia:02}T13:00:00Z") });
        campos.as_object_mut().unwrap().extend(de.as_object().unwrap().clone());
        abre("agendas", campos)
    };
    let visita = agenda(
        "assistencia_tecnica",
        10,
        json!({ "assistencia": caso.id, "ocorrencia": ocorrencia.id }),
    );
    let entrega = agenda("entrega", 11, json!({ "assistencia": caso.id }));
    agenda("assistencia_tecnica", 12, json!({ "assistencia": outro.id }));
    Cenario { casa, olga, ines, caso, outro, ocorrencia, visita, entrega }
}

#[test]
fn r12_r42_what_belongs_to_an_assistencia_is_asked_for_and_shown_in_it() {
    let c = cenario();
    let (visita, entrega) = (c.visita.id.to_string(), c.entrega.id.to_string());
    let ocorrencia = c.ocorrencia.id.to_string();
    let acha = |path: &str| ids(&c.olga.lista(&format!("/v1/{path}&ordenar=criado_em")), "id");
    let caso = c.caso.id;
    let so = std::slice::from_ref::<String>;
    assert_eq!(acha(&format!("ocorrencias?assistencia={caso}")), so(&ocorrencia));
    for (query, esperadas) in [
        (format!("assistencia={caso}"), vec![&visita, &entrega]),
        (format!("assistencia={caso}&na_assistencia=true"), vec![&visita]),
        (format!("assistencia={caso}&na_assistencia=false"), vec![&entrega]),
        (format!("ocorrencia={ocorrencia}"), vec![&visita]),
        ("tipo_agenda=entrega,medicao".into(), vec![&entrega]),
        ("inicio_de=2026-12-10&inicio_ate=2026-12-11".into(), vec![&visita, &entrega]),
        ("inicio_de=2026-12-11&inicio_ate=2026-12-11".into(), vec![&entrega]),
    ] {
        assert_eq!(
            acha(&format!("agendas?{query}")),
            Vec::from_iter(esperadas.into_iter().cloned())
        );
    }
    let ficha = c.olga.le(&c.caso);
    let filhos = |ficha: &Value, quais: &str| ids(ficha[quais].as_array().unwrap(), "id");
    assert_eq!(filhos(&ficha, "ocorrencias"), so(&ocorrencia));
    assert_eq!(filhos(&ficha, "agendas"), so(&visita), "the catalogue says which");
    assert_eq!(filhos(&c.olga.le(&c.ocorrencia), "agendas"), [visita]);

    for pedido in [
        format!("/v1/assistencias?assistencia={caso}"),
        format!("/v1/ocorrencias?ocorrencia={ocorrencia}"),
        "/v1/ocorrencias?inicio_de=2026-12-10".into(),
        "/v1/agendas?modulo=x".into(),
        "/v1/ocorrencias?plano_mensal=2026-13".into(),
        "/v1/ocorrencias?fase=zzz".into(),
        "/v1/ocorrencias?situacao=aberta,zzz".into(),
        "/v1/ocorrencias?ordenar=fase,tipo,titulo,numero".into(),
    ] {
        assert_eq!(errado(&c.olga.get(&pedido)), (400, "pedido_invalido"), "{pedido}");
    }
    // A cursor is of one list in one order.
    let pagina = c.olga.get("/v1/ocorrencias?limite=1").feito();
    let cursor = pagina["proximo"].as_str().unwrap();
    for pedido in ["agendas?", "ocorrencias?ordenar=titulo&", "fontes/registros?"] {
        let resposta = c.olga.get(&format!("/v1/{pedido}cursor={cursor}"));
        assert_eq!(errado(&resposta), (400, "cursor_invalido"), "{pedido}");
    }
}

#[test]
fn r41_r91_the_client_and_the_address_of_a_case_are_those_of_all_that_belongs_to_it() {
    let c = cenario();
    let ines = json!({ "id": c.ines, "nome": "Inês Conceição" });
    for registro in [&c.caso, &c.ocorrencia, &c.visita] {
        let ficha = c.olga.le(registro);
        assert_eq!(ficha["cliente"], ines);
        assert_eq!(ficha["endereco_efetivo"]["endereco"], "Rua das Acácias, 120");
    }
    for lista in ["ocorrencias", "agendas", "assistencias"] {
        let nomes = |ordem: &str| {
            ids(&tudo(&c.olga, &format!("/v1/{lista}?ordenar={ordem},titulo")), "cliente_nome")
        };
        let (cresce, decresce) = (nomes("cliente"), nomes("-cliente"));
        assert_eq!((&*cresce[0], &*decresce[0]), ("Álvaro Reis", "Inês Conceição"), "{lista}");
        assert!(cresce.is_sorted_by_key(|nome| nome != "Álvaro Reis"), "{cresce:?}");
    }
    let linhas = c.olga.lista("/v1/fontes/registros?limite=200");
    for linha in linhas {
        assert!(linha["cliente_id"].is_string() && linha["cliente_nome"].is_string(), "{linha}");
        let quando = linha["atualizado_em"].as_str().unwrap();
        c.olga.get(&format!("/v1/fontes/registros?atualizado_de={quando}")).feito();
    }
    let achado = c.olga.get("/v1/busca?q=ines&limite=50").feito();
    let achados = achado["registros"].as_array().unwrap();
    assert_eq!(achados.len(), 5);
    assert!(achados.iter().all(|achado| achado["cliente"] == "Inês Conceição"), "{achados:?}");
    // The technician reads where to go.
    let celular = c.casa.aparelho(&c.olga);
    for id in [c.ocorrencia.id, c.visita.id] {
        let detalhe = celular.show(id).unwrap();
        assert_eq!(detalhe.linha.cliente_nome.as_deref(), Some("Inês Conceição"));
        assert_eq!(detalhe.endereco_efetivo.unwrap()["endereco"], "Rua das Acácias, 120");
    }
}

#[test]
fn r36_r91_the_office_finds_what_the_telephone_finds() {
    let c = cenario();
    let (caso, casa) = (&c.ocorrencia, &c.casa);
    c.olga.anota(caso, "Rodapé solto").feito();
    casa.adm.cataloga("contato", "joana", "Joana", json!({ "telefone": "11 98888-0000" }));
    c.olga.inclui(caso, "vinculos", json!({ "relacao": "contato", "contato": "joana" })).feito();
    c.olga.altera(caso, json!({ "contato_telefone": "(11) 97777-1111" })).feito();
    c.olga.inclui(caso, "itens", json!({ "produto": "Trilho" , "quantidade": "1" })).feito();
    c.olga.pede_por(&c.caso, "cancelar", "Mudou de endereço").feito();
    let celular = casa.aparelho(&c.olga);
    let acham = |q: &str| {
        let na_lista = c.olga.acha(&format!("q={q}"));
        let busca = c.olga.get(&format!("/v1/busca?q={q}&limite=50")).feito();
        let na_busca = ids(busca["registros"].as_array().unwrap(), "id");
        let no_celular = celular.search(&q.replace("%20", " ")).unwrap();
        assert!(na_lista.iter().all(|id| na_busca.contains(&id.to_string())), "{q}");
        let no_celular: BTreeSet<_> = no_celular.into_iter().map(|l| l.id.to_string()).collect();
        assert_eq!(BTreeSet::from_iter(na_busca), no_celular, "{q}");
        na_lista
    };
    for q in ["rodape", "trilho", "988880000", "98888-0000", "joana", "977771111"] {
        assert_eq!(acham(q), [caso.id], "{q}");
    }
    for q in ["moveis%20norte", "paga%20pela%20transportadora", "regulagem%20empenou"] {
        assert_eq!(acham(q).len(), 2, "{q}");
    }
    let achado = c.olga.get("/v1/assistencias?q=mudou%20endereco").feito();
    assert_eq!(achado["itens"][0]["id"], json!(c.caso.id));
    // By the name of today, without the record being written again.
    casa.adm.cataloga("fornecedor", "f-0012", "Marcenaria Sul", json!({}));
    assert_eq!(c.olga.acha("q=marcenaria").len(), 2);
    assert_eq!(c.olga.acha("q=moveis%20norte").len(), 0);
    // Who may not see a case does not find it.
    let zeca = casa.pessoa("zeca", "ver");
    assert_eq!(zeca.acha("q=rodape").len(), 0);
    assert_eq!(zeca.get("/v1/busca?q=marcenaria").feito()["registros"], json!([]));
    c.casa.confere(&[&celular]);
}

#[test]
fn r57_a_queue_is_ordered_by_several_columns_and_a_plan_is_of_one_month() {
    let casa = Casa::nova("P002");
    casa.adm.cataloga("modulo", "vendas", "Vendas", json!({}));
    let cliente = casa.adm.cliente(json!({ "nome": "Loja Sul" }));
    for (assunto, categoria, esforco, modulo) in [
        ("a", "problema", Some(3), None),
        ("b", "duvida", Some(1), Some("vendas")),
        ("c", "problema", Some(1), None),
        ("d", "duvida", None, None),
        ("e", "sugestao", Some(5), Some("vendas")),
        ("f", "problema", None, None),
        ("g", "duvida", Some(2), None),
        ("h", "problema", Some(1), None),
    ] {
        let campos = json!({ "cliente": cliente, "relato": "x", "assunto": assunto,
            "categoria": categoria, "esforco": esforco, "modulo": modulo });
        casa.adm.abre("p002.ocorrencia", campos).feito();
    }
    let titulos =
        |query: &str| ids(&tudo(&casa.adm, &format!("/v1/ocorrencias?{query}")), "titulo").concat();
    // Empty ones are last either way.
    assert_eq!(titulos("ordenar=categoria,esforco,titulo"), "chafbgde");
    assert_eq!(titulos("ordenar=categoria,-esforco,titulo"), "achfgbde");
    assert_eq!(titulos("ordenar=-categoria,esforco,-titulo"), "ebgdhcaf");
    assert_eq!(titulos("ordenar=esforco,-categoria,titulo"), "bchgaedf");
    assert_eq!(titulos("ordenar=titulo,-fase"), "abcdefgh");
    assert_eq!(titulos("modulo=vendas&ordenar=titulo"), "be");
    for (titulo, dia) in [("a", "2026-12-01"), ("b", "2026-12-31"), ("c", "2027-01-01")] {
        casa.sql(&format!(
            "UPDATE ocorrencias SET plano_mensal = '{dia}' WHERE titulo = '{titulo}'"
        ));
    }
    assert_eq!(titulos("plano_mensal=2026-12&ordenar=titulo"), "ab");
    assert_eq!(titulos("plano_mensal=2027-02&ordenar=titulo"), "");
}

/// What a program that keeps a copy has after it has read on from there: what it was told to remove
/// is not in it.
fn copia(quem: &Api, copia: &mut BTreeSet<String>, desde: i64) -> i64 {
    let linhas = tudo(quem, &format!("/v1/fontes/mudancas?depois_de={desde}"));
    for linha in &linhas {
        let chaves: Vec<&String> = linha.as_object().unwrap().keys().collect();
        assert_eq!(chaves, ["kind", "registro", "removido", "seq"]);
        let id = linha["registro"].as_str().unwrap().to_owned();
        match linha["removido"] == true {
            true => copia.remove(&id),
            false => copia.insert(id),
        };
    }
    let posicoes: Vec<i64> = linhas.iter().map(|linha| linha["seq"].as_i64().unwrap()).collect();
    assert!(posicoes.is_sorted());
    posicoes.last().copied().unwrap_or(desde)
}

#[test]
fn a_copy_follows_the_log_and_loses_what_is_no_longer_seen() {
    let c = cenario();
    let adm = &c.casa.adm;
    let erp = adm.chave("registros:ler", "ver ver_todas");
    let (mut tem, mut de_zeca) = (BTreeSet::new(), BTreeSet::new());
    let seq = copia(&erp, &mut tem, 0);
    let todos: BTreeSet<String> =
        tudo(adm, "/v1/fontes/registros?").iter().map(|l| l["registro"].to_string()).collect();
    let todos: BTreeSet<String> = todos.iter().map(|id| id.trim_matches('"').to_owned()).collect();
    assert_eq!(tem, todos);
    assert_eq!(tudo(&erp, &format!("/v1/fontes/mudancas?depois_de={seq}")), [] as [Value; 0]);

    // A part that is removed is a change of its record, at its last place alone.
    let item = c.olga.inclui(&c.ocorrencia, "itens", json!({ "produto": "Trilho" })).feito();
    let itens = item["registro"]["itens"].as_array().or(item["itens"].as_array()).cloned();
    let item = itens.map_or(item["id"].clone(), |itens| itens[0]["id"].clone());
    c.olga.remove(&c.ocorrencia, "itens", item.as_str().unwrap()).feito();
    let mudou = tudo(&erp, &format!("/v1/fontes/mudancas?depois_de={seq}"));
    assert_eq!(ids(&mudou, "registro"), [c.ocorrencia.id.to_string()]);
    let seq = copia(&erp, &mut tem, seq);
    let so = tudo(&erp, "/v1/fontes/mudancas?kind=agenda");
    assert!(so.len() == 3 && so.iter().all(|linha| linha["kind"] == "agenda"));

    // Somebody who sees none of it learns of the clients alone.
    let zeca = c.casa.pessoa("zeca", "ver");
    let dele = copia(&zeca, &mut de_zeca, 0);
    assert_eq!(de_zeca.len(), 2);
    let participa = c.caso.em(&format!("/participantes/{}", zeca.id));
    c.olga.send("PUT", &participa, &[], None).feito();
    let dele = copia(&zeca, &mut de_zeca, dele);
    let do_caso = [&c.caso, &c.ocorrencia, &c.visita, &c.entrega];
    assert!(do_caso.iter().all(|caso| de_zeca.contains(&caso.id.to_string())), "the whole case");
    assert!(!de_zeca.contains(&c.outro.id.to_string()));
    c.olga.send("DELETE", &participa, &[], None).feito();
    copia(&zeca, &mut de_zeca, dele);
    assert_eq!(de_zeca.len(), 2, "and none of it");

    // A restriction takes the case from the program, and lifting it gives it back.
    adm.restringe(&c.caso, json!({ "usuarios": [c.olga.id], "grupos": [] })).feito();
    let seq = copia(&erp, &mut tem, seq);
    assert!(do_caso.iter().all(|caso| !tem.contains(&caso.id.to_string())));
    assert_eq!(tem.len(), todos.len() - do_caso.len());
    adm.libera(&c.caso).feito();
    copia(&erp, &mut tem, seq);
    assert_eq!(tem, todos);

    for pedido in ["mudancas?atualizado_de=2026-01-01", "registros?depois_de=1"] {
        let resposta = erp.get(&format!("/v1/fontes/{pedido}"));
        assert_eq!(errado(&resposta), (400, "pedido_invalido"), "{pedido}");
    }
    // Of a log that is no longer there.
    let resposta = erp.get("/v1/fontes/mudancas?depois_de=999999999999");
    assert_eq!(errado(&resposta), (400, "cursor_invalido"));
}

#[test]
fn the_work_of_somebody_who_left_is_nobodys() {
    let c = cenario();
    let lia = c.casa.pessoa("lia", "ver");
    c.olga.altera(&c.caso, json!({ "responsavel": lia.id })).feito();
    let de_ninguem = || ids(&c.olga.lista("/v1/assistencias?responsavel=nenhum"), "id").into_iter();
    let seu = c.caso.id.to_string();
    assert!(!de_ninguem().any(|id| id == seu));
    c.casa.sql(&format!("UPDATE usuario SET ativo = false WHERE id = '{}'", lia.id));
    assert!(de_ninguem().any(|id| id == seu));
    assert!(de_ninguem().all(|id| id == seu || id == c.outro.id.to_string()));
}
