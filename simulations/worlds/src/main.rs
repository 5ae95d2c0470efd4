//! `worlds model` and `worlds memory`: tiers 0 and 1 from the command line. See docs/simulations.md.
//!
//! A program of its own, so that the product carries no model checker: `cargo worlds --help`.

use std::io::{self, Write};

use anyhow::ensure;
use clap::{Args, Parser, Subcommand};
use worlds::memory::{self, run_seed, run_seeds, shrink};
use worlds::model::{self, Bound, Only};

/// Millions of small worlds are built and dropped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Worlds without processes or databases, in which everything goes wrong.
///
/// 0: every invariant holds. 1: one is broken, or a planted flaw was not found.
#[derive(Debug, Parser)]
#[command(name = "worlds", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tier 0: search every interleaving of the protocol, and look for every planted flaw
    Model(ModelSearch),
    /// Tier 1: run the product's decisions through seeded faulty worlds in memory
    Memory(MemoryWorlds),
}

/// Options of `worlds model`.
#[derive(Args, Clone, Copy, Debug)]
struct ModelSearch {
    /// One or two faults more in each world: an hour and some gigabytes rather than a minute.
    #[arg(long)]
    large: bool,
    /// Threads (1 to 64).
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

/// Options of `worlds memory`.
#[derive(Args, Clone, Copy, Debug)]
struct MemoryWorlds {
    /// Seeds to run.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Threads (1 to 64). They change nothing but the time it takes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Run this one seed and print all that happens in it.
    #[arg(long, conflicts_with_all = ["seeds", "first_seed"])]
    seed: Option<u64>,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Model(asked) => search(asked),
        Command::Memory(MemoryWorlds { seed: Some(seed), .. }) => replay(seed),
        Command::Memory(asked) => run(asked),
    }
}

/// Searches every interleaving of the protocol, and looks for every planted flaw.
fn search(asked: ModelSearch) -> anyhow::Result<()> {
    let bound = if asked.large { Bound::Large } else { Bound::Small };
    let threads = usize::from(asked.threads);
    let options = model::Options { bound, threads, only: Only::Everything };
    let report = model::run(&options, |found| print(&format!("{found}\n")));
    print(&report.to_string());
    ensure!(report.is_clean(), "an invariant is broken, or a planted flaw was not found");
    Ok(())
}

/// Runs seeds one after the other.
fn run(asked: MemoryWorlds) -> anyhow::Result<()> {
    let MemoryWorlds { seeds, first_seed, threads, .. } = asked;
    let options = memory::Options { first_seed, seeds, threads: usize::from(threads) };
    let report = run_seeds(&options, |_| {});
    print(&report.to_string());
    ensure!(report.is_clean(), "an invariant is broken; `--seed N` shows that seed in full");
    Ok(())
}

/// Runs one seed in full view; where it fails, also with no more faults than it needs for that.
fn replay(seed: u64) -> anyhow::Result<()> {
    let run = run_seed(seed, None, None);
    print(&run.trace.to_string());
    if !run.is_clean() {
        print(&format!("\n{}", shrink(&run, None)));
        anyhow::bail!("an invariant is broken");
    }
    print("every invariant holds\n");
    Ok(())
}

/// Prints at once. A reader that has gone away (`| head`) is no fault of ours.
fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
