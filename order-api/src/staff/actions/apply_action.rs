//! One action, in one transaction: lock, compare, decide, store, and insert the row of the audit log.
//!
//! The epoch grows, so that whatever a relay is doing for the saga at the moment counts no more.

use std::slice;

use edge::Problem;
use http::StatusCode;
use saga::stored::{LoadedSaga, SagaUpdate};
use saga::{Finding, Ignored, Saga};
use schema_orders::inspection::{SagaRow, find_saga};
use schema_orders::sagas::{Settled, UnknownState, load_for_update, store_updates};
use schema_orders::staff_actions::{NewAction, Verdict, insert_actions};
use schema_pg::{DbConnection, DbError};
use serde_json::Value;
use uuid::Uuid;

use super::decide::{Decision, Kind, decide, snapshot};
use super::request::Expected;
use crate::db_problem;
use crate::order_id::absent;

/// An action on one saga.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) id: Uuid,
    pub(crate) order_id: Uuid,
    pub(crate) actor: String,
    pub(crate) kind: Kind,
    pub(crate) reason: String,
    pub(crate) finding: Option<Finding>,
    pub(crate) evidence: Option<String>,
    pub(crate) bulk_id: Option<Uuid>,
    /// A deadline that has passed is renewed by so much.
    pub(crate) deadline_ms: i64,
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Real,
    DryRun,
}

/// What became of an action.
#[derive(Debug)]
pub(crate) enum ActionOutcome {
    /// Carried out, or in a dry run: what would be.
    Applied(Box<Applied>),
    /// Refused by the core; in a dry run nothing says so but the answer.
    Refused { why: Ignored, saga: Box<SagaRow> },
    /// The saga is not the one that was looked at any more.
    Moved { saga: Box<SagaRow> },
}

/// An action that was carried out, or would be.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    /// The saga as it stands after the action.
    pub(crate) becomes: Option<Saga>,
    pub(crate) settled: Option<Settled>,
    pub(crate) saga: SagaRow,
}

/// What ends the transaction without a trace.
#[derive(Debug)]
pub(crate) enum ActionError {
    /// Nothing was done; it can be sent again, as `classify` says.
    Database(DbError),
    /// The caller is told why; no statement has failed.
    Refused(Problem),
}

impl From<DbError> for ActionError {
    fn from(error: DbError) -> ActionError {
        ActionError::Database(error)
    }
}

impl From<ActionError> for Problem {
    fn from(error: ActionError) -> Problem {
        match error {
            ActionError::Database(error) => db_problem::problem_of(&error),
            ActionError::Refused(problem) => problem,
        }
    }
}

/// Carries out `action`, or finds out what it would do.
pub(crate) async fn apply_action(
    connection: &mut DbConnection,
    action: &Action,
    expected: Expected,
    mode: Mode,
) -> Result<ActionOutcome, ActionError> {
    let id = action.order_id;
    let locked = load_for_update(&mut *connection, id)
        .await?
        .ok_or_else(|| ActionError::Refused(absent()))?;
    let saga = find(&mut *connection, id).await?;
    if !matches(expected, saga.version) {
        return Ok(ActionOutcome::Moved { saga: Box::new(saga) });
    }
    if action.kind == Kind::Note {
        // also for a state that only a newer version knows
        let kept = locked.ok().map(|l| snapshot(&l.saga, l.version, l.epoch));
        let version = saga.version;
        let applied =
            Applied { before: kept.clone(), after: kept, becomes: None, settled: None, saga };
        if mode == Mode::Real {
            insert_audit_row(connection, action, Verdict::Applied, Some(version), &applied, None)
                .await?;
        }
        return Ok(ActionOutcome::Applied(Box::new(applied)));
    }
    let loaded = locked.map_err(|unknown| of_a_newer_version(&unknown))?;
    let decision = decide(action.kind, action.finding, &loaded.saga, Uuid::now_v7());
    match decision.map_err(|invalid| bug(id, &invalid))? {
        Decision::Noted => Err(bug(id, &"only a note moves nothing")),
        Decision::Refused(why) => {
            if mode == Mode::Real {
                let kept = Some(snapshot(&loaded.saga, loaded.version, loaded.epoch));
                let saga = saga.clone();
                let refused =
                    Applied { before: kept, after: None, becomes: None, settled: None, saga };
                let detail = Some(super::decide::refusal(why));
                insert_audit_row(connection, action, Verdict::Refused, None, &refused, detail)
                    .await?;
            }
            Ok(ActionOutcome::Refused { why, saga: Box::new(saga) })
        }
        Decision::Update { saga: becomes, event, effects } => {
            let epoch = loaded.epoch + 1;
            let update =
                SagaUpdate { epoch, ..loaded.update(becomes, event, &effects, action.deadline_ms) };
            let applied = applied(&loaded, becomes, epoch, saga);
            store(connection, action, mode, &update, applied).await
        }
    }
}

fn applied(loaded: &LoadedSaga, becomes: Saga, epoch: i64, saga: SagaRow) -> Applied {
    Applied {
        before: Some(snapshot(&loaded.saga, loaded.version, loaded.epoch)),
        after: Some(snapshot(&becomes, loaded.version + 1, epoch)),
        becomes: Some(becomes),
        settled: None,
        saga,
    }
}

async fn store(
    connection: &mut DbConnection,
    action: &Action,
    mode: Mode,
    update: &SagaUpdate,
    applied: Applied,
) -> Result<ActionOutcome, ActionError> {
    if mode == Mode::DryRun {
        return Ok(ActionOutcome::Applied(Box::new(applied)));
    }
    let id = action.order_id;
    let stored = store_updates(&mut *connection, slice::from_ref(update)).await?;
    let stored_update = stored.first().ok_or_else(|| bug(id, &"it is locked, and yet it moved"))?;
    let settled = Some(Settled::of(update, stored_update));
    let version = Some(stored_update.version);
    insert_audit_row(&mut *connection, action, Verdict::Applied, version, &applied, None).await?;
    let saga = find(connection, id).await?;
    Ok(ActionOutcome::Applied(Box::new(Applied { settled, saga, ..applied })))
}

async fn insert_audit_row(
    connection: &mut DbConnection,
    action: &Action,
    verdict: Verdict,
    version: Option<i32>,
    applied: &Applied,
    detail: Option<&str>,
) -> Result<(), ActionError> {
    let row = NewAction {
        id: action.id,
        order_id: Some(action.order_id),
        actor: action.actor.clone(),
        kind: action.kind.name().to_owned(),
        reason: action.reason.clone(),
        evidence: action.evidence.clone(),
        bulk_id: action.bulk_id,
        before: applied.before.clone(),
        after: applied.after.clone(),
        version,
        verdict,
        detail: detail.map(ToOwned::to_owned),
    };
    insert_actions(connection, slice::from_ref(&row)).await?;
    Ok(())
}

async fn find(connection: &mut DbConnection, id: Uuid) -> Result<SagaRow, ActionError> {
    let found = find_saga(connection, id).await?;
    found.ok_or_else(|| bug(id, &"a saga without its order"))
}

fn matches(expected: Expected, version: i32) -> bool {
    match expected {
        Expected::Any => true,
        Expected::Version(expected) => expected == version,
    }
}

fn of_a_newer_version(unknown: &UnknownState) -> ActionError {
    tracing::warn!(%unknown, "an action was not carried out");
    let title = "only a newer version knows this state";
    ActionError::Refused(
        Problem::new(StatusCode::CONFLICT, "state-of-newer-version", title)
            .with_detail("act through an instance of the newer version"),
    )
}

fn bug(order_id: Uuid, what: &dyn std::fmt::Display) -> ActionError {
    tracing::error!(%order_id, %what, "an action could not be carried out");
    ActionError::Refused(Problem::internal())
}
