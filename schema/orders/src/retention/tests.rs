use schema_pg::Db;
use schema_pg::retention::Next;
use schema_pg::testing::{TestDb, fresh_database};

use super::*;
use crate::lab::insert_finished_orders;

const DAY_MS: i64 = 86_400_000;
const TERMS: Terms = Terms { keep_ms: DAY_MS, rows_max: 10, pause_ms: 0 };

/// Orders of long ago, one in each millisecond.
struct World(TestDb);

impl World {
    async fn with_orders(count: i64) -> Self {
        let database = fresh_database("orders", &crate::MIGRATOR).await;
        let filled = database.db.read(move |connection| {
            Box::pin(insert_finished_orders(connection, 1_000_000_000_000, 1, count))
        });
        filled.await.expect("filled");
        Self(database)
    }

    fn db(&self) -> &Db {
        &self.0.db
    }

    async fn turn(&self) -> Option<Turn> {
        let turn = self.db().transaction(|connection| take_turn(connection, TERMS));
        turn.await.expect("the test server answers")
    }

    /// Turns until one is short, which is the end of the walk.
    async fn walk(&self) -> Next {
        loop {
            let turn = self.turn().await.expect("it is nobody else's turn");
            if turn.next.pause_ms > 0 {
                self.run("update retention set next_at = now()").await;
                return turn.next;
            }
        }
    }

    async fn run(&self, sql: &'static str) {
        sqlx::query(sql).execute(self.db().pool()).await.expect("the test server answers");
    }

    /// Rows of orders, keys, sagas and steps.
    async fn rows(&self) -> [i64; 4] {
        let counts =
            "select (select count(*) from orders), (select count(*) from idempotency_keys),
            (select count(*) from sagas), (select count(*) from saga_steps)";
        let counts: (i64, i64, i64, i64) =
            sqlx::query_as(counts).fetch_one(self.db().pool()).await.expect("counted");
        counts.into()
    }

    async fn order(&self, n: i64) -> Uuid {
        let id = "select order_id from idempotency_keys where key = 'past-' || $1";
        let id = sqlx::query_scalar(id).bind(n).fetch_one(self.db().pool()).await;
        id.expect("there")
    }
}

#[tokio::test]
async fn removes_what_is_finished_and_old_with_all_that_is_its_own() {
    let world = World::with_orders(25).await;
    let last = world.order(25).await;
    let turn = world.turn().await.expect("its turn");
    let removed = [("orders", 10), ("idempotency_keys", 10), ("sagas", 10), ("saga_steps", 30)];
    assert_eq!(turn.removed, removed);
    assert_eq!(world.rows().await, [15, 15, 15, 45]);
    let next = world.walk().await;
    assert_eq!(world.rows().await, [0; 4]);
    assert!(next.position.removed_below > last && next.position.first_kept.is_none());
}

#[tokio::test]
async fn keeps_what_is_young_unfinished_or_has_moved_and_finds_it_again() {
    let world = World::with_orders(20).await;
    for sql in [
        "update sagas set state = 'parked', listed_state = 'parked', reason = 'contract_error'
         where order_id = (select order_id from idempotency_keys where key = 'past-3')",
        "update sagas set updated_at = now()
         where order_id = (select order_id from idempotency_keys where key = 'past-5')",
        "insert into outbox (order_id) select order_id from idempotency_keys where key = 'past-7'",
    ] {
        world.run(sql).await;
    }
    let today_ms = i64::try_from(Uuid::now_v7().as_u128() >> 80).expect("a time");
    let young = world.db().read(move |connection| {
        Box::pin(insert_finished_orders(connection, today_ms - 1_000, 100, 109))
    });
    young.await.expect("filled");
    let (third, seventh) = (world.order(3).await, world.order(7).await);
    let next = world.walk().await;
    assert_eq!(world.rows().await, [13, 13, 13, 39]);
    assert_eq!(next.position.first_kept, Some(third));

    // The round is over, and two of them have ended since.
    world
        .run(
            "update sagas set state = 'cancelled', listed_state = 'cancelled', reason = null
             where state = 'parked'",
        )
        .await;
    world.run("update sagas set updated_at = now() - interval '2 days'").await;
    world.run("update retention set round_ends_at = now()").await;
    assert!(world.walk().await.is_new_round);
    let again = world.walk().await;
    assert_eq!(world.rows().await, [11, 11, 11, 33]);
    assert_eq!(again.position.first_kept, Some(seventh));
}

#[tokio::test]
async fn two_relays_never_take_a_turn_at_once_and_one_waits_for_the_others_pause() {
    let world = World::with_orders(30).await;
    let theirs = world.db().clone();
    let held: sqlx::Result<_> = world
        .db()
        .transaction(move |connection| {
            Box::pin(async move {
                let turn = take_turn(connection, TERMS).await?;
                let meanwhile = theirs.transaction(|c| take_turn(c, TERMS)).await?;
                Ok((turn.is_some(), meanwhile))
            })
        })
        .await;
    assert_eq!(held.expect("both answer"), (true, None));
    world.run("update retention set next_at = now() + interval '1 minute'").await;
    assert_eq!(world.turn().await, None);
    assert_eq!(world.rows().await[0], 20);
}

#[tokio::test]
async fn an_order_that_staff_acts_on_is_left_alone() {
    let world = World::with_orders(5).await;
    let second = world.order(2).await;
    let removing = world.db().clone();
    let acted: sqlx::Result<_> = world
        .db()
        .transaction(move |connection| {
            Box::pin(async move {
                crate::sagas::load_for_update(connection, second).await?;
                let turn = removing.transaction(|c| take_turn(c, TERMS)).await?;
                Ok(turn.map(|turn| (turn.removed[0], turn.next.position.first_kept)))
            })
        })
        .await;
    assert_eq!(acted.expect("both answer"), Some((("orders", 4), Some(second))));
}

#[tokio::test]
async fn every_row_is_reached_by_an_index() {
    let world = World::with_orders(2_000).await;
    world.run("vacuum analyze").await;
    let scanned: sqlx::Result<Vec<String>> = world
        .db()
        .transaction(|connection| {
            Box::pin(async move {
                sqlx::query("set local enable_seqscan = off").execute(&mut *connection).await?;
                take_turn(connection, TERMS).await?;
                sqlx::query_scalar(
                    "select relname::text from pg_stat_xact_user_tables
                     where seq_scan > 0 and relname <> 'retention'",
                )
                .fetch_all(connection)
                .await
            })
        })
        .await;
    assert_eq!(scanned.expect("counted"), Vec::<String>::new());
    assert_eq!(world.rows().await[0], 1_990);
}
