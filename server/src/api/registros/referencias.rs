//! Whether what a request refers to exists. A phone without a connection cannot know; whoever calls
//! the API can be told.

use super::read::RecordRead;
use crate::{
    app::App,
    error::{ApiError, ApiResult},
    http::principal::Principal,
    office::preparo,
    reading::references,
};
use campo_domain::{
    command::{Command, Listados, NovoItem},
    kind::Kind,
    parte::Colecao,
    refusal::{Codigo, Refusal},
    tipo::Tipo,
    valor::{Campo, Valor},
};

/// Checks the references among the values: people of the company, records that the person may see,
/// entries of catalogues that are in use.
///
/// # Errors
/// `valor_invalido`, `cliente_do_portal`, with the name of the field.
pub async fn check(
    app: &App,
    quem: &Principal,
    tipo: &Tipo,
    valores: &[(&'static Campo, Valor)],
) -> ApiResult<()> {
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let fora = preparo::fora_de_uso(&mut tx, &quem.pessoa, tipo, valores).await?;
    let primeira = fora.into_iter().find_map(|(lugar, codigo)| Some((valores.get(lugar)?, codigo)));
    match primeira {
        Some(((campo, _), codigo)) => {
            let refusal = Refusal::with(codigo, [campo.rotulo.to_owned()]);
            Err(ApiError::from(refusal).with("campo", campo.nome))
        }
        None => Ok(()),
    }
}

/// Checks the groups of a restriction.
///
/// # Errors
/// `valor_invalido`.
pub async fn check_groups(app: &App, quem: &Principal, listados: &Listados) -> ApiResult<()> {
    let grupos: Vec<&str> = listados.grupos.iter().map(String::as_str).collect();
    if grupos.is_empty() {
        return Ok(());
    }
    let mut tx = app.db.snapshot(quem.tenant).await?;
    let conhecidos = references::groups_known(&mut tx, &grupos).await?;
    if conhecidos.unsigned_abs() == grupos.len() as u64 {
        return Ok(());
    }
    Err(Refusal::with(Codigo::ValorInvalido, ["Grupo".to_owned()]).into())
}

/// Checks what a list of commands refers to.
///
/// # Errors
/// `valor_invalido`.
pub async fn check_commands(
    app: &App,
    quem: &Principal,
    read: &RecordRead,
    comandos: &[Command],
) -> ApiResult<()> {
    let kind = read.record.kind;
    let mut valores = Vec::new();
    for comando in comandos {
        match comando {
            Command::Editar { campo, valor, .. } => {
                valores.extend(kind.campo(campo).map(|campo| (campo, valor.clone())));
            }
            Command::IncluirItem { em, item } => valores.extend(of_part(kind, *em, item)),
            Command::EditarItem { em, campo, valor, .. } => {
                valores.extend(kind.campo_de(*em, campo).map(|campo| (campo, valor.clone())));
            }
            Command::Restringir { para: Some(para) } => check_groups(app, quem, para).await?,
            _ => {}
        }
    }
    check(app, quem, &read.tipo, &valores).await
}

/// The fields of a new part, with their definitions.
pub fn of_part(kind: Kind, em: Colecao, item: &NovoItem) -> Vec<(&'static Campo, Valor)> {
    let campos = item.campos.iter();
    campos.filter_map(|(nome, valor)| Some((kind.campo_de(em, nome)?, valor.clone()))).collect()
}
