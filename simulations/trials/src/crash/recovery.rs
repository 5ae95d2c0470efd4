//! How long it takes until things move again, seen from outside.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use schema_orders::{consistency, relays};
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use crate::load::{Phase, Running};

/// What has not recovered by then is reported as not recovered, and the run goes on.
pub(super) const RECOVERED_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(3);

/// Time from `since` until the next order is seen confirmed; `None` too when no more will be placed.
pub(super) async fn next_confirmed(load: &Running, since: Instant) -> Option<Duration> {
    let before = load.live.confirmed.load(Relaxed);
    while load.live.confirmed.load(Relaxed) == before {
        if since.elapsed() > RECOVERED_WITHIN || load.control.phase() == Phase::Stopped {
            return None;
        }
        sleep(POLL).await;
    }
    Some(since.elapsed())
}

/// The membership of the relay whose face is at `url`: the newest one.
pub(super) async fn member_at(orders_url: &str, url: &str) -> anyhow::Result<Option<i64>> {
    let mut connection = PgConnection::connect(orders_url).await?;
    let members = relays::list_members(&mut connection).await?;
    connection.close().await?;
    Ok(members.iter().rev().find(|m| m.url.as_deref() == Some(url)).map(|member| member.id))
}

/// Time from `since` until the relay holds no saga any more.
pub(super) async fn taken_over(
    orders_url: &str,
    member: i64,
    since: Instant,
) -> anyhow::Result<Option<Duration>> {
    let mut connection = PgConnection::connect(orders_url).await?;
    while consistency::count_messages_of(&mut connection, member).await? > 0 {
        if since.elapsed() > RECOVERED_WITHIN {
            return Ok(None);
        }
        sleep(POLL).await;
    }
    Ok(Some(since.elapsed()))
}

/// Waits until the server answers again; when it did.
pub(super) async fn server_answers(orders_url: &str) -> Option<Instant> {
    let began = Instant::now();
    while began.elapsed() < RECOVERED_WITHIN {
        if let Ok(connection) = PgConnection::connect(orders_url).await {
            let answered = Instant::now();
            let _ = connection.close().await;
            return Some(answered);
        }
        sleep(POLL).await;
    }
    None
}
