//! A session that keeps an old snapshot open, as a forgotten terminal or a long report does: nothing
//! that dies after it can be cleaned up. For benchmarks and simulations.

use sqlx::{Connection, PgConnection};

/// An open snapshot; it ends with [`HeldSnapshot::release`], or when the connection is dropped.
#[derive(Debug)]
pub struct HeldSnapshot(PgConnection);

impl HeldSnapshot {
    /// Opens a snapshot of one database on a connection of its own.
    pub async fn take(url: &str) -> sqlx::Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        // The first query takes the snapshot; the transaction is idle from then on.
        sqlx::raw_sql("begin isolation level repeatable read; select 1 from pg_class limit 1")
            .execute(&mut connection)
            .await?;
        Ok(Self(connection))
    }

    /// Lets go of it.
    pub async fn release(self) -> sqlx::Result<()> {
        self.0.close().await
    }
}
