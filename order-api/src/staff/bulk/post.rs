//! POST /api/bulk-actions: freezes what was seen, or says that it is not what is there any more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::{Object, Problem, StrictJson};
use failpoints::Site;
use http::{HeaderValue, StatusCode, header};
use saga::Saga;
use schema_orders::bulk_actions::{NewBulk, insert_bulk};
use schema_orders::inspection::SagaRow;
use schema_orders::staff_actions::{NewAction, Verdict, insert_actions};
use schema_pg::DbError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::select::{Selected, Selection};
use super::show;
use crate::staff::access::Actor;
use crate::staff::actions::{Decision, Kind, check_reason, decide};
use crate::{OrderApi, db_problem};

/// Sagas that a dry run names.
const EXAMPLES_MAX: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkRequest {
    r#type: Kind,
    reason: String,
    filter: Option<crate::staff::sagas::SagaQuery>,
    /// Instead of a filter, or besides one.
    ids: Option<Vec<Uuid>>,
    /// When the list was seen: its `as_of`.
    as_of: Option<DateTime<Utc>>,
    /// How many were seen.
    expected_count: Option<usize>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Serialize)]
pub(crate) struct Preview {
    pub(crate) dry_run: bool,
    pub(crate) r#type: Kind,
    /// What to send as `expected_count`, with this `as_of`.
    pub(crate) count: usize,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) would_apply: usize,
    pub(crate) would_refuse: usize,
    pub(crate) examples: Vec<Uuid>,
}

pub(crate) async fn begin(
    State(api): State<Arc<OrderApi>>,
    Actor(actor): Actor,
    StrictJson(Object(wanted)): StrictJson<Object<BulkRequest>>,
) -> Result<Response, Problem> {
    check_reason(&wanted.reason)?;
    if wanted.r#type == Kind::Resolve {
        let detail = "each saga is resolved with evidence of its own";
        return Err(Problem::invalid("/type", "not-applicable", detail));
    }
    let selection = Selection { filter: wanted.filter, ids: wanted.ids };
    selection.check()?;
    if wanted.dry_run {
        let preview = preview(&api, wanted.r#type, &selection, wanted.as_of).await?;
        return Ok(Json(preview).into_response());
    }
    let (as_of, expected) = match (wanted.as_of, wanted.expected_count) {
        (Some(as_of), Some(expected)) => (as_of, expected),
        (None, _) => return Err(missing("/as_of", "when the list was seen")),
        (Some(_), None) => return Err(missing("/expected_count", "how many were seen")),
    };
    let asked = Begin { kind: wanted.r#type, reason: wanted.reason, as_of, expected };
    let id = start(&api, &actor, &selection, asked).await?;
    let location = HeaderValue::try_from(format!("/api/bulk-actions/{id}"));
    let location = [(header::LOCATION, location.expect("a path is a header value"))];
    let shown = show::find(&api, id, 0, 0).await?;
    Ok((StatusCode::ACCEPTED, location, Json(shown)).into_response())
}

/// What would be done.
pub(crate) async fn preview(
    api: &OrderApi,
    kind: Kind,
    selection: &Selection,
    as_of: Option<DateTime<Utc>>,
) -> Result<Preview, Problem> {
    selection.check()?;
    Ok(Preview::of(kind, &selection.resolve(api, as_of).await?))
}

/// An action on what was seen.
pub(crate) struct Begin {
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) expected: usize,
}

/// Freezes the selection, if it is still what was seen; the action's id.
pub(crate) async fn start(
    api: &OrderApi,
    actor: &str,
    selection: &Selection,
    asked: Begin,
) -> Result<Uuid, Problem> {
    let Begin { kind, reason, as_of, expected } = asked;
    check_reason(&reason)?;
    selection.check()?;
    let selected = selection.resolve(api, Some(as_of)).await?;
    if selected.sagas.len() != expected {
        return Err(has_moved(selected.sagas.len(), expected));
    }
    let bulk = NewBulk {
        id: Uuid::now_v7(),
        actor: actor.to_owned(),
        kind: kind.name().to_owned(),
        reason,
        filter: serde_json::to_value(selection).expect("a selection is plain data"),
        as_of,
        items: selected.sagas.iter().map(|saga| (saga.order_id, saga.version)).collect(),
    };
    let id = bulk.id;
    freeze(api, bulk).await?;
    api.bulk.wake();
    Ok(id)
}

async fn freeze(api: &OrderApi, bulk: NewBulk) -> Result<(), Problem> {
    let audited = NewAction {
        id: Uuid::now_v7(),
        order_id: None,
        actor: bulk.actor.clone(),
        kind: "bulk".to_owned(),
        reason: bulk.reason.clone(),
        evidence: None,
        bulk_id: Some(bulk.id),
        before: None,
        after: Some(json!({
            "type": bulk.kind, "selection": bulk.filter, "as_of": bulk.as_of,
            "total": bulk.items.len(),
        })),
        version: None,
        verdict: Verdict::Applied,
        detail: None,
    };
    let frozen = api.db.write(Site::BeginBulk, move |connection| {
        Box::pin(async move {
            insert_bulk(&mut *connection, &bulk).await?;
            insert_actions(connection, &[audited]).await?;
            Ok::<_, DbError>(())
        })
    });
    frozen.await.map_err(|error| db_problem::problem_of(&error))
}

impl Preview {
    fn of(kind: Kind, selected: &Selected) -> Preview {
        let count = selected.sagas.len();
        let would_apply = selected.sagas.iter().filter(|saga| applies(kind, saga)).count();
        Preview {
            dry_run: true,
            r#type: kind,
            count,
            as_of: selected.as_of,
            would_apply,
            would_refuse: count - would_apply,
            examples: selected.sagas.iter().take(EXAMPLES_MAX).map(|s| s.order_id).collect(),
        }
    }
}

fn applies(kind: Kind, row: &SagaRow) -> bool {
    if kind == Kind::Note {
        return true;
    }
    let Ok(saga) = Saga::try_from(row.columns.clone()) else { return false };
    matches!(decide(kind, None, &saga, Uuid::nil()), Ok(Decision::Update { .. }))
}

fn missing(pointer: &str, detail: &str) -> Problem {
    Problem::invalid(pointer, "missing-field", detail)
}

fn has_moved(count: usize, expected: usize) -> Problem {
    let title = "the list has changed since it was seen";
    Problem::new(StatusCode::CONFLICT, "selection-moved", title)
        .with_detail("nothing was done; reload the list")
        .with_member("count", count)
        .with_member("expected_count", expected)
}
