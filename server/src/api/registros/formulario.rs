//! The fields of a record as a form: in order, with labels, what each accepts, and whether the
//! person may write it now.

use crate::reading::{json, nomes::Nomes};
use campo_domain::{
    pessoa::Pessoa,
    policy::{self, Parte},
    registro::Registro,
    tipo::Tipo,
    valor::Campo,
};
use chrono_tz::Tz;
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

/// The form of a record.
pub fn campos(
    registro: &Registro,
    tipo: &Tipo,
    pessoa: &Pessoa,
    nomes: &Nomes,
    fuso: Tz,
) -> Vec<CampoFicha> {
    let tem = |campo: &&Campo| tipo.tem_campo(campo.nome) || !registro.valor(campo.nome).vazio();
    let um = |campo: &'static Campo| {
        let valor = registro.valor(campo.nome);
        let parte = Parte::Campo(campo);
        CampoFicha {
            campo: campo.nome,
            rotulo: tipo.rotulo(campo.nome).to_owned(),
            tipo: campo.codigo_do_tipo(),
            alvo: campo.alvo(),
            opcoes: opcoes(campo, tipo),
            obrigatorio: tipo.obrigatorios.iter().any(|nome| nome == campo.nome),
            editavel: policy::pode_alterar_registro(pessoa, registro, tipo, parte).is_ok(),
            orientacao: tipo.orientacoes.get(campo.nome).cloned(),
            valor: json::valor(campo, valor),
            exibicao: nomes.exibir(campo, valor, fuso),
        }
    };
    registro.kind.campos().iter().filter(tem).map(um).collect()
}

/// The options of a field, narrowed to what the tipo has of them.
pub fn opcoes(campo: &Campo, tipo: &Tipo) -> Vec<Opcao> {
    let opcoes = tipo.opcoes(campo).into_iter();
    opcoes.map(|(c, r)| Opcao { codigo: c.to_owned(), rotulo: r.to_owned() }).collect()
}
