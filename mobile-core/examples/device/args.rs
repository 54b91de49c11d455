//! What the terminal client understands.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Cliente de campo no terminal: faz no aparelho o que o aplicativo faz.
#[derive(Parser)]
#[command(name = "device")]
pub struct Args {
    /// Arquivo de dados do aparelho
    #[arg(long, env = "CAMPO_DB")]
    pub db: PathBuf,
    /// Chave do arquivo (exige o recurso sqlcipher)
    #[arg(long, env = "CAMPO_CHAVE", hide_env_values = true)]
    pub chave: Option<String>,
    /// Escreve um documento JSON em vez de texto
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// O que fazer.
#[derive(Subcommand)]
pub enum Command {
    /// Entra com empresa, login e senha
    Login {
        #[arg(long)]
        servidor: String,
        #[arg(long)]
        empresa: String,
        #[arg(long)]
        login: String,
        /// Sem ela, é lida da entrada padrão
        #[arg(long, env = "CAMPO_SENHA", hide_env_values = true)]
        senha: Option<String>,
        /// Nome deste aparelho
        #[arg(long, default_value = "Terminal")]
        dispositivo: String,
    },
    /// Sai; dados e pendências ficam guardados
    Logout,
    /// Mostra a agenda de um dia
    Agenda {
        /// AAAA-MM-DD; sem ele, hoje
        #[arg(long)]
        dia: Option<chrono::NaiveDate>,
        /// A de todas as pessoas, não só a sua
        #[arg(long)]
        todos: bool,
    },
    /// Lista assistências, as mais novas primeiro
    Assistencias(Lista),
    /// Lista ocorrências, as mais novas primeiro
    Ocorrencias(Lista),
    /// Lista clientes por nome
    Clientes {
        #[arg(long, default_value = "")]
        busca: String,
    },
    /// Procura em tudo o que está no aparelho
    Search { texto: String },
    /// Mostra um registro
    Show {
        /// Número (ou ocorrencia:NÚMERO), rótulo provisório, id ou o começo dele
        id: String,
    },
    /// Lista um catálogo (`usuario` lista pessoas)
    Catalogo { nome: String },
    /// Cria uma assistência
    NewAssistencia(Novo),
    /// Cria um cliente
    NewCliente(Novo),
    /// Cria uma ocorrência
    NewOcorrencia {
        #[command(flatten)]
        novo: Novo,
        /// A assistência a que pertence
        #[arg(long)]
        assistencia: Option<String>,
        /// produto=..,quantidade=..
        #[arg(long)]
        item: Vec<String>,
    },
    /// Cria uma agenda
    NewAgenda {
        #[command(flatten)]
        novo: Novo,
        /// A assistência a que pertence
        #[arg(long)]
        assistencia: Option<String>,
        /// A ocorrência a que pertence; a assistência dela vem junto
        #[arg(long)]
        ocorrencia: Option<String>,
    },
    /// Altera um campo; valor vazio limpa
    Edit {
        id: String,
        campo: String,
        #[arg(allow_hyphen_values = true)]
        valor: String,
    },
    /// Inclui um item: produto=..,quantidade=..
    AddItem { id: String, item: String },
    /// Remove um item
    RemoveItem { id: String, item: campo_domain::ids::ItemId },
    /// Escreve no acompanhamento
    Note {
        id: String,
        #[arg(allow_hyphen_values = true)]
        texto: String,
    },
    /// Pede uma transição
    Transition {
        id: String,
        verbo: String,
        #[arg(long)]
        motivo: Option<String>,
    },
    /// Emite um laudo
    Laudo {
        id: String,
        #[arg(long, value_parser = ["sim", "nao", "não"])]
        procedente: String,
        #[arg(allow_hyphen_values = true)]
        conclusao: String,
    },
    /// Mostra o que está pendente, retido e recusado
    Pending,
    /// Deixa de mostrar um item recusado
    Dismiss { id: campo_domain::ids::CommandId },
    /// Sincroniza agora
    Sync {
        /// Continua sincronizando
        #[arg(long)]
        watch: bool,
        /// Segundos entre uma sincronização e outra
        #[arg(long, default_value_t = 10)]
        intervalo: u64,
    },
    /// Mostra como está o aparelho
    Status,
}

/// O que uma lista mostra.
#[derive(clap::Args)]
pub struct Lista {
    /// Palavras que devem aparecer
    #[arg(long)]
    pub busca: Option<String>,
    /// Só as suas
    #[arg(long)]
    pub minhas: bool,
    /// Só esta situação (código)
    #[arg(long)]
    pub situacao: Option<String>,
    /// No máximo quantas
    #[arg(long, default_value_t = 50)]
    pub limite: u32,
}

/// Um registro novo.
#[derive(clap::Args)]
pub struct Novo {
    /// nome=valor; pode repetir
    #[arg(long, value_parser = par)]
    pub campo: Vec<(String, String)>,
    /// Código do tipo; sem ele, o que melhor serve
    #[arg(long)]
    pub tipo: Option<String>,
}

impl Novo {
    /// With a field that has an option of its own.
    pub fn com(&self, nome: &str, valor: &Option<String>) -> Self {
        let proprio = valor.iter().map(|valor| (nome.to_owned(), valor.clone()));
        let campo = self.campo.iter().cloned().chain(proprio).collect();
        Novo { campo, tipo: self.tipo.clone() }
    }
}

/// `nome=valor`.
pub fn par(texto: &str) -> Result<(String, String), String> {
    let (nome, valor) = texto.split_once('=').ok_or("use nome=valor")?;
    Ok((nome.trim().to_owned(), valor.to_owned()))
}

/// `nome=valor,nome=valor`; a part without `=` belongs to the value before it (`quantidade=2,5`).
pub fn pares(texto: &str) -> Result<Vec<(String, String)>, String> {
    let mut todos: Vec<(String, String)> = Vec::new();
    for parte in texto.split(',') {
        match (par(parte), todos.last_mut()) {
            (Ok(par), _) => todos.push(par),
            (Err(_), Some((_, valor))) => {
                valor.push(',');
                valor.push_str(parte);
            }
            (Err(erro), None) => return Err(erro),
        }
    }
    Ok(todos)
}
