//! Inventory is stopped: orders are taken, queue, and are all confirmed once it is back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Apart, alone, check_consistency};

/// How long a POST waits for its order by default, and how much longer its answer may take.
const WAIT: Duration = Duration::from_secs(2);
const LATE_MAX: Duration = Duration::from_millis(500);
const READY_MAX: Duration = Duration::from_secs(20);
const ORDERS: u32 = 40;

#[tokio::test]
async fn orders_are_taken_while_inventory_is_stopped_and_confirmed_once_it_is_back() {
    let _alone = alone().await;
    let system = Apart::new();
    let inventory = system.inventory_api();
    let (_order_api, (_relay, _)) = (system.order_api(), system.relay());
    system.inventory.ready(READY_MAX).await;
    system.orders.ready(READY_MAX).await;
    system.inventory.stock("ps5", 1_000).await;
    assert!(inventory.interrupt().0.success());

    let mut slowest = Duration::ZERO;
    for number in 0..ORDERS {
        let began = Instant::now();
        let body = json!({"item_id": "ps5", "quantity": 1});
        let answer = system.orders.order(Some(&format!("while-down-{number}")), &body).await;
        slowest = slowest.max(began.elapsed());
        assert_eq!(answer.status(), 202);
        assert!(answer.headers().contains_key("retry-after"));
        let order: Value = answer.json().await.expect("JSON");
        let waits = ["pending", "reserving", "queued"].map(Value::from);
        assert!(waits.contains(&order["status"]), "{order}");
    }
    eprintln!("slowest answer while inventory was stopped: {slowest:?}");
    assert!(slowest < WAIT + LATE_MAX, "{slowest:?}");

    let _inventory = system.inventory_api();
    let back = system.inventory.ready(READY_MAX).await;
    let settled = system.orders.settled(Duration::from_secs(15)).await;
    eprintln!("inventory was back after {back:?}, and all was settled {settled:?} later");
    let confirmed = system.orders.json("/api/orders?status=confirmed").await;
    assert_eq!(confirmed["items"].as_array().map(Vec::len), Some(ORDERS as usize));
    assert_eq!(system.inventory.available("ps5").await, 1_000 - i64::from(ORDERS));
    check_consistency(&system.subject, &[]).await;
}
