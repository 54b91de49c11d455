//! A field client in the terminal, on the public API alone: for demonstrations and end-to-end
//! tests. `cargo run -p campo-mobile-core --example device -- --db FILE [--json] COMMAND`

mod args;
mod output;
mod photos;
mod table;

use args::{Args, Command, Envolvido, Lista, Novo};
use campo_domain::{
    busca::dobrar,
    ids::{DocumentId, ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{TipoAnalise, Visibilidade},
    valor::{self, Alvo, TipoCampo},
};
use campo_mobile_core::{Campo, Error, Filtro, Ordem, Sessao, Textos, Vista};
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
        Command::Show { id: texto } => {
            let id = id(texto)?;
            saida.detalhe(&campo.show(id)?, &campo.acompanhamento(id, Vista::Tudo)?);
        }
        Command::Acompanhamento { id: texto, vista } => {
            saida.acompanhamento(&campo.acompanhamento(id(texto)?, *vista)?);
        }
        Command::Catalogos => saida.catalogos(&campo.catalogos()?),
        Command::Catalogo { nome } => saida.catalogo(&campo.catalogo(nome)?),
        Command::Tipos { kind } => saida.tipos(&campo.tipos(*kind)?),
        Command::Form { tipo, kind } => saida.formulario(&campo.formulario(*kind, tipo)?),
        Command::Origem { origem, numero } => {
            saida.origem(campo.produtos_da_origem(origem, numero)?.as_deref());
        }
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
        Command::Duplicate { id: texto, campo: outros } => {
            let copia = campo.copiar(id(texto)?)?;
            let mut campos = copia.campos;
            for (nome, valor) in outros {
                campos.retain(|(copiado, _)| copiado != nome);
                campos.push((nome.clone(), completo(&campo, copia.kind.campo(nome), valor)?));
            }
            saida.criado(
                &campo,
                campo.novo(copia.kind, Some(&copia.tipo), &campos, &copia.itens)?,
            )?;
        }
        Command::Edit { id: texto, campo: nome, valor } => {
            let id = id(texto)?;
            let kind = campo.show(id)?.registro.kind;
            campo.editar(id, nome, &completo(&campo, kind.campo(nome), valor)?)?;
            saida.feito(&campo, id)?;
        }
        Command::AddItem { id: texto, item: parte } => {
            incluir(&campo, &saida, id(texto)?, Colecao::Itens, parte)?;
        }
        Command::AddDespesa { id: texto, despesa: parte } => {
            incluir(&campo, &saida, id(texto)?, Colecao::Despesas, parte)?;
        }
        Command::AddVinculo { id: texto, vinculo: parte } => {
            incluir(&campo, &saida, id(texto)?, Colecao::Vinculos, parte)?;
        }
        Command::EditPart { id: texto, parte, campo: nome, valor } => {
            let id = id(texto)?;
            let definicao = definicao_da_parte(&campo, id, *parte, nome)?;
            campo.editar_item(id, *parte, nome, &completo(&campo, definicao, valor)?)?;
            saida.feito(&campo, id)?;
        }
        Command::RemovePart { id: texto, parte } => {
            let id = id(texto)?;
            campo.remover_item(id, *parte)?;
            saida.feito(&campo, id)?;
        }
        Command::Participante(envolvido) => {
            envolver(&campo, &saida, envolvido, Campo::participar)?;
        }
        Command::Interessado(envolvido) => {
            envolver(&campo, &saida, envolvido, Campo::interessar)?;
        }
        Command::Note { id: texto, texto: nota, cliente, resposta } => {
            let id = id(texto)?;
            let para = if *cliente { Visibilidade::Cliente } else { Visibilidade::Interna };
            campo.conversar(id, nota, para, *resposta)?;
            saida.feito(&campo, id)?;
        }
        Command::Transition { id: texto, verbo, motivo, email } => {
            let id = id(texto)?;
            match email {
                true => campo.transicionar_e_avisar(id, verbo, motivo.as_deref())?,
                false => campo.transicionar(id, verbo, motivo.as_deref())?,
            }
            saida.feito(&campo, id)?;
        }
        Command::Analise { id: texto, tipo, texto: dito, email } => {
            let id = id(texto)?;
            let tipo = TipoAnalise::de_codigo(tipo).unwrap_or(TipoAnalise::Parcial);
            campo.analisar(id, tipo, dito, None, *email)?;
            saida.feito(&campo, id)?;
        }
        Command::Laudo { id: texto, procedente, conclusao } => {
            let id = id(texto)?;
            let procedente = Some(procedente == "sim");
            campo.analisar(id, TipoAnalise::Laudo, conclusao, procedente, false)?;
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
        Command::Photo(command) => photos::run(&campo, &saida, command)?,
        Command::Storage => saida.armazenamento(&campo.armazenamento()?),
        Command::Cleanup => {
            let limpeza = campo.limpar_conferidas()?;
            let bytes = photos::tamanho(limpeza.bytes);
            let texto = format!("{} original(is) liberado(s), {bytes}.", limpeza.originais);
            saida.um(&limpeza, &texto);
        }
        Command::UninstallCheck => {
            let resposta = campo.safe_to_uninstall()?;
            saida.um(&resposta, &resposta.frase);
        }
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
    let mut partes = Vec::new();
    for item in itens {
        partes.push(parte(campo, kind, Colecao::Itens, item)?);
    }
    Ok(campo.novo(kind, novo.tipo.as_deref(), &campos, &partes)?)
}

/// The fields of a part, short forms written out.
fn parte(campo: &Campo, kind: Kind, em: Colecao, texto: &str) -> Result<Textos, Falha> {
    let mut campos = Textos::new();
    for (nome, valor) in args::pares(texto)? {
        let valor = completo(campo, kind.campo_de(em, &nome), &valor)?;
        campos.push((nome, valor));
    }
    Ok(campos)
}

fn incluir(
    campo: &Campo,
    saida: &Saida,
    id: DocumentId,
    em: Colecao,
    texto: &str,
) -> Result<(), Falha> {
    let kind = campo.show(id)?.registro.kind;
    campo.incluir_parte(id, em, &parte(campo, kind, em, texto)?)?;
    Ok(saida.feito(campo, id)?)
}

fn definicao_da_parte(
    campo: &Campo,
    id: DocumentId,
    parte: ItemId,
    nome: &str,
) -> Result<Option<&'static valor::Campo>, Falha> {
    let registro = campo.show(id)?.registro;
    let mut colecoes = Colecao::TODAS.into_iter();
    let em = colecoes.find(|em| registro.colecao(*em).contains_key(&parte));
    Ok(em.and_then(|em| registro.kind.campo_de(em, nome)))
}

fn envolver(
    campo: &Campo,
    saida: &Saida,
    envolvido: &Envolvido,
    fazer: impl Fn(&Campo, DocumentId, UserId, bool) -> Result<(), Error>,
) -> Result<(), Falha> {
    let id = campo.resolver(&envolvido.id, None)?;
    fazer(campo, id, campo.resolver_usuario(&envolvido.usuario)?, !envolvido.remover)?;
    Ok(saida.feito(campo, id)?)
}

/// A value with the short forms of documents, people, choices and catalogue entries written out.
fn completo(campo: &Campo, definicao: Option<&valor::Campo>, valor: &str) -> Result<String, Falha> {
    if valor.trim().is_empty() {
        return Ok(valor.to_owned());
    }
    let alvo = match definicao.map(|definicao| definicao.tipo) {
        Some(TipoCampo::Referencia(alvo)) => alvo,
        Some(TipoCampo::Escolha(opcoes)) => {
            let opcao = opcoes.iter().find(|(_, rotulo)| dobrar(rotulo) == dobrar(valor));
            return Ok(opcao.map_or(valor, |(codigo, _)| codigo).to_owned());
        }
        _ => return Ok(valor.to_owned()),
    };
    Ok(match alvo {
        Alvo::Qualquer => campo.resolver(valor, None)?.to_string(),
        Alvo::Documento(kind) => campo.resolver(valor, Some(kind))?.to_string(),
        Alvo::Usuario => campo.resolver_usuario(valor)?.to_string(),
        Alvo::Catalogo(catalogo) => {
            let itens = campo.catalogo(catalogo)?;
            let chamado = |nome: &str| dobrar(nome) == dobrar(valor);
            let item = itens.iter().find(|i| i.codigo == valor || chamado(&i.nome));
            item.map_or_else(|| valor.to_owned(), |item| item.codigo.clone())
        }
    })
}

fn filtro(lista: &Lista) -> Filtro {
    Filtro {
        busca: lista.busca.clone(),
        apenas_minhas: lista.minhas,
        situacao: lista.situacao.clone(),
        tipo: lista.tipo.clone(),
        atrasadas: lista.atrasadas,
        ordem: Ordem {
            coluna: lista.ordem.trim_start_matches('-').to_owned(),
            decrescente: lista.ordem.starts_with('-'),
        },
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
