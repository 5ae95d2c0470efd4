//! GET /api/sagas/{id}/timeline: as data, as a picture, as text.

use http::header::ACCEPT;
use http::{HeaderValue, Method};
use order_api::router;

use crate::relay::{DONE, Relay};
use crate::world::{Answer, World, request, send};

async fn ask(world: &World, path: &str, accept: &'static str) -> Answer {
    let mut request = request(Method::GET, path);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
    send(&router(&world.api), request).await
}

#[tokio::test]
async fn the_link_of_a_saga_leads_to_its_timeline() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    relay.settle_next(DONE).await;
    let saga = world.get(&format!("/api/sagas/{id}")).await.json();
    let path = saga["links"]["timeline"].as_str().unwrap();

    let told = world.get(path).await.json();
    assert_eq!((&told["state"], &told["is_final"]), (&"confirmed".into(), &true.into()));
    let kinds: Vec<&str> =
        told["spans"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["wait", "work"]);
    assert_eq!(told["spans"][1]["outcome"], "done");
    let marks: Vec<&str> =
        told["marks"].as_array().unwrap().iter().map(|m| m["kind"].as_str().unwrap()).collect();
    assert_eq!(marks, ["created", "claim", "ended"]);

    let picture = ask(&world, path, "image/svg+xml").await;
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
    assert!(picture.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(picture.text.starts_with("<svg ") && picture.text.contains(&id.to_string()));
    // as a browser asks for <img>
    let picture = ask(&world, path, "image/avif,image/webp,image/svg+xml,image/*;q=0.8").await;
    assert_eq!(picture.header("content-type"), Some("image/svg+xml"));

    let text = ask(&world, path, "text/plain").await;
    assert!(text.text.contains("1. reserve stock: done"), "{text:?}");
    assert_eq!(text.header("vary"), Some("accept"));
}

#[tokio::test]
async fn nobody_has_a_timeline_of_an_order_that_is_not_there() {
    let world = World::new().await;
    let path = format!("/api/sagas/{}/timeline", uuid::Uuid::nil());
    assert_eq!(world.get(&path).await.problem(), (404, "not-found".to_owned()));
}
