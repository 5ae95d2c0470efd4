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
            first_move: None,
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
        plans: Plans::Lookups,
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
                    lock_orphaned(c, 1_000, 0..=1, Uuid::nil(), 100).await?;
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
                let first = find_first(c).await?.expect("there are three");
                let of = |claimed: Vec<ClaimedSaga>| -> Vec<Uuid> {
                    claimed.iter().map(|saga| saga.loaded.order_id).collect()
                };
                let everywhere = of(lock_lost(c, 7, &[], Uuid::nil(), 100).await?);
                let lost = of(lock_lost(c, 7, &[], first, 100).await?);
                let orphaned = of(lock_orphaned(c, 1_000, 0..=1, first, 100).await?);
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
    let first = || test.db.read(|c| Box::pin(find_first(c)));
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
