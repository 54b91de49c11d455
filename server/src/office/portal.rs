//! What a client's login writes in the portal (R23–R26).

use crate::reading::Catalogues;
use campo_domain::{
    command::Command,
    fluxo::{Fase, Guarda, Quem, Transicao},
    ids::PedidoId,
    pessoa::Pessoa,
    policy::{self, Parte},
    refusal::Refusal,
    registro::{Campos, Registro},
    tipo::Tipo,
    valor::{Campo, Valor},
    workflow::{self, Onde},
};
use sqlx::PgTransaction;
use std::collections::BTreeSet;

/// Checks that each value is the client's to say of a new case. To be asked before anything is
/// looked up: what is not the client's to say then tells nothing of the company.
///
/// # Errors
/// What the policy says of the first value that is not.
pub(crate) fn client_may_fill(
    person: &Pessoa,
    tipo: &Tipo,
    values: &[(&'static Campo, Valor)],
) -> Result<(), Refusal> {
    let mut filled = values.iter().filter(|(_, value)| !value.vazio());
    filled.try_for_each(|(campo, _)| policy::pode_criar(person, tipo, Parte::Campo(campo)))
}

/// Fills in for the client how the case came (R26), where the company has that channel.
///
/// # Errors
/// PostgreSQL refuses.
pub(crate) async fn client_channel(
    tx: &mut PgTransaction<'_>,
    tipo: &Tipo,
    values: &mut Campos,
) -> sqlx::Result<()> {
    const CHANNEL: &str = "canal";
    if values.contains_key(CHANNEL) || !tipo.tem_campo(CHANNEL) {
        return Ok(());
    }
    let channels = Catalogues::load(tx, &BTreeSet::from([CHANNEL])).await?;
    let mut in_use = channels.entries(CHANNEL).iter().filter(|channel| channel.active);
    if in_use.any(|channel| channel.code == policy::CANAL_PORTAL) {
        values.insert(CHANNEL.to_owned(), Valor::Texto(policy::CANAL_PORTAL.to_owned()));
    }
    Ok(())
}

/// What ends the wait for the client, if that is what the case does: an answer, in these words.
pub(crate) fn client_answer(
    record: &Registro,
    tipo: &Tipo,
    person: &Pessoa,
    request: PedidoId,
    text: String,
) -> Option<Command> {
    if record.fase(tipo) != Fase::EsperaCliente {
        return None;
    }
    let goes_on = |transition: &&Transicao| {
        let to = tipo.fluxo.situacao(&transition.para);
        transition.quem.contains(&Quem::Cliente)
            && transition.traz.is_none()
            && to.is_some_and(|to| to.fase.aberta() && to.fase != Fase::EsperaCliente)
    };
    let possible = workflow::available(record, tipo, person, Onde::Servidor);
    let transition = possible.into_iter().find(goes_on)?;
    let reason = transition.guardas.contains(&Guarda::Motivo).then_some(text);
    let verb = transition.verbo.clone();
    Some(Command::Transicionar { pedido: request, verbo: verb, motivo: reason, email: false })
}
