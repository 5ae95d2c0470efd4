//! What was found: a bounded sample, exact counts, and a few lines for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Drift, Kind, Outcome};

/// Drift that is shown one by one; more is only counted.
const SAMPLE_MAX: usize = 1_000;

/// The outcome of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Sagas looked at.
    pub sagas: u64,
    /// Reservations looked at.
    pub reservations: u64,
    /// Drift by kind; only what was found.
    pub found: BTreeMap<Kind, u64>,
    /// How much of it was put right.
    pub repaired: u64,
    /// How much of it was accepted now.
    pub accepted: u64,
    /// Differences that somebody had accepted before; they are not among those found.
    pub accepted_before: u64,
    /// The first thousand.
    pub drifts: Vec<Drift>,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl Report {
    /// Whether the databases agree now, but for what somebody has accepted.
    pub fn is_clean(&self) -> bool {
        self.found.values().sum::<u64>() == self.repaired + self.accepted
    }

    pub(super) fn add(&mut self, drift: Drift) {
        *self.found.entry(drift.kind).or_default() += 1;
        self.repaired += u64::from(drift.outcome == Outcome::Repaired);
        self.accepted += u64::from(drift.outcome == Outcome::Accepted);
        if self.drifts.len() < SAMPLE_MAX {
            self.drifts.push(drift);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Drift { kind, order_id, item_id, detail, outcome, .. } in &self.drifts {
            let whose = order_id.map(|id| format!("order {id}"));
            let whose = whose.or_else(|| item_id.as_ref().map(|id| format!("item {id}")));
            let whose = whose.unwrap_or_default();
            writeln!(f, "{}  {whose}: {detail} ({})", word(kind), word(outcome))?;
        }
        let found = self.found.values().sum::<u64>();
        let Self { sagas, reservations, repaired, accepted, accepted_before, elapsed_ms, .. } =
            self;
        writeln!(f, "{sagas} orders and {reservations} reservations in {elapsed_ms} ms")?;
        match (found, accepted) {
            (0, _) if *accepted_before == 0 => writeln!(f, "the databases agree"),
            (0, _) => {
                writeln!(
                    f,
                    "the databases agree but for what was accepted before ({accepted_before})"
                )
            }
            (_, 0) => writeln!(f, "{found} do not agree, {repaired} repaired"),
            _ => writeln!(f, "{found} do not agree, {repaired} repaired, {accepted} accepted"),
        }
    }
}

/// As JSON names it.
fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).expect("a word is JSON");
    word.as_str().unwrap_or_default().to_owned()
}
