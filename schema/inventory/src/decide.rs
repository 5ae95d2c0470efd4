//! Decides a batch of commands: pure, in memory, in the order they came.
//!
//! The caller has inserted the rows of new reservations, locked those that existed, and locked the
//! stock. Here the batch is played through one command after the other; what comes out is each
//! one's answer and the rows to write. Deciding a batch gives the same answers as deciding its
//! commands one at a time (tested): batching is never visible.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use crate::command::{Answer, Command, Line, Rejection, Reserve, Shortage, State};

/// A reservation row as it is, or as the batch has just inserted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub state: State,
    /// The newest epoch that spoke.
    pub max_epoch: i64,
    /// `None` on a tombstone that no reserve ever reached.
    pub fingerprint: Option<[u8; 32]>,
    /// Why it was rejected.
    pub rejection: Option<Rejection>,
    /// What it took. Existing rows: needed where the batch releases or commits them.
    pub lines: Vec<Line>,
}

/// One item's stock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// In the warehouse.
    pub on_hand: i64,
    /// Promised.
    pub reserved: i64,
}

impl Level {
    /// What can still be promised.
    pub fn available(self) -> i64 {
        self.on_hand - self.reserved
    }
}

/// What a movement of stock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Promised.
    Reserve,
    /// Given back.
    Release,
    Commit,
}

impl Kind {
    /// As the ledger says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Release => "release",
            Self::Commit => "commit",
        }
    }
}

/// One row for the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub kind: Kind,
    pub reservation_id: Uuid,
    pub item_id: String,
    /// By how much the warehouse changes.
    pub on_hand_delta: i64,
    /// By how much the promise changes.
    pub reserved_delta: i64,
}

/// Everything the batch may look at and change.
#[derive(Clone, Debug, Default)]
pub struct Warehouse {
    /// By reservation id: those that existed.
    pub rows: HashMap<Uuid, Row>,
    /// By item id: every item that a reserve, release or commit of the batch may touch.
    pub stock: BTreeMap<String, Level>,
    /// Reservations with an id below may have been removed (see `retention`).
    pub removed_below: Uuid,
}

impl Warehouse {
    /// Whether a reservation that is not known may be one whose end has been forgotten.
    fn may_have_forgotten(&self, id: Uuid) -> bool {
        id < self.removed_below && id.get_version_num() == 7
    }
}

/// What a batch comes to.
#[derive(Debug, Default)]
pub struct Decision {
    /// One per command, in the same order.
    pub answers: Vec<Answer>,
    /// Rows for the ledger, in the order they happened.
    pub movements: Vec<Movement>,
}

/// Plays the commands through. `warehouse` is afterwards as the database has to become.
pub fn decide(commands: &[Command], warehouse: &mut Warehouse) -> Decision {
    let mut decision = Decision::default();
    for command in commands {
        let answer = decide_one(command, warehouse, &mut decision.movements);
        decision.answers.push(answer);
    }
    decision
}

fn decide_one(
    command: &Command,
    warehouse: &mut Warehouse,
    movements: &mut Vec<Movement>,
) -> Answer {
    let id = command.reservation_id();
    let Some(row) = warehouse.rows.get_mut(&id) else {
        return decide_first(command, warehouse, movements);
    };
    if let Some(epoch) = command.epoch() {
        if epoch < row.max_epoch {
            return Answer::StaleEpoch { newest: row.max_epoch };
        }
        row.max_epoch = epoch;
    }
    match (command, row.state) {
        (Command::Reserve(_) | Command::Commit { .. }, State::Released) => Answer::Tombstoned,
        (Command::Reserve(reserve), _) if row.fingerprint != Some(reserve.fingerprint) => {
            Answer::Mismatch
        }
        (Command::Reserve(_) | Command::Commit { .. }, State::Rejected) => {
            Answer::Rejected(row.rejection.clone().expect("rejected rows say why"))
        }
        (Command::Reserve(_), state) => Answer::Done(state),
        (Command::Commit { .. }, State::Held) => {
            row.state = State::Committed;
            move_stock(Kind::Commit, id, &row.lines, &mut warehouse.stock, movements);
            Answer::Done(State::Committed)
        }
        (Command::Commit { .. }, State::Committed) => Answer::Done(State::Committed),
        (Command::Release { .. }, State::Held) => {
            row.state = State::Released;
            move_stock(Kind::Release, id, &row.lines, &mut warehouse.stock, movements);
            Answer::Done(State::Released)
        }
        (Command::Release { .. }, State::Rejected | State::Released) => {
            row.state = State::Released;
            Answer::Done(State::Released)
        }
        (Command::Release { .. }, State::Committed) => Answer::AlreadyCommitted,
    }
}

/// The first word about a reservation makes its row, except a commit, which has nothing to commit.
fn decide_first(
    command: &Command,
    warehouse: &mut Warehouse,
    movements: &mut Vec<Movement>,
) -> Answer {
    let (row, answer) = match command {
        Command::Commit { .. } => return Answer::Unknown,
        Command::Release { .. } => (tombstone(command), Answer::Done(State::Released)),
        // It may have been released, rejected or shipped, so long ago that nobody knows: nothing is taken again.
        Command::Reserve(reserve) if warehouse.may_have_forgotten(reserve.reservation_id) => {
            (tombstone(command), Answer::Tombstoned)
        }
        Command::Reserve(reserve) => take_all_or_none(reserve, &mut warehouse.stock, movements),
    };
    warehouse.rows.insert(command.reservation_id(), row);
    answer
}

fn tombstone(command: &Command) -> Row {
    Row {
        state: State::Released,
        max_epoch: command.epoch().unwrap_or(0),
        fingerprint: None,
        rejection: None,
        lines: Vec::new(),
    }
}

fn take_all_or_none(
    reserve: &Reserve,
    stock: &mut BTreeMap<String, Level>,
    movements: &mut Vec<Movement>,
) -> (Row, Answer) {
    let rejection = reject(&reserve.lines, stock);
    let mut row = Row {
        state: State::Rejected,
        max_epoch: reserve.epoch.unwrap_or(0),
        fingerprint: Some(reserve.fingerprint),
        rejection: rejection.clone(),
        lines: Vec::new(),
    };
    if let Some(rejection) = rejection {
        return (row, Answer::Rejected(rejection));
    }
    row.state = State::Held;
    row.lines.clone_from(&reserve.lines);
    move_stock(Kind::Reserve, reserve.reservation_id, &row.lines, stock, movements);
    (row, Answer::Done(State::Held))
}

fn reject(lines: &[Line], stock: &BTreeMap<String, Level>) -> Option<Rejection> {
    let unknown: Vec<String> =
        lines.iter().map(|l| &l.item_id).filter(|id| !stock.contains_key(*id)).cloned().collect();
    if !unknown.is_empty() {
        return Some(Rejection::UnknownItem { items: unknown });
    }
    let short: Vec<Shortage> = lines
        .iter()
        .map(|line| (line, stock[&line.item_id].available()))
        .filter(|(line, available)| line.quantity > *available)
        .map(|(line, available)| Shortage {
            item_id: line.item_id.clone(),
            requested: line.quantity,
            available,
        })
        .collect();
    (!short.is_empty()).then_some(Rejection::InsufficientStock { items: short })
}

fn move_stock(
    kind: Kind,
    reservation_id: Uuid,
    lines: &[Line],
    stock: &mut BTreeMap<String, Level>,
    movements: &mut Vec<Movement>,
) {
    for line in lines {
        let (on_hand_delta, reserved_delta) = match kind {
            Kind::Reserve => (0, line.quantity),
            Kind::Release => (0, -line.quantity),
            Kind::Commit => (-line.quantity, -line.quantity),
        };
        let level = stock.get_mut(&line.item_id).expect("the stock of held lines is locked");
        level.on_hand += on_hand_delta;
        level.reserved += reserved_delta;
        let item_id = line.item_id.clone();
        movements.push(Movement { kind, reservation_id, item_id, on_hand_delta, reserved_delta });
    }
}

#[cfg(test)]
mod tests;
