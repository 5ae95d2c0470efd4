//! The batch call: each entry as if it had come alone.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, World, lines_json, order_of};

const BATCH: &str = "/api/inventory/reservations:batch";

fn entry(id: Uuid, epoch: i64, lines: &[(&str, i64)]) -> Value {
    json!({
        "reservation_id": id,
        "order_id": order_of(id),
        "epoch": epoch,
        "deadline_ms": 3_000,
        "lines": lines_json(lines),
    })
}

async fn send(world: &World, entries: &[Value]) -> Answer {
    world.send(Method::POST, BATCH).json(&json!({"entries": entries})).await
}

/// By reservation: status, and state or code.
fn verdicts(answer: &Answer) -> BTreeMap<Uuid, (u64, String)> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let lines = answer.lines();
    let verdicts = lines.iter().map(|line| {
        let id = line["reservation_id"].as_str().and_then(|id| id.parse().ok());
        let body = &line["body"];
        let said = body.get("code").or(body.get("state")).and_then(Value::as_str);
        let status = line["status"].as_u64().expect("a status");
        (id.expect("an id"), (status, said.unwrap_or_default().to_owned()))
    });
    verdicts.collect()
}

#[tokio::test]
async fn answers_each_entry_as_the_single_call_would() {
    let world = World::with_stock(&[("ps5", 10), ("pad", 1)]).await;
    let [held, short, unknown, stale, dead, mismatch, late] = [(); 7].map(|()| Uuid::now_v7());
    world.put(stale, 9, &[("ps5", 1)]).await.assert_is(201, "held");
    world.put(mismatch, 1, &[("ps5", 1)]).await.assert_is(201, "held");
    world.delete(dead, 1).await.assert_is(200, "released");
    let mut expired = entry(late, 1, &[("ps5", 1)]);
    expired["deadline_ms"] = json!(0);
    let answer = send(
        &world,
        &[
            entry(held, 1, &[("ps5", 2)]),
            entry(short, 1, &[("pad", 2)]),
            entry(unknown, 1, &[("ps6", 1)]),
            entry(stale, 8, &[("ps5", 1)]),
            entry(dead, 1, &[("ps5", 1)]),
            entry(mismatch, 1, &[("ps5", 5)]),
            expired,
        ],
    )
    .await;
    let expected = [
        (held, (201, "held")),
        (short, (409, "insufficient-stock")),
        (unknown, (404, "unknown-item")),
        (stale, (412, "stale-epoch")),
        (dead, (410, "reservation-tombstoned")),
        (mismatch, (422, "reservation-mismatch")),
        (late, (503, "deadline-passed")),
    ];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(id, (status, said))| (id, (status, said.to_owned()))).collect();
    assert_eq!(verdicts(&answer), expected);
    let lines = answer.lines();
    let late = lines.iter().find(|line| line["status"] == 503).expect("the late one");
    assert_eq!(late["retry_after_s"], 1);
    let problem = &late["body"];
    assert_eq!(problem["type"], "https://valerix.dev/problems/deadline-passed");
    assert_eq!(world.level("ps5").await, (10, 4));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn one_bad_entry_spoils_no_other() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let [good, zero, odd, control] = [(); 4].map(|()| Uuid::now_v7());
    let mut unknown_member = entry(odd, 1, &[("ps5", 1)]);
    unknown_member["color"] = json!("red");
    let entries = [
        entry(zero, 1, &[("ps5", 0)]),
        entry(good, 1, &[("ps5", 1)]),
        unknown_member,
        entry(control, 1, &[("ps5\u{0}", 1)]),
    ];
    let answer = send(&world, &entries).await;
    let verdicts = verdicts(&answer);
    assert_eq!(verdicts[&good], (201, "held".to_owned()));
    assert_eq!(verdicts[&zero], (400, "invalid-request".to_owned()));
    assert_eq!(verdicts[&odd], (400, "invalid-request".to_owned()));
    assert_eq!(verdicts[&control], (422, "invalid-text".to_owned()));
    assert_eq!(world.level("ps5").await, (10, 1));
}

#[tokio::test]
async fn an_entry_without_a_name_refuses_the_whole_and_executes_nothing() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let good = entry(Uuid::now_v7(), 1, &[("ps5", 1)]);
    let mut nameless = good.clone();
    nameless["reservation_id"] = json!("not a uuid");
    let answer = send(&world, &[good, nameless]).await;
    answer.assert_is(400, "invalid-request");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/entries/1/reservation_id");
    send(&world, &[]).await.assert_is(400, "invalid-request");
    let cut = world.send(Method::POST, BATCH).text(r#"{"entries": ["#).await;
    cut.assert_is(400, "invalid-request");
    assert_eq!(world.level("ps5").await, (10, 0));
}

#[tokio::test]
async fn a_large_batch_on_one_item_is_decided_in_full() {
    let world = World::with_stock(&[("ps5", 600)]).await;
    let entries: Vec<Value> = (0..1_000).map(|_| entry(Uuid::now_v7(), 1, &[("ps5", 1)])).collect();
    let twice = [send(&world, &entries).await, send(&world, &entries).await];
    let counts = twice.map(|answer| {
        let verdicts = verdicts(&answer);
        let of = |status| verdicts.values().filter(|(s, _)| *s == status).count();
        (of(201), of(200), of(409))
    });
    assert_eq!(counts, [(600, 0, 400), (0, 600, 400)]);
    assert_eq!(world.level("ps5").await, (600, 600));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn an_entry_may_bring_its_trace_and_a_malformed_one_is_overlooked() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let [traced, malformed] = [(); 2].map(|()| Uuid::now_v7());
    let mut entries = [traced, malformed].map(|id| entry(id, 1, &[("ps5", 1)]));
    entries[0]["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    entries[1]["traceparent"] = json!("nonsense");
    let answer = send(&world, &entries).await;
    assert_eq!(answer.headers["saga-entry-fields"], "traceparent");
    let held = (201, "held".to_owned());
    assert_eq!(verdicts(&answer), BTreeMap::from([(traced, held.clone()), (malformed, held)]));
}

#[tokio::test]
async fn a_refused_entry_names_the_trace_of_its_order() {
    let world = World::with_stock(&[("ps5", 1)]).await;
    let mut short = entry(Uuid::now_v7(), 1, &[("ps5", 2)]);
    short["traceparent"] = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let answer = send(&world, &[short]).await;
    let body = &answer.lines()[0]["body"];
    assert_eq!(body["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736", "{body}");
}
