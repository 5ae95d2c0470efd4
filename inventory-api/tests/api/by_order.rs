//! Calls of the reference API: reserve and deduct by order.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, World};

async fn call(world: &World, name: &str, body: Value) -> Answer {
    world.send(Method::POST, &format!("/api/inventory/{name}")).json(&body).await
}

#[tokio::test]
async fn reserves_and_deducts_once_per_order() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let order = json!({"order_id": "order-17", "item_id": "ps5", "quantity": 2});
    let reserved = call(&world, "reserve", order.clone()).await;
    reserved.assert_is(201, "held");
    assert_eq!(reserved.json()["order_id"], "order-17");
    call(&world, "reserve", order.clone()).await.assert_is(200, "held");
    for _ in 0..2 {
        call(&world, "deduct", order.clone()).await.assert_is(200, "committed");
    }
    assert_eq!(world.level("ps5").await, (8, 0));
    let fresh = json!({"order_id": Uuid::now_v7(), "lines": [{"item_id": "ps5", "quantity": 3}]});
    call(&world, "deduct", fresh.clone()).await.assert_is(201, "committed");
    call(&world, "deduct", fresh).await.assert_is(200, "committed");
    assert_eq!(world.level("ps5").await, (5, 0));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn refuses_as_a_saga_is_refused() {
    let world = World::with_stock(&[("ps5", 1)]).await;
    let order = |order_id: &str, item: &str, quantity: i64| json!({"order_id": order_id, "item_id": item, "quantity": quantity});
    call(&world, "deduct", order("a", "ps5", 2)).await.assert_is(409, "insufficient-stock");
    call(&world, "reserve", order("b", "ps6", 1)).await.assert_is(404, "unknown-item");
    call(&world, "reserve", order("c", "ps5", 1)).await.assert_is(201, "held");
    call(&world, "deduct", order("c", "ps5", 2)).await.assert_is(422, "reservation-mismatch");
    // unlike in the reference API, a negative quantity does not add stock
    call(&world, "deduct", order("d", "ps5", -5)).await.assert_is(400, "invalid-request");
    call(&world, "deduct", json!({"order_id": "e", "item_id": "ps5"}))
        .await
        .assert_is(400, "invalid-request");
    call(&world, "deduct", order("", "ps5", 1)).await.assert_is(400, "invalid-request");
    assert_eq!(world.level("ps5").await, (1, 1));
    world.assert_clean_slate().await;
}
