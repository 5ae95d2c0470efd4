//! W5: millions of finished orders in the tables, and everything as fast as before.

use std::time::{Duration, Instant};

use anyhow::ensure;
use chrono::Utc;
use indicatif::ProgressBar;
use reqwest::Client;
use schema_orders::retention;
use sqlx::{Connection, PgConnection};

use super::options::Options;
use super::report::{Goal, Report};
use super::session::Session;
use super::shape::Shape;

/// Orders written by one statement.
const CHUNK: i64 = 20_000;
/// A relay looks for it every half minute.
const REMOVED_WITHIN: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(50);
/// How often each page is asked for.
const ASKED: usize = 40;

/// What people look at. `{id}` is an order of the load.
const PAGES: [(&str, &str); 5] = [
    ("the newest orders", "/api/orders?limit=100"),
    ("orders by state", "/api/orders?limit=100&status=failed"),
    ("orders by item", "/api/orders?limit=100&item_id=item-00007"),
    ("one order", "/api/orders/{id}"),
    ("health", "/health"),
];

pub(super) async fn measure(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let clients = options.client_counts().into_iter().max().unwrap_or(64);
    let shape = Shape::uniform(clients, options.duration());
    if report.rows.is_empty() {
        let row = session.measure(shape.clone().labelled("w1")).await?;
        report.rows.push(row);
        let began = Instant::now();
        fill(session, options.past_orders()).await?;
        let (orders, s) = (options.past_orders(), began.elapsed().as_secs_f64());
        report.notes.push(format!("{orders} finished orders were written in {s:.0} s"));
    }
    let row = session.measure(shape.clone().labelled("with a past")).await?;
    report.rows.push(row);
    let share = report.compared_to_w1("with a past");
    report.set_goal(Goal::more("as a share of W1", share, "×").wanted(0.9, 0.98));

    let before = begin_removal(session).await?;
    let row = session.measure(shape.labelled("while it is removed")).await?;
    report.rows.push(row);
    let share = report.compared_to_w1("while it is removed");
    let what = "while retention removes it, as a share of W1";
    report.set_goal(Goal::more(what, share, "×").wanted(0.9, 0.98));
    // There is one order in each millisecond of the past.
    let removed = end_removal(session).await? - before;
    report.notes.push(format!("retention looked at {removed} of its orders meanwhile"));
    for (what, path) in PAGES {
        let p95_ms = ask(session, path).await?;
        let goal = Goal::less(&format!("{what}, p95"), Some(p95_ms), "ms");
        report.set_goal(goal.wanted(30.0, 30.0));
    }
    Ok(())
}

/// Answers how far retention has come by then, in milliseconds.
async fn begin_removal(session: &Session) -> anyhow::Result<u128> {
    let mut orders = PgConnection::connect(&session.stack.orders_url()).await?;
    let before = removed_until_ms(&mut orders).await?;
    retention::put_off(&mut orders, 0).await?;
    let began = Instant::now();
    while removed_until_ms(&mut orders).await? == before {
        ensure!(began.elapsed() < REMOVED_WITHIN, "retention removes nothing");
        tokio::time::sleep(POLL).await;
    }
    removed_until_ms(&mut orders).await
}

async fn end_removal(session: &Session) -> anyhow::Result<u128> {
    let mut orders = PgConnection::connect(&session.stack.orders_url()).await?;
    let until = removed_until_ms(&mut orders).await?;
    // A round later may measure again without it.
    hold_removal(&mut orders).await?;
    Ok(until)
}

async fn hold_removal(orders: &mut PgConnection) -> anyhow::Result<()> {
    let day_ms = 86_400_000;
    Ok(retention::put_off(orders, day_ms).await?)
}

async fn removed_until_ms(orders: &mut PgConnection) -> anyhow::Result<u128> {
    Ok(retention::find_removed_below(orders).await?.as_u128() >> 80)
}

async fn fill(session: &Session, past_orders: i64) -> anyhow::Result<()> {
    let bar = ProgressBar::new(past_orders.unsigned_abs()).with_message("writing the past");
    let mut orders = PgConnection::connect(&session.stack.orders_url()).await?;
    hold_removal(&mut orders).await?;
    let mut inventory = PgConnection::connect(&session.stack.inventory_url()).await?;
    // One order per millisecond, all of them before today.
    let began_ms = Utc::now().timestamp_millis() - past_orders - 86_400_000;
    let mut first = 1;
    while first <= past_orders {
        let last = (first + CHUNK - 1).min(past_orders);
        let (in_orders, in_inventory) = tokio::join!(
            schema_orders::lab::insert_finished_orders(&mut orders, began_ms, first, last),
            schema_inventory::lab::insert_held_reservations(&mut inventory, began_ms, first, last),
        );
        in_orders?;
        in_inventory?;
        bar.inc((last - first + 1).unsigned_abs());
        first = last + 1;
    }
    for connection in [&mut orders, &mut inventory] {
        schema_pg::lab::analyze(connection).await?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// The 95th percentile of one page, milliseconds.
async fn ask(session: &Session, path: &str) -> anyhow::Result<f64> {
    let of_load = session.last_ledger().entries().iter().find(|entry| !entry.order_id.is_nil());
    let id = of_load.map(|entry| entry.order_id).unwrap_or_default();
    let address = session.stack.order_addresses()[0];
    let url = format!("http://{address}{}", path.replace("{id}", &id.to_string()));
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let mut took = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let began = Instant::now();
        let answer = client.get(&url).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        ensure!(status.is_success(), "{url} answered {status}");
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() * 95 / 100])
}
