//! A phone: `campo_sync::client` with a store in memory. Each write to the store is atomic; a crash
//! loses the request under way but nothing stored. Several people may use it in turn.

use crate::Sabotage;
use crate::dice::Dice;
use crate::ledger::References;
use automerge::{Automerge, Change, ChangeHash};
use campo_domain::{
    command::Command,
    ids::{CommandId, DeviceId, DocumentId, UserId},
    pessoa::Pessoa,
    tipo::{Tipo, Tipos},
};
use campo_sync::{
    client::{
        self, Context, Decided, Event, Fate, LocalDocument, Queued, Reference, RunError, Settled,
        Stamp,
    },
    document::{Actor, DocumentError},
    edit,
    wire::{Cursor, Limits, SyncRequest, SyncResponse},
};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// Whether the phone crashes at a write to its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// It does not.
    No,
    /// Just before: nothing is written.
    Before,
    /// Just after: it is written, but the person does not see that.
    After,
}

/// All that the phone stores of one person.
#[derive(Clone, Debug)]
pub struct Account {
    /// The person as of the last answer; `None` before the first.
    pub pessoa: Option<Pessoa>,
    /// The company's tipos.
    pub tipos: Tipos,
    /// Reference data for everyone, as it was told last.
    pub references: References,
    /// Documents with their queues.
    pub documents: BTreeMap<DocumentId, LocalDocument>,
    /// The place of each queued command among all.
    pub order: BTreeMap<CommandId, u64>,
    /// Where it stands in the log.
    pub cursor: Cursor,
    /// The epoch of the cursor.
    pub epoch: u64,
    /// What the server takes.
    pub limits: Limits,
    /// Commands that reached their end, in order.
    pub settled: Vec<Settled>,
    /// What the office decided.
    pub decided: Vec<Decided>,
    /// Whether the last answer said that another page waits.
    pub more: bool,
    /// For the checkers: the heads of what the server is known to have of each document.
    pub heads: BTreeMap<DocumentId, Vec<ChangeHash>>,
}

impl Default for Account {
    fn default() -> Self {
        Account {
            pessoa: None,
            tipos: Tipos::default(),
            references: References::new(),
            documents: BTreeMap::new(),
            order: BTreeMap::new(),
            cursor: Cursor::default(),
            epoch: 0,
            limits: Limits::DEFAULT,
            settled: Vec::new(),
            decided: Vec::new(),
            more: true,
            heads: BTreeMap::new(),
        }
    }
}

impl Account {
    /// Every queued command with its document, oldest first.
    pub fn queue(&self) -> Vec<(&LocalDocument, &Queued)> {
        let mut queue: Vec<_> = self
            .documents
            .values()
            .flat_map(|document| document.queue.iter().map(move |queued| (document, queued)))
            .collect();
        queue.sort_by_key(|(_, queued)| self.order.get(&queued.id).copied().unwrap_or(u64::MAX));
        queue
    }

    /// Takes an entry of the reference data in.
    fn refer(&mut self, reference: &Reference) {
        let Reference { collection, key, active, data } = reference;
        if collection != "eu" {
            let said = serde_json::from_str(data).unwrap_or_default();
            self.references.insert((collection.clone(), key.clone()), (*active, said));
        }
        match collection.as_str() {
            "eu" => self.pessoa = serde_json::from_str(data).ok(),
            "tipo" => {
                if let Ok(tipo) = serde_json::from_str::<Tipo>(data) {
                    self.tipos.incluir(tipo);
                }
            }
            _ => {}
        }
    }
}

/// An answer that a phone could not take in; it keeps what it had.
#[derive(Debug)]
pub enum CannotAbsorb {
    /// It has documents, but the phone does not know yet who the person is.
    WhoAmI,
    /// What the answer says of a document does not fit what the phone has.
    Document {
        /// The document.
        id: DocumentId,
        /// What is wrong.
        error: DocumentError,
        /// What the answer says.
        events: Vec<Event>,
    },
}

/// What a phone did with an answer.
#[derive(Debug, Default)]
pub struct Took {
    /// The fates that it learnt.
    pub settled: Vec<Settled>,
    /// The documents whose queue may have changed.
    pub touched: Vec<DocumentId>,
}

/// A phone.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// How far its clock is off.
    pub clock_off: TimeDelta,
    /// What it takes in one answer, and gives in one request.
    pub limits: Limits,
    /// Everybody who ever signed in, with everything that is stored.
    pub accounts: BTreeMap<UserId, Account>,
    /// Who is signed in.
    pub signed_in: UserId,
    /// Whether it was put back to a backup at some time.
    pub restored: bool,
    /// The request that waits for its answer, and until when. Lost in a crash.
    pub in_flight: Option<(u64, DateTime<Utc>)>,
    next: u64,
}

impl Device {
    /// A new phone with one person signed in.
    pub fn new(id: DeviceId, usuario: UserId, clock_off: TimeDelta, limits: Limits) -> Self {
        Device {
            id,
            clock_off,
            limits,
            accounts: BTreeMap::from([(usuario, Account::default())]),
            signed_in: usuario,
            restored: false,
            in_flight: None,
            next: 0,
        }
    }

    /// What is stored of the person signed in.
    pub fn account(&self) -> &Account {
        &self.accounts[&self.signed_in]
    }

    fn account_mut(&mut self) -> &mut Account {
        self.accounts.entry(self.signed_in).or_default()
    }

    /// Another person signs in.
    pub fn sign_in(&mut self, usuario: UserId) {
        self.in_flight = None;
        self.signed_in = usuario;
        self.accounts.entry(usuario).or_default();
    }

    /// Loses what is under way.
    pub fn crash(&mut self) {
        self.in_flight = None;
    }

    /// The time that it shows.
    pub fn clock(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + self.clock_off
    }

    /// The person signed in does something. False if it changed nothing or was lost in a crash.
    ///
    /// # Errors
    /// The rules do not allow it, or the store is damaged.
    pub fn run(
        &mut self,
        id: DocumentId,
        command: Command,
        stamp: Stamp,
        crash: Crash,
    ) -> Result<bool, RunError> {
        let account = self.account();
        let Some(pessoa) = &account.pessoa else { return Ok(false) };
        let ctx = Context { pessoa, device: self.id, tipos: &account.tipos };
        let ran = client::run(account.documents.get(&id).cloned(), &ctx, command, stamp)?;
        if !ran.changed {
            return Ok(false);
        }
        Ok(self.store(ran.document, stamp.id, crash))
    }

    /// A modified app writes a change without checking the rules; `write` makes it.
    ///
    /// # Errors
    /// The document is not there, or the command makes no sense on it at all.
    pub(crate) fn run_unruly(
        &mut self,
        id: DocumentId,
        command: Command,
        stamp: Stamp,
        write: impl FnOnce(&mut Automerge, Actor, &Tipo) -> Result<Option<Change>, DocumentError>,
    ) -> Result<bool, DocumentError> {
        let (usuario, device) = (self.signed_in, self.id);
        let account = self.account();
        let Some(mut document) = account.documents.get(&id).cloned() else { return Ok(false) };
        let mut local = open(&document)?;
        let registro = campo_sync::document::read(&local)?;
        let Ok(tipo) = account.tipos.obter(&registro.tipo).cloned() else { return Ok(false) };
        let nonce = *document.nonce.get_or_insert(stamp.nonce);
        let actor = Actor { user: usuario, device, nonce };
        let Some(change) = write(&mut local, actor, &tipo)? else { return Ok(false) };
        document.queue.push(Queued {
            id: stamp.id,
            command,
            at: stamp.at,
            seen: stamp.seen,
            change: change.raw_bytes().to_vec(),
            hash: change.hash().into(),
        });
        Ok(self.store(document, stamp.id, Crash::No))
    }

    /// As [`Device::run_unruly`], with the change that the app writes for the command.
    ///
    /// # Errors
    /// As [`Device::run_unruly`].
    pub fn run_unchecked(
        &mut self,
        id: DocumentId,
        command: Command,
        stamp: Stamp,
    ) -> Result<bool, DocumentError> {
        let written = command.clone();
        self.run_unruly(id, command, stamp, |doc, actor, tipo| {
            let registro = campo_sync::document::read(doc)?;
            edit::apply(doc, actor, &written, tipo, Some(&registro), stamp.at)
        })
    }

    fn store(&mut self, document: LocalDocument, command: CommandId, crash: Crash) -> bool {
        if crash == Crash::Before {
            self.crash();
            return false;
        }
        let place = self.next;
        self.next += 1;
        let account = self.account_mut();
        account.order.insert(command, place);
        account.documents.insert(document.id, document);
        if crash == Crash::After {
            self.crash();
        }
        true
    }

    /// How a document reads.
    pub fn view(&self, id: DocumentId) -> Option<client::View> {
        let account = self.account();
        let pessoa = account.pessoa.as_ref()?;
        let ctx = Context { pessoa, device: self.id, tipos: &account.tipos };
        client::view(account.documents.get(&id)?, &ctx).ok()
    }

    /// The request that the phone would send now.
    pub fn request(&self) -> SyncRequest {
        let account = self.account();
        let limits = Limits {
            push_items_max: self.limits.push_items_max.min(account.limits.push_items_max),
            push_bytes_max: self.limits.push_bytes_max.min(account.limits.push_bytes_max),
            page_bytes_max: self.limits.page_bytes_max.min(account.limits.page_bytes_max),
            ..account.limits
        };
        let queue = account.queue();
        let queued = queue.iter().map(|(d, q)| (d.id, d.generation, q.change.as_slice(), q.seen));
        client::request(self.id, account.epoch, account.cursor.clone(), limits, queued)
    }

    /// Takes an answer in, all of it in one write.
    ///
    /// # Errors
    /// The log skipped something, or the store is damaged; nothing is written then.
    pub fn absorb(
        &mut self,
        response: SyncResponse,
        dice: &mut Dice,
        crash: Crash,
        sabotage: Option<Sabotage>,
    ) -> Result<Took, Box<CannotAbsorb>> {
        let sorted = client::sort(response);
        assert_eq!(sorted.user, self.signed_in, "an answer to another person's request");
        let mut account = self.account().clone();
        sorted.references.iter().for_each(|reference| account.refer(reference));
        if account.pessoa.is_none() && !sorted.documents.is_empty() {
            return Err(CannotAbsorb::WhoAmI.into());
        }
        let pessoa = account.pessoa.clone().unwrap_or_else(Pessoa::servidor);
        let tipos = std::mem::take(&mut account.tipos);
        let ctx = Context { pessoa: &pessoa, device: self.id, tipos: &tipos };
        let mut took = Took::default();
        for (id, events) in sorted.documents {
            let existing = account.documents.remove(&id);
            let said = events.clone();
            let absorbed = client::absorb(existing, id, events, &ctx, dice.word());
            let mut absorbed =
                absorbed.map_err(|error| CannotAbsorb::Document { id, error, events: said })?;
            let gone_wrong = |settled: &Settled| settled.fate != Fate::Accepted;
            if sabotage == Some(Sabotage::DropOutboxOnRefusal)
                && absorbed.settled.iter().any(gone_wrong)
                && let Some(document) = &mut absorbed.document
            {
                document.queue.clear();
            }
            took.settled.extend(absorbed.settled);
            took.touched.push(id);
            account.heads.remove(&id);
            if let Some(document) = absorbed.document {
                let accepted = campo_sync::document::load(&document.chunks);
                let heads = accepted.map(|accepted| campo_sync::document::heads(&accepted));
                account.heads.insert(id, heads.unwrap_or_default());
                account.documents.insert(id, document);
            }
        }
        account.tipos = tipos;
        account.cursor = sorted.cursor;
        account.more = sorted.more;
        account.epoch = sorted.epoch;
        account.limits = sorted.limits;
        account.decided.extend(sorted.decided);
        account.settled.extend(took.settled.iter().cloned());
        for settled in &took.settled {
            account.order.remove(&settled.queued.id);
        }
        if crash == Crash::Before {
            self.crash();
            return Ok(Took::default());
        }
        *self.account_mut() = account;
        if crash == Crash::After {
            self.crash();
        }
        Ok(took)
    }
}

/// A document with its queue on top.
fn open(document: &LocalDocument) -> Result<Automerge, DocumentError> {
    let mut local = campo_sync::document::load(&document.chunks)?;
    for queued in &document.queue {
        campo_sync::document::extend(&mut local, &queued.change)?;
    }
    Ok(local)
}
