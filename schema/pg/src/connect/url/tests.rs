use super::*;

fn check(url: &str, expected: &[&str]) {
    let shown = |options: &PgConnectOptions| {
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let database = options.get_database().unwrap_or_default();
        format!("{}@{place}:{}/{database}", options.get_username(), options.get_port())
    };
    let found = parse(url, "test").map(|each| each.iter().map(shown).collect::<Vec<_>>());
    assert_eq!(
        found.as_deref(),
        Ok(expected.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
        "{url}"
    );
}

fn check_refused(url: &str, part: &str) {
    let why = parse(url, "test").expect_err(url);
    assert!(why.contains(part), "{url}: {why}");
    assert!(!why.contains("s3cret"), "{why}");
}

#[test]
fn reads_one_address_or_several() {
    check("postgres://me:pw@db.example/orders", &["me@db.example:5432/orders"]);
    check("postgresql://me@db:6432/orders?sslmode=require", &["me@db:6432/orders"]);
    check(
        "postgres://me@a:1,b:2/orders?target_session_attrs=read-write",
        &["me@a:1/orders", "me@b:2/orders"],
    );
    check("postgres://me@a,b:2/orders", &["me@a:5432/orders", "me@b:2/orders"]);
    check("postgres://me@/orders?host=a,b&port=1,2", &["me@a:1/orders", "me@b:2/orders"]);
    check("postgres://me@/orders?host=a,b&port=7", &["me@a:7/orders", "me@b:7/orders"]);
    check("postgres://me@[::1]:7/orders", &["me@[::1]:7/orders"]);
    check("postgres://me@%2Frun%2Fpg:7/orders", &["me@/run/pg:7/orders"]);
    check("postgres://me@localhost:7/orders?host=/run/pg", &["me@/run/pg:7/orders"]);
    check("postgres:///orders?host=/run/pg&user=me&port=7", &["me@/run/pg:7/orders"]);
    check("postgres://me@host/orders?hostaddr=10.0.0.7&port=7", &["me@10.0.0.7:7/orders"]);
}

/// What is between the first colon and the last @ is the password, as far as it can be told.
#[test]
fn reads_odd_users_and_passwords() {
    for password in ["p@ss", "p:ss", "p%40ss", "p%2Fs%3Fs%25", "%F0%9F%94%91", "p#ss", "p&s=s"] {
        check(&format!("postgres://m%40e:{password}@host:7/orders"), &["m@e@host:7/orders"]);
    }
    check_refused("postgres://me:s3cret/x@host/orders", "%2F");
    check_refused("postgres://me:s3cret?x@host/orders", "%3F");
    check_refused("postgres://me:s3cret%@host/orders", "%25");
    check_refused("postgres://me:s3cret%FF@host/orders", "UTF-8");
}

#[test]
fn refuses_what_it_would_have_to_ignore() {
    check_refused("mysql://host/orders", "does not start with postgres://");
    check_refused("postgres://me@host:5432/", "names no database");
    check_refused("postgres://me@host:port/orders", "no port number");
    check_refused("postgres://me@a,b/orders?port=1,2,3", "2 hosts and 3 ports");
    check_refused(
        "postgres://me@host/orders?target_session_attrs=prefer-standby",
        "only read-write",
    );
    check_refused("postgres://me@host/orders?channel_binding=require", "channel_binding=require");
    check_refused("postgres://me@host/orders?service=orders", "\"service\" is not known");
    check_refused("postgres://me@host/orders?sslmode=allow", "sslmode=allow");
    check_refused("postgres://me@host/orders?sslmode=verify-ful", "sslmode");
    check_refused("postgres://me@host/orders?sslrootcert=/no/such/file", "cannot be read");
    check_refused("postgres://me@host/orders?sslcert=/dev/null", "belong together");
}

#[test]
fn keeps_passwords_out_of_messages() {
    assert_eq!(redact("postgres://me:s3cret@host/db"), "postgres://me@host/db");
    assert_eq!(redact("postgres://me:p@ss@host/db"), "postgres://me@host/db");
    assert_eq!(redact("postgres://me:p?ss@host/db"), "postgres://me@host/db");
    assert_eq!(redact("postgres:///db"), "postgres:///db");
    let parameters = "postgres:///db?host=/run&password=s3cret&sslmode=require";
    assert_eq!(redact(parameters), "postgres:///db?host=/run&sslmode=require");
    assert_eq!(redact("postgres://host/db?password=s3cret"), "postgres://host/db");
}
