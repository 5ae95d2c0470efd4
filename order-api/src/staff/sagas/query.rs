//! What a list of sagas is asked for, in one spelling for the query string and for a bulk action.

use std::fmt::Write;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use edge::Problem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use saga::StateName;
use schema_orders::inspection::{SagaFilter, find_by_key};
use schema_pg::{DbConnection, DbError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const TEXT_BYTES_MAX: usize = 400;
/// Orders of one key, one per tenant at most.
const KEYED_MAX: i64 = 100;

/// The filters. Empty ones narrow nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SagaQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_doubt: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stuck: Option<bool>,
    /// A group's fingerprint: `state.reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_after: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_before: Option<DateTime<Utc>>,
    /// An order id or an idempotency key; else an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) q: Option<String>,
}

impl SagaQuery {
    /// Refuses what no saga can match because nobody can mean it.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let states = [self.state.as_deref(), self.fingerprint().map(|(state, _)| state)];
        if states.into_iter().flatten().any(|state| StateName::parse(state).is_none()) {
            let known = format!("one of {}", StateName::listed());
            let name = if self.state.is_some() { "state" } else { "error" };
            return Err(Problem::invalid(name, "unknown-value", known));
        }
        if self.error.is_some() && self.fingerprint().is_none() {
            let detail = "a group's fingerprint, as /api/sagas/groups tells it";
            return Err(Problem::invalid("error", "invalid-value", detail));
        }
        for (name, text) in [
            ("reason", &self.reason),
            ("error", &self.error),
            ("item_id", &self.item_id),
            ("q", &self.q),
        ] {
            let is_fine = |text: &String| (1..=TEXT_BYTES_MAX).contains(&text.trim().len());
            if text.as_ref().is_some_and(|text| !is_fine(text)) {
                return Err(Problem::invalid(name, "out-of-range", "1 to 100 characters"));
            }
        }
        for (name, at) in
            [("created_after", self.created_after), ("created_before", self.created_before)]
        {
            // what RFC 3339 can write; chrono reads more than Postgres can hold
            if at.is_some_and(|at| !(0..=9999).contains(&at.year())) {
                return Err(Problem::invalid(name, "out-of-range", "years 0000 to 9999"));
            }
        }
        Ok(())
    }

    /// The filters as a query string, in one spelling and order.
    pub(crate) fn canonical(&self) -> String {
        let rfc3339 = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let given = [
            ("state", self.state.clone()),
            ("reason", self.reason.clone()),
            ("in_doubt", self.in_doubt.map(|yes| yes.to_string())),
            ("stuck", self.stuck.map(|yes| yes.to_string())),
            ("error", self.error.clone()),
            ("item_id", self.item_id.clone()),
            ("min_attempts", self.min_attempts.map(|n| n.to_string())),
            ("created_after", self.created_after.map(rfc3339)),
            ("created_before", self.created_before.map(rfc3339)),
            ("q", self.q.clone()),
        ];
        let mut text = String::new();
        for (name, value) in given {
            if let Some(value) = value {
                let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
                write!(text, "&{name}={value}").expect("writing to a string cannot fail");
            }
        }
        text
    }

    /// What the database is asked. What was searched for is looked up first: an order's id or key
    /// names exact sagas, and anything else can only be an item.
    pub(crate) async fn resolve(
        &self,
        connection: &mut DbConnection,
    ) -> Result<SagaFilter, DbError> {
        let fingerprint = self.fingerprint();
        let mut filter = SagaFilter {
            ids: None,
            state: self.state.clone().or(fingerprint.map(|(state, _)| state.to_owned())),
            reason: self.reason.clone().or(fingerprint.map(|(_, reason)| reason.to_owned())),
            in_doubt: self.in_doubt,
            stuck: self.stuck,
            item_id: self.item_id.clone(),
            min_attempts: self.min_attempts.map(|n| i32::try_from(n).unwrap_or(i32::MAX)),
            created_after: self.created_after,
            created_before: self.created_before,
            unmoved_since: None,
        };
        let Some(wanted) = self.q.as_deref().map(str::trim) else { return Ok(filter) };
        let keyed = find_by_key(connection, None, wanted, KEYED_MAX).await?;
        let mut ids: Vec<Uuid> = keyed.into_iter().map(|keyed| keyed.order_id).collect();
        ids.extend(Uuid::try_parse(wanted).ok());
        if !ids.is_empty() {
            filter.ids = Some(ids);
        } else if filter.item_id.is_none() {
            filter.item_id = Some(wanted.to_owned());
        } else {
            filter.ids = Some(Vec::new());
        }
        Ok(filter)
    }

    fn fingerprint(&self) -> Option<(&str, &str)> {
        self.error.as_deref()?.split_once('.')
    }
}
