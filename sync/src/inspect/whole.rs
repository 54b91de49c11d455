//! A change as a whole, once each of its operations is known: new notes, requests and analyses are
//! complete, and a genesis makes all of its document.

use super::{
    header::Header,
    inspected::{Genesis, Write},
    refuse::{forbidden, instant},
    shape::{DO_SERVIDOR, Part, Path, Registros, root_container, root_containers},
    walk::Walk,
};
use automerge::ScalarValue;
use campo_domain::{ids::PedidoId, refusal::Refusal, registro::TipoAnalise, workflow};

/// Whether what the change writes is complete, and at most one request.
pub(super) fn complete(walk: &Walk<'_>) -> Result<(), Refusal> {
    for write in &walk.writes {
        complete_write(walk, write)?;
    }
    let requests = walk.writes.iter().filter(|write| matches!(write, Write::Pedido(_)));
    if requests.count() > 1 { Err(forbidden()) } else { Ok(()) }
}

fn complete_write(walk: &Walk<'_>, write: &Write) -> Result<(), Refusal> {
    let (what, id, texts) = match write {
        Write::Nota { id, .. } => (Registros::Notas, id.uuid(), ["texto", "visibilidade"]),
        Write::Pedido(id) => (Registros::Pedidos, id.uuid(), ["verbo", "motivo"]),
        Write::Analise { id, .. } => (Registros::Analises, id.uuid(), ["texto", "tipo"]),
        _ => return Ok(()),
    };
    let part = walk.parts.get(&(what, id)).ok_or_else(forbidden)?;
    let is_text = |scalar: &ScalarValue| matches!(scalar, ScalarValue::Str(_));
    let is_bool = |scalar: &ScalarValue| matches!(scalar, ScalarValue::Boolean(_));
    let of_its_type = texts.iter().all(|name| part.fits(name, is_text))
        && ["email", "procedente"].iter().all(|name| part.fits(name, is_bool))
        && ["resposta_a", "pedido", "encaminhar"]
            .iter()
            .all(|name| part.fits(name, |_| part.id(name).is_some()));
    let Some(ScalarValue::Timestamp(ms)) = part.0.get("em") else { return Err(forbidden()) };
    instant(*ms)?;
    let text = |name: &str| part.text(name).unwrap_or_default();
    let right = match write {
        Write::Nota { .. } => {
            workflow::valid_text(text("texto"), "Acompanhamento")?;
            matches!(text("visibilidade"), "interna" | "cliente")
        }
        Write::Pedido(_) => {
            if let Some(motivo) = part.text("motivo") {
                workflow::valid_text(motivo, "Motivo")?;
            }
            let verbo = text("verbo");
            let in_a_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            (1..=64).contains(&verbo.len()) && verbo.bytes().all(in_a_name)
        }
        Write::Analise { tipo, .. } => {
            workflow::valid_text(text("texto"), tipo.rotulo())?;
            whole_analysis(walk, part, *tipo)
        }
        _ => true,
    };
    if right && of_its_type { Ok(()) } else { Err(forbidden()) }
}

/// Every analysis but a partial one has its request in the same change.
fn whole_analysis(walk: &Walk<'_>, part: &Part, tipo: TipoAnalise) -> bool {
    let partial = tipo == TipoAnalise::Parcial;
    let pedido = part.id("pedido").map(PedidoId::from);
    let together = pedido.map(|pedido| walk.writes.contains(&Write::Pedido(pedido)));
    together == (!partial).then_some(true)
        && part.has("procedente") == (tipo == TipoAnalise::Laudo)
        && (partial || !part.has("encaminhar"))
}

/// The document that a change makes, all of it and nothing but its first content.
pub(super) fn genesis(walk: &Walk<'_>, header: &Header) -> Result<Genesis, Refusal> {
    let kind = walk.kind;
    let roots: Vec<Path> = root_containers().filter_map(root_container).collect();
    let own = DO_SERVIDOR.map(Path::DoServidor);
    let all_made = roots.iter().chain(&own).all(|path| walk.made.values().any(|made| made == path));
    let only_content = walk.writes.iter().all(|write| {
        !matches!(write, Write::Nota { .. } | Write::Pedido(_) | Write::Analise { .. })
    });
    match header.complete() {
        Some((id, tipo)) if all_made && only_content => Ok(Genesis { id, kind, tipo }),
        _ => Err(forbidden()),
    }
}
