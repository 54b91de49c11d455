//! P004, Ocorrências de CRM, from its manual's first screen to its last: opened for a conta,
//! assigned to a colleague, talked over with the client, related to other records, closed and taken
//! up again; and lists that are sorted, searched and copied from.

use crate::{
    aparelho::Aparelho,
    casa::Casa,
    office_api::{Api, Caso, Desfecho, NAO_HA, fechado, nao_cabe},
};
use campo_domain::{ids::DocumentId, parte::Colecao, registro::Visibilidade};
use campo_mobile_core::{Filtro, Ordem, View};
use campo_server::timers;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Two colleagues, a conta, its contact, and its login in the portal.
struct Cenario {
    casa: Casa,
    sol: Api,
    tom: Api,
    pat: Api,
    aurora: DocumentId,
}

fn cenario() -> Cenario {
    let casa = Casa::nova("P004");
    let aurora = casa.adm.cliente(json!({ "nome": "Padaria Aurora" }));
    let joana = json!({ "cliente": aurora, "telefone": "11 98888-0000" });
    casa.adm.cataloga("contato", "joana", "Joana", joana);
    Cenario {
        sol: casa.pessoa("sol", "ver ver_todas"),
        tom: casa.pessoa("tom", "ver ver_todas"),
        pat: casa.portal("pat", aurora),
        casa,
        aurora,
    }
}

impl Cenario {
    /// Another case of the same conta.
    fn novo(&self, assunto: &str, prioridade: &str) -> Caso {
        let campos = json!({ "assunto": assunto, "cliente": self.aurora,
                             "prioridade": prioridade });
        self.sol.abre("p004.ocorrencia", campos).caso()
    }
}

#[test]
fn p004_from_the_first_screen_to_the_last() {
    let c = cenario();
    let (sol, tom) = (c.casa.aparelho(&c.sol), c.casa.aparelho(&c.tom));
    let caso = a_case_is_opened_for_a_conta(&c, &sol);
    it_is_assigned_to_a_colleague(&c, &sol, &tom, &caso);
    information_is_waited_for(&c, &caso);
    what_is_said_makes_one_thread(&c, &sol, &caso);
    it_is_related_to_other_records(&c, &sol, &caso);
    it_is_closed_and_taken_up_again(&c, &sol, &caso);
    rejected_or_a_duplicate(&c);
    lists_are_sorted_and_paged(&c, &sol);
    lists_are_searched_and_edited_from(&c, &caso);
    a_copy_begins_anew(&c, &caso);
    every_change_is_logged(&c, &sol, &caso);
    two_phones_change_the_same_field(&c, &sol, &tom, &caso);
    c.casa.confere(&[&sol, &tom]);
}

/// R37.
fn a_case_is_opened_for_a_conta(c: &Cenario, sol: &Aparelho) -> Caso {
    sol.registra("p004.ocorrencia", &[], &[])
        .recusa("campos_obrigatorios", "Preencha os campos obrigatórios: Assunto, Conta.");
    let id = sol.registra(
        "p004.ocorrencia",
        &[
            ("assunto", "Forno não esquenta"),
            ("cliente", &c.aurora.to_string()),
            ("tipo_ocorrencia", "produto"),
            ("prioridade", "alta"),
            ("relato", "Desde ontem o forno não passa de 90 graus."),
            ("interno", "não"),
        ],
        &[],
    );
    let id = id.unwrap();
    let linha = sol.show(id).unwrap().linha;
    assert!(linha.rotulo.starts_with("P-"), "{}", linha.rotulo);
    assert_eq!((&*linha.titulo, &*linha.situacao_nome), ("Forno não esquenta", "Novo"));
    sol.editar(id, "categoria", "problema")
        .recusa("campo_fora_do_tipo", "Este tipo de registro não tem o campo Categoria.");
    let campos = sol.show(id).unwrap().campos;
    let rotulos: Vec<_> = campos.iter().map(|campo| campo.rotulo.as_str()).collect();
    assert_eq!(
        rotulos,
        [
            "Assunto",
            "Conta",
            "Tipo",
            "Prioridade",
            "Descrição",
            "Resolução",
            "Atribuído a",
            "Interno",
        ]
    );
    sol.sync();
    assert!(sol.registro(id).numero.unwrap().ends_with("/000001"));
    Caso::ocorrencia(id)
}

/// R39.
fn it_is_assigned_to_a_colleague(c: &Cenario, sol: &Aparelho, tom: &Aparelho, caso: &Caso) {
    sol.pede(caso.id, "atribuir").recusa("exige_campo", "Preencha antes: Atribuído a.");
    sol.editar(caso.id, "responsavel", &c.tom.id.to_string()).unwrap();
    sol.pede(caso.id, "atribuir").unwrap();
    assert_eq!(sol.mostra(caso.id).1.as_deref(), Some("Atribuído"));
    sol.sync();
    assert_eq!(c.tom.acha("responsavel=eu"), [caso.id]);
    tom.sync();
    let minhas = Filtro { apenas_minhas: true, ..Filtro::default() };
    assert_eq!(tom.ocorrencias(&minhas).unwrap().linhas[0].id, caso.id);
    tom.editar(caso.id, "responsavel", &c.sol.id.to_string()).unwrap();
    tom.editar(caso.id, "prioridade", "urgente").unwrap();
    tom.sync();
    let ficha = c.sol.le(caso);
    assert_eq!(ficha["campos"]["responsavel"], json!(c.sol.id));
    assert_eq!(ficha["prioridade"], "urgente");
}

fn information_is_waited_for(c: &Cenario, caso: &Caso) {
    let portal = caso.no_portal();
    c.tom.pede(caso, "solicitar_informacao").leva_a("aguardando_informacao");
    // This product's waits end by themselves never.
    let tick = timers::tick(&c.casa.app.db, Utc::now() + TimeDelta::days(365));
    assert_eq!(c.casa.rt.block_on(tick).unwrap(), 0);
    assert_eq!(c.pat.le(&portal)["situacao"]["nome"], "Aguardando Informação");
    c.tom
        .pede_por(caso, "responder", "Eu")
        .recusa("nao_cabe_a_voce", "“Responder” não pode ser pedido por você.");
    c.pat.pede_por(&portal, "responder", "O forno é de 2019.").leva_a("atribuido");
    c.sol.pede(caso, "solicitar_informacao").leva_a("aguardando_informacao");
    c.sol.pede(caso, "retomar").leva_a("atribuido");
    let interno = json!({ "interno": true });
    c.sol.altera(caso, interno).feito();
    c.pat.tenta_ler(&portal).recusa("nao_encontrado", NAO_HA);
    c.sol.altera(caso, json!({ "interno": false })).feito();
    c.pat.le(&portal);
}

/// R81.
fn what_is_said_makes_one_thread(c: &Cenario, sol: &Aparelho, caso: &Caso) {
    let portal = caso.no_portal();
    let pergunta = c.tom.diz_ao_cliente(caso, "Qual o modelo?").id();
    let responde = |texto: &str, a: &str| {
        let nota = json!({ "texto": texto, "resposta_a": a });
        c.pat.post(&portal.em("/notas"), &nota)
    };
    let resposta = responde("Turbo 8.", &pergunta).feito();
    let resposta = resposta["notas"].as_array().unwrap().last().unwrap()["id"].clone();
    let resposta = resposta.as_str().unwrap().parse().unwrap();
    sol.sync();
    sol.conversar(caso.id, "Vou levar a peça.", Visibilidade::Cliente, Some(resposta)).unwrap();
    sol.anotar(caso.id, "Cliente paga em dia.").unwrap();
    sol.sync();
    let interna = c.casa.registro(caso.id).notas.last().unwrap().id.to_string();
    let nao = "O valor informado em Acompanhamento não é válido.";
    responde("Li isso.", &interna).recusa("valor_invalido", nao);
    responde("A quem?", &uuid::Uuid::now_v7().to_string()).recusa("valor_invalido", nao);

    let conversas = c.tom.acompanha(caso, "conversas");
    let fio = conversas.iter().find(|conversa| conversa["id"] == pergunta).unwrap();
    let ditos: Vec<_> =
        fio["respostas"].as_array().unwrap().iter().map(|nota| &nota["texto"]).collect();
    assert_eq!(ditos, ["Turbo 8.", "Vou levar a peça."]);
    let no_celular = sol.acompanhamento(caso.id, View::Conversas).unwrap();
    let fio: Vec<_> = no_celular.iter().map(|nota| (nota.nivel, nota.texto.as_str())).collect();
    assert_eq!(
        fio,
        [
            (0, "Qual o modelo?"),
            (1, "Turbo 8."),
            (2, "Vou levar a peça."),
            (0, "Cliente paga em dia.")
        ]
    );
    let no_portal = c.pat.le(&portal)["notas"].clone();
    let no_portal: Vec<_> =
        no_portal.as_array().unwrap().iter().map(|nota| nota["texto"].clone()).collect();
    assert_eq!(no_portal, ["Qual o modelo?", "Turbo 8.", "Vou levar a peça."]);
}

/// R38.
fn it_is_related_to_other_records(c: &Cenario, sol: &Aparelho, caso: &Caso) {
    let outra = c.novo("Forno da filial", "normal");
    let bug = c.sol.abre("p004.bug", json!({ "assunto": "Termostato lê errado" })).caso();
    sol.sync();
    let liga = |relacao: &str, campo: &str, a: &str| {
        sol.inclui(caso.id, Colecao::Vinculos, &[("relacao", relacao), (campo, a)]).unwrap();
    };
    liga("relacionado", "documento", &outra.id.to_string());
    liga("bug", "documento", &bug.id.to_string());
    liga("conta", "documento", &c.aurora.to_string());
    liga("contato", "contato", "joana");
    sol.inclui(caso.id, Colecao::Vinculos, &[("relacao", "causa")])
        .recusa("campos_obrigatorios", "Preencha os campos obrigatórios: Registro, Contato.");
    sol.sync();
    let ficha = c.tom.le(caso);
    let nomes: BTreeSet<_> = ficha["vinculos"]
        .as_array()
        .unwrap()
        .iter()
        .map(|vinculo| {
            let exibicao = &vinculo["exibicao"];
            let nome = exibicao["documento"].as_str().or(exibicao["contato"].as_str());
            nome.unwrap().to_owned()
        })
        .collect();
    assert!(nomes.contains("Joana") && nomes.contains("Padaria Aurora"), "{nomes:?}");
    for ligado in [&outra, &bug] {
        let por = &c.tom.le(ligado)["vinculado_por"][0];
        assert_eq!((&por["id"], &por["titulo"]), (&json!(caso.id), &json!("Forno não esquenta")));
        assert_eq!(sol.show(ligado.id).unwrap().vinculado_por[0].linha.id, caso.id);
    }
    // A link says nothing of a record that the reader may not see.
    c.sol.restringe(caso, json!({ "usuarios": [c.sol.id] })).feito();
    assert_eq!(c.tom.le(&outra)["vinculado_por"], json!([]));
    c.sol.libera(caso).feito();
    c.pat.tenta_ler(&bug.no_portal()).recusa("nao_encontrado", NAO_HA);
}

/// R39.
fn it_is_closed_and_taken_up_again(c: &Cenario, sol: &Aparelho, caso: &Caso) {
    sol.sync();
    sol.pede(caso.id, "fechar").recusa("exige_campo", "Preencha antes: Resolução.");
    sol.editar(caso.id, "resolucao", "Termostato trocado.").unwrap();
    sol.pede(caso.id, "fechar").unwrap();
    sol.sync();
    assert_eq!(sol.mostra(caso.id), ("Fechado".into(), None));
    sol.editar(caso.id, "assunto", "Outro")
        .recusa("situacao_nao_permite_edicao", &fechado("Fechado"));
    assert_eq!(c.pat.le(&caso.no_portal())["campos"]["resolucao"], "Termostato trocado.");
    sol.pede(caso.id, "reabrir").unwrap();
    sol.sync();
    assert_eq!(sol.mostra(caso.id).0, "Atribuído");
    assert_eq!(sol.registro(caso.id).responsavel(), Some(c.sol.id));
}

fn rejected_or_a_duplicate(c: &Cenario) {
    let caso = c.novo("Forno não esquenta de novo", "baixa");
    c.tom.pede(&caso, "rejeitar").recusa("exige_motivo", "Informe o motivo.");
    c.tom.pede_por(&caso, "rejeitar", "Fora do escopo").leva_a("rejeitado");
    let nao = nao_cabe("Fechar", "Rejeitado");
    c.tom.pede(&caso, "fechar").recusa("transicao_nao_permitida", &nao);
    // Nobody had it: who takes it up again has it.
    let ficha = c.tom.pede(&caso, "reabrir").leva_a("atribuido");
    assert_eq!(ficha["campos"]["responsavel"], json!(c.tom.id));
    c.tom.pede(&caso, "marcar_duplicado").recusa("exige_motivo", "Informe o motivo.");
    c.tom.pede_por(&caso, "marcar_duplicado", "2026/000001").leva_a("duplicado");
    let nao = nao_cabe("Reabrir", "Duplicado");
    c.tom.pede(&caso, "reabrir").recusa("transicao_nao_permitida", &nao);
    c.tom.pede(&caso, "desmarcar_duplicado").leva_a("novo");
}

/// R3, R91: any column, both ways, pages without gap or overlap.
fn lists_are_sorted_and_paged(c: &Cenario, sol: &Aparelho) {
    for (assunto, prioridade) in [("Água na vitrine", "normal"), ("batedeira", "urgente")] {
        c.novo(assunto, prioridade);
    }
    let recusa = c.tom.get("/v1/ocorrencias?ordenar=cor");
    assert_eq!(recusa.status, 400, "{}", recusa.texto);
    let colunas = recusa.corpo["colunas"].as_array().unwrap();
    assert!(colunas.len() > 40, "{colunas:?}");
    let todas: BTreeSet<DocumentId> = c.tom.acha("").into_iter().collect();
    for coluna in colunas {
        for sentido in ["", "-"] {
            let coluna = coluna.as_str().unwrap();
            let base = format!("/v1/ocorrencias?ordenar={sentido}{coluna}&limite=4");
            let (mut path, mut lidas) = (base.clone(), Vec::new());
            loop {
                let pagina = c.tom.get(&path).feito();
                let itens = pagina["itens"].as_array().unwrap();
                lidas.extend(itens.iter().map(|linha| linha["id"].clone()));
                let Some(proximo) = pagina["proximo"].as_str() else { break };
                path = format!("{base}&cursor={proximo}");
            }
            let ids: BTreeSet<DocumentId> =
                lidas.iter().map(|id| id.as_str().unwrap().parse().unwrap()).collect();
            assert_eq!((lidas.len(), &ids), (todas.len(), &todas), "{sentido}{coluna}");
        }
    }
    let ordem = |ordem: &str, campo: &str| {
        let linhas = c.tom.lista(&format!("/v1/ocorrencias?tipo=p004.ocorrencia&ordenar={ordem}"));
        let valores = linhas.into_iter().map(|linha| linha["campos"][campo].clone());
        valores.collect::<Vec<_>>()
    };
    let assuntos = [
        "Água na vitrine",
        "batedeira",
        "Forno da filial",
        "Forno não esquenta",
        "Forno não esquenta de novo",
    ];
    assert_eq!(ordem("assunto", "assunto"), assuntos);
    let mut prioridades = ["baixa", "normal", "normal", "urgente", "urgente"];
    assert_eq!(ordem("prioridade", "prioridade"), prioridades);
    prioridades.reverse();
    assert_eq!(ordem("-prioridade", "prioridade"), prioridades);
    sol.sync();
    let por_assunto = Filtro {
        tipo: Some("p004.ocorrencia".into()),
        ordem: Ordem { coluna: "assunto".into(), decrescente: false },
        ..Filtro::default()
    };
    let linhas = sol.ocorrencias(&por_assunto).unwrap().linhas;
    let titulos: Vec<_> = linhas.iter().map(|linha| linha.titulo.as_str()).collect();
    assert_eq!(titulos, assuntos);
}

/// R91, R92.
fn lists_are_searched_and_edited_from(c: &Cenario, caso: &Caso) {
    let numero = c.tom.le(caso)["numero"].as_str().unwrap().to_owned();
    // It, and the one that was marked as its duplicate with its number as the reason.
    let achados = c.tom.acha(&format!("q={numero}"));
    assert!(achados.len() == 2 && achados.contains(&caso.id), "{achados:?}");
    assert_eq!(c.tom.acha("q=AGUA").len(), 1);
    assert_eq!(c.tom.acha("q=90+graus"), [caso.id]);
    assert_eq!(c.tom.acha("q=padaria+aurora").len(), 5);
    let lido = c.tom.tenta_ler(caso);
    let etag = lido.cabecalho("etag").to_owned();
    let muda = |assunto: &str| {
        let body = json!({ "campos": { "assunto": assunto } });
        c.tom.send("PATCH", &caso.em(""), &[("if-match", &etag)], Some(&body))
    };
    muda("Forno não esquenta mais").feito();
    muda("Forno ligado").recusa(
        "versao_desatualizada",
        "Foi alterado por outra pessoa e nada foi gravado. Leia de novo e repita.",
    );
    let igual = c.tom.send("GET", &caso.em(""), &[("if-none-match", &etag)], None);
    assert_eq!(igual.status, 200, "it has changed");
}

/// R94.
fn a_copy_begins_anew(c: &Cenario, caso: &Caso) {
    let path = caso.em("/duplicar");
    let rascunho = c.tom.post(&path, &json!({ "rascunho": true })).feito();
    let campos = rascunho["campos"].as_object().unwrap();
    for nome in ["assunto", "cliente", "tipo_ocorrencia", "prioridade", "relato"] {
        assert!(campos.contains_key(nome), "{nome}");
    }
    assert!(!campos.contains_key("resolucao"), "{campos:?}");
    let antes = c.tom.acha("").len();
    let copia = c.tom.post(&path, &json!({ "campos": { "assunto": "Forno da outra loja" } }));
    let copia = c.tom.le(&copia.caso());
    assert_eq!(copia["situacao"]["nome"], "Novo");
    assert_eq!(copia["campos"]["assunto"], "Forno da outra loja");
    assert_eq!(copia["campos"]["relato"], c.tom.le(caso)["campos"]["relato"]);
    assert_ne!(copia["numero"], c.tom.le(caso)["numero"]);
    assert_eq!(c.tom.acha("").len(), antes + 1);
}

/// R82.
fn every_change_is_logged(c: &Cenario, sol: &Aparelho, caso: &Caso) {
    let alteracoes = c.tom.acompanha(caso, "alteracoes");
    for linha in &alteracoes {
        assert!(linha["no_aparelho"].is_string() && linha["no_servidor"].is_string(), "{linha}");
        assert!(linha["por"]["id"].is_string(), "{linha}");
    }
    let de = |campo: &str| -> Vec<(Value, Value, Value, Value)> {
        let linhas = alteracoes.iter().rev().filter(|linha| linha["campo"] == campo);
        linhas
            .map(|linha| {
                let quem = (linha["por"]["nome"].clone(), linha["aparelho_nome"].clone());
                (linha["de_exibicao"].clone(), linha["para_exibicao"].clone(), quem.0, quem.1)
            })
            .collect()
    };
    let mudou =
        |de: Value, para: &str, quem: &str, onde: &str| (de, json!(para), json!(quem), json!(onde));
    let (de_sol, de_tom) = ("Celular de Sol", "Celular de Tom");
    assert_eq!(de("prioridade"), [mudou(json!("Alta"), "Urgente", "Tom", de_tom)]);
    assert_eq!(
        de("responsavel"),
        [mudou(Value::Null, "Tom", "Sol", de_sol), mudou(json!("Tom"), "Sol", "Tom", de_tom)]
    );
    assert_eq!(
        de("assunto"),
        [mudou(json!("Forno não esquenta"), "Forno não esquenta mais", "Tom", "Retaguarda")]
    );
    assert_eq!(de("interno").len(), 2);
    sol.sync();
    let no_celular = sol.acompanhamento(caso.id, View::Alteracoes).unwrap();
    let prioridade = no_celular.iter().find(|e| e.campo.as_deref() == Some("Prioridade"));
    let prioridade = prioridade.unwrap();
    assert_eq!((prioridade.de.as_deref(), prioridade.autor.as_str()), (Some("Alta"), "Tom"));
}

fn two_phones_change_the_same_field(c: &Cenario, sol: &Aparelho, tom: &Aparelho, caso: &Caso) {
    sol.sync();
    tom.sync();
    sol.editar(caso.id, "prioridade", "normal").unwrap();
    let of_sol = "Desde ontem o forno não passa de 90 graus. Já é o segundo.";
    let of_tom = "Urgente! Desde ontem o forno não passa de 90 graus.";
    sol.editar(caso.id, "relato", of_sol).unwrap();
    tom.editar(caso.id, "prioridade", "baixa").unwrap();
    tom.editar(caso.id, "relato", of_tom).unwrap();
    sol.sync();
    tom.sync();
    sol.sync();
    for celular in [sol, tom] {
        let conflitos = celular.show(caso.id).unwrap().conflitos;
        let conflito = conflitos.iter().find(|c| c.campo == "prioridade").unwrap();
        let autores: BTreeSet<_> = conflito.versoes.iter().map(|v| v.autor.as_str()).collect();
        assert_eq!(autores, ["Sol", "Tom"].into());
        let conflito = conflitos.iter().find(|c| c.campo == "relato").unwrap();
        let textos: BTreeSet<_> = conflito.versoes.iter().map(|v| v.valor.as_str()).collect();
        assert_eq!(textos, [of_sol, of_tom].into(), "two wrote one line: both are there, whole");
    }
    assert_eq!(c.tom.le(caso)["conflitos"][0]["versoes"].as_array().unwrap().len(), 2);
    let inteiro = "Urgente! Desde ontem o forno não passa de 90 graus. Já é o segundo.";
    c.tom.altera(caso, json!({ "prioridade": "baixa", "relato": inteiro })).feito();
    assert_eq!(c.tom.le(caso)["conflitos"], json!([]));
    sol.sync();
    assert!(sol.show(caso.id).unwrap().conflitos.is_empty());
}
