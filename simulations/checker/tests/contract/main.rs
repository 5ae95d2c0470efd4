//! The conformance run: our service passes it, and each mistake fails the checks that are about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod wrong;

use checker::contract::{Options, Report, run};
use clap::Parser;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wrong::{Mistake, start};

async fn report(url: &str, item: &str) -> Report {
    let (url, item) = (url.to_owned(), item.to_owned());
    run(&Options { url, item, available: None, timeout_ms: 5_000, json: false }).await.unwrap()
}

async fn failed(mistake: Mistake) -> Vec<&'static str> {
    let report = report(&start(mistake).await, "thing").await;
    let failed = report.outcomes.iter().filter(|outcome| outcome.fault.is_some());
    failed.map(|outcome| outcome.name).collect()
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    config: inventory_api::Config,
}

#[tokio::test]
async fn our_inventory_keeps_its_contract() {
    let database = schema_inventory::testing::fresh_inventory().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let deps = inventory_api::Deps { db: database.db.clone(), metrics: None };
    let config = Defaults::parse_from(["inventory-api"]).config;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(inventory_api::serve(config, deps, listener, stop.clone()));
    let stocked = reqwest::Client::new()
        .post(format!("{url}/api/inventory/update"))
        .json(&serde_json::json!({"item_id": "ps5", "set": 50}))
        .send()
        .await
        .unwrap();
    assert!(stocked.status().is_success());
    let report = report(&url, "ps5").await;
    assert!(report.is_kept(), "{report}");
    assert_eq!(report.outcomes.len(), 22);
    stop.cancel();
    serving.await.unwrap();
}

#[tokio::test]
async fn a_service_without_a_mistake_passes() {
    assert_eq!(failed(Mistake::None).await, Vec::<&str>::new());
}

#[tokio::test]
async fn each_mistake_fails_the_check_that_is_about_it() {
    let expected = [
        (Mistake::TakesAgainWhenRepeated, "repeats-the-answer"),
        (Mistake::ForgetsRejections, "stores-rejections"),
        (Mistake::ForgetsReleases, "refuses-late-reserves"),
        (Mistake::AnswersUnknownReleasesWith404, "releases-what-it-never-saw"),
        (Mistake::TakesTheFirstLines, "takes-all-lines-or-none"),
        (Mistake::LooksAtEachLineAlone, "adds-up-lines-of-one-item"),
        (Mistake::IgnoresOtherPayloads, "refuses-another-payload"),
        (Mistake::IgnoresEpochsOfReserves, "fences-older-reserves"),
        (Mistake::IgnoresEpochsOfReleases, "fences-older-releases"),
        (Mistake::IgnoresDeadlines, "refuses-expired-work"),
        (Mistake::SaysNoWithoutOurType, "refuses-what-is-not-there"),
        (Mistake::ReleasesWhatWasShipped, "ships-once"),
        (Mistake::CrashesOnNonsense, "refuses-nonsense"),
    ];
    for (mistake, check) in expected {
        let failed = failed(mistake).await;
        assert!(failed.contains(&check), "{mistake:?} passes {check}; it fails {failed:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told_in_one_line() {
    let options = Options {
        url: "http://127.0.0.1:1".to_owned(),
        item: "ps5".to_owned(),
        available: None,
        timeout_ms: 1_000,
        json: false,
    };
    let error = run(&options).await.unwrap_err().to_string();
    assert!(error.starts_with("how many ps5 are available? give --available N"), "{error}");
    assert!(!error.contains('\n'));
}
