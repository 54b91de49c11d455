//! The terminal client's commands that make or change a record.

use crate::{
    args::{NewArgs, PersonArgs, WriteCommand},
    complete,
    failure::Failure,
    output::Output,
};
use campo_domain::{
    ids::{DocumentId, UserId},
    kind::Kind,
    parte::Colecao,
};
use campo_mobile_core::{Error, Phone};

/// Runs one of them.
pub fn run(phone: &Phone, output: &Output, command: &WriteCommand) -> Result<(), Failure> {
    let id = |texto: &str| phone.resolver(texto, None);
    let created = |id: DocumentId| Ok(output.created(phone, id)?);
    let done = |id: DocumentId| Ok(output.done(phone, id)?);
    match command {
        WriteCommand::NewAssistencia(new) => {
            created(create(phone, Kind::Assistencia, new, &[], true)?)
        }
        WriteCommand::NewCliente(new) => created(create(phone, Kind::Cliente, new, &[], false)?),
        WriteCommand::NewAgenda { novo, assistencia, ocorrencia } => {
            let new = novo.with("assistencia", assistencia).with("ocorrencia", ocorrencia);
            created(create(phone, Kind::Agenda, &new, &[], true)?)
        }
        WriteCommand::NewOcorrencia { novo, assistencia, item } => {
            let new = novo.with("assistencia", assistencia);
            created(create(phone, Kind::Ocorrencia, &new, item, false)?)
        }
        WriteCommand::Duplicate { id: texto, campo } => {
            created(duplicate(phone, id(texto)?, campo)?)
        }
        WriteCommand::Edit { id: texto, campo, valor } => {
            let id = id(texto)?;
            let kind = phone.show(id)?.registro.kind;
            phone.editar(id, campo, &complete::value(phone, kind.campo(campo), valor)?)?;
            done(id)
        }
        WriteCommand::AddItem { id: texto, item } => {
            done(add(phone, id(texto)?, Colecao::Itens, item)?)
        }
        WriteCommand::AddDespesa { id: texto, despesa } => {
            done(add(phone, id(texto)?, Colecao::Despesas, despesa)?)
        }
        WriteCommand::AddVinculo { id: texto, vinculo } => {
            done(add(phone, id(texto)?, Colecao::Vinculos, vinculo)?)
        }
        WriteCommand::EditPart { id: texto, parte, campo, valor } => {
            let id = id(texto)?;
            let field = complete::field_of_part(phone, id, *parte, campo)?;
            phone.editar_item(id, *parte, campo, &complete::value(phone, field, valor)?)?;
            done(id)
        }
        WriteCommand::RemovePart { id: texto, parte } => {
            let id = id(texto)?;
            phone.remover_item(id, *parte)?;
            done(id)
        }
        WriteCommand::Participante(person) => done(involve(phone, person, Phone::participar)?),
        WriteCommand::Interessado(person) => done(involve(phone, person, Phone::interessar)?),
    }
}

fn create(
    phone: &Phone,
    kind: Kind,
    new: &NewArgs,
    items: &[String],
    assigns: bool,
) -> Result<DocumentId, Failure> {
    let mut fields = Vec::new();
    for (name, value) in &new.campo {
        fields.push((name.clone(), complete::value(phone, kind.campo(name), value)?));
    }
    // Who writes it down does it, unless somebody else is named.
    if let (true, Some(conta)) = (assigns, phone.conta()?)
        && !fields.iter().any(|(name, _)| name == "responsavel")
    {
        fields.push(("responsavel".into(), conta.usuario.to_string()));
    }
    let mut parts = Vec::new();
    for item in items {
        parts.push(complete::part(phone, kind, Colecao::Itens, item)?);
    }
    Ok(phone.novo(kind, new.tipo.as_deref(), &fields, &parts)?)
}

fn duplicate(
    phone: &Phone,
    id: DocumentId,
    others: &[(String, String)],
) -> Result<DocumentId, Failure> {
    let copy = phone.copiar(id)?;
    let mut fields = copy.campos;
    for (name, value) in others {
        fields.retain(|(copied, _)| copied != name);
        fields.push((name.clone(), complete::value(phone, copy.kind.campo(name), value)?));
    }
    Ok(phone.novo(copy.kind, Some(&copy.tipo), &fields, &copy.itens)?)
}

fn add(phone: &Phone, id: DocumentId, em: Colecao, text: &str) -> Result<DocumentId, Failure> {
    let kind = phone.show(id)?.registro.kind;
    phone.incluir_parte(id, em, &complete::part(phone, kind, em, text)?)?;
    Ok(id)
}

fn involve(
    phone: &Phone,
    person: &PersonArgs,
    how: impl Fn(&Phone, DocumentId, UserId, bool) -> Result<(), Error>,
) -> Result<DocumentId, Failure> {
    let id = phone.resolver(&person.id, None)?;
    how(phone, id, phone.resolver_usuario(&person.usuario)?, !person.remover)?;
    Ok(id)
}
