//! GET /api/orders: pages that hold still, filters that narrow, cursors that cannot be misused.

use order_api::router;
use std::collections::HashMap;

use schema_orders::orders::{Insertion, SCAN_MAX};
use schema_orders::testing::insert_orders;
use schema_pg::DbError;
use serde_json::Value;
use uuid::Uuid;

use crate::idempotency::new_order;
use crate::relay::{BROKEN, DONE, NO_STOCK, Relay};
use crate::world::{World, of_tenant, request, send};

#[tokio::test]
async fn pages_hold_still_while_orders_are_added() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let mut expected = Vec::new();
    for n in 0..25 {
        expected.insert(0, world.order(&format!("old-{n}")).await);
    }
    let mut seen = Vec::new();
    let mut path = "/api/orders?limit=10".to_owned();
    for page in 0.. {
        let answer = world.get(&path).await;
        let body = answer.json();
        seen.extend(ids(&body));
        let Some(cursor) = body["next_cursor"].as_str() else {
            assert_eq!(answer.header("link"), None);
            break;
        };
        let next = format!("/api/orders?limit=10&cursor={cursor}");
        assert_eq!(answer.header("link"), Some(format!("<{next}>; rel=\"next\"").as_str()));
        path = next;
        for n in 0..3 {
            world.order(&format!("new-{page}-{n}")).await;
        }
    }
    assert_eq!(seen, expected, "newest first, each once");
}

#[tokio::test]
async fn a_page_has_a_hundred_orders_unless_told() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    for n in 0..101 {
        world.order(&n.to_string()).await;
    }
    let first = world.get("/api/orders").await.json();
    assert_eq!(ids(&first).len(), 100);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("/api/orders?cursor={cursor}")).await.json();
    assert_eq!((ids(&second).len(), &second["next_cursor"]), (1, &Value::Null));
}

#[tokio::test]
async fn narrows_by_status_item_and_time() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let mut by_status = HashMap::new();
    for (status, answer) in [("confirmed", DONE), ("failed", NO_STOCK), ("parked", BROKEN)] {
        by_status.insert(status, world.order(status).await);
        relay.settle_next(answer).await;
    }
    by_status.insert("pending", world.order("pending").await);
    for (status, id) in &by_status {
        let found = world.get(&format!("/api/orders?status={status}")).await.json();
        assert_eq!(ids(&found), [*id], "{status}");
    }
    let two = serde_json::json!({"lines": [{"item_id": "a b&c", "quantity": 1}, {"item_id": "ps5", "quantity": 1}]});
    let two = world.post("two", &two).await;
    let found = world.get("/api/orders?item_id=a%20b%26c").await.json();
    assert_eq!(ids(&found), [two.id()]);
    assert_eq!(ids(&world.get("/api/orders?item_id=ps5").await.json()).len(), 5);
    let at = two.json()["created_at"].as_str().unwrap().replace('+', "%2B");
    let from = world.get(&format!("/api/orders?created_after={at}")).await.json();
    assert_eq!(ids(&from), [two.id()]);
    let until = world.get(&format!("/api/orders?created_before={at}")).await.json();
    assert_eq!(ids(&until).len(), 4);
    let nothing = world.get(&format!("/api/orders?created_after={at}&created_before={at}")).await;
    assert!(ids(&nothing.json()).is_empty());
}

#[tokio::test]
async fn a_rare_filter_is_found_page_by_page_without_a_long_scan() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let rare =
        world.post("rare", &serde_json::json!({"item_id": "rare", "quantity": 1})).await.id();
    let others = (0..SCAN_MAX).map(|n| new_order(&n.to_string(), "ps5")).collect::<Vec<_>>();
    let written: Result<Vec<Insertion>, DbError> = world
        .database
        .db
        .transaction(|connection| Box::pin(async move { insert_orders(connection, &others).await }))
        .await;
    assert_eq!(written.unwrap().len() as i64, SCAN_MAX);
    let first = world.get("/api/orders?item_id=rare").await.json();
    assert!(ids(&first).is_empty());
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world.get(&format!("/api/orders?item_id=rare&cursor={cursor}")).await.json();
    assert_eq!((ids(&second), &second["next_cursor"]), (vec![rare], &Value::Null));
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters_and_to_its_tenant() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    for key in ["a", "b", "c"] {
        world.order(key).await;
    }
    let first = world.get("/api/orders?limit=1&status=pending&item_id=ps5").await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    for path in [
        format!("/api/orders?limit=1&cursor={cursor}"),
        format!("/api/orders?limit=1&status=failed&item_id=ps5&cursor={cursor}"),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{path}");
    }
    let same = format!("/api/orders?limit=2&item_id=ps5&status=pending&cursor={cursor}");
    assert_eq!(ids(&world.get(&same).await.json()).len(), 2, "another page size is no other list");
    let foreign = of_tenant(request(http::Method::GET, &same), "other");
    assert_eq!(send(&router(&world.api), foreign).await.problem().0, 400);
}

fn ids(page: &Value) -> Vec<Uuid> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|order| order["id"].as_str().unwrap().parse().unwrap()).collect()
}
