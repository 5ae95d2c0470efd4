//! Somebody else holds a lock that the service needs.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use inventory_api::Config;
use schema_inventory::stock::lock_stock;
use schema_pg::DbError;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::world::{World, defaults, eventually, reserve_body};

/// A transaction that holds an item until it is told to let go.
struct Holder {
    let_go: oneshot::Sender<()>,
    held: JoinHandle<Result<(), DbError>>,
}

impl Holder {
    async fn of(world: &World, item_id: &str) -> Holder {
        let (let_go, told) = oneshot::channel();
        let (locked, is_locked) = oneshot::channel();
        let (db, items) = (world.database.db.clone(), vec![item_id.to_owned()]);
        let held = tokio::spawn(async move {
            db.transaction(move |connection| {
                Box::pin(async move {
                    lock_stock(connection, &items).await?;
                    locked.send(()).expect("the test waits");
                    told.await.expect("the test tells");
                    Ok(())
                })
            })
            .await
        });
        is_locked.await.expect("locked");
        Holder { let_go, held }
    }

    async fn let_go(self) {
        self.let_go.send(()).expect("it waits");
        self.held.await.expect("joined").expect("committed");
    }
}

#[tokio::test]
async fn work_that_waited_past_its_deadline_is_refused_before_it_locks() {
    // one transaction at a time: the second call waits for the first
    let config = Config { batch_flushes_max: 1, ..defaults() };
    let world = World::configured(config, &[("ps5", 10)]).await;
    let holder = Holder::of(&world, "ps5").await;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    let blocked = world.put(first, 1, &[("ps5", 1)]);
    let waiting = async {
        // the holder's session, and that of the first call's transaction
        let pool = world.database.db.pool();
        eventually(async || pool.size() as usize - pool.num_idle() == 2).await;
        let path = format!("/api/inventory/reservations/{second}");
        let sending = world.send(Method::PUT, &path).header("saga-deadline-ms", 100);
        sending.json(&reserve_body(second, &[("ps5", 1)])).await
    };
    let releasing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        holder.let_go().await;
    };
    let (blocked, waited, ()) = tokio::join!(blocked, waiting, releasing);
    blocked.assert_is(201, "held");
    waited.assert_is(503, "deadline-passed");
    let path = format!("/api/inventory/reservations/{second}");
    world.get(&path).await.assert_is(404, "not-found");
    assert_eq!(world.level("ps5").await, (10, 1));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn an_item_that_somebody_holds_does_not_fail_the_others() {
    let world = World::with_stock(&[("ps5", 10), ("pad", 10)]).await;
    let holder = Holder::of(&world, "ps5").await;
    // The second time it is known who is held, and nobody waits for it.
    for _ in 0..2 {
        let calls = (0..6).map(async |index| {
            let item = if index % 2 == 0 { "ps5" } else { "pad" };
            (item, world.put(Uuid::now_v7(), 1, &[(item, 1)]).await)
        });
        for (item, answer) in join_all(calls).await {
            if item == "pad" {
                answer.assert_is(201, "held");
            } else {
                answer.assert_is(503, "item-busy");
                assert_eq!(answer.headers["retry-after"], "1", "nothing was executed");
            }
        }
    }
    holder.let_go().await;
    assert_eq!((world.level("ps5").await, world.level("pad").await), ((10, 0), (10, 6)));
    world.put(Uuid::now_v7(), 1, &[("ps5", 1)]).await.assert_is(201, "held");
    world.assert_clean_slate().await;
}
