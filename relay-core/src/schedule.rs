//! What a relay does next: which look at the work list, and how long it rests when there is nothing.
//!
//! [`Schedule::next`] names one [`Look`], which is one transaction. The shell does it, tells what came of it, and
//! asks again. Every relay runs this: the product over Postgres, the simulated worlds over tables in memory.
//!
//! Polling is the truth. A hint, from this process or over a channel, only makes the next look come sooner; without
//! any, a busy relay looks again at once and an idle one at its heartbeat.

use uuid::Uuid;

use crate::beat_report::BeatReport;
use crate::claims::{ClaimMode, INNOCENT, SUSPECT, Source};
use crate::gate::GateState;
use crate::scan_floor::{ScanFloor, before};

mod stage;
use stage::{Idle, Scan, Stage};

/// How far below the newest claimed order the next scan starts: orders are made before they are committed, and not
/// on one clock.
const FRESH_LAG_MS: u64 = 250;
/// The same for looks at the whole list, where it was empty: no order takes that long to be committed.
const EMPTY_LAG_MS: u64 = 10_000;
/// The scan from the very beginning takes at most one part in so many of the time.
const FULL_SCAN_PARTS: u64 = 20;
/// A full scan happens at least this often while there is work.
const FULL_SCAN_EVERY_MS: u64 = 1_000;
/// The least often that a relay looks for sagas it holds and does not know of.
const SWEEP_EVERY_MS: u64 = 5_000;
/// Least time from the beginning of one round to that of the next: more sagas in each claim, at less cost.
const PACE_MS: u64 = 2;
/// The first pause of a relay that found nothing; it doubles. Also how long one rests that can take nothing more.
const PAUSE_MIN_MS: u64 = 2;
/// From this pause on the heartbeat looks for it, which costs no query of its own.
const PAUSE_MAX_MS: u64 = 100;
/// How long a relay rests when the database did not answer.
const UNANSWERED_MS: u64 = 100;
/// A relay that has been silent so many times longer than a stale one is taken off the list, if it holds nothing.
const REMOVED_AFTER: i64 = 10;

/// How a schedule is set.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleConfig {
    /// Sagas in one claim at most.
    pub claim_max: u32,
    /// Silence after which a relay counts as dead, in milliseconds.
    pub stale_ms: i64,
}

/// What the schedule is told with every question.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic milliseconds.
    pub now_ms: u64,
    /// Sagas that the relay can take up now, [`ScheduleConfig::claim_max`] at most.
    pub free: u32,
    /// What the newest heartbeat saw.
    pub report: BeatReport,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Claim sagas and drive what that brought. Answered by [`Schedule::claimed`].
    Claim {
        /// Where from.
        source: Source,
        /// How many at most; at least 1.
        limit: u32,
        /// What is done with them.
        mode: ClaimMode,
        /// The saga has crashed relays: nothing else happens until it was driven.
        is_awaited: bool,
    },
    /// Find the first message of the work list. Answered by [`Schedule::first_found`].
    FindFirst,
    /// Count what waits, because the breaker has closed. Answered by [`Schedule::backlog_measured`].
    MeasureBacklog,
    /// Take relays off the list that have been silent for so long and hold nothing. Answered by
    /// [`Schedule::silent_removed`].
    RemoveSilent {
        /// Milliseconds of silence.
        silent_ms: i64,
    },
    /// Nothing until then. To be asked again then, and, where it says so, at a hint or a heartbeat.
    Rest {
        /// In monotonic milliseconds; `None`: only a hint or a heartbeat ends it.
        until_ms: Option<u64>,
        /// Whether a hint or a heartbeat may end it earlier.
        is_wakeable: bool,
    },
}

/// What came of [`Look::FindFirst`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The list begins with this message.
    Message(Uuid),
    /// It is empty. The newest order that this relay has ever held; nil: none.
    Empty {
        /// See above.
        newest_held: Uuid,
    },
    /// The query was cut off.
    Unknown,
}

/// The loop's own state.
#[derive(Debug)]
pub struct Schedule {
    config: ScheduleConfig,
    stage: Stage,
    scan_floor: ScanFloor,
    /// Scans for new orders begin here, but for those from the beginning.
    fresh_floor: Uuid,
    full_scan_at_ms: u64,
    sweep_at_ms: u64,
    /// Number of the report that was acted on.
    report_handled: u64,
    /// A commit got no answer: sagas may be held that the relay does not know of.
    is_unsure: bool,
    is_hinted: bool,
    /// The breaker has closed, and what waits has not been counted since.
    has_reopened: bool,
    pause_ms: u64,
    round: Round,
}

/// The looks from one rest to the next.
#[derive(Debug, Clone, Copy)]
struct Round {
    began_at_ms: u64,
    has_found: bool,
    /// What can still be taken up.
    places: u32,
}

impl Schedule {
    /// The schedule of a relay that has just joined.
    pub fn new(config: ScheduleConfig, now_ms: u64) -> Self {
        Self {
            config,
            stage: Stage::Begin,
            scan_floor: ScanFloor::default(),
            fresh_floor: Uuid::nil(),
            full_scan_at_ms: now_ms,
            sweep_at_ms: now_ms,
            report_handled: 0,
            is_unsure: false,
            is_hinted: false,
            has_reopened: false,
            pause_ms: PAUSE_MIN_MS,
            round: Round { began_at_ms: now_ms, has_found: false, places: 0 },
        }
    }

    /// Somebody says that there is work.
    pub fn hint(&mut self) {
        self.is_hinted = true;
    }

    /// A commit elsewhere got no answer: sagas may be held that the relay does not know of.
    pub fn doubt(&mut self) {
        self.is_unsure = true;
    }

    /// Where frequent scans begin, for the heartbeat.
    pub fn scan_floor(&self) -> ScanFloor {
        self.scan_floor
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
                Stage::FromDeadRelay { floor } => {
                    let stale_ms = self.config.stale_ms;
                    let source = Source::FromDeadRelay { stale_ms, crashes: INNOCENT, floor };
                    return self.sweep(source, self.config.claim_max);
                }
                Stage::Suspects { floor } => {
                    // A saga that has crashed two relays is driven alone and awaited: if it does so again, it
                    // takes nobody with it.
                    let stale_ms = self.config.stale_ms;
                    let source = Source::FromDeadRelay { stale_ms, crashes: SUSPECT, floor };
                    return self.sweep(source, 1);
                }
                Stage::RemoveSilent => {
                    return Look::RemoveSilent { silent_ms: self.config.stale_ms * REMOVED_AFTER };
                }
                Stage::Admission => {
                    self.has_reopened |= gate.reopened(now_ms);
                    if self.has_reopened {
                        return Look::MeasureBacklog;
                    }
                    self.admit(moment, gate);
                }
                Stage::Untried => {
                    let avoid = gate.probes_without(now_ms).unwrap_or_default();
                    return dispatch(Source::Untried { avoid }, self.round.places);
                }
                Stage::Due => match gate.backlog_places(self.round.places, now_ms) {
                    0 => self.stage = Stage::Fresh(Scan::Floor),
                    places => {
                        self.stage = Stage::DueAsked { places };
                        return dispatch(Source::Due, places);
                    }
                },
                Stage::DueAsked { places } => return dispatch(Source::Due, places),
                Stage::NewProbes(_) | Stage::Fresh(_) | Stage::Defer(_)
                    if self.round.places == 0 =>
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

    /// A claim has committed: so many messages were locked, and `newest` is the greatest id among the sagas that
    /// changed.
    pub fn claimed(
        &mut self,
        locked: u32,
        newest: Option<Uuid>,
        now_ms: u64,
        gate: &mut GateState,
    ) {
        self.stage = match self.stage {
            Stage::Unacknowledged { floor } => Stage::FromDeadRelay { floor },
            Stage::FromDeadRelay { .. } if locked >= self.config.claim_max => self.stage,
            Stage::FromDeadRelay { floor } => Stage::Suspects { floor },
            Stage::Suspects { .. } => {
                if locked > 0 {
                    self.sweep_at_ms = now_ms;
                }
                Stage::RemoveSilent
            }
            Stage::Untried => {
                self.take(locked);
                Stage::NewProbes(Scan::Floor)
            }
            Stage::DueAsked { places } => {
                self.take(locked);
                gate.give_back_backlog(places.saturating_sub(locked));
                Stage::Fresh(Scan::Floor)
            }
            Stage::NewProbes(_) | Stage::Fresh(_) | Stage::Defer(_) => {
                self.take(locked);
                if let Some(newest) = newest {
                    self.fresh_floor = self.fresh_floor.max(before(newest, FRESH_LAG_MS));
                }
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
        match first {
            First::Message(id) => self.scan_floor.measured(Some(id), Uuid::nil(), took_ms),
            First::Empty { newest_held } => {
                self.scan_floor.measured(None, before(newest_held, EMPTY_LAG_MS), took_ms);
            }
            First::Unknown => self.scan_floor.measuring_failed(),
        }
        self.full_scan_at_ms = now_ms + (took_ms * FULL_SCAN_PARTS).max(FULL_SCAN_EVERY_MS);
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
        self.has_reopened = false;
        gate.start_drain(waiting, now_ms);
    }

    /// Silent relays are off the list.
    pub fn silent_removed(&mut self) {
        self.stage = Stage::Admission;
    }

    /// A look got no answer. Its commit may have gone through: sagas may be held that the relay does not know of.
    pub fn unanswered(&mut self, now_ms: u64) {
        self.is_unsure = true;
        self.stage = Stage::Pace { until_ms: now_ms + UNANSWERED_MS };
    }

    fn begin(&mut self, moment: &Moment) {
        let Moment { now_ms, report, .. } = *moment;
        self.round = Round { began_at_ms: now_ms, has_found: false, places: 0 };
        let is_news = std::mem::replace(&mut self.report_handled, report.number) != report.number;
        let others_stale = is_news && report.beat.is_some_and(|beat| beat.others_stale);
        // With a reason to look, everywhere; without one, where there may be something.
        let has_reason = std::mem::take(&mut self.is_unsure) || others_stale;
        self.stage = Stage::Admission;
        if !has_reason && now_ms < self.sweep_at_ms {
            return;
        }
        self.sweep_at_ms = now_ms + SWEEP_EVERY_MS;
        if has_reason || report.may_hold() {
            let floor = if has_reason { Uuid::nil() } else { self.scan_floor.floor() };
            self.stage = Stage::Unacknowledged { floor };
        }
    }

    fn sweep(&self, source: Source, limit: u32) -> Look {
        let is_awaited = matches!(self.stage, Stage::Suspects { .. });
        Look::Claim { source, limit, mode: ClaimMode::Dispatch, is_awaited }
    }

    /// What may be called, and how much of it.
    fn admit(&mut self, moment: &Moment, gate: &mut GateState) {
        let Moment { now_ms, free, report } = *moment;
        if free == 0 {
            // Full: the next place is worth waiting for, however short.
            self.pause_ms = PAUSE_MIN_MS;
            self.stage = Stage::Pace { until_ms: now_ms + PAUSE_MIN_MS };
            return;
        }
        let room = gate.room(now_ms);
        self.round.places = if room == 0 { free } else { free.min(room) };
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
        let floor = match scan {
            Scan::Floor if now_ms >= self.full_scan_at_ms => return Look::FindFirst,
            Scan::Floor => self.fresh_floor,
            Scan::First => self.scan_floor.below_first(),
        };
        Look::Claim {
            source: Source::Fresh { floor },
            limit: self.round.places,
            mode,
            is_awaited: false,
        }
    }

    fn take(&mut self, locked: u32) {
        self.round.has_found |= locked > 0;
        self.round.places = self.round.places.saturating_sub(locked);
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
            let known = idle.report.unwrap_or(self.report_handled);
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
        let sweep = report.may_hold().then_some(self.sweep_at_ms);
        // The heartbeat does not look at all of the list then.
        let scan = self.scan_floor.is_expensive().then_some(self.full_scan_at_ms);
        due.into_iter().chain(sweep).chain(scan).min()
    }
}

fn dispatch(source: Source, limit: u32) -> Look {
    Look::Claim { source, limit, mode: ClaimMode::Dispatch, is_awaited: false }
}

#[cfg(test)]
mod tests;
