//! Claiming: lock messages, let the core decide, store the intents. One transaction.
//!
//! When it has committed, the epoch has grown, this relay owns the sagas, and what it is about to do
//! is on record; only then does a call go out.

use std::collections::HashSet;
use std::sync::Arc;

use failpoints::Site;
use failpoints::known_bad::{self, Flaw};
use relay_core::claims::{ClaimMode, Claims, Source, plan_claims};
use relay_core::decide::Call;
use relay_core::outcome::{Recorded, in_order};
use relay_core::schedule::Found;
use saga::stored::{ClaimedSaga, OutboxChange, SagaUpdate, StoredUpdate};
use schema_orders::outbox;
use schema_orders::sagas::store_updates;
use schema_pg::{DbError, DedicatedConnections, PgConnection};
use uuid::Uuid;

use crate::gate::Gate;
use crate::in_flight::InFlight;
use crate::metrics;

/// What is to be claimed, and how.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The relay that claims.
    pub relay: i64,
    pub source: Source,
    /// How many at most.
    pub limit: u32,
    /// What is done with it.
    pub mode: ClaimMode,
}

/// What a claim brought.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Calls to make.
    pub calls: Vec<Call>,
    /// Updates stored on the way that may answer a waiting request.
    pub stored: Vec<(SagaUpdate, StoredUpdate)>,
    /// Messages that were locked: fewer than asked for means that there are no more.
    pub locked: u32,
    /// Of these, retries that wait for their turn.
    pub postponed: u32,
    /// When, by the database's clock, in milliseconds since 1970; 0: nothing was locked.
    pub at_ms: u64,
}

impl Claimed {
    /// What the schedule is told.
    pub fn found(&self) -> Found {
        let ids = || self.stored.iter().map(|(update, _)| update.order_id);
        Found { locked: self.locked, ids: ids().min().zip(ids().max()), at_ms: self.at_ms }
    }
}

/// Claims sagas. `in_flight` is what the relay knows that it holds.
pub async fn claim(
    connections: &DedicatedConnections,
    in_flight: &InFlight,
    gate: &Arc<Gate>,
    request: ClaimRequest,
) -> Result<Claimed, DbError> {
    let (in_flight, gate) = (in_flight.clone(), Arc::clone(gate));
    let claimed = connections
        .write(Site::ClaimSagas, move |connection| {
            Box::pin(async move {
                let ClaimRequest { relay, mode, .. } = request;
                let sagas = lock(connection, &in_flight, &request).await?;
                if sagas.is_empty() {
                    return Ok::<_, DbError>(Claimed::default());
                }
                let locked = u32::try_from(sagas.len()).unwrap_or(u32::MAX);
                let at_ms = sagas.iter().map(|saga| saga.claimed_at.timestamp_millis()).max();
                let at_ms = u64::try_from(at_ms.unwrap_or(0)).unwrap_or(0);
                let mut claims = plan_claims(relay, sagas, mode);
                claims.within_budget(|retries| gate.withdraw_retries(retries));
                let postponed = u32::try_from(claims.postponed.len()).unwrap_or(u32::MAX);
                let (calls, stored) = store(connection, claims).await?;
                Ok(Claimed { calls, stored, locked, postponed, at_ms })
            })
        })
        .await?;
    if claimed.locked > 0 {
        count(&claimed);
    }
    Ok(claimed)
}

fn count(claimed: &Claimed) {
    metrics::claimed(claimed.locked - claimed.postponed);
    metrics::moved(claimed.stored.iter().map(|(update, _)| update));
    for call in claimed.calls.iter().filter(|call| call.taken_over) {
        let of_call = |stored: &&StoredUpdate| stored.order_id == call.loaded.order_id;
        if let Some(stored) = claimed.stored.iter().map(|(_, stored)| stored).find(of_call) {
            metrics::taken_over(call, stored);
        }
    }
}

async fn lock(
    connection: &mut PgConnection,
    in_flight: &InFlight,
    request: &ClaimRequest,
) -> Result<Vec<ClaimedSaga>, DbError> {
    let limit = i64::from(request.limit);
    match &request.source {
        Source::Fresh { floor } => outbox::lock_fresh(connection, *floor, limit).await,
        Source::Due => outbox::lock_due(connection, limit).await,
        Source::Untried { avoid } => outbox::lock_untried(connection, avoid, limit).await,
        Source::FromDeadRelay { crashes, floor } => {
            let known = in_flight.ids();
            let own = (request.relay, known.as_slice());
            outbox::lock_orphaned(connection, own, crashes.clone(), *floor, limit).await
        }
        Source::UnacknowledgedClaims { floor } => {
            let (relay, known) = (request.relay, in_flight.ids());
            let mut lost = outbox::lock_lost(connection, relay, &known, *floor, limit).await?;
            // What was taken with its insert since then is held, and was before it could be seen.
            lost.retain(|saga| !in_flight.contains(&saga.loaded.order_id));
            Ok(lost)
        }
    }
}

type Stored = (Vec<Call>, Vec<(SagaUpdate, StoredUpdate)>);

async fn store(connection: &mut PgConnection, claims: Claims) -> Result<Stored, DbError> {
    let Claims { mut updates, mut calls, obsolete, deferred, postponed } = claims;
    if known_bad::is_on(Flaw::OutboxRemovedAtClaim) {
        for update in &mut updates {
            if matches!(update.outbox, OutboxChange::Own { .. }) {
                update.outbox = OutboxChange::Remove;
            }
        }
    }
    if !obsolete.is_empty() {
        tracing::warn!(?obsolete, "messages without work are removed");
        outbox::remove(connection, &obsolete).await?;
    }
    if !postponed.is_empty() {
        outbox::postpone(connection, &postponed).await?;
    }
    let mut stored = pairs(updates.clone(), store_updates(connection, &updates).await?);
    let claimed: HashSet<Uuid> = stored.iter().map(|(update, _)| update.order_id).collect();
    calls.retain(|call| claimed.contains(&call.loaded.order_id));
    if !deferred.is_empty() {
        // Where the claim was not stored, neither is this: its epoch is not there.
        stored = pairs(deferred.clone(), store_updates(connection, &deferred).await?);
    }
    Ok((calls, stored))
}

fn pairs(updates: Vec<SagaUpdate>, stored: Vec<StoredUpdate>) -> Vec<(SagaUpdate, StoredUpdate)> {
    let recorded = in_order(&updates, stored);
    let pairs = updates.into_iter().zip(recorded).filter_map(|(update, recorded)| match recorded {
        Recorded::Stored(stored) => Some((update, stored)),
        Recorded::Fenced | Recorded::Dropped => None,
    });
    pairs.collect()
}
