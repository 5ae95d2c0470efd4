//! POST /api/orders/{id}/cancel: in every state, and while the order is being confirmed.

use saga::stored::LoadedSaga;
use schema_orders::testing::set_state;
use uuid::Uuid;

use crate::relay::{BREAKER_OPEN, BROKEN, DONE, NO_STOCK, Relay, UNKNOWN};
use crate::world::World;

const RELEASED: saga::Event = saga::Event::StepReleased;

#[tokio::test]
async fn before_the_pivot_it_leads_to_a_release_and_then_to_cancelled() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    let reserving = |claimed: &LoadedSaga| claimed.order_id;
    let mut orders = vec![world.order("reserving").await];
    assert_eq!(relay.claim().await.iter().map(reserving).collect::<Vec<_>>(), orders);
    for (key, answer) in [("in doubt", UNKNOWN), ("breaker", BREAKER_OPEN), ("parked", BROKEN)] {
        orders.push(world.order(&key.replace(' ', "-")).await);
        relay.settle_next(answer).await;
    }
    orders.push(world.order("pending").await);
    for id in &orders {
        let was = world.status_of(*id).await;
        let answer = world.cancel(*id).await;
        assert_eq!((answer.status.as_u16(), answer.id()), (202, *id), "{was}");
        assert_eq!(answer.header("location"), Some(format!("/api/orders/{id}").as_str()));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.json()["status"], "releasing", "{was}");
        assert_eq!(world.get(&format!("/api/orders/{id}")).await.json(), answer.json(), "{was}");
        let again = world.cancel(*id).await;
        assert_eq!((again.status.as_u16(), again.json()), (202, answer.json()), "{was}");
    }
    let mut released: Vec<Uuid> = Vec::new();
    for claimed in relay.claim().await {
        relay.answer(&claimed, RELEASED).await.unwrap();
        released.push(claimed.order_id);
    }
    released.sort_unstable();
    orders.sort_unstable();
    assert_eq!(released, orders);
    for id in orders {
        let cancelled = world.get(&format!("/api/orders/{id}")).await.json();
        assert_eq!(cancelled["status"], "cancelled");
        let again = world.cancel(id).await;
        assert_eq!((again.status.as_u16(), again.json()), (200, cancelled));
    }
}

#[tokio::test]
async fn after_the_pivot_it_is_too_late() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    for (key, answer, code) in
        [("a", DONE, "order-already-confirmed"), ("b", NO_STOCK, "order-already-failed")]
    {
        let id = world.order(key).await;
        relay.settle_next(answer).await;
        let before = world.get(&format!("/api/orders/{id}")).await.text;
        assert_eq!(world.cancel(id).await.problem(), (409, code.to_owned()));
        assert_eq!(world.get(&format!("/api/orders/{id}")).await.text, before);
    }
}

#[tokio::test]
async fn the_answer_of_a_call_that_was_overtaken_counts_no_more() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    let held = relay.claim().await.pop().unwrap();
    assert_eq!(world.cancel(id).await.status, 202);
    assert_eq!(relay.answer(&held, DONE).await, None, "fenced");
    assert_eq!(world.status_of(id).await, "releasing");
    let claimed = relay.claim().await.pop().unwrap();
    assert_eq!(
        claimed.saga.reservation_id, held.saga.reservation_id,
        "what was reserved is released"
    );
    assert!(claimed.saga.state.doubt().is_in_doubt());
    assert_eq!(claimed.epoch, held.epoch + 2, "inventory refuses the old call, too");
}

#[tokio::test]
async fn a_replay_of_a_cancelled_order_says_so() {
    let world = World::with(&["--order-api-wait-ms=0"]).await;
    let relay = Relay::of(&world).await;
    let id = world.order("k").await;
    world.cancel(id).await;
    let releasing = world.post("k", &crate::world::one_ps5()).await;
    assert_eq!(
        (releasing.status.as_u16(), &releasing.json()["status"]),
        (202, &"releasing".into())
    );
    relay.settle_next(RELEASED).await;
    let cancelled = world.post("k", &crate::world::one_ps5()).await;
    assert_eq!(
        (cancelled.status.as_u16(), &cancelled.json()["status"]),
        (200, &"cancelled".into())
    );
}

#[tokio::test]
async fn either_the_cancel_or_the_confirmation_wins_and_never_both() {
    let world = World::new().await;
    let relay = Relay::of(&world).await;
    let mut confirmed = 0;
    for n in 0..40 {
        let id = world.order(&n.to_string()).await;
        let held = relay.claim().await.pop().unwrap();
        // each of them goes first half of the time
        let (answer, cancel) = if n % 2 == 0 {
            tokio::join!(relay.answer(&held, DONE), world.cancel(id))
        } else {
            let (cancel, answer) = tokio::join!(world.cancel(id), relay.answer(&held, DONE));
            (answer, cancel)
        };
        let expected = if answer.is_some() { (409, "confirmed") } else { (202, "releasing") };
        assert_eq!((cancel.status.as_u16(), world.status_of(id).await.as_str()), expected);
        confirmed += usize::from(answer.is_some());
        for rest in relay.claim().await {
            relay.answer(&rest, RELEASED).await.unwrap();
        }
    }
    println!("{confirmed} of 40 were confirmed first");
}

#[tokio::test]
async fn a_state_of_a_newer_version_is_shown_and_left_alone() {
    let world = World::new().await;
    let id = world.order("k").await;
    set_state(&world.database.db, id, "shipping").await;
    assert_eq!(world.status_of(id).await, "shipping");
    let refused = world.cancel(id).await;
    assert_eq!(refused.problem(), (503, "unavailable".into()));
    assert_eq!(
        (world.status_of(id).await.as_str(), refused.header("retry-after")),
        ("shipping", Some("1"))
    );
}
