//! GET /api/orders/{id}: conditional requests and the long poll.

use http::Method;
use order_api::router;
use serde_json::json;

use crate::relay::{BREAKER_OPEN, DONE, Relay};
use crate::world::{World, request, send};

#[tokio::test]
async fn answers_304_until_the_order_has_moved() {
    let world = World::new().await;
    let id = world.order("k").await;
    let path = format!("/api/orders/{id}");
    let first = world.get(&path).await;
    assert_eq!((first.status.as_u16(), first.header("etag")), (200, Some("\"1\"")));
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    let ask = async |etag: &str| {
        let mut request = request(Method::GET, &path);
        request.headers_mut().insert("if-none-match", etag.parse().unwrap());
        send(&router(&world.api), request).await
    };
    for etag in ["\"1\"", "W/\"1\"", "\"0\", \"1\"", "*"] {
        let unchanged = ask(etag).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.text.as_str()), (304, ""), "{etag}");
        assert_eq!(unchanged.header("etag"), Some("\"1\""));
    }
    for etag in ["\"2\"", "1", "", "\"1", "\"0\",,"] {
        assert_eq!(ask(etag).await.status, 200, "{etag}");
    }
    Relay::of(&world).await.settle_next(DONE).await;
    let moved = ask("\"1\"").await;
    assert_eq!((moved.status.as_u16(), moved.header("etag")), (200, Some("\"3\"")));
    assert_eq!(moved.json()["status"], "confirmed");
    let head = send(&router(&world.api), request(Method::HEAD, &path)).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn waits_for_the_order_to_come_to_rest() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    let path = format!("/api/orders/{id}?wait=30");
    let play = async {
        let claimed = relay.claim().await.pop().unwrap();
        relay.answer(&claimed, DONE).await.unwrap();
    };
    let (waited, ()) = tokio::join!(world.get(&path), play);
    assert_eq!((waited.status.as_u16(), &waited.json()["status"]), (200, &json!("confirmed")));
    assert_eq!(waited.header("etag"), Some("\"3\""));
    // it rests already
    assert_eq!(world.get(&path).await.text, waited.text);
}

#[tokio::test]
async fn waits_on_while_the_order_is_only_queued() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    relay.settle_next(BREAKER_OPEN).await;
    let begun = std::time::Instant::now();
    let waited = world.get(&format!("/api/orders/{id}?wait=1")).await;
    assert!(begun.elapsed().as_millis() >= 1_000);
    assert_eq!((waited.status.as_u16(), &waited.json()["status"]), (200, &json!("queued")));
    assert_eq!(waited.json()["reason"], "breaker_open");
}

#[tokio::test]
async fn does_not_wait_for_an_order_that_is_not_there() {
    let world = World::new().await;
    let begun = std::time::Instant::now();
    let absent = world.get(&format!("/api/orders/{}?wait=30", uuid::Uuid::now_v7())).await;
    assert_eq!(absent.problem(), (404, "not-found".into()));
    assert!(begun.elapsed().as_secs() < 5);
}
