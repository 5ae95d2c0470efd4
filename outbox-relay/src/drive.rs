//! Driving claimed sagas: make the call, let the core decide on the answer, store that, go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use failpoints::known_bad::{self, Flaw};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use relay_core::answer::Answer;
use relay_core::decide::{
    Call, EventDecision, NothingToDo, event_of, is_retry, newest_epoch, on_event,
};
use relay_core::outcome::Recorded;
use saga::stored::SagaUpdate;
use saga::{Effect, Event, QueueReason, State};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use crate::gate::{Gate, GatePermit};
use crate::inventory::{Inventory, ReserveCall};
use crate::metrics;
use crate::record::Recorder;
use crate::spans;

/// Everything a batch of calls needs. Cheap to clone.
#[derive(Clone)]
pub struct Driver {
    pub inventory: Arc<Inventory>,
    /// Whether to call.
    pub gate: Arc<Gate>,
    /// Where outcomes go.
    pub recorder: Recorder,
    /// This relay's id, for the journal.
    pub relay: i64,
}

/// A call's answer, and how long it took.
#[derive(Clone)]
struct Answered {
    answer: Answer,
    took: Duration,
}

/// What a call has told beside its event.
#[derive(Clone, Copy, Default)]
struct Outside {
    took: Option<Duration>,
    newest_epoch: Option<i64>,
}

impl Driver {
    /// Drives a batch until every saga in it is let go of or finished.
    pub async fn drive(&self, calls: Vec<Call>) {
        let (reserves, releases): (Vec<Call>, Vec<Call>) =
            calls.into_iter().partition(|call| matches!(call.effect, Effect::ReserveStock { .. }));
        let reserving = self.reserve_all(reserves);
        let releasing = join_all(releases.into_iter().map(|call| self.run_alone(call)));
        futures_util::join!(reserving, releasing);
    }

    /// One call after the other, for a saga whose calls do not travel in batches.
    async fn run_alone(&self, call: Call) {
        let mut next = Some(call);
        while let Some(call) = next {
            let admitted = self.admit(vec![call]).await;
            let Some((call, mut permit)) = admitted.into_iter().next() else { return };
            let begun = Instant::now();
            let answer = self.call(&call).await;
            permit.finish_one(self.gate.judge(&call, &answer));
            next = self.settle(call, Answered { answer, took: begun.elapsed() }).await;
        }
    }

    async fn reserve_all(&self, calls: Vec<Call>) {
        let retries = calls.iter().filter(|call| is_retry(call)).count();
        self.gate.record_first_tries((calls.len() - retries) as u32);
        if calls.len() < 2 || !self.inventory.takes_batches() {
            join_all(calls.into_iter().map(|call| self.run_alone(call))).await;
            return;
        }
        let (calls, permits): (Vec<Call>, Vec<GatePermit>) =
            self.admit(calls).await.into_iter().unzip();
        if !calls.is_empty() {
            self.reserve_together(calls, permits).await;
        }
    }

    /// Asks the breaker. What it refuses is queued; what it admits comes back with its permit.
    async fn admit(&self, calls: Vec<Call>) -> Vec<(Call, GatePermit)> {
        let mut admitted = Vec::with_capacity(calls.len());
        let mut refused = FuturesUnordered::new();
        for call in calls {
            match self.gate.acquire(1) {
                Ok(permit) => admitted.push((call, permit)),
                Err(refusal) => {
                    if is_retry(&call) {
                        self.gate.give_back_retry();
                    }
                    refused.push(self.put_off(call, refusal.retry_in_ms));
                }
            }
        }
        while refused.next().await.is_some() {}
        admitted
    }

    async fn put_off(&self, call: Call, retry_after_ms: Option<u64>) {
        let reason = QueueReason::BreakerOpen;
        let event = Event::CallNotExecuted { reason, retry_after_ms, jitter: call.jitter() };
        self.store(&call, event, Outside::default()).await;
    }

    /// One request for all; each answer is settled as it comes in.
    async fn reserve_together(&self, calls: Vec<Call>, permits: Vec<GatePermit>) {
        let begun = Instant::now();
        let (answers, mut answered) = mpsc::unbounded_channel();
        let requests: Vec<ReserveCall<'_>> =
            calls.iter().map(|call| self.reserve_call(call)).collect();
        let request = self.inventory.reserve_batch(requests, |id, answer| {
            // The receiver lives as long as this future.
            let _ = answers.send((id, Answered { answer, took: begun.elapsed() }));
        });
        let mut waiting: BTreeMap<Uuid, (Call, GatePermit)> = calls
            .iter()
            .cloned()
            .zip(permits)
            .map(|(call, permit)| (call.loaded.saga.reservation_id, (call, permit)))
            .collect();
        let mut settling = FuturesUnordered::new();
        let whole = {
            tokio::pin!(request);
            loop {
                tokio::select! {
                    biased;
                    Some((id, answer)) = answered.recv() => {
                        if let Some(entry) = waiting.remove(&id) {
                            settling.push(self.finish(entry, answer));
                        }
                    }
                    whole = &mut request => break whole,
                    Some(()) = settling.next() => {}
                }
            }
        };
        drop(answers);
        while let Some((id, answer)) = answered.recv().await {
            if let Some(entry) = waiting.remove(&id) {
                settling.push(self.finish(entry, answer));
            }
        }
        match whole {
            // The service knows single calls only, or a proxy said so in its place after the batch
            // was executed: its calls go again, one by one.
            Err(None) => {
                let again = waiting.into_values().map(|(call, _)| Call { resent: true, ..call });
                join_all(again.map(|call| self.run_alone(call))).await;
            }
            ended => {
                // What has no answer of its own: the stream was cut, or the whole was refused.
                let answer = ended.err().flatten().unwrap_or(Answer::Unknown);
                let answered = Answered { answer, took: begun.elapsed() };
                self.finish_unanswered(waiting, &answered).await;
            }
        }
        while settling.next().await.is_some() {}
    }

    /// One connection that broke is one failure to the breaker, however many it carried.
    async fn finish_unanswered(
        &self,
        waiting: BTreeMap<Uuid, (Call, GatePermit)>,
        answered: &Answered,
    ) {
        let mut is_counted = false;
        let finishing = waiting.into_values().map(|(call, mut permit)| {
            if !std::mem::replace(&mut is_counted, true) {
                permit.finish_one(answered.answer.breaker_outcome());
            }
            drop(permit);
            self.settle_on(call, answered.clone())
        });
        join_all(finishing).await;
    }

    async fn finish(&self, (call, mut permit): (Call, GatePermit), answered: Answered) {
        permit.finish_one(self.gate.judge(&call, &answered.answer));
        drop(permit);
        self.settle_on(call, answered).await;
    }

    async fn settle_on(&self, call: Call, answered: Answered) {
        if let Some(next) = self.settle(call, answered).await {
            Box::pin(self.run_alone(next)).await;
        }
    }

    async fn call(&self, call: &Call) -> Answer {
        if let Effect::ReleaseStock { reservation_id } = call.effect {
            let loaded = &call.loaded;
            let (order_id, epoch) = (loaded.order_id, loaded.epoch);
            let context = spans::traceparent(call);
            return self.inventory.release(reservation_id, order_id, epoch, context).await;
        }
        self.inventory.reserve(&self.reserve_call(call)).await
    }

    fn reserve_call<'a>(&self, call: &'a Call) -> ReserveCall<'a> {
        let timeout_ms = self.inventory.call_timeout().as_millis() as u64;
        ReserveCall {
            reservation_id: reservation_id(call),
            order_id: call.loaded.order_id,
            epoch: call.loaded.epoch,
            deadline_ms: timeout_ms.min(call.time_left_ms.max(1)),
            lines: &call.lines,
            traceparent: spans::traceparent(call),
        }
    }

    /// Tells the core what was answered and stores its decision. `Some`: it wants a further call.
    async fn settle(&self, call: Call, mut answered: Answered) -> Option<Call> {
        if answered.answer == Answer::Unknown && known_bad::is_on(Flaw::TimeoutIsFailure) {
            answered.answer = Answer::Rejected(saga::Rejection::InsufficientStock);
        }
        let action = spans::name(&call.effect);
        metrics::call_ended(action, answered.answer.name(), answered.took.as_secs_f64());
        spans::ended(self.relay, &call, &answered.answer, answered.took);
        if matches!(answered.answer, Answer::Stale { .. }) {
            metrics::fenced("inventory");
        }
        let event = event_of(&call.effect, &answered.answer, call.jitter());
        if call.loaded.saga.state.doubt().is_in_doubt() && !leaves_doubt(&answered.answer) {
            metrics::ambiguity_resolved(answered.answer.name());
        }
        let newest_epoch = newest_epoch(&answered.answer);
        self.store(&call, event, Outside { took: Some(answered.took), newest_epoch }).await
    }

    async fn store(&self, call: &Call, event: Event, outside: Outside) -> Option<Call> {
        let Outside { took, newest_epoch } = outside;
        let decided = on_event(self.relay, call, event, newest_epoch);
        let EventDecision { update, next } = match decided {
            Ok(decided) => decided,
            Err(nothing) => {
                log_nothing(call, &nothing);
                return None;
            }
        };
        let took_ms = took.map(|took| i32::try_from(took.as_millis()).unwrap_or(i32::MAX));
        let state = update.saga.state;
        match self.recorder.record(SagaUpdate { took_ms, ..update }).await {
            Recorded::Stored(stored) => {
                metrics::outcome_stored(call, state, &stored);
                log_if_parked(call, state);
                log_if_behind(call, newest_epoch);
                next
            }
            Recorded::Fenced | Recorded::Dropped => None,
        }
    }
}

/// It was still this relay's, so no other relay's claim can have been the newer one.
fn log_if_behind(call: &Call, newest_epoch: Option<i64>) {
    let epoch = call.loaded.epoch;
    if let Some(newest_epoch) = newest_epoch.filter(|newest| *newest > epoch) {
        let (order_id, trace_id) = (call.loaded.order_id, call.trace_id());
        tracing::warn!(
            %order_id, trace_id, epoch, newest_epoch,
            "inventory has seen a claim of this saga that the orders database does not have: was it restored, or did a \
             failover lose its last commits? The saga goes on above that claim"
        );
    }
}

/// The same one for as long as its outcome is unknown: that is what makes repeating harmless.
fn reservation_id(call: &Call) -> Uuid {
    if is_retry(call) && known_bad::is_on(Flaw::NewReservationIdPerAttempt) {
        return Uuid::now_v7();
    }
    call.loaded.saga.reservation_id
}

/// The one end of a saga that needs a person.
fn log_if_parked(call: &Call, state: State) {
    if let State::Parked { reason, .. } = state {
        let (order_id, trace_id) = (call.loaded.order_id, call.trace_id());
        tracing::warn!(%order_id, trace_id, ?reason, "a saga is parked: it needs a person");
    }
}

fn log_nothing(call: &Call, nothing: &NothingToDo) {
    let (order_id, trace_id) = (call.loaded.order_id, call.trace_id());
    match nothing {
        NothingToDo::Ignored(why) => {
            tracing::debug!(%order_id, trace_id, ?why, "nothing to do");
        }
        NothingToDo::Invalid(error) => {
            tracing::error!(%order_id, trace_id, %error, "a bug in the relay");
        }
    }
}

/// Whether the outcome stays unknown.
fn leaves_doubt(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Failed
            | Answer::Stale { .. }
            | Answer::Unknown
            | Answer::NotExecuted { .. }
            | Answer::ItemBusy { .. }
            | Answer::ContractBroken { .. }
    )
}
