//! Between the relays and inventory: what becomes of a request and of its answers.

use super::dice::{Source, Use};
use super::faults::{Fault, Moment};
use super::inventory::item;
use super::queue::{Event, Step};
use super::trace::Happened;
use super::wire::{Entry, Letter, Raw, RequestId, Travels};
use super::world::{World, order_of};
use schema_inventory::{Answer, Command};
use uuid::Uuid;

/// Whether a request is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Yes,
    Refused,
}

/// A request goes out.
pub(super) fn send(world: &mut World, request: RequestId) -> Sent {
    let order = world.requests[request as usize].entries[0].order;
    let is_down = world.now_ms < world.inventory_down_until_ms;
    if is_down {
        note(world, request, Fault::InventoryDown);
    }
    if is_down || hits(world, request, Fault::Refused) {
        return Sent::Refused;
    }
    if hits(world, request, Fault::RequestLost) {
        return Sent::Yes;
    }
    let late = hits(world, request, Fault::RequestLate);
    let source = Source::Order(order);
    let delay_ms = world.dice.between(source, Use::Delay, 0, if late { 12_000 } else { 4 });
    world.put(world.now_ms + delay_ms, Event::Arrive(request, 0));
    if hits(world, request, Fault::RequestDoubled) {
        let delay_ms = world.dice.between(source, Use::Delay, 0, 10_000);
        world.put(world.now_ms + delay_ms, Event::Arrive(request, 1));
    }
    Sent::Yes
}

/// A request arrives, and is answered.
pub(super) fn arrive(world: &mut World, request: RequestId, copy: u8) {
    if world.now_ms < world.inventory_down_until_ms {
        note(world, request, Fault::InventoryDown);
        return;
    }
    if hits(world, request, Fault::Throttled) {
        let order = world.requests[request as usize].entries[0].order;
        let retry_after_ms = 1_000 * world.dice.between(Source::Order(order), Use::Delay, 0, 4);
        return answer_all(world, request, copy, &Raw::throttled(retry_after_ms));
    }
    if hits(world, request, Fault::FailedBefore) {
        return answer_all(world, request, copy, &Raw::internal());
    }
    let page = hits(world, request, Fault::ProxyPage).then(|| draw_page(world, request));
    if let Some((status, Reached::Nobody)) = page {
        return answer_all(world, request, copy, &Raw::page(status));
    }
    let answers = execute(world, request);
    if let Some((status, Reached::Inventory)) = page {
        return answer_all(world, request, copy, &Raw::page(status));
    }
    if hits(world, request, Fault::FailedAfter) {
        return answer_all(world, request, copy, &Raw::internal());
    }
    for (nth, (answer, looked)) in answers.iter().enumerate() {
        answer_one(
            world,
            request,
            copy,
            Reply { nth: Some(nth), raw: answer.clone(), looked: *looked },
        );
    }
}

/// Whether a request that a proxy answered came through all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    Inventory,
    Nobody,
}

fn draw_page(world: &mut World, request: RequestId) -> (u16, Reached) {
    const PAGES: [u16; 4] = [404, 409, 502, 200];
    let source = Source::Order(world.requests[request as usize].entries[0].order);
    let status = PAGES[world.dice.below(source, Use::Delay, 4) as usize];
    let reached = world.dice.percent(source, Use::Delay, 50);
    (status, if reached { Reached::Inventory } else { Reached::Nobody })
}

fn execute(world: &mut World, request: RequestId) -> Vec<(Raw, bool)> {
    let entries = world.requests[request as usize].entries.clone();
    let is_bad_now = world.now_ms < world.bad_item_until_ms;
    let fails = |entry: &Entry| is_bad_now && is_of_the_bad_item(&entry.command);
    let acting = entries.iter().filter(|entry| !entry.looks && !fails(entry));
    let (commands, order_ids): (Vec<Command>, Vec<Uuid>) =
        acting.map(|entry| (entry.command.clone(), entry.order_id)).unzip();
    let mut answers = world.inventory.execute(&commands, &order_ids).into_iter();
    let mut all = Vec::with_capacity(entries.len());
    for entry in &entries {
        let id = entry.command.reservation_id();
        if fails(entry) {
            world.note_order(Fault::BadItem, Moment::Wire, entry.order);
            all.push((Raw::internal(), false));
            continue;
        }
        // A look is answered as a release would be; whether there was something is kept beside it.
        let (answer, looked) = if entry.looks {
            (Answer::Done(schema_inventory::State::Released), world.inventory.holds(id))
        } else {
            (answers.next().expect("as many answers as commands"), false)
        };
        let verb = match &entry.command {
            Command::Reserve(_) => "reserve",
            Command::Release { .. } => "release",
            Command::Commit { .. } => "commit",
        };
        let raw = Raw::of(id, &answer);
        let epoch = entry.command.epoch().unwrap_or(0);
        world.trace.note(world.now_ms, Happened::Executed(entry.order, verb, epoch, raw.status));
        all.push((raw, looked));
    }
    all
}

fn is_of_the_bad_item(command: &Command) -> bool {
    match command {
        Command::Reserve(reserve) => reserve.lines.iter().any(|line| line.item_id == item(0)),
        Command::Release { .. } | Command::Commit { .. } => false,
    }
}

/// One answer for the whole request.
fn answer_all(world: &mut World, request: RequestId, copy: u8, raw: &Raw) {
    let whole = world.requests[request as usize].travels == Travels::Together;
    post(
        world,
        request,
        copy,
        Reply { nth: (!whole).then_some(0), raw: raw.clone(), looked: false },
    );
}

/// The answer to one call; it may break off in its middle.
fn answer_one(world: &mut World, request: RequestId, copy: u8, mut reply: Reply) {
    let order = world.requests[request as usize].entries[reply.nth.unwrap_or(0)].order;
    if world.hits(Fault::AnswerCut, Moment::Wire, order) {
        reply.raw = Raw::cut();
    }
    post(world, request, copy, reply);
}

/// What inventory says: to one call of a request, or to the whole.
struct Reply {
    nth: Option<usize>,
    raw: Raw,
    looked: bool,
}

fn post(world: &mut World, request: RequestId, copy: u8, reply: Reply) {
    let (index, life) = caller(world, request);
    let Reply { nth, raw, looked } = reply;
    let entry = &world.requests[request as usize].entries[nth.unwrap_or(0)];
    let (slot, order) = (nth.map(|_| entry.slot), entry.order);
    // Nobody reads what a double is answered; a planted flaw may.
    let unread = copy > 0 && world.known_bad.is_none();
    if unread || world.hits(Fault::AnswerLost, Moment::Wire, order) {
        return;
    }
    let late = world.hits(Fault::AnswerLate, Moment::Wire, order);
    let longest_ms = if late { 6_000 } else { 4 };
    let delay_ms = world.dice.between(Source::Order(order), Use::Delay, 0, longest_ms);
    let letter = world.letters.len() as u32;
    world.letters.push(Letter { request, slot, order, raw, looked });
    let step = Step::ReceiveAnswer(letter);
    world.put(world.now_ms + delay_ms, Event::Relay { relay: index, life, step });
}

fn caller(world: &World, request: RequestId) -> (u16, u32) {
    let request = &world.requests[request as usize];
    (request.relay, request.life)
}

/// One roll for a request; it hits every order in it.
fn hits(world: &mut World, request: RequestId, fault: Fault) -> bool {
    let order = world.requests[request as usize].entries[0].order;
    let happens = world.roll(Source::Order(order), fault);
    if happens {
        note(world, request, fault);
    }
    happens
}

fn note(world: &mut World, request: RequestId, fault: Fault) {
    let entries = world.requests[request as usize].entries.iter();
    let orders: Vec<Uuid> = entries.map(|entry| entry.order_id).collect();
    world.note_all(fault, Moment::Wire, &orders);
    for order_id in orders.into_iter().skip(1) {
        world.trace.note(world.now_ms, Happened::HitToo(order_of(order_id), fault));
    }
}
