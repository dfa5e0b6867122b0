//! The tour itself, on free ports: that it finds all to be well, and that it
//! would find out if it were not.

use clap::Parser as _;
use social_server_push::transport::{HttpTransport, Losing};

use super::*;
use crate::cli::{Cli, Command};

fn options(arguments: &[&str]) -> TourOptions {
    let arguments = ["ottla-demo", "tour"].iter().chain(arguments).copied();
    match Cli::parse_from(arguments).command {
        Some(Command::Tour(options)) => options,
        other => panic!("not a tour: {other:?}"),
    }
}

async fn play(arguments: &[&str], transport: Option<Arc<dyn Transport>>) -> Report {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let show = Show::new(Language::En, true);
    in_this_process(&options(arguments), &show, transport)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_comment_is_decrypted_once_and_told_on_the_console() {
    let report = play(&["--comments", "7"], None).await;
    assert_eq!(report.verdict.acknowledged, 7);
    assert_eq!(report.verdict.console_lines, Some(7));
    assert_eq!(report.verdict.exit_status(), 0, "{:?}", report.verdict);
    let titles = report
        .comments
        .iter()
        .map(|comment| comment.push.as_ref().unwrap().title.as_str());
    assert!(
        titles
            .into_iter()
            .all(|title| title == "민지가 댓글을 달았어요.")
    );
    let offsets: Vec<i64> = report
        .comments
        .iter()
        .map(|comment| comment.record.offset)
        .collect();
    assert!(
        offsets.is_sorted_by(|left, right| left < right),
        "one key, one partition: {offsets:?}"
    );
    let mut fields = report.comments[0].record.fields.clone();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "commentId",
            "commentWriter",
            "postId",
            "postWriter",
            "userId"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_dropped_inside_the_push_service_is_found_to_be_lost() {
    let http = HttpTransport::new(Duration::from_secs(5)).unwrap();
    let report = play(&["--comments", "5"], Some(Arc::new(Losing::after(2, http)))).await;
    assert_eq!(report.verdict.lost.len(), 1, "{:?}", report.verdict);
    assert_eq!(report.verdict.delivered, 4);
    assert_eq!(report.verdict.exit_status(), 1);
}
