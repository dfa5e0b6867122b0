//! `docs/protocol-support.md`, written from [`TABLE`] and from what each API's
//! file says at its top. A test fails when the page differs.
//!
//! ```text
//! OTTLA_REGENERATE=1 cargo test -p ottla protocol_support
//! ```

use std::fs;
use std::path::PathBuf;

use super::{Row, TABLE};

const REGENERATE: &str = "OTTLA_REGENERATE";

const INTRODUCTION: &str = "\
# What of Kafka's protocol Ottla speaks

This page is generated from the table in `broker/src/apis/mod.rs` and from the notes at the top of
each API's file; `OTTLA_REGENERATE=1 cargo test -p ottla protocol_support` writes it again.

The versions are those of Apache Kafka 4.1, one coherent release. An API that is not finished is not
here, and ApiVersions does not name it: a client then knows that it cannot use it. A request for an
API or a version that is not here closes its connection, but for ApiVersions (KIP-511).
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "\n| Key | API | Versions |\n|---:|---|---|\n";
    for row in TABLE {
        page += &format!(
            "| {} | [{:?}](#{}) | {} |\n",
            row.key as i16,
            row.key,
            anchor(row),
            versions(row)
        );
    }
    for row in TABLE {
        page += &format!("\n## {:?}\n\n{}", row.key, notes(row));
    }
    page
}

fn versions(row: &Row) -> String {
    let served = range(row);
    if row.advertised_min_version == row.min_version {
        return served;
    }
    let advertised = row.advertised_min_version;
    format!("{served} (ApiVersions says from {advertised})")
}

fn range(row: &Row) -> String {
    if row.min_version == row.max_version {
        return row.min_version.to_string();
    }
    format!("{}–{}", row.min_version, row.max_version)
}

fn heading(row: &Row) -> String {
    format!("{:?} ({})", row.key, row.key as i16)
}

/// As the common renderers of Markdown make it from a heading.
fn anchor(row: &Row) -> String {
    format!("{:?}", row.key).to_lowercase()
}

/// What the API's file says at its top.
fn notes(row: &Row) -> String {
    let text = fs::read_to_string(file(row)).expect("every API has a file of its own");
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n")
        .collect()
}

fn file(row: &Row) -> PathBuf {
    let mut name = String::new();
    for letter in format!("{:?}", row.key).chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    let apis = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/apis");
    apis.join(name).with_extension("rs")
}

#[test]
fn the_page_says_what_the_table_says() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol-support.md");
    if std::env::var_os(REGENERATE).is_some() {
        fs::write(&file, page()).expect("the page can be written");
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page(),
        "docs/protocol-support.md is not what the table says; write it again with \
         {REGENERATE}=1 cargo test -p ottla protocol_support"
    );
}

#[test]
fn every_api_s_file_opens_with_its_key_and_versions() {
    for row in TABLE {
        let text = fs::read_to_string(file(row)).expect("every API has a file of its own");
        let word = if row.min_version == row.max_version {
            "version"
        } else {
            "versions"
        };
        let expected = format!("//! {}, {word} {}", heading(row), range(row));
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with(&expected), "{first} is not {expected}");
    }
}
