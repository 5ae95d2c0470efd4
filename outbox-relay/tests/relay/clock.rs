//! The database's clock is set back: what it said before lies in the future.

use crate::stub::Act;
use crate::{SINGLE, world};

#[tokio::test]
async fn a_relay_that_died_before_the_clock_went_back_is_taken_over_from() {
    let world = world().await;
    world.stub.script(&[Act::DoThenHang]);
    let first = world.relay(&["--call-timeout-ms", "60000", "--batch-calls", "off"]);
    let order = world.order().await;
    world.until_calls(1).await;
    first.die();
    world.execute("update relays set heartbeat_at = now() + interval '3 hours'").await;
    let second = world.relay(&SINGLE);
    let saga = world.until_state(order, "confirmed").await;
    assert_eq!((saga.epoch, saga.attempt), (2, 2));
    second.stop().await;
    world.assert_clean().await;
}

#[tokio::test]
async fn what_waits_for_a_time_that_is_hours_away_now_is_tried_at_once() {
    let world = world().await;
    world.stub.script(&[Act::Later]);
    let _relay = world.relay(&SINGLE);
    let order = world.order().await;
    world.until_state(order, "queued").await;
    let set_back = "with moved as (update sagas set updated_at = now() + interval '3 hours'),
            beat as (update relays set heartbeat_at = now() + interval '3 hours')
        update outbox set run_at = now() + interval '3 hours' where owner is null";
    world.execute(set_back).await;
    world.until_state(order, "confirmed").await;
}
