use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Line {
    item: String,
    quantity: u32,
}

fn read(json: &str) -> Result<Vec<Object<Line>>, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn reads_an_object() {
    let line = Line { item: "a".into(), quantity: 1 };
    assert_eq!(read(r#"[{"quantity":1,"item":"a"}]"#), Ok(vec![Object(line)]));
}

#[test]
fn refuses_fields_by_position() {
    let error = read(r#"[["a",1]]"#).unwrap_err();
    assert!(error.starts_with("invalid type: sequence, expected an object"), "{error}");
}

#[test]
fn leaves_the_rest_to_the_type() {
    assert!(read(r#"[{"item":"a","quantity":1,"price":2}]"#).unwrap_err().contains("`price`"));
    assert!(read(r#"[{"item":"a"}]"#).unwrap_err().contains("missing field `quantity`"));
}
