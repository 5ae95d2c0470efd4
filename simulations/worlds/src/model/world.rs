//! What there is: two databases, the relays, the network between, and what was planned to go wrong.

pub(super) mod breaker;
pub(super) mod network;

use breaker::Breaker;
use network::Network;

use super::config::{Config, ITEMS_MAX, ORDERS_MAX, RELAYS_MAX, RESERVATIONS_MAX};
use super::invariants::Invariant;

/// One state of the model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct World {
    pub(super) orders: [Order; ORDERS_MAX],
    pub(super) stock: [i8; ITEMS_MAX],
    pub(super) relays: [Relay; RELAYS_MAX],
    pub(super) network: Network,
    pub(super) breaker: Breaker,
    pub(super) faults_left: u8,
    pub(super) staff_left: u8,
    /// An invariant that the last step itself broke, where no state shows it.
    pub(super) broken: Option<Invariant>,
}

/// An order: its rows in the orders database, its reservations in inventory's, and its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Order {
    /// The customer has a 2xx.
    pub(super) acknowledged: bool,
    /// Orders that exist for the customer's one idempotency key.
    pub(super) copies: u8,
    pub(super) cancel: Cancel,
    pub(super) deadline: Deadline,
    pub(super) state: State,
    /// Whether the outbox message, the live work item, is there.
    pub(super) outbox: bool,
    pub(super) epoch: u8,
    pub(super) owner: Owner,
    /// The journal's newest intent has no outcome yet.
    pub(super) intent_open: bool,
    pub(super) attempt: u8,
    pub(super) crashes: u8,
    /// Which of its reservation ids is the current one.
    pub(super) reservation: u8,
    pub(super) reservations: [Reservation; RESERVATIONS_MAX],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum State {
    /// No transaction has created it yet.
    Absent,
    Pending,
    Reserving {
        doubt: Doubt,
    },
    Queued {
        why: Wait,
        doubt: Doubt,
    },
    /// A state that only the newer version knows: reserved, one more step to do.
    Settling,
    Confirmed,
    Releasing {
        cause: Cause,
        doubt: Doubt,
    },
    Failed,
    Cancelled,
    Parked {
        cause: Option<Cause>,
        doubt: Doubt,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Doubt {
    Certain,
    InDoubt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Wait {
    Backoff,
    BreakerOpen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Cause {
    Customer,
    Deadline,
    Staff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Owner {
    Nobody,
    /// A relay with a fresh heartbeat.
    Relay(u8),
    /// A relay whose heartbeat is stale. It may be dead, or a zombie.
    Stale(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Cancel {
    NotAsked,
    /// Only where the planted flaw makes it two steps: read, and not yet written.
    Read,
    Accepted,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Deadline {
    Ahead,
    Passed,
}

/// A row of inventory's reservations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Reservation {
    pub(super) row: Row,
    pub(super) max_epoch: u8,
    /// Units taken, by item. PinnedConnection beside `row`, so that a flaw can make the two disagree.
    pub(super) taken: [u8; ITEMS_MAX],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Row {
    Absent,
    Held,
    Rejected,
    /// Given back, or a tombstone.
    Released,
}

/// What a relay holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Relay {
    Idle,
    /// Its claim, with the intent, is committed; the call is not made yet.
    Holding(Call),
    /// The call is out.
    Calling(Call, Ticket),
    /// The call has ended; its outcome is not recorded yet.
    Ended(Call, Outcome),
}

/// A call of inventory, or the local step `Settle`. The epoch is that of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) order: u8,
    pub(super) reservation: u8,
    pub(super) kind: Kind,
    pub(super) relay: u8,
    pub(super) epoch: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Reserve,
    Release,
    /// Asks whether the reservation exists; only a planted flaw does that.
    Look,
    /// The newer version's last step; no call.
    Settle,
}

/// The breaker's permit for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket {
    pub(super) generation: u8,
    pub(super) probe: bool,
}

/// How a call ended, as docs/PROTOCOL.md section 3 classes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Outcome {
    Done,
    Rejected,
    Tombstoned,
    Stale,
    Unknown,
    NotExecuted,
    ContractBroken,
    NotFound,
}

impl World {
    pub(super) fn new(config: &Config) -> World {
        World {
            orders: [Order::NEW; ORDERS_MAX],
            stock: config.stock.map(|units| units.map_or(0, u8::cast_signed)),
            relays: [Relay::Idle; RELAYS_MAX],
            network: Network::default(),
            breaker: Breaker::default(),
            faults_left: config.faults,
            staff_left: config.staff_actions,
            broken: None,
        }
    }

    pub(super) fn breaks(&mut self, invariant: Invariant) {
        self.broken.get_or_insert(invariant);
    }
}

impl Order {
    const NEW: Order = Order {
        acknowledged: false,
        copies: 0,
        cancel: Cancel::NotAsked,
        deadline: Deadline::Ahead,
        state: State::Absent,
        outbox: false,
        epoch: 0,
        owner: Owner::Nobody,
        intent_open: false,
        attempt: 0,
        crashes: 0,
        reservation: 0,
        reservations: [Reservation { row: Row::Absent, max_epoch: 0, taken: [0; ITEMS_MAX] };
            RESERVATIONS_MAX],
    };

    /// Reservations that hold anything, whatever their row says.
    pub(super) fn live_reservations(&self) -> usize {
        self.reservations.iter().filter(|held| held.taken != [0; ITEMS_MAX]).count()
    }
}

impl State {
    pub(super) fn is_final(self) -> bool {
        matches!(self, State::Confirmed | State::Failed | State::Cancelled)
    }
}

impl Relay {
    /// What it works on.
    pub(super) fn call(self) -> Option<Call> {
        match self {
            Relay::Idle => None,
            Relay::Holding(call) | Relay::Calling(call, _) | Relay::Ended(call, _) => Some(call),
        }
    }
}
