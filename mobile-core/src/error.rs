//! What can go wrong, as the app and the person see it: a stable code and a pt-BR sentence that
//! says what happened, what was kept and what to do next. The technical cause is the error's
//! source.

use crate::{
    http::{AnswerError, HttpError, Problem},
    store::{database::OpenError, error::StoreError, migrations::MigrationError},
};
use campo_domain::refusal::Refusal;
use campo_fotos::PhotoError;
use campo_sync::{client::RunError, document::DocumentError};
use rusqlite::ErrorCode;

/// An error of the device's core. No variant means that unsent work was lost.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The rules do not allow it; nothing was changed.
    #[error("{}", .0.mensagem())]
    Recusa(Refusal),
    /// No such document, item or command on this device, or not for this person.
    #[error("Não encontramos “{0}” neste aparelho. Sincronize e tente de novo.")]
    NaoEncontrado(String),
    /// A short form means several documents or people.
    #[error(
        "“{0}” serve para mais de um registro. Informe o id, ou o tipo antes do número \
         (assistencia:2026/000001)."
    )]
    Ambiguo(String),
    /// Nobody is signed in.
    #[error("Ninguém entrou neste aparelho. Entre com empresa, login e senha.")]
    NinguemEntrou,
    /// The server no longer takes the session.
    #[error(
        "Sua sessão expirou. Seu trabalho continua guardado neste aparelho e você pode seguir \
         trabalhando; entre de novo para enviar."
    )]
    SessaoExpirada,
    /// The catalogues have not arrived yet.
    #[error(
        "Este aparelho ainda não recebeu os cadastros da empresa. Sincronize uma vez com conexão e \
         tente de novo."
    )]
    SemCadastros,
    /// Several tipos suit what was filled in (R30).
    #[error("Escolha antes o tipo: {0}.")]
    EscolhaTipo(String),
    /// The server said no, in its own words.
    #[error("{mensagem}")]
    Servidor {
        /// Stable code.
        codigo: String,
        /// The server's sentence.
        mensagem: String,
    },
    /// The server could not be reached, or failed; it will be tried again.
    #[error(
        "Não foi possível falar com o servidor. Seu trabalho continua guardado neste aparelho e \
         será enviado na próxima tentativa."
    )]
    SemConexao(#[source] HttpError),
    /// The server's answer could not be read, or belongs to somebody else. Nothing of it was taken.
    #[error(
        "A resposta do servidor não pôde ser usada e nada foi alterado. Tente de novo; se \
         continuar, atualize o aplicativo."
    )]
    RespostaInvalida(#[source] AnswerError),
    /// The server's address is not one.
    #[error("O endereço do servidor não é válido: “{0}”. Use, por exemplo, https://campo.exemplo.")]
    EnderecoInvalido(String),
    /// The file was made with another key, or is not Campo's.
    #[error(
        "O arquivo de dados não abre com esta chave. Nada foi alterado; confira a chave ou o \
         arquivo."
    )]
    ChaveErrada,
    /// A key was given to a build without encryption.
    #[error(
        "Esta versão do aplicativo não abre dados cifrados (falta o recurso sqlcipher). Nada foi \
         alterado."
    )]
    SemCifra,
    /// A newer app wrote the file.
    #[error(
        "Os dados deste aparelho são de uma versão mais nova do aplicativo ({found}; esta conhece \
         até {known}). Nada foi alterado; atualize o aplicativo."
    )]
    VersaoMaisNova {
        /// The file's version.
        found: i64,
        /// The newest that this app knows.
        known: i64,
    },
    /// The file could not be brought to this app's version; it is as it was.
    #[error(
        "Não foi possível atualizar os dados deste aparelho. Tudo continua como estava; libere \
         espaço e abra de novo, ou volte à versão anterior do aplicativo."
    )]
    MigracaoFalhou(#[source] MigrationError),
    /// Reading or writing the database failed.
    #[error(
        "Não foi possível ler ou gravar neste aparelho, e esta ação não foi feita. Confira o \
         espaço livre e tente de novo."
    )]
    Armazenamento(#[source] StoreError),
    /// The device is full.
    #[error(
        "Não há espaço livre neste aparelho, e esta ação não foi feita. O que já estava guardado \
         continua guardado; libere espaço e tente de novo."
    )]
    SemEspaco,
    /// A photo that is not whole or cannot be used. Nothing of it was kept.
    #[error("{nome}: {erro}")]
    Foto {
        /// The file.
        nome: String,
        /// What is wrong with it.
        erro: PhotoError,
    },
    /// A file that is larger than Campo takes. Nothing of it was kept.
    #[error("{nome}: o arquivo passa de {mb} MB e não foi anexado. Escolha um arquivo menor.")]
    ArquivoGrande {
        /// The file.
        nome: String,
        /// The limit.
        mb: u64,
    },
    /// The file to attach could not be read.
    #[error("{nome}: o arquivo não pôde ser lido e não foi anexado. Escolha o arquivo de novo.")]
    ArquivoIlegivel {
        /// The file.
        nome: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The bytes of a photo are not on this device now.
    #[error("{0}: o arquivo não está neste aparelho agora. Baixe com conexão.")]
    ArquivoAusente(String),
    /// What was fetched is not what the record says. Nothing of it was kept.
    #[error("{0}: o que chegou não é o que o registro declara, e foi descartado. Tente de novo.")]
    ArquivoDiferente(String),
    /// A document could not be read.
    #[error(
        "Um registro guardado neste aparelho não pôde ser lido. Nada foi apagado; avise o suporte."
    )]
    Documento(#[source] DocumentError),
}

impl Error {
    /// Stable code, for programs.
    pub fn codigo(&self) -> &str {
        match self {
            Error::Recusa(refusal) => refusal.codigo.codigo(),
            Error::NaoEncontrado(_) => "nao_encontrado",
            Error::Ambiguo(_) => "ambiguo",
            Error::NinguemEntrou => "ninguem_entrou",
            Error::SessaoExpirada => "sessao_expirada",
            Error::SemCadastros => "sem_cadastros",
            Error::EscolhaTipo(_) => "escolha_tipo",
            Error::Servidor { codigo, .. } => codigo,
            Error::SemConexao(_) => "sem_conexao",
            Error::RespostaInvalida(_) => "resposta_invalida",
            Error::EnderecoInvalido(_) => "endereco_invalido",
            Error::ChaveErrada => "chave_errada",
            Error::SemCifra => "sem_cifra",
            Error::VersaoMaisNova { .. } => "versao_mais_nova",
            Error::MigracaoFalhou(_) => "migracao_falhou",
            Error::Armazenamento(_) => "armazenamento",
            Error::SemEspaco => "sem_espaco",
            Error::Foto { erro, .. } => erro.code(),
            Error::ArquivoGrande { .. } => "arquivo_grande_demais",
            Error::ArquivoIlegivel { .. } => "arquivo_ilegivel",
            Error::ArquivoAusente(_) => "arquivo_ausente",
            Error::ArquivoDiferente(_) => "arquivo_diferente",
            Error::Documento(_) => "documento_ilegivel",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Recusa(refusal)
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Error::Servidor { codigo: problem.codigo, mensagem: problem.mensagem }
    }
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Answer(error) => Error::RespostaInvalida(error),
            HttpError::Status(problem) if !problem.passing() => problem.into(),
            error => Error::SemConexao(error),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoCipher => Error::SemCifra,
            OpenError::WrongKey => Error::ChaveErrada,
            OpenError::Migration(MigrationError::Newer { found, known }) => {
                Error::VersaoMaisNova { found, known }
            }
            OpenError::Migration(error) => Error::MigracaoFalhou(error),
            OpenError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let full = match &error {
            StoreError::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::DiskFull),
            StoreError::File(error) => {
                matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
            }
            _ => false,
        };
        if full { Error::SemEspaco } else { Error::Armazenamento(error) }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::from(error).into()
    }
}

impl From<DocumentError> for Error {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::UnknownTipo(_) => Error::SemCadastros,
            error => Error::Documento(error),
        }
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Refused(refusal) => Error::Recusa(refusal),
            RunError::Document(error) => error.into(),
        }
    }
}
