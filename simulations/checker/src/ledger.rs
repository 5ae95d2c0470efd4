//! What the clients were told: one entry per order, in the order of its keys.

use uuid::Uuid;

/// Length of [`Ledger::prefix`].
const PREFIX_LENGTH: usize = 17;

/// What every client knows about every order of one load.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    run: u64,
    entries: Vec<Entry>,
    conflicts: Vec<Conflict>,
}

/// One order, as its client saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The order's id; nil when no answer named one.
    pub order_id: Uuid,
    /// What the client knows.
    pub outcome: Outcome,
    /// The last HTTP status; 0 when there was no answer at all.
    pub status: u16,
    /// Requests that carried the key.
    pub tries: u16,
    /// When it was placed, since the start of the load.
    pub started_ms: u32,
    /// How long it took until `outcome` was known.
    pub took_ms: u32,
}

/// What a client knows about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// No answer said what happened: it may exist or not.
    Unknown,
    /// Acknowledged (2xx): it exists, and was not settled when last seen.
    Accepted,
    /// Seen confirmed.
    Confirmed,
    /// Seen failed: it exists, for a business reason nothing is held for it.
    Failed,
    /// Seen cancelled.
    Cancelled,
    /// Refused as invalid (4xx): it must not exist.
    Refused,
}

impl Outcome {
    /// True when the client was told that the order exists.
    pub fn is_acknowledged(self) -> bool {
        match self {
            Self::Accepted | Self::Confirmed | Self::Failed | Self::Cancelled => true,
            Self::Unknown | Self::Refused => false,
        }
    }

    /// True when nothing about the order may change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::Failed | Self::Cancelled)
    }
}

/// An answer that contradicts an earlier one for the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The key that was sent.
    pub key: String,
    /// What the answers said.
    pub what: String,
}

impl Ledger {
    /// An empty ledger for the keys of `run`.
    pub fn new(run: u64) -> Self {
        Self { run, ..Self::default() }
    }

    /// What every key of this load begins with.
    pub fn prefix(&self) -> String {
        format!("{:016x}-", self.run)
    }

    /// The key of entry number `index`.
    pub fn key(&self, index: usize) -> String {
        format!("{:016x}-{index:08x}", self.run)
    }

    /// The number of the entry a key belongs to.
    pub fn index_of(&self, key: &str) -> Option<usize> {
        let (prefix, number) = key.split_at_checked(PREFIX_LENGTH)?;
        if prefix != self.prefix() || number.len() != 8 {
            return None;
        }
        let index = usize::from_str_radix(number, 16).ok()?;
        (index < self.entries.len()).then_some(index)
    }

    /// All entries; the key of the one at `index` is [`Ledger::key`].
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Answers that contradicted each other.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }

    /// Adds an entry and answers its number.
    pub fn push(&mut self, entry: Entry) -> usize {
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// Notes a contradiction.
    pub fn push_conflict(&mut self, conflict: Conflict) {
        self.conflicts.push(conflict);
    }

    /// The entry number `index`, which [`Ledger::push`] answered.
    pub fn entry_mut(&mut self, index: usize) -> &mut Entry {
        &mut self.entries[index]
    }
}

impl Entry {
    /// An order that is about to be sent.
    pub fn begun(started_ms: u32) -> Self {
        Self {
            order_id: Uuid::nil(),
            outcome: Outcome::Unknown,
            status: 0,
            tries: 0,
            started_ms,
            took_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests;
