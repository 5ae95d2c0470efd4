//! What a relay does next: which look at the work list, and how long it rests when there is nothing.
//!
//! [`Schedule::next`] names one [`Look`], which is one transaction. The shell does it, tells what came of it, and
//! asks again. Every relay runs this: the product over Postgres, the simulated worlds over tables in memory.
//!
//! Polling is the truth. A hint, from this process or over a channel, only makes the next look come sooner; without
//! any, a busy relay looks again at once and an idle one at its heartbeat.

use crate::beat_report::BeatReport;
use crate::claims::{ClaimMode, INNOCENT, SUSPECT, Source};
use crate::gate::GateState;
use crate::scan_floor::ScanFloor;

mod fresh_scan;
mod look;
mod stage;
mod sweeps;

pub use look::{First, Found, Look, Moment, ScheduleConfig};

use fresh_scan::FreshScan;
use stage::{Idle, Scan, Stage};
use sweeps::Sweeps;

/// Least time from the beginning of one round to that of the next: more sagas in each claim, at less cost.
const PACE_MS: u64 = 2;
/// The first pause of a relay that found nothing; it doubles. Also how long one rests that can take nothing more.
const PAUSE_MIN_MS: u64 = 2;
/// From this pause on the heartbeat looks for it, which costs no query of its own.
const PAUSE_MAX_MS: u64 = 100;
/// How long a relay rests when the database did not answer.
const UNANSWERED_MS: u64 = 100;
/// How long the count of the backlog waits after one that did not answer.
const MEASURE_AGAIN_MS: u64 = 500;

/// The loop's own state.
#[derive(Debug)]
pub struct Schedule {
    config: ScheduleConfig,
    stage: Stage,
    fresh: FreshScan,
    sweeps: Sweeps,
    is_hinted: bool,
    /// The breaker has closed, and what waits has not been counted since. When to count.
    measure_at_ms: Option<u64>,
    pause_ms: u64,
    /// Since when no claim was answered.
    unanswered_since_ms: Option<u64>,
    round: Round,
}

/// The looks from one rest to the next.
#[derive(Debug, Clone, Copy)]
struct Round {
    began_at_ms: u64,
    has_found: bool,
    /// What can still be taken up.
    slots: u32,
}

impl Schedule {
    /// The schedule of a relay that has just joined.
    pub fn new(config: ScheduleConfig, now_ms: u64) -> Self {
        Self {
            config,
            stage: Stage::Begin,
            fresh: FreshScan::new(now_ms),
            sweeps: Sweeps::new(now_ms),
            is_hinted: false,
            measure_at_ms: None,
            pause_ms: PAUSE_MIN_MS,
            unanswered_since_ms: None,
            round: Round { began_at_ms: now_ms, has_found: false, slots: 0 },
        }
    }

    /// Somebody says that there is work.
    pub fn hint(&mut self) {
        self.is_hinted = true;
    }

    /// A commit elsewhere got no answer: sagas may be held that the relay does not know of.
    pub fn doubt(&mut self) {
        self.sweeps.is_needed = true;
    }

    /// Where frequent scans begin, for the heartbeat.
    pub fn scan_floor(&self) -> ScanFloor {
        self.fresh.scan_floor
    }

    /// What to do now. Unless it is [`Look::Rest`], its outcome is told before the next question.
    pub fn next(&mut self, moment: &Moment, gate: &mut GateState) -> Look {
        loop {
            let now_ms = moment.now_ms;
            match self.stage {
                Stage::Begin => self.begin(moment),
                Stage::Unacknowledged { floor } => {
                    return self
                        .sweep(Source::UnacknowledgedClaims { floor }, self.config.claim_max);
                }
                Stage::FromDeadRelay { .. } | Stage::Suspects { .. } if !self.is_fresh(moment) => {
                    // To the others it is dead itself: it judges nobody, least of all itself.
                    self.sweeps.put_off(now_ms);
                    self.stage = Stage::Admission;
                }
                Stage::FromDeadRelay { floor } => {
                    let source = Source::FromDeadRelay { crashes: INNOCENT, floor };
                    return self.sweep(source, self.config.claim_max);
                }
                Stage::Suspects { floor } => {
                    // A saga that has crashed two relays is driven alone and awaited: if it does so again, it
                    // takes nobody with it.
                    let source = Source::FromDeadRelay { crashes: SUSPECT, floor };
                    return self.sweep(source, 1);
                }
                Stage::RemoveSilent => {
                    return Look::RemoveSilent;
                }
                Stage::Admission => {
                    if gate.reopened(now_ms) {
                        self.measure_at_ms = Some(now_ms);
                    }
                    if self.measure_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
                        return Look::MeasureBacklog;
                    }
                    self.admit(moment, gate);
                }
                Stage::Untried => {
                    let avoid = gate.probes_without(now_ms).unwrap_or_default();
                    return dispatch(Source::Untried { avoid }, self.round.slots);
                }
                Stage::Due => match gate.backlog_slots(self.round.slots, now_ms) {
                    0 => self.stage = Stage::Fresh(Scan::Floor),
                    slots => {
                        self.stage = Stage::DueAsked { slots };
                        return dispatch(Source::Due, slots);
                    }
                },
                Stage::DueAsked { slots } => return dispatch(Source::Due, slots),
                Stage::NewProbes(_) | Stage::Fresh(_) | Stage::Defer(_)
                    if self.round.slots == 0 =>
                {
                    self.after_fresh(now_ms);
                }
                Stage::NewProbes(scan) | Stage::Fresh(scan) => {
                    return self.scan(scan, now_ms, ClaimMode::Dispatch);
                }
                Stage::Defer(scan) => {
                    let refusal = gate.refusal(now_ms);
                    let retry_after_ms = refusal.and_then(|refusal| refusal.retry_in_ms);
                    return self.scan(scan, now_ms, ClaimMode::Defer { retry_after_ms });
                }
                Stage::Pace { until_ms } if now_ms < until_ms => {
                    return Look::Rest { until_ms: Some(until_ms), is_wakeable: false };
                }
                Stage::Pace { .. } => self.stage = Stage::Begin,
                Stage::Idle(idle) => match self.idle(idle, moment) {
                    Some(rest) => return rest,
                    None => self.stage = Stage::Begin,
                },
            }
        }
    }

    /// A claim has committed.
    pub fn claimed(&mut self, found: &Found, now_ms: u64, gate: &mut GateState) {
        if let Some(since_ms) = self.unanswered_since_ms.take() {
            gate.database_returned(since_ms, now_ms);
        }
        let locked = found.locked;
        self.stage = match self.stage {
            Stage::Unacknowledged { floor } => Stage::FromDeadRelay { floor },
            Stage::FromDeadRelay { .. } if locked >= self.config.claim_max => self.stage,
            Stage::FromDeadRelay { floor } => Stage::Suspects { floor },
            Stage::Suspects { .. } => {
                if locked > 0 {
                    self.sweeps.at_ms = now_ms;
                }
                Stage::RemoveSilent
            }
            Stage::Untried => {
                self.take(locked);
                Stage::NewProbes(Scan::Floor)
            }
            Stage::DueAsked { slots } => {
                self.take(locked);
                gate.give_back_backlog(slots.saturating_sub(locked));
                Stage::Fresh(Scan::Floor)
            }
            Stage::NewProbes(_) | Stage::Fresh(_) | Stage::Defer(_) => {
                self.fresh.found(found, self.round.slots, self.is_first_known());
                self.take(locked);
                return self.after_fresh(now_ms);
            }
            Stage::Begin
            | Stage::RemoveSilent
            | Stage::Admission
            | Stage::Due
            | Stage::Pace { .. }
            | Stage::Idle(_) => self.stage,
        };
    }

    /// The list was scanned from its beginning, which took so long, up to now.
    pub fn first_found(&mut self, first: First, took_ms: u64, now_ms: u64) {
        self.fresh.first_found(first, took_ms, now_ms);
        self.stage = match self.stage {
            Stage::NewProbes(_) => Stage::NewProbes(Scan::First),
            Stage::Defer(_) => Stage::Defer(Scan::First),
            Stage::Fresh(_) => Stage::Fresh(Scan::First),
            Stage::Begin
            | Stage::Unacknowledged { .. }
            | Stage::FromDeadRelay { .. }
            | Stage::Suspects { .. }
            | Stage::RemoveSilent
            | Stage::Admission
            | Stage::Untried
            | Stage::Due
            | Stage::DueAsked { .. }
            | Stage::Pace { .. }
            | Stage::Idle(_) => self.stage,
        };
    }

    /// So many sagas wait: they are woken at the drain's pace.
    pub fn backlog_measured(&mut self, waiting: u64, now_ms: u64, gate: &mut GateState) {
        self.measure_at_ms = None;
        gate.start_drain(waiting, now_ms);
    }

    /// Silent relays are off the list.
    pub fn silent_removed(&mut self) {
        self.sweeps.ended();
        self.stage = Stage::Admission;
    }

    /// A look got no answer. Its commit may have gone through: sagas may be held that the relay does not know of.
    /// What only looks for what others left never keeps a relay from its work: it is done later.
    pub fn unanswered(&mut self, now_ms: u64) {
        self.unanswered_since_ms.get_or_insert(now_ms);
        self.sweeps.is_needed = true;
        self.stage = match self.stage {
            Stage::Unacknowledged { .. }
            | Stage::FromDeadRelay { .. }
            | Stage::Suspects { .. }
            | Stage::RemoveSilent => {
                self.sweeps.put_off(now_ms);
                Stage::Admission
            }
            Stage::Admission => {
                self.measure_at_ms = Some(now_ms + MEASURE_AGAIN_MS);
                Stage::Admission
            }
            Stage::Begin
            | Stage::Untried
            | Stage::NewProbes(_)
            | Stage::Due
            | Stage::DueAsked { .. }
            | Stage::Fresh(_)
            | Stage::Defer(_)
            | Stage::Pace { .. }
            | Stage::Idle(_) => Stage::Pace { until_ms: now_ms + UNANSWERED_MS },
        };
    }

    fn begin(&mut self, moment: &Moment) {
        let Moment { now_ms, report, .. } = *moment;
        self.round = Round { began_at_ms: now_ms, has_found: false, slots: 0 };
        self.stage = match self.sweeps.begin(&report, self.fresh.scan_floor, now_ms) {
            Some(floor) => Stage::Unacknowledged { floor },
            None => Stage::Admission,
        };
    }

    /// Whether its own heartbeat is young enough for the others.
    fn is_fresh(&self, moment: &Moment) -> bool {
        let renewed_at_ms = moment.report.renewed_at_ms.unwrap_or(moment.now_ms);
        moment.now_ms.saturating_sub(renewed_at_ms) <= self.config.stale_ms
    }

    fn sweep(&self, source: Source, limit: u32) -> Look {
        let is_awaited = matches!(self.stage, Stage::Suspects { .. });
        Look::Claim { source, limit, mode: ClaimMode::Dispatch, is_awaited }
    }

    /// What may be called, and how much of it.
    fn admit(&mut self, moment: &Moment, gate: &mut GateState) {
        let Moment { now_ms, free, report } = *moment;
        if free == 0 {
            // Full: the next slot is worth waiting for, however short.
            self.pause_ms = PAUSE_MIN_MS;
            self.stage = Stage::Pace { until_ms: now_ms + PAUSE_MIN_MS };
            return;
        }
        let room = gate.room(now_ms);
        self.round.slots = if room == 0 { free } else { free.min(room) };
        self.stage = if room == 0 {
            Stage::Defer(Scan::Floor)
        } else if gate.probes_without(now_ms).is_some() {
            // The calls of a half-open breaker go to orders that can say something new. Only where there is
            // none do they go to those that have failed.
            Stage::Untried
        } else if report.may_be_due(now_ms) || !gate.is_free(now_ms) {
            Stage::Due
        } else {
            Stage::Fresh(Scan::Floor)
        };
    }

    /// New orders; before that, where a scan from the beginning is due, where it is.
    fn scan(&self, scan: Scan, now_ms: u64, mode: ClaimMode) -> Look {
        let Some(floor) = self.fresh.next(scan == Scan::First, now_ms) else {
            return Look::FindFirst;
        };
        let limit = self.round.slots;
        Look::Claim { source: Source::Fresh { floor }, limit, mode, is_awaited: false }
    }

    /// Whether the scan under way began where the list begins, which was just found.
    fn is_first_known(&self) -> bool {
        match self.stage {
            Stage::NewProbes(scan) | Stage::Fresh(scan) | Stage::Defer(scan) => scan == Scan::First,
            Stage::Begin
            | Stage::Unacknowledged { .. }
            | Stage::FromDeadRelay { .. }
            | Stage::Suspects { .. }
            | Stage::RemoveSilent
            | Stage::Admission
            | Stage::Untried
            | Stage::Due
            | Stage::DueAsked { .. }
            | Stage::Pace { .. }
            | Stage::Idle(_) => false,
        }
    }

    fn take(&mut self, locked: u32) {
        self.round.has_found |= locked > 0;
        self.round.slots = self.round.slots.saturating_sub(locked);
    }

    /// New orders were looked for. Behind a breaker that is half-open the backlog comes last.
    fn after_fresh(&mut self, now_ms: u64) {
        if matches!(self.stage, Stage::NewProbes(_)) && !self.round.has_found {
            self.stage = Stage::Due;
            return;
        }
        if self.round.has_found {
            self.pause_ms = PAUSE_MIN_MS;
            self.stage = Stage::Pace { until_ms: self.round.began_at_ms + PACE_MS };
            return;
        }
        let pause_until_ms = (self.pause_ms < PAUSE_MAX_MS).then_some(now_ms + self.pause_ms);
        self.pause_ms = (self.pause_ms * 2).min(PAUSE_MAX_MS);
        self.stage = Stage::Idle(Idle { pause_until_ms, expected_at_ms: None, report: None });
    }

    /// How long to rest on; `None`: no longer.
    fn idle(&mut self, mut idle: Idle, moment: &Moment) -> Option<Look> {
        let Moment { now_ms, report, .. } = *moment;
        if std::mem::take(&mut self.is_hinted) {
            return None;
        }
        if idle.report != Some(report.number) {
            let known = idle.report.unwrap_or(self.sweeps.report_handled);
            if report.number != known && report.has_work() {
                return None;
            }
            idle.report = Some(report.number);
            idle.expected_at_ms = self.expected_at_ms(&report, now_ms);
            self.stage = Stage::Idle(idle);
        }
        let until_ms = idle.pause_until_ms.into_iter().chain(idle.expected_at_ms).min();
        if until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            return None;
        }
        Some(Look::Rest { until_ms, is_wakeable: true })
    }

    /// The next moment at which there will be something to do, as far as the report knows.
    fn expected_at_ms(&self, report: &BeatReport, now_ms: u64) -> Option<u64> {
        let due = report.next_due_at_ms().filter(|due_ms| *due_ms > now_ms);
        let sweep = self.sweeps.due_ms(report);
        // The heartbeat does not look at all of the list then.
        let scan = self.fresh.scan_floor.is_expensive().then_some(self.fresh.full_scan_at_ms);
        due.into_iter().chain(sweep).chain(scan).chain(self.measure_at_ms).min()
    }
}

fn dispatch(source: Source, limit: u32) -> Look {
    Look::Claim { source, limit, mode: ClaimMode::Dispatch, is_awaited: false }
}

#[cfg(test)]
mod tests;
