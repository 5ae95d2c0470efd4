//! Every known flaw, planted in the real binaries one by one: each must be found.
//!
//! What a run that finds nothing is worth is what these runs say. A flaw is planted in all services, and
//! the scenario that leads to its consequences is run until the faults are over.

use std::fmt;
use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde::Serialize;
use serde_json::{Value, json};

use super::Outcome;
use super::options::Options;
#[cfg(feature = "failpoints")]
use super::{Scenario, runner};

/// What became of one flaw.
#[derive(Debug, Clone, Serialize)]
pub struct Sighting {
    /// As `--known-bad` names it.
    pub flaw: &'static str,
    pub command_line: String,
    /// Faults that were inflicted.
    pub faults: usize,
    /// The checks of which one must find it: that such a run does not come to rest proves nothing.
    pub betrayed_by: &'static [&'static str],
    /// The checks that found something, and how often.
    pub found: Vec<(&'static str, u64)>,
}

/// What became of all of them.
#[derive(Debug, Clone)]
pub struct KnownBadReport {
    /// What repeats it.
    pub command_line: String,
    /// One per flaw.
    pub sightings: Vec<Sighting>,
}

#[cfg(feature = "failpoints")]
pub(super) async fn run(options: &Options, directory: &Path) -> anyhow::Result<Outcome> {
    use failpoints::known_bad::Flaw;

    let mut sightings = vec![];
    let wanted = options.known_bad.as_deref().map(Flaw::named).transpose()?;
    for flaw in Flaw::ALL.into_iter().filter(|flaw| wanted.is_none_or(|wanted| wanted == *flaw)) {
        let (scenario, faults) = match flaw {
            Flaw::OutboxRemovedAtClaim => (Scenario::RelayCrashLoop, 8),
            Flaw::NoFenceInOrders => (Scenario::ZombieRelay, 6),
            Flaw::NewReservationIdPerAttempt | Flaw::TimeoutIsFailure => {
                (Scenario::SchrodingersWarehouse, 4)
            }
            Flaw::ReleaseWithoutTombstone => (Scenario::LateAndDuplicated, 10),
            Flaw::CommitNotFlushed => (Scenario::PostgresCrashLoop, 16),
        };
        let of_flaw = Options {
            scenario,
            faults,
            known_bad: Some(flaw.name().to_owned()),
            minutes: options.minutes.max(1.0),
            ..options.clone()
        };
        let room = directory.join(flaw.name());
        std::fs::create_dir(&room)?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(&room, open)?;
        let report = runner::run(&of_flaw, &room).await?;
        sightings.push(Sighting {
            flaw: flaw.name(),
            command_line: of_flaw.command_line(),
            faults: report.faults.len(),
            betrayed_by: betrayed_by(flaw),
            found: report.checked.faults.into_iter().collect(),
        });
        std::fs::remove_dir_all(&room)?;
    }
    Ok(Outcome::KnownBad(KnownBadReport { command_line: options.command_line(), sightings }))
}

/// The checks that see what the flaw does, and nothing else does.
#[cfg(feature = "failpoints")]
fn betrayed_by(flaw: failpoints::known_bad::Flaw) -> &'static [&'static str] {
    use failpoints::known_bad::Flaw;

    match flaw {
        Flaw::OutboxRemovedAtClaim => &["unfinished-without-message"],
        Flaw::NoFenceInOrders => &["epoch-went-back"],
        Flaw::NewReservationIdPerAttempt => &["stock-held-twice"],
        Flaw::TimeoutIsFailure => &["stock-held-by-ended-order"],
        // what a late reserve would find, or has found already
        Flaw::ReleaseWithoutTombstone => &["late-reserve-possible", "stock-held-by-ended-order"],
        Flaw::CommitNotFlushed => &["acknowledged-order-missing"],
    }
}

#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unused_async, reason = "it is the run of a binary that has no flaws")]
pub(super) async fn run(_: &Options, _: &Path) -> anyhow::Result<Outcome> {
    anyhow::bail!(
        "this binary has no known flaws; run: \
         cargo run --release --features failpoints -- simulate run known-bad"
    )
}

impl Sighting {
    /// True when a check that must find it has.
    pub fn is_found(&self) -> bool {
        self.found.iter().any(|(check, _)| self.betrayed_by.contains(check))
    }
}

impl KnownBadReport {
    /// True when every flaw was found.
    pub fn is_clean(&self) -> bool {
        !self.sightings.is_empty() && self.sightings.iter().all(Sighting::is_found)
    }

    pub fn to_json(&self) -> Value {
        json!({
            "command_line": self.command_line, "clean": self.is_clean(), "flaws": self.sightings,
        })
    }

    pub(super) fn to_html(&self) -> String {
        super::plain_page("Known flaws", &self.to_string())
    }
}

impl fmt::Display for KnownBadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command_line)?;
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["planted", "faults", "found by"]);
        for seen in &self.sightings {
            let found: Vec<String> =
                seen.found.iter().map(|(check, times)| format!("{check} ({times})")).collect();
            let found = found.join("\n");
            let found = if seen.is_found() {
                found
            } else {
                format!("NOT FOUND by {}\n{found}", seen.betrayed_by.join(" or "))
            };
            table.add_row([seen.flaw.to_owned(), seen.faults.to_string(), found]);
        }
        writeln!(f, "{table}")
    }
}
