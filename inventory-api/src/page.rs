//! A page of a list: `{"items", "next_cursor"}` and the link to the next.

use axum::Json;
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};

use crate::cursor;

/// Rows of one page.
const LIMIT_MAX: u32 = 100;

/// How much of a list, and from where.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
}

/// The same, checked.
pub(crate) struct Asked {
    limit: u32,
    /// What the page comes after.
    pub(crate) after: Option<String>,
}

#[derive(Serialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

impl PageQuery {
    /// `filters` is what else was asked for; a cursor belongs to it.
    pub(crate) fn check(self, filters: &str) -> Result<Asked, Problem> {
        let limit = self.limit.unwrap_or(LIMIT_MAX);
        if limit == 0 || limit > LIMIT_MAX {
            return Err(Problem::invalid("limit", "out-of-range", "1 to 100"));
        }
        let after = self.cursor.map(|text| cursor::decode(&text, filters)).transpose()?;
        Ok(Asked { limit, after })
    }
}

impl Asked {
    /// Rows to read: one more than are shown tells whether there is a next page.
    pub(crate) fn rows_max(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// `link` is the path and query without limit and cursor, its query begun; `key` names a row's
    /// place in the list.
    pub(crate) fn answer<R, T: Serialize + From<R>>(
        &self,
        mut rows: Vec<R>,
        filters: &str,
        link: &str,
        key: impl FnOnce(&R) -> String,
    ) -> Response {
        let has_more = rows.len() > self.limit as usize;
        rows.truncate(self.limit as usize);
        let last = rows.last().filter(|_| has_more);
        let next_cursor = last.map(|row| cursor::encode(&key(row), filters));
        let next = next_cursor.as_deref().and_then(|cursor| {
            let link = format!("<{link}limit={}&cursor={cursor}>; rel=\"next\"", self.limit);
            HeaderValue::try_from(link).ok()
        });
        let items: Vec<T> = rows.into_iter().map(T::from).collect();
        let mut response = Json(Page { items, next_cursor }).into_response();
        if let Some(next) = next {
            response.headers_mut().insert(header::LINK, next);
        }
        response
    }
}
