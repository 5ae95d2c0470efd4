//! The headers of a saga's call: its fencing token, and how long it may take.

use std::str::FromStr;
use std::time::Duration;

use edge::Problem;
use http::{HeaderMap, HeaderName};
use schema_inventory::Command;
use tokio::time::Instant;

use crate::intake::Asked;

const EPOCH: HeaderName = HeaderName::from_static("saga-epoch");
const DEADLINE_MS: HeaderName = HeaderName::from_static("saga-deadline-ms");

/// What a call carries besides its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SagaHeaders {
    /// `None`: the caller is no saga.
    pub(crate) epoch: Option<i64>,
    /// Work that has not begun by then is refused.
    pub(crate) until: Instant,
}

impl SagaHeaders {
    /// `longest` bounds the deadline, and stands in where there is none.
    pub(crate) fn read(headers: &HeaderMap, longest: Duration) -> Result<SagaHeaders, Problem> {
        let epoch = value(headers, &EPOCH)?;
        let deadline_ms = value(headers, &DEADLINE_MS)?;
        check_epoch(epoch, EPOCH.as_str())?;
        Ok(SagaHeaders { epoch, until: deadline(deadline_ms, longest) })
    }

    /// The command, to be decided in time.
    pub(crate) fn ask(self, command: Command) -> Asked {
        Asked { command, until: self.until }
    }
}

/// Epochs count from 0.
pub(crate) fn check_epoch(epoch: Option<i64>, pointer: &str) -> Result<(), Problem> {
    if epoch.is_some_and(|epoch| epoch < 0) {
        return Err(Problem::invalid(pointer, "out-of-range", "0 or more"));
    }
    Ok(())
}

/// The moment after which the caller does not wait any more.
pub(crate) fn deadline(left_ms: Option<u64>, longest: Duration) -> Instant {
    let left = left_ms.map_or(longest, Duration::from_millis);
    Instant::now() + left.min(longest)
}

fn value<T: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Result<Option<T>, Problem> {
    let mut given = headers.get_all(name).iter();
    let Some(text) = given.next() else { return Ok(None) };
    let value = text.to_str().ok().and_then(|text| text.trim().parse().ok());
    match (value, given.next()) {
        (Some(value), None) => Ok(Some(value)),
        _ => Err(Problem::invalid(name.as_str(), "invalid-value", "one whole number")),
    }
}
