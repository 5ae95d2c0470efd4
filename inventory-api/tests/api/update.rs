//! Staff's changes of stock.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, World};

async fn update(world: &World, key: Option<&str>, body: Value) -> Answer {
    let mut sending = world.send(Method::POST, "/api/inventory/update");
    if let Some(key) = key {
        sending = sending.header("idempotency-key", key);
    }
    sending.json(&body).await
}

#[tokio::test]
async fn makes_an_item_changes_it_and_never_goes_below_what_is_promised() {
    let world = World::with_stock(&[]).await;
    let made = json!({"item_id": "ps5", "set": 10, "item_name": "Console", "reason": "delivery"});
    let made = update(&world, None, made).await;
    assert_eq!((made.status, &made.json()["available"]), (200, &json!(10)), "{}", made.text);
    world.put(Uuid::now_v7(), 1, &[("ps5", 6)]).await.assert_is(201, "held");
    let less = update(&world, None, json!({"item_id": "ps5", "delta": -4})).await;
    assert_eq!((&less.json()["quantity"], &less.json()["available"]), (&json!(6), &json!(0)));
    let too_little = update(&world, None, json!({"item_id": "ps5", "set": 5})).await;
    too_little.assert_is(409, "below-reserved");
    assert_eq!(too_little.json()["reserved_quantity"], 6);
    assert_eq!(world.get("/api/inventory/ps5").await.json()["item_name"], "Console");
    assert_eq!(world.level("ps5").await, (6, 6));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn counts_once_per_key() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let delivery = json!({"item_id": "ps5", "delta": 5});
    let first = update(&world, Some("d-1"), delivery.clone()).await;
    assert!(!first.headers.contains_key("idempotent-replayed"));
    world.put(Uuid::now_v7(), 1, &[("ps5", 1)]).await.assert_is(201, "held");
    for key in ["d-1", "\"d-1\""] {
        let again = update(&world, Some(key), delivery.clone()).await;
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.json(), first.json(), "the answer of then, not of now");
    }
    let other = update(&world, Some("d-1"), json!({"item_id": "ps5", "delta": 6})).await;
    other.assert_is(422, "idempotency-key-reused");
    for bad in ["", "two words", "\"half", "a\"b"] {
        update(&world, Some(bad), delivery.clone()).await.assert_is(400, "idempotency-key-invalid");
    }
    assert_eq!(world.level("ps5").await, (15, 1));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn refuses_what_makes_no_sense() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let long = "x".repeat(101);
    let cases = [
        (json!({"item_id": "ps5"}), "/set"),
        (json!({"item_id": "ps5", "set": 1, "delta": 1}), "/delta"),
        (json!({"item_id": "ps5", "set": -1}), "/set"),
        (json!({"item_id": "ps5", "set": 1.5}), "/set"),
        (json!({"item_id": "ps5", "delta": i64::MIN}), "/delta"),
        (json!({"item_id": "", "set": 1}), "/item_id"),
        (json!({"item_id": " ps5", "set": 1}), "/item_id"),
        (json!({"item_id": long, "set": 1}), "/item_id"),
        (json!({"item_id": "reservations", "set": 1}), "/item_id"),
        (json!({"item_id": "ps5", "set": 1, "item_name": ""}), "/item_name"),
        (json!({"item_id": "ps5", "set": 1, "reason": "r".repeat(501)}), "/reason"),
        (json!({"item_id": "ps5", "set": 1, "color": "red"}), "/color"),
    ];
    for (body, pointer) in cases {
        let refused = update(&world, None, body.clone()).await;
        refused.assert_is(400, "invalid-request");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let too_much =
        update(&world, None, json!({"item_id": "ps5", "delta": 1_000_000_000_000_i64})).await;
    too_much.assert_is(422, "too-much-stock");
    assert_eq!(world.level("ps5").await, (10, 0));
}
