//! Hazards that only whole processes can show: a relay that sleeps past its own death, and an inventory that dies
//! between its commit and its answer.

use std::time::Duration;

use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::support::{Apart, Signal, alone, check_consistency, until};

const READY_MAX: Duration = Duration::from_secs(20);
const SETTLE_MAX: Duration = Duration::from_secs(30);
const FENCED: &str = "saga_fenced_writes_total{by=\"version\"}";

#[tokio::test]
async fn a_zombie_relay_that_wakes_hits_the_fence_and_changes_nothing() {
    let _alone = alone().await;
    let system = Apart::new();
    let (_inventory, _order_api) = (system.inventory_api_with_gremlin(), system.order_api());
    let (zombie, its_face) = system.relay();
    for service in [&system.orders, &system.inventory, &its_face] {
        service.ready(READY_MAX).await;
    }
    system.inventory.stock("ps5", 100).await;
    // what it asks for is done at once, and it hears of it late
    let late = json!({"latency_ms": 2_500, "latency_point": "after"});
    system.inventory.gremlin(Some(&late)).await;
    for order in ["a", "b", "c"] {
        system.orders.place(order, "ps5").await;
    }
    until(async || system.inventory.available("ps5").await == 97).await;
    zombie.signal(Signal::Stop);
    system.inventory.gremlin(None).await;
    let (_heir, heirs_face) = system.relay();
    system.orders.settled(SETTLE_MAX).await;
    let taken_over = heirs_face.metric("saga_takeovers_total").await;
    assert!(taken_over >= 3.0, "{taken_over}");
    let before = check_consistency(&system.subject, &[]).await;

    zombie.signal(Signal::Continue);
    until(async || its_face.metric(FENCED).await >= 1.0).await;
    eprintln!("writes of the zombie refused: {}", its_face.metric(FENCED).await);
    let after = check_consistency(&system.subject, &[]).await;
    assert_eq!(
        (after.steps, after.confirmed),
        (before.steps, 3),
        "no row of the journal is its own"
    );
    assert_eq!(system.inventory.available("ps5").await, 97);
}

#[tokio::test]
async fn an_order_whose_inventory_died_right_after_its_commit_is_confirmed_by_itself() {
    let _alone = alone().await;
    let system = Apart::new();
    let (mut inventory, _order_api) = (system.inventory_api_with_gremlin(), system.order_api());
    let (_relay, _) = system.relay();
    system.orders.ready(READY_MAX).await;
    system.inventory.ready(READY_MAX).await;
    system.inventory.stock("ps5", 100).await;
    // every second call: the replay goes through
    let dies = json!({"partial_failure_rate": 0.5, "partial_failure_kinds": ["exit"]});
    system.inventory.gremlin(Some(&dies)).await;
    system.orders.place("first", "ps5").await;
    system.orders.settled(SETTLE_MAX).await;
    system.orders.place("second", "ps5").await;
    assert!(!inventory.wait().success(), "it died");
    let url = &system.subject.inventory_url;
    let mut rows = PgConnection::connect(url).await.expect("the inventory database answers");
    let reserved: i64 = sqlx::query_scalar("select reserved from stock where item_id = 'ps5'")
        .fetch_one(&mut rows)
        .await
        .expect("one row");
    assert_eq!(reserved, 2, "it had committed");

    let _inventory = system.inventory_api_with_gremlin();
    system.orders.settled(SETTLE_MAX).await;
    let counts = check_consistency(&system.subject, &[]).await;
    assert_eq!((counts.confirmed, counts.reservations), (2, 2));
    assert_eq!(system.inventory.available("ps5").await, 98);
}
