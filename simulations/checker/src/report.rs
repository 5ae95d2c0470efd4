//! What was found: a bounded sample of offenders, exact counts, and a table for people.

use std::collections::BTreeMap;
use std::fmt;

use schema_orders::consistency::Fault;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::catalogue::{CHECKS, Check, Invariant, named};

/// Offenders kept per check; more are only counted.
pub(super) const SAMPLE_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: &'static Check,
    /// The order, where there is one.
    pub order_id: Option<Uuid>,
    /// The item, where it is about stock.
    pub item_id: Option<String>,
    /// The values that do not fit.
    pub detail: String,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Sagas whose journal was replayed.
    pub sagas: u64,
    /// Step rows replayed.
    pub steps: u64,
    /// Reservations held against their sagas.
    pub reservations: u64,
    /// Differences between the databases that somebody has accepted.
    pub accepted: u64,
    /// Ledger entries of clients held against the orders.
    pub answers: u64,
    /// Sagas by the state they are in.
    pub confirmed: u64,
    pub failed: u64,
    pub cancelled: u64,
    /// Parked: they wait for a person.
    pub parked: u64,
    pub unfinished: u64,
    /// Calls of inventory that were made, by the journal.
    pub calls: u64,
    /// Of these, the first of their reservation and direction.
    pub first_tries: u64,
    /// Of the other calls, those that were answered.
    pub answered_retries: u64,
}

/// What is said of one invariant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub invariant: Invariant,
    /// One line for people.
    pub title: &'static str,
    /// True when no fault was found.
    pub ok: bool,
    /// False where the evidence for it, or for a part of it, was not given.
    pub checked: bool,
    /// How often it is broken.
    pub faults: u64,
}

/// The outcome of a check.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// One per invariant, in order.
    pub invariants: Vec<Verdict>,
    /// What was looked at.
    pub counts: Counts,
    /// Faults by check name; only those that were found.
    pub faults: BTreeMap<&'static str, u64>,
    /// Offenders, at most a hundred per check.
    pub findings: Vec<Finding>,
    /// Everything that both databases know of the first of them.
    pub dumps: BTreeMap<Uuid, Value>,
    /// How long it took.
    pub elapsed_ms: u64,
}

impl Report {
    /// True when nothing was found.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a report is plain data")
    }

    /// The orders that were found, each once.
    pub fn offending_orders(&self) -> Vec<Uuid> {
        let mut orders: Vec<Uuid> = self.findings.iter().filter_map(|f| f.order_id).collect();
        orders.sort_unstable();
        orders.dedup();
        orders
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "checked {} sagas, {} steps, {} reservations, {} answers in {:.1} s",
            counts.sagas,
            counts.steps,
            counts.reservations,
            counts.answers,
            self.elapsed_ms as f64 / 1_000.0
        )?;
        if counts.accepted > 0 {
            writeln!(f, "  left out, because it was accepted: {}", counts.accepted)?;
        }
        for Verdict { invariant, title, ok, checked, faults } in &self.invariants {
            let verdict = match (ok, checked) {
                (false, _) => format!("BROKEN, {faults} times"),
                (true, true) => "ok".to_owned(),
                (true, false) => "ok as far as it was checked".to_owned(),
            };
            writeln!(f, "  {:<4} {title:<55} {verdict}", invariant.to_string())?;
        }
        for check in CHECKS.iter().filter(|check| self.faults.contains_key(check.name)) {
            writeln!(f, "{} {}: {}", check.invariant, check.name, check.says)?;
            for finding in self.findings.iter().filter(|finding| finding.check == check).take(5) {
                writeln!(f, "    {finding}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(order_id) = self.order_id {
            write!(f, "order {order_id} ")?;
        }
        if let Some(item_id) = &self.item_id {
            write!(f, "item {item_id} ")?;
        }
        f.write_str(&self.detail)
    }
}

/// Faults while they are being collected.
#[derive(Debug, Default)]
pub(super) struct Findings {
    faults: BTreeMap<&'static str, u64>,
    kept: BTreeMap<&'static str, usize>,
    sample: Vec<Finding>,
}

impl Findings {
    pub(super) fn add(&mut self, name: &str, order_id: Option<Uuid>, detail: impl Into<String>) {
        let check = named(name);
        self.push(Finding { check, order_id, item_id: None, detail: detail.into() });
    }

    pub(super) fn push(&mut self, finding: Finding) {
        *self.faults.entry(finding.check.name).or_default() += 1;
        let kept = self.kept.entry(finding.check.name).or_default();
        if *kept < SAMPLE_MAX {
            *kept += 1;
            self.sample.push(finding);
        }
    }

    /// What one statement answered: each row knows how many there are in all.
    pub(super) fn add_all(&mut self, name: &str, faults: Vec<Fault>) {
        let total = faults.first().map_or(0, |first| first.total);
        self.add_beyond_sample(name, total - faults.len() as i64);
        for Fault { order_id, detail, .. } in faults {
            self.add(name, Some(order_id), detail);
        }
    }

    /// Counts offenders that are not in hand.
    pub(super) fn add_beyond_sample(&mut self, name: &str, more: i64) {
        if more > 0 {
            *self.faults.entry(named(name).name).or_default() += more as u64;
        }
    }

    pub(super) fn into_report(self, counts: Counts, unchecked: &[Invariant]) -> Report {
        let invariants = Invariant::ALL.map(|invariant| {
            let of = |(name, _): &(&&str, &u64)| named(name).invariant == invariant;
            let faults = self.faults.iter().filter(of).map(|(_, count)| count).sum();
            Verdict {
                invariant,
                title: invariant.title(),
                ok: faults == 0,
                checked: !unchecked.contains(&invariant),
                faults,
            }
        });
        Report {
            invariants: invariants.to_vec(),
            counts,
            faults: self.faults,
            findings: self.sample,
            dumps: BTreeMap::new(),
            elapsed_ms: 0,
        }
    }
}
