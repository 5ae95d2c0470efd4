//! Batches against a real Postgres: what the pure part cannot show, which is who meets whom.

use std::time::Duration;

use schema_inventory::apply::{Applied, Unapplied, apply_batch, apply_batch_at};
use schema_inventory::consistency::find_imbalances;
use schema_inventory::ctid_cache::CtidCache;
use schema_inventory::stock::{find_item, insert_item};
use schema_inventory::testing::fresh_inventory;
use schema_inventory::transactions::insert_adjustment;
use schema_inventory::{Answer, Command, Line, Rejection, Reserve, Shortage, State};
use schema_pg::Db;
use schema_pg::testing::TestDb;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

const HELD: Answer = Answer::Done(State::Held);
const RELEASED: Answer = Answer::Done(State::Released);

struct World(TestDb);

impl World {
    async fn with_stock(items: &[(&'static str, i64)]) -> Self {
        let database = fresh_inventory().await;
        for (item_id, on_hand) in items.iter().copied() {
            let stocked: Result<(), sqlx::Error> = database
                .db
                .transaction(move |c| {
                    Box::pin(async move {
                        insert_item(c, item_id, item_id, on_hand).await?;
                        insert_adjustment(c, item_id, "opening", on_hand, None).await
                    })
                })
                .await;
            stocked.expect("stocked");
        }
        Self(database)
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answer> {
        apply(self.0.db.clone(), commands).await
    }

    async fn reserved(&self, item_id: &'static str) -> i64 {
        let item: Result<_, sqlx::Error> =
            self.0.db.read(move |c| Box::pin(find_item(c, item_id))).await;
        item.expect("read").expect("there").reserved
    }

    async fn assert_clean_slate(&self) {
        let found: Result<_, sqlx::Error> =
            self.0.db.read(|c| Box::pin(find_imbalances(c, 10))).await;
        assert_eq!(found.expect("read"), []);
    }
}

async fn apply(db: Db, commands: Vec<Command>) -> Vec<Answer> {
    let applied: Result<_, sqlx::Error> =
        db.transaction(|c| Box::pin(async move { apply_batch(c, &commands).await })).await;
    applied.expect("applied").answers
}

fn reserve(reservation_id: Uuid, epoch: i64, lines: &[(&str, i64)]) -> Command {
    let lines = lines
        .iter()
        .map(|(item_id, quantity)| Line { item_id: (*item_id).to_owned(), quantity: *quantity });
    let order_id = Uuid::from_u128(reservation_id.as_u128() + 1);
    Command::Reserve(Reserve::new(reservation_id, order_id, Some(epoch), lines.collect()))
}

fn release(reservation_id: Uuid, epoch: i64) -> Command {
    Command::Release { reservation_id, order_id: None, epoch: Some(epoch) }
}

fn commit(reservation_id: Uuid, epoch: i64) -> Command {
    Command::Commit { reservation_id, epoch: Some(epoch) }
}

fn short(item_id: &str, requested: i64, available: i64) -> Answer {
    let items = vec![Shortage { item_id: item_id.to_owned(), requested, available }];
    Answer::Rejected(Rejection::InsufficientStock { items })
}

#[tokio::test]
async fn stores_what_it_answered_whatever_it_was() {
    let world = World::with_stock(&[("ps5", 3)]).await;
    let (winner, loser, ghost) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let ask = || {
        vec![
            reserve(winner, 1, &[("ps5", 2)]),
            reserve(loser, 1, &[("ps5", 2)]),
            reserve(ghost, 1, &[("ps6", 1)]),
        ]
    };
    let unknown = Answer::Rejected(Rejection::UnknownItem { items: vec!["ps6".to_owned()] });
    let expected = [HELD, short("ps5", 2, 1), unknown];
    assert_eq!(world.apply(ask()).await, expected);
    assert_eq!(world.apply(vec![reserve(ghost, 1, &[("ps6", 1)])]).await, expected[2..]);
    world.apply(vec![release(winner, 1)]).await;
    assert_eq!(world.apply(ask()).await[1..], expected[1..]);
    assert_eq!(world.reserved("ps5").await, 0);
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn follows_a_reservation_through_its_life() {
    let world = World::with_stock(&[("ps5", 9), ("pad", 9)]).await;
    let (shipped, returned, tombstone) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let lines = &[("ps5", 2), ("pad", 1), ("ps5", 1)];
    let answers = world
        .apply(vec![
            reserve(shipped, 1, lines),
            reserve(returned, 1, lines),
            release(tombstone, 1),
            reserve(tombstone, 1, lines),
        ])
        .await;
    assert_eq!(answers, [HELD, HELD, RELEASED, Answer::Tombstoned]);
    assert_eq!(world.reserved("ps5").await, 6);
    let answers = world.apply(vec![commit(shipped, 1), release(returned, 2)]).await;
    assert_eq!(answers, [Answer::Done(State::Committed), RELEASED]);
    let answers = world
        .apply(vec![
            release(shipped, 1),
            commit(shipped, 1),
            reserve(returned, 1, lines),
            reserve(returned, 2, lines),
            reserve(tombstone, 1, lines),
            commit(Uuid::now_v7(), 1),
        ])
        .await;
    let stale = Answer::StaleEpoch { newest: 2 };
    let committed = Answer::Done(State::Committed);
    let gone = Answer::Tombstoned;
    assert_eq!(
        answers,
        [Answer::AlreadyCommitted, committed, stale, gone.clone(), gone, Answer::Unknown]
    );
    assert_eq!(world.reserved("ps5").await, 0);
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn takes_stock_once_for_ten_concurrent_reserves_of_one_id() {
    let world = World::with_stock(&[("ps5", 100)]).await;
    let id = Uuid::now_v7();
    let calls: Vec<_> = (0..10)
        .map(|_| tokio::spawn(apply(world.0.db.clone(), vec![reserve(id, 1, &[("ps5", 3)])])))
        .collect();
    for call in calls {
        assert_eq!(call.await.expect("joined"), [HELD]);
    }
    assert_eq!(world.reserved("ps5").await, 3);
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn never_meets_itself_when_items_and_ids_come_in_opposite_order() {
    let world = World::with_stock(&[("a", 10_000), ("b", 10_000)]).await;
    let ids: Vec<Uuid> = (0..40).map(|_| Uuid::now_v7()).collect();
    let forth: Vec<Command> = ids.iter().map(|id| reserve(*id, 1, &[("a", 1), ("b", 1)])).collect();
    let back: Vec<Command> = forth.iter().rev().cloned().collect();
    let releases: Vec<Command> = ids.iter().rev().map(|id| release(*id, 1)).collect();
    for _ in 0..10 {
        let db = || world.0.db.clone();
        let calls = [forth.clone(), back.clone(), releases.clone(), forth.clone()];
        let calls = calls.map(|commands| tokio::spawn(apply(db(), commands)));
        for call in calls {
            call.await.expect("no deadlock");
        }
    }
    assert_eq!(world.reserved("a").await, 0);
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn never_oversells_a_hot_item() {
    let world = World::with_stock(&[("ps5", 50)]).await;
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let commands = vec![reserve(Uuid::now_v7(), 1, &[("ps5", 1)])];
            tokio::spawn(apply(world.0.db.clone(), commands))
        })
        .collect();
    let mut held = 0;
    for call in calls {
        held += usize::from(call.await.expect("joined") == [HELD]);
    }
    assert_eq!(held, 50);
    assert_eq!(world.reserved("ps5").await, 50);
    world.assert_clean_slate().await;
}

/// A cache that is used whatever the index would take.
fn used_cache() -> CtidCache {
    let cache = CtidCache::default();
    cache.looked_up(1, Duration::from_hours(1));
    cache
}

async fn apply_at(
    world: &World,
    cache: &CtidCache,
    command: Command,
) -> Result<Applied, Unapplied> {
    let known = cache.clone();
    let applied = world.0.db.transaction(move |c| {
        Box::pin(async move { apply_batch_at(c, &[command], Some(&known)).await })
    });
    let applied = applied.await?;
    cache.learn(applied.ctids.clone());
    // as it is while somebody holds a snapshot
    cache.looked_up(1, Duration::from_hours(1));
    Ok(applied)
}

#[tokio::test]
async fn an_item_is_found_at_its_place_from_batch_to_batch() {
    let world = World::with_stock(&[("ps5", 100), ("pad", 100)]).await;
    let cache = used_cache();
    for round in 1..=30 {
        let lines = &[("ps5", 1), ("pad", 2)];
        let applied = apply_at(&world, &cache, reserve(Uuid::now_v7(), 1, lines)).await;
        assert_eq!(applied.expect("nobody else changes them").answers, [HELD]);
        let known = cache.of(&["ps5".to_owned(), "pad".to_owned()]);
        assert!(known.is_some(), "round {round}");
    }
    assert_eq!((world.reserved("ps5").await, world.reserved("pad").await), (30, 60));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn a_batch_that_does_not_find_an_item_at_its_place_leaves_nothing_behind() {
    let world = World::with_stock(&[("ps5", 2), ("pad", 2)]).await;
    let cache = used_cache();
    let both = &[("ps5", 1), ("pad", 1)];
    apply_at(&world, &cache, reserve(Uuid::now_v7(), 1, both)).await.expect("by the index");
    // somebody else takes the last one, and the place is not the item's any more
    world.apply(vec![reserve(Uuid::now_v7(), 1, &[("ps5", 1)])]).await;
    let late = Uuid::now_v7();
    let missed = apply_at(&world, &cache, reserve(late, 1, both)).await;
    assert!(matches!(missed, Err(Unapplied::Moved)), "{missed:?}");
    cache.missed();
    let applied = apply_at(&world, &cache, reserve(late, 1, both)).await.expect("by the index");
    assert_eq!(applied.answers, [short("ps5", 1, 0)], "it was as if it had come now");
    assert_eq!((world.reserved("ps5").await, world.reserved("pad").await), (2, 1));
    world.assert_clean_slate().await;
}

#[tokio::test]
async fn an_item_that_somebody_is_changing_is_waited_for_and_not_found_at_its_old_place() {
    let world = World::with_stock(&[("ps5", 2)]).await;
    let cache = used_cache();
    apply_at(&world, &cache, reserve(Uuid::now_v7(), 1, &[("ps5", 1)]))
        .await
        .expect("by the index");
    let (mut other, mut asking) = (
        PgConnection::connect(&world.0.url).await.expect("connected"),
        PgConnection::connect(&world.0.url).await.expect("connected"),
    );
    sqlx::raw_sql("begin; update stock set on_hand = 1").execute(&mut other).await.expect("begun");
    let late = apply_at(&world, &cache, reserve(Uuid::now_v7(), 1, &[("ps5", 1)]));
    let commit = async {
        until_somebody_waits(&mut asking).await;
        sqlx::raw_sql("commit").execute(&mut other).await.expect("committed");
    };
    let (late, ()) = tokio::join!(late, commit);
    assert!(matches!(late, Err(Unapplied::Moved)), "{late:?}");
    assert_eq!(world.reserved("ps5").await, 1);
}

async fn until_somebody_waits(connection: &mut PgConnection) {
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *connection).await.expect("asked")
        == 0
    {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
