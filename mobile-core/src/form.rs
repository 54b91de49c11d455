//! The form of a tipo (R25, R30): its fields in order, by the company's names, with what each
//! accepts and what stands beside it. The same for a record that begins and for one that is shown.

use crate::{creation, error::Error, phone::Phone, render::digitavel};
use campo_domain::{
    kind::Kind,
    parte::Colecao,
    policy::{self, Parte},
    tipo::Tipo,
    valor::{self, Valor},
};
use serde::Serialize;

/// A field of a form and what stands in it.
#[derive(Clone, Debug, Serialize)]
pub struct FieldShown {
    /// Stable name.
    pub nome: &'static str,
    /// What the person reads.
    pub rotulo: String,
    /// texto, texto_longo, dinheiro, quantidade, inteiro, logico, data, instante, escolha,
    /// catalogo, usuario or registro.
    pub aceita: &'static str,
    /// The catalogue, or the kind of record, that it refers to.
    pub alvo: Option<&'static str>,
    /// What may be chosen, where that is a fixed list.
    pub opcoes: Vec<Opcao>,
    /// Whether the tipo requires it.
    pub obrigatorio: bool,
    /// Whether this person may write it now.
    pub editavel: bool,
    /// What the form says beside it (R25).
    pub orientacao: Option<String>,
    /// The value as text; empty where nothing is filled in.
    pub valor: String,
    /// The value as one types it, for [`Phone::editar`].
    pub texto: String,
}

/// Something that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Opcao {
    /// Its code.
    pub codigo: String,
    /// What the person reads.
    pub rotulo: String,
    /// The priority that a category brings (R27).
    pub prioridade: Option<String>,
}

/// What a screen asks for to create a record.
#[derive(Clone, Debug, Serialize)]
pub struct Formulario {
    /// Code of the tipo.
    pub tipo: String,
    /// Its name.
    pub nome: String,
    /// What kind of record it makes.
    pub kind: Kind,
    /// The record's fields.
    pub campos: Vec<FieldShown>,
    /// The fields of an item.
    pub itens: Vec<FieldShown>,
    /// The fields of an expense; none where the tipo keeps no expenses (R35).
    pub despesas: Vec<FieldShown>,
    /// The fields of a link.
    pub vinculos: Vec<FieldShown>,
    /// What the form says about files.
    pub orientacao_anexos: Option<String>,
}

impl Phone {
    /// The form of a tipo, by its code or its name.
    ///
    /// # Errors
    /// `Recusa` where there is no such tipo, `Ambiguo`, `NinguemEntrou`, storage.
    pub fn formulario(&self, kind: Kind, tipo: &str) -> Result<Formulario, Error> {
        self.read_as(|conn, account| {
            let tipo = creation::chamado(conn, account, kind, tipo)?;
            let pode = |parte| policy::pode_criar(&account.pessoa, &tipo, parte).is_ok();
            let vazio = (String::new(), &Valor::Nulo);
            let campos = tipo.kind.campos().iter().filter(|campo| tem(&tipo, campo));
            let partes = |em: Colecao| {
                let campos = tipo.kind.campos_de(em).iter();
                let campos = campos.filter(|campo| tem_na_parte(&tipo, em, campo));
                campos.map(|campo| da_parte(campo, em, pode(Parte::CampoItem(em, campo)))).collect()
            };
            Ok(Formulario {
                tipo: tipo.codigo.clone(),
                nome: tipo.nome.clone(),
                kind: tipo.kind,
                campos: campos
                    .map(|campo| exibido(campo, &tipo, pode(Parte::Campo(campo)), vazio.clone()))
                    .collect(),
                itens: partes(Colecao::Itens),
                despesas: partes(Colecao::Despesas),
                vinculos: partes(Colecao::Vinculos),
                orientacao_anexos: tipo.orientacoes.get("anexos").cloned(),
            })
        })
    }
}

/// Whether the record's form has the field.
pub(crate) fn tem(tipo: &Tipo, campo: &valor::Campo) -> bool {
    tipo.tem_campo(campo.nome) && (campo.nome != "procedencia" || tipo.analisa_procedencia)
}

fn tem_na_parte(tipo: &Tipo, em: Colecao, campo: &valor::Campo) -> bool {
    match (em, campo.nome) {
        (Colecao::Despesas, _) => tipo.despesas,
        (Colecao::Itens, "procedencia") if !tipo.analisa_procedencia => false,
        (Colecao::Itens, "valor_indenizado") if tipo.indenizacao.is_none() => false,
        (Colecao::Itens, nome) => tipo.tem_campo_item(nome),
        _ => true,
    }
}

/// A field of the record; `valor` is how it reads, and itself.
pub(crate) fn exibido(
    campo: &'static valor::Campo,
    tipo: &Tipo,
    editavel: bool,
    (lido, valor): (String, &Valor),
) -> FieldShown {
    FieldShown {
        nome: campo.nome,
        rotulo: tipo.rotulo(campo.nome).to_owned(),
        aceita: campo.codigo_do_tipo(),
        alvo: campo.alvo(),
        opcoes: opcoes(campo, tipo),
        obrigatorio: tipo.obrigatorios.iter().any(|nome| nome == campo.nome),
        editavel,
        orientacao: tipo.orientacoes.get(campo.nome).cloned(),
        valor: lido,
        texto: digitavel(campo, valor),
    }
}

fn da_parte(campo: &'static valor::Campo, em: Colecao, editavel: bool) -> FieldShown {
    FieldShown {
        nome: campo.nome,
        rotulo: campo.rotulo.to_owned(),
        aceita: campo.codigo_do_tipo(),
        alvo: campo.alvo(),
        opcoes: escolhas(campo),
        obrigatorio: em.obrigatorios().contains(&campo.nome),
        editavel,
        orientacao: None,
        valor: String::new(),
        texto: String::new(),
    }
}

fn opcoes(campo: &valor::Campo, tipo: &Tipo) -> Vec<Opcao> {
    let opcoes = tipo.opcoes(campo).into_iter();
    opcoes
        .map(|(codigo, rotulo)| Opcao {
            codigo: codigo.to_owned(),
            rotulo: rotulo.to_owned(),
            prioridade: (campo.nome == "categoria")
                .then(|| Some(tipo.categoria(codigo)?.prioridade.clone()))
                .flatten(),
        })
        .collect()
}

fn escolhas(campo: &valor::Campo) -> Vec<Opcao> {
    let opcoes = campo.escolhas().iter();
    opcoes
        .map(|(codigo, rotulo)| Opcao {
            codigo: (*codigo).to_owned(),
            rotulo: (*rotulo).to_owned(),
            prioridade: None,
        })
        .collect()
}
