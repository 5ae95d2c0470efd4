//! Whether this database can do its work: asked with the statements of the work itself.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::apply::apply_batch;
use crate::reservations::find_reservation;
use crate::stock::list_items;

/// Reads the tables an answer is made of.
pub async fn check_reads(connection: &mut PgConnection) -> sqlx::Result<()> {
    list_items(&mut *connection, None, None, 1).await?;
    find_reservation(connection, Uuid::nil()).await?;
    Ok(())
}

/// Runs the batch of reservations, with no reservation in it, and writes a log record, so that the
/// commit of this transaction has to reach the disk. It leaves no row behind.
pub async fn check_writes(connection: &mut PgConnection) -> sqlx::Result<()> {
    apply_batch(&mut *connection, &[]).await?;
    sqlx::query!(r#"select pg_logical_emit_message(true, 'valerix_health', '')::text as "lsn""#)
        .fetch_one(connection)
        .await?;
    Ok(())
}
