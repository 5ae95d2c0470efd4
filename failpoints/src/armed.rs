//! What happens at an armed failpoint.

use std::io::{self, Write as _};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{FailpointError, Point, Struck};

/// How long a stalled point stalls: longer than a silent relay is waited for.
pub const STALL: Duration = Duration::from_millis(1_500);
/// The latest hit that a point may strike at.
pub const HITS_MAX: u32 = 1_000;
/// Written to standard error, with the point's name behind it, right before it strikes.
pub const STRUCK: &str = "failpoint struck: ";

static ARMED: OnceLock<Vec<Armed>> = OnceLock::new();

/// What a failpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The process is gone at once.
    Kill,
    /// As if the connection had broken.
    Error,
    /// Nothing goes on here for a while ([`STALL`]).
    Stall,
    /// The task panics.
    Panic,
}

struct Armed {
    point: Point,
    action: Action,
    hit: u32,
    hits: AtomicU32,
}

impl Action {
    pub const ALL: [Action; 4] = [Action::Kill, Action::Error, Action::Stall, Action::Panic];

    /// As it is written in the variable.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Error => "error",
            Self::Stall => "stall",
            Self::Panic => "panic",
        }
    }
}

pub(super) fn arm(setting: Option<&str>) -> Result<(), FailpointError> {
    let armed = setting.map(parse).transpose()?.unwrap_or_default();
    // Armed for life: a second word is not heard.
    let _ = ARMED.set(armed);
    Ok(())
}

fn parse(setting: &str) -> Result<Vec<Armed>, FailpointError> {
    setting.split(';').map(str::parse).collect()
}

impl FromStr for Armed {
    type Err = FailpointError;

    fn from_str(setting: &str) -> Result<Armed, FailpointError> {
        let wrong = |why: &str| FailpointError::Malformed {
            setting: setting.to_owned(),
            why: why.to_owned(),
        };
        let (name, strike) = setting.split_once('=').ok_or_else(|| wrong("there is no ="))?;
        let (action, hit) = strike.split_once('@').unwrap_or((strike, "1"));
        let point = Point::named(name).ok_or_else(|| wrong("there is no such point"))?;
        let action = Action::ALL.into_iter().find(|known| known.name() == action);
        let action = action.ok_or_else(|| wrong("the action is kill, error, stall or panic"))?;
        let hit = hit.parse().ok().filter(|hit| (1..=HITS_MAX).contains(hit));
        let hit = hit.ok_or_else(|| wrong("the hit is a number from 1 to 1000"))?;
        Ok(Armed { point, action, hit, hits: AtomicU32::new(0) })
    }
}

pub(super) async fn strike(point: Point) -> Result<(), Struck> {
    let armed = ARMED.get().into_iter().flatten().filter(|armed| armed.point == point);
    for armed in armed {
        if armed.hits.fetch_add(1, Ordering::Relaxed) + 1 == armed.hit {
            armed.strike().await?;
        }
    }
    Ok(())
}

impl Armed {
    async fn strike(&self) -> Result<(), Struck> {
        let name = self.point.name();
        // One write, so that it stands in the log also when the process is gone a moment later.
        let _ = io::stderr().write_all(format!("{STRUCK}{name}\n").as_bytes());
        match self.action {
            Action::Kill => std::process::abort(),
            Action::Panic => panic!("failpoint {name}"),
            Action::Stall => tokio::time::sleep(STALL).await,
            Action::Error => return Err(Struck),
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) fn is_readable(setting: &str) -> Result<(), FailpointError> {
    parse(setting).map(drop)
}
