//! A case as its client sees it in the portal (R23–R27, R52): the form that opens one, and what of
//! it the client reads. What is the company's own is not in it.

use crate::form::{Field, NewForm, new_form};
use campo_domain::{
    fluxo::{Fase, Situacao},
    pessoa::Pessoa,
    registro::Registro,
    tipo::{Leitura, Tipo},
    valor::{Campo, Valor},
};
use chrono::{DateTime, Utc};

/// The form that opens a case of a tipo in the portal: the fields that a client fills in, without
/// the categories that are the company's own (R27).
pub fn client_form(tipo: &Tipo, person: &Pessoa) -> NewForm {
    let all = new_form(tipo, person);
    let fields = all.fields.into_iter().filter(|field| client_fills(tipo, field.campo));
    let fields = fields.map(|mut field: Field| {
        field.choices.retain(|choice| !is_internal(tipo, field.campo, &choice.code));
        field
    });
    let files_hint = all.files_hint;
    let none = Vec::new;
    NewForm { fields: fields.collect(), items: none(), expenses: none(), links: none(), files_hint }
}

/// Whether the choice is the company's own, so that no client makes it.
pub fn is_internal(tipo: &Tipo, campo: &Campo, code: &str) -> bool {
    campo.nome == "categoria" && tipo.categoria(code).is_some_and(|c| c.interna)
}

fn client_fills(tipo: &Tipo, campo: &Campo) -> bool {
    tipo.portal_campos.iter().any(|name| name == campo.nome)
}

/// The fields that a client reads in some stage or other, each with what it reads now: nothing
/// while the value is the company's own. Which fields these are depends on the tipo alone, for one
/// that appeared would tell of the stage.
pub fn client_reads(record: &Registro, tipo: &Tipo) -> Vec<(&'static Campo, Valor)> {
    let read = |campo: &&'static Campo| {
        let named = tipo.portal_leitura.iter().map(Leitura::campo);
        client_fills(tipo, campo) || named.into_iter().any(|name| name == campo.nome)
    };
    let fields = tipo.kind.campos().iter().filter(read);
    fields.map(|campo| (campo, client_value(record, tipo, campo))).collect()
}

fn client_value(record: &Registro, tipo: &Tipo, campo: &Campo) -> Valor {
    if !tipo.le_no_portal(campo.nome, record.situacao(tipo)) {
        return Valor::Nulo;
    }
    match campo.nome {
        "prioridade" => {
            record.prioridade(tipo).map_or(Valor::Nulo, |code| Valor::Texto(code.to_owned()))
        }
        name => record.valor(name).clone(),
    }
}

/// The title of a case, where its client may read the field that it is taken from.
pub fn client_title(record: &Registro, tipo: &Tipo) -> String {
    let field = if record.valor("assunto").vazio() { "relato" } else { "assunto" };
    match tipo.le_no_portal(field, record.situacao(tipo)) {
        true => record.titulo(),
        false => String::new(),
    }
}

/// Whether an answer of the client is waited for in that situação.
pub fn waits_for_client(situacao: Option<&Situacao>) -> bool {
    situacao.is_some_and(|situacao| situacao.fase == Fase::EsperaCliente)
}

/// A stage that a case passed through, as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientStep<'a> {
    /// The stage.
    pub situacao: &'a Situacao,
    /// When the case came to it, by the server's clock; none before it arrived.
    pub at: Option<DateTime<Utc>>,
    /// What was said then.
    pub reason: Option<&'a str>,
}

/// The stages that the client may see, and what was said between them (R52).
pub fn client_steps<'a>(record: &'a Registro, tipo: &'a Tipo) -> Vec<ClientStep<'a>> {
    let visible = |code: &str| tipo.fluxo.situacao(code).filter(|s| s.visivel_cliente);
    let mut done: Vec<_> = record.feitos().collect();
    done.sort_by_key(|(_, verdict)| verdict.quando);
    let initial = done.first().map(|(_, verdict)| verdict.de.as_str());
    let initial = tipo.situacao(initial.or(record.situacao.as_deref()));
    let mut steps: Vec<ClientStep<'a>> = initial
        .filter(|situacao| situacao.visivel_cliente)
        .map(|situacao| ClientStep { situacao, at: record.recebido_em, reason: None })
        .into_iter()
        .collect();
    for (request, verdict) in done {
        let Some(to) = visible(&verdict.para) else { continue };
        // From inside to where it was seen last: for the client nothing happened.
        if steps.last().is_some_and(|last| last.situacao.codigo == to.codigo) {
            continue;
        }
        // What is said on the way out of an internal stage is for the client only where the case
        // ends or waits for it.
        let said =
            visible(&verdict.de).is_some() || !to.fase.aberta() || to.fase == Fase::EsperaCliente;
        steps.push(ClientStep {
            situacao: to,
            at: Some(verdict.quando),
            reason: request.motivo.as_deref().filter(|_| said),
        });
    }
    steps
}
