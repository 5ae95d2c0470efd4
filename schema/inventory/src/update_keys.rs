//! Table `update_keys`: a stock update sent twice counts once.

use sqlx::PgConnection;

/// The change a key was used for, and what it came to.
#[derive(Clone, Debug)]
pub struct UpdateKey {
    /// SHA-256 of the request.
    pub fingerprint: Vec<u8>,
    pub item_id: String,
    /// Its stock right after the change.
    pub on_hand: i64,
    /// Promised, right after the change.
    pub reserved: i64,
    /// Its version right after the change.
    pub version: i64,
}

/// Takes the key; false when it has been used. Waits for a transaction that is using it.
pub async fn insert_key(
    connection: &mut PgConnection,
    key: &str,
    fingerprint: &[u8; 32],
    item_id: &str,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into update_keys (key, fingerprint, item_id, on_hand, reserved, version)
         values ($1, $2, $3, 0, 0, 0)
         on conflict (key) do nothing",
        key,
        fingerprint.as_slice(),
        item_id,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Stores what the change came to, in the transaction that took the key.
pub async fn store_result(
    connection: &mut PgConnection,
    key: &str,
    on_hand: i64,
    reserved: i64,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update update_keys
         set on_hand = $2,
             reserved = $3,
             version = $4
         where key = $1",
        key,
        on_hand,
        reserved,
        version,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the key was used for.
pub async fn find_key(
    connection: &mut PgConnection,
    key: &str,
) -> Result<Option<UpdateKey>, sqlx::Error> {
    sqlx::query_as!(
        UpdateKey,
        "select fingerprint, item_id, on_hand, reserved, version
         from update_keys
         where key = $1",
        key,
    )
    .fetch_optional(connection)
    .await
}
