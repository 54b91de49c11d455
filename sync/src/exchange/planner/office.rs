//! What a person in the office does: through the same gate, as the office's device.

use super::{draft::Draft, gate};
use crate::{
    admission::{Merged, Requester},
    document::{self, Actor},
    edit,
    exchange::plan::ActionWrite,
    wire::{Outcome, Push},
};
use automerge::{Automerge, ChangeHash};
use campo_domain::{
    command::Command,
    ids::{DocumentId, UserId},
    kind::Kind,
    policy::{self, Caso},
    refusal::{Codigo, Refusal},
    workflow::{self, Efeito, Onde},
};

/// `Planner::office`.
pub(super) fn run(
    draft: &mut Draft,
    requester: &Requester,
    document: DocumentId,
    command: &Command,
) -> Result<(), Refusal> {
    let current = draft.world.documents.get(&document);
    // The API decides who may answer the ERP's actions: an API key answers any action that it was
    // sent, also of cases that it could not open.
    let answers = matches!(command, Command::ResponderAcao { .. });
    let merged = current.map(|loaded| &loaded.merged).filter(|_| !answers);
    if let Some(Merged { registro, tipo, .. }) = merged {
        let involved = draft.involved(registro.raiz());
        let restricao = draft.world.restrictions.get(&registro.raiz());
        let caso = Caso { envolvidos: &involved, restricao };
        if !policy::alcanca(&requester.pessoa, registro, tipo, &caso) {
            return Err(Refusal::new(Codigo::NaoEncontrado));
        }
    }
    let generation = current.map_or(1, |loaded| loaded.generation);
    let tipo = match (command, current) {
        (Command::Criar { tipo, .. }, None) => draft.world.tipos.obter(tipo)?.clone(),
        (_, Some(loaded)) => loaded.merged.tipo.clone(),
        (_, None) => return Err(Refusal::new(Codigo::NaoEncontrado)),
    };
    let registro = current.map(|loaded| &loaded.merged.registro);
    let pessoa = &requester.pessoa;
    let _: Efeito = workflow::decide(registro, &tipo, pessoa, command, Onde::Servidor)?;
    if command.do_servidor() {
        in_name_of(draft, document, pessoa.id, command);
        return Ok(());
    }
    let mut doc = current.map_or_else(Automerge::new, |c| c.merged.document.clone());
    let nonce = draft.world.epoch;
    let actor = Actor { user: pessoa.id, device: requester.device, nonce };
    let change = edit::apply(&mut doc, actor, command, &tipo, registro, draft.world.now)
        .map_err(|_| Refusal::new(Codigo::AlteracaoInvalida))?;
    let Some(change) = change else { return Ok(()) };
    let bytes = change.raw_bytes().to_vec();
    let push = Push { document, generation, change: bytes, seen: u64::MAX };
    match gate::push(draft, requester, &push).outcome {
        Outcome::Accepted { .. } | Outcome::Known { .. } => Ok(()),
        // `decide` has allowed the command: only checks that need more than the record can refuse.
        Outcome::Refused { .. } | Outcome::Held { .. } => {
            Err(draft.said.take().unwrap_or(Refusal::new(Codigo::OperacaoNaoPermitida)))
        }
        Outcome::Missing { .. } | Outcome::StaleGeneration { .. } => {
            Err(Refusal::new(Codigo::AlteracaoInvalida))
        }
    }
}

/// `Planner::office_all`.
pub(super) fn run_all(
    draft: &mut Draft,
    requester: &Requester,
    commands: &[(DocumentId, Command)],
    unchanged: Option<(DocumentId, &[ChangeHash])>,
) -> Result<(), Refusal> {
    if let Some((document, heads)) = unchanged {
        let loaded = draft.world.documents.get(&document);
        if loaded.map(|loaded| document::heads(&loaded.merged.document)).as_deref() != Some(heads) {
            return Err(Refusal::new(Codigo::VersaoMudou));
        }
    }
    let before = (commands.len() > 1).then(|| draft.state());
    let done = each(draft, requester, commands.iter().collect());
    if let (Err(_), Some(before)) = (&done, before) {
        draft.restore(before);
    }
    done
}

/// Runs the commands one by one. A command that fails only because the record lacks something is
/// tried again after the others, which may add it.
fn each(
    draft: &mut Draft,
    requester: &Requester,
    mut commands: Vec<&(DocumentId, Command)>,
) -> Result<(), Refusal> {
    loop {
        let mut waiting = Vec::new();
        let mut first = None;
        for asked in &commands {
            match run(draft, requester, asked.0, &asked.1) {
                Ok(()) => {}
                Err(refusal) if curable(refusal.codigo) => {
                    first.get_or_insert(refusal);
                    waiting.push(*asked);
                }
                Err(refusal) => return Err(refusal),
            }
        }
        match first {
            None => return Ok(()),
            Some(refusal) if waiting.len() == commands.len() => return Err(refusal),
            Some(_) => commands = waiting,
        }
    }
}

/// What the server writes in a person's name, and what follows it.
fn in_name_of(draft: &mut Draft, id: DocumentId, por: UserId, command: &Command) {
    let raiz = draft.registro(id).raiz();
    let (kind, before) = (draft.registro(id).kind, draft.sighted(raiz));
    draft.serve(id, |doc, actor, at| edit::in_name_of(doc, actor, por, command, at));
    match command {
        Command::SolicitarAcao { acao, codigo, .. } => {
            let (action, code) = (*acao, codigo.clone());
            draft.plan.actions.push(ActionWrite { document: id, action, code });
        }
        Command::Restringir { .. } if kind != Kind::Cliente => {
            let restricao = draft.registro(id).restricao.clone();
            draft.plan.restrictions.insert(raiz, restricao.clone());
            match restricao {
                Some(restricao) => draft.world.restrictions.insert(raiz, restricao),
                None => draft.world.restrictions.remove(&raiz),
            };
            let after = draft.sighted(raiz);
            draft.sight(raiz, &before, &after);
        }
        _ => {}
    }
}

/// Whether another command may give what this one lacks.
fn curable(codigo: Codigo) -> bool {
    matches!(codigo, Codigo::CamposObrigatorios | Codigo::FimAntesDoInicio | Codigo::ExigeCampo)
}
