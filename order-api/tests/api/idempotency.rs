//! One key, one order, whoever asks how often.

use order_api::router;
use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::HeaderValue;
use saga::stored::Line;
use schema_orders::orders::NewOrder;
use schema_orders::testing::insert_orders;
use schema_orders::testing::wait_for_blocked_session;
use schema_pg::{Db, DbError};
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::relay::{DONE, NO_STOCK, Relay};
use crate::world::{World, one_ps5, order_request, raw_order_request, send};

#[tokio::test]
async fn ten_at_once_with_one_key_get_one_order_and_ten_equal_answers() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    let body = one_ps5();
    let ten = join_all((0..10).map(|_| world.post("k", &body)));
    let (answers, id) = tokio::join!(ten, relay.settle_next(DONE));
    let texts: BTreeSet<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.id() == id));
    let replayed = |header: Option<&str>| header == Some("true");
    let replays = answers.iter().filter(|a| replayed(a.header("idempotent-replayed"))).count();
    assert_eq!(replays, 9);
    assert_eq!(world.get("/api/orders").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_request_again_gets_the_same_order_in_its_current_state() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    for (key, outcome, status) in [("a", DONE, 201), ("b", NO_STOCK, 422)] {
        let first = world.post(key, &one_ps5()).await;
        let running = world.post(key, &one_ps5()).await;
        relay.settle_next(outcome).await;
        let settled = world.post(key, &one_ps5()).await;
        let statuses = [&first, &running, &settled].map(|answer| answer.status.as_u16());
        assert_eq!(statuses, [202, 202, status]);
        assert_eq!(first.header("idempotent-replayed"), None);
        for again in [running, settled] {
            assert_eq!(again.header("idempotent-replayed"), Some("true"));
            assert_eq!(again.header("location"), first.header("location"));
        }
    }
}

#[tokio::test]
async fn a_replay_waits_like_the_first_request() {
    let world = World::with(&["--order-api-wait-ms=30000"]).await;
    let id = world.order("k").await;
    let relay = Relay::of(&world).await;
    let body = one_ps5();
    let (again, _) = tokio::join!(world.post("k", &body), relay.settle_next(DONE));
    assert_eq!((again.status.as_u16(), again.id()), (201, id));
}

#[tokio::test]
async fn a_key_is_the_same_quoted_bare_and_in_the_body() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let id = world.order("k").await;
    assert_eq!(world.post("\"k\"", &one_ps5()).await.id(), id);
    let mut in_body =
        order_request("", &json!({"item_id": "ps5", "quantity": 1, "idempotency_key": "k"}));
    in_body.headers_mut().remove("idempotency-key");
    assert_eq!(send(&router(&world.api), in_body).await.id(), id);
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let id = world.order("k").await;
    for body in [
        json!({"item_id": "ps5", "quantity": 2}),
        json!({"item_id": "ps4", "quantity": 1}),
        json!({"item_id": "ps5", "quantity": 1, "metadata": {}}),
    ] {
        let answer = world.post("k", &body).await;
        assert_eq!(answer.problem(), (422, "idempotency-key-reused".into()));
        assert_eq!(answer.header("location"), None);
    }
    let claimed = Relay::of(&world).await.claim().await;
    assert_eq!(claimed.iter().map(|saga| saga.order_id).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn a_key_is_required_and_must_be_one() {
    let world = World::new().await;
    let mut keyless = order_request("k", &one_ps5());
    keyless.headers_mut().remove("idempotency-key");
    let answer = send(&router(&world.api), keyless).await;
    assert_eq!(answer.problem(), (400, "idempotency-key-required".into()));
    let long = "k".repeat(256);
    for key in ["", "\"", "\"a\"b", "a b", "schl\u{fc}ssel", &long] {
        let mut request = order_request("k", &one_ps5());
        let value = HeaderValue::from_bytes(key.as_bytes()).unwrap();
        request.headers_mut().insert("idempotency-key", value);
        let answer = send(&router(&world.api), request).await;
        assert_eq!(answer.problem(), (400, "idempotency-key-invalid".into()), "{key}");
    }
    assert_eq!(Relay::of(&world).await.claim().await.len(), 0);
}

#[tokio::test]
async fn a_refused_request_does_not_consume_its_key() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    for body in [r#"{"item_id":"ps5","quantity":0}"#, r#"{"item_id":"p\u0000"}"#, "{"] {
        let refused = send(&router(&world.api), raw_order_request("k", body)).await;
        assert!(refused.status.is_client_error(), "{refused:?}");
    }
    let taken = world.post("k", &one_ps5()).await;
    assert_eq!((taken.status.as_u16(), taken.header("idempotent-replayed")), (202, None));
}

#[tokio::test]
async fn a_key_whose_first_request_is_not_committed_yet_is_busy_for_a_moment() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let impatient = world.impatient(&["--order-api-wait-ms=0"]).await;
    let first = OpenOrder::begin(&world.database.db, "k").await;
    // those in the same batch are not held up for longer than the lock timeout
    let mut other = Box::pin(send_to(&impatient, "other"));
    let (busy, taken) = tokio::join!(send_to(&impatient, "k"), &mut other);
    assert_eq!(busy.problem(), (409, "idempotency-key-in-progress".into()));
    assert_eq!((busy.header("retry-after"), &busy.json()["retryable"]), (Some("1"), &json!(true)));
    assert_eq!(taken.status, 202);
    first.roll_back().await;
    let retried = send_to(&impatient, "k").await;
    assert_eq!((retried.status.as_u16(), retried.header("idempotent-replayed")), (202, None));
}

async fn send_to(api: &std::sync::Arc<order_api::OrderApi>, key: &str) -> crate::world::Answer {
    send(&router(api), order_request(key, &one_ps5())).await
}

/// The transaction of an order with this key, held open.
pub(crate) struct OpenOrder {
    end: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<Result<(), DbError>>,
}

impl OpenOrder {
    pub(crate) async fn begin(db: &Db, key: &str) -> OpenOrder {
        let (end, told) = oneshot::channel();
        let (written, is_written) = oneshot::channel();
        let (db, order) = (db.clone(), new_order(key, "other"));
        let ended = tokio::spawn(async move {
            db.transaction(move |connection| {
                Box::pin(async move {
                    insert_orders(connection, &[order]).await?;
                    let _ = written.send(());
                    let _ = told.await;
                    Err(DbError::RowNotFound)
                })
            })
            .await
        });
        is_written.await.unwrap();
        OpenOrder { end, ended }
    }

    /// Waits until a request waits for this key.
    pub(crate) async fn blocks(&self, db: &Db) {
        wait_for_blocked_session(db).await;
    }

    pub(crate) async fn roll_back(self) {
        self.end.send(()).unwrap();
        assert!(self.ended.await.unwrap().is_err());
    }
}

/// As the service writes it.
pub(crate) fn new_order(key: &str, item_id: &str) -> NewOrder {
    NewOrder {
        id: Uuid::now_v7(),
        reservation_id: Uuid::now_v7(),
        tenant: "default".into(),
        key: key.into(),
        fingerprint: [7; 32],
        lines: vec![Line { item_id: item_id.into(), quantity: 1 }],
        metadata: None,
        traceparent: None,
        deadline_ms: 60_000,
        first_update: None,
    }
}
