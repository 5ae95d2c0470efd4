//! Hints between processes: sent with a commit, received on a connection of their own.
//!
//! A hint that is lost costs only time: who waits also polls. So nothing here is reported, and a
//! listener that was cut off rings once when it is back, for whatever it has missed.

use std::sync::Arc;
use std::time::Duration;

use schema_pg::Db;
use sqlx::PgConnection;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;

/// The channel on which new work is told to relays in other processes.
pub const WORK_CHANNEL: &str = "valerix_work";
/// The channel on which settled sagas are told to order services in other processes. Its payload is
/// empty: who waits looks.
pub const SETTLED_CHANNEL: &str = "valerix_settled";

/// Between two tries to reach a server that is not there.
const RECONNECT_EVERY: Duration = Duration::from_secs(1);

/// Rings `wake` for each notification on `channel`. Never ends; it may be dropped at any time.
pub async fn listen_for_ever(db: Db, channel: &'static str, wake: Arc<Notify>) {
    loop {
        // Ends when the connection is lost; any error means the same.
        let _ = listen(&db, channel, &wake).await;
        tokio::time::sleep(RECONNECT_EVERY).await;
    }
}

async fn listen(db: &Db, channel: &str, wake: &Notify) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(db.pool()).await?;
    listener.listen(channel).await?;
    wake.notify_one();
    while listener.try_recv().await?.is_some() {
        wake.notify_one();
    }
    Ok(())
}

/// Tells other processes, when this statement or its transaction commits. One call per batch, never per order:
/// notifying transactions commit one after the other.
pub async fn notify(connection: &mut PgConnection, channel: &str) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, '')", channel).execute(connection).await?;
    Ok(())
}
