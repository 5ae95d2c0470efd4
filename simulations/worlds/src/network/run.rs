//! One seed: its world is built, everything happens, it comes to rest, and the invariants are checked.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use saga::StateName;
use schema_inventory::{Command, Line, Reserve};
use turmoil::Sim;
use uuid::Uuid;

use crate::memory::invariants::{check_journals, check_sagas, is_conserved};
use crate::memory::inventory::Inventory;
use crate::memory::store::{Broken, NewOrder, Store};
use crate::memory::{Invariant, KnownBad};

use super::database::Database;
use super::nemesis::{FAULTS_END_MS, Fault, Kind, Victim, plan};
use super::relay::Relay;
use super::warehouse::Warehouse;
use crate::memory::dice::Stream;

const ORDERS: (u64, u64) = (10, 40);
const ITEMS: usize = 3;
const TICK: Duration = Duration::from_millis(5);
/// Simulated time after which whatever is not settled is stuck.
const SETTLED_WITHIN_MS: u64 = 120_000;

/// What a seed came to, or many.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) broken: Vec<Broken>,
    ends: BTreeMap<StateName, u64>,
    faults: BTreeMap<Kind, u64>,
    commits_lost: u64,
    commits_unanswered: u64,
    replays: u64,
    story: String,
}

pub(super) fn run(seed: u64, known_bad: Option<KnownBad>) -> Outcome {
    World::new(seed, known_bad).run()
}

struct World {
    sim: Sim<'static>,
    dice: Stream,
    relays: u64,
    database: Database,
    warehouse: Warehouse,
    arrivals: Vec<(u64, NewOrder)>,
    outcome: Outcome,
}

impl World {
    fn new(seed: u64, known_bad: Option<KnownBad>) -> World {
        let mut dice = Stream::new(seed, 0);
        let mut sim = turmoil::Builder::new()
            .rng_seed(seed)
            .tick_duration(TICK)
            .simulation_duration(Duration::from_mins(10))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(dice.between(5, 120)))
            .tcp_capacity(4_096)
            .build();
        let stock: Vec<i64> = (0..ITEMS).map(|_| dice.between(0, 80) as i64).collect();
        let database = Database::new(seed, known_bad);
        let warehouse = Warehouse::new(seed, &stock, known_bad);
        let inventory = warehouse.clone();
        sim.host("inventory", move || inventory.clone().serve());
        let relays = dice.between(1, 3);
        let call_timeout_ms = dice.between(200, 1_500);
        for index in 0..relays {
            let relay = Relay {
                name: host(index),
                database: database.clone(),
                call_timeout_ms,
                seed: seed as u32 ^ index as u32,
            };
            sim.host(host(index), move || relay.clone().live());
        }
        let arrivals = arrivals(&mut dice);
        let outcome = Outcome::default();
        World { sim, dice, relays, database, warehouse, arrivals, outcome }
    }

    fn run(mut self) -> Outcome {
        let faults = plan(&mut self.dice, self.relays);
        let mut begin = faults.iter().copied().peekable();
        let mut ends: Vec<Fault> = Vec::new();
        let mut healed = false;
        while !(healed && self.is_at_rest()) {
            let now_ms = self.sim.elapsed().as_millis() as u64;
            while let Some(fault) = begin.next_if(|fault| fault.begins_ms <= now_ms) {
                if self.begin(fault) {
                    ends.push(fault);
                }
            }
            let (over, going): (Vec<Fault>, _) =
                ends.into_iter().partition(|fault| fault.ends_ms <= now_ms);
            ends = going;
            for fault in over {
                self.end(fault);
            }
            self.let_arrive(now_ms);
            if !healed && now_ms > FAULTS_END_MS && begin.peek().is_none() && ends.is_empty() {
                self.database.heal();
                self.warehouse.heal();
                healed = true;
            }
            if now_ms > SETTLED_WITHIN_MS {
                self.outcome.broken.push((Invariant::SettledInTime, None));
                break;
            }
            self.sim.step().expect("no host ends by itself");
        }
        self.check();
        self.outcome
    }

    /// `false` where it makes no difference: the host is down already.
    fn begin(&mut self, fault: Fault) -> bool {
        let host = name(fault.victim);
        match fault.kind {
            Kind::Crash if !self.sim.is_host_running(host.as_str()) => return false,
            Kind::Crash => self.sim.crash(host),
            Kind::Partition => self.sim.partition(host, "inventory"),
            Kind::Hold => self.sim.hold(host, "inventory"),
            Kind::Zombie => self.database.cut_off(&host, fault.ends_ms),
        }
        *self.outcome.faults.entry(fault.kind).or_default() += 1;
        true
    }

    fn end(&mut self, fault: Fault) {
        let host = name(fault.victim);
        match fault.kind {
            Kind::Crash => self.sim.bounce(host),
            Kind::Partition => self.sim.repair(host, "inventory"),
            Kind::Hold => self.sim.release(host, "inventory"),
            Kind::Zombie => {}
        }
    }

    fn let_arrive(&mut self, now_ms: u64) {
        let arrived = self.arrivals.partition_point(|(at_ms, _)| *at_ms <= now_ms);
        for (_, order) in self.arrivals.drain(..arrived) {
            self.database.look(|store| store.insert_order(order));
        }
    }

    fn is_at_rest(&self) -> bool {
        self.arrivals.is_empty() && self.database.look(|store| store.outbox.is_empty())
    }

    fn check(&mut self) {
        let outcome = &mut self.outcome;
        (outcome.commits_lost, outcome.commits_unanswered) = {
            let (lost, unanswered) = self.database.faults();
            (u64::from(lost), u64::from(unanswered))
        };
        let (database, warehouse) = (&self.database, &self.warehouse);
        warehouse.look(|inventory| {
            database.look(|store| {
                outcome.broken.append(&mut store.broken);
                outcome.broken.append(&mut inventory.broken);
                outcome.broken.append(&mut check_sagas(store, inventory));
                outcome.broken.append(&mut check_journals(store));
                if !is_conserved(inventory) {
                    outcome.broken.push((Invariant::StockConserved, None));
                }
                let before: Vec<usize> = live(store, |id| inventory.live(id).len());
                send_everything_again(store, inventory);
                if before != live(store, |id| inventory.live(id).len()) {
                    outcome.broken.push((Invariant::LateReserveChangesNothing, None));
                }
                outcome.tell(store);
            });
        });
    }
}

/// I4: stock comes in, and the last reserve of every order arrives twice more.
fn send_everything_again(store: &Store, inventory: &mut Inventory) {
    (0..ITEMS).for_each(|item| inventory.supply(item, 1_000));
    for (&order_id, row) in &store.sagas {
        let lines = store.orders[&order_id]
            .iter()
            .map(|line| Line { item_id: line.item_id.clone(), quantity: i64::from(line.quantity) });
        let id = row.saga.reservation_id;
        let reserve = Reserve::new(id, order_id, Some(row.epoch), lines.collect());
        for _ in 0..2 {
            inventory.execute(&[Command::Reserve(reserve.clone())], &[order_id]);
        }
    }
}

fn live(store: &Store, count: impl Fn(Uuid) -> usize) -> Vec<usize> {
    let ended = store.sagas.iter().filter(|(_, row)| row.saga.state.is_final());
    ended.map(|(&id, _)| count(id)).collect()
}

fn arrivals(dice: &mut Stream) -> Vec<(u64, NewOrder)> {
    let count = dice.between(ORDERS.0, ORDERS.1);
    let mut arrivals: Vec<(u64, NewOrder)> = (0..count)
        .map(|number| {
            let line = saga::stored::Line {
                item_id: format!("item-{}", dice.between(0, ITEMS as u64)),
                quantity: dice.between(1, 3) as u32,
            };
            let order = NewOrder {
                id: Uuid::from_u128(0x1000 + u128::from(number)),
                reservation_id: Uuid::from_u128(0x1_0000_0000 + u128::from(number)),
                key: number as u16,
                fingerprint: number,
                lines: vec![line],
                // Some run out of time while their outcome is in doubt, and are released.
                deadline_ms: if dice.percent(30) {
                    dice.between(100, 2_500) as i64
                } else {
                    dice.between(10_000, 60_000) as i64
                },
                first_update: None,
            };
            (dice.between(0, FAULTS_END_MS), order)
        })
        .collect();
    arrivals.sort_by_key(|(at_ms, _)| *at_ms);
    arrivals
}

fn name(victim: Victim) -> String {
    match victim {
        Victim::Inventory => "inventory".to_owned(),
        Victim::Relay(index) => host(index),
    }
}

fn host(index: u64) -> String {
    format!("relay-{index}")
}

impl Outcome {
    /// How every saga went, event for event.
    pub(super) fn story(&self) -> &str {
        &self.story
    }

    pub(super) fn add(&mut self, other: &Outcome) {
        for (end, count) in &other.ends {
            *self.ends.entry(*end).or_default() += count;
        }
        for (kind, count) in &other.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        self.commits_lost += other.commits_lost;
        self.commits_unanswered += other.commits_unanswered;
        self.replays += other.replays;
    }

    /// Fails where the worlds have gone tame: everything must have happened, and often.
    pub(super) fn assert_eventful(&self, seeds: u64) {
        for kind in [Kind::Crash, Kind::Partition, Kind::Hold, Kind::Zombie] {
            assert!(self.faults.get(&kind).is_some_and(|count| *count >= seeds / 4), "{kind:?}");
        }
        for end in [StateName::Confirmed, StateName::Failed] {
            assert!(self.ends.get(&end).is_some_and(|count| *count >= seeds), "{end}");
        }
        assert!(self.replays >= seeds, "calls made again");
        assert!(self.commits_lost >= seeds / 4 && self.commits_unanswered >= seeds / 4);
    }

    fn tell(&mut self, store: &Store) {
        for (id, row) in &store.sagas {
            *self.ends.entry(row.saga.state.name()).or_default() += 1;
            let _ = write!(self.story, "{id}");
            for step in &store.steps[id] {
                let event = step.event.map_or("created", |event| event.name());
                self.replays += u64::from(event == "call_unknown");
                let _ = write!(self.story, " {event}/{}", step.epoch);
            }
            let _ = writeln!(self.story, " = {}", row.saga.state.name());
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sagas {:?}, faults {:?}, {} commits lost, {} unanswered, {} calls without an answer",
            self.ends, self.faults, self.commits_lost, self.commits_unanswered, self.replays
        )
    }
}
