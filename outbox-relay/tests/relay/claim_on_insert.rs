//! Orders that a relay claims with their insert.

use std::time::Duration;

use in_process::insert_claims::PendingClaims;
use schema_orders::orders::{Created, NewOrder, insert_new};
use uuid::Uuid;

use crate::stub::{Act, Stub};
use crate::world::{RunningRelay, World, new_order};

async fn world() -> World {
    World::new(Stub::start().await).await
}

/// Orders that the relay has claimed and nobody has written yet.
async fn claimed(relay: &RunningRelay, count: usize) -> (Vec<NewOrder>, PendingClaims) {
    let mut orders: Vec<NewOrder> = (0..count).map(|_| new_order(60_000)).collect();
    loop {
        if let Some(pending) = relay.hints.insert_claims.claim(&mut orders) {
            return (orders, pending);
        }
        // it has not joined yet
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn insert(world: &World, orders: &[NewOrder]) -> Created {
    let orders = orders.to_vec();
    let insert = world.db.db.transaction(move |connection| {
        Box::pin(async move { insert_new(connection, &orders).await })
    });
    insert.await.unwrap()
}

fn ids(orders: &[NewOrder]) -> Vec<Uuid> {
    orders.iter().map(|order| order.id).collect()
}

#[tokio::test]
async fn orders_claimed_with_their_insert_are_confirmed_with_one_call_each() {
    let world = world().await;
    let relay = world.relay(&[]);
    let (orders, pending) = claimed(&relay, 20).await;
    assert!(orders.iter().all(|order| order.first_update.is_some()));
    let created = insert(&world, &orders).await;
    assert_eq!(world.stub.seen().len(), 0, "nothing is called before the insert is known to stand");
    pending.committed(&created);
    for id in ids(&orders) {
        let saga = world.until_state(id, "confirmed").await;
        assert_eq!((saga.attempt, saga.epoch, saga.in_doubt), (1, 1, false));
        assert_eq!(world.journal(id).await, ["created", "claimed", "step_done"]);
    }
    assert_eq!(world.stub.seen().len(), 20);
    relay.stop().await;
    world.assert_clean().await;
}

#[tokio::test]
async fn a_key_that_was_taken_makes_no_call() {
    let world = world().await;
    let relay = world.relay(&[]);
    let (first, pending) = claimed(&relay, 1).await;
    pending.committed(&insert(&world, &first).await);
    world.until_state(first[0].id, "confirmed").await;
    let (mut again, pending) = claimed(&relay, 2).await;
    again[0].key.clone_from(&first[0].key);
    pending.committed(&insert(&world, &again).await);
    world.until_state(again[1].id, "confirmed").await;
    assert_eq!(world.stub.seen().len(), 2, "one for each order that was written");
    relay.stop().await;
    world.assert_clean().await;
}

#[tokio::test]
async fn an_insert_whose_commit_got_no_answer_is_found_and_replayed_in_doubt() {
    let world = world().await;
    let relay = world.relay(&[]);
    let (orders, pending) = claimed(&relay, 3).await;
    insert(&world, &orders).await;
    drop(pending);
    for id in ids(&orders) {
        world.until_state(id, "confirmed").await;
        assert_eq!(world.journal(id).await, ["created", "claimed", "claimed", "step_done"]);
    }
    relay.stop().await;
    world.assert_clean().await;
}

#[tokio::test]
async fn what_a_dead_relay_had_claimed_with_the_insert_is_taken_over() {
    let world = world().await;
    let relay = world.relay(&[]);
    let (orders, pending) = claimed(&relay, 3).await;
    relay.die();
    insert(&world, &orders).await;
    std::mem::forget(pending);
    let _second = world.relay(&[]);
    for id in ids(&orders) {
        let saga = world.until_state(id, "confirmed").await;
        assert_eq!(saga.epoch, 2);
    }
    world.assert_clean().await;
}

#[tokio::test]
async fn nothing_is_claimed_with_the_insert_while_calls_are_held_back() {
    let world = world().await;
    let relay = world.relay(&["--batch-calls", "off"]);
    let (orders, pending) = claimed(&relay, 1).await;
    world.stub.script(&[Act::Do]);
    pending.committed(&insert(&world, &orders).await);
    let gate = relay.gate();
    gate.isolate();
    assert!(relay.hints.insert_claims.claim(&mut [new_order(60_000)]).is_none());
    gate.close();
    assert!(relay.hints.insert_claims.claim(&mut [new_order(60_000)]).is_some());
    world.until_state(orders[0].id, "confirmed").await;
    relay.stop().await;
    assert!(relay_has_left(&world).await);
}

async fn relay_has_left(world: &World) -> bool {
    world.count("select count(*) from relays").await == 0
}
