//! What somebody does first: one command, one order, the same order again, a few mistakes, Ctrl-C, and back again.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Up, alone, check_consistency};

/// Long enough to drain, short enough not to be called hanging.
const STOP_MAX: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_newcomer_gets_from_one_command_to_a_confirmed_order_and_back_again() {
    let _alone = alone().await;
    let system = Up::new();
    let running = system.start();
    let two = json!({"item_id": "ps5", "quantity": 2});
    let stock = system.inventory.available("ps5").await;

    let answer = system.orders.order(Some("first"), &two).await;
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().expect("a path").to_owned();
    let order: Value = answer.json().await.expect("JSON");
    assert_eq!(order["status"], "confirmed");
    assert_eq!(order["item_id"], "ps5");

    let again = system.orders.order(Some("first"), &two).await;
    assert_eq!(again.status(), 201);
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.expect("JSON")["id"], order["id"]);
    assert_eq!(system.inventory.available("ps5").await, stock - 2, "taken once");

    refuses_what_is_wrong(&system).await;
    assert_eq!(system.inventory.available("ps5").await, stock - 2, "still taken once");

    let (status, took, log) = running.interrupt();
    assert!(status.success(), "{status}\n{log}");
    assert!(took < STOP_MAX, "took {took:?}\n{log}");

    let running = system.start();
    let found = system.orders.json(&location).await;
    assert_eq!(found["status"], "confirmed", "a second start finds the order");
    let again = system.orders.order(Some("first"), &two).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true", "and its key");
    assert_eq!(system.inventory.available("ps5").await, stock - 2, "and seeds no new stock");
    assert!(running.interrupt().0.success());

    let (postgres, subject) = system.databases();
    let counts = check_consistency(&subject, &[]).await;
    assert_eq!((counts.confirmed, counts.failed), (1, 2));
    assert!(postgres.interrupt().0.success());
}

async fn refuses_what_is_wrong(system: &Up) {
    let check = async |key: Option<&str>, body: Value, status: u16, code: &str| {
        let answer = system.orders.order(key, &body).await;
        assert_eq!(answer.status(), status, "{key:?} {body}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.json::<Value>().await.expect("JSON")["code"], code, "{key:?} {body}");
    };
    check(Some("first"), json!({"item_id": "ps5", "quantity": 3}), 422, "idempotency-key-reused")
        .await;
    check(None, json!({"item_id": "ps5", "quantity": 1}), 400, "idempotency-key-required").await;
    check(Some("second"), json!({"item_id": "ps9", "quantity": 1}), 422, "unknown-item").await;
    check(Some("third"), json!({"item_id": "ps5", "quantity": 9_999}), 422, "insufficient-stock")
        .await;
}
