//! Stock as it is shown and changed, and the demo stock.

use http::Method;
use inventory_api::seed_demo_stock;
use serde_json::json;
use uuid::Uuid;

use crate::world::World;

const UPDATE: &str = "/api/inventory/update";

#[tokio::test]
async fn shows_an_item_and_whether_it_has_changed() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    world.put(Uuid::now_v7(), 1, &[("ps5", 3)]).await.assert_is(201, "held");
    let item = world.get("/api/inventory/ps5").await;
    let body = item.json();
    assert_eq!(
        (&body["quantity"], &body["reserved_quantity"], &body["available"]),
        (&json!(10), &json!(3), &json!(7))
    );
    let etag = item.headers["etag"].to_str().expect("ASCII").to_owned();
    let again = world.send(Method::GET, "/api/inventory/ps5").header("if-none-match", &etag);
    assert_eq!(again.empty().await.status, 304);
    world.put(Uuid::now_v7(), 1, &[("ps5", 1)]).await.assert_is(201, "held");
    let changed = world.send(Method::GET, "/api/inventory/ps5").header("if-none-match", &etag);
    assert_eq!(changed.empty().await.status, 200);
}

#[tokio::test]
async fn stocks_the_demo_once_per_database() {
    let world = World::with_stock(&[]).await;
    let made = seed_demo_stock(&world.database.db).await.expect("seeded");
    assert!(made > 1);
    let sold_out = json!({"item_id": "ps5", "set": 0});
    assert_eq!(world.send(Method::POST, UPDATE).json(&sold_out).await.status, 200);
    assert_eq!(seed_demo_stock(&world.database.db).await.expect("left alone"), 0);
    assert_eq!(world.level("ps5").await, (0, 0));
    world.assert_clean_slate().await;
}
