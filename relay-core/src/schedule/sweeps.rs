//! When a relay looks for what others left, and for what it holds without knowing.

use uuid::Uuid;

use crate::beat_report::BeatReport;
use crate::scan_floor::ScanFloor;

/// The least often that a relay looks for sagas it holds and does not know of.
pub(super) const EVERY_MS: u64 = 5_000;
/// The first pause after a sweep that did not answer; it doubles, up to [`EVERY_MS`].
const AGAIN_MS: u64 = 500;

#[derive(Debug)]
pub(super) struct Sweeps {
    pub(super) at_ms: u64,
    /// A commit got no answer, or a relay has fallen silent: there is a reason to look, everywhere.
    pub(super) is_needed: bool,
    /// Number of the report that was acted on.
    pub(super) report_handled: u64,
    /// None before this: the last one did not answer.
    not_before_ms: u64,
    pause_ms: u64,
}

impl Sweeps {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            at_ms: now_ms,
            is_needed: false,
            report_handled: 0,
            not_before_ms: now_ms,
            pause_ms: AGAIN_MS,
        }
    }

    /// Whether one begins now, and above which id.
    pub(super) fn begin(
        &mut self,
        report: &BeatReport,
        scan_floor: ScanFloor,
        now_ms: u64,
    ) -> Option<Uuid> {
        let is_news = std::mem::replace(&mut self.report_handled, report.number) != report.number;
        self.is_needed |= is_news && report.beat.is_some_and(|beat| beat.others_stale);
        if now_ms < self.not_before_ms || (!self.is_needed && now_ms < self.at_ms) {
            return None;
        }
        self.at_ms = now_ms + EVERY_MS;
        if std::mem::take(&mut self.is_needed) {
            return Some(Uuid::nil());
        }
        // Without a reason, only where there may be something.
        report.may_hold().then(|| scan_floor.floor())
    }

    /// When the next one is due, as far as the newest report knows.
    pub(super) fn due_ms(&self, report: &BeatReport) -> Option<u64> {
        if self.is_needed {
            return Some(self.not_before_ms);
        }
        report.may_hold().then_some(self.at_ms.max(self.not_before_ms))
    }

    /// To be tried again: what only looks for what others left never keeps a relay from its work.
    pub(super) fn put_off(&mut self, now_ms: u64) {
        self.is_needed = true;
        self.not_before_ms = now_ms + self.pause_ms;
        self.pause_ms = (self.pause_ms * 2).min(EVERY_MS);
    }

    pub(super) fn ended(&mut self) {
        self.pause_ms = AGAIN_MS;
    }
}
