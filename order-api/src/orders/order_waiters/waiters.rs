//! The table of waiters: by order, several for one order, each with its next turn to be polled.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use saga::StateName;
use schema_orders::sagas::Settled;
use tokio::sync::oneshot::Sender;
use uuid::Uuid;

use super::Until;

/// A waiter is polled for when the hint is this late …
const FIRST_POLL_AFTER: Duration = Duration::from_millis(100);
/// … and the longer it waits the more rarely, up to this.
const POLL_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

/// The order, and a number that tells its waiters apart.
pub(super) type Ticket = (Uuid, u64);

#[derive(Default)]
pub(super) struct Waiters {
    entries: BTreeMap<Ticket, Entry>,
    /// Those that wait for an order's end.
    polls: usize,
    next: u64,
}

struct Entry {
    until: Until,
    sender: Sender<Settled>,
    since: Instant,
    poll_at: Instant,
}

impl Waiters {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn polls(&self) -> usize {
        self.polls
    }

    pub(super) fn add(
        &mut self,
        order_id: Uuid,
        until: Until,
        sender: Sender<Settled>,
        now: Instant,
    ) -> Ticket {
        let ticket = (order_id, self.next);
        self.next += 1;
        self.polls += usize::from(until == Until::NeedsNoRelay);
        let poll_at = now + FIRST_POLL_AFTER;
        self.entries.insert(ticket, Entry { until, sender, since: now, poll_at });
        ticket
    }

    pub(super) fn remove(&mut self, ticket: Ticket) {
        if let Some(entry) = self.entries.remove(&ticket) {
            self.polls -= usize::from(entry.until == Until::NeedsNoRelay);
        }
    }

    pub(super) fn deliver(&mut self, settled: impl IntoIterator<Item = Settled>) {
        if self.entries.is_empty() {
            return;
        }
        for settled in settled {
            let of_order = (settled.order_id, 0)..=(settled.order_id, u64::MAX);
            for (_, entry) in self.entries.extract_if(of_order, |_, e| e.waits_for(&settled)) {
                self.polls -= usize::from(entry.until == Until::NeedsNoRelay);
                // a waiter that has gone needs nothing
                let _ = entry.sender.send(settled.clone());
            }
        }
    }

    /// The orders whose turn it is.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Uuid> {
        self.take(now, |entry| entry.poll_at <= now)
    }

    /// All orders.
    pub(super) fn take_all(&mut self, now: Instant) -> Vec<Uuid> {
        self.take(now, |_| true)
    }

    fn take(&mut self, now: Instant, is_due: impl Fn(&Entry) -> bool) -> Vec<Uuid> {
        let mut order_ids = Vec::new();
        for ((order_id, _), entry) in &mut self.entries {
            if is_due(entry) {
                let patience = (now - entry.since) / 4;
                entry.poll_at = now + patience.clamp(FIRST_POLL_AFTER, POLL_AT_LEAST_EVERY);
                order_ids.push(*order_id);
            }
        }
        order_ids.dedup();
        order_ids
    }
}

impl Entry {
    fn waits_for(&self, settled: &Settled) -> bool {
        match self.until {
            Until::Answerable => true,
            Until::NeedsNoRelay => {
                StateName::parse(&settled.state).is_some_and(StateName::needs_no_relay)
            }
        }
    }
}
