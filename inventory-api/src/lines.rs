//! Lines as they are sent, checked. Every wrong place is named.

use edge::Problem;
use schema_inventory::Line;
use serde::Deserialize;

use crate::item_id;

/// Lines of one reservation.
const LINES_MAX: usize = 100;
/// Pieces of one line.
const QUANTITY_MAX: i64 = 10_000;

/// So many of one item, unchecked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestedLine {
    pub(crate) item_id: String,
    pub(crate) quantity: i64,
}

/// The lines at `pointer`.
pub(crate) fn check_lines(lines: Vec<RequestedLine>, pointer: &str) -> Result<Vec<Line>, Problem> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return Err(Problem::invalid(pointer, "out-of-range", "1 to 100 lines"));
    }
    let mut faults: Option<Problem> = None;
    for (index, line) in lines.iter().enumerate() {
        for (member, (code, detail)) in flaws(line) {
            let problem = faults.take().unwrap_or_else(Problem::invalid_request);
            faults = Some(problem.with_error(format!("{pointer}/{index}/{member}"), code, detail));
        }
    }
    faults.map_or_else(|| Ok(lines.into_iter().map(Line::from).collect()), Err)
}

type Flaw = (&'static str, (&'static str, &'static str));

fn flaws(line: &RequestedLine) -> impl Iterator<Item = Flaw> {
    let item_id = item_id::flaw(&line.item_id).map(|flaw| ("item_id", flaw));
    let is_countable = (1..=QUANTITY_MAX).contains(&line.quantity);
    let quantity = (!is_countable).then_some(("quantity", ("out-of-range", "1 to 10000 pieces")));
    item_id.into_iter().chain(quantity)
}

impl From<RequestedLine> for Line {
    fn from(line: RequestedLine) -> Line {
        Line { item_id: line.item_id, quantity: line.quantity }
    }
}
