//! Stopping: the first SIGINT or SIGTERM asks for an orderly end, the second one does not ask.

use std::process;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell reports for a process that ended by SIGINT.
const EXIT_FORCED: i32 = 130;
/// Somebody is in a hurry.
const LAST_WORDS_MAX: Duration = Duration::from_millis(100);

/// A token that the first signal cancels. Nothing is lost by force either: it is a crash like any other, and the
/// embedded server stops with its parent.
pub(crate) fn on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let asked = stop.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping; a second signal forces it");
        asked.cancel();
        either(&mut interrupt, &mut terminate).await;
        tracing::warn!("forced to stop");
        edge::flush_logs(LAST_WORDS_MAX);
        process::exit(EXIT_FORCED);
    });
    Ok(stop)
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
