//! Bringing a database to the shape this binary knows.

use std::borrow::Cow;

use sqlx::migrate::Migrator;
use sqlx::{Connection, Row};

use crate::Db;

const UNDEFINED_TABLE: &str = "42P01";

/// Why a database could not be migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A migration failed or was changed after it had been applied.
    #[error("a migration could not be applied")]
    Failed(#[from] sqlx::migrate::MigrateError),
    /// The database could not be asked.
    #[error("the database could not be reached for its migrations")]
    Database(#[from] sqlx::Error),
}

/// Applies what is missing, under sqlx's lock, so that several processes may start at once.
///
/// Migrations of a newer binary are left alone: old and new run side by side during a rollout. The
/// session's statement limit is lifted on a connection of its own, which is closed afterwards.
pub async fn migrate(db: &Db, migrator: &Migrator) -> Result<(), MigrateError> {
    let mut connection = db.acquire().await?.detach();
    sqlx::raw_sql("set statement_timeout = 0; set lock_timeout = '60s'; set idle_in_transaction_session_timeout = 0")
        .execute(&mut connection)
        .await?;
    let migrator = Migrator {
        migrations: Cow::Owned(migrator.migrations.to_vec()),
        ignore_missing: true,
        table_name: migrator.table_name.clone(),
        ..Migrator::DEFAULT
    };
    migrator.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Whether a service can do its work on its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// Migrations of this binary are missing.
    NotMigrated,
    /// The server takes no writes: a standby, or made read-only.
    ReadOnly,
}

/// Asks the server, in two round trips.
pub async fn read_readiness(
    db: &Db,
    migrator: &'static Migrator,
) -> Result<Readiness, sqlx::Error> {
    let asking = db.read(|connection| {
        Box::pin(async move {
            let asked = "select current_setting('transaction_read_only')::boolean";
            sqlx::query(asked).fetch_one(connection).await?.try_get(0)
        })
    });
    if asking.await? {
        return Ok(Readiness::ReadOnly);
    }
    let is_migrated = is_migrated(db, migrator).await?;
    Ok(if is_migrated { Readiness::Ready } else { Readiness::NotMigrated })
}

/// True when every migration this binary knows has been applied (readiness). An empty database is
/// simply not migrated.
pub async fn is_migrated(db: &Db, migrator: &'static Migrator) -> Result<bool, sqlx::Error> {
    let newest = migrator.iter().map(|m| m.version).max().unwrap_or(0);
    let found = db
        .read(move |connection| {
            Box::pin(async move {
                let row = sqlx::query(
                    "select exists (select from _sqlx_migrations where version = $1 and success)",
                )
                .bind(newest)
                .fetch_one(connection)
                .await?;
                Ok(row.get(0))
            })
        })
        .await;
    match found {
        Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some(UNDEFINED_TABLE) => Ok(false),
        found => found,
    }
}
