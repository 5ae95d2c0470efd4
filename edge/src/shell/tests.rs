use std::num::NonZeroU32;

use axum::body::Body;
use axum::routing::get;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::LimitConfig;

async fn get_from(router: &Router, path: &str) -> Response {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

async fn json_of(response: Response) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

fn routes() -> Router {
    Router::new()
        .route("/api/ok", get(async || "ok"))
        .route("/health", get(async || "ok"))
        .route("/api/panic", get(async || -> &'static str { panic!("on purpose") }))
        .route("/page", get(async || ([(header::CONTENT_SECURITY_POLICY, "own")], "page")))
}

#[tokio::test]
async fn adds_security_headers_but_leaves_a_pages_own() {
    let router = wrap(routes(), Shell::new("test"));
    let plain = get_from(&router, "/api/ok").await;
    assert_eq!(plain.headers()["x-content-type-options"], "nosniff");
    assert_eq!(plain.headers()["cache-control"], "no-store");
    assert_eq!(plain.headers()["x-request-id"].len(), 32);
    let page = get_from(&router, "/page").await;
    assert_eq!(page.headers()["content-security-policy"], "own");
}

#[tokio::test]
async fn answers_problems_with_the_trace_of_the_request() {
    let router = wrap(routes(), Shell::new("test"));
    let request = Request::builder()
        .uri("/nowhere")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .body(Body::empty())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 404);
    let body = json_of(response).await;
    assert_eq!(body["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let request = Request::post("/api/ok").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["allow"]),
        (405, &HeaderValue::from_static("GET,HEAD"))
    );
    assert_eq!(json_of(response).await["code"], "method-not-allowed");
}

#[tokio::test]
async fn turns_a_panic_into_an_answer() {
    let response = get_from(&wrap(routes(), Shell::new("test")), "/api/panic").await;
    assert_eq!(response.status(), 500);
    assert_eq!(json_of(response).await["code"], "internal");
}

#[tokio::test]
async fn limits_a_caller_but_neither_probes_nor_our_own_services() {
    let one = NonZeroU32::MIN;
    let limit = RateLimit::new(LimitConfig { per_second: one, burst: one, exempt_paths: &[] });
    let router = wrap(routes(), Shell::limited("test", limit));
    let first = get_from(&router, "/api/ok").await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()["ratelimit"], "\"caller\";r=0;t=1");
    assert_eq!(first.headers()["ratelimit-policy"], "\"caller\";q=1;w=1");
    let second = get_from(&router, "/api/ok").await;
    assert_eq!(second.status(), 429);
    assert_eq!(second.headers()["retry-after"], "1");
    assert_eq!(second.headers()["ratelimit"], "\"caller\";r=0;t=1");
    assert_eq!(json_of(second).await["retryable"], true);
    for _ in 0..5 {
        assert_eq!(get_from(&router, "/health").await.status(), 200);
        let mut own = Request::builder().uri("/api/ok").body(Body::empty()).unwrap();
        own.extensions_mut().insert(Caller::Own);
        assert_eq!(router.clone().oneshot(own).await.unwrap().status(), 200);
    }
}
