//! Lists that come in pages, followed as far as asked.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::http::{Of, Remote};

/// The most that a service puts into one page.
const PAGE_MAX: usize = 100;
/// Pages that are followed at most: a rare filter over a long past gives empty ones.
const PAGES_MAX: usize = 1_000;

/// Up to `limit` items of a list, newest first. `filters` that are `None` narrow nothing.
pub(super) async fn collect(
    remote: &Remote,
    of: Of,
    path: &str,
    filters: &[(&str, Option<String>)],
    limit: usize,
) -> anyhow::Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let size = (limit - items.len()).min(PAGE_MAX);
        let mut query = vec![format!("?limit={size}")];
        let given = filters.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?)));
        for (name, value) in given.chain(cursor.as_ref().map(|cursor| ("cursor", cursor))) {
            query.push(format!("{name}={}", encoded(value)));
        }
        let mut page = remote.get(of, &format!("{path}{}", query.join("&")))?.send().await?;
        if let Value::Array(found) = page["items"].take() {
            items.extend(found);
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() || items.len() >= limit {
            break;
        }
    }
    Ok(items)
}

/// A value in a path or query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
