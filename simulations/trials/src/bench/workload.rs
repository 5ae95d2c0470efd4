//! What is measured.

use clap::ValueEnum;
use serde::Serialize;

/// The rows of the performance plan.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// All of them, one after the other
    All,
}

impl Workload {
    /// Every row of the plan, in its order.
    pub const EVERY: [Self; 11] = [
        Self::W1,
        Self::W2,
        Self::W3,
        Self::W4,
        Self::W5,
        Self::W6,
        Self::W7,
        Self::W8,
        Self::W9,
        Self::W10,
        Self::W11,
    ];

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
            Self::All => "W1 to W11",
        }
    }

    /// As it is written on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
