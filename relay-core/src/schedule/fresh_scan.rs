//! Where scans for new orders begin.

use uuid::Uuid;

use super::look::{First, Found};
use crate::scan_floor::{ScanFloor, first_id_of, made_ms};

/// How far below the newest claimed order the next scan starts, at least: orders get their ids before they are committed.
const LAG_MIN_MS: u64 = 250;
/// How far below the database's time an empty list begins, at least: no order takes that long to be committed.
const EMPTY_LAG_MS: u64 = 10_000;
/// The scan from the very beginning takes at most one part in so many of the time.
pub(super) const FULL_SCAN_PARTS: u64 = 20;
/// A full scan happens at least this often while there is work.
const FULL_SCAN_EVERY_MS: u64 = 1_000;

/// Ids carry the time of whatever clock made them, so a floor above nil is only a guess at where the next orders will
/// be. A scan from the beginning finds the others, again and again.
#[derive(Debug)]
pub(super) struct FreshScan {
    /// Where the list began at the last scan from its beginning.
    pub(super) scan_floor: ScanFloor,
    /// All other scans begin here.
    floor: Uuid,
    /// How far that is below the newest claim: as far as orders came apart.
    lag_ms: u64,
    /// When the list is next scanned from its beginning.
    pub(super) full_scan_at_ms: u64,
    /// The last scan from the beginning filled its slots: there may be more.
    is_repeated: bool,
}

impl FreshScan {
    pub(super) fn new(now_ms: u64) -> Self {
        Self {
            scan_floor: ScanFloor::default(),
            floor: Uuid::nil(),
            lag_ms: LAG_MIN_MS,
            full_scan_at_ms: now_ms,
            is_repeated: false,
        }
    }

    /// Where the next scan begins; `None`: that is to be found out.
    pub(super) fn next(&self, is_first_known: bool, now_ms: u64) -> Option<Uuid> {
        if is_first_known {
            Some(self.scan_floor.below_first())
        } else if now_ms >= self.full_scan_at_ms {
            None
        } else if self.is_repeated {
            Some(self.scan_floor.below_first())
        } else {
            Some(self.floor.max(self.scan_floor.floor()))
        }
    }

    pub(super) fn first_found(&mut self, first: First, took_ms: u64, now_ms: u64) {
        match first {
            First::Message(id) => self.scan_floor.measured(Some(id), Uuid::nil(), took_ms),
            First::Empty { at_ms } => {
                let below = first_id_of(at_ms.saturating_sub(self.lag_ms.max(EMPTY_LAG_MS)));
                self.scan_floor.measured(None, below, took_ms);
            }
            First::Unknown => self.scan_floor.measuring_failed(),
        }
        self.full_scan_at_ms = now_ms + (took_ms * FULL_SCAN_PARTS).max(FULL_SCAN_EVERY_MS);
    }

    /// A scan has ended. `is_first_known`: it began where the list begins.
    pub(super) fn found(&mut self, found: &Found, slots: u32, is_first_known: bool) {
        let is_full = is_first_known || self.is_repeated;
        self.is_repeated = is_full && found.locked > 0 && found.locked >= slots;
        let Some((least, greatest)) = found.ids else { return };
        // Never above the database's time, and as far below as orders came apart.
        let newest_ms = made_ms(greatest).min(found.at_ms);
        let apart_ms = newest_ms.saturating_sub(made_ms(least)).saturating_add(LAG_MIN_MS);
        let kept_ms = self.lag_ms - if is_full { self.lag_ms / 8 } else { 0 };
        self.lag_ms = kept_ms.max(apart_ms);
        self.floor = first_id_of(newest_ms.saturating_sub(self.lag_ms));
    }
}
