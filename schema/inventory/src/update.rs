//! Staff changes the stock of one item: never below what is promised, once per key.

use sqlx::PgConnection;

use crate::{stock, transactions, update_keys};

/// What is to become of the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// So many are there (a count).
    Set(i64),
    /// So many came or went.
    Delta(i64),
}

/// One change. Makes the item where it is new.
#[derive(Clone, Debug)]
pub struct StockUpdate {
    pub item_id: String,
    /// By how much.
    pub change: Change,
    /// A new name; a new item without one is called by its id.
    pub item_name: Option<String>,
    /// For the ledger.
    pub reason: Option<String>,
    /// Idempotency key and SHA-256 of the request.
    pub key: Option<(String, [u8; 32])>,
}

/// The item right after the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    pub item_id: String,
    /// In the warehouse.
    pub on_hand: i64,
    /// Promised.
    pub reserved: i64,
    pub version: i64,
    /// True when an earlier request with this key did it.
    pub replayed: bool,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// There would be less than is promised.
    #[error("{reserved} are reserved, so {asked} is too little")]
    BelowReserved {
        /// Promised.
        reserved: i64,
        /// What there would be.
        asked: i64,
    },
    /// More than [`ON_HAND_MAX`].
    #[error("more than {ON_HAND_MAX} of one item")]
    TooMuch,
    /// The key was used for another request.
    #[error("the key was used for another request")]
    KeyReused,
    /// The database failed; the change may be sent again with its key.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// More of one item than any warehouse has, and far from any overflow.
pub const ON_HAND_MAX: i64 = 1_000_000_000_000;

/// Changes the stock. To be run inside a transaction: an error must undo the key as well.
pub async fn update_stock(
    connection: &mut PgConnection,
    update: &StockUpdate,
) -> Result<Updated, UpdateError> {
    if let Some((key, fingerprint)) = &update.key
        && !update_keys::insert_key(connection, key, fingerprint, &update.item_id).await?
    {
        return replay(connection, key, fingerprint).await;
    }
    let created = create(connection, update).await?;
    let item_id = &update.item_id;
    if !created {
        adjust(connection, update).await?;
    }
    let item = stock::find_item(connection, item_id).await?.expect("locked above");
    if let Some((key, _)) = &update.key {
        update_keys::store_result(connection, key, item.on_hand, item.reserved, item.version)
            .await?;
    }
    Ok(Updated {
        item_id: item.item_id,
        on_hand: item.on_hand,
        reserved: item.reserved,
        version: item.version,
        replayed: false,
    })
}

async fn replay(
    connection: &mut PgConnection,
    key: &str,
    fingerprint: &[u8; 32],
) -> Result<Updated, UpdateError> {
    let stored = update_keys::find_key(connection, key).await?.expect("the key collided");
    if stored.fingerprint != fingerprint {
        return Err(UpdateError::KeyReused);
    }
    Ok(Updated {
        item_id: stored.item_id,
        on_hand: stored.on_hand,
        reserved: stored.reserved,
        version: stored.version,
        replayed: true,
    })
}

async fn create(connection: &mut PgConnection, update: &StockUpdate) -> Result<bool, UpdateError> {
    let (Change::Set(on_hand) | Change::Delta(on_hand)) = update.change;
    if on_hand < 0 && !is_known(connection, &update.item_id).await? {
        return Err(UpdateError::BelowReserved { reserved: 0, asked: on_hand });
    }
    if on_hand < 0 {
        return Ok(false);
    }
    let on_hand = checked(on_hand, 0)?;
    let name = update.item_name.as_deref().unwrap_or(&update.item_id);
    let created = stock::insert_item(connection, &update.item_id, name, on_hand).await?;
    if created && on_hand > 0 {
        let reason = update.reason.as_deref();
        transactions::insert_adjustment(connection, &update.item_id, "opening", on_hand, reason)
            .await?;
    }
    Ok(created)
}

async fn is_known(connection: &mut PgConnection, item_id: &str) -> Result<bool, sqlx::Error> {
    Ok(stock::find_item(connection, item_id).await?.is_some())
}

async fn adjust(connection: &mut PgConnection, update: &StockUpdate) -> Result<(), UpdateError> {
    let item_id = &update.item_id;
    let levels = stock::lock_stock(connection, std::slice::from_ref(item_id)).await?;
    let level = levels.get(item_id).expect("items are never deleted");
    let on_hand = match update.change {
        Change::Set(on_hand) => on_hand,
        Change::Delta(delta) => level.on_hand.checked_add(delta).ok_or(UpdateError::TooMuch)?,
    };
    let on_hand = checked(on_hand, level.reserved)?;
    stock::set_on_hand(connection, item_id, on_hand, update.item_name.as_deref()).await?;
    let delta = on_hand - level.on_hand;
    if delta != 0 {
        let reason = update.reason.as_deref();
        transactions::insert_adjustment(connection, item_id, "adjustment", delta, reason).await?;
    }
    Ok(())
}

fn checked(on_hand: i64, reserved: i64) -> Result<i64, UpdateError> {
    if on_hand < reserved {
        return Err(UpdateError::BelowReserved { reserved, asked: on_hand });
    }
    if on_hand > ON_HAND_MAX {
        return Err(UpdateError::TooMuch);
    }
    Ok(on_hand)
}
