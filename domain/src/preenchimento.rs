//! What a form fills in by itself, on the phone and in the office alike, and what a copy of a
//! record keeps.

use crate::{
    command::NovoItem,
    ids::{DocumentId, ItemId},
    kind::Kind,
    parte::Colecao,
    pessoa::Pessoa,
    refusal::{Codigo, Refusal},
    registro::{Campos, Registro},
    tipo::Tipo,
    valor::{self, Valor},
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is at hand while a form is filled in.
#[derive(Clone, Copy, Debug)]
pub struct Contexto<'a> {
    /// Who fills it in.
    pub pessoa: &'a Pessoa,
    /// The time of it.
    pub agora: DateTime<Utc>,
    /// The fields of the client that is named, if there is one.
    pub cliente: Option<&'a Campos>,
    /// What the catalogue knows of the contract that is named, if there is one.
    pub contrato: Option<&'a Dados>,
    /// What the catalogue knows of the origem that is named, if there is one.
    pub origem: Option<&'a Dados>,
    /// The assistência of the ocorrência that an agenda names, so that the agenda joins its case.
    pub assistencia: Option<DocumentId>,
}

/// What the catalogue knows of an entry, by name.
pub type Dados = BTreeMap<String, String>;

/// Fills in what the person left empty and Campo knows: the e-mail from the client's record and the
/// branch from the login (R32), the time of the call (R31), the client of the contract (R9), client
/// and supplier of the origem (R6), and a client's own name in the portal (R23).
pub fn completar(tipo: &Tipo, campos: &mut Campos, contexto: &Contexto<'_>) {
    let portal = contexto.pessoa.portal();
    let seu = |nome: &str| nome == "cliente" || tipo.portal_campos.iter().any(|c| c == nome);
    let mut preencher = |nome: &str, valor: Option<Valor>| {
        let tem = tipo.kind.campo(nome).filter(|_| tipo.tem_campo(nome));
        let tem = tem.filter(|_| !portal || seu(nome));
        let vazio = campos.get(nome).is_none_or(Valor::vazio);
        let valor = valor.filter(|valor| tem.is_some_and(|campo| campo.validar(valor).is_ok()));
        if let Some(valor) = valor.filter(|valor| vazio && !valor.vazio()) {
            campos.insert(nome.to_owned(), valor);
        }
    };
    let id = |texto: &String| Some(Valor::Id(texto.parse::<Uuid>().ok()?));
    if portal {
        preencher("cliente", contexto.pessoa.cliente.map(|id| Valor::Id(id.into())));
    } else {
        preencher("filial", contexto.pessoa.filial.clone().map(Valor::Texto));
        // Only where the tipo lists the field: a tipo that lists none has all, and asks for none.
        let no_formulario = tipo.formulario.iter().any(|campo| campo == "atendimento_em");
        preencher("atendimento_em", no_formulario.then_some(Valor::Instante(contexto.agora)));
    }
    for dados in [contexto.contrato, contexto.origem].into_iter().flatten() {
        preencher("cliente", dados.get("cliente").and_then(id));
        preencher("fornecedor", dados.get("fornecedor").cloned().map(Valor::Texto));
    }
    if let Some(cliente) = contexto.cliente {
        let email = cliente.get("email");
        let escrito = |email: &&Valor| email.texto().is_some_and(valor::email_valido);
        preencher("contato_email", email.filter(escrito).cloned());
    }
    if tipo.kind == Kind::Agenda {
        preencher("assistencia", contexto.assistencia.map(|id| Valor::Id(id.into())));
    }
}

/// Whether the contract may stand in a record of that client: it is that one's, or the catalogue
/// does not say whose it is (R9).
fn contrato_do_cliente(contrato: &Dados, cliente: Option<Uuid>) -> bool {
    let dono = contrato.get("cliente").and_then(|texto| texto.parse::<Uuid>().ok());
    dono.zip(cliente).is_none_or(|(dono, cliente)| dono == cliente)
}

/// Whether the fields name a contract of their own client.
///
/// # Errors
/// `contrato_de_outro_cliente`.
pub fn conferir_contrato(campos: &Campos, contrato: Option<&Dados>) -> Result<(), Refusal> {
    let cliente = campos.get("cliente").and_then(Valor::id);
    match contrato {
        Some(contrato) if !contrato_do_cliente(contrato, cliente) => {
            Err(Refusal::new(Codigo::ContratoDeOutroCliente))
        }
        _ => Ok(()),
    }
}

/// The address that counts: the contract's address of delivery where there is one, else the
/// record's own (R11). Another client's contract gives none. Fields by name: `endereco`, `cidade`,
/// `uf`, `cep`.
pub fn endereco(registro: &Registro, contrato: Option<&Dados>) -> Dados {
    const NOMES: [&str; 4] = ["endereco", "cidade", "uf", "cep"];
    let do_contrato = contrato
        .filter(|dados| dados.get("endereco").is_some_and(|e| !e.is_empty()))
        .filter(|dados| contrato_do_cliente(dados, registro.referencia("cliente")));
    let valor = |nome: &str| match do_contrato {
        Some(dados) => dados.get(nome).cloned(),
        None => registro.valor(nome).texto().map(str::to_owned),
    };
    NOMES.iter().filter_map(|nome| Some(((*nome).to_owned(), valor(nome)?))).collect()
}

/// Fields that a copy leaves empty: they tell what happened to the original.
const SO_DO_ORIGINAL: [&str; 8] = [
    "atendimento_em",
    "plano_mensal",
    "prazo",
    "prazo_entrega",
    "previsao_correcao",
    "procedencia",
    "resolucao",
    "esforco",
];

/// The fields and items of a copy (R94), as far as the tipo has them today: to be looked at, then
/// saved as a new record.
pub fn duplicar(
    original: &Registro,
    tipo: &Tipo,
    mut mint: impl FnMut() -> ItemId,
) -> (Campos, Vec<NovoItem>) {
    let que_ficam = |campos: &Campos, tem: &dyn Fn(&str) -> bool| -> Campos {
        let mut campos = campos.clone();
        campos.retain(|nome, valor| {
            !SO_DO_ORIGINAL.contains(&nome.as_str()) && tem(nome) && !valor.vazio()
        });
        campos
    };
    let itens = original.vivos(Colecao::Itens).map(|(_, item)| NovoItem {
        id: mint(),
        campos: que_ficam(&item.campos, &|nome| tipo.tem_campo_item(nome)),
    });
    let itens = itens.collect();
    (que_ficam(&original.campos, &|nome| tipo.tem_campo(nome)), itens)
}
