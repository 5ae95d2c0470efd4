use super::*;

fn check(code: &str, class: Class) {
    assert_eq!(classify_sqlstate(code), class, "{code}");
}

#[test]
fn sorts_sqlstates_by_what_the_caller_can_do() {
    for code in ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08006", "53300", "57014"] {
        check(code, Class::Retry);
    }
    check("53100", Class::RetryAlarm);
    check("53200", Class::RetryAlarm);
    check("25P02", Class::DropConnection);
    check("25P03", Class::DropConnection);
    for code in ["22021", "22P05", "22003"] {
        check(code, Class::BadInput);
    }
    check("23505", Class::Conflict);
    check("42601", Class::Bug);
    check("23514", Class::Bug);
    check("", Class::Bug);
}

#[test]
fn tells_an_unanswered_commit_from_other_errors() {
    let silent = || sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    assert!(!is_commit_unknown(&silent()));
    let unknown = commit_error(silent());
    assert!(is_commit_unknown(&unknown));
    assert_eq!(classify(&unknown), Class::Retry);
}

#[test]
fn tells_a_lost_connection_from_a_silent_server_and_from_an_answer() {
    let io = |kind: std::io::ErrorKind| sqlx::Error::Io(std::io::Error::from(kind));
    for lost in [
        io(std::io::ErrorKind::ConnectionReset),
        commit_error(io(std::io::ErrorKind::BrokenPipe)),
        sqlx::Error::Protocol("cut in the middle".to_owned()),
    ] {
        assert!(is_connection_lost(&lost), "{lost}");
    }
    let silent = io(std::io::ErrorKind::TimedOut);
    for told in [silent, sqlx::Error::RowNotFound, sqlx::Error::PoolTimedOut] {
        assert!(!is_connection_lost(&told), "{told}");
    }
}
