//! What the five products ask for, through the gate and the planner: analyses, actions,
//! restriction, timers, money.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use campo_domain::{
    command::{Command, Listados, NovoItem, NovoPedido},
    ids::{AcaoId, AnaliseId, CorretivaId, DeviceId, ItemId, NotaId, PedidoId, UserId},
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    refusal::Codigo,
    registro::{SituacaoAcao, TipoAnalise, Visibilidade},
    valor::Valor,
};
use campo_sync::{
    admission::Requester, client::Fate, document, exchange::Recipients, wire::Outcome,
};
use support::*;
use uuid::Uuid;

fn texto(texto: &str) -> Valor {
    Valor::Texto(texto.into())
}

/// An atendimento of P003, opened by the técnica on her phone and synced.
fn atendimento() -> (Server, Phone) {
    let (mut server, mut phone) = (Server::new(), Phone::new(tecnica()));
    phone.run(ocorrencia(
        1,
        "p003.reclamacao",
        &[
            ("cliente", Valor::Id(Uuid::from_u128(500))),
            ("responsavel", Valor::Id(tecnica().id.into())),
            ("relato", texto("Mesa chegou riscada")),
        ],
    ));
    phone.sync(&mut server);
    (server, phone)
}

fn item(n: u128, campos: &[(&str, Valor)]) -> NovoItem {
    let campos = campos.iter().map(|(nome, valor)| ((*nome).to_owned(), valor.clone()));
    NovoItem { id: ItemId::from_u128(n), campos: campos.collect() }
}

fn incluir(em: Colecao, n: u128, campos: &[(&str, Valor)]) -> Command {
    Command::IncluirItem { em, item: item(n, campos) }
}

fn analisar(n: u128, tipo: TipoAnalise, encaminhar: Option<UserId>) -> Command {
    let parcial = tipo == TipoAnalise::Parcial;
    let pedido = NovoPedido { id: PedidoId::from_u128(n), email: true };
    Command::Analisar {
        analise: AnaliseId::from_u128(n),
        tipo,
        texto: format!("{} {n}", tipo.rotulo()),
        procedente: (tipo == TipoAnalise::Laudo).then_some(true),
        pedido: (!parcial).then_some(pedido),
        encaminhar,
    }
}

fn situacao(server: &Server) -> String {
    server.registro(id(1)).situacao.clone().unwrap_or_default()
}

#[test]
fn an_atendimento_goes_from_its_opening_offline_to_its_conclusion_and_is_opened_again() {
    let (mut server, mut phone) = atendimento();
    phone.run(Command::Interessar { usuario: office().id, interessado: true });
    phone.run(incluir(Colecao::Itens, 10, &[("produto", texto("Mesa"))]));
    phone.run(Command::Transicionar {
        pedido: PedidoId::from_u128(20),
        verbo: "iniciar".into(),
        motivo: None,
        email: true,
    });
    phone.run(transicionar(21, "enviar_para_analise", None));
    phone.run(analisar(22, TipoAnalise::Parcial, None));
    phone.run(editar("procedencia", "procedente"));
    phone.run(analisar(23, TipoAnalise::Solucao, None));
    let fates = phone.sync(&mut server);
    assert!(fates.iter().all(|(_, fate)| *fate == Fate::Accepted), "{fates:?}");
    assert_eq!(situacao(&server), "aguardando_conclusao");
    // Told once each: the client because the technician said so, the interessados always.
    let destinos: Vec<_> = server.emails.iter().map(|email| email.to.clone()).collect();
    assert_eq!(destinos, [Recipients::Users([office().id].into()), Recipients::Client]);

    server.office(id(1), analisar(24, TipoAnalise::Parecer, None));
    assert_eq!(situacao(&server), "concluido");
    let registro = server.registro(id(1));
    assert_eq!(registro.vigente(TipoAnalise::Parecer).unwrap().texto, "Parecer 24");
    assert_eq!(server.emails.len(), 4);

    server.office(id(1), transicionar(25, "reabrir", None));
    assert_eq!(situacao(&server), "reaberto");
    let recusa = server.office_as(&office(), id(1), transicionar(26, "cancelar", Some("engano")));
    assert_eq!(recusa.unwrap_err().codigo, Codigo::JaConcluido);
}

#[test]
fn an_unsaid_procedencia_of_one_of_several_items_keeps_the_case_in_analysis() {
    let (mut server, _) = atendimento();
    for n in [10, 11] {
        server.office(id(1), incluir(Colecao::Itens, n, &[("produto", texto("Mesa"))]));
    }
    server.office(id(1), transicionar(20, "iniciar", None));
    server.office(id(1), transicionar(21, "enviar_para_analise", None));
    server.office(id(1), editar("procedencia", "procedente"));
    let julgar = |n: u128, valor: &str| Command::EditarItem {
        em: Colecao::Itens,
        item: ItemId::from_u128(n),
        campo: "procedencia".into(),
        valor: texto(valor),
        visto: None,
    };
    server.office(id(1), julgar(10, "procedente"));
    let registrar = analisar(22, TipoAnalise::Solucao, None);
    let recusa = server.office_as(&office(), id(1), registrar.clone()).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::ExigeProcedencia);
    server.office(id(1), julgar(11, "improcedente"));
    server.office(id(1), registrar);
    assert_eq!(situacao(&server), "aguardando_conclusao");
}

#[test]
fn two_sums_within_the_limit_that_together_pass_it_are_held_for_the_office() {
    let (mut server, mut phone) = atendimento();
    let com = |n, centavos| {
        let campos = [("produto", texto("Mesa")), ("valor_indenizado", Valor::Inteiro(centavos))];
        incluir(Colecao::Itens, n, &campos)
    };
    phone.run(com(10, 300_000));
    server.office(id(1), com(11, 300_000));
    let fates = phone.sync(&mut server);
    let [(_, Fate::Held { reason, .. })] = &fates[..] else { panic!("{fates:?}") };
    assert_eq!(reason.code, "limite_indenizacao");
    assert!(reason.message.contains("R$ 5.000,00"), "{}", reason.message);
    let recusa = server.office_as(&office(), id(1), com(12, 200_001)).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::LimiteIndenizacao);
}

#[test]
fn what_a_tipo_does_not_keep_is_refused_at_the_tap_and_in_the_office() {
    let mut server = Server::new();
    let campos = [
        ("cliente", Valor::Id(Uuid::from_u128(500))),
        ("responsavel", Valor::Id(tecnica().id.into())),
        ("relato", texto("Como se monta?")),
    ];
    server.office(id(1), ocorrencia(1, "p003.solicitacao", &campos));
    let despesa = [("despesa", texto("frete")), ("valor", Valor::Inteiro(1_000))];
    let recusa = server.office_as(&office(), id(1), incluir(Colecao::Despesas, 10, &despesa));
    assert_eq!(recusa.unwrap_err().codigo, Codigo::RecursoDesabilitado);
    let recusa = server.office_as(&office(), id(1), editar("modalidade", "loja")).unwrap_err();
    assert!(matches!(recusa.codigo, Codigo::CampoForaDoTipo | Codigo::SituacaoNaoPermiteEdicao));
}

#[test]
fn a_partial_analysis_hands_the_record_to_somebody_only_from_the_office() {
    let (mut server, mut phone) = atendimento();
    server.office(id(1), transicionar(20, "iniciar", None));
    server.office(id(1), transicionar(21, "enviar_para_analise", None));
    phone.sync(&mut server);
    server.office(id(1), analisar(22, TipoAnalise::Parcial, Some(office().id)));
    let registro = server.registro(id(1));
    assert_eq!(registro.responsavel(), Some(office().id));
    assert_eq!(registro.situacao.as_deref(), Some("em_analise"));
    // The técnica made it, so she goes on seeing it.
    assert!(registro.envolvidos().contains(&tecnica().id));
}

#[test]
fn what_is_told_to_the_client_is_not_told_from_inside() {
    let mut server = Server::new();
    let campos = [
        ("cliente", Valor::Id(Uuid::from_u128(500))),
        ("relato", texto("Relatório não abre")),
        ("categoria", texto("problema")),
    ];
    server.office(id(1), ocorrencia(1, "p002.ocorrencia", &campos));
    server.office(id(1), transicionar(20, "iniciar", None));
    assert_eq!(server.registro(id(1)).responsavel(), Some(office().id), "who began it has it");
    let nota = |n, visibilidade| Command::Anotar {
        id: NotaId::from_u128(n),
        texto: "Em estudo".into(),
        visibilidade,
        resposta_a: None,
    };
    server.office(id(1), nota(30, Visibilidade::Cliente));
    let recusa = server.office_as(&office(), id(1), transicionar(21, "analisar_produto", None));
    assert_eq!(recusa.unwrap_err().codigo, Codigo::ExigeCategoria);
    server.office(id(1), transicionar(22, "diagnosticar", None));
    server.office(id(1), nota(31, Visibilidade::Interna));
    let recusa = server.office_as(&office(), id(1), nota(32, Visibilidade::Cliente)).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::SituacaoNaoPermiteEdicao);
    let tipo = &server.world.documents[&id(1)].merged.tipo;
    let visivel = server.registro(id(1)).situacao_do_cliente(tipo).unwrap();
    assert_eq!(visivel.codigo, "em_atendimento");
}

#[test]
fn a_client_opens_its_own_case_and_no_others_and_answers_when_it_is_waited_for() {
    let mut server = Server::new();
    let de = |n: u128| Pessoa { cliente: Some(id(n)), ..pessoa(50 + n, &[Permissao::Portal]) };
    let (dela, alheio) = (de(500), de(501));
    let caso = |n, cliente: u128| {
        let campos = [("cliente", Valor::Id(Uuid::from_u128(cliente))), ("relato", texto("Erro"))];
        ocorrencia(n, "p002.ocorrencia", &campos)
    };
    server.office_as(&dela, id(1), caso(1, 500)).unwrap();
    let recusa = server.office_as(&dela, id(2), caso(2, 501)).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::ValorInvalido);
    let nota = || Command::Anotar {
        id: NotaId::from_u128(30),
        texto: "E então?".into(),
        visibilidade: Visibilidade::Cliente,
        resposta_a: None,
    };
    let recusa = server.office_as(&alheio, id(1), nota()).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::NaoEncontrado);
    server.office_as(&dela, id(1), nota()).unwrap();
    let recusa = server.office_as(&dela, id(1), editar("categoria", "problema")).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::SemPermissao, "what was filled in is not changed");
    server.office(id(1), editar("categoria", "problema"));
    server.office(id(1), transicionar(20, "iniciar", None));
    let responder = || transicionar(21, "responder", Some("Versão 7.2"));
    let recusa = server.office_as(&dela, id(1), responder()).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::TransicaoNaoPermitida);
    server.office(id(1), transicionar(22, "solicitar_informacao", Some("Qual a versão?")));
    let recusa = server.office_as(&office(), id(1), responder()).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::NaoCabeAVoce);
    server.office_as(&dela, id(1), responder()).unwrap();
    assert_eq!(situacao(&server), "em_atendimento");
    server.office_as(&dela, id(1), transicionar(23, "cancelar", Some("Resolvi"))).unwrap();
    assert_eq!(situacao(&server), "cancelado");
}

#[test]
fn a_wait_for_the_client_ends_once_and_only_if_nothing_moved() {
    let mut server = Server::new();
    let campos = [
        ("cliente", Valor::Id(Uuid::from_u128(500))),
        ("relato", texto("Erro")),
        ("categoria", texto("duvida")),
    ];
    server.office(id(1), ocorrencia(1, "p002.ocorrencia", &campos));
    server.office(id(1), transicionar(20, "iniciar", None));
    let heads = |server: &Server| document::heads(server.document(id(1)));
    let before = heads(&server);
    let fire = |server: &mut Server, heads: &[_], n| {
        server.plan(|planner| planner.inactive(id(1), heads, PedidoId::from_u128(n)))
    };
    assert!(!fire(&mut server, &before, 30), "nobody is waited for");
    server.office(id(1), transicionar(21, "solicitar_informacao", Some("Qual?")));
    let waiting = heads(&server);
    server.office(id(1), anotar(NotaId::from_u128(31), "Liguei de novo"));
    assert!(!fire(&mut server, &waiting, 32), "somebody moved it");
    let waiting = heads(&server);
    assert!(fire(&mut server, &waiting, 33));
    assert!(!fire(&mut server, &waiting, 34), "another server was faster");
    assert_eq!(situacao(&server), "finalizado");
    let registro = server.registro(id(1));
    let pedido = registro.pedidos.iter().find(|p| p.id == PedidoId::from_u128(33)).unwrap();
    assert_eq!(pedido.autoria.por, UserId::SERVIDOR);
    assert_eq!(registro.pedidos.len(), 3);
    let recusa =
        server.office_as(&office(), id(1), transicionar(35, "finalizar_inatividade", None));
    assert!(recusa.is_err(), "nobody asks for the server's own");
}

/// What a complaint must say.
fn queixa() -> [(&'static str, Valor); 6] {
    [
        ("escopo", texto("cliente")),
        ("cliente", Valor::Id(Uuid::from_u128(500))),
        ("tipo_ocorrencia", texto("avaria")),
        ("relato", texto("Porta trincada")),
        ("contato_nome", texto("João")),
        ("contato_telefone", texto("19 99999-0000")),
    ]
}

/// A complaint of P000 that is in analysis, with the invoice that it comes from.
fn reclamacao() -> Server {
    let mut server = Server::new();
    let origem = [("origem", texto("nf_saida")), ("origem_numero", texto("45198"))];
    let campos = [&queixa()[..], &origem].concat();
    server.office(id(1), ocorrencia(1, "p000.ocorrencia", &campos));
    let porta = [("produto", texto("Porta")), ("quantidade", Valor::Inteiro(1_000))];
    server.office(id(1), incluir(Colecao::Itens, 10, &porta));
    server.office(id(1), transicionar(20, "colocar_em_analise", None));
    server
}

#[test]
fn an_action_goes_out_once_and_its_answer_comes_back_once() {
    let mut server = reclamacao();
    let acao = AcaoId::from_u128(40);
    let pedir =
        |codigo: &str| Command::SolicitarAcao { acao, codigo: codigo.into(), observacao: None };
    let recusa = server.office_as(&office(), id(1), pedir("gerar_pedido")).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::AcaoNaoPermitida, "another product's");
    let recusa = server.office_as(&tecnica(), id(1), pedir("entrada_estoque")).unwrap_err();
    assert!(matches!(recusa.codigo, Codigo::NaoEncontrado | Codigo::SemPermissao));
    server.office(id(1), pedir("entrada_estoque"));
    let recusa = server.office_as(&office(), id(1), pedir("entrada_estoque")).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::IdEmUso);
    assert_eq!(server.actions.len(), 1);
    let responder = |situacao, externo: Option<&str>, retorno: Option<&str>| {
        let (externo, retorno) = (externo.map(str::to_owned), retorno.map(str::to_owned));
        Command::ResponderAcao { acao, situacao, externo, retorno }
    };
    let sem_motivo = responder(SituacaoAcao::Recusada, None, None);
    let recusa = server.office_as(&office(), id(1), sem_motivo).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::ExigeCampo, "a refusal says why");
    server.office(id(1), responder(SituacaoAcao::Concluida, None, Some("Recebido.")));
    server.office(id(1), responder(SituacaoAcao::Concluida, Some("EST-77"), None));
    assert_eq!(server.registro(id(1)).acoes[0].retorno.as_deref(), Some("Recebido."));
    let depois = server.registro(id(1)).clone();
    assert_eq!(depois.acoes[0].externo.as_deref(), Some("EST-77"));
    server.office(id(1), responder(SituacaoAcao::Concluida, Some("EST-77"), None));
    assert_eq!(*server.registro(id(1)), depois, "the same answer again says nothing new");
    let outra = responder(SituacaoAcao::Recusada, Some("EST-78"), Some("Não consta."));
    let recusa = server.office_as(&office(), id(1), outra).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::AcaoRespondida);
}

#[test]
fn a_restriction_takes_the_case_from_everybody_else_and_gives_it_back() {
    let mut server = reclamacao();
    let (chefe, colega) = (office(), pessoa(3, &[Permissao::Ver, Permissao::VerTodas]));
    let da_diretoria = Pessoa {
        grupos: ["diretoria".to_owned()].into(),
        ..pessoa(4, &[Permissao::Ver, Permissao::VerTodas])
    };
    let de_fora = pessoa(5, &[Permissao::Ver]);
    let people = [&chefe, &colega, &da_diretoria, &de_fora];
    server.world.people = people.map(|p| (p.id, p.clone())).into();
    server.sight.clear();
    let so_diretoria = Listados { grupos: ["diretoria".to_owned()].into(), ..Default::default() };
    let recusa =
        server.office_as(&colega, id(1), Command::Restringir { para: Some(so_diretoria.clone()) });
    assert_eq!(recusa.unwrap_err().codigo, Codigo::SemPermissao);
    server.office(id(1), Command::Restringir { para: Some(so_diretoria) });
    assert_eq!(server.sight, [(colega.id, false)], "administrators and the listed keep it");
    let recusa = server.office_as(&colega, id(1), anotar(NotaId::from_u128(50), "?")).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::NaoEncontrado);

    // It is not handed to somebody who could not open it, and taking part gives no sight either.
    let entregar = Command::Editar {
        campo: "responsavel".into(),
        valor: Valor::Id(de_fora.id.into()),
        visto: None,
    };
    let recusa = server.office_as(&chefe, id(1), entregar).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::ResponsavelSemAcesso);
    server.office(id(1), Command::Participar { usuario: de_fora.id, participa: true });
    assert_eq!(server.sight.len(), 1);
    server.sight.clear();
    server.office(id(1), Command::Restringir { para: None });
    assert_eq!(server.sight, [(colega.id, true), (de_fora.id, true)]);
}

#[test]
fn an_anexo_is_what_it_was_when_it_was_added_and_its_caption_may_change() {
    let (mut server, mut phone) = atendimento();
    let sha256 = "a".repeat(64);
    let campos = [
        ("nome", texto("riscos.jpg")),
        ("categoria", texto("avaria")),
        ("mime", texto("image/jpeg")),
        ("tamanho", Valor::Inteiro(4_000_000)),
        ("sha256", texto(&sha256)),
    ];
    phone.run(incluir(Colecao::Anexos, 10, &campos));
    let editar = |campo: &str, valor| Command::EditarItem {
        em: Colecao::Anexos,
        item: ItemId::from_u128(10),
        campo: campo.into(),
        valor,
        visto: None,
    };
    phone.run(editar("legenda", texto("Tampo")));
    let fates = phone.sync(&mut server);
    assert!(fates.iter().all(|(_, fate)| *fate == Fate::Accepted), "{fates:?}");
    let outro = editar("sha256", texto(&"b".repeat(64)));
    let recusa = server.office_as(&office(), id(1), outro).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::CampoFixo);
    let sem_bytes = incluir(Colecao::Anexos, 11, &campos[..2]);
    let recusa = server.office_as(&office(), id(1), sem_bytes).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::CamposObrigatorios);
    server.office(id(1), Command::RemoverItem { em: Colecao::Anexos, item: ItemId::from_u128(10) });
    assert!(server.registro(id(1)).anexos[&ItemId::from_u128(10)].removido);
}

#[test]
fn only_a_concluded_case_of_a_tipo_that_allows_it_goes_under_a_corrective_action() {
    let mut server = reclamacao();
    let vincular = Command::VincularCorretiva {
        corretiva: CorretivaId::from_u128(60),
        numero: "AC-2027/0001".into(),
    };
    let recusa = server.office_as(&office(), id(1), vincular.clone()).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::CorretivaNaoPermitida);
    let (mut server, _) = atendimento();
    server.office(id(1), transicionar(20, "iniciar", None));
    server.office(id(1), transicionar(21, "enviar_para_analise", None));
    server.office(id(1), editar("procedencia", "procedente"));
    server.office(id(1), analisar(22, TipoAnalise::Solucao, None));
    server.office(id(1), analisar(23, TipoAnalise::Parecer, None));
    server.office(id(1), vincular);
    assert_eq!(server.registro(id(1)).corretivas[0].numero, "AC-2027/0001");
}

#[test]
fn several_commands_of_the_office_count_all_or_not_at_all_and_only_for_what_was_read() {
    let mut server = reclamacao();
    let before = server.registro(id(1)).clone();
    let heads = document::heads(server.document(id(1)));
    let device = DeviceId::ESCRITORIO;
    let requester = Requester { pessoa: office(), device, earlier: Vec::new() };
    let commands = [
        (id(1), anotar(NotaId::from_u128(70), "Uma")),
        (id(1), transicionar(71, "emitir_laudo", None)),
    ];
    let done = server.plan(|planner| planner.office_all(&requester, &commands, None));
    assert_eq!(done.unwrap_err().codigo, Codigo::ExigeLaudo);
    assert_eq!(*server.registro(id(1)), before);
    let only = &commands[..1];
    let done = server.plan(|p| p.office_all(&requester, only, Some((id(1), &heads))));
    assert_eq!(done, Ok(()));
    let late = [(id(1), anotar(NotaId::from_u128(72), "Duas"))];
    let done = server.plan(|p| p.office_all(&requester, &late, Some((id(1), &heads))));
    assert_eq!(done.unwrap_err().codigo, Codigo::VersaoMudou);
}

#[test]
fn a_device_may_not_hand_a_record_over_nor_write_in_the_servers_name() {
    let (mut server, mut phone) = atendimento();
    server.office(id(1), transicionar(20, "iniciar", None));
    server.office(id(1), transicionar(21, "enviar_para_analise", None));
    phone.sync(&mut server);
    let forged = forged_command(&server, &analisar(22, TipoAnalise::Parcial, Some(office().id)));
    let Outcome::Refused { reason } = server.push(&tecnica(), forged) else { panic!() };
    assert_eq!(reason.code, "exige_conexao");
}

#[test]
fn what_one_command_lacks_another_of_the_same_request_may_give() {
    let mut server = Server::new();
    server.office(id(1), ocorrencia(1, "p000.ocorrencia", &queixa()));
    let editar = |campo: &str, valor| {
        (id(1), Command::Editar { campo: campo.to_owned(), valor, visto: None })
    };
    let requester =
        Requester { pessoa: office(), device: DeviceId::ESCRITORIO, earlier: Vec::new() };
    let outro = [
        editar("cliente", Valor::Nulo),
        editar("escopo", texto("fornecedor")),
        editar("fornecedor", texto("madeiras_sul")),
    ];
    server.plan(|planner| planner.office_all(&requester, &outro, None)).unwrap();
    assert_eq!(server.registro(id(1)).valor("escopo").texto(), Some("fornecedor"));
    let sem = [editar("fornecedor", Valor::Nulo), editar("prioridade", texto("alta"))];
    let recusa = server.plan(|planner| planner.office_all(&requester, &sem, None)).unwrap_err();
    assert_eq!(recusa.codigo, Codigo::CamposObrigatorios);
    assert!(server.registro(id(1)).valor("prioridade").vazio(), "all or nothing");
}
