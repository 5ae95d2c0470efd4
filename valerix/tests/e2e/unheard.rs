//! What only tells of the work cannot stop it: logs and output that nobody takes.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write, pipe};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Process, Signal, Up, alone, until};

/// The first start makes a new database.
const READY_MAX: Duration = Duration::from_mins(1);
const END_MAX: Duration = Duration::from_secs(15);
/// What a pipe of Linux holds.
const PIPE_BYTES: usize = 64 * 1024;

/// A system that logs all it can, thousands of lines.
fn talkative() -> Up {
    let mut system = Up::new();
    system.set(&[("RUST_LOG", "trace")]);
    system
}

async fn lost(system: &Up, reason: &str) -> f64 {
    let series = format!("log_lines_dropped_total{{reason=\"{reason}\"}} ");
    system.orders.metric(&series).await
}

/// Orders are confirmed while log lines are lost, probes are answered, and it ends when it is told to.
async fn works(system: &Up, mut running: Process, reason: &str) {
    system.orders.ready(READY_MAX).await;
    let mut number = 0;
    until(async || {
        number += 1;
        let body = json!({"item_id": "ps5", "quantity": 1});
        let answer = system.orders.order(Some(&format!("unheard-{number}")), &body).await;
        let status = answer.status();
        let order: Value = answer.json().await.expect("JSON");
        assert!(status == 201 && order["status"] == "confirmed", "{status} {order}");
        number >= 20 && lost(system, reason).await > 0.0
    })
    .await;
    assert_eq!(system.orders.get("/health/live").await.status(), 200);
    assert_eq!(system.orders.get("/health/ready").await.status(), 200);
    running.signal(Signal::Terminate);
    assert!(running.wait_within(END_MAX).success());
}

#[tokio::test]
async fn a_log_whose_reader_has_left_stops_nothing() {
    let _alone = alone().await;
    let system = talkative();
    let (reader, errors) = pipe().expect("a pipe");
    let running = system.start_with(Stdio::null(), errors.into());
    let mut first = String::new();
    BufReader::new(reader).read_line(&mut first).expect("it logs something");
    assert!(!first.is_empty());
    works(&system, running, "not_written").await;
}

#[tokio::test]
async fn a_log_on_a_full_disk_stops_nothing() {
    let _alone = alone().await;
    let system = talkative();
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("it is always full");
    let running = system.start_with(Stdio::null(), full().into());
    works(&system, running, "not_written").await;
    // It can be started again while the disk is full.
    let running = system.start_with(full().into(), full().into());
    works(&system, running, "not_written").await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing_and_later_tells_what_was_lost() {
    let _alone = alone().await;
    let system = talkative();
    let (reader, errors) = pipe().expect("a pipe");
    let running = system.start_with(Stdio::null(), errors.into());
    system.orders.ready(READY_MAX).await;
    works_until_read(&system, reader).await;
    assert!(running.interrupt().0.success());

    let (_reader, errors) = pipe().expect("a pipe");
    let running = system.start_with(Stdio::null(), errors.into());
    works(&system, running, "queue_full").await;
}

/// Reads it at last, and finds the number of lines that were lost.
async fn works_until_read(system: &Up, reader: std::io::PipeReader) {
    until(async || {
        system.orders.json("/api/orders").await;
        lost(system, "queue_full").await > 0.0
    })
    .await;
    let told = std::thread::spawn(move || {
        let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
        let notice = lines.find(|line| line.contains("log lines were lost"));
        // It goes on being read, for a system that works.
        std::thread::spawn(move || lines.for_each(drop));
        notice
    });
    until(async || {
        system.orders.json("/api/orders").await;
        told.is_finished()
    })
    .await;
    let notice = told.join().expect("it does not panic").expect("it is told");
    assert!(notice.contains("WARN log lines were lost lines=\""), "{notice}");
}

#[tokio::test]
async fn a_banner_that_nobody_reads_stops_nothing() {
    let _alone = alone().await;
    let system = Up::new();
    let (_reader, mut output) = pipe().expect("a pipe");
    output.write_all(&vec![b'.'; PIPE_BYTES]).expect("it holds that much");
    let mut running = system.start_with(output.into(), Stdio::piped());
    system.orders.ready(READY_MAX).await;
    running.signal(Signal::Terminate);
    assert!(running.wait_within(END_MAX).success());
}

#[tokio::test]
async fn a_watch_ends_with_its_reader_though_the_order_goes_on() {
    let _alone = alone().await;
    let system = Up::new();
    let running = system.start();
    system.orders.isolate(true).await;
    system.orders.place("watched", "ps5").await;
    let orders = system.orders.json("/api/orders").await;
    let id = orders["items"][0]["id"].as_str().expect("an id").to_owned();
    let (reader, output) = pipe().expect("a pipe");
    let mut watching = system.start_client(&["orders", "watch", &id], output.into());
    let mut first = String::new();
    BufReader::new(reader).read_line(&mut first).expect("it tells a move");
    assert!(first.contains("pending"), "{first}");
    assert!(watching.wait_within(Duration::from_secs(5)).success());
    assert!(running.interrupt().0.success());
}
