//! P000, Gestão de Ocorrências, from its manual's first screen to its last: registered on a phone,
//! accepted, analysed and judged, answered by the ERP, concluded; and cancelled, and taken back.

use crate::{
    aparelho::{Aparelho, digitado, em_json, foto},
    casa::{Casa, TODAS},
    office_api::{Api, Caso, Desfecho, NAO_HA, falta, fechado, nao_cabe},
};
use campo_domain::{ids::DocumentId, kind::Kind, parte::Colecao, registro::TipoAnalise};
use campo_mobile_core::Vista;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The company, its people, and what its ERP has made known.
pub struct Cenario {
    /// The company.
    pub casa: Casa,
    /// Registers, and sees her own.
    pub vera: Api,
    /// The same.
    pub davi: Api,
    /// Manages.
    pub gilda: Api,
    /// Issues laudos.
    pub lauro: Api,
    /// Approves.
    pub alma: Api,
    /// Sees all.
    pub todo: Api,
    /// The client of the invoice.
    pub marcia: DocumentId,
}

/// The company as each test finds it.
pub fn cenario() -> Cenario {
    let casa = Casa::nova("P000");
    let marcia = casa.adm.cliente(json!({
        "nome": "Márcia Albuquerque", "email": "marcia@exemplo.com.br",
    }));
    let erp = casa.adm.chave("catalogos:ler catalogos:escrever", TODAS);
    erp.cataloga("fornecedor", "colchoes_sul", "Colchões Sul", json!({}));
    let produtos = "Colchão Itatiba|2|L-77\nCabeceira Lótus|1";
    let nota = json!({ "cliente": marcia, "produtos": produtos });
    erp.cataloga("origem", "nf_saida:45198", "NF 45198", nota);
    let nota = json!({ "fornecedor": "colchoes_sul", "produtos": "Colchão Itatiba|10|L-77" });
    erp.cataloga("origem", "nf_entrada:9001", "NF 9001", nota);
    Cenario {
        vera: casa.pessoa("vera", "ver"),
        davi: casa.pessoa("davi", "ver"),
        gilda: casa.pessoa("gilda", "ver ver_todas gerenciar"),
        lauro: casa.pessoa("lauro", "ver ver_todas emitir_laudo"),
        alma: casa.pessoa("alma", "ver ver_todas aprovar"),
        todo: casa.pessoa("todo", "ver ver_todas"),
        casa,
        marcia,
    }
}

impl Cenario {
    /// Another complaint of Vera's, made in the office.
    pub fn reclamacao(&self, relato: &str) -> Caso {
        let campos = json!({
            "escopo": "produto", "produto": "Colchão Itatiba",
            "tipo_ocorrencia": "divergencia_comercial", "relato": relato,
            "contato_nome": "Ivo", "contato_telefone": "11 3333-4444",
        });
        self.vera.abre("p000.ocorrencia", campos).caso()
    }

    /// Somebody's own words to what the laudo asks.
    fn emite_laudo(&self, caso: &Caso, procedente: bool, texto: &str) -> Value {
        let laudo = json!({ "tipo": "laudo", "procedente": procedente, "texto": texto });
        self.lauro.analisa(caso, laudo).leva_a("laudo_emitido")
    }
}

#[test]
fn p000_from_the_first_screen_to_the_last() {
    let c = cenario();
    let vera = c.casa.aparelho(&c.vera);
    let lauro = c.casa.aparelho(&c.lauro);
    let gilda = c.casa.aparelho(&c.gilda);
    let caso = the_case_is_registered_in_the_field(&c, &vera);
    who_sees_it_and_who_may_do_nothing_yet(&c, &vera, &caso);
    it_is_accepted_for_analysis(&c, &vera, &caso);
    no_conclusion_without_a_laudo(&c, &lauro, &caso);
    it_goes_back_and_its_data_may_be_changed_again(&c, &vera, &caso);
    concluded_it_is_only_for_reading(&c, &vera, &caso);
    cancelled_it_is_never_deleted_and_may_be_taken_back(&c, &vera);
    what_came_too_late_is_told(&c, &vera, &gilda);
    the_story_is_told_in_order(&c, &vera, &caso);
    c.casa.confere(&[&vera, &lauro, &gilda]);
}

/// R1, R2, R4–R7, R20, R45, R83.
fn the_case_is_registered_in_the_field(c: &Cenario, vera: &Aparelho) -> Caso {
    let tipos = vera.catalogo("tipo_ocorrencia").unwrap();
    let tipos: BTreeSet<_> = tipos.iter().map(|tipo| tipo.nome.as_str()).collect();
    assert_eq!(
        tipos,
        BTreeSet::from([
            "Reclamação de produto",
            "Divergência comercial",
            "Solicitação técnica",
            "Avaria",
            "Falha operacional",
            "Atendimento especial",
        ])
    );
    let formulario = vera.formulario(Kind::Ocorrencia, "p000.ocorrencia").unwrap();
    let escopo = formulario.campos.iter().find(|campo| campo.nome == "escopo").unwrap();
    let escopos: Vec<_> = escopo.opcoes.iter().map(|opcao| opcao.rotulo.as_str()).collect();
    assert_eq!(escopos, ["Cliente", "Fornecedor", "Produto", "Serviço", "Processo interno"]);

    vera.registra("p000.ocorrencia", &[], &[]).recusa(
        "campos_obrigatorios",
        "Preencha os campos obrigatórios: Escopo, Tipo de Ocorrência, Relato, Nome do contato, \
         Telefone do contato.",
    );
    // Of the invoice the phone knows the client and the products.
    let id = vera.registra(
        "p000.ocorrencia",
        &[
            ("escopo", "produto"),
            ("produto", "Colchão Itatiba"),
            ("tipo_ocorrencia", "reclamacao_produto"),
            ("relato", "O colchão afundou no meio."),
            ("origem", "nf_saida"),
            ("origem_numero", "45198"),
            ("contato_nome", "Márcia"),
            ("contato_telefone", "(11) 98877-6655"),
            ("responsavel", &c.lauro.id.to_string()),
        ],
        &[&[
            ("produto", "Colchão Itatiba"),
            ("quantidade", "1"),
            ("lote_serie", "L-77"),
            ("valor_indenizado", "350,00"),
        ]],
    );
    let id = id.unwrap();
    assert_eq!(vera.registro(id).referencia("cliente"), Some(c.marcia.uuid()));
    let linha = vera.show(id).unwrap().linha;
    assert!(linha.rotulo.starts_with("P-"), "{}", linha.rotulo);
    assert_eq!(linha.situacao_nome, "Pendente de Aceite");
    let produtos = vera.produtos_da_origem("nf_saida", "45198").unwrap().unwrap();
    let produtos: Vec<_> = produtos.iter().map(|linha| linha.produto.as_str()).collect();
    assert_eq!(produtos, ["Colchão Itatiba", "Cabeceira Lótus"]);
    vera.inclui(id, Colecao::Itens, &[("produto", "Sofá")])
        .recusa("produto_fora_da_origem", "“Sofá” não está entre os produtos de 45198.");
    let cabeceira = vera.inclui(id, Colecao::Itens, &[("produto", "CABECEIRA LOTUS")]).unwrap();
    vera.remover_item(id, cabeceira).unwrap();
    assert!(vera.registro(id).itens[&cabeceira].removido);

    let fora = |campo: &str| format!("Este tipo de registro não tem o campo {campo}.");
    vera.editar(id, "modalidade", "loja").recusa("campo_fora_do_tipo", &fora("Modalidade"));
    vera.editar(id, "procedencia", "procedente").recusa("campo_fora_do_tipo", &fora("Procedência"));
    let item = [("produto", "Colchão Itatiba"), ("procedencia", "procedente")];
    vera.inclui(id, Colecao::Itens, &item).recusa("campo_fora_do_tipo", &fora("Procedência"));
    let despesa = [("despesa", "frete"), ("valor", "10,00")];
    vera.inclui(id, Colecao::Despesas, &despesa)
        .recusa("recurso_desabilitado", "Este tipo de registro não usa Despesas.");

    vera.inclui(id, Colecao::Anexos, &digitado(&foto("afundado.jpg", "avaria"))).unwrap();
    vera.anotar(id, "Cliente manda fotos amanhã.").unwrap();
    vera.participar(id, c.davi.id, true).unwrap();
    vera.editar(id, "prazo", "2026-12-15").unwrap();
    vera.editar(id, "prioridade", "alta").unwrap();
    vera.editar(id, "responsavel", &c.gilda.id.to_string())
        .recusa("sem_permissao", &falta("gerenciar"));
    assert_eq!(vera.sync().recusados, 0);
    let numero = vera.registro(id).numero.unwrap();
    assert!(numero.ends_with("/000001"), "{numero}");
    Caso::ocorrencia(id)
}

/// R3, R46, R85.
fn who_sees_it_and_who_may_do_nothing_yet(c: &Cenario, vera: &Aparelho, caso: &Caso) {
    for quem in [&c.todo, &c.davi] {
        let ficha = quem.le(caso);
        assert_eq!(ficha["prioridade"], "alta");
        assert_eq!(ficha["anexos"][0]["campos"]["nome"], "afundado.jpg");
        assert_eq!(ficha["itens"][0]["campos"]["valor_indenizado"], "350.00");
        assert_eq!(ficha["itens"].as_array().unwrap().len(), 1);
    }
    let de_davi = c.davi.abre(
        "p000.ocorrencia",
        json!({
            "escopo": "processo_interno", "tipo_ocorrencia": "falha_operacional",
            "relato": "Etiquetas trocadas na expedição.", "contato_nome": "Davi",
            "contato_telefone": "ramal 12", "setor": "expedicao",
        }),
    );
    let de_davi = de_davi.caso();
    c.vera.tenta_ler(&de_davi).recusa("nao_encontrado", NAO_HA);
    assert_eq!(c.vera.acha(""), [caso.id]);
    assert_eq!(c.todo.acha("ordenar=numero"), [caso.id, de_davi.id]);
    assert_eq!(c.todo.acha("q=etiquetas"), [de_davi.id]);
    assert_eq!(c.vera.acha("q=etiquetas"), []);
    vera.sync();
    vera.nao_tem(de_davi.id);

    c.gilda.solicita(caso, "credito_cliente").recusa(
        "acao_nao_permitida",
        "A ação “Crédito para o Cliente” não é possível neste registro agora.",
    );
    let aceitar = "colocar_em_analise";
    vera.pede(caso.id, aceitar).recusa("sem_permissao", &falta("gerenciar"));
    for quem in [&c.vera, &c.lauro, &c.alma] {
        quem.pede(caso, aceitar).recusa("sem_permissao", &falta("gerenciar"));
    }
    let pendente = "Pendente de Aceite";
    let cedo = nao_cabe("Concluir", pendente);
    c.alma.pede(caso, "concluir").recusa("transicao_nao_permitida", &cedo);
    let laudo = json!({ "tipo": "laudo", "procedente": true, "texto": "Cedo demais." });
    let cedo = nao_cabe("Emitir Laudo", pendente);
    c.lauro.analisa(caso, laudo).recusa("transicao_nao_permitida", &cedo);
}

/// R46, R47, R64.
fn it_is_accepted_for_analysis(c: &Cenario, vera: &Aparelho, caso: &Caso) {
    c.gilda.pede(caso, "colocar_em_analise").leva_a("em_analise");
    assert_eq!(c.todo.acha("situacao=em_analise"), [caso.id]);
    // Vera has not heard of it: what she writes in good faith waits for the office.
    vera.editar(caso.id, "relato", "O colchão afundou no meio e range.").unwrap();
    assert_eq!(vera.sync().retidos, 1);
    vera.editar(caso.id, "relato", "Outra vez.")
        .recusa("situacao_nao_permite_edicao", &fechado("Em Análise"));
    let retidos = c.casa.retidos(caso);
    assert_eq!((retidos.len(), retidos[0].author), (1, c.vera.id));
    c.casa.aprova(&c.gilda, &retidos[0]);
    vera.sync();
    let relato = "O colchão afundou no meio e range.";
    assert_eq!(vera.registro(caso.id).valor("relato").texto(), Some(relato));

    vera.anotar(caso.id, "Chegaram as fotos.").unwrap();
    vera.inclui(caso.id, Colecao::Anexos, &digitado(&foto("mola.jpg", "avaria"))).unwrap();
    assert_eq!(vera.sync().retidos, 0);
    let parcial = json!({ "tipo": "parcial", "texto": "Mola partida.", "encaminhar": c.davi.id });
    let ficha = c.lauro.analisa(caso, parcial).leva_a("em_analise");
    assert_eq!(ficha["campos"]["responsavel"], json!(c.davi.id));
}

/// R48, R71.
fn no_conclusion_without_a_laudo(c: &Cenario, lauro: &Aparelho, caso: &Caso) {
    let antes = "Emita o laudo antes de concluir.";
    c.alma.pede(caso, "concluir").recusa("exige_laudo", antes);
    c.gilda.pede(caso, "concluir").recusa("sem_permissao", &falta("aprovar"));
    let laudo = json!({ "tipo": "laudo", "procedente": true, "texto": "É de fábrica." });
    c.gilda.analisa(caso, laudo).recusa("sem_permissao", &falta("emitir_laudo"));
    c.lauro.pede(caso, "emitir_laudo").recusa("exige_laudo", antes);

    lauro.sync();
    lauro.analisar(caso.id, TipoAnalise::Laudo, "Vício de fábrica.", Some(true), false).unwrap();
    let prevista = Some("Laudo Emitido".to_owned());
    assert_eq!(lauro.mostra(caso.id), ("Em Análise".into(), prevista));
    lauro.sync();
    assert_eq!(lauro.mostra(caso.id), ("Laudo Emitido".into(), None));
    let primeiro = &c.alma.le(caso)["analises"][1];
    assert_eq!(primeiro["texto"], "Vício de fábrica.");
    assert_eq!((&primeiro["procedente"], &primeiro["vigente"]), (&json!(true), &json!(true)));
    assert_eq!(primeiro["por"]["nome"], "Lauro");
    assert_eq!(primeiro["aparelho"], "Celular de Lauro");

    // A second one takes its place; the first still reads as it was.
    let ficha = c.emite_laudo(caso, false, "Mau uso: molas cortadas.");
    let vigentes: Vec<_> = ficha["analises"].as_array().unwrap().iter().skip(1).collect();
    assert_eq!((&vigentes[0]["vigente"], &vigentes[1]["vigente"]), (&json!(false), &json!(true)));
    assert_eq!(vigentes[0]["texto"], "Vício de fábrica.");
}

/// R46, R50.
fn it_goes_back_and_its_data_may_be_changed_again(c: &Cenario, vera: &Aparelho, caso: &Caso) {
    c.gilda.pede(caso, "colocar_em_analise").leva_a("em_analise");
    c.vera.pede(caso, "estornar").recusa("sem_permissao", &falta("gerenciar"));
    c.gilda.pede(caso, "estornar").leva_a("pendente_aceite");
    vera.sync();
    vera.editar(caso.id, "contato_nome", "Márcia Albuquerque").unwrap();
    assert_eq!(vera.sync().retidos, 0);
    let ja = nao_cabe("Estornar", "Pendente de Aceite");
    c.gilda.pede(caso, "estornar").recusa("transicao_nao_permitida", &ja);
    c.gilda.pede(caso, "colocar_em_analise").leva_a("em_analise");
    c.emite_laudo(caso, true, "Troca devida.");
    let tarde = nao_cabe("Estornar", "Laudo Emitido");
    c.gilda.pede(caso, "estornar").recusa("transicao_nao_permitida", &tarde);
}

/// R48, R83: "somente para consulta".
fn concluded_it_is_only_for_reading(c: &Cenario, vera: &Aparelho, caso: &Caso) {
    let ficha = c.alma.pede(caso, "concluir").leva_a("concluida");
    let (item, anexo) = (&ficha["itens"][0]["id"], &ficha["anexos"][0]["id"]);
    let (item, anexo) = (item.as_str().unwrap(), anexo.as_str().unwrap());
    let adm = &c.casa.adm;
    let outra = adm.cliente(json!({ "nome": "Outra" }));
    let campos = [
        ("escopo", json!("servico")),
        ("cliente", json!(outra)),
        ("fornecedor", json!("colchoes_sul")),
        ("produto", json!("Sofá")),
        ("setor", json!("qualidade")),
        ("tipo_ocorrencia", json!("avaria")),
        ("relato", json!("Outro relato.")),
        ("origem", json!("proposta")),
        ("origem_numero", json!("1")),
        ("contato_nome", json!("Outro")),
        ("contato_telefone", json!("0")),
        ("contato_email", json!("a@b.example")),
        ("responsavel", json!(c.gilda.id)),
        ("prioridade", json!("baixa")),
        ("prazo", json!("2027-01-01")),
    ];
    let sim = "situacao_nao_permite_edicao";
    let concluida = fechado("Concluída");
    for (campo, valor) in campos {
        adm.altera(caso, json!({ campo: valor })).recusa(sim, &concluida);
    }
    adm.inclui(caso, "itens", json!({ "produto": "Colchão Itatiba" })).recusa(sim, &concluida);
    adm.altera_parte(caso, "itens", item, json!({ "quantidade": "2" })).recusa(sim, &concluida);
    adm.remove(caso, "itens", item).recusa(sim, &concluida);
    let outro_anexo = em_json(&foto("depois.jpg", "depois"));
    adm.inclui(caso, "anexos", outro_anexo).recusa(sim, &concluida);
    adm.remove(caso, "anexos", anexo).recusa(sim, &concluida);
    adm.anota(caso, "Mais uma coisa.").recusa(sim, &concluida);
    for lista in ["participantes", "interessados"] {
        let path = caso.em(&format!("/{lista}/{}", c.todo.id));
        adm.send("PUT", &path, &[], None).recusa(sim, &concluida);
    }
    vera.sync();
    vera.anotar(caso.id, "Do campo também não.").recusa(sim, &concluida);

    let verbos = [
        ("colocar_em_analise", "Colocar em Análise"),
        ("concluir", "Concluir"),
        ("cancelar", "Cancelar"),
        ("estornar", "Estornar"),
    ];
    for (verbo, rotulo) in verbos {
        let nao = nao_cabe(rotulo, "Concluída");
        adm.pede_por(caso, verbo, "Engano").recusa("transicao_nao_permitida", &nao);
    }
    let laudo = json!({ "tipo": "laudo", "procedente": true, "texto": "Tarde." });
    let nao = nao_cabe("Emitir Laudo", "Concluída");
    adm.analisa(caso, laudo).recusa("transicao_nao_permitida", &nao);
    for (acao, rotulo) in ACOES {
        let nao = format!("A ação “{rotulo}” não é possível neste registro agora.");
        adm.solicita(caso, acao).recusa("acao_nao_permitida", &nao);
    }
    // Who sees it is no part of what it says.
    let so_gilda = json!({ "usuarios": [c.gilda.id, c.vera.id] });
    c.gilda.restringe(caso, so_gilda).feito();
    c.todo.tenta_ler(caso).recusa("nao_encontrado", NAO_HA);
    c.gilda.libera(caso).feito();
    c.todo.le(caso);
}

/// R49, R50.
fn cancelled_it_is_never_deleted_and_may_be_taken_back(c: &Cenario, vera: &Aparelho) {
    let caso = c.reclamacao("Cobrança em dobro.");
    c.gilda.pede(&caso, "cancelar").recusa("exige_motivo", "Informe o motivo.");
    c.gilda.pede_por(&caso, "cancelar", "  ").recusa("exige_motivo", "Informe o motivo.");
    c.vera.pede_por(&caso, "cancelar", "Engano").recusa("sem_permissao", &falta("gerenciar"));
    c.gilda.pede_por(&caso, "cancelar", "Registro em duplicidade").leva_a("cancelada");
    vera.sync();
    vera.editar(caso.id, "relato", "Nada.")
        .recusa("situacao_nao_permite_edicao", &fechado("Cancelada"));
    let nao = nao_cabe("Colocar em Análise", "Cancelada");
    c.gilda.pede(&caso, "colocar_em_analise").recusa("transicao_nao_permitida", &nao);
    let apagar = c.casa.adm.send("DELETE", &caso.em(""), &[], None);
    assert_eq!(apagar.status, 405, "{}", apagar.texto);
    assert_eq!(c.todo.acha("situacao=cancelada"), [caso.id]);
    assert_eq!(c.todo.acha("q=cobranca+em+dobro"), [caso.id]);
    assert_eq!(vera.search("COBRANCA dobro").unwrap()[0].id, caso.id);
    c.gilda.pede(&caso, "estornar").leva_a("pendente_aceite");
    c.vera.altera(&caso, json!({ "contato_nome": "Ivo Reis" })).feito();
}

/// Two phones write what the office has made impossible meanwhile: a request is judged and told, a
/// note waits for the office, and nothing of either is lost.
fn what_came_too_late_is_told(c: &Cenario, vera: &Aparelho, gilda: &Aparelho) {
    let caso = c.reclamacao("Frete cobrado à parte.");
    c.gilda.pede(&caso, "colocar_em_analise").feito();
    c.emite_laudo(&caso, true, "Devolver o frete.");
    vera.sync();
    gilda.sync();
    vera.anotar(caso.id, "Cliente desistiu, falei por telefone.").unwrap();
    gilda.pede_por(caso.id, "cancelar", "Desistência do cliente").unwrap();
    let prevista = Some("Cancelada".to_owned());
    assert_eq!(gilda.mostra(caso.id), ("Laudo Emitido".into(), prevista));
    c.alma.pede(&caso, "concluir").leva_a("concluida");
    gilda.sync();
    assert_eq!(gilda.mostra(caso.id), ("Concluída".into(), None));
    let historia = c.alma.historia(&caso, "tudo");
    let pedido = "Pedido: Cancelar. Motivo: Desistência do cliente".to_owned();
    let recusa = format!("“Cancelar” recusado: {}", nao_cabe("Cancelar", "Concluída"));
    assert!(historia.ends_with(&[pedido, recusa]), "{historia:#?}");

    assert_eq!(vera.sync().retidos, 1);
    let retidos = c.casa.retidos(&caso);
    assert_eq!(
        retidos[0].writes[0].proposed.as_deref(),
        Some("Cliente desistiu, falei por telefone.")
    );
    assert_eq!(retidos[0].reason, fechado("Concluída"));
    c.casa.aprova(&c.gilda, &retidos[0]);
    assert_eq!(c.casa.registro(caso.id).notas.len(), 1);
}

/// R3, R78, R82, R91.
fn the_story_is_told_in_order(c: &Cenario, vera: &Aparelho, caso: &Caso) {
    let situacoes: Vec<_> = c
        .todo
        .historia(caso, "tudo")
        .into_iter()
        .filter(|texto| texto.starts_with("Situação: "))
        .collect();
    assert_eq!(
        situacoes,
        [
            "Situação: Pendente de Aceite → Em Análise.",
            "Situação: Em Análise → Laudo Emitido.",
            "Situação: Laudo Emitido → Laudo Emitido.",
            "Situação: Laudo Emitido → Em Análise.",
            "Situação: Em Análise → Pendente de Aceite.",
            "Situação: Pendente de Aceite → Em Análise.",
            "Situação: Em Análise → Laudo Emitido.",
            "Situação: Laudo Emitido → Concluída.",
        ]
    );
    let tudo = c.todo.acompanha(caso, "tudo");
    for linha in &tudo {
        assert!(linha["por"]["nome"].is_string() && linha["no_aparelho"].is_string(), "{linha}");
        assert!(linha["no_servidor"].is_string(), "{linha}");
    }
    let primeira = tudo.last().unwrap();
    assert_eq!(primeira["tipo"], "criacao");
    assert_eq!(primeira["por"]["nome"], "Vera");
    assert_eq!(primeira["aparelho_nome"], "Celular de Vera");
    for tipo in ["item", "anexo", "nota", "participante", "pedido", "analise", "restricao"] {
        assert!(tudo.iter().any(|linha| linha["tipo"] == tipo), "{tipo}");
    }

    let alteracoes = c.todo.acompanha(caso, "alteracoes");
    let de = |campo: &str| alteracoes.iter().find(|linha| linha["campo"] == campo).unwrap();
    let contato = de("contato_nome");
    assert_eq!(
        (&contato["de"], &contato["para"]),
        (&json!("Márcia"), &json!("Márcia Albuquerque"))
    );
    assert_eq!(contato["aparelho_nome"], "Celular de Vera");
    let relato = de("relato");
    assert!(relato["para"].as_str().unwrap().contains("e range"), "{relato}");
    let prazo = de("prazo");
    assert_eq!(
        (&prazo["para"], &prazo["para_exibicao"]),
        (&json!("2026-12-15"), &json!("15/12/2026"))
    );
    let responsavel = de("responsavel");
    assert_eq!(responsavel["para_exibicao"], "Davi");
    vera.sync();
    assert_eq!(
        vera.acompanhamento(caso.id, Vista::Tudo).unwrap().len(),
        tudo.len(),
        "the phone tells the same story"
    );

    let numero = c.todo.le(caso)["numero"].as_str().unwrap().to_owned();
    for q in [&*numero, "98877-6655", "11988776655", "L-77", "marcia+albuquerque", "range"] {
        assert!(c.todo.acha(&format!("q={q}")).contains(&caso.id), "{q}");
    }
}

/// The four ações, and what people call them.
pub const ACOES: [(&str, &str); 4] = [
    ("credito_cliente", "Crédito para o Cliente"),
    ("devolucao_venda", "Proposta de Devolução de Venda"),
    ("nf_devolucao_compra", "Nota Fiscal de Devolução de Compra"),
    ("entrada_estoque", "Entrar Produto no Estoque"),
];

/// "Disponível para o setor responsável": whoever works there asks for what is in analysis with it.
#[test]
fn r47_a_department_finds_what_is_in_analysis_with_it_and_nothing_of_anothers() {
    let c = cenario();
    let do_setor = |setor: &str| {
        let campos = json!({
            "escopo": "processo_interno", "tipo_ocorrencia": "falha_operacional",
            "relato": "Etiquetas trocadas.", "contato_nome": "Ivo",
            "contato_telefone": "ramal 12", "setor": setor,
        });
        c.vera.abre("p000.ocorrencia", campos).caso()
    };
    let (qualidade, expedicao) = (do_setor("qualidade"), do_setor("expedicao"));
    let da_qualidade = "situacao=em_analise&setor=qualidade";
    assert_eq!(c.todo.acha(da_qualidade), [], "not before it is accepted");
    for caso in [&qualidade, &expedicao] {
        c.gilda.pede(caso, "colocar_em_analise").leva_a("em_analise");
    }
    assert_eq!(c.todo.acha(da_qualidade), [qualidade.id]);
    assert_eq!(c.todo.acha("situacao=em_analise&setor=expedicao"), [expedicao.id]);
    assert_eq!(c.todo.acha(&format!("{da_qualidade},expedicao")).len(), 2);
    assert_eq!(c.davi.acha(da_qualidade), [], "a filter shows nobody more than they may see");
}

/// Each permission opens its own verbs and no others, on the server and on the phone alike.
#[test]
fn r85_each_permission_opens_its_own_doors() {
    let c = cenario();
    let caso = c.reclamacao("Peça com risco.");
    for quem in [&c.davi, &c.todo] {
        c.vera.send("PUT", &caso.em(&format!("/participantes/{}", quem.id)), &[], None).feito();
    }
    let do_cliente = json!({ "cliente": c.marcia });
    c.vera.altera(&caso, do_cliente).feito();
    c.gilda.pede(&caso, "colocar_em_analise").feito();
    let de_gilda: &[&str] = &["cancelar", "estornar"];
    let abre: [(&Api, &[&str]); 5] = [
        (&c.vera, &[]),
        (&c.gilda, de_gilda),
        (&c.lauro, &["emitir_laudo"]),
        (&c.alma, &["concluir"]),
        (&c.todo, &[]),
    ];
    let verbos = [
        ("colocar_em_analise", "gerenciar"),
        ("cancelar", "gerenciar"),
        ("estornar", "gerenciar"),
        ("emitir_laudo", "emitir_laudo"),
        ("concluir", "aprovar"),
    ];
    for (quem, dele) in abre {
        let celular = c.casa.aparelho(quem);
        let oferecidos: Vec<String> = serde_json::from_value(
            quem.le(&caso)["verbos"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v["verbo"].clone())
                .collect(),
        )
        .unwrap();
        assert_eq!(oferecidos, dele, "{}", quem.nome);
        assert_eq!(celular.verbos(caso.id), dele, "{}", quem.nome);
        let permissoes = &c.casa.como(quem.id).permissoes;
        for (verbo, permissao) in verbos {
            if permissoes.contains(&permissao.parse().unwrap()) {
                continue;
            }
            quem.pede_por(&caso, verbo, "Porque sim").recusa("sem_permissao", &falta(permissao));
            celular
                .pede_por(caso.id, verbo, "Porque sim")
                .recusa("sem_permissao", &falta(permissao));
        }
        let ficha = quem.le(&caso);
        let possiveis = ficha["acoes_possiveis"].as_array().unwrap();
        assert_eq!(!possiveis.is_empty(), quem.login == "gilda", "{}", quem.nome);
        if quem.login != "gilda" {
            for (acao, _) in ACOES {
                quem.solicita(&caso, acao).recusa("sem_permissao", &falta("gerenciar"));
            }
        }
    }
    // Who holds none of them does not learn of the company's cases at all.
    let nada = c.casa.pessoa("nino", "ver");
    nada.tenta_ler(&caso).recusa("nao_encontrado", NAO_HA);
    nada.pede(&caso, "concluir").recusa("nao_encontrado", NAO_HA);
}
