//! The rules of the presets, as sentences; and what no sequence of commands may ever do.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use campo_domain::{
    command::{Command, NovoItem, NovoPedido},
    fluxo::{self, Fase, Guarda, Transicao},
    ids::{AnaliseId, DeviceId, DocumentId, PedidoId, UserId},
    kind::Kind,
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    policy::{self, Caso, Parte},
    preset,
    refusal::Codigo,
    registro::{Analise, Autoria, Pedido, Registro, Restricao, TipoAnalise, Veredito},
    tipo::Tipo,
    valor::Valor,
    workflow::{self, Asked, Efeito, Onde},
};
use chrono::DateTime;
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, RngSeed, TestRunner},
};
use std::{cell::RefCell, collections::BTreeSet};
use uuid::Uuid;

fn tipo(codigo: &str) -> Tipo {
    let preset = preset::carregar(&codigo[..4].to_uppercase()).unwrap();
    preset.tipos.into_iter().find(|tipo| tipo.codigo == codigo).unwrap()
}

fn pessoa(permissoes: &[Permissao]) -> Pessoa {
    let permissoes = permissoes.iter().copied().collect();
    Pessoa { id: Uuid::from_u128(1).into(), nome: "Ana".into(), permissoes, ..Pessoa::servidor() }
}

fn registro(tipo: &Tipo, situacao: &str) -> Registro {
    let autoria = Autoria { por: Uuid::from_u128(1).into(), em: DeviceId::ESCRITORIO };
    let campos = tipo.obrigatorios.iter().map(|nome| (nome.clone(), preenchido(tipo, nome)));
    let id = DocumentId::from(Uuid::from_u128(9));
    Registro {
        situacao: Some(situacao.into()),
        ..Registro::novo(id, tipo, autoria, campos.collect())
    }
}

fn preenchido(tipo: &Tipo, nome: &str) -> Valor {
    use campo_domain::valor::TipoCampo::{Data, Escolha, Instante, Inteiro, Logico, Referencia};
    if matches!(nome, "email" | "contato_email") {
        return Valor::Texto("lia@exemplo.com.br".into());
    }
    match tipo.kind.campo(nome).unwrap().tipo {
        Escolha(opcoes) => Valor::Texto(opcoes[0].0.into()),
        Instante => Valor::Instante(DateTime::UNIX_EPOCH),
        Data => Valor::Data(DateTime::UNIX_EPOCH.date_naive()),
        Inteiro { min, .. } => Valor::Inteiro(min),
        Logico => Valor::Logico(true),
        Referencia(campo_domain::valor::Alvo::Catalogo(_)) => Valor::Texto("codigo".into()),
        Referencia(_) => Valor::Id(Uuid::from_u128(7)),
        _ => Valor::Texto("texto".into()),
    }
}

fn transicionar(verbo: &str, motivo: Option<&str>) -> Command {
    let pedido = PedidoId::from(Uuid::from_u128(5));
    let motivo = motivo.map(str::to_owned);
    Command::Transicionar { pedido, verbo: verbo.into(), motivo, email: false }
}

fn laudo(conclusao: &str) -> Command {
    let id = PedidoId::from(Uuid::from_u128(5));
    Command::Analisar {
        analise: AnaliseId::from(Uuid::from_u128(6)),
        tipo: TipoAnalise::Laudo,
        texto: conclusao.into(),
        procedente: Some(true),
        pedido: Some(NovoPedido { id, email: false }),
        encaminhar: None,
    }
}

fn decidir(tipo: &Tipo, situacao: &str, de: &[Permissao], c: &Command) -> Result<String, Codigo> {
    let registro = registro(tipo, situacao);
    match workflow::decide(Some(&registro), tipo, &pessoa(de), c, Onde::Servidor) {
        Ok(Efeito::Situacao(para)) => Ok(para),
        Ok(Efeito::Gravar) => Ok(situacao.into()),
        Err(refusal) => Err(refusal.codigo),
    }
}

use Permissao::{Aprovar, EmitirLaudo, Gerenciar, Ver, VerTodas};

#[test]
fn r46_gerenciar_accepts_a_pending_ocorrencia_and_brings_one_back_but_never_a_final_one() {
    let tipo = tipo("p000.ocorrencia");
    let verbo = transicionar("colocar_em_analise", None);
    for de in ["pendente_aceite", "laudo_emitido"] {
        assert_eq!(decidir(&tipo, de, &[Ver, Gerenciar], &verbo), Ok("em_analise".into()));
    }
    for de in ["concluida", "cancelada", "em_analise"] {
        let recusa = decidir(&tipo, de, &[Ver, Gerenciar], &verbo);
        assert_eq!(recusa, Err(Codigo::TransicaoNaoPermitida), "{de}");
    }
    let recusa = decidir(&tipo, "pendente_aceite", &[Ver, VerTodas, Aprovar, EmitirLaudo], &verbo);
    assert_eq!(recusa, Err(Codigo::SemPermissao));
}

#[test]
fn r48_concluir_asks_for_a_laudo_first_and_afterwards_nothing_may_change() {
    let tipo = tipo("p000.ocorrencia");
    let concluir = transicionar("concluir", None);
    assert_eq!(decidir(&tipo, "em_analise", &[Ver, Aprovar], &concluir), Err(Codigo::ExigeLaudo));

    let mut com_laudo = registro(&tipo, "laudo_emitido");
    let pedido = PedidoId::from(Uuid::from_u128(3));
    let autoria = com_laudo.criacao;
    com_laudo.pedidos.push(Pedido {
        id: pedido,
        autoria,
        quando: DateTime::UNIX_EPOCH,
        verbo: "emitir_laudo".into(),
        motivo: None,
        email: false,
        veredito: Some(Veredito {
            recusa: None,
            de: "em_analise".into(),
            para: "laudo_emitido".into(),
            quando: DateTime::UNIX_EPOCH,
        }),
    });
    com_laudo.analises.push(Analise {
        id: AnaliseId::from(Uuid::from_u128(4)),
        tipo: TipoAnalise::Laudo,
        pedido: Some(pedido),
        autoria,
        quando: DateTime::UNIX_EPOCH,
        procedente: Some(true),
        texto: "Defeito de fabricação.".into(),
        encaminhar: None,
    });
    let aprova = pessoa(&[Ver, Aprovar]);
    let efeito = workflow::decide(Some(&com_laudo), &tipo, &aprova, &concluir, Onde::Servidor);
    assert_eq!(efeito, Ok(Efeito::Situacao("concluida".into())));

    let todos = Permissao::TODAS;
    let editar = Command::Editar { campo: "prazo".into(), valor: Valor::Nulo, visto: None };
    let recusa = decidir(&tipo, "concluida", &todos, &editar);
    assert_eq!(recusa, Err(Codigo::SituacaoNaoPermiteEdicao));
    for transicao in &tipo.fluxo.transicoes {
        let comando = transicionar(&transicao.verbo, Some("engano"));
        let recusa = decidir(&tipo, "concluida", &todos, &comando);
        assert_eq!(recusa, Err(Codigo::TransicaoNaoPermitida), "{}", transicao.verbo);
    }
}

#[test]
fn r50_estornar_leads_back_to_pendente_only_from_cancelada_or_em_analise() {
    let tipo = tipo("p000.ocorrencia");
    let estornar = transicionar("estornar", None);
    for de in ["cancelada", "em_analise"] {
        let para = decidir(&tipo, de, &[Ver, Gerenciar], &estornar);
        assert_eq!(para, Ok("pendente_aceite".into()));
    }
    for de in ["pendente_aceite", "laudo_emitido", "concluida"] {
        let recusa = decidir(&tipo, de, &[Ver, Gerenciar], &estornar);
        assert_eq!(recusa, Err(Codigo::TransicaoNaoPermitida), "{de}");
    }
    let editar = Command::Editar {
        campo: "contato_nome".into(),
        valor: Valor::Texto("Lia".into()),
        visto: None,
    };
    assert!(decidir(&tipo, "pendente_aceite", &[Ver], &editar).is_ok());
    assert_eq!(
        decidir(&tipo, "em_analise", &[Ver], &editar),
        Err(Codigo::SituacaoNaoPermiteEdicao)
    );
}

#[test]
fn r85_each_of_the_five_permissions_opens_its_own_doors_and_no_others() {
    let tipo = tipo("p000.ocorrencia");
    let comandos = [
        ("colocar_em_analise", transicionar("colocar_em_analise", None), "pendente_aceite"),
        ("cancelar", transicionar("cancelar", Some("engano")), "pendente_aceite"),
        ("estornar", transicionar("estornar", None), "cancelada"),
        ("laudo", laudo("Procede."), "em_analise"),
    ];
    let abre = |permissao| {
        let pode = |(nome, comando, de): &(&'static str, Command, &str)| {
            decidir(&tipo, de, &[Ver, permissao], comando).is_ok().then_some(*nome)
        };
        comandos.iter().filter_map(pode).collect::<Vec<_>>()
    };
    assert_eq!(abre(Ver), [""; 0]);
    assert_eq!(abre(VerTodas), [""; 0]);
    assert_eq!(abre(Gerenciar), ["colocar_em_analise", "cancelar", "estornar"]);
    assert_eq!(abre(EmitirLaudo), ["laudo"]);
    assert_eq!(abre(Aprovar), [""; 0]);
    // Aprovar gets as far as the guard; the others do not get there.
    let concluir = transicionar("concluir", None);
    assert_eq!(decidir(&tipo, "em_analise", &[Ver, Aprovar], &concluir), Err(Codigo::ExigeLaudo));
    assert_eq!(
        decidir(&tipo, "em_analise", &[Ver, Gerenciar, EmitirLaudo], &concluir),
        Err(Codigo::SemPermissao)
    );
}

#[test]
fn r85_a_laudo_cannot_ride_on_another_request() {
    let tipo = tipo("p000.ocorrencia");
    let registro = registro(&tipo, "pendente_aceite");
    let gerente = pessoa(&[Ver, Gerenciar]);
    let verbo = "colocar_em_analise";
    let julgar = |traz| {
        let asked = Asked { verb: verbo, reason: None, brings: traz };
        workflow::judge(&registro, &tipo, &gerente, asked, Onde::Servidor)
    };
    assert!(julgar(None).is_ok());
    assert_eq!(julgar(Some(TipoAnalise::Laudo)).unwrap_err().codigo, Codigo::TransicaoNaoPermitida);
}

#[test]
fn cancelling_asks_for_a_reason() {
    let tipo = tipo("p001.assistencia");
    for motivo in [None, Some("  ")] {
        let recusa = decidir(&tipo, "aberta", &[Ver, Gerenciar], &transicionar("cancelar", motivo));
        assert!(matches!(recusa, Err(Codigo::ExigeMotivo | Codigo::TextoVazio)), "{recusa:?}");
    }
}

#[test]
fn r43_the_agenda_goes_from_agendada_to_realizada_in_its_technicians_hands() {
    let tipo = tipo("p001.agenda");
    let passos = [
        ("agendada", "deslocar", "em_deslocamento"),
        ("em_deslocamento", "executar", "em_execucao"),
        ("em_execucao", "realizar", "realizada"),
    ];
    for (de, verbo, para) in passos {
        assert_eq!(decidir(&tipo, de, &[Ver], &transicionar(verbo, None)), Ok(para.into()));
    }
    let nao_realizar = transicionar("nao_realizar", Some("Cliente ausente"));
    assert_eq!(decidir(&tipo, "agendada", &[Ver], &nao_realizar), Ok("nao_realizada".into()));
    assert_eq!(
        decidir(&tipo, "agendada", &[Ver], &transicionar("cancelar", Some("x"))),
        Err(Codigo::SemPermissao)
    );
}

#[test]
fn r7_creating_names_every_required_field_that_is_missing() {
    let tipo = tipo("p000.ocorrencia");
    let comando = Command::Criar {
        id: Uuid::from_u128(9).into(),
        kind: Kind::Ocorrencia,
        tipo: tipo.referencia(),
        campos: [("relato".to_owned(), Valor::Texto("  ".into()))].into(),
        itens: vec![],
    };
    let recusa =
        workflow::decide(None, &tipo, &pessoa(&[Ver]), &comando, Onde::Aparelho).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::CamposObrigatorios);
    assert_eq!(
        recusa.detalhes,
        ["Escopo", "Tipo de Ocorrência", "Relato", "Nome do contato", "Telefone do contato"]
    );
    let sem_ver = workflow::decide(None, &tipo, &pessoa(&[]), &comando, Onde::Aparelho);
    assert_eq!(sem_ver.unwrap_err().codigo, Codigo::SemPermissao);
}

#[test]
fn a_required_field_cannot_be_emptied_later() {
    let tipo = tipo("p001.assistencia");
    let comando = Command::Editar { campo: "cliente".into(), valor: Valor::Nulo, visto: None };
    assert_eq!(decidir(&tipo, "aberta", &[Ver], &comando), Err(Codigo::CamposObrigatorios));
}

#[test]
fn an_agenda_cannot_end_before_it_begins() {
    let tipo = tipo("p001.agenda");
    let antes = DateTime::from_timestamp(-3_600, 0).unwrap();
    let comando =
        Command::Editar { campo: "fim".into(), valor: Valor::Instante(antes), visto: None };
    assert_eq!(decidir(&tipo, "agendada", &[Ver], &comando), Err(Codigo::FimAntesDoInicio));
}

#[test]
fn an_item_needs_a_product_and_only_an_ocorrencia_has_items() {
    let item = |campos| NovoItem { id: Uuid::from_u128(8).into(), campos };
    let vazio = Command::IncluirItem { em: Colecao::Itens, item: item(Default::default()) };
    let cheio = Command::IncluirItem {
        em: Colecao::Itens,
        item: item([("produto".to_owned(), Valor::Texto("Porta".into()))].into()),
    };
    let ocorrencia = tipo("p001.ocorrencia");
    let recusa = decidir(&ocorrencia, "aberta", &[Ver], &vazio);
    assert_eq!(recusa, Err(Codigo::CamposObrigatorios));
    assert!(decidir(&ocorrencia, "aberta", &[Ver], &cheio).is_ok());
    let recusa = decidir(&tipo("p001.assistencia"), "aberta", &[Ver], &cheio);
    assert_eq!(recusa, Err(Codigo::CampoDesconhecido));
}

#[test]
fn only_gerenciar_reassigns_and_links_are_set_once() {
    let tipo = tipo("p001.ocorrencia");
    let outro = Valor::Id(Uuid::from_u128(77));
    let reatribuir =
        Command::Editar { campo: "responsavel".into(), valor: outro.clone(), visto: None };
    assert_eq!(decidir(&tipo, "aberta", &[Ver], &reatribuir), Err(Codigo::SemPermissao));
    assert!(decidir(&tipo, "aberta", &[Ver, Gerenciar], &reatribuir).is_ok());
    let mudar_pai = Command::Editar { campo: "assistencia".into(), valor: outro, visto: None };
    let recusa = decidir(&tipo, "aberta", &Permissao::TODAS, &mudar_pai);
    assert_eq!(recusa, Err(Codigo::CampoFixo));
}

#[test]
fn nobody_but_the_server_writes_what_is_the_servers() {
    let todo_poderoso = pessoa(&Permissao::TODAS);
    let tipo = tipo("p000.ocorrencia");
    let recusa = policy::pode_alterar(&todo_poderoso, &tipo, None, Parte::Servidor).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::CampoProtegido);
    assert!(policy::pode_criar(&todo_poderoso, &tipo, Parte::Servidor).is_err());
}

#[test]
fn r85_a_record_is_seen_by_who_is_involved_or_sees_everything_and_a_client_by_all() {
    let envolvidos: BTreeSet<UserId> = [pessoa(&[]).id].into();
    let ninguem = BTreeSet::new();
    let ve = |de: &[Permissao], kind, envolvidos: &_| {
        policy::visivel(&pessoa(de), kind, &Caso { envolvidos, restricao: None })
    };
    assert!(ve(&[Ver], Kind::Assistencia, &envolvidos));
    assert!(!ve(&[Ver], Kind::Assistencia, &ninguem));
    assert!(ve(&[Ver, VerTodas], Kind::Assistencia, &ninguem));
    assert!(ve(&[Ver], Kind::Cliente, &ninguem));
    assert!(!ve(&[], Kind::Cliente, &envolvidos));
    let saiu = Pessoa { ativo: false, ..pessoa(&Permissao::TODAS) };
    let caso = Caso { envolvidos: &envolvidos, restricao: None };
    assert!(!policy::visivel(&saiu, Kind::Cliente, &caso));
}

#[test]
fn r86_a_restricted_record_is_for_those_listed_and_for_administrators() {
    let envolvidos: BTreeSet<UserId> = [pessoa(&[]).id].into();
    let restrito_a = |usuarios: &[UserId], grupos: &[&str]| Restricao {
        usuarios: usuarios.iter().copied().collect(),
        grupos: grupos.iter().map(|grupo| (*grupo).to_owned()).collect(),
        por: UserId::SERVIDOR,
        quando: DateTime::UNIX_EPOCH,
    };
    let ve = |pessoa: &Pessoa, restricao: &Restricao| {
        let caso = Caso { envolvidos: &envolvidos, restricao: Some(restricao) };
        policy::visivel(pessoa, Kind::Ocorrencia, &caso)
    };
    let outro = UserId::from(Uuid::from_u128(99));
    let (ana, tudo) = (pessoa(&[Ver]), pessoa(&[Ver, VerTodas]));
    assert!(ve(&ana, &restrito_a(&[ana.id], &[])));
    assert!(!ve(&ana, &restrito_a(&[outro], &[])), "being involved does not open it");
    assert!(!ve(&tudo, &restrito_a(&[outro], &["diretoria"])));
    let da_diretoria = Pessoa { grupos: ["diretoria".to_owned()].into(), ..tudo.clone() };
    assert!(ve(&da_diretoria, &restrito_a(&[outro], &["diretoria"])));
    assert!(ve(&pessoa(&[Ver, VerTodas, Permissao::Administrar]), &restrito_a(&[outro], &[])));
    let listado_de_fora = Pessoa { id: outro, ..pessoa(&[Ver]) };
    assert!(!ve(&listado_de_fora, &restrito_a(&[outro], &[])), "being listed widens nothing");
}

#[test]
fn the_buttons_that_are_offered_are_those_that_lead_somewhere() {
    let tipo = tipo("p000.ocorrencia");
    let registro = registro(&tipo, "em_analise");
    let de_todos = pessoa(&Permissao::TODAS);
    let verbos = workflow::available(&registro, &tipo, &de_todos, Onde::Servidor);
    let verbos: Vec<_> = verbos.iter().map(|t| t.verbo.as_str()).collect();
    assert_eq!(verbos, ["emitir_laudo", "concluir", "cancelar", "estornar"]);
    let so_ve = workflow::available(&registro, &tipo, &pessoa(&[Ver]), Onde::Servidor);
    assert!(so_ve.is_empty());
}

fn permissoes() -> impl Strategy<Value = Vec<Permissao>> {
    proptest::sample::subsequence(Permissao::TODAS.to_vec(), 0..=7)
}

/// Who asks: somebody who may everything, somebody who may this, a client, or the server's clock.
#[derive(Clone, Debug)]
enum Quem {
    Todos,
    Alguem(Vec<Permissao>),
    Cliente,
    Relogio,
}

impl Quem {
    fn pessoa(&self) -> Pessoa {
        let da_empresa = Permissao::TODAS.into_iter().filter(|p| *p != Permissao::Portal);
        match self {
            Quem::Todos => pessoa(&da_empresa.collect::<Vec<_>>()),
            Quem::Alguem(permissoes) => pessoa(permissoes),
            Quem::Cliente => pessoa(&[Permissao::Portal]),
            Quem::Relogio => Pessoa::servidor(),
        }
    }

    /// What the fluxo calls such a person.
    fn papel(&self) -> fluxo::Quem {
        match self {
            Quem::Relogio => fluxo::Quem::Sistema,
            _ if self.pessoa().portal() => fluxo::Quem::Cliente,
            _ => fluxo::Quem::Interno,
        }
    }
}

fn quem() -> impl Strategy<Value = Quem> {
    prop_oneof![
        4 => Just(Quem::Todos),
        2 => permissoes().prop_map(Quem::Alguem),
        1 => Just(Quem::Cliente),
        1 => Just(Quem::Relogio),
    ]
}

/// One step on a record.
#[derive(Clone, Debug)]
struct Passo {
    /// Only what leaves from where the record is, else any transition.
    daqui: bool,
    /// Only what leaves it open, where there is such.
    aberto: bool,
    qual: prop::sample::Index,
    quem: Quem,
    /// What the transition asks for is filled in first; else any field is.
    cumpre: bool,
    campo: prop::sample::Index,
    motivo: bool,
}

fn passos() -> impl Strategy<Value = Vec<Passo>> {
    let mostly = || prop::bool::weighted(0.8);
    let (qual, campo) = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let passo = (mostly(), prop::bool::weighted(0.6), qual, quem(), mostly(), campo, mostly())
        .prop_map(|(daqui, aberto, qual, quem, cumpre, campo, motivo)| Passo {
            daqui,
            aberto,
            qual,
            quem,
            cumpre,
            campo,
            motivo,
        });
    prop::collection::vec(passo, 20..60)
}

/// Every tipo of every preset whose records go anywhere.
fn todos() -> Vec<Tipo> {
    let tipos = preset::ids().flat_map(|id| preset::carregar(id).unwrap().tipos);
    tipos.filter(|tipo| !tipo.fluxo.transicoes.is_empty()).collect()
}

/// The value that a field holds from now on, if the record takes it: a person with every permission
/// writes it.
fn preencher(registro: &mut Registro, tipo: &Tipo, campo: &str, valor: Valor) {
    let longo = tipo.kind.campo(campo).unwrap().longo();
    let comando = match &valor {
        Valor::Texto(texto) if longo => {
            Command::EditarTexto { campo: campo.into(), de: String::new(), para: texto.clone() }
        }
        _ => Command::Editar { campo: campo.into(), valor: valor.clone(), visto: None },
    };
    let gravado =
        workflow::decide(Some(registro), tipo, &Quem::Todos.pessoa(), &comando, Onde::Servidor);
    if gravado.is_ok() {
        let situacao = registro.situacao(tipo).unwrap();
        assert!(situacao.fase.aberta(), "{campo} of a record that is {}", situacao.nome);
        registro.campos.insert(campo.into(), valor);
    }
}

/// Fills in what the guards of a transition ask for, as far as its situação lets it.
fn cumprir(registro: &mut Registro, tipo: &Tipo, transicao: &Transicao) {
    let texto = |texto: &str| Valor::Texto(texto.into());
    for guarda in &transicao.guardas {
        match guarda {
            Guarda::Campos(campos) | Guarda::CamposDaCategoria { campos, .. } => {
                for campo in campos {
                    let categoria = tipo.categorias.first().filter(|_| campo == "categoria");
                    let valor = categoria.map(|c| texto(&c.codigo));
                    preencher(registro, tipo, campo, valor.unwrap_or(preenchido(tipo, campo)));
                }
            }
            Guarda::Categoria(nomes) => preencher(registro, tipo, "categoria", texto(&nomes[0])),
            Guarda::CategoriaExceto(nomes) => {
                let outra = tipo.categorias.iter().find(|c| !nomes.contains(&c.codigo)).unwrap();
                preencher(registro, tipo, "categoria", texto(&outra.codigo));
            }
            Guarda::Procedencia => preencher(registro, tipo, "procedencia", texto("procedente")),
            _ => {}
        }
    }
}

/// The request of a transition, with the analysis that it brings.
fn pedir(transicao: &Transicao, numero: u128, motivo: Option<&str>) -> Command {
    let pedido = PedidoId::from(Uuid::from_u128(numero));
    match transicao.traz {
        Some(tipo) => Command::Analisar {
            analise: AnaliseId::from(Uuid::from_u128(numero)),
            tipo,
            texto: "Visto.".into(),
            procedente: (tipo == TipoAnalise::Laudo).then_some(true),
            pedido: Some(NovoPedido { id: pedido, email: false }),
            encaminhar: None,
        },
        None => {
            let (verbo, motivo) = (transicao.verbo.clone(), motivo.map(str::to_owned));
            Command::Transicionar { pedido, verbo, motivo, email: false }
        }
    }
}

/// As the server writes what it has accepted.
fn aceitar(registro: &mut Registro, transicao: &Transicao, pedido: &Command, para: String) {
    let autoria = registro.criacao;
    let id = pedido.pedido().unwrap();
    let de = registro.situacao.replace(para.clone()).unwrap();
    let quando = DateTime::UNIX_EPOCH;
    registro.pedidos.push(Pedido {
        id,
        autoria,
        quando,
        verbo: transicao.verbo.clone(),
        motivo: None,
        email: false,
        veredito: Some(Veredito { recusa: None, de, para, quando }),
    });
    if let Command::Analisar { analise, tipo, texto, procedente, .. } = pedido {
        registro.analises.push(Analise {
            id: *analise,
            tipo: *tipo,
            pedido: Some(id),
            autoria,
            quando,
            procedente: *procedente,
            texto: texto.clone(),
            encaminhar: None,
        });
    }
}

/// Whether what is over may be taken up again by this transition: what is concluded or denied only
/// where the tipo says so (R48, R68), what is cancelled only to begin again (R50).
fn pode_sair(tipo: &Tipo, de: Fase, para: &str) -> bool {
    match de {
        Fase::Concluido | Fase::Negado => tipo.permite_reabrir,
        Fase::Cancelado => tipo.fluxo.situacao(para).unwrap().fase == Fase::Fila,
        _ => true,
    }
}

/// Whatever is asked, by whomever, in whatever order: every situação is one of the fluxo's, each
/// step is one of its transitions, under its permission, and what is over stays over. Over all
/// walks every verb of every tipo is done, and every situação reached.
#[test]
fn no_sequence_of_requests_leaves_the_fluxo() {
    for tipo in todos() {
        let (feitos, alcancadas) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 300,
            rng_algorithm: RngAlgorithm::ChaCha,
            rng_seed: RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let andar = |passos: Vec<Passo>| {
            let mut registro = registro(&tipo, &tipo.fluxo.inicial);
            for (numero, passo) in passos.iter().enumerate() {
                let antes = registro.situacao(&tipo).unwrap().clone();
                alcancadas.borrow_mut().insert(antes.codigo.clone());
                let saem = |t: &&Transicao| !passo.daqui || t.de.contains(&antes.codigo);
                let mut saem: Vec<_> = tipo.fluxo.transicoes.iter().filter(saem).collect();
                let aberta = |t: &Transicao| tipo.fluxo.situacao(&t.para).unwrap().fase.aberta();
                if passo.aberto && saem.iter().any(|t| aberta(t)) {
                    saem.retain(|t| aberta(t));
                }
                if saem.is_empty() {
                    continue;
                }
                let transicao = *passo.qual.get(&saem);
                let form: Vec<_> = tipo.kind.campos().iter().filter(|c| !c.fixo).collect();
                let campo = passo.campo.get(&form).nome;
                match passo.cumpre {
                    true => cumprir(&mut registro, &tipo, transicao),
                    false if campo == "categoria" => {}
                    false => preencher(&mut registro, &tipo, campo, preenchido(&tipo, campo)),
                }
                let pedido = pedir(transicao, numero as u128 + 1, passo.motivo.then_some("motivo"));
                let (quem, pessoa) = (&passo.quem, passo.quem.pessoa());
                let efeito = match quem {
                    // Nobody's command: the server judges what it asks for itself (R54).
                    Quem::Relogio => {
                        let asked =
                            Asked { verb: &transicao.verbo, reason: None, brings: transicao.traz };
                        workflow::judge(&registro, &tipo, &pessoa, asked, Onde::Servidor)
                            .map(Efeito::Situacao)
                    }
                    _ => workflow::decide(Some(&registro), &tipo, &pessoa, &pedido, Onde::Servidor),
                };
                let Ok(Efeito::Situacao(para)) = efeito else { continue };
                prop_assert!(pode_sair(&tipo, antes.fase, &para), "{} left", antes.nome);
                prop_assert!(transicao.de.contains(&antes.codigo) && transicao.para == para);
                prop_assert!(transicao.quem.contains(&quem.papel()), "{quem:?}");
                let sozinho = quem.papel() != fluxo::Quem::Interno;
                prop_assert!(sozinho || pessoa.pode(transicao.permissao), "{quem:?}");
                feitos.borrow_mut().insert(transicao.verbo.clone());
                aceitar(&mut registro, transicao, &pedido, para);
            }
            alcancadas.borrow_mut().extend(registro.situacao);
            Ok(())
        };
        runner.run(&passos(), andar).unwrap();
        // What only a client asks for is nobody's where clients see nothing.
        let de_alguem = |t: &&Transicao| tipo.visivel_no_portal || t.quem != [fluxo::Quem::Cliente];
        let verbos = tipo.fluxo.transicoes.iter().filter(de_alguem);
        let verbos: BTreeSet<_> = verbos.map(|t| t.verbo.clone()).collect();
        assert_eq!(feitos.into_inner(), verbos, "{}", tipo.codigo);
        let todas: BTreeSet<_> = tipo.fluxo.situacoes.iter().map(|s| s.codigo.clone()).collect();
        assert_eq!(alcancadas.into_inner(), todas, "{}", tipo.codigo);
    }
}

proptest! {
    /// What the device predicts is what the server does, when nothing else happens in between.
    #[test]
    fn the_device_predicts_what_the_server_will_say(
        passos in prop::collection::vec((0_usize..12, any::<bool>()), 1..12),
        de in permissoes(),
    ) {
        let tipo = tipo("p001.assistencia");
        let quem = pessoa(&de);
        let mut no_aparelho = registro(&tipo, &tipo.fluxo.inicial);
        let mut no_servidor = no_aparelho.clone();
        for (numero, (qual, motivo)) in passos.into_iter().enumerate() {
            let verbo = &tipo.fluxo.transicoes[qual % tipo.fluxo.transicoes.len()].verbo;
            let motivo = motivo.then_some("motivo");
            let previsto = workflow::predict(&no_aparelho, &tipo, &quem);
            let comando = transicionar(verbo, motivo);
            if workflow::decide(Some(&previsto), &tipo, &quem, &comando, Onde::Aparelho).is_err() {
                continue;
            }
            no_aparelho.pedidos.push(Pedido {
                id: Uuid::from_u128(numero as u128).into(),
                autoria: Autoria { por: quem.id, em: DeviceId::ESCRITORIO },
                quando: DateTime::UNIX_EPOCH,
                verbo: verbo.clone(),
                motivo: motivo.map(str::to_owned),
                email: false,
                veredito: None,
            });
            let asked = Asked { verb: verbo, reason: motivo, brings: None };
            let resultado = workflow::judge(&no_servidor, &tipo, &quem, asked, Onde::Servidor);
            no_servidor.situacao = Some(resultado.unwrap());
        }
        let previsto = workflow::predict(&no_aparelho, &tipo, &quem);
        prop_assert_eq!(previsto.situacao(&tipo), no_servidor.situacao(&tipo));
    }

    /// What a person types is either understood, and reads back the same, or refused; never a
    /// panic.
    #[test]
    fn whatever_is_typed_into_a_field_is_understood_or_refused(texto in any::<String>()) {
        let fuso = chrono_tz::America::Sao_Paulo;
        for kind in Kind::TODOS {
            let das_partes = Colecao::TODAS.into_iter().flat_map(|em| kind.campos_de(em));
            for campo in kind.campos().iter().chain(das_partes) {
                if let Ok(valor) = campo.ler(&texto, fuso) {
                    prop_assert!(campo.validar(&valor).is_ok());
                    let _ = valor.exibir(campo, fuso);
                }
            }
        }
    }
}
