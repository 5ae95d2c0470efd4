//! Lays both databases side by side, reservation by reservation, in one pass over each.
//!
//! There is no snapshot across two databases. On a live system whatever does not fit is looked at
//! again, alone, until the saga did not move meanwhile; only then it is a fault.

use std::cmp::Ordering;

use futures_util::TryStreamExt;
use futures_util::stream::{BoxStream, Peekable, StreamExt};
use schema_inventory::audit::{
    HeldLine, find_held_lines, stream_held_lines, stream_orders_with_several,
};
use schema_orders::audit::{
    StockClaim, count_earned_reservations, find_stock_claim, stream_stock_claims,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::report::{Counts, Findings};
use super::reservation_match::{Mismatch, Reservation, compare};
use super::{CheckError, Connections, Phase, in_inventory, in_orders};

/// Looks at a saga that keeps moving before it is let go: moving is no fault.
const LOOKS_MAX: usize = 10;

pub(super) async fn check(
    connections: &mut Connections,
    phase: Phase,
    counts: &mut Counts,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    check_earned(connections, findings).await?;
    let Connections { orders, inventory, look_again } = connections;
    let mut held = Held(stream_held_lines(inventory).peekable());
    // Its snapshot is taken here, before that of the sagas: a reservation's order is then always there.
    let mut reservation = held.next().await?;
    let mut claims = stream_stock_claims(orders);
    let mut claim = claims.try_next().await.map_err(in_orders)?;
    loop {
        let order = match (&claim, &reservation) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(claim), Some(reservation)) => claim.reservation_id.cmp(&reservation.id),
        };
        let of_claim = (order != Ordering::Greater).then(|| claim.take()).flatten();
        let of_reservation = (order != Ordering::Less).then(|| reservation.take()).flatten();
        if of_reservation.is_some() {
            counts.reservations += 1;
            reservation = held.next().await?;
        }
        match (of_claim, of_reservation) {
            (Some(here), matching) => {
                let mut faults = compare(&here, matching.as_ref());
                if !faults.is_empty() && phase == Phase::Live {
                    faults = look_again.settled_faults(here.order_id).await?;
                }
                add(here.order_id, faults, findings);
                claim = claims.try_next().await.map_err(in_orders)?;
            }
            (None, Some(stray)) if stray.holds_stock() => {
                let owner = stray.order_id.unwrap_or_default();
                let fault = look_again.explain_stray(&stray, owner).await?;
                add(owner, vec![fault], findings);
            }
            (None, _) => {}
        }
    }
}

fn add(order_id: Uuid, faults: Vec<Mismatch>, findings: &mut Findings) {
    for (fault, detail) in faults {
        findings.add(fault, Some(order_id), detail);
    }
}

/// I7: an order's reservation ids are its first one, and one for each definitive no that was retried.
async fn check_earned(
    connections: &mut Connections,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let mut several = stream_orders_with_several(&mut connections.inventory);
    while let Some(order) = several.try_next().await.map_err(in_inventory)? {
        let earned = count_earned_reservations(&mut connections.orders, order.order_id).await;
        let earned = earned.map_err(in_orders)?;
        if order.reservations > earned {
            let detail = format!("{} reservation ids, {earned} earned", order.reservations);
            findings.add("reservation-id-not-earned", Some(order.order_id), detail);
        }
    }
    Ok(())
}

/// The stream of lines, read as reservations.
struct Held<'c>(Peekable<BoxStream<'c, sqlx::Result<HeldLine>>>);

impl Held<'_> {
    async fn next(&mut self) -> Result<Option<Reservation>, CheckError> {
        let Some(first) = self.0.next().await.transpose().map_err(in_inventory)? else {
            return Ok(None);
        };
        let id = first.reservation_id;
        let mut rows = vec![first];
        let mut stream = std::pin::Pin::new(&mut self.0);
        // An error is left in the stream: the next call meets it.
        while let Some(row) = stream
            .as_mut()
            .next_if(|row| row.as_ref().is_ok_and(|row| row.reservation_id == id))
            .await
        {
            rows.push(row.map_err(in_inventory)?);
        }
        Ok(Reservation::gather(rows))
    }
}

/// Connections for single looks while the others stream.
pub(super) struct LookAgain {
    pub(super) orders: PgConnection,
    pub(super) inventory: PgConnection,
}

impl LookAgain {
    /// The faults of one saga, seen while it stood still.
    async fn settled_faults(&mut self, order_id: Uuid) -> Result<Vec<Mismatch>, CheckError> {
        for _ in 0..LOOKS_MAX {
            let Some(before) = self.claim(order_id).await? else { return Ok(vec![]) };
            let lines = find_held_lines(&mut self.inventory, before.reservation_id).await;
            let reservation = Reservation::gather(lines.map_err(in_inventory)?);
            let after = self.claim(order_id).await?;
            if after.is_some_and(|after| after.version == before.version) {
                return Ok(compare(&before, reservation.as_ref()));
            }
        }
        Ok(vec![])
    }

    /// Stock is held under an id that no saga uses.
    async fn explain_stray(
        &mut self,
        stray: &Reservation,
        owner: Uuid,
    ) -> Result<Mismatch, CheckError> {
        let Reservation { id, state, .. } = stray;
        Ok(match self.claim(owner).await? {
            Some(claim) => {
                let (uses, in_state) = (claim.reservation_id, claim.state);
                let detail = format!("{state} under {id}; its {in_state} saga uses {uses}");
                ("stock-held-twice", detail)
            }
            None => ("stock-held-for-nobody", format!("{state} under {id}")),
        })
    }

    async fn claim(&mut self, order_id: Uuid) -> Result<Option<StockClaim>, CheckError> {
        find_stock_claim(&mut self.orders, order_id).await.map_err(in_orders)
    }
}
