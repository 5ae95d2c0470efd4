//! POST /api/orders: every row of its table but those of keys, limits and outages.

use chrono::{DateTime, Utc};
use http::{Method, header};
use in_process::NotifyScope;
use order_api::router;
use schema_orders::listen::{SETTLED_CHANNEL, WORK_CHANNEL, listen_for_ever, notify};
use schema_orders::testing::fresh_database;
use schema_pg::DbError;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Notify;

use crate::relay::{BREAKER_OPEN, BROKEN, DONE, NO_STOCK, Relay, UNKNOWN, UNKNOWN_ITEM};
use crate::world::{World, one_ps5, order_request, raw_order_request, request, send};

#[tokio::test]
async fn answers_201_with_the_confirmed_order() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    let body = json!({"item_id": "ps5", "quantity": 2, "metadata": {"cart": 7}});
    let (answer, id) = tokio::join!(world.post("k", &body), relay.settle_next(DONE));
    assert_eq!((answer.status.as_u16(), answer.id()), (201, id));
    assert_eq!(answer.header("location"), Some(format!("/api/orders/{id}").as_str()));
    assert_eq!(answer.header("idempotent-replayed"), None);
    assert_eq!(answer.header("preference-applied"), None);
    let order = answer.json();
    let expected = json!({
        "id": id,
        "status": "confirmed",
        "lines": [{"item_id": "ps5", "quantity": 2}],
        "item_id": "ps5",
        "quantity": 2,
        "metadata": {"cart": 7},
        "reason": null,
        "version": 3,
        "created_at": order["created_at"],
        "updated_at": order["updated_at"],
        "links": {
            "self": format!("/api/orders/{id}"),
            "cancel": format!("/api/orders/{id}/cancel"),
            "events": format!("/api/orders/{id}/events"),
        },
    });
    assert_eq!(order, expected);
    let time = |name: &str| order[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(time("created_at") <= time("updated_at"));
    assert_eq!(world.get(&format!("/api/orders/{id}")).await.json(), order);
}

#[tokio::test]
async fn shows_an_order_of_several_lines_without_the_short_form() {
    let world = World::new().await;
    let lines = json!([{"item_id": "ps5", "quantity": 2}, {"item_id": "ps5", "quantity": 3}]);
    let relay = Relay::of(&world).await;
    let body = json!({"lines": lines});
    let (answer, _) = tokio::join!(world.post("k", &body), relay.settle_next(DONE));
    let order = answer.json();
    assert_eq!((answer.status.as_u16(), &order["lines"]), (201, &lines));
    assert_eq!((order.get("item_id"), order.get("quantity")), (None, None));
}

#[tokio::test]
async fn answers_422_and_where_the_failed_order_is() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    for (no, code) in [(NO_STOCK, "insufficient-stock"), (UNKNOWN_ITEM, "unknown-item")] {
        let body = one_ps5();
        let (answer, id) = tokio::join!(world.post(code, &body), relay.settle_next(no));
        assert_eq!(answer.problem(), (422, code.to_owned()));
        assert_eq!(answer.header("location"), Some(format!("/api/orders/{id}").as_str()));
        let (problem, order) =
            (answer.json(), world.get(&format!("/api/orders/{id}")).await.json());
        assert_eq!((&problem["order"], &problem["retryable"]), (&order, &json!(false)));
        assert_eq!(
            (&order["status"], &order["reason"]),
            (&json!("failed"), &json!(code.replace('-', "_")))
        );
    }
}

#[tokio::test]
async fn answers_202_at_once_when_the_breaker_is_open_or_a_person_is_needed() {
    let world = World::with(&["--order-api-wait-ms=30000"]).await;
    let relay = Relay::of(&world).await;
    for (answer, status, reason) in
        [(BREAKER_OPEN, "queued", Some("breaker_open")), (BROKEN, "parked", None)]
    {
        let body = one_ps5();
        let (answer, id) = tokio::join!(world.post(status, &body), relay.settle_next(answer));
        assert_eq!((answer.status.as_u16(), answer.id()), (202, id));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("location"), Some(format!("/api/orders/{id}").as_str()));
        let order = answer.json();
        assert_eq!((order["status"].as_str(), order["reason"].as_str()), (Some(status), reason));
    }
}

#[tokio::test]
async fn answers_202_with_how_far_it_has_come_when_the_wait_is_over() {
    let world = World::with(&["--order-api-wait-ms=300"]).await;
    let relay = Relay::of(&world).await;
    let begun = std::time::Instant::now();
    let untouched = world.post("a", &one_ps5()).await;
    assert!(begun.elapsed().as_millis() >= 300);
    assert_eq!((untouched.status.as_u16(), &untouched.json()["status"]), (202, &json!("pending")));
    assert_eq!(untouched.header("retry-after"), Some("1"));
    relay.settle_next(DONE).await;
    let body = one_ps5();
    // an answer that never came: the saga backs off, and may still make it in time
    let (unknown, _) = tokio::join!(world.post("b", &body), relay.settle_next(UNKNOWN));
    let order = unknown.json();
    assert_eq!(unknown.status, 202);
    assert_eq!((&order["status"], &order["reason"]), (&json!("queued"), &json!("backoff")));
}

#[tokio::test]
async fn waits_as_long_as_the_client_prefers_and_says_so() {
    let world = World::with(&["--order-api-wait-ms=30000"]).await;
    let prefer = |key: &str, preference: &str| {
        let mut request = order_request(key, &one_ps5());
        request.headers_mut().insert("prefer", preference.parse().unwrap());
        request
    };
    for (preference, bound_ms) in [("respond-async", 0), ("wait=0", 0), ("wait=1", 1_000)] {
        let begun = std::time::Instant::now();
        let answer = send(&router(&world.api), prefer(preference, preference)).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (202, &json!("pending")));
        assert_eq!(answer.header("preference-applied"), Some(preference));
        assert!(begun.elapsed().as_millis() >= bound_ms);
    }
    assert_eq!(Relay::of(&world).await.claim().await.len(), 3);
}

#[tokio::test]
async fn sees_what_a_relay_elsewhere_stored_even_if_nobody_tells() {
    let world = World::with(&["--order-api-wait-ms=30000"]).await;
    let relay = Relay::elsewhere(&world).await;
    let body = one_ps5();
    let (answer, id) = tokio::join!(world.post("k", &body), relay.settle_next(DONE));
    assert_eq!((answer.status.as_u16(), answer.id()), (201, id));
}

#[tokio::test]
async fn tells_relays_elsewhere_of_work_and_hears_what_they_settled() {
    let world = World::on(fresh_database().await, NotifyScope::OtherProcesses, &[]).await;
    let db = world.database.db.clone();
    let wake = Arc::new(Notify::new());
    let listening = tokio::spawn(listen_for_ever(db.clone(), WORK_CHANNEL, wake.clone()));
    // rings once when it listens
    wake.notified().await;
    let relay = Relay::elsewhere(&world).await;
    let body = one_ps5();
    let play = async {
        wake.notified().await;
        relay.settle_next(DONE).await;
        let told: Result<(), DbError> =
            db.read(|connection| Box::pin(notify(connection, SETTLED_CHANNEL))).await;
        told.unwrap();
    };
    let (answer, ()) = tokio::join!(world.post("k", &body), play);
    assert_eq!(answer.status, 201);
    listening.abort();
}

#[tokio::test]
async fn refuses_other_media_types_methods_and_paths() {
    let world = World::new().await;
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
    {
        let mut request = order_request("k", &one_ps5());
        request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        let answer = send(&router(&world.api), request).await;
        assert_eq!(answer.problem(), (415, "unsupported-media-type".into()), "{media_type}");
    }
    let mut bare = order_request("k", &one_ps5());
    bare.headers_mut().remove(header::CONTENT_TYPE);
    assert_eq!(send(&router(&world.api), bare).await.status, 415);
    let put = send(&router(&world.api), request(Method::PUT, "/api/orders")).await;
    assert_eq!(put.problem(), (405, "method-not-allowed".into()));
    assert_eq!(world.get("/api/order").await.problem(), (404, "not-found".into()));
    assert_eq!(Relay::of(&world).await.claim().await.len(), 0);
}

#[tokio::test]
async fn names_every_wrong_place_of_a_bad_body() {
    let world = World::new().await;
    let check = async |body: &str, pointers: &[&str]| {
        let answer = send(&router(&world.api), raw_order_request("k", body.to_owned())).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{body}");
        let problem = answer.json();
        let named = problem["errors"].as_array().unwrap().iter();
        let named: Vec<&str> = named.map(|error| error["pointer"].as_str().unwrap()).collect();
        assert_eq!(named, pointers, "{body}");
    };
    check("", &[""]).await;
    check("[]", &[""]).await;
    check("{}", &["/lines"]).await;
    check(r#"{"item_id":"a"}"#, &["/quantity"]).await;
    check(r#"{"item_id":"a","quantity":1,"price":3}"#, &["/price"]).await;
    check(r#"{"lines":[{"item_id":"a"}]}"#, &["/lines/0/quantity"]).await;
    check(
        r#"{"lines":[{"item_id":"","quantity":0},{"item_id":" a","quantity":10001}]}"#,
        &["/lines/0/item_id", "/lines/0/quantity", "/lines/1/item_id", "/lines/1/quantity"],
    )
    .await;
}

#[tokio::test]
async fn only_an_order_that_asks_for_a_lost_reply_has_a_marked_reservation() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let wishes = [
        ("asked", json!({"item_id": "ps5", "quantity": 1, "gremlin": true}), true),
        ("plain", json!({"item_id": "ps5", "quantity": 1}), false),
        // odd words in a client's own data wish for nothing
        ("odd", json!({"item_id": "ps5", "quantity": 1, "metadata": {"gremlin": "yes"}}), false),
    ];
    for (key, body, is_marked) in wishes {
        let id = world.post(key, &body).await.id();
        let saga = world.get(&format!("/api/sagas/{id}")).await.json();
        let reservation_id: uuid::Uuid =
            serde_json::from_value(saga["reservation_id"].clone()).unwrap();
        assert_eq!(edge::wants_lost_reply(reservation_id), is_marked, "{key}");
        assert_eq!(reservation_id.get_version_num(), 7, "{key}");
    }
}
