//! Inventory in memory: the product's own `decide` over its own `Warehouse`. Each execution is one
//! transaction. Around it stands only what planted flaws need, and a witness of the epochs.

use super::invariants::Invariant;
use super::known_bad::KnownBad;
use super::store::Broken;
use schema_inventory::decide::{Row, Warehouse, decide};
use schema_inventory::{Answer, Command, Line, Rejection, State};
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    pub(crate) warehouse: Warehouse,
    /// Whose each reservation is.
    pub(crate) owners: BTreeMap<Uuid, Uuid>,
    /// What was there at first and what came in, by item.
    pub(crate) supplied: BTreeMap<String, i64>,
    /// What the ledger sums up to, by item: promised.
    pub(crate) ledger: BTreeMap<String, i64>,
    newest: BTreeMap<Uuid, i64>,
    pub(crate) known_bad: Option<KnownBad>,
    pub(crate) broken: Vec<Broken>,
}

/// The name of an item.
pub(crate) fn item(index: usize) -> String {
    format!("item-{index}")
}

impl Inventory {
    pub(crate) fn open(stock: &[i64], known_bad: Option<KnownBad>) -> Inventory {
        let mut inventory = Inventory { known_bad, ..Inventory::default() };
        for (index, &units) in stock.iter().enumerate() {
            inventory.supply(index, units);
        }
        inventory
    }

    pub(crate) fn supply(&mut self, index: usize, units: i64) {
        let level = self.warehouse.stock.entry(item(index)).or_default();
        level.on_hand += units;
        *self.supplied.entry(item(index)).or_insert(0) += units;
    }

    /// One transaction. `order_ids` says whose each command is.
    pub(crate) fn execute(&mut self, commands: &[Command], order_ids: &[Uuid]) -> Vec<Answer> {
        for (command, &order_id) in commands.iter().zip(order_ids) {
            self.owners.insert(command.reservation_id(), order_id);
        }
        commands.iter().map(|command| self.execute_one(command)).collect()
    }

    /// Whether this reservation holds stock.
    pub(crate) fn holds(&self, reservation_id: Uuid) -> bool {
        self.row(reservation_id)
            .is_some_and(|row| matches!(row.state, State::Held | State::Committed))
    }

    pub(crate) fn row(&self, reservation_id: Uuid) -> Option<&Row> {
        self.warehouse.rows.get(&reservation_id)
    }

    /// An order's reservations that hold stock.
    pub(crate) fn live(&self, order_id: Uuid) -> Vec<&Row> {
        let ours = self.owners.iter().filter(|&(_, &owner)| owner == order_id);
        ours.filter(|&(&id, _)| self.holds(id)).filter_map(|(&id, _)| self.row(id)).collect()
    }

    /// Retention, as if everything were old: what has ended goes, what is held stays.
    pub(crate) fn forget(&mut self) {
        let newest = self.warehouse.rows.keys().max().copied().unwrap_or_default();
        self.warehouse.rows.retain(|_, row| row.state == State::Held);
        if self.known_bad != Some(KnownBad::TombstonesForgotten) {
            self.warehouse.removed_below = Uuid::from_u128(newest.as_u128() + 1);
        }
    }

    fn execute_one(&mut self, command: &Command) -> Answer {
        let id = command.reservation_id();
        let before = self.row(id).cloned();
        if let Some(answer) = self.flaw_before(command, before.as_ref()) {
            return answer;
        }
        let mut decision = decide(std::slice::from_ref(command), &mut self.warehouse);
        for movement in &decision.movements {
            *self.ledger.entry(movement.item_id.clone()).or_insert(0) += movement.reserved_delta;
        }
        let answer = decision.answers.pop().expect("one command, one answer");
        self.flaw_after(command, before.as_ref(), &answer);
        self.witness(command, before.as_ref(), &answer);
        answer
    }

    /// I5: who speaks with an older epoch is told so, and changes nothing.
    fn witness(&mut self, command: &Command, before: Option<&Row>, answer: &Answer) {
        let (id, Some(epoch)) = (command.reservation_id(), command.epoch()) else { return };
        let state = |row: Option<&Row>| row.map(|row| row.state);
        let newest = self.newest.entry(id).or_insert(epoch);
        let is_told = matches!(answer, Answer::StaleEpoch { .. });
        let changes = state(before) != state(self.warehouse.rows.get(&id));
        if epoch < *newest && (changes || !is_told) {
            self.broken.push((Invariant::NoWriteByOldEpoch, self.owners.get(&id).copied()));
        }
        *newest = epoch.max(*newest);
    }

    fn flaw_before(&mut self, command: &Command, before: Option<&Row>) -> Option<Answer> {
        let (id, row) = (command.reservation_id(), before?);
        let reserves = matches!(command, Command::Reserve(_));
        match (self.known_bad?, row.state) {
            (KnownBad::ReserveWithoutKey, State::Held) if reserves => {
                self.warehouse.rows.remove(&id);
            }
            (KnownBad::TombstoneRemovedOnContact, State::Released) if reserves => {
                self.warehouse.rows.remove(&id);
                return Some(Answer::Tombstoned);
            }
            (KnownBad::NoFenceInInventory, _) => {
                self.warehouse.rows.get_mut(&id)?.max_epoch = 0;
            }
            (KnownBad::ReleaseGivesBackTwice, State::Released) if !reserves => {
                self.shift(&row.lines, -1);
            }
            _ => {}
        }
        None
    }

    fn flaw_after(&mut self, command: &Command, before: Option<&Row>, answer: &Answer) {
        let id = command.reservation_id();
        let releases = matches!(command, Command::Release { .. });
        match self.known_bad {
            Some(KnownBad::RejectionNotStored) if matches!(answer, Answer::Rejected(_)) => {
                self.warehouse.rows.remove(&id);
            }
            Some(KnownBad::ReleaseWithoutTombstone) if releases && before.is_none() => {
                self.warehouse.rows.remove(&id);
            }
            Some(KnownBad::TakesWhatIsThere) => self.take_what_is_there(command, before, answer),
            _ => {}
        }
    }

    fn take_what_is_there(&mut self, command: &Command, before: Option<&Row>, answer: &Answer) {
        let Answer::Rejected(Rejection::InsufficientStock { items }) = answer else { return };
        let (Command::Reserve(reserve), None) = (command, before) else { return };
        let missing = |line: &&Line| items.iter().all(|short| short.item_id != line.item_id);
        let there: Vec<Line> = reserve.lines.iter().filter(missing).cloned().collect();
        self.shift(&there, 1);
    }

    fn shift(&mut self, lines: &[Line], sign: i64) {
        for line in lines {
            if let Some(level) = self.warehouse.stock.get_mut(&line.item_id) {
                level.reserved += sign * line.quantity;
            }
        }
    }
}
