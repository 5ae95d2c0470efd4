//! GET /api/orders/{id}: one order, its own tenant's only; with `?wait=` a long poll.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use edge::{Caller, Problem, StrictQuery, etag, with_etag};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use uuid::Uuid;

use crate::order_id::{OrderId, absent};
use crate::orders::order_answer::OrderAnswer;
use crate::orders::order_waiters::Until;
use crate::orders::preference::WAIT_S_MAX;
use crate::{OrderApi, db_problem};

/// May be kept by the client itself, and asked about before each use.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetQuery {
    /// Seconds to wait for the order to come to rest.
    wait: Option<u64>,
}

pub(crate) async fn get_order(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
    StrictQuery(query): StrictQuery<GetQuery>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wait_s = query.wait.unwrap_or(0);
    if wait_s > WAIT_S_MAX {
        return Err(Problem::invalid("wait", "out-of-range", "0 to 30 seconds"));
    }
    // registered before the first look, so that no change can slip through between
    let waiter =
        if wait_s > 0 { api.order_waiters.wait_for(id, Until::NeedsNoRelay) } else { None };
    let turned_away = wait_s > 0 && waiter.is_none();
    let mut order = find_order(&api, caller.tenant(), id).await?.ok_or_else(absent)?;
    if let Some(waiter) = waiter
        && !order.needs_no_relay()
    {
        order = match waiter.answerable_within(Duration::from_secs(wait_s)).await {
            Some(settled) => order.after(settled),
            None => find_order(&api, caller.tenant(), id).await?.ok_or_else(absent)?,
        };
    }
    let mut response = with_etag(&headers, etag(order.version), PRIVATE, Json(order));
    if turned_away {
        // what would be left is a connection that holds a place and asks again
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response)
}

/// The order, if it is this tenant's.
pub(crate) async fn find_order(
    api: &OrderApi,
    tenant: &str,
    id: Uuid,
) -> Result<Option<OrderAnswer>, Problem> {
    let tenant = tenant.to_owned();
    let row = api.db.read(move |connection| {
        Box::pin(
            async move { schema_orders::orders::find_order(connection, Some(&tenant), id).await },
        )
    });
    let row = row.await.map_err(|error| db_problem::problem_of(&error))?;
    Ok(row.map(OrderAnswer::from))
}
