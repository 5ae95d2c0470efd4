//! Whether this database can do its work: asked with the statements of the work itself.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::orders::{find_order, insert_new};
use crate::outbox::{Depth, measure_depth};

/// Reads the tables an answer is made of, and measures the work list.
pub async fn check_reads(connection: &mut PgConnection) -> sqlx::Result<Depth> {
    find_order(&mut *connection, None, Uuid::nil()).await?;
    measure_depth(connection).await
}

/// Runs the statement that takes orders, with no order in it, and writes a log record, so that the
/// commit of this transaction has to reach the disk. It leaves no row behind.
pub async fn check_writes(connection: &mut PgConnection) -> sqlx::Result<()> {
    insert_new(&mut *connection, &[]).await?;
    sqlx::query!(r#"select pg_logical_emit_message(true, 'valerix_health', '')::text as "lsn""#)
        .fetch_one(connection)
        .await?;
    Ok(())
}
