//! What a list is asked for, as an address and as a form.

use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use edge::Problem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use saga::StateName;

use super::super::form::Fields;
use crate::staff::sagas::SagaQuery;

const FAILED_VIEW: &str = "failed";
pub(super) const REASONS: [&str; 12] = [
    "breaker_open",
    "backoff",
    "throttled",
    "insufficient_stock",
    "unknown_item",
    "deadline_passed",
    "released_elsewhere",
    "resolved_by_staff",
    "contract_error",
    "poison_message",
    "release_keeps_failing",
    "customer_cancel",
];
/// System views: what people look for every day.
pub(super) const VIEWS: [(&str, &str); 5] = [
    ("", "All"),
    ("attention", "Needs attention"),
    ("breaker", "Waiting for the breaker"),
    ("doubt", "In doubt"),
    (FAILED_VIEW, "Failed in the last day"),
];

/// The fields as they were filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) view: String,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) item_id: String,
    pub(super) min_attempts: String,
    pub(super) created_after: String,
    pub(super) created_before: String,
    pub(super) error: String,
    pub(super) in_doubt: bool,
    pub(super) stuck: bool,
    pub(super) q: String,
}

/// What the statistics count already.
pub(super) enum CountedAs<'a> {
    Everything,
    State(&'a str),
    Stuck,
    InDoubt,
}

impl Asked {
    pub(super) fn of(fields: &Fields) -> Asked {
        Asked {
            view: fields.text("view"),
            state: fields.text("state"),
            reason: fields.text("reason"),
            item_id: fields.text("item_id"),
            min_attempts: fields.text("min_attempts"),
            created_after: fields.text("created_after"),
            created_before: fields.text("created_before"),
            error: fields.text("error"),
            in_doubt: fields.get("in_doubt") == Some("true"),
            stuck: fields.get("stuck") == Some("true"),
            q: fields.text("q"),
        }
    }

    pub(super) fn is_filtered(&self) -> bool {
        !self.pairs().is_empty()
    }

    /// Whether more is filled in than a view.
    pub(super) fn has_fields(&self) -> bool {
        self.pairs().iter().any(|(name, _)| *name != "view")
    }

    /// The fields that are filled in, by name.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let flag = |is_set: bool| if is_set { "true".to_owned() } else { String::new() };
        let all = [
            ("view", self.view.clone()),
            ("state", self.state.clone()),
            ("reason", self.reason.clone()),
            ("item_id", self.item_id.clone()),
            ("min_attempts", self.min_attempts.clone()),
            ("created_after", self.created_after.clone()),
            ("created_before", self.created_before.clone()),
            ("error", self.error.clone()),
            ("in_doubt", flag(self.in_doubt)),
            ("stuck", flag(self.stuck)),
            ("q", self.q.clone()),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The same list, from its beginning.
    pub(super) fn address(&self) -> String {
        let encoded = |(name, value): (&str, String)| {
            format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
        };
        let query: Vec<String> = self.pairs().into_iter().map(encoded).collect();
        if query.is_empty() {
            "/console/orders".to_owned()
        } else {
            format!("/console/orders?{}", query.join("&"))
        }
    }

    pub(super) fn counted_as(&self) -> Option<CountedAs<'_>> {
        let pairs = self.pairs();
        match pairs.as_slice() {
            [] => Some(CountedAs::Everything),
            [("state", _)] => Some(CountedAs::State(&self.state)),
            [("stuck", _)] => Some(CountedAs::Stuck),
            [("in_doubt", _)] => Some(CountedAs::InDoubt),
            [("view", view)] if view == "attention" => Some(CountedAs::Stuck),
            [("view", view)] if view == "doubt" => Some(CountedAs::InDoubt),
            _ => None,
        }
    }

    /// The filters of the API; `now` is what "the last day" counts from.
    pub(super) fn query(&self, now: DateTime<Utc>) -> Result<SagaQuery, Problem> {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut query = SagaQuery {
            state: text(&self.state),
            reason: text(&self.reason),
            in_doubt: self.in_doubt.then_some(true),
            stuck: self.stuck.then_some(true),
            error: text(&self.error),
            item_id: text(&self.item_id),
            min_attempts: number(&self.min_attempts)?,
            created_after: time("created_after", &self.created_after)?,
            created_before: time("created_before", &self.created_before)?,
            q: text(&self.q),
        };
        match self.view.as_str() {
            "" => {}
            "attention" => query.stuck = Some(true),
            "doubt" => query.in_doubt = Some(true),
            "breaker" => {
                query.state = Some(StateName::Queued.to_string());
                query.reason = Some("breaker_open".to_owned());
            }
            FAILED_VIEW => {
                query.state = Some(StateName::Failed.to_string());
                query.created_after = Some(now - Duration::days(1));
            }
            _ => return Err(Problem::not_found("there is no view of this name")),
        }
        query.check()?;
        Ok(query)
    }
}

/// The filters of a form that acts on all that match.
pub(in crate::console) fn filters_of(
    fields: &Fields,
    now: DateTime<Utc>,
) -> Result<SagaQuery, Problem> {
    Asked::of(fields).query(now)
}

fn number(text: &str) -> Result<Option<u32>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| Problem::invalid("min_attempts", "invalid-value", "a whole number");
    text.parse().map(Some).map_err(wrong)
}

/// As a browser's field for date and time writes it, in UTC; or RFC 3339.
fn time(name: &str, text: &str) -> Result<Option<DateTime<Utc>>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"];
    let local = forms.into_iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let at = local.map(|at| at.and_utc()).or_else(|| text.parse().ok());
    at.map(Some).ok_or_else(|| Problem::invalid(name, "invalid-value", "a date and a time"))
}
