//! Staff's changes of stock against a real Postgres.

use schema_inventory::apply::apply_batch;
use schema_inventory::consistency::find_imbalances;
use schema_inventory::stock::{find_item, list_items};
use schema_inventory::testing::fresh_inventory;
use schema_inventory::transactions::list_transactions;
use schema_inventory::update::{Change, StockUpdate, UpdateError, Updated, update_stock};
use schema_inventory::{Command, Line, Reserve};
use schema_pg::Db;
use uuid::Uuid;

fn change(item_id: &str, change: Change) -> StockUpdate {
    StockUpdate { item_id: item_id.to_owned(), change, item_name: None, reason: None, key: None }
}

async fn update(db: &Db, update: StockUpdate) -> Result<Updated, UpdateError> {
    db.transaction(|c| Box::pin(async move { update_stock(c, &update).await })).await
}

async fn reserve(db: &Db, item_id: &str, quantity: i64) {
    let lines = vec![Line { item_id: item_id.to_owned(), quantity }];
    let commands = [Command::Reserve(Reserve::new(Uuid::now_v7(), Uuid::now_v7(), None, lines))];
    let applied: Result<_, sqlx::Error> =
        db.transaction(|c| Box::pin(async move { apply_batch(c, &commands).await })).await;
    applied.expect("applied");
}

async fn assert_clean_slate(db: &Db) {
    let found: Result<_, sqlx::Error> = db.read(|c| Box::pin(find_imbalances(c, 10))).await;
    assert_eq!(found.expect("read"), []);
}

#[tokio::test]
async fn makes_an_item_and_changes_it() {
    let database = fresh_inventory().await;
    let db = &database.db;
    let named = StockUpdate {
        item_name: Some("Console".to_owned()),
        reason: Some("first delivery".to_owned()),
        ..change("ps5", Change::Set(10))
    };
    assert_eq!(update(db, named).await.expect("made").on_hand, 10);
    assert_eq!(update(db, change("ps5", Change::Delta(-3))).await.expect("changed").on_hand, 7);
    assert_eq!(update(db, change("ps5", Change::Set(8))).await.expect("changed").version, 3);
    let ledger: Result<_, sqlx::Error> =
        db.read(|c| Box::pin(list_transactions(c, "ps5", None, 10))).await;
    let ledger = ledger.expect("read");
    let deltas: Vec<_> = ledger.iter().map(|t| (t.kind.as_str(), t.on_hand_delta)).collect();
    assert_eq!(deltas, [("adjustment", 1), ("adjustment", -3), ("opening", 10)]);
    assert_eq!(ledger[2].reason.as_deref(), Some("first delivery"));
    let item: Result<_, sqlx::Error> = db.read(|c| Box::pin(find_item(c, "ps5"))).await;
    assert_eq!(item.expect("read").expect("there").item_name, "Console");
    assert_clean_slate(db).await;
}

#[tokio::test]
async fn never_goes_below_what_is_promised() {
    let database = fresh_inventory().await;
    let db = &database.db;
    update(db, change("ps5", Change::Set(10))).await.expect("made");
    reserve(db, "ps5", 6).await;
    for refused in [Change::Set(5), Change::Delta(-5)] {
        match update(db, change("ps5", refused)).await {
            Err(UpdateError::BelowReserved { reserved: 6, asked: 5 }) => {}
            other => panic!("must be refused: {other:?}"),
        }
    }
    assert_eq!(update(db, change("ps5", Change::Set(6))).await.expect("allowed").reserved, 6);
    let unknown = update(db, change("ps6", Change::Delta(-1))).await;
    assert!(matches!(unknown, Err(UpdateError::BelowReserved { reserved: 0, asked: -1 })));
    assert!(matches!(
        update(db, change("ps5", Change::Delta(i64::MAX))).await,
        Err(UpdateError::TooMuch)
    ));
    assert_clean_slate(db).await;
}

#[tokio::test]
async fn counts_once_per_key_also_when_sent_ten_times_at_once() {
    let database = fresh_inventory().await;
    let db = &database.db;
    let keyed = |key: &str, fingerprint, delta| StockUpdate {
        key: Some((key.to_owned(), [fingerprint; 32])),
        ..change("ps5", Change::Delta(delta))
    };
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (db, change) = (db.clone(), keyed("delivery-1", 1, 4));
            tokio::spawn(async move { update(&db, change).await })
        })
        .collect();
    let mut first_times = 0;
    for call in calls {
        let updated = call.await.expect("joined").expect("updated");
        assert_eq!(updated.on_hand, 4);
        first_times += usize::from(!updated.replayed);
    }
    assert_eq!(first_times, 1);
    let other = update(db, keyed("delivery-1", 2, 5)).await;
    assert!(matches!(other, Err(UpdateError::KeyReused)));
    // A refused change gives its key back.
    let too_much = keyed("correction", 3, -9);
    assert!(matches!(update(db, too_much).await, Err(UpdateError::BelowReserved { .. })));
    assert_eq!(update(db, keyed("correction", 4, -1)).await.expect("done").on_hand, 3);
    assert_clean_slate(db).await;
}

#[tokio::test]
async fn lists_items_page_by_page_and_what_runs_low() {
    let database = fresh_inventory().await;
    let db = &database.db;
    for (item_id, on_hand) in [("a", 5), ("b", 50), ("c", 6), ("d", 7)] {
        update(db, change(item_id, Change::Set(on_hand))).await.expect("made");
    }
    reserve(db, "d", 3).await;
    let page = async |after: Option<&'static str>, below| {
        let items: Result<Vec<_>, sqlx::Error> =
            db.read(move |c| Box::pin(list_items(c, after, below, 2))).await;
        items.expect("read").into_iter().map(|i| i.item_id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None).await, ["a", "b"]);
    assert_eq!(page(Some("b"), None).await, ["c", "d"]);
    assert_eq!(page(Some("d"), None).await, Vec::<String>::new());
    assert_eq!(page(None, Some(6)).await, ["a", "d"]);
}
