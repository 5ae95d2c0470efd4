//! What a crowd does to an inventory that has just come back, and what a newer version may have added.

use std::time::{Duration, Instant};

use crate::stub::Act;
use crate::{SINGLE, world};

/// Enough to show it; `VALERIX_DRAIN_ORDERS=50000` is the figure of the house.
const BACKLOG: usize = 3_000;
/// A new order may take this long while a backlog drains.
const FRESH_MAX: Duration = Duration::from_secs(3);
const DRAINED_MAX: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(20);

const QUEUED: &str = "select count(*) from sagas where state = 'queued'";
const CONFIRMED: &str = "select count(*) from sagas where state = 'confirmed'";

#[tokio::test]
async fn a_long_queue_drains_without_a_second_opening_and_starves_no_new_order() {
    let backlog = std::env::var("VALERIX_DRAIN_ORDERS").ok().and_then(|text| text.parse().ok());
    let backlog: usize = backlog.unwrap_or(BACKLOG);
    let world = world().await;
    world.stub.always(Act::Page(500));
    let relay = world.relay(&["--breaker-open-ms", "1000"]);
    let gate = relay.gate();
    for begun in (0..backlog).step_by(1_000) {
        world.orders((backlog - begun).min(1_000), 3_600_000).await;
    }
    let begun = Instant::now();
    while world.count(QUEUED).await < backlog as i64 {
        assert!(begun.elapsed() < DRAINED_MAX, "they are not queued");
        tokio::time::sleep(POLL).await;
    }
    world.stub.always(Act::Do);
    while world.count(CONFIRMED).await == 0 {
        assert!(begun.elapsed() < DRAINED_MAX, "nothing goes through");
        tokio::time::sleep(POLL).await;
    }
    let (drained, opens) = (Instant::now(), gate.snapshot().breaker.totals.opens);
    let (mut fresh, mut slowest) = (0, Duration::ZERO);
    while world.count(QUEUED).await > 0 {
        assert!(drained.elapsed() < DRAINED_MAX, "it does not drain");
        let placed = Instant::now();
        let order = world.order().await;
        world.until_state(order, "confirmed").await;
        (fresh, slowest) = (fresh + 1, slowest.max(placed.elapsed()));
    }
    eprintln!(
        "{backlog} drained in {:?}; {fresh} new ones, the slowest {slowest:?}",
        drained.elapsed()
    );
    assert_eq!(gate.snapshot().breaker.totals.opens, opens, "it opened a second time");
    assert!(fresh > 0 && slowest < FRESH_MAX, "{fresh} new ones, the slowest {slowest:?}");
    world.assert_clean().await;
}

/// As it is found when a fault that lost answers is over. Whoever the retry budget refuses waits for a turn, unclaimed.
#[tokio::test]
async fn a_crowd_in_doubt_is_worked_off_within_a_minute_and_its_journals_stay_short() {
    let crowd = std::env::var("VALERIX_CROWD_ORDERS").ok().and_then(|text| text.parse().ok());
    let crowd: usize = crowd.unwrap_or(500);
    let world = world().await;
    for begun in (0..crowd).step_by(1_000) {
        world.orders((crowd - begun).min(1_000), 3_600_000).await;
    }
    world
        .execute(
            "update sagas set state = 'queued', reason = 'backoff', in_doubt = true, attempt = 1,
                listed_state = 'queued'",
        )
        .await;
    world.execute("update outbox set run_at = now()").await;
    let begun = Instant::now();
    let relay = world.relay(&[]);
    let gate = relay.gate();
    while world.count(CONFIRMED).await < crowd as i64 {
        assert!(begun.elapsed() < Duration::from_mins(1), "they are not worked off");
        tokio::time::sleep(POLL).await;
    }
    let retries = gate.snapshot().retries;
    eprintln!("{crowd} in doubt worked off in {:?}: {retries:?}", begun.elapsed());
    assert_eq!((retries.granted, retries.answered), (crowd as u64, crowd as u64));
    assert!(retries.refused > 0, "the budget was never asked for more than it had");
    let steps = world.count("select count(*) from saga_steps").await;
    assert_eq!(steps, 3 * crowd as i64, "created, claimed, done: a refusal writes nothing");
    world.assert_clean().await;
}

#[tokio::test]
async fn one_bad_item_keeps_no_other_order_waiting_for_more_than_one_probe() {
    let world = world().await;
    let relay = world.relay(&["--breaker-open-ms", "300", "--batch-calls", "off"]);
    let gate = relay.gate();
    let bad = world.orders_of_a_bad_item(40).await;
    for order in &bad {
        world.until(*order, |saga| saga.state == "queued").await;
    }
    assert!(
        gate.snapshot().breaker.totals.opens > 0,
        "nothing tells a bad item from a sick service"
    );
    for _ in 0..5 {
        let opens = gate.snapshot().breaker.totals.opens;
        let good = world.order().await;
        world.until_state(good, "confirmed").await;
        let opened = gate.snapshot().breaker.totals.opens - opens;
        // A call that was made before it came may still fail.
        assert!(opened <= 1, "opened {opened} times more before it was tried");
    }
    for order in bad {
        world.until_state(order, "queued").await;
    }
}

#[tokio::test]
async fn a_half_open_breaker_sends_one_call_however_many_wait() {
    let world = world().await;
    world.stub.always(Act::Page(500));
    let args = [&SINGLE[..], &["--breaker-open-ms", "300", "--call-timeout-ms", "300"]].concat();
    let relay = world.relay(&args);
    let gate = relay.gate();
    world.orders(300, 60_000).await;
    let begun = Instant::now();
    while world.count(QUEUED).await < 300 {
        assert!(begun.elapsed() < DRAINED_MAX, "they are not queued");
        tokio::time::sleep(POLL).await;
    }
    world.stub.always(Act::DoThenHang);
    let (before, opens) = (world.stub.seen().len(), gate.snapshot().breaker.totals.opens);
    world.stub.take_in_flight_max();
    world.until_calls(before + 3).await;
    assert_eq!(world.stub.take_in_flight_max(), 1, "a herd");
    let calls = (world.stub.seen().len() - before) as u64;
    let opened = gate.snapshot().breaker.totals.opens - opens;
    assert!(calls <= opened + 2, "{calls} calls in {opened} openings");
    world.stub.always(Act::Do);
    while world.count(CONFIRMED).await < 300 {
        assert!(begun.elapsed() < DRAINED_MAX, "they are not confirmed");
        tokio::time::sleep(POLL).await;
    }
    world.assert_clean().await;
}

#[tokio::test]
async fn what_a_newer_version_has_added_to_the_tables_disturbs_nobody() {
    let world = world().await;
    for table in ["orders", "sagas", "saga_steps", "outbox", "relays"] {
        let sql = format!("alter table {table} add column newer text not null default 'x'");
        world.execute(sql.leak()).await;
    }
    let _relay = world.relay(&[]);
    let orders = world.orders(5, 60_000).await;
    for order in orders {
        world.until_state(order, "confirmed").await;
    }
    world.assert_clean().await;
}
