use super::*;

fn check(code: &str, class: Class) {
    assert_eq!(classify_sqlstate(code), class, "{code}");
}

#[test]
fn sorts_sqlstates_by_what_the_caller_can_do() {
    for code in ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "08006", "53300", "57014"] {
        check(code, Class::Retry);
    }
    for code in ["25P02", "25P03", "25006", "26000", "42P05"] {
        check(code, Class::DropConnection);
    }
    for code in ["22021", "22P05", "22003"] {
        check(code, Class::BadInput);
    }
    check("23505", Class::Conflict);
    for code in ["42601", "42P01", "42703", "23514", "23502", "22012"] {
        check(code, Class::Bug);
    }
}

#[test]
fn what_the_environment_refuses_or_nobody_knows_is_tried_again() {
    let environment = [
        "53100", "53200", "53400", "54000", "55000", "58030", "42501", "28000", "28P01", "3D000",
        "0A000", "F0000", "XX000", "XX001", "P0001", "ZZ999", "",
    ];
    for code in environment {
        check(code, Class::RetryAlarm);
    }
    assert_eq!(classify(&sqlx::Error::Tls("expired".into())), Class::RetryAlarm);
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
