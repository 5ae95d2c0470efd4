use chrono::Utc;
use schema_pg::testing::TestDb;

use super::*;
use crate::lab::insert_finished_orders;
use crate::relays::join;

const MINUTE_MS: i64 = 60_000;
const EVERYTHING: Page =
    Page { above: Uuid::nil(), below: Uuid::max(), age_ms: MINUTE_MS, orders_max: 100 };

/// Ten orders, a minute apart; the newest of them was taken just now.
async fn ten_orders() -> TestDb {
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    let mut connection = test.db.pool().acquire().await.unwrap();
    for ago in 0..10 {
        let made_ms = Utc::now().timestamp_millis() - ago * MINUTE_MS;
        let number = 10 - ago;
        let began_ms = made_ms - number;
        insert_finished_orders(&mut connection, began_ms, number, number).await.unwrap();
    }
    test
}

async fn find(test: &TestDb, page: Page) -> Vec<Uuid> {
    let found = test.db.read(move |c| Box::pin(find_placed_orders(c, page))).await.unwrap();
    found.iter().map(|order| order.order_id).collect()
}

#[tokio::test]
async fn a_page_is_the_newest_between_two_ids_that_are_old_enough() {
    let test = ten_orders().await;
    let all = find(&test, EVERYTHING).await;
    assert_eq!(all.len(), 9, "the newest is too young");
    assert!(all.is_sorted_by(|newer, older| newer > older), "newest first");
    assert_eq!(find(&test, Page { orders_max: 4, ..EVERYTHING }).await, all[..4]);
    assert_eq!(find(&test, Page { below: all[3], ..EVERYTHING }).await, all[4..]);
    assert_eq!(find(&test, Page { above: all[3], ..EVERYTHING }).await, all[..3]);
    assert_eq!(find(&test, Page { age_ms: 5 * MINUTE_MS, ..EVERYTHING }).await, all[4..]);
    let [first, last] = [all[0], all[8]];
    let again = test.db.read(move |c| {
        Box::pin(async move { find_orders_again(c, &[last, Uuid::nil(), first]).await })
    });
    let mut again: Vec<Uuid> = again.await.unwrap().iter().map(|order| order.order_id).collect();
    again.sort();
    assert_eq!(again, [last, first]);
}

#[tokio::test]
async fn one_relay_is_the_leader_until_it_falls_silent() {
    let test = schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await;
    let register =
        async || test.db.transaction(|c| Box::pin(join(c, "relay", None, 60_000))).await.unwrap();
    let (elder, younger) = (register().await, register().await);
    let is_leader = async |relay| {
        let time = test.db.read(move |c| Box::pin(now_if_leader(c, relay)));
        time.await.unwrap().is_some()
    };
    assert!(is_leader(elder).await && !is_leader(younger).await);
    sqlx::query("update relays set heartbeat_at = now() - interval '2 minutes' where id = $1")
        .bind(elder)
        .execute(test.db.pool())
        .await
        .unwrap();
    assert!(is_leader(younger).await);
}
