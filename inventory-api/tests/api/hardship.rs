//! Clients that leave, texts that hurt, and what probes are told.

use futures_util::FutureExt;
use http::Method;
use inventory_api::{Deps, InventoryApi};
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, defaults, eventually, order_of, reserve_body};

#[tokio::test]
async fn a_client_that_leaves_reads_the_same_answer_later() {
    let world = World::with_stock(&[("ps5", 100)]).await;
    let ids: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
    for (polls, id) in ids.iter().enumerate() {
        // polled a few times and dropped: with its request read, in the queue, or half written
        let mut call = Box::pin(world.put(*id, 1, &[("ps5", 1)]));
        for _ in 0..polls {
            if (&mut call).now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    for id in &ids {
        let again = world.put(*id, 1, &[("ps5", 1)]).await;
        assert!(matches!(again.status, 200 | 201), "{}", again.text);
    }
    assert_eq!(world.level("ps5").await, (100, 20));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn texts_that_hurt_are_refused_and_never_break_anything() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let naughty = [
        "",
        " ",
        "\u{0}",
        "ps5\u{0}",
        "\u{1b}[31m",
        "a\nb",
        "\u{7f}",
        "\u{85}",
        " ps5",
        "ps5 ",
        "'; drop table stock; --",
        "{{7*7}}",
        "../../etc/passwd",
        "%00",
        "%s%n",
        "NaN",
        "null",
        "\u{202e}gnirts",
        "\u{feff}ps5",
        "👩‍👩‍👧",
        "ｐｓ５",
        "𝓹𝓼𝟓",
        "Ω≈ç√∫˜µ≤≥÷",
        "ﬃ",
    ];
    for text in naughty {
        let id = Uuid::now_v7();
        let answer = world.put(id, 1, &[(text, 1)]).await;
        assert!(matches!(answer.status, 400 | 404 | 422), "{text:?}: {}", answer.text);
        let update = json!({"item_id": "ps5", "delta": 0, "item_name": text, "reason": text});
        let answer = world.send(Method::POST, "/api/inventory/update").json(&update).await;
        assert!(matches!(answer.status, 200 | 400 | 422), "{text:?}: {}", answer.text);
    }
    let long = "x".repeat(4_000);
    for path in ["%00", "%ff", "%", "%1b", "a%2Fb", "..%2f", "%20ps5", &long, "reserve%00"] {
        let answer = world.get(&format!("/api/inventory/{path}")).await;
        assert!(matches!(answer.status, 404 | 405), "{path}: {}", answer.text);
        let answer = world.get(&format!("/api/inventory/reservations/{path}")).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{path}");
    }
    assert_eq!(world.level("ps5").await, (10, 0));
}

#[tokio::test]
async fn reads_its_headers_strictly() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    let id = Uuid::now_v7();
    let path = format!("/api/inventory/reservations/{id}");
    let cases = [
        ("saga-epoch", "-1"),
        ("saga-epoch", "1.5"),
        ("saga-epoch", "99999999999999999999"),
        ("saga-epoch", ""),
        ("saga-deadline-ms", "-1"),
        ("saga-deadline-ms", "soon"),
    ];
    for (name, value) in cases {
        let sending = world.send(Method::PUT, &path).header(name, value);
        let refused = sending.json(&reserve_body(id, &[("ps5", 1)])).await;
        refused.assert_is(400, "invalid-request");
        assert_eq!(refused.json()["errors"][0]["pointer"], name);
    }
    let body = json!({"order_id": order_of(id), "lines": []});
    world.send(Method::PUT, &path).json(&body).await.assert_is(400, "invalid-request");
    let plain = world.send(Method::PUT, &path).header("content-type", "text/plain");
    plain.empty().await.assert_is(415, "unsupported-media-type");
    let large = " ".repeat(70_000);
    world.send(Method::PUT, &path).text(large).await.assert_is(413, "body-too-large");
    world.get(&path).await.assert_is(404, "not-found");
}

#[tokio::test]
async fn says_whether_it_can_work() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    for path in ["/health", "/health/live", "/health/ready"] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("healthy")), "{path}");
    }
    let services = world.get("/health").await.json()["services"].clone();
    assert_eq!(services["database_write"]["status"], "healthy");
    world.database.db.pool().close().await;
    eventually(async || world.get("/health").await.status == 503).await;
    eventually(async || world.get("/health/ready").await.status == 503).await;
    assert_eq!(world.get("/health/live").await.status, 200);
    let refused = world.put(Uuid::now_v7(), 1, &[("ps5", 1)]).await;
    refused.assert_is(503, "unavailable");
    assert_eq!(refused.headers["retry-after"], "1", "nothing was executed");
}

#[tokio::test]
async fn shows_stock_levels_in_the_metrics() {
    let world = World::with_stock(&[("ps5", 10)]).await;
    world.put(Uuid::now_v7(), 1, &[("ps5", 3)]).await.assert_is(201, "held");
    let metrics = edge::install_prometheus().expect("installed once");
    let deps = Deps { db: world.database.db.clone(), metrics: Some(metrics) };
    let measured = World { router: InventoryApi::start(defaults(), deps).router(), ..world };
    measured.put(Uuid::now_v7(), 1, &[("ps5", 1)]).await.assert_is(201, "held");
    // how many moves is not asked: all tests of a process share its recorder
    let lines = [
        r#"inventory_stock_level{item_id="ps5",kind="available"} 6"#,
        r#"inventory_transactions_total{kind="reserve"} "#,
        r#"inventory_answers_total{answer="done"} "#,
    ];
    eventually(async || {
        let text = measured.get("/metrics").await.text;
        lines.iter().all(|line| text.contains(line))
    })
    .await;
}
