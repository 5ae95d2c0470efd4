//! GET /api/breakers and POST /api/breakers/{name}/actions: how inventory looks to each relay, and staff's
//! overrides.
//!
//! The breaker lives in each relay, so its figures are asked of each. What staff wants is a row that all of
//! them read (docs/decisions, 0010), so that it also reaches those that nobody can ask.

pub(crate) mod probe;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::{Object, Problem, StrictJson};
use failpoints::Site;
use futures_util::future::join_all;
use http::StatusCode;
use schema_orders::breaker_overrides::{BreakerOverride, INVENTORY, find_override, store_override};
use schema_orders::relays::{Member, list_members};
use schema_orders::staff_actions::{NewAction, Verdict, insert_actions};
use schema_pg::DbError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::staff::access::Actor;
use crate::staff::actions::check_reason;
use crate::{OrderApi, db_problem};

/// Relays that are asked.
const ASKED_MAX: usize = 32;
/// From the worst to the best: what a breaker is called that stands differently in several relays.
const STATES: [&str; 4] = ["isolated", "open", "half_open", "closed"];

#[derive(Serialize)]
pub(crate) struct Breakers {
    pub(crate) items: Vec<Breaker>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Breaker {
    pub(crate) name: &'static str,
    /// The worst among its relays; `None`: none of them answers.
    pub(crate) state: Option<&'static str>,
    /// What staff wants; `None`: nobody has touched it.
    #[serde(rename = "order")]
    pub(crate) newest: Option<OverrideAnswer>,
    pub(crate) relays: Vec<OfRelay>,
}

#[derive(Serialize)]
pub(crate) struct OverrideAnswer {
    pub(crate) isolated: bool,
    pub(crate) actor: String,
    pub(crate) reason: String,
    pub(crate) at: DateTime<Utc>,
}

#[derive(Serialize)]
pub(crate) struct OfRelay {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// Breaker, retries, drain, as the relay tells them; `None`: it does not answer.
    pub(crate) gate: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BreakerRequest {
    r#type: BreakerAction,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BreakerAction {
    /// Keeps every call back, until it is closed.
    Isolate,
    /// Lets calls through, and leaves it to itself again.
    Close,
}

pub(crate) async fn list_breakers(
    State(api): State<Arc<OrderApi>>,
) -> Result<Json<Breakers>, Problem> {
    let read = api.staff_reads.run(|connection| {
        Box::pin(async move {
            let newest = find_override(&mut *connection, INVENTORY).await?;
            Ok((newest, list_members(connection).await?))
        })
    });
    let (newest, members) = read.await?;
    let asking = members.into_iter().take(ASKED_MAX).map(|member| ask(&api, member));
    let relays = join_all(asking).await;
    let state =
        STATES.into_iter().find(|state| relays.iter().any(|relay| relay.state() == Some(state)));
    let newest = newest.map(OverrideAnswer::from);
    let items = vec![Breaker { name: INVENTORY, state, newest, relays }];
    Ok(Json(Breakers { items, next_cursor: None }))
}

pub(crate) async fn act(
    State(api): State<Arc<OrderApi>>,
    Path(name): Path<String>,
    Actor(actor): Actor,
    StrictJson(Object(wanted)): StrictJson<Object<BreakerRequest>>,
) -> Result<Response, Problem> {
    if name != INVENTORY {
        return Err(Problem::not_found("there is no breaker of this name"));
    }
    check_reason(&wanted.reason)?;
    let isolated = wanted.r#type == BreakerAction::Isolate;
    let newest = command(&api, &actor, isolated, wanted.reason).await?;
    // the relays apply it with their next heartbeat
    Ok((StatusCode::ACCEPTED, Json(OverrideAnswer::from(newest))).into_response())
}

/// Stores the override with its row of the audit log.
pub(crate) async fn command(
    api: &OrderApi,
    actor: &str,
    isolated: bool,
    reason: String,
) -> Result<BreakerOverride, Problem> {
    check_reason(&reason)?;
    let actor = actor.to_owned();
    let written = api.db.write(Site::OverrideBreaker, move |connection| {
        Box::pin(async move {
            let before = find_override(&mut *connection, INVENTORY).await?;
            let newest =
                store_override(&mut *connection, INVENTORY, isolated, &actor, &reason).await?;
            insert_actions(connection, &[audited(before.as_ref(), &newest)]).await?;
            Ok::<_, DbError>(newest)
        })
    });
    let newest = written.await.map_err(|error| db_problem::problem_of(&error))?;
    tracing::warn!(
        breaker = INVENTORY,
        isolated,
        actor = newest.actor,
        "staff has overridden the breaker"
    );
    Ok(newest)
}

async fn ask(api: &OrderApi, member: Member) -> OfRelay {
    let gate = match &member.url {
        Some(url) => api.gates.ask(url).await,
        None => None,
    };
    OfRelay { id: member.id, name: member.name, gate }
}

impl OfRelay {
    pub(crate) fn state(&self) -> Option<&str> {
        self.gate.as_ref()?.get("breaker")?.get("state")?.as_str()
    }
}

fn audited(before: Option<&BreakerOverride>, newest: &BreakerOverride) -> NewAction {
    let told = |told: &BreakerOverride| json!({"breaker": INVENTORY, "isolated": told.isolated, "number": told.number});
    NewAction {
        id: Uuid::now_v7(),
        order_id: None,
        actor: newest.actor.clone(),
        kind: "breaker".to_owned(),
        reason: newest.reason.clone(),
        evidence: None,
        bulk_id: None,
        before: before.map(told),
        after: Some(told(newest)),
        version: None,
        verdict: Verdict::Applied,
        detail: None,
    }
}

impl From<BreakerOverride> for OverrideAnswer {
    fn from(newest: BreakerOverride) -> OverrideAnswer {
        let BreakerOverride { isolated, actor, reason, at, .. } = newest;
        OverrideAnswer { isolated, actor, reason, at }
    }
}
