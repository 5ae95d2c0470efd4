//! W9: what it costs to have nothing to do, and how fast the first order is after that.

use std::time::Duration;

use tokio::time::sleep;

use super::options::Options;
use super::report::{Goal, Report};
use super::sampler::{POSTGRES, Sampler};
use super::session::Session;
use super::shape::Shape;
use crate::load::Pace;

/// The services' own start is over by then, and every backend has reported its counts.
const QUIET_BEFORE: Duration = Duration::from_secs(12);
/// Single orders, so far apart that each meets an idle system.
const SINGLE_ORDERS_PER_S: f64 = 2.0;

pub(super) async fn measure(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    sleep(if options.short { Duration::from_secs(2) } else { QUIET_BEFORE }).await;
    let before = session.counters().await?;
    let sampler = Sampler::start(&session.stack, Duration::ZERO);
    sleep(options.duration()).await;
    let samples = sampler.finish().await;
    let after = session.counters().await?;
    let seconds = samples.counted_for.as_secs_f64();
    let relays = session.stack.named("relay").count().max(1) as f64;
    // Reading the counters is two transactions in each database too: a session begins with one.
    let orders = (after[0] - before[0]).commits + (after[0] - before[0]).rollbacks - 2;
    let inventory = (after[1] - before[1]).commits + (after[1] - before[1]).rollbacks - 2;
    let per_relay = orders.max(0) as f64 / seconds / relays;
    let goal = Goal::less("transactions in orders per second and relay", Some(per_relay), "/s");
    report.set_goal(goal.wanted(2.0, 0.2));
    let of_inventory = Some(inventory.max(0) as f64 / seconds);
    report.set_goal(Goal::less("transactions in inventory per second", of_inventory, "/s"));
    for (name, used) in &samples.used {
        let percent = 100.0 * used.cpu.as_secs_f64() / seconds;
        let goal = Goal::less(&format!("{name}, of a core"), Some(percent), "%");
        report.set_goal(if name == POSTGRES { goal } else { goal.wanted(1.0, 1.0) });
    }
    let shape = Shape {
        pace: Pace::Open { orders_per_s: SINGLE_ORDERS_PER_S },
        warm_up: Duration::ZERO,
        ..Shape::uniform(4, options.duration())
    };
    let row = session.measure(shape.labelled("single orders")).await?;
    report.set_goal(Goal::less("wake-up: p50 of single orders", Some(row.p50_ms), "ms"));
    report
        .set_goal(Goal::less("wake-up: slowest single order", Some(row.max_ms), "ms").aimed(50.0));
    report.rows.push(row);
    Ok(())
}
