use schema_pg::{Db, DbError, Plans, PoolConfig};
use sqlx::Row;

use super::*;
use crate::lab::insert_finished_orders;
use crate::orders::{NewOrder, insert_new};

/// Scans of a whole table that this transaction has made.
async fn whole_scans(connection: &mut PgConnection) -> i64 {
    let sql = "select coalesce(sum(seq_scan), 0)::bigint as scans
               from pg_stat_xact_user_tables
               where relname in ('outbox', 'sagas', 'orders')";
    sqlx::query(sql).fetch_one(connection).await.unwrap().get("scans")
}

async fn take_orders(db: &Db, count: usize) {
    let orders: Vec<NewOrder> = (0..count)
        .map(|number| NewOrder {
            id: Uuid::now_v7(),
            reservation_id: Uuid::now_v7(),
            tenant: "outbox".to_owned(),
            key: number.to_string(),
            fingerprint: [0; 32],
            lines: vec![Line { item_id: "ps5".to_owned(), quantity: 1 }],
            metadata: None,
            traceparent: None,
            deadline_ms: 60_000,
            first_update: None,
        })
        .collect();
    db.transaction(move |c| Box::pin(async move { insert_new(c, &orders).await })).await.unwrap();
}

/// A plan from a time when nothing waited must not become a scan of everything when much does.
#[tokio::test]
async fn claims_look_up_by_index_whatever_the_statistics_say() {
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    let mut connection = test.db.pool().acquire().await.unwrap();
    insert_finished_orders(&mut connection, 1_700_000_000_000, 1, 20_000).await.unwrap();
    sqlx::raw_sql("analyze").execute(&mut *connection).await.unwrap();
    drop(connection);
    let config = PoolConfig {
        plans: Plans::OrderedLookups,
        connections_max: 1,
        ..PoolConfig::new(&test.url, "relay")
    };
    let relays = Db::connect(&config).await.unwrap();
    for waiting in [0_usize, 500] {
        take_orders(&test.db, waiting).await;
        let (claimed, scans) = relays
            .transaction(|c| {
                Box::pin(async move {
                    let claimed = lock_fresh(c, Uuid::nil(), 100).await?.len();
                    lock_due(c, 100).await?;
                    lock_orphaned(c, (1, &[]), 0..=1, Uuid::nil(), 100).await?;
                    lock_lost(c, 1, &[], Uuid::nil(), 100).await?;
                    Ok::<_, DbError>((claimed, whole_scans(c).await))
                })
            })
            .await
            .unwrap();
        assert_eq!((claimed, scans), (waiting.min(100), 0));
    }
}

#[tokio::test]
async fn looks_for_what_is_held_begin_above_their_floor() {
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    take_orders(&test.db, 3).await;
    let looked: Result<_, DbError> = test
        .db
        .transaction(|c| {
            Box::pin(async move {
                sqlx::raw_sql("update outbox set owner = 7").execute(&mut *c).await?;
                let first = find_first(c).await?.0.expect("there are three");
                let of = |claimed: Vec<ClaimedSaga>| -> Vec<Uuid> {
                    claimed.iter().map(|saga| saga.loaded.order_id).collect()
                };
                let everywhere = of(lock_lost(c, 7, &[], Uuid::nil(), 100).await?);
                let lost = of(lock_lost(c, 7, &[], first, 100).await?);
                let orphaned = of(lock_orphaned(c, (1, &[]), 0..=1, first, 100).await?);
                Ok((first, everywhere, lost, orphaned))
            })
        })
        .await;
    let (first, everywhere, lost, orphaned) = looked.unwrap();
    assert_eq!((everywhere.len(), everywhere[0]), (3, first));
    assert_eq!(lost, everywhere[1..]);
    assert_eq!(orphaned, everywhere[1..]);
}

#[tokio::test]
async fn the_first_message_is_the_oldest_that_does_not_wait_for_a_time() {
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    let first = async || {
        let found: Result<_, DbError> = test.db.read(|c| Box::pin(find_first(c))).await;
        found.map(|(first, _)| first)
    };
    assert_eq!(first().await.unwrap(), None);
    take_orders(&test.db, 3).await;
    let ids: Vec<Uuid> = sqlx::query_scalar("select order_id from outbox order by order_id")
        .fetch_all(test.db.pool())
        .await
        .unwrap();
    assert_eq!(first().await.unwrap(), Some(ids[0]));
    sqlx::query("update outbox set run_at = now() where order_id = $1")
        .bind(ids[0])
        .execute(test.db.pool())
        .await
        .unwrap();
    assert_eq!(first().await.unwrap(), Some(ids[1]));
}

/// Rows of the work list, of sagas and of orders that this transaction has looked at.
async fn rows_read(connection: &mut PgConnection) -> i64 {
    let sql = "select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint as rows
               from pg_stat_xact_user_tables
               where relname in ('outbox', 'sagas', 'orders')";
    sqlx::query(sql).fetch_one(connection).await.unwrap().get("rows")
}

async fn execute(db: &Db, sql: &'static str) {
    sqlx::raw_sql(sql).execute(db.pool()).await.unwrap();
}

/// `waiting` sagas wait for a time that has come, and ten orders are new; the statistics know of none of them.
async fn a_long_list(test: &schema_pg::testing::TestDb, waiting: i64) {
    let mut connection = test.db.pool().acquire().await.unwrap();
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut *connection).await.unwrap();
    insert_finished_orders(&mut connection, 1_700_000_000_000, 1, waiting).await.unwrap();
    sqlx::raw_sql(
        "update sagas set state = 'queued', reason = 'backoff', in_doubt = true, deadline_at = now() + interval '1 day';
         insert into outbox (order_id, run_at)
         select order_id, now() - interval '1 hour' + row_number() over (order by order_id) * interval '1 microsecond'
         from sagas",
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    take_orders(&test.db, 10).await;
}

/// A plan made while nothing waited stays until something is analyzed, which may be long in coming.
#[tokio::test]
async fn looks_at_a_long_list_read_what_they_take_by_plans_made_while_it_was_empty() {
    const WAITING: i64 = 100_000;
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    for table in ["outbox", "sagas", "orders", "relays"] {
        let off = format!("alter table {table} set (autovacuum_enabled = off)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(off)).execute(test.db.pool()).await.unwrap();
    }
    let config = PoolConfig {
        plans: Plans::OrderedLookups,
        connections_max: 1,
        ..PoolConfig::new(&test.url, "relay")
    };
    let relays = Db::connect(&config).await.unwrap();
    let avoid = vec!["xbox".to_owned()];
    for is_long in [false, true] {
        if is_long {
            a_long_list(&test, WAITING).await;
        }
        for look in 0..7 {
            let avoid = avoid.clone();
            let (found, read, took) = relays
                .transaction(move |c| {
                    Box::pin(async move {
                        // the server reports what it counted with a delay
                        let before = rows_read(c).await;
                        let begun = std::time::Instant::now();
                        let found = match look {
                            0 => lock_fresh(c, Uuid::nil(), 256).await?.len(),
                            1 => lock_due(c, 256).await?.len(),
                            2 => lock_untried(c, &avoid, 8).await?.len(),
                            3 => lock_orphaned(c, (1, &[]), 0..=1, Uuid::nil(), 256).await?.len(),
                            4 => lock_lost(c, 1, &[], Uuid::nil(), 256).await?.len(),
                            5 => find_first(c).await?.0.map_or(0, |_| 1),
                            _ => usize::from(
                                crate::relays::look_around(c, 1, Uuid::nil()).await?.0.fresh_work,
                            ),
                        };
                        let took = begun.elapsed();
                        Ok::<_, DbError>((found, rows_read(c).await - before, took))
                    })
                })
                .await
                .unwrap();
            if is_long {
                println!("look {look}: {found} found, {read} rows read, {took:?}");
                assert_eq!(found, [10, 256, 0, 0, 0, 1, 1][look], "look {look}");
                let most = if look == 2 { 5_000 } else { 1_000 };
                assert!(read <= most, "look {look} reads {read} rows of {WAITING}");
            }
        }
    }
}

#[tokio::test]
async fn sagas_of_a_newer_version_hold_nobody_up_however_many_they_are() {
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    take_orders(&test.db, 40).await;
    execute(
        &test.db,
        "update outbox set run_at = now();
         update sagas set state = 'queued', reason = 'backoff', in_doubt = true;
         update sagas set reason = 'waits_for_payment'
         where order_id in (select order_id from sagas order by order_id limit 30)",
    )
    .await;
    let due: Result<_, DbError> =
        test.db.transaction(|c| Box::pin(async move { Ok(lock_due(c, 8).await?.len()) })).await;
    assert_eq!(due.unwrap(), 8);
}

/// Between the statement's look at the list and its locks another relay, which is alive, takes the message over.
#[tokio::test]
async fn what_was_taken_over_while_it_looked_is_left_to_its_new_owner() {
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    take_orders(&test.db, 1).await;
    execute(
        &test.db,
        "insert into relays (name, heartbeat_at) values ('dead', now() - interval '1 minute'), ('alive', now());
         update outbox set owner = (select id from relays where name = 'dead');
         create schema slow;
         create view slow.relays as
             select relays.* from public.relays, (select pg_sleep(0.5)) as nap",
    )
    .await;
    let other = test.db.clone();
    let looking = tokio::spawn(async move {
        other
            .transaction(|c| {
                Box::pin(async move {
                    sqlx::raw_sql("set local search_path = slow, public").execute(&mut *c).await?;
                    Ok::<_, DbError>(lock_orphaned(c, (7, &[]), 0..=1, Uuid::nil(), 8).await?.len())
                })
            })
            .await
    });
    let asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";
    while sqlx::query_scalar::<_, i64>(asleep).fetch_one(test.db.pool()).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    execute(&test.db, "update outbox set owner = (select id from relays where name = 'alive')")
        .await;
    assert_eq!(looking.await.unwrap().unwrap(), 0, "it is not taken from the living");
}
