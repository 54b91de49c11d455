//! The planner: pushes and office commands, one after the other, on what was loaded. It touches
//! nothing but its own copy; what must be written stands in the plan.

mod requests;

use super::{
    AcaoWrite, Aviso, Branch, ChangeWrite, Destino, DocumentWrite, HeldWrite, Loaded, LogWrite,
    Plan, World, genesis, parents,
};
use crate::{
    admission::{self, Admitted, Merged, Rejection, Requester, Rules, Target},
    document::{self, Actor, DocumentError},
    edit, history,
    inspect::{self, Write},
    wire::{Hash, Outcome, Push, Reason, Verdict},
};
use automerge::{Automerge, Change, ChangeHash};
use campo_domain::{
    command::Command,
    fluxo::{Fase, Transicao},
    ids::{DeviceId, DocumentId, HeldId, PedidoId, UserId},
    kind::Kind,
    pessoa::{Permissao, Pessoa},
    policy::{self, Caso},
    refusal::{Codigo, Refusal},
    registro::Registro,
    workflow::{self, Efeito, Onde, Pedir},
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// Why the server asks for a transition by itself.
const INATIVIDADE: &str = "Sem movimentação no prazo de espera pelo cliente.";

/// What a refusal of a whole goes back to.
type State = (World, Plan, BTreeMap<(DocumentId, Hash), u64>);

/// Plans any number of pushes, of several devices, one after the other.
pub struct Planner {
    world: World,
    plan: Plan,
    /// Changes merged by this plan, with their place in its log.
    merged_now: BTreeMap<(DocumentId, Hash), u64>,
    skip_dependencies: bool,
    /// Why the last change that was judged did not go in, with its particulars.
    said: Option<Refusal>,
    mint: Box<dyn FnMut() -> HeldId + Send>,
}

impl Planner {
    /// Starts from what was loaded; `mint` gives ids for new branches.
    pub fn new(world: World, mint: impl FnMut() -> HeldId + Send + 'static) -> Self {
        let plan = Plan::default();
        let mint = Box::new(mint);
        let merged_now = BTreeMap::new();
        Planner { world, plan, merged_now, skip_dependencies: false, said: None, mint }
    }

    /// For the test that proves the checkers: a server that forgets the dependency check.
    #[doc(hidden)]
    pub fn sabotage_dependencies(&mut self) {
        self.skip_dependencies = true;
    }

    /// What the ledger must write.
    pub fn finish(self) -> Plan {
        self.plan
    }

    /// Judges one change and, if it is admitted, merges it and what the server has to say to it.
    pub fn push(&mut self, requester: &Requester, push: &Push) -> Verdict {
        let parsed = inspect::parse(&push.change, &self.world.limits);
        let hash = inspect::hash_of(&push.change);
        let outcome = match parsed {
            Err(refusal) => self.refuse(refusal),
            Ok(change) => self.judge(requester, push, change, hash),
        };
        Verdict { document: push.document, hash, outcome }
    }

    fn judge(&mut self, requester: &Requester, push: &Push, change: Change, hash: Hash) -> Outcome {
        // Idempotent before anything else: what was answered once is answered again (ff01). A
        // stranger learns nothing from it: the hash proves that they have the change.
        let key = (push.document, hash);
        if let Some(place) = self.merged_now.get(&key) {
            return Outcome::Accepted { seq: *place };
        }
        if let Some(seq) = self.world.logged.get(&key) {
            return Outcome::Known { seq: *seq };
        }
        if let Some(branch) = self.world.branches.get(&key) {
            return Outcome::Held { id: branch.id, reason: branch.reason.clone() };
        }
        let deps: Vec<Hash> = change.deps().iter().map(|dep| Hash::from(*dep)).collect();
        let bytes_hash = change.hash();
        let registro = self.registro_of(push);
        let misplaced = registro.as_ref().and_then(|registro| self.misplaced(registro));
        let raiz = registro.map(|registro| registro.raiz());
        let admitted = self.target(push.document, raiz, requester.pessoa.id, |target, rules| {
            inspect::guarded(|| admission::admit(push, change, requester, target, rules))
        });
        let admitted = admitted.unwrap_or_else(|| Err(Codigo::AlteracaoInvalida.into()));
        let admitted = admitted.and_then(|admitted| match self.out_of_reach(&admitted) {
            // The office can be told; a phone could not know, and so its work is kept.
            Some(refusal) if requester.device == DeviceId::ESCRITORIO => Err(refusal.into()),
            Some(refusal) => Err(Rejection::Held(refusal)),
            None => Ok(admitted),
        });
        match (admitted, misplaced) {
            // Told only to who might have created it: it says something of the parent.
            (Ok(_) | Err(Rejection::Held(_)), Some(refusal)) => self.refuse(refusal),
            (Ok(admitted), None) => {
                let seq = self.merge(push, requester, admitted);
                self.merged_now.insert((push.document, bytes_hash.into()), seq);
                Outcome::Accepted { seq }
            }
            (Err(Rejection::Held(refusal)), None) => {
                self.hold(requester, push, hash, &deps, &refusal)
            }
            (Err(Rejection::Missing(deps)), _) => Outcome::Missing { deps },
            (Err(Rejection::Refused(refusal)), _) => self.refuse(refusal),
            (Err(Rejection::Stale(now)), _) => Outcome::StaleGeneration { now },
        }
    }

    /// A person in the office does something: through the same gate, as the office's device.
    ///
    /// # Errors
    /// The refusal to show.
    pub fn office(
        &mut self,
        requester: &Requester,
        document: DocumentId,
        command: &Command,
    ) -> Result<(), Refusal> {
        let current = self.world.documents.get(&document);
        // Who may answer the ERP's actions is the API's to say: an ERP answers what it was sent,
        // of cases that it could not open too.
        let answers = matches!(command, Command::ResponderAcao { .. });
        let merged = current.map(|loaded| &loaded.merged).filter(|_| !answers);
        if let Some(Merged { registro, tipo, .. }) = merged {
            let envolvidos = self.envolvidos(registro.raiz());
            let restricao = self.world.restricoes.get(&registro.raiz());
            let caso = Caso { envolvidos: &envolvidos, restricao };
            if !policy::alcanca(&requester.pessoa, registro, tipo, &caso) {
                return Err(Refusal::new(Codigo::NaoEncontrado));
            }
        }
        let generation = current.map_or(1, |loaded| loaded.generation);
        let tipo = match (command, current) {
            (Command::Criar { tipo, .. }, None) => self.world.tipos.obter(tipo)?.clone(),
            (_, Some(loaded)) => loaded.merged.tipo.clone(),
            (_, None) => return Err(Refusal::new(Codigo::NaoEncontrado)),
        };
        let registro = current.map(|loaded| &loaded.merged.registro);
        let pessoa = &requester.pessoa;
        let _: Efeito = workflow::decide(registro, &tipo, pessoa, command, Onde::Servidor)?;
        if command.do_servidor() {
            self.in_name_of(document, pessoa.id, command);
            return Ok(());
        }
        let mut doc = current.map_or_else(Automerge::new, |c| c.merged.document.clone());
        let nonce = self.world.epoch;
        let actor = Actor { user: pessoa.id, device: requester.device, nonce };
        let change = edit::apply(&mut doc, actor, command, &tipo, registro, self.world.now)
            .map_err(|_| Refusal::new(Codigo::AlteracaoInvalida))?;
        let Some(change) = change else { return Ok(()) };
        let bytes = change.raw_bytes().to_vec();
        let push = Push { document, generation, change: bytes, seen: u64::MAX };
        match self.push(requester, &push).outcome {
            Outcome::Accepted { .. } | Outcome::Known { .. } => Ok(()),
            // The same rules spoke just now; what differs is only what a command cannot say.
            Outcome::Refused { .. } | Outcome::Held { .. } => {
                Err(self.said.take().unwrap_or(Refusal::new(Codigo::OperacaoNaoPermitida)))
            }
            Outcome::Missing { .. } | Outcome::StaleGeneration { .. } => {
                Err(Refusal::new(Codigo::AlteracaoInvalida))
            }
        }
    }

    /// Several commands, all or nothing; `se` says how a record must still be for them to count.
    ///
    /// # Errors
    /// The first refusal, or `versao_mudou`; nothing has changed then.
    pub fn office_all(
        &mut self,
        requester: &Requester,
        commands: &[(DocumentId, Command)],
        se: Option<(DocumentId, &[ChangeHash])>,
    ) -> Result<(), Refusal> {
        if let Some((document, heads)) = se {
            let loaded = self.world.documents.get(&document);
            if loaded.map(|loaded| document::heads(&loaded.merged.document)).as_deref()
                != Some(heads)
            {
                return Err(Refusal::new(Codigo::VersaoMudou));
            }
        }
        let before = (commands.len() > 1).then(|| self.state());
        let done = self.each(requester, commands.iter().collect());
        if let (Err(_), Some(before)) = (&done, before) {
            self.restore(before);
        }
        done
    }

    /// Each by itself, in order; but what fails only because of what the record lacks meanwhile
    /// comes after those that give it.
    fn each(
        &mut self,
        requester: &Requester,
        mut commands: Vec<&(DocumentId, Command)>,
    ) -> Result<(), Refusal> {
        loop {
            let mut waiting = Vec::new();
            let mut first = None;
            for asked in &commands {
                match self.office(requester, asked.0, &asked.1) {
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

    /// The server ends the wait for a client (R54). Only where the record is still as it was when
    /// its time was found to be over: whatever moved meanwhile begins the wait anew. Says whether
    /// it did.
    pub fn inactive(
        &mut self,
        document: DocumentId,
        heads: &[ChangeHash],
        pedido: PedidoId,
    ) -> bool {
        let Some(loaded) = self.world.documents.get(&document) else { return false };
        let Merged { document: crdt, registro, tipo } = &loaded.merged;
        let sistema = Pessoa::servidor();
        let leads = |transicao: &&Transicao| {
            let pedir = Pedir { verbo: &transicao.verbo, motivo: Some(INATIVIDADE), traz: None };
            workflow::julgar(registro, tipo, &sistema, pedir, Onde::Servidor).is_ok()
        };
        let waits = registro.fase(tipo) == Fase::EsperaCliente && tipo.dias_inatividade.is_some();
        if document::heads(crdt) != heads || !waits {
            return false;
        }
        let Some(transicao) = tipo.fluxo.transicoes.iter().find(leads) else { return false };
        let (verbo, raiz) = (transicao.verbo.clone(), registro.raiz());
        self.serve(document, |doc, actor, at| {
            edit::pedido(doc, actor, pedido, &verbo, INATIVIDADE, at)
        });
        self.verdict(document, pedido, &sistema, Onde::Servidor);
        self.judge_requests(document, None);
        let envolvidos = self.world.documents[&document].merged.registro.envolvidos();
        self.involve(raiz, document, envolvidos);
        true
    }

    fn state(&self) -> State {
        (self.world.clone(), self.plan.clone(), self.merged_now.clone())
    }

    fn restore(&mut self, before: State) {
        (self.world, self.plan, self.merged_now) = before;
    }

    /// The office approves a branch: its changes are merged as they were written. What no longer
    /// can be merged refuses the approval as a whole; the branch then stays as it is. Requests of
    /// transition in it are judged as its author's, by the author's permissions of today.
    ///
    /// # Errors
    /// Why it cannot be merged.
    pub fn approve(
        &mut self,
        held: HeldId,
        author: &Requester,
        changes: &[Push],
    ) -> Result<(), Refusal> {
        // All of the branch, or nothing of it.
        let before = self.state();
        let done = self.approve_each(author, changes);
        if done.is_ok() {
            self.decided(held, author.pessoa.id);
        } else {
            self.restore(before);
        }
        done
    }

    fn approve_each(&mut self, author: &Requester, changes: &[Push]) -> Result<(), Refusal> {
        for push in changes {
            let change = inspect::parse(&push.change, &self.world.limits)?;
            let hash: Hash = change.hash().into();
            let key = (push.document, hash);
            if self.world.logged.contains_key(&key) || self.merged_now.contains_key(&key) {
                continue;
            }
            let raiz = self.registro_of(push).map(|registro| registro.raiz());
            let admitted = self.target(push.document, raiz, author.pessoa.id, |target, rules| {
                let alone = Target { on_branch: &|_| false, ..*target };
                inspect::guarded(|| admission::admit_approved(push, change, &alone, rules))
            });
            let admitted = admitted.unwrap_or_else(|| Err(Codigo::AlteracaoInvalida.into()));
            let admitted = admitted.map_err(|rejection| match rejection {
                Rejection::Refused(refusal) | Rejection::Held(refusal) => refusal,
                Rejection::Missing(_) | Rejection::Stale(_) => {
                    Refusal::new(Codigo::AlteracaoInvalida)
                }
            })?;
            if let Some(refusal) = self.misplaced(&admitted.merged.registro) {
                return Err(refusal);
            }
            let seq = self.merge(push, author, admitted);
            self.merged_now.insert(key, seq);
        }
        Ok(())
    }

    /// The author of a branch learns that the office decided.
    pub fn decided(&mut self, held: HeldId, author: UserId) {
        self.plan.log.push(LogWrite::HeldDecided { usuario: author, held });
    }

    fn target<T>(
        &self,
        id: DocumentId,
        raiz: Option<DocumentId>,
        user: UserId,
        judge: impl FnOnce(&Target<'_>, &Rules<'_>) -> T,
    ) -> T {
        let loaded = self.world.documents.get(&id);
        let envolvidos = raiz.map(|raiz| self.envolvidos(raiz)).unwrap_or_default();
        let target = Target {
            merged: loaded.map(|loaded| &loaded.merged),
            generation: loaded.map_or(1, |loaded| loaded.generation),
            erased: self.world.erased.contains(&id),
            envolvidos: &envolvidos,
            restricao: raiz.and_then(|raiz| self.world.restricoes.get(&raiz)),
            revoked_at: raiz.and_then(|raiz| self.world.revoked.get(&(user, raiz)).copied()),
            on_branch: &|hash| self.world.branches.contains_key(&(id, *hash)),
        };
        let rules = Rules {
            tipos: &self.world.tipos,
            limits: &self.world.limits,
            skip_dependencies: self.skip_dependencies,
        };
        judge(&target, &rules)
    }

    /// Everyone involved in a case, through any of its documents.
    fn envolvidos(&self, raiz: DocumentId) -> BTreeSet<UserId> {
        let case = self.world.cases.get(&raiz);
        case.into_iter().flat_map(|case| case.values().flatten().copied()).collect()
    }

    /// Takes an admitted change in, with the server's number or verdict. Returns its place in the
    /// log.
    fn merge(&mut self, push: &Push, requester: &Requester, admitted: Admitted) -> u64 {
        let new = !self.world.documents.contains_key(&push.document);
        let raiz = admitted.merged.registro.raiz();
        if new && !self.world.cases.contains_key(&raiz) {
            // The case begins here: whoever sees it gets all of it as changes, no snapshot.
            self.involve(raiz, push.document, admitted.merged.registro.envolvidos());
        }
        let handed = admitted.writes.iter().find_map(|write| match write {
            Write::Analise { encaminhar, .. } => *encaminhar,
            _ => None,
        });
        let generation = push.generation;
        let seq = self.write(push.document, generation, admitted);
        if new {
            self.receive(push.document);
        }
        if let Some(usuario) = handed {
            self.hand(push.document, usuario);
        }
        self.judge_requests(push.document, Some(requester));
        let envolvidos = self.world.documents[&push.document].merged.registro.envolvidos();
        self.involve(raiz, push.document, envolvidos);
        seq
    }

    fn write(&mut self, id: DocumentId, generation: u32, admitted: Admitted) -> u64 {
        let before = self.world.documents.get(&id);
        let heads_before = before.map(|loaded| document::heads(&loaded.merged.document));
        let Admitted { change, writes, merged } = admitted;
        let registro_before = before.map(|loaded| &loaded.merged.registro);
        let eventos =
            history::describe(&change, &writes, registro_before, &merged.registro, &merged.tipo);
        let change = ChangeWrite { document: id, generation, change, eventos };
        self.plan.log.push(LogWrite::Change(Box::new(change)));
        let entry = self.plan.documents.entry(id).or_insert_with(|| DocumentWrite {
            merged: merged.clone(),
            generation,
            heads_before,
            added: 0,
        });
        entry.added += 1;
        entry.merged = merged.clone();
        self.world.documents.insert(id, Loaded { merged, generation });
        self.plan.log.len() as u64
    }

    /// The server's own change to a document.
    fn serve(
        &mut self,
        id: DocumentId,
        write: impl FnOnce(
            &mut Automerge,
            Actor,
            DateTime<Utc>,
        ) -> Result<Option<Change>, DocumentError>,
    ) {
        let Some(loaded) = self.world.documents.get(&id) else { return };
        let mut document = loaded.merged.document.clone();
        let actor = Actor::servidor(self.world.epoch);
        // The shape was checked at the gate; should it fail all the same, the request stays
        // without a verdict and nothing is lost.
        let Ok(Some(change)) = write(&mut document, actor, self.world.now) else { return };
        let Ok(registro) = document::read(&document) else { return };
        let generation = loaded.generation;
        let tipo = loaded.merged.tipo.clone();
        let merged = Merged { document, registro, tipo };
        self.write(id, generation, Admitted { change, writes: Vec::new(), merged });
    }

    /// Notes when a new document came, and gives it its number.
    fn receive(&mut self, id: DocumentId) {
        let kind = self.world.documents[&id].merged.registro.kind;
        let numero = kind.numerado().then(|| {
            let before = self.world.numeracao;
            let next = before + 1;
            self.world.numeracao = next;
            self.plan.numeracao.get_or_insert((before, next)).1 = next;
            format!("{}/{next:06}", self.world.ano)
        });
        self.serve(id, |doc, actor, at| edit::recebido(doc, actor, numero.as_deref(), at));
    }

    /// Hands the record to somebody, where its tipo knows a responsável.
    fn hand(&mut self, id: DocumentId, usuario: UserId) {
        let merged = &self.world.documents[&id].merged;
        let known = merged.registro.kind.campo("responsavel").is_some();
        if known && merged.tipo.tem_campo("responsavel") {
            self.serve(id, |doc, actor, at| edit::responsavel(doc, actor, usuario, at));
        }
    }

    /// What the server writes in a person's name, and what follows it.
    fn in_name_of(&mut self, id: DocumentId, por: UserId, command: &Command) {
        let raiz = self.world.documents[&id].merged.registro.raiz();
        let (kind, before) = (self.world.documents[&id].merged.registro.kind, self.sighted(raiz));
        self.serve(id, |doc, actor, at| edit::in_name_of(doc, actor, por, command, at));
        match command {
            Command::SolicitarAcao { acao, codigo, .. } => {
                let (acao, codigo) = (*acao, codigo.clone());
                self.plan.acoes.push(AcaoWrite { document: id, acao, codigo });
            }
            Command::Restringir { .. } if kind != Kind::Cliente => {
                let restricao = self.world.documents[&id].merged.registro.restricao.clone();
                self.plan.restricoes.insert(raiz, restricao.clone());
                match restricao {
                    Some(restricao) => self.world.restricoes.insert(raiz, restricao),
                    None => self.world.restricoes.remove(&raiz),
                };
                let after = self.sighted(raiz);
                self.sight(raiz, &before, &after);
            }
            _ => {}
        }
    }

    /// Everyone, of all the company's people that were loaded, who sees the case.
    fn sighted(&self, raiz: DocumentId) -> BTreeSet<UserId> {
        let envolvidos = self.envolvidos(raiz);
        let restricao = self.world.restricoes.get(&raiz);
        let caso = Caso { envolvidos: &envolvidos, restricao };
        let people = self.world.pessoas.values();
        // Of a case any kind of document but a cliente.
        let see = people.filter(|pessoa| policy::visivel(pessoa, Kind::Assistencia, &caso));
        see.map(|pessoa| pessoa.id).collect()
    }

    /// Tells those whose sight of the case changes.
    fn sight(&mut self, raiz: DocumentId, before: &BTreeSet<UserId>, after: &BTreeSet<UserId>) {
        for usuario in after.difference(before).copied() {
            self.plan.log.push(LogWrite::Granted { usuario, raiz });
        }
        for usuario in before.difference(after).copied() {
            self.plan.log.push(LogWrite::Revoked { usuario, raiz });
            // Its position lies beyond whatever anybody has seen.
            self.world.revoked.insert((usuario, raiz), u64::MAX);
        }
    }

    /// Records who is involved through the document, and tells those whose sight of the case
    /// changes.
    fn involve(&mut self, raiz: DocumentId, document: DocumentId, now: BTreeSet<UserId>) {
        let before = self.envolvidos(raiz);
        let case = self.world.cases.entry(raiz).or_default();
        if case.get(&document) == Some(&now) {
            return;
        }
        case.insert(document, now.clone());
        self.plan.envolvidos.insert((raiz, document), now);
        let after = self.envolvidos(raiz);
        // Being involved gives no sight of a case that is for others only (R86).
        let restricao = self.world.restricoes.get(&raiz);
        let listed = |usuario: &UserId| {
            let pessoa = self.world.pessoas.get(usuario);
            restricao.is_none() || pessoa.is_some_and(|pessoa| policy::listado(pessoa, restricao))
        };
        let before = before.into_iter().filter(listed).collect();
        let after = after.into_iter().filter(listed).collect();
        self.sight(raiz, &before, &after);
    }

    fn hold(
        &mut self,
        requester: &Requester,
        push: &Push,
        hash: Hash,
        deps: &[Hash],
        refusal: &Refusal,
    ) -> Outcome {
        // What was approved is merged: what follows it begins a branch of its own.
        let on = |dep: &Hash| {
            let key = (push.document, *dep);
            let merged = self.world.logged.contains_key(&key) || self.merged_now.contains_key(&key);
            self.world.branches.get(&key).filter(|_| !merged).cloned()
        };
        let continued = deps.iter().find_map(on);
        let new = continued.is_none();
        let mut branch = continued.unwrap_or_else(|| Branch {
            id: (self.mint)(),
            decided: false,
            reason: Reason::from(refusal),
        });
        branch.decided = false;
        let registro = self.registro_of(push);
        let write = HeldWrite {
            held: branch.id,
            new,
            raiz: registro.as_ref().map_or(push.document, Registro::raiz),
            kind: registro.map_or(Kind::Assistencia, |registro| registro.kind),
            author: requester.pessoa.id,
            device: requester.device,
            reason: branch.reason.clone(),
            hash,
            push: push.clone(),
        };
        self.plan.held.push(write);
        self.said = Some(refusal.clone());
        let outcome = Outcome::Held { id: branch.id, reason: branch.reason.clone() };
        self.world.branches.insert((push.document, hash), branch);
        outcome
    }

    /// A record that hangs on something of another kind would share the sight of a wrong case.
    /// Asked of new records only: the links never change afterwards.
    fn misplaced(&self, registro: &Registro) -> Option<Refusal> {
        if self.world.documents.contains_key(&registro.id) {
            return None;
        }
        let wrong = parents(registro).find(|(parent, kind)| {
            let parent = self.world.documents.get(parent);
            parent.is_some_and(|parent| parent.merged.registro.kind != *kind)
        });
        if let Some((_, kind)) = wrong {
            let detalhes = vec![kind.rotulo().to_owned()];
            return Some(Refusal { codigo: Codigo::ValorInvalido, detalhes });
        }
        // An agenda of an ocorrência belongs to that one's case, and so names its assistência.
        let ocorrencia = registro.referencia("ocorrencia").map(DocumentId::from);
        let ocorrencia = ocorrencia.and_then(|id| self.world.documents.get(&id))?;
        let assistencia = ocorrencia.merged.registro.referencia("assistencia");
        let nomeada = registro.referencia("assistencia");
        let codigo = match nomeada {
            None => Codigo::CamposObrigatorios,
            Some(_) => Codigo::ValorInvalido,
        };
        let detalhes = vec![Kind::Assistencia.rotulo().to_owned()];
        let wrong = assistencia.is_some() && nomeada != assistencia;
        wrong.then_some(Refusal { codigo, detalhes })
    }

    /// A record that comes into the hands of somebody who is not there any more, or may not open it
    /// (R86), would be in nobody's.
    fn out_of_reach(&self, admitted: &Admitted) -> Option<Refusal> {
        let handed = admitted.writes.iter().find_map(|write| match write {
            Write::Campo { campo, valor } if campo.nome == "responsavel" => valor.id(),
            Write::Analise { encaminhar, .. } => encaminhar.map(UserId::uuid),
            _ => None,
        })?;
        let restricao = self.world.restricoes.get(&admitted.merged.registro.raiz());
        let pessoa = self.world.entregues.get(&handed.into());
        let opens =
            |pessoa: &Pessoa| pessoa.pode(Permissao::Ver) && policy::listado(pessoa, restricao);
        (!pessoa.is_some_and(opens)).then(|| Refusal::new(Codigo::ResponsavelSemAcesso))
    }

    fn refuse(&mut self, refusal: Refusal) -> Outcome {
        let reason = Reason::from(&refusal);
        self.said = Some(refusal);
        Outcome::Refused { reason }
    }

    /// The record that a push concerns: as merged, or as its genesis makes it.
    fn registro_of(&self, push: &Push) -> Option<Registro> {
        if let Some(loaded) = self.world.documents.get(&push.document) {
            return Some(loaded.merged.registro.clone());
        }
        let change = inspect::parse(&push.change, &self.world.limits).ok()?;
        inspect::guarded(|| genesis(change)).flatten()
    }
}

/// Whether another command may give what this one lacks.
fn curable(codigo: Codigo) -> bool {
    matches!(codigo, Codigo::CamposObrigatorios | Codigo::FimAntesDoInicio | Codigo::ExigeCampo)
}
