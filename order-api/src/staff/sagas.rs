//! Sagas as staff sees them: find one among a million, and understand it in ten seconds.
//!
//! Reading only; what puts them right is `actions`. What a state means in words is decided by
//! `saga::explain`, what happened when by `timeline::read`, and how a list stays cheap by
//! `schema_orders::inspection`.

mod answer;
mod figures;
pub(crate) mod groups;
mod list;
mod query;
mod show;
pub(crate) mod stats;
mod steps;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::OrderApi;

pub(crate) use answer::SagaAnswer;
pub(crate) use figures::{groups, stats};
pub(crate) use groups::GroupAnswer;
pub(crate) use list::{Asked, Page, find_page};
pub(crate) use query::SagaQuery;
pub(crate) use show::{etag, find};
pub(crate) use stats::{StateAnswer, StatsAnswer};
pub(crate) use steps::find_history;

pub(crate) fn routes() -> Router<Arc<OrderApi>> {
    Router::new()
        .route("/api/sagas", get(list::list_sagas))
        .route("/api/sagas/stats", get(figures::stats))
        .route("/api/sagas/groups", get(figures::groups))
        .route("/api/sagas/{id}", get(show::show_saga))
        .route("/api/sagas/{id}/explain", get(show::explain_saga))
        .route("/api/sagas/{id}/steps", get(steps::list_attempts))
        .route("/api/sagas/{id}/timeline", get(timeline::show_timeline))
}
