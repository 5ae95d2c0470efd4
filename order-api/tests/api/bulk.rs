//! POST /api/bulk-actions: exactly what was seen, at a pace, each with its true result.

use std::sync::Arc;

use axum::body::Body;
use http::Request;
use in_process::NotifyScope;
use order_api::{OrderApi, router};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::actions::act;
use crate::relay::{BROKEN, DONE, Relay};
use crate::world::{Answer, World, eventually, send};

const FAST: &str = "--order-api-bulk-per-s=1000";
const SLOW: &str = "--order-api-bulk-per-s=1";
const NO_WAIT: &str = "--order-api-wait-ms=0";

async fn begin(world: &World, body: &Value) -> Answer {
    let request = Request::post("/api/bulk-actions")
        .header("content-type", "application/json")
        .header("valerix-actor", "Zoe")
        .body(Body::from(body.to_string()))
        .unwrap();
    send(&router(&world.api), request).await
}

/// So many parked sagas, oldest first.
async fn park(world: &World, relay: &Relay, count: usize) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(world.order(&format!("parked-{n}")).await);
        relay.settle_next(BROKEN).await;
    }
    ids
}

/// As a person who sees the list and asks for all of it.
async fn as_seen(world: &World, kind: &str) -> Value {
    let page = world.get("/api/sagas?state=parked&count=true").await.json();
    json!({
        "type": kind, "reason": "inventory is mended", "filter": {"state": "parked"},
        "as_of": page["as_of"], "expected_count": page["total"]["count"],
    })
}

async fn finished(world: &World, path: &str) -> Value {
    eventually("the end of the bulk action", async || {
        let shown = world.get(path).await.json();
        (shown["state"] == "done").then_some(shown)
    })
    .await
}

fn results(shown: &Value) -> Vec<&str> {
    shown["items"].as_array().unwrap().iter().map(|i| i["result"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn everything_that_was_seen_is_retried_once_and_shows_its_result() {
    let world = World::with(&[NO_WAIT, FAST]).await;
    let relay = Relay::of(&world).await;
    let parked = park(&world, &relay, 5).await;
    let begun = begin(&world, &as_seen(&world, "retry").await).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    let path = begun.header("location").unwrap().to_owned();
    assert_eq!(begun.json()["total"], 5);
    let shown = finished(&world, &path).await;
    assert_eq!(shown["results"], json!({"applied": 5, "refused": 0, "moved": 0, "missing": 0}));
    assert_eq!(shown["items"][0]["saga"]["state"], "queued");
    let mut claimed = relay.claim().await;
    assert_eq!(claimed.len(), 5);
    for saga in claimed.drain(..) {
        relay.answer(&saga, DONE).await.unwrap();
    }
    assert_eq!(world.get(&path).await.json()["items"][0]["saga"]["state"], "confirmed");
    let audit = world.get(&format!("/api/audit?bulk_id={}", shown["id"].as_str().unwrap())).await;
    let rows = audit.json()["items"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 6, "one for each saga, and one for the whole");
    for (id, item) in parked.iter().rev().zip(shown["items"].as_array().unwrap()) {
        assert_eq!(item["order_id"], id.to_string(), "newest first, as in the list");
        let row = rows.iter().find(|row| row["id"] == item["action_id"]).unwrap();
        assert_eq!(row["outcome"]["state"], "confirmed");
        assert_eq!(row["actor"], "Zoe");
    }
    let page = world.get(&format!("{path}?limit=2&cursor=1")).await.json();
    assert_eq!((&page["items"][0]["n"], &page["next_cursor"]), (&json!(2), &json!("3")));
}

#[tokio::test]
async fn a_dry_run_counts_and_does_nothing() {
    let world = World::with(&[NO_WAIT, FAST]).await;
    let relay = Relay::of(&world).await;
    let parked = park(&world, &relay, 2).await;
    let confirmed = world.order("confirmed").await;
    relay.settle_next(DONE).await;
    let ids = [parked[0], parked[1], confirmed, Uuid::now_v7()];
    let body = json!({"type": "cancel", "reason": "what if", "ids": ids, "dry_run": true});
    let told = begin(&world, &body).await;
    assert_eq!(told.status, 200, "{told:?}");
    let told = told.json();
    assert_eq!(
        (&told["count"], &told["would_apply"], &told["would_refuse"]),
        (&json!(3), &json!(2), &json!(1))
    );
    assert!(world.get("/api/audit").await.json()["items"].as_array().unwrap().is_empty());
    let real = json!({
        "type": "cancel", "reason": "really", "ids": ids, "as_of": told["as_of"],
        "expected_count": told["count"],
    });
    let begun = begin(&world, &real).await;
    let shown = finished(&world, begun.header("location").unwrap()).await;
    assert_eq!(results(&shown), ["refused", "applied", "applied"]);
    assert!(shown["items"][0]["detail"].as_str().unwrap().contains("confirmed"));
}

#[tokio::test]
async fn a_list_that_has_changed_is_not_acted_on() {
    let world = World::with(&[NO_WAIT, FAST]).await;
    let relay = Relay::of(&world).await;
    let parked = park(&world, &relay, 3).await;
    let mut seen = as_seen(&world, "cancel").await;
    park_one_more(&world, &relay).await;
    act(&world, parked[1], Some("*"), &json!({"type": "cancel", "reason": "by hand"})).await;
    let moved = begin(&world, &seen).await;
    assert_eq!(moved.problem(), (409, "selection-moved".into()));
    assert_eq!(
        (&moved.json()["count"], &moved.json()["expected_count"]),
        (&json!(2), &json!(3)),
        "one has left, and the one that came later was not seen"
    );
    assert!(world.get("/api/audit?type=bulk").await.json()["items"].as_array().unwrap().is_empty());
    seen["expected_count"] = json!(2);
    let begun = begin(&world, &seen).await;
    let shown = finished(&world, begun.header("location").unwrap()).await;
    assert_eq!(results(&shown), ["applied", "applied"]);
}

async fn park_one_more(world: &World, relay: &Relay) {
    world.order("later").await;
    relay.settle_next(BROKEN).await;
}

#[tokio::test]
async fn a_saga_that_moves_before_its_turn_is_left_alone() {
    let world = World::with(&[NO_WAIT, SLOW]).await;
    let relay = Relay::of(&world).await;
    let parked = park(&world, &relay, 2).await;
    let begun = begin(&world, &as_seen(&world, "retry").await).await;
    let path = begun.header("location").unwrap().to_owned();
    // its turn is the second, a second later
    let answer =
        act(&world, parked[0], Some("*"), &json!({"type": "cancel", "reason": "no"})).await;
    assert_eq!(answer.status, 200);
    let shown = finished(&world, &path).await;
    assert_eq!(results(&shown), ["applied", "moved"]);
    assert_eq!(shown["items"][1]["detail"], "it is releasing by now");
    assert_eq!(shown["items"][1]["saga"]["state"], "releasing");
}

#[tokio::test]
async fn it_goes_on_after_a_restart_where_it_stopped() {
    let world = World::with(&[NO_WAIT, SLOW]).await;
    let relay = Relay::of(&world).await;
    park(&world, &relay, 6).await;
    let begun = begin(&world, &as_seen(&world, "retry").await).await;
    let path = begun.header("location").unwrap().to_owned();
    eventually("the first item", async || {
        (world.get(&path).await.json()["done"].as_i64() >= Some(1)).then_some(())
    })
    .await;
    let World { database, hints, api } = world;
    drop(api);
    let api: Arc<OrderApi> = {
        let again = World { api: start_again(&database, &hints).await, database, hints };
        let shown = finished(&again, &path).await;
        assert_eq!(results(&shown), ["applied"; 6]);
        let audit = again.get("/api/audit?type=retry").await.json();
        assert_eq!(audit["items"].as_array().unwrap().len(), 6, "each of them once");
        again.api
    };
    drop(api);
}

async fn start_again(
    database: &schema_pg::testing::TestDb,
    hints: &in_process::Hints,
) -> Arc<OrderApi> {
    crate::world::start(database, hints, NotifyScope::ThisProcess, 20_000, &[NO_WAIT, FAST]).await
}

#[tokio::test]
async fn two_instances_share_the_work_and_do_nothing_twice() {
    let world = World::with(&[NO_WAIT, FAST]).await;
    let relay = Relay::of(&world).await;
    park(&world, &relay, 12).await;
    let second = world.impatient(&[NO_WAIT, FAST]).await;
    let begun = begin(&world, &as_seen(&world, "note").await).await;
    let shown = finished(&world, begun.header("location").unwrap()).await;
    assert_eq!(results(&shown), ["applied"; 12]);
    let notes = world.get("/api/audit?type=note").await.json();
    assert_eq!(notes["items"].as_array().unwrap().len(), 12);
    drop(second);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let world = World::with(&[NO_WAIT, FAST]).await;
    let many: Vec<Uuid> = (0..1_001).map(|_| Uuid::now_v7()).collect();
    let at = "2026-01-01T00:00:00Z";
    for (body, pointer) in [
        (json!({"type": "resolve", "reason": "r", "ids": [Uuid::nil()]}), "/type"),
        (json!({"type": "retry", "reason": "r"}), "/filter"),
        (json!({"type": "retry", "reason": "r", "ids": []}), "/ids"),
        (json!({"type": "retry", "reason": "r", "ids": many}), "/ids"),
        (json!({"type": "retry", "reason": "", "ids": [Uuid::nil()]}), "/reason"),
        (json!({"type": "retry", "reason": "r", "filter": {"state": "lost"}}), "state"),
        (json!({"type": "retry", "reason": "r", "filter": {"stat": "failed"}}), "/filter/stat"),
        (json!({"type": "retry", "reason": "r", "filter": {}, "expected_count": 1}), "/as_of"),
        (json!({"type": "retry", "reason": "r", "filter": {}, "as_of": at}), "/expected_count"),
    ] {
        let answer = begin(&world, &body).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let none =
        json!({"type": "retry", "reason": "r", "filter": {}, "as_of": at, "expected_count": 0});
    let begun = begin(&world, &none).await;
    assert_eq!(begun.json()["state"], "done", "nothing to do is done at once");
    let absent = world.get(&format!("/api/bulk-actions/{}", Uuid::now_v7())).await;
    assert_eq!(absent.problem(), (404, "not-found".into()));
}
