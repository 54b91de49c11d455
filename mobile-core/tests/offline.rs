//! What a person does without a connection is on the disk when the call returns, is shown, and is
//! checked by the rules at the tap.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::{
    ids::{DocumentId, UserId},
    kind::Kind,
    pessoa::Permissao::{EmitirLaudo, Gerenciar, Ver},
    registro::Registro,
};
use campo_mobile_core::{Error, Filtro, Phone, SyncState, View};
use chrono::NaiveDate;
use support::{Device, Server, textos};

fn ana(server: &Server) -> Device {
    server.person("ana@demo", &[Ver, Gerenciar, EmitirLaudo]);
    let device = server.device("ana@demo");
    device.sync().unwrap();
    device
}

fn assistencia(device: &Device, cliente: DocumentId, eu: UserId) -> DocumentId {
    let campos = textos(&[
        ("cliente", &cliente.to_string()),
        ("situacao_alegada", "Porta não fecha"),
        ("responsavel", &eu.to_string()),
    ]);
    device.campo.novo(Kind::Assistencia, None, &campos, &[]).unwrap()
}

#[test]
fn what_waits_already_is_not_written_again_with_every_command() {
    let server = Server::start();
    let device = ana(&server);
    let eu = device.campo.conta().unwrap().unwrap().usuario;
    let id = assistencia(&device, device.cliente("Padaria São João"), eu);
    let refused = "CREATE TRIGGER again BEFORE UPDATE ON queue BEGIN \
                   SELECT RAISE(ABORT, 'written again'); END";
    device.raw().execute_batch(refused).unwrap();
    device.campo.editar(id, "cidade", "São Paulo").unwrap();
    device.campo.anotar(id, "Levar dobradiça").unwrap();
    assert_eq!(device.pendentes(), 4);
    device.sync().unwrap();
    assert_eq!(device.pendentes(), 0);
}

#[test]
fn every_command_is_durable_before_it_returns() {
    let server = Server::start();
    let mut device = ana(&server);
    let eu = device.campo.conta().unwrap().unwrap().usuario;
    let cliente = device.cliente("Padaria São João");
    let registro = |device: &Device, id| -> Registro { device.campo.show(id).unwrap().registro };

    let id = assistencia(&device, cliente, eu);
    device = device.reopen();
    assert_eq!(registro(&device, id).titulo(), "Porta não fecha");

    device.campo.editar(id, "cidade", "São Paulo").unwrap();
    device = device.reopen();
    assert_eq!(registro(&device, id).valor("cidade").texto(), Some("São Paulo"));

    device.campo.editar(id, "situacao_alegada", "Porta não fecha direito").unwrap();
    device.campo.anotar(id, "Levar dobradiça").unwrap();
    device.campo.participar(id, eu, true).unwrap();
    device.campo.transicionar(id, "iniciar", None).unwrap();
    device = device.reopen();
    let detalhe = device.campo.show(id).unwrap();
    assert_eq!(detalhe.registro.titulo(), "Porta não fecha direito");
    assert_eq!(detalhe.linha.situacao_prevista.as_deref(), Some("Em Atendimento"));
    assert_eq!(detalhe.sincronia, SyncState::Pending { n: 6 });
    let historico = device.campo.acompanhamento(id, View::Historico).unwrap();
    let textos_dele: Vec<_> = historico.iter().map(|e| e.texto.as_str()).collect();
    let esperado = [
        "Assistência criada.",
        "Levar dobradiça",
        "Participante incluído: ana.",
        "Pedido: Iniciar Atendimento.",
    ];
    assert_eq!(textos_dele, esperado);

    let item = textos(&[("produto", "Dobradiça"), ("quantidade", "2,5")]);
    let campos = textos(&[("assistencia", &id.to_string()), ("tipo_ocorrencia", "regulagem")]);
    let ocorrencia = device.campo.novo(Kind::Ocorrencia, None, &campos, &[item]).unwrap();
    let outro = device.campo.incluir_item(ocorrencia, &textos(&[("produto", "Puxador")])).unwrap();
    device.campo.editar_item(ocorrencia, outro, "quantidade", "3").unwrap();
    device = device.reopen();
    assert_eq!(device.campo.show(ocorrencia).unwrap().itens.len(), 2);
    device.campo.remover_item(ocorrencia, outro).unwrap();
    device = device.reopen();
    let detalhe = device.campo.show(ocorrencia).unwrap();
    assert_eq!(detalhe.itens[0].campos[1].valor, "2,5");
    assert_eq!(detalhe.itens.len(), 1);
    assert_eq!(detalhe.tipo, "p001.ocorrencia");

    device.campo.editar(id, "cidade", "").unwrap();
    device = device.reopen();
    assert!(registro(&device, id).valor("cidade").vazio());
    assert_eq!(device.pendentes(), 12);
    assert_eq!(device.sync().unwrap().accepted, 12);
    assert_eq!(device.pendentes(), 0);
}

#[test]
fn lists_pickers_and_search_find_what_was_just_written() {
    let server = Server::start();
    let na_assistencia = r#"{"nome":"Montagem","dados":{"na_assistencia":"sim"}}"#;
    server.reference("tipo_agenda", "montagem", na_assistencia);
    let device = ana(&server);
    let eu = device.campo.conta().unwrap().unwrap().usuario;
    let cliente = device.cliente("Padaria São João");
    device.cliente("Bar do Zé");
    let id = assistencia(&device, cliente, eu);
    let campos = textos(&[
        ("assistencia", &id.to_string()),
        ("tipo_agenda", "montagem"),
        ("responsavel", &eu.to_string()),
        ("inicio", "21/11/2026 23:30"),
        ("fim", "22/11/2026 00:30"),
        ("assunto", "Visita"),
    ]);
    let agenda = device.campo.novo(Kind::Agenda, None, &campos, &[]).unwrap();

    let nomes: Vec<_> =
        device.campo.clientes("").unwrap().into_iter().map(|linha| linha.titulo).collect();
    assert_eq!(nomes, ["Bar do Zé", "Padaria São João"]);
    for busca in ["sao joao porta", "PÓRTA", "não fecha"] {
        let filtro = Filtro { busca: Some(busca.into()), ..Filtro::default() };
        let pagina = device.campo.assistencias(&filtro).unwrap();
        assert_eq!(pagina.linhas[0].id, id, "{busca}");
        assert_eq!(pagina.linhas[0].cliente_nome.as_deref(), Some("Padaria São João"));
    }
    assert_eq!(device.campo.search("visita padaria").unwrap()[0].id, agenda);
    assert_eq!(device.campo.relacionados(id).unwrap()[0].id, agenda);
    for (dia, quantas) in [(20, 0), (21, 1), (22, 1), (23, 0)] {
        let dia = NaiveDate::from_ymd_opt(2026, 11, dia).unwrap();
        assert_eq!(device.campo.agenda_do_dia(dia).unwrap().len(), quantas, "{dia}");
    }
    let detalhe = device.campo.show(agenda).unwrap();
    let tipo = detalhe.campos.iter().find(|campo| campo.nome == "tipo_agenda").unwrap();
    assert_eq!(tipo.valor, "Montagem");

    let curto = &id.to_string()[..18];
    let rotulo = Registro::rotulo_provisorio(id);
    for forma in [curto, &rotulo, &id.to_string(), "porta nao fecha"] {
        assert_eq!(device.campo.resolver(forma, None).unwrap(), id, "{forma}");
    }
    assert!(matches!(device.campo.resolver("P-FFFFFFFF", None), Err(Error::NaoEncontrado(_))));
    assert_eq!(device.campo.resolver_usuario("ana@demo").unwrap(), eu);
}

#[test]
fn an_agenda_of_an_ocorrencia_belongs_to_the_ocorrencias_case() {
    let server = Server::start();
    let na_assistencia = r#"{"nome":"Montagem","dados":{"na_assistencia":"sim"}}"#;
    server.reference("tipo_agenda", "montagem", na_assistencia);
    let device = ana(&server);
    let eu = device.campo.conta().unwrap().unwrap().usuario;
    let caso = assistencia(&device, device.cliente("Zé"), eu);
    let outro = assistencia(&device, device.cliente("Bia"), eu);
    let novo = |kind, campos: &[(&str, String)]| {
        let campos: Vec<_> = campos.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        device.campo.novo(kind, None, &campos, &[]).unwrap()
    };
    let item = ("tipo_ocorrencia", "regulagem".to_owned());
    let do_caso = novo(Kind::Ocorrencia, &[item.clone(), ("assistencia", caso.to_string())]);
    let avulsa = novo(
        Kind::Ocorrencia,
        &[
            item,
            ("escopo", "produto".to_owned()),
            ("produto", "Porta".to_owned()),
            ("relato", "Porta empenada".to_owned()),
            ("contato_nome", "Zé".to_owned()),
            ("contato_telefone", "81 99999-0000".to_owned()),
        ],
    );
    let agenda = |campos: &[(&str, String)]| {
        let base = [
            ("tipo_agenda", "montagem".to_owned()),
            ("responsavel", eu.to_string()),
            ("inicio", "21/11/2026 09:30".to_owned()),
            ("fim", "21/11/2026 10:30".to_owned()),
            ("assunto", "Visita".to_owned()),
        ];
        let id = novo(Kind::Agenda, &[&base[..], campos].concat());
        let registro = device.campo.show(id).unwrap().registro;
        (registro.referencia("assistencia"), registro.referencia("ocorrencia"))
    };
    let so_ocorrencia = agenda(&[("ocorrencia", do_caso.to_string())]);
    assert_eq!(so_ocorrencia, (Some(caso.into()), Some(do_caso.into())));
    let vazia = agenda(&[("ocorrencia", do_caso.to_string()), ("assistencia", " ".to_owned())]);
    assert_eq!(vazia, so_ocorrencia);
    // What the person says counts, and an ocorrência without a case gives none.
    let dita = agenda(&[("ocorrencia", do_caso.to_string()), ("assistencia", outro.to_string())]);
    assert_eq!(dita, (Some(outro.into()), Some(do_caso.into())));
    assert_eq!(agenda(&[("ocorrencia", avulsa.to_string())]), (None, Some(avulsa.into())));
    assert_eq!(device.campo.relacionados(caso).unwrap().len(), 3);
}

#[test]
fn pages_follow_each_other_without_gap_or_overlap() {
    let server = Server::start();
    let device = ana(&server);
    let eu = device.campo.conta().unwrap().unwrap().usuario;
    let cliente = device.cliente("Zé");
    let ids: Vec<_> = (0..7).map(|_| assistencia(&device, cliente, eu)).collect();
    let mut filtro = Filtro { limite: 3, apenas_minhas: true, ..Filtro::default() };
    let mut vistos = Vec::new();
    loop {
        let pagina = device.campo.assistencias(&filtro).unwrap();
        vistos.extend(pagina.linhas.iter().map(|linha| linha.id));
        filtro.depois_de = pagina.proxima;
        if filtro.depois_de.is_none() {
            break;
        }
    }
    vistos.sort_unstable();
    assert_eq!(vistos, ids);
}

#[test]
fn ff30_a_person_without_the_right_is_told_at_the_first_tap() {
    let server = Server::start();
    server.person("bia@demo", &[]);
    let device = server.device("bia@demo");
    device.sync().unwrap();
    let novo = device.campo.novo(Kind::Cliente, None, &textos(&[("nome", "Zé")]), &[]);
    let mensagem = novo.unwrap_err().to_string();
    assert!(mensagem.contains("permissão") && mensagem.contains("administrador"), "{mensagem}");
    assert_eq!(device.pendentes(), 0);

    server.person("caio@demo", &[Ver]);
    device.enter(&server, "caio@demo");
    device.sync().unwrap();
    let caio = device.campo.conta().unwrap().unwrap().usuario;
    let id = assistencia(&device, device.cliente("Zé"), caio);
    let antes = device.pendentes();
    let cancelar = device.campo.transicionar(id, "cancelar", Some("Desistiu"));
    assert!(matches!(cancelar, Err(Error::Recusa(_))));
    assert!(device.campo.editar(id, "responsavel", "").is_err());
    assert!(device.campo.editar(id, "numero", "1").is_err());
    let verbos = device.campo.show(id).unwrap().verbos;
    assert!(verbos.iter().all(|verbo| verbo.verbo != "cancelar"), "{verbos:?}");
    assert_eq!(device.pendentes(), antes);
}

#[test]
fn nothing_can_be_created_before_the_catalogues_arrived_and_the_person_is_told() {
    let server = Server::start();
    server.person("ana@demo", &[Ver]);
    let device = server.device("ana@demo");
    let novo = device.campo.novo(Kind::Cliente, None, &textos(&[("nome", "Zé")]), &[]);
    assert!(matches!(novo, Err(Error::SemCadastros)));
}

#[test]
fn lists_never_load_a_document() {
    let server = Server::start();
    let device = ana(&server);
    device.cliente("Modelo");
    let mut raw = device.raw();
    let tx = raw.transaction().unwrap();
    for _ in 0..1_000 {
        let id = *uuid::Uuid::now_v7().as_bytes();
        for sql in [
            "INSERT INTO documents (account, id, kind, generation, chunks, in_scope) \
             VALUES (1, ?, 'assistencia', 1, randomblob(64), 1)",
            "INSERT INTO lista (account, id, kind, raiz, rotulo, titulo, ordem, situacao, \
                 situacao_nome, fase, minha, busca, criado_em, pendente, conflito) \
             SELECT 1, ?, 'assistencia', id, rotulo, 'Sem leitura', ordem, situacao, \
                 situacao_nome, fase, 1, 'sem leitura', criado_em, 0, 0 FROM lista LIMIT 1",
        ] {
            tx.execute(sql, [id]).unwrap();
        }
    }
    tx.commit().unwrap();
    let filtro = Filtro { busca: Some("leitura".into()), limite: 500, ..Filtro::default() };
    assert_eq!(device.campo.assistencias(&filtro).unwrap().linhas.len(), 500);
    let aberta = device.campo.show(device.campo.assistencias(&filtro).unwrap().linhas[0].id);
    assert!(matches!(aberta, Err(Error::Documento(_))));
}

#[test]
fn a_key_without_encryption_is_refused_and_a_foreign_file_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("campo.db");
    if cfg!(feature = "sqlcipher") {
        drop(Phone::open(&path, Some("certa")).unwrap());
        assert!(Phone::open(&path, Some("certa")).is_ok());
        assert!(matches!(Phone::open(&path, Some("errada")), Err(Error::ChaveErrada)));
        assert!(matches!(Phone::open(&path, None), Err(Error::ChaveErrada)));
    } else {
        assert!(matches!(Phone::open(&path, Some("chave")), Err(Error::SemCifra)));
        assert!(!path.exists());
        std::fs::write(&path, [7; 4096]).unwrap();
        assert!(matches!(Phone::open(&path, None), Err(Error::ChaveErrada)));
        assert_eq!(std::fs::read(&path).unwrap(), [7; 4096]);
    }
}
