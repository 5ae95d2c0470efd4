//! What is another tenant's is not there.

use http::Method;
use serde_json::Value;

use crate::relay::Relay;
use crate::world::{World, of_tenant, one_ps5, order_request, request, send};

#[tokio::test]
async fn another_tenants_order_is_as_absent_as_one_that_never_was() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let router = order_api::router(&world.api);
    let mine = send(&router, of_tenant(order_request("k", &one_ps5()), "mine")).await.id();
    let never = uuid::Uuid::now_v7();
    let ask = async |method: Method, path: String| {
        let answer = send(&router, of_tenant(request(method, &path), "other")).await;
        let mut problem = answer.json();
        assert_eq!(answer.problem(), (404, "not-found".into()), "{path}");
        problem["trace_id"] = Value::Null;
        problem
    };
    for suffix in ["", "?wait=1"] {
        let there = ask(Method::GET, format!("/api/orders/{mine}{suffix}")).await;
        assert_eq!(there, ask(Method::GET, format!("/api/orders/{never}{suffix}")).await);
    }
    let there = ask(Method::POST, format!("/api/orders/{mine}/cancel")).await;
    assert_eq!(there, ask(Method::POST, format!("/api/orders/{never}/cancel")).await);
    let unauthenticated = world.get(&format!("/api/orders/{mine}")).await;
    assert_eq!(unauthenticated.problem(), (404, "not-found".into()));
    let listed = send(&router, of_tenant(request(Method::GET, "/api/orders"), "other")).await;
    assert_eq!(listed.json()["items"], serde_json::json!([]));
    let own = request(Method::GET, &format!("/api/orders/{mine}"));
    assert_eq!(send(&router, of_tenant(own, "mine")).await.json()["status"], "pending");
}

#[tokio::test]
async fn each_tenant_has_its_own_keys() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let router = order_api::router(&world.api);
    let mut ids = Vec::new();
    for tenant in ["a", "b"] {
        let made = send(&router, of_tenant(order_request("k", &one_ps5()), tenant)).await;
        assert_eq!(made.header("idempotent-replayed"), None);
        ids.push(made.id());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(Relay::of(&world).await.claim().await.len(), 2);
}
