//! W10: from the start of `valerix up` to ready, on a new directory, an existing one, and after a kill.

use std::path::Path;
use std::time::{Duration, Instant};

use super::options::Options;
use super::report::{Goal, Report};
use crate::stack::{Process, lone_up};

const READY_WITHIN: Duration = Duration::from_mins(2);
const STOP_WITHIN: Duration = Duration::from_secs(30);

pub(super) async fn measure(
    binary: &Path,
    directory: &Path,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let starts = if options.short { 1 } else { 3.max(options.rounds) };
    let (mut first, mut again, mut after_kill) = (vec![], vec![], vec![]);
    for number in 0..starts {
        let data_dir = directory.join(format!("data-{number}"));
        let mut up = lone_up(binary, &data_dir)?;
        first.push(start(&mut up).await?);
        up.stop(STOP_WITHIN).await?;
        again.push(start(&mut up).await?);
        up.kill().await?;
        after_kill.push(start(&mut up).await?);
        up.stop(STOP_WITHIN).await?;
    }
    let first = Goal::less("first start", middle(first), "s");
    report.set_goal(first.aimed(3.0));
    let again = Goal::less("start on an existing directory", middle(again), "s");
    report.set_goal(again.wanted(2.0, 0.7));
    report.set_goal(Goal::less("start after kill -9", middle(after_kill), "s"));
    Ok(())
}

/// Seconds from the start of the process to its readiness.
async fn start(up: &mut Process) -> anyhow::Result<f64> {
    let began = Instant::now();
    up.start().await?;
    up.wait_ready(READY_WITHIN).await?;
    Ok(began.elapsed().as_secs_f64())
}

fn middle(mut seconds: Vec<f64>) -> Option<f64> {
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied()
}
