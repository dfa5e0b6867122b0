//! Generated scripts, shrunk to the shortest that goes wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

use ottla::FaultyDisk;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::back_ends::apache::Apache;
use crate::back_ends::embedded::Embedded;
use crate::back_ends::process::Served;
use crate::cluster::Cluster;
use crate::script::{Operation, Run, script};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        // `PROPTEST_CASES` asks for more, or for fewer.
        cases: std::env::var("PROPTEST_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(cases),
        ..ProptestConfig::default()
    }
}

fn judge(cluster: impl Cluster, operations: &[Operation]) -> Result<(), TestCaseError> {
    let mut run = Run::on(cluster, "t");
    let judged = run.script(operations);
    judged.map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
    run.read_everything().map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn a_broker_in_memory_is_what_the_model_says(operations in script(60)) {
        judge(Embedded::in_memory(), &operations)?;
    }

    #[test]
    fn a_broker_on_a_disk_is_what_the_model_says_after_every_restart(operations in script(60)) {
        judge(Embedded::on_disk(), &operations)?;
    }

    #[test]
    fn a_broker_on_a_disk_that_forgets_is_what_the_model_says_after_every_crash(
        operations in script(60),
    ) {
        judge(Embedded::on_faulty_disk(FaultyDisk::new()), &operations)?;
    }
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn a_process_is_what_the_model_says_after_every_kill(operations in script(40)) {
        judge(Served::start(), &operations)?;
    }
}

/// The same scripts on Apache Kafka, where `BOOTSTRAP` names one. Its clock and
/// its disk are not ours: time, restarts and crashes are left out.
#[test]
fn apache_kafka_is_what_the_model_says() {
    if Apache::named().is_none() {
        println!("not run: BOOTSTRAP names no Apache Kafka");
        return;
    }
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..config(10)
    });
    let (scripts, left_out) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let judged = runner.run(&script(60), |operations| {
        let number = scripts.fetch_add(1, Ordering::Relaxed);
        let cluster = Apache::named().expect("it was there a moment ago");
        let mut run = Run::on(cluster, &format!("m{}-{number}", std::process::id()));
        let judged = run.script(&operations);
        left_out.fetch_add(run.left_out, Ordering::Relaxed);
        run.delete_topics();
        judged.map_err(|wrong| TestCaseError::fail(wrong.to_string()))
    });
    println!(
        "Apache Kafka: {} scripts; {} advances of time, restarts and crashes left out",
        scripts.into_inner(),
        left_out.into_inner()
    );
    judged.unwrap();
}
