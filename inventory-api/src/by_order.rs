//! POST /api/inventory/reserve and /deduct: calls of the reference API, which know an order and no reservation.
//!
//! The order's id stands for the reservation's: the same order is always the same reservation, so a
//! call that is sent twice counts once here as well. An order is either driven by a saga or by these
//! calls; they do not find the reservation a saga has made for it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::HeaderMap;
use schema_inventory::by_order::{order_of, reservation_of};
use schema_inventory::{Command, Line, Reserve};
use serde::{Deserialize, Serialize};

use crate::InventoryApi;
use crate::intake::Asked;
use crate::lines::{RequestedLine, check_lines};
use crate::reservations::decide;
use crate::saga_headers::SagaHeaders;
use crate::verdict::{CommandAnswer, Failure};

const ORDER_ID_CHARS_MAX: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderRequest {
    order_id: String,
    item_id: Option<String>,
    quantity: Option<i64>,
    lines: Option<Vec<RequestedLine>>,
}

#[derive(Debug, Serialize)]
struct OrderCommandAnswer {
    order_id: String,
    #[serde(flatten)]
    answer: CommandAnswer,
}

pub(crate) async fn reserve(
    State(api): State<Arc<InventoryApi>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let (order_id, asked) = read(&api, &headers, body).await?;
    let answer = decide(&api, asked).await?;
    Ok(OrderCommandAnswer { order_id, answer }.into_response())
}

/// Reserve, then commit. What ends in between is finished by sending it again.
pub(crate) async fn deduct(
    State(api): State<Arc<InventoryApi>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let (order_id, asked) = read(&api, &headers, body).await?;
    let (reservation_id, epoch) = (asked.command.reservation_id(), asked.command.epoch());
    let until = asked.until;
    let reserved = decide(&api, asked).await?;
    let command = Command::Commit { reservation_id, epoch };
    let committed = decide(&api, Asked { command, until }).await?;
    let answer = committed.made_by(&reserved);
    Ok(OrderCommandAnswer { order_id, answer }.into_response())
}

async fn read(
    api: &InventoryApi,
    headers: &HeaderMap,
    body: Body,
) -> Result<(String, Asked), Problem> {
    let saga = SagaHeaders::read(headers, api.config.call_time())?;
    let request: OrderRequest = edge::read_json(headers, body).await?;
    let length = request.order_id.chars().count();
    if length == 0 || length > ORDER_ID_CHARS_MAX {
        return Err(Problem::invalid("/order_id", "out-of-range", "1 to 100 characters"));
    }
    let lines = check_either(request.item_id, request.quantity, request.lines)?;
    let order = order_of(&request.order_id);
    let reservation = reservation_of(order);
    let command = Command::Reserve(Reserve::new(reservation, order, saga.epoch, lines));
    Ok((request.order_id, saga.ask(command)))
}

/// Both shapes come out as lines.
fn check_either(
    item_id: Option<String>,
    quantity: Option<i64>,
    lines: Option<Vec<RequestedLine>>,
) -> Result<Vec<Line>, Problem> {
    match (item_id, quantity, lines) {
        (Some(item_id), Some(quantity), None) => {
            check_lines(vec![RequestedLine { item_id, quantity }], "/lines")
        }
        (None, None, Some(lines)) => check_lines(lines, "/lines"),
        _ => {
            let detail = "give either item_id and quantity, or lines";
            Err(Problem::invalid("/lines", "missing-field", detail))
        }
    }
}

impl IntoResponse for OrderCommandAnswer {
    fn into_response(self) -> Response {
        (self.answer.status(), Json(self)).into_response()
    }
}
