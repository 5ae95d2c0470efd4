use super::*;

#[track_caller]
fn check_flaw(body: &str, kind: FlawKind, pointer: &str) {
    match check(body.as_bytes()) {
        Err(Refusal::Flaw(flaw)) => {
            assert_eq!((flaw.kind, flaw.pointer().as_str()), (kind, pointer), "{body}");
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn lets_ordinary_json_through() {
    for body in ["null", "[]", "{}", "1e3", r#"{"a":[1,-2,3.5,true,null,"é\n\t",{"a":{"a":1}}]}"#]
    {
        assert!(check(body.as_bytes()).is_ok(), "{body}");
    }
}

#[test]
fn finds_a_repeated_member_even_behind_an_escape() {
    check_flaw(r#"{"qty":1,"qty":-5}"#, FlawKind::RepeatedMember, "/qty");
    check_flaw(r#"{"m":[0,{"qty":1,"\u0071ty":2}]}"#, FlawKind::RepeatedMember, "/m/1/qty");
}

#[test]
fn finds_control_characters_in_values_and_names() {
    check_flaw(r#"{"note":"a\u0000b"}"#, FlawKind::ControlCharacter, "/note");
    check_flaw(
        r#"{"lines":[{"item_id":"\u001b[2J"}]}"#,
        FlawKind::ControlCharacter,
        "/lines/0/item_id",
    );
    check_flaw("{\"m\":\"\u{7f}\"}", FlawKind::ControlCharacter, "/m");
    check_flaw("{\"m\":\"\u{85}\"}", FlawKind::ControlCharacter, "/m");
    check_flaw(r#"{"a\u0000":1}"#, FlawKind::ControlCharacter, "/a\u{fffd}");
}

#[test]
fn finds_numbers_that_would_change() {
    for number in ["123456789012345678901", "12345678901234567890.5", "1e-400"] {
        let body = format!(r#"{{"a":[1,2.5,"9"],"m":{{"n":[-3,{number}]}}}}"#);
        check_flaw(&body, FlawKind::InexactNumber, "/m/n/1");
    }
}

#[test]
fn escapes_names_in_pointers() {
    check_flaw(r#"{"a/b":{"c~d":"\u0000"}}"#, FlawKind::ControlCharacter, "/a~1b/c~0d");
}

#[test]
fn bounds_depth_and_members() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(check(nested(DEPTH_MAX).as_bytes()).is_ok());
    check_flaw(&nested(DEPTH_MAX + 1), FlawKind::TooDeep, &"/0".repeat(DEPTH_MAX));
    check_flaw(&"[".repeat(60_000), FlawKind::TooDeep, &"/0".repeat(DEPTH_MAX));
    let members = (0..=MEMBERS_MAX).map(|n| format!("\"m{n}\":0")).collect::<Vec<_>>().join(",");
    check_flaw(&format!("{{{members}}}"), FlawKind::TooManyMembers, &format!("/m{MEMBERS_MAX}"));
}

#[test]
fn leaves_syntax_to_the_parser() {
    for body in ["", "{", "{}{}", "{\"a\":}", "\"\\ud800\"", "nul", "{\"a\":1,}", "1e999", "[1 2]"]
    {
        assert!(matches!(check(body.as_bytes()), Err(Refusal::Syntax(_))), "{body}");
    }
    assert!(matches!(check(b"\"\xff\""), Err(Refusal::Syntax(_))));
}
