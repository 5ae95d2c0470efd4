//! The catalogue: every fault the checker knows, by name, under the invariant it breaks.

use std::fmt;

use serde::Serialize;

/// The invariants of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Invariant {
    /// Every acknowledged order exists; one order per tenant and key.
    I1,
    /// After quiescence nothing is unfinished except what is parked, and the outbox is empty.
    I2,
    /// Stock is conserved per item, and never negative.
    I3,
    /// Confirmed if and only if exactly one live reservation with exactly the order's lines.
    I4,
    /// No write by an epoch older than the newest claim.
    I5,
    /// The journal is dense, and replaying it gives the stored saga.
    I6,
    /// A new reservation id appears only after a definitive outcome of the previous one.
    I7,
    /// Events of committed orders, and of no others.
    I8,
    /// Same key and same request: same order in every answer.
    I9,
    /// Half-open calls and retries are bounded.
    I10,
    /// After the last fault everything settles within a bound.
    I11,
}

impl Invariant {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::I1,
        Self::I2,
        Self::I3,
        Self::I4,
        Self::I5,
        Self::I6,
        Self::I7,
        Self::I8,
        Self::I9,
        Self::I10,
        Self::I11,
    ];

    /// One line for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::I1 => "every acknowledged order exists, one order per key",
            Self::I2 => "nothing is left unfinished, the outbox is empty",
            Self::I3 => "stock is conserved per item and never negative",
            Self::I4 => "confirmed if and only if its stock is held exactly once",
            Self::I5 => "no write by an older epoch",
            Self::I6 => "replaying the journal gives the stored saga",
            Self::I7 => "a new reservation id only after a definitive outcome",
            Self::I8 => "events of committed orders, and of no others",
            Self::I9 => "one key, one order, in every answer",
            Self::I10 => "half-open calls and retries are bounded",
            Self::I11 => "everything settles within the bound",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One fault that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it breaks.
    pub invariant: Invariant,
    /// Stable, for reports and tests.
    pub name: &'static str,
    /// What is wrong where it is found.
    pub says: &'static str,
}

const fn fault(invariant: Invariant, name: &'static str, says: &'static str) -> Check {
    Check { invariant, name, says }
}

/// Everything that is looked for.
pub const CHECKS: &[Check] = &[
    fault(
        Invariant::I1,
        "acknowledged-order-missing",
        "a client was told of an order that is not there",
    ),
    fault(
        Invariant::I1,
        "answer-contradicts-order",
        "a client was told an outcome that is not the order's",
    ),
    fault(Invariant::I1, "refused-order-exists", "a client was refused, and the order exists"),
    fault(Invariant::I1, "key-without-order", "an idempotency key leads to no order"),
    fault(Invariant::I1, "order-without-key", "an order has no idempotency key"),
    fault(Invariant::I1, "two-orders-for-one-key", "one tenant's key has several orders"),
    fault(Invariant::I2, "unfinished", "a saga has not ended although nothing moves any more"),
    fault(
        Invariant::I2,
        "outbox-not-empty",
        "an outbox message is left although nothing moves any more",
    ),
    fault(Invariant::I2, "unfinished-without-message", "nobody will ever finish this saga"),
    fault(Invariant::I2, "message-of-a-finished-saga", "an outbox message outlived its saga"),
    fault(Invariant::I3, "stock-out-of-bounds", "negative stock, or more reserved than there is"),
    fault(
        Invariant::I3,
        "stock-differs-from-ledger",
        "the stock row is not the sum of the item's ledger",
    ),
    fault(
        Invariant::I3,
        "reserved-differs-from-held",
        "reserved is not the sum of the held reservations",
    ),
    fault(
        Invariant::I3,
        "on-hand-differs-from-committed",
        "opening and adjustments are not on hand plus committed",
    ),
    fault(
        Invariant::I3,
        "booked-wrongly",
        "the ledger of a reservation is not what its state says: doubled or lost",
    ),
    fault(Invariant::I4, "confirmed-without-stock", "a confirmed order holds no stock"),
    fault(Invariant::I4, "lines-differ", "a confirmed order holds other lines than it asked for"),
    fault(Invariant::I4, "stock-of-another-order", "the reservation belongs to another order"),
    fault(Invariant::I4, "stock-held-by-ended-order", "a failed or cancelled order holds stock"),
    fault(
        Invariant::I4,
        "late-reserve-possible",
        "nothing would refuse a late reserve of an ended order",
    ),
    fault(Invariant::I4, "stock-held-twice", "an order holds stock under a second reservation id"),
    fault(Invariant::I4, "stock-held-for-nobody", "stock is held for an order that does not exist"),
    fault(
        Invariant::I5,
        "epoch-went-back",
        "a step was written by an epoch older than the newest claim",
    ),
    fault(Invariant::I5, "claim-without-new-epoch", "a claim or an action did not raise the epoch"),
    fault(
        Invariant::I5,
        "inventory-ahead-of-claims",
        "inventory saw an epoch that no claim ever had",
    ),
    fault(Invariant::I6, "journal-has-gaps", "step rows are not dense from 1"),
    fault(Invariant::I6, "journal-illegal-step", "a step cannot follow what stands before it"),
    fault(Invariant::I6, "journal-unreadable", "a step holds an event that nobody knows"),
    fault(
        Invariant::I6,
        "outcome-without-intent",
        "an intent has two outcomes, or an outcome no intent",
    ),
    fault(
        Invariant::I6,
        "journal-contradicts-saga",
        "replaying the journal gives another saga than the stored one",
    ),
    fault(
        Invariant::I7,
        "reservation-id-not-earned",
        "an order used more reservation ids than definitive outcomes allow",
    ),
    fault(Invariant::I7, "reservation-shared", "two orders use one reservation id"),
    fault(Invariant::I8, "order-without-saga", "an order lacks its saga or its first step"),
    fault(Invariant::I8, "saga-without-order", "a saga or its steps belong to no order"),
    fault(Invariant::I8, "message-without-order", "an outbox message belongs to no order"),
    fault(Invariant::I9, "answers-disagree", "two answers for one key contradict each other"),
    fault(
        Invariant::I9,
        "answer-names-another-order",
        "an answer named another order than the key's",
    ),
    fault(Invariant::I9, "two-keys-for-one-order", "one order has several keys"),
    fault(Invariant::I10, "half-open-herd", "more half-open calls in flight than permits"),
    fault(Invariant::I10, "retry-storm", "more calls than the retry budget allows"),
    fault(
        Invariant::I11,
        "settled-too-late",
        "an order took longer than the bound after the last fault",
    ),
];

/// The catalogue's entry of that name.
pub(super) fn named(name: &str) -> &'static Check {
    CHECKS.iter().find(|check| check.name == name).expect("the name is in the catalogue")
}
