//! Requests and answers on their way.

use super::{Heads, Message, World, machinery};
use crate::{
    checkers::{self, Checker, Violation, ensure, violated},
    device::{CannotAbsorb, Crash},
    network::Sender,
    oracle::Written,
    trace::Short,
};
use automerge::Change;
use campo_domain::ids::{DeviceId, DocumentId};
use campo_sync::{
    client::Event,
    document::DocumentError,
    wire::{self, Hash, Limits, SyncRequest, SyncResponse},
};
use chrono::TimeDelta;

impl World<'_> {
    /// The phone sends what it has to say, and asks for what it does not have.
    pub(super) fn send(&mut self, place: usize) {
        let device = &mut self.devices[place];
        let request = device.request();
        let sender = Sender { device: place, usuario: device.signed_in, number: self.requests };
        self.requests += 1;
        device.in_flight = Some((sender.number, self.now + TimeDelta::seconds(45)));
        self.trace.event(
            "request",
            format_args!(
                "#{} {} pushes {} from {}",
                sender.number,
                self.staff.name(sender.usuario),
                request.push.len(),
                request.cursor.seq
            ),
        );
        if !request.push.is_empty() && self.sent.len() < 200 {
            self.sent.push(request.clone());
        }
        if self.dice.chance(self.network.faults.duplicated, 1000) {
            self.trace.count("fault: duplicated");
            let delay = self.network.delay(&mut self.dice);
            self.network.later(self.now + delay, Message::Request(sender, request.clone()));
        }
        let lost = self.network.is_cut(place, self.now)
            || self.dice.chance(self.network.faults.request_lost, 1000);
        if lost {
            self.trace.event("fault: request lost", format_args!("#{}", sender.number));
            return;
        }
        let delay = self.network.delay(&mut self.dice);
        self.network.later(self.now + delay, Message::Request(sender, request));
    }

    pub(super) fn deliver(&mut self, message: Message) -> Result<(), Violation> {
        match message {
            Message::Request(sender, request) => self.arrives(sender, request),
            Message::Commit(sender, request, ticket) => {
                let response = self.ledger.finish(self.now, ticket).map_err(machinery)?;
                self.answer(sender, &request, response)
            }
            Message::Response(sender, response, heads) => {
                let device = &self.devices[sender.device];
                let waiting = device.in_flight.is_some_and(|(number, _)| number == sender.number);
                let cut = self.network.is_cut(sender.device, self.now);
                if !waiting || cut {
                    self.trace.count("fault: answer too late");
                    return Ok(());
                }
                let crash = self.crash();
                self.absorb(sender.device, response, heads, crash)
            }
            Message::Timer(found) => self.end_waits(&found),
            Message::Photo(which, upload) => self.photo(which, upload),
        }
    }

    fn arrives(&mut self, sender: Sender, request: SyncRequest) -> Result<(), Violation> {
        if !self.oracle.person(sender.usuario).ativo {
            // A deactivated person gets no answer; the phone keeps what it has.
            self.trace.event("locked out", format_args!("#{}", sender.number));
            return Ok(());
        }
        // Every eighth goes through the wire format, which must not change it.
        let request =
            if sender.number.is_multiple_of(8) { self.packed(&request)? } else { request };
        let copy = request.clone();
        let begun = self.ledger.begin(self.now, sender.usuario, request);
        let ticket = begun.map_err(machinery)?;
        if self.dice.chance(self.network.faults.request_lost, 4000) {
            self.trace.event("fault: server died", format_args!("#{}", sender.number));
            return Ok(());
        }
        let work = TimeDelta::milliseconds(self.dice.range(5, 3_000));
        self.network.later(self.now + work, Message::Commit(sender, copy, ticket));
        Ok(())
    }

    fn packed<T>(&self, message: &T) -> Result<T, Violation>
    where
        T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq,
    {
        let wrong = |error: wire::WireError| violated(Checker::Machinery, error.to_string());
        let body = wire::pack(message).map_err(wrong)?;
        let bytes_max = Limits::DEFAULT.request_bytes_max().max(wire::RESPONSE_BYTES_MAX);
        let unpacked = wire::unpack(&body, bytes_max).map_err(wrong)?;
        ensure(unpacked == *message, Checker::Machinery, || "the wire changed a message".into())?;
        Ok(unpacked)
    }

    /// The server has committed: checks what it says, then sends it.
    fn answer(
        &mut self,
        sender: Sender,
        request: &SyncRequest,
        response: SyncResponse,
    ) -> Result<(), Violation> {
        let heads = self.check(sender.usuario, request, &response)?;
        let lost = self.dice.chance(self.network.faults.response_lost, 1000);
        if lost {
            self.trace.event("fault: answer lost", format_args!("#{}", sender.number));
            return Ok(());
        }
        let response = if sender.number % 8 == 1 { self.packed(&response)? } else { response };
        let delay = self.network.delay(&mut self.dice);
        self.network.later(self.now + delay, Message::Response(sender, response, heads));
        Ok(())
    }

    /// The phone takes an answer in.
    pub(super) fn absorb(
        &mut self,
        place: usize,
        response: SyncResponse,
        heads: Option<Heads>,
        crash: Crash,
    ) -> Result<(), Violation> {
        let device = &mut self.devices[place];
        let usuario = device.signed_in;
        device.in_flight = None;
        let took = device.absorb(response, &mut self.dice, crash, self.config.sabotage);
        let who = format!("{}'s phone", self.staff.name(usuario));
        let took = took.map_err(|error| {
            let checker = match error.as_ref() {
                CannotAbsorb::Document {
                    error: DocumentError::Gap | DocumentError::Automerge(_),
                    ..
                } => Checker::Cursor,
                _ => Checker::Machinery,
            };
            violated(checker, format!("{who}: {}", brief(&error)))
        })?;
        for settled in &took.settled {
            let kind = match settled.fate {
                campo_sync::client::Fate::Accepted => "fate: accepted",
                campo_sync::client::Fate::Held { .. } => "fate: held",
                campo_sync::client::Fate::Refused { .. } => "fate: refused",
            };
            let (id, fate) = (settled.queued.id.uuid(), &settled.fate);
            self.trace.event(kind, format_args!("{who} {} {fate:?}", Short(id)));
        }
        for document in took.touched {
            self.wrote(place, document, None);
        }
        match crash {
            Crash::No => {}
            Crash::Before | Crash::After => self.trace.event("fault: crash", format_args!("{who}")),
        }
        match heads {
            Some(heads) if crash != Crash::Before => {
                self.trace.event("synchronised", format_args!("{who}"));
                checkers::holds_what_is_seen(self.devices[place].account(), &heads, &who)?;
                self.check_agreement(place)?;
                self.check_shown(place)
            }
            _ => Ok(()),
        }
    }

    /// Tells the oracle what each change in the queue of a document means.
    pub(super) fn wrote(&mut self, place: usize, document: DocumentId, forged: Option<Hash>) {
        let device = &self.devices[place];
        let Some(local) = device.account().documents.get(&document) else { return };
        for queued in &local.queue {
            let written = Written {
                id: queued.id,
                command: queued.command.clone(),
                usuario: device.signed_in,
                device: device.id,
                document,
                forged: forged == Some(queued.hash),
            };
            self.oracle.wrote(queued.hash, written);
        }
    }

    /// Whether the phone crashes at its next write.
    pub(super) fn crash(&mut self) -> Crash {
        match self.dice.below(40) {
            0 => Crash::Before,
            1 => Crash::After,
            _ => Crash::No,
        }
    }

    /// Somebody sends what somebody else's phone had sent (ff26).
    pub(super) fn steal(&mut self, place: usize) {
        if self.sent.is_empty() {
            return;
        }
        let stolen = self.dice.below(self.sent.len());
        let device: DeviceId = self.devices[place].id;
        let usuario = self.devices[place].signed_in;
        let request = SyncRequest { device, ..self.sent[stolen].clone() };
        let sender = Sender { device: place, usuario, number: self.requests };
        self.requests += 1;
        self.trace.event("stolen", format_args!("{}", self.staff.name(usuario)));
        self.network.later(self.now, Message::Request(sender, request));
    }
}

/// The error without the bytes of every change.
fn brief(error: &CannotAbsorb) -> String {
    let CannotAbsorb::Document { id, error, events } = error else {
        return format!("{error:?}");
    };
    let said: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Verdict { hash, outcome } => format!("{hash:?} {outcome:?}"),
            Event::Change { bytes, .. } => match Change::try_from(&bytes[..]) {
                Ok(change) => {
                    let deps: Vec<Hash> = change.deps().iter().map(|d| (*d).into()).collect();
                    format!("change {:?} on {deps:?}", Hash::from(change.hash()))
                }
                Err(error) => format!("unreadable change: {error}"),
            },
            Event::Snapshot { .. } => "snapshot".into(),
            other => format!("{other:?}"),
        })
        .collect();
    format!("{id}: {error:?} after {said:?}")
}
