//! A relay that does what the test says, with the statements of the real one.

use in_process::Hints;
use saga::stored::{ClaimedSaga, LoadedSaga, OutboxChange, SagaUpdate, StoredUpdate};
use saga::{Event, Rejection, Transition, plan, transition};
use schema_orders::outbox::{lock_due, lock_fresh, lock_lost};
use schema_orders::relays::join;
use schema_orders::sagas::{Settled, store_updates};
use schema_pg::{Db, DbError};
use uuid::Uuid;

use crate::world::{World, eventually};

pub(crate) struct Relay {
    db: Db,
    hints: Option<Hints>,
    id: i64,
}

pub(crate) const DONE: Event = Event::StepDone;
pub(crate) const NO_STOCK: Event = Event::StepRejected { reason: Rejection::InsufficientStock };
pub(crate) const UNKNOWN_ITEM: Event = Event::StepRejected { reason: Rejection::UnknownItem };
pub(crate) const BROKEN: Event = Event::ContractBroken;
pub(crate) const UNKNOWN: Event = Event::CallUnknown { jitter: u32::MAX };
pub(crate) const BREAKER_OPEN: Event = Event::CallNotExecuted {
    reason: saga::QueueReason::BreakerOpen,
    retry_after_ms: Some(60_000),
    jitter: 0,
};

impl Relay {
    /// In the process of the order service: it tells what has settled.
    pub(crate) async fn of(world: &World) -> Relay {
        Relay { hints: Some(world.hints.clone()), ..Relay::elsewhere(world).await }
    }

    /// It tells nobody.
    pub(crate) async fn elsewhere(world: &World) -> Relay {
        let db = world.database.db.clone();
        let joined: Result<i64, DbError> =
            db.read(|connection| Box::pin(join(connection, "test", None, 1_200))).await;
        Relay { db, hints: None, id: joined.unwrap() }
    }

    /// Claims one saga as soon as there is one, and tells its answer.
    pub(crate) async fn settle_next(&self, answer: Event) -> Uuid {
        let claimed = eventually("an order to claim", async || self.claim().await.pop()).await;
        self.answer(&claimed, answer).await.expect("nobody else moves it");
        claimed.order_id
    }

    /// The id that claims carry.
    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// Claims everything there is to do.
    pub(crate) async fn claim(&self) -> Vec<LoadedSaga> {
        self.claim_from(Work::Free).await
    }

    /// Takes over what another relay holds, as if that had fallen silent.
    pub(crate) async fn take_over(&self, silent: &Relay) -> Vec<LoadedSaga> {
        self.claim_from(Work::Of(silent.id)).await
    }

    async fn claim_from(&self, work: Work) -> Vec<LoadedSaga> {
        let id = self.id;
        let claimed: Result<Vec<LoadedSaga>, DbError> = self
            .db
            .transaction(move |connection| {
                Box::pin(async move {
                    let locked = match work {
                        Work::Free => {
                            let mut free = lock_fresh(&mut *connection, Uuid::nil(), 100).await?;
                            free.extend(lock_due(&mut *connection, 100).await?);
                            free
                        }
                        Work::Of(silent) => {
                            lock_lost(&mut *connection, silent, &[], Uuid::nil(), 100).await?
                        }
                    };
                    let intents: Vec<SagaUpdate> =
                        locked.iter().map(|saga| intent(saga, id)).collect();
                    let stored = store_updates(connection, &intents).await?;
                    assert_eq!(stored.len(), intents.len(), "they were locked");
                    Ok(intents.into_iter().zip(locked).map(after_claim).collect())
                })
            })
            .await;
        claimed.unwrap()
    }

    /// Stores what came of a call. `None`: fenced.
    pub(crate) async fn answer(&self, claimed: &LoadedSaga, answer: Event) -> Option<StoredUpdate> {
        let Ok(Transition::Moved(saga, effects)) = transition(&plan::ORDER, &claimed.saga, &answer)
        else {
            panic!("{answer:?} is no answer for {claimed:?}");
        };
        let decided = claimed.update(saga, answer, &effects, 0);
        let stored = decided.clone();
        let stored: Result<Vec<StoredUpdate>, DbError> = self
            .db
            .transaction(move |connection| {
                Box::pin(async move { store_updates(connection, &[stored]).await })
            })
            .await;
        let moved = stored.unwrap().pop()?;
        if let Some(hints) = &self.hints {
            // a relay tells those states only that answer a request
            if !matches!(decided.saga.state, saga::State::Releasing { .. }) {
                let _ = hints.settled.send([Settled::of(&decided, &moved)].into());
            }
        }
        Some(moved)
    }
}

/// Where work is claimed from.
#[derive(Clone, Copy)]
enum Work {
    Free,
    Of(i64),
}

fn intent(claimed: &ClaimedSaga, relay: i64) -> SagaUpdate {
    let event = Event::Claimed { time_left_ms: claimed.time_left_ms, claim: claimed.claim };
    match transition(&plan::ORDER, &claimed.loaded.saga, &event) {
        Ok(Transition::Moved(saga, effects)) => SagaUpdate {
            epoch: claimed.loaded.epoch + 1,
            worker: Some(relay),
            outbox: OutboxChange::Own { relay },
            ..claimed.loaded.update(saga, event, &effects, 0)
        },
        other => panic!("what has a message can be claimed: {other:?}"),
    }
}

fn after_claim((intent, claimed): (SagaUpdate, ClaimedSaga)) -> LoadedSaga {
    let version = claimed.loaded.version + 1;
    LoadedSaga { saga: intent.saga, version, epoch: intent.epoch, ..claimed.loaded }
}
