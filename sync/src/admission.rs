//! The gate: change -> admitted, or why not. What `exchange` has parsed within the limits and does
//! not know yet is judged in this order: the actor belongs to this person on this device, scope,
//! dependencies, every operation resolved, applied on a scratch copy, every write against the
//! policy table, invariants of the domain.
//!
//! Late edits are judged by causality, not by clocks. What is not allowed now, but was when the
//! person wrote it as far as the device could know, was done in good faith: *held*, for the office
//! to decide. Done knowingly: *refused*. Facts inside the document are judged at the change's
//! dependencies; facts outside it (permissions, scope) at the log position that the device had
//! seen.

use crate::{
    document::{self, Actor, DocumentError},
    inspect::{self, Inspected, Write},
    wire::{Hash, Limits, Push},
};
use automerge::{Automerge, Change, ChangeHash, ReadDoc};
use campo_domain::{
    ids::{DeviceId, DocumentId, UserId},
    invariantes,
    parte::Colecao,
    pessoa::{Permissao, Permissoes, Pessoa},
    policy::{self, Caso},
    refusal::{Codigo, Refusal},
    registro::{Registro, Restricao},
    tipo::{Tipo, Tipos},
    workflow,
};
use std::{cell::LazyCell, collections::BTreeSet, sync::Arc};

/// Bytes of all notes, reasons and analyses of a document.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Operations in the history of a document. With the above it keeps a snapshot well below what a
/// client unpacks.
const OPERATIONS_MAX: u64 = 500_000;

/// Whose change it is: a person on a device, or a person in the office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The person, with today's permissions.
    pub pessoa: Pessoa,
    /// The device; [`DeviceId::ESCRITORIO`] for the office.
    pub device: DeviceId,
    /// Permissions that the person held before, each with the log position at which it ended,
    /// ascending.
    pub anteriores: Vec<(u64, Permissoes)>,
}

impl Requester {
    /// The person with the permissions that a device at this log position knew of.
    fn as_of(&self, seen: u64) -> Pessoa {
        match self.anteriores.iter().find(|(until, _)| *until > seen) {
            Some((_, permissoes)) => {
                Pessoa { permissoes: permissoes.clone(), ..self.pessoa.clone() }
            }
            None => self.pessoa.clone(),
        }
    }
}

/// A document as the server holds it.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The CRDT.
    pub document: Automerge,
    /// Read out.
    pub registro: Registro,
    /// Its tipo, in the pinned version.
    pub tipo: Arc<Tipo>,
}

/// Where a change is to go.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The document; `None` if there is none of this id.
    pub merged: Option<&'a Merged>,
    /// Its generation; 1 for a new one.
    pub generation: u32,
    /// Whether it was erased for good.
    pub erased: bool,
    /// Everyone involved in its case.
    pub envolvidos: &'a BTreeSet<UserId>,
    /// Who alone may see the case, where that was said.
    pub restricao: Option<&'a Restricao>,
    /// The log position at which the requester lost sight of it last, if ever.
    pub revoked_at: Option<u64>,
    /// Hashes that stand in held branches of this document.
    pub on_branch: &'a dyn Fn(&Hash) -> bool,
}

/// What every admission looks at.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The company's tipos.
    pub tipos: &'a Tipos,
    /// What a change may be.
    pub limits: &'a Limits,
    /// For the test that proves the checkers: leave out the dependency check.
    #[doc(hidden)]
    pub skip_dependencies: bool,
}

/// A change that may be merged. Only [`admit`] and the server's own writes make one, so that
/// nothing else can reach the log.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub(crate) change: Change,
    pub(crate) writes: Vec<Write>,
    pub(crate) merged: Merged,
}

/// Why a change is not merged.
#[derive(Clone, Debug, PartialEq)]
pub enum Rejection {
    /// It builds on changes that are not there.
    Missing(Vec<Hash>),
    /// It builds on a held branch, or was made in good faith and came too late.
    Held(Refusal),
    /// It may not.
    Refused(Refusal),
    /// It builds on an older generation.
    Stale(u32),
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Rejection::Refused(refusal)
    }
}

impl From<Codigo> for Rejection {
    fn from(codigo: Codigo) -> Self {
        Rejection::Refused(Refusal::new(codigo))
    }
}

impl From<DocumentError> for Rejection {
    fn from(_: DocumentError) -> Self {
        Codigo::AlteracaoInvalida.into()
    }
}

/// Judges one parsed change.
///
/// # Errors
/// Why it is not merged.
pub fn admit(
    push: &Push,
    change: Change,
    requester: &Requester,
    target: &Target<'_>,
    rules: &Rules<'_>,
) -> Result<Admitted, Rejection> {
    let actor = Actor::parse(change.actor_id()).ok_or(Codigo::AutorAlheio)?;
    if actor.user != requester.pessoa.id || actor.device != requester.device {
        return Err(Codigo::AutorAlheio.into());
    }
    if requester.pessoa.portal() && requester.device != DeviceId::ESCRITORIO {
        // A client has no app: whatever comes in its name from a device is not its own.
        return Err(Refusal::sem_permissao(Permissao::Ver).into());
    }
    if change.other_actor_ids().iter().any(|other| Actor::parse(other).is_none()) {
        return Err(Codigo::OperacaoNaoPermitida.into());
    }
    if target.erased {
        return Err(Codigo::Apagado.into());
    }
    if push.generation != target.generation {
        return Err(Rejection::Stale(target.generation));
    }
    let mut late = None;
    if let Some(merged) = target.merged {
        scope(push, requester, target, merged, &mut late)?;
    }
    dependencies(&change, target, rules)?;
    let admitted = merge(push.document, change, target.merged, rules)?;
    if target.merged.is_none() && !target.envolvidos.is_empty() {
        // It joins a case that is here: that takes sight of the case. One that is not here yet
        // may begin with a child.
        scope(push, requester, target, &admitted.merged, &mut late)?;
    }
    authorise(push, &admitted, requester, target.merged, &mut late)?;
    invariants(push, &admitted, requester, target.merged, &mut late)?;
    match late {
        None => Ok(admitted),
        Some(refusal) => Err(Rejection::Held(refusal)),
    }
}

/// Merges a change that the office approved: whatever it is allowed to write, it must be
/// well-formed and complete.
///
/// # Errors
/// As [`admit`], never `Held`.
pub fn admit_approved(
    push: &Push,
    change: Change,
    target: &Target<'_>,
    rules: &Rules<'_>,
) -> Result<Admitted, Rejection> {
    if target.erased {
        return Err(Codigo::Apagado.into());
    }
    if push.generation != target.generation {
        return Err(Rejection::Stale(target.generation));
    }
    dependencies(&change, target, rules)?;
    let admitted = merge(push.document, change, target.merged, rules)?;
    for write in admitted.writes.iter().filter(|_| target.merged.is_some()) {
        // The office may wave through what came late, not what nobody may ever do.
        let parte = write.parte(&admitted.writes);
        if policy::regra(parte, &admitted.merged.tipo).alterar.is_none() {
            return Err(Codigo::CampoProtegido.into());
        }
        existing_item(&admitted, write, target.merged)?;
    }
    bounds(&admitted.merged)?;
    Ok(admitted)
}

fn scope(
    push: &Push,
    requester: &Requester,
    target: &Target<'_>,
    merged: &Merged,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    let (registro, tipo) = (&merged.registro, &merged.tipo);
    let caso = Caso { envolvidos: target.envolvidos, restricao: target.restricao };
    if policy::alcanca(&requester.pessoa, registro, tipo, &caso) {
        return Ok(());
    }
    let then = requester.as_of(push.seen);
    let lost_later = target.revoked_at.is_some_and(|revoked_at| revoked_at > push.seen);
    let mut envolvidos = target.envolvidos.clone();
    let mut restricao = target.restricao;
    if lost_later {
        envolvidos.insert(then.id);
        restricao = None;
    }
    let caso = Caso { envolvidos: &envolvidos, restricao };
    if policy::alcanca(&then, registro, tipo, &caso) {
        late.get_or_insert(Refusal::new(Codigo::ForaDeAlcance));
        Ok(())
    } else {
        Err(Codigo::NaoEncontrado.into())
    }
}

fn dependencies(change: &Change, target: &Target<'_>, rules: &Rules<'_>) -> Result<(), Rejection> {
    let has = |hash: &ChangeHash| {
        target.merged.is_some_and(|m| m.document.get_change_meta_by_hash(hash).is_some())
    };
    let absent: Vec<ChangeHash> = change.deps().iter().filter(|dep| !has(dep)).copied().collect();
    if rules.skip_dependencies {
        return Ok(());
    }
    if absent.iter().any(|dep| (target.on_branch)(&(*dep).into())) {
        return Err(Rejection::Held(Refusal::new(Codigo::ForaDeAlcance)));
    }
    if !absent.is_empty() {
        return Err(Rejection::Missing(absent.into_iter().map(Hash::from).collect()));
    }
    // Only a genesis builds on nothing.
    match (change.deps().is_empty(), target.merged) {
        (true, Some(_)) => Err(Codigo::IdEmUso.into()),
        (false, None) => Err(Codigo::NaoEncontrado.into()),
        _ => Ok(()),
    }
}

/// Inspects the change on the document and applies it to a copy.
fn merge(
    id: DocumentId,
    change: Change,
    merged: Option<&Merged>,
    rules: &Rules<'_>,
) -> Result<Admitted, Rejection> {
    let empty = Automerge::new();
    let before = merged.map_or(&empty, |merged| &merged.document);
    let Inspected { genesis, writes, .. } = inspect::inspect(before, &change)?;
    let tipo = match (&genesis, merged) {
        (Some(genesis), _) => {
            if genesis.id != id {
                return Err(Codigo::OperacaoNaoPermitida.into());
            }
            let tipo = rules.tipos.obter(&genesis.tipo)?.clone();
            if tipo.kind != genesis.kind {
                return Err(Codigo::OperacaoNaoPermitida.into());
            }
            tipo
        }
        (None, Some(merged)) => merged.tipo.clone(),
        (None, None) => return Err(Codigo::NaoEncontrado.into()),
    };
    counters(before, &change)?;
    let mut document = before.clone();
    if let Err(error) = document.apply_changes([change.clone()]) {
        return Err(match error {
            automerge::AutomergeError::DuplicateSeqNumber(..) => Codigo::SequenciaRepetida.into(),
            _ => Codigo::AlteracaoInvalida.into(),
        });
    }
    // A snapshot keeps no bytes of changes: loading it writes each of them again and compares the
    // hashes. What would come out differently may not go in.
    let again = document.get_change_by_hash(&change.hash());
    if again.as_ref().map(Change::raw_bytes) != Some(change.raw_bytes()) {
        return Err(Codigo::AlteracaoInvalida.into());
    }
    let registro = document::read(&document)?;
    if let Some(merged) = merged
        && !inspect::only_what_it_says(&merged.registro, &registro, &writes)
    {
        return Err(Codigo::OperacaoNaoPermitida.into());
    }
    Ok(Admitted { change, writes, merged: Merged { document, registro, tipo } })
}

/// The operations of a change are counted on from those that it builds on: a count that leaps ahead
/// would soon leave no room for anyone else's.
fn counters(before: &Automerge, change: &Change) -> Result<(), Rejection> {
    let last = |dep: &ChangeHash| before.get_change_meta_by_hash(dep).map(|meta| meta.max_op);
    let last = change.deps().iter().filter_map(last).max().unwrap_or(0);
    if change.start_op().get() == last + 1 { Ok(()) } else { Err(Codigo::AlteracaoInvalida.into()) }
}

fn authorise(
    push: &Push,
    admitted: &Admitted,
    requester: &Requester,
    before: Option<&Merged>,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    let tipo = &admitted.merged.tipo;
    let now = &requester.pessoa;
    let then = requester.as_of(push.seen);
    let mut judge = |now: Result<(), Refusal>, then: &dyn Fn() -> Result<(), Refusal>| {
        let Err(refusal) = now else { return Ok(()) };
        match then() {
            Ok(()) => {
                late.get_or_insert(refusal);
                Ok(())
            }
            Err(_) => Err(Rejection::Refused(refusal)),
        }
    };
    let Some(before) = before else {
        let registro = &admitted.merged.registro;
        judge(policy::pode_criar_registro(now, registro, tipo), &|| {
            policy::pode_criar_registro(&then, registro, tipo)
        })?;
        for write in &admitted.writes {
            let parte = write.parte(&admitted.writes);
            judge(policy::pode_criar(now, tipo, parte), &|| {
                policy::pode_criar(&then, tipo, parte)
            })?;
        }
        return Ok(());
    };
    let situacao_now = before.registro.situacao(tipo);
    let situacao_then = || {
        let codigo = document::situacao(&before.document, Some(admitted.change.deps()));
        tipo.situacao(codigo.as_deref())
    };
    // A phone writes behind its owner's own requests as if they were done: while they wait for
    // photos that is how the record stands for the owner, and afterwards it was so in good faith.
    let on_phone = requester.device != DeviceId::ESCRITORIO;
    let predicted = |registro: &Registro, pessoa: &Pessoa| {
        on_phone.then(|| workflow::prever(registro, tipo, pessoa).situacao)
    };
    let predicted_now = LazyCell::new(|| predicted(&before.registro, now));
    let predicted_then = LazyCell::new(|| {
        let at_deps = before.document.fork_at(admitted.change.deps()).ok()?;
        predicted(&document::read(&at_deps).ok()?, &then)
    });
    let either = |pessoa: &Pessoa, real, predicted: &dyn Fn() -> Option<Option<String>>, parte| {
        let refused = match policy::pode_alterar(pessoa, tipo, real, parte) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        };
        let allowed = predicted().is_some_and(|codigo| {
            policy::pode_alterar(pessoa, tipo, tipo.situacao(codigo.as_deref()), parte).is_ok()
        });
        if allowed { Ok(()) } else { Err(refused) }
    };
    for write in &admitted.writes {
        existing_item(admitted, write, Some(before))?;
        if matches!(write, Write::Analise { encaminhar: Some(_), .. })
            && requester.device != DeviceId::ESCRITORIO
        {
            return Err(Codigo::ExigeConexao.into());
        }
        let parte = write.parte(&admitted.writes);
        judge(either(now, situacao_now, &|| predicted_now.clone(), parte), &|| {
            either(&then, situacao_then(), &|| predicted_then.clone(), parte)
        })?;
    }
    Ok(())
}

/// A part that is written is there, and was not removed as far as its writer could know.
fn existing_item(
    admitted: &Admitted,
    write: &Write,
    before: Option<&Merged>,
) -> Result<(), Rejection> {
    let (Write::ItemCampo { em, item, .. } | Write::ItemRemovido { em, item }) = write else {
        return Ok(());
    };
    if admitted.writes.contains(&Write::ItemNovo { em: *em, item: *item }) {
        return Ok(());
    }
    let gone = before.is_none_or(|before| {
        let deps = admitted.change.deps();
        !before.registro.colecao(*em).contains_key(item)
            || document::removido(&before.document, *em, *item, deps)
    });
    if gone { Err(Codigo::ItemInexistente.into()) } else { Ok(()) }
}

fn invariants(
    push: &Push,
    admitted: &Admitted,
    requester: &Requester,
    before: Option<&Merged>,
    late: &mut Option<Refusal>,
) -> Result<(), Rejection> {
    bounds(&admitted.merged)?;
    let Merged { registro, tipo, .. } = &admitted.merged;
    let Some(before) = before else { return Ok(registro.verificar(tipo)?) };
    // As in `authorise`: on a phone, what the situação asks for is asked where its owner's own
    // requests lead to as well.
    let worse = |antes: &Registro, depois: &Registro, pessoa: &Pessoa| {
        let Err(refusal) = invariantes::piora(antes, depois, tipo) else { return Ok(()) };
        if requester.device == DeviceId::ESCRITORIO || antes.pedidos_pendentes().next().is_none() {
            return Err(refusal);
        }
        let situacao = workflow::prever(antes, tipo, pessoa).situacao;
        let em = |registro: &Registro| Registro { situacao: situacao.clone(), ..registro.clone() };
        invariantes::piora(&em(antes), &em(depois), tipo).map_err(|_| refusal)
    };
    let Err(refusal) = worse(&before.registro, registro, &requester.pessoa) else { return Ok(()) };
    // Right where it was made, wrong only together with what it did not know of?
    let mut then =
        before.document.fork_at(admitted.change.deps()).map_err(|_| Codigo::AlteracaoInvalida)?;
    let registro_before = document::read(&then)?;
    then.apply_changes([admitted.change.clone()]).map_err(|_| Codigo::AlteracaoInvalida)?;
    let pessoa = requester.as_of(push.seen);
    if worse(&registro_before, &document::read(&then)?, &pessoa).is_err() {
        return Err(refusal.into());
    }
    // Two people who said the same relationship said it once too often, and nothing else.
    if refusal.codigo != Codigo::VinculoRepetido {
        late.get_or_insert(refusal);
    }
    Ok(())
}

/// Bounds on the whole document, which no single operation shows.
fn bounds(merged: &Merged) -> Result<(), Refusal> {
    let registro = &merged.registro;
    let over = |o_que: &str, max: usize| {
        let detalhes = vec![o_que.to_owned(), max.to_string()];
        Err(Refusal { codigo: Codigo::LimiteExcedido, detalhes })
    };
    for campo in registro.kind.campos().iter().filter(|campo| campo.longo()) {
        campo.validar(registro.valor(campo.nome))?;
    }
    let notas = registro.notas.iter().map(|nota| nota.texto.len());
    let motivos = registro.pedidos.iter().filter_map(|p| p.motivo.as_ref()).map(String::len);
    let analises = registro.analises.iter().map(|analise| analise.texto.len());
    if notas.chain(motivos).chain(analises).sum::<usize>() > TEXT_BYTES_MAX {
        return over("bytes de texto", TEXT_BYTES_MAX);
    }
    if merged.document.stats().num_ops > OPERATIONS_MAX {
        return over("operações no histórico", OPERATIONS_MAX as usize);
    }
    for colecao in Colecao::TODAS {
        if registro.colecao(colecao).len() > workflow::ITENS_MAX {
            return over(colecao.codigo(), workflow::ITENS_MAX);
        }
    }
    if registro.analises.len() > workflow::ANALISES_MAX {
        return over("análises", workflow::ANALISES_MAX);
    }
    if registro.notas.len() > workflow::NOTAS_MAX {
        return over("anotações", workflow::NOTAS_MAX);
    }
    if registro.pedidos.len() > workflow::PEDIDOS_MAX {
        return over("pedidos", workflow::PEDIDOS_MAX);
    }
    if registro.participantes.len() > workflow::PARTICIPANTES_MAX {
        return over("participantes", workflow::PARTICIPANTES_MAX);
    }
    if registro.interessados.len() > workflow::PARTICIPANTES_MAX {
        return over("interessados", workflow::PARTICIPANTES_MAX);
    }
    Ok(())
}
