//! What can happen next, and what it does. One action is one transaction, one message or one fault.

use super::config::{Config, Feature};
use super::invariants::Invariant;
use super::known_bad::KnownBad;
use super::orders;
use super::staff::{self, Repair};
use super::world::breaker;
use super::world::network::Message;
use super::world::{Call, Cancel, Deadline, Order, Outcome, Relay, State, World};
use super::{claims, inventory, relay};
use saga::Claim;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The customer sends the order (again), and is answered.
    Submit(u8),
    /// Fault: it is committed, and the answer is lost.
    SubmitUnanswered(u8),
    /// The order is sent, and a relay in the same process claims it with its insert.
    SubmitClaimed(u8, u8),
    /// Fault: order and claim are committed, and neither customer nor relay learn of it.
    SubmitClaimedUnanswered(u8, u8),
    /// Fault: nothing was committed, and no answer came.
    SubmitLost(u8),
    /// The customer cancels.
    Cancel(u8),
    /// The deadline passes.
    DeadlinePasses(u8),
    /// A relay claims an order's saga.
    Claim(u8, u8),
    /// Fault: the claim is committed, and the relay does not learn of it.
    ClaimUnanswered(u8, u8),
    /// The relay makes its call.
    Send(u8),
    /// A message arrives.
    Deliver(Parcel),
    /// Fault: a request is lost.
    Lose(Parcel),
    /// Fault: a request is doubled.
    Double(Parcel),
    /// Fault: a request is refused before anything was done (503, connection refused).
    Refuse(Parcel),
    /// Fault: a proxy answers in inventory's place.
    AnswerByProxy(Parcel),
    /// The relay stops waiting. Free when nothing is on its way any more, otherwise a fault.
    TimeOut(u8),
    /// The relay records the outcome.
    Record(u8),
    /// Fault: the outcome is committed, and the relay does not learn of it.
    RecordUnanswered(u8),
    /// Fault, where planted: the relay dies between two transactions that should be one.
    RecordTorn(u8),
    /// Fault: the relay dies, and is back at once without its memory.
    Crash(u8),
    /// Fault: a relay that lives is taken for dead.
    Suspect(u8),
    /// Fault: a relay is told to stop, hands over, and goes on for a moment.
    HandOver(u8),
    /// The breaker's open time is over.
    BreakerHalfOpens,
    /// Staff repairs a saga.
    Repair(u8, Repair),
}

/// A message, as an action names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parcel(pub(super) Message);

impl Action {
    /// Whether it uses up one of the faults.
    fn is_fault(self, config: &Config, world: &World) -> bool {
        match self {
            Action::SubmitUnanswered(_)
            | Action::SubmitClaimedUnanswered(..)
            | Action::SubmitLost(_)
            | Action::ClaimUnanswered(..)
            | Action::Lose(_)
            | Action::Double(_)
            | Action::Refuse(_)
            | Action::AnswerByProxy(_)
            | Action::RecordUnanswered(_)
            | Action::RecordTorn(_)
            | Action::Suspect(_)
            | Action::HandOver(_) => true,
            Action::TimeOut(relay) => world.relays[usize::from(relay)]
                .call()
                .is_some_and(|call| world.network.carries(call)),
            Action::Crash(relay) => !holds_poison(config, world, relay),
            Action::Submit(_)
            | Action::SubmitClaimed(..)
            | Action::Cancel(_)
            | Action::DeadlinePasses(_)
            | Action::Claim(..)
            | Action::Send(_)
            | Action::Deliver(_)
            | Action::Record(_)
            | Action::BreakerHalfOpens
            | Action::Repair(..) => false,
        }
    }
}

/// Everything that can happen in `world`.
pub(super) fn actions(config: &Config, world: &World, actions: &mut Vec<Action>) {
    let from = actions.len();
    for order in 0..config.orders {
        order_actions(config, world, order, actions);
    }
    for relay in 0..config.relays {
        relay_actions(config, world, relay, actions);
    }
    for message in world.network.distinct() {
        message_actions(config, message, actions);
    }
    if world.breaker.phase == breaker::Phase::Open {
        actions.push(Action::BreakerHalfOpens);
    }
    if world.faults_left == 0 {
        let mut at = from;
        while at < actions.len() {
            if actions[at].is_fault(config, world) {
                actions.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }
}

/// The world after `action`.
pub(super) fn step(config: &Config, before: &World, action: Action) -> World {
    let mut world = before.clone();
    if action.is_fault(config, before) {
        world.faults_left -= 1;
    }
    apply(config, &mut world, action);
    judge(&mut world, before, action);
    world
}

fn order_actions(config: &Config, world: &World, order: u8, actions: &mut Vec<Action>) {
    let row = &world.orders[usize::from(order)];
    if !row.acknowledged {
        actions.push(Action::Submit(order));
        actions.push(Action::SubmitUnanswered(order));
        if row.state == State::Absent {
            actions.push(Action::SubmitLost(order));
            submit_claimed(config, world, order, actions);
        }
    }
    let asks = row.cancel == Cancel::NotAsked && row.acknowledged && !row.state.is_final();
    if config.has(Feature::Cancel) && asks || row.cancel == Cancel::Read {
        actions.push(Action::Cancel(order));
    }
    let running = row.state != State::Absent && !row.state.is_final();
    if config.has(Feature::Deadline) && running && row.deadline == Deadline::Ahead {
        actions.push(Action::DeadlinePasses(order));
    }
    if world.staff_left > 0 {
        let repairs = Repair::ALL.into_iter().filter(|&repair| staff::applies(row, repair));
        actions.extend(repairs.map(|repair| Action::Repair(order, repair)));
    }
}

/// A relay that is busy here stands for one that holds as much as it may.
fn submit_claimed(config: &Config, world: &World, order: u8, actions: &mut Vec<Action>) {
    if !config.has(Feature::ClaimOnInsert) {
        return;
    }
    for relay in 0..config.relays {
        let breaker_admits = !config.has(Feature::Breaker) || world.breaker.admits(config);
        if world.relays[usize::from(relay)] == Relay::Idle && breaker_admits {
            actions.push(Action::SubmitClaimed(order, relay));
            actions.push(Action::SubmitClaimedUnanswered(order, relay));
        }
    }
}

fn relay_actions(config: &Config, world: &World, relay: u8, actions: &mut Vec<Action>) {
    match world.relays[usize::from(relay)] {
        Relay::Idle => {
            for order in 0..config.orders {
                if claims::claimable(config, world, relay, order).is_some() {
                    actions.push(Action::Claim(relay, order));
                    if config.has(Feature::UnknownCommit) {
                        actions.push(Action::ClaimUnanswered(relay, order));
                    }
                }
            }
        }
        Relay::Holding(_) if holds_poison(config, world, relay) => {}
        Relay::Holding(_) => actions.push(Action::Send(relay)),
        Relay::Calling(..) => actions.push(Action::TimeOut(relay)),
        Relay::Ended(..) => {
            actions.push(Action::Record(relay));
            if config.has(Feature::UnknownCommit) {
                actions.push(Action::RecordUnanswered(relay));
            }
            if config.is(KnownBad::OutcomeInTwoTransactions) {
                actions.push(Action::RecordTorn(relay));
            }
        }
    }
    if world.relays[usize::from(relay)] != Relay::Idle {
        actions.push(Action::Crash(relay));
    }
    if config.relays > 1 && orders::owns_any(world, relay) {
        actions.push(Action::Suspect(relay));
    }
    if config.has(Feature::HandOver) && orders::owns_any(world, relay) {
        actions.push(Action::HandOver(relay));
    }
}

fn message_actions(config: &Config, message: Message, actions: &mut Vec<Action>) {
    let parcel = Parcel(message);
    actions.push(Action::Deliver(parcel));
    match message {
        Message::Request(_) => {
            actions.push(Action::Lose(parcel));
            actions.push(Action::Refuse(parcel));
            if config.has(Feature::Duplicates) {
                actions.push(Action::Double(parcel));
            }
        }
        Message::Checked(_) | Message::Answer(..) => {}
    }
    if config.has(Feature::Proxy) {
        actions.push(Action::AnswerByProxy(parcel));
    }
}

fn apply(config: &Config, world: &mut World, action: Action) {
    match action {
        Action::Submit(order) => {
            orders::create(config, world, order);
            world.orders[usize::from(order)].acknowledged = true;
        }
        Action::SubmitUnanswered(order) => orders::create(config, world, order),
        Action::SubmitClaimed(order, relay) => {
            orders::create(config, world, order);
            relay::claim(config, world, relay, order, Claim::Free);
            world.orders[usize::from(order)].acknowledged = true;
        }
        Action::SubmitClaimedUnanswered(order, relay) => {
            orders::create(config, world, order);
            claims::claim(config, world, relay, order, Claim::Free);
        }
        Action::SubmitLost(order) => lose_submit(config, world, order),
        Action::Cancel(order) => cancel(config, world, order),
        Action::DeadlinePasses(order) => {
            world.orders[usize::from(order)].deadline = Deadline::Passed;
        }
        Action::Claim(relay, order) => {
            let before = claims::claimable(config, world, relay, order).unwrap_or(Claim::Free);
            relay::claim(config, world, relay, order, before);
        }
        Action::ClaimUnanswered(relay, order) => {
            let before = claims::claimable(config, world, relay, order).unwrap_or(Claim::Free);
            claims::claim(config, world, relay, order, before);
        }
        Action::Deliver(Parcel(message)) => {
            world.network.take(message);
            deliver(config, world, message);
        }
        Action::Lose(Parcel(message)) => world.network.take(message),
        Action::Double(Parcel(message)) => world.network.send(message),
        Action::Refuse(Parcel(message)) => answer_instead(world, message, Outcome::NotExecuted),
        Action::AnswerByProxy(Parcel(message)) => {
            answer_instead(world, message, Outcome::ContractBroken);
        }
        Action::Crash(relay) => relay::crash(config, world, relay),
        Action::Suspect(relay) => orders::forsake(world, relay),
        Action::HandOver(relay) => orders::hand_over(config, world, relay),
        Action::BreakerHalfOpens => world.breaker.half_open(),
        Action::Repair(order, repair) => {
            world.staff_left -= 1;
            staff::repair(config, world, order, repair);
        }
        Action::Send(relay)
        | Action::TimeOut(relay)
        | Action::Record(relay)
        | Action::RecordUnanswered(relay)
        | Action::RecordTorn(relay) => work(config, world, relay, action),
    }
}

/// A relay goes on with what it holds.
fn work(config: &Config, world: &mut World, relay: u8, action: Action) {
    match (world.relays[usize::from(relay)], action) {
        (Relay::Holding(call), _) => relay::send(config, world, call),
        (Relay::Calling(call, ticket), _) => relay::time_out(config, world, call, ticket),
        // It keeps what it knows and writes it again, under the same epoch.
        (Relay::Ended(call, outcome), Action::RecordUnanswered(_)) => {
            orders::record(config, world, call, outcome);
        }
        (Relay::Ended(call, _), Action::RecordTorn(_)) => {
            orders::tear_record(world, call);
            relay::crash(config, world, relay);
        }
        (Relay::Ended(call, outcome), _) => relay::record(config, world, call, outcome),
        (Relay::Idle, _) => {}
    }
}

fn deliver(config: &Config, world: &mut World, message: Message) {
    let (call, answer) = match message {
        Message::Request(call) => (call, inventory::execute(config, world, call)),
        Message::Checked(call) => (call, Some(inventory::take_unchecked(config, world, call))),
        Message::Answer(call, outcome) => {
            return relay::receive_answer(config, world, call, outcome);
        }
    };
    if let Some(outcome) = answer {
        send_answer(config, world, call, outcome);
    }
}

/// An answer that nobody waits for is not sent: it could only be ignored.
fn send_answer(config: &Config, world: &mut World, call: Call, outcome: Outcome) {
    let waits = matches!(world.relays[usize::from(call.relay)],
        Relay::Calling(waiting, _) if waiting == call);
    if waits || config.is(KnownBad::AnswersMatchedByOrder) {
        world.network.send(Message::Answer(call, outcome));
    }
}

fn answer_instead(world: &mut World, message: Message, outcome: Outcome) {
    world.network.take(message);
    let (Message::Request(call) | Message::Checked(call) | Message::Answer(call, _)) = message;
    let waits = matches!(world.relays[usize::from(call.relay)],
        Relay::Calling(waiting, _) if waiting == call);
    if waits {
        world.network.send(Message::Answer(call, outcome));
    }
}

fn lose_submit(config: &Config, world: &mut World, order: u8) {
    let row = &mut world.orders[usize::from(order)];
    if config.is(KnownBad::AnsweredBeforeCommit) {
        row.acknowledged = true;
    } else if config.is(KnownBad::OrderAndOutboxInTwoTransactions) {
        row.copies += 1;
        row.state = State::Pending;
    }
}

fn cancel(config: &Config, world: &mut World, order: u8) {
    let row = &mut world.orders[usize::from(order)];
    match (config.is(KnownBad::CancelIgnoresVersion), row.cancel) {
        (true, Cancel::NotAsked) => row.cancel = Cancel::Read,
        (true, _) => orders::cancel_blindly(world, order),
        (false, _) => orders::cancel(config, world, order),
    }
}

/// What only the step itself shows: a final state that moved on.
fn judge(world: &mut World, before: &World, action: Action) {
    let moved = |(old, new): (&Order, &Order)| old.state.is_final() && old.state != new.state;
    let changed = before.orders.iter().zip(&world.orders).any(moved);
    if changed && !matches!(action, Action::Repair(_, Repair::Retry)) {
        world.breaks(Invariant::FinalStatesStay);
    }
}

/// The first order crashes whoever is about to call for it.
fn holds_poison(config: &Config, world: &World, relay: u8) -> bool {
    let held = world.relays[usize::from(relay)];
    config.has(Feature::Poison) && matches!(held, Relay::Holding(call) if call.order == 0)
}
