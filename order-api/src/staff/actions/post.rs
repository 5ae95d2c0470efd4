//! POST /api/sagas/{id}/actions.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use edge::{Object, Problem, read_json};
use failpoints::Site;
use http::{HeaderMap, StatusCode, header};
use saga::Saga;
use saga::explain::{Explanation, Facts, explain};
use schema_orders::inspection::SagaRow;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::apply_action::{Action, ActionOutcome, Applied, Mode, apply_action};
use super::decide::{Kind, refusal};
use super::request::{ActionRequest, Expected, expected_version};
use crate::OrderApi;
use crate::order_id::OrderId;
use crate::staff::access::Actor;
use crate::staff::sagas::{SagaAnswer, etag};

#[derive(Serialize)]
struct Acted {
    action: ActedAction,
    /// As it stands now.
    saga: SagaAnswer,
    /// In a dry run: what it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_be: Option<Explanation>,
}

#[derive(Serialize)]
struct ActedAction {
    /// `None`: nothing was written.
    id: Option<Uuid>,
    r#type: Kind,
    actor: String,
    reason: String,
    dry_run: bool,
    result: &'static str,
    before: Option<Value>,
    after: Option<Value>,
}

pub(crate) async fn act(
    State(api): State<Arc<OrderApi>>,
    OrderId(order_id): OrderId,
    Actor(actor): Actor,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Object(wanted) = read_json::<Object<ActionRequest>>(&headers, body).await?;
    wanted.check()?;
    let expected = expected_version(&headers, wanted.r#type)?;
    let mode = if wanted.dry_run { Mode::DryRun } else { Mode::Real };
    let (action, applied) = perform(&api, order_id, &actor, wanted, expected).await?;
    Ok(acted(action, mode, applied))
}

/// Carries it out, or finds out what it would do; a no names the saga as it is.
pub(crate) async fn perform(
    api: &OrderApi,
    order_id: Uuid,
    actor: &str,
    wanted: ActionRequest,
    expected: Expected,
) -> Result<(Action, Applied), Problem> {
    wanted.check()?;
    let mode = if wanted.dry_run { Mode::DryRun } else { Mode::Real };
    let action = Action {
        id: Uuid::now_v7(),
        order_id,
        actor: actor.to_owned(),
        kind: wanted.r#type,
        reason: wanted.reason,
        finding: wanted.finding,
        evidence: wanted.evidence,
        bulk_id: None,
        deadline_ms: api.config.deadline_ms,
    };
    let asked = action.clone();
    let done = api.db.write(Site::ActOnSaga, move |connection| {
        Box::pin(async move { apply_action(connection, &asked, expected, mode).await })
    });
    match done.await? {
        ActionOutcome::Applied(mut applied) => {
            if let Some(settled) = applied.settled.take() {
                api.hints.work.notify_one();
                // nobody listening is no fault; those who wait look by themselves
                let _ = api.hints.settled.send([settled].into());
            }
            Ok((action, *applied))
        }
        ActionOutcome::Refused { why, saga } => {
            let title = "this action does not apply";
            Err(Problem::new(StatusCode::CONFLICT, "action-not-applicable", title)
                .with_detail(refusal(why))
                .with_header(header::ETAG, etag(saga.version))
                .with_member("saga", SagaAnswer::from(*saga)))
        }
        ActionOutcome::Moved { saga } => {
            let title = "the saga has moved on since you looked";
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, "version-mismatch", title)
                .with_detail("read the current state and decide again")
                .with_header(header::ETAG, etag(saga.version))
                .with_member("saga", SagaAnswer::from(*saga)))
        }
    }
}

fn acted(action: Action, mode: Mode, applied: Applied) -> Response {
    let is_dry = mode == Mode::DryRun;
    let would_be = applied.becomes.filter(|_| is_dry).map(|becomes| words(becomes, &applied.saga));
    let answer = Acted {
        action: ActedAction {
            id: (!is_dry).then_some(action.id),
            r#type: action.kind,
            actor: action.actor,
            reason: action.reason,
            dry_run: is_dry,
            result: if is_dry { "would_apply" } else { "applied" },
            before: applied.before,
            after: applied.after,
        },
        saga: SagaAnswer::from(applied.saga),
        would_be,
    };
    let etag = [(header::ETAG, etag(answer.saga.version))];
    (etag, Json(answer)).into_response()
}

/// What would be said of the saga: staff's actions make it due at once.
fn words(becomes: Saga, row: &SagaRow) -> Explanation {
    let is_due = !becomes.state.is_final() || row.is_on_work_list;
    explain(&Facts { saga: becomes, next_try_in_ms: is_due.then_some(0), is_held: false })
}
