//! The full sweep: every failpoint, each of its actions, at its first and its second hit.
//!
//! One stack serves all cells. For each the process that has the point is killed and started with it
//! armed; a small load and, where the point needs one, a stimulus bring it there; what dies is started
//! again, as a supervisor does it; and when nothing is left to do the invariants are checked. A cell
//! whose point was not reached is a failure: it would prove nothing. Start at [`run`], then `cell`.

mod cell;
mod stimuli;

use std::path::Path;
use std::time::Duration;

use failpoints::{Action, Point, points};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use tokio::time::Instant;

use super::options::Options;
use super::sweep_report::{Cell, SweepReport};
use cell::Ground;
use checker::Phase;

/// Hits that a point strikes at.
const HITS: [u32; 2] = [1, 2];

/// A cell to be run.
#[derive(Clone, Copy)]
struct Task {
    point: Point,
    action: Action,
    hit: u32,
}

impl Task {
    fn name(self) -> String {
        format!("{}={}@{}", self.point.name(), self.action.name(), self.hit)
    }
}

pub(super) async fn run(options: &Options, directory: &Path) -> anyhow::Result<SweepReport> {
    let began = Instant::now();
    let tasks = choose(options);
    anyhow::ensure!(!tasks.is_empty(), "no cell is named like that");
    let mut ground = Ground::start(options, directory).await?;
    let mut cells: Vec<Cell> = Vec::with_capacity(tasks.len());
    for (number, task) in tasks.iter().enumerate() {
        let cell = ground.run(*task, options.seed ^ number as u64).await?;
        let says = if cell.wrong.is_empty() { "clean" } else { "WRONG" };
        tracing::info!(
            cell = task.name(), number = number + 1, of = tasks.len(), says, wrong = ?cell.wrong,
            "swept"
        );
        cells.push(cell);
    }
    let checked = ground.check(Phase::Quiescent).await?;
    ground.stop().await?;
    Ok(SweepReport::new(options, cells, checked, began.elapsed()))
}

/// All cells; or those whose names hold a text; or so many of them, chosen by the seed.
fn choose(options: &Options) -> Vec<Task> {
    let mut tasks: Vec<Task> = points()
        .flat_map(|point| {
            Action::ALL.into_iter().flat_map(move |action| {
                let hits = HITS.into_iter().filter(move |hit| *hit <= point.hits_max());
                hits.map(move |hit| Task { point, action, hit })
            })
        })
        .filter(|task| options.only.as_deref().is_none_or(|text| task.name().contains(text)))
        .collect();
    if options.cells > 0 {
        tasks.shuffle(&mut SmallRng::seed_from_u64(options.seed));
        tasks.truncate(options.cells as usize);
    }
    tasks
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
