//! The database away, and back.

use futures_util::future::join_all;
use http::Method;
use in_process::{Hints, NotifyScope};
use order_api::{Deps, OrderApi, router};
use schema_orders::testing::{end_all_sessions, lock_sagas};
use schema_pg::{Db, PoolConfig};

use crate::idempotency::OpenOrder;
use crate::relay::{DONE, Relay};
use crate::world::{Answer, World, config, eventually, one_ps5, order_request, request, send};

#[tokio::test]
async fn without_its_database_it_asks_to_try_again_and_stays_alive() {
    // nobody listens on port 1
    let url = "postgres://nobody@127.0.0.1:1/orders";
    let pool = PoolConfig { acquire_timeout_ms: 300, ..PoolConfig::new(url, "test") };
    let db = Db::lazy(&pool).unwrap();
    let (hints, notify_scope) = (Hints::new(), NotifyScope::OtherProcesses);
    let api = OrderApi::start(
        config(&[]),
        Deps { db, hints, notify_scope, metrics: None, inventory_url: None },
    );
    let ask = async |method, path: &str| send(&router(&api), request(method, path)).await;
    check_unavailable(&send(&router(&api), order_request("k", &one_ps5())).await);
    let id = uuid::Uuid::now_v7();
    check_unavailable(&ask(Method::GET, "/api/orders").await);
    check_unavailable(&ask(Method::GET, &format!("/api/orders/{id}")).await);
    check_unavailable(&ask(Method::GET, &format!("/api/orders/{id}?wait=1")).await);
    check_unavailable(&ask(Method::POST, &format!("/api/orders/{id}/cancel")).await);
    for (path, status) in [
        ("/health/live", 200),
        ("/api/health/window", 200),
        ("/health/ready", 503),
        ("/health", 503),
        ("/health/deep", 503),
    ] {
        let answer = ask(Method::GET, path).await;
        assert_eq!(answer.status, status, "{path} {answer:?}");
        assert!(
            !answer.text.contains("127.0.0.1") && !answer.text.contains("nobody"),
            "{answer:?}"
        );
    }
}

#[track_caller]
fn check_unavailable(answer: &Answer) {
    assert_eq!(answer.problem(), (503, "unavailable".into()));
    assert_eq!(
        (answer.header("retry-after"), &answer.json()["retryable"]),
        (Some("1"), &true.into())
    );
}

#[tokio::test]
async fn a_database_that_stalls_is_waited_for_no_longer_than_the_bound() {
    let world = World::with(&["--order-api-commit-wait-ms=100"]).await;
    let held = OpenOrder::begin(&world.database.db, "k").await;
    check_unavailable(&world.post("k", &one_ps5()).await);
    held.roll_back().await;
    // the order went on to be written, and the same key finds it
    let relay = Relay::of(&world).await;
    let id = relay.settle_next(DONE).await;
    let again = eventually("the order", async || {
        let answer = world.post("k", &one_ps5()).await;
        (answer.status == 201).then_some(answer)
    })
    .await;
    assert_eq!((again.id(), again.header("idempotent-replayed")), (id, Some("true")));
}

/// A 409 would make a client believe in a twin that has its key.
#[tokio::test]
async fn a_fresh_key_that_meets_a_locked_table_is_asked_to_try_again() {
    let world = World::new().await;
    let locked = lock_sagas(&world.database).await;
    let router = order_api::router(&world.impatient(&[]).await);
    let ask = |key| send(&router, order_request(key, &one_ps5()));
    for answer in join_all(["a", "b", "c"].map(ask)).await {
        check_unavailable(&answer);
    }
    drop(locked);
    let relay = Relay::of(&world).await;
    let body = one_ps5();
    let (answer, id) = tokio::join!(world.post("a", &body), relay.settle_next(DONE));
    assert_eq!((answer.status.as_u16(), answer.id()), (201, id));
}

#[tokio::test]
async fn survives_the_loss_of_every_connection() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    for round in 0..3 {
        let body = one_ps5();
        let key = round.to_string();
        let (answer, id) = tokio::join!(world.post(&key, &body), relay.settle_next(DONE));
        assert_eq!((answer.status.as_u16(), answer.id()), (201, id));
        end_all_sessions(&world.database.db).await;
        assert_eq!(world.status_of(id).await, "confirmed");
    }
}
