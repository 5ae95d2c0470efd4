//! The relay's loop. It does what `relay_core::schedule` says: look for work, claim it, drive it; and in between take
//! over from the silent. Every look is one transaction.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use edge::FailureLog;
use failpoints::Site;
use in_process::NotifyScope;
use relay_core::beat_report::BeatReport;
use relay_core::claims::{ClaimMode, Source};
use relay_core::decide::given_up;
use relay_core::schedule::{First, Look, Moment, Schedule};
use schema_orders::listen::{WORK_CHANNEL, listen_for_ever};
use schema_orders::outbox;
use schema_orders::relays::{self, REMOVED_AFTER};
use schema_orders::sagas::store_updates;
use schema_pg::retention::keep_removing;
use schema_pg::{DbError, DedicatedConnections};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::breaker_overrides::Applied;
use crate::claim::{ClaimRequest, claim};
use crate::claim_on_insert::InsertClaimer;
use crate::membership::Membership;
use crate::reconcile;
use crate::record::{Recorder, tell_stored};
use crate::relay::{Relay, RelayError};

static SCAN: FailureLog =
    FailureLog::new("the beginning of the work list cannot be reached just now");

/// Runs a relay until `stop`, then hands over.
pub async fn serve(
    relay: Relay,
    url: Option<String>,
    stop: CancellationToken,
) -> Result<(), RelayError> {
    let Some(membership) = Membership::join(&relay.db, url, relay.config.stale_ms, &stop).await?
    else {
        return Ok(());
    };
    let overrides = relay.load_override().await;
    // Outcomes are still stored while the loop has stopped and calls in flight come back.
    let abandon = CancellationToken::new();
    let recorder = Recorder::start(&relay.db, relay.hints.clone(), relay.scope, abandon.clone());
    let (beats, reports) = watch::channel(BeatReport::default());
    let tasks = TaskTracker::new();
    let mut beating = {
        let (relay, membership, abandon) = (relay.clone(), membership.clone(), abandon.clone());
        let mut overrides = overrides;
        tokio::spawn(async move {
            let apply = |newest| {
                if overrides.apply(newest) == Applied::Closed {
                    relay.wake();
                }
            };
            membership.keep_beating(&relay, &beats, apply, &abandon).await;
        })
    };
    let listening = (relay.scope == NotifyScope::OtherProcesses).then(|| {
        let (db, work) = (relay.db.clone(), Arc::clone(&relay.hints.work));
        let listening = listen_for_ever(db, WORK_CHANNEL, work);
        tokio::spawn(stop.clone().run_until_cancelled_owned(listening))
    });
    let reconciling = tokio::spawn(reconcile::run(relay.clone(), membership.clone(), stop.clone()));
    let removing = {
        let (db, terms) = (relay.db.clone(), relay.config.retention());
        let removing = keep_removing(db, "orders", terms, schema_orders::retention::take_turn);
        tokio::spawn(stop.clone().run_until_cancelled_owned(removing))
    };
    let mut work =
        Work::new(relay.clone(), membership.clone(), recorder.clone(), tasks.clone(), reports);
    let claimer = InsertClaimer {
        relay: relay.clone(),
        membership: membership.clone(),
        recorder,
        tasks: tasks.clone(),
    };
    claimer.open();
    tokio::select! {
        () = work.run(&stop) => {}
        // Without a heartbeat others would take everything from this relay, again and again.
        ended = &mut beating => ended.expect("the heartbeat ends only after the work loop"),
    }
    relay.hints.insert_claims.close();
    tasks.close();
    let drain = Duration::from_millis(relay.config.drain_ms);
    if tokio::time::timeout(drain, tasks.wait()).await.is_err() {
        tracing::info!(sagas = relay.in_flight.len(), "handing over calls in flight");
    }
    abandon.cancel();
    work.hand_over().await;
    membership.leave(&relay.db).await;
    // They end by the token; a panic in them has been reported by the runtime.
    let _ = beating.await;
    reconciling.abort();
    let _ = reconciling.await;
    let _ = removing.await;
    if let Some(listening) = listening {
        let _ = listening.await;
    }
    Ok(())
}

/// The loop's shell: it does what the schedule says.
struct Work {
    relay: Relay,
    connections: DedicatedConnections,
    membership: Membership,
    recorder: Recorder,
    tasks: TaskTracker,
    reports: watch::Receiver<BeatReport>,
    schedule: Schedule,
}

impl Work {
    fn new(
        relay: Relay,
        membership: Membership,
        recorder: Recorder,
        tasks: TaskTracker,
        reports: watch::Receiver<BeatReport>,
    ) -> Self {
        let schedule = Schedule::new(relay.config.schedule(), relay.gate.now_ms());
        Self {
            connections: relay.db.dedicated(),
            relay,
            membership,
            recorder,
            tasks,
            reports,
            schedule,
        }
    }

    async fn run(&mut self, stop: &CancellationToken) {
        let claiming = FailureLog::new("cannot claim just now");
        while !stop.is_cancelled() {
            let done = match self.next() {
                Look::Rest { until_ms, is_wakeable } => {
                    let rest = self.rest(until_ms, is_wakeable);
                    if stop.run_until_cancelled(rest).await.is_none() {
                        return;
                    }
                    continue;
                }
                Look::Claim { source, limit, mode, is_awaited } => {
                    let claimed = self.claim(source, limit, mode, is_awaited).await;
                    if claimed.is_ok() {
                        claiming.succeeded();
                    }
                    claimed
                }
                Look::FindFirst => {
                    self.find_first().await;
                    continue;
                }
                Look::MeasureBacklog => self.measure_backlog().await,
                Look::RemoveSilent => self.remove_silent().await,
            };
            if let Err(error) = done {
                claiming.failed(error);
                self.schedule.unanswered(self.relay.gate.now_ms());
            }
        }
    }

    fn next(&mut self) -> Look {
        self.relay.gate.log_changes();
        if self.relay.is_unsure.swap(false, Ordering::AcqRel) {
            self.schedule.doubt();
        }
        let (free, report) = (self.relay.free_slots(), *self.reports.borrow());
        let schedule = &mut self.schedule;
        self.relay.gate.decide(|gate, now_ms| schedule.next(&Moment { now_ms, free, report }, gate))
    }

    async fn rest(&mut self, until_ms: Option<u64>, is_wakeable: bool) {
        let time = self.relay.gate.until(until_ms);
        if !is_wakeable {
            return time.await;
        }
        tokio::select! {
            () = self.relay.hints.work.notified() => self.schedule.hint(),
            changed = self.reports.changed() => {
                if changed.is_err() {
                    self.schedule.hint();
                }
            }
            () = time => {}
        }
    }

    /// Drives what was claimed: beside everything else, or before anything else.
    async fn claim(
        &mut self,
        source: Source,
        limit: u32,
        mode: ClaimMode,
        is_awaited: bool,
    ) -> Result<(), DbError> {
        let request = ClaimRequest { relay: self.membership.id(), source, limit, mode };
        let claimed =
            claim(&self.connections, &self.relay.in_flight, &self.relay.gate, request).await?;
        tell_stored(&self.relay.hints, &claimed.stored);
        let found = claimed.found();
        let schedule = &mut self.schedule;
        self.relay.gate.decide(|gate, now_ms| schedule.claimed(&found, now_ms, gate));
        if claimed.calls.is_empty() {
            return Ok(());
        }
        let driver = self.relay.driver(&self.recorder, self.membership.id());
        // Held from here on, so that the next look does not take them for lost.
        let order_ids = claimed.calls.iter().map(|call| call.loaded.order_id);
        let held = self.relay.in_flight.hold(order_ids);
        let driving = async move {
            driver.drive(claimed.calls).await;
            drop(held);
        };
        if is_awaited {
            driving.await;
        } else {
            self.tasks.spawn(driving);
        }
        Ok(())
    }

    /// Finds out where the work list begins. A query that is cut off is an answer, too.
    async fn find_first(&mut self) {
        let begun = Instant::now();
        let first = self.relay.db.read(|c| Box::pin(outbox::find_first(c))).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let first = match first {
            Ok((first, now)) => {
                SCAN.succeeded();
                let at_ms = u64::try_from(now.timestamp_millis()).unwrap_or(0);
                first.map_or(First::Empty { at_ms }, First::Message)
            }
            Err::<_, DbError>(error) => {
                SCAN.failed(error);
                First::Unknown
            }
        };
        self.schedule.first_found(first, took_ms, self.relay.gate.now_ms());
        *self.relay.scan_floor() = self.schedule.scan_floor();
    }

    async fn measure_backlog(&mut self) -> Result<(), DbError> {
        let backlog = u64::try_from(self.relay.measure().await?.waiting).unwrap_or(0);
        tracing::info!(backlog, "the breaker closed: waking the backlog at its pace");
        let schedule = &mut self.schedule;
        self.relay.gate.decide(|gate, now_ms| schedule.backlog_measured(backlog, now_ms, gate));
        Ok(())
    }

    async fn remove_silent(&mut self) -> Result<(), DbError> {
        let removed = self
            .relay
            .db
            .write_one(Site::RemoveSilent, |c| Box::pin(relays::remove_silent(c, REMOVED_AFTER)));
        if removed.await? > 0 {
            tracing::info!("silent relays that hold nothing were taken off the list");
        }
        self.schedule.silent_removed();
        Ok(())
    }

    /// Lets go of what is still held, in doubt, so that another relay replays it at once.
    async fn hand_over(&self) {
        let relay = self.membership.id();
        let handed = self.relay.db.write(Site::HandOver, move |c| {
            Box::pin(async move {
                let held =
                    outbox::lock_lost(c, relay, &[], Uuid::nil(), i64::from(i32::MAX)).await?;
                let updates: Vec<_> =
                    held.iter().filter_map(|claimed| given_up(&claimed.loaded, relay)).collect();
                Ok::<_, DbError>(store_updates(c, &updates).await?.len())
            })
        });
        match handed.await {
            Ok(0) => {}
            Ok(sagas) => tracing::info!(sagas, "handed over"),
            Err(error) => tracing::warn!(%error, "not handed over; the others will notice"),
        }
    }
}
