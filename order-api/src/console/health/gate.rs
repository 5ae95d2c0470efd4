//! One relay's breaker and retries, as the relay tells them.

use serde_json::Value;

use super::super::when::length;
use super::super::words::{self, Mark};
use crate::staff::breakers::OfRelay;

pub(super) struct GateRow {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) window: String,
    pub(super) next_try: String,
    pub(super) retries: String,
}

impl GateRow {
    pub(super) fn of(relay: &OfRelay) -> GateRow {
        let gate = relay.gate.as_ref().unwrap_or(&Value::Null);
        let breaker = &gate["breaker"];
        let next_try = breaker["next_try_in_ms"].as_i64().filter(|_| breaker["state"] == "open");
        GateRow {
            name: relay.name.clone(),
            mark: words::of_breaker(relay.state()),
            window: counts(&breaker["counts"]),
            next_try: next_try
                .map_or_else(|| "–".to_owned(), |ms| format!("in {}", length(ms + 999))),
            retries: gate["retries_ready"]
                .as_u64()
                .map_or_else(|| "–".to_owned(), |n| n.to_string()),
        }
    }
}

/// Whatever the relay counts in its window, by its own names.
fn counts(counts: &Value) -> String {
    let Some(counts) = counts.as_object() else { return "–".to_owned() };
    let told = counts.iter().filter_map(|(name, value)| {
        Some(format!("{} {}", value.as_u64()?, name.replace('_', " ")))
    });
    told.collect::<Vec<_>>().join(", ")
}
