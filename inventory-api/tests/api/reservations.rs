//! The reservation contract, hazard by hazard (docs/PROTOCOL.md sections 3 and 7).

use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, defaults, order_of, reserve_body};

const PS5: &[(&str, i64)] = &[("ps5", 2)];

fn path(id: Uuid) -> String {
    format!("/api/inventory/reservations/{id}")
}

#[tokio::test]
async fn reserves_once_however_often_it_is_asked() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let id = Uuid::now_v7();
    let first = world.put(id, 1, PS5).await;
    first.assert_is(201, "held");
    assert_eq!(first.json(), json!({"reservation_id": id, "state": "held"}));
    world.put(id, 1, PS5).await.assert_is(200, "held");
    world.put(id, 2, PS5).await.assert_is(200, "held");
    assert_eq!(world.level("ps5").await, (10, 2));
    let shown = world.get(&path(id)).await.json();
    assert_eq!((&shown["order_id"], &shown["epoch"]), (&json!(order_of(id)), &json!(2)));
    assert_eq!(shown["lines"], json!([{"item_id": "ps5", "quantity": 2}]));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn ten_concurrent_reserves_of_one_id_take_stock_once() {
    let world = World::with_stock(&[("ps5", 100)]).await;
    let id = Uuid::now_v7();
    let answers = join_all((0..10).map(|_| world.put(id, 1, PS5))).await;
    let fresh = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(fresh, 1, "exactly one made it: {answers:?}");
    assert!(answers.iter().all(|answer| answer.json()["state"] == "held"));
    assert_eq!(world.level("ps5").await, (100, 2));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn a_reserve_later_than_its_release_is_refused_for_ever() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let id = Uuid::now_v7();
    world.delete(id, 3).await.assert_is(200, "released");
    for _ in 0..2 {
        world.put(id, 3, PS5).await.assert_is(410, "reservation-tombstoned");
    }
    world.delete(id, 3).await.assert_is(200, "released");
    world.put(id, 4, PS5).await.assert_is(410, "reservation-tombstoned");
    assert_eq!(world.level("ps5").await, (10, 0));
    let shown = world.get(&path(id)).await.json();
    assert_eq!((&shown["state"], &shown["order_id"]), (&json!("released"), &json!(order_of(id))));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn gives_back_once_and_ships_once() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let (returned, shipped) = (Uuid::now_v7(), Uuid::now_v7());
    for id in [returned, shipped] {
        world.put(id, 1, PS5).await.assert_is(201, "held");
    }
    for _ in 0..2 {
        world.delete(returned, 1).await.assert_is(200, "released");
        world.commit(shipped, 1).await.assert_is(200, "committed");
    }
    assert_eq!(world.level("ps5").await, (8, 0));
    world.put(shipped, 1, PS5).await.assert_is(200, "committed");
    world.delete(shipped, 1).await.assert_is(409, "reservation-committed");
    world.commit(returned, 1).await.assert_is(410, "reservation-tombstoned");
    world.commit(Uuid::now_v7(), 1).await.assert_is(404, "not-found");
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn repeats_a_rejection_even_after_stock_has_come() {
    let world = World::with_stock(&[("ps5", 1)]).await;
    let (short, unknown) = (Uuid::now_v7(), Uuid::now_v7());
    let first = world.put(short, 1, PS5).await;
    first.assert_is(409, "insufficient-stock");
    let items = json!([{"item_id": "ps5", "requested": 2, "available": 1}]);
    assert_eq!(first.json()["items"], items);
    world.put(unknown, 1, &[("ps6", 1)]).await.assert_is(404, "unknown-item");
    for item in ["ps5", "ps6"] {
        let more = json!({"item_id": item, "delta": 100});
        world.send(Method::POST, "/api/inventory/update").json(&more).await;
    }
    let again = world.put(short, 2, PS5).await;
    again.assert_is(409, "insufficient-stock");
    assert_eq!(again.json()["items"], items);
    world.put(unknown, 2, &[("ps6", 1)]).await.assert_is(404, "unknown-item");
    world.commit(short, 2).await.assert_is(409, "insufficient-stock");
    assert_eq!(world.level("ps5").await, (101, 0));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn fences_older_epochs_and_refuses_another_use_of_an_id() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let id = Uuid::now_v7();
    world.put(id, 5, PS5).await.assert_is(201, "held");
    let stale = world.put(id, 4, PS5).await;
    stale.assert_is(412, "stale-epoch");
    assert_eq!(stale.json()["newest_epoch"], 5);
    world.delete(id, 4).await.assert_is(412, "stale-epoch");
    world.commit(id, 4).await.assert_is(412, "stale-epoch");
    world.put(id, 5, &[("ps5", 3)]).await.assert_is(422, "reservation-mismatch");
    let other_order =
        json!({"order_id": Uuid::now_v7(), "lines": [{"item_id": "ps5", "quantity": 2}]});
    let other = world.send(Method::PUT, &path(id)).header("saga-epoch", 5).json(&other_order).await;
    other.assert_is(422, "reservation-mismatch");
    assert_eq!(world.level("ps5").await, (10, 2));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn takes_all_lines_or_none_and_adds_up_lines_of_one_item() {
    let world = World::with_stock(&[("ps5", 10), ("pad", 3)]).await;
    let too_much = [("ps5", 1), ("pad", 2), ("pad", 2)];
    let refused = world.put(Uuid::now_v7(), 1, &too_much).await;
    refused.assert_is(409, "insufficient-stock");
    assert_eq!(
        refused.json()["items"],
        json!([{"item_id": "pad", "requested": 4, "available": 3}])
    );
    assert_eq!(world.level("ps5").await, (10, 0));
    let (id, enough) = (Uuid::now_v7(), [("pad", 1), ("ps5", 1), ("pad", 2)]);
    world.put(id, 1, &enough).await.assert_is(201, "held");
    // another spelling of the same lines is the same reservation
    world.put(id, 1, &[("ps5", 1), ("pad", 3)]).await.assert_is(200, "held");
    assert_eq!((world.level("ps5").await, world.level("pad").await), ((10, 1), (3, 3)));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn opposite_item_orders_and_releases_never_meet_in_a_deadlock() {
    let mut config = defaults();
    // many small transactions at once, so that they do meet
    (config.batch_rows_max, config.batch_flushes_max) = (2, 8);
    let world = World::configured(config, &[("a", 10_000), ("b", 10_000)]).await;
    let ids: Vec<Uuid> = (0..60).map(|_| Uuid::now_v7()).collect();
    let calls = ids.iter().enumerate().map(async |(index, id)| {
        let forth: &[(&str, i64)] = &[("a", 1), ("b", 1)];
        let back: &[(&str, i64)] = &[("b", 1), ("a", 1)];
        let lines = if index % 2 == 0 { forth } else { back };
        world.put(*id, 1, lines).await.assert_is(201, "held");
        world.delete(*id, 2).await.assert_is(200, "released");
    });
    join_all(calls).await;
    assert_eq!((world.level("a").await, world.level("b").await), ((10_000, 0), (10_000, 0)));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn never_oversells_a_hot_item() {
    let mut config = defaults();
    (config.batch_rows_max, config.batch_flushes_max) = (4, 8);
    let world = World::configured(config, &[("ps5", 50)]).await;
    let answers = join_all((0..80).map(|_| world.put(Uuid::now_v7(), 1, &[("ps5", 1)]))).await;
    let held = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((held, refused), (50, 30));
    assert_eq!(world.level("ps5").await, (50, 50));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn refuses_work_whose_caller_waits_no_more_before_anything_is_written() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let id = Uuid::now_v7();
    let late = world.send(Method::PUT, &path(id)).header("saga-deadline-ms", 0);
    let late = late.json(&reserve_body(id, PS5)).await;
    late.assert_is(503, "deadline-passed");
    assert_eq!(late.headers["retry-after"], "1");
    let late = world.send(Method::DELETE, &path(id)).header("saga-deadline-ms", 0).empty().await;
    late.assert_is(503, "deadline-passed");
    world.get(&path(id)).await.assert_is(404, "not-found");
    world.put(id, 1, PS5).await.assert_is(201, "held");
    world.assert_clean_slate().await;
}
