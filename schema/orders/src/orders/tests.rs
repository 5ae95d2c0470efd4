use schema_pg::testing::{TestDb, fresh_database};

use super::*;

fn order(key: &str) -> NewOrder {
    NewOrder {
        id: Uuid::now_v7(),
        reservation_id: Uuid::now_v7(),
        tenant: "orders".to_owned(),
        key: key.to_owned(),
        fingerprint: [0; 32],
        lines: vec![Line { item_id: "ps5".to_owned(), quantity: 1 }],
        metadata: None,
        traceparent: None,
        deadline_ms: 60_000,
        first_update: None,
    }
}

async fn insert(database: &TestDb, orders: &[NewOrder]) -> Created {
    let orders = orders.to_vec();
    let insert = database.db.read(move |c| Box::pin(async move { insert_new(c, &orders).await }));
    insert.await.expect("inserted")
}

async fn look_up(database: &TestDb, conflicting: Vec<TenantKey>) -> Earlier {
    let find =
        database.db.read(move |c| Box::pin(async move { find_earlier(c, &conflicting).await }));
    find.await.expect("found")
}

#[tokio::test]
async fn orders_that_are_sent_again_after_a_lost_answer_are_known_as_written() {
    let database = fresh_database("orders", &crate::MIGRATOR).await;
    let others = [order("a")];
    insert(&database, &others).await;
    let orders = [order("a"), order("b")];
    let lost = insert(&database, &orders).await;

    let mut created = insert(&database, &orders).await;
    let earlier = look_up(&database, created.conflicting_keys(&orders)).await;
    created.adopt(&orders, &earlier);
    assert_eq!(created.at(orders[0].id), None, "its key was another's before");
    assert_eq!(created.at(orders[1].id), lost.at(orders[1].id));
    let created_at = lost.at(orders[1].id).expect("written by the first one");
    let insertions = created.insertions(&orders, &earlier);
    let replayed = Insertion::Replayed { order_id: others[0].id };
    assert_eq!(insertions, [Some(replayed), Some(Insertion::Created { created_at })]);
}

#[tokio::test]
async fn a_key_that_cannot_be_looked_up_leaves_only_its_own_order_open() {
    let database = fresh_database("orders", &crate::MIGRATOR).await;
    insert(&database, &[order("a")]).await;
    let orders = [order("a"), order("b")];
    let created = insert(&database, &orders).await;
    let insertions = created.insertions(&orders, &Earlier::default());
    assert_eq!(insertions[0], None);
    assert!(matches!(insertions[1], Some(Insertion::Created { .. })));
}
