use sqlx::migrate::Migrator;

use super::*;
use crate::lab::HeldSnapshot;
use crate::testing::fresh_database;

#[tokio::test]
async fn tells_an_open_transaction_from_none() {
    let test = fresh_database("empty", &Migrator::DEFAULT).await;
    let read = || async { test.db.read(|c| Box::pin(read_vitals(c))).await.unwrap() };
    let before = read().await;
    assert!(before.oldest_transaction_s.abs() < f64::EPSILON, "{before:?}");
    assert!(before.connections >= 1 && before.connections_max >= before.connections, "{before:?}");
    assert!(before.bytes > 1_000_000, "an empty database has its catalogue: {before:?}");
    let held = HeldSnapshot::take(&test.url).await.unwrap();
    assert!(read().await.oldest_transaction_s > 0.0);
    drop(held);
}
