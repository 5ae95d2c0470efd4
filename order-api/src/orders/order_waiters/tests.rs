use chrono::{DateTime, Utc};
use tokio::sync::broadcast;

use super::*;

fn settled(order_id: Uuid, state: &str) -> Settled {
    let updated_at = DateTime::<Utc>::UNIX_EPOCH;
    Settled { order_id, state: state.into(), reason: None, version: 3, updated_at }
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

async fn state_of(waiter: Waiter) -> Option<String> {
    waiter.answerable_within(Duration::from_secs(5)).await.map(|settled| settled.state)
}

#[tokio::test]
async fn wakes_everybody_who_waits_for_an_order_and_nobody_else() {
    let order_waiters = OrderWaiters::new(WaitersMax::of(4_096));
    let first = order_waiters.wait_for(id(1), Until::Answerable).unwrap();
    let second = order_waiters.wait_for(id(1), Until::Answerable).unwrap();
    let other = order_waiters.wait_for(id(2), Until::Answerable).unwrap();
    order_waiters.waiters().deliver([settled(id(1), "confirmed")]);
    assert_eq!(state_of(first).await.as_deref(), Some("confirmed"));
    assert_eq!(state_of(second).await.as_deref(), Some("confirmed"));
    assert_eq!(order_waiters.waiters().len(), 1);
    assert!(other.answerable_within(Duration::ZERO).await.is_none());
    assert_eq!(order_waiters.waiters().len(), 0, "a place is given back");
}

#[tokio::test]
async fn a_long_poll_does_not_end_because_the_order_is_queued() {
    let order_waiters = OrderWaiters::new(WaitersMax::of(4_096));
    let post = order_waiters.wait_for(id(1), Until::Answerable).unwrap();
    let long_poll = order_waiters.wait_for(id(1), Until::NeedsNoRelay).unwrap();
    order_waiters.waiters().deliver([settled(id(1), "queued")]);
    assert_eq!(state_of(post).await.as_deref(), Some("queued"));
    order_waiters.waiters().deliver([settled(id(1), "failed")]);
    assert_eq!(state_of(long_poll).await.as_deref(), Some("failed"));
}

#[tokio::test]
async fn hands_on_hints_and_looks_when_it_has_lost_some() {
    let order_waiters = OrderWaiters::new(WaitersMax::of(4_096));
    let (sender, receiver) = broadcast::channel(1);
    let waiter = order_waiters.wait_for(id(3), Until::Answerable).unwrap();
    for n in 1..=3 {
        sender.send(Arc::from([settled(id(n), "confirmed")])).unwrap();
    }
    drop(sender);
    order_waiters.clone().follow_hints(receiver).await;
    assert_eq!(state_of(waiter).await.as_deref(), Some("confirmed"));
    order_waiters.0.look.notified().await;
}

#[test]
fn polls_for_a_waiter_more_rarely_the_longer_it_waits() {
    let mut waiters = Waiters::default();
    let begun = Instant::now();
    let (sender, _receiver) = oneshot::channel();
    waiters.add(id(1), Until::NeedsNoRelay, sender, begun);
    let turns = (0..30_000u64)
        .step_by(20)
        .filter(|ms| !waiters.take_due(begun + Duration::from_millis(*ms)).is_empty())
        .collect::<Vec<_>>();
    assert_eq!(&turns[..4], [100, 200, 300, 400]);
    assert!(turns.windows(2).all(|pair| pair[1] - pair[0] <= 1_000), "{turns:?}");
    assert!(turns.len() < 50, "{turns:?}");
}

#[test]
fn long_polls_leave_room_for_posts_and_waits_for_what_is_answered_at_once() {
    let most = WaitersMax::of(8);
    assert_eq!(most, WaitersMax { all: 4, polls: 3 });
    let order_waiters = OrderWaiters::new(most);
    let wait = |until| order_waiters.wait_for(id(1), until);
    let mut polls: Vec<Waiter> = (0..3).map(|_| wait(Until::NeedsNoRelay).unwrap()).collect();
    assert!(wait(Until::NeedsNoRelay).is_none());
    let post = wait(Until::Answerable).unwrap();
    assert!(wait(Until::Answerable).is_none());
    polls.pop();
    assert!(wait(Until::NeedsNoRelay).is_some(), "and given back again");
    drop(post);
    order_waiters.waiters().deliver([settled(id(1), "confirmed")]);
    let counts = || {
        let waiters = order_waiters.waiters();
        (waiters.len(), waiters.polls())
    };
    assert_eq!(counts(), (0, 0));
    drop(polls);
    assert_eq!(counts(), (0, 0), "they had gone already");
}
