//! P003, Atendimento ao Cliente, from its manual's first screen to its last: registered and begun
//! on a phone, analysed item by item, solved, concluded with the last word to the client, reopened,
//! and gathered under an ação corretiva.

use crate::{
    aparelho::{Aparelho, digitado, em_json, foto},
    casa::Casa,
    harness::textos,
    office_api::{Api, Caso, Desfecho, falta, fechado, nao_cabe},
    outside::Correio,
};
use campo_domain::{
    command::Command,
    ids::{AnaliseId, DocumentId, ItemId},
    kind::Kind,
    parte::Colecao,
    registro::TipoAnalise,
    valor::Valor,
};
use campo_mobile_core::View;
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

/// The people of the service, one client, and where their e-mails arrive.
pub struct Cenario {
    /// The company.
    pub casa: Casa,
    /// Registers; works in the matriz.
    pub rosa: Api,
    /// Analyses.
    pub abel: Api,
    /// Concludes and cancels.
    pub chefe: Api,
    /// In the group qualidade.
    pub luis: Api,
    /// In no group.
    pub nino: Api,
    /// The client.
    pub cliente: DocumentId,
}

/// The company, with these settings of the server.
pub fn cenario(settings: &[(&str, &str)]) -> Cenario {
    let casa = Casa::com("P003", settings);
    let cliente = json!({ "nome": "Clínica São João", "email": "c@exemplo.br" });
    let cliente = casa.adm.cliente(cliente);
    let ver = "ver ver_todas";
    let da_matriz = |person: &mut campo_server::auth::accounts::Person| {
        person.filial = Some("matriz".into());
    };
    let da_qualidade = |person: &mut campo_server::auth::accounts::Person| {
        person.grupos.insert("qualidade".into());
    };
    Cenario {
        rosa: casa.pessoa_com("rosa", ver, da_matriz),
        abel: casa.pessoa("abel", ver),
        chefe: casa.pessoa("chefe", "ver ver_todas gerenciar aprovar"),
        luis: casa.pessoa_com("luis", ver, da_qualidade),
        nino: casa.pessoa("nino", ver),
        cliente,
        casa,
    }
}

/// Who sends the e-mails.
pub const DE: (&str, &str) = ("CAMPO_SMTP_DE", "Casa <campo@casa.example>");

impl Cenario {
    /// An atendimento of that tipo, registered in the office.
    pub fn atendimento(&self, tipo: &str, relato: &str) -> Caso {
        let campos = json!({ "cliente": self.cliente, "responsavel": self.abel.id,
                             "relato": relato });
        self.rosa.abre(&format!("p003.{tipo}"), campos).caso()
    }

    /// One that waits for its conclusion.
    pub fn resolvido(&self, tipo: &str, relato: &str) -> Caso {
        let caso = self.atendimento(tipo, relato);
        self.abel.pede(&caso, "iniciar").leva_a("iniciado");
        self.abel.pede(&caso, "enviar_para_analise").leva_a("em_analise");
        let analisa = self.abel.le(&caso)["formulario"].to_string().contains("procedencia");
        if analisa {
            self.abel.altera(&caso, json!({ "procedencia": "procedente" })).feito();
        }
        self.abel.analisa(&caso, solucao("Trocado.")).leva_a("aguardando_conclusao");
        caso
    }

    /// One that is concluded.
    pub fn concluido(&self, tipo: &str, relato: &str) -> Caso {
        let caso = self.resolvido(tipo, relato);
        self.chefe.analisa(&caso, parecer("Encerrado.", false)).leva_a("concluido");
        caso
    }
}

fn solucao(texto: &str) -> Value {
    json!({ "tipo": "solucao", "texto": texto })
}

fn parecer(texto: &str, email: bool) -> Value {
    json!({ "tipo": "parecer", "texto": texto, "email": email })
}

const FECHADO: &str = "situacao_nao_permite_edicao";

#[test]
fn p003_from_the_first_screen_to_the_last() {
    let correio = Correio::aberto();
    let c = cenario(&[("CAMPO_SMTP", &correio.smtp), DE]);
    let (rosa, abel) = (c.casa.aparelho(&c.rosa), c.casa.aparelho(&c.abel));
    let chefe = c.casa.aparelho(&c.chefe);
    let caso = the_tipo_is_chosen_and_the_case_registered(&c, &rosa);
    let itens = its_products_and_what_may_be_paid_for_them(&rosa, &caso);
    nothing_is_analysed_before_it_begins(&rosa, &caso);
    it_begins_and_everybody_is_told(&c, &correio, &rosa, &abel, &caso);
    expenses_and_the_catalogue_that_people_maintain(&c, &caso);
    nine_things_may_be_changed(&c, &abel, &caso);
    it_is_analysed_item_by_item(&c, &abel, &caso, itens);
    a_solution_is_registered(&c, &abel, &caso);
    the_last_word_concludes_it(&c, &correio, &chefe, &caso);
    concluded_it_may_be_reopened_but_not_cancelled(&c, &abel, &caso);
    until_it_is_concluded_it_may_be_cancelled(&c, &chefe, &abel);
    every_stage_has_its_days(&c);
    its_history_reads_in_order(&c, &abel, &caso);
    c.casa.confere(&[&rosa, &abel, &chefe]);
}

/// R30–R32.
fn the_tipo_is_chosen_and_the_case_registered(c: &Cenario, rosa: &Aparelho) -> Caso {
    let tipos = rosa.tipos(Kind::Ocorrencia).unwrap();
    let tipos: Vec<_> = tipos.iter().map(|tipo| tipo.nome.as_str()).collect();
    assert_eq!(
        tipos,
        [
            "Assistência técnica",
            "Devolução de produto",
            "Elogio",
            "Reclamação",
            "Dúvida ou solicitação",
            "Sugestão"
        ]
    );
    let relato = textos(&[("relato", "Chegou quebrado.")]);
    let error = rosa.novo(Kind::Ocorrencia, None, &relato, &[]).unwrap_err();
    assert_eq!(error.codigo(), "escolha_tipo");
    rosa.registra("p003.reclamacao", &[], &[]).recusa(
        "campos_obrigatorios",
        "Preencha os campos obrigatórios: Cliente, Descrição do atendimento, Responsável.",
    );
    let (cliente, abel) = (c.cliente.to_string(), c.abel.id.to_string());
    let campos = [
        ("cliente", &*cliente),
        ("contato_nome", "Dr. Paulo"),
        ("canal", "telefone"),
        ("responsavel", &*abel),
        ("setor", "producao"),
        ("relato", "Cadeira e mesa chegaram quebradas."),
        ("contato_telefone", "19 3333-1000"),
    ];
    let antes = Utc::now();
    let id = rosa.registra("p003.reclamacao", &campos, &[]).unwrap();
    let registro = rosa.registro(id);
    assert_eq!(registro.valor("contato_email").texto(), Some("c@exemplo.br"));
    assert_eq!(registro.valor("filial").texto(), Some("matriz"));
    let atendimento = registro.valor("atendimento_em").instante().unwrap();
    assert!((atendimento - antes).num_seconds().abs() < 60);
    // What Campo fills in gives way to what a person says.
    let mut ditos = campos.to_vec();
    ditos.extend([("contato_email", "paulo@exemplo.br"), ("atendimento_em", "20/11/2026 14:00")]);
    let outro = rosa.registra("p003.solicitacao", &ditos, &[]).unwrap();
    let outro = rosa.registro(outro);
    assert_eq!(outro.valor("contato_email").texto(), Some("paulo@exemplo.br"));
    let dito = outro.valor("atendimento_em").instante().unwrap();
    assert_eq!(dito.to_rfc3339(), "2026-11-20T17:00:00+00:00");

    let nao = |campo: &str| format!("Este tipo de registro não tem o campo {campo}.");
    let mut julgado = campos.to_vec();
    julgado.push(("procedencia", "procedente"));
    rosa.registra("p003.elogio", &julgado, &[]).recusa("campo_fora_do_tipo", &nao("Procedência"));
    let pago: &[(&str, &str)] = &[("produto", "Mesa"), ("valor_indenizado", "10,00")];
    rosa.registra("p003.assistencia_tecnica", &campos, &[pago])
        .recusa("campo_fora_do_tipo", &nao("Valor indenizado"));
    let elogio = rosa.registra("p003.elogio", &campos, &[]).unwrap();
    rosa.inclui(elogio, Colecao::Despesas, &[("despesa", "frete"), ("valor", "1,00")])
        .recusa("recurso_desabilitado", "Este tipo de registro não usa Despesas.");
    rosa.sync();
    assert!(rosa.registro(id).numero.unwrap().ends_with("/000001"));
    Caso::ocorrencia(id)
}

/// R33, R34.
fn its_products_and_what_may_be_paid_for_them(rosa: &Aparelho, caso: &Caso) -> [ItemId; 2] {
    let cadeira = [
        ("produto", "Cadeira"),
        ("nota_fiscal", "123"),
        ("quantidade", "2"),
        ("valor_indenizado", "3.000,00"),
        ("observacao", "Pé quebrado"),
    ];
    let cadeira = rosa.inclui(caso.id, Colecao::Itens, &cadeira).unwrap();
    let passa = "O valor indenizado passa do limite deste tipo: R$ 5.000,00.";
    let mesa = |valor: &str| {
        let mesa = [("produto", "Mesa"), ("valor_indenizado", valor)];
        rosa.inclui(caso.id, Colecao::Itens, &mesa)
    };
    mesa("2.500,00").recusa("limite_indenizacao", passa);
    let mesa = mesa("2.000,00").unwrap();
    rosa.editar_item(caso.id, mesa, "valor_indenizado", "2.000,01")
        .recusa("limite_indenizacao", passa);
    rosa.sync();
    [cadeira, mesa]
}

/// R61, R62, R65.
fn nothing_is_analysed_before_it_begins(rosa: &Aparelho, caso: &Caso) {
    let aberto = fechado("Aberto");
    rosa.editar(caso.id, "procedencia", "procedente").recusa(FECHADO, &aberto);
    rosa.analisar(caso.id, TipoAnalise::Parcial, "Cedo.", None, false).recusa(FECHADO, &aberto);
    let nao = |rotulo: &str| nao_cabe(rotulo, "Aberto");
    rosa.pede(caso.id, "enviar_para_analise")
        .recusa("transicao_nao_permitida", &nao("Enviar para análise"));
    rosa.analisar(caso.id, TipoAnalise::Solucao, "Cedo.", None, false)
        .recusa("transicao_nao_permitida", &nao("Registrar"));
}

/// R60, R87.
fn it_begins_and_everybody_is_told(
    c: &Cenario,
    correio: &Correio,
    rosa: &Aparelho,
    abel: &Aparelho,
    caso: &Caso,
) {
    rosa.interessar(caso.id, c.luis.id, true).unwrap();
    rosa.interessar(caso.id, c.chefe.id, true).unwrap();
    let verbos = rosa.show(caso.id).unwrap().verbos;
    assert!(verbos.iter().any(|verbo| verbo.verbo == "iniciar" && verbo.oferece_email));
    rosa.transicionar_e_avisar(caso.id, "iniciar", None).unwrap();
    assert_eq!(rosa.mostra(caso.id), ("Aberto".into(), Some("Iniciado".into())));
    rosa.sync();
    assert_eq!(rosa.mostra(caso.id).0, "Iniciado");
    let cartas = correio.recebe(&c.casa, 3);
    let para: Vec<_> = cartas.iter().map(|carta| carta.para.as_str()).collect();
    assert_eq!(para, ["c@exemplo.br", "chefe@casa.example", "luis@casa.example"]);
    let numero = rosa.registro(caso.id).numero.unwrap();
    assert!(cartas.iter().all(|carta| carta.texto.contains(&numero)), "{cartas:?}");
    abel.sync();
    let dele = abel.registro(caso.id);
    assert_eq!(dele.responsavel(), Some(c.abel.id));

    // Without the offer taken, the client hears nothing; those who asked to be told do.
    let calado = c.atendimento("sugestao", "Mais cores.");
    let interessado = calado.em(&format!("/interessados/{}", c.luis.id));
    c.rosa.send("PUT", &interessado, &[], None).feito();
    c.rosa.pede(&calado, "iniciar").leva_a("iniciado");
    assert_eq!(correio.recebe(&c.casa, 1)[0].para, "luis@casa.example");
}

/// R35, R36.
fn expenses_and_the_catalogue_that_people_maintain(c: &Cenario, caso: &Caso) {
    let despesa = |campos: Value| c.abel.inclui(caso, "despesas", campos);
    despesa(json!({ "despesa": "deslocamento", "valor": "45.00" })).feito();
    let almoco = json!({ "despesa": "almoco", "valor": "32,50", "data": "2026-11-20" });
    let ficha = despesa(almoco).ficha();
    let valores: Vec<_> =
        ficha["despesas"].as_array().unwrap().iter().map(|d| &d["campos"]["valor"]).collect();
    assert_eq!(valores, ["45.00", "32.50"]);
    despesa(json!({ "despesa": "frete", "cor": "azul" }))
        .recusa("campo_desconhecido", "Não existe o campo “cor” neste registro.");
    despesa(json!({ "despesa": "frete" }))
        .recusa("campos_obrigatorios", "Preencha o campo obrigatório: Valor.");
    despesa(json!({ "despesa": "estacionamento", "valor": "12.00" }))
        .recusa("valor_invalido", "O valor informado em Despesa não é válido.");
    let achado = c.abel.get("/v1/busca?q=despesas").feito();
    assert_eq!(achado["catalogos"][0]["codigo"], "tipo_despesa");
    c.abel.cataloga("tipo_despesa", "estacionamento", "Estacionamento", json!({}));
    despesa(json!({ "despesa": "estacionamento", "valor": "12.00" })).feito();
    let setor = json!({ "nome": "Setor do Abel" });
    c.abel
        .send("PUT", "/v1/catalogos/setor/abel", &[], Some(&setor))
        .recusa("sem_permissao", &falta("administrar"));
}

/// R69: "Alterar dados".
fn nine_things_may_be_changed(c: &Cenario, abel: &Aparelho, caso: &Caso) {
    let outra = c.casa.adm.cliente(json!({ "nome": "Clínica São José" })).to_string();
    abel.sync();
    for (campo, valor) in [
        ("cliente", &*outra),
        ("contato_nome", "Dra. Lúcia"),
        ("setor", "qualidade"),
        ("atendimento_em", "21/11/2026 08:30"),
        ("contato_email", "lucia@exemplo.br"),
        ("relato", "Cadeira, mesa e vidro chegaram quebrados."),
        ("filial", "matriz"),
        ("contato_telefone", "19 3333-2000"),
        ("canal", "whatsapp"),
    ] {
        abel.editar(caso.id, campo, valor).unwrap();
    }
    abel.editar(caso.id, "responsavel", &c.luis.id.to_string())
        .recusa("sem_permissao", &falta("gerenciar"));
    let feito = abel.sync();
    assert_eq!((feito.held, feito.refused), (0, 0));
    assert_eq!(c.chefe.le(caso)["campos"]["contato_nome"], "Dra. Lúcia");
}

/// R61–R64.
fn it_is_analysed_item_by_item(c: &Cenario, abel: &Aparelho, caso: &Caso, itens: [ItemId; 2]) {
    abel.pede(caso.id, "enviar_para_analise").unwrap();
    assert_eq!(abel.mostra(caso.id).1.as_deref(), Some("Em análise"));
    let [cadeira, mesa] = itens;
    abel.editar_item(caso.id, cadeira, "procedencia", "procedente").unwrap();
    // Of several items the record's own judgement says nothing.
    abel.editar(caso.id, "procedencia", "procedente").unwrap();
    let registrar = || abel.analisar(caso.id, TipoAnalise::Solucao, "Trocar.", None, false);
    registrar().recusa(
        "exige_procedencia",
        "Informe antes se o atendimento é procedente ou improcedente; havendo mais de um item, em \
         cada um deles.",
    );
    abel.editar_item(caso.id, mesa, "procedencia", "improcedente").unwrap();
    abel.analisar(caso.id, TipoAnalise::Parcial, "Cadeira com solda fria.", None, false).unwrap();
    assert_eq!(abel.sync().refused, 0);
    let encaminhada = Command::Analisar {
        analise: AnaliseId::from(Uuid::now_v7()),
        tipo: TipoAnalise::Parcial,
        texto: "Com a qualidade.".into(),
        procedente: None,
        pedido: None,
        encaminhar: Some(c.luis.id),
    };
    abel.run(Some(caso.id), encaminhada)
        .recusa("exige_conexao", "Esta ação só pode ser feita com conexão, pela retaguarda.");
    let parcial = |texto: &str| json!({ "tipo": "parcial", "texto": texto });
    c.chefe.analisa(caso, parcial("Vi as fotos.")).leva_a("em_analise");
    let mut com_juizo = parcial("Procede.");
    com_juizo["procedente"] = json!(true);
    c.abel
        .analisa(caso, com_juizo)
        .recusa("valor_invalido", "O valor informado em Análise parcial não é válido.");
    let mut a_luis = parcial("Com a qualidade.");
    a_luis["encaminhar"] = json!(c.luis.id);
    let ficha = c.abel.analisa(caso, a_luis).leva_a("em_analise");
    assert_eq!(ficha["campos"]["responsavel"], json!(c.luis.id));
    let feitas: Vec<_> = ficha["analises"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| (a["por"]["nome"].as_str().unwrap(), a["aparelho"].as_str().unwrap()))
        .collect();
    let retaguarda = "Retaguarda";
    assert_eq!(feitas, [("Abel", "Celular de Abel"), ("Chefe", retaguarda), ("Abel", retaguarda)]);
    assert_eq!(ficha["analises"][2]["encaminhar"]["nome"], "Luis");
}

/// R65.
fn a_solution_is_registered(c: &Cenario, abel: &Aparelho, caso: &Caso) {
    c.abel.pede(caso, "registrar").recusa("exige_solucao", "Registre a solução antes.");
    abel.sync();
    abel.analisar(caso.id, TipoAnalise::Solucao, "Trocar a cadeira.", None, false).unwrap();
    abel.sync();
    let espera = "Aguardando conclusão";
    assert_eq!(abel.mostra(caso.id), (espera.into(), None));
    let item = c.abel.le(caso)["itens"][0]["id"].as_str().unwrap().to_owned();
    for campo in ["procedencia", "quantidade"] {
        let valor = if campo == "quantidade" { "9" } else { "improcedente" };
        let mudar = json!({ campo: valor });
        c.abel.altera_parte(caso, "itens", &item, mudar).recusa(FECHADO, &fechado(espera));
    }
    c.abel.inclui(caso, "despesas", json!({ "despesa": "frete", "valor": "80.00" })).feito();
    c.abel.altera(caso, json!({ "contato_nome": "Dra. Lúcia Prado" })).feito();
}

/// R66, R67, R87.
fn the_last_word_concludes_it(c: &Cenario, correio: &Correio, chefe: &Aparelho, caso: &Caso) {
    let ultimo = || parecer("Pedimos desculpas: a cadeira nova segue amanhã.", true);
    c.abel.analisa(caso, ultimo()).recusa("sem_permissao", &falta("aprovar"));
    chefe.sync();
    chefe
        .analisar(caso.id, TipoAnalise::Parecer, "Segue.", None, true)
        .recusa("exige_conexao", "Esta ação só pode ser feita com conexão, pela retaguarda.");
    c.chefe
        .pede(caso, "concluir")
        .recusa("exige_parecer", "Informe o parecer final antes de concluir.");
    c.chefe.analisa(caso, ultimo()).leva_a("concluido");
    let cartas = correio.recebe(&c.casa, 3);
    let para: Vec<_> = cartas.iter().map(|carta| carta.para.as_str()).collect();
    assert_eq!(para, ["chefe@casa.example", "lucia@exemplo.br", "luis@casa.example"]);
    assert!(cartas[1].texto.contains("a cadeira nova segue amanhã"), "{}", cartas[1].texto);

    let concluido = fechado("Concluído");
    for (campo, valor) in [
        ("cliente", json!(c.cliente)),
        ("contato_nome", json!("Outro")),
        ("setor", json!("comercial")),
        ("atendimento_em", json!("2026-11-01T10:00:00Z")),
        ("contato_email", json!("a@b.example")),
        ("relato", json!("Outro.")),
        ("filial", json!(null)),
        ("contato_telefone", json!("0")),
        ("canal", json!("email")),
    ] {
        c.chefe.altera(caso, json!({ campo: valor })).recusa(FECHADO, &concluido);
    }
    // A late word, or a signed receipt, is filed all the same.
    c.chefe.anota(caso, "Mais uma.").feito();
    let anexo = em_json(&foto("depois.jpg", "depois"));
    let pode = c.chefe.inclui(caso, "anexos", anexo).ficha()["pode"].clone();
    assert_eq!((&pode["anexos"], &pode["remover_anexos"]), (&json!(true), &json!(false)));
    let nao = nao_cabe("Cancelar", "Concluído");
    c.chefe.pede_por(caso, "cancelar", "Engano").recusa("transicao_nao_permitida", &nao);
}

/// R67, R68.
fn concluded_it_may_be_reopened_but_not_cancelled(c: &Cenario, abel: &Aparelho, caso: &Caso) {
    c.abel.pede(caso, "reabrir").recusa("sem_permissao", &falta("gerenciar"));
    c.chefe.pede(caso, "reabrir").leva_a("reaberto");
    let nao = nao_cabe("Reabrir", "Reaberto");
    c.chefe.pede(caso, "reabrir").recusa("transicao_nao_permitida", &nao);
    c.chefe
        .pede_por(caso, "cancelar", "Engano")
        .recusa("ja_concluido", "“Cancelar” não é possível: o registro já foi concluído.");
    abel.sync();
    let item = *abel.registro(caso.id).itens.keys().last().unwrap();
    abel.editar_item(caso.id, item, "procedencia", "procedente").unwrap();
    abel.editar(caso.id, "setor", "comercial").unwrap();
    abel.analisar(caso.id, TipoAnalise::Parcial, "A mesa também.", None, false).unwrap();
    abel.analisar(caso.id, TipoAnalise::Solucao, "Trocar as duas.", None, false).unwrap();
    assert_eq!(abel.sync().refused, 0);
    assert_eq!(abel.mostra(caso.id).0, "Aguardando conclusão");
    let analises = abel.show(caso.id).unwrap().analises;
    let solucoes: Vec<_> = analises
        .iter()
        .filter(|analise| analise.tipo == TipoAnalise::Solucao)
        .map(|analise| (analise.texto.as_str(), analise.vigente))
        .collect();
    assert_eq!(solucoes, [("Trocar a cadeira.", false), ("Trocar as duas.", true)]);
    c.chefe.analisa(caso, parecer("Agora sim.", false)).leva_a("concluido");
    // Or by way of another analysis.
    c.chefe.pede(caso, "reabrir").leva_a("reaberto");
    c.abel.pede(caso, "enviar_para_analise").leva_a("em_analise");
    c.abel.analisa(caso, solucao("Nada mais.")).leva_a("aguardando_conclusao");
    c.chefe.analisa(caso, parecer("Encerrado.", false)).leva_a("concluido");
}

/// R67, and what a phone proposes meanwhile.
fn until_it_is_concluded_it_may_be_cancelled(c: &Cenario, chefe: &Aparelho, abel: &Aparelho) {
    let novo = || c.atendimento("elogio", "Muito bom.");
    let passos: [(&str, &str); 2] =
        [("iniciar", "iniciado"), ("enviar_para_analise", "em_analise")];
    for quantos in 0..=2 {
        let caso = novo();
        for (verbo, situacao) in &passos[..quantos] {
            c.abel.pede(&caso, verbo).leva_a(situacao);
        }
        c.chefe.pede(&caso, "cancelar").recusa("exige_motivo", "Informe o motivo.");
        c.abel.pede_por(&caso, "cancelar", "x").recusa("sem_permissao", &falta("gerenciar"));
        c.chefe.pede_por(&caso, "cancelar", "Em duplicidade").leva_a("cancelado");
        let nao = nao_cabe("Iniciar atendimento", "Cancelado");
        c.chefe.pede(&caso, "iniciar").recusa("transicao_nao_permitida", &nao);
    }
    let caso = c.resolvido("elogio", "Atendimento ótimo.");
    chefe.sync();
    chefe
        .pede_por(caso.id, "cancelar", "Do celular")
        .recusa("exige_conexao", "Esta ação só pode ser feita com conexão, pela retaguarda.");
    c.chefe.pede_por(&caso, "cancelar", "Em duplicidade").leva_a("cancelado");

    // Abel solves in the field what is being cancelled in the office: told, and readable.
    let caso = novo();
    c.abel.pede(&caso, "iniciar").feito();
    c.abel.pede(&caso, "enviar_para_analise").feito();
    abel.sync();
    abel.analisar(caso.id, TipoAnalise::Solucao, "Agradecer por carta.", None, false).unwrap();
    c.chefe.pede_por(&caso, "cancelar", "Registrado por engano").leva_a("cancelado");
    abel.sync();
    let analise = abel.show(caso.id).unwrap().analises.remove(0);
    assert_eq!((&*analise.texto, analise.vigente), ("Agradecer por carta.", false));
    assert_eq!(analise.recusa.unwrap(), nao_cabe("Registrar", "Cancelado"));
}

/// R70.
fn every_stage_has_its_days(c: &Cenario) {
    let caso = c.atendimento("solicitacao", "Como se limpa?");
    let dias = |caso: &Caso| {
        let ficha = c.abel.le(caso);
        let quando = |nome: &str| -> chrono::DateTime<Utc> {
            ficha[nome].as_str().unwrap().parse().unwrap()
        };
        (quando("etapa_ate") - quando("etapa_desde")).num_days()
    };
    assert_eq!(dias(&caso), 1);
    let id = caso.id;
    let sql = format!(
        "UPDATE ocorrencias SET etapa_desde = etapa_desde - interval '3 days', \
             etapa_ate = etapa_ate - interval '3 days' WHERE id = '{id}'"
    );
    assert_eq!(c.casa.sql(&sql), 1);
    assert_eq!(c.chefe.acha("atrasado=true"), [id]);
    c.abel.pede(&caso, "iniciar").feito();
    assert_eq!(dias(&caso), 2);
    assert!(c.chefe.acha("atrasado=true").is_empty(), "moving on clears it");
    c.abel.pede(&caso, "enviar_para_analise").feito();
    assert_eq!(dias(&caso), 5);
    c.abel.analisa(&caso, solucao("Pano úmido.")).feito();
    assert_eq!(dias(&caso), 2);
    c.chefe.analisa(&caso, parecer("Pano úmido.", false)).feito();
    assert_eq!(c.abel.le(&caso)["etapa_ate"], Value::Null);
    c.chefe.pede(&caso, "reabrir").feito();
    assert_eq!(dias(&caso), 3);
}

/// R80, R84.
fn its_history_reads_in_order(c: &Cenario, abel: &Aparelho, caso: &Caso) {
    let historia = c.chefe.historia(caso, "historico");
    let marcos = [
        "Ocorrência criada.",
        "Item incluído: Cadeira.",
        "Pedido: Iniciar atendimento.",
        "Situação: Aberto → Iniciado.",
        "Análise parcial: Cadeira com solda fria.",
        "Solução: Trocar a cadeira.",
        "Parecer: Pedimos desculpas: a cadeira nova segue amanhã.",
        "Situação: Aguardando conclusão → Concluído.",
        "Situação: Concluído → Reaberto.",
        "Parecer: Encerrado.",
    ];
    let mut resto = historia.iter();
    for marco in marcos {
        assert!(resto.any(|texto| texto == marco), "{marco}: {historia:#?}");
    }
    assert!(!historia.iter().any(|texto| texto == "Contato alterado."));
    abel.sync();
    let no_celular = abel.acompanhamento(caso.id, View::Historico).unwrap();
    // What the office knows of e-mails, too.
    let emails = historia.iter().filter(|texto| texto.starts_with("E-mail enviado para Dr"));
    assert_eq!((no_celular.len(), emails.count()), (historia.len() - 2, 2));
    // A note and a file, where work may still happen.
    let outro = c.atendimento("reclamacao", "Vidro riscado.");
    abel.sync();
    abel.anotar(outro.id, "Pedi fotos.").unwrap();
    abel.inclui(outro.id, Colecao::Anexos, &digitado(&foto("risco.jpg", "avaria"))).unwrap();
    abel.sync();
    let ficha = c.chefe.le(&outro);
    assert_eq!(ficha["notas"][0]["texto"], "Pedi fotos.");
    assert_eq!(ficha["anexos"][0]["campos"]["tamanho"], 48213);
    assert_eq!(abel.registro(outro.id).valor("relato"), &Valor::Texto("Vidro riscado.".into()));
}
