//! The reservation calls: PUT, DELETE, GET, and POST …/commit.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use edge::{Problem, StrictQuery};
use http::HeaderMap;
use schema_inventory::reservation_lines::find_lines;
use schema_inventory::reservations::find_reservation;
use schema_inventory::{Command, Line, Rejection, Reserve};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::intake::Asked;
use crate::lines::{RequestedLine, check_lines};
use crate::saga_headers::SagaHeaders;
use crate::verdict::{CommandAnswer, Failure, absent, verdict};
use crate::{InventoryApi, db_problem};

type IdPath = Result<Path<String>, PathRejection>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReserveRequest {
    order_id: Uuid,
    lines: Vec<RequestedLine>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseQuery {
    /// Whose reservation it would have been; kept on a tombstone, for whoever looks into it.
    order_id: Option<Uuid>,
}

/// A reservation with everything that is known of it.
#[derive(Debug, Serialize)]
pub(crate) struct ReservationAnswer {
    reservation_id: Uuid,
    order_id: Option<Uuid>,
    state: schema_inventory::State,
    lines: Vec<Line>,
    epoch: i64,
    rejection: Option<Rejection>,
    created_at: chrono::DateTime<chrono::Utc>,
    updated_at: chrono::DateTime<chrono::Utc>,
}

pub(crate) async fn reserve(
    State(api): State<Arc<InventoryApi>>,
    path: IdPath,
    headers: HeaderMap,
    body: Body,
) -> Result<CommandAnswer, Failure> {
    let id = parse_id(path)?;
    let saga = SagaHeaders::read(&headers, api.config.call_time())?;
    let request: ReserveRequest = edge::read_json(&headers, body).await?;
    let lines = check_lines(request.lines, "/lines")?;
    let command = Command::Reserve(Reserve::new(id, request.order_id, saga.epoch, lines));
    decide(&api, saga.ask(command)).await
}

pub(crate) async fn release(
    State(api): State<Arc<InventoryApi>>,
    path: IdPath,
    StrictQuery(query): StrictQuery<ReleaseQuery>,
    headers: HeaderMap,
) -> Result<CommandAnswer, Failure> {
    let reservation_id = parse_id(path)?;
    let saga = SagaHeaders::read(&headers, api.config.call_time())?;
    let order_id = query.order_id;
    let command = Command::Release { reservation_id, order_id, epoch: saga.epoch };
    decide(&api, saga.ask(command)).await
}

pub(crate) async fn commit(
    State(api): State<Arc<InventoryApi>>,
    path: IdPath,
    headers: HeaderMap,
) -> Result<CommandAnswer, Failure> {
    let reservation_id = parse_id(path)?;
    let saga = SagaHeaders::read(&headers, api.config.call_time())?;
    let command = Command::Commit { reservation_id, epoch: saga.epoch };
    decide(&api, saga.ask(command)).await
}

pub(crate) async fn get_reservation(
    State(api): State<Arc<InventoryApi>>,
    path: IdPath,
) -> Result<Json<ReservationAnswer>, Problem> {
    let id = parse_id(path)?;
    let found = api.db.read(move |connection| {
        Box::pin(async move {
            let reservation = find_reservation(&mut *connection, id).await?;
            let lines = find_lines(connection, &[id]).await?;
            Ok(reservation.map(|reservation| (reservation, lines)))
        })
    });
    let found = found.await.map_err(|error| db_problem::problem_of(&error))?;
    let (reservation, lines) = found.ok_or_else(absent)?;
    Ok(Json(ReservationAnswer {
        reservation_id: reservation.reservation_id,
        order_id: reservation.order_id,
        state: reservation.state,
        lines: lines.into_iter().map(|(_, line)| line).collect(),
        epoch: reservation.max_epoch,
        rejection: reservation.rejection,
        created_at: reservation.created_at,
        updated_at: reservation.updated_at,
    }))
}

/// Every command goes this way, alone or in a batch, and past the gremlin.
pub(crate) async fn decide(api: &InventoryApi, asked: Asked) -> Result<CommandAnswer, Failure> {
    let id = asked.command.reservation_id();
    let loses_reply = matches!(asked.command, Command::Reserve(_)) && edge::wants_lost_reply(id);
    let strike = api.gremlin.look_at(&asked.command).await;
    if let Some(strike) = &strike {
        strike.before().await?;
    }
    let verdict = verdict(id, api.intake.decide(asked).await);
    if let Some(strike) = &strike {
        strike.after().await?;
    }
    let answer = verdict?;
    if loses_reply && answer.is_fresh() {
        api.gremlin.lose_reply()?;
    }
    Ok(answer)
}

fn parse_id(path: IdPath) -> Result<Uuid, Problem> {
    let id = path.ok().and_then(|Path(text)| Uuid::try_parse(&text).ok());
    id.ok_or_else(|| {
        Problem::invalid("reservation_id", "invalid-value", "a reservation's id is a UUID")
    })
}
