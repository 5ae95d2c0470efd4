use super::*;

#[test]
fn a_marked_id_is_known_again_and_stays_a_uuid_of_its_time() {
    let id = Uuid::from_u128(0x0195_0000_0001_7abc_8def_0123_4567_89ab);
    let marked = mark_for_lost_reply(id);
    assert!(wants_lost_reply(marked) && !wants_lost_reply(id));
    assert_eq!((marked.get_version_num(), marked.get_timestamp()), (7, id.get_timestamp()));
    assert_eq!(marked.to_string(), "01950000-0001-7abc-8def-01236c6f7374");
    assert_eq!(mark_for_lost_reply(marked), marked);
}
