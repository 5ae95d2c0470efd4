//! What the tables of both databases must say when everything has come to rest.

use super::Invariant;
use crate::memory::inventory::Inventory;
use crate::memory::people::Stands;
use crate::memory::store::{Broken, Store};
use crate::memory::world::World;
use saga::State;
use saga::stored::Line;
use schema_inventory::{Command, State as Held};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// I1 to I4 and I9.
pub(in crate::memory) fn check_tables(world: &mut World) {
    check_customers(world);
    let mut broken = check_sagas(&world.store, &world.inventory);
    world.broken.append(&mut broken);
    if !is_conserved(&world.inventory) {
        world.breaks(Invariant::StockConserved, None);
    }
}

/// I4: every request that was ever sent arrives again, twice, and nothing that has ended changes; nor does it
/// after inventory has forgotten what has ended.
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
    for round in 0..4 {
        if round == 2 {
            world.inventory.forget();
        }
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

/// I2 and I4: what every saga has come to, against the stock.
pub(crate) fn check_sagas(store: &Store, inventory: &Inventory) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (&id, row) in &store.sagas {
        let state = row.saga.state;
        let is_parked = matches!(state, State::Parked { .. });
        if !state.is_final() && !is_parked {
            broken.push((Invariant::Settled, Some(id)));
        }
        if !fits(state, &store.orders[&id], row.saga.reservation_id, inventory, id) {
            broken.push((Invariant::EndMatchesStock, Some(id)));
        }
    }
    broken
}

fn fits(
    state: State,
    lines: &[Line],
    reservation_id: Uuid,
    inventory: &Inventory,
    order_id: Uuid,
) -> bool {
    let live = inventory.live(order_id);
    match state {
        State::Confirmed => {
            let mut wanted = BTreeMap::new();
            for line in lines {
                *wanted.entry(line.item_id.clone()).or_insert(0) += i64::from(line.quantity);
            }
            let held = live.first().map(|row| {
                row.lines.iter().map(|line| (line.item_id.clone(), line.quantity)).collect()
            });
            live.len() == 1 && held == Some(wanted) && inventory.holds(reservation_id)
        }
        State::Failed { .. } | State::Cancelled => live.is_empty(),
        State::Pending
        | State::Reserving { .. }
        | State::Queued { .. }
        | State::Releasing { .. }
        | State::Parked { .. } => live.len() <= 1,
    }
}

/// I3.
pub(crate) fn is_conserved(inventory: &Inventory) -> bool {
    let mut held: BTreeMap<&str, i64> = BTreeMap::new();
    let mut committed: BTreeMap<&str, i64> = BTreeMap::new();
    for row in inventory.warehouse.rows.values() {
        for line in &row.lines {
            match row.state {
                Held::Held => *held.entry(&line.item_id).or_insert(0) += line.quantity,
                Held::Committed => *committed.entry(&line.item_id).or_insert(0) += line.quantity,
                Held::Released | Held::Rejected => {}
            }
        }
    }
    inventory.warehouse.stock.iter().all(|(item, level)| {
        let of = |sums: &BTreeMap<&str, i64>| sums.get(item.as_str()).copied().unwrap_or(0);
        let supplied = inventory.supplied.get(item).copied().unwrap_or(0);
        let ledger = inventory.ledger.get(item).copied().unwrap_or(0);
        level.on_hand + of(&committed) == supplied
            && level.reserved == of(&held)
            && level.reserved == ledger
            && level.available() >= 0
            && level.reserved >= 0
    })
}
