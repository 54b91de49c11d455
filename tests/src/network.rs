//! The network between the phones and the server: it loses, duplicates, reorders and delays
//! messages, and cuts phones off for a while. It never makes up a message.

use crate::dice::Dice;
use campo_domain::ids::UserId;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;

/// How bad the network is, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// A request does not arrive.
    pub request_lost: u32,
    /// An answer does not arrive, though the server has committed.
    pub response_lost: u32,
    /// A request arrives once more, perhaps much later.
    pub duplicated: u32,
    /// A message takes minutes or hours, past everything that is sent after it.
    pub delayed: u32,
    /// A phone is cut off; drawn at each of its steps.
    pub partitioned: u32,
}

impl Faults {
    /// None at all.
    const NONE: Faults =
        Faults { request_lost: 0, response_lost: 0, duplicated: 0, delayed: 0, partitioned: 0 };

    /// Some, as bad as the dice say.
    pub(crate) fn roll(dice: &mut Dice) -> Self {
        let mut upto = |max: usize| u32::try_from(dice.below(max + 1)).unwrap_or(0);
        Faults {
            request_lost: upto(200),
            response_lost: upto(250),
            duplicated: upto(150),
            delayed: upto(200),
            partitioned: upto(40),
        }
    }
}

/// Who sent a request: the phone by its place, the person, and the request's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The phone.
    pub device: usize,
    /// The person.
    pub usuario: UserId,
    /// The request, unique in a run.
    pub number: u64,
}

/// Messages under way, each with the time of its arrival.
#[derive(Debug)]
pub struct Network<M> {
    waiting: BTreeMap<(DateTime<Utc>, u64), M>,
    cut_off: BTreeMap<usize, DateTime<Utc>>,
    next: u64,
    /// How bad it is.
    pub faults: Faults,
}

impl<M: Clone> Network<M> {
    /// A network with these faults.
    pub fn new(faults: Faults) -> Self {
        Network { waiting: BTreeMap::new(), cut_off: BTreeMap::new(), next: 0, faults }
    }

    /// Something will happen after a while, for certain.
    pub fn later(&mut self, at: DateTime<Utc>, what: M) {
        self.waiting.insert((at, self.next), what);
        self.next += 1;
    }

    /// How long a message takes.
    pub fn delay(&self, dice: &mut Dice) -> TimeDelta {
        if dice.chance(self.faults.delayed, 1000) {
            TimeDelta::seconds(dice.range(60, 4 * 3600))
        } else {
            TimeDelta::milliseconds(dice.range(20, 4_000))
        }
    }

    /// What arrives next, if it is due.
    pub fn due(&mut self, now: DateTime<Utc>) -> Option<M> {
        let (at, _) = self.waiting.first_key_value()?.0;
        if *at > now {
            return None;
        }
        self.waiting.pop_first().map(|(_, what)| what)
    }

    /// Cuts a phone off.
    pub fn cut(&mut self, device: usize, until: DateTime<Utc>) {
        self.cut_off.insert(device, until);
    }

    /// Whether a phone is cut off.
    pub(crate) fn is_cut(&self, device: usize, now: DateTime<Utc>) -> bool {
        self.cut_off.get(&device).is_some_and(|until| *until > now)
    }

    /// No more faults: what is under way arrives at once, in the order in which it would have.
    pub fn heal(&mut self) -> Vec<M> {
        self.faults = Faults::NONE;
        self.cut_off.clear();
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}
