//! One seed's world: everything there is.

use super::coverage::Coverage;
use super::dice::{Dice, Source, Use};
use super::faults::{Fault, FaultId, Moment};
use super::gate::Gate;
use super::invariants::Invariant;
use super::inventory::Inventory;
use super::known_bad::KnownBad;
use super::people::{Customer, Plan};
use super::queue::{Event, Queue, Step};
use super::relay_state::{PendingClaim, Relay};
use super::setting::Setting;
use super::store::{Broken, NewOrder, Store};
use super::trace::{Happened, Trace};
use super::wire::{Letter, Request};
use saga::StateName;
use std::collections::BTreeSet;
use uuid::Uuid;

/// When the database's clock says the world begins: 2026-01-01.
const BEGIN_MS: i64 = 1_767_225_600_000;
/// I11: so long after the last fault, and after what a clock that was set back has to catch up with,
/// everything is settled.
pub const SETTLED_WITHIN_MS: u64 = 180_000;

pub(super) struct World {
    pub(super) now_ms: u64,
    pub(super) setting: Setting,
    pub(super) dice: Dice,
    pub(super) queue: Queue,
    /// Events on the agenda that are more than a relay's housekeeping.
    pub(super) open: u32,
    pub(super) store: Store,
    pub(super) clock_skew_ms: i64,
    pub(super) database_down_until_ms: u64,
    pub(super) inventory: Inventory,
    pub(super) inventory_down_until_ms: u64,
    /// Until then inventory fails for every order of the first item.
    pub(super) bad_item_until_ms: u64,
    pub(super) relays: Vec<Relay>,
    pub(super) customers: Vec<Customer>,
    pub(super) plans: Vec<Plan>,
    /// Orders on their way to the database, and whose they are.
    pub(super) inserts: Vec<(u16, NewOrder, Option<PendingClaim>)>,
    pub(super) requests: Vec<Request>,
    pub(super) letters: Vec<Letter>,
    pub(super) known_bad: Option<KnownBad>,
    pub(super) broken: Vec<Broken>,
    pub(super) coverage: Coverage,
    pub(super) trace: Trace,
    pub(super) steps: u64,
}

/// A transaction whose outcome its caller does not know, or which failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unanswered;

impl World {
    pub(super) fn new(
        seed: u64,
        only: Option<BTreeSet<FaultId>>,
        known_bad: Option<KnownBad>,
    ) -> World {
        let mut dice = Dice::new(seed);
        let mut setting = Setting::draw(&mut dice);
        setting.faults.only = only;
        let inventory = Inventory::open(&setting.stock, known_bad);
        let store = Store { known_bad, ..Store::default() };
        World {
            now_ms: 0,
            dice,
            queue: Queue::default(),
            open: 0,
            store,
            clock_skew_ms: 0,
            database_down_until_ms: 0,
            inventory,
            inventory_down_until_ms: 0,
            bad_item_until_ms: 0,
            relays: Vec::new(),
            customers: Vec::new(),
            plans: Vec::new(),
            inserts: Vec::new(),
            requests: Vec::new(),
            letters: Vec::new(),
            known_bad,
            broken: Vec::new(),
            coverage: Coverage::default(),
            trace: Trace::default(),
            steps: 0,
            setting,
        }
    }

    /// The database's clock goes with the world's, as far as it was not set.
    pub(super) fn tick(&mut self) {
        self.store.now_ms = BEGIN_MS + self.now_ms as i64 + self.clock_skew_ms;
    }

    pub(super) fn put(&mut self, at_ms: u64, event: Event) {
        self.open += u32::from(is_open(event));
        self.queue.put(at_ms, event);
    }

    /// Has a relay do something after a delay.
    pub(super) fn put_step(&mut self, index: u16, delay_ms: u64, step: Step) {
        let life = self.relays[usize::from(index)].life;
        self.put(self.now_ms + delay_ms, Event::Relay { relay: index, life, step });
    }

    /// One transaction of the orders database. It may fail, or go through unseen.
    pub(super) fn transact<T>(
        &mut self,
        source: Source,
        moment: Moment,
        orders: &[Uuid],
        transaction: impl FnOnce(&mut Store) -> T,
    ) -> Result<T, Unanswered> {
        if self.now_ms < self.database_down_until_ms {
            self.note_all(Fault::DatabaseDown, moment, orders);
            return Err(Unanswered);
        }
        if self.roll(source, Fault::CommitLost) {
            self.note_all(Fault::CommitLost, moment, orders);
            return Err(Unanswered);
        }
        let is_unanswered = self.roll(source, Fault::CommitUnanswered);
        if is_unanswered {
            self.note_all(Fault::CommitUnanswered, moment, orders);
        }
        let done = transaction(&mut self.store);
        if is_unanswered { Err(Unanswered) } else { Ok(done) }
    }

    /// Rolls for a fault; the caller says what it hit.
    pub(super) fn roll(&mut self, source: Source, fault: Fault) -> bool {
        let happens = self.setting.faults.roll(&mut self.dice, self.now_ms, source, fault);
        if happens && let Some(&id) = self.setting.faults.happened.last() {
            self.trace.note(self.now_ms, Happened::Fault(id));
        }
        happens
    }

    /// Rolls for a fault that hits one order.
    pub(super) fn hits(&mut self, fault: Fault, moment: Moment, order: u16) -> bool {
        let happens = self.roll(Source::Order(order), fault);
        if happens {
            self.note_order(fault, moment, order);
        }
        happens
    }

    /// Counts a fault that hit one order.
    pub(super) fn note_order(&mut self, fault: Fault, moment: Moment, order: u16) {
        let id = self.customers[usize::from(order)].order_id;
        let state = id.and_then(|id| self.state(id));
        self.coverage.hit(fault, moment, state);
    }

    /// Counts a fault that hit these orders.
    pub(super) fn note_all(&mut self, fault: Fault, moment: Moment, orders: &[Uuid]) {
        for &order_id in orders {
            let state = self.state(order_id);
            self.coverage.hit(fault, moment, state);
        }
    }

    pub(super) fn state(&self, order_id: Uuid) -> Option<StateName> {
        self.store.sagas.get(&order_id).map(|row| row.saga.state.name())
    }

    pub(super) fn is(&self, known_bad: KnownBad) -> bool {
        self.known_bad == Some(known_bad)
    }

    pub(super) fn breaks(&mut self, invariant: Invariant, order_id: Option<Uuid>) {
        self.broken.push((invariant, order_id));
    }

    /// A fresh id of an order: the time, whose it is, and a number. It is a UUIDv7.
    pub(super) fn mint(&mut self, order: u16) -> Uuid {
        let number = self.dice.draw(Source::Order(order), Use::Order as u16) & 0xFFFF_FFFF;
        let clocks_ms = &self.setting.clocks_ms;
        let clock_ms = clocks_ms[usize::from(order) % clocks_ms.len()];
        let at_ms = (BEGIN_MS + self.now_ms as i64 + clock_ms) as u128;
        let is_v7 = 0x7000 << 64 | 0x8000 << 48;
        Uuid::from_u128(at_ms << 80 | is_v7 | u128::from(order) << 32 | u128::from(number))
    }

    /// How long a relay takes for what it does by itself.
    pub(super) fn moment(&mut self, index: u16) -> u64 {
        self.dice.below(Source::Relay(index), Use::Moment, 4)
    }

    pub(super) fn new_gate(&mut self, index: u16) -> Gate {
        let seed = self.dice.jitter(Source::Relay(index));
        Gate::new(self.setting.breaker, seed, self.now_ms, self.known_bad)
    }
}

/// Whose order an id is.
pub(super) fn order_of(id: Uuid) -> u16 {
    (id.as_u128() >> 32) as u16
}

/// More than a relay's housekeeping, which goes on for ever.
pub(super) fn is_open(event: Event) -> bool {
    !matches!(event, Event::Relay { step: Step::Beat | Step::Look, .. })
}
