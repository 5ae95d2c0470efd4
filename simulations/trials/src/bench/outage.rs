//! W8: inventory dies at half load, stays dead, and comes back.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep};

use super::half_rate::half_rate;
use super::options::Options;
use super::report::{Goal, Report};
use super::session::Session;
use super::shape::Shape;
use checker::ledger::{Entry, Ledger};

const DEAD_FOR: Duration = Duration::from_mins(1);
const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);
/// A backlog that is not gone by then will not go.
const GONE_WITHIN: Duration = Duration::from_mins(5);
/// Under way at any moment of a healthy run: so many milliseconds' worth of orders.
const NORMAL_BACKLOG_MS: f64 = 100.0;
/// What a POST waits for its order, and what a busy machine may add to it.
const ANSWER_BOUND_MS: f64 = 2_500.0;
/// Orders that were placed this shortly before the outage were caught by it.
const CAUGHT_MS: f64 = 500.0;

pub(super) async fn measure(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let rate = half_rate(session, options, report).await?;
    let (healthy, dead) = if options.short {
        (Duration::from_secs(2), Duration::from_secs(3))
    } else {
        (options.duration(), DEAD_FOR)
    };
    // Long enough for the drain; stopped as soon as there is a healthy stretch behind it.
    // A client that was told 202 goes away: it must not keep the next one from coming.
    let follow = Duration::ZERO;
    let shape =
        Shape { follow, ..Shape::open(rate, healthy + dead + GONE_WITHIN) }.labelled("outage");
    let warm_up = shape.warm_up;
    let began = Instant::now();
    let underway = session.begin(shape).await?;
    let control = underway.load.control.clone();

    sleep(warm_up + healthy).await;
    let died_ms = millis(began);
    session.stack.process_mut("inventory-api")?.kill().await?;
    sleep(dead).await;
    let inventory = session.stack.process_mut("inventory-api")?;
    inventory.start().await?;
    inventory.wait_ready(READY_WITHIN).await?;
    session.faults_end_now();
    let back_ms = millis(began);
    let normal = (rate * NORMAL_BACKLOG_MS / 1_000.0).max(16.0) as i64;
    let backlog = wait_gone(session, normal).await?;
    let gone_ms = millis(began);
    sleep(healthy).await;
    control.stop();
    let ended = session.end(underway).await?;

    let ledger = session.last_ledger();
    let steady = p99(ledger, warm_up.as_millis() as f64, died_ms - CAUGHT_MS);
    let new_orders = p99(ledger, back_ms, gone_ms);
    let at_once = settled_at_once(ledger, back_ms, gone_ms);
    report.rows.push(ended.row);
    report.notes.push(format!(
        "inventory was dead for {:.1} s; the backlog was {backlog} orders when it came back",
        (back_ms - died_ms) / 1_000.0
    ));
    let gone_s = Some((gone_ms - back_ms) / 1_000.0);
    report.set_goal(Goal::less("backlog gone after", gone_s, "s").wanted(60.0, 20.0));
    let slowest = Some(ended.slowest_answer_ms);
    let bound = Goal::less("slowest answer to a POST", slowest, "ms");
    report.set_goal(bound.wanted(ANSWER_BOUND_MS, ANSWER_BOUND_MS));
    report.set_goal(Goal::less("p99 before the outage", steady, "ms"));
    let times = steady.zip(new_orders).map(|(steady, new)| new / steady.max(f64::EPSILON));
    report.set_goal(Goal::less("p99 of new orders while draining", new_orders, "ms"));
    report.set_goal(Goal::more("new orders that were answered as settled", at_once, "%"));
    report.set_goal(Goal::less("that p99, as a multiple of before", times, "×").aimed(2.0));
    Ok(())
}

/// Waits until no more than the normal is left; answers how much there was.
async fn wait_gone(session: &Session, normal: i64) -> anyhow::Result<i64> {
    let mut connection = PgConnection::connect(&session.stack.orders_url()).await?;
    let began = Instant::now();
    let backlog = session.backlog(&mut connection).await?;
    while session.backlog(&mut connection).await? > normal {
        anyhow::ensure!(began.elapsed() < GONE_WITHIN, "the backlog does not go away");
        sleep(POLL).await;
    }
    Ok(backlog)
}

/// Of orders that were placed in that time, in milliseconds since the load began. One that was answered
/// 202 took as long as an answer may take at least.
fn p99(ledger: &Ledger, from_ms: f64, to_ms: f64) -> Option<f64> {
    let mut took: Vec<f64> = placed(ledger, from_ms, to_ms)
        .map(|entry| {
            let took_ms = f64::from(entry.took_ms);
            if entry.outcome.is_final() { took_ms } else { took_ms.max(ANSWER_BOUND_MS) }
        })
        .collect();
    took.sort_unstable_by(f64::total_cmp);
    let index = (took.len() * 99 / 100).min(took.len().checked_sub(1)?);
    Some(took[index])
}

/// In per cent.
fn settled_at_once(ledger: &Ledger, from_ms: f64, to_ms: f64) -> Option<f64> {
    let all = placed(ledger, from_ms, to_ms).count();
    let settled = placed(ledger, from_ms, to_ms).filter(|entry| entry.outcome.is_final()).count();
    (all > 0).then(|| 100.0 * settled as f64 / all as f64)
}

fn placed(ledger: &Ledger, from_ms: f64, to_ms: f64) -> impl Iterator<Item = &Entry> {
    let is_meant = move |entry: &&Entry| {
        let at = f64::from(entry.started_ms);
        entry.outcome.is_acknowledged() && at >= from_ms && at < to_ms
    };
    ledger.entries().iter().filter(is_meant)
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}
