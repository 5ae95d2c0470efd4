//! What a database error means for the client. The one mapping of this service.
//!
//! The callers of this service decide by the answer whether something was executed: 503 with
//! `Retry-After` says that nothing was, `outcome-unknown` that it may have been.

use edge::{FailureLog, Problem, TraceContext};
use http::StatusCode;
use schema_pg::{Class, DbError, classify, is_commit_unknown};

const RETRY_AFTER_S: u64 = 1;
const RETRY_SLOWLY_AFTER_S: u64 = 5;

static SILENT: FailureLog = FailureLog::new("the database does not answer requests just now");
static UNABLE: FailureLog =
    FailureLog::alarm("the database cannot do its work, and somebody has to look");
static UNANSWERED: FailureLog = FailureLog::new("a commit got no answer");

/// Why the database did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing was written; try again.
    Unavailable,
    /// Nothing was written, and somebody has to look; try again later.
    Exhausted,
    /// COMMIT got no answer.
    OutcomeUnknown,
    /// The database cannot store the text or number sent.
    Unstorable,
    /// A mistake of ours.
    Bug,
}

impl Failure {
    /// Sorts the error and logs it, a fault of the database once for all requests: to be called once for each.
    pub(crate) fn of(error: &DbError) -> Failure {
        if is_commit_unknown(error) {
            UNANSWERED.failed(error);
            return Failure::OutcomeUnknown;
        }
        match classify(error) {
            Class::Retry | Class::DropConnection => {
                SILENT.failed(error);
                Failure::Unavailable
            }
            Class::RetryAlarm => {
                UNABLE.failed(error);
                Failure::Exhausted
            }
            Class::BadInput => Failure::Unstorable,
            Class::Conflict | Class::Bug => {
                let trace_id = TraceContext::current().map(|context| context.trace_id_hex());
                tracing::error!(%error, trace_id, "a query failed");
                Failure::Bug
            }
        }
    }

    /// What the client is told.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Failure::Unavailable => unavailable(RETRY_AFTER_S),
            Failure::Exhausted => unavailable(RETRY_SLOWLY_AFTER_S),
            Failure::OutcomeUnknown => outcome_unknown(),
            Failure::Unstorable => {
                let title = "this text cannot be stored";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-text", title)
            }
            Failure::Bug => Problem::internal(),
        }
    }
}

/// For a request that failed at the database.
pub(crate) fn problem_of(error: &DbError) -> Problem {
    Failure::of(error).problem()
}

/// 504 without `Retry-After`: it may have been executed.
pub(crate) fn outcome_unknown() -> Problem {
    let title = "whether this was done is not known";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "outcome-unknown", title)
        .with_detail("send the same request again: it is never executed twice")
        .retryable()
}

fn unavailable(retry_after_s: u64) -> Problem {
    Problem::unavailable("nothing was done; try again", retry_after_s)
}
