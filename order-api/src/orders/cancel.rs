//! POST /api/orders/{id}/cancel: before the pivot it leads to releasing, after it there is no way.
//!
//! The saga is loaded, decided on by the core and stored in one transaction, under its version.
//! The epoch grows: whatever a relay is doing for it at the moment counts no more.

use std::slice;
use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use edge::{Caller, Problem};
use failpoints::Site;
use http::{StatusCode, header};
use saga::stored::SagaUpdate;
use saga::{CancelledBy, Event, Ignored, Saga, State, StateName, Transition, plan, transition};
use schema_orders::orders;
use schema_orders::sagas::{Settled, UnknownState, load_for_update, store_updates};
use schema_pg::{DbConnection, DbError};
use uuid::Uuid;

use crate::order_id::{OrderId, absent};
use crate::orders::order_answer::OrderAnswer;
use crate::{OrderApi, db_problem};

pub(crate) async fn cancel_order(
    Shared(api): Shared<Arc<OrderApi>>,
    OrderId(id): OrderId,
    caller: Caller,
) -> Result<Response, Problem> {
    let tenant = caller.tenant().to_owned();
    let deadline_ms = api.config.deadline_ms;
    let cancelled = api.db.write(Site::CancelOrder, move |connection| {
        Box::pin(async move { cancel(connection, &tenant, id, deadline_ms).await })
    });
    match cancelled.await? {
        Cancelled::Begun(order) => {
            api.hints.work.notify_one();
            Ok(order.into_accepted())
        }
        Cancelled::Already(order)
            if StateName::parse(&order.status) == Some(StateName::Cancelled) =>
        {
            let location = [(header::LOCATION, order.location())];
            Ok((location, Json(order)).into_response())
        }
        Cancelled::Already(order) => Ok(order.into_accepted()),
    }
}

enum Cancelled {
    /// By this request.
    Begun(OrderAnswer),
    /// Before, or something else releases it already.
    Already(OrderAnswer),
}

/// A database error or a no; both end the transaction without a trace.
struct Refused(Problem);

impl From<DbError> for Refused {
    fn from(error: DbError) -> Refused {
        Refused(db_problem::problem_of(&error))
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        refused.0
    }
}

async fn cancel(
    connection: &mut DbConnection,
    tenant: &str,
    id: Uuid,
    deadline_ms: i64,
) -> Result<Cancelled, Refused> {
    // before the lock: nobody may hold up another tenant's order
    let row = orders::find_order(&mut *connection, Some(tenant), id).await?;
    let row = row.ok_or_else(|| Refused(absent()))?;
    let loaded = load_for_update(&mut *connection, id).await?.ok_or_else(|| missing(id))?;
    let loaded = loaded.map_err(|unknown| of_a_newer_version(&unknown))?;
    let event = Event::CancelRequested { by: CancelledBy::Customer };
    match transition(&plan::ORDER, &loaded.saga, &event) {
        Ok(Transition::Moved(saga, effects)) => {
            let epoch = loaded.epoch + 1;
            let update = SagaUpdate { epoch, ..loaded.update(saga, event, &effects, deadline_ms) };
            let stored = store_updates(connection, slice::from_ref(&update)).await?;
            let stored_update = stored.first().ok_or_else(|| missing(id))?;
            Ok(Cancelled::Begun(OrderAnswer::from(row).after(Settled::of(&update, stored_update))))
        }
        Ok(Transition::Ignored(why)) if is_what_was_asked_for(&loaded.saga, why) => {
            // read again: now it stands as it was locked
            let row = orders::find_order(connection, Some(tenant), id).await?;
            Ok(Cancelled::Already(row.ok_or_else(|| missing(id))?.into()))
        }
        Ok(Transition::Ignored(why)) => Err(Refused(too_late(why))),
        Err(invalid) => {
            tracing::error!(order_id = %id, %invalid, "an order could not be cancelled");
            Err(Refused(Problem::internal()))
        }
    }
}

fn is_what_was_asked_for(saga: &Saga, why: Ignored) -> bool {
    why == Ignored::AlreadyReleasing || saga.state == State::Cancelled
}

fn too_late(why: Ignored) -> Problem {
    let (code, title) = if why == Ignored::PastThePivot {
        ("order-already-confirmed", "this order is confirmed already")
    } else {
        ("order-already-failed", "this order has failed already: nothing is held for it")
    };
    Problem::new(StatusCode::CONFLICT, code, title)
}

/// It is locked, and its foreign twin was just read.
fn missing(order_id: Uuid) -> Refused {
    tracing::error!(%order_id, "an order without its saga");
    Refused(Problem::internal())
}

/// While old and new run side by side, another instance may be the one that knows.
fn of_a_newer_version(unknown: &UnknownState) -> Refused {
    tracing::warn!(%unknown, "an order could not be cancelled");
    Refused(Problem::unavailable("this order cannot be cancelled just now; try again", 1))
}
