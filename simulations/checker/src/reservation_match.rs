//! What a saga says it holds beside what inventory says it holds. Pure.

use std::collections::BTreeMap;

use saga::StateName;
use schema_inventory::consistency::HeldLine;
use schema_orders::consistency::StockClaim;
use uuid::Uuid;

/// A reservation with its lines.
#[derive(Debug, Clone)]
pub(crate) struct Reservation {
    pub(crate) id: Uuid,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) state: String,
    pub(crate) max_epoch: i64,
    pub(crate) lines: BTreeMap<String, i64>,
}

/// A fault's name and its detail.
pub(crate) type Mismatch = (&'static str, String);

impl Reservation {
    /// Rows of one reservation; `None` where there are none.
    pub(crate) fn gather(rows: impl IntoIterator<Item = HeldLine>) -> Option<Self> {
        let mut gathered: Option<Self> = None;
        for row in rows {
            let reservation = gathered.get_or_insert_with(|| Self {
                id: row.reservation_id,
                order_id: row.order_id,
                state: row.state,
                max_epoch: row.max_epoch,
                lines: BTreeMap::new(),
            });
            if let (Some(item_id), Some(quantity)) = (row.item_id, row.quantity) {
                *reservation.lines.entry(item_id).or_default() += quantity;
            }
        }
        gathered
    }

    pub(crate) fn holds_stock(&self) -> bool {
        matches!(self.state.as_str(), "held" | "committed")
    }
}

/// What does not fit between a saga and its reservation.
pub(super) fn compare(claim: &StockClaim, reservation: Option<&Reservation>) -> Vec<Mismatch> {
    let mut faults = Vec::new();
    let state = reservation.map_or("absent", |reservation| reservation.state.as_str());
    let id = claim.reservation_id;
    if let Some(reservation) = reservation {
        if reservation.order_id.is_some_and(|order_id| order_id != claim.order_id) {
            let detail = format!("reservation {id} is of order {:?}", reservation.order_id);
            faults.push(("stock-of-another-order", detail));
        }
        if reservation.max_epoch > claim.epoch {
            let (seen, newest) = (reservation.max_epoch, claim.epoch);
            let detail = format!("reservation {id} saw epoch {seen}, the newest claim is {newest}");
            faults.push(("inventory-ahead-of-claims", detail));
        }
    }
    let holds_stock = reservation.is_some_and(Reservation::holds_stock);
    match StateName::parse(&claim.state) {
        Some(StateName::Confirmed) if !holds_stock => {
            faults.push(("confirmed-without-stock", format!("reservation {id} is {state}")));
        }
        Some(StateName::Confirmed) => {
            let (asked, held) = (asked(claim), &reservation.expect("it holds stock").lines);
            if asked != *held {
                faults.push(("lines-differ", format!("asked for {asked:?}, holds {held:?}")));
            }
        }
        Some(StateName::Failed | StateName::Cancelled) if holds_stock => {
            let detail = format!("{}, but reservation {id} is {state}", claim.state);
            faults.push(("stock-held-by-ended-order", detail));
        }
        Some(StateName::Failed | StateName::Cancelled) if reservation.is_none() => {
            let detail = format!("{}, but inventory never heard of reservation {id}", claim.state);
            faults.push(("late-reserve-possible", detail));
        }
        Some(
            StateName::Failed
            | StateName::Cancelled
            | StateName::Pending
            | StateName::Reserving
            | StateName::Queued
            | StateName::Releasing
            | StateName::Parked,
        )
        | None => {}
    }
    faults
}

/// The order's lines as inventory keeps them: one per item.
fn asked(claim: &StockClaim) -> BTreeMap<String, i64> {
    let mut lines = BTreeMap::new();
    for line in &claim.lines.0 {
        *lines.entry(line.item_id.clone()).or_default() += i64::from(line.quantity);
    }
    lines
}
