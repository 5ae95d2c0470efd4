//! POST /api/orders: commit first, then wait a bounded time for what comes of it.
//!
//! The order is safe from the moment `Intake::insert` answers; everything after that is courtesy.
//! The same key leads to the same order, whatever its state, for as long as keys are kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::Response;
use edge::{Caller, Object, Problem, TraceContext, mark_for_lost_reply, read_json};
use http::{HeaderName, HeaderValue, StatusCode};
use schema_orders::orders::{Insertion, NewOrder};
use uuid::Uuid;

use crate::orders::fingerprint::fingerprint;
use crate::orders::get;
use crate::orders::idempotency_key::find_key;
use crate::orders::intake::Refusal;
use crate::orders::order_answer::OrderAnswer;
use crate::orders::order_request::{Basket, OrderRequest};
use crate::orders::order_waiters::{Until, Waiter};
use crate::orders::preference::{PREFERENCE_APPLIED, Preference};
use crate::{OrderApi, db_problem, metrics};

const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

pub(crate) async fn create_order(
    State(api): State<Arc<OrderApi>>,
    request: Request,
) -> Result<Response, Problem> {
    let begun = Instant::now();
    let _timing = api.window.time();
    let (parts, body) = request.into_parts();
    let preference = Preference::from_headers(&parts.headers, api.config.wait());
    let Object(mut wanted) = read_json::<Object<OrderRequest>>(&parts.headers, body).await?;
    let key = find_key(&parts.headers, wanted.idempotency_key.take())?;
    let basket = wanted.check()?;
    let caller = Caller::of(&parts.extensions);
    let (order, is_new) =
        place(&api, caller.tenant(), key, basket, Waits { begun, wait: preference.wait }).await?;
    let mut response = order.into_post_answer();
    if !is_new {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(applied) = preference.applied {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// How long somebody waits for an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub(crate) begun: Instant,
    /// How long in all.
    pub(crate) wait: Duration,
}

/// Inserts an order and waits for it; the order, and whether it is new.
pub(crate) async fn place(
    api: &OrderApi,
    tenant: &str,
    key: String,
    basket: Basket,
    waits: Waits,
) -> Result<(OrderAnswer, bool), Problem> {
    let Waits { begun, wait } = waits;
    let committed = insert_order(api, tenant, key, basket, wait).await?;
    let is_new = committed.is_new;
    let order = wait_for_answer(api, tenant, committed, begun, wait).await?;
    if is_new {
        metrics::record_processing(&order.status, begun.elapsed());
    }
    Ok((order, is_new))
}

/// An order that is committed, now or by an earlier request.
struct CommittedOrder {
    order: OrderAnswer,
    waiter: Option<Waiter>,
    is_new: bool,
}

async fn insert_order(
    api: &OrderApi,
    tenant: &str,
    key: String,
    basket: Basket,
    wait: Duration,
) -> Result<CommittedOrder, Problem> {
    let (id, fresh) = (Uuid::now_v7(), Uuid::now_v7());
    let wants_lost_reply = basket.wants_lost_reply();
    let new = NewOrder {
        id,
        reservation_id: if wants_lost_reply { mark_for_lost_reply(fresh) } else { fresh },
        tenant: tenant.to_owned(),
        key,
        fingerprint: fingerprint(&basket),
        lines: basket.lines.clone(),
        metadata: basket.metadata.clone(),
        traceparent: TraceContext::current().map(|context| context.traceparent()),
        deadline_ms: api.config.deadline_ms,
        first_update: None,
    };
    // before the commit: it may end before we are told that it is committed
    let waiter = wait_if_wanted(api, id, wait);
    match api.intake.insert(new).await.map_err(problem_of)? {
        Insertion::Created { created_at } => {
            metrics::count_created();
            let Basket { lines, metadata } = basket;
            let order = OrderAnswer::pending(id, lines, metadata, created_at);
            Ok(CommittedOrder { order, waiter, is_new: true })
        }
        Insertion::Replayed { order_id } => {
            metrics::count_replayed();
            let waiter = wait_if_wanted(api, order_id, wait);
            let order = get::find_order(api, tenant, order_id).await?;
            let order = order.ok_or_else(|| missing(order_id))?;
            Ok(CommittedOrder { order, waiter, is_new: false })
        }
        Insertion::KeyReused => Err(key_reused()),
    }
}

/// Waits what is left of `wait` since `begun`, and tells how far the order has come.
async fn wait_for_answer(
    api: &OrderApi,
    tenant: &str,
    committed: CommittedOrder,
    begun: Instant,
    wait: Duration,
) -> Result<OrderAnswer, Problem> {
    let CommittedOrder { order, waiter, .. } = committed;
    let Some(waiter) = waiter.filter(|_| !order.needs_no_relay()) else { return Ok(order) };
    let id = order.id;
    let left = wait.saturating_sub(begun.elapsed());
    if let Some(current) = waiter.answerable_within(left).await {
        return Ok(order.after(current));
    }
    // it is committed in any case: when its state cannot be read, the last one known is told
    let current = get::find_order(api, tenant, id).await.ok().flatten();
    Ok(current.unwrap_or(order))
}

fn wait_if_wanted(api: &OrderApi, order_id: Uuid, wait: Duration) -> Option<Waiter> {
    if wait.is_zero() { None } else { api.order_waiters.wait_for(order_id, Until::Answerable) }
}

fn problem_of(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Overloaded => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "overloaded")
                .with_detail("nothing was ordered; send the same key again")
                .retry_after_s(1)
        }
        Refusal::Unavailable => Problem::unavailable(
            "whether the order was taken is not known; send the same key again",
            1,
        ),
        Refusal::UnavailableForLonger => db_problem::unavailable(db_problem::RETRY_SLOWLY_AFTER_S),
        Refusal::KeyBusy => {
            let title = "the first request with this key is still in progress";
            Problem::new(StatusCode::CONFLICT, "idempotency-key-in-progress", title)
                .with_detail("send the same key again in a moment")
                .retry_after_s(1)
        }
        Refusal::Unstorable => db_problem::unstorable(),
        Refusal::Bug => Problem::internal(),
    }
}

fn key_reused() -> Problem {
    let title = "this key belongs to another request";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", title)
        .with_detail("send a new key with a new order, and the same key only with the same order")
}

fn missing(order_id: Uuid) -> Problem {
    tracing::error!(%order_id, "a key leads to an order that is not there");
    Problem::internal()
}
