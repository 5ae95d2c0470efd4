//! A relay is killed while it waits for answers: its sagas are in doubt, and another one takes them over.

use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Signal, UnderLoad, alone};

/// What is promised: every saga of a killed relay moves again within this time.
const TAKEOVER_MAX: Duration = Duration::from_secs(2);
/// How many sagas the relay is to hold when it is killed.
const HELD_MIN: usize = 5;
/// Calls in flight may take 400 ms to come back; the rest is handing over.
const HAND_OVER_MAX: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);

#[tokio::test]
async fn another_relay_takes_over_within_two_seconds_from_one_that_is_killed() {
    let _alone = alone().await;
    let mut all = UnderLoad::start().await;
    let url = &all.system.subject.orders_url;
    let mut orders = PgConnection::connect(url).await.expect("the orders database answers");
    let victim = relay_id(&mut orders, all.relays[0].pid()).await;

    // inventory stands still: what it has been asked, it will do, but the one who asked will not hear of it
    all.inventory_api.signal(Signal::Stop);
    while held_by(&mut orders, victim).await.len() < HELD_MIN {
        sleep(POLL).await;
    }
    all.relays[0].kill();
    let killed_at = Instant::now();
    let orphans = held_by(&mut orders, victim).await;
    assert!(!orphans.is_empty(), "it left nothing to take over");
    all.inventory_api.signal(Signal::Continue);

    while !held_by(&mut orders, victim).await.is_empty() {
        assert!(killed_at.elapsed() < 3 * TAKEOVER_MAX, "nobody takes over");
        sleep(POLL).await;
    }
    let took = killed_at.elapsed();
    eprintln!("{} sagas taken over {took:?} after their relay was killed", orphans.len());
    assert!(took <= TAKEOVER_MAX, "{took:?}");
    all.relays.remove(0);
    all.end().await;
}

#[tokio::test]
async fn a_relay_that_is_asked_to_stop_leaves_nothing_behind() {
    let _alone = alone().await;
    let mut all = UnderLoad::start().await;
    let url = &all.system.subject.orders_url;
    let mut orders = PgConnection::connect(url).await.expect("the orders database answers");
    let leaving = relay_id(&mut orders, all.relays[0].pid()).await;
    let (status, took, log) = all.relays.remove(0).interrupt();
    assert!(status.success(), "{log}");
    assert!(held_by(&mut orders, leaving).await.is_empty(), "it still holds sagas");
    eprintln!("a relay under load stopped within {took:?}");
    assert!(took < HAND_OVER_MAX, "{took:?}");
    all.end().await;
}

/// By the name it gave itself: host/pid.
async fn relay_id(orders: &mut PgConnection, pid: u32) -> i64 {
    sqlx::query_scalar("select id from relays where name like '%/' || $1")
        .bind(pid.to_string())
        .fetch_one(orders)
        .await
        .expect("the relay has joined")
}

async fn held_by(orders: &mut PgConnection, relay: i64) -> Vec<Uuid> {
    sqlx::query_scalar("select order_id from outbox where owner = $1")
        .bind(relay)
        .fetch_all(orders)
        .await
        .expect("the orders database answers")
}
