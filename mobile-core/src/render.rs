//! Values and commands as text for the person, with names in place of ids.

use crate::{
    error::Error,
    store::{lists, references, session::Account},
};
use campo_domain::{
    command::{Command, NovoItem},
    ids::{DocumentId, UserId},
    kind::Kind,
    parte::Colecao,
    registro::{Campos, Registro},
    tipo::Tipo,
    valor::{Alvo, Campo, TipoCampo, Valor},
};
use campo_sync::history;
use rusqlite::Connection;
use serde::Serialize;

/// A label and its value, both as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Labelled {
    /// What the person reads before it.
    pub rotulo: String,
    /// The value.
    pub valor: String,
}

fn rotulado(rotulo: &str, valor: impl Into<String>) -> Labelled {
    Labelled { rotulo: rotulo.to_owned(), valor: valor.into() }
}

/// A person.
#[derive(Clone, Debug, Serialize)]
pub struct PersonShown {
    /// The person.
    pub id: UserId,
    /// Name.
    pub nome: String,
}

/// A value as a person types it: what `Phone::editar` reads as the same value again.
pub(crate) fn digitavel(campo: &Campo, valor: &Valor) -> String {
    let casas: usize = match campo.tipo {
        TipoCampo::Centavos { .. } => 2,
        TipoCampo::Milesimos { .. } => 3,
        _ => 0,
    };
    match valor {
        Valor::Inteiro(n) if casas > 0 => {
            let digitos = format!("{n:0largura$}", largura = casas + 1);
            let (inteiro, fracao) = digitos.split_at(digitos.len() - casas);
            format!("{inteiro},{fracao}")
        }
        valor => history::plain(valor).unwrap_or_default(),
    }
}

/// What a record's field is called.
fn rotulo<'a>(kind: Option<Kind>, tipo: Option<&'a Tipo>, nome: &'a str) -> &'a str {
    let do_kind = || kind.and_then(|kind| kind.campo(nome)).map_or(nome, |campo| campo.rotulo);
    tipo.map_or_else(do_kind, |tipo| tipo.rotulo(nome))
}

/// Looks names up where ids stand.
pub struct Render<'a> {
    /// The database.
    pub conn: &'a Connection,
    /// Who reads.
    pub account: &'a Account,
}

impl Render<'_> {
    /// The value of a field.
    pub fn valor(&self, campo: &Campo, valor: &Valor) -> Result<String, Error> {
        match (&campo.tipo, valor) {
            (TipoCampo::Referencia(Alvo::Usuario), Valor::Id(id)) => self.usuario((*id).into()),
            (TipoCampo::Referencia(_), Valor::Id(id)) => self.documento((*id).into()),
            (TipoCampo::Referencia(Alvo::Catalogo(catalogo)), Valor::Texto(codigo)) => {
                self.catalogo(catalogo, codigo)
            }
            _ => Ok(valor.exibir(campo, self.account.conta.fuso)),
        }
    }

    /// The value of a record's own field: a category is called as its tipo says.
    pub fn do_registro(&self, campo: &Campo, valor: &Valor, tipo: &Tipo) -> Result<String, Error> {
        let categoria = valor.texto().and_then(|codigo| tipo.categoria(codigo));
        match categoria.filter(|_| campo.nome == "categoria") {
            Some(categoria) => Ok(categoria.nome.clone()),
            None => self.valor(campo, valor),
        }
    }

    /// The name of a catalogue's entry.
    pub fn catalogo(&self, catalogo: &str, codigo: &str) -> Result<String, Error> {
        let nome = references::nome(self.conn, self.account.key, catalogo, codigo)?;
        Ok(nome.unwrap_or_else(|| codigo.to_owned()))
    }

    /// A person's name.
    pub fn usuario(&self, id: UserId) -> Result<String, Error> {
        if id == UserId::SERVIDOR {
            return Ok("Servidor".into());
        }
        if id == self.account.pessoa.id {
            return Ok(self.account.pessoa.nome.clone());
        }
        let nome = references::nome(self.conn, self.account.key, "usuario", &id.to_string())?;
        Ok(nome.unwrap_or_else(|| "Pessoa não identificada".into()))
    }

    /// How another document is called.
    pub fn documento(&self, id: DocumentId) -> Result<String, Error> {
        Ok(match lists::uma(self.conn, self.account.key, id)? {
            Some(linha) if linha.kind == Kind::Cliente => linha.titulo,
            Some(linha) => format!("{} · {}", linha.rotulo, linha.titulo),
            None => format!("{} (fora deste aparelho)", Registro::rotulo_provisorio(id)),
        })
    }

    /// Fields of a part that are filled in, in the order of the form.
    pub fn campos(
        &self,
        definicoes: &'static [Campo],
        campos: &Campos,
    ) -> Result<Vec<Labelled>, Error> {
        let mut todos = Vec::new();
        for definicao in definicoes {
            if let Some(valor) = campos.get(definicao.nome).filter(|valor| !valor.vazio()) {
                todos.push(rotulado(definicao.rotulo, self.valor(definicao, valor)?));
            }
        }
        Ok(todos)
    }

    /// What a command says, whatever became of it.
    pub fn conteudo(
        &self,
        kind: Option<Kind>,
        tipo: Option<&Tipo>,
        command: &Command,
    ) -> Result<Vec<Labelled>, Error> {
        let pessoa = |rotulo: &str, id: UserId| Ok::<_, Error>(rotulado(rotulo, self.usuario(id)?));
        let motivo = |rotulo, texto: &Option<String>| -> Vec<Labelled> {
            texto.iter().map(|texto| rotulado(rotulo, texto)).collect()
        };
        Ok(match command {
            Command::Criar { kind, campos, itens, .. } => {
                let mut todos = Vec::new();
                for (nome, valor) in campos.iter().filter(|(_, valor)| !valor.vazio()) {
                    todos.push(self.campo(Some(*kind), tipo, nome, valor)?);
                }
                for item in itens {
                    todos.push(self.parte(*kind, Colecao::Itens, item)?);
                }
                todos
            }
            Command::Editar { campo, valor } => vec![self.campo(kind, tipo, campo, valor)?],
            Command::EditarTexto { campo, para, .. } => {
                vec![rotulado(rotulo(kind, tipo, campo), para)]
            }
            Command::IncluirItem { em, item } => {
                vec![self.parte(kind.unwrap_or(Kind::Ocorrencia), *em, item)?]
            }
            Command::EditarItem { em, campo: nome, valor, .. } => {
                let definicao = kind.unwrap_or(Kind::Ocorrencia).campo_de(*em, nome);
                vec![match definicao {
                    Some(campo) => rotulado(campo.rotulo, self.valor(campo, valor)?),
                    None => rotulado(nome, valor.texto().unwrap_or_default()),
                }]
            }
            Command::RemoverItem { .. } => Vec::new(),
            Command::Participar { usuario, .. } => vec![pessoa("Participante", *usuario)?],
            Command::Interessar { usuario, .. } => vec![pessoa("Interessado", *usuario)?],
            Command::Anotar { texto, .. } => vec![rotulado("Acompanhamento", texto)],
            Command::Transicionar { motivo: dito, .. } => motivo("Motivo", dito),
            Command::Analisar { tipo, texto, procedente, .. } => {
                let diz = |procede| rotulado("Procedente", if procede { "Sim" } else { "Não" });
                let mut todos: Vec<_> = procedente.map(diz).into_iter().collect();
                todos.push(rotulado(tipo.rotulo(), texto));
                todos
            }
            // The server's alone: never in a device's queue.
            Command::Restringir { .. } => Vec::new(),
            Command::SolicitarAcao { observacao, .. } => motivo("Observação", observacao),
            Command::ResponderAcao { retorno, .. } => motivo("Retorno", retorno),
            Command::VincularCorretiva { numero, .. } => vec![rotulado("Ação corretiva", numero)],
        })
    }

    fn campo(
        &self,
        kind: Option<Kind>,
        tipo: Option<&Tipo>,
        nome: &str,
        valor: &Valor,
    ) -> Result<Labelled, Error> {
        let texto = match (kind.and_then(|kind| kind.campo(nome)), tipo) {
            (Some(campo), Some(tipo)) => self.do_registro(campo, valor, tipo)?,
            (Some(campo), None) => self.valor(campo, valor)?,
            (None, _) => valor.texto().unwrap_or_default().to_owned(),
        };
        Ok(rotulado(rotulo(kind, tipo, nome), texto))
    }

    fn parte(&self, kind: Kind, em: Colecao, parte: &NovoItem) -> Result<Labelled, Error> {
        let campos = self.campos(kind.campos_de(em), &parte.campos)?;
        let textos: Vec<_> =
            campos.iter().map(|campo| format!("{}: {}", campo.rotulo, campo.valor)).collect();
        Ok(rotulado(em.rotulo(), textos.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_to_be_typed_again_is_read_as_the_same_value() {
        let fuso = chrono_tz::America::Sao_Paulo;
        let campo = |nome| Kind::Ocorrencia.campo_de(Colecao::Itens, nome).unwrap();
        for (campo, n) in [
            (campo("valor"), 0),
            (campo("valor"), 5),
            (campo("valor"), 123_456_789),
            (campo("quantidade"), 1),
            (campo("quantidade"), 1_234_000),
        ] {
            let valor = Valor::Inteiro(n);
            assert_eq!(campo.ler(&digitavel(campo, &valor), fuso).unwrap(), valor, "{n}");
        }
        let campo = Kind::Ocorrencia.campo("modalidade").unwrap();
        let valor = Valor::Texto("fabrica".into());
        assert_eq!(campo.ler(&digitavel(campo, &valor), fuso).unwrap(), valor);
    }
}
