//! Which failures say something about one item or one order only, and nothing about the service.
//!
//! A service that answers 500 to every call for one item, and answers every other call, is not down.
//! If such failures counted, one bad item would keep the breaker open for all orders. So an item is
//! *suspect* once three calls for it have failed by an answer and none was answered well, while at
//! least one call for something else was. Its first failures count: until something else is answered,
//! nobody can tell a bad item from a service that is down. An order that has been tried three times
//! counts no more either.
//!
//! Only a failure that the service itself answered (500) can be discounted. No answer at all (refused,
//! cut, timed out) is always evidence about the service.
//!
//! Pure: no clock. Time plays no part, since one good answer clears an item.

use super::Outcome;
use std::collections::HashMap;

/// Failures of one item, or attempts of one order, that count.
pub(super) const FAILURES_MAX: u32 = 3;
/// Items that are remembered. Where more fail, all are forgotten: then it is hardly one item's fault.
pub(super) const ITEMS_MAX: usize = 1_024;

/// The items whose calls fail, as one caller sees them.
#[derive(Debug, Clone, Default)]
pub struct Suspects {
    pub(super) items: HashMap<String, Failing>,
    /// Calls that were answered since the start.
    answered: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Failing {
    failures: u32,
    /// `Suspects::answered` at its first failure. No later answer was for this item, or it would have
    /// been cleared.
    answered_before: u64,
}

/// What came back, as far as it is evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// A definitive answer. A business "no" is one.
    Answered,
    /// The service answered that it failed (500), or that an item is held by somebody (503, `item-busy`).
    Error,
    /// No answer, or one that is not the service's own: refused, cut, timed out, 429, 502, 503, 504.
    Missing,
}

impl Suspects {
    /// What the breaker counts of a call for `items` that an order had been tried for `attempts`
    /// times before.
    pub fn judge(&mut self, reply: Reply, items: &[&str], attempts: u32) -> Outcome {
        match reply {
            Reply::Missing => Outcome::Failed,
            Reply::Answered => {
                self.answered += 1;
                if !self.items.is_empty() {
                    for item in items {
                        self.items.remove(*item);
                    }
                }
                Outcome::Answered
            }
            Reply::Error => {
                let is_known = items.iter().any(|item| self.is_suspect(item));
                for item in items {
                    self.note_failure(item);
                }
                if is_known || attempts >= FAILURES_MAX {
                    Outcome::Discounted
                } else {
                    Outcome::Failed
                }
            }
        }
    }

    /// Whether failures of this item are discounted.
    pub fn is_suspect(&self, item: &str) -> bool {
        self.items.get(item).is_some_and(|failing| {
            failing.failures >= FAILURES_MAX && self.answered > failing.answered_before
        })
    }

    /// Items whose last calls were answered with a failure. A call for one of them says nothing new.
    pub fn failing_items(&self) -> Vec<String> {
        let mut items: Vec<String> = self.items.keys().cloned().collect();
        items.sort_unstable();
        items
    }

    fn note_failure(&mut self, item: &str) {
        if let Some(failing) = self.items.get_mut(item) {
            failing.failures = failing.failures.saturating_add(1);
            return;
        }
        if self.items.len() >= ITEMS_MAX {
            self.items.clear();
        }
        let failing = Failing { failures: 1, answered_before: self.answered };
        self.items.insert(item.to_owned(), failing);
    }
}
