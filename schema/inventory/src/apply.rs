//! A batch of commands in one transaction: five round trips, whatever its size.
//!
//! 1. Insert the ids nobody has used yet. `on conflict do nothing` decides, in a statement of its
//!    own: a single statement could not see the row it collided with.
//! 2. Lock the rows that existed (only where there are any) and read the lines a release or commit
//!    will need.
//! 3. Lock the stock, `order by item_id`: everybody locks in the same order, so opposite item
//!    orders cannot meet. A hot item is locked once per batch. The same statement reads how far back
//!    reservations are remembered: after the insert, which did not meet what was removed before it.
//! 4. [`decide`], in memory.
//! 5. Write the movements; correct the rows that did not end as they were inserted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

use failpoints::known_bad::{self, Flaw};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::command::{Answer, Command, Line, State};
use crate::ctid_cache::CtidCache;
use crate::decide::{Level, Movement, Row, Warehouse, decide};
use crate::reservations::{NewReservation, RowChange};
use crate::stock::Locked;
use crate::{movements, reservation_lines, reservations, stock};

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Applied {
    /// One per command, in the same order.
    pub answers: Vec<Answer>,
    /// Every item it locked, as it is now.
    pub levels: BTreeMap<String, Level>,
    /// What moved, for the metrics.
    pub movements: Vec<Movement>,
    /// Where the rows of these items are, once this is committed.
    pub ctids: BTreeMap<String, String>,
    /// Places of commands that were not done, because somebody else holds their items. They have no answer.
    pub left: Vec<usize>,
}

/// Why a batch was not written.
#[derive(Debug, thiserror::Error)]
pub enum Unapplied {
    /// An item is not where it was last seen (see [`crate::ctid_cache`]): undo this, and do it by the index.
    #[error("an item is not where it was last seen")]
    Moved,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Decides and writes a batch. To be run inside a transaction; on an error nothing of it stands.
pub async fn apply_batch(
    connection: &mut PgConnection,
    commands: &[Command],
) -> Result<Applied, sqlx::Error> {
    match apply_batch_at(connection, commands, None).await {
        Ok(applied) => Ok(applied),
        Err(Unapplied::Database(error)) => Err(error),
        Err(Unapplied::Moved) => unreachable!("the index was asked"),
    }
}

/// What of a batch was done while somebody else held some of its items.
#[derive(Debug, Default)]
pub struct AppliedFree {
    /// Of the commands that were done.
    pub applied: Applied,
    /// Places of the commands that were not.
    pub left: Vec<usize>,
    /// The items that somebody else holds, of the commands' and of the suspects.
    pub busy: Vec<String>,
}

/// [`apply_batch`] for those commands alone whose items nobody else has locked. It waits for no item. It also looks whether
/// the `suspects` are still held.
pub async fn apply_free(
    connection: &mut PgConnection,
    commands: &[Command],
    suspects: &[String],
) -> Result<AppliedFree, sqlx::Error> {
    let others: Vec<Uuid> = commands
        .iter()
        .filter(|command| !matches!(command, Command::Reserve(_)))
        .map(Command::reservation_id)
        .collect();
    let held = reservation_lines::find_lines(connection, &others).await?;
    let items_of = |command: &Command| -> BTreeSet<String> {
        match command {
            Command::Reserve(reserve) => {
                reserve.lines.iter().map(|line| line.item_id.clone()).collect()
            }
            Command::Release { .. } | Command::Commit { .. } => held
                .iter()
                .filter(|(id, _)| *id == command.reservation_id())
                .map(|(_, line)| line.item_id.clone())
                .collect(),
        }
    };
    let items: Vec<BTreeSet<String>> = commands.iter().map(items_of).collect();
    let all: BTreeSet<String> = items.iter().flatten().chain(suspects).cloned().collect();
    let all: Vec<String> = all.into_iter().collect();
    let busy = stock::lock_free(connection, &all).await?;
    let (mut left, mut free) = (Vec::new(), Vec::new());
    for (place, (command, items)) in commands.iter().zip(items).enumerate() {
        if items.iter().any(|item| busy.contains(item)) {
            left.push(place);
        } else {
            free.push(command.clone());
        }
    }
    let applied =
        if free.is_empty() { Applied::default() } else { apply_batch(connection, &free).await? };
    Ok(AppliedFree { applied, left, busy })
}

/// The same, by the cache where it knows all items.
pub async fn apply_batch_at(
    connection: &mut PgConnection,
    commands: &[Command],
    cache: Option<&CtidCache>,
) -> Result<Applied, Unapplied> {
    let first = first_words(commands);
    let mut known = HashMap::new();
    let inserted: HashSet<Uuid> =
        reservations::insert_reservations(connection, &first).await?.into_iter().collect();
    let ids: BTreeSet<Uuid> = commands.iter().map(Command::reservation_id).collect();
    let existing: Vec<Uuid> = ids.into_iter().filter(|id| !inserted.contains(id)).collect();
    if !existing.is_empty() {
        known = reservations::lock_reservations(connection, &existing).await?;
        load_lines(connection, commands, &mut known).await?;
    }
    let mut before = outset(&first, &inserted, &known);
    let mut warehouse = Warehouse { rows: known, ..Warehouse::default() };
    let items = items_to_lock(commands, &inserted, &warehouse.rows);
    let mut at = BTreeMap::new();
    if !items.is_empty() {
        let locked = lock_stock(connection, &items, cache).await?;
        (warehouse.stock, warehouse.removed_below) = (locked.levels, locked.removed_below);
        at = locked.ctids;
    }
    let decision = decide(commands, &mut warehouse);
    if !decision.movements.is_empty() {
        let moved = movements::write_movements(connection, &decision.movements, &at).await?;
        at.extend(moved);
    }
    let changes = changes(&mut before, &warehouse.rows);
    if !changes.is_empty() {
        reservations::update_reservations(connection, &changes).await?;
    }
    Ok(Applied {
        answers: decision.answers,
        levels: warehouse.stock,
        movements: decision.movements,
        ctids: at,
        left: Vec::new(),
    })
}

async fn lock_stock(
    connection: &mut PgConnection,
    items: &[String],
    cache: Option<&CtidCache>,
) -> Result<Locked, Unapplied> {
    if let Some(at) = cache.and_then(|cache| cache.of(items)) {
        let locked = stock::lock_stock_at(connection, items, &at).await?;
        let is_moved = locked.levels.len() < items.len();
        return if is_moved { Err(Unapplied::Moved) } else { Ok(locked) };
    }
    let begun = Instant::now();
    let locked = stock::lock_stock_and_memory(connection, items).await?;
    if let Some(cache) = cache {
        cache.looked_up(items.len(), begun.elapsed());
    }
    Ok(locked)
}

/// The first reserve or release of each id, by id. A commit makes no row.
fn first_words(commands: &[Command]) -> Vec<NewReservation> {
    let mut first: BTreeMap<Uuid, NewReservation> = BTreeMap::new();
    for command in commands {
        let (order_id, fingerprint, state) = match command {
            Command::Reserve(reserve) => {
                (Some(reserve.order_id), Some(reserve.fingerprint), State::Held)
            }
            Command::Release { .. } if known_bad::is_on(Flaw::ReleaseWithoutTombstone) => continue,
            Command::Release { order_id, .. } => (*order_id, None, State::Released),
            Command::Commit { .. } => continue,
        };
        first.entry(command.reservation_id()).or_insert_with(|| NewReservation {
            reservation_id: command.reservation_id(),
            order_id,
            state,
            epoch: command.epoch().unwrap_or(0),
            fingerprint,
        });
    }
    first.into_values().collect()
}

/// Reads what the existing reservations took, for those that the batch may give back or ship.
async fn load_lines(
    connection: &mut PgConnection,
    commands: &[Command],
    known: &mut HashMap<Uuid, Row>,
) -> Result<(), sqlx::Error> {
    let needed: BTreeSet<Uuid> = commands
        .iter()
        .filter(|command| !matches!(command, Command::Reserve(_)))
        .map(Command::reservation_id)
        .filter(|id| known.get(id).is_some_and(|row| row.state == State::Held))
        .collect();
    if needed.is_empty() {
        return Ok(());
    }
    let needed: Vec<Uuid> = needed.into_iter().collect();
    for (reservation_id, line) in reservation_lines::find_lines(connection, &needed).await? {
        let row = known.get_mut(&reservation_id).expect("lines of a row that was asked for");
        row.lines.push(line);
    }
    Ok(())
}

fn items_to_lock(
    commands: &[Command],
    inserted: &HashSet<Uuid>,
    known: &HashMap<Uuid, Row>,
) -> Vec<String> {
    let wanted = commands.iter().filter_map(|command| match command {
        Command::Reserve(reserve) if inserted.contains(&reserve.reservation_id) => {
            Some(&reserve.lines)
        }
        Command::Reserve(_) | Command::Release { .. } | Command::Commit { .. } => None,
    });
    let held = known.values().map(|row| &row.lines);
    let items: BTreeSet<&str> =
        wanted.chain(held).flatten().map(|Line { item_id, .. }| item_id.as_str()).collect();
    items.into_iter().map(str::to_owned).collect()
}

/// What a row looks like before the batch is decided: as stored, or as just inserted.
type Outset = HashMap<Uuid, (State, i64)>;

fn outset(
    first: &[NewReservation],
    inserted: &HashSet<Uuid>,
    known: &HashMap<Uuid, Row>,
) -> Outset {
    let fresh = first.iter().filter(|new| inserted.contains(&new.reservation_id));
    let fresh = fresh.map(|new| (new.reservation_id, (new.state, new.epoch)));
    let known = known.iter().map(|(id, row)| (*id, (row.state, row.max_epoch)));
    fresh.chain(known).collect()
}

/// A tombstone that a planted flaw does not write.
fn is_lost(row: &Row) -> bool {
    row.fingerprint.is_none() && known_bad::is_on(Flaw::ReleaseWithoutTombstone)
}

/// The rows whose state or epoch the batch has changed, by id.
fn changes(before: &mut Outset, after: &HashMap<Uuid, Row>) -> Vec<RowChange> {
    let mut changes: Vec<RowChange> = after
        .iter()
        .filter(|(id, row)| before.remove(id) != Some((row.state, row.max_epoch)))
        .filter(|(_, row)| !is_lost(row))
        .map(|(id, row)| RowChange {
            reservation_id: *id,
            state: row.state,
            max_epoch: row.max_epoch,
            rejection: row.rejection.clone(),
        })
        .collect();
    changes.sort_by_key(|change| change.reservation_id);
    changes
}
