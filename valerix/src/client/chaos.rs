//! `valerix chaos …`: the gremlin in inventory.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::http::{Of, Output, Remote};
use super::print;
use crate::output;

const PATH: &str = "/api/admin/chaos";

/// What can be done with it.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Chaos {
    /// Show its settings and what it has done
    Show(Remote),
    /// Start faults
    On(On),
    /// Stop faults
    Off(Remote),
}

/// How bad.
#[derive(Args, Clone, Debug)]
pub(crate) struct On {
    /// How severe the faults are
    preset: Preset,
    /// Stop automatically after this many seconds
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    ttl_s: Option<u32>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Preset {
    Mild,
    Moderate,
    Extreme,
}

pub(super) async fn run(asked: Chaos) -> anyhow::Result<()> {
    let (remote, answer) = match asked {
        Chaos::Show(remote) => {
            let answer = remote.get(Of::Inventory, PATH)?.send().await?;
            (remote, answer)
        }
        Chaos::On(On { preset, ttl_s, remote }) => {
            let preset = preset.to_possible_value().expect("no preset is hidden");
            let mut body = json!({"preset": preset.get_name()});
            if let Some(ttl_s) = ttl_s {
                body["ttl_s"] = ttl_s.into();
            }
            let answer = remote.post(Of::Inventory, PATH, &body)?.send().await?;
            (remote, answer)
        }
        Chaos::Off(remote) => {
            let answer = remote.delete(Of::Inventory, PATH)?.send().await?;
            (remote, answer)
        }
    };
    show(&remote, &answer);
    Ok(())
}

/// All its settings, by name: it has many, and most are usually off.
fn show(remote: &Remote, answer: &Value) {
    match (remote.output, answer.as_object()) {
        (Output::Table, Some(settings)) => {
            let width = settings.keys().map(String::len).max().unwrap_or(0);
            for (name, value) in settings.iter().filter(|(_, value)| !value.is_null()) {
                output::print(&format!("{name:width$}  {value}\n"));
            }
        }
        _ => print::one(remote, answer, &[]),
    }
}
