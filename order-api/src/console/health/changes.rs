//! When the breaker and the gremlin changed, for the markers of the chart: as those tell who changed.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::chart::Marker;
use super::super::inventory::Chaos;
use crate::staff::breakers::OfRelay;

const SHOWN_MAX: usize = 30;
/// Relays that see the same within this time are told of once.
const TOGETHER_MS: i64 = 1_000;

/// Something changed, so long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) ago_ms: i64,
    pub(super) text: &'static str,
}

/// Newest first.
pub(super) fn changes_of(
    relays: &[OfRelay],
    chaos: Option<&Chaos>,
    now: DateTime<Utc>,
) -> Vec<Change> {
    let gates = relays.iter().filter_map(|relay| relay.gate.as_ref());
    let mut changes: Vec<Change> = gates.flat_map(of_gate).collect();
    changes.extend(chaos.into_iter().flat_map(|chaos| of_gremlin(chaos, now)));
    changes.sort_by_key(|change| change.ago_ms);
    let mut told: Vec<Change> = Vec::new();
    for change in changes {
        let is_told = |other: &&Change| change.ago_ms - other.ago_ms <= TOGETHER_MS;
        if !told.iter().rev().take_while(is_told).any(|other| other.text == change.text) {
            told.push(change);
        }
    }
    told.truncate(SHOWN_MAX);
    told
}

pub(super) fn marker_of(change: &Change) -> Marker {
    Marker { seconds_ago: change.ago_ms as f64 / 1_000.0, text: change.text }
}

fn of_gate(gate: &Value) -> impl Iterator<Item = Change> {
    let changes = gate["changes"].as_array().into_iter().flatten();
    changes.filter_map(|change| {
        let text = match change["state"].as_str()? {
            "closed" => "breaker closed",
            "open" => "breaker open",
            "half_open" => "breaker half open",
            "isolated" => "breaker isolated",
            _ => return None,
        };
        Some(Change { ago_ms: change["ago_ms"].as_i64()?, text })
    })
}

/// Only its last visit is known.
fn of_gremlin(chaos: &Chaos, now: DateTime<Utc>) -> Vec<Change> {
    let since = |at: DateTime<Utc>| (now - at).num_milliseconds().max(0);
    let came = chaos.began_at.map(|at| Change { ago_ms: since(at), text: "gremlin on" });
    let went = chaos.ends_at.filter(|_| !chaos.enabled);
    let went = went.map(|at| Change { ago_ms: since(at), text: "gremlin off" });
    [came, went].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
