//! Where a list of orders goes on: opaque for clients, and bound to the filters it was made with.

use edge::{Problem, filters_digest, invalid_cursor};
use uuid::Uuid;

const VERSION: &str = "1";
const ID_DIGITS: usize = 32;

/// The cursor of the page below `before`.
pub(crate) fn encode(before: Uuid, filters: &str) -> String {
    format!("{VERSION}{}{}", before.simple(), filters_digest(filters))
}

/// The order below which the page begins.
pub(crate) fn decode(cursor: &str, filters: &str) -> Result<Uuid, Problem> {
    let (id, digits) = cursor
        .strip_prefix(VERSION)
        .and_then(|rest| rest.split_at_checked(ID_DIGITS))
        .ok_or_else(|| invalid_cursor("take it from next_cursor as it is"))?;
    if digits != filters_digest(filters) {
        return Err(invalid_cursor("it belongs to a list with other filters"));
    }
    Uuid::try_parse(id).map_err(|_| invalid_cursor("take it from next_cursor as it is"))
}

#[cfg(test)]
mod tests;
