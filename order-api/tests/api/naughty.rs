//! Input that has broken other services. Never a 5xx, never a lost letter.

use axum::body::Body;
use http::{Method, Request};
use order_api::router;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::relay::Relay;
use crate::world::{World, raw_order_request, request, send};

#[tokio::test]
async fn refuses_bodies_that_nobody_should_send() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let deep = format!(
        r#"{{"item_id":"a","quantity":1,"metadata":{{"m":{}1{}}}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let wide = (0..5_000).map(|n| format!(r#""m{n}":1,"#)).collect::<Vec<_>>().concat();
    let wide = format!(r#"{{"item_id":"a","quantity":1,"metadata":{{{wide}"z":1}}}}"#);
    let order = |item: &str| format!(r#"{{"item_id":{item},"quantity":1}}"#);
    let quantity = |number: &str| format!(r#"{{"item_id":"a","quantity":{number}}}"#);
    let metadata = |value: &str| format!(r#"{{"item_id":"a","quantity":1,"metadata":{value}}}"#);
    let bodies: Vec<(u16, String)> = vec![
        // text that Postgres or a terminal does not take
        (422, order(r#""\u0000""#)),
        (422, order(r#""ps5\u001b[2J""#)),
        (422, order(r#""\u007f""#)),
        (422, order(r#""\u0085""#)),
        (422, metadata(r#"{"note":"a\u0000b"}"#)),
        (422, metadata(r#"{"a\u0000":1}"#)),
        (400, order("\"a\u{1}\"")),
        // half a letter
        (400, order(r#""\ud800""#)),
        (400, order(r#""\udc00\ud800""#)),
        (400, metadata(r#"{"note":"\uD83D"}"#)),
        // numbers, also such as would be stored as others
        (400, metadata(r#"{"ref":123456789012345678901}"#)),
        (400, metadata(r#"{"ref":12345678901234567890.5}"#)),
        (400, quantity("1e400")),
        (400, quantity("-0")),
        (400, quantity("1e0")),
        (400, quantity("1.0")),
        (400, quantity("0x10")),
        (400, quantity("01")),
        (400, quantity("NaN")),
        (400, quantity("Infinity")),
        (400, quantity("9223372036854775808")),
        (400, quantity("-9223372036854775809")),
        (400, quantity(&"9".repeat(10_000))),
        (400, metadata(r#"{"n":1e400}"#)),
        // the same member twice, also where it is written differently
        (400, r#"{"item_id":"a","quantity":1,"quantity":10000}"#.into()),
        (400, r#"{"item_id":"a","quantity":1,"\u0071uantity":2}"#.into()),
        (400, metadata(r#"{"a":{"b":1,"b":2}}"#)),
        // shapes
        (400, deep),
        (400, wide),
        (400, r#"["a",1,null,null,null]"#.into()),
        (400, r#"{"lines":[["a",1]]}"#.into()),
        (400, metadata("[]")),
        (400, metadata("\"text\"")),
        (400, quantity("\"1\"")),
        (400, quantity("null")),
        (400, "null".into()),
        (400, "\u{feff}{}".into()),
        (400, r#"{"item_id":"a","quantity":1} {"#.into()),
        (
            400,
            format!(r#"{{"lines":[{}]}}"#, vec![r#"{"item_id":"a","quantity":1}"#; 101].join(",")),
        ),
        (400, order(&format!("\"{}\"", "ü".repeat(101)))),
        (400, order(r#""a\nb""#).replace(r"\n", " ").replace("\"a b\"", "\" a\"")),
    ];
    for (index, (status, body)) in bodies.into_iter().enumerate() {
        let answer = send(&router(&world.api), raw_order_request("k", body.clone())).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.problem().0, status, "{index}: {shown}\n{}", answer.text);
    }
    let bytes = raw_order_request("k", &b"{\"item_id\":\"\xff\xfe\",\"quantity\":1}"[..]);
    assert_eq!(send(&router(&world.api), bytes).await.problem().0, 400);
    assert_eq!(Relay::of(&world).await.claim().await.len(), 0, "nothing was ordered");
}

#[tokio::test]
async fn keeps_every_letter_of_unusual_text() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let long = "\u{1f469}\u{200d}\u{1f680}".repeat(33);
    let items = [
        "田中さん",
        "\u{202e}txt.exe",
        "a\u{301}\u{302}\u{303}",
        "\u{fffd}\u{fffe}\u{10ffff}",
        "\u{200b}",
        "'; drop table orders; --",
        "$1 %s ${jndi:ldap://x} {{7*7}} <script>alert(1)</script>",
        "../../etc/passwd",
        "null",
        "%00",
        "\\u0000",
        r#""quoted"\"#,
        "ﷺ",
        &long,
    ];
    for (index, item) in items.into_iter().enumerate() {
        let body = json!({
            "item_id": item,
            "quantity": 1,
            "metadata": {item: [item, 1e308, -1.5e-300, u64::MAX, i64::MIN, null, {"": ""}]},
        });
        let made = world.post(&format!("k{index}"), &body).await;
        assert_eq!(made.status, 202, "{item:?} {made:?}");
        let read = world.get(&format!("/api/orders/{}", made.id())).await.json();
        assert_eq!((&read["item_id"], &read["metadata"]), (&body["item_id"], &body["metadata"]));
        let encoded = utf8_percent_encode(item, NON_ALPHANUMERIC);
        let listed = world.get(&format!("/api/orders?item_id={encoded}")).await.json();
        let items: Vec<&Value> =
            listed["items"].as_array().unwrap().iter().map(|o| &o["id"]).collect();
        assert_eq!(items, [&made.json()["id"]], "{item:?}");
    }
}

#[tokio::test]
async fn refuses_paths_and_queries_that_nobody_should_send() {
    let world = World::new().await;
    let id = world.order("k").await;
    let none = "00000000-0000-0000-0000-000000000000";
    for (status, path) in [
        (404, "/api/orders/1".to_owned()),
        (404, format!("/api/orders/{none}")),
        (404, format!("/api/orders/{id}x")),
        (404, format!("/api/orders/{id}%00")),
        (404, "/api/orders/%ff%fe".to_owned()),
        (404, "/api/orders/%2e%2e%2fhealth".to_owned()),
        (404, "/api/orders/../health".to_owned()),
        (400, format!("/api/orders/{id}?wait=31")),
        (400, format!("/api/orders/{id}?wait=-1")),
        (400, format!("/api/orders/{id}?wait=1&wait=2")),
        (400, format!("/api/orders/{id}?wat=1")),
        (400, "/api/orders?limit=0".to_owned()),
        (400, "/api/orders?limit=101".to_owned()),
        (400, "/api/orders?limit=99999999999999999999".to_owned()),
        (400, "/api/orders?page=2".to_owned()),
        (400, "/api/orders?status=shipped".to_owned()),
        (400, "/api/orders?status=failed&status=queued".to_owned()),
        (400, "/api/orders?created_after=yesterday".to_owned()),
        (400, "/api/orders?created_before=999999-01-01T00:00:00Z".to_owned()),
        (400, "/api/orders?created_before=-200000-01-01T00:00:00Z".to_owned()),
        (400, "/api/orders?created_after=%2B10000-01-01T00:00:00Z".to_owned()),
        (400, "/api/orders?cursor=1".to_owned()),
        (400, format!("/api/orders?cursor={}", "9".repeat(2_000))),
        (400, format!("/api/orders?item_id={}", "a".repeat(401))),
        (422, "/api/orders?item_id=%00".to_owned()),
        (422, "/api/orders?cursor=%1b".to_owned()),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(answer.problem().0, status, "{path} {}", answer.text);
    }
    for path in [
        "/api/orders?created_after=0000-01-01T00:00:00Z",
        "/api/orders?created_before=9999-12-31T23:59:59Z",
    ] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    let cancel = send(&router(&world.api), request(Method::POST, "/api/orders/%00/cancel")).await;
    assert_eq!(cancel.problem(), (404, "not-found".into()));
}

#[tokio::test]
async fn refuses_a_body_that_is_too_large_however_it_comes() {
    let world = World::new().await;
    let large = "x".repeat(64 * 1024 + 1);
    let said = raw_order_request("k", large.clone());
    assert_eq!(send(&router(&world.api), said).await.problem(), (413, "body-too-large".into()));
    let chunks = large.into_bytes().chunks(1_000).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let chunks = futures_util::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let streamed = raw_order_request("k", Body::from_stream(chunks));
    let answer = send(&router(&world.api), streamed).await;
    assert_eq!(answer.problem(), (413, "body-too-large".into()));
    let broken = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("cut"))]);
    let broken: Request<Body> = raw_order_request("k", Body::from_stream(broken));
    assert_eq!(send(&router(&world.api), broken).await.problem(), (400, "invalid-request".into()));
}
