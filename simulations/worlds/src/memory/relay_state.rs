//! What a relay is and knows. Its memory dies with it.

use super::gate::Gate;
use super::store::STALE_MS;
use super::wire::RequestId;
use relay_core::batch_offer::BatchOffer;
use relay_core::beat_report::BeatReport;
use relay_core::breaker::Permit;
use relay_core::decide::Call;
use relay_core::schedule::{First, Schedule, ScheduleConfig};
use saga::stored::SagaUpdate;
use std::collections::{BTreeMap, VecDeque};
use uuid::Uuid;

/// A relay process, alive or not.
#[derive(Debug)]
pub(super) struct Relay {
    /// Grows with every start: what was meant for an earlier life never happens.
    pub(super) life: u32,
    pub(super) up: bool,
    pub(super) hung_until_ms: u64,
    pub(super) memory: Memory,
}

/// What a relay knows.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) member: i64,
    pub(super) stopping: bool,
    pub(super) gate: Gate,
    /// Orders it holds, and how many of its groups hold each.
    pub(super) in_flight: BTreeMap<Uuid, u32>,
    pub(super) groups: BTreeMap<u32, Group>,
    pub(super) slots: BTreeMap<u32, Slot>,
    pub(super) names: u32,
    pub(super) outcomes: VecDeque<Outcome>,
    pub(super) flushes: [Flush; 2],
    pub(super) looks: Looks,
    pub(super) batch_offer: BatchOffer,
}

/// Its loop's own state.
#[derive(Debug)]
pub(super) struct Looks {
    pub(super) schedule: Schedule,
    pub(super) report: BeatReport,
    /// A beat got no answer: it may have been the one that saw the clock go back.
    pub(super) is_unsure_of_clock: bool,
    /// When the schedule is asked next.
    pub(super) at_ms: Option<u64>,
    /// It rests, and a hint or a heartbeat has it asked earlier.
    pub(super) is_wakeable: bool,
    /// Where the list begins, and how long it took to find out: told when that time has passed.
    pub(super) first: Option<(First, u64)>,
    /// A suspect is driven, and the loop waits for it.
    pub(super) waits_for: Option<u32>,
    /// The last search for a probe: what it avoided, and what there was to find.
    pub(super) probed: Option<(Vec<String>, Vec<Uuid>)>,
    /// For the flaw that reads the outbox by a cursor.
    pub(super) cursor: Uuid,
}

/// What one claim brought.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) member: i64,
    pub(super) orders: Vec<Uuid>,
    pub(super) left: usize,
}

/// One saga being driven.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) group: u32,
    pub(super) call: Call,
    pub(super) stage: SlotStage,
    pub(super) permit: Option<Permit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotStage {
    /// Its intent is stored; the call is not out.
    Held,
    /// The call is out.
    Waits(RequestId),
    /// The outcome is to be stored.
    Ended,
}

/// A decision that is to be stored.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) slot: u32,
    pub(super) update: SagaUpdate,
    pub(super) next: Option<Call>,
}

/// Outcomes that travel to the database together.
#[derive(Debug, Default)]
pub(super) struct Flush {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) pause_ms: u64,
}

impl Memory {
    pub(super) fn new(member: i64, gate: Gate, looks: Looks) -> Memory {
        Memory {
            member,
            stopping: false,
            gate,
            in_flight: BTreeMap::new(),
            groups: BTreeMap::new(),
            slots: BTreeMap::new(),
            names: 0,
            outcomes: VecDeque::new(),
            flushes: [Flush::default(), Flush::default()],
            batch_offer: BatchOffer::new(false),
            looks,
        }
    }

    /// Holds an order once more.
    pub(super) fn hold(&mut self, order_id: Uuid) {
        *self.in_flight.entry(order_id).or_insert(0) += 1;
    }

    /// Lets go of it, once.
    pub(super) fn let_go(&mut self, order_id: Uuid) {
        if let Some(holds) = self.in_flight.get_mut(&order_id) {
            *holds -= 1;
            if *holds == 0 {
                self.in_flight.remove(&order_id);
            }
        }
    }

    /// A fresh name for a slot or a group.
    pub(super) fn name(&mut self) -> u32 {
        self.names += 1;
        self.names
    }
}

impl Looks {
    /// Those of a relay that has just joined.
    pub(super) fn new(claim_max: usize, now_ms: u64) -> Looks {
        let config = ScheduleConfig { claim_max: claim_max as u32, stale_ms: STALE_MS as u64 };
        Looks {
            schedule: Schedule::new(config, now_ms),
            report: BeatReport::default(),
            is_unsure_of_clock: false,
            at_ms: None,
            is_wakeable: false,
            first: None,
            waits_for: None,
            probed: None,
            cursor: Uuid::nil(),
        }
    }
}

/// A call that waits for its order's insert.
#[derive(Debug, Clone)]
pub(super) struct PendingClaim {
    pub(super) relay: u16,
    pub(super) life: u32,
    pub(super) member: i64,
    pub(super) call: Call,
}
