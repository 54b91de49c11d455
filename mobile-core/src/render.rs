//! Values and commands as text for the person, with names in place of ids.

use crate::{
    error::Error,
    store::{lists, references, session::Quem},
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, UserId},
    kind::Kind,
    registro::{Campos, Registro},
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use rusqlite::Connection;
use serde::Serialize;

/// A label and its value, both as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rotulado {
    /// What the person reads before it.
    pub rotulo: String,
    /// The value.
    pub valor: String,
}

fn rotulado(rotulo: &str, valor: impl Into<String>) -> Rotulado {
    Rotulado { rotulo: rotulo.to_owned(), valor: valor.into() }
}

/// Looks names up where ids stand.
pub struct Render<'a> {
    /// The database.
    pub conn: &'a Connection,
    /// Who reads.
    pub quem: &'a Quem,
}

impl Render<'_> {
    /// The value of a field.
    pub fn valor(&self, campo: &Campo, valor: &Valor) -> Result<String, Error> {
        match (&campo.tipo, valor) {
            (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => self.usuario((*id).into()),
            (TipoCampo::Referencia(Alvo::Documento(_)), Valor::Id(id)) => {
                self.documento((*id).into())
            }
            (TipoCampo::Referencia(Alvo::Catalogo(catalogo)), Valor::Texto(codigo)) => {
                let nome = references::nome(self.conn, self.quem.account, catalogo, codigo)?;
                Ok(nome.unwrap_or_else(|| codigo.clone()))
            }
            _ => Ok(valor.exibir(campo, self.quem.conta.fuso)),
        }
    }

    /// A person's name.
    pub fn usuario(&self, id: UserId) -> Result<String, Error> {
        if id == UserId::SERVIDOR {
            return Ok("Servidor".into());
        }
        if id == self.quem.pessoa.id {
            return Ok(self.quem.pessoa.nome.clone());
        }
        let nome = references::nome(self.conn, self.quem.account, "usuario", &id.to_string())?;
        Ok(nome.unwrap_or_else(|| "Pessoa não identificada".into()))
    }

    /// How another document is called.
    pub fn documento(&self, id: DocumentId) -> Result<String, Error> {
        Ok(match lists::uma(self.conn, self.quem.account, id)? {
            Some(linha) if linha.kind == Kind::Cliente => linha.titulo,
            Some(linha) => format!("{} · {}", linha.rotulo, linha.titulo),
            None => format!("{} (fora deste aparelho)", Registro::rotulo_provisorio(id)),
        })
    }

    /// Fields that are filled in, in the order of the form.
    pub fn campos(
        &self,
        definicoes: &'static [Campo],
        campos: &Campos,
    ) -> Result<Vec<Rotulado>, Error> {
        let mut todos = Vec::new();
        for definicao in definicoes {
            if let Some(valor) = campos.get(definicao.nome).filter(|valor| !valor.vazio()) {
                todos.push(rotulado(definicao.rotulo, self.valor(definicao, valor)?));
            }
        }
        Ok(todos)
    }

    /// What a command says, whatever became of it.
    pub fn conteudo(&self, kind: Option<Kind>, command: &Command) -> Result<Vec<Rotulado>, Error> {
        let campo = |nome: &str| kind.and_then(|kind| kind.campo(nome));
        Ok(match command {
            Command::Criar { kind, campos, itens, .. } => {
                let mut todos = self.campos(kind.campos(), campos)?;
                for item in itens {
                    todos.push(self.item(*kind, item)?);
                }
                todos
            }
            Command::Editar { campo: nome, valor } => vec![self.campo(nome, campo(nome), valor)?],
            Command::EditarTexto { campo: nome, para, .. } => {
                vec![rotulado(campo(nome).map_or(nome, |c| c.rotulo), para)]
            }
            Command::IncluirItem { item } => {
                vec![self.item(kind.unwrap_or(Kind::Ocorrencia), item)?]
            }
            Command::EditarItem { campo: nome, valor, .. } => {
                let definicao = kind.and_then(|kind| kind.campo_item(nome));
                vec![self.campo(nome, definicao, valor)?]
            }
            Command::RemoverItem { .. } => Vec::new(),
            Command::Participar { usuario, .. } => {
                vec![rotulado("Participante", self.usuario(*usuario)?)]
            }
            Command::Anotar { texto, .. } => vec![rotulado("Acompanhamento", texto)],
            Command::Transicionar { motivo, .. } => {
                motivo.iter().map(|motivo| rotulado("Motivo", motivo)).collect()
            }
            Command::EmitirLaudo { procedente, conclusao, .. } => vec![
                rotulado("Procedente", if *procedente { "Sim" } else { "Não" }),
                rotulado("Conclusão", conclusao),
            ],
        })
    }

    fn campo(
        &self,
        nome: &str,
        definicao: Option<&Campo>,
        valor: &Valor,
    ) -> Result<Rotulado, Error> {
        Ok(match definicao {
            Some(definicao) => rotulado(definicao.rotulo, self.valor(definicao, valor)?),
            None => rotulado(nome, valor.texto().unwrap_or_default()),
        })
    }

    fn item(&self, kind: Kind, item: &NovoItem) -> Result<Rotulado, Error> {
        let campos = self.campos(kind.campos_item(), &item.campos)?;
        let textos: Vec<_> =
            campos.iter().map(|campo| format!("{}: {}", campo.rotulo, campo.valor)).collect();
        Ok(rotulado("Item", textos.join("; ")))
    }
}
