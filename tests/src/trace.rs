//! What happened, in order: a hash over every line, so that two runs of a seed can be compared; how
//! often each kind of event happened; and, where asked for, the lines themselves.

use chrono::{DateTime, Utc};
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

/// How often each kind of event happened.
pub type Totals = BTreeMap<&'static str, u64>;

/// The record of one run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: Fnv,
    lines: Option<Vec<String>>,
    totals: Totals,
    at: DateTime<Utc>,
}

impl Trace {
    /// An empty record; `readable` keeps the lines.
    pub fn new(readable: bool) -> Self {
        Trace {
            hash: Fnv(0xcbf2_9ce4_8422_2325),
            lines: readable.then(Vec::new),
            totals: Totals::new(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    /// The time of the lines that follow.
    pub fn at(&mut self, at: DateTime<Utc>) {
        self.at = at;
    }

    /// Something of this kind happened.
    pub fn event(&mut self, kind: &'static str, details: fmt::Arguments<'_>) {
        *self.totals.entry(kind).or_default() += 1;
        // Writing into a hash cannot fail, nor into a string.
        let _ = write!(self.hash, "{} {kind} {details};", self.at.timestamp_millis());
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{} {kind:<22} {details}", self.at.format("%d %H:%M:%S%.3f")));
        }
    }

    /// Counts only.
    pub fn count(&mut self, kind: &'static str) {
        *self.totals.entry(kind).or_default() += 1;
    }

    /// The hash over everything so far.
    pub fn hash(&self) -> u64 {
        self.hash.0
    }

    /// How often each kind happened.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The lines, where they were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// FNV-1a: fast, and the same on every machine.
#[derive(Debug)]
struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}

/// The last digits of an id: enough to tell one from another in a trace.
pub struct Short(pub uuid::Uuid);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_bytes();
        write!(f, "{:02x}{:02x}{:02x}", bytes[13], bytes[14], bytes[15])
    }
}
