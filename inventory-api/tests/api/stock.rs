//! Stock as it is shown, and the demo stock.

use http::Method;
use inventory_api::seed_demo_stock;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, World};

const UPDATE: &str = "/api/inventory/update";

fn ids(page: &Answer) -> Vec<String> {
    let items = page.json()["items"].as_array().expect("a list").clone();
    items.iter().map(|item| item["item_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn shows_an_item_and_whether_it_has_changed() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    world.put(Uuid::now_v7(), 1, &[("ps5", 3)]).await.assert_is(201, "held");
    for path in ["/api/inventory/ps5", "/api/inventory"] {
        let shown = world.get(path).await;
        let body = shown.json();
        let item = if path.ends_with("ps5") { &body } else { &body["items"][0] };
        assert_eq!(
            (&item["quantity"], &item["reserved_quantity"], &item["available"]),
            (&json!(10), &json!(3), &json!(7))
        );
        let etag = shown.headers["etag"].to_str().expect("ASCII").to_owned();
        let asked = || world.send(Method::GET, path).header("if-none-match", &etag);
        assert_eq!(asked().empty().await.status, 304);
        let delivery = json!({"item_id": "ps5", "delta": 0});
        world.send(Method::POST, UPDATE).json(&delivery).await;
        assert_eq!(asked().empty().await.status, 200);
    }
    world.get("/api/inventory/ps6").await.assert_is(404, "not-found");
}

#[tokio::test]
async fn lists_page_by_page_and_what_runs_low() {
    let world = World::with_stock(&[("a", 5), ("b", 50), ("c", 9), ("d", 10), ("e", 12)]).await;
    world.put(Uuid::now_v7(), 1, &[("e", 3)]).await.assert_is(201, "held");
    let mut seen = Vec::new();
    let mut path = "/api/inventory?limit=2".to_owned();
    loop {
        let page = world.get(&path).await;
        seen.extend(ids(&page));
        let Some(link) = page.headers.get("link") else {
            assert_eq!(page.json()["next_cursor"], Value::Null);
            break;
        };
        let link = link.to_str().expect("ASCII");
        path = link.split(['<', '>']).nth(1).expect("a link").to_owned();
        assert!(path.contains(page.json()["next_cursor"].as_str().expect("a cursor")));
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let low = world.get("/api/inventory?low=true&limit=2").await;
    assert_eq!(ids(&low), ["a", "c"]);
    let cursor = low.json()["next_cursor"].as_str().expect("a cursor").to_owned();
    let rest = world.get(&format!("/api/inventory?low=true&cursor={cursor}")).await;
    assert_eq!(ids(&rest), ["e"]);
    let other = world.get(&format!("/api/inventory?cursor={cursor}")).await;
    other.assert_is(400, "invalid-request");
    for bad in ["limit=0", "limit=101", "limit=x", "low=maybe", "color=red", "cursor=%00"] {
        let refused = world.get(&format!("/api/inventory?{bad}")).await;
        assert!(matches!(refused.status, 400 | 422), "{bad}: {}", refused.text);
    }
}

#[tokio::test]
async fn shows_the_ledger_newest_first() {
    let world = World::with_stock(&[("50% wool/blend", 10)]).await;
    let id = Uuid::now_v7();
    world.put(id, 1, &[("50% wool/blend", 3)]).await.assert_is(201, "held");
    world.commit(id, 1).await.assert_is(200, "committed");
    let path = "/api/inventory/50%25%20wool%2Fblend/transactions";
    let all = world.get(path).await.json();
    let rows = all["items"].as_array().expect("a list");
    let moved: Vec<_> = rows
        .iter()
        .map(|row| {
            (row["kind"].as_str(), row["quantity_delta"].as_i64(), row["reserved_delta"].as_i64())
        })
        .collect();
    let expected = [("commit", -3, -3), ("reserve", 0, 3), ("opening", 10, 0)]
        .map(|(kind, quantity, reserved)| (Some(kind), Some(quantity), Some(reserved)));
    assert_eq!(moved, expected);
    assert_eq!(rows[0]["reservation_id"], json!(id));
    let first = world.get(&format!("{path}?limit=2")).await;
    let link = first.headers["link"].to_str().expect("ASCII");
    let second = world.get(link.split(['<', '>']).nth(1).expect("a link")).await.json();
    assert_eq!(second["items"][0]["kind"], "opening");
    world.get("/api/inventory/ps6/transactions").await.assert_is(404, "not-found");
}

#[tokio::test]
async fn the_ledger_adds_up_to_the_stock_or_says_that_it_does_not() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    world.put(Uuid::now_v7(), 1, &[("ps5", 3)]).await.assert_is(201, "held");
    let path = "/api/inventory/ps5/balance";
    let sum = json!({"lines": 2, "quantity": 10, "reserved_quantity": 3, "adds_up": true});
    let expected = json!({"item_id": "ps5", "quantity": 10, "reserved_quantity": 3, "ledger": sum});
    assert_eq!(world.get(path).await.json(), expected);
    world.database.execute("update stock set on_hand = on_hand + 1 where item_id = 'ps5'").await;
    assert_eq!(world.get(path).await.json()["ledger"]["adds_up"], false);
    let many = "insert into inventory_transactions (item_id, kind, on_hand_delta, reserved_delta)
                select 'ps5', 'adjustment', 0, 0 from generate_series(1, 20000)";
    world.database.execute(many).await;
    assert_eq!(world.get(path).await.json()["ledger"], json!(null), "too long for a look");
    world.get("/api/inventory/ps6/balance").await.assert_is(404, "not-found");
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
