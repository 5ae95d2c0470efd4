//! What the gremlin can be told: rates, delays, kinds, and three ready-made degrees.

use edge::Problem;
use schema_inventory::Command;
use serde::{Deserialize, Serialize};

use crate::item_id;

/// Longest delay, and longest jitter, in milliseconds.
const DELAY_MS_MAX: u64 = 60_000;
/// `latency_every` at most.
const EVERY_MAX: u64 = 1_000_000;
/// Items named at most.
const ITEMS_MAX: usize = 100;
/// Kinds in turn at most.
const KINDS_MAX: usize = 20;
/// How long it stays on where nobody says, in seconds.
const TTL_S: i32 = 3_600;
/// Longest time it stays on, in seconds: nobody is to find a gremlin that was forgotten last week.
const TTL_S_MAX: i32 = 86_400;
/// The delay of `latency: true` alone.
const LATENCY_MS: u64 = 1_000;

/// What it does, as it is stored and shown. A newer binary's words are read as far as they are known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) latency: bool,
    pub(crate) latency_ms: u64,
    pub(crate) jitter_ms: u64,
    pub(crate) latency_every: u64,
    pub(crate) latency_point: LatencyPoint,
    pub(crate) crash_rate: f64,
    pub(crate) crash_kinds: Vec<Crash>,
    pub(crate) partial_failure_rate: f64,
    pub(crate) partial_failure_kinds: Vec<Loss>,
    pub(crate) item_ids: Vec<String>,
    pub(crate) seed: Option<u64>,
}

/// Where in a call a delay lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LatencyPoint {
    /// Before anything is done: work that comes too late is refused.
    Before,
    /// After the commit: it is done, and the answer is late.
    #[default]
    After,
}

/// How a call fails before anything is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Crash {
    /// Answered 500.
    #[serde(rename = "500")]
    Error500,
    /// Answered 503 with `Retry-After`.
    #[serde(rename = "503")]
    Error503,
    /// The connection is cut.
    #[serde(rename = "cut")]
    Cut,
    /// The process dies.
    #[serde(rename = "exit")]
    Exit,
}

/// How an answer is withheld after the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Loss {
    /// Answered 500.
    #[serde(rename = "500")]
    Error500,
    /// The connection is cut.
    #[serde(rename = "cut")]
    Cut,
    /// The process dies.
    #[serde(rename = "exit")]
    Exit,
}

/// The three degrees of the reference API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Preset {
    /// Somewhat late, a fault here and there.
    Mild,
    /// Late, and one call in seven goes wrong.
    Moderate,
    /// Later than anybody waits, and four calls in ten go wrong.
    Extreme,
}

/// The body of POST /api/admin/chaos. What it does not say is the preset's, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChaosRequest {
    preset: Option<Preset>,
    latency: Option<bool>,
    latency_ms: Option<u64>,
    jitter_ms: Option<u64>,
    latency_every: Option<u64>,
    latency_point: Option<LatencyPoint>,
    crash_rate: Option<f64>,
    crash_kinds: Option<Vec<Crash>>,
    partial_failure_rate: Option<f64>,
    partial_failure_kinds: Option<Vec<Loss>>,
    item_ids: Option<Vec<String>>,
    seed: Option<u64>,
    ttl_s: Option<i32>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            latency: false,
            latency_ms: 0,
            jitter_ms: 0,
            latency_every: 1,
            latency_point: LatencyPoint::default(),
            crash_rate: 0.0,
            crash_kinds: vec![Crash::Error500, Crash::Error503, Crash::Cut],
            partial_failure_rate: 0.0,
            partial_failure_kinds: vec![Loss::Cut, Loss::Error500],
            item_ids: Vec::new(),
            seed: None,
        }
    }
}

impl Settings {
    /// Whether this command is its business. `None`: its items are not known here.
    pub(crate) fn concerns(&self, command: &Command) -> Option<bool> {
        if self.item_ids.is_empty() {
            return Some(true);
        }
        match command {
            Command::Reserve(reserve) => {
                Some(reserve.lines.iter().any(|line| self.names(&line.item_id)))
            }
            Command::Release { .. } | Command::Commit { .. } => None,
        }
    }

    /// Whether it looks at calls for this item.
    pub(crate) fn names(&self, item_id: &str) -> bool {
        self.item_ids.iter().any(|named| named == item_id)
    }

    fn does_nothing(&self) -> bool {
        let is_late = self.latency && self.latency_ms + self.jitter_ms > 0;
        !is_late && self.crash_rate == 0.0 && self.partial_failure_rate == 0.0
    }
}

impl Preset {
    fn settings(self) -> Settings {
        let late = |latency_every, latency_ms, jitter_ms| Settings {
            latency: true,
            latency_every,
            latency_ms,
            jitter_ms,
            ..Settings::default()
        };
        match self {
            Preset::Mild => {
                Settings { crash_rate: 0.01, partial_failure_rate: 0.01, ..late(4, 200, 100) }
            }
            Preset::Moderate => {
                Settings { crash_rate: 0.10, partial_failure_rate: 0.05, ..late(3, 1_000, 500) }
            }
            Preset::Extreme => {
                Settings { crash_rate: 0.25, partial_failure_rate: 0.15, ..late(2, 2_500, 1_500) }
            }
        }
    }
}

impl ChaosRequest {
    /// The settings, and for how many seconds.
    pub(crate) fn check(self) -> Result<(Settings, i32), Problem> {
        let ttl_s = self.ttl_s.unwrap_or(TTL_S);
        let settings = self.into_settings();
        bounded("/ttl_s", (1..=TTL_S_MAX).contains(&ttl_s), "1 to 86400 seconds")?;
        let delays = [("/latency_ms", settings.latency_ms), ("/jitter_ms", settings.jitter_ms)];
        for (pointer, delay_ms) in delays {
            bounded(pointer, delay_ms <= DELAY_MS_MAX, "0 to 60000 milliseconds")?;
        }
        let every = (1..=EVERY_MAX).contains(&settings.latency_every);
        bounded("/latency_every", every, "1 to 1000000")?;
        let (crash, lose) = (settings.crash_rate, settings.partial_failure_rate);
        bounded("/crash_rate", (0.0..=1.0).contains(&crash), "0 to 1")?;
        bounded("/partial_failure_rate", (0.0..=1.0).contains(&lose), "0 to 1")?;
        bounded("/partial_failure_rate", crash + lose <= 1.0, "both rates together: 0 to 1")?;
        let kinds = |count| (1..=KINDS_MAX).contains(&count);
        bounded("/crash_kinds", kinds(settings.crash_kinds.len()), "1 to 20 kinds")?;
        let losses = kinds(settings.partial_failure_kinds.len());
        bounded("/partial_failure_kinds", losses, "1 to 20 kinds")?;
        bounded("/item_ids", settings.item_ids.len() <= ITEMS_MAX, "at most 100 items")?;
        for (index, id) in settings.item_ids.iter().enumerate() {
            if let Some((code, detail)) = item_id::flaw(id) {
                return Err(Problem::invalid(format!("/item_ids/{index}"), code, detail));
            }
        }
        if settings.does_nothing() {
            let detail = "give a preset, a latency, a crash_rate or a partial_failure_rate";
            return Err(Problem::invalid("", "nothing-to-do", detail));
        }
        Ok((settings, ttl_s))
    }

    fn into_settings(self) -> Settings {
        let base = self.preset.map(Preset::settings).unwrap_or_default();
        let said = self.latency_ms.is_some() || self.jitter_ms.is_some();
        let latency = self.latency.unwrap_or(base.latency || said);
        let default_ms = if base.latency || said { base.latency_ms } else { LATENCY_MS };
        Settings {
            latency,
            latency_ms: self.latency_ms.unwrap_or(default_ms),
            jitter_ms: self.jitter_ms.unwrap_or(base.jitter_ms),
            latency_every: self.latency_every.unwrap_or(base.latency_every),
            latency_point: self.latency_point.unwrap_or(base.latency_point),
            crash_rate: self.crash_rate.unwrap_or(base.crash_rate),
            crash_kinds: self.crash_kinds.unwrap_or(base.crash_kinds),
            partial_failure_rate: self.partial_failure_rate.unwrap_or(base.partial_failure_rate),
            partial_failure_kinds: self.partial_failure_kinds.unwrap_or(base.partial_failure_kinds),
            item_ids: self.item_ids.unwrap_or(base.item_ids),
            seed: self.seed.or(base.seed),
        }
    }
}

fn bounded(pointer: &str, is_within: bool, detail: &str) -> Result<(), Problem> {
    if is_within { Ok(()) } else { Err(Problem::invalid(pointer, "out-of-range", detail)) }
}

#[cfg(test)]
mod tests;
