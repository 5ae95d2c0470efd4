//! What is measured.

use serde::Serialize;

/// The rows of the performance plan.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// Uniform: a thousand items, one line, closed loop
    W1,
    /// Flash sale: the same on one item
    W2,
    /// Five lines per order
    W3,
    /// Half load, open loop: latency
    W4,
    /// A past of finished orders in the tables
    W5,
    /// A session holds a snapshot open all the time
    W6,
    /// Two relays and two order services
    W7,
    /// Inventory dead for a while at half load, then back
    W8,
    /// Nothing to do
    W9,
    /// From start to ready
    W10,
    /// Memory under the load of W1
    W11,
}

impl Workload {
    /// One line for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::W1 => "W1: uniform, closed loop",
            Self::W2 => "W2: flash sale on one item",
            Self::W3 => "W3: five lines per order",
            Self::W4 => "W4: half load, open loop",
            Self::W5 => "W5: a past in the tables",
            Self::W6 => "W6: a snapshot held open",
            Self::W7 => "W7: two relays and two order services",
            Self::W8 => "W8: inventory dead, then back",
            Self::W9 => "W9: nothing to do",
            Self::W10 => "W10: from start to ready",
            Self::W11 => "W11: memory under load",
        }
    }
}
