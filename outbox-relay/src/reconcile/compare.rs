//! What an order that has ended says of its stock, beside what inventory says. Pure.

use std::collections::BTreeMap;

use relay_core::answer::Reservation;
use saga::StateName;
use schema_orders::reconcile_candidates::PlacedOrder;

/// How they differ: four of the kinds that `valerix reconcile` knows, in its words. The others cannot be
/// seen from an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Confirmed, and nothing is held.
    ConfirmedWithoutStock,
    /// Failed or cancelled, and stock is held.
    StockHeldByEndedOrder,
    /// Confirmed, and other lines are held than were ordered.
    LinesDiffer,
    /// The reservation belongs to another order.
    StockOfAnotherOrder,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [
        Kind::ConfirmedWithoutStock,
        Kind::StockHeldByEndedOrder,
        Kind::LinesDiffer,
        Kind::StockOfAnotherOrder,
    ];

    /// The label in metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::ConfirmedWithoutStock => "confirmed-without-stock",
            Kind::StockHeldByEndedOrder => "stock-held-by-ended-order",
            Kind::LinesDiffer => "lines-differ",
            Kind::StockOfAnotherOrder => "stock-of-another-order",
        }
    }
}

/// Whether what a saga in this state says of the stock stays true.
pub(super) fn is_final(state: &str) -> bool {
    StateName::parse(state).is_some_and(StateName::is_final)
}

/// What does not fit; `found` is the reservation as inventory has it.
pub(super) fn compare(order: &PlacedOrder, found: Option<&Reservation>) -> Option<Kind> {
    let is_confirmed = StateName::parse(&order.state) == Some(StateName::Confirmed);
    let holding = found.filter(|found| matches!(found.state.as_str(), "held" | "committed"));
    if found.and_then(|found| found.order_id).is_some_and(|owner| owner != order.order_id) {
        return Some(Kind::StockOfAnotherOrder);
    }
    match holding {
        None => is_confirmed.then_some(Kind::ConfirmedWithoutStock),
        Some(_) if !is_confirmed => Some(Kind::StockHeldByEndedOrder),
        Some(found) => {
            let ordered = by_item(&order.lines.0);
            (by_item(&found.lines) != ordered).then_some(Kind::LinesDiffer)
        }
    }
}

/// One number for each item, as inventory keeps them.
fn by_item(lines: &[saga::stored::Line]) -> BTreeMap<&str, u64> {
    let mut items = BTreeMap::new();
    for line in lines {
        *items.entry(line.item_id.as_str()).or_default() += u64::from(line.quantity);
    }
    items
}

#[cfg(test)]
mod tests;
