//! Every failpoint by its name: the one list.

use super::{Moment, Site};

/// Kinds of sites, by the moments they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Before, within, after.
    Transaction,
    /// Before and after: it commits by itself.
    Statement,
    /// Before it is sent, after its answer.
    Call,
}

/// Site, its name, its shape. What stands before the dot is the process that has it.
const SITES: [(Site, &str, Shape); 20] = [
    (Site::InsertOrders, "order-api.insert-orders", Shape::Statement),
    (Site::CancelOrder, "order-api.cancel-order", Shape::Transaction),
    (Site::ActOnSaga, "order-api.act-on-saga", Shape::Transaction),
    (Site::BeginBulk, "order-api.begin-bulk", Shape::Transaction),
    (Site::WorkBulkItem, "order-api.work-bulk-item", Shape::Transaction),
    (Site::SkipBulkItem, "order-api.skip-bulk-item", Shape::Transaction),
    (Site::OverrideBreaker, "order-api.override-breaker", Shape::Transaction),
    (Site::JoinRelays, "relay.join-relays", Shape::Transaction),
    (Site::BeatRelay, "relay.beat-relay", Shape::Statement),
    (Site::ClaimSagas, "relay.claim-sagas", Shape::Transaction),
    (Site::RecordOutcomes, "relay.record-outcomes", Shape::Statement),
    (Site::HandOver, "relay.hand-over", Shape::Transaction),
    (Site::LeaveRelays, "relay.leave-relays", Shape::Statement),
    (Site::RemoveSilent, "relay.remove-silent", Shape::Statement),
    (Site::CallReserve, "relay.call-reserve", Shape::Call),
    (Site::CallReserveBatch, "relay.call-reserve-batch", Shape::Call),
    (Site::CallRelease, "relay.call-release", Shape::Call),
    (Site::ApplyCommands, "inventory-api.apply-commands", Shape::Transaction),
    (Site::UpdateStock, "inventory-api.update-stock", Shape::Transaction),
    (Site::SwitchGremlin, "inventory-api.switch-gremlin", Shape::Transaction),
];

/// A site at one of its moments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Point {
    pub site: Site,
    pub moment: Moment,
}

impl Point {
    /// As it is written in the variable: `relay.claim-sagas.within`.
    pub fn name(self) -> String {
        let (_, name, _) = entry(self.site);
        let moment = match self.moment {
            Moment::Before => "before",
            Moment::Within => "within",
            Moment::After => "after",
        };
        format!("{name}.{moment}")
    }

    /// The process that has it: `order-api`, `relay`, `inventory-api`.
    pub fn process(self) -> &'static str {
        let (_, name, _) = entry(self.site);
        name.split_once('.').expect("a process stands before the dot").0
    }

    /// How often one process can come by in its life: what it does while it stops, it does once.
    pub fn hits_max(self) -> u32 {
        if matches!(self.site, Site::HandOver | Site::LeaveRelays) { 1 } else { u32::MAX }
    }

    pub(super) fn named(name: &str) -> Option<Point> {
        points().find(|point| point.name() == name)
    }
}

pub fn points() -> impl Iterator<Item = Point> {
    SITES.iter().flat_map(|(site, _, shape)| {
        let moments: &[Moment] = match shape {
            Shape::Transaction => &[Moment::Before, Moment::Within, Moment::After],
            Shape::Statement | Shape::Call => &[Moment::Before, Moment::After],
        };
        moments.iter().map(|moment| Point { site: *site, moment: *moment })
    })
}

fn entry(site: Site) -> &'static (Site, &'static str, Shape) {
    SITES.iter().find(|(known, ..)| *known == site).expect("every site is in the list")
}
