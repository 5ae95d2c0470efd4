//! Trace contexts on their way to inventories of every version.

use crate::stub::EntryFields;
use crate::world;
use crate::world::World;

/// Two batches, one after the other.
async fn confirm_ten_twice(world: &World) {
    for _ in 0..2 {
        confirm_ten(world).await;
    }
}

async fn confirm_ten(world: &World) {
    for order in world.orders(10, 60_000).await {
        world.until_state(order, "confirmed").await;
    }
}

#[tokio::test]
async fn an_older_inventory_is_never_sent_a_trace_context_in_a_batch() {
    let world = world().await;
    let _relay = world.relay(&[]);
    confirm_ten_twice(&world).await;
    let traced = world.stub.traced();
    assert!(!traced.is_empty() && traced.iter().all(|is_traced| !is_traced), "{traced:?}");
    world.assert_clean().await;
}

#[tokio::test]
async fn an_inventory_that_says_that_it_knows_them_gets_them_in_batches_too() {
    let world = world().await;
    world.stub.knows(EntryFields::Traces);
    let _relay = world.relay(&[]);
    confirm_ten_twice(&world).await;
    let traced = world.stub.traced();
    assert!(!traced[0], "it had not said so yet");
    assert!(traced.last().is_some_and(|is_traced| *is_traced), "{traced:?}");
    world.assert_clean().await;
}

#[tokio::test]
async fn an_older_inventory_at_the_address_of_a_newer_one_costs_a_retry_and_no_order() {
    let world = world().await;
    world.stub.knows(EntryFields::TracesOfAnother);
    let _relay = world.relay(&[]);
    confirm_ten_twice(&world).await;
    let before = world.stub.traced();
    assert!(before.contains(&true), "it was never tried: {before:?}");
    confirm_ten(&world).await;
    assert!(!world.stub.traced()[before.len()..].contains(&true), "it was tried again");
    world.assert_clean().await;
}
