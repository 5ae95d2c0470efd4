//! The face of a service that is not ready: it says so, instead of letting callers wait or refusing them.
//!
//! Liveness is answered (the process runs), readiness is not; everything else is "try again".

use std::io;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use edge::health::{self, HealthReport, Need};
use edge::{Problem, ServeConfig, Shell};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const RETRY_AFTER_S: u64 = 1;
/// Its answers take no time, so that a connection which is still busy then is not worth waiting for.
const DRAIN_MAX: Duration = Duration::from_millis(200);

/// Answers on `listener` until `ready`, then gives the listener back with what came of it.
pub(crate) async fn answer_until<T>(
    listener: TcpListener,
    ready: impl Future<Output = T>,
) -> io::Result<(TcpListener, T)> {
    let kept = listener.into_std()?;
    let lent = TcpListener::from_std(kept.try_clone()?)?;
    let stop = CancellationToken::new();
    let config = ServeConfig { drain_timeout: DRAIN_MAX, ..ServeConfig::default() };
    let answering = tokio::spawn(edge::serve(lent, router(), config, stop.clone()));
    let outcome = ready.await;
    stop.cancel();
    answering.await.map_err(io::Error::other)?;
    Ok((TcpListener::from_std(kept)?, outcome))
}

fn router() -> Router {
    let routes = Router::new()
        .route("/health/live", get(async || health::live()))
        .route("/health/ready", get(not_ready))
        .route("/health", get(not_ready))
        .route("/health/deep", get(not_ready))
        .fallback(async || {
            Problem::unavailable("the service waits for its database", RETRY_AFTER_S)
        });
    // the shell's own fallbacks would say 404, which a caller might believe
    routes.layer(Shell::new("starting"))
}

async fn not_ready() -> HealthReport {
    let waiting = async { Err("waiting for it".to_owned()) };
    HealthReport::of([health::check("database", Need::Essential, waiting).await])
}

#[cfg(test)]
mod tests;
