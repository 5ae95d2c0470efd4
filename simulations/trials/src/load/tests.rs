use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use checker::ledger::Outcome;

use super::*;

/// A stub order API: keeps one order per key, confirms at once, and misbehaves as told.
#[derive(Default)]
struct Stub {
    orders: Mutex<HashMap<String, usize>>,
    posts: Mutex<Vec<String>>,
    /// Every so many-th POST is taken in and its answer swallowed. 0: never.
    cut_every: usize,
    /// The first POST of each key is answered 503.
    refuse_first: bool,
    /// POSTs are answered 202, and confirmed only when asked again.
    slow: bool,
    /// Answers a different order id each time.
    forgets: bool,
}

impl Stub {
    fn serve(self) -> (SocketAddr, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stub = Arc::new(self);
        thread::spawn({
            let stub = stub.clone();
            move || {
                for stream in listener.incoming() {
                    let stub = stub.clone();
                    thread::spawn(move || stub.answer_all(stream.unwrap()));
                }
            }
        });
        (address, stub)
    }

    fn answer_all(&self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while let Some((method, key)) = read_request(&mut reader) {
            let Some(answer) = self.answer(&method, &key) else { return };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, method: &str, key: &str) -> Option<String> {
        if method == "GET" {
            return Some(order(200, 0, "confirmed", ""));
        }
        let mut posts = self.posts.lock().unwrap();
        let mut orders = self.orders.lock().unwrap();
        let first = !posts.iter().any(|seen| seen == key);
        posts.push(key.to_owned());
        if self.refuse_first && first {
            let busy =
                "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
            return Some(busy.to_owned());
        }
        let next = orders.len() + 1;
        let replayed = if orders.contains_key(key) { "idempotent-replayed: true\r\n" } else { "" };
        let number = *orders.entry(key.to_owned()).or_insert(next);
        if self.cut_every > 0 && posts.len().is_multiple_of(self.cut_every) {
            return None;
        }
        let number = if self.forgets { posts.len() } else { number };
        let (status, state) = if self.slow { (202, "queued") } else { (201, "confirmed") };
        Some(order(status, number, state, replayed))
    }
}

fn order(status: u16, number: usize, state: &str, headers: &str) -> String {
    let body = format!(r#"{{"id":"00000000-0000-7000-8000-{number:012}","status":"{state}"}}"#);
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut method, mut key, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if let Some(value) = line.strip_prefix("idempotency-key: ") {
            value.clone_into(&mut key);
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        } else if line.is_empty() {
            reader.read_exact(&mut vec![0; length]).ok()?;
            return Some((method, key));
        } else if method.is_empty() {
            line.split(' ').next()?.clone_into(&mut method);
        }
    }
}

fn plan(target: SocketAddr, clients: usize, orders: u32) -> Plan {
    let mut plan = Plan::closed(target, clients);
    plan.orders_max = Some(orders);
    plan.patience.backoff = Duration::from_millis(1);
    plan
}

#[test]
fn a_closed_loop_places_every_order_once() {
    let (address, stub) = Stub::default().serve();
    let results = start(plan(address, 8, 400)).unwrap().finish();
    assert_eq!(results.ledger.entries().len(), 400);
    assert!(results.ledger.entries().iter().all(|e| e.outcome == Outcome::Confirmed));
    assert!(results.ledger.conflicts().is_empty());
    assert_eq!(stub.posts.lock().unwrap().len(), 400);
    assert_eq!(results.live.confirmed.load(Relaxed), 400);
    assert_eq!(results.slices.iter().map(|slice| slice.confirmed).sum::<u64>(), 400);
    assert_eq!(results.latency.len(), 400);
}

#[test]
fn a_lost_answer_is_asked_for_with_the_same_key() {
    let (address, stub) = Stub { cut_every: 7, ..Stub::default() }.serve();
    let results = start(plan(address, 4, 200)).unwrap().finish();
    assert!(results.ledger.entries().iter().all(|e| e.outcome == Outcome::Confirmed));
    let ids: HashSet<_> = results.ledger.entries().iter().map(|e| e.order_id).collect();
    assert_eq!(ids.len(), 200);
    assert_eq!(stub.orders.lock().unwrap().len(), 200);
    assert!(results.live.retries.load(Relaxed) >= 200 / 7);
    assert!(results.ledger.conflicts().is_empty());
}

#[test]
fn who_never_retries_does_not_know() {
    let (address, _stub) = Stub { cut_every: 2, ..Stub::default() }.serve();
    let mut plan = plan(address, 1, 100);
    plan.patience.give_up_share = 1.0;
    let results = start(plan).unwrap().finish();
    let unknown = results.ledger.entries().iter().filter(|e| e.outcome == Outcome::Unknown).count();
    assert_eq!(unknown, 50);
    assert_eq!(results.live.retries.load(Relaxed), 0);
}

#[test]
fn a_503_is_tried_again() {
    let (address, _stub) = Stub { refuse_first: true, ..Stub::default() }.serve();
    let results = start(plan(address, 2, 50)).unwrap().finish();
    assert!(results.ledger.entries().iter().all(|e| e.tries == 2 && e.status == 201));
}

#[test]
fn a_202_is_followed_until_it_is_settled() {
    let (address, _stub) = Stub { slow: true, ..Stub::default() }.serve();
    let mut plan = plan(address, 1, 1);
    plan.run = 5;
    let results = start(plan).unwrap().finish();
    let entry = results.ledger.entries()[0];
    assert_eq!((entry.outcome, entry.status), (Outcome::Confirmed, 202));
}

#[test]
fn two_orders_for_one_key_are_noted() {
    let (address, _stub) = Stub { forgets: true, ..Stub::default() }.serve();
    let mut plan = plan(address, 2, 20);
    plan.patience.repeat_share = 1.0;
    let results = start(plan).unwrap().finish();
    assert_eq!(results.ledger.conflicts().len(), 20);
    assert!(results.ledger.conflicts()[0].what.contains("two orders"));
}

#[test]
fn an_open_loop_keeps_its_rate_and_counts_from_the_intended_start() {
    let (address, _stub) = Stub::default().serve();
    let mut plan = plan(address, 4, 300);
    plan.pace = Pace::Open { orders_per_s: 1_000.0 };
    let results = start(plan).unwrap().finish();
    assert_eq!(results.ledger.entries().len(), 300);
    let last = results.ledger.entries().iter().map(|entry| entry.started_ms).max().unwrap();
    assert!((150..600).contains(&last), "300 arrivals at 1,000/s took {last} ms");
}

#[test]
fn a_paused_load_places_nothing_and_goes_on_when_told() {
    let (address, _stub) = Stub::default().serve();
    let running = start(plan(address, 2, 1_000_000)).unwrap();
    wait_until(|| running.live.ended.load(Relaxed) > 10);
    running.control.pause();
    wait_until(|| running.live.under_way() == 0);
    let paused_at = running.live.begun.load(Relaxed);
    running.control.resume();
    wait_until(|| running.live.ended.load(Relaxed) > paused_at);
    running.control.stop();
    let results = running.finish();
    assert_eq!(results.live.under_way(), 0);
}

#[test]
fn a_load_without_a_server_ends_when_it_is_stopped() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut plan = plan(nobody, 2, 1_000);
    plan.patience.drain = Duration::from_millis(20);
    let running = start(plan).unwrap();
    wait_until(|| running.live.retries.load(Relaxed) > 0);
    running.control.stop();
    let results = running.finish();
    assert_eq!(results.ledger.entries().len(), 2);
    assert!(results.ledger.entries().iter().all(|entry| entry.outcome == Outcome::Unknown));
}

#[test]
fn an_order_of_several_lines_names_different_items() {
    use rand::SeedableRng;
    let mut random = rand::rngs::SmallRng::seed_from_u64(3);
    for _ in 0..100 {
        let mut body = Vec::new();
        Basket::Lines { items: 23, lines: 5 }.write(&mut random, &mut body);
        let order: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let lines = order["lines"].as_array().unwrap();
        let items: HashSet<_> = lines.iter().map(|line| line["item_id"].to_string()).collect();
        assert_eq!(items.len(), 5, "{order}");
    }
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain");
        thread::yield_now();
    }
}
