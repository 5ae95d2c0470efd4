//! The gremlin's row: one counter for all, one clock.

use futures_util::future::join_all;
use schema_inventory::gremlin::{Done, Gremlin, add_done, draw, find, switch_off, switch_on};
use schema_inventory::testing::fresh_inventory;
use schema_pg::{Db, DbError};
use serde_json::json;

async fn on(db: &Db, ttl_s: i32) {
    let switched: Result<(), DbError> = db
        .transaction(move |c| {
            Box::pin(async move { switch_on(c, &json!({"latency_ms": 5}), ttl_s).await })
        })
        .await;
    switched.expect("switched on");
}

async fn row(db: &Db) -> Option<Gremlin> {
    let found: Result<_, DbError> = db.read(|c| Box::pin(find(c))).await;
    found.expect("read")
}

async fn first_of(db: &Db, count: i64) -> Option<i64> {
    let drawn: Result<_, DbError> = db.transaction(move |c| Box::pin(draw(c, count))).await;
    drawn.expect("drawn").map(|draw| draw.first)
}

#[tokio::test]
async fn numbers_calls_without_gaps_or_repeats() {
    let database = fresh_inventory().await;
    let db = &database.db;
    assert_eq!(first_of(db, 1).await, None);
    on(db, 60).await;
    let mut numbers: Vec<i64> = join_all((0..20).map(|_| first_of(db, 3)))
        .await
        .into_iter()
        .map(|first| first.expect("it is on"))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..20).map(|n| n * 3).collect::<Vec<_>>());
    assert_eq!(row(db).await.expect("there").calls, 60);
}

#[tokio::test]
async fn counts_anew_each_time_and_stays_readable_when_it_is_off() {
    let database = fresh_inventory().await;
    let db = &database.db;
    assert_eq!(row(db).await, None);
    on(db, 60).await;
    first_of(db, 4).await;
    let done = Done { delayed: 3, crashed: 2, lost: 1 };
    let account = |version| async move {
        let added: Result<(), DbError> =
            db.transaction(move |c| Box::pin(add_done(c, version, done))).await;
        added.expect("added");
    };
    account(1).await;
    let off: Result<(), DbError> = db.transaction(|c| Box::pin(switch_off(c))).await;
    off.expect("switched off");
    assert_eq!(first_of(db, 1).await, None);
    let shown = row(db).await.expect("there");
    assert_eq!((shown.left_ms, shown.calls, shown.done), (0, 4, done));
    on(db, 60).await;
    account(1).await; // of a replica that is late
    let again = row(db).await.expect("there");
    assert_eq!((again.version, again.calls, again.done), (2, 0, Done::default()));
    assert!((1..=60_000).contains(&again.left_ms), "{}", again.left_ms);
}
