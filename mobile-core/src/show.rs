//! One document as its screen shows it, as the phone hands it on: what there is to see and to do is
//! said by `campo_screens`.

use crate::{
    error::Error,
    form::{self, FieldShown},
    names::{self, Labelled, PersonShown},
    pending::{SyncState, sync_state},
    phone::Phone,
    store::{
        documents, lists,
        lists::{Linha, Vinculado},
        references,
        session::Account,
    },
};
use campo_domain::{
    ids::{AnaliseId, DocumentId, ItemId, UserId},
    kind::Kind,
    parte::Colecao,
    preenchimento::{self, Dados},
    refusal::{Codigo, Refusal},
    registro::{self, Registro, TipoAnalise},
    valor::Valor,
    workflow::Onde,
};
use campo_screens::{
    Analysis, AnalysisState, Button, Dispute, Locked, Look, May, Part, analyses, buttons, disputes,
    locked, may, parts, words,
};
use campo_sync::client::{self, View};
use chrono::{DateTime, Utc};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeSet;

/// A document as its screen shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Detalhe {
    /// Its row in lists.
    pub linha: Linha,
    /// Code of its tipo.
    pub tipo: String,
    /// Name of its tipo.
    pub tipo_nome: String,
    /// Since when it is in its situação, by the server's clock.
    pub etapa_desde: Option<DateTime<Utc>>,
    /// The fields of its tipo in the order of the form, and whatever else is filled in.
    pub campos: Vec<FieldShown>,
    /// Of an assistência and what belongs to it, the address that counts: its contract's, or its
    /// own (R11).
    pub endereco_efetivo: Option<Dados>,
    /// Items that were not removed.
    pub itens: Vec<PartShown>,
    /// Expenses.
    pub despesas: Vec<PartShown>,
    /// Files: what is known of them.
    pub anexos: Vec<PartShown>,
    /// Links to other records and to contacts.
    pub vinculos: Vec<PartShown>,
    /// Records on this device that link here (R38).
    pub vinculado_por: Vec<Vinculado>,
    /// Analyses, in order.
    pub analises: Vec<AnalysisShown>,
    /// What was asked of the ERP.
    pub acoes: Vec<ActionShown>,
    /// Corrective actions that it belongs to (R77).
    pub corretivas: Vec<CorrectiveShown>,
    /// Who alone may see it, where that was said (R86).
    pub restricao: Option<RestrictionShown>,
    /// People who take part besides the responsável.
    pub participantes: Vec<PersonShown>,
    /// People who are told of opening and conclusion (R87).
    pub interessados: Vec<PersonShown>,
    /// What the person can ask for now.
    pub verbos: Vec<Verbo>,
    /// What else the person may do now.
    pub pode: Pode,
    /// What the person cannot change now, and why.
    pub bloqueios: Vec<Bloqueio>,
    /// How it stands with the server.
    pub sincronia: SyncState,
    /// Fields with several values.
    pub conflitos: Vec<ConflictShown>,
    /// The document itself, with everything that this device wrote.
    pub registro: Registro,
}

/// An item, expense, file or link.
#[derive(Clone, Debug, Serialize)]
pub struct PartShown {
    /// Its id.
    pub id: ItemId,
    /// Its fields that are filled in.
    pub campos: Vec<Labelled>,
    /// Who added it.
    pub autor: String,
}

/// An analysis.
#[derive(Clone, Debug, Serialize)]
pub struct AnalysisShown {
    /// Its id.
    pub id: AnaliseId,
    /// What it is.
    pub tipo: TipoAnalise,
    /// What the person reads of that.
    pub rotulo: &'static str,
    /// What it says.
    pub texto: String,
    /// Of a laudo: whether the complaint is founded.
    pub procedente: Option<bool>,
    /// Who issued it.
    pub autor: String,
    /// When, by that person's clock.
    pub quando: DateTime<Utc>,
    /// To whom a partial one handed the record.
    pub encaminhada_a: Option<String>,
    /// Whether it is the one in force of its type.
    pub vigente: bool,
    /// Whether the server has not judged yet the request that brings it.
    pub aguarda: bool,
    /// Why that request was refused.
    pub recusa: Option<String>,
}

/// Something that was asked of the ERP (R100).
#[derive(Clone, Debug, Serialize)]
pub struct ActionShown {
    /// What it is.
    pub rotulo: String,
    /// How far it has come.
    pub situacao: &'static str,
    /// Who asked.
    pub autor: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
    /// What the person added.
    pub observacao: Option<String>,
    /// The number of what the ERP made.
    pub externo: Option<String>,
    /// What the ERP said.
    pub retorno: Option<String>,
    /// When it came this far.
    pub atualizada_em: DateTime<Utc>,
}

/// A corrective action.
#[derive(Clone, Debug, Serialize)]
pub struct CorrectiveShown {
    /// Its number.
    pub numero: String,
    /// Who linked them.
    pub autor: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}

/// Who may see a record besides administrators.
#[derive(Clone, Debug, Serialize)]
pub struct RestrictionShown {
    /// These people.
    pub usuarios: Vec<String>,
    /// And everyone in these groups.
    pub grupos: Vec<String>,
    /// Who said so.
    pub autor: String,
    /// When, by the server's clock.
    pub quando: DateTime<Utc>,
}

/// A transition that the person can ask for.
#[derive(Clone, Debug, Serialize)]
pub struct Verbo {
    /// The verb, for `transicionar`.
    pub verbo: String,
    /// The button's text.
    pub rotulo: String,
    /// Name of the situação that it leads to.
    pub para: Option<String>,
    /// A reason must be given.
    pub exige_motivo: bool,
    /// The analysis that it comes with: goes through `analisar`.
    pub analise: Option<TipoAnalise>,
    /// The client may be told by e-mail (R60).
    pub oferece_email: bool,
    /// What is missing before it can be done.
    pub falta: Option<String>,
    /// Shown as proposed until the server has judged it.
    pub propoe: bool,
}

/// What else the person may do now.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Pode {
    /// Add and remove items.
    pub itens: bool,
    /// Add and remove expenses.
    pub despesas: bool,
    /// Add and remove links.
    pub vinculos: bool,
    /// Write internal notes.
    pub notas: bool,
    /// Write notes that the client reads.
    pub notas_ao_cliente: bool,
    /// Add and remove participantes.
    pub participantes: bool,
    /// Add and remove interessados.
    pub interessados: bool,
    /// Issue partial analyses.
    pub analise_parcial: bool,
}

/// What the person cannot change or ask for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bloqueio {
    /// The labels of fields, other parts and transitions.
    pub o_que: Vec<String>,
    /// The names of those of them that are fields.
    pub campos: Vec<&'static str>,
    /// Why, in a sentence.
    pub motivo: String,
}

impl From<Locked> for Bloqueio {
    fn from(locked: Locked) -> Self {
        Self { o_que: locked.what, campos: locked.fields, motivo: locked.why.mensagem() }
    }
}

/// A field that several people wrote at once (ff18).
#[derive(Clone, Debug, Serialize)]
pub struct ConflictShown {
    /// The field.
    pub campo: String,
    /// What the person reads.
    pub rotulo: String,
    /// Everything that was written, the one that shows first.
    pub versoes: Vec<VersionShown>,
}

/// One of several values.
#[derive(Clone, Debug, Serialize)]
pub struct VersionShown {
    /// The value as text.
    pub valor: String,
    /// Who wrote it.
    pub autor: String,
    /// When, by that person's clock.
    pub quando: DateTime<Utc>,
}

impl Phone {
    /// One document in full.
    ///
    /// # Errors
    /// `NaoEncontrado`; `Recusa` (out of scope: only [`Phone::pending`] shows what is left);
    /// `SemCadastros` while its tipo has not arrived; storage.
    pub fn show(&self, id: DocumentId) -> Result<Detalhe, Error> {
        self.read_as(|conn, account| {
            let absent = || Error::NaoEncontrado(id.to_string());
            let document = documents::load(conn, account.key, id)?.ok_or_else(absent)?;
            if !document.in_scope {
                return Err(Refusal::new(Codigo::ForaDeAlcance).into());
            }
            let View { registro, previsto, tipo } = client::view(&document, &account.ctx())?;
            let names = names::of_record(conn, account, &registro)?;
            let look = Look {
                record: &registro,
                expected: &previsto,
                tipo: &tipo,
                person: &account.pessoa,
                place: Onde::Aparelho,
                now: Utc::now(),
                zone: account.conta.fuso,
                names: &names,
            };
            Ok(Detalhe {
                linha: lists::uma(conn, account.key, id)?.ok_or_else(absent)?,
                tipo: tipo.codigo.clone(),
                tipo_nome: tipo.nome.clone(),
                etapa_desde: registro.etapa_desde(),
                campos: form::shown(campo_screens::form(&look)),
                endereco_efetivo: address(conn, account, &registro)?,
                itens: parts_of(&look, Colecao::Itens),
                despesas: parts_of(&look, Colecao::Despesas),
                anexos: parts_of(&look, Colecao::Anexos),
                vinculos: parts_of(&look, Colecao::Vinculos),
                vinculado_por: linked_by(conn, account, &look)?,
                analises: analyses(&look).iter().map(|one| analysis(&look, one)).collect(),
                acoes: registro.acoes.iter().map(|acao| action(&look, acao)).collect(),
                corretivas: registro
                    .corretivas
                    .iter()
                    .map(|link| corrective(&look, link))
                    .collect(),
                restricao: registro.restricao.as_ref().map(|listed| restriction(&look, listed)),
                participantes: people(&look, &registro.participantes),
                interessados: people(&look, &registro.interessados),
                verbos: buttons(&look).into_iter().map(Verbo::from).collect(),
                pode: Pode::from(may(&look)),
                bloqueios: locked(&look).into_iter().map(Bloqueio::from).collect(),
                sincronia: sync_state(conn, account.key, id)?,
                conflitos: disputes(&look).into_iter().map(|one| conflict(&look, one)).collect(),
                registro: registro.clone(),
            })
        })
    }
}

fn name(look: &Look<'_>, id: UserId) -> String {
    look.names.person_or_unknown(id).to_owned()
}

fn address(
    conn: &Connection,
    account: &Account,
    registro: &Registro,
) -> Result<Option<Dados>, Error> {
    let of_case = match registro.raiz() {
        raiz if raiz == registro.id => None,
        raiz => documents::load(conn, account.key, raiz)?.filter(|document| document.in_scope),
    };
    // A case that cannot be read yet keeps its address to itself, and nothing else from the reader.
    let of_case = of_case.and_then(|document| client::view(&document, &account.ctx()).ok());
    let case = of_case.as_ref().map_or(registro, |view| &view.registro);
    if case.kind != Kind::Assistencia {
        return Ok(None);
    }
    let contrato = match case.valor("contrato") {
        Valor::Texto(code) => references::dados(conn, account.key, "contrato", code)?,
        _ => None,
    };
    Ok(Some(preenchimento::endereco(case, contrato.as_ref())))
}

fn parts_of(look: &Look<'_>, collection: Colecao) -> Vec<PartShown> {
    let shown = |part: Part| {
        let filled = part.fields.into_iter().filter(|field| !field.value.vazio());
        let campos =
            filled.map(|field| Labelled { rotulo: field.label, valor: field.words.text }).collect();
        PartShown { id: part.id, campos, autor: name(look, part.by) }
    };
    parts(look, collection).rows.into_iter().map(shown).collect()
}

fn linked_by(
    conn: &Connection,
    account: &Account,
    look: &Look<'_>,
) -> Result<Vec<Vinculado>, Error> {
    let mut all = lists::vinculado_por(conn, account.key, look.record.id)?;
    for linked in &mut all {
        let campo = linked.linha.kind.campo_de(Colecao::Vinculos, "relacao");
        if let (Some(campo), Some(code)) = (campo, linked.relacao.take()) {
            let said = words(campo, &Valor::Texto(code), None, look.names, look.zone);
            linked.relacao = Some(said.text);
        }
    }
    Ok(all)
}

fn people(look: &Look<'_>, ids: &BTreeSet<UserId>) -> Vec<PersonShown> {
    ids.iter().map(|id| PersonShown { id: *id, nome: name(look, *id) }).collect()
}

fn analysis(look: &Look<'_>, one: &Analysis<'_>) -> AnalysisShown {
    let issued = one.analysis;
    AnalysisShown {
        id: issued.id,
        tipo: issued.tipo,
        rotulo: issued.tipo.rotulo(),
        texto: issued.texto.clone(),
        procedente: issued.procedente,
        autor: name(look, issued.autoria.por),
        quando: issued.quando,
        encaminhada_a: issued.encaminhar.map(|id| name(look, id)),
        vigente: one.in_force,
        aguarda: one.state == AnalysisState::Waits,
        recusa: match &one.state {
            AnalysisState::Refused(refusal) => Some(refusal.mensagem()),
            _ => None,
        },
    }
}

fn action(look: &Look<'_>, acao: &registro::Acao) -> ActionShown {
    let known = look.tipo.acao(&acao.codigo);
    ActionShown {
        rotulo: known.map_or(&acao.codigo, |known| &known.rotulo).clone(),
        situacao: acao.situacao.rotulo(),
        autor: name(look, acao.por),
        quando: acao.quando,
        observacao: acao.observacao.clone(),
        externo: acao.externo.clone(),
        retorno: acao.retorno.clone(),
        atualizada_em: acao.atualizada_em,
    }
}

fn corrective(look: &Look<'_>, link: &registro::Corretiva) -> CorrectiveShown {
    CorrectiveShown {
        numero: link.numero.clone(),
        autor: name(look, link.por),
        quando: link.quando,
    }
}

fn restriction(look: &Look<'_>, listed: &registro::Restricao) -> RestrictionShown {
    let group = |code: &String| look.names.entry("grupo", code).unwrap_or(code).to_owned();
    RestrictionShown {
        usuarios: listed.usuarios.iter().map(|id| name(look, *id)).collect(),
        grupos: listed.grupos.iter().map(group).collect(),
        autor: name(look, listed.por),
        quando: listed.quando,
    }
}

fn conflict(look: &Look<'_>, dispute: Dispute<'_>) -> ConflictShown {
    let versoes = dispute.versions.into_iter().map(|version| VersionShown {
        valor: version.words.text,
        autor: name(look, version.by),
        quando: version.at,
    });
    ConflictShown {
        campo: dispute.field.to_owned(),
        rotulo: dispute.label,
        versoes: versoes.collect(),
    }
}

impl From<Button<'_>> for Verbo {
    fn from(button: Button<'_>) -> Self {
        Verbo {
            verbo: button.verb.to_owned(),
            rotulo: button.label.to_owned(),
            para: button.leads_to.map(|situacao| situacao.nome.clone()),
            exige_motivo: button.needs_reason,
            analise: button.brings,
            oferece_email: button.offers_email,
            falta: button.lacks.map(|refusal| refusal.mensagem()),
            propoe: button.proposes,
        }
    }
}

impl From<May> for Pode {
    fn from(may: May) -> Self {
        Pode {
            itens: may.items.is_ok(),
            despesas: may.expenses.is_ok(),
            vinculos: may.links.is_ok(),
            notas: may.notes.is_ok(),
            notas_ao_cliente: may.notes_to_client.is_ok(),
            participantes: may.participants.is_ok(),
            interessados: may.interested.is_ok(),
            analise_parcial: may.partial_analysis.is_ok(),
        }
    }
}
