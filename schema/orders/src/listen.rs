//! Hearing hints from other processes, on a connection of its own.
//!
//! A hint that is lost costs only time: who waits also polls. So nothing here is reported, and a
//! listener that was cut off rings once when it is back, for whatever it has not heard.

use std::sync::Arc;
use std::time::Duration;

use schema_pg::Db;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;

/// Between two tries to reach a server that is not there.
const RECONNECT_EVERY: Duration = Duration::from_secs(1);

/// Rings `heard` for each notification on `channel`. Never ends; it may be dropped at any time.
pub async fn listen_for_ever(db: Db, channel: &'static str, heard: Arc<Notify>) {
    loop {
        // Ends when the connection is lost; any error means the same.
        let _ = listen(&db, channel, &heard).await;
        tokio::time::sleep(RECONNECT_EVERY).await;
    }
}

async fn listen(db: &Db, channel: &str, heard: &Notify) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(db.pool()).await?;
    listener.listen(channel).await?;
    heard.notify_one();
    while listener.try_recv().await?.is_some() {
        heard.notify_one();
    }
    Ok(())
}
