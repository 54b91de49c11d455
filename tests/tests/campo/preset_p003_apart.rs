//! P003, what stands apart from the walk through its manual: who sees a restricted atendimento, the
//! ação corretiva that groups several, and e-mails that cannot leave.

use crate::{
    office_api::{Caso, Desfecho, NAO_HA, falta},
    preset_p003::{Cenario, DE, cenario},
};
use serde_json::{Value, json};

/// R86: a restricted case leaves the devices of everybody else, and comes back when it is freed.
#[test]
fn r86_a_restricted_case_leaves_and_comes_back() {
    let c = cenario(&[]);
    let caso = c.atendimento("reclamacao", "Diretor ofendido.");
    let (nino, luis) = (c.casa.aparelho(&c.nino), c.casa.aparelho(&c.luis));
    for celular in [&nino, &luis] {
        assert_eq!(celular.registro(caso.id).titulo(), "Diretor ofendido.");
    }
    nobody_is_no_list(&c, &caso);
    let listados =
        json!({ "grupos": ["qualidade"], "usuarios": [c.abel.id, c.rosa.id, c.chefe.id] });
    c.rosa.restringe(&caso, listados).feito();
    c.nino.tenta_ler(&caso).recusa("nao_encontrado", NAO_HA);
    c.nino.anota(&caso, "Quem?").recusa("nao_encontrado", NAO_HA);
    let tudo = json!({ "usuarios": [c.nino.id] });
    c.nino.restringe(&caso, tudo).recusa("nao_encontrado", NAO_HA);
    assert!(c.nino.acha("").is_empty() && c.nino.acha("q=ofendido").is_empty());
    let achado = c.nino.get("/v1/busca?q=ofendido").feito();
    assert_eq!(achado["registros"], json!([]));
    for quem in [&c.luis, &c.abel, &c.chefe, &c.casa.adm] {
        assert_eq!(quem.le(&caso)["restricao"]["grupos"], json!(["qualidade"]));
    }
    nino.sync();
    luis.sync();
    nino.nao_tem(caso.id);
    assert!(nino.search("ofendido").unwrap().is_empty());
    assert_eq!(luis.show(caso.id).unwrap().restricao.unwrap().grupos, ["Qualidade"]);
    c.luis.libera(&caso).recusa("sem_permissao", &falta("gerenciar"));

    // Being its responsável gives no sight of it.
    c.rosa.restringe(&caso, json!({ "usuarios": [c.rosa.id] })).feito();
    c.abel.tenta_ler(&caso).recusa("nao_encontrado", NAO_HA);
    c.rosa.libera(&caso).feito();
    for celular in [&nino, &luis] {
        celular.sync();
        assert_eq!(celular.registro(caso.id).titulo(), "Diretor ofendido.");
    }
    let historia = c.nino.historia(&caso, "historico");
    assert!(historia.contains(&"Visualização restringida.".to_owned()), "{historia:?}");

    // Registered restricted, it was never anybody else's.
    let campos = json!({ "cliente": c.cliente, "responsavel": c.abel.id, "relato": "Sigilo." });
    let sigilo = json!({ "tipo": "p003.reclamacao", "campos": campos,
                         "restricao": { "usuarios": [c.rosa.id, c.abel.id] } });
    let sigilo = c.rosa.abre_com("ocorrencias", &sigilo).caso();
    c.nino.tenta_ler(&sigilo).recusa("nao_encontrado", NAO_HA);
    nino.sync();
    nino.nao_tem(sigilo.id);
    c.casa.confere(&[&nino, &luis]);
}

fn nobody_is_no_list(c: &Cenario, caso: &Caso) {
    c.rosa
        .restringe(caso, json!({}))
        .recusa("campos_obrigatorios", "Preencha o campo obrigatório: Usuários ou grupos.");
    let ninguem = json!({ "grupos": ["inexistente"] });
    c.rosa
        .restringe(caso, ninguem)
        .recusa("valor_invalido", "O valor informado em Grupo não é válido.");
}

/// R76, R77: concluded cases of one tipo are gathered while the ação corretiva is a rascunho.
#[test]
fn r76_r77_an_acao_corretiva_groups_concluded_cases_of_one_tipo() {
    let c = cenario(&[]);
    let nao = "Só registros concluídos do mesmo tipo, que permita ação corretiva, podem ser \
               vinculados, e só a uma ação corretiva em rascunho.";
    let abrir = |registros: Value| json!({ "titulo": "Solda fria", "registros": registros });
    let corretivas = "/v1/acoes-corretivas";
    let [um, dois, tres] =
        ["Pé solto", "Braço solto", "Encosto solto"].map(|r| c.concluido("reclamacao", r));
    let aberto = c.resolvido("reclamacao", "Assento solto");
    let devolucao = c.concluido("devolucao", "Não quer mais.");
    let elogio = c.concluido("elogio", "Ótimo.");
    for caso in [&aberto, &elogio] {
        c.chefe.post(corretivas, &abrir(json!([caso.id]))).recusa("corretiva_nao_permitida", nao);
    }
    c.abel.post(corretivas, &abrir(json!([um.id]))).recusa("sem_permissao", &falta("gerenciar"));
    let feita = c.chefe.post(corretivas, &abrir(json!([um.id]))).feito();
    assert_eq!(feita["situacao"], "rascunho");
    let numero = feita["numero"].as_str().unwrap();
    assert!(numero.starts_with("AC-") && numero.ends_with("/000001"), "{numero}");
    let path = format!("{corretivas}/{}", feita["id"].as_str().unwrap());
    let vincular = |registros: Value| {
        c.chefe.post(&format!("{path}/registros"), &json!({ "registros": registros }))
    };
    // All or nothing.
    vincular(json!([dois.id, aberto.id])).recusa("corretiva_nao_permitida", nao);
    vincular(json!([devolucao.id])).recusa("corretiva_nao_permitida", nao);
    let so_um = c.chefe.get(&path).feito();
    assert_eq!(so_um["registros"].as_array().unwrap().len(), 1);
    let todos = vincular(json!([dois.id, tres.id])).feito();
    assert_eq!(todos["registros"].as_array().unwrap().len(), 3);

    let celular = c.casa.aparelho(&c.abel);
    for caso in [&um, &dois, &tres] {
        let historia = c.abel.historia(caso, "historico");
        let vinculada = format!("Ação corretiva {numero} vinculada.");
        assert_eq!(historia.last(), Some(&vinculada));
        assert_eq!(c.abel.le(caso)["corretivas"][0]["numero"], numero);
        assert_eq!(celular.show(caso.id).unwrap().corretivas[0].numero, numero);
    }
    let quarto = c.concluido("reclamacao", "Rodízio solto");
    let andou = c.chefe.post(&format!("{path}/iniciar"), &json!({})).feito();
    assert_eq!(andou["situacao"], "em_execucao");
    vincular(json!([quarto.id])).recusa("corretiva_nao_permitida", nao);
    let fim = c.chefe.post(&format!("{path}/encerrar"), &json!({})).feito();
    assert_eq!(fim["situacao"], "encerrada");
    assert_eq!(c.abel.lista(&format!("{corretivas}?situacao=encerrada")).len(), 1);
    c.casa.confere(&[&celular]);
}

/// R60, R66: where no e-mail can leave, the work is done all the same, and the e-mail says why.
#[test]
fn an_e_mail_that_cannot_leave_is_kept_and_says_why() {
    let c = cenario(&[DE]);
    let caso = c.atendimento("reclamacao", "Sem resposta.");
    let interessado = caso.em(&format!("/interessados/{}", c.luis.id));
    c.rosa.send("PUT", &interessado, &[], None).feito();
    c.rosa.pede_com(&caso, "iniciar", json!({ "email": true })).leva_a("iniciado");
    let emails = || c.casa.adm.lista("/v1/emails");
    c.casa.ate("the reason", || emails().iter().all(|email| email["situacao"] == "nao_enviado"));
    let emails = emails();
    assert_eq!(emails.len(), 2);
    for email in &emails {
        let erro = email["erro"].as_str().unwrap();
        assert!(erro.ends_with("falta CAMPO_SMTP"), "{erro}");
        assert_eq!((&email["modelo"], &email["documento"]), (&json!("abertura"), &json!(caso.id)));
    }
    // A client without an address holds nothing up.
    let mudo = c.casa.adm.cliente(json!({ "nome": "Sem e-mail" }));
    let campos = json!({ "cliente": mudo, "responsavel": c.abel.id, "relato": "Barulho." });
    let caso = c.rosa.abre("p003.reclamacao", campos).caso();
    c.rosa.pede_com(&caso, "iniciar", json!({ "email": true })).leva_a("iniciado");
    let email = c.casa.adm.lista(&format!("/v1/emails?documento={}", caso.id)).remove(0);
    assert_eq!(email["situacao"], "sem_endereco");
    assert_eq!(email["erro"], "não há endereço de e-mail cadastrado");
    let cancelar = format!("/v1/emails/{}/cancelar", email["id"].as_str().unwrap());
    for path in ["/v1/emails", &cancelar] {
        let method = if path == cancelar { "POST" } else { "GET" };
        c.abel.send(method, path, &[], None).recusa("sem_permissao", &falta("administrar"));
    }
    c.casa.adm.send("POST", &cancelar, &[], None).feito();
    assert_eq!(c.abel.lista(&caso.em("/emails"))[0]["situacao"], "cancelado");
}

/// R66, R78, R81: who sees the case sees what was written about it, and to the client in between.
#[test]
fn what_was_written_about_a_case_is_read_with_it() {
    let c = cenario(&[]);
    let caso = c.atendimento("reclamacao", "Sem resposta.");
    c.rosa.anota(&caso, "Avisei por telefone.").feito();
    let interessado = caso.em(&format!("/interessados/{}", c.luis.id));
    c.rosa.send("PUT", &interessado, &[], None).feito();
    c.rosa.pede_com(&caso, "iniciar", json!({ "email": true })).leva_a("iniciado");
    c.rosa.anota(&caso, "Comecei.").feito();
    let emails = c.abel.lista(&caso.em("/emails"));
    assert_eq!(emails.len(), 2);
    assert_eq!(c.abel.lista(&caso.em("/emails?limite=1")), emails[..1]);
    let ao_cliente = emails.iter().find(|email| email["usuario"].is_null()).unwrap();

    for visao in ["tudo", "historico"] {
        let linhas = c.abel.acompanha(&caso, visao);
        let lugar = linhas.iter().position(|linha| linha["tipo"] == "email").unwrap();
        let email = &linhas[lugar]["email"];
        for campo in ["id", "endereco", "assunto", "corpo", "criado_em"] {
            assert_eq!(email[campo], ao_cliente[campo], "{campo} in {visao}");
        }
        assert_eq!(linhas[lugar - 1]["texto"], "Comecei.");
        assert_eq!(linhas[lugar + 1]["texto"], "Situação: Aberto → Iniciado.");
        // Page by page, each line once.
        let mut paginas = Vec::new();
        let primeira = caso.em(&format!("/acompanhamento?visao={visao}&limite=1"));
        let mut path = primeira.clone();
        loop {
            let pagina = c.abel.get(&path).feito();
            paginas.extend(pagina["itens"].as_array().unwrap().clone());
            let Some(cursor) = pagina["proximo"].as_str() else { break };
            path = format!("{primeira}&cursor={cursor}");
        }
        let lugares = |linhas: &[Value]| -> Vec<Value> {
            linhas.iter().map(|linha| json!([linha["seq"], linha["ordem"]])).collect()
        };
        assert_eq!(lugares(&paginas), lugares(&linhas));
    }
    let conversas = c.abel.acompanha(&caso, "conversas");
    let textos: Vec<&str> =
        conversas.iter().map(|linha| linha["texto"].as_str().unwrap()).collect();
    assert_eq!((textos[0], textos[2]), ("Avisei por telefone.", "Comecei."));
    assert_eq!(conversas[1]["email"]["id"], ao_cliente["id"]);
    assert!(!c.abel.historia(&caso, "alteracoes").iter().any(|t| t.starts_with("E-mail")));

    c.rosa.restringe(&caso, json!({ "usuarios": [c.rosa.id, c.abel.id] })).feito();
    c.nino.get(&caso.em("/emails")).recusa("nao_encontrado", NAO_HA);
    let outro = format!("/v1/assistencias/{}/emails", caso.id);
    c.abel.get(&outro).recusa("nao_encontrado", NAO_HA);
}

/// R87: to be interested is not to see: only who may read the case is told of it.
#[test]
fn an_interessado_who_may_not_see_the_case_is_not_told() {
    let c = cenario(&[]);
    let so_o_seu = c.casa.pessoa("tito", "ver");
    let caso = c.atendimento("reclamacao", "Quebrou.");
    for quem in [&so_o_seu, &c.luis] {
        let interessado = caso.em(&format!("/interessados/{}", quem.id));
        c.rosa.send("PUT", &interessado, &[], None).feito();
    }
    c.rosa.pede(&caso, "iniciar").leva_a("iniciado");
    let nomes = || -> Vec<Value> {
        let emails = c.rosa.lista(&caso.em("/emails"));
        emails.into_iter().map(|email| email["usuario"].clone()).collect()
    };
    assert_eq!(nomes(), [json!(c.luis.id)]);
}

/// R76: however many are opened at once, each has its records and the next number, and the server
/// answers others meanwhile.
#[test]
fn many_acoes_corretivas_at_once_leave_no_gap_and_no_orphan() {
    let c = cenario(&[]);
    let caso = c.concluido("reclamacao", "Solda fria.");
    let abrir = json!({ "titulo": "Solda", "registros": [caso.id] });
    let abertas: Vec<Value> = std::thread::scope(|scope| {
        let um = || scope.spawn(|| c.chefe.post("/v1/acoes-corretivas", &abrir).feito());
        let todas: Vec<_> = (0..48).map(|_| um()).collect();
        assert_eq!(c.casa.ninguem().get("/readyz").status, 200);
        todas.into_iter().map(|uma| uma.join().unwrap()).collect()
    });
    assert!(abertas.iter().all(|uma| uma["registros"][0]["id"] == json!(caso.id)));
    let fim = |uma: &Value| uma["numero"].as_str().unwrap().rsplit('/').next().map(str::to_owned);
    let mut numeros: Vec<_> = abertas.iter().filter_map(fim).collect();
    numeros.sort();
    assert!(numeros.iter().eq(&(1..=48).map(|n| format!("{n:06}")).collect::<Vec<_>>()));
    assert_eq!(c.chefe.lista("/v1/acoes-corretivas?limite=200").len(), 48);
    assert_eq!(c.chefe.le(&caso)["corretivas"].as_array().unwrap().len(), 48);
}
