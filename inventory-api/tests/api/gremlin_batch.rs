//! The gremlin within a batch call: it strikes entries, not the call.

use std::collections::BTreeSet;

use edge::mark_for_lost_reply;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, World, lines_json, order_of};

async fn send(world: &World, ids: &[Uuid]) -> Answer {
    let entries: Vec<Value> = ids
        .iter()
        .map(|id| {
            let lines = lines_json(&[("ps5", 1)]);
            json!({"reservation_id": id, "order_id": order_of(*id), "epoch": 1, "lines": lines})
        })
        .collect();
    let batch = json!({"entries": entries});
    world.send(Method::POST, "/api/inventory/reservations:batch").json(&batch).await
}

async fn switch_on(world: &World, settings: Value) {
    let answer = world.send(Method::POST, "/api/admin/chaos").json(&settings).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn count(answer: &Answer, status: u64) -> usize {
    answer.lines().iter().filter(|line| line["status"] == status).count()
}

fn ids() -> Vec<Uuid> {
    (0..20).map(|_| Uuid::now_v7()).collect()
}

#[tokio::test]
async fn a_cut_entry_has_no_line_and_the_others_have_theirs() {
    let world = World::with_gremlin(&[("ps5", 100)]).await;
    let settings = json!({"partial_failure_rate": 0.25, "partial_failure_kinds": ["cut"]});
    switch_on(&world, settings).await;
    let ids = ids();
    let answer = send(&world, &ids).await;
    assert_eq!((answer.status, answer.was_cut, count(&answer, 201)), (200, true, 15));
    assert_eq!(world.level("ps5").await, (100, 20), "all are committed");
    world.send(Method::DELETE, "/api/admin/chaos").empty().await;
    let again = send(&world, &ids).await;
    assert_eq!((again.was_cut, count(&again, 200)), (false, 20));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn crashes_and_losses_come_at_their_rates_entry_by_entry() {
    let world = World::with_gremlin(&[("ps5", 100)]).await;
    let settings = json!({
        "crash_rate": 0.25,
        "crash_kinds": ["503"],
        "partial_failure_rate": 0.5,
        "partial_failure_kinds": ["500"],
    });
    switch_on(&world, settings).await;
    let answer = send(&world, &ids()).await;
    assert_eq!(
        (count(&answer, 503), count(&answer, 500), count(&answer, 201), answer.was_cut),
        (5, 10, 5, false)
    );
    let crashed = answer.lines().into_iter().find(|line| line["status"] == 503);
    assert_eq!(crashed.expect("one of five")["retry_after_s"], 1);
    assert_eq!(world.level("ps5").await, (100, 15), "what crashed took nothing");
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn late_entries_do_not_hold_up_the_others() {
    let world = World::with_gremlin(&[("ps5", 100)]).await;
    switch_on(&world, json!({"latency_ms": 300, "latency_every": 10})).await;
    let answer = send(&world, &ids()).await;
    assert_eq!(count(&answer, 201), 20);
    let lines = answer.lines();
    let names = |lines: &[Value]| -> BTreeSet<String> {
        lines.iter().map(|line| line["reservation_id"].to_string()).collect()
    };
    assert_eq!(names(&lines).len(), 20);
    let shown = world.get("/api/admin/chaos").await.json();
    assert_eq!((&shown["calls"], &shown["events"]["delayed"]), (&json!(20), &json!(2)));
}

#[tokio::test]
async fn a_marked_entry_loses_its_first_answer_only() {
    let world = World::with_gremlin(&[("ps5", 100)]).await;
    let [marked, plain, of_older] = [(); 3].map(|()| Uuid::now_v7());
    let marked = mark_for_lost_reply(marked);
    let entry = |id: Uuid| {
        let lines = lines_json(&[("ps5", 1)]);
        json!({"reservation_id": id, "order_id": order_of(id), "lines": lines})
    };
    let mut older = entry(of_older);
    older["gremlin"] = json!(true);
    let batch = json!({"entries": [entry(marked), entry(plain), older]});
    let call =
        async || world.send(Method::POST, "/api/inventory/reservations:batch").json(&batch).await;
    let first = call().await;
    assert_eq!((first.was_cut, first.lines().len()), (true, 2));
    assert!(first.lines().iter().all(|line| line["reservation_id"] != json!(marked)));
    let second = call().await;
    assert_eq!((second.was_cut, count(&second, 200)), (false, 3));
    assert_eq!(world.level("ps5").await, (100, 3));
}
