//! GET /console/live: the one stream. It only says when to look; what there is to see is the page itself.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use edge::Problem;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::live_streams::Streams;
use crate::OrderApi;

/// How often a page looks.
const EVERY: Duration = Duration::from_secs(1);
struct Ticking {
    ticks: Interval,
    closing: CancellationToken,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn stream(State(api): State<Arc<OrderApi>>) -> Response {
    let Streams { places, closing } = api.console.streams.clone();
    let Ok(place) = places.try_acquire_owned() else {
        return Problem::unavailable("too many pages are open; this one polls", 5).into_response();
    };
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ticking = Ticking { ticks, closing, _place: place };
    let events = stream::unfold(ticking, |mut ticking| async move {
        tokio::select! {
            _ = ticking.ticks.tick() => {}
            () = ticking.closing.cancelled() => return None,
        }
        // A browser does not tell its page of an event without data.
        Some((Ok::<_, Infallible>(Event::default().event("look").data("now")), ticking))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}
