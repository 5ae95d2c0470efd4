//! `valerix simulate model` and `valerix simulate memory`: worlds without processes or databases. See
//! docs/simulations.md.

use anyhow::ensure;
use simulations::memory::{self, run_seed, run_seeds, shrink};
use simulations::model::{self, Bound, Only};
use tokio::task::spawn_blocking;

use crate::cli::{MemoryWorlds, ModelSearch};
use crate::output;

/// Searches every interleaving of the protocol, and looks for every planted flaw.
pub(crate) async fn search(asked: ModelSearch) -> anyhow::Result<()> {
    let bound = if asked.large { Bound::Large } else { Bound::Small };
    let threads = usize::from(asked.threads);
    let options = model::Options { bound, threads, only: Only::Everything };
    let report =
        spawn_blocking(move || model::run(&options, |found| output::print(&format!("{found}\n"))));
    let report = report.await?;
    output::print(&report.to_string());
    ensure!(report.is_clean(), "an invariant is broken, or a planted flaw was not found");
    Ok(())
}

/// Runs seeds, or one seed in full view.
pub(crate) async fn run(asked: MemoryWorlds) -> anyhow::Result<()> {
    if let Some(seed) = asked.seed {
        return replay(seed).await;
    }
    let MemoryWorlds { seeds, first_seed, .. } = asked;
    let options = memory::Options { first_seed, seeds, threads: usize::from(asked.threads) };
    let report = spawn_blocking(move || run_seeds(&options, |_| {})).await?;
    output::print(&report.to_string());
    ensure!(report.is_clean(), "an invariant is broken; `--seed N` shows that seed in full");
    Ok(())
}

async fn replay(seed: u64) -> anyhow::Result<()> {
    let run = spawn_blocking(move || run_seed(seed, None, None)).await?;
    output::print(&run.trace.to_string());
    if !run.is_clean() {
        let least = spawn_blocking(move || shrink(&run, None)).await?;
        output::print(&format!("\n{least}"));
        anyhow::bail!("an invariant is broken");
    }
    output::print("every invariant holds\n");
    Ok(())
}
