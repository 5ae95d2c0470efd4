//! The workloads that are loads: W1 to W7 and W11. Each compares with W1 on the same stack.

use std::time::Duration;

use schema_pg::lab::HeldSnapshot;

use super::half_rate::half_rate;
use super::options::Options;
use super::report::{Goal, Report, median};
use super::row::Row;
use super::session::Session;
use super::shape::{ITEMS, Shape};
use super::workload::Workload;
use super::{idle, outage, past};
use crate::load::Basket;

/// Lines of an order of W3.
const LINES: u32 = 5;
/// A held snapshot hurts only after a while.
const SNAPSHOT_HELD: Duration = Duration::from_mins(3);

pub(super) async fn measure(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    for _ in 0..options.rounds {
        match options.workload {
            Workload::W1 => uniform(session, options, report).await?,
            Workload::W2 => flash_sale(session, options, report).await?,
            Workload::W3 => five_lines(session, options, report).await?,
            Workload::W4 => half_load(session, options, report).await?,
            Workload::W5 => past::measure(session, options, report).await?,
            Workload::W6 => held_snapshot(session, options, report).await?,
            Workload::W7 => two_of_each(session, options, report).await?,
            Workload::W8 => outage::measure(session, options, report).await?,
            Workload::W9 => idle::measure(session, options, report).await?,
            Workload::W10 | Workload::All => unreachable!("they start stacks of their own"),
            Workload::W11 => memory(session, options, report).await?,
        }
    }
    Ok(())
}

async fn uniform(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    for clients in options.client_counts() {
        let row = session.measure(Shape::uniform(clients, options.duration())).await?;
        report.rows.push(row);
    }
    let labels: Vec<&str> = report.rows.iter().map(|row| row.label.as_str()).collect();
    let best = |figure: fn(&Row) -> Option<f64>| {
        labels.iter().filter_map(|label| median(report.labelled(label), figure)).reduce(f64::max)
    };
    let (per_s, one, b100) =
        (best(|row| Some(row.orders_per_s)), best(|row| row.ratio_one), best(|row| row.ratio_b100));
    report.set_goal(Goal::more("orders per second", per_s, "/s"));
    report.set_goal(Goal::more("share of the limit, one at a time", one, "×"));
    let share = Goal::more("share of the limit, in batches", b100, "×");
    report.set_goal(share.wanted(1.0 / 6.0, 1.0 / 3.0));
    budgets(report);
    Ok(())
}

/// What an order may cost. Of the last row: the most clients.
fn budgets(report: &mut Report) {
    let Some(row) = report.rows.last().cloned() else { return };
    for (what, cost, unit, aim) in [
        ("commits per order", row.commits_per_order, "", 0.05),
        ("log per order", row.wal_bytes_per_order, "B", 1_500.0),
        ("dead rows per order", row.dead_rows_per_order, "", 2.0),
    ] {
        report.set_goal(Goal::less(what, Some(cost), unit).aimed(aim));
    }
}

async fn flash_sale(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let one_item = Basket::OneLine { items: 1, quantity_max: 1 };
    compared(session, options, report, "one item", |shape| shape.of(one_item)).await?;
    let share = Goal::more("one item, as a share of W1", report.compared_to_w1("one item"), "×");
    report.set_goal(share.wanted(0.8, 0.95));
    Ok(())
}

async fn five_lines(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let basket = Basket::Lines { items: ITEMS, lines: LINES };
    compared(session, options, report, "five lines", |shape| shape.of(basket)).await?;
    let orders = report.compared_to_w1("five lines");
    let lines = orders.map(|ratio| ratio * f64::from(LINES));
    report.set_goal(Goal::more("lines per second, as a multiple of W1", lines, "×").aimed(2.0));
    Ok(())
}

/// W1, and the same otherwise, with the most clients.
async fn compared(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
    label: &str,
    otherwise: impl FnOnce(Shape) -> Shape,
) -> anyhow::Result<()> {
    let clients = options.client_counts().into_iter().max().unwrap_or(64);
    let shape = Shape::uniform(clients, options.duration());
    let row = session.measure(shape.clone().labelled("w1")).await?;
    report.rows.push(row);
    let row = session.measure(otherwise(shape).labelled(label)).await?;
    report.rows.push(row);
    Ok(())
}

async fn half_load(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let rate = half_rate(session, options, report).await?;
    let shape = Shape::open(rate, options.duration()).labelled("half load");
    let row = session.measure(shape).await?;
    report.rows.push(row);
    let of = |figure: fn(&Row) -> f64| median(report.labelled("half load"), |r| Some(figure(r)));
    let (p50, p99, p999) = (of(|row| row.p50_ms), of(|row| row.p99_ms), of(|row| row.p999_ms));
    report.set_goal(Goal::less("p50", p50, "ms").wanted(8.0, 4.0));
    report.set_goal(Goal::less("p99", p99, "ms").wanted(30.0, 12.0));
    report.set_goal(Goal::less("p99.9", p999, "ms").aimed(40.0));
    Ok(())
}

async fn held_snapshot(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let clients = options.client_counts().into_iter().max().unwrap_or(64);
    let shape = Shape::uniform(clients, options.duration());
    let row = session.measure(shape.clone().labelled("w1")).await?;
    report.rows.push(row);

    let orders = HeldSnapshot::take(&session.stack.orders_url()).await?;
    let inventory = HeldSnapshot::take(&session.stack.inventory_url()).await?;
    let seconds = if options.short { shape.seconds } else { shape.seconds.max(SNAPSHOT_HELD) };
    let row = session.measure(Shape { seconds, ..shape }.labelled("held snapshot")).await?;
    orders.release().await?;
    inventory.release().await?;

    let (begin_s, whole_s) = (row.seconds * 0.1, row.seconds);
    let first = row.orders_per_s_between(begin_s, begin_s + whole_s / 4.0);
    let last = row.orders_per_s_between(whole_s * 0.75, whole_s);
    report.rows.push(row);
    let share = report.compared_to_w1("held snapshot");
    report.set_goal(Goal::more("as a share of W1", share, "×").wanted(0.7, 0.95));
    let flat = (first > 0.0).then(|| last / first);
    report.set_goal(Goal::more("last quarter, as a share of the first", flat, "×").aimed(0.95));
    Ok(())
}

async fn two_of_each(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let clients = options.client_counts().into_iter().max().unwrap_or(64);
    let shape = Shape::uniform(clients, options.duration());
    if session.stack.named("relay").count() == 1 {
        let row = session.measure(shape.clone().labelled("w1")).await?;
        report.rows.push(row);
        session.stack.start_relay().await?;
        session.stack.start_order_api().await?;
    }
    let row = session.measure(shape.labelled("two of each")).await?;
    report.rows.push(row);
    let share = report.compared_to_w1("two of each");
    report.set_goal(Goal::more("two of each, as a share of W1", share, "×").wanted(1.0, 1.0));
    Ok(())
}

async fn memory(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    uniform(session, options, report).await?;
    // Of W1, which tells them itself.
    report.goals.clear();
    let Some(row) = report.rows.last().cloned() else { return Ok(()) };
    for (name, peak_mib) in row.peak_mib.iter().filter(|(name, _)| *name != "postgres") {
        let what = format!("memory of {name}, peak");
        report.set_goal(Goal::less(&what, Some(*peak_mib), "MiB").wanted(150.0, 64.0));
    }
    Ok(())
}
