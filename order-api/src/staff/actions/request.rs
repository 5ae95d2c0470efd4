//! An action as it is asked for: a kind, a reason, and the version that was looked at.

use edge::{Problem, is_plain_text};
use http::{HeaderMap, StatusCode, header};
use saga::Finding;
use serde::Deserialize;

use super::decide::Kind;

const REASON_CHARS_MAX: usize = 1_000;
const EVIDENCE_CHARS_MAX: usize = 4_000;

/// The body of POST /api/sagas/{id}/actions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionRequest {
    pub(crate) r#type: Kind,
    pub(crate) reason: String,
    /// What is true, for `resolve`.
    pub(crate) finding: Option<Finding>,
    /// How you know it, for `resolve`.
    pub(crate) evidence: Option<String>,
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Which version of the saga an action is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Version(i32),
    /// `If-Match: *`: whatever it is by now.
    Any,
}

impl ActionRequest {
    pub(crate) fn check(&self) -> Result<(), Problem> {
        check_reason(&self.reason)?;
        match (self.r#type, self.finding, &self.evidence) {
            (Kind::Resolve, Some(_), Some(evidence)) => {
                check_text("/evidence", evidence, EVIDENCE_CHARS_MAX)
            }
            (Kind::Resolve, None, _) => {
                let detail = "what is true: stock_held or stock_not_held";
                Err(Problem::invalid("/finding", "missing-field", detail))
            }
            (Kind::Resolve, Some(_), None) => {
                Err(Problem::invalid("/evidence", "missing-field", "how that is known"))
            }
            (_, None, None) => Ok(()),
            (_, Some(_), _) => Err(only_for_resolve("/finding")),
            (_, None, Some(_)) => Err(only_for_resolve("/evidence")),
        }
    }
}

/// A text that a person wrote for the audit.
pub(crate) fn check_text(pointer: &str, text: &str, chars_max: usize) -> Result<(), Problem> {
    let is_fine = !text.trim().is_empty() && text.chars().count() <= chars_max;
    if is_fine && is_plain_text(text) {
        return Ok(());
    }
    Err(Problem::invalid(pointer, "out-of-range", format!("1 to {chars_max} characters of text")))
}

/// The one for a reason.
pub(crate) fn check_reason(reason: &str) -> Result<(), Problem> {
    check_text("/reason", reason, REASON_CHARS_MAX)
}

/// RFC 9110 section 13.1.1. What moves a saga says which version it was decided on (RFC 6585: 428).
pub(crate) fn expected_version(headers: &HeaderMap, kind: Kind) -> Result<Expected, Problem> {
    let mut given = headers.get_all(header::IF_MATCH).iter();
    let Some(value) = given.next() else {
        return if kind == Kind::Note { Ok(Expected::Any) } else { Err(required()) };
    };
    let text = value.to_str().unwrap_or("").trim();
    if text == "*" && given.next().is_none() {
        return Ok(Expected::Any);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    if let (Some(version), None) = (version.and_then(|digits| digits.parse().ok()), given.next()) {
        return Ok(Expected::Version(version));
    }
    Err(Problem::invalid("If-Match", "invalid-value", "the ETag of the saga as it is, or *"))
}

fn required() -> Problem {
    let title = "If-Match is required";
    Problem::new(StatusCode::PRECONDITION_REQUIRED, "precondition-required", title)
        .with_detail("send If-Match with the ETag of the saga that you looked at")
}

fn only_for_resolve(pointer: &str) -> Problem {
    Problem::invalid(pointer, "not-applicable", "only for resolve")
}
