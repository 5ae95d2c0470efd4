//! What the tables of both databases must say when everything has come to rest.

use super::Invariant;
use crate::memory::customer::Stands;
use crate::memory::world::World;
use saga::State;
use schema_inventory::{Command, State as Held};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// I1 to I4 and I9.
pub(in crate::memory) fn check_tables(world: &mut World) {
    check_customers(world);
    check_sagas(world);
    check_stock(world);
}

/// I4: every request that was ever sent arrives again, twice, and nothing that has ended changes.
pub(in crate::memory) fn check_late_reserves(world: &mut World) {
    let ended: Vec<Uuid> = world
        .store
        .sagas
        .iter()
        .filter(|(_, row)| row.saga.state.is_final())
        .map(|(&id, _)| id)
        .collect();
    let live = |world: &World| -> Vec<usize> {
        ended.iter().map(|&id| world.inventory.live(id).len()).collect()
    };
    let before = live(world);
    let entries: Vec<(Command, Uuid)> = world
        .requests
        .iter()
        .flat_map(|request| &request.entries)
        .filter(|entry| matches!(entry.command, Command::Reserve(_)))
        .map(|entry| (entry.command.clone(), entry.order_id))
        .collect();
    for _ in 0..2 {
        for (command, order_id) in &entries {
            world.inventory.execute(std::slice::from_ref(command), &[*order_id]);
        }
    }
    for (nth, (before, after)) in before.into_iter().zip(live(world)).enumerate() {
        if before != after {
            world.breaks(Invariant::LateReserveChangesNothing, Some(ended[nth]));
        }
    }
}

fn check_customers(world: &mut World) {
    let mut by_request: BTreeMap<(u16, u64), BTreeSet<Uuid>> = BTreeMap::new();
    for index in 0..world.customers.len() {
        let customer = world.customers[index].clone();
        if let Stands::Acknowledged(id) = customer.stands {
            by_request.entry((customer.key, customer.fingerprint)).or_default().insert(id);
            let Some(row) = world.store.sagas.get(&id).copied() else {
                world.breaks(Invariant::AcknowledgedExists, Some(id));
                continue;
            };
            if customer.is_cancelled && row.saga.state == State::Confirmed {
                world.breaks(Invariant::AcceptedCancelHolds, Some(id));
            }
        }
    }
    if by_request.values().any(|ids| ids.len() > 1) {
        world.breaks(Invariant::SameKeySameOrder, None);
    }
    if world.store.orders.len() > world.store.keys.len() {
        world.breaks(Invariant::OneOrderPerKey, None);
    }
}

fn check_sagas(world: &mut World) {
    let sagas: Vec<(Uuid, State, Uuid)> = world
        .store
        .sagas
        .iter()
        .map(|(&id, row)| (id, row.saga.state, row.saga.reservation_id))
        .collect();
    for (id, state, reservation_id) in sagas {
        let is_parked = matches!(state, State::Parked { .. });
        if !state.is_final() && !is_parked {
            world.breaks(Invariant::Settled, Some(id));
        }
        let wanted = world.store.orders[&id].clone();
        let wanted = wanted.iter().fold(BTreeMap::new(), |mut sum, line| {
            *sum.entry(line.item_id.clone()).or_insert(0) += i64::from(line.quantity);
            sum
        });
        let live = world.inventory.live(id);
        let fits = match state {
            State::Confirmed => {
                let held = live.first().map(|row| {
                    row.lines.iter().map(|line| (line.item_id.clone(), line.quantity)).collect()
                });
                live.len() == 1 && held == Some(wanted) && world.inventory.holds(reservation_id)
            }
            State::Failed { .. } | State::Cancelled => live.is_empty(),
            State::Pending
            | State::Reserving { .. }
            | State::Queued { .. }
            | State::Releasing { .. }
            | State::Parked { .. } => live.len() <= 1,
        };
        if !fits {
            world.breaks(Invariant::EndMatchesStock, Some(id));
        }
    }
}

fn check_stock(world: &mut World) {
    let mut held: BTreeMap<&str, i64> = BTreeMap::new();
    let mut committed: BTreeMap<&str, i64> = BTreeMap::new();
    for row in world.inventory.warehouse.rows.values() {
        for line in &row.lines {
            match row.state {
                Held::Held => *held.entry(&line.item_id).or_insert(0) += line.quantity,
                Held::Committed => *committed.entry(&line.item_id).or_insert(0) += line.quantity,
                Held::Released | Held::Rejected => {}
            }
        }
    }
    let inventory = &world.inventory;
    let conserved = inventory.warehouse.stock.iter().all(|(item, level)| {
        let of = |sums: &BTreeMap<&str, i64>| sums.get(item.as_str()).copied().unwrap_or(0);
        let supplied = inventory.supplied.get(item).copied().unwrap_or(0);
        let ledger = inventory.ledger.get(item).copied().unwrap_or(0);
        level.on_hand + of(&committed) == supplied
            && level.reserved == of(&held)
            && level.reserved == ledger
            && level.available() >= 0
            && level.reserved >= 0
    });
    if !conserved {
        world.breaks(Invariant::StockConserved, None);
    }
}
