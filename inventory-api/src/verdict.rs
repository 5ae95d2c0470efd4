//! A decision as the caller reads it: a reservation that stands, or a problem of the contract.
//!
//! Whether a call was executed, refused for good, or may be sent again is read from these answers by
//! every saga: their statuses and codes are the contract (docs/PROTOCOL.md section 3).

use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use edge::{CutConnection, Problem};
use http::StatusCode;
use schema_inventory::{Answer, Rejection, State};
use serde::Serialize;
use uuid::Uuid;

use crate::intake::{Decided, Refusal};

/// The answer to a command that was carried out, now or earlier: the reservation stands as asked.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CommandAnswer {
    reservation_id: Uuid,
    state: State,
    #[serde(skip)]
    is_fresh: bool,
}

impl CommandAnswer {
    /// 201 when this call made it, 200 when it stood already.
    pub(crate) fn status(&self) -> StatusCode {
        if self.is_fresh { StatusCode::CREATED } else { StatusCode::OK }
    }

    /// Made by this call.
    pub(crate) fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// The same, as new as the reservation it ends.
    pub(crate) fn made_by(self, reserved: &CommandAnswer) -> CommandAnswer {
        CommandAnswer { is_fresh: reserved.is_fresh, ..self }
    }
}

impl IntoResponse for CommandAnswer {
    fn into_response(self) -> Response {
        (self.status(), Json(self)).into_response()
    }
}

/// What a command is answered with instead.
pub(crate) enum Failure {
    /// A problem of the contract.
    Problem(Problem),
    /// Nothing: the connection is cut, and the caller cannot know what was done.
    Disconnect,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Problem(problem)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Failure::Problem(problem) => problem.into_response(),
            Failure::Disconnect => {
                let unseen = (StatusCode::INTERNAL_SERVER_ERROR, Extension(CutConnection));
                unseen.into_response()
            }
        }
    }
}

/// What came of a command on this reservation.
pub(crate) fn verdict(
    id: Uuid,
    outcome: Result<Decided, Refusal>,
) -> Result<CommandAnswer, Problem> {
    let Decided { answer, is_fresh } = outcome.map_err(refused)?;
    match answer {
        Answer::Done(state) => Ok(CommandAnswer { reservation_id: id, state, is_fresh }),
        Answer::Rejected(rejection) => Err(rejected(rejection)),
        Answer::Tombstoned => Err(conflict(
            StatusCode::GONE,
            "reservation-tombstoned",
            "this reservation was released; it takes nothing any more",
        )),
        Answer::StaleEpoch { newest } => Err(conflict(
            StatusCode::PRECONDITION_FAILED,
            "stale-epoch",
            "a newer claim of this saga has spoken already",
        )
        .with_member("newest_epoch", newest)),
        Answer::Mismatch => Err(conflict(
            StatusCode::UNPROCESSABLE_ENTITY,
            "reservation-mismatch",
            "this reservation id was used for another order or other lines",
        )),
        Answer::AlreadyCommitted => Err(conflict(
            StatusCode::CONFLICT,
            "reservation-committed",
            "this reservation was shipped and cannot be released",
        )),
        Answer::Unknown => Err(absent()),
    }
}

/// 404 for a reservation. Not `unknown-item`: that is a definitive no.
pub(crate) fn absent() -> Problem {
    Problem::not_found("there is no reservation with this id")
}

fn rejected(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::InsufficientStock { items } => {
            let title = "there is not enough stock";
            conflict(StatusCode::CONFLICT, "insufficient-stock", title).with_member("items", items)
        }
        Rejection::UnknownItem { items } => {
            let title = "there is no such item";
            conflict(StatusCode::NOT_FOUND, "unknown-item", title).with_member("items", items)
        }
    }
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Expired => not_executed("deadline-passed", "the deadline has passed"),
        Refusal::Overloaded => not_executed("overloaded", "overloaded"),
        Refusal::ItemBusy => not_executed("item-busy", "somebody else holds an item of this order"),
        Refusal::Database(failure) => failure.problem(),
    }
}

/// 503 with `Retry-After`: nothing was done.
fn not_executed(code: &'static str, title: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, title)
        .with_detail("nothing was done")
        .retry_after_s(1)
}

fn conflict(status: StatusCode, code: &'static str, title: &'static str) -> Problem {
    Problem::new(status, code, title)
}
