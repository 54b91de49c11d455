//! A field client in the terminal, on the public API alone: for demonstrations and end-to-end
//! tests. `cargo run -p campo-mobile-core --example device -- --db FILE [--json] COMMAND`

mod args;
mod output;

use args::{Args, Command, Lista, Novo};
use campo_domain::{
    busca::dobrar,
    ids::DocumentId,
    kind::Kind,
    valor::{self, Alvo, TipoCampo},
};
use campo_mobile_core::{Campo, Error, Filtro, Sessao};
use chrono::{NaiveDate, Utc};
use clap::Parser;
use output::Saida;
use std::{io::BufRead, process::ExitCode, sync::atomic::AtomicBool, time::Duration};

/// What went wrong: Campo's own errors, and what was typed wrongly.
enum Falha {
    Campo(Error),
    Uso(String),
}

impl From<Error> for Falha {
    fn from(error: Error) -> Self {
        Falha::Campo(error)
    }
}

impl From<String> for Falha {
    fn from(texto: String) -> Self {
        Falha::Uso(texto)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(falha) => {
            let (codigo, mensagem) = match &falha {
                Falha::Campo(error) => (error.codigo().to_owned(), error.to_string()),
                Falha::Uso(texto) => ("uso".to_owned(), texto.clone()),
            };
            if args.json {
                eprintln!("{}", serde_json::json!({ "codigo": codigo, "mensagem": mensagem }));
            } else {
                eprintln!("{mensagem}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Falha> {
    let campo = Campo::open(&args.db, args.chave.as_deref())?;
    let fuso = campo.conta()?.map_or(chrono_tz::America::Sao_Paulo, |conta| conta.fuso);
    let saida = Saida { json: args.json, fuso };
    let id = |texto: &str| campo.resolver(texto, None);
    match &args.command {
        Command::Login { servidor, empresa, login, senha, dispositivo } => {
            let senha = senha.clone().map_or_else(ler_senha, Ok)?;
            let conta = campo.sign_in(servidor, empresa, login, &senha, dispositivo)?;
            let texto = format!("{} entrou em {}.", conta.nome, conta.empresa_nome);
            saida.um(&conta, &texto);
        }
        Command::Logout => {
            campo.sign_out()?;
            let texto = "Você saiu. Seus dados e pendências ficam guardados neste aparelho.";
            saida.um(&serde_json::json!({ "saiu": true }), texto);
        }
        Command::Agenda { dia, todos } => {
            let dia = dia.unwrap_or_else(|| hoje(fuso));
            let linhas =
                if *todos { campo.agenda_de_todos(dia)? } else { campo.agenda_do_dia(dia)? };
            saida.agenda(&linhas);
        }
        Command::Assistencias(lista) => {
            let pagina = campo.assistencias(&filtro(lista))?;
            saida.linhas(&pagina, &pagina.linhas);
        }
        Command::Ocorrencias(lista) => {
            let pagina = campo.ocorrencias(&filtro(lista))?;
            saida.linhas(&pagina, &pagina.linhas);
        }
        Command::Clientes { busca } => {
            let linhas = campo.clientes(busca)?;
            saida.linhas(&linhas, &linhas);
        }
        Command::Search { texto } => {
            let linhas = campo.search(texto)?;
            saida.linhas(&linhas, &linhas);
        }
        Command::Show { id: texto } => saida.detalhe(&campo.show(id(texto)?)?),
        Command::Catalogo { nome } => saida.catalogo(&campo.catalogo(nome)?),
        Command::NewAssistencia(novo) => {
            saida.criado(&campo, criar(&campo, Kind::Assistencia, novo, &[], true)?)?;
        }
        Command::NewCliente(novo) => {
            saida.criado(&campo, criar(&campo, Kind::Cliente, novo, &[], false)?)?;
        }
        Command::NewAgenda { novo, assistencia, ocorrencia } => {
            let novo = novo.com("assistencia", assistencia).com("ocorrencia", ocorrencia);
            saida.criado(&campo, criar(&campo, Kind::Agenda, &novo, &[], true)?)?;
        }
        Command::NewOcorrencia { novo, assistencia, item } => {
            let novo = novo.com("assistencia", assistencia);
            saida.criado(&campo, criar(&campo, Kind::Ocorrencia, &novo, item, false)?)?;
        }
        Command::Edit { id: texto, campo: nome, valor } => {
            let id = id(texto)?;
            let kind = campo.show(id)?.registro.kind;
            campo.editar(id, nome, &completo(&campo, kind.campo(nome), valor)?)?;
            saida.feito(&campo, id)?;
        }
        Command::AddItem { id: texto, item } => {
            let id = id(texto)?;
            campo.incluir_item(id, &args::pares(item)?)?;
            saida.feito(&campo, id)?;
        }
        Command::RemoveItem { id: texto, item } => {
            let id = id(texto)?;
            campo.remover_item(id, *item)?;
            saida.feito(&campo, id)?;
        }
        Command::Note { id: texto, texto: nota } => {
            let id = id(texto)?;
            campo.anotar(id, nota)?;
            saida.feito(&campo, id)?;
        }
        Command::Transition { id: texto, verbo, motivo } => {
            let id = id(texto)?;
            campo.transicionar(id, verbo, motivo.as_deref())?;
            saida.feito(&campo, id)?;
        }
        Command::Laudo { id: texto, procedente, conclusao } => {
            let id = id(texto)?;
            campo.emitir_laudo(id, procedente == "sim", conclusao)?;
            saida.feito(&campo, id)?;
        }
        Command::Pending => saida.pendencias(&campo.pending()?),
        Command::Dismiss { id } => {
            campo.dismiss(*id)?;
            saida.um(&serde_json::json!({ "id": id }), "O item não será mais mostrado.");
        }
        Command::Sync { watch: false, .. } => {
            let report = campo.sync_now(&|_| {}, &AtomicBool::new(false))?;
            saida.sincronizado(&report);
        }
        Command::Sync { watch: true, intervalo } => return watch(&campo, &saida, *intervalo),
        Command::Status => saida.estado(&campo.estado()?),
    }
    Ok(())
}

/// Until it is interrupted, or the session ends.
fn watch(campo: &Campo, saida: &Saida, intervalo: u64) -> Result<(), Falha> {
    loop {
        match campo.sync_if_due(Utc::now(), &|_| {}, &AtomicBool::new(false)) {
            Ok(Some(report)) => saida.sincronizado(&report),
            Ok(None) if campo.session_state()? != Sessao::Ativa => {
                return Err(match campo.session_state()? {
                    Sessao::Ninguem => Error::NinguemEntrou.into(),
                    _ => Error::SessaoExpirada.into(),
                });
            }
            Ok(None) => {}
            Err(Error::SessaoExpirada) => return Err(Error::SessaoExpirada.into()),
            Err(error) => eprintln!("{error}"),
        }
        std::thread::sleep(Duration::from_secs(intervalo));
    }
}

fn criar(
    campo: &Campo,
    kind: Kind,
    novo: &Novo,
    itens: &[String],
    assume: bool,
) -> Result<DocumentId, Falha> {
    let mut campos = Vec::new();
    for (nome, valor) in &novo.campo {
        campos.push((nome.clone(), completo(campo, kind.campo(nome), valor)?));
    }
    // Who writes it down does it, unless somebody else is named.
    if let (true, Some(conta)) = (assume, campo.conta()?)
        && !campos.iter().any(|(nome, _)| nome == "responsavel")
    {
        campos.push(("responsavel".into(), conta.usuario.to_string()));
    }
    let itens: Result<Vec<_>, _> = itens.iter().map(|item| args::pares(item)).collect();
    Ok(campo.novo(kind, novo.tipo.as_deref(), &campos, &itens?)?)
}

/// A value with the short forms of documents, people and catalogue entries written out.
fn completo(campo: &Campo, definicao: Option<&valor::Campo>, valor: &str) -> Result<String, Falha> {
    let Some(TipoCampo::Referencia(alvo)) = definicao.map(|definicao| definicao.tipo) else {
        return Ok(valor.to_owned());
    };
    if valor.trim().is_empty() {
        return Ok(String::new());
    }
    Ok(match alvo {
        Alvo::Documento(kind) => match campo.resolver(valor, Some(kind)) {
            Err(Error::NaoEncontrado(_)) if kind == Kind::Cliente => cliente(campo, valor)?,
            found => found?.to_string(),
        },
        Alvo::Usuario => campo.resolver_usuario(valor)?.to_string(),
        Alvo::Catalogo(catalogo) => {
            let itens = campo.catalogo(catalogo)?;
            let chamado = |nome: &str| dobrar(nome) == dobrar(valor);
            let item = itens.iter().find(|i| i.codigo == valor || chamado(&i.nome));
            item.map_or_else(|| valor.to_owned(), |item| item.codigo.clone())
        }
    })
}

/// A cliente by its name.
fn cliente(campo: &Campo, nome: &str) -> Result<String, Falha> {
    let todos = campo.clientes(nome)?;
    let mut servem = todos.iter().filter(|linha| dobrar(&linha.titulo) == dobrar(nome));
    match (servem.next(), servem.next()) {
        (Some(linha), None) => Ok(linha.id.to_string()),
        (Some(_), Some(_)) => Err(Error::Ambiguo(nome.to_owned()).into()),
        (None, _) => Err(Error::NaoEncontrado(nome.to_owned()).into()),
    }
}

fn filtro(lista: &Lista) -> Filtro {
    Filtro {
        busca: lista.busca.clone(),
        apenas_minhas: lista.minhas,
        situacao: lista.situacao.clone(),
        depois_de: None,
        limite: lista.limite,
    }
}

fn hoje(fuso: chrono_tz::Tz) -> NaiveDate {
    Utc::now().with_timezone(&fuso).date_naive()
}

fn ler_senha() -> Result<String, Falha> {
    eprint!("Senha: ");
    let mut linha = String::new();
    let lida = std::io::stdin().lock().read_line(&mut linha);
    lida.map_err(|_| "Não foi possível ler a senha.".to_owned())?;
    Ok(linha.trim_end_matches(['\r', '\n']).to_owned())
}
