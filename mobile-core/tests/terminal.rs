//! The terminal client, as a person types it: accents, short forms, JSON, errors.

#![allow(clippy::unwrap_used)] // Helpers of tests are not tests to clippy.

mod support;

use campo_domain::pessoa::Permissao::Ver;
use serde_json::Value;
use std::{path::PathBuf, process::Output};
use support::{Server, pictures::jpeg};

struct Terminal {
    dir: tempfile::TempDir,
}

impl Terminal {
    fn run(&self, args: &[&str]) -> Output {
        // target/PROFILE/deps/this-test → target/PROFILE/examples/device
        let this = std::env::current_exe().unwrap();
        let program: PathBuf = this.ancestors().nth(2).unwrap().join("examples/device");
        // Not built by `--test terminal` alone; `cargo test -p campo-mobile-core` builds it.
        assert!(program.exists(), "{}", program.display());
        std::process::Command::new(program)
            .arg("--db")
            .arg(self.dir.path().join("campo.db"))
            .args(args)
            .env_remove("CAMPO_SENHA")
            .output()
            .unwrap()
    }

    fn text(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.text(&[&["--json"], args].concat())).unwrap()
    }
}

fn entered(server: &Server) -> Terminal {
    let terminal = Terminal { dir: tempfile::tempdir().unwrap() };
    let mut login = vec!["login", "--servidor", &server.url, "--empresa", "demo"];
    login.extend(["--login", "ana@demo", "--senha", "segredo"]);
    assert!(terminal.text(&login).contains("ana entrou em Empresa."));
    terminal.text(&["sync"]);
    terminal
}

#[test]
fn a_visit_is_planned_done_and_sent_from_the_terminal() {
    let server = Server::start();
    server.person("ana@demo", &[Ver]);
    server.reference("tipo_agenda", "montagem", r#"{"nome":"Montagem"}"#);
    let terminal = entered(&server);
    terminal.text(&["new-cliente", "--campo", "nome=Padaria São João"]);
    let mut nova = vec!["new-assistencia", "--campo", "cliente=padaria sao joao"];
    nova.extend(["--campo", "situacao_alegada=Porta não fecha"]);
    let assistencia = terminal.json(&nova);
    let rotulo = assistencia["rotulo"].as_str().unwrap();
    assert_eq!(assistencia["responsavel_nome"], "ana");

    let assistencia_campo = format!("assistencia={rotulo}");
    let mut nova = vec!["new-agenda", "--campo", &assistencia_campo];
    nova.extend(["--campo", "tipo_agenda=Montagem", "--campo", "assunto=Visita"]);
    nova.extend(["--campo", "inicio=2026-11-21 09:30", "--campo", "fim=2026-11-21 11:00"]);
    terminal.text(&nova);
    let agenda = terminal.text(&["agenda", "--dia", "2026-11-21"]);
    assert!(agenda.contains("09:30–11:00") && agenda.contains("Padaria São João"), "{agenda}");

    let item = "produto=Dobradiça,quantidade=2,5";
    let mut nova = vec!["new-ocorrencia", "--assistencia", rotulo, "--item", item];
    nova.extend(["--campo", "tipo_ocorrencia=regulagem"]);
    terminal.text(&nova);
    terminal.text(&["note", rotulo, "Cliente não estava; volto às 15h"]);
    terminal.text(&["edit", rotulo, "cidade", "Maceió"]);
    let feito = terminal.text(&["transition", rotulo, "iniciar"]);
    assert!(feito.contains("Em Atendimento"), "{feito}");
    let mostra = terminal.text(&["show", rotulo]);
    for texto in ["Maceió", "volto às 15h", "Pedido: Iniciar Atendimento. (aguarda", "resolver"] {
        assert!(mostra.contains(texto), "{texto}: {mostra}");
    }
    let lista = terminal.text(&["assistencias", "--busca", "maceio", "--minhas"]);
    assert!(lista.contains("Aberta → Em Atendimento") && lista.contains("pendente"), "{lista}");

    let pendentes = terminal.json(&["pending"]);
    assert_eq!(pendentes["pendentes"].as_array().unwrap().len(), 7);
    assert_eq!(terminal.json(&["sync"])["aceitos"], 7);
    assert!(terminal.text(&["pending"]).starts_with("Pendentes: 0"));
    assert_eq!(terminal.json(&["status"])["sessao"], "ativa");
}

#[test]
fn an_agenda_is_planned_for_a_case_or_for_one_of_its_ocorrencias() {
    let server = Server::start();
    server.person("ana@demo", &[Ver]);
    server.reference("tipo_agenda", "montagem", r#"{"nome":"Montagem"}"#);
    let terminal = entered(&server);
    terminal.text(&["new-cliente", "--campo", "nome=Zé"]);
    let nova = ["new-assistencia", "--campo", "cliente=Zé", "--campo", "situacao_alegada=Porta"];
    let caso = terminal.json(&nova)["rotulo"].as_str().unwrap().to_owned();
    let mut nova = vec!["new-ocorrencia", "--assistencia", &caso];
    nova.extend(["--item", "produto=Dobradiça,quantidade=2"]);
    nova.extend(["--campo", "tipo_ocorrencia=regulagem"]);
    let ocorrencia = terminal.json(&nova)["rotulo"].as_str().unwrap().to_owned();
    for (onde, id) in [("--assistencia", &caso), ("--ocorrencia", &ocorrencia)] {
        let mut nova = vec!["new-agenda", onde, id, "--campo", "tipo_agenda=Montagem"];
        nova.extend(["--campo", "assunto=Visita", "--campo", "inicio=2026-11-21 09:30"]);
        nova.extend(["--campo", "fim=2026-11-21 11:00"]);
        let agenda = terminal.json(&nova);
        assert_eq!(agenda["cliente_nome"], "Zé", "{onde}: {agenda}");
    }
}

#[test]
fn an_atendimento_is_registered_analysed_and_answered_from_the_terminal() {
    let server = Server::of("P003");
    server.person("ana@demo", &[Ver]);
    let terminal = entered(&server);
    let tipos = terminal.text(&["tipos"]);
    assert!(tipos.contains("p003.reclamacao") && tipos.contains("Elogio"), "{tipos}");
    let form = terminal.text(&["form", "Reclamação"]);
    for texto in ["Descrição do atendimento *", "canal, catalogo canal", "Valor indenizado"] {
        assert!(form.contains(texto), "{texto}: {form}");
    }
    assert!(!terminal.text(&["form", "elogio"]).contains("Valor indenizado"));
    terminal.text(&["new-cliente", "--campo", "nome=Márcia", "--campo", "email=m@exemplo.br"]);
    let mut nova = vec!["new-ocorrencia", "--tipo", "reclamação", "--campo", "cliente=marcia"];
    nova.extend(["--campo", "responsavel=ana", "--campo", "canal=Telefone"]);
    nova.extend(["--campo", "relato=Cadeira quebrada", "--item", "produto=Cadeira,quantidade=2"]);
    let nova = terminal.json(&nova);
    assert_eq!(nova["tipo_nome"], "Reclamação");
    let id = nova["rotulo"].as_str().unwrap();

    terminal.text(&["add-despesa", id, "despesa=Almoço,valor=32,50"]);
    terminal.text(&["interessado", id, "ana"]);
    let feito = terminal.text(&["transition", id, "iniciar", "--email"]);
    assert!(feito.contains("Iniciado"), "{feito}");
    terminal.text(&["transition", id, "enviar_para_analise"]);
    terminal.text(&["analise", id, "parcial", "Encaixe solto"]);
    let item = terminal.json(&["show", id])["itens"][0]["id"].as_str().unwrap().to_owned();
    terminal.text(&["edit-part", id, &item, "procedencia", "Procedente"]);
    terminal.text(&["analise", id, "solucao", "Trocar a cadeira"]);
    let nota = ["note", id, "Trocamos amanhã?", "--cliente"];
    terminal.text(&nota);
    let conversas = terminal.json(&["acompanhamento", id, "--vista", "conversas"]);
    let primeira = conversas[0]["nota"].as_str().unwrap();
    terminal.text(&["note", id, "Pode ser", "--resposta", primeira]);

    let outra = terminal.json(&["duplicate", id, "--campo", "relato=Mesa quebrada"]);
    let outra = outra["rotulo"].as_str().unwrap();
    let vinculo = format!("relacao=Causado por,documento={outra}");
    terminal.text(&["add-vinculo", id, &vinculo]);
    let la = terminal.text(&["show", outra]);
    assert!(la.contains("Mesa quebrada") && la.contains("Causado por em"), "{la}");

    let mostra = terminal.text(&["show", id]);
    for texto in [
        "E-mail                    m@exemplo.br",
        "Aguardando conclusão",
        "Despesa 1",
        "R$ 32,50",
        "Interessados: ana",
        "Solução — aguarda o servidor",
        "Mesa quebrada",
        "Pedido: Enviar para análise. (aguarda o servidor)",
        "[cliente] — Trocamos amanhã?",
    ] {
        assert!(mostra.contains(texto), "{texto}: {mostra}");
    }
    let alteracoes = terminal.text(&["acompanhamento", id, "--vista", "alteracoes"]);
    assert!(alteracoes.contains("— → Procedente"), "{alteracoes}");
    let tramite = terminal.text(&["acompanhamento", id, "--vista", "tramite"]);
    assert!(!tramite.contains("Trocamos"), "{tramite}");

    let lista = ["ocorrencias", "--ordem", "-relato", "--tipo", "p003.reclamacao"];
    let lista = terminal.json(&lista);
    assert_eq!(lista["linhas"][0]["titulo"], "Mesa quebrada");
    let errada = terminal.run(&["ocorrencias", "--ordem", "cor"]);
    let erro = String::from_utf8(errada.stderr).unwrap();
    assert_eq!(erro, "Não existe o campo “cor” neste registro.\n");
    assert!(terminal.text(&["catalogos"]).contains("Despesas"));
    assert!(terminal.text(&["origem", "nf_saida", "1"]).contains("não conhece"));
    assert_eq!(terminal.json(&["sync"])["pendentes"], 0);
}

#[test]
fn photos_are_attached_listed_sent_and_fetched_from_the_terminal() {
    let server = Server::start();
    server.person("ana@demo", &[Ver]);
    let terminal = entered(&server);
    terminal.text(&["new-cliente", "--campo", "nome=Zé"]);
    let nova = ["new-assistencia", "--campo", "cliente=Zé", "--campo", "situacao_alegada=Porta"];
    let caso = terminal.json(&nova)["rotulo"].as_str().unwrap().to_owned();
    let foto = terminal.dir.path().join("porta.jpg");
    std::fs::write(&foto, jpeg(1, 600, 400)).unwrap();
    let foto = foto.to_str().unwrap();
    let mut add = vec!["photo", "add", &caso, foto, "--categoria", "Avaria"];
    add.extend(["--legenda", "Porta empenada", "--posicao", "-23.55,-46.63"]);
    let feito = terminal.text(&add);
    assert!(feito.starts_with("Guardado neste aparelho: porta.jpg"), "{feito}");
    let lista = terminal.text(&["photo", "list", &caso]);
    for texto in ["Porta empenada", "Avaria", "no celular", "original, previa, miniatura"] {
        assert!(lista.contains(texto), "{texto}: {lista}");
    }
    let check = terminal.text(&["uninstall-check"]);
    assert!(
        check.contains("Não desinstale ainda") && check.contains("1 foto não conferida"),
        "{check}"
    );
    terminal.text(&["sync"]);
    let status = terminal.text(&["status"]);
    assert!(status.contains("Fotos a enviar") && status.contains('1'), "{status}");

    assert!(terminal.text(&["photo", "budget", "so_wifi"]).contains("Só Wi-Fi"));
    let parado = terminal.text(&["photo", "send", "--rede", "movel"]);
    assert!(parado.contains("0 arquivo(s)") && parado.contains("rede permitida"), "{parado}");
    let enviado = terminal.json(&["photo", "send"]);
    assert_eq!((&enviado["arquivos"], &enviado["fotos"]), (&3.into(), &1.into()));
    let lista = terminal.json(&["photo", "list", &caso]);
    assert_eq!(lista[0]["estado"], "no_servidor");
    let baixado = terminal.text(&["photo", "pull", &caso, "--variante", "miniatura"]);
    assert!(baixado.contains("porta.jpg: ") && baixado.contains("miniaturas/"), "{baixado}");
    assert!(terminal.text(&["storage"]).contains("Podem ser liberadas  0"));
    assert!(terminal.text(&["cleanup"]).starts_with("0 original(is)"));

    std::fs::write(foto, b"").unwrap();
    let vazia = terminal.run(&["photo", "add", &caso, foto, "--categoria", "avaria"]);
    let erro = String::from_utf8(vazia.stderr).unwrap();
    assert!(erro.starts_with("porta.jpg: A foto está vazia (0 bytes)"), "{erro}");
}

#[test]
fn an_error_is_one_sentence_on_stderr_and_exit_code_1() {
    let server = Server::start();
    server.person("ana@demo", &[Ver]);
    let terminal = entered(&server);
    let output = terminal.run(&["new-cliente", "--campo", "nome="]);
    assert_eq!(output.status.code(), Some(1));
    let erro = String::from_utf8(output.stderr).unwrap();
    assert_eq!(erro, "Preencha o campo obrigatório: Nome.\n");
    let output = terminal.run(&["--json", "show", "P-00000000"]);
    let erro: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(erro["codigo"], "nao_encontrado");
    assert!(output.stdout.is_empty());

    terminal.text(&["logout"]);
    let output = terminal.run(&["clientes"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("Ninguém entrou"));
    let mut login = vec!["login", "--servidor", &server.url, "--empresa", "demo"];
    login.extend(["--login", "zé@demo", "--senha", "x"]);
    let erro = String::from_utf8(terminal.run(&login).stderr).unwrap();
    assert_eq!(erro, "Mensagem de credenciais_invalidas.\n");
}
