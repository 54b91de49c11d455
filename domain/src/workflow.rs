//! `decide`: may this person do this to this record, and where does that lead? The same function
//! runs at the tap on the phone, at the office's button, and when the server judges a request.

mod create;
mod edit;
mod limits;
mod photos;
mod predict;
mod requests;
mod server;

use crate::{
    analise::TipoAnalise,
    command::Command,
    ids::UserId,
    pessoa::Pessoa,
    policy::Parte,
    refusal::{Codigo, Refusal},
    registro::Registro,
    tipo::Tipo,
    valor::Valor,
};
use create::{New, create};
use edit::Edit;
use limits::room_for_one;

pub use limits::{
    ANALISES_MAX, ITENS_MAX, NOTAS_MAX, PARTICIPANTES_MAX, PEDIDOS_MAX, TEXTO_CHARS_MAX, valid_text,
};
pub use photos::photos_on_their_way;
pub use predict::predict;
pub use requests::{Asked, Onde, available, judge, judge_request, transition_bringing, withheld};

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Efeito {
    /// The document takes in what the command says.
    Gravar,
    /// And goes to this situação.
    Situacao(String),
}

/// Decides on a command. `registro` is `None` exactly when the command creates it.
///
/// # Errors
/// The refusal to show; nothing has changed then.
pub fn decide(
    registro: Option<&Registro>,
    tipo: &Tipo,
    pessoa: &Pessoa,
    comando: &Command,
    onde: Onde,
) -> Result<Efeito, Refusal> {
    let Some(registro) = registro else {
        let Command::Criar { id, kind, tipo: referencia, campos, itens } = comando else {
            return Err(Refusal::new(Codigo::NaoEncontrado));
        };
        let new = New { id: *id, kind: *kind, tipo: referencia, campos, itens };
        create(tipo, pessoa, &new)?;
        return Ok(Efeito::Gravar);
    };
    let edit = Edit { registro, tipo, pessoa };
    match comando {
        Command::Criar { .. } => return Err(Refusal::new(Codigo::IdEmUso)),
        Command::Editar { campo, valor, visto } => {
            edit.unseen(campo, registro.valor(campo), valor, visto.as_ref())?;
            edit.field(campo, valor, false)?;
        }
        Command::EditarTexto { campo, de, para } => edit.text(campo, de, para)?,
        Command::IncluirItem { em, item } => edit.add_part(*em, item)?,
        Command::EditarItem { em, item, campo, valor, visto } => {
            let part = registro.colecao(*em).get(item);
            let now = part.map_or(&Valor::Nulo, |part| part.valor(campo));
            edit.unseen(campo, now, valor, visto.as_ref())?;
            edit.part_field(*em, *item, campo, valor)?;
        }
        Command::RemoverItem { em, item } => edit.remove_part(*em, *item)?,
        Command::Participar { participa, .. } => edit.participante(*participa)?,
        Command::Interessar { interessado, .. } => edit.interessado(*interessado)?,
        Command::Anotar { id, texto, visibilidade, resposta_a } => {
            edit.note(*id, texto, *visibilidade, *resposta_a)?;
        }
        Command::Transicionar { verbo, motivo, .. } => {
            return request(edit, verbo, motivo.as_deref(), onde);
        }
        Command::Analisar { tipo: what, texto, procedente, pedido, encaminhar, .. } => {
            let (what, founded, hand_to) = (*what, *procedente, *encaminhar);
            let analysis =
                Analysis { what, text: texto, founded, with_request: pedido.is_some(), hand_to };
            return analyse(edit, &analysis, onde);
        }
        Command::Restringir { .. }
        | Command::SolicitarAcao { .. }
        | Command::ResponderAcao { .. }
        | Command::VincularCorretiva { .. } => {
            if onde == Onde::Aparelho {
                return Err(Refusal::new(Codigo::ExigeConexao));
            }
            server::decide(registro, tipo, pessoa, comando)?;
        }
    }
    Ok(Efeito::Gravar)
}

fn request(
    edit: Edit<'_>,
    verb: &str,
    reason: Option<&str>,
    onde: Onde,
) -> Result<Efeito, Refusal> {
    let Edit { registro, tipo, pessoa } = edit;
    edit.may(Parte::Pedido)?;
    room_for_one(registro.pedidos.len(), PEDIDOS_MAX, "pedidos")?;
    if let Some(reason) = reason {
        valid_text(reason, "Motivo")?;
    }
    let asked = Asked { verb, reason, brings: None };
    Ok(Efeito::Situacao(judge(registro, tipo, pessoa, asked, onde)?))
}

/// What a new analysis says.
struct Analysis<'a> {
    what: TipoAnalise,
    text: &'a str,
    /// Whether the complaint is founded.
    founded: Option<bool>,
    /// Whether a request of transition comes with it.
    with_request: bool,
    /// The new responsável.
    hand_to: Option<UserId>,
}

fn analyse(edit: Edit<'_>, analysis: &Analysis<'_>, onde: Onde) -> Result<Efeito, Refusal> {
    let Edit { registro, tipo, pessoa } = edit;
    let Analysis { what, text, founded, with_request, hand_to } = *analysis;
    valid_text(text, what.rotulo())?;
    room_for_one(registro.analises.len(), ANALISES_MAX, "análises")?;
    let partial = what == TipoAnalise::Parcial;
    let invalid = || Refusal::with(Codigo::ValorInvalido, [what.rotulo().to_owned()]);
    // Only a laudo says whether the case is founded; all but a partial one ask for a transition.
    if founded.is_some() != (what == TipoAnalise::Laudo) || with_request == partial {
        return Err(invalid());
    }
    if partial {
        edit.may(Parte::AnaliseParcial)?;
        if hand_to.is_some() && onde == Onde::Aparelho {
            return Err(Refusal::new(Codigo::ExigeConexao));
        }
        let field = registro.kind.campo("responsavel").is_some() && tipo.tem_campo("responsavel");
        if hand_to.is_some() && !field {
            let rotulo = tipo.rotulo("responsavel").to_owned();
            return Err(Refusal::with(Codigo::CampoForaDoTipo, [rotulo]));
        }
        // Whoever is responsável hands the record on (R64). Of another's record it is to change the
        // responsável, and takes what that takes.
        if let (Some(campo), Some(_)) = (registro.kind.campo("responsavel"), hand_to)
            && registro.responsavel() != Some(pessoa.id)
        {
            edit.may(Parte::Campo(campo))?;
        }
        return Ok(Efeito::Gravar);
    }
    if hand_to.is_some() {
        return Err(invalid());
    }
    edit.may(Parte::Analise)?;
    room_for_one(registro.pedidos.len(), PEDIDOS_MAX, "pedidos")?;
    let transicao = transition_bringing(registro, tipo, what)?;
    let asked = Asked { verb: &transicao.verbo, reason: None, brings: Some(what) };
    Ok(Efeito::Situacao(judge(registro, tipo, pessoa, asked, onde)?))
}
