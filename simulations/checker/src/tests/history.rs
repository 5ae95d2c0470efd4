//! Two real databases with one order of every kind, written by the product's own functions.

use std::collections::BTreeMap;

use saga::stored::SagaUpdate;
use saga::{
    CancelledBy, Claim, Event, Finding, QueueReason, Rejection, Transition, plan, transition,
};
use schema_inventory::apply::apply_batch;
use schema_inventory::{Command, Line, Reserve, stock, transactions};
use schema_orders::orders::{Insertion, NewOrder};
use schema_orders::sagas::{load_for_update, store_updates};
use schema_orders::testing::insert_orders;
use schema_pg::retention::{Terms, Turn};
use schema_pg::testing::TestDb;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::Subject;
use crate::ledger::{Conflict, Entry, Ledger, Outcome};

const RUN: u64 = 7;
const FREE: Event = Event::Claimed { time_left_ms: 60_000, claim: Claim::Free };
const TAKEOVER: Event = Event::Claimed { time_left_ms: 60_000, claim: Claim::Takeover };

pub(crate) struct World {
    pub(crate) orders: TestDb,
    pub(super) inventory: TestDb,
    by_name: BTreeMap<&'static str, Uuid>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) conflicts: Vec<Conflict>,
}

impl World {
    pub(crate) async fn build() -> Self {
        let mut world = Self {
            orders: schema_orders::testing::fresh_database().await,
            inventory: schema_inventory::testing::fresh_inventory().await,
            by_name: BTreeMap::new(),
            entries: Vec::new(),
            conflicts: Vec::new(),
        };
        world.stock("ps5", 100).await;
        world.stock("rare", 0).await;
        world.confirm_in_all_ways().await;
        world.end_in_all_ways().await;
        world
    }

    async fn confirm_in_all_ways(&mut self) {
        let order = self.place("confirmed", "ps5", Outcome::Confirmed).await;
        self.drive(order, &[FREE]).await;
        self.reserve(order).await;
        self.drive(order, &[Event::StepDone]).await;

        let order = self.place("shipped", "ps5", Outcome::Confirmed).await;
        self.drive(order, &[FREE]).await;
        self.reserve(order).await;
        self.drive(order, &[Event::StepDone]).await;
        let reservation_id = self.reservation(order).await;
        self.apply(Command::Commit { reservation_id, epoch: None }).await;

        let order = self.place("retried", "rare", Outcome::Failed).await;
        self.drive(order, &[FREE]).await;
        self.reserve(order).await;
        let short = Event::StepRejected { reason: Rejection::InsufficientStock };
        self.drive(order, &[short]).await;
        self.stock_more("rare", 1).await;
        let retry = Event::RetryRequested { reservation_id: Uuid::now_v7() };
        self.drive(order, &[retry, FREE]).await;
        self.reserve(order).await;
        self.drive(order, &[Event::StepDone]).await;

        let order = self.place("taken_over", "ps5", Outcome::Accepted).await;
        self.drive(order, &[FREE]).await;
        self.reserve(order).await;
        self.drive(order, &[TAKEOVER]).await;
        self.reserve(order).await;
        self.drive(order, &[Event::StepDone]).await;

        let order = self.place("queued", "ps5", Outcome::Unknown).await;
        let put_off = Event::CallNotExecuted {
            reason: QueueReason::BreakerOpen,
            retry_after_ms: Some(5),
            jitter: 1,
        };
        self.drive(order, &[FREE, put_off, FREE]).await;
        self.reserve(order).await;
        self.drive(order, &[Event::StepDone]).await;
    }

    async fn end_in_all_ways(&mut self) {
        let order = self.place("failed", "rare", Outcome::Failed).await;
        self.drive(order, &[FREE]).await;
        self.reserve(order).await;
        let short = Event::StepRejected { reason: Rejection::InsufficientStock };
        self.drive(order, &[short]).await;

        let order = self.place("cancelled", "ps5", Outcome::Cancelled).await;
        let cancel = Event::CancelRequested { by: CancelledBy::Customer };
        let lost = Event::CallUnknown { jitter: 3 };
        self.drive(order, &[FREE, lost, FREE, lost, cancel, FREE]).await;
        self.release(order).await;
        self.drive(order, &[Event::StepReleased]).await;

        let order = self.place("late", "ps5", Outcome::Failed).await;
        let passed = Event::Claimed { time_left_ms: 0, claim: Claim::Free };
        self.drive(order, &[passed]).await;
        self.release(order).await;
        self.drive(order, &[Event::StepReleased]).await;

        let order = self.place("parked", "ps5", Outcome::Accepted).await;
        self.drive(order, &[FREE, Event::ContractBroken]).await;

        let order = self.place("resolved", "ps5", Outcome::Accepted).await;
        let found = Event::Resolved { finding: Finding::StockNotHeld };
        self.drive(order, &[FREE, Event::ContractBroken, found, FREE]).await;
        self.release(order).await;
        self.drive(order, &[Event::StepReleased]).await;
    }

    /// Held in inventory, and the relay has not heard of it yet.
    pub(crate) async fn leave_one_under_way(&mut self) {
        let order = self.place("under_way", "ps5", Outcome::Accepted).await;
        self.drive(order, &[FREE]).await;
        self.reserve(order).await;
    }

    /// Turns of retention in inventory, until one has found something.
    pub(crate) async fn remove_reservations(&self, terms: Terms) -> Turn {
        loop {
            let turn = self
                .inventory
                .db
                .transaction(move |c| schema_inventory::retention::take_turn(c, terms))
                .await
                .expect("the test server answers");
            if let Some(turn) = turn.filter(|turn| turn.removed[0].1 > 0) {
                return turn;
            }
        }
    }

    /// Many finished orders, older than everything else, in two pieces.
    pub(crate) async fn fill_past(&self, orders: i64) {
        let began_ms = 1_000_000_000_000;
        for (first, last) in [(1, orders / 2), (orders / 2 + 1, orders)] {
            let filled: Result<_, sqlx::Error> = async {
                let of_orders = self.orders.db.read(move |c| {
                    Box::pin(schema_orders::lab::insert_finished_orders(c, began_ms, first, last))
                });
                of_orders.await?;
                let of_inventory = self.inventory.db.read(move |c| {
                    Box::pin(schema_inventory::lab::insert_held_reservations(
                        c, began_ms, first, last,
                    ))
                });
                of_inventory.await
            }
            .await;
            filled.expect("filled");
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        Subject { orders_url: self.orders.url.clone(), inventory_url: self.inventory.url.clone() }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(RUN);
        for entry in &self.entries {
            ledger.push(*entry);
        }
        for conflict in &self.conflicts {
            ledger.push_conflict(conflict.clone());
        }
        ledger
    }

    pub(crate) fn orders_placed(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn order(&self, name: &str) -> Uuid {
        self.by_name[name]
    }

    /// `{name}` becomes that order's id.
    pub(super) fn with_ids(&self, sql: &str) -> String {
        self.by_name.iter().fold(sql.to_owned(), |sql, (name, id)| {
            sql.replace(&format!("{{{name}}}"), &id.to_string())
        })
    }

    async fn place(&mut self, name: &'static str, item_id: &str, told: Outcome) -> Uuid {
        let mut ledger = self.ledger();
        let mut entry = Entry::begun(0);
        let order = NewOrder {
            id: Uuid::now_v7(),
            reservation_id: Uuid::now_v7(),
            tenant: "public".to_owned(),
            key: {
                let index = ledger.push(entry);
                ledger.key(index)
            },
            fingerprint: [1; 32],
            // two lines of one item: inventory adds them up
            lines: vec![line(item_id), line(item_id)],
            metadata: None,
            traceparent: None,
            deadline_ms: 60_000,
            first_update: None,
        };
        let id = order.id;
        let db = self.orders.db.clone();
        let inserted: Result<_, sqlx::Error> = db
            .transaction(move |c| Box::pin(async move { insert_orders(c, &[order]).await }))
            .await;
        assert!(matches!(inserted.expect("inserted")[0], Insertion::Created { .. }));
        (entry.outcome, entry.status) = (told, 201);
        if told != Outcome::Unknown {
            entry.order_id = id;
        }
        self.entries.push(entry);
        self.by_name.insert(name, id);
        id
    }

    /// Applies events as a relay and staff would: a claim or an action raises the epoch.
    async fn drive(&self, order_id: Uuid, events: &[Event]) {
        for event in events.iter().copied() {
            let db = self.orders.db.clone();
            let stored: Result<_, sqlx::Error> = db
                .transaction(move |c| {
                    Box::pin(async move {
                        let loaded = load_for_update(c, order_id).await?.expect("there");
                        let loaded = loaded.expect("a known state");
                        let moved = transition(&plan::ORDER, &loaded.saga, &event);
                        let Ok(Transition::Moved(saga, effects)) = moved else {
                            panic!("{event:?} does not move {:?}", loaded.saga)
                        };
                        let raises = !schema_orders::saga_steps::Phase::of(&event)
                            .eq(&schema_orders::saga_steps::Phase::Outcome);
                        let epoch = loaded.epoch + i64::from(raises);
                        let update =
                            SagaUpdate { epoch, ..loaded.update(saga, event, &effects, 60_000) };
                        store_updates(c, &[update]).await
                    })
                })
                .await;
            assert_eq!(stored.expect("stored").len(), 1);
        }
    }

    async fn reserve(&self, order_id: Uuid) {
        let item_id = if [self.by_name.get("failed"), self.by_name.get("retried")]
            .contains(&Some(&order_id))
        {
            "rare"
        } else {
            "ps5"
        };
        let lines = vec![Line { item_id: item_id.to_owned(), quantity: 2 }];
        let (id, epoch) = self.claimed(order_id).await;
        self.apply(Command::Reserve(Reserve::new(id, order_id, Some(epoch), lines))).await;
    }

    async fn release(&self, order_id: Uuid) {
        let (reservation_id, epoch) = self.claimed(order_id).await;
        self.apply(Command::Release {
            reservation_id,
            order_id: Some(order_id),
            epoch: Some(epoch),
        })
        .await;
    }

    async fn reservation(&self, order_id: Uuid) -> Uuid {
        self.claimed(order_id).await.0
    }

    async fn claimed(&self, order_id: Uuid) -> (Uuid, i64) {
        let loaded: Result<_, sqlx::Error> =
            self.orders.db.transaction(move |c| Box::pin(load_for_update(c, order_id))).await;
        let loaded = loaded.expect("read").expect("there").expect("a known state");
        (loaded.saga.reservation_id, loaded.epoch)
    }

    pub(crate) async fn apply(&self, command: Command) {
        let db = self.inventory.db.clone();
        let applied: Result<_, sqlx::Error> =
            db.transaction(|c| Box::pin(async move { apply_batch(c, &[command]).await })).await;
        applied.expect("applied");
    }

    async fn stock(&self, item_id: &'static str, on_hand: i64) {
        let db = self.inventory.db.clone();
        let stocked: Result<_, sqlx::Error> = db
            .transaction(move |c| {
                Box::pin(async move {
                    stock::insert_item(c, item_id, item_id, on_hand).await?;
                    transactions::insert_adjustment(c, item_id, "opening", on_hand, None).await
                })
            })
            .await;
        stocked.expect("stocked");
    }

    async fn stock_more(&self, item_id: &str, more: i64) {
        run(
            &self.inventory,
            format!(
                "update stock set on_hand = on_hand + {more} * 2 where item_id = '{item_id}';
                 insert into inventory_transactions (item_id, kind, on_hand_delta, reserved_delta)
                 values ('{item_id}', 'adjustment', {more} * 2, 0)"
            ),
        )
        .await;
    }
}

fn line(item_id: &str) -> saga::stored::Line {
    saga::stored::Line { item_id: item_id.to_owned(), quantity: 1 }
}

pub(super) async fn run(database: &TestDb, sql: String) {
    database.db.pool().execute(AssertSqlSafe(sql.clone())).await.expect(&sql);
}
