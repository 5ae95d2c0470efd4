//! One fault for each check: what a bug would have left behind.
//!
//! SQL stands here because no function of the product may be able to do this.

use std::time::Duration;

use uuid::Uuid;

use super::history::{self, World};
use crate::ledger::{Conflict, Entry, Outcome};
use crate::{Amplification, Evidence, HalfOpen};

pub(super) struct Planted {
    pub(super) check: &'static str,
    pub(super) plant: Plant,
}

/// Where the fault is. `{name}` in SQL stands for that order's id.
#[derive(Clone, Copy)]
pub(crate) enum Plant {
    Orders(&'static str),
    Inventory(&'static str),
    Answers(fn(&mut World)),
    Evidence(fn(&mut Evidence<'_>)),
}

use Plant::{Answers, Inventory, Orders};

impl World {
    /// Leaves this fault behind.
    pub(crate) async fn plant(&mut self, plant: Plant) {
        match plant {
            Orders(sql) => history::run(&self.orders, self.with_ids(sql)).await,
            Inventory(sql) => history::run(&self.inventory, self.with_ids(sql)).await,
            Answers(spoil) => spoil(self),
            Plant::Evidence(_) => {}
        }
    }
}

const fn fault(check: &'static str, plant: Plant) -> Planted {
    Planted { check, plant }
}

pub(super) const PLANTED: &[Planted] = &[
    // I1
    fault(
        "acknowledged-order-missing",
        Answers(|world| {
            let order_id = Uuid::from_u128(404);
            world.entries.push(Entry { order_id, outcome: Outcome::Accepted, ..Entry::begun(0) });
        }),
    ),
    fault("answer-contradicts-order", Answers(|world| tell(world, "failed", Outcome::Confirmed))),
    fault("refused-order-exists", Answers(|world| tell(world, "confirmed", Outcome::Refused))),
    fault("key-without-order", Orders("delete from orders where id = '{confirmed}'")),
    fault("order-without-key", Orders("delete from idempotency_keys where order_id = '{parked}'")),
    fault(
        "two-orders-for-one-key",
        Orders(
            "alter table idempotency_keys drop constraint idempotency_keys_pkey;
         update idempotency_keys
         set key = (select key from idempotency_keys where order_id = '{confirmed}')
         where order_id = '{parked}'",
        ),
    ),
    // I2
    fault(
        "unfinished",
        Orders(
            "update sagas set state = 'queued', reason = 'backoff' where order_id = '{confirmed}'",
        ),
    ),
    fault("outbox-not-empty", Orders("insert into outbox (order_id) values ('{confirmed}')")),
    fault(
        "unfinished-without-message",
        Orders("update sagas set state = 'reserving' where order_id = '{confirmed}'"),
    ),
    fault(
        "message-of-a-finished-saga",
        Orders("insert into outbox (order_id) values ('{cancelled}')"),
    ),
    // I3
    fault(
        "stock-out-of-bounds",
        Inventory(
            "alter table stock drop constraint stock_reserved_is_on_hand;
         update stock set reserved = on_hand + 1 where item_id = 'ps5'",
        ),
    ),
    fault(
        "stock-differs-from-ledger",
        Inventory("update stock set on_hand = on_hand + 1 where item_id = 'ps5'"),
    ),
    fault(
        "reserved-differs-from-held",
        Inventory("update stock set reserved = reserved + 1 where item_id = 'ps5'"),
    ),
    fault(
        "on-hand-differs-from-committed",
        Inventory("update reservations set state = 'held' where order_id = '{shipped}'"),
    ),
    fault(
        "booked-wrongly",
        Inventory(
            "insert into inventory_transactions
             (item_id, reservation_id, kind, on_hand_delta, reserved_delta)
         select item_id, reservation_id, kind, on_hand_delta, reserved_delta
         from inventory_transactions
         join reservations using (reservation_id)
         where order_id = '{confirmed}'",
        ),
    ),
    // I4
    fault(
        "confirmed-without-stock",
        Inventory("delete from reservations where order_id = '{taken_over}'"),
    ),
    fault(
        "lines-differ",
        Inventory(
            "update reservation_lines
         set quantity = quantity + 1
         where reservation_id = (
             select reservation_id from reservations where order_id = '{confirmed}'
         )",
        ),
    ),
    fault(
        "stock-of-another-order",
        Inventory("update reservations set order_id = '{failed}' where order_id = '{confirmed}'"),
    ),
    fault(
        "stock-held-by-ended-order",
        Inventory("update reservations set state = 'held' where order_id = '{failed}'"),
    ),
    fault(
        "late-reserve-possible",
        Inventory("delete from reservations where order_id = '{cancelled}'"),
    ),
    fault(
        "stock-held-twice",
        Inventory(
            "insert into reservations (reservation_id, order_id, state, max_epoch, fingerprint)
         select gen_random_uuid(), order_id, 'held', 1, fingerprint
         from reservations
         where order_id = '{confirmed}'",
        ),
    ),
    fault(
        "stock-held-for-nobody",
        Inventory(
            "insert into reservations (reservation_id, order_id, state, max_epoch, fingerprint)
         select gen_random_uuid(), gen_random_uuid(), 'held', 1, fingerprint
         from reservations
         where order_id = '{confirmed}'",
        ),
    ),
    // I5
    fault(
        "epoch-went-back",
        Orders("update saga_steps set epoch = 1 where order_id = '{taken_over}' and seq = 4"),
    ),
    fault(
        "claim-without-new-epoch",
        Orders("update saga_steps set epoch = 1 where order_id = '{taken_over}' and seq = 3"),
    ),
    fault(
        "inventory-ahead-of-claims",
        Inventory("update reservations set max_epoch = 99 where order_id = '{confirmed}'"),
    ),
    // I6
    fault(
        "journal-has-gaps",
        Orders("delete from saga_steps where order_id = '{confirmed}' and seq = 2"),
    ),
    fault(
        "journal-illegal-step",
        Orders(
            "update saga_steps set event = 'step_released' where order_id = '{confirmed}' and seq = 3",
        ),
    ),
    fault(
        "journal-unreadable",
        Orders("update saga_steps set event = 'magic' where order_id = '{confirmed}' and seq = 3"),
    ),
    fault(
        "outcome-without-intent",
        Orders("update saga_steps set epoch = 9 where order_id = '{confirmed}' and seq = 3"),
    ),
    fault(
        "journal-contradicts-saga",
        Orders("update sagas set attempt = attempt + 1 where order_id = '{confirmed}'"),
    ),
    // I7
    fault(
        "reservation-id-not-earned",
        Inventory(
            "insert into reservations
             (reservation_id, order_id, state, max_epoch, fingerprint, outcome)
         select gen_random_uuid(), order_id, 'rejected', 1, fingerprint, '{}'
         from reservations
         where order_id = '{confirmed}'",
        ),
    ),
    fault(
        "reservation-shared",
        Orders(
            "update sagas
         set reservation_id = (select reservation_id from sagas where order_id = '{confirmed}')
         where order_id = '{parked}'",
        ),
    ),
    // I8
    fault("order-without-saga", Orders("delete from sagas where order_id = '{confirmed}'")),
    fault("saga-without-order", Orders("delete from orders where id = '{confirmed}'")),
    fault(
        "message-without-order",
        Orders("insert into outbox (order_id) values (gen_random_uuid())"),
    ),
    // I9
    fault(
        "answers-disagree",
        Answers(|world| {
            let (key, what) = ("k".to_owned(), "was Confirmed, became Failed".to_owned());
            world.conflicts.push(Conflict { key, what });
        }),
    ),
    fault(
        "answer-names-another-order",
        Answers(|world| {
            let (one, other) = (world.order("confirmed"), world.order("shipped"));
            for entry in &mut world.entries {
                if entry.order_id == one {
                    entry.order_id = other;
                }
            }
        }),
    ),
    fault(
        "two-keys-for-one-order",
        Orders(
            "insert into idempotency_keys (tenant, key, fingerprint, order_id)
         select tenant, 'another', fingerprint, order_id
         from idempotency_keys
         where order_id = '{confirmed}'",
        ),
    ),
    // I10
    fault(
        "half-open-herd",
        Plant::Evidence(|evidence| {
            evidence.half_open.push(HalfOpen { at_ms: 5, in_flight: 3, permits: 2 });
        }),
    ),
    fault(
        "retry-storm",
        Plant::Evidence(|evidence| {
            evidence.amplification = Some(Amplification { percent: 0, floor: 0 });
        }),
    ),
    // I11
    fault(
        "settled-too-late",
        Plant::Evidence(|evidence| {
            let settling = evidence.settling.as_mut().expect("the clean evidence has it");
            settling.within = Duration::ZERO;
        }),
    ),
];

/// What the client of this order believes.
fn tell(world: &mut World, name: &str, outcome: Outcome) {
    let order_id = world.order(name);
    for entry in &mut world.entries {
        if entry.order_id == order_id {
            entry.outcome = outcome;
        }
    }
}
