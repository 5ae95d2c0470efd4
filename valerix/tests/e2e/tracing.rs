//! One trace follows an order through every process, also through the death of one of them; and whatever the
//! collector does, orders do not notice.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::support::{Apart, Collector, Told, Up, alone, until};

const READY_MAX: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
/// Orders placed while the collector is of no use.
const ORDERS: usize = 300;

#[tokio::test]
async fn one_trace_follows_an_order_past_the_death_of_its_relay() {
    let _alone = alone().await;
    let collector = Collector::start().await;
    let mut system = Apart::new();
    system.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    system.set("OTEL_BSP_SCHEDULE_DELAY", "50");
    let (order_api, inventory_api) = (system.order_api(), system.inventory_api_with_gremlin());
    let (mut victim, face) = system.relay();
    for api in [&system.orders, &system.inventory, &face] {
        api.ready(READY_MAX).await;
    }
    system.inventory.stock("ps5", 1).await;

    // what inventory is asked for, it does at once, and whoever asked is dead before the answer comes
    let late = json!({"latency_ms": 2_500, "latency_point": "after"});
    system.inventory.gremlin(Some(&late)).await;
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    system.orders.place_traced("traced", "ps5", &traceparent).await;
    until(async || system.inventory.available("ps5").await == 0).await;
    victim.kill();
    system.inventory.gremlin(None).await;
    let (successor, _) = system.relay();
    system.orders.settled(PATIENCE).await;

    let trace = bytes(TRACE);
    let (post, replay, lost) = collector.until(&trace, PATIENCE, whole_story).await;
    assert_eq!(post.span.parent_span_id, bytes(CALLER));
    assert_eq!(post.service, "valerix-order-api");
    assert_eq!(replay.service, "valerix-relay");
    assert_eq!(replay.text("valerix.answer"), Some("done"));
    assert_ne!(replay.span.span_id, lost, "the new call has a span of its own");
    let stock = system.inventory.available("ps5").await;
    assert_eq!(stock, 0, "taken once");
    for process in [order_api, successor, inventory_api] {
        let (status, _, log) = process.interrupt();
        assert!(status.success(), "{log}");
    }
    system.stop();
}

/// The request, the call that another relay repeated, and the id of the call it is linked to: once inventory
/// has told of what it did for both calls.
fn whole_story(told: &[Told]) -> Option<(Told, Told, Vec<u8>)> {
    let post = told.iter().find(|told| told.span.name == "POST /api/orders")?;
    let replay = under(told, &post.span.span_id).find(|told| !told.span.links.is_empty())?;
    let link = &replay.span.links[0];
    assert_eq!(link.trace_id, post.span.trace_id);
    let is_inventory = |told: &Told| told.service == "valerix-inventory-api";
    let is_told = |id: &[u8]| under(told, id).any(is_inventory);
    let is_whole = is_told(&replay.span.span_id) && is_told(&link.span_id);
    is_whole.then(|| (post.clone(), replay.clone(), link.span_id.clone()))
}

fn under<'a>(told: &'a [Told], parent: &'a [u8]) -> impl Iterator<Item = &'a Told> {
    told.iter().filter(move |told| told.span.parent_span_id == parent)
}

#[tokio::test]
async fn a_collector_that_never_answers_costs_spans_and_no_order() {
    let _alone = alone().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    // reads everything and never answers
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            held.push(tokio::spawn(async move {
                let mut bytes = [0; 4096];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
                std::future::pending::<()>().await;
            }));
        }
    });
    let dropped = place_with(&url, "10").await;
    assert!(dropped.queue_full > 0.0, "the queue was never full");
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_spans_and_no_order() {
    let _alone = alone().await;
    let dropped = place_with("http://127.0.0.1:1", "16384").await;
    assert!(dropped.not_taken > 0.0, "who has taken them?");
}

struct Dropped {
    queue_full: f64,
    not_taken: f64,
}

/// Places orders one by one, each of which has to be confirmed in time; answers how many spans were dropped.
async fn place_with(collector: &str, queue_max: &str) -> Dropped {
    let mut up = Up::new();
    up.set(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", queue_max),
    ]);
    let process = up.start();
    up.inventory.stock("trace", ORDERS as i64).await;
    let body = json!({"item_id": "trace", "quantity": 1});
    let mut slowest = Duration::ZERO;
    for number in 0..ORDERS {
        let began = Instant::now();
        let answer = up.orders.order(Some(&format!("blocked-{number}")), &body).await;
        assert_eq!(answer.status(), 201);
        slowest = slowest.max(began.elapsed());
    }
    eprintln!("the slowest of {ORDERS} orders took {slowest:?}");
    let began = Instant::now();
    loop {
        let series = |reason| format!("trace_spans_dropped_total{{reason=\"{reason}\"}}");
        let queue_full = up.orders.metric(&series("queue_full")).await;
        let not_taken = up.orders.metric(&series("not_taken")).await;
        if queue_full + not_taken > 0.0 {
            let (status, _, log) = process.interrupt();
            assert!(status.success(), "{log}");
            return Dropped { queue_full, not_taken };
        }
        assert!(began.elapsed() < PATIENCE, "no span was dropped");
        sleep(POLL).await;
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(digit).collect()
}
