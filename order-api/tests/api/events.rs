//! GET /api/orders/{id}/events: exact from any point, ended with the order, bounded, and over a restart.

use order_api::router;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::{HeaderValue, Method, Request};
use tower::ServiceExt;
use uuid::Uuid;

use crate::relay::{BREAKER_OPEN, BROKEN, DONE, Relay, UNKNOWN};
use crate::world::{PATIENCE, World, of_tenant, request, send};

/// A stream being read.
struct Reader {
    body: BodyDataStream,
    text: String,
}

impl Reader {
    async fn open(router: &Router, id: Uuid, last_event_id: Option<i32>) -> Reader {
        let response = router.clone().oneshot(asking(id, last_event_id)).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Reader { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// Reads on until `is_enough`, or to the end.
    async fn until(&mut self, is_enough: impl Fn(&str) -> bool) -> &str {
        let read = async {
            while !is_enough(&self.text)
                && let Some(chunk) = self.body.next().await
            {
                self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("it comes, or ends");
        &self.text
    }

    async fn rest(mut self) -> String {
        self.until(|_| false).await.to_owned()
    }
}

fn asking(id: Uuid, last_event_id: Option<i32>) -> Request<Body> {
    let mut request = request(Method::GET, &format!("/api/orders/{id}/events"));
    if let Some(seen) = last_event_id {
        request.headers_mut().insert("last-event-id", HeaderValue::from(seen));
    }
    request
}

/// Number and name of each event.
fn events(text: &str) -> Vec<(i32, String)> {
    let field = |event: &str, name: &str| {
        event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
    };
    text.split("\n\n")
        .filter_map(|event| Some((field(event, "id: ")?.parse().ok()?, field(event, "event: ")?)))
        .collect()
}

fn named(expected: &[(i32, &str)]) -> Vec<(i32, String)> {
    expected.iter().map(|(id, name)| (*id, (*name).to_owned())).collect()
}

#[tokio::test]
async fn tells_every_move_as_it_happens_and_ends_with_the_order() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    let mut reader = Reader::open(&router(&world.api), id, None).await;
    let text = reader.until(|text| text.contains("id: 1\n")).await;
    assert!(text.starts_with("retry: 1000\n\n"), "{text}");
    relay.settle_next(BREAKER_OPEN).await;
    reader.until(|text| text.contains("id: 3\n")).await;
    schema_orders::testing::put_off(&world.database.db, id, 0).await;
    relay.settle_next(DONE).await;
    let text = reader.rest().await;
    let all = [(1, "pending"), (2, "reserving"), (3, "queued"), (4, "reserving"), (5, "confirmed")];
    assert_eq!(events(&text), named(&all));
    let last = text.lines().rfind(|line| line.starts_with("data: ")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&last["data: ".len()..]).unwrap();
    assert_eq!((&told["status"], &told["version"]), (&"confirmed".into(), &5.into()));
    for internal in ["worker", "epoch", "owner", "lease", "attempt", "detail"] {
        assert!(!text.contains(internal), "{internal}: {text}");
    }
    // from any point on: exactly the rest
    for seen in 0..5 {
        let rest = Reader::open(&router(&world.api), id, Some(seen)).await.rest().await;
        assert_eq!(events(&rest), named(&all[seen as usize..]), "after {seen}");
    }
    let nothing_left = send(&router(&world.api), asking(id, Some(5))).await;
    assert_eq!((nothing_left.status.as_u16(), nothing_left.text.as_str()), (204, ""));
}

#[tokio::test]
async fn a_restart_loses_nothing_and_tells_nothing_twice() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    // it tells nobody: what is seen is polled
    let relay = Relay::elsewhere(&world).await;
    let id = world.order("k").await;
    let before = world.impatient(&[]).await;
    let mut first = Reader::open(&router(&before), id, None).await;
    relay.settle_next(UNKNOWN).await;
    let told = events(first.until(|text| text.contains("id: 3\n")).await);
    drop((first, before));
    schema_orders::testing::put_off(&world.database.db, id, 0).await;
    relay.settle_next(DONE).await;
    let seen = told.last().unwrap().0;
    let after = world.impatient(&[]).await;
    let rest = Reader::open(&router(&after), id, Some(seen)).await.rest().await;
    let all = [told, events(&rest)].concat();
    let numbers: Vec<i32> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_quiet_stream_beats_and_does_not_say_why_an_order_is_parked() {
    let world = World::with(&["--order-api-wait-ms=0", "--order-api-heartbeat-ms=100"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    relay.settle_next(BROKEN).await;
    let mut reader = Reader::open(&router(&world.api), id, None).await;
    let text = reader.until(|text| text.matches(": waiting\n\n").count() == 2).await;
    assert_eq!(events(text), named(&[(1, "pending"), (2, "reserving"), (3, "parked")]));
    assert!(!text.contains("contract_error"), "{text}");
}

#[tokio::test]
async fn streams_are_bounded_and_a_place_is_given_back() {
    let world = World::with(&["--order-api-wait-ms=0", "--order-api-streams-max=2"]).await;
    let id = world.order("k").await;
    let router = order_api::router(&world.api);
    let (first, _second) =
        (Reader::open(&router, id, None).await, Reader::open(&router, id, None).await);
    let refused = send(&router, asking(id, None)).await;
    assert_eq!(refused.problem(), (503, "unavailable".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert!(refused.text.contains("?wait=25"), "{refused:?}");
    drop(first);
    Reader::open(&router, id, None).await;
}

#[tokio::test]
async fn nobody_follows_what_is_not_theirs_or_not_there() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let id = world.order("k").await;
    let router = order_api::router(&world.api);
    let theirs = of_tenant(asking(id, None), "somebody else");
    assert_eq!(send(&router, theirs).await.problem(), (404, "not-found".to_owned()));
    let unknown = send(&router, asking(Uuid::nil(), None)).await;
    assert_eq!(unknown.problem(), (404, "not-found".to_owned()));
    for wrong in [-1, 2] {
        let answer = send(&router, asking(id, Some(wrong))).await;
        assert_eq!(answer.problem(), (400, "invalid-request".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn over_a_socket_streams_end_when_the_service_stops() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let id = world.order("k").await;
    let served = crate::serving::Served::start(&world, &["--order-api-drain-ms=60000"]).await;
    let mut client = served.client().await;
    let head = format!("GET /api/orders/{id}/events HTTP/1.1\r\nhost: test\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut buffer = [0; 1_024];
    while !text.contains("id: 1\n") {
        let read = client.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    tokio::time::timeout(Duration::from_secs(10), served.stop()).await.expect("it need not drain");
}
