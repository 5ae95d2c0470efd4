//! Table `sagas`: where each saga stands. Moved only by [`store_updates`], under version and epoch.

pub mod columns;
mod found_by;
pub mod store;

use chrono::{DateTime, Utc};
use saga::stored::{LoadedSaga, SagaUpdate, StoredUpdate};
use sqlx::PgConnection;
use uuid::Uuid;

pub use columns::{SagaColumns, UnknownState};
pub(crate) use found_by::FoundBy;
pub use store::store_updates;

/// What a waiting request needs to know of a saga that has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whose saga it is.
    pub order_id: Uuid,
    /// `confirmed`, `failed`, `cancelled`; also `parked`, and `queued` behind an open breaker.
    pub state: String,
    /// Why, where the state has a reason.
    pub reason: Option<String>,
    /// The saga's version after the update.
    pub version: i32,
    /// When it moved, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

impl Settled {
    /// What a stored update tells those who wait for its order.
    pub fn of(update: &SagaUpdate, stored: &StoredUpdate) -> Self {
        let SagaColumns { state, reason, .. } = SagaColumns::from(&update.saga);
        let StoredUpdate { order_id, version, updated_at } = *stored;
        Self { order_id, state, reason, version, updated_at }
    }
}

/// One saga, locked until the transaction ends. `Err` in the inner result: a newer version's state.
pub async fn load_for_update(
    connection: &mut PgConnection,
    order_id: Uuid,
) -> sqlx::Result<Option<Result<LoadedSaga, UnknownState>>> {
    let row = sqlx::query!(
        "select state, step, attempt, crashes, in_doubt, reason, cause, reservation_id, version,
            epoch, deadline_at
         from sagas
         where order_id = $1
         for no key update",
        order_id,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let columns = SagaColumns {
            state: row.state,
            step: row.step,
            attempt: row.attempt,
            crashes: row.crashes,
            in_doubt: row.in_doubt,
            reason: row.reason,
            cause: row.cause,
            reservation_id: row.reservation_id,
        };
        let saga = saga::Saga::try_from(columns)?;
        Ok(LoadedSaga {
            order_id,
            saga,
            version: row.version,
            epoch: row.epoch,
            deadline_at: row.deadline_at,
        })
    }))
}

/// How far each of these sagas has come: its version is the number of its newest journal row.
pub async fn find_versions(
    connection: &mut PgConnection,
    order_ids: &[Uuid],
) -> sqlx::Result<Vec<(Uuid, i32)>> {
    let rows = sqlx::query!(
        "select order_id, version
         from sagas
         where order_id = any($1)",
        order_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.order_id, row.version)).collect())
}

/// Those of these sagas that answer a waiting request: ended, parked, or queued behind an open
/// breaker (a saga that backs off may still make it in time). The hint is only faster.
pub async fn find_settled(
    connection: &mut PgConnection,
    order_ids: &[Uuid],
) -> sqlx::Result<Vec<Settled>> {
    sqlx::query_as!(
        Settled,
        "select order_id, state, reason, version, updated_at
         from sagas
         where order_id = any($1)
            and (state in ('confirmed', 'failed', 'cancelled', 'parked')
                or (state = 'queued' and reason = 'breaker_open'))",
        order_ids,
    )
    .fetch_all(connection)
    .await
}

#[cfg(test)]
mod tests;
