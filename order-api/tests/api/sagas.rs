//! GET /api/sagas and below: find one among many, and understand it.

use order_api::router;
use std::collections::BTreeMap;

use saga::Event;
use schema_orders::testing::{make_saga_older, put_off, set_state};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::relay::{BREAKER_OPEN, BROKEN, DONE, NO_STOCK, Relay, UNKNOWN, UNKNOWN_ITEM};
use crate::world::{Answer, World, of_tenant, order_request, send};

/// One saga in each state that lists tell apart.
pub(crate) struct Zoo {
    pub(crate) by_name: BTreeMap<&'static str, Uuid>,
    pub(crate) relay: Relay,
}

impl Zoo {
    pub(crate) async fn fill(world: &World) -> Zoo {
        let relay = Relay::of(world).await;
        let mut by_name = BTreeMap::new();
        for (name, answer) in [
            ("confirmed", DONE),
            ("no-stock", NO_STOCK),
            ("no-item", UNKNOWN_ITEM),
            ("parked", BROKEN),
            ("breaker", BREAKER_OPEN),
            ("in-doubt", UNKNOWN),
        ] {
            by_name.insert(name, world.order(name).await);
            relay.settle_next(answer).await;
        }
        // its backoff is short, and what is due would be claimed below
        put_off(&world.database.db, by_name["in-doubt"], 3_600).await;
        for name in ["cancelled", "releasing"] {
            let id = world.order(name).await;
            world.cancel(id).await;
            by_name.insert(name, id);
            if name == "cancelled" {
                relay.settle_next(Event::StepReleased).await;
            }
        }
        by_name.insert("reserving", world.order("reserving").await);
        // takes up the one that releases, too
        relay.claim().await;
        by_name.insert("pending", world.order("pending").await);
        Zoo { by_name, relay }
    }

    #[track_caller]
    fn names(&self, answer: &Answer) -> Vec<&'static str> {
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        let mut names: Vec<&str> = Vec::new();
        for saga in page["items"].as_array().unwrap() {
            let id: Uuid = saga["id"].as_str().unwrap().parse().unwrap();
            let found = self.by_name.iter().find(|(_, known)| **known == id);
            names.push(found.unwrap().0);
        }
        names
    }
}

#[tokio::test]
async fn every_filter_finds_what_it_says() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let zoo = Zoo::fill(&world).await;
    make_saga_older(&world.database.db, zoo.by_name["reserving"], 61).await;
    make_saga_older(&world.database.db, zoo.by_name["pending"], 61).await;
    make_saga_older(&world.database.db, zoo.by_name["confirmed"], 61).await;
    for (filters, expected) in [
        (
            "",
            &[
                "pending",
                "reserving",
                "releasing",
                "cancelled",
                "in-doubt",
                "breaker",
                "parked",
                "no-item",
                "no-stock",
                "confirmed",
            ][..],
        ),
        ("state=pending", &["pending"]),
        ("state=reserving", &["reserving"]),
        ("state=queued", &["in-doubt", "breaker"]),
        ("state=releasing", &["releasing"]),
        ("state=cancelled", &["cancelled"]),
        ("state=failed", &["no-item", "no-stock"]),
        ("state=parked", &["parked"]),
        ("state=confirmed", &["confirmed"]),
        ("state=failed&reason=unknown_item", &["no-item"]),
        ("reason=insufficient_stock", &["no-stock"]),
        ("reason=breaker_open", &["breaker"]),
        ("reason=customer_cancel", &["releasing"]),
        ("reason=nothing_like_it", &[]),
        ("error=failed.unknown_item", &["no-item"]),
        ("error=queued.unknown_item", &[]),
        ("in_doubt=true", &["in-doubt", "parked"]),
        ("in_doubt=true&state=parked", &["parked"]),
        ("in_doubt=false&state=queued", &["breaker"]),
        ("stuck=true", &["pending", "reserving", "parked"]),
        ("stuck=true&state=parked", &["parked"]),
        ("stuck=false&state=pending", &[]),
        ("stuck=false&state=confirmed", &["confirmed"]),
        ("min_attempts=1&state=queued", &["in-doubt"]),
        ("min_attempts=2", &[]),
        ("item_id=ps5&state=parked", &["parked"]),
        ("item_id=ps4", &[]),
        ("created_before=2020-01-01T00:00:00Z", &[]),
        ("created_after=2020-01-01T00:00:00Z&state=parked", &["parked"]),
        ("q=in-doubt", &["in-doubt"]),
        ("q=ps5&state=parked", &["parked"]),
        ("q=ps5&item_id=ps5", &[]),
        ("q=nobody", &[]),
    ] {
        let answer = world.get(&format!("/api/sagas?{filters}")).await;
        assert_eq!(zoo.names(&answer), expected, "{filters}");
    }
    let id = zoo.by_name["no-stock"];
    assert_eq!(zoo.names(&world.get(&format!("/api/sagas?q={id}")).await), ["no-stock"]);
    assert_eq!(
        zoo.names(&world.get(&format!("/api/sagas?q={id}&state=parked")).await),
        Vec::<&str>::new()
    );
}

#[tokio::test]
async fn staff_finds_the_orders_of_every_tenant_by_their_key() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let mut ids = Vec::new();
    for tenant in ["a", "b", "c"] {
        let request = of_tenant(order_request("k", &crate::world::one_ps5()), tenant);
        ids.insert(0, send(&router(&world.api), request).await.id());
    }
    world.order("other").await;
    let page = world.get("/api/sagas?q=k").await.json();
    let found: Vec<&Value> = page["items"].as_array().unwrap().iter().collect();
    assert_eq!(
        found.iter().map(|s| s["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ids.iter().map(Uuid::to_string).collect::<Vec<_>>()
    );
    assert_eq!(found.iter().map(|s| &s["tenant"]).collect::<Vec<_>>(), ["c", "b", "a"]);
}

#[tokio::test]
async fn pages_hold_still_and_a_cursor_belongs_to_its_filters() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let mut expected = Vec::new();
    for n in 0..7 {
        expected.insert(0, world.order(&format!("old-{n}")).await.to_string());
    }
    let mut path = "/api/sagas?limit=3&item_id=ps5&state=pending".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = world.get(&path).await;
        let page = answer.json();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/sagas?limit=3&state=pending&item_id=ps5&cursor={cursor}");
        assert_eq!(answer.header("link"), Some(format!("<{path}>; rel=\"next\"").as_str()));
        world.order(&format!("new-{}", seen.len())).await;
        let other = format!("/api/sagas?limit=3&state=queued&cursor={cursor}");
        assert_eq!(world.get(&other).await.problem(), (400, "invalid-request".into()));
    }
    assert_eq!(seen, expected);
    let total = world.get("/api/sagas?limit=1&state=pending&count=true").await.json();
    assert_eq!(total["total"], json!({"count": 9, "counted": "exact"}));
}

#[tokio::test]
async fn what_nobody_can_mean_is_refused() {
    let world = World::new().await;
    for query in [
        "state=lost",
        "state=",
        "error=parked",
        "error=lost.contract_error",
        "limit=0",
        "limit=101",
        "in_doubt=maybe",
        "min_attempts=-1",
        "q=",
        "cursor=1",
        "created_after=yesterday",
        "created_after=%2B20000-01-01T00:00:00Z",
        "unknown=1",
    ] {
        let answer = world.get(&format!("/api/sagas?{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{query}");
    }
    assert_eq!(world.get("/api/sagas?q=%00").await.status, 422);
    for path in ["", "/explain", "/steps"] {
        for id in ["018f0000-0000-7000-8000-000000000000", "x"] {
            let answer = world.get(&format!("/api/sagas/{id}{path}")).await;
            assert_eq!(answer.problem(), (404, "not-found".into()), "{path}");
        }
    }
}

#[tokio::test]
async fn a_saga_says_what_it_is_in_words() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let zoo = Zoo::fill(&world).await;
    let breaker = zoo.by_name["breaker"];
    let answer = world.get(&format!("/api/sagas/{breaker}")).await;
    let saga = answer.json();
    assert_eq!(answer.header("etag"), Some(format!("\"{}\"", saga["version"]).as_str()));
    assert_eq!(
        (&saga["state"], &saga["reason"], &saga["stuck"], &saga["owner"]),
        (&json!("queued"), &json!("breaker_open"), &json!(false), &Value::Null)
    );
    assert_eq!(saga["lines"], json!([{"item_id": "ps5", "quantity": 1}]));
    let words = &saga["explanation"];
    assert_eq!((&words["stock_effect"], &words["needs_person"]), (&json!("none"), &json!(false)));
    assert_eq!(words["actions"], json!(["retry", "cancel", "note"]));
    assert!(words["next_step"].as_str().unwrap().starts_with("Next: reserve the stock, in "));
    assert!(saga["next_try_at"].as_str() < saga["deadline_at"].as_str());
    let explained = world.get(&format!("/api/sagas/{breaker}/explain")).await.json();
    assert_eq!(explained["headline"], words["headline"]);
    assert_eq!(explained["version"], saga["version"]);

    let held = world.get(&format!("/api/sagas/{}", zoo.by_name["reserving"])).await.json();
    assert_eq!(held["owner"]["id"], zoo.relay.id());
    assert_eq!(held["owner"]["name"], "test");
    assert!(held["owner"]["silent_ms"].as_i64().unwrap() >= 0);
    assert_eq!(held["explanation"]["next_step"], "Under way: reserve the stock.");

    let pending = zoo.by_name["pending"];
    set_state(&world.database.db, pending, "shipping").await;
    let newer = world.get(&format!("/api/sagas/{pending}")).await.json();
    assert_eq!((&newer["state"], &newer["explanation"]), (&json!("shipping"), &Value::Null));
    assert!(newer["headline"].as_str().unwrap().contains("newer version"));
    let explained = world.get(&format!("/api/sagas/{pending}/explain")).await.json();
    assert_eq!(explained["headline"], newer["headline"]);
    assert_eq!(world.get("/api/sagas").await.json()["items"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn each_attempt_has_a_row_of_its_own() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let (first, second) = (Relay::of(&world).await, Relay::of(&world).await);
    let id = world.order("k").await;
    let claimed = first.claim().await.pop().unwrap();
    let taken_over = second.take_over(&first).await.pop().unwrap();
    assert_eq!(taken_over.saga.reservation_id, claimed.saga.reservation_id);
    second.answer(&taken_over, BREAKER_OPEN).await.unwrap();
    world.cancel(id).await;
    first.settle_next(Event::StepReleased).await;
    let page = world.get(&format!("/api/sagas/{id}/steps")).await.json();
    let attempts = page["items"].as_array().unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|a| {
            (
                a["action"].as_str().unwrap(),
                a["outcome"].as_str().unwrap(),
                a["worker"]["id"].as_i64().unwrap(),
                a["epoch"].as_i64().unwrap(),
                a["is_replay"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("reserve_stock", "relay_lost", first.id(), 1, false),
            ("reserve_stock", "not_executed", second.id(), 2, true),
            // a cancellation counts the epoch up, too
            ("release_stock", "released", first.id(), 4, false),
        ]
    );
    let waited: Vec<Vec<&str>> = attempts
        .iter()
        .map(|a| {
            a["waited"].as_array().unwrap().iter().map(|w| w["why"].as_str().unwrap()).collect()
        })
        .collect();
    assert_eq!(waited, [vec!["relay"], vec![], vec!["breaker_open", "relay"]]);
    for attempt in attempts {
        assert_eq!(attempt["reservation_id"], claimed.saga.reservation_id.to_string());
        assert_eq!(attempt["worker"]["name"], "test");
        assert!(attempt["scheduled_at"].as_str() <= attempt["started_at"].as_str());
        assert!(attempt["started_at"].as_str() <= attempt["finished_at"].as_str());
    }
    assert_eq!((&page["next_cursor"], &page["is_cut"]), (&Value::Null, &json!(false)));
    let one = world.get(&format!("/api/sagas/{id}/steps?limit=1&cursor=1")).await.json();
    assert_eq!((&one["items"][0]["number"], &one["next_cursor"]), (&json!(2), &json!("2")));
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn stats_count_every_state_and_the_age_of_its_oldest() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let zoo = Zoo::fill(&world).await;
    make_saga_older(&world.database.db, zoo.by_name["pending"], 61).await;
    let stats = world.get("/api/sagas/stats").await.json();
    let told: Vec<_> = stats["states"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            (
                s["state"].as_str().unwrap(),
                s["count"].as_i64().unwrap(),
                s["counted"].as_str().unwrap(),
            )
        })
        .collect();
    let exact = |state, count| (state, count, "exact");
    assert_eq!(
        told,
        [
            exact("pending", 1),
            exact("reserving", 1),
            exact("queued", 2),
            exact("releasing", 1),
            exact("parked", 1),
            exact("confirmed", 1),
            exact("failed", 2),
            exact("cancelled", 1),
        ]
    );
    let queued = &stats["states"][2];
    assert_eq!(queued["oldest_id"], zoo.by_name["breaker"].to_string());
    assert!(queued["oldest_age_ms"].as_i64().unwrap() >= 0);
    assert_eq!(stats["in_doubt"]["count"], 2);
    assert_eq!(stats["stuck"]["count"], 2, "parked, and pending for a minute");
    let again = world.get("/api/sagas/stats").await.json();
    assert_eq!(again["as_of"], stats["as_of"], "made once for all who ask within a second");
}

#[tokio::test]
async fn groups_tell_what_went_wrong_alike() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let zoo = Zoo::fill(&world).await;
    let id = world.order("again").await;
    zoo.relay.settle_next(NO_STOCK).await;
    let groups = world.get("/api/sagas/groups").await.json();
    let told: Vec<_> = groups["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (g["fingerprint"].as_str().unwrap(), g["count"].as_i64().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("failed.insufficient_stock", 2),
            ("queued.backoff", 1),
            ("queued.breaker_open", 1),
            ("parked.contract_error", 1),
            ("releasing.customer_cancel", 1),
            ("failed.unknown_item", 1),
        ]
    );
    let largest = &groups["items"][0];
    assert_eq!(largest["headline"], "There was not enough stock.");
    assert_eq!(largest["newest"]["id"], id.to_string());
    assert_eq!(largest["oldest"]["id"], zoo.by_name["no-stock"].to_string());
    assert_eq!(largest["actions"], json!(["retry", "note"]));
    let link = largest["links"]["sagas"].as_str().unwrap();
    assert_eq!(world.get(link).await.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(groups["items"][3]["needs_person"], true);
}
