//! P002, Suporte ao Cliente, from its manual's first screen to its last: the client opens a case in
//! the portal or on the telephone, it is classified, asked about, diagnosed, developed and
//! finished, and of what goes on inside the client never learns.

use crate::{
    aparelho::Aparelho,
    casa::Casa,
    office_api::{Api, Caso, Desfecho, NAO_HA, Resposta, falta, fechado, nao_cabe},
};
use campo_domain::{ids::DocumentId, kind::Kind, registro::TipoAnalise};
use campo_mobile_core::View;
use campo_server::timers;
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

/// The people of the support, and two clients with their logins in the portal.
struct Cenario {
    casa: Casa,
    ana: Api,
    tec: Api,
    gestor: Api,
    aurora: DocumentId,
    boreal: DocumentId,
    /// Aurora's login.
    bia: Api,
    /// Boreal's login.
    caio: Api,
}

fn cenario() -> Cenario {
    let casa = Casa::nova("P002");
    let aurora = casa.adm.cliente(json!({ "nome": "Aurora Móveis" }));
    let boreal = casa.adm.cliente(json!({ "nome": "Boreal Pães" }));
    Cenario {
        ana: casa.pessoa("ana", "ver ver_todas"),
        tec: casa.pessoa("tec", "ver ver_todas"),
        gestor: casa.pessoa("gestor", "ver ver_todas gerenciar"),
        bia: casa.portal("bia", aurora),
        caio: casa.portal("caio", boreal),
        casa,
        aurora,
        boreal,
    }
}

const PORTAL: &str = "/v1/portal/ocorrencias";

impl Cenario {
    /// A client opens a case in the portal.
    fn abre(&self, quem: &Api, campos: Value) -> Resposta {
        quem.post(PORTAL, &json!({ "campos": campos }))
    }

    /// Bia opens a case of that category, and Ana takes it.
    fn em_atendimento(&self, categoria: &str, relato: &str) -> Caso {
        let campos = json!({ "categoria": categoria, "relato": relato });
        let caso = self.abre(&self.bia, campos).caso();
        self.ana.pede(&caso, "iniciar").leva_a("em_atendimento");
        caso
    }

    /// The same, and then Ana asks the client something.
    fn aguardando_cliente(&self, relato: &str) -> Caso {
        let caso = self.em_atendimento("duvida", relato);
        let pergunta = "Qual a versão?";
        self.ana.pede_por(&caso, "solicitar_informacao", pergunta).leva_a("aguardando_cliente");
        caso
    }
}

/// The stage that a client is shown.
#[track_caller]
fn estagio(quem: &Api, caso: &Caso) -> String {
    let visto = quem.le(&caso.no_portal());
    visto["situacao"]["nome"].as_str().unwrap().to_owned()
}

#[test]
fn p002_from_the_first_screen_to_the_last() {
    let c = cenario();
    let ana = c.casa.aparelho(&c.ana);
    let gestor = c.casa.aparelho(&c.gestor);
    let (duvida, vago) = the_client_opens_a_case_in_the_portal(&c);
    nobody_elses_client_sees_it(&c, &duvida);
    let problema = a_telephone_call_is_registered(&c, &ana);
    the_category_says_the_priority(&c, &ana, &problema);
    the_team_classifies_and_begins(&c, &ana, &vago);
    what_is_internal_leaves_the_portal(&c, &duvida);
    work_stops_until_the_client_answers(&c, &ana, &vago);
    only_a_problema_is_diagnosed(&c, &ana, &problema, &vago);
    the_product_denies_with_a_reason(&c, &gestor, &vago);
    let fiscal = the_product_accepts(&c);
    the_queue_and_the_plan_of_the_month(&c, &problema, &fiscal);
    it_is_finished_with_an_answer(&c, &fiscal);
    a_client_may_cancel_at_any_time(&c);
    every_stage_and_attendant_is_told(&c, &ana, &fiscal);
    c.casa.confere(&[&ana, &gestor]);
}

/// R23–R25, R27.
fn the_client_opens_a_case_in_the_portal(c: &Cenario) -> (Caso, Caso) {
    assert!(c.bia.lista(PORTAL).is_empty());
    let tipos = c.bia.get("/v1/portal/tipos").feito();
    let [tipo] = &tipos.as_array().unwrap()[..] else { panic!("{tipos}") };
    assert!(tipo["orientacao_anexos"].as_str().unwrap().contains("prints de telas"));
    let campos = tipo["campos"].as_array().unwrap();
    let nomes: Vec<_> = campos.iter().map(|campo| campo["campo"].as_str().unwrap()).collect();
    assert_eq!(
        nomes,
        [
            "assunto",
            "categoria",
            "modulo",
            "relato",
            "exemplo",
            "impacto",
            "contato_nome",
            "contato_telefone",
            "contato_email",
        ]
    );
    let campo = |nome: &str| campos.iter().find(|campo| campo["campo"] == nome).unwrap();
    for (nome, conselho) in [
        ("relato", "maior volume de informações"),
        ("exemplo", "o caminho que você fez"),
        ("impacto", "impactos na sua operação"),
        ("categoria", "reclassificada"),
    ] {
        let orientacao = campo(nome)["orientacao"].as_str().unwrap();
        assert!(orientacao.contains(conselho), "{orientacao}");
    }
    let categorias = campo("categoria")["opcoes"].as_array().unwrap();
    let categorias: Vec<_> = categorias.iter().map(|c| c["rotulo"].as_str().unwrap()).collect();
    assert_eq!(
        categorias,
        [
            "1 - Problema",
            "2 - Dúvida",
            "3 - Exigência fiscal",
            "4 - Necessidade",
            "5 - Sugestão de Melhoria"
        ]
    );
    let modulos = campo("modulo")["opcoes"].as_array().unwrap();
    assert_eq!(modulos.len(), 7);
    assert!(modulos.contains(&json!({ "codigo": "fiscal", "rotulo": "Fiscal" })));

    c.abre(&c.bia, json!({ "categoria": "duvida" }))
        .recusa("campos_obrigatorios", "Preencha o campo obrigatório: Descrição da ocorrência.");
    let nao = |campo: &str| format!("O valor informado em {campo} não é válido.");
    let com = |nome: &str, valor: Value| c.abre(&c.bia, json!({ "relato": "Oi", nome: valor }));
    com("categoria", json!("estrategica")).recusa("valor_invalido", &nao("Categoria"));
    com("cliente", json!(c.boreal)).recusa("valor_invalido", &nao("Cliente"));
    for (nome, valor, permissao) in [
        ("esforco", json!(8), "ver"),
        ("prioridade", json!("urgente"), "gerenciar"),
        ("responsavel", json!(c.ana.id), "ver"),
        ("plano_mensal", json!("2026-12-01"), "ver"),
        ("resolucao", json!("Nada"), "ver"),
    ] {
        com(nome, valor).recusa("sem_permissao", &falta(permissao));
    }

    let aberto = c.abre(
        &c.bia,
        json!({
            "categoria": "duvida", "relato": "Como emito a nota de devolução?",
            "exemplo": "Fiscal > Notas > Nova", "impacto": "O caminhão espera.",
            "modulo": "fiscal",
        }),
    );
    assert_eq!(aberto.status, 201);
    let visto = aberto.corpo.clone();
    let duvida = aberto.caso();
    assert!(visto["numero"].as_str().unwrap().ends_with("/000001"), "{visto}");
    assert_eq!(visto["situacao"]["nome"], "Aguardando atendimento");
    assert_eq!(visto["campos"]["prioridade"], "alta");
    for (campo, lido) in [("prioridade", "Alta"), ("modulo", "Fiscal"), ("categoria", "2 - Dúvida")]
    {
        assert_eq!(visto["exibicao"][campo], lido);
    }
    assert_eq!(visto["pode_anotar"], true);
    let campos = c.ana.le(&duvida)["campos"].clone();
    assert_eq!(campos["cliente"], json!(c.aurora));
    // R26: how it came is filled in, and the client is not asked.
    assert_eq!(campos["canal"], "portal");
    // What was sent is answered, not changed.
    c.bia
        .altera(&duvida, json!({ "categoria": "problema" }))
        .recusa("sem_permissao", &falta("ver"));
    let mudar = c.bia.altera(&duvida.no_portal(), json!({ "categoria": "problema" }));
    assert_eq!(mudar.status, 405, "{}", mudar.texto);
    let vago = c.abre(&c.bia, json!({ "relato": "O relatório de estoque podia ter filtro." }));
    (duvida, vago.caso())
}

/// R23: the policy's last line of defence is a 404.
fn nobody_elses_client_sees_it(c: &Cenario, duvida: &Caso) {
    assert!(c.caio.lista(PORTAL).is_empty());
    c.caio.tenta_ler(&duvida.no_portal()).recusa("nao_encontrado", NAO_HA);
    let nota = json!({ "texto": "Intrometido." });
    c.caio.post(&duvida.no_portal().em("/notas"), &nota).recusa("nao_encontrado", NAO_HA);
    assert_eq!(c.bia.lista(PORTAL).len(), 2);
    for path in ["/v1/ocorrencias", "/v1/clientes", "/v1/acoes", "/v1/busca?q=nota"] {
        c.bia.get(path).recusa("sem_permissao", &falta("ver"));
    }
    let nao = "Você não tem permissão para isto. Fale com quem administra o Campo.";
    c.bia.get("/v1/catalogos/modulo").recusa("sem_permissao", nao);
    // Nor when the company works.
    c.bia.get("/v1/live").recusa("sem_permissao", nao);
    // A client's login holds nothing on a device.
    let celular = Aparelho::novo(&c.casa.road.url, &c.bia);
    assert!(celular.sync_now(&|_| {}, &Default::default()).is_err());
    assert!(celular.catalogo("modulo").unwrap().is_empty());
}

/// R26.
fn a_telephone_call_is_registered(c: &Cenario, ana: &Aparelho) -> Caso {
    let canais = ana.catalogo("canal").unwrap();
    for canal in ["Telefone", "WhatsApp", "Skype"] {
        assert!(canais.iter().any(|oferecido| oferecido.nome == canal), "{canal}");
    }
    let formulario = ana.formulario(Kind::Ocorrencia, "p002.ocorrencia").unwrap();
    let categoria = formulario.campos.iter().find(|campo| campo.nome == "categoria").unwrap();
    assert_eq!(categoria.opcoes.len(), 6);
    let id = ana.registra(
        "p002.ocorrencia",
        &[
            ("cliente", &c.boreal.to_string()),
            ("canal", "telefone"),
            ("categoria", "problema"),
            ("relato", "O caixa não abre."),
            ("contato_nome", "Caio"),
        ],
        &[],
    );
    let id = id.unwrap();
    ana.sync();
    let numero = ana.registro(id).numero.unwrap();
    let vista = c.caio.lista(PORTAL);
    assert_eq!((vista.len(), &vista[0]["numero"]), (1, &json!(numero)));
    Caso::ocorrencia(id)
}

/// R27: the category's priority is in force until somebody who may says another.
fn the_category_says_the_priority(c: &Cenario, ana: &Aparelho, problema: &Caso) {
    ana.editar(problema.id, "prioridade", "baixa").recusa("sem_permissao", &falta("gerenciar"));
    assert_eq!(c.gestor.le(problema)["prioridade"], "urgente");
    let baixa = c.gestor.altera(problema, json!({ "prioridade": "baixa" })).ficha();
    assert_eq!(baixa["prioridade"], "baixa");
    let limpa = c.gestor.altera(problema, json!({ "prioridade": null })).ficha();
    assert_eq!(limpa["prioridade"], "urgente");
}

/// R28, R51, R79.
fn the_team_classifies_and_begins(c: &Cenario, ana: &Aparelho, vago: &Caso) {
    ana.sync();
    ana.pede(vago.id, "iniciar").recusa("exige_campo", "Preencha antes: Categoria.");
    ana.editar(vago.id, "categoria", "duvida").unwrap();
    ana.editar(vago.id, "categoria", "necessidade").unwrap();
    ana.pede(vago.id, "iniciar").unwrap();
    ana.sync();
    let ficha = c.gestor.le(vago);
    assert_eq!(ficha["situacao"]["codigo"], "em_atendimento");
    assert_eq!(ficha["prioridade"], "normal");
    assert_eq!(ficha["campos"]["responsavel"], json!(c.ana.id));
    assert_eq!(estagio(&c.bia, vago), "Em atendimento");
    let mudancas: Vec<_> = c
        .gestor
        .acompanha(vago, "alteracoes")
        .into_iter()
        .filter(|linha| linha["campo"] == "categoria")
        .map(|linha| {
            assert_eq!(linha["por"]["nome"], "Ana");
            assert_eq!(linha["aparelho_nome"], "Celular de Ana");
            (linha["de"].clone(), linha["para"].clone())
        })
        .collect();
    let (duvida, necessidade) = (json!("duvida"), json!("necessidade"));
    assert_eq!(mudancas, [(duvida.clone(), necessidade), (Value::Null, duvida)]);

    let sem_cliente = |categoria: &str| {
        let campos = json!({ "categoria": categoria, "relato": "Ideia da casa." });
        c.ana.abre("p002.ocorrencia", campos).caso()
    };
    c.ana.pede(&sem_cliente("estrategica"), "iniciar").leva_a("em_atendimento");
    c.ana.pede(&sem_cliente("duvida"), "iniciar").recusa("exige_campo", "Preencha antes: Cliente.");
}

/// R27, R37, R52.
fn what_is_internal_leaves_the_portal(c: &Cenario, duvida: &Caso) {
    for (esconde, mostra) in [
        (json!({ "categoria": "estrategica" }), json!({ "categoria": "duvida" })),
        (json!({ "interno": true }), json!({ "interno": null })),
    ] {
        c.ana.altera(duvida, esconde).feito();
        c.bia.tenta_ler(&duvida.no_portal()).recusa("nao_encontrado", NAO_HA);
        assert_eq!(c.bia.lista(PORTAL).len(), 1);
        c.ana.altera(duvida, mostra).feito();
        assert_eq!(c.bia.lista(PORTAL).len(), 2);
    }
}

/// R53.
fn work_stops_until_the_client_answers(c: &Cenario, ana: &Aparelho, vago: &Caso) {
    let portal = vago.no_portal();
    let pergunta = "solicitar_informacao";
    c.ana.pede(vago, pergunta).recusa("exige_motivo", "Informe o motivo.");
    let espera = |texto: &str| c.ana.pede_por(vago, pergunta, texto).leva_a("aguardando_cliente");
    espera("Quais filtros?");
    assert_eq!(estagio(&c.bia, vago), "Aguardando Cliente");
    let visto = c.bia.le(&portal);
    assert_eq!(visto["espera_resposta"], true);
    let passos = visto["andamento"].as_array().unwrap();
    assert_eq!(passos.last().unwrap()["motivo"], "Quais filtros?");
    let parado = "Aguardando Cliente";
    for (verbo, rotulo) in [
        ("devolver", "Devolver ao atendimento"),
        ("diagnosticar", "Encaminhar para diagnóstico técnico"),
        ("finalizar", "Finalizar"),
    ] {
        let nao = nao_cabe(rotulo, parado);
        c.ana.pede(vago, verbo).recusa("transicao_nao_permitida", &nao);
    }
    c.ana
        .altera(vago, json!({ "relato": "Outro" }))
        .recusa("situacao_nao_permite_edicao", &fechado(parado));

    c.bia.pede(&portal, "responder").recusa("exige_motivo", "Informe o motivo.");
    c.bia.pede_por(&portal, "responder", "Por linha e por filial.").leva_a("em_atendimento");
    espera("E por período?");
    // Writing is answering.
    let nota = c.bia.post(&portal.em("/notas"), &json!({ "texto": "Sim, por período." }));
    assert_eq!(nota.feito()["situacao"]["codigo"], "em_atendimento");
    assert_eq!(c.casa.situacao(vago), "em_atendimento");

    // So is attaching what was asked for.
    espera("Pode enviar a tela?");
    let tela = json!({ "nome": "tela.png", "mime": "image/png", "tamanho": 1024,
                       "sha256": "5".repeat(64) });
    let anexado = c.bia.post(&portal.em("/anexos"), &tela).feito();
    assert_eq!(anexado["situacao"]["codigo"], "em_atendimento");
    assert_eq!(anexado["anexos"][0]["campos"]["nome"], "tela.png");
    assert_eq!(c.casa.situacao(vago), "em_atendimento");

    espera("Mais alguma coisa?");
    let rotulo = |rotulo: &str| format!("“{rotulo}” não pode ser pedido por você.");
    c.ana.pede_por(vago, "responder", "Eu").recusa("nao_cabe_a_voce", &rotulo("Responder"));
    let fim = "Finalizar por inatividade";
    c.ana.pede(vago, "finalizar_inatividade").recusa("nao_cabe_a_voce", &rotulo(fim));
    // What is not a client's to ask for has no name in the portal (R52).
    for verbo in ["iniciar", "diagnosticar", "finalizar_inatividade", "voar"] {
        let nao_existe = format!("A ação “{verbo}” não existe para este registro.");
        c.bia.pede(&portal, verbo).recusa("transicao_inexistente", &nao_existe);
    }
    // Or the client says it on the telephone, and Ana, in the street, writes it down.
    ana.sync();
    ana.pede_por(vago.id, "registrar_retorno", "Cliente respondeu por WhatsApp.").unwrap();
    ana.sync();
    assert_eq!(c.casa.situacao(vago), "em_atendimento");
    let historia = c.ana.historia(vago, "tudo");
    let lugar = |parte: &str| historia.iter().position(|texto| texto.contains(parte)).unwrap();
    assert!(lugar("Quais filtros?") < lugar("Por linha e por filial."));
    assert!(lugar("E por período?") < lugar("Sim, por período."));
    assert!(lugar("Pode enviar a tela?") < lugar("Arquivo anexado: tela.png"));
}

/// R52, R55, R57.
fn only_a_problema_is_diagnosed(c: &Cenario, ana: &Aparelho, problema: &Caso, vago: &Caso) {
    let nao = |rotulo: &str| format!("“{rotulo}” não é possível para esta categoria.");
    let (diagnosticar, analisar) =
        ("Encaminhar para diagnóstico técnico", "Encaminhar para análise do produto");
    c.ana.pede(vago, "diagnosticar").recusa("exige_categoria", &nao(diagnosticar));
    c.ana.pede(problema, "iniciar").leva_a("em_atendimento");
    c.ana.pede(problema, "analisar_produto").recusa("exige_categoria", &nao(analisar));
    let cedo = nao_cabe("Negar", "Em atendimento");
    c.gestor.pede_por(problema, "negar", "Não").recusa("transicao_nao_permitida", &cedo);

    let antes = c.caio.tenta_ler(&problema.no_portal());
    let etag = antes.cabecalho("etag").to_owned();
    c.ana.pede(problema, "diagnosticar").leva_a("diagnostico_tecnico");
    ana.sync();
    ana.analisar(problema.id, TipoAnalise::Parcial, "Banco cheio.", None, false).unwrap();
    ana.editar(problema.id, "categoria", "duvida")
        .recusa("situacao_nao_permite_edicao", &fechado("Diagnóstico técnico"));
    ana.anotar(problema.id, "Avisar o plantão.").unwrap();
    assert_eq!(ana.sync().refused, 0);
    let depois = c.caio.tenta_ler(&problema.no_portal());
    assert_eq!(depois.cabecalho("etag"), etag, "what goes on inside does not show");
    c.tec.pede(problema, "devolver").leva_a("em_atendimento");
    c.ana.pede(problema, "diagnosticar").leva_a("diagnostico_tecnico");
    c.tec.pede(problema, "corrigir").leva_a("para_desenvolver");
    assert_eq!(estagio(&c.caio, problema), "Em atendimento");
}

/// R56.
fn the_product_denies_with_a_reason(c: &Cenario, gestor: &Aparelho, vago: &Caso) {
    c.ana.pede(vago, "analisar_produto").leva_a("analise_produto");
    c.ana.pede(vago, "aceitar").recusa("sem_permissao", &falta("gerenciar"));
    gestor.sync();
    gestor
        .pede(vago.id, "aceitar")
        .recusa("exige_conexao", "Esta ação só pode ser feita com conexão, pela retaguarda.");
    c.gestor.pede(vago, "negar").recusa("exige_motivo", "Informe o motivo.");
    c.gestor.pede_por(vago, "negar", "Não se adequa ao fluxo do sistema.").leva_a("negado");
    let visto = c.bia.le(&vago.no_portal());
    assert_eq!(visto["situacao"]["nome"], "Negado");
    let ultimo = visto["andamento"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(ultimo["motivo"], "Não se adequa ao fluxo do sistema.");
    assert!(visto["verbos"].as_array().unwrap().is_empty());
    for (verbo, rotulo) in [("devolver", "Devolver ao atendimento"), ("aceitar", "Aceitar")] {
        let nao = nao_cabe(rotulo, "Negado");
        c.gestor.pede(vago, verbo).recusa("transicao_nao_permitida", &nao);
    }
}

/// R29, R56, R57. Returns the exigência fiscal.
fn the_product_accepts(c: &Cenario) -> Caso {
    let sugestao = c.em_atendimento("sugestao", "Tecla de atalho para o caixa.");
    c.ana.altera(&sugestao, json!({ "esforco": 3 })).feito();
    c.ana.pede(&sugestao, "analisar_produto").leva_a("analise_produto");
    c.gestor.pede(&sugestao, "aceitar").leva_a("para_desenvolver");
    assert_eq!(estagio(&c.bia, &sugestao), "Em atendimento");

    let fiscal = c.em_atendimento("exigencia_fiscal", "Novo leiaute da NF-e.");
    c.ana.pede(&fiscal, "analisar_produto").leva_a("analise_produto");
    c.gestor.pede(&fiscal, "aceitar").recusa("exige_campo", "Preencha antes: Prazo de entrega.");
    c.gestor.altera(&fiscal, json!({ "prazo_entrega": "2026-12-30", "esforco": 40 })).feito();
    c.gestor.pede(&fiscal, "aceitar").leva_a("para_desenvolver");
    assert_eq!(c.bia.le(&fiscal.no_portal())["campos"]["prazo_entrega"], "2026-12-30");
    fiscal
}

/// R57, R58.
fn the_queue_and_the_plan_of_the_month(c: &Cenario, problema: &Caso, fiscal: &Caso) {
    let fila = c.ana.lista("/v1/ocorrencias?situacao=para_desenvolver&ordenar=-prioridade");
    let fila: Vec<_> = fila.iter().map(|linha| linha["campos"]["categoria"].clone()).collect();
    assert_eq!(fila, ["problema", "exigencia_fiscal", "sugestao"]);
    let por_esforco = c.ana.acha("situacao=para_desenvolver&ordenar=esforco");
    assert_eq!(por_esforco[1..], [fiscal.id, problema.id], "what has none comes last");
    c.gestor.pede(fiscal, "desenvolver").recusa("exige_campo", "Preencha antes: Plano mensal.");
    c.gestor.altera(fiscal, json!({ "plano_mensal": "2026-12-01" })).feito();
    c.ana.pede(fiscal, "desenvolver").recusa("sem_permissao", &falta("gerenciar"));
    c.gestor.pede(fiscal, "desenvolver").leva_a("em_desenvolvimento");
    assert_eq!(c.bia.le(&fiscal.no_portal())["campos"]["prazo_entrega"], "2026-12-30");
    assert_eq!(c.ana.acha("situacao=em_desenvolvimento&ordenar=-plano_mensal"), [fiscal.id]);
}

/// R59.
fn it_is_finished_with_an_answer(c: &Cenario, fiscal: &Caso) {
    let direta = c.em_atendimento("duvida", "Onde vejo o saldo?");
    for caso in [fiscal, &direta] {
        c.ana.pede(caso, "finalizar").recusa("exige_campo", "Preencha antes: Resolução.");
        c.ana.altera(caso, json!({ "resolucao": "Está na versão 12." })).feito();
        c.ana.pede(caso, "finalizar").leva_a("finalizado");
        let visto = c.bia.le(&caso.no_portal());
        assert_eq!(visto["situacao"]["nome"], "Finalizado");
        assert_eq!(visto["campos"]["resolucao"], "Está na versão 12.");
        assert_eq!(visto["pode_anotar"], false);
        let nota = json!({ "texto": "Obrigada!" });
        c.bia
            .post(&caso.no_portal().em("/notas"), &nota)
            .recusa("situacao_nao_permite_edicao", &fechado("Finalizado"));
        c.gestor
            .altera(caso, json!({ "categoria": "problema" }))
            .recusa("situacao_nao_permite_edicao", &fechado("Finalizado"));
        let nao = nao_cabe("Cancelar", "Finalizado");
        c.gestor.pede_por(caso, "cancelar", "Engano").recusa("transicao_nao_permitida", &nao);
    }
}

/// R24, R52, R59.
fn a_client_may_cancel_at_any_time(c: &Cenario) {
    let na_fila = c.abre(&c.bia, json!({ "relato": "Deixa para lá." })).caso();
    let dentro = c.em_atendimento("problema", "Trava ao salvar.");
    c.ana.pede(&dentro, "diagnosticar").leva_a("diagnostico_tecnico");
    // In a stage that the client does not see, only the client speaks to the company.
    c.ana
        .diz_ao_cliente(&dentro, "Estamos vendo.")
        .recusa("situacao_nao_permite_edicao", &fechado("Diagnóstico técnico"));
    c.ana.anota(&dentro, "Parece a rede.").feito();
    let nota = c.bia.post(&dentro.no_portal().em("/notas"), &json!({ "texto": "Como está?" }));
    assert_eq!(nota.feito()["situacao"]["nome"], "Em atendimento");
    assert_eq!(c.casa.situacao(&dentro), "diagnostico_tecnico");
    assert!(c.ana.historia(&dentro, "tudo").contains(&"Como está?".to_owned()));
    let responder = c.bia.pede_por(&dentro.no_portal(), "responder", "Eu de novo.");
    responder.recusa("transicao_nao_permitida", &nao_cabe("Responder", "Em atendimento"));
    for caso in [na_fila, dentro] {
        let portal = caso.no_portal();
        c.bia.pede(&portal, "cancelar").recusa("exige_motivo", "Informe o motivo.");
        c.bia.pede_por(&portal, "cancelar", "Não é mais válida.").leva_a("cancelado");
        assert_eq!(c.casa.situacao(&caso), "cancelado");
    }
}

/// R79.
fn every_stage_and_attendant_is_told(c: &Cenario, ana: &Aparelho, fiscal: &Caso) {
    let tramite = c.gestor.acompanha(fiscal, "tramite");
    for (uma, outra) in tramite.iter().zip(&tramite[1..]) {
        assert_eq!(uma["saiu_em"], outra["entrou_em"]);
        assert!(uma["duracao_s"].is_i64(), "{uma}");
    }
    ana.sync();
    let no_celular = ana.acompanhamento(fiscal.id, View::Tramite).unwrap();
    let passou = no_celular.iter().filter(|evento| evento.que == "veredito").count();
    assert_eq!(passou, 5);
    let etapas: Vec<_> = tramite
        .iter()
        .map(|etapa| {
            (etapa["situacao"]["nome"].as_str().unwrap(), etapa["responsavel"]["nome"].as_str())
        })
        .collect();
    assert_eq!(
        etapas,
        [
            ("Aguardando atendimento", None),
            ("Em atendimento", Some("Ana")),
            ("Análise Produto", Some("Ana")),
            ("Para desenvolver", Some("Ana")),
            ("Em Desenvolvimento", Some("Ana")),
            ("Finalizado", Some("Ana")),
        ]
    );
}

/// R54: the server ends a wait of ten days, once, whatever happens to servers and phones meanwhile.
#[test]
fn r54_ten_days_without_movement_finalise_once() {
    let mut c = cenario();
    let ana = c.casa.aparelho(&c.ana);
    let [esquecida, lembrada, respondida, na_rua] =
        ["Uma", "Outra", "Terceira", "Quarta"].map(|relato| c.aguardando_cliente(relato));
    let em_atendimento = c.em_atendimento("duvida", "Sem espera.");
    ana.sync();
    ana.anotar(na_rua.id, "O cliente me disse que responde amanhã.").unwrap();
    let de_volta = |caso: &Caso, dias: u32| {
        let sql = format!(
            "UPDATE ocorrencias SET inativa_em = inativa_em - interval '{dias} days' \
             WHERE id = '{}'",
            caso.id
        );
        assert_eq!(c.casa.sql(&sql), 1);
    };
    let agora = Utc::now();
    let (db, rt) = (c.casa.app.db.clone(), c.casa.rt.handle().clone());
    let bate = |dias: i64| rt.block_on(timers::tick(&db, agora + TimeDelta::days(dias))).unwrap();
    assert_eq!(bate(9), 0);
    // Somebody's word begins the ten days anew, and the client's ends the wait.
    for caso in [&esquecida, &lembrada, &respondida, &na_rua] {
        de_volta(caso, 11);
    }
    c.tec.anota(&lembrada, "Liguei, ninguém atende.").feito();
    let resposta = json!({ "texto": "A versão é a 12." });
    c.bia.post(&respondida.no_portal().em("/notas"), &resposta).feito();

    // Two servers look at once: each case is ended once.
    let outro = c.casa.outro_servidor();
    let (um, dois) = c.casa.rt.block_on(async {
        tokio::join!(timers::tick(&c.casa.app.db, agora), timers::tick(&outro, agora))
    });
    assert_eq!(um.unwrap() + dois.unwrap(), 2);
    for caso in [&esquecida, &na_rua] {
        assert_eq!(c.casa.situacao(caso), "finalizado");
        let pedidos = c.casa.registro(caso.id).pedidos;
        let do_servidor = pedidos.iter().filter(|p| p.verbo == "finalizar_inatividade");
        assert_eq!(do_servidor.count(), 1);
        let feito = c.ana.acompanha(caso, "tramite").pop().unwrap();
        assert_eq!(feito["rotulo"], "Finalizar por inatividade");
        assert_eq!(estagio(&c.bia, caso), "Finalizado");
    }
    assert_eq!(c.casa.situacao(&lembrada), "aguardando_cliente");
    assert_eq!(c.casa.situacao(&respondida), "em_atendimento");
    assert_eq!(bate(9), 0, "nobody else has waited long enough");

    // What Ana wrote in the street before, and sends only now, is kept for the office to read.
    assert_eq!(ana.sync().held, 1);
    assert_eq!(ana.mostra(na_rua.id).0, "Finalizado");
    let retida = &c.casa.retidos(&na_rua)[0];
    let escrita = retida.writes[0].proposed.as_deref();
    assert_eq!(escrita, Some("O cliente me disse que responde amanhã."));
    c.casa.aprova(&c.gestor, retida);
    assert_eq!(c.casa.registro(na_rua.id).notas.len(), 1);
    assert_eq!(c.casa.situacao(&na_rua), "finalizado");

    // No server runs when the time comes: the first one that starts sees to it.
    c.casa.stop();
    let sql = "UPDATE ocorrencias SET inativa_em = now() WHERE situacao = 'aguardando_cliente'";
    assert_eq!(c.casa.sql(sql), 1);
    c.casa.start();
    c.casa.ate("the end of the wait", || c.casa.situacao(&lembrada) == "finalizado");
    assert_eq!(c.casa.situacao(&em_atendimento), "em_atendimento");
    assert_eq!(bate(3_000), 0, "only a wait for the client ends by itself");
    c.casa.confere(&[&ana]);
}

/// R52: a case goes through every internal stage, and nothing of them is in any answer of the
/// portal.
#[test]
fn r52_the_portal_never_shows_what_is_internal() {
    let c = cenario();
    let mut respostas = Vec::new();
    let mut le = |caso: &Caso| {
        let portal = caso.no_portal();
        let mut todas = vec![
            c.bia.get(PORTAL),
            c.bia.get(&format!("{PORTAL}?aberta=true")),
            c.bia.get(&format!("{PORTAL}?q=trava")),
            c.bia.tenta_ler(&portal),
            c.bia.pede_por(&portal, "responder", "Oi"),
            c.bia.pede(&portal, "cancelar"),
            c.bia.pede(&portal, "aceitar"),
        ];
        respostas.extend(todas.drain(..).map(|resposta| resposta.texto));
    };
    let problema = c.em_atendimento("problema", "Trava ao salvar.");
    let necessidade = c.em_atendimento("necessidade", "Trava a tela ao filtrar.");
    c.ana.diz_ao_cliente(&problema, "Já estamos vendo.").feito();
    c.ana.anota(&problema, "Segredo da casa: cliente inadimplente.").feito();
    c.ana.altera(&problema, json!({ "esforco": 98765 })).feito();
    le(&problema);
    c.ana.pede(&problema, "diagnosticar").leva_a("diagnostico_tecnico");
    let parcial = json!({ "tipo": "parcial", "texto": "Segredo da casa: índice partido." });
    c.tec.analisa(&problema, parcial).feito();
    let etag = |caso: &Caso| c.bia.tenta_ler(&caso.no_portal()).cabecalho("etag").to_owned();
    let antes = etag(&problema);
    let rascunho = json!({ "resolucao": "Segredo da casa: configurou errado." });
    c.tec.altera(&problema, rascunho).feito();
    assert_eq!(etag(&problema), antes);
    le(&problema);
    c.tec.pede(&problema, "corrigir").leva_a("para_desenvolver");
    let plano = json!({ "plano_mensal": "2031-07-01" });
    c.gestor.altera(&problema, plano).feito();
    le(&problema);
    c.gestor.pede(&problema, "desenvolver").leva_a("em_desenvolvimento");
    c.gestor.anota(&problema, "Segredo da casa: fica para depois.").feito();
    le(&problema);
    c.ana.pede(&necessidade, "analisar_produto").leva_a("analise_produto");
    let antes = etag(&necessidade);
    c.ana.altera(&necessidade, json!({ "prazo_entrega": "2031-08-02" })).feito();
    assert_eq!(etag(&necessidade), antes, "nothing is promised before it is accepted");
    le(&necessidade);
    c.ana.pede(&necessidade, "devolver").leva_a("em_atendimento");
    le(&necessidade);
    let internos = [
        "Diagnóstico",
        "diagnostico_tecnico",
        "Análise Produto",
        "analise_produto",
        "Para desenvolver",
        "para_desenvolver",
        "Em Desenvolvimento",
        "em_desenvolvimento",
        "Segredo da casa",
        "esforco",
        ":98765",
        "plano_mensal",
        "2031-07-01",
        "2031-08-02",
    ];
    for resposta in &respostas {
        for interno in internos {
            assert!(!resposta.contains(interno), "{interno} in {resposta}");
        }
    }
    let visto = c.bia.le(&problema.no_portal());
    let notas = visto["notas"].as_array().unwrap();
    assert_eq!((notas.len(), &notas[0]["texto"]), (1, &json!("Já estamos vendo.")));
    assert_eq!(visto["andamento"].as_array().unwrap().len(), 2);
}
