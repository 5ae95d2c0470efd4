//! Table `idempotency_keys`: which order a tenant's key belongs to.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub tenant: String,
    /// The key itself.
    pub key: String,
    /// SHA-256 of the canonical request it came with.
    pub fingerprint: Vec<u8>,
    /// The order it made.
    pub order_id: Uuid,
    /// When it made it.
    pub created_at: DateTime<Utc>,
}

/// True when a statement gave up waiting (55P03) for a transaction that writes the same key and has not ended.
pub fn is_key_being_written(error: &sqlx::Error) -> bool {
    schema_pg::is_lock_timeout_on_key_of(error, "idempotency_keys")
}

/// The stored keys among these `(tenant, key)` pairs, which are given as two slices of one length.
pub async fn find_keys(
    connection: &mut PgConnection,
    tenants: &[String],
    keys: &[String],
) -> sqlx::Result<Vec<StoredKey>> {
    sqlx::query_as!(
        StoredKey,
        "select tenant, key, fingerprint, order_id, created_at
         from idempotency_keys
         join unnest($1::text[], $2::text[]) as wanted (tenant, key) using (tenant, key)",
        tenants,
        keys,
    )
    .fetch_all(connection)
    .await
}
