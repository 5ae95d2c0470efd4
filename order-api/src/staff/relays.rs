//! GET /api/relay: who works on the orders, and how much there is to do.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::Problem;
use schema_orders::backlog::{WorkList, read_work_list};
use schema_orders::relays::{Member, count_held, list_members};
use serde::Serialize;

use crate::OrderApi;

/// A relay that has been silent for longer is not taken for alive. They beat twice a second.
const SILENT_MS: i64 = 5_000;

#[derive(Serialize)]
pub(crate) struct RelaysAnswer {
    pub(crate) members: Vec<MemberAnswer>,
    pub(crate) outbox: OutboxAnswer,
    pub(crate) as_of: DateTime<Utc>,
}

#[derive(Serialize)]
pub(crate) struct MemberAnswer {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) url: Option<String>,
    pub(crate) alive: bool,
    /// Sagas that it holds.
    pub(crate) held: i64,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) heartbeat_at: DateTime<Utc>,
    pub(crate) silent_ms: i64,
}

#[derive(Serialize)]
pub(crate) struct OutboxAnswer {
    /// Sagas with an automatic step left.
    pub(crate) messages: i64,
    /// Of these, waiting for a time that is still to come.
    pub(crate) waiting: i64,
    /// Of these, held by a relay.
    pub(crate) held: i64,
    /// Since the oldest of their orders was taken.
    pub(crate) oldest_age_ms: i64,
    /// For how long the longest overdue one has waited for a relay.
    pub(crate) overdue_ms: i64,
}

pub(crate) async fn show_relays(
    State(api): State<Arc<OrderApi>>,
) -> Result<Json<RelaysAnswer>, Problem> {
    let read = api.staff_reads.run(|connection| {
        Box::pin(async move {
            let members = list_members(&mut *connection).await?;
            let held = count_held(&mut *connection).await?;
            let work = read_work_list(&mut *connection, SILENT_MS).await?;
            Ok((members, held, work, schema_orders::consistency::now(connection).await?))
        })
    });
    let (members, held, work, as_of) = read.await?;
    let held: HashMap<i64, i64> = held.into_iter().collect();
    let told = |member: Member| MemberAnswer::of(member, &held);
    let members = members.into_iter().map(told).collect();
    Ok(Json(RelaysAnswer { members, outbox: OutboxAnswer::from(work), as_of }))
}

impl MemberAnswer {
    fn of(member: Member, held: &HashMap<i64, i64>) -> MemberAnswer {
        let silent_ms = ms(member.silent_s);
        MemberAnswer {
            held: held.get(&member.id).copied().unwrap_or(0),
            alive: silent_ms < SILENT_MS,
            silent_ms,
            id: member.id,
            name: member.name,
            url: member.url,
            started_at: member.started_at,
            heartbeat_at: member.heartbeat_at,
        }
    }
}

impl From<WorkList> for OutboxAnswer {
    fn from(work: WorkList) -> OutboxAnswer {
        OutboxAnswer {
            messages: work.messages,
            waiting: work.waiting,
            held: work.held,
            oldest_age_ms: ms(work.oldest_age_s),
            overdue_ms: ms(work.overdue_s),
        }
    }
}

fn ms(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}
