//! The relay against a real Postgres and an inventory that fails by script.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod claim_on_insert;
mod clock;
mod crowds;
mod stub;
mod traces;
mod world;

use std::time::{Duration, Instant};

use stub::{Act, Stub};
use world::World;

const SINGLE: [&str; 2] = ["--batch-calls", "off"];

async fn world() -> World {
    World::new(Stub::start().await).await
}

#[tokio::test]
async fn confirms_an_order_with_one_call() {
    let world = world().await;
    let relay = world.relay(&[]);
    let order = world.order().await;
    let saga = world.until_state(order, "confirmed").await;
    assert_eq!((saga.attempt, saga.epoch, saga.in_doubt), (1, 1, false));
    assert_eq!(world.journal(order).await, ["created", "claimed", "step_done"]);
    assert_eq!(world.stub.seen().len(), 1);
    relay.stop().await;
    assert_eq!(world.count("select count(*) from relays").await, 0, "it left");
    world.assert_clean().await;
}

#[tokio::test]
async fn orders_that_wait_together_travel_together() {
    let world = world().await;
    let orders = world.orders(300, 60_000).await;
    let _relay = world.relay(&[]);
    for order in orders {
        world.until_state(order, "confirmed").await;
    }
    assert_eq!(world.stub.seen().len(), 300, "one call each");
    let batches = world.stub.batches();
    assert!(batches.len() < 10 && batches.iter().any(|calls| *calls >= 100), "{batches:?}");
    world.assert_clean().await;
}

#[tokio::test]
async fn one_bad_entry_in_a_batch_harms_no_other() {
    let world = world().await;
    let orders = world.orders(30, 60_000).await;
    world.stub.script(&[Act::Do, Act::Page(200), Act::Problem(409, "insufficient-stock")]);
    let _relay = world.relay(&[]);
    for order in &orders {
        world.until(*order, |saga| ["confirmed", "failed"].contains(&saga.state.as_str())).await;
    }
    assert_eq!(world.count("select count(*) from sagas where state = 'failed'").await, 1);
    assert_eq!(world.stub.seen().len(), 31, "only the unreadable answer is asked for again");
    world.assert_clean().await;
}

#[tokio::test]
async fn a_batch_whose_answer_is_cut_is_replayed_under_the_same_ids() {
    let world = world().await;
    let orders = world.orders(40, 60_000).await;
    world.stub.script(&[Act::Do, Act::DoThenCut]);
    let _relay = world.relay(&[]);
    for order in &orders {
        let first = world.saga(*order).await.reservation_id;
        let saga = world.until_state(*order, "confirmed").await;
        assert_eq!(saga.reservation_id, first);
        assert_eq!(world.stub.state_of(first), Some("held"));
    }
    world.assert_clean().await;
}

#[tokio::test]
async fn a_definitive_no_fails_the_order_and_is_not_repeated() {
    for (status, code, reason) in
        [(409, "insufficient-stock", "insufficient_stock"), (404, "unknown-item", "unknown_item")]
    {
        let world = world().await;
        world.stub.always(Act::Problem(status, code));
        let _relay = world.relay(&[]);
        let order = world.order().await;
        let saga = world.until_state(order, "failed").await;
        assert_eq!(saga.reason.as_deref(), Some(reason));
        assert_eq!(world.stub.seen().len(), 1);
        world.assert_clean().await;
    }
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_replaying_the_same_reservation() {
    for act in [Act::DoThenCut, Act::DoThenHang, Act::Page(500), Act::Page(504)] {
        let world = world().await;
        world.stub.script(&[act]);
        let _relay = world.relay(&SINGLE);
        let order = world.order().await;
        let doubted = world.until(order, |saga| saga.in_doubt).await;
        let saga = world.until_state(order, "confirmed").await;
        assert!(!saga.in_doubt);
        assert_eq!(saga.attempt, 2);
        assert_eq!(saga.reservation_id, doubted.reservation_id);
        let seen = world.stub.seen();
        assert_eq!(seen.len(), 2, "{act:?}");
        assert_eq!(seen[0].reservation_id, seen[1].reservation_id);
        assert!(seen[0].epoch < seen[1].epoch);
        world.assert_clean().await;
    }
}

#[tokio::test]
async fn inventory_that_is_not_there_burns_no_attempt() {
    let world = World::new(Stub::closed().await).await;
    let _relay = world.relay(&[]);
    let order = world.order().await;
    let queued = world.until_state(order, "queued").await;
    assert_eq!((queued.attempt, queued.in_doubt), (0, false));
    world.stub.open().await;
    let saga = world.until_state(order, "confirmed").await;
    assert_eq!(saga.attempt, 1);
    world.assert_clean().await;
}

#[tokio::test]
async fn retry_after_is_kept_to() {
    let world = world().await;
    world.stub.script(&[Act::Later]);
    let _relay = world.relay(&SINGLE);
    let begun = Instant::now();
    let order = world.order().await;
    let queued = world.until_state(order, "queued").await;
    assert_eq!(queued.reason.as_deref(), Some("throttled"));
    world.until_state(order, "confirmed").await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn an_answer_that_is_not_ours_parks_the_saga_and_blocks_nobody() {
    let world = world().await;
    world.stub.script(&[Act::Page(404)]);
    let _relay = world.relay(&SINGLE);
    let parked = world.order().await;
    let saga = world.until_state(parked, "parked").await;
    assert_eq!(saga.reason.as_deref(), Some("contract_error"));
    let next = world.order().await;
    world.until_state(next, "confirmed").await;
    assert_eq!(world.saga(parked).await.state, "parked");
    world.assert_clean().await;
}

#[tokio::test]
async fn a_dead_relays_saga_is_taken_over_in_doubt_within_two_seconds() {
    let world = world().await;
    world.stub.script(&[Act::DoThenHang]);
    let first = world.relay(&["--call-timeout-ms", "60000", "--batch-calls", "off"]);
    let order = world.order().await;
    world.until_calls(1).await;
    let second = world.relay(&SINGLE);
    first.die();
    let died = Instant::now();
    let saga = world.until_state(order, "confirmed").await;
    assert!(died.elapsed() < Duration::from_secs(2), "{:?}", died.elapsed());
    assert_eq!((saga.epoch, saga.attempt), (2, 2));
    let seen = world.stub.seen();
    assert_eq!(seen[0].reservation_id, seen[1].reservation_id);
    second.stop().await;
    world.assert_clean().await;
}

#[tokio::test]
async fn a_relay_that_stops_hands_over_at_once() {
    let world = world().await;
    world.stub.script(&[Act::DoThenHang]);
    let first =
        world.relay(&["--call-timeout-ms", "60000", "--batch-calls", "off", "--stale-ms", "60000"]);
    let order = world.order().await;
    world.until_calls(1).await;
    let _second = world.relay(&["--batch-calls", "off", "--stale-ms", "60000"]);
    let stopping = Instant::now();
    first.stop().await;
    let stopped = stopping.elapsed();
    world.until_state(order, "confirmed").await;
    assert!(stopping.elapsed() < Duration::from_secs(2), "{:?}", stopping.elapsed());
    assert!(stopped < Duration::from_secs(1), "{stopped:?}");
    assert_eq!(
        world.journal(order).await,
        ["created", "claimed", "call_unknown", "claimed", "step_done"]
    );
    world.assert_clean().await;
}

#[tokio::test]
async fn a_zombies_late_answer_changes_nothing() {
    let world = world().await;
    world.stub.script(&[Act::DoThenHang]);
    let _zombie = world.relay(&["--call-timeout-ms", "3000", "--batch-calls", "off"]);
    let order = world.order().await;
    world.until_calls(1).await;
    // What a pause past the heartbeat looks like to the others.
    world.execute("update outbox set owner = -1").await;
    world.execute("insert into relays (id, name, heartbeat_at) overriding system value values (-1, 'gone', now() - interval '1 hour')").await;
    let saga = world.until_state(order, "confirmed").await;
    assert_eq!(saga.epoch, 2);
    // The first call times out under epoch 1 and must not put the order back into the queue.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.saga(order).await, saga);
    world.assert_clean().await;
}

/// The orders database was restored, or lost its tail in a failover: inventory knows claims that it has forgotten.
#[tokio::test]
async fn a_saga_whose_epoch_fell_behind_goes_on_above_what_inventory_knows() {
    for ways in [&SINGLE[..], &[]] {
        let world = world().await;
        world.stub.script(&[Act::Stale(20), Act::Stale(20)]);
        let orders = world.orders(2, 60_000).await;
        let _relay = world.relay(ways);
        for order in orders {
            let saga = world.until_state(order, "confirmed").await;
            assert_eq!((saga.epoch, saga.attempt), (21, 2), "{ways:?}");
            let journal = world.journal(order).await;
            assert_eq!(journal, ["created", "claimed", "call_unknown", "claimed", "step_done"]);
        }
        assert_eq!(world.stub.seen().len(), 4, "no call is wasted");
        world.assert_clean().await;
    }
}

#[tokio::test]
async fn a_saga_that_keeps_crashing_its_relay_is_parked() {
    let world = world().await;
    let order = world.order().await;
    world.execute("update sagas set state = 'reserving', crashes = 8").await;
    world.execute("update outbox set owner = 0").await;
    world.execute("insert into relays (id, name, heartbeat_at) overriding system value values (0, 'gone', now() - interval '1 hour')").await;
    let innocent = world.order().await;
    let _relay = world.relay(&[]);
    let saga = world.until_state(order, "parked").await;
    assert_eq!(saga.reason.as_deref(), Some("poison_message"));
    assert!(saga.in_doubt);
    world.until_state(innocent, "confirmed").await;
    assert_eq!(world.stub.seen().len(), 1, "the poisoned saga is not called for again");
}

#[tokio::test]
async fn a_deadline_in_doubt_ends_in_an_acknowledged_release() {
    let world = world().await;
    world.stub.always(Act::DoThenHang);
    let _relay = world.relay(&["--batch-calls", "off", "--call-timeout-ms", "300"]);
    let order = world.orders(1, 700).await[0];
    world.until_state(order, "releasing").await;
    world.stub.always(Act::Do);
    let saga = world.until_state(order, "failed").await;
    assert_eq!(saga.reason.as_deref(), Some("deadline_passed"));
    assert_eq!(world.stub.state_of(saga.reservation_id), Some("released"));
    world.assert_clean().await;
}

#[tokio::test]
async fn a_state_of_a_newer_version_is_left_alone() {
    let world = world().await;
    let order = world.order().await;
    world.execute("update sagas set state = 'shipping'").await;
    let _relay = world.relay(&[]);
    let other = world.order().await;
    world.until_state(other, "confirmed").await;
    assert_eq!(world.saga(order).await.state, "shipping");
    assert_eq!(world.stub.seen().len(), 1);
}

#[tokio::test]
async fn an_open_breaker_queues_orders_at_once_and_drains_them_after() {
    let world = world().await;
    world.stub.always(Act::Page(500));
    let _relay = world.relay(&["--breaker-open-ms", "1500", "--batch-calls", "off"]);
    let first = world.orders(20, 60_000).await;
    world.until(first[0], |saga| saga.attempt > 0 && saga.state == "queued").await;
    let late = world.order().await;
    let queued = world.until_state(late, "queued").await;
    assert_eq!((queued.reason.as_deref(), queued.attempt), (Some("breaker_open"), 0));
    let while_open = world.stub.seen().len();
    assert!(while_open <= 45, "{while_open} calls while it was failing");
    world.stub.always(Act::Do);
    for order in first.into_iter().chain([late]) {
        world.until_state(order, "confirmed").await;
    }
    world.assert_clean().await;
}

#[tokio::test]
async fn two_relays_share_the_work_and_meet_nowhere() {
    let world = world().await;
    let _relays = [world.relay(&["--claim-max", "7"]), world.relay(&["--claim-max", "7"])];
    let orders = world.orders(200, 60_000).await;
    for order in orders {
        let saga = world.until_state(order, "confirmed").await;
        assert_eq!((saga.epoch, saga.attempt), (1, 1));
    }
    assert_eq!(world.stub.seen().len(), 200);
    world.assert_clean().await;
}

#[tokio::test]
async fn staff_isolates_every_relay_also_one_that_starts_later_and_closes_them_again() {
    let world = world().await;
    let early = world.relay(&["--heartbeat-ms", "50"]);
    let gate = early.gate();
    world
        .execute("insert into breaker_orders values ('inventory', 1, true, 'Zoe', 'it burns')")
        .await;
    world.until_isolated(&gate, true).await;
    let late = world.relay(&["--heartbeat-ms", "50"]);
    let late_gate = late.gate();
    world.until_isolated(&late_gate, true).await;
    let order = world.order().await;
    let saga = world.until_state(order, "queued").await;
    assert_eq!((saga.reason.as_deref(), saga.attempt), (Some("breaker_open"), 0));
    assert!(world.stub.seen().is_empty(), "nobody is called");
    world.execute("update breaker_orders set number = 2, isolated = false").await;
    world.until_isolated(&gate, false).await;
    world.until_isolated(&late_gate, false).await;
    world.execute("update outbox set run_at = now() where run_at is not null").await;
    world.until_state(order, "confirmed").await;
    world.assert_clean().await;
}
