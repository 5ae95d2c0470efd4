//! What can be done to the database server short of killing it.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

/// More than any server here allows.
const CONNECTIONS_MAX: usize = 1_000;
const PAUSE: Duration = Duration::from_millis(20);

/// Ends every session of the services: whatever they are doing, also in the middle of a transaction.
pub(super) async fn cut_sessions(url: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query(
        "select pg_terminate_backend(pid)
         from pg_stat_activity
         where application_name like 'valerix-%'",
    )
    .execute(&mut connection)
    .await?;
    connection.close().await?;
    Ok(())
}

/// Takes every connection that can be had, also those that become free, for so long. The sessions of the
/// services are ended first, so that they need new ones. Returns how many were taken.
pub(super) async fn crowd(url: &str, lasts: Duration) -> anyhow::Result<usize> {
    cut_sessions(url).await?;
    let until = Instant::now() + lasts;
    let mut taken = Vec::new();
    while Instant::now() < until {
        match PgConnection::connect(url).await {
            Ok(connection) if taken.len() < CONNECTIONS_MAX => taken.push(connection),
            Ok(_) | Err(_) => sleep(PAUSE).await,
        }
    }
    Ok(taken.len())
}
