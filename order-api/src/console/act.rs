//! POST /console/orders/{id}/actions: carried out and redirected, or refused beside its button.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use edge::Problem;
use http::StatusCode;
use saga::Finding;

use super::failure::{Failure, text_of};
use super::form::Fields;
use super::saga::{Tried, show_tried};
use super::visit::Visit;
use crate::OrderApi;
use crate::order_id::OrderId;
use crate::staff::actions::{ActionRequest, Expected, Kind, perform};

pub(super) async fn act(
    State(api): State<Arc<OrderApi>>,
    order: Result<OrderId, Problem>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Failure> {
    let OrderId(id) = order?;
    let kind = fields.text("type");
    let acted = async {
        let (wanted, expected) = read(&fields)?;
        perform(&api, id, &visit.actor, wanted, expected).await
    };
    match acted.await {
        Ok(_) => Ok(Redirect::to(&format!("/console/orders/{id}?done={kind}")).into_response()),
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem.into()),
        Err(problem) => {
            let tried = Tried {
                said: said(&problem),
                status: problem.status(),
                reason: fields.text("reason"),
                evidence: fields.text("evidence"),
                finding: fields.text("finding"),
                kind,
            };
            show_tried(&api, &visit, id, tried).await
        }
    }
}

fn read(fields: &Fields) -> Result<(ActionRequest, Expected), Problem> {
    let unknown = || Problem::invalid("type", "unknown-value", "retry, cancel, resolve or note");
    let kind = Kind::named(&fields.text("type")).ok_or_else(unknown)?;
    let finding = match fields.get("finding") {
        Some("stock_held") => Some(Finding::StockHeld),
        Some("stock_not_held") => Some(Finding::StockNotHeld),
        Some(_) | None => None,
    };
    let expected = match (kind, fields.read("version")?) {
        (Kind::Note, _) => Expected::Any,
        (_, Some(version)) => Expected::Version(version),
        (_, None) => {
            return Err(Problem::invalid("version", "missing-field", "of the order as seen"));
        }
    };
    let wanted = ActionRequest {
        r#type: kind,
        reason: fields.text("reason"),
        finding: finding.filter(|_| kind == Kind::Resolve),
        evidence: fields.get("evidence").filter(|_| kind == Kind::Resolve).map(ToOwned::to_owned),
        dry_run: false,
    };
    Ok((wanted, expected))
}

/// A conflict says that nothing was done, before anything else.
fn said(problem: &Problem) -> String {
    if problem.status() == StatusCode::PRECONDITION_FAILED {
        return "Nothing was done: the order has moved on since you looked. This page shows it as it is \
                now; press again if you still mean it."
            .to_owned();
    }
    format!("Nothing was done. {}", text_of(problem))
}
