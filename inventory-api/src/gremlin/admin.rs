//! POST, GET, DELETE /api/admin/chaos: the gremlin's switch.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{Problem, StrictJson};
use failpoints::Site;
use http::StatusCode;
use schema_inventory::gremlin::{self, Gremlin as Row};
use schema_pg::DbError;
use serde::Serialize;
use serde_json::Value;

use super::Gremlin;
use super::settings::ChaosRequest;
use super::watch::Watch;
use crate::{InventoryApi, db_problem};

/// The gremlin as it is.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ChaosAnswer {
    /// Whether it may be switched on here at all.
    allowed: bool,
    enabled: bool,
    /// How long it stays on, in milliseconds.
    left_ms: i64,
    began_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    /// What it does, or did when it was last on.
    settings: Option<Value>,
    /// Calls it has looked at since it was switched on.
    calls: i64,
    events: Events,
}

#[derive(Debug, Default, Serialize)]
struct Events {
    delayed: i64,
    crashed: i64,
    lost: i64,
}

pub(crate) async fn switch_on(
    State(api): State<Arc<InventoryApi>>,
    StrictJson(request): StrictJson<ChaosRequest>,
) -> Result<Json<ChaosAnswer>, Problem> {
    let watch = api.gremlin.watch().ok_or_else(refused)?;
    let (settings, ttl_s) = request.check()?;
    let settings = serde_json::to_value(settings).expect("numbers and texts always serialise");
    let switched: Result<(), DbError> = api
        .db
        .write(Site::SwitchGremlin, move |connection| {
            Box::pin(async move { gremlin::switch_on(connection, &settings, ttl_s).await })
        })
        .await;
    switched.map_err(|error| db_problem::problem_of(&error))?;
    show(watch).await
}

pub(crate) async fn get(
    State(api): State<Arc<InventoryApi>>,
) -> Result<Json<ChaosAnswer>, Problem> {
    match api.gremlin.watch() {
        Some(watch) => show(watch).await,
        None => Ok(Json(ChaosAnswer::default())),
    }
}

pub(crate) async fn switch_off(
    State(api): State<Arc<InventoryApi>>,
) -> Result<Json<ChaosAnswer>, Problem> {
    let watch = api.gremlin.watch().ok_or_else(refused)?;
    let switched: Result<(), DbError> = api
        .db
        .write(Site::SwitchGremlin, |connection| Box::pin(gremlin::switch_off(connection)))
        .await;
    switched.map_err(|error| db_problem::problem_of(&error))?;
    show(watch).await
}

async fn show(watch: &Watch) -> Result<Json<ChaosAnswer>, Problem> {
    let row = watch.look().await.map_err(|error| db_problem::problem_of(&error))?;
    let answer = row.map(ChaosAnswer::from).unwrap_or_default();
    Ok(Json(ChaosAnswer { allowed: true, ..answer }))
}

fn refused() -> Problem {
    let title = "the gremlin is not allowed here";
    Problem::new(StatusCode::FORBIDDEN, "gremlin-disabled", title)
        .with_detail("start the service with GREMLIN_ENABLED=true, and never where it could hurt")
}

impl Gremlin {
    fn watch(&self) -> Option<&Watch> {
        self.0.as_ref().map(|allowed| &allowed.watch)
    }
}

impl From<Row> for ChaosAnswer {
    fn from(row: Row) -> ChaosAnswer {
        ChaosAnswer {
            allowed: true,
            enabled: row.left_ms > 0,
            left_ms: row.left_ms,
            began_at: Some(row.began_at),
            ends_at: Some(row.ends_at),
            settings: Some(row.settings),
            calls: row.calls,
            events: Events {
                delayed: row.done.delayed,
                crashed: row.done.crashed,
                lost: row.done.lost,
            },
        }
    }
}
