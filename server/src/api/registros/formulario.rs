//! The fields of a record as a form, as `campo_screens` has it.

use crate::reading::json;
use campo_screens::{Choice, Field, Look};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Um campo do formulário.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampoFicha {
    /// O nome do campo.
    campo: &'static str,
    /// O que uma pessoa lê.
    rotulo: String,
    /// O que aceita.
    #[schema(value_type = crate::schemas::TipoDeCampo)]
    tipo: &'static str,
    /// O catálogo, ou o tipo de registro, a que se refere.
    #[serde(skip_serializing_if = "Option::is_none")]
    alvo: Option<&'static str>,
    /// As opções de uma escolha.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    opcoes: Vec<Opcao>,
    /// Se precisa ser preenchido.
    obrigatorio: bool,
    /// Se a pessoa pode alterá-lo agora.
    editavel: bool,
    /// O que o formulário diz ao lado.
    #[serde(skip_serializing_if = "Option::is_none")]
    orientacao: Option<String>,
    /// O valor.
    valor: Value,
    /// O valor como uma pessoa o lê.
    exibicao: Option<String>,
}

/// Uma opção.
#[derive(Debug, Serialize, ToSchema)]
pub struct Opcao {
    /// O código.
    pub codigo: String,
    /// O que uma pessoa lê.
    pub rotulo: String,
}

impl CampoFicha {
    /// The form of a record.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let one = |field: Field| Self {
            campo: field.campo.nome,
            rotulo: field.label,
            tipo: field.campo.codigo_do_tipo(),
            alvo: field.campo.alvo(),
            opcoes: field.choices.into_iter().map(Opcao::from).collect(),
            obrigatorio: field.required,
            editavel: field.editable.is_ok(),
            orientacao: field.hint,
            valor: json::valor(field.campo, &field.value),
            exibicao: field.words.known(),
        };
        campo_screens::form(look).into_iter().map(one).collect()
    }
}

impl From<Choice> for Opcao {
    fn from(choice: Choice) -> Self {
        Self { codigo: choice.code, rotulo: choice.label }
    }
}
