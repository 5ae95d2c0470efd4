//! The gremlin's faults, each on purpose and each leaving nothing wrong behind.

use std::time::{Duration, Instant};

use edge::mark_for_lost_reply;
use http::Method;
use inventory_api::{Config, Deps, InventoryApi};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, World, defaults, eventually, reserve_body};

const CHAOS: &str = "/api/admin/chaos";
const PS5: &[(&str, i64)] = &[("ps5", 1)];

async fn switch_on(world: &World, settings: Value) -> Answer {
    let answer = world.send(Method::POST, CHAOS).json(&settings).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["enabled"], true);
    answer
}

async fn switch_off(world: &World) -> Value {
    let answer = world.send(Method::DELETE, CHAOS).empty().await;
    assert_eq!((answer.status, &answer.json()["enabled"]), (200, &json!(false)));
    answer.json()
}

async fn reserve(world: &World) -> (Uuid, Answer) {
    let id = Uuid::now_v7();
    (id, world.put(id, 1, PS5).await)
}

/// The statuses of so many reserves, one after the other.
async fn statuses(world: &World, calls: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..calls {
        statuses.push(reserve(world).await.1.status);
    }
    statuses
}

#[tokio::test]
async fn does_not_exist_unless_it_is_allowed() {
    for refusing in [None, Some(false)] {
        let config = Config { gremlin_enabled: refusing, ..defaults() };
        let world = World::configured(config, &[("ps5", 10)]).await;
        let settings = json!({"preset": "extreme"});
        let refused = world.send(Method::POST, CHAOS).json(&settings).await;
        refused.assert_is(403, "gremlin-disabled");
        world.send(Method::DELETE, CHAOS).empty().await.assert_is(403, "gremlin-disabled");
        let shown = world.get(CHAOS).await.json();
        assert_eq!((&shown["allowed"], &shown["enabled"]), (&json!(false), &json!(false)));
        let marked = mark_for_lost_reply(Uuid::now_v7());
        let path = format!("/api/inventory/reservations/{marked}");
        world
            .send(Method::PUT, &path)
            .json(&reserve_body(Uuid::now_v7(), PS5))
            .await
            .assert_is(201, "held");
    }
}

#[tokio::test]
async fn every_third_call_is_late() {
    let world = World::with_gremlin(&[("ps5", 10)]).await;
    switch_on(&world, json!({"latency_ms": 400, "latency_every": 3})).await;
    for call in 1..=6 {
        let begun = Instant::now();
        reserve(&world).await.1.assert_is(201, "held");
        if call % 3 == 0 {
            assert!(begun.elapsed() >= Duration::from_millis(400), "call {call} is late");
        }
    }
    let shown = switch_off(&world).await;
    assert_eq!((&shown["calls"], &shown["events"]["delayed"]), (&json!(6), &json!(2)));
}

#[tokio::test]
async fn replicas_and_restarts_share_one_pattern() {
    let world = World::with_gremlin(&[("ps5", 100)]).await;
    let (other, restarted) = (world.replica(), world.replica());
    switch_on(&world, json!({"crash_rate": 0.5, "crash_kinds": ["500"]})).await;
    // they look for themselves before long; looking at the switch makes them look at once
    for replica in [&other, &restarted] {
        let shown = replica.send(Method::GET, CHAOS).empty().await.json();
        assert_eq!(shown["enabled"], true);
    }
    let mut statuses = Vec::new();
    for replica in [&other, &other, &restarted, &other, &restarted, &restarted] {
        let id = Uuid::now_v7();
        let path = format!("/api/inventory/reservations/{id}");
        let answer = replica.send(Method::PUT, &path).json(&reserve_body(id, PS5)).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [201, 500, 201, 500, 201, 500]);
    switch_off(&world).await;
    // a replica whose memory is stale asks the row, and does no harm
    let path = format!("/api/inventory/reservations/{}", Uuid::now_v7());
    for _ in 0..2 {
        let answer = other.send(Method::PUT, &path).json(&reserve_body(Uuid::nil(), PS5)).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_crash_leaves_nothing_done() {
    let world = World::with_gremlin(&[("ps5", 10)]).await;
    switch_on(&world, json!({"crash_rate": 1})).await;
    let mut ids = Vec::new();
    for expected in [(500, None), (503, Some("1")), (500, None)] {
        let (id, answer) = reserve(&world).await;
        let retry_after = answer.headers.get("retry-after").map(|v| v.to_str().expect("ASCII"));
        assert_eq!((answer.status, retry_after), expected);
        assert_eq!(answer.was_cut, ids.len() == 2, "500, 503, cut");
        ids.push(id);
    }
    let shown = switch_off(&world).await;
    assert_eq!((&shown["events"]["crashed"], &shown["events"]["lost"]), (&json!(3), &json!(0)));
    for id in ids {
        let path = format!("/api/inventory/reservations/{id}");
        world.get(&path).await.assert_is(404, "not-found");
        world.put(id, 1, PS5).await.assert_is(201, "held");
    }
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn a_partial_failure_commits_and_withholds_the_answer() {
    let world = World::with_gremlin(&[("ps5", 10)]).await;
    switch_on(&world, json!({"partial_failure_rate": 1})).await;
    let (first, cut) = reserve(&world).await;
    let (second, error) = reserve(&world).await;
    assert!(cut.was_cut && !error.was_cut);
    assert_eq!((error.status, error.headers.get("retry-after")), (500, None));
    assert_eq!(world.level("ps5").await, (10, 2));
    // the replay is struck like any other call; the one after the gremlin has gone is not
    assert!(world.put(first, 1, PS5).await.was_cut);
    let shown = switch_off(&world).await;
    assert_eq!((&shown["events"]["crashed"], &shown["events"]["lost"]), (&json!(0), &json!(3)));
    for id in [first, second] {
        world.put(id, 1, PS5).await.assert_is(200, "held");
        world.delete(id, 1).await.assert_is(200, "released");
    }
    assert_eq!(world.level("ps5").await, (10, 0));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn a_late_call_is_refused_or_late_as_asked() {
    let world = World::with_gremlin(&[("ps5", 10)]).await;
    let call = async |point: &str, deadline_ms: u64| {
        switch_on(&world, json!({"latency_ms": 300, "latency_point": point})).await;
        let (id, begun) = (Uuid::now_v7(), Instant::now());
        let path = format!("/api/inventory/reservations/{id}");
        let sending = world.send(Method::PUT, &path).header("saga-deadline-ms", deadline_ms);
        let answer = sending.json(&reserve_body(id, PS5)).await;
        assert!(begun.elapsed() >= Duration::from_millis(300));
        answer
    };
    call("before", 100).await.assert_is(503, "deadline-passed");
    assert_eq!(world.level("ps5").await, (10, 0));
    call("after", 5_000).await.assert_is(201, "held");
    assert_eq!(world.level("ps5").await, (10, 1));
}

#[tokio::test]
async fn strikes_only_the_items_it_was_told() {
    let world = World::with_gremlin(&[("ps5", 10), ("pad", 10)]).await;
    let held = Uuid::now_v7();
    world.put(held, 1, PS5).await.assert_is(201, "held");
    switch_on(&world, json!({"crash_rate": 1, "crash_kinds": ["500"], "item_ids": ["ps5"]})).await;
    world.put(Uuid::now_v7(), 1, &[("pad", 1)]).await.assert_is(201, "held");
    assert_eq!(world.put(Uuid::now_v7(), 1, &[("pad", 1), ("ps5", 1)]).await.status, 500);
    assert_eq!(world.delete(held, 1).await.status, 500, "it would give back what is named");
    world.delete(Uuid::now_v7(), 1).await.assert_is(200, "released");
    assert_eq!(switch_off(&world).await["calls"], 2);
}

#[tokio::test]
async fn a_seed_gives_the_same_faults_again() {
    let world = World::with_gremlin(&[("ps5", 1_000)]).await;
    let run = async |seed: u64| {
        let settings = json!({"crash_rate": 0.4, "crash_kinds": ["500"], "seed": seed});
        switch_on(&world, settings).await;
        statuses(&world, 40).await
    };
    let (first, again, other) = (run(7).await, run(7).await, run(8).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.contains(&500) && first.contains(&201), "{first:?}");
}

#[tokio::test]
async fn switches_itself_off() {
    let world = World::with_gremlin(&[("ps5", 10)]).await;
    let shown = switch_on(&world, json!({"crash_rate": 1, "ttl_s": 2})).await.json();
    assert!((1..=2_000).contains(&shown["left_ms"].as_i64().expect("a number")), "{shown}");
    eventually(async || reserve(&world).await.1.status == 201).await;
    let shown = world.get(CHAOS).await.json();
    assert_eq!((&shown["enabled"], &shown["left_ms"]), (&json!(false), &json!(0)));
    assert_eq!(shown["settings"]["crash_rate"], 1.0, "what it did stays visible");
}

#[tokio::test]
async fn is_seen_in_the_metrics() {
    let world = World::with_gremlin(&[("ps5", 10)]).await;
    let metrics = edge::install_prometheus().expect("installed once");
    let config = Config { gremlin_enabled: Some(true), ..defaults() };
    let deps = Deps { db: world.database.db.clone(), metrics: Some(metrics) };
    let world = World { router: InventoryApi::start(config, deps).router(), ..world };
    let shows = async |line: &str| world.get("/metrics").await.text.contains(line);
    assert!(shows("inventory_chaos_enabled 0").await);
    switch_on(&world, json!({"crash_rate": 1, "crash_kinds": ["500"], "latency_ms": 1})).await;
    assert_eq!(reserve(&world).await.1.status, 500);
    assert!(shows("inventory_chaos_enabled 1").await);
    // how many is not asked: the recorder is the whole process's, and other tests have gremlins too
    assert!(shows(r#"inventory_chaos_events_total{kind="crash_500"} "#).await);
    assert!(shows(r#"inventory_chaos_events_total{kind="latency"} "#).await);
    switch_off(&world).await;
    assert!(shows("inventory_chaos_enabled 0").await);
}

#[tokio::test]
async fn never_touches_reads_health_or_its_switch() {
    let world = World::with_gremlin(&[("ps5", 10)]).await;
    switch_on(&world, json!({"crash_rate": 1, "latency_ms": 60_000})).await;
    let begun = Instant::now();
    for path in
        ["/health", "/health/live", "/health/ready", CHAOS, "/api/inventory", "/api/inventory/ps5"]
    {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.was_cut), (200, false), "{path}");
    }
    let update = json!({"item_id": "ps5", "delta": 1});
    assert_eq!(world.send(Method::POST, "/api/inventory/update").json(&update).await.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(switch_off(&world).await["calls"], 0);
}

#[tokio::test]
async fn an_order_that_asks_for_it_loses_its_first_answer_only() {
    let world = World::with_gremlin(&[("ps5", 1)]).await;
    let id = mark_for_lost_reply(Uuid::now_v7());
    let call = async |id: Uuid| {
        let path = format!("/api/inventory/reservations/{id}");
        world.send(Method::PUT, &path).json(&reserve_body(id, PS5)).await
    };
    assert!(call(id).await.was_cut);
    assert_eq!(world.level("ps5").await, (1, 1), "done, and not told");
    call(id).await.assert_is(200, "held");
    let refused = mark_for_lost_reply(Uuid::now_v7());
    call(refused).await.assert_is(409, "insufficient-stock");
    let path = format!("/api/inventory/reservations/{id}");
    world.send(Method::DELETE, &path).empty().await.assert_is(200, "released");
    world.assert_clean_slate().await;
}
