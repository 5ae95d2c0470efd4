//! TLS to a server that takes nobody without it, with a CA made here, as every managed Postgres has one.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose,
};
use schema_embedded::testing::TestServer;
use schema_pg::{ConnectError, Db, PoolConfig};
use sqlx::{Connection, PgConnection, Row};

/// The server, and beside its data the files that a client needs.
struct World {
    server: TestServer,
    port: u16,
}

impl World {
    async fn new() -> World {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let settings = [("listen_addresses", "127.0.0.1"), ("port", &port.to_string())];
        let world =
            World { server: TestServer::start_stock_with(&settings).expect("it starts"), port };
        world.write_certificates();
        let hba = "local all all trust\nhostssl all lead 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 trust\n";
        fs::write(world.data().join("pg_hba.conf"), hba).expect("written");
        let mut admin = PgConnection::connect(&world.local()).await.expect("it answers");
        for sql in [
            "create role lead login",
            "alter system set ssl_ca_file = 'root.crt'",
            "alter system set ssl = on",
            "select pg_reload_conf()",
        ] {
            sqlx::raw_sql(sql).execute(&mut admin).await.expect(sql);
        }
        // Reloaded by the server's main process, which new sessions come from.
        while admin_setting(&world, "ssl").await != "on" {}
        world
    }

    fn data(&self) -> PathBuf {
        self.server.directory().join("data")
    }

    fn local(&self) -> String {
        let socket = self.server.socket_directory().display();
        format!("postgres:///postgres?user=postgres&host={socket}&port={}", self.port)
    }

    /// A CA, the server's certificate for `localhost`, and that of the user `lead`.
    fn write_certificates(&self) {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        ca.distinguished_name = named("test CA");
        let ca = CertifiedIssuer::self_signed(ca, ca_key).expect("signed");
        let issue = |certificate: CertificateParams, name: &str| {
            let key = KeyPair::generate().expect("a key");
            let certificate = certificate.signed_by(&key, &ca).expect("signed");
            self.write(&format!("{name}.crt"), &certificate.pem());
            self.write(&format!("{name}.key"), &key.serialize_pem());
        };
        self.write("root.crt", &ca.pem());
        issue(CertificateParams::new(vec!["localhost".to_owned()]).expect("a name"), "server");
        let mut lead = CertificateParams::default();
        lead.distinguished_name = named("lead");
        issue(lead, "lead");
    }

    /// Owned by the server's user, as it wants its key to be.
    fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        let owner = fs::metadata(self.data()).expect("there");
        chown(&path, Some(owner.uid()), Some(owner.gid())).expect("given");
    }

    async fn connect(&self, user_and_host: &str, parameters: &str) -> Result<Db, ConnectError> {
        let data = self.data().display().to_string();
        let parameters = parameters.replace("DATA", &data);
        let url = format!("postgres://{user_and_host}:{}/postgres?{parameters}", self.port);
        Db::connect(&PoolConfig::new(url, "test")).await
    }

    async fn check_connects(&self, user_and_host: &str, parameters: &str) {
        const SQL: &str = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        let db = self.connect(user_and_host, parameters).await.expect(parameters);
        let read: Result<bool, sqlx::Error> =
            db.read(|c| Box::pin(async { sqlx::query(SQL).fetch_one(c).await?.try_get(0) })).await;
        assert!(read.expect("read"), "{parameters}");
    }

    async fn check_refused(&self, user_and_host: &str, parameters: &str, parts: &[&str]) {
        let error = self.connect(user_and_host, parameters).await.expect_err(parameters);
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    }
}

async fn admin_setting(world: &World, name: &'static str) -> String {
    let mut admin = PgConnection::connect(&world.local()).await.expect("it answers");
    let read = sqlx::query("select current_setting($1)").bind(name).fetch_one(&mut admin).await;
    read.expect("it answers").get(0)
}

fn named(name: &str) -> DistinguishedName {
    let mut whole = DistinguishedName::new();
    whole.push(DnType::CommonName, name);
    whole
}

#[tokio::test]
async fn a_server_that_wants_tls_is_spoken_to_and_verified() {
    let world = World::new().await;
    let root = "sslrootcert=DATA/root.crt";
    let (by_name, by_address) = ("postgres@localhost", "postgres@127.0.0.1");

    world.check_connects(by_name, "").await;
    world.check_connects(by_name, "sslmode=require").await;
    world.check_connects(by_name, &format!("sslmode=verify-full&{root}")).await;
    world.check_connects(by_address, &format!("sslmode=verify-ca&{root}")).await;
    let refused = ["no TLS connection to Postgres at"];
    world.check_refused(by_address, &format!("sslmode=verify-full&{root}"), &refused).await;
    world.check_refused(by_name, "sslmode=verify-full", &refused).await;
    let plain = ["no encryption", "add sslmode=verify-full"];
    world.check_refused(by_name, "sslmode=disable", &plain).await;

    let certificate = "sslcert=DATA/lead.crt&sslkey=DATA/lead.key";
    world
        .check_connects("lead@localhost", &format!("sslmode=verify-full&{root}&{certificate}"))
        .await;
    let without = ["does not let user \"lead\" in", "valid client certificate", "pg_hba.conf"];
    world.check_refused("lead@localhost", &format!("sslmode=verify-full&{root}"), &without).await;
    let missing = ["sslrootcert", "cannot be read"];
    world.check_refused(by_name, "sslmode=verify-full&sslrootcert=/no/such", &missing).await;
}
