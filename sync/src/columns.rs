//! How much a change would unpack to, found without unpacking it. The columns of a change are
//! run-length encoded, so a hundred bytes may claim 2^40 operations, and Automerge walks through
//! all that they claim before anyone can ask how many there are. This looks at the run lengths
//! alone.

use crate::wire::Limits;
use std::cell::Cell;

// The columns that a change may have: column number and type, as Automerge's format numbers them.
const KEY_COUNTER: u64 = 19;
const KEY_STRING: u64 = 21;
const INSERT: u64 = 52;
const VALUE_RAW: u64 = 87;
const PRED_COUNT: u64 = 112;
const PRED_ACTOR: u64 = 113;
const PRED_COUNTER: u64 = 115;
const EXPAND: u64 = 148;
const MARK_NAME: u64 = 165;
/// Object actor and counter, key actor, action, value metadata: all plain unsigned runs.
const UNSIGNED: [u64; 5] = [1, 2, 17, 66, 86];

/// What is wrong with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no change chunk.
    Malformed,
    /// It claims more than the limits allow.
    TooMuch,
}

/// Checks that the change chunk stays within the limits however it is read.
pub(crate) fn within(chunk: &[u8], limits: &Limits) -> Result<(), Fault> {
    let over = Cell::new(false);
    let within = Scan { rest: chunk, over: &over }.change(limits);
    within.ok_or(if over.get() { Fault::TooMuch } else { Fault::Malformed })
}

struct Scan<'a> {
    rest: &'a [u8],
    /// Set when it is a limit that stops the scan.
    over: &'a Cell<bool>,
}

impl<'a> Scan<'a> {
    fn change(mut self, limits: &Limits) -> Option<()> {
        self.take(9)?; // Magic bytes, checksum, type of chunk.
        let length = self.unsigned()?;
        (length == self.rest.len() as u64).then_some(())?;
        let dependencies = self.unsigned()?;
        self.take(dependencies.checked_mul(32)?)?;
        self.prefixed()?; // The actor.
        self.unsigned()?; // Its sequence number.
        self.unsigned()?; // The first operation's counter.
        self.signed()?; // The time.
        self.prefixed()?; // The message.
        for _ in 0..self.unsigned()? {
            self.prefixed()?; // Another actor; each takes a byte, so the bytes bound the loop.
        }
        let mut columns = Vec::new();
        for _ in 0..self.unsigned()? {
            columns.push((self.unsigned()?, self.unsigned()?));
        }
        let ops_max = u64::from(limits.change_ops_max);
        // Each write lists the values that it replaces: one, or a few where there was a conflict.
        let preds_max = ops_max.saturating_mul(2);
        for (spec, length) in columns {
            let mut column = Scan { rest: self.take(length)?, over: self.over };
            match spec {
                PRED_COUNT => column.runs(ops_max, Item::Sum(preds_max))?,
                PRED_ACTOR => column.runs(preds_max, Item::Unsigned)?,
                PRED_COUNTER => column.runs(preds_max, Item::Signed)?,
                KEY_COUNTER => column.runs(ops_max, Item::Signed)?,
                KEY_STRING | MARK_NAME => column.runs(ops_max, Item::Text)?,
                INSERT | EXPAND => column.booleans(ops_max)?,
                VALUE_RAW => {}
                other if UNSIGNED.contains(&other) => column.runs(ops_max, Item::Unsigned)?,
                _ => return None,
            }
        }
        self.rest.is_empty().then_some(())
    }

    /// Runs: a positive count and one value, a negative count and that many values, or zero and a
    /// count of nothings.
    fn runs(&mut self, items_max: u64, item: Item) -> Option<()> {
        let (mut items, mut sum) = (0_u64, 0_u64);
        while !self.rest.is_empty() {
            let count = self.signed()?;
            let (run, values) = match count {
                0 => (self.unsigned()?, 0),
                1.. => (count.unsigned_abs(), 1),
                _ => (count.unsigned_abs(), count.unsigned_abs()),
            };
            items = items.saturating_add(run);
            self.bounded(items, items_max)?;
            for _ in 0..values {
                let value = match item {
                    Item::Unsigned | Item::Sum(_) => self.unsigned()?,
                    Item::Signed => self.signed()?.unsigned_abs(),
                    Item::Text => self.prefixed().map(|()| 0)?,
                };
                let times = if values == 1 { run } else { 1 };
                if let Item::Sum(sum_max) = item {
                    sum = sum.saturating_add(value.saturating_mul(times));
                    self.bounded(sum, sum_max)?;
                }
            }
        }
        Some(())
    }

    /// Alternating counts of false and true.
    fn booleans(&mut self, items_max: u64) -> Option<()> {
        let mut items = 0_u64;
        while !self.rest.is_empty() {
            items = items.saturating_add(self.unsigned()?);
            self.bounded(items, items_max)?;
        }
        Some(())
    }

    fn bounded(&self, value: u64, max: u64) -> Option<()> {
        self.over.set(value > max);
        (value <= max).then_some(())
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    fn prefixed(&mut self) -> Option<()> {
        let length = self.unsigned()?;
        self.take(length).map(|_| ())
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    /// LEB128, at most 64 bits.
    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            (shift < 63 || bits <= 1).then_some(())?;
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// Signed LEB128, at most 64 bits.
    fn signed(&mut self) -> Option<i64> {
        let mut value = 0_i64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let negative = byte & 0x40 != 0 && shift + 7 < 64;
                return Some(if negative { value | (-1 << (shift + 7)) } else { value });
            }
        }
        None
    }
}

#[derive(Clone, Copy)]
enum Item {
    Unsigned,
    Signed,
    Text,
    /// Unsigned values whose sum is bounded as well.
    Sum(u64),
}
