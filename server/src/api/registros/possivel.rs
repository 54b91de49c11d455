//! What a person may do to a record now, with what each thing still lacks, as `campo_screens` has
//! it.

use super::vista::Recusa;
use crate::reading::json::Situacao;
use campo_domain::registro::TipoAnalise;
use campo_screens::{Button, ErpAction, Locked, Look, May};
use serde::Serialize;
use utoipa::ToSchema;

/// Uma transição que se pode pedir.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verbo {
    /// O nome da transição, para o endereço do pedido.
    verbo: String,
    /// O que uma pessoa lê.
    rotulo: String,
    /// Aonde leva.
    para: Option<Situacao>,
    /// Se o pedido leva um motivo.
    motivo: bool,
    /// A análise que o pedido leva: laudo, solucao ou parecer.
    #[schema(value_type = Option<crate::schemas::TipoDeAnalise>)]
    analise: Option<&'static str>,
    /// Se a análise diz se a reclamação procede.
    procedente: bool,
    /// Se o pedido pode avisar o cliente por e-mail.
    oferece_email: bool,
    /// O que ainda falta para que seja aceito.
    falta: Option<Recusa>,
}

/// Uma ação que se pode pedir ao ERP.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcaoPossivel {
    /// O código.
    codigo: String,
    /// O que uma pessoa lê.
    rotulo: String,
    /// O que ainda falta.
    falta: Option<Recusa>,
}

/// O que a pessoa não pode alterar nem pedir agora, e por quê.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bloqueio {
    /// Campos, outras partes do registro e transições, pelo nome que uma pessoa lê.
    o_que: Vec<String>,
    /// Os que são campos do registro, pelo nome do campo.
    campos: Vec<&'static str>,
    /// O motivo, um só para todos.
    motivo: Recusa,
}

/// O que mais a pessoa pode fazer agora.
#[derive(Debug, Serialize, ToSchema)]
pub struct Pode {
    /// Incluir e remover itens.
    itens: bool,
    /// Incluir e remover despesas.
    despesas: bool,
    /// Incluir anexos.
    anexos: bool,
    /// Remover anexos.
    remover_anexos: bool,
    /// Incluir e remover vínculos.
    vinculos: bool,
    /// Anotar.
    notas: bool,
    /// Incluir e remover participantes.
    participantes: bool,
    /// Incluir e remover interessados.
    interessados: bool,
    /// Registrar análises parciais.
    analise_parcial: bool,
    /// Restringir a visualização.
    restringir: bool,
    /// Vincular a uma ação corretiva.
    vincular_corretiva: bool,
}

impl Verbo {
    /// The transitions that the person may ask for.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let one = |button: Button<'_>| Self {
            verbo: button.verb.to_owned(),
            rotulo: button.label.to_owned(),
            para: button.leads_to.map(Situacao::from),
            motivo: button.needs_reason,
            analise: button.brings.map(TipoAnalise::codigo),
            procedente: button.says_founded,
            oferece_email: button.offers_email,
            falta: button.lacks.as_ref().map(Recusa::from),
        };
        campo_screens::buttons(look).into_iter().map(one).collect()
    }
}

impl AcaoPossivel {
    /// The actions that the person may ask for, those that lack a field included.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let one = |action: ErpAction<'_>| Self {
            codigo: action.code.to_owned(),
            rotulo: action.label.to_owned(),
            falta: action.lacks.as_ref().map(Recusa::from),
        };
        campo_screens::erp_actions(look).into_iter().map(one).collect()
    }
}

impl Bloqueio {
    /// Everything that the person cannot change now, by reason.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let one = |Locked { what, fields, why }| Self {
            o_que: what,
            campos: fields,
            motivo: (&why).into(),
        };
        campo_screens::locked(look).into_iter().map(one).collect()
    }
}

impl From<May> for Pode {
    fn from(may: May) -> Self {
        Self {
            itens: may.items.is_ok(),
            despesas: may.expenses.is_ok(),
            anexos: may.files.is_ok(),
            remover_anexos: may.remove_files.is_ok(),
            vinculos: may.links.is_ok(),
            notas: may.notes.is_ok(),
            participantes: may.participants.is_ok(),
            interessados: may.interested.is_ok(),
            analise_parcial: may.partial_analysis.is_ok(),
            restringir: may.restrict.is_ok(),
            vincular_corretiva: may.join_corrective.is_ok(),
        }
    }
}
