//! What the architecture promises and no compiler checks: who may depend on
//! whom, what stays out of the library's tree, what the core never touches,
//! and that every file says what it owns.

#![allow(clippy::unwrap_used)]

mod manifests;
mod sources;

use std::collections::BTreeSet;

use manifests::{Kind, Workspace};

/// Which crates of this repository each of them may use. Arrows point down:
/// what stands lower knows nothing of what stands higher.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "ottla-demo",
        &[
            "social-server-api",
            "social-server-push",
            "social-events",
            "ottla-console",
            "ottla",
        ],
    ),
    ("social-server-api", &["social-events", "social-postgres"]),
    ("social-server-push", &["social-events", "social-postgres"]),
    ("social-events", &[]),
    ("social-postgres", &[]),
    (
        "ottla-cli",
        &["ottla-console", "ottla-client", "ottla", "ottla-core"],
    ),
    ("ottla-console", &["ottla"]),
    ("ottla-client", &["ottla-core"]),
    ("ottla", &["ottla-core"]),
    ("ottla-core", &[]),
    // It judges from outside; nothing is built on it.
    ("protocol-tests", &["ottla", "ottla-core"]),
];

/// Who embeds a broker or a client gets none of these.
const NOT_IN_A_LIBRARY: &[&str] = &["cc", "cmake", "axum", "hyper", "clap"];

/// Whatever could give the core a thread, a socket, a clock or a random number.
const NOT_IN_THE_CORE: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "rand",
    "getrandom",
    "uuid",
    "tracing",
];

/// The same, from the standard library.
const NOT_NAMED_IN_THE_CORE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::thread",
    "std::time::Instant",
    "SystemTime",
    "RandomState",
    "thread_rng",
];

#[test]
fn arrows_between_the_crates_point_down_only() {
    let workspace = Workspace::read();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(workspace.names(), known, "ARROWS names every crate once");
    for (name, allowed) in ARROWS {
        for dependency in workspace.own_dependencies(name, Kind::Normal) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn the_core_is_tested_without_anything_above_it() {
    let dependencies = Workspace::read().own_dependencies("ottla-core", Kind::Dev);
    assert!(dependencies.is_empty(), "{dependencies:?}");
}

#[test]
fn who_embeds_a_broker_gets_no_c_code_no_web_framework_and_no_argument_parser() {
    for library in ["ottla", "ottla-client"] {
        let tree = manifests::tree_of(library);
        assert!(tree.contains("ottla-core"), "the tree was read: {tree:?}");
        let wrong = tree
            .iter()
            .filter(|name| NOT_IN_A_LIBRARY.contains(&name.as_str()) || name.ends_with("-sys"));
        assert_eq!(wrong.count(), 0, "{library} has {tree:?}");
    }
}

#[test]
fn the_core_has_no_runtime_clock_socket_or_random_number() {
    let tree = manifests::tree_of("ottla-core");
    for unwanted in NOT_IN_THE_CORE {
        assert!(!tree.contains(*unwanted), "ottla-core has {unwanted}");
    }
    for file in sources::rust_files("broker/core/src") {
        for unwanted in NOT_NAMED_IN_THE_CORE {
            assert!(
                !sources::without_tests(&file.text).contains(unwanted),
                "{} names {unwanted}; time, bytes and seeds are arguments there",
                file.path
            );
        }
    }
}

#[test]
fn every_source_file_opens_with_what_it_owns() {
    let files = sources::rust_files("");
    assert!(files.len() > 100, "only {} files were found", files.len());
    let silent: Vec<&str> = files
        .iter()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.path.as_str())
        .collect();
    assert!(silent.is_empty(), "without //! at the top: {silent:?}");
}

#[test]
fn no_file_knows_somebodys_machine() {
    for file in sources::text_files() {
        for home in ["home", "Users", "root"] {
            // Put together here, or this file would find itself.
            let folder = format!("/{home}/");
            let place = file.text.find(&folder);
            let named = place.is_some_and(|at| {
                let rest = &file.text[at + folder.len()..];
                let before = file.text[..at].chars().next_back();
                let starts_a_path =
                    before.is_none_or(|c| c.is_whitespace() || "\"'`=(:".contains(c));
                starts_a_path && rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
            });
            assert!(!named, "{} names a path under {folder}", file.path);
        }
    }
}
