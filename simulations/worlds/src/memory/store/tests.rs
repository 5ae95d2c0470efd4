//! The store in memory is the store on Postgres: the same operations, in the same order, over two connections
//! in turn, get the same answers and leave the same rows. What the worlds in memory find out is true of the
//! product only as far as this holds. `VALERIX_CONFORMANCE_SEED` repeats a run.

mod operations;
mod subject;

use proptest::collection::vec;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::operations::{Operation, operation};
use self::subject::Subject;
use crate::memory::known_bad::KnownBad;

/// Sequences that have to agree.
const CASES: u32 = 120;
/// Sequences within which a planted deviation must be seen.
const FOUND_WITHIN: u32 = 400;
const LENGTH_MAX: usize = 40;

/// Flaws that the store in memory can be given; each is then no conforming store any more.
const DEVIATIONS: [KnownBad; 6] = [
    KnownBad::NoFenceInOrders,
    KnownBad::CancelIgnoresVersion,
    KnownBad::KeyOutsideTransaction,
    KnownBad::OutboxRemovedAtClaim,
    KnownBad::QueueNobodyReads,
    KnownBad::JournalLosesRows,
];

fn runner(cases: u32) -> TestRunner {
    let given = std::env::var("VALERIX_CONFORMANCE_SEED").ok();
    let seed: u64 = given.and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    println!("VALERIX_CONFORMANCE_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn run(cases: u32, flaw: Option<KnownBad>) -> Result<(), TestError<Vec<Operation>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let subject = runtime.block_on(Subject::new());
    let subject = std::cell::RefCell::new(subject);
    runner(cases).run(&vec(operation(), 1..LENGTH_MAX), |operations| {
        let mut subject = subject.borrow_mut();
        runtime.block_on(subject.agree_on(&operations, flaw)).map_err(TestCaseError::fail)
    })
}

#[test]
fn postgres_and_memory_give_the_same_answers_and_rows() {
    if let Err(error) = run(CASES, None) {
        panic!("{error}");
    }
}

#[test]
fn a_store_that_deviates_is_found_out() {
    let missed: Vec<KnownBad> =
        DEVIATIONS.into_iter().filter(|flaw| run(FOUND_WITHIN, Some(*flaw)).is_ok()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
