//! Too much of one caller, too much at once, and one bad row among good ones.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use order_api::{OrderApi, router};
use tokio::task::JoinHandle;

use crate::idempotency::OpenOrder;
use crate::relay::Relay;
use crate::world::{Answer, World, of_tenant, one_ps5, order_request, request, send};

#[tokio::test]
async fn a_caller_over_its_limit_is_told_when_to_come_back() {
    let world = World::with(&["--order-api-wait-ms=0", "--order-api-rate-per-s=1"]).await;
    let router = order_api::router(&world.api);
    let post = async |tenant: &str, key: &str| {
        send(&router, of_tenant(order_request(key, &one_ps5()), tenant)).await
    };
    for key in ["a", "b"] {
        let answer = post("greedy", key).await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"caller\";q=2;w=2"));
    }
    let refused = post("greedy", "c").await;
    assert_eq!(refused.problem(), (429, "rate-limited".into()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit"), Some("\"caller\";r=0;t=1"));
    assert_eq!(post("modest", "a").await.status, 202);
    for _ in 0..5 {
        assert_eq!(world.get("/health/live").await.status, 200, "probes are not limited");
    }
    assert_eq!(Relay::of(&world).await.claim().await.len(), 3, "nothing was ordered over it");
}

#[tokio::test]
async fn a_full_queue_is_answered_503_and_takes_nothing_in() {
    let world = World::with(&[
        "--order-api-wait-ms=0",
        "--order-api-queue-max=1",
        "--order-api-batch-flushes-max=1",
    ])
    .await;
    let held = OpenOrder::begin(&world.database.db, "held").await;
    let in_flush = post_in_background(&world.api, "held", "default");
    held.blocks(&world.database.db).await;
    // one of them finds the place in the queue
    let more = ["a", "b", "c", "d", "e"].map(|key| post_in_background(&world.api, key, "default"));
    let mut more = FuturesUnordered::from_iter(more);
    for _ in 0..4 {
        let refused = more.next().await.unwrap().unwrap();
        assert_eq!(refused.problem(), (503, "overloaded".into()));
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    held.roll_back().await;
    assert_eq!(in_flush.await.unwrap().status, 202);
    assert_eq!(more.next().await.unwrap().unwrap().status, 202);
    assert_eq!(Relay::of(&world).await.claim().await.len(), 2);
}

#[tokio::test]
async fn a_row_the_database_refuses_takes_no_other_with_it() {
    let world = World::with(&["--order-api-wait-ms=0", "--order-api-batch-flushes-max=1"]).await;
    let held = OpenOrder::begin(&world.database.db, "held").await;
    let first = post_in_background(&world.api, "held", "default");
    held.blocks(&world.database.db).await;
    // they gather behind the first one and share its successor's batch; no tenant is that long
    let good: Vec<_> =
        (0..5).map(|n| post_in_background(&world.api, &format!("good-{n}"), "default")).collect();
    let bad = post_in_background(&world.api, "bad", &"t".repeat(101));
    let more = post_in_background(&world.api, "more", "default");
    held.roll_back().await;
    for taken in good.into_iter().chain([first, more]) {
        assert_eq!(taken.await.unwrap().status, 202);
    }
    assert_eq!(bad.await.unwrap().problem(), (500, "internal".into()));
    assert_eq!(Relay::of(&world).await.claim().await.len(), 7);
}

#[tokio::test]
async fn settings_have_bounds() {
    let refused =
        ["--order-api-wait-ms=30001", "--order-api-deadline-ms=1", "--order-api-queue-max=0"];
    for argument in refused {
        assert!(crate::world::parse(&[argument]).is_err(), "{argument}");
    }
    assert_eq!(crate::world::config(&[]).listen.to_string(), "127.0.0.1:3001");
    let unlimited = World::with(&["--order-api-rate-per-s=0"]).await;
    let answer = send(&router(&unlimited.api), request(http::Method::GET, "/api/orders")).await;
    assert_eq!((answer.status.as_u16(), answer.header("ratelimit")), (200, None));
}

fn post_in_background(api: &Arc<OrderApi>, key: &str, tenant: &str) -> JoinHandle<Answer> {
    let request = of_tenant(order_request(key, &one_ps5()), tenant);
    let router = order_api::router(api);
    tokio::spawn(async move { send(&router, request).await })
}
