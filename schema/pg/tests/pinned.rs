//! Pinned connections: what is written on them stands, and none is kept that should not be.

use std::time::Duration;

use failpoints::Site;
use schema_pg::testing::{TestDb, fresh_database};
use schema_pg::{Db, DedicatedConnections, PoolConfig};
use sqlx::migrate::Migrator;
use sqlx::{Executor, PgConnection};

/// Any: without failpoints it makes no difference.
const SITE: Site = Site::InsertOrders;

struct World {
    database: TestDb,
    db: Db,
    connections: DedicatedConnections,
}

impl World {
    /// Four connections at most, one of which may be kept.
    async fn new() -> Self {
        let database = fresh_database("empty", &Migrator::DEFAULT).await;
        let sql = "create table notes (id int primary key, writer int default pg_backend_pid())";
        database.db.pool().execute(sql).await.expect("created");
        let config = PoolConfig { connections_max: 4, ..PoolConfig::new(&database.url, "kept") };
        let db = Db::connect(&config).await.expect("up");
        let connections = db.dedicated();
        Self { database, db, connections }
    }

    async fn statement(&self, id: i32) -> Result<(), sqlx::Error> {
        self.connections.write_one(SITE, move |c| Box::pin(insert(c, id))).await
    }

    async fn transaction(&self, ids: &'static [i32]) -> Result<(), sqlx::Error> {
        let written = self.connections.write(SITE, move |c| {
            Box::pin(async move {
                for id in ids {
                    insert(c, *id).await?;
                }
                Ok(())
            })
        });
        written.await
    }

    async fn notes(&self) -> Vec<i32> {
        let notes = sqlx::query_scalar("select id from notes order by id");
        notes.fetch_all(self.database.db.pool()).await.expect("answers")
    }

    /// How many connections wrote them.
    async fn writers(&self) -> i64 {
        let writers = sqlx::query_scalar("select count(distinct writer) from notes");
        writers.fetch_one(self.database.db.pool()).await.expect("answers")
    }

    async fn kill_sessions(&self) {
        let sql = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
                   where datname = current_database() and application_name = 'kept'";
        self.database.db.pool().execute(sql).await.expect("killed");
    }
}

async fn insert(connection: &mut PgConnection, id: i32) -> Result<(), sqlx::Error> {
    sqlx::query("insert into notes (id) values ($1)").bind(id).execute(connection).await.map(drop)
}

#[tokio::test]
async fn one_unit_of_work_after_the_other_goes_over_one_connection() {
    let world = World::new().await;
    for id in 0..5 {
        world.statement(id).await.expect("written");
    }
    world.transaction(&[5, 6]).await.expect("written");
    world.statement(7).await.expect("written");
    assert_eq!(world.notes().await, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(world.writers().await, 1);
}

#[tokio::test]
async fn what_fails_is_undone_and_the_next_one_does_not_meet_it() {
    let world = World::new().await;
    world.transaction(&[1]).await.expect("written");
    world.transaction(&[2, 1]).await.expect_err("it is there already");
    world.statement(1).await.expect_err("it is there already");
    world.statement(3).await.expect("written");
    assert_eq!(world.notes().await, [1, 3]);
}

#[tokio::test]
async fn a_panic_is_undone_and_continues_in_the_caller() {
    let world = World::new().await;
    let connections = world.connections.clone();
    let caller = tokio::spawn(async move {
        let written = connections.write::<(), sqlx::Error, _>(SITE, |c| {
            Box::pin(async move {
                insert(c, 1).await?;
                panic!("planted")
            })
        });
        written.await
    });
    assert!(caller.await.expect_err("panicked").is_panic());
    world.statement(2).await.expect("written");
    assert_eq!(world.notes().await, [2]);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_work() {
    let world = World::new().await;
    let slow = world.connections.write::<(), sqlx::Error, _>(SITE, |c| {
        Box::pin(async move {
            insert(c, 1).await?;
            c.execute("select pg_sleep(0.2)").await?;
            insert(c, 2).await
        })
    });
    tokio::time::timeout(Duration::from_millis(50), slow).await.expect_err("given up");
    while world.notes().await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.notes().await, [1, 2]);
}

#[tokio::test]
async fn those_who_come_together_share_the_pool_and_leave_most_of_it() {
    let world = World::new().await;
    let slow = |id| {
        world.connections.write::<(), sqlx::Error, _>(SITE, move |c| {
            Box::pin(async move {
                c.execute("select pg_sleep(0.05)").await?;
                insert(c, id).await
            })
        })
    };
    let (a, b, c) = tokio::join!(slow(1), slow(2), slow(3));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(world.writers().await, 3);
    let pool = world.db.pool();
    while pool.size() as usize - pool.num_idle() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_transaction_goes_to_another_connection_when_the_kept_one_has_died() {
    let world = World::new().await;
    world.transaction(&[1]).await.expect("written");
    world.kill_sessions().await;
    world.transaction(&[2]).await.expect("begun elsewhere");
    assert_eq!(world.notes().await, [1, 2]);
}

#[tokio::test]
async fn a_connection_that_died_while_it_rested_is_met_by_a_ping_and_not_by_a_statement() {
    let world = World::new().await;
    world.statement(1).await.expect("written");
    world.kill_sessions().await;
    let hasty = world.statement(2).await;
    assert!(hasty.is_err(), "used a moment ago, it is trusted: whether 2 was written is unknown");
    world.statement(3).await.expect("another connection");
    world.kill_sessions().await;
    tokio::time::sleep(Duration::from_millis(1_050)).await; // as long as it is trusted
    world.statement(4).await.expect("another connection");
    assert_eq!(world.notes().await, [1, 3, 4]);
}
