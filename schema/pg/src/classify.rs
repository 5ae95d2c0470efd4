//! What to do about a database error: the SQLSTATE policy, in one place.

use std::error::Error as StdError;
use std::io;

use sqlx::error::ErrorKind;
use sqlx::postgres::PgDatabaseError;

/// What the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing is wrong with the request: send it again with the same key (503).
    Retry,
    /// As `Retry`, but slowly, and somebody must be told: the server cannot do its work (no disk, no memory, no
    /// privilege), or says what nobody here has met. Whatever is not known is this: requests are kept, not refused.
    RetryAlarm,
    /// The session is not to be used again: it is broken (25P02, 25P03), leads to a server that takes no writes
    /// (25006), or its prepared statements are another's (26000, 42P05); the request may be sent again.
    DropConnection,
    /// Postgres cannot store what was sent: 422 (22021, 22P05, 22003).
    BadInput,
    /// A unique key was there already (23505): read what is stored and answer that.
    Conflict,
    /// The statement itself is wrong, or what it was given (22, 23, 42): a mistake of ours, 500, logged once.
    Bug,
}

/// COMMIT was sent and got no answer: what it wrote may be there or not. Sent again with the same
/// key, the request reads what happened. Found in [`sqlx::Error::AnyDriverError`].
#[derive(Debug, thiserror::Error)]
#[error("the outcome of the commit is unknown")]
pub struct CommitUnknown(#[source] pub sqlx::Error);

/// Sorts an error by what can be done about it.
pub fn classify(error: &sqlx::Error) -> Class {
    use sqlx::Error as E;
    if let E::Database(e) = error {
        return classify_sqlstate(e.code().as_deref().unwrap_or_default());
    }
    if let E::AnyDriverError(e) = error {
        return e.downcast_ref().map_or(Class::Bug, |CommitUnknown(inner)| classify(inner));
    }
    if matches!(error, E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed) {
        return Class::Retry;
    }
    // Settled before anything was sent: a certificate that has run out, a file that is gone.
    if matches!(error, E::Tls(_) | E::Configuration(_)) {
        return Class::RetryAlarm;
    }
    // What is left of a connection that died in the middle of a message.
    if matches!(error, E::Protocol(_) | E::BeginFailed) {
        return Class::DropConnection;
    }
    Class::Bug
}

/// True when the work may have been committed although it is reported as failed.
pub fn is_commit_unknown(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::AnyDriverError(e) if e.is::<CommitUnknown>())
}

/// True when the connection was lost: whether a statement that was under way was executed is unknown. Not a
/// server that has fallen silent, which would not answer the next one either.
pub fn is_connection_lost(error: &sqlx::Error) -> bool {
    if let sqlx::Error::Io(error) = error {
        return error.kind() != io::ErrorKind::TimedOut;
    }
    if let sqlx::Error::AnyDriverError(error) = error {
        return error.downcast_ref().is_some_and(|CommitUnknown(inner)| is_connection_lost(inner));
    }
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(error, sqlx::Error::Protocol(_))
        || code.is_some_and(|code| code.starts_with("57P") || code.starts_with("08"))
}

/// True for 23505 on the named constraint.
pub fn is_unique_violation(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().is_some_and(|e| {
        e.kind() == ErrorKind::UniqueViolation && e.constraint() == Some(constraint)
    })
}

/// True for 55P03: a lock was not granted within `lock_timeout`.
pub fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.code().as_deref() == Some("55P03"))
}

/// True for 55P03 while a row of `table` waited for another transaction that writes the same unique key. Any other
/// lock that was not granted (of the table, of another row) tells nothing about the key.
pub fn is_lock_timeout_on_key_of(error: &sqlx::Error, table: &str) -> bool {
    let error = error.as_database_error().and_then(|e| e.try_downcast_ref::<PgDatabaseError>());
    // The context ends with the relation, whatever language the server speaks: the table, or one of its indexes.
    error.is_some_and(|e| {
        e.code() == "55P03" && e.r#where().is_some_and(|at| at.contains(&format!("\"{table}")))
    })
}

/// The error of a COMMIT: certain when the server refused it, unknown when it fell silent.
pub(crate) fn commit_error(error: sqlx::Error) -> sqlx::Error {
    let refused = error.as_database_error().is_some_and(|e| {
        e.code().is_some_and(|code| !code.starts_with("57") && !code.starts_with("08"))
    });
    if refused {
        return error;
    }
    let unknown: Box<dyn StdError + Send + Sync> = Box::new(CommitUnknown(error));
    sqlx::Error::AnyDriverError(unknown)
}

/// By the classes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>. The world is open: a code that
/// is not named here is the environment's until somebody finds that it is ours.
fn classify_sqlstate(code: &str) -> Class {
    match code {
        "40001" | "40P01" | "55P03" | "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "53300" => {
            Class::Retry
        }
        "25P02" | "25P03" | "25006" | "26000" | "42P05" => Class::DropConnection,
        "22021" | "22P05" | "22003" => Class::BadInput,
        "23505" => Class::Conflict,
        "42501" => Class::RetryAlarm,
        _ if code.starts_with("08") => Class::Retry,
        _ if ["22", "23", "42"].iter().any(|ours| code.starts_with(ours)) => Class::Bug,
        _ => Class::RetryAlarm,
    }
}

#[cfg(test)]
mod tests;
