//! One action on many sagas: exactly those that were seen, at a pace, each with its true result.
//!
//! The selection is frozen with the versions it was made on. A saga that has moved since is left alone and
//! said so. The work is in rows, so that it goes on after a restart, in whichever instance is there.

mod post;
pub(crate) mod runner;
mod select;
mod show;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::OrderApi;

pub(crate) use post::{Begin, Preview, preview, start};
pub(crate) use select::Selection;
pub(crate) use show::{ItemAnswer, find};

pub(crate) fn routes() -> Router<Arc<OrderApi>> {
    Router::new()
        .route("/api/bulk-actions", post(post::begin))
        .route("/api/bulk-actions/{id}", get(show::show))
}
