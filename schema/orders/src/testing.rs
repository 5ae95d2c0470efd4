//! Fresh orders databases for tests, and what only a test does to one.

use std::time::Duration;

use schema_pg::Db;
use schema_pg::testing::TestDb;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use uuid::Uuid;

use crate::lab::insert_finished_orders;
use crate::orders::{Earlier, Insertion, NewOrder, find_earlier, insert_new};

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

/// Writes orders, and tells what became of each as the order service does.
pub async fn insert_orders(
    connection: &mut PgConnection,
    orders: &[NewOrder],
) -> sqlx::Result<Vec<Insertion>> {
    let created = insert_new(connection, orders).await?;
    let conflicting = created.conflicting_keys(orders);
    let earlier = if conflicting.is_empty() {
        Earlier::default()
    } else {
        find_earlier(connection, &conflicting).await?
    };
    let insertions = created.insertions(orders, &earlier).into_iter();
    insertions.map(|known| known.ok_or(sqlx::Error::RowNotFound)).collect()
}

/// Locks a whole table, as maintenance does, until what this returns is closed.
pub async fn lock_sagas(test: &TestDb) -> PgConnection {
    let mut holder = PgConnection::connect(&test.url).await.expect("the test server answers");
    let locked = sqlx::raw_sql("begin; lock table sagas").execute(&mut holder).await;
    locked.expect("nobody else holds it");
    holder
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

/// Lets a saga that waits for its next try wait for so many seconds from now.
pub async fn put_off(db: &Db, order_id: Uuid, seconds: i32) {
    let update = "update outbox set run_at = now() + $2 * interval '1 s' where order_id = $1";
    execute(db.pool(), sqlx::query(update).bind(order_id).bind(seconds)).await;
}

/// Lets the messages of the work list have waited for so many seconds longer.
pub async fn make_oldest_message_older(db: &Db, seconds: i32) {
    let update = sqlx::query("update outbox set created_at = created_at - $1 * interval '1 s'");
    execute(db.pool(), update.bind(seconds)).await;
}

/// Lets a saga have stood still for so many seconds longer.
pub async fn make_saga_older(db: &Db, order_id: Uuid, seconds: i32) {
    let sagas =
        "update sagas set updated_at = updated_at - $2 * interval '1 s' where order_id = $1";
    let message = "update outbox
        set created_at = created_at - $2 * interval '1 s', run_at = run_at - $2 * interval '1 s'
        where order_id = $1";
    for update in [sagas, message] {
        execute(db.pool(), sqlx::query(update).bind(order_id).bind(seconds)).await;
    }
}

/// A past of `count` orders in every state, and the newest of them still on the work list, as lists see
/// them: without a journal that fits. Written in pieces, then analyzed.
pub async fn insert_mixed_past(db: &Db, count: i64) {
    const PIECE: i64 = 20_000;
    for first in (0..count).step_by(PIECE as usize) {
        let last = (first + PIECE).min(count) - 1;
        let written = db.read(move |connection| {
            Box::pin(insert_finished_orders(connection, 1_700_000_000_000, first, last))
        });
        written.await.expect("the test server answers");
    }
    for mix in MIX {
        execute(db.pool(), sqlx::query(mix).bind(count)).await;
    }
}

/// `n` is an order's place, 0 the oldest, as its item and its time tell it.
const MIX: [&str; 4] = [
    "with place as (
        select id, (extract(epoch from created_at) * 1000)::bigint - 1700000000000 as n from orders
    ),
    mixed as (
        select id, n, case
            when n >= $1 * 9 / 10 then
                case when n % 20 = 0 then 'pending' when n % 20 = 1 then 'reserving' else 'queued' end
            when n % 25 = 0 then 'failed'
            when n % 100 = 1 then 'cancelled'
            when n % 1000 = 3 then 'parked'
            when n % 1000 = 4 then 'releasing'
        end as state
        from place
    )
    update sagas
    set state = mixed.state,
        listed_state = nullif(nullif(mixed.state, 'pending'), 'reserving'),
        in_doubt = mixed.state in ('queued', 'parked', 'releasing', 'reserving') and n % 7 = 0,
        attempt = n % 7,
        reason = case mixed.state
            when 'failed' then case n % 2 when 0 then 'insufficient_stock' else 'unknown_item' end
            when 'queued' then case n % 3 when 0 then 'backoff' else 'breaker_open' end
            when 'parked' then 'contract_error'
        end,
        cause = case mixed.state when 'releasing' then 'customer_cancel' end
    from mixed
    where order_id = mixed.id and mixed.state is not null",
    "insert into outbox (order_id, run_at, created_at)
     select order_id,
        case when state in ('queued', 'releasing') then now() + interval '1 h' end, now()
     from sagas
     where state in ('pending', 'reserving', 'queued', 'releasing') and $1 > 0",
    "update outbox set run_at = now() - interval '1 h'
     where order_id in (select order_id from sagas where state = 'releasing') and $1 > 0",
    "update orders set lines = '[{\"item_id\": \"rare\", \"quantity\": 1}]'
     where id in (select id from orders order by id limit 5) and $1 > 0",
];

/// Vacuums and analyzes, as the server does by itself in the long run.
pub async fn vacuum(db: &Db) {
    execute(db.pool(), sqlx::query("vacuum analyze")).await;
}

/// Scans of whole tables by this transaction, by table: of `orders` and `sagas`, where there was one.
pub async fn find_whole_scans(
    connection: &mut sqlx::PgConnection,
) -> sqlx::Result<Vec<(String, i64)>> {
    let scans = "select relname::text, seq_scan
        from pg_stat_xact_user_tables
        where relname in ('orders', 'sagas', 'saga_steps', 'idempotency_keys') and seq_scan > 0";
    sqlx::query_as(scans).fetch_all(connection).await
}

async fn execute(pool: &PgPool, query: Query<'_, Postgres, PgArguments>) {
    query.execute(pool).await.expect("the test server answers");
}
