//! What a database error means for the client. The one mapping of this service.

use edge::{Problem, TraceContext};
use http::StatusCode;
use schema_pg::{Class, DbError, classify};

const RETRY_AFTER_S: u64 = 1;
pub(crate) const RETRY_SLOWLY_AFTER_S: u64 = 5;

/// For a request that failed at the database: logged here, once.
pub(crate) fn problem_of(error: &DbError) -> Problem {
    let trace_id = TraceContext::current().map(|context| context.trace_id_hex());
    match classify(error) {
        Class::Retry | Class::DropConnection => {
            tracing::warn!(%error, trace_id, "the database does not answer just now");
            unavailable(RETRY_AFTER_S)
        }
        Class::RetryAlarm => {
            tracing::error!(%error, trace_id, "the database cannot do its work, and somebody has to look");
            unavailable(RETRY_SLOWLY_AFTER_S)
        }
        Class::BadInput => unstorable(),
        Class::Conflict | Class::Bug => {
            tracing::error!(%error, trace_id, "a query failed");
            Problem::internal()
        }
    }
}

pub(crate) fn unavailable(retry_after_s: u64) -> Problem {
    Problem::unavailable("the database does not answer just now; try again", retry_after_s)
}

pub(crate) fn unstorable() -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-text", "this text cannot be stored")
}
