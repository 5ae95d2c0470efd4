//! POST /api/sagas/{id}/actions and GET /api/audit: put right by the core, fenced, and written down.

use axum::body::Body;
use http::Request;
use order_api::router;
use saga::Event;
use schema_orders::testing::set_state;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::relay::{BREAKER_OPEN, BROKEN, DONE, NO_STOCK, Relay, UNKNOWN};
use crate::world::{Answer, World, send};

/// What an action of staff is sent with.
pub(crate) async fn act(world: &World, id: Uuid, if_match: Option<&str>, body: &Value) -> Answer {
    let mut request = Request::post(format!("/api/sagas/{id}/actions"))
        .header("content-type", "application/json")
        .header("valerix-actor", "Zoe");
    if let Some(version) = if_match {
        request = request.header("if-match", version);
    }
    send(&router(&world.api), request.body(Body::from(body.to_string())).unwrap()).await
}

async fn saga(world: &World, id: Uuid) -> Answer {
    world.get(&format!("/api/sagas/{id}")).await
}

async fn etag(world: &World, id: Uuid) -> String {
    saga(world, id).await.header("etag").unwrap().to_owned()
}

async fn audit(world: &World, query: &str) -> Vec<Value> {
    let page = world.get(&format!("/api/audit?{query}")).await.json();
    page["items"].as_array().unwrap().clone()
}

async fn attempts(world: &World, id: Uuid) -> Value {
    world.get(&format!("/api/sagas/{id}/steps")).await.json()
}

#[tokio::test]
async fn a_dry_run_tells_what_would_happen_and_changes_nothing() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    relay.settle_next(BROKEN).await;
    let before = saga(&world, id).await;
    let version = before.header("etag").unwrap().to_owned();
    for (kind, state) in [("retry", "queued"), ("cancel", "releasing"), ("resolve", "releasing")] {
        let mut body = json!({"type": kind, "reason": "what if", "dry_run": true});
        if kind == "resolve" {
            body["finding"] = json!("stock_not_held");
            body["evidence"] = json!("looked");
        }
        let answer = act(&world, id, Some(&version), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = answer.json();
        assert_eq!(told["action"]["result"], "would_apply");
        assert_eq!(told["action"]["id"], Value::Null);
        assert_eq!(told["action"]["after"]["state"], state);
        assert!(!told["would_be"]["headline"].as_str().unwrap().is_empty());
        assert_eq!(told["saga"]["state"], "parked");
    }
    let after = saga(&world, id).await;
    let (mut was, mut is) = (before.json(), after.json());
    was["as_of"] = Value::Null;
    is["as_of"] = Value::Null;
    assert_eq!(was, is);
    assert_eq!(audit(&world, "").await, [] as [Value; 0]);
    assert!(relay.claim().await.is_empty(), "nothing was put on the work list");
}

#[tokio::test]
async fn a_retry_is_due_at_once_and_its_true_outcome_is_told_later() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    relay.settle_next(BREAKER_OPEN).await;
    let before = saga(&world, id).await.json();
    assert!(relay.claim().await.is_empty(), "it waits for a minute");
    let version = etag(&world, id).await;
    let body = json!({"type": "retry", "reason": "inventory is back"});
    let answer = act(&world, id, Some(&version), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    assert_eq!(told["action"]["result"], "applied");
    assert_eq!(told["action"]["before"]["epoch"], before["epoch"]);
    assert_eq!(told["saga"]["version"], before["version"].as_i64().unwrap() + 1);
    assert_eq!(told["saga"]["epoch"], before["epoch"].as_i64().unwrap() + 1);
    assert_eq!(answer.header("etag"), Some(etag(&world, id).await.as_str()));
    let [row] = audit(&world, "").await.try_into().unwrap();
    assert_eq!((&row["outcome"], &row["result"]), (&Value::Null, &json!("applied")));
    relay.settle_next(DONE).await;
    let [row] = audit(&world, "").await.try_into().unwrap();
    assert_eq!(row["outcome"]["state"], "confirmed");
    assert_eq!(
        (&row["actor"], &row["type"], &row["reason"], &row["order_id"]),
        (&json!("Zoe"), &json!("retry"), &json!("inventory is back"), &json!(id.to_string()))
    );
    assert_eq!(row["id"], told["action"]["id"]);
}

#[tokio::test]
async fn a_new_reservation_is_made_only_after_a_definitive_outcome() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    for (key, answer, is_new) in
        [("a", BROKEN, false), ("b", UNKNOWN, false), ("c", NO_STOCK, true)]
    {
        let id = world.order(key).await;
        relay.settle_next(answer).await;
        let was = saga(&world, id).await.json()["reservation_id"].clone();
        let version = etag(&world, id).await;
        let body = json!({"type": "retry", "reason": "again"});
        assert_eq!(act(&world, id, Some(&version), &body).await.status, 200, "{key}");
        let claimed = relay.claim().await.pop().unwrap();
        assert_eq!(claimed.order_id, id);
        assert_eq!(json!(claimed.saga.reservation_id) != was, is_new, "{key}");
        relay.answer(&claimed, DONE).await.unwrap();
        let told = attempts(&world, id).await["items"].as_array().unwrap().len();
        assert_eq!(told, 2, "{key}");
    }
}

#[tokio::test]
async fn a_conflict_shows_the_saga_as_it_is_and_writes_nothing() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    let stale = etag(&world, id).await;
    relay.settle_next(BROKEN).await;
    let now = etag(&world, id).await;
    let body = json!({"type": "retry", "reason": "again"});
    let conflict = act(&world, id, Some(&stale), &body).await;
    assert_eq!(conflict.problem(), (412, "version-mismatch".into()));
    assert_eq!(conflict.header("etag"), Some(now.as_str()));
    assert_eq!(conflict.json()["saga"]["state"], "parked");
    let none = act(&world, id, None, &body).await;
    assert_eq!(none.problem(), (428, "precondition-required".into()));
    for bad in ["1", "\"x\"", "W/\"1\"", "\"1\", \"2\""] {
        let answer = act(&world, id, Some(bad), &body).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{bad}");
    }
    let absent = Uuid::now_v7();
    assert_eq!(act(&world, absent, Some("*"), &body).await.problem(), (404, "not-found".into()));
    assert_eq!(audit(&world, "").await, [] as [Value; 0]);
    assert_eq!(act(&world, id, Some("*"), &body).await.status, 200);
}

#[tokio::test]
async fn of_two_who_decide_on_the_same_version_one_wins() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    for n in 0..10 {
        let id = world.order(&n.to_string()).await;
        // what the winners before left to do is claimed, too, and left at that
        let claimed = relay.claim().await.into_iter().find(|claimed| claimed.order_id == id);
        relay.answer(&claimed.unwrap(), BROKEN).await.unwrap();
        let version = etag(&world, id).await;
        let retry = json!({"type": "retry", "reason": "again"});
        let cancel = json!({"type": "cancel", "reason": "no more"});
        let (first, second) = tokio::join!(
            act(&world, id, Some(&version), &retry),
            act(&world, id, Some(&version), &cancel)
        );
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{first:?} {second:?}");
        assert_eq!(audit(&world, &format!("order_id={id}")).await.len(), 1);
    }
}

#[tokio::test]
async fn a_cancellation_by_staff_fences_the_relay_and_ends_cancelled() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    let held = relay.claim().await.pop().unwrap();
    let version = etag(&world, id).await;
    let body = json!({"type": "cancel", "reason": "the customer called"});
    let answer = act(&world, id, Some(&version), &body).await.json();
    assert_eq!(
        (&answer["saga"]["state"], &answer["saga"]["cause"]),
        (&json!("releasing"), &json!("staff_cancel"))
    );
    assert_eq!(relay.answer(&held, DONE).await, None, "fenced");
    relay.settle_next(Event::StepReleased).await;
    let [row] = audit(&world, "type=cancel").await.try_into().unwrap();
    assert_eq!(row["outcome"]["state"], "cancelled");
}

#[tokio::test]
async fn what_does_not_apply_is_refused_and_that_is_written_down_too() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    relay.settle_next(DONE).await;
    let version = etag(&world, id).await;
    let body = json!({"type": "cancel", "reason": "too late"});
    let refused = act(&world, id, Some(&version), &body).await;
    assert_eq!(refused.problem(), (409, "action-not-applicable".into()));
    assert_eq!(refused.json()["saga"]["state"], "confirmed");
    assert_eq!(etag(&world, id).await, version);
    let [row] = audit(&world, "").await.try_into().unwrap();
    assert_eq!((&row["result"], &row["outcome"]), (&json!("refused"), &Value::Null));
    assert!(row["detail"].as_str().unwrap().contains("confirmed"));
    let dry = json!({"type": "cancel", "reason": "too late", "dry_run": true});
    assert_eq!(act(&world, id, Some(&version), &dry).await.status, 409);
    assert_eq!(audit(&world, "").await.len(), 1);
}

#[tokio::test]
async fn resolving_needs_evidence_and_only_an_acknowledged_release_ends_as_failed() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    for (finding, state, cause) in [
        ("stock_held", "confirmed", Value::Null),
        // a reserve may still be on its way: only the release refuses it
        ("stock_not_held", "releasing", json!("resolved_by_staff")),
    ] {
        let id = world.order(finding).await;
        relay.settle_next(BROKEN).await;
        let version = etag(&world, id).await;
        let body = json!({
            "type": "resolve", "reason": "asked the warehouse", "finding": finding,
            "evidence": "the ledger of ps5, line 4711"
        });
        let answer = act(&world, id, Some(&version), &body).await;
        assert_eq!(answer.json()["saga"]["state"], state, "{answer:?}");
        assert_eq!(answer.json()["saga"]["cause"], cause);
        let [row] = audit(&world, &format!("order_id={id}")).await.try_into().unwrap();
        assert_eq!(row["evidence"], "the ledger of ps5, line 4711");
        assert_eq!(world.status_of(id).await, state);
        if state == "confirmed" {
            assert_eq!(row["outcome"]["state"], state);
        }
        if state == "releasing" {
            relay.settle_next(Event::StepReleased).await;
            let ended = saga(&world, id).await.json();
            assert_eq!((&ended["state"], &ended["reason"]), (&json!("failed"), &cause));
            let [row] = audit(&world, &format!("order_id={id}")).await.try_into().unwrap();
            assert_eq!(row["outcome"]["state"], "failed", "the audit shows what truly came of it");
        }
    }
    let id = world.order("k").await;
    for (body, pointer) in [
        (json!({"type": "resolve", "reason": "r"}), "/finding"),
        (json!({"type": "resolve", "reason": "r", "finding": "stock_held"}), "/evidence"),
        (json!({"type": "retry", "reason": "r", "finding": "stock_held"}), "/finding"),
        (json!({"type": "note", "reason": "r", "evidence": "e"}), "/evidence"),
        (json!({"type": "retry", "reason": "  "}), "/reason"),
        (json!({"type": "retry", "reason": "x".repeat(1_001)}), "/reason"),
        (json!({"type": "retry"}), "/reason"),
        (json!({"type": "explode", "reason": "r"}), "/type"),
    ] {
        let answer = act(&world, id, Some("*"), &body).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    assert_eq!(
        act(&world, id, Some("*"), &json!({"type": "note", "reason": "\u{0}"})).await.status,
        422
    );
}

#[tokio::test]
async fn a_note_moves_nothing_and_always_goes() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let id = world.order("k").await;
    let version = etag(&world, id).await;
    let body = json!({"type": "note", "reason": "the customer asked\nwhen it comes"});
    assert_eq!(act(&world, id, None, &body).await.status, 200);
    set_state(&world.database.db, id, "shipping").await;
    let answer = act(&world, id, None, &body).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["saga"]["state"]),
        (200, &"shipping".into())
    );
    assert_eq!(etag(&world, id).await, version);
    let retry = json!({"type": "retry", "reason": "r"});
    let refused = act(&world, id, Some(&version), &retry).await;
    assert_eq!(refused.problem(), (409, "state-of-newer-version".into()));
    let of_saga = world.get(&format!("/api/sagas/{id}/actions")).await.json();
    assert_eq!(of_saga["items"].as_array().unwrap().len(), 2);
    assert_eq!(of_saga["items"][0]["outcome"], Value::Null);
}

#[tokio::test]
async fn the_audit_is_paged_and_narrowed() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let (first, second) = (world.order("a").await, world.order("b").await);
    for n in 0..5 {
        let id = if n % 2 == 0 { first } else { second };
        act(&world, id, None, &json!({"type": "note", "reason": format!("{n}")})).await;
    }
    let reasons = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(reasons(&audit(&world, "").await), ["4", "3", "2", "1", "0"]);
    assert_eq!(reasons(&audit(&world, &format!("order_id={second}")).await), ["3", "1"]);
    assert_eq!(audit(&world, "actor=Zoe&type=note").await.len(), 5);
    assert_eq!(audit(&world, "actor=nobody").await.len(), 0);
    assert_eq!(audit(&world, "type=retry").await.len(), 0);
    let page = world.get("/api/audit?limit=3").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(reasons(&audit(&world, &format!("limit=3&cursor={cursor}")).await), ["1", "0"]);
    for bad in ["limit=0", "type=x", "order_id=1", &format!("actor=x&cursor={cursor}")] {
        let answer = world.get(&format!("/api/audit?{bad}")).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{bad}");
    }
}
