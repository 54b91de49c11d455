//! Who may touch what: one table, read by the device at the tap and by the server at the gate.
//! What it does not allow is refused.

use crate::{
    fluxo::Situacao,
    ids::UserId,
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    refusal::{Codigo, Refusal},
    registro::Registro,
    tipo::Tipo,
    valor::Campo,
};
use std::collections::BTreeSet;

/// A part of a document that a person may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parte {
    /// A field of the record.
    Campo(&'static Campo),
    /// An item: adding, editing, removing.
    Item,
    /// The set of participantes.
    Participante,
    /// A note.
    Nota,
    /// A request of transition: a fact that is always kept and then judged.
    Pedido,
    /// A laudo, judged with the request that brings it.
    Laudo,
    /// What only the server writes: situação, number, verdicts.
    Servidor,
}

/// When the situação lets a part be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quando {
    /// When it lists the part among its editable fields.
    Editavel,
    /// While the fase is open.
    Aberto,
    /// Always: the request is judged by itself.
    Sempre,
}

/// What the table says of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regra {
    /// What it takes to write it while creating the document; `None` is nobody.
    pub criar: Option<Permissao>,
    /// What it takes to write it later; `None` is nobody.
    pub alterar: Option<Permissao>,
    /// In which situações.
    pub quando: Quando,
}

/// The table.
pub fn regra(parte: Parte) -> Regra {
    use Permissao::{Gerenciar, Ver};
    let (criar, alterar, quando) = match parte {
        Parte::Campo(campo) if campo.fixo => (Some(Ver), None, Quando::Editavel),
        // Reassigning is the office's, at any time that work may still happen (R4, ff28).
        Parte::Campo(campo) if campo.nome == "responsavel" => {
            (Some(Ver), Some(Gerenciar), Quando::Aberto)
        }
        Parte::Campo(_) | Parte::Item => (Some(Ver), Some(Ver), Quando::Editavel),
        Parte::Participante | Parte::Nota => (Some(Ver), Some(Ver), Quando::Aberto),
        Parte::Pedido | Parte::Laudo => (None, Some(Ver), Quando::Sempre),
        Parte::Servidor => (None, None, Quando::Sempre),
    };
    Regra { criar, alterar, quando }
}

/// Whether the person may write the part of a record that exists, in its present situação.
///
/// # Errors
/// `sem_permissao`, `campo_fixo`, `campo_protegido` or `situacao_nao_permite_edicao`.
pub fn pode_alterar(
    pessoa: &Pessoa,
    situacao: Option<&Situacao>,
    parte: Parte,
) -> Result<(), Refusal> {
    let regra = regra(parte);
    exigir(pessoa, regra.alterar, parte)?;
    let Some(situacao) = situacao else { return Ok(()) };
    let permitido = match (regra.quando, parte) {
        (Quando::Sempre, _) => true,
        (Quando::Aberto, _) => situacao.fase.aberta(),
        (Quando::Editavel, Parte::Campo(campo)) => situacao.campos_editaveis.inclui(campo.nome),
        (Quando::Editavel, _) => situacao.campos_editaveis.inclui("itens"),
    };
    if permitido {
        Ok(())
    } else {
        Err(Refusal::situacao(Codigo::SituacaoNaoPermiteEdicao, situacao))
    }
}

/// Whether the person may write the part while creating a record.
///
/// # Errors
/// `sem_permissao` or `campo_protegido`.
pub fn pode_criar(pessoa: &Pessoa, parte: Parte) -> Result<(), Refusal> {
    exigir(pessoa, regra(parte).criar, parte)
}

fn exigir(pessoa: &Pessoa, permissao: Option<Permissao>, parte: Parte) -> Result<(), Refusal> {
    match (permissao, parte) {
        (Some(permissao), _) if pessoa.pode(permissao) => Ok(()),
        (Some(permissao), _) => Err(Refusal::sem_permissao(permissao)),
        (None, Parte::Campo(campo)) => Err(Refusal::com(Codigo::CampoFixo, [campo.rotulo.into()])),
        (None, _) => Err(Refusal::new(Codigo::CampoProtegido)),
    }
}

/// Whether the person may see a record: the one predicate of lists, pages, API and sync (R85).
/// `envolvidos` are those of every document that shares the record's raiz.
pub fn visivel(pessoa: &Pessoa, kind: Kind, envolvidos: &BTreeSet<UserId>) -> bool {
    pessoa.pode(Permissao::Ver)
        && (kind == Kind::Cliente
            || pessoa.pode(Permissao::VerTodas)
            || envolvidos.contains(&pessoa.id))
}

/// Whether the person may write the part of this record now.
///
/// # Errors
/// As [`pode_alterar`].
pub fn pode_alterar_registro(
    pessoa: &Pessoa,
    registro: &Registro,
    tipo: &Tipo,
    parte: Parte,
) -> Result<(), Refusal> {
    pode_alterar(pessoa, registro.situacao(tipo), parte)
}
