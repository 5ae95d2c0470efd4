//! The rate of W4 and W8: half of what the same stack reaches when it is asked as fast as it answers.

use std::time::Duration;

use super::options::Options;
use super::report::Report;
use super::session::Session;
use super::shape::Shape;

/// How long the closed loop is run that the rate is taken from.
const CALIBRATION: Duration = Duration::from_secs(8);

/// Half of what a closed loop reaches, in orders per second.
pub(super) async fn half_rate(
    session: &mut Session,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<f64> {
    if let Some(rate) = options.rate {
        return Ok(rate);
    }
    let clients = options.client_counts().into_iter().max().unwrap_or(64);
    let shape = Shape::uniform(clients, options.duration().min(CALIBRATION));
    let row = session.measure(shape.labelled("w1")).await?;
    let half = row.orders_per_s / 2.0;
    report.rows.push(row);
    Ok(half)
}
