//! Databases that somebody else runs: they are used, waited for, and outlive whoever used them.

use std::time::Duration;

use serde_json::json;

use crate::support::{Apart, Up, alone, check_consistency};

const READY_MAX: Duration = Duration::from_secs(20);

#[tokio::test]
async fn everything_in_one_process_uses_the_databases_it_is_given() {
    let _alone = alone().await;
    let theirs = Apart::new();
    let mut system = Up::new();
    let (orders, inventory) = (&theirs.subject.orders_url, &theirs.subject.inventory_url);
    system.set(&[("ORDER_DATABASE_URL", orders), ("INVENTORY_DATABASE_URL", inventory)]);
    let running = system.start();
    let answer =
        system.orders.order(Some("first"), &json!({"item_id": "ps5", "quantity": 1})).await;
    assert_eq!(answer.status(), 201);
    assert!(!system.has_data(), "no server of its own");
    let mut migrating = system.process(&["migrate"]);
    assert!(migrating.wait().success(), "harmless at any time\n{}", migrating.log());
    assert!(running.interrupt().0.success());
    assert_eq!(check_consistency(&theirs.subject, &[]).await.confirmed, 1);
    theirs.stop();
}

#[tokio::test]
async fn services_that_started_before_their_databases_serve_once_these_are_there() {
    let _alone = alone().await;
    let mut system = Apart::new();
    system.stop_databases();
    let services = [system.order_api(), system.inventory_api(), system.relay().0];
    assert_eq!(system.orders.get("/health/ready").await.status(), 503);
    system.start_databases();
    system.orders.ready(READY_MAX).await;
    system.inventory.ready(READY_MAX).await;
    system.inventory.stock("ps5", 10).await;
    let answer =
        system.orders.order(Some("first"), &json!({"item_id": "ps5", "quantity": 1})).await;
    assert!(answer.status().is_success(), "{}", answer.status());
    system.orders.settled(READY_MAX).await;
    assert_eq!(system.inventory.available("ps5").await, 9);
    for service in services {
        assert!(service.interrupt().0.success());
    }
    system.stop();
}
