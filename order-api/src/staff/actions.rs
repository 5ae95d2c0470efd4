//! What staff does to sagas: retry, cancel, resolve, note. Decided by the core, fenced and journaled like
//! everything else, and never without a row that says who did it and why.
//!
//! Read [`decide`], which is pure, then `apply_action`, which stores what it says.

pub(crate) mod apply_action;
pub(crate) mod audit;
pub(crate) mod decide;
mod post;
pub(crate) mod request;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::OrderApi;

pub(crate) use audit::{ActionAnswer, AuditQuery, KINDS, page};
pub(crate) use decide::{Decision, Kind, decide};
pub(crate) use post::perform;
pub(crate) use request::{ActionRequest, Expected, check_reason};

pub(crate) fn routes() -> Router<Arc<OrderApi>> {
    Router::new()
        .route("/api/sagas/{id}/actions", post(post::act).get(audit::list_of_saga))
        .route("/api/audit", get(audit::list))
}
