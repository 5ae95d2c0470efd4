//! The body of POST /api/orders, in both shapes, checked.

use edge::{Object, Problem};
use saga::stored::Line;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Lines of one order.
const LINES_MAX: usize = 100;
/// Pieces of one line.
const QUANTITY_MAX: i64 = 10_000;
/// Characters of an item's name, as inventory bounds it.
const ITEM_ID_CHARS_MAX: usize = 100;
/// Bytes of `metadata`, as JSON.
const METADATA_BYTES_MAX: usize = 16 * 1024;

/// The member of `metadata` that keeps the wish for a lost reply.
const GREMLIN: &str = "gremlin";

/// What a client sends: one item, or lines.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderRequest {
    item_id: Option<String>,
    quantity: Option<i64>,
    lines: Option<Vec<Object<RequestedLine>>>,
    metadata: Option<Map<String, Value>>,
    /// For demonstrations: where inventory's gremlin is allowed, the first answer of this order's
    /// reservation is lost. Everywhere else it changes nothing.
    gremlin: Option<bool>,
    /// For clients that cannot set headers.
    pub(crate) idempotency_key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestedLine {
    item_id: String,
    quantity: i64,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Basket {
    pub(crate) lines: Vec<Line>,
    pub(crate) metadata: Option<Value>,
}

impl Basket {
    /// For demonstrations: inventory's first answer to the reservation is to be lost.
    pub(crate) fn wants_lost_reply(&self) -> bool {
        self.metadata.as_ref().and_then(|data| data.get(GREMLIN)) == Some(&Value::Bool(true))
    }
}

impl OrderRequest {
    /// One line, as the console's form sends it.
    pub(crate) fn of_one(item_id: String, quantity: i64, gremlin: bool) -> OrderRequest {
        OrderRequest {
            item_id: Some(item_id),
            quantity: Some(quantity),
            gremlin: gremlin.then_some(true),
            ..OrderRequest::default()
        }
    }

    /// Both shapes come out as lines; every wrong place is named.
    pub(crate) fn check(self) -> Result<Basket, Problem> {
        let mut faults = Faults::default();
        let lines = match (self.item_id, self.quantity, self.lines) {
            (None, None, Some(lines)) => faults.check_lines(lines),
            (Some(item_id), Some(quantity), None) => {
                faults.check_line("", item_id, quantity).into_iter().collect()
            }
            (Some(_), None, None) => faults.missing("/quantity"),
            (None, Some(_), None) => faults.missing("/item_id"),
            (None, None, None) => faults.missing("/lines"),
            (_, _, Some(_)) => faults.add(
                "/lines",
                "ambiguous",
                "give either lines, or item_id and quantity, not both",
            ),
        };
        let mut metadata = faults.check_gremlin(self.gremlin, self.metadata).map(Value::Object);
        if let Some(metadata) = &mut metadata {
            faults.check_metadata(metadata);
            // one spelling, whatever order the build's JSON maps keep
            metadata.sort_all_objects();
        }
        match faults.0 {
            Some(problem) => Err(problem),
            None => Ok(Basket { lines, metadata }),
        }
    }
}

#[derive(Default)]
struct Faults(Option<Problem>);

impl Faults {
    /// Always empty: there is no line to go on with.
    fn add(&mut self, pointer: &str, code: &'static str, detail: &str) -> Vec<Line> {
        let problem = self.0.take().unwrap_or_else(Problem::invalid_request);
        self.0 = Some(problem.with_error(pointer, code, detail));
        Vec::new()
    }

    fn missing(&mut self, pointer: &str) -> Vec<Line> {
        self.add(pointer, "missing-field", "give lines, or item_id and quantity")
    }

    fn check_lines(&mut self, lines: Vec<Object<RequestedLine>>) -> Vec<Line> {
        if lines.is_empty() || lines.len() > LINES_MAX {
            return self.add("/lines", "out-of-range", "an order has 1 to 100 lines");
        }
        let numbered = lines.into_iter().enumerate();
        numbered
            .filter_map(|(index, Object(line))| {
                self.check_line(&format!("/lines/{index}"), line.item_id, line.quantity)
            })
            .collect()
    }

    fn check_line(&mut self, at: &str, item_id: String, quantity: i64) -> Option<Line> {
        let length = item_id.chars().count();
        if length == 0 || length > ITEM_ID_CHARS_MAX {
            self.add(&format!("{at}/item_id"), "out-of-range", "1 to 100 characters");
        } else if item_id.chars().any(char::is_control) || item_id.trim() != item_id {
            let detail = "no line ends, and no blanks at either end";
            self.add(&format!("{at}/item_id"), "invalid-value", detail);
        }
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            self.add(&format!("{at}/quantity"), "out-of-range", "1 to 10000 pieces");
            return None;
        }
        Some(Line { item_id, quantity: quantity as u32 })
    }

    /// The wish is kept in the metadata: it is part of the request, and of what is shown of it. What fulfils
    /// it is the reservation id ([`Basket::wants_lost_reply`]).
    fn check_gremlin(
        &mut self,
        gremlin: Option<bool>,
        metadata: Option<Map<String, Value>>,
    ) -> Option<Map<String, Value>> {
        let said_twice = metadata.as_ref().is_some_and(|metadata| metadata.contains_key(GREMLIN));
        match gremlin {
            Some(_) if said_twice => {
                self.add("/gremlin", "ambiguous", "metadata has a member of this name");
                metadata
            }
            Some(true) => {
                let mut metadata = metadata.unwrap_or_default();
                metadata.insert(GREMLIN.to_owned(), Value::Bool(true));
                Some(metadata)
            }
            Some(false) | None => metadata,
        }
    }

    fn check_metadata(&mut self, metadata: &Value) {
        if serde_json::to_vec(metadata).is_ok_and(|json| json.len() > METADATA_BYTES_MAX) {
            self.add("/metadata", "out-of-range", "at most 16 KiB");
        }
    }
}

#[cfg(test)]
mod tests;
