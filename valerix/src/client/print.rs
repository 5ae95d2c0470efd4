//! Tables for people, JSON for scripts.

use comfy_table::{Table, presets};
use serde_json::Value;

use super::http::{Output, Remote};
use crate::output;

/// A column: its title, and where in the item its text is (a JSON pointer).
pub(super) type Column = (&'static str, &'static str);

/// Prints a list.
pub(super) fn items(remote: &Remote, items: &[Value], columns: &[Column]) {
    match remote.output {
        Output::Table if items.is_empty() => output::print("nothing found\n"),
        Output::Table => output::print(&table(items, columns)),
        Output::Json => output::print(&pretty(&Value::from(items.to_vec()))),
        Output::Ndjson => items.iter().for_each(|item| output::print(&format!("{item}\n"))),
    }
}

/// Prints one thing.
pub(super) fn one(remote: &Remote, value: &Value, fields: &[Column]) {
    match remote.output {
        Output::Table => {
            let width = fields.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
            for (title, pointer) in fields {
                let text = value.pointer(pointer).map(text).unwrap_or_default();
                if !text.is_empty() {
                    output::print(&format!("{title:width$}  {text}\n"));
                }
            }
        }
        Output::Json => output::print(&pretty(value)),
        Output::Ndjson => output::print(&format!("{value}\n")),
    }
}

/// Prints one thing in one line, for what comes bit by bit.
pub(super) fn line(value: &Value, columns: &[Column]) {
    let cells = columns.iter().filter_map(|(_, pointer)| value.pointer(pointer).map(text));
    let cells: Vec<String> = cells.filter(|cell| !cell.is_empty()).collect();
    output::print(&format!("{}\n", cells.join("  ")));
}

fn table(items: &[Value], columns: &[Column]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(|(title, _)| title.to_uppercase()));
    for item in items {
        table.add_row(columns.iter().map(|(_, pointer)| match item.pointer(pointer) {
            Some(value) => text(value),
            None => String::new(),
        }));
    }
    format!("{}\n", table.trim_fmt())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A value in a cell. Lines of an order read like `2 x ps5`.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of_item).collect::<Vec<_>>().join(", "),
        Value::Object(_) => value.to_string(),
    }
}

fn text_of_item(item: &Value) -> String {
    match (item["quantity"].as_u64(), item["item_id"].as_str()) {
        (Some(quantity), Some(item_id)) => format!("{quantity} x {item_id}"),
        _ => text(item),
    }
}

#[cfg(test)]
mod tests;
