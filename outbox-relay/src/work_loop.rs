//! The relay's loop: look for work, claim it, drive it; and in between take over from the silent.
//!
//! Polling is the truth. A hint, from this process or over a channel, only makes the next look
//! come sooner; without any, a busy relay looks again at once and an idle one at its heartbeat.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use edge::FailureLog;
use relay_core::beat_report::BeatReport;
use relay_core::claims::{ClaimMode, INNOCENT, SUSPECT, Source};
use relay_core::decide::{Call, given_up};
use schema_orders::hints::{NotifyScope, WORK_CHANNEL};
use schema_orders::listen::listen_for_ever;
use schema_orders::outbox;
use schema_orders::relays;
use schema_orders::sagas::store_moves;
use schema_pg::failpoint::Site;
use schema_pg::retention::keep_removing;
use schema_pg::{DbError, Lanes};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::claim::{ClaimRequest, Claimed, claim};
use crate::drive::Driver;
use crate::membership::Membership;
use crate::reconcile;
use crate::record::{Recorder, tell_stored};
use crate::relay::{Relay, RelayError};
use crate::staff_orders::Applied;
use crate::take_in::TakeIn;

/// How far below the newest claimed order the next scan starts: orders are made before they are
/// committed, and not on one clock.
const FLOOR_LAG_MS: u64 = 250;
/// The same for looks at the whole list, where it was empty: no order takes that long to be committed.
const HEAD_LAG_MS: u64 = 10_000;
/// The scan from the very beginning takes at most this share of the time.
const FULL_SCAN_SHARE: u32 = 20;
/// A full scan happens at least this often while there is work.
const FULL_SCAN_EVERY: Duration = Duration::from_secs(1);
/// The least often that a relay looks for sagas it holds and does not know of.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Least time from the beginning of one look to that of the next: more sagas in each claim, at less cost.
const PACE: Duration = Duration::from_millis(2);
/// The first pause of a relay that found nothing; it doubles.
const POLL_MIN: Duration = Duration::from_millis(2);
/// From this pause on the heartbeat looks for it, which costs no query of its own.
const POLL_MAX: Duration = Duration::from_millis(100);

static SCAN: FailureLog =
    FailureLog::new("the beginning of the work list cannot be reached just now");

/// Runs a relay until `stop`, then hands over.
pub async fn serve(
    relay: Relay,
    url: Option<String>,
    stop: CancellationToken,
) -> Result<(), RelayError> {
    let Some(membership) = Membership::join(&relay.db, url, &stop).await? else { return Ok(()) };
    let staff_orders = relay.load_override().await;
    // Outcomes are still stored while the loop has stopped and calls in flight come back.
    let abandon = CancellationToken::new();
    let recorder = Recorder::start(&relay.db, relay.hints.clone(), relay.scope, abandon.clone());
    let (seen, looks) = watch::channel(BeatReport::default());
    let tasks = TaskTracker::new();
    let mut beating = {
        let (relay, membership, abandon) = (relay.clone(), membership.clone(), abandon.clone());
        let mut staff_orders = staff_orders;
        tokio::spawn(async move {
            let apply = |newest| {
                if staff_orders.apply(newest) == Applied::Closed {
                    relay.wake();
                }
            };
            membership.keep_beating(&relay, &seen, apply, &abandon).await;
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
        Work::new(relay.clone(), membership.clone(), recorder.clone(), tasks.clone(), looks);
    let taking = TakeIn {
        relay: relay.clone(),
        membership: membership.clone(),
        recorder,
        tasks: tasks.clone(),
    };
    taking.open();
    tokio::select! {
        () = work.run(&stop) => {}
        // Without a heartbeat others would take everything from this relay, again and again.
        ended = &mut beating => ended.expect("the heartbeat ends only after the work loop"),
    }
    relay.hints.handoff.close();
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

/// The loop's own state.
struct Work {
    relay: Relay,
    lanes: Lanes,
    membership: Membership,
    recorder: Recorder,
    tasks: TaskTracker,
    looks: watch::Receiver<BeatReport>,
    floor: Uuid,
    full_scan_at: Instant,
    sweep_at: Instant,
    beat_handled: u64,
}

impl Work {
    fn new(
        relay: Relay,
        membership: Membership,
        recorder: Recorder,
        tasks: TaskTracker,
        looks: watch::Receiver<BeatReport>,
    ) -> Self {
        let now = Instant::now();
        Self {
            lanes: relay.db.lanes(),
            relay,
            membership,
            recorder,
            tasks,
            looks,
            floor: Uuid::nil(),
            full_scan_at: now,
            sweep_at: now,
            beat_handled: 0,
        }
    }

    async fn run(&mut self, stop: &CancellationToken) {
        let mut pause = POLL_MIN;
        let claiming = FailureLog::new("cannot claim just now");
        while !stop.is_cancelled() {
            let begun = Instant::now();
            let looked = self.look().await;
            if looked.is_ok() {
                claiming.succeeded();
            }
            match looked {
                Ok(true) => {
                    tokio::time::sleep_until((begun + PACE).into()).await;
                    pause = POLL_MIN;
                }
                Ok(false) => {
                    let waited = self.wait(pause);
                    if stop.run_until_cancelled(waited).await.is_none() {
                        return;
                    }
                    pause = (pause * 2).min(POLL_MAX);
                }
                Err(error) => {
                    claiming.failed(error);
                    // The commit may have gone through: look for sagas held without knowing.
                    self.relay.is_unsure.store(true, Ordering::Release);
                    let pause = tokio::time::sleep(Duration::from_millis(100));
                    if stop.run_until_cancelled(pause).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// Until a hint, the end of the pause, or, once the pause is long, a heartbeat that saw work or the
    /// moment it saw coming.
    async fn wait(&mut self, pause: Duration) {
        let work = Arc::clone(&self.relay.hints.work);
        let idle = pause >= POLL_MAX;
        loop {
            let now_ms = self.relay.gate.now_ms();
            let next_due_ms =
                self.looks.borrow().next_due_at_ms().filter(|due_ms| *due_ms > now_ms);
            let next_due =
                next_due_ms.map(|due_ms| Instant::now() + Duration::from_millis(due_ms - now_ms));
            let sweep_at = self.looks.borrow().may_hold().then_some(self.sweep_at);
            // The heartbeat does not look at all of the list then.
            let scan_at = self.relay.scan_floor().is_expensive().then_some(self.full_scan_at);
            let wake_at = next_due.into_iter().chain(sweep_at).chain(scan_at).min();
            let woken = async {
                match wake_at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = work.notified() => return,
                () = tokio::time::sleep(pause), if !idle => return,
                changed = self.looks.changed() => {
                    if changed.is_err() || self.looks.borrow().has_work() {
                        return;
                    }
                }
                () = woken => return,
            }
        }
    }

    /// One look at everything there may be to do. `true`: there was something, look again at once.
    async fn look(&mut self) -> Result<bool, DbError> {
        self.relay.gate.log_changes();
        self.take_over().await?;
        if self.relay.gate.reopened() {
            let depth = self.relay.measure().await?;
            self.relay.gate.start_drain(u64::try_from(depth.waiting).unwrap_or(0));
        }
        let free = self.relay.free_places();
        if free == 0 {
            // Full: the next place is worth waiting for, however short.
            tokio::time::sleep(POLL_MIN).await;
            return Ok(true);
        }
        let room = self.relay.gate.room();
        if room == 0 {
            return self.queue_fresh(free).await;
        }
        let places = free.min(room);
        if let Some(avoid) = self.relay.gate.probes_without()
            && self.claim_probes(avoid, places).await? > 0
        {
            return Ok(true);
        }
        let may_be_due =
            self.looks.borrow().may_be_due(self.relay.gate.now_ms()) || !self.relay.gate.is_free();
        let due = if may_be_due {
            let backlog_places = self.relay.gate.backlog_places(places);
            self.claim_due(backlog_places).await?
        } else {
            0
        };
        let fresh = self.claim_fresh(places.saturating_sub(due), ClaimMode::Dispatch).await?;
        Ok(due > 0 || fresh > 0)
    }

    /// The calls of a half-open breaker go to orders that can say something new. Only where there is none do
    /// they go to those that have failed.
    async fn claim_probes(&mut self, avoid: Vec<String>, places: u32) -> Result<u32, DbError> {
        let claimed = self.claim(Source::Untried { avoid }, places, ClaimMode::Dispatch).await?;
        let untried = self.start(claimed);
        let left = places.saturating_sub(untried);
        Ok(untried + self.claim_fresh(left, ClaimMode::Dispatch).await?)
    }

    async fn claim_due(&mut self, places: u32) -> Result<u32, DbError> {
        if places == 0 {
            return Ok(0);
        }
        let claimed = self.claim(Source::Due, places, ClaimMode::Dispatch).await?;
        let found = self.start(claimed);
        self.relay.gate.give_back_backlog(places.saturating_sub(found));
        Ok(found)
    }

    async fn claim_fresh(&mut self, places: u32, mode: ClaimMode) -> Result<u32, DbError> {
        if places == 0 {
            return Ok(0);
        }
        let floor = if Instant::now() >= self.full_scan_at {
            self.look_from_the_beginning().await;
            self.relay.scan_floor().below_first()
        } else {
            self.floor
        };
        let claimed = self.claim(Source::Fresh { floor }, places, mode).await?;
        if let Some(newest) = claimed.newest() {
            self.floor = self.floor.max(below(newest));
        }
        Ok(self.start(claimed))
    }

    /// Finds out where the work list begins. It takes a small share of the time at most, however long it takes.
    async fn look_from_the_beginning(&mut self) {
        let begun = Instant::now();
        let first = self.relay.db.read(|c| Box::pin(outbox::find_first(c))).await;
        let took = begun.elapsed();
        match first {
            Ok(first) => {
                SCAN.succeeded();
                let below_newest = before(self.relay.in_flight.newest(), HEAD_LAG_MS);
                let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                self.relay.scan_floor().measured(first, below_newest, took_ms);
            }
            Err::<_, DbError>(error) => {
                SCAN.failed(error);
                self.relay.scan_floor().measuring_failed();
            }
        }
        self.full_scan_at = Instant::now() + (took * FULL_SCAN_SHARE).max(FULL_SCAN_EVERY);
    }

    /// While nothing may be called, new orders are queued at once, so that who waits is told.
    async fn queue_fresh(&mut self, places: u32) -> Result<bool, DbError> {
        let retry_after_ms = self.relay.gate.refusal().and_then(|refusal| refusal.retry_in_ms);
        let found = self.claim_fresh(places, ClaimMode::Defer { retry_after_ms }).await?;
        Ok(found > 0)
    }

    /// Sagas of relays that have fallen silent, and those this relay holds without knowing.
    async fn take_over(&mut self) -> Result<(), DbError> {
        let seen = *self.looks.borrow();
        let news = std::mem::replace(&mut self.beat_handled, seen.number) != seen.number;
        let others_stale = news && seen.beat.is_some_and(|beat| beat.others_stale);
        let unsure = self.relay.is_unsure.swap(false, Ordering::AcqRel);
        let sweep = unsure || Instant::now() >= self.sweep_at;
        if !others_stale && !sweep {
            return Ok(());
        }
        self.sweep_at = Instant::now() + SWEEP_EVERY;
        if !unsure && !others_stale && !seen.may_hold() {
            return Ok(());
        }
        let stale_ms = i64::try_from(self.relay.config.stale_ms).expect("bounded to a minute");
        let limit = self.relay.config.claim_max;
        // With a reason to look, everywhere; without one, where there may be something.
        let has_reason = unsure || others_stale;
        let floor = if has_reason { Uuid::nil() } else { self.relay.scan_floor().floor() };
        let unacknowledged = Source::UnacknowledgedClaims { floor };
        let claimed = self.claim(unacknowledged, limit, ClaimMode::Dispatch).await?;
        self.start(claimed);
        loop {
            let source = Source::FromDeadRelay { stale_ms, crashes: INNOCENT, floor };
            let claimed = self.claim(source, limit, ClaimMode::Dispatch).await?;
            if self.start(claimed) < limit {
                break;
            }
        }
        // A saga that has crashed two relays is driven alone and awaited: if it does so again, it
        // takes nobody with it.
        let suspect = Source::FromDeadRelay { stale_ms, crashes: SUSPECT, floor };
        let claimed = self.claim(suspect, 1, ClaimMode::Dispatch).await?;
        if claimed.locked > 0 {
            self.sweep_at = Instant::now();
            let held = self.relay.in_flight.hold(order_ids(&claimed.calls));
            self.driver().drive(claimed.calls).await;
            drop(held);
        }
        let removed = self.relay.db.write_one(Site::RemoveSilent, move |c| {
            Box::pin(relays::remove_stale(c, stale_ms * 10))
        });
        if removed.await? > 0 {
            tracing::info!("silent relays that hold nothing were taken off the list");
        }
        Ok(())
    }

    async fn claim(&self, source: Source, limit: u32, mode: ClaimMode) -> Result<Claimed, DbError> {
        let request = ClaimRequest { relay: self.membership.id(), source, limit, mode };
        let claimed = claim(&self.lanes, &self.relay.in_flight, request).await?;
        tell_stored(&self.relay.hints, &claimed.stored);
        Ok(claimed)
    }

    /// Drives what was claimed, beside everything else. Returns how many there were.
    fn start(&self, claimed: Claimed) -> u32 {
        let found = claimed.locked;
        if !claimed.calls.is_empty() {
            let driver = self.driver();
            // Held from here on, so that the next look does not take them for lost.
            let held = self.relay.in_flight.hold(order_ids(&claimed.calls));
            self.tasks.spawn(async move {
                driver.drive(claimed.calls).await;
                drop(held);
            });
        }
        found
    }

    fn driver(&self) -> Driver {
        self.relay.driver(&self.recorder, self.membership.id())
    }

    /// Lets go of what is still held, in doubt, so that another relay replays it at once.
    async fn hand_over(&self) {
        let relay = self.membership.id();
        let handed = self.relay.db.write(Site::HandOver, move |c| {
            Box::pin(async move {
                let held =
                    outbox::lock_lost(c, relay, &[], Uuid::nil(), i64::from(i32::MAX)).await?;
                let moves: Vec<_> =
                    held.iter().filter_map(|claimed| given_up(&claimed.loaded, relay)).collect();
                Ok::<_, DbError>(store_moves(c, &moves).await?.len())
            })
        });
        match handed.await {
            Ok(0) => {}
            Ok(sagas) => tracing::info!(sagas, "handed over"),
            Err(error) => tracing::warn!(%error, "not handed over; the others will notice"),
        }
    }
}

fn order_ids(calls: &[Call]) -> impl Iterator<Item = Uuid> + '_ {
    calls.iter().map(|call| call.loaded.order_id)
}

/// The smallest UUIDv7 of a moment `FLOOR_LAG_MS` before `newest` was made.
pub fn below(newest: Uuid) -> Uuid {
    before(newest, FLOOR_LAG_MS)
}

fn before(newest: Uuid, lag_ms: u64) -> Uuid {
    let made_ms = newest.as_u128() >> 80;
    Uuid::from_u128(made_ms.saturating_sub(u128::from(lag_ms)) << 80)
}

#[cfg(test)]
mod tests;
