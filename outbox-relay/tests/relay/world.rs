//! Orders, relays that start, stop and die, and waiting for what a test expects.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Parser;
use in_process::{Hints, NotifyScope};
use outbox_relay::gate::Gate;
use outbox_relay::{Config, Relay, serve};
use relay_core::breaker::BreakerState;
use saga::stored::Line;
use schema_orders::orders::NewOrder;
use schema_orders::testing::insert_orders;
use schema_pg::testing::TestDb;
use sqlx::Row;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::stub::Stub;

/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) stub: Stub,
}

/// A relay with a runtime of its own, so that it can die as a process does: at once, with all its tasks.
pub(crate) struct RunningRelay {
    gate: mpsc::Receiver<Arc<Gate>>,
    /// What an order service in its process shares with it.
    pub(crate) hints: Hints,
    stop: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Saga {
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) in_doubt: bool,
    pub(crate) attempt: i32,
    pub(crate) epoch: i64,
    pub(crate) reservation_id: Uuid,
}

#[derive(Parser)]
#[command(args_override_self = true)]
struct Args {
    #[command(flatten)]
    config: Config,
}

impl World {
    pub(crate) async fn new(stub: Stub) -> World {
        World { db: schema_orders::testing::fresh_database().await, stub }
    }

    pub(crate) async fn order(&self) -> Uuid {
        self.orders(1, 60_000).await[0]
    }

    pub(crate) async fn orders(&self, count: usize, deadline_ms: i64) -> Vec<Uuid> {
        self.insert((0..count).map(|_| new_order(deadline_ms)).collect()).await
    }

    /// Orders of an item for which every call is answered 500.
    pub(crate) async fn orders_of_a_bad_item(&self, count: usize) -> Vec<Uuid> {
        let lines = vec![Line { item_id: "bad".to_owned(), quantity: 1 }];
        let order = |_| NewOrder { lines: lines.clone(), ..new_order(3_600_000) };
        let orders: Vec<NewOrder> = (0..count).map(order).collect();
        self.stub.poison(orders.iter().map(|order| order.reservation_id));
        self.insert(orders).await
    }

    async fn insert(&self, orders: Vec<NewOrder>) -> Vec<Uuid> {
        let ids = orders.iter().map(|order| order.id).collect();
        let inserted = self.db.db.transaction(move |connection| {
            Box::pin(async move { insert_orders(connection, &orders).await })
        });
        inserted.await.unwrap();
        ids
    }

    /// A relay with the given further arguments.
    pub(crate) fn relay(&self, args: &[&str]) -> RunningRelay {
        let url = self.stub.url();
        let given = ["relay", "--inventory-service-url", &url, "--call-timeout-ms", "1000"];
        let args = given.iter().chain(args);
        let config = Args::parse_from(args).config;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (url, stop) = (self.db.url.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let (tell, gate) = mpsc::channel();
        let hints = Hints::default();
        let shared = hints.clone();
        let serving = runtime.spawn(async move {
            let plans = schema_pg::Plans::OrderedLookups;
            let pool = schema_pg::PoolConfig { plans, ..schema_pg::PoolConfig::new(&url, "relay") };
            let db = schema_pg::Db::connect(&pool).await.unwrap();
            let scope = NotifyScope::OtherProcesses;
            let relay = Relay::new(config, db, shared, scope).unwrap();
            // Hardly anybody asks.
            let _ = tell.send(Arc::clone(relay.gate()));
            serve(relay, None, stopped).await.unwrap();
        });
        RunningRelay { gate, hints, stop, runtime: Some(runtime), serving: Some(serving) }
    }

    pub(crate) async fn saga(&self, order_id: Uuid) -> Saga {
        let row = sqlx::query("select * from sagas where order_id = $1")
            .bind(order_id)
            .fetch_one(self.db.db.pool())
            .await
            .unwrap();
        Saga {
            state: row.get("state"),
            reason: row.get("reason"),
            in_doubt: row.get("in_doubt"),
            attempt: row.get("attempt"),
            epoch: row.get("epoch"),
            reservation_id: row.get("reservation_id"),
        }
    }

    /// Waits until the saga is as `expected` says.
    pub(crate) async fn until(&self, order_id: Uuid, expected: impl Fn(&Saga) -> bool) -> Saga {
        let begun = Instant::now();
        loop {
            let saga = self.saga(order_id).await;
            if expected(&saga) {
                return saga;
            }
            let journal = || self.journal(order_id);
            assert!(begun.elapsed() < PATIENCE, "stays {saga:?}: {:?}", journal().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn until_state(&self, order_id: Uuid, state: &str) -> Saga {
        self.until(order_id, |saga| saga.state == state).await
    }

    /// Waits until the relay has carried out what staff wants.
    pub(crate) async fn until_isolated(&self, gate: &Gate, expected: bool) {
        let deadline = Instant::now() + PATIENCE;
        while (gate.snapshot().breaker.state == BreakerState::Isolated) != expected {
            assert!(Instant::now() < deadline, "isolated: {} for too long", !expected);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until inventory has seen this many calls.
    pub(crate) async fn until_calls(&self, count: usize) {
        let begun = Instant::now();
        while self.stub.seen().len() < count {
            assert!(begun.elapsed() < PATIENCE, "only {:?}", self.stub.seen());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The names of the saga's events, in order.
    pub(crate) async fn journal(&self, order_id: Uuid) -> Vec<String> {
        sqlx::query_scalar("select event from saga_steps where order_id = $1 order by seq")
            .bind(order_id)
            .fetch_all(self.db.db.pool())
            .await
            .unwrap()
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db.db.pool()).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(self.db.db.pool()).await.unwrap();
    }

    /// Every saga's journal, replayed through the core, leads to what is stored; and the outbox holds
    /// nothing for a saga that has ended.
    pub(crate) async fn assert_clean(&self) {
        let left = "select count(*) from outbox join sagas using (order_id)
            where state in ('confirmed', 'failed', 'cancelled', 'parked')";
        assert_eq!(self.count(left).await, 0, "messages of sagas that need none");
        let gaps = "select count(*) from sagas where version <>
            (select count(*) from saga_steps where saga_steps.order_id = sagas.order_id)";
        assert_eq!(self.count(gaps).await, 0, "journals with gaps");
    }
}

impl RunningRelay {
    /// Its breaker, budget and drain; to be asked for once.
    pub(crate) fn gate(&self) -> Arc<Gate> {
        self.gate.recv_timeout(PATIENCE).unwrap()
    }

    /// As kill -9 does: no task of it goes on, nothing is handed over.
    pub(crate) fn die(mut self) {
        self.runtime.take().expect("runs").shutdown_background();
    }

    /// As SIGTERM does.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.serving.take().expect("runs").await.unwrap();
        self.runtime.take().expect("runs").shutdown_background();
    }
}

impl Drop for RunningRelay {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub(crate) fn new_order(deadline_ms: i64) -> NewOrder {
    let id = Uuid::now_v7();
    NewOrder {
        id,
        reservation_id: Uuid::now_v7(),
        tenant: "shop".to_owned(),
        key: id.to_string(),
        fingerprint: [7; 32],
        lines: vec![Line { item_id: "ps5".to_owned(), quantity: 2 }],
        metadata: None,
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        deadline_ms,
        first_update: None,
    }
}
