//! GET /api/lookup, /api/relay, /api/breakers, and overrides of the breaker.

use axum::body::Body;
use axum::routing::get;
use http::Request;
use order_api::router;
use schema_orders::relays::join;
use schema_pg::DbError;
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::world::{Answer, World, one_ps5, send};

async fn command(world: &World, name: &str, body: &Value) -> Answer {
    let request = Request::post(format!("/api/breakers/{name}/actions"))
        .header("content-type", "application/json")
        .header("valerix-actor", "Zoe")
        .body(Body::from(body.to_string()))
        .unwrap();
    send(&router(&world.api), request).await
}

/// A relay's face with this gate; where it can be asked.
async fn face(gate: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/api/gate", get(move || async move { gate }));
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(edge::serve(listener, router, edge::ServeConfig::default(), stop));
    format!("http://{address}/")
}

async fn register(world: &World, name: &'static str, url: String) {
    let joined: Result<i64, DbError> = world
        .database
        .db
        .read(move |c| Box::pin(async move { join(c, name, Some(&url), 1_200).await }))
        .await;
    joined.unwrap();
}

#[tokio::test]
async fn one_box_finds_an_order_by_id_key_and_item() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let id = world.post("key-1", &one_ps5()).await.id();
    let kinds = async |q: &str| -> Vec<(String, String)> {
        let found = world.get(&format!("/api/lookup?q={q}")).await.json();
        let told = |m: &Value| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&m["kind"]), text(&m["saga"]["id"]))
        };
        found["items"].as_array().unwrap().iter().map(told).collect()
    };
    let of = |kind: &str| vec![(kind.to_owned(), id.to_string())];
    assert_eq!(kinds(&id.to_string()).await, of("order"));
    assert_eq!(kinds("key-1").await, of("idempotency_key"));
    assert_eq!(kinds("ps5").await, of("item"));
    assert_eq!(kinds("nothing").await, []);
    assert_eq!(kinds("key-1&tenant=default").await, of("idempotency_key"));
    assert_eq!(kinds("key-1&tenant=other").await, []);
    let more = world.get("/api/lookup?q=key-1").await.json()["items"][0]["more"].clone();
    assert_eq!(world.get(more.as_str().unwrap()).await.json()["items"][0]["id"], id.to_string());
    for bad in ["", "?q=", "?q=%20", "?q=a&x=1"] {
        assert_eq!(world.get(&format!("/api/lookup{bad}")).await.problem().0, 400, "{bad}");
    }
}

#[tokio::test]
async fn the_relays_and_their_work_are_shown() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    world.order("a").await;
    relay.claim().await;
    world.order("b").await;
    let shown = world.get("/api/relay").await.json();
    let [member] = shown["members"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!(
        (&member["id"], &member["name"], &member["alive"], &member["held"]),
        (&json!(relay.id()), &json!("test"), &json!(true), &json!(1))
    );
    assert_eq!((&shown["outbox"]["messages"], &shown["outbox"]["held"]), (&json!(2), &json!(1)));
    assert!(shown["outbox"]["oldest_age_ms"].as_i64().unwrap() >= 0);
}

#[tokio::test]
async fn breakers_are_told_by_each_relay_that_answers() {
    let world = World::new().await;
    let none = world.get("/api/breakers").await.json();
    let nobody = json!({"name": "inventory", "state": null, "order": null, "relays": []});
    assert_eq!(none["items"], json!([nobody]));
    register(&world, "well", face(r#"{"breaker": {"state": "closed"}}"#).await).await;
    register(&world, "ill", face(r#"{"breaker": {"state": "open"}}"#).await).await;
    register(&world, "odd", face("not JSON").await).await;
    register(&world, "gone", "http://127.0.0.1:1".to_owned()).await;
    let told = world.get("/api/breakers").await.json();
    let breaker = &told["items"][0];
    assert_eq!(breaker["state"], "open", "the worst of them");
    let gates: Vec<&Value> = breaker["relays"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["gate"]["breaker"]["state"])
        .collect();
    assert_eq!(gates, [&json!("closed"), &json!("open"), &Value::Null, &Value::Null]);
}

#[tokio::test]
async fn staffs_order_is_kept_and_written_down() {
    let world = World::new().await;
    for (kind, isolated) in [("isolate", true), ("close", false), ("isolate", true)] {
        let body = json!({"type": kind, "reason": "maintenance"});
        let answer = command(&world, "inventory", &body).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["isolated"]), (202, &json!(isolated)));
        let told = world.get("/api/breakers").await.json();
        let order = &told["items"][0]["order"];
        assert_eq!((&order["isolated"], &order["actor"]), (&json!(isolated), &json!("Zoe")));
    }
    let audit = world.get("/api/audit?type=breaker").await.json();
    let rows = audit["items"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[2]["before"], &rows[0]["after"]["number"]), (&Value::Null, &json!(3)));
    let body = json!({"type": "isolate", "reason": "x"});
    assert_eq!(command(&world, "payment", &body).await.problem(), (404, "not-found".into()));
    for bad in [
        json!({"type": "isolate"}),
        json!({"type": "isolate", "reason": " "}),
        json!({"type": "burn", "reason": "x"}),
    ] {
        let answer = command(&world, "inventory", &bad).await;
        assert_eq!(answer.problem(), (400, "invalid-request".into()), "{bad}");
    }
}
