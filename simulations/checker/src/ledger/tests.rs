use super::*;

#[test]
fn a_key_leads_back_to_its_entry() {
    let mut ledger = Ledger::new(0xfeed);
    for started_ms in 0..20 {
        ledger.push(Entry::begun(started_ms));
    }
    assert_eq!(ledger.key(17), "000000000000feed-00000011");
    assert_eq!(ledger.index_of("000000000000feed-00000011"), Some(17));
}

#[test]
fn keys_of_others_have_no_entry() {
    let mut ledger = Ledger::new(1);
    ledger.push(Entry::begun(0));
    let foreign =
        ["0000000000000002-00000000", "0000000000000001-00000001", "0000000000000001-zz", "", "é"];
    assert!(foreign.iter().all(|key| ledger.index_of(key).is_none()));
}
