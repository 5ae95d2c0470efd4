//! Both stores side by side.

use std::fmt::Debug;

use relay_core::beat_report::Beat;
use relay_core::claims::Source;
use saga::stored::{ClaimedSaga, Line, LoadedSaga, OutboxChange, SagaUpdate};
use saga::{Claim, Event, Saga, Transition, plan, transition};
use schema_orders::orders;
use schema_orders::outbox::{find_first, lock_due, lock_fresh, lock_lost, lock_untried};
use schema_orders::relays::look_around;
use schema_orders::saga_steps::{Phase, decode_event, encode_detail, list_steps};
use schema_orders::sagas::{load_for_update, store_updates};
use schema_orders::testing::fresh_database;
use schema_orders::testing::insert_orders;
use schema_pg::testing::TestDb;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use super::super::{Insertion, NewOrder, Store};
use super::operations::{From, Operation};
use crate::memory::known_bad::KnownBad;

/// Nothing here is so slow that a deadline passes, or what is put off comes due.
const FAR_MS: i64 = 3_600_000_000;
const LIMIT: usize = 100;
/// An item that probes are not to ask for.
const AVOIDED: &str = "b";

pub(super) struct Subject {
    connections: [PgConnection; 2],
    turn: usize,
    store: Store,
    /// Every saga as it was seen once, also what is true no more.
    seen: Vec<LoadedSaga>,
    inserted: u128,
    _database: TestDb,
}

/// What a saga is decided on, and under what it may be stored.
type Told = (Uuid, Saga, i32, i64);

impl Subject {
    pub(super) async fn new() -> Subject {
        let database = fresh_database().await;
        let connect = async || PgConnection::connect(&database.url).await.expect("it is there");
        let connections = [connect().await, connect().await];
        let (store, seen) = (Store::default(), Vec::new());
        Subject { connections, turn: 0, store, seen, inserted: 0, _database: database }
    }

    /// Empties both, does the same to both, and compares all that can be seen.
    pub(super) async fn agree_on(
        &mut self,
        operations: &[Operation],
        flaw: Option<KnownBad>,
    ) -> Result<(), String> {
        self.store = Store { known_bad: flaw, now_ms: 1_000_000, ..Store::default() };
        self.seen.clear();
        let all = "delete from orders; delete from idempotency_keys; delete from sagas;
            delete from saga_steps; delete from outbox";
        self.connections[0].execute(all).await.expect("a test may");
        for operation in operations {
            self.turn = 1 - self.turn;
            self.carry_out(operation).await.map_err(|what| format!("{operation:?}: {what}"))?;
        }
        self.compare_rows().await
    }

    async fn carry_out(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::Insert { key, request } => self.insert(*key, *request).await,
            Operation::Claim { from, relay } => self.claim(*from, *relay).await,
            Operation::Decide { seen, event, is_put_off } => {
                if self.seen.is_empty() {
                    return Ok(());
                }
                let loaded = seen.get(&self.seen).clone();
                let Some(mut update) = decide(&loaded, *event) else { return Ok(()) };
                if let OutboxChange::Wait { delay_ms } = &mut update.outbox {
                    *delay_ms = if *is_put_off { FAR_MS / 2 } else { 0 };
                }
                self.store(&[update]).await
            }
            Operation::Look { order } => {
                let ids: Vec<Uuid> = self.store.sagas.keys().copied().collect();
                if ids.is_empty() { Ok(()) } else { self.look(*order.get(&ids)).await }
            }
        }
    }

    async fn insert(&mut self, key: u16, request: u8) -> Result<(), String> {
        self.inserted += 2;
        let (id, reservation_id) =
            (Uuid::from_u128(self.inserted), Uuid::from_u128(self.inserted + 1));
        let lines = vec![Line {
            item_id: if request == 0 { "a" } else { AVOIDED }.to_owned(),
            quantity: u32::from(request) + 1,
        }];
        let order = orders::NewOrder {
            id,
            reservation_id,
            tenant: "t".to_owned(),
            key: key.to_string(),
            fingerprint: [request; 32],
            lines: lines.clone(),
            metadata: None,
            traceparent: None,
            deadline_ms: FAR_MS,
            first_update: None,
        };
        let stored = insert_orders(&mut self.connections[self.turn], &[order]).await;
        let stored = match stored.expect("it is there").pop().expect("one answer") {
            orders::Insertion::Created { .. } => Insertion::Created,
            orders::Insertion::Replayed { order_id } => Insertion::Replayed(order_id),
            orders::Insertion::KeyReused => Insertion::KeyReused,
        };
        let fingerprint = u64::from(request);
        let order = NewOrder {
            id,
            reservation_id,
            key,
            fingerprint,
            lines,
            deadline_ms: FAR_MS,
            first_update: None,
        };
        same("insert", &stored, &self.store.insert_order(order))
    }

    async fn claim(&mut self, from: From, relay: i64) -> Result<(), String> {
        let connection = &mut self.connections[self.turn];
        let limit = LIMIT as i64;
        let (locked, source) = match from {
            From::Fresh => {
                let source = Source::Fresh { floor: Uuid::nil() };
                (lock_fresh(connection, Uuid::nil(), limit).await, source)
            }
            From::Due => (lock_due(connection, limit).await, Source::Due),
            From::Untried => {
                let avoid = vec![AVOIDED.to_owned()];
                let locked = lock_untried(connection, &avoid, limit).await;
                (locked, Source::Untried { avoid })
            }
            From::Lost => {
                let source = Source::UnacknowledgedClaims { floor: Uuid::nil() };
                (lock_lost(connection, relay, &[], Uuid::nil(), limit).await, source)
            }
        };
        let mut locked = locked.expect("it is there");
        let mut expected = self.store.lock(relay, |_| false, &source, LIMIT);
        locked.sort_by_key(|claimed| claimed.loaded.order_id);
        expected.sort_by_key(|claimed| claimed.loaded.order_id);
        same("claim", &told_claims(&locked), &told_claims(&expected))?;
        let intents: Vec<SagaUpdate> =
            expected.iter().filter_map(|claimed| intent(claimed, relay)).collect();
        self.store(&intents).await
    }

    /// Stores on both, and remembers what came of it.
    async fn store(&mut self, updates: &[SagaUpdate]) -> Result<(), String> {
        let stored = store_updates(&mut self.connections[self.turn], updates).await;
        let mut stored: Vec<(Uuid, i32)> =
            stored.expect("it is there").iter().map(|m| (m.order_id, m.version)).collect();
        let expected = self.store.store_updates(updates);
        let mut expected: Vec<(Uuid, i32)> =
            expected.iter().map(|m| (m.order_id, m.version)).collect();
        stored.sort_unstable();
        expected.sort_unstable();
        same("store", &stored, &expected)?;
        for (order_id, _) in stored {
            self.look(order_id).await?;
        }
        Ok(())
    }

    async fn look(&mut self, order_id: Uuid) -> Result<(), String> {
        let found = load_for_update(&mut self.connections[self.turn], order_id).await;
        let found = found.expect("it is there").map(|loaded| loaded.expect("a known state"));
        let expected = self.store.load(order_id);
        same("row", &found.as_ref().map(told), &expected.as_ref().map(told))?;
        self.seen.extend(expected);
        Ok(())
    }

    async fn compare_rows(&mut self) -> Result<(), String> {
        let connection = &mut self.connections[0];
        let ids: Vec<Uuid> = sqlx::query_scalar("select order_id from sagas order by order_id")
            .fetch_all(&mut *connection)
            .await
            .expect("it is there");
        let floor = ids.get(ids.len() / 2).copied().unwrap_or_default();
        let (first, _) = find_first(connection).await.expect("it is there");
        same("first message", &first, &self.store.first(Uuid::nil()))?;
        let (beat, _) = look_around(connection, 1, floor).await.expect("it is there");
        let expected = self.store.look_around(1, floor);
        let told = |beat: &Beat| {
            (beat.others_stale, beat.fresh_work, beat.any_held, beat.next_due_ms.is_some())
        };
        same("beat", &told(&beat), &told(&expected))?;
        same("orders", &ids, &self.store.sagas.keys().copied().collect())?;
        for &order_id in &ids {
            let rows = list_steps(connection, order_id, 0, 1_000).await.expect("it is there");
            let journal: Vec<(i32, Option<Event>, i64)> = rows
                .iter()
                .map(|row| {
                    let event = decode_event(&row.event, row.detail.as_ref());
                    (row.seq, event.expect("of this version"), row.epoch)
                })
                .collect();
            let expected = &self.store.steps[&order_id];
            let expected =
                expected.iter().map(|step| (step.seq, as_stored(step.event), step.epoch));
            same("journal", &journal, &expected.collect())?;
        }
        let outbox: Vec<(Uuid, Option<i64>, bool)> = sqlx::query_as(
            "select order_id, owner, run_at is not null from outbox order by order_id",
        )
        .fetch_all(connection)
        .await
        .expect("it is there");
        let expected = self.store.outbox.iter();
        let expected = expected.map(|(id, m)| (*id, m.owner, m.run_at_ms.is_some()));
        same("outbox", &outbox, &expected.collect())?;
        for order_id in ids {
            self.look(order_id).await?;
        }
        Ok(())
    }
}

fn same<T: PartialEq + Debug + ?Sized>(what: &str, postgres: &T, memory: &T) -> Result<(), String> {
    if postgres == memory {
        return Ok(());
    }
    Err(format!("{what}: Postgres says {postgres:?}, memory says {memory:?}"))
}

fn told(loaded: &LoadedSaga) -> Told {
    (loaded.order_id, loaded.saga, loaded.version, loaded.epoch)
}

fn told_claims(claims: &[ClaimedSaga]) -> Vec<(Told, Claim, Vec<Line>)> {
    claims.iter().map(|one| (told(&one.loaded), one.claim, one.lines.clone())).collect()
}

fn intent(claimed: &ClaimedSaga, relay: i64) -> Option<SagaUpdate> {
    let event = Event::Claimed { time_left_ms: 60_000, claim: claimed.claim };
    let update = decide(&claimed.loaded, event)?;
    let outbox = if update.outbox == OutboxChange::Keep {
        OutboxChange::Own { relay }
    } else {
        update.outbox
    };
    Some(SagaUpdate { worker: Some(relay), outbox, ..update })
}

/// What the core decides on a saga as it was seen; claims and people raise the epoch.
fn decide(loaded: &LoadedSaga, event: Event) -> Option<SagaUpdate> {
    let Ok(Transition::Moved(saga, effects)) = transition(&plan::ORDER, &loaded.saga, &event)
    else {
        return None;
    };
    let update = loaded.update(saga, event, &effects, FAR_MS);
    let raises = i64::from(Phase::of(&event) != Phase::Outcome);
    Some(SagaUpdate { epoch: loaded.epoch + raises, ..update })
}

/// As it is read back: of a claim in time its time is not kept.
fn as_stored(event: Option<Event>) -> Option<Event> {
    let event = event?;
    decode_event(event.name(), encode_detail(&event).as_ref()).expect("it was encoded")
}
