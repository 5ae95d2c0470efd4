//! Works off bulk actions, one saga per transaction, so that it never holds two sagas and cannot meet a
//! relay in a deadlock. Whatever happens to this process, the next one goes on where it stopped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge::Problem;
use failpoints::Site;
use in_process::Hints;
use schema_orders::bulk_actions::{DueItem, ItemDone, finish_item, lock_due_item, next_turn_ms};
use schema_orders::sagas::Settled;
use schema_pg::{Class, Db, DbConnection, DbError, classify};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::staff::actions::apply_action::{Action, ActionError, ActionOutcome, Mode, apply_action};
use crate::staff::actions::decide::{Kind, refusal};
use crate::staff::actions::request::Expected;

/// How often an idle runner looks for what another instance, or the one before it, has left.
const IDLE: Duration = Duration::from_secs(15);
/// After the database did not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Shared by the route that begins bulk actions and the task that works them off.
#[derive(Clone)]
pub(crate) struct Runner {
    db: Db,
    hints: Hints,
    woken: Arc<Notify>,
    pause_ms: i64,
    deadline_ms: i64,
}

impl Runner {
    pub(crate) fn new(db: Db, hints: Hints, per_s: u32, deadline_ms: i64) -> Runner {
        let pause_ms = 1_000 / i64::from(per_s.max(1));
        Runner { db, hints, woken: Arc::default(), pause_ms, deadline_ms }
    }

    /// There is something to do.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Never ends. It may be dropped at any time: what is under way then is finished or undone.
    pub(crate) async fn run(self) {
        loop {
            let pause = match self.db.read(|connection| Box::pin(next_turn_ms(connection))).await {
                Ok(Some(ms)) if ms <= 0 => self.work().await,
                Ok(Some(ms)) => Duration::from_millis(ms.unsigned_abs()).min(IDLE),
                Ok(None) => IDLE,
                Err::<_, DbError>(error) => {
                    tracing::debug!(%error, "cannot look for bulk actions just now");
                    IDLE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.woken.notified() => {}
            }
        }
    }

    /// One item, if it is still this runner's turn. How long to rest after it.
    async fn work(&self) -> Duration {
        let (runner, chosen) = (self.clone(), Chosen::default());
        let is_chosen = chosen.clone();
        let worked = self.db.write(Site::WorkBulkItem, move |connection| {
            Box::pin(async move { runner.do_one(connection, &is_chosen).await })
        });
        match worked.await {
            Ok(settled) => {
                if let Some(settled) = settled {
                    self.hints.work.notify_one();
                    // nobody listening is no fault
                    let _ = self.hints.settled.send([settled].into());
                }
                Duration::from_millis(self.pause_ms.unsigned_abs())
            }
            Err(ActionError::Database(error)) if !is_of_this_item(&error) => {
                tracing::warn!(%error, "a bulk action rests: the database does not answer");
                PAUSE
            }
            Err(failed) => {
                tracing::error!(?failed, "an item of a bulk action could not be carried out");
                self.skip(chosen.get()).await;
                PAUSE
            }
        }
    }

    async fn do_one(
        &self,
        connection: &mut DbConnection,
        chosen: &Chosen,
    ) -> Result<Option<Settled>, ActionError> {
        let Some(item) = lock_due_item(&mut *connection).await? else { return Ok(None) };
        chosen.set(item.bulk_id, item.n);
        let Some(action) = self.action_of(&item) else {
            tracing::error!(kind = item.kind, "a bulk action of no known kind has come up");
            return Err(ActionError::Refused(Problem::internal()));
        };
        let expected = Expected::Version(item.version);
        let done = apply_action(&mut *connection, &action, expected, Mode::Real).await;
        let (result, detail, action_id, settled) = match done {
            Ok(ActionOutcome::Applied(applied)) => {
                ("applied", None, Some(action.id), applied.settled)
            }
            Ok(ActionOutcome::Refused { why, .. }) => {
                ("refused", Some(refusal(why).to_owned()), Some(action.id), None)
            }
            Ok(ActionOutcome::Moved { saga }) => {
                let now = format!("it is {} by now", saga.columns.state);
                ("moved", Some(now), None, None)
            }
            Err(ActionError::Refused(problem))
                if problem.status() == http::StatusCode::NOT_FOUND =>
            {
                ("missing", None, None, None)
            }
            Err(ActionError::Refused(problem)) => {
                ("refused", Some(problem.code().to_owned()), None, None)
            }
            Err(ActionError::Database(error)) => return Err(ActionError::Database(error)),
        };
        let done = self.done(&item, result, detail, action_id);
        finish_item(connection, &done).await?;
        Ok(settled)
    }

    /// One item that the database refuses must not hold up the others. Another one that has come up instead is left
    /// alone: the refused one comes up again.
    async fn skip(&self, refused: Option<(Uuid, i32)>) {
        let runner = self.clone();
        let skipped = self.db.write(Site::SkipBulkItem, move |connection| {
            Box::pin(async move {
                let due = lock_due_item(&mut *connection).await?;
                if let Some(item) = due.filter(|due| refused == Some((due.bulk_id, due.n))) {
                    let detail = Some("it could not be carried out; the log says why".to_owned());
                    let done = runner.done(&item, "refused", detail, None);
                    finish_item(connection, &done).await?;
                }
                Ok::<_, DbError>(())
            })
        });
        if let Err(error) = skipped.await {
            tracing::warn!(%error, "an item of a bulk action could not be skipped either");
        }
    }

    fn done(
        &self,
        item: &DueItem,
        result: &'static str,
        detail: Option<String>,
        action_id: Option<Uuid>,
    ) -> ItemDone {
        let (bulk_id, n, pause_ms) = (item.bulk_id, item.n, self.pause_ms);
        ItemDone { bulk_id, n, result, detail, action_id, pause_ms }
    }

    fn action_of(&self, item: &DueItem) -> Option<Action> {
        Some(Action {
            id: Uuid::now_v7(),
            order_id: item.order_id,
            actor: item.actor.clone(),
            kind: Kind::named(&item.kind)?,
            reason: item.reason.clone(),
            finding: None,
            evidence: None,
            bulk_id: Some(item.bulk_id),
            deadline_ms: self.deadline_ms,
        })
    }
}

/// The item that a transaction chose, told beside what became of it.
#[derive(Clone, Default)]
struct Chosen(Arc<Mutex<Option<(Uuid, i32)>>>);

impl Chosen {
    fn set(&self, bulk_id: Uuid, n: i32) {
        *self.0.lock().expect("nothing that holds it panics") = Some((bulk_id, n));
    }

    fn get(&self) -> Option<(Uuid, i32)> {
        *self.0.lock().expect("nothing that holds it panics")
    }
}

/// Trying again would end the same way.
fn is_of_this_item(error: &DbError) -> bool {
    matches!(classify(error), Class::BadInput | Class::Conflict | Class::Bug)
}
