use saga::stored::Line;
use schema_pg::Db;
use schema_pg::testing::TestDb;
use uuid::Uuid;

use super::*;
use crate::lab::insert_finished_orders;
use crate::orders::{NewOrder, insert_new};

/// A silence that no test lasts for.
const SILENT_MS: i64 = 60_000;

async fn fresh_database() -> TestDb {
    schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await
}

async fn take_orders(db: &Db, count: usize) -> Vec<Uuid> {
    let orders: Vec<NewOrder> = (0..count)
        .map(|number| NewOrder {
            id: Uuid::now_v7(),
            reservation_id: Uuid::now_v7(),
            tenant: "board".to_owned(),
            key: number.to_string(),
            fingerprint: [0; 32],
            lines: vec![Line { item_id: "ps5".to_owned(), quantity: 1 }],
            metadata: None,
            traceparent: None,
            deadline_ms: 60_000,
            first_update: None,
        })
        .collect();
    let ids = orders.iter().map(|order| order.id).collect();
    db.transaction(move |c| Box::pin(async move { insert_new(c, &orders).await })).await.unwrap();
    ids
}

async fn run(db: &Db, sql: &'static str, order_id: Uuid) {
    sqlx::query(sql).bind(order_id).execute(db.pool()).await.unwrap();
}

#[tokio::test]
async fn counts_what_has_not_ended_by_state_and_reason() {
    let test = fresh_database().await;
    let ids = take_orders(&test.db, 5).await;
    for (id, sql) in ids.iter().zip([
        "update sagas set state = 'queued', reason = 'breaker_open' where order_id = $1",
        "update sagas set state = 'reserving', in_doubt = true where order_id = $1",
        "update sagas set state = 'parked', listed_state = 'parked', reason = 'contract_error',
            updated_at = now() - interval '2 hours' where order_id = $1",
        "update sagas set state = 'confirmed' where order_id = $1",
    ]) {
        run(&test.db, sql, *id).await;
    }
    for ended in &ids[2..4] {
        run(&test.db, "delete from outbox where order_id = $1", *ended).await;
    }
    let older = "update outbox set created_at = now() - interval '90 s' where order_id = $1";
    run(&test.db, older, ids[0]).await;
    let mut counts = test.db.read(|c| Box::pin(count_backlog(c))).await.unwrap();
    counts.sort_by(|a, b| a.state.cmp(&b.state));
    let ages: Vec<f64> = counts.iter().map(|count| count.oldest_age_s).collect();
    let told: Vec<_> = counts
        .iter()
        .map(|s| (s.state.as_str(), s.reason.as_deref(), s.sagas, s.in_doubt))
        .collect();
    assert_eq!(
        told,
        [
            ("parked", Some("contract_error"), 1, 0),
            ("pending", None, 1, 0),
            ("queued", Some("breaker_open"), 1, 0),
            ("reserving", None, 1, 1),
        ]
    );
    assert!(ages[0] >= 7_200.0 && ages[1] < 60.0 && ages[2] >= 90.0, "{ages:?}");
}

#[tokio::test]
async fn tells_work_that_nobody_does_from_work_that_waits_for_its_time() {
    let test = fresh_database().await;
    let read = || async { test.db.read(|c| Box::pin(read_work_list(c, SILENT_MS))).await.unwrap() };
    assert_eq!(read().await, WorkList::default());
    let ids = take_orders(&test.db, 4).await;
    for (id, sql) in ids.iter().zip([
        "update outbox set run_at = now() - interval '40 s' where order_id = $1",
        "update outbox set run_at = now() + interval '1 hour' where order_id = $1",
        "update outbox set owner = 1, created_at = now() - interval '2 hours' where order_id = $1",
    ]) {
        run(&test.db, sql, *id).await;
    }
    sqlx::query(
        "insert into relays (name, heartbeat_at)
         values ('alive', now()), ('silent', now() - interval '2 minutes')",
    )
    .execute(test.db.pool())
    .await
    .unwrap();
    let list = read().await;
    assert!(list.overdue_s >= 40.0 && list.overdue_s < 120.0, "{list:?}");
    assert!(list.oldest_age_s >= 7_200.0, "{list:?}");
    let counts = WorkList { oldest_age_s: 0.0, overdue_s: 0.0, ..list };
    let expected = WorkList {
        messages: 4,
        waiting: 1,
        held: 1,
        relays_alive: 1,
        relays_silent: 1,
        ..WorkList::default()
    };
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn reads_no_finished_history() {
    let test = fresh_database().await;
    let history =
        test.db.read(|c| Box::pin(insert_finished_orders(c, 1_700_000_000_000, 0, 20_000)));
    history.await.unwrap();
    take_orders(&test.db, 3).await;
    let rows_read = test.db.transaction(|connection| {
        Box::pin(async move {
            count_backlog(&mut *connection).await?;
            sqlx::query_scalar::<_, i64>(
                "select coalesce(sum(seq_tup_read), 0)::bigint + coalesce(sum(idx_tup_fetch), 0)::bigint
                 from pg_stat_xact_user_tables
                 where relname = 'sagas'",
            )
            .fetch_one(connection)
            .await
        })
    });
    let rows_read: i64 = rows_read.await.unwrap();
    assert!(
        (1..=3).contains(&rows_read),
        "{rows_read} rows of sagas were read for three live ones"
    );
}
