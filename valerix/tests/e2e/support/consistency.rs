//! Whether the rows of both databases, and what clients were told, agree: by the checker.

use checker::{Counts, Evidence, Phase, Subject, check};
use trials::load::Results;

/// Every invariant, after quiescence: acknowledged orders exist and have ended as their clients were told, stock is
/// taken exactly once, nothing is stuck, every journal leads to its saga.
pub(crate) async fn check_consistency(subject: &Subject, results: &[&Results]) -> Counts {
    let ledgers = results.iter().map(|results| &results.ledger).collect();
    let evidence = Evidence { ledgers, ..Evidence::default() };
    let report = check(subject, Phase::Quiescent, &evidence).await.expect("both databases answer");
    assert!(report.is_clean(), "{report}");
    report.counts
}
