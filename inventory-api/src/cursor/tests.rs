use super::*;

#[test]
fn comes_back_as_it_was_made() {
    for last in ["ps5", "100% wool", "naïve – ünï", "a/b?c&d"] {
        assert_eq!(decode(&encode(last, "low"), "low").unwrap(), last);
    }
}

#[test]
fn refuses_what_it_did_not_make() {
    let other_filters = encode("ps5", "low");
    for bad in ["", "1", "2ffff", "1é", "1000000000000000070", &other_filters, "1zzzzzzzzzzzzzzzz"]
    {
        let problem = decode(bad, "").unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.errors()[0].code), (400, "invalid-cursor"));
    }
}
