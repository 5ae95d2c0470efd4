//! Table `relays`, as `schema_orders::relays` has it.

use super::Store;
use schema_orders::relays::Beat;

impl Store {
    pub(crate) fn join(&mut self) -> i64 {
        self.relays_ever += 1;
        self.relays.insert(self.relays_ever, self.now_ms);
        self.relays_ever
    }

    pub(crate) fn beat(&mut self, relay: i64, stale_ms: i64) -> Beat {
        let member = self.relays.contains_key(&relay);
        if member {
            self.relays.insert(relay, self.now_ms);
        }
        let stale = self.now_ms - stale_ms;
        let waiting = self.outbox.values();
        let next = waiting.clone().filter_map(|message| message.run_at_ms).min();
        Beat {
            member,
            others_stale: self.relays.iter().any(|(&id, &beat)| id != relay && beat < stale),
            fresh_work: waiting
                .clone()
                .any(|message| message.owner.is_none() && message.run_at_ms.is_none()),
            any_held: waiting.clone().any(|message| message.owner.is_some()),
            next_due_ms: next.map(|run_at_ms| run_at_ms - self.now_ms),
        }
    }

    pub(crate) fn leave(&mut self, relay: i64) {
        self.relays.remove(&relay);
    }

    pub(crate) fn remove_stale(&mut self, stale_ms: i64) {
        let stale = self.now_ms - stale_ms;
        let outbox = &self.outbox;
        self.relays.retain(|&id, &mut beat| {
            beat >= stale || outbox.values().any(|message| message.owner == Some(id))
        });
    }

    pub(crate) fn is_alive(&self, relay: i64, stale_ms: i64) -> bool {
        self.relays.get(&relay).is_some_and(|&beat| beat > self.now_ms - stale_ms)
    }
}
