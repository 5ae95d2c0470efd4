//! Lays both databases side by side, reservation by reservation, in one pass over each.
//!
//! There is no snapshot across two databases. On a live system whatever does not fit is looked at
//! again, alone, until the saga did not move meanwhile; only then it is a fault.

use std::cmp::Ordering;
use std::collections::HashSet;

use futures_util::TryStreamExt;
use futures_util::stream::{BoxStream, Peekable, StreamExt};
use schema_inventory::by_order::reservation_of;
use schema_inventory::consistency::{
    HeldLine, find_held_lines, stream_held_lines, stream_orders_with_several,
};
use schema_orders::consistency::{
    StockClaim, count_earned_reservations, find_stock_claim, stream_stock_claims,
};
use schema_orders::reconcile_actions::find_accepted;
use uuid::Uuid;

use super::connections::LookAgain;
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
    let mut pairs = SideBySide::open(connections, phase).await?;
    while let Some(misfit) = pairs.next().await? {
        for (fault, detail) in misfit.faults {
            findings.add(fault, Some(misfit.order_id), detail);
        }
    }
    counts.reservations += pairs.reservations;
    counts.accepted += pairs.accepted_met;
    Ok(())
}

/// What does not fit about one saga, or about a reservation that no saga uses.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) order_id: Uuid,
    /// The reservation as inventory has it.
    pub(crate) reservation: Option<Reservation>,
    /// The saga as the orders database has it; `None`: there is no such order.
    pub(crate) claim: Option<StockClaim>,
    pub(crate) faults: Vec<Mismatch>,
}

/// Both streams, merged by reservation id.
pub(crate) struct SideBySide<'c> {
    held: Held<'c>,
    reservation: Option<Reservation>,
    claims: BoxStream<'c, sqlx::Result<StockClaim>>,
    claim: Option<StockClaim>,
    look_again: &'c mut LookAgain,
    phase: Phase,
    /// Read so far.
    pub(crate) reservations: u64,
    /// Sagas read so far.
    pub(crate) sagas: u64,
    accepted: HashSet<(Uuid, String)>,
    /// Differences met so far that somebody has accepted.
    pub(crate) accepted_met: u64,
}

impl<'c> SideBySide<'c> {
    pub(crate) async fn open(
        connections: &'c mut Connections,
        phase: Phase,
    ) -> Result<Self, CheckError> {
        let Connections { orders, inventory, look_again } = connections;
        let accepted = find_accepted(orders).await.map_err(in_orders)?.into_iter().collect();
        let mut held = Held(stream_held_lines(inventory).peekable());
        // Its snapshot is taken here, before that of the sagas: a reservation's order is then always there.
        let reservation = held.next().await?;
        let mut claims = stream_stock_claims(orders);
        let claim = claims.try_next().await.map_err(in_orders)?;
        Ok(Self {
            held,
            reservation,
            claims,
            claim,
            look_again,
            phase,
            reservations: 0,
            sagas: 0,
            accepted,
            accepted_met: 0,
        })
    }

    /// The next that does not fit; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Misfit>, CheckError> {
        loop {
            let order = match (&self.claim, &self.reservation) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(claim), Some(reservation)) => claim.reservation_id.cmp(&reservation.id),
            };
            let claim = if order == Ordering::Greater { None } else { self.take_claim().await? };
            let reservation =
                if order == Ordering::Less { None } else { self.take_reservation().await? };
            let misfit = match (claim, reservation) {
                (Some(claim), reservation) => self.compare(&claim, reservation).await?,
                (None, Some(stray)) if stray.holds_stock() => {
                    self.look_again.explain_stray(stray).await?
                }
                (None, _) => None,
            };
            if let Some(misfit) = misfit.and_then(|misfit| self.without_accepted(misfit)) {
                return Ok(Some(misfit));
            }
        }
    }

    /// What of it nobody has accepted.
    fn without_accepted(&mut self, mut misfit: Misfit) -> Option<Misfit> {
        let id = misfit.reservation_id()?;
        let all = misfit.faults.len();
        misfit.faults.retain(|(fault, _)| !self.accepted.contains(&(id, (*fault).to_owned())));
        self.accepted_met += (all - misfit.faults.len()) as u64;
        (!misfit.faults.is_empty()).then_some(misfit)
    }

    async fn take_claim(&mut self) -> Result<Option<StockClaim>, CheckError> {
        self.sagas += 1;
        let next = self.claims.try_next().await.map_err(in_orders)?;
        Ok(std::mem::replace(&mut self.claim, next))
    }

    async fn take_reservation(&mut self) -> Result<Option<Reservation>, CheckError> {
        self.reservations += 1;
        let next = self.held.next().await?;
        Ok(std::mem::replace(&mut self.reservation, next))
    }

    async fn compare(
        &mut self,
        claim: &StockClaim,
        reservation: Option<Reservation>,
    ) -> Result<Option<Misfit>, CheckError> {
        let faults = compare(claim, reservation.as_ref());
        if faults.is_empty() {
            return Ok(None);
        }
        if reservation.is_none() && self.look_again.may_be_forgotten(claim.reservation_id).await? {
            return Ok(None);
        }
        if self.phase == Phase::Live {
            return self.look_again.settled_misfit(claim.order_id).await;
        }
        Ok(Misfit::of(claim, reservation, faults))
    }
}

impl Misfit {
    fn of(
        claim: &StockClaim,
        reservation: Option<Reservation>,
        faults: Vec<Mismatch>,
    ) -> Option<Self> {
        let (order_id, claim) = (claim.order_id, Some(claim.clone()));
        (!faults.is_empty()).then_some(Self { order_id, reservation, claim, faults })
    }

    /// The reservation it is about, whether inventory has it or only the saga names it.
    pub(crate) fn reservation_id(&self) -> Option<Uuid> {
        let held = self.reservation.as_ref().map(|reservation| reservation.id);
        held.or(self.claim.as_ref().map(|claim| claim.reservation_id))
    }

    /// The saga's state; `None`: there is no such order.
    pub(crate) fn order_state(&self) -> Option<&str> {
        self.claim.as_ref().map(|claim| claim.state.as_str())
    }
}

/// I7: an order's reservation ids are its first one, and one for each definitive no that was retried.
async fn check_earned(
    connections: &mut Connections,
    findings: &mut Findings,
) -> Result<(), CheckError> {
    let Connections { orders, inventory, look_again } = connections;
    let mut several = stream_orders_with_several(inventory);
    while let Some(order) = several.try_next().await.map_err(in_inventory)? {
        let earned = count_earned_reservations(orders, order.order_id).await;
        let earned = earned.map_err(in_orders)?;
        if order.reservations > earned && !look_again.is_order_forgotten(order.order_id).await? {
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

impl LookAgain {
    /// What does not fit about one saga, seen while it stood still.
    async fn settled_misfit(&mut self, order_id: Uuid) -> Result<Option<Misfit>, CheckError> {
        for _ in 0..LOOKS_MAX {
            let Some(before) = self.claim(order_id).await? else { return Ok(None) };
            let lines = find_held_lines(&mut self.inventory, before.reservation_id).await;
            let reservation = Reservation::gather(lines.map_err(in_inventory)?);
            let after = self.claim(order_id).await?;
            if reservation.is_none() && self.may_be_forgotten(before.reservation_id).await? {
                return Ok(None);
            }
            if after.is_some_and(|after| after.version == before.version) {
                let faults = compare(&before, reservation.as_ref());
                return Ok(Misfit::of(&before, reservation, faults));
            }
        }
        Ok(None)
    }

    /// Stock is held under an id that no saga uses. Where no saga has the order either, it may be one
    /// that calls of the reference API have made.
    async fn explain_stray(&mut self, stray: Reservation) -> Result<Option<Misfit>, CheckError> {
        let order_id = stray.order_id.unwrap_or_default();
        let Reservation { id, ref state, .. } = stray;
        let claim = self.claim(order_id).await?;
        let fault = match &claim {
            Some(claim) => {
                let (uses, in_state) = (claim.reservation_id, &claim.state);
                let detail = format!("{state} under {id}; its {in_state} saga uses {uses}");
                ("stock-held-twice", detail)
            }
            None if id == reservation_of(order_id) => return Ok(None),
            // Stock outlives the order it was taken for: it is there until it is shipped.
            None if self.is_below_orders(order_id).await? => return Ok(None),
            None => ("stock-held-for-nobody", format!("{state} under {id}")),
        };
        let (reservation, faults) = (Some(stray), vec![fault]);
        Ok(Some(Misfit { order_id, reservation, claim, faults }))
    }

    /// Whether an order that is not there is one that retention has removed.
    async fn is_order_forgotten(&mut self, order_id: Uuid) -> Result<bool, CheckError> {
        Ok(self.is_below_orders(order_id).await? && self.claim(order_id).await?.is_none())
    }

    async fn is_below_orders(&mut self, order_id: Uuid) -> Result<bool, CheckError> {
        if order_id >= self.orders_removed_below {
            let below = schema_orders::retention::find_removed_below(&mut self.orders).await;
            self.orders_removed_below = below.map_err(in_orders)?;
        }
        Ok(order_id < self.orders_removed_below)
    }

    /// Whether a reservation that is not there may be one that retention has removed.
    async fn may_be_forgotten(&mut self, reservation_id: Uuid) -> Result<bool, CheckError> {
        if reservation_id >= self.reservations_removed_below {
            let below = schema_inventory::retention::find_removed_below(&mut self.inventory).await;
            self.reservations_removed_below = below.map_err(in_inventory)?;
        }
        Ok(reservation_id < self.reservations_removed_below)
    }

    async fn claim(&mut self, order_id: Uuid) -> Result<Option<StockClaim>, CheckError> {
        find_stock_claim(&mut self.orders, order_id).await.map_err(in_orders)
    }
}
