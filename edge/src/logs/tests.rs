use super::{LogFormat, line};

/// One test, because the format is set once per process.
#[test]
fn a_line_of_our_own_cannot_be_broken_by_what_it_tells() {
    let fields = [("panic", "no \"way\"\nout"), ("thread", "main")];
    let human = String::from_utf8(line("ERROR", "a task panicked", &fields)).unwrap();
    let (at, rest) = human.split_once(' ').unwrap();
    assert!(chrono::DateTime::parse_from_rfc3339(at).is_ok(), "{at}");
    let expected = "ERROR a task panicked panic=\"no \\\"way\\\"\\nout\" thread=\"main\"\n";
    assert_eq!(rest, expected);

    super::FORMAT.set(LogFormat::Json).unwrap();
    let json = line("WARN", "log lines were lost", &[("lines", "7")]);
    assert_eq!(json.last(), Some(&b'\n'));
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["level"], "WARN");
    assert_eq!(json["message"], "log lines were lost");
    assert_eq!(json["lines"], "7");
}
