//! What a run came to: counts, recovery, the orders that felt it, and the verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::fault::{FaultRecord, Kind, under_way};
use super::options::Options;
use super::story::Story;
use crate::load::Results;
use checker::ledger::{Entry, Ledger, Outcome};

/// An order that took longer than this felt something.
const SLOW_MS: u32 = 1_000;
/// Affected orders kept in the report; all are counted.
const AFFECTED_MAX: usize = 10_000;

/// An order that felt the faults.
#[derive(Debug, Clone, Serialize)]
pub struct Affected {
    /// Which; nil where no answer named it.
    pub order_id: Uuid,
    pub key: String,
    /// When it was placed, since the load began.
    pub placed_ms: u32,
    /// How long its client waited.
    pub took_ms: u32,
    /// Requests its client sent.
    pub tries: u16,
    /// What its client knows.
    pub told: &'static str,
    /// The faults that were under way meanwhile.
    pub faults: Vec<usize>,
}

/// A slice of the run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Moment {
    /// Since the load began.
    pub at_s: f64,
    /// Seen confirmed, per second.
    pub confirmed_per_s: f64,
    /// Ended otherwise, per second: failed, accepted, unknown.
    pub others_per_s: f64,
    /// 99th percentile of what was settled.
    pub p99_ms: f64,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// What repeats it.
    pub command_line: String,
    /// What the clients were told, by outcome.
    pub told: BTreeMap<&'static str, u64>,
    pub placed: u64,
    /// Answered with any 2xx.
    pub acknowledged: u64,
    /// Keys sent again.
    pub retries: u64,
    pub faults: Vec<FaultRecord>,
    /// Orders that felt them, up to a bound.
    pub affected: Vec<Affected>,
    /// How many did.
    pub affected_count: u64,
    /// Throughput over time.
    pub moments: Vec<Moment>,
    /// What became of the order that went through most.
    pub story: Option<Story>,
    /// From the end of the load until nothing was left to do.
    pub rested_ms: f64,
    pub checked: checker::Report,
    /// Where everything is kept, where it is.
    pub kept: Option<PathBuf>,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        faults: Vec<FaultRecord>,
        results: &Results,
        rested: Duration,
        checked: checker::Report,
    ) -> Self {
        let ledger = &results.ledger;
        let mut told: BTreeMap<&'static str, u64> = BTreeMap::new();
        for entry in ledger.entries() {
            *told.entry(told_name(entry.outcome)).or_default() += 1;
        }
        let (affected, affected_count) = affected(ledger, &faults);
        Self {
            command_line: options.command_line(),
            told,
            placed: ledger.entries().len() as u64,
            acknowledged: ledger.entries().iter().filter(|e| e.outcome.is_acknowledged()).count()
                as u64,
            retries: results.live.retries.load(Relaxed),
            faults,
            affected,
            affected_count,
            moments: moments(results),
            story: None,
            rested_ms: rested.as_secs_f64() * 1_000.0,
            checked,
            kept: None,
        }
    }

    /// True when every invariant holds.
    pub fn is_clean(&self) -> bool {
        self.checked.is_clean()
    }

    /// Acknowledged orders that are not there.
    pub fn lost(&self) -> u64 {
        self.found(&["acknowledged-order-missing"])
    }

    /// Orders or stock that count more than once.
    pub fn doubled(&self) -> u64 {
        self.found(&[
            "two-orders-for-one-key",
            "two-keys-for-one-order",
            "booked-wrongly",
            "stock-held-twice",
            "reserved-differs-from-held",
        ])
    }

    /// Orders that will never be finished.
    pub fn stuck(&self) -> u64 {
        self.found(&["unfinished", "unfinished-without-message"])
    }

    fn found(&self, checks: &[&str]) -> u64 {
        checks.iter().filter_map(|check| self.checked.faults.get(check)).sum()
    }

    /// Median, 99th percentile and slowest recovery of a kind, milliseconds, and how many did not
    /// recover within the bound.
    pub fn recovery(&self, kind: Kind) -> Recovery {
        let mut of_kind: Vec<f64> = self
            .faults
            .iter()
            .filter(|fault| fault.kind == kind)
            .filter_map(|fault| fault.recovered_ms)
            .collect();
        of_kind.sort_by(f64::total_cmp);
        let of_this = |fault: &&FaultRecord| fault.kind == kind;
        let count = self.faults.iter().filter(of_this).count();
        let unseen = self.faults.iter().filter(of_this).filter(|fault| fault.cut_short).count();
        let at = |share: f64| {
            of_kind.get(((of_kind.len() as f64 * share) as usize).min(of_kind.len().max(1) - 1))
        };
        Recovery {
            count,
            missing: count - unseen - of_kind.len(),
            p50_ms: at(0.5).copied(),
            p99_ms: at(0.99).copied(),
            max_ms: of_kind.last().copied(),
        }
    }

    /// The kinds of faults there were.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.faults.iter().map(|fault| fault.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        let recovery: Vec<Value> = self
            .kinds()
            .into_iter()
            .map(|kind| json!({ "kind": kind.to_string(), "recovery": self.recovery(kind) }))
            .collect();
        json!({
            "command_line": self.command_line,
            "clean": self.is_clean(),
            "placed": self.placed,
            "acknowledged": self.acknowledged,
            "told": self.told,
            "retries": self.retries,
            "lost": self.lost(),
            "doubled": self.doubled(),
            "stuck": self.stuck(),
            "parked": self.checked.counts.parked,
            "rested_ms": self.rested_ms,
            "faults_by_kind": recovery,
            "faults": self.faults,
            "affected_count": self.affected_count,
            "affected": self.affected,
            "moments": self.moments,
            "story": self.story,
            "checker": self.checked.to_json(),
        })
    }
}

/// How long a kind of fault was felt.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Recovery {
    /// How often it came.
    pub count: usize,
    /// How often it was not over within the bound.
    pub missing: usize,
    /// Median, milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
    /// The slowest.
    pub max_ms: Option<f64>,
}

fn told_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unknown => "unknown",
        Outcome::Accepted => "accepted",
        Outcome::Confirmed => "confirmed",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
        Outcome::Refused => "refused",
    }
}

/// Orders whose clients had to wait, to ask again, or to go away without an outcome.
fn affected(ledger: &Ledger, faults: &[FaultRecord]) -> (Vec<Affected>, u64) {
    let felt = |entry: &Entry| {
        let settled = entry.outcome.is_final() || entry.outcome == Outcome::Refused;
        entry.took_ms > SLOW_MS || !settled
    };
    let mut count = 0;
    let mut kept = Vec::new();
    for (index, entry) in ledger.entries().iter().enumerate().filter(|(_, entry)| felt(entry)) {
        count += 1;
        if kept.len() < AFFECTED_MAX {
            let (from, to) = (
                f64::from(entry.started_ms),
                f64::from(entry.started_ms.saturating_add(entry.took_ms)),
            );
            kept.push(Affected {
                order_id: entry.order_id,
                key: ledger.key(index),
                placed_ms: entry.started_ms,
                took_ms: entry.took_ms,
                tries: entry.tries,
                told: told_name(entry.outcome),
                faults: under_way(faults, from, to),
            });
        }
    }
    (kept, count)
}

fn moments(results: &Results) -> Vec<Moment> {
    let width_s = results.slice.as_secs_f64();
    results
        .slices
        .iter()
        .enumerate()
        .map(|(index, slice)| Moment {
            at_s: index as f64 * width_s,
            confirmed_per_s: slice.confirmed as f64 / width_s,
            others_per_s: (slice.failed + slice.open) as f64 / width_s,
            p99_ms: slice.p99_us as f64 / 1_000.0,
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command_line)?;
        let told: Vec<String> =
            self.told.iter().map(|(name, count)| format!("{count} {name}")).collect();
        writeln!(f, "{} orders placed, clients were told: {}", self.placed, told.join(", "))?;
        writeln!(
            f,
            "{} acknowledged: {} lost, {} doubled, {} stuck, {} parked; {} felt the faults; at rest after {:.1} s",
            self.acknowledged,
            self.lost(),
            self.doubled(),
            self.stuck(),
            self.checked.counts.parked,
            self.affected_count,
            self.rested_ms / 1_000.0,
        )?;
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["fault", "times", "recovered p50 ms", "p99", "max", "not within 30 s"]);
        for kind in self.kinds() {
            let of = self.recovery(kind);
            let ms = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.0}"));
            table.add_row([
                kind.to_string(),
                of.count.to_string(),
                ms(of.p50_ms),
                ms(of.p99_ms),
                ms(of.max_ms),
                of.missing.to_string(),
            ]);
        }
        writeln!(f, "{table}")?;
        write!(f, "{}", self.checked)?;
        match &self.kept {
            Some(directory) => writeln!(f, "everything is kept in {}", directory.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
