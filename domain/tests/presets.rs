//! The five presets against their manuals, at the tap: which verb leads where for whom, and each
//! refusal by its code. What needs a server or a device is in the tests of the workspace.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use campo_domain::{
    command::{Command, NovoItem, NovoPedido},
    fluxo::{Fase, Quem},
    ids::{AcaoId, AnaliseId, DeviceId, DocumentId, ItemId, NotaId, PedidoId, UserId},
    parte::Colecao,
    pessoa::{
        Permissao::{self, Aprovar, EmitirLaudo, Gerenciar, Portal, Ver},
        Pessoa,
    },
    policy::{self, Caso},
    preset,
    registro::{
        Acao, Analise, Autoria, Item, Pedido, Registro, SituacaoAcao, TipoAnalise, Veredito,
        Visibilidade,
    },
    tipo::Tipo,
    valor::{
        Alvo,
        TipoCampo::{self, Referencia},
        Valor,
    },
    workflow::{self, Efeito, Onde},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A record in somebody's hands: what a test does to it, the server does.
struct Mesa {
    tipo: Tipo,
    registro: Registro,
    relogio: DateTime<Utc>,
    proximo: u128,
}

const CLIENTE: u128 = 7;

fn tipo(codigo: &str) -> Tipo {
    let preset = preset::carregar(&codigo[..4].to_uppercase()).unwrap();
    preset.tipos.into_iter().find(|tipo| tipo.codigo == codigo).unwrap()
}

fn pessoa(permissoes: &[Permissao]) -> Pessoa {
    Pessoa {
        id: UserId::from(Uuid::from_u128(1)),
        nome: "Ana".into(),
        permissoes: permissoes.iter().copied().collect(),
        ativo: true,
        grupos: BTreeSet::new(),
        filial: None,
        cliente: permissoes.contains(&Portal).then(|| DocumentId::from(Uuid::from_u128(CLIENTE))),
    }
}

fn servidor() -> Pessoa {
    Pessoa { id: UserId::SERVIDOR, ..pessoa(&Permissao::TODAS) }
}

fn texto(texto: &str) -> Valor {
    Valor::Texto(texto.into())
}

fn um_valor(tipo: TipoCampo) -> Valor {
    match tipo {
        TipoCampo::Escolha(opcoes) => texto(opcoes[0].0),
        TipoCampo::Instante => Valor::Instante(DateTime::UNIX_EPOCH),
        TipoCampo::Data => Valor::Data(DateTime::UNIX_EPOCH.date_naive()),
        TipoCampo::Inteiro { .. } | TipoCampo::Centavos { .. } | TipoCampo::Milesimos { .. } => {
            Valor::Inteiro(1)
        }
        TipoCampo::Logico => Valor::Logico(true),
        Referencia(Alvo::Catalogo(_)) => texto("codigo"),
        Referencia(_) => Valor::Id(Uuid::from_u128(CLIENTE)),
        _ => texto("texto"),
    }
}

impl Mesa {
    /// A record with what its tipo requires.
    fn nova(codigo: &str) -> Self {
        let tipo = tipo(codigo);
        let campo = |nome: &String| (nome.clone(), um_valor(tipo.kind.campo(nome).unwrap().tipo));
        let campos = tipo.obrigatorios.iter().map(campo).collect();
        let id = DocumentId::from(Uuid::from_u128(9));
        let por = UserId::from(Uuid::from_u128(1));
        let registro = Registro::novo(id, &tipo, Autoria { por, em: DeviceId::ESCRITORIO }, campos);
        Mesa { tipo, registro, relogio: DateTime::UNIX_EPOCH, proximo: 100 }
    }

    fn em(codigo: &str, situacao: &str) -> Self {
        let mut mesa = Mesa::nova(codigo);
        mesa.registro.situacao = Some(situacao.into());
        mesa
    }

    fn uuid(&mut self) -> Uuid {
        self.proximo += 1;
        Uuid::from_u128(self.proximo)
    }

    fn com(mut self, campo: &str, valor: Valor) -> Self {
        self.registro.campos.insert(campo.into(), valor);
        self
    }

    fn item(&mut self, campos: &[(&str, Valor)]) -> ItemId {
        let id = ItemId::from(self.uuid());
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let autoria = self.registro.criacao;
        self.registro.itens.insert(id, Item { campos, removido: false, autoria });
        id
    }

    fn situacao(&self) -> &str {
        &self.registro.situacao(&self.tipo).unwrap().codigo
    }

    fn decide(&self, quem: &Pessoa, comando: &Command, onde: Onde) -> Result<Efeito, &'static str> {
        workflow::decide(Some(&self.registro), &self.tipo, quem, comando, onde)
            .map_err(|refusal| refusal.codigo.codigo())
    }

    /// What the server does with a verb; the situação afterwards, or the refusal's code.
    fn pede(&mut self, quem: &Pessoa, verbo: &str, motivo: Option<&str>) -> Result<&str, &str> {
        let comando = Command::Transicionar {
            pedido: PedidoId::from(self.uuid()),
            verbo: verbo.into(),
            motivo: motivo.map(str::to_owned),
            email: false,
        };
        self.faz(quem, &comando, verbo)
    }

    fn analisa(&mut self, quem: &Pessoa, tipo: TipoAnalise) -> Result<&str, &str> {
        let pedido = NovoPedido { id: PedidoId::from(self.uuid()), email: false };
        let comando = Command::Analisar {
            analise: AnaliseId::from(self.uuid()),
            tipo,
            texto: "Visto e medido.".into(),
            procedente: (tipo == TipoAnalise::Laudo).then_some(true),
            pedido: (tipo != TipoAnalise::Parcial).then_some(pedido),
            encaminhar: None,
        };
        let verbo = workflow::transition_bringing(&self.registro, &self.tipo, tipo);
        let verbo = verbo.map_or(String::new(), |transicao| transicao.verbo.clone());
        self.faz(quem, &comando, &verbo)
    }

    fn faz(&mut self, quem: &Pessoa, comando: &Command, verbo: &str) -> Result<&str, &'static str> {
        let efeito = self.decide(quem, comando, Onde::Servidor)?;
        let autoria = Autoria { por: quem.id, em: DeviceId::ESCRITORIO };
        self.relogio += TimeDelta::hours(1);
        let quando = self.relogio;
        if let Command::Analisar { analise, tipo, texto, procedente, pedido, encaminhar } = comando
        {
            self.registro.analises.push(Analise {
                id: *analise,
                tipo: *tipo,
                pedido: pedido.map(|pedido| pedido.id),
                autoria,
                quando,
                procedente: *procedente,
                texto: texto.clone(),
                encaminhar: *encaminhar,
            });
        }
        if let Efeito::Situacao(para) = efeito {
            let de = self.situacao().to_owned();
            self.registro.pedidos.push(Pedido {
                id: comando.pedido().unwrap(),
                autoria,
                quando,
                verbo: verbo.into(),
                motivo: None,
                email: false,
                veredito: Some(Veredito { recusa: None, de, para: para.clone(), quando }),
            });
            self.registro.situacao = Some(para);
        }
        Ok(self.situacao())
    }

    fn edita(&self, quem: &Pessoa, campo: &str) -> Result<(), &'static str> {
        let definicao = self.tipo.kind.campo(campo).unwrap();
        let email = texto("ana@exemplo.com.br");
        let valor = if campo == "contato_email" { email } else { um_valor(definicao.tipo) };
        let comando = match definicao.longo() {
            false => Command::Editar { campo: campo.into(), valor, visto: None },
            true => Command::EditarTexto {
                campo: campo.into(),
                de: String::new(),
                para: "texto".into(),
            },
        };
        self.decide(quem, &comando, Onde::Servidor).map(|_| ())
    }

    fn inclui(
        &self,
        quem: &Pessoa,
        em: Colecao,
        campos: &[(&str, Valor)],
    ) -> Result<(), &'static str> {
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let item = NovoItem { id: ItemId::from(Uuid::from_u128(99)), campos };
        self.decide(quem, &Command::IncluirItem { em, item }, Onde::Servidor).map(|_| ())
    }

    fn anota(&self, quem: &Pessoa, visibilidade: Visibilidade) -> Result<(), &'static str> {
        let id = NotaId::from(Uuid::from_u128(98));
        let (texto, resposta_a) = ("Nota.".to_owned(), None);
        let comando = Command::Anotar { id, texto, visibilidade, resposta_a };
        self.decide(quem, &comando, Onde::Servidor).map(|_| ())
    }

    fn solicita(&self, quem: &Pessoa, codigo: &str) -> Result<(), &'static str> {
        let acao = AcaoId::from(Uuid::from_u128(97));
        let comando = Command::SolicitarAcao { acao, codigo: codigo.into(), observacao: None };
        self.decide(quem, &comando, Onde::Servidor).map(|_| ())
    }
}

fn no_aparelho(mesa: &Mesa, quem: &Pessoa, verbo: &str) -> Result<Efeito, &'static str> {
    let pedido = PedidoId::from(Uuid::from_u128(96));
    let (verbo, motivo) = (verbo.to_owned(), Some("motivo".to_owned()));
    let comando = Command::Transicionar { pedido, verbo, motivo, email: false };
    mesa.decide(quem, &comando, Onde::Aparelho)
}

#[test]
fn p000_asks_for_exactly_what_its_manual_says() {
    let tipo = tipo("p000.ocorrencia");
    let comando = Command::Criar {
        id: DocumentId::from(Uuid::from_u128(9)),
        kind: tipo.kind,
        tipo: tipo.referencia(),
        campos: Default::default(),
        itens: vec![],
    };
    let quem = pessoa(&[Ver]);
    let recusa = workflow::decide(None, &tipo, &quem, &comando, Onde::Aparelho).unwrap_err();
    assert_eq!(
        recusa.detalhes,
        ["Escopo", "Tipo de Ocorrência", "Relato", "Nome do contato", "Telefone do contato"]
    );
    let preset = preset::carregar("P000").unwrap();
    let tipos: Vec<_> = preset.catalogos["tipo_ocorrencia"].iter().map(|c| &*c.codigo).collect();
    assert_eq!(
        tipos,
        [
            "reclamacao_produto",
            "divergencia_comercial",
            "solicitacao_tecnica",
            "avaria",
            "falha_operacional",
            "atendimento_especial"
        ]
    );
}

#[test]
fn p000_goes_from_aceite_to_conclusao_and_then_nothing_changes_any_more() {
    let (gere, lauda, aprova) =
        (pessoa(&[Ver, Gerenciar]), pessoa(&[Ver, EmitirLaudo]), pessoa(&[Ver, Aprovar]));
    let todas = pessoa(&Permissao::TODAS);
    let mut mesa = Mesa::nova("p000.ocorrencia");
    assert_eq!(mesa.pede(&aprova, "concluir", None), Err("transicao_nao_permitida"));
    assert_eq!(mesa.analisa(&lauda, TipoAnalise::Laudo), Err("transicao_nao_permitida"));
    assert_eq!(mesa.solicita(&todas, "entrada_estoque"), Err("acao_nao_permitida"));
    assert_eq!(mesa.pede(&aprova, "colocar_em_analise", None), Err("sem_permissao"));
    assert_eq!(mesa.pede(&gere, "colocar_em_analise", None), Ok("em_analise"));
    assert_eq!(mesa.edita(&todas, "relato"), Err("situacao_nao_permite_edicao"));
    assert_eq!(mesa.analisa(&lauda, TipoAnalise::Parcial), Ok("em_analise"));
    assert_eq!(mesa.anota(&todas, Visibilidade::Interna), Ok(()));
    assert_eq!(mesa.pede(&aprova, "concluir", None), Err("exige_laudo"));
    assert_eq!(mesa.pede(&gere, "concluir", None), Err("sem_permissao"));
    assert_eq!(mesa.pede(&lauda, "emitir_laudo", None), Err("exige_laudo"));
    assert_eq!(mesa.analisa(&gere, TipoAnalise::Laudo), Err("sem_permissao"));
    assert_eq!(mesa.analisa(&lauda, TipoAnalise::Laudo), Ok("laudo_emitido"));
    assert_eq!(mesa.analisa(&lauda, TipoAnalise::Laudo), Ok("laudo_emitido"));
    assert_eq!(mesa.pede(&gere, "estornar", None), Err("transicao_nao_permitida"));
    assert_eq!(mesa.pede(&gere, "colocar_em_analise", None), Ok("em_analise"));
    assert_eq!(mesa.pede(&gere, "estornar", None), Ok("pendente_aceite"));
    assert_eq!(mesa.edita(&todas, "relato"), Ok(()));
    assert_eq!(mesa.pede(&gere, "colocar_em_analise", None), Ok("em_analise"));
    assert_eq!(mesa.pede(&aprova, "concluir", None), Ok("concluida"));
    for campo in mesa.tipo.formulario.clone() {
        assert_eq!(mesa.edita(&todas, &campo), Err("situacao_nao_permite_edicao"), "{campo}");
    }
    assert_eq!(mesa.anota(&todas, Visibilidade::Interna), Err("situacao_nao_permite_edicao"));
    assert_eq!(mesa.solicita(&todas, "credito_cliente"), Err("acao_nao_permitida"));
    for verbo in ["colocar_em_analise", "cancelar", "estornar", "concluir"] {
        assert_eq!(mesa.pede(&todas, verbo, Some("x")), Err("transicao_nao_permitida"), "{verbo}");
    }
}

#[test]
fn p000_actions_ask_for_what_the_erp_needs() {
    let gere = pessoa(&[Ver, Gerenciar]);
    let mut mesa = Mesa::em("p000.ocorrencia", "em_analise");
    assert_eq!(mesa.solicita(&pessoa(&[Ver]), "credito_cliente"), Err("sem_permissao"));
    for acao in ["credito_cliente", "devolucao_venda", "nf_devolucao_compra", "entrada_estoque"] {
        assert_eq!(mesa.solicita(&gere, acao), Err("exige_campo"), "{acao}");
    }
    mesa.item(&[("produto", texto("Colchão"))]);
    assert_eq!(mesa.solicita(&gere, "entrada_estoque"), Err("exige_campo"), "no quantity");
    let item = mesa.registro.itens.values_mut().next().unwrap();
    item.campos.insert("quantidade".into(), Valor::Inteiro(1_000));
    item.campos.insert("valor_indenizado".into(), Valor::Inteiro(45_000));
    assert_eq!(mesa.solicita(&gere, "entrada_estoque"), Ok(()));
    let mut mesa = mesa
        .com("cliente", Valor::Id(Uuid::from_u128(CLIENTE)))
        .com("origem_numero", texto("45198"))
        .com("origem", texto("nf_entrada"));
    assert_eq!(mesa.solicita(&gere, "credito_cliente"), Ok(()));
    assert_eq!(mesa.solicita(&gere, "devolucao_venda"), Err("exige_campo"));
    assert_eq!(mesa.solicita(&gere, "nf_devolucao_compra"), Err("exige_campo"));
    mesa = mesa.com("fornecedor", texto("colchoes_sul"));
    assert_eq!(mesa.solicita(&gere, "nf_devolucao_compra"), Ok(()));
    mesa = mesa.com("origem", texto("nf_saida"));
    assert_eq!(mesa.solicita(&gere, "devolucao_venda"), Ok(()));
    let quando = DateTime::UNIX_EPOCH;
    mesa.registro.acoes.push(Acao {
        id: AcaoId::from(Uuid::from_u128(97)),
        codigo: "devolucao_venda".into(),
        por: gere.id,
        quando,
        observacao: None,
        situacao: SituacaoAcao::Solicitada,
        externo: None,
        retorno: None,
        atualizada_em: quando,
        respondida_por: None,
    });
    assert_eq!(mesa.solicita(&gere, "devolucao_venda"), Err("id_em_uso"));
    mesa.registro.acoes[0].id = Uuid::from_u128(96).into();
    assert_eq!(mesa.solicita(&gere, "devolucao_venda"), Err("acao_em_andamento"));
    mesa.registro.acoes[0].situacao = SituacaoAcao::Recusada;
    assert_eq!(mesa.solicita(&gere, "devolucao_venda"), Ok(()));
}

#[test]
fn p000_keeps_no_expenses_no_modalidade_and_no_procedencia() {
    let todas = pessoa(&Permissao::TODAS);
    let mesa = Mesa::nova("p000.ocorrencia");
    assert_eq!(mesa.edita(&todas, "modalidade"), Err("campo_fora_do_tipo"));
    assert_eq!(mesa.edita(&todas, "plano_mensal"), Err("campo_fora_do_tipo"));
    assert!(mesa.edita(&todas, "procedencia").is_err());
    let despesa = [("despesa", texto("almoco")), ("valor", Valor::Inteiro(1))];
    let recusa = mesa.inclui(&todas, Colecao::Despesas, &despesa);
    assert_eq!(recusa, Err("recurso_desabilitado"));
    let item = [("produto", texto("Porta")), ("procedencia", texto("procedente"))];
    assert!(mesa.inclui(&todas, Colecao::Itens, &item).is_err());
    assert_eq!(mesa.inclui(&todas, Colecao::Itens, &item[..1]), Ok(()));
}

#[test]
fn p001_the_order_is_generated_from_the_items_and_everybody_of_the_manual_may_pay() {
    let ver = pessoa(&[Ver]);
    let mut mesa = Mesa::nova("p001.ocorrencia");
    assert_eq!(mesa.solicita(&ver, "gerar_pedido"), Err("exige_campo"));
    mesa.item(&[("produto", texto("Puxador")), ("quantidade", Valor::Inteiro(2_000))]);
    assert_eq!(mesa.solicita(&ver, "gerar_pedido"), Ok(()));
    assert_eq!(
        Mesa::nova("p001.assistencia").solicita(&ver, "gerar_pedido"),
        Err("acao_nao_permitida")
    );
    mesa.registro.situacao = Some("resolvida".into());
    assert_eq!(mesa.solicita(&ver, "gerar_pedido"), Err("acao_nao_permitida"));
    assert_eq!(mesa.tipo.modalidades, ["loja", "fabrica", "cliente", "transportadora"]);
    for situacao in ["aberta", "em_atendimento", "aguardando_peca"] {
        let mesa = Mesa::em("p001.ocorrencia", situacao);
        let do_formulario = mesa.tipo.formulario.iter().filter(|nome| *nome != "assistencia");
        for campo in do_formulario {
            assert_eq!(mesa.edita(&pessoa(&Permissao::TODAS), campo), Ok(()), "{situacao} {campo}");
        }
    }
}

#[test]
fn p002_category_and_stage_say_who_goes_where() {
    let (atende, gestor) = (pessoa(&[Ver]), pessoa(&[Ver, Gerenciar]));
    let caso = |categoria: &str| {
        Mesa::em("p002.ocorrencia", "em_atendimento").com("categoria", texto(categoria))
    };
    let outras = ["duvida", "exigencia_fiscal", "necessidade", "sugestao", "estrategica"];
    for categoria in outras {
        let mut mesa = caso(categoria);
        assert_eq!(mesa.pede(&atende, "diagnosticar", None), Err("exige_categoria"));
        assert_eq!(mesa.pede(&atende, "negar", Some("x")), Err("sem_permissao"));
        assert_eq!(mesa.pede(&gestor, "negar", Some("x")), Err("transicao_nao_permitida"));
        assert_eq!(mesa.pede(&atende, "analisar_produto", None), Ok("analise_produto"));
        assert_eq!(mesa.edita(&gestor, "categoria"), Err("situacao_nao_permite_edicao"));
        assert_eq!(mesa.pede(&atende, "aceitar", None), Err("sem_permissao"));
        if categoria == "exigencia_fiscal" {
            assert_eq!(mesa.pede(&gestor, "aceitar", None), Err("exige_campo"));
            mesa = mesa.com("prazo_entrega", um_valor(TipoCampo::Data));
        }
        assert_eq!(no_aparelho(&mesa, &gestor, "aceitar"), Err("exige_conexao"));
        assert_eq!(mesa.pede(&gestor, "negar", None), Err("exige_motivo"));
        assert_eq!(mesa.pede(&gestor, "aceitar", None), Ok("para_desenvolver"));
        assert_eq!(mesa.pede(&gestor, "desenvolver", None), Err("exige_campo"));
        mesa = mesa.com("plano_mensal", um_valor(TipoCampo::Data));
        assert_eq!(mesa.pede(&gestor, "desenvolver", None), Ok("em_desenvolvimento"));
        assert_eq!(mesa.pede(&atende, "finalizar", None), Err("exige_campo"));
        mesa = mesa.com("resolucao", texto("Disponível na versão 12."));
        assert_eq!(mesa.registro.situacao_do_cliente(&mesa.tipo).unwrap().codigo, "em_atendimento");
        assert_eq!(mesa.pede(&atende, "finalizar", None), Ok("finalizado"));
        assert_eq!(mesa.pede(&gestor, "cancelar", Some("x")), Err("transicao_nao_permitida"));
    }
    let mut mesa = caso("problema");
    assert_eq!(mesa.pede(&atende, "analisar_produto", None), Err("exige_categoria"));
    assert_eq!(mesa.pede(&atende, "diagnosticar", None), Ok("diagnostico_tecnico"));
    assert_eq!(mesa.pede(&atende, "devolver", None), Ok("em_atendimento"));
    assert_eq!(mesa.pede(&atende, "diagnosticar", None), Ok("diagnostico_tecnico"));
    assert_eq!(mesa.pede(&atende, "corrigir", None), Ok("para_desenvolver"));
    let mut mesa = caso("necessidade");
    assert_eq!(mesa.pede(&atende, "analisar_produto", None), Ok("analise_produto"));
    assert_eq!(mesa.pede(&gestor, "negar", Some("Inviável")), Ok("negado"));
    assert!(mesa.registro.situacao(&mesa.tipo).unwrap().visivel_cliente);
    assert_eq!(mesa.pede(&gestor, "cancelar", Some("x")), Err("transicao_nao_permitida"));
    let mut sem_categoria = Mesa::em("p002.ocorrencia", "em_atendimento");
    assert_eq!(sem_categoria.pede(&atende, "diagnosticar", None), Err("exige_categoria"));
    assert_eq!(sem_categoria.pede(&atende, "analisar_produto", None), Err("exige_campo"));
}

#[test]
fn p002_work_stops_until_the_client_answers_or_ten_days_pass() {
    let (atende, cliente) = (pessoa(&[Ver]), pessoa(&[Portal]));
    let dono = Valor::Id(Uuid::from_u128(CLIENTE));
    let mut mesa = Mesa::nova("p002.ocorrencia");
    assert_eq!(mesa.pede(&atende, "iniciar", None), Err("exige_campo"));
    mesa = mesa.com("categoria", texto("duvida"));
    assert_eq!(mesa.pede(&atende, "iniciar", None), Err("exige_campo"));
    mesa = mesa.com("cliente", dono);
    assert_eq!(mesa.pede(&cliente, "iniciar", None), Err("transicao_inexistente"));
    assert_eq!(mesa.pede(&atende, "iniciar", None), Ok("em_atendimento"));
    assert_eq!(mesa.pede(&atende, "solicitar_informacao", None), Err("exige_motivo"));
    assert_eq!(mesa.registro.inativo_em(&mesa.tipo, DateTime::UNIX_EPOCH), None);
    assert_eq!(mesa.pede(&atende, "solicitar_informacao", Some("XML?")), Ok("aguardando_cliente"));
    for verbo in ["devolver", "diagnosticar", "finalizar", "iniciar"] {
        assert_eq!(mesa.pede(&atende, verbo, Some("x")), Err("transicao_nao_permitida"), "{verbo}");
    }
    let dias = mesa.registro.inativo_em(&mesa.tipo, DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(dias, DateTime::UNIX_EPOCH + TimeDelta::days(10));
    assert_eq!(mesa.pede(&atende, "responder", Some("x")), Err("nao_cabe_a_voce"));
    assert_eq!(mesa.pede(&cliente, "responder", None), Err("exige_motivo"));
    assert_eq!(mesa.pede(&cliente, "responder", Some("Segue.")), Ok("em_atendimento"));
    assert_eq!(mesa.pede(&atende, "solicitar_informacao", Some("E?")), Ok("aguardando_cliente"));
    assert_eq!(mesa.pede(&atende, "registrar_retorno", Some("Ligou.")), Ok("em_atendimento"));
    assert_eq!(mesa.pede(&atende, "solicitar_informacao", Some("E?")), Ok("aguardando_cliente"));
    assert_eq!(mesa.pede(&atende, "finalizar_inatividade", None), Err("nao_cabe_a_voce"));
    assert_eq!(mesa.pede(&cliente, "finalizar_inatividade", None), Err("transicao_inexistente"));
    assert_eq!(mesa.pede(&servidor(), "finalizar_inatividade", None), Ok("finalizado"));
    let so_do_sistema = |t: &&campo_domain::fluxo::Transicao| t.quem == [Quem::Sistema];
    let de: Vec<_> = mesa.tipo.fluxo.transicoes.iter().filter(so_do_sistema).collect();
    assert_eq!(de[0].de, ["aguardando_cliente"]);
}

#[test]
fn p002_a_client_cancels_from_anywhere_and_never_learns_of_a_hidden_stage() {
    let cliente = pessoa(&[Portal]);
    let internas =
        ["diagnostico_tecnico", "analise_produto", "para_desenvolver", "em_desenvolvimento"];
    let tipo = tipo("p002.ocorrencia");
    for situacao in &tipo.fluxo.situacoes {
        assert_eq!(situacao.visivel_cliente, !internas.contains(&&*situacao.codigo));
        if !situacao.fase.aberta() {
            continue;
        }
        let mut mesa = Mesa::em("p002.ocorrencia", &situacao.codigo);
        let atende = pessoa(&[Ver]);
        assert_eq!(mesa.anota(&atende, Visibilidade::Interna), Ok(()));
        assert_eq!(mesa.anota(&cliente, Visibilidade::Cliente), Ok(()));
        let ao_cliente = mesa.anota(&atende, Visibilidade::Cliente);
        assert_eq!(ao_cliente.is_ok(), situacao.visivel_cliente, "{}", situacao.codigo);
        if !situacao.visivel_cliente {
            let pedido = PedidoId::from(Uuid::from_u128(96));
            let (verbo, motivo) = ("responder".to_owned(), Some("oi".to_owned()));
            let comando = Command::Transicionar { pedido, verbo, motivo, email: false };
            let decide = workflow::decide(
                Some(&mesa.registro),
                &mesa.tipo,
                &cliente,
                &comando,
                Onde::Servidor,
            );
            let mensagem = decide.unwrap_err().mensagem();
            assert!(!mensagem.contains(&situacao.nome), "{mensagem}");
        }
        assert_eq!(mesa.pede(&cliente, "cancelar", None), Err("exige_motivo"));
        assert_eq!(mesa.pede(&cliente, "cancelar", Some("Resolvido")), Ok("cancelado"));
    }
}

#[test]
fn p002_a_client_opens_a_case_of_its_own_in_a_category_that_is_not_internal() {
    let tipo = tipo("p002.ocorrencia");
    let cliente = pessoa(&[Portal]);
    let abre = |campos: &[(&str, Valor)]| {
        let campos = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let comando = Command::Criar {
            id: DocumentId::from(Uuid::from_u128(9)),
            kind: tipo.kind,
            tipo: tipo.referencia(),
            campos,
            itens: vec![],
        };
        workflow::decide(None, &tipo, &cliente, &comando, Onde::Servidor)
            .map_err(|refusal| refusal.codigo.codigo())
    };
    let dono = ("cliente", Valor::Id(Uuid::from_u128(CLIENTE)));
    let relato = ("relato", texto("A nota não emite."));
    assert!(abre(&[dono.clone(), relato.clone()]).is_ok());
    assert!(abre(&[dono.clone(), relato.clone(), ("categoria", texto("problema"))]).is_ok());
    assert_eq!(abre(std::slice::from_ref(&dono)), Err("campos_obrigatorios"));
    let estrategica = ("categoria", texto("estrategica"));
    assert_eq!(abre(&[dono.clone(), relato.clone(), estrategica.clone()]), Err("valor_invalido"));
    let inexistente = ("categoria", texto("inexistente"));
    assert_eq!(abre(&[dono.clone(), relato.clone(), inexistente]), Err("valor_invalido"));
    let outro = ("cliente", Valor::Id(Uuid::from_u128(8)));
    assert_eq!(abre(&[outro, relato.clone()]), Err("valor_invalido"));
    for campo in ["esforco", "prioridade", "responsavel", "plano_mensal", "resolucao"] {
        let valor = um_valor(tipo.kind.campo(campo).unwrap().tipo);
        assert_eq!(abre(&[dono.clone(), relato.clone(), (campo, valor)]), Err("sem_permissao"));
    }
    let mesa = Mesa::nova("p002.ocorrencia").com("cliente", dono.1);
    let envolvidos = BTreeSet::new();
    let caso = Caso { envolvidos: &envolvidos, restricao: None };
    assert!(policy::alcanca(&cliente, &mesa.registro, &mesa.tipo, &caso));
    assert_eq!(mesa.edita(&cliente, "categoria"), Err("sem_permissao"));
    assert_eq!(mesa.anota(&cliente, Visibilidade::Cliente), Ok(()));
    assert_eq!(mesa.anota(&cliente, Visibilidade::Interna), Err("sem_permissao"));
    let interna = mesa.com("categoria", estrategica.1);
    assert!(!policy::alcanca(&cliente, &interna.registro, &interna.tipo, &caso));
}

#[test]
fn p002_the_category_says_the_priority_and_another_takes_gerenciar() {
    let mesa = Mesa::nova("p002.ocorrencia");
    let da = |categoria: &str| {
        let mesa = Mesa::nova("p002.ocorrencia").com("categoria", texto(categoria));
        mesa.registro.prioridade(&mesa.tipo).unwrap().to_owned()
    };
    let todas =
        ["problema", "duvida", "exigencia_fiscal", "necessidade", "sugestao", "estrategica"];
    assert_eq!(todas.map(da), ["urgente", "alta", "alta", "normal", "baixa", "baixa"]);
    assert_eq!(mesa.edita(&pessoa(&[Ver]), "prioridade"), Err("sem_permissao"));
    assert_eq!(mesa.edita(&pessoa(&[Ver, Gerenciar]), "prioridade"), Ok(()));
    assert_eq!(mesa.edita(&pessoa(&[Ver]), "responsavel"), Ok(()));
    let livre = Mesa::nova("p004.ocorrencia");
    assert_eq!(livre.edita(&pessoa(&[Ver]), "prioridade"), Ok(()));
}

const ALTERAR_DADOS: [&str; 9] = [
    "cliente",
    "contato_nome",
    "setor",
    "atendimento_em",
    "contato_email",
    "relato",
    "filial",
    "contato_telefone",
    "canal",
];

#[test]
fn p003_goes_from_aberto_to_concluido_and_back() {
    let (ver, chefe) = (pessoa(&[Ver]), pessoa(&[Ver, Gerenciar, Aprovar]));
    let mut mesa = Mesa::nova("p003.reclamacao");
    assert_eq!(mesa.edita(&ver, "procedencia"), Err("situacao_nao_permite_edicao"));
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Parcial), Err("situacao_nao_permite_edicao"));
    let recusa = mesa.pede(&ver, "enviar_para_analise", None);
    assert_eq!(recusa, Err("transicao_nao_permitida"));
    assert_eq!(mesa.pede(&ver, "iniciar", None), Ok("iniciado"));
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Solucao), Err("transicao_nao_permitida"));
    assert_eq!(mesa.pede(&ver, "enviar_para_analise", None), Ok("em_analise"));
    for _ in 0..3 {
        assert_eq!(mesa.analisa(&ver, TipoAnalise::Parcial), Ok("em_analise"));
    }
    assert_eq!(mesa.pede(&ver, "registrar", None), Err("exige_solucao"));
    let cadeira = mesa.item(&[("produto", texto("Cadeira"))]);
    let mesa2 = mesa.item(&[("produto", texto("Mesa"))]);
    assert_eq!(mesa.edita(&ver, "procedencia"), Ok(()));
    mesa = mesa.com("procedencia", texto("procedente"));
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Solucao), Err("exige_procedencia"));
    for (item, o_que) in [(cadeira, "procedente"), (mesa2, "improcedente")] {
        let campos = &mut mesa.registro.itens.get_mut(&item).unwrap().campos;
        campos.insert("procedencia".into(), texto(o_que));
    }
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Solucao), Ok("aguardando_conclusao"));
    assert_eq!(mesa.edita(&ver, "procedencia"), Err("situacao_nao_permite_edicao"));
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Parecer), Err("sem_permissao"));
    assert_eq!(no_aparelho(&mesa, &chefe, "concluir"), Err("exige_conexao"));
    assert_eq!(mesa.pede(&chefe, "concluir", None), Err("exige_parecer"));
    assert_eq!(mesa.analisa(&chefe, TipoAnalise::Parecer), Ok("concluido"));
    assert_eq!(mesa.pede(&chefe, "cancelar", Some("x")), Err("transicao_nao_permitida"));
    assert_eq!(mesa.pede(&ver, "reabrir", None), Err("sem_permissao"));
    assert_eq!(mesa.pede(&chefe, "reabrir", None), Ok("reaberto"));
    assert_eq!(mesa.pede(&chefe, "cancelar", Some("x")), Err("ja_concluido"));
    assert_eq!(mesa.edita(&ver, "procedencia"), Ok(()));
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Parcial), Ok("reaberto"));
    assert_eq!(mesa.pede(&ver, "enviar_para_analise", None), Ok("em_analise"));
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Solucao), Ok("aguardando_conclusao"));
    assert_eq!(mesa.analisa(&chefe, TipoAnalise::Parecer), Ok("concluido"));
    assert_eq!(mesa.pede(&chefe, "reabrir", None), Ok("reaberto"));
    assert_eq!(mesa.analisa(&ver, TipoAnalise::Solucao), Ok("aguardando_conclusao"));
}

#[test]
fn p003_alterar_dados_changes_nine_things_and_never_in_concluido() {
    let ver = pessoa(&[Ver]);
    for situacao in tipo("p003.reclamacao").fluxo.situacoes {
        let mesa = Mesa::em("p003.reclamacao", &situacao.codigo);
        let esperado = match situacao.fase.aberta() {
            true => Ok(()),
            false => Err("situacao_nao_permite_edicao"),
        };
        for campo in ALTERAR_DADOS {
            assert_eq!(mesa.edita(&ver, campo), esperado, "{} {campo}", situacao.codigo);
        }
    }
    let mesa = Mesa::em("p003.reclamacao", "iniciado");
    assert_eq!(mesa.edita(&ver, "responsavel"), Err("sem_permissao"));
    assert_eq!(mesa.edita(&ver, "prioridade"), Err("situacao_nao_permite_edicao"));
}

#[test]
fn p003_cancels_from_every_open_stage_that_was_never_concluded() {
    let chefe = pessoa(&[Ver, Gerenciar]);
    for situacao in ["aberto", "iniciado", "em_analise", "aguardando_conclusao"] {
        let mut mesa = Mesa::em("p003.elogio", situacao);
        assert_eq!(mesa.pede(&pessoa(&[Ver]), "cancelar", Some("x")), Err("sem_permissao"));
        assert_eq!(mesa.pede(&chefe, "cancelar", None), Err("exige_motivo"));
        assert_eq!(mesa.pede(&chefe, "cancelar", Some("Engano")), Ok("cancelado"));
        assert_eq!(mesa.pede(&chefe, "reabrir", None), Err("transicao_nao_permitida"));
    }
}

#[test]
fn p003_each_tipo_switches_its_own_features_on() {
    let ver = pessoa(&[Ver]);
    let valor =
        |centavos| [("produto", texto("Cadeira")), ("valor_indenizado", Valor::Inteiro(centavos))];
    let despesa = [("despesa", texto("deslocamento")), ("valor", Valor::Inteiro(4_500))];
    let mut mesa = Mesa::em("p003.reclamacao", "iniciado");
    assert_eq!(mesa.inclui(&ver, Colecao::Itens, &valor(500_001)), Err("limite_indenizacao"));
    mesa.item(&valor(300_000));
    assert_eq!(mesa.inclui(&ver, Colecao::Itens, &valor(200_001)), Err("limite_indenizacao"));
    assert_eq!(mesa.inclui(&ver, Colecao::Itens, &valor(200_000)), Ok(()));
    assert_eq!(mesa.inclui(&ver, Colecao::Despesas, &despesa), Ok(()));
    assert_eq!(mesa.inclui(&ver, Colecao::Despesas, &despesa[..1]), Err("campos_obrigatorios"));
    let mesa = Mesa::em("p003.devolucao", "iniciado");
    assert_eq!(mesa.inclui(&ver, Colecao::Itens, &valor(900_000_000)), Ok(()));
    let mesa = Mesa::em("p003.assistencia_tecnica", "iniciado");
    assert_eq!(mesa.inclui(&ver, Colecao::Itens, &valor(1)), Err("campo_fora_do_tipo"));
    assert_eq!(mesa.inclui(&ver, Colecao::Despesas, &despesa), Ok(()));
    for codigo in ["p003.solicitacao", "p003.elogio", "p003.sugestao"] {
        let mut mesa = Mesa::em(codigo, "em_analise");
        let recusa = mesa.inclui(&ver, Colecao::Despesas, &despesa);
        assert_eq!(recusa, Err("recurso_desabilitado"));
        assert_eq!(mesa.edita(&ver, "procedencia"), Err("campo_fora_do_tipo"));
        assert_eq!(mesa.analisa(&ver, TipoAnalise::Solucao), Ok("aguardando_conclusao"));
    }
}

#[test]
fn p004_is_assigned_closed_and_taken_up_again() {
    let ver = pessoa(&[Ver]);
    let mut mesa = Mesa::nova("p004.ocorrencia");
    assert_eq!(mesa.pede(&ver, "atribuir", None), Err("exige_campo"));
    assert_eq!(mesa.edita(&ver, "responsavel"), Ok(()));
    mesa = mesa.com("responsavel", Valor::Id(Uuid::from_u128(2)));
    assert!(no_aparelho(&mesa, &ver, "atribuir").is_ok());
    assert_eq!(mesa.pede(&ver, "atribuir", None), Ok("atribuido"));
    assert_eq!(mesa.pede(&ver, "solicitar_informacao", None), Ok("aguardando_informacao"));
    assert_eq!(mesa.registro.fase(&mesa.tipo), Fase::EsperaCliente);
    assert_eq!(mesa.registro.inativo_em(&mesa.tipo, DateTime::UNIX_EPOCH), None);
    assert_eq!(mesa.pede(&ver, "responder", Some("x")), Err("nao_cabe_a_voce"));
    assert_eq!(mesa.pede(&pessoa(&[Portal]), "responder", Some("x")), Ok("atribuido"));
    assert_eq!(mesa.pede(&ver, "fechar", None), Err("exige_campo"));
    mesa = mesa.com("resolucao", texto("Trocado."));
    assert_eq!(mesa.pede(&ver, "fechar", None), Ok("fechado"));
    assert_eq!(mesa.edita(&ver, "assunto"), Err("situacao_nao_permite_edicao"));
    assert_eq!(mesa.pede(&ver, "reabrir", None), Ok("atribuido"));
    assert_eq!(mesa.pede(&ver, "rejeitar", None), Err("exige_motivo"));
    assert_eq!(mesa.pede(&ver, "rejeitar", Some("Fora do escopo")), Ok("rejeitado"));
    assert_eq!(mesa.pede(&ver, "fechar", None), Err("transicao_nao_permitida"));
    assert_eq!(mesa.pede(&ver, "reabrir", None), Ok("atribuido"));
    assert_eq!(mesa.pede(&ver, "marcar_duplicado", Some("2026/000001")), Ok("duplicado"));
    assert_eq!(mesa.pede(&ver, "reabrir", None), Err("transicao_nao_permitida"));
    assert_eq!(mesa.pede(&ver, "desmarcar_duplicado", None), Ok("novo"));
}
