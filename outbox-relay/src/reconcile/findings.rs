//! Orders that did not fit, as long as they do not fit. Pure.
//!
//! A saga may move between the two questions, so the first look proves nothing: drift is what was seen
//! twice at the same version.

use std::collections::HashMap;

use uuid::Uuid;

use super::compare::Kind;

/// More is not remembered; the gauge stands still there.
const FINDINGS_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Findings {
    by_order: HashMap<Uuid, Finding>,
    /// Counts looks, so that the longest unseen comes first.
    looks: u64,
}

#[derive(Debug)]
struct Finding {
    kind: Kind,
    version: i32,
    is_confirmed: bool,
    looked: u64,
}

impl Findings {
    /// Remembers what was seen. True: for the second time, and only then.
    pub(super) fn note(&mut self, order_id: Uuid, version: i32, kind: Kind) -> bool {
        self.looks += 1;
        let looked = self.looks;
        let is_full = self.by_order.len() >= FINDINGS_MAX;
        if let Some(finding) = self.by_order.get_mut(&order_id) {
            let is_same = (finding.version, finding.kind) == (version, kind);
            let is_news = is_same && !finding.is_confirmed;
            *finding = Finding { kind, version, is_confirmed: is_same, looked };
            return is_news;
        }
        if !is_full {
            self.by_order.insert(order_id, Finding { kind, version, is_confirmed: false, looked });
        }
        false
    }

    /// It fits.
    pub(super) fn forget(&mut self, order_id: Uuid) {
        self.by_order.remove(&order_id);
    }

    /// Whom to look at again: those that were looked at the longest time ago.
    pub(super) fn next_suspects(&self, orders_max: usize) -> Vec<Uuid> {
        let mut all: Vec<(u64, Uuid)> =
            self.by_order.iter().map(|(id, finding)| (finding.looked, *id)).collect();
        all.sort_unstable();
        all.into_iter().take(orders_max.max(1)).map(|(_, id)| id).collect()
    }

    /// What was seen twice, by kind.
    pub(super) fn counts(&self) -> [(&'static str, usize); 4] {
        Kind::ALL.map(|kind| {
            let confirmed = self.by_order.values().filter(|finding| finding.is_confirmed);
            (kind.name(), confirmed.filter(|finding| finding.kind == kind).count())
        })
    }
}

#[cfg(test)]
mod tests;
