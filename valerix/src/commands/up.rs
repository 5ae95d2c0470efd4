//! `valerix up`: everything in one process, on an embedded Postgres unless databases are given.
//!
//! It starts from below (ports, databases, inventory, relay, orders) and stops from above, so that what is under way
//! still finds what it needs.

mod banner;
mod endpoints;
pub(crate) mod retention;
mod services;
mod system;

use crate::cli::Up;
use crate::{output, shutdown};

use system::System;

pub(crate) async fn run(up: Up) -> anyhow::Result<()> {
    retention::check(&up)?;
    let stop = shutdown::on_signal()?;
    let Some(started) = stop.run_until_cancelled(System::start(up)).await else { return Ok(()) };
    let mut system = started?;
    output::announce(&banner::text(&system.endpoints));
    let failed = stop.run_until_cancelled(system.failed()).await;
    system.stop().await;
    match failed {
        Some(why) => Err(why),
        None => Ok(()),
    }
}
