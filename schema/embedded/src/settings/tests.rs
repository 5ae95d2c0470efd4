use super::*;

fn arguments_for(durability: Durability) -> Vec<OsString> {
    let mut options = Options::new("/nowhere");
    options.durability = durability;
    options.settings.push(("work_mem".into(), "8MB".into()));
    arguments(&options, Path::new("/nowhere/data"), Path::new("/nowhere/run"), true)
}

#[test]
fn a_durable_server_flushes_everything() {
    let arguments = arguments_for(Durability::On);
    for setting in
        ["fsync=on", "full_page_writes=on", "synchronous_commit=on", "wal_compression=lz4"]
    {
        assert!(arguments.iter().any(|argument| argument == setting), "{setting}");
    }
}

#[test]
fn nothing_listens_beyond_the_socket() {
    for durability in [Durability::On, Durability::OffForTests] {
        let arguments = arguments_for(durability);
        assert!(arguments.iter().any(|argument| argument == "listen_addresses="));
        assert!(arguments.iter().any(|argument| argument == "unix_socket_permissions=0700"));
    }
}

#[test]
fn a_socket_directory_is_one_whatever_it_is_called() {
    assert_eq!(in_a_list("/my \"own\", data"), "\"/my \"\"own\"\", data\"");
}

#[test]
fn the_callers_settings_come_last_and_so_win() {
    assert_eq!(arguments_for(Durability::On).last().unwrap(), "work_mem=8MB");
}

#[test]
fn shared_buffers_follow_the_memory_within_bounds() {
    assert_eq!(shared_buffers_mib(512 * MIB), 256);
    assert_eq!(shared_buffers_mib(4096 * MIB), 512);
    assert_eq!(shared_buffers_mib(65_536 * MIB), 1024);
}
