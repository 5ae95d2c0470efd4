//! Table `orders`: what was ordered. Never updated; where an order stands is its saga's state.

mod list;

use saga::stored::{Line, OutboxChange, SagaUpdate};
use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use saga::StateName;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

pub use list::{OrderFilter, OrderPage, SCAN_MAX, list_orders};

use crate::idempotency_keys::{self, StoredKey};

/// An order to be written together with its key, saga, first step and outbox message.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// A fresh UUIDv7.
    pub id: Uuid,
    /// A fresh UUIDv7: the idempotency key of the saga's first call.
    pub reservation_id: Uuid,
    pub tenant: String,
    /// The client's idempotency key.
    pub key: String,
    /// SHA-256 of the canonical request.
    pub fingerprint: [u8; 32],
    /// What is ordered.
    pub lines: Vec<Line>,
    /// The client's own data, stored as it came.
    pub metadata: Option<serde_json::Value>,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
    /// Milliseconds from now until the saga gives up.
    pub deadline_ms: i64,
    /// The claim of a relay in this process, stored with the insert. `None`: written unclaimed.
    pub first_update: Option<SagaUpdate>,
}

impl NewOrder {
    /// The relay that owns it from the start.
    fn owner(&self) -> Option<i64> {
        match self.first_update.as_ref()?.outbox {
            OutboxChange::Own { relay } => Some(relay),
            OutboxChange::Keep
            | OutboxChange::Wait { .. }
            | OutboxChange::Remove
            | OutboxChange::Add { .. } => None,
        }
    }

    /// State and epoch: pending, or what the claim makes of it.
    fn state_and_epoch(&self) -> (StateName, i64) {
        let claimed = self.first_update.as_ref().filter(|_| self.owner().is_some());
        claimed.map_or((StateName::Pending, 0), |claim| (claim.saga.state.name(), claim.epoch))
    }
}

/// What became of a [`NewOrder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insertion {
    /// It was written.
    Created {
        /// When, by the database's clock.
        created_at: DateTime<Utc>,
    },
    /// The same key came with the same request before: this is its order.
    Replayed {
        /// The order made then.
        order_id: Uuid,
    },
    /// The same key came with another request before.
    KeyReused,
}

/// An order with the state of its saga.
#[derive(Debug, Clone)]
pub struct OrderRow {
    /// UUIDv7.
    pub id: Uuid,
    pub tenant: String,
    /// What is ordered.
    pub lines: Json<Vec<Line>>,
    /// The client's own data.
    pub metadata: Option<serde_json::Value>,
    /// The saga's state.
    pub state: String,
    /// Why, where the state has a reason.
    pub reason: Option<String>,
    /// Whether the last call's outcome is unknown.
    pub in_doubt: bool,
    /// The saga's version.
    pub version: i32,
    /// When the order was acknowledged.
    pub created_at: DateTime<Utc>,
    /// When the saga last moved.
    pub updated_at: DateTime<Utc>,
}

/// Which orders of a batch were written, and when by the database's clock.
#[derive(Debug, Default)]
pub struct Created(HashMap<Uuid, DateTime<Utc>>);

/// What keys that were used before stand for.
#[derive(Debug, Default)]
pub struct Earlier(HashMap<TenantKey, StoredKey>);

/// A key, and whose it is.
pub type TenantKey = (String, String);

impl Created {
    /// When this order was written; `None`: it was not, its key was used before.
    pub fn at(&self, order_id: Uuid) -> Option<DateTime<Utc>> {
        self.0.get(&order_id).copied()
    }

    /// After an insert that got no answer and was sent again: what the first one wrote is among the earlier ones.
    pub fn adopt(&mut self, orders: &[NewOrder], earlier: &Earlier) {
        let ours: HashSet<Uuid> = orders.iter().map(|order| order.id).collect();
        let written = earlier.0.values().filter(|stored| ours.contains(&stored.order_id));
        self.0.extend(written.map(|stored| (stored.order_id, stored.created_at)));
    }

    /// The keys of the orders that were not written, because their keys were used before.
    pub fn conflicting_keys(&self, orders: &[NewOrder]) -> Vec<TenantKey> {
        let conflicting = orders.iter().filter(|order| !self.0.contains_key(&order.id));
        conflicting.map(|order| (order.tenant.clone(), order.key.clone())).collect()
    }

    /// What became of each order. `None`: its key was in use when we inserted, and is not among the earlier ones
    /// (retention removed it in between, or they could not be read).
    pub fn insertions(&self, orders: &[NewOrder], earlier: &Earlier) -> Vec<Option<Insertion>> {
        let became = |order: &NewOrder| {
            if let Some(created_at) = self.at(order.id) {
                return Some(Insertion::Created { created_at });
            }
            let stored = earlier.0.get(&(order.tenant.clone(), order.key.clone()))?;
            Some(if stored.fingerprint == order.fingerprint {
                Insertion::Replayed { order_id: stored.order_id }
            } else {
                Insertion::KeyReused
            })
        };
        orders.iter().map(became).collect()
    }
}

/// What these keys stand for, once it is sure that they will stand for it after a failover, too: whoever is told of an
/// order may rely on it.
pub async fn find_earlier(
    connection: &mut PgConnection,
    conflicting: &[TenantKey],
) -> sqlx::Result<Earlier> {
    let (tenants, keys): (Vec<String>, Vec<String>) = conflicting.iter().cloned().unzip();
    let stored = idempotency_keys::find_keys(connection, &tenants, &keys).await?;
    if !stored.is_empty() {
        schema_pg::await_standby(connection).await?;
    }
    let by_key = |stored: StoredKey| ((stored.tenant.clone(), stored.key.clone()), stored);
    Ok(Earlier(stored.into_iter().map(by_key).collect()))
}

/// Writes a batch of orders, each with key, saga, first step and outbox message, in one statement, which may
/// commit by itself. An order whose key was used before is left out, and the others stand.
pub async fn insert_new(
    connection: &mut PgConnection,
    orders: &[NewOrder],
) -> sqlx::Result<Created> {
    let ids: Vec<Uuid> = orders.iter().map(|o| o.id).collect();
    let reservation_ids: Vec<Uuid> = orders.iter().map(|o| o.reservation_id).collect();
    let tenants: Vec<&str> = orders.iter().map(|o| o.tenant.as_str()).collect();
    let keys: Vec<&str> = orders.iter().map(|o| o.key.as_str()).collect();
    let fingerprints: Vec<&[u8]> = orders.iter().map(|o| o.fingerprint.as_slice()).collect();
    let lines: Vec<Json<&[Line]>> = orders.iter().map(|o| Json(o.lines.as_slice())).collect();
    let metadata: Vec<Option<Json<&serde_json::Value>>> =
        orders.iter().map(|o| o.metadata.as_ref().map(Json)).collect();
    let traceparents: Vec<Option<&str>> = orders.iter().map(|o| o.traceparent.as_deref()).collect();
    let deadlines: Vec<i64> = orders.iter().map(|o| o.deadline_ms).collect();
    let owners: Vec<Option<i64>> = orders.iter().map(NewOrder::owner).collect();
    let (states, epochs): (Vec<&str>, Vec<i64>) = orders
        .iter()
        .map(NewOrder::state_and_epoch)
        .map(|(state, epoch)| (state.as_str(), epoch))
        .unzip();
    let created = sqlx::query!(
        r#"
        with input as (
            select *
            from unnest(
                $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::jsonb[],
                $7::jsonb[], $8::text[], $9::bigint[], $10::bigint[], $11::text[], $12::bigint[]
            ) as t (
                id, reservation_id, tenant, key, fingerprint, lines, metadata, traceparent,
                deadline_ms, owner, state, epoch
            )
        ),
        -- sorted, so that two batches with the same keys wait for each other in one order only
        won as (
            insert into idempotency_keys (tenant, key, fingerprint, order_id)
            select tenant, key, fingerprint, id from input order by tenant, key
            on conflict do nothing
            returning order_id
        ),
        written as (
            select input.* from input join won on won.order_id = input.id
        ),
        new_orders as (
            insert into orders (id, tenant, key, lines, metadata, traceparent)
            select id, tenant, key, lines, metadata, traceparent from written
        ),
        new_sagas as (
            insert into sagas (order_id, state, reservation_id, deadline_at, version, epoch)
            select id, state, reservation_id, now() + deadline_ms * interval '1 millisecond',
                case when owner is null then 1 else 2 end, epoch
            from written
        ),
        first_steps as (
            insert into saga_steps (order_id, seq, phase, event, state, epoch, worker)
            select id, 1, 'created', 'created', 'pending', 0, null from written
            union all
            -- a claim of a free saga in time, which leaves everything else as it is
            select id, 2, 'intent', 'claimed', state, epoch, owner
            from written
            where owner is not null
        ),
        messages as (
            insert into outbox (order_id, owner) select id, owner from written
        )
        select order_id, now() as "created_at!" from won
        "#,
        &ids,
        &reservation_ids,
        &tenants as _,
        &keys as _,
        &fingerprints as _,
        &lines as _,
        &metadata as _,
        &traceparents as _,
        &deadlines,
        &owners as _,
        &states as _,
        &epochs,
    )
    .fetch_all(connection)
    .await?;
    Ok(Created(created.into_iter().map(|row| (row.order_id, row.created_at)).collect()))
}

/// One order; a tenant sees only its own, `None` sees all.
pub async fn find_order(
    connection: &mut PgConnection,
    tenant: Option<&str>,
    id: Uuid,
) -> sqlx::Result<Option<OrderRow>> {
    sqlx::query_as!(
        OrderRow,
        r#"
        select id, tenant, lines as "lines: Json<Vec<Line>>", metadata, state, reason, in_doubt,
            version, created_at, updated_at
        from orders
        join sagas on sagas.order_id = orders.id
        where id = $1 and ($2::text is null or tenant = $2)
        "#,
        id,
        tenant,
    )
    .fetch_optional(connection)
    .await
}

#[cfg(test)]
mod tests;
