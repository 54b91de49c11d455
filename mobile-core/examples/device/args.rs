//! What the terminal client understands.

use campo_domain::{
    ids::{ItemId, NotaId},
    kind::Kind,
    parte::Variante,
};
use campo_mobile_core::{Network, View};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};

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
    #[command(flatten)]
    Session(SessionCommand),
    #[command(flatten)]
    Look(LookCommand),
    #[command(flatten)]
    Write(WriteCommand),
    #[command(flatten)]
    Say(SayCommand),
    #[command(flatten)]
    Device(DeviceCommand),
}

// Entrar e sair.
#[derive(Subcommand)]
pub enum SessionCommand {
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
}

// O que se vê.
#[derive(Subcommand)]
pub enum LookCommand {
    /// Mostra a agenda de um dia
    Agenda {
        /// AAAA-MM-DD; sem ele, hoje
        #[arg(long)]
        dia: Option<chrono::NaiveDate>,
        /// A de todas as pessoas, não só a sua
        #[arg(long)]
        todos: bool,
    },
    /// Lista assistências
    Assistencias(ListArgs),
    /// Lista ocorrências
    Ocorrencias(ListArgs),
    /// Lista clientes por nome
    Clientes {
        #[arg(long, default_value = "")]
        busca: String,
    },
    /// Procura em tudo o que está no aparelho
    Search { texto: String },
    /// Mostra um registro
    Show {
        /// Número (ou ocorrencia:NÚMERO), rótulo provisório, título, id ou o começo dele
        id: String,
    },
    /// Mostra o acompanhamento de um registro
    Acompanhamento {
        id: String,
        /// tudo, tramite (etapas e responsáveis), historico, conversas ou alteracoes
        #[arg(long, default_value = "tudo", value_parser = vista)]
        vista: View,
    },
    /// Lista os catálogos
    Catalogos,
    /// Lista um catálogo (`usuario` lista pessoas)
    Catalogo { nome: String },
    /// Lista os tipos que se pode escolher
    Tipos {
        /// assistencia, ocorrencia, agenda ou cliente
        #[arg(default_value = "ocorrencia")]
        kind: Kind,
    },
    /// Mostra o formulário de um tipo
    Form {
        /// Código ou nome do tipo
        tipo: String,
        /// assistencia, ocorrencia, agenda ou cliente
        #[arg(long, default_value = "ocorrencia")]
        kind: Kind,
    },
    /// Lista os produtos de uma proposta ou nota fiscal
    Origem {
        /// proposta, nf_saida ou nf_entrada
        origem: String,
        numero: String,
    },
}

// O que se faz em registros.
#[derive(Subcommand)]
pub enum WriteCommand {
    /// Cria uma assistência
    NewAssistencia(NewArgs),
    /// Cria um cliente
    NewCliente(NewArgs),
    /// Cria uma ocorrência
    NewOcorrencia {
        #[command(flatten)]
        novo: NewArgs,
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
        novo: NewArgs,
        /// A assistência a que pertence
        #[arg(long)]
        assistencia: Option<String>,
        /// A ocorrência a que pertence; a assistência dela vem junto
        #[arg(long)]
        ocorrencia: Option<String>,
    },
    /// Cria uma cópia de um registro
    Duplicate {
        id: String,
        /// nome=valor no lugar do que foi copiado; pode repetir
        #[arg(long, value_parser = par)]
        campo: Vec<(String, String)>,
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
    /// Inclui uma despesa: despesa=..,valor=..
    AddDespesa { id: String, despesa: String },
    /// Inclui um vínculo: relacao=..,documento=.. ou relacao=..,contato=..
    AddVinculo { id: String, vinculo: String },
    /// Altera um campo de um item, despesa ou vínculo; valor vazio limpa
    EditPart {
        id: String,
        parte: ItemId,
        campo: String,
        #[arg(allow_hyphen_values = true)]
        valor: String,
    },
    /// Remove um item, despesa ou vínculo
    #[command(alias = "remove-item")]
    RemovePart { id: String, parte: ItemId },
    /// Inclui um participante
    Participante(PersonArgs),
    /// Inclui alguém que é avisado na abertura e na conclusão
    Interessado(PersonArgs),
}

// O que se diz de um registro: anotações, transições e análises.
#[derive(Subcommand)]
pub enum SayCommand {
    /// Escreve no acompanhamento
    Note {
        id: String,
        #[arg(allow_hyphen_values = true)]
        texto: String,
        /// O cliente também lê
        #[arg(long)]
        cliente: bool,
        /// A anotação que ela responde
        #[arg(long)]
        resposta: Option<NotaId>,
    },
    /// Pede uma transição
    Transition {
        id: String,
        verbo: String,
        #[arg(long)]
        motivo: Option<String>,
        /// Avisa o cliente por e-mail, onde isso é oferecido
        #[arg(long)]
        email: bool,
    },
    /// Registra uma análise parcial, uma solução ou um parecer
    Analise {
        id: String,
        #[arg(value_parser = ["parcial", "solucao", "parecer"])]
        tipo: String,
        #[arg(allow_hyphen_values = true)]
        texto: String,
        /// Avisa o cliente por e-mail, onde isso é oferecido
        #[arg(long)]
        email: bool,
    },
    /// Emite um laudo
    Laudo {
        id: String,
        #[arg(long, value_parser = ["sim", "nao", "não"])]
        procedente: String,
        #[arg(allow_hyphen_values = true)]
        conclusao: String,
    },
}

// O aparelho: pendências, sincronização, fotos e espaço.
#[derive(Subcommand)]
pub enum DeviceCommand {
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
    /// Fotos e outros arquivos de um registro
    #[command(subcommand)]
    Photo(PhotoCommand),
    /// Mostra quanto as fotos ocupam neste aparelho
    Storage,
    /// Libera as fotos originais que o servidor já conferiu
    Cleanup,
    /// Diz se o aplicativo pode ser desinstalado sem perder nada
    UninstallCheck,
    /// Mostra como está o aparelho
    Status,
}

/// O que fazer com fotos.
#[derive(Subcommand)]
pub enum PhotoCommand {
    /// Anexa um arquivo, que fica guardado neste aparelho
    Add {
        id: String,
        #[arg(value_parser = existe)]
        arquivo: PathBuf,
        /// antes, depois, avaria, assinatura ou documento
        #[arg(long)]
        categoria: String,
        #[arg(long)]
        legenda: Option<String>,
        /// lat,long em graus; guardada só onde a empresa pede
        #[arg(long, allow_hyphen_values = true)]
        posicao: Option<String>,
    },
    /// Lista os arquivos de um registro e como estão
    List { id: String },
    /// Baixa arquivos de um registro e diz onde ficaram
    Pull {
        id: String,
        /// original, previa ou miniatura
        #[arg(long, default_value = "original")]
        variante: Variante,
        /// Só este
        #[arg(long)]
        anexo: Option<ItemId>,
    },
    /// Baixa as miniaturas que faltam
    Thumbnails {
        #[arg(long, value_enum, default_value = "wifi")]
        rede: NetworkArg,
    },
    /// Envia o que falta
    Send(SendArgs),
    /// Dispensa uma foto que não será enviada
    Dismiss { id: String, anexo: ItemId },
    /// Mostra ou muda por onde as fotos podem ir
    Budget {
        /// qualquer_rede, so_wifi ou miniaturas_no_movel
        orcamento: Option<String>,
    },
}

/// Como enviar.
#[derive(clap::Args)]
pub struct SendArgs {
    /// A rede que o aparelho tem agora
    #[arg(long, value_enum, default_value = "wifi")]
    pub rede: NetworkArg,
    /// Tenta já o que falhou, sem esperar a hora
    #[arg(long)]
    pub agora: bool,
}

/// A rede que o aparelho tem agora.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum NetworkArg {
    Nenhuma,
    Movel,
    Wifi,
}

impl NetworkArg {
    /// As the device's core says it.
    pub const fn network(self) -> Network {
        match self {
            NetworkArg::Nenhuma => Network::None,
            NetworkArg::Movel => Network::Mobile,
            NetworkArg::Wifi => Network::WiFi,
        }
    }
}

/// O que uma lista mostra.
#[derive(clap::Args)]
pub struct ListArgs {
    /// Palavras que devem aparecer
    #[arg(long)]
    pub busca: Option<String>,
    /// Só as suas
    #[arg(long)]
    pub minhas: bool,
    /// Só esta situação (código)
    #[arg(long)]
    pub situacao: Option<String>,
    /// Só este tipo (código)
    #[arg(long)]
    pub tipo: Option<String>,
    /// Só o que está atrasado
    #[arg(long)]
    pub atrasadas: bool,
    /// Coluna ou campo que ordena; com - na frente, do maior para o menor
    #[arg(long, default_value = "-criado_em", allow_hyphen_values = true)]
    pub ordem: String,
    /// No máximo quantas
    #[arg(long, default_value_t = 50)]
    pub limite: u32,
}

/// Um registro novo.
#[derive(clap::Args)]
pub struct NewArgs {
    /// nome=valor; pode repetir
    #[arg(long, value_parser = par)]
    pub campo: Vec<(String, String)>,
    /// Código ou nome do tipo; sem ele, o que melhor serve
    #[arg(long)]
    pub tipo: Option<String>,
}

impl NewArgs {
    /// With a field that has an option of its own.
    pub fn with(&self, nome: &str, valor: &Option<String>) -> Self {
        let proprio = valor.iter().map(|valor| (nome.to_owned(), valor.clone()));
        let campo = self.campo.iter().cloned().chain(proprio).collect();
        NewArgs { campo, tipo: self.tipo.clone() }
    }
}

/// Alguém a incluir ou remover.
#[derive(clap::Args)]
pub struct PersonArgs {
    pub id: String,
    /// Nome, login ou id
    pub usuario: String,
    /// Remove em vez de incluir
    #[arg(long)]
    pub remover: bool,
}

/// Whether a path is a file: said before anything else is done.
fn existe(texto: &str) -> Result<PathBuf, String> {
    let caminho = Path::new(texto);
    match caminho.is_file() {
        true => Ok(caminho.to_owned()),
        false => Err("não é um arquivo".to_owned()),
    }
}

fn vista(texto: &str) -> Result<View, String> {
    let achada = View::ALL.into_iter().find(|vista| vista.code() == texto);
    achada.ok_or_else(|| "use tudo, tramite, historico, conversas ou alteracoes".to_owned())
}

/// `nome=valor`.
fn par(texto: &str) -> Result<(String, String), String> {
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
