//! Who may touch what: one table, read by the device at the tap and by the server at the gate.
//! What it does not allow is refused.

use crate::{
    fluxo::Situacao,
    ids::UserId,
    kind::Kind,
    parte::Colecao,
    pessoa::{Permissao, Pessoa},
    refusal::{Codigo, Refusal},
    registro::{Registro, Restricao},
    tipo::Tipo,
    valor::{Campo, Valor},
};
use std::collections::BTreeSet;

/// The channel of a case that a client opened in the portal, where the catalogue has it (R26).
pub const CANAL_PORTAL: &str = "portal";

/// A part of a document that a person may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parte {
    /// A field of the record.
    Campo(&'static Campo),
    /// A part of a collection, to be added.
    Item(Colecao),
    /// A part of a collection, to be removed.
    Remocao(Colecao),
    /// A field of a part of a collection.
    CampoItem(Colecao, &'static Campo),
    /// The set of participantes.
    Participante,
    /// The set of interessados.
    Interessado,
    /// A note for the company's people.
    Nota,
    /// A note that the client reads.
    NotaAoCliente,
    /// A partial analysis (R63).
    AnaliseParcial,
    /// A request of transition: a fact that is always kept and then judged.
    Pedido,
    /// An analysis that is judged with the request that brings it.
    Analise,
    /// What only the server writes: situação, number, verdicts, actions, restriction.
    Servidor,
}

/// When the situação lets a part be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quando {
    /// When it lists this name among its editable fields.
    Editavel(&'static str),
    /// While the fase is open.
    Aberto,
    /// While the fase is open, and afterwards where the situação takes what was forgotten (R84).
    Anotavel,
    /// While the fase is open, and not where what is said stays inside (R52).
    AbertoAoCliente,
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
    /// Whether a client in the portal may as well (R24), where the tipo shows there.
    pub portal: bool,
}

/// The table.
pub fn regra(parte: Parte, tipo: &Tipo) -> Regra {
    use Permissao::{Gerenciar, Ver};
    use Quando::{Aberto, AbertoAoCliente, Anotavel, Editavel, Sempre};
    let (criar, alterar, quando) = match parte {
        Parte::Campo(campo) if campo.fixo => (Some(Ver), None, Editavel(campo.nome)),
        // At any time that work may still happen; the office's, unless the tipo leaves it to all
        // (R4, R39, ff28).
        Parte::Campo(campo) if campo.nome == "responsavel" => {
            let alterar = if tipo.atribuicao_livre { Ver } else { Gerenciar };
            (Some(Ver), Some(alterar), Aberto)
        }
        // Where the category says the priority, another takes a permission (R27).
        Parte::Campo(campo) if campo.nome == "prioridade" && !tipo.categorias.is_empty() => {
            (Some(Gerenciar), Some(Gerenciar), Editavel(campo.nome))
        }
        Parte::Campo(campo) => (Some(Ver), Some(Ver), Editavel(campo.nome)),
        Parte::CampoItem(_, campo) if campo.fixo => (Some(Ver), None, Aberto),
        Parte::CampoItem(Colecao::Itens, campo) if campo.nome == "procedencia" => {
            (Some(Ver), Some(Ver), Editavel("procedencia"))
        }
        Parte::Item(colecao @ (Colecao::Itens | Colecao::Despesas))
        | Parte::Remocao(colecao @ (Colecao::Itens | Colecao::Despesas))
        | Parte::CampoItem(colecao @ (Colecao::Itens | Colecao::Despesas), _) => {
            (Some(Ver), Some(Ver), Editavel(colecao.codigo()))
        }
        Parte::Item(Colecao::Anexos) | Parte::Nota => (Some(Ver), Some(Ver), Anotavel),
        // Never once concluded (R83).
        Parte::Item(_)
        | Parte::Remocao(_)
        | Parte::CampoItem(..)
        | Parte::Participante
        | Parte::Interessado => (Some(Ver), Some(Ver), Aberto),
        Parte::NotaAoCliente => (Some(Ver), Some(Ver), AbertoAoCliente),
        Parte::AnaliseParcial => (None, Some(Ver), Editavel("analises")),
        Parte::Pedido | Parte::Analise => (None, Some(Ver), Sempre),
        Parte::Servidor => (None, None, Sempre),
    };
    let portal = match parte {
        // Its own name, and that it came through the portal, are filled in for it.
        Parte::Campo(campo) if matches!(campo.nome, "cliente" | "canal") => true,
        Parte::Campo(campo) => tipo.portal_campos.iter().any(|nome| nome == campo.nome),
        Parte::Item(Colecao::Anexos)
        | Parte::Remocao(Colecao::Anexos)
        | Parte::CampoItem(Colecao::Anexos, _)
        | Parte::NotaAoCliente
        | Parte::Pedido => true,
        _ => false,
    };
    Regra { criar, alterar, quando, portal: portal && tipo.visivel_no_portal }
}

/// Whether the person may write the part of a record that exists, in that situação.
///
/// # Errors
/// `sem_permissao`, `campo_fixo`, `campo_protegido` or `situacao_nao_permite_edicao`.
pub fn pode_alterar(
    pessoa: &Pessoa,
    tipo: &Tipo,
    situacao: Option<&Situacao>,
    parte: Parte,
) -> Result<(), Refusal> {
    let regra = regra(parte, tipo);
    // What a client filled in is not the client's to change afterwards: it answers (R24).
    let portal = regra.portal && !matches!(parte, Parte::Campo(_));
    exigir(pessoa, regra.alterar, portal, parte)?;
    let Some(situacao) = situacao else { return Ok(()) };
    let permitido = match regra.quando {
        Quando::Sempre => true,
        Quando::Aberto => situacao.fase.aberta(),
        Quando::Anotavel => situacao.fase.aberta() || situacao.aceita_notas,
        Quando::AbertoAoCliente => {
            situacao.fase.aberta() && (situacao.visivel_cliente || pessoa.portal())
        }
        Quando::Editavel(nome) => situacao.campos_editaveis.inclui(nome),
    };
    if permitido {
        Ok(())
    } else {
        Err(Refusal::with(Codigo::SituacaoNaoPermiteEdicao, [situacao.nome.clone()]))
    }
}

/// Whether the person may write the part while creating a record. A new part and its fields are one
/// change, so this also applies to fixed fields of a part that is added later.
///
/// # Errors
/// `sem_permissao` or `campo_protegido`.
pub fn pode_criar(pessoa: &Pessoa, tipo: &Tipo, parte: Parte) -> Result<(), Refusal> {
    let regra = regra(parte, tipo);
    exigir(pessoa, regra.criar, regra.portal, parte)
}

/// Whether the person may create the record as a whole; its parts are judged one by one elsewhere.
///
/// # Errors
/// `sem_permissao`, or `valor_invalido` for a client that opens a case in another's name or under
/// an internal category (R27).
pub fn pode_criar_registro(
    pessoa: &Pessoa,
    registro: &Registro,
    tipo: &Tipo,
) -> Result<(), Refusal> {
    // Even without fields, creating takes the permission (R5).
    pode_criar(pessoa, tipo, Parte::NotaAoCliente)?;
    if !pessoa.portal() {
        return Ok(());
    }
    let invalido = |nome: &str| {
        let rotulo = registro.kind.campo(nome).map_or("", |campo| campo.rotulo);
        Err(Refusal::with(Codigo::ValorInvalido, [rotulo.to_owned()]))
    };
    if pessoa.cliente.is_none() || registro.referencia("cliente") != pessoa.cliente.map(Into::into)
    {
        return invalido("cliente");
    }
    if registro.valor("canal").texto().is_some_and(|canal| canal != CANAL_PORTAL) {
        return invalido("canal");
    }
    let categoria = registro.valor("categoria").texto().and_then(|codigo| tipo.categoria(codigo));
    if categoria.is_some_and(|categoria| categoria.interna) {
        return invalido("categoria");
    }
    Ok(())
}

fn exigir(
    pessoa: &Pessoa,
    permissao: Option<Permissao>,
    portal: bool,
    parte: Parte,
) -> Result<(), Refusal> {
    match (permissao, parte) {
        (Some(permissao), _) if pessoa.pode(permissao) => Ok(()),
        (Some(_), _) if portal && pessoa.portal() => Ok(()),
        (Some(permissao), _) => Err(Refusal::sem_permissao(permissao)),
        (None, Parte::Campo(campo) | Parte::CampoItem(_, campo)) => {
            Err(Refusal::with(Codigo::CampoFixo, [campo.rotulo.into()]))
        }
        (None, _) => Err(Refusal::new(Codigo::CampoProtegido)),
    }
}

/// Whether the person may approve or discard work that was held.
///
/// # Errors
/// `sem_permissao`.
pub fn pode_decidir_retido(pessoa: &Pessoa) -> Result<(), Refusal> {
    match pessoa.pode(Permissao::Gerenciar) {
        true => Ok(()),
        false => Err(Refusal::sem_permissao(Permissao::Gerenciar)),
    }
}

/// What the visibility of a case depends on.
#[derive(Clone, Copy, Debug)]
pub struct Caso<'a> {
    /// Those involved in any document that shares the case's raiz.
    pub envolvidos: &'a BTreeSet<UserId>,
    /// Who alone may see it, where that was said (R86).
    pub restricao: Option<&'a Restricao>,
}

/// Whether one of the company's people may see a record: the one predicate of lists, pages, API,
/// sync and attachments (R85, R86).
pub fn visivel(pessoa: &Pessoa, kind: Kind, caso: &Caso<'_>) -> bool {
    let alcance = pessoa.pode(Permissao::VerTodas) || caso.envolvidos.contains(&pessoa.id);
    pessoa.pode(Permissao::Ver)
        && (kind == Kind::Cliente || (alcance && listado(pessoa, caso.restricao)))
}

/// Whether a restriction, if there is one, lets the person pass.
pub fn listado(pessoa: &Pessoa, restricao: Option<&Restricao>) -> bool {
    restricao.is_none_or(|restricao| {
        pessoa.pode(Permissao::Administrar)
            || restricao.usuarios.contains(&pessoa.id)
            || !restricao.grupos.is_disjoint(&pessoa.grupos)
    })
}

/// Whether anybody, a client in the portal included, may see a record (R23).
pub fn alcanca(pessoa: &Pessoa, registro: &Registro, tipo: &Tipo, caso: &Caso<'_>) -> bool {
    visivel(pessoa, registro.kind, caso) || no_portal(pessoa, registro, tipo)
}

/// Whether a client sees the record in the portal: its own case, of a tipo that shows there, that
/// is not internal (R23, R37).
fn no_portal(pessoa: &Pessoa, registro: &Registro, tipo: &Tipo) -> bool {
    let seu = pessoa.cliente.is_some()
        && registro.referencia("cliente") == pessoa.cliente.map(Into::into);
    let interna = || {
        let categoria = registro.valor("categoria").texto();
        categoria.and_then(|codigo| tipo.categoria(codigo)).is_some_and(|c| c.interna)
    };
    pessoa.portal()
        && tipo.visivel_no_portal
        && seu
        && *registro.valor("interno") != Valor::Logico(true)
        && !interna()
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
    pode_alterar(pessoa, tipo, registro.situacao(tipo), parte)
}
