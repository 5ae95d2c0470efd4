//! Fresh orders databases for tests, and what only a test does to one.

use std::time::Duration;

use schema_pg::Db;
use schema_pg::testing::TestDb;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{PgPool, Postgres};
use uuid::Uuid;

/// Looks at a session that is about to block.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 2_000;

/// A migrated, empty orders database of its own.
pub async fn fresh_database() -> TestDb {
    schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await
}

/// A database before its migrations.
pub async fn empty_database() -> TestDb {
    schema_pg::testing::fresh_database("empty", &Migrator::DEFAULT).await
}

/// Waits until a session of this database waits for a lock.
pub async fn wait_for_blocked_session(db: &Db) {
    for _ in 0..LOOKS_MAX {
        let blocked: bool = sqlx::query_scalar(
            "select exists (
                select from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
            )",
        )
        .fetch_one(db.pool())
        .await
        .expect("the test server answers");
        if blocked {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("no session has come to wait for a lock");
}

/// Ends all sessions of this database but the one that says so, as a restarted server would.
pub async fn end_all_sessions(db: &Db) {
    execute(
        db.pool(),
        sqlx::query(
            "select pg_terminate_backend(pid)
             from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid()",
        ),
    )
    .await;
}

/// Puts a saga into any state, known or not.
pub async fn set_state(db: &Db, order_id: Uuid, state: &str) {
    let update = sqlx::query("update sagas set state = $2 where order_id = $1");
    execute(db.pool(), update.bind(order_id).bind(state)).await;
}

/// Lets the messages of the work list have waited for so many seconds longer.
pub async fn make_oldest_message_older(db: &Db, seconds: i32) {
    let update = sqlx::query("update outbox set created_at = created_at - $1 * interval '1 s'");
    execute(db.pool(), update.bind(seconds)).await;
}

async fn execute(pool: &PgPool, query: Query<'_, Postgres, PgArguments>) {
    query.execute(pool).await.expect("the test server answers");
}
