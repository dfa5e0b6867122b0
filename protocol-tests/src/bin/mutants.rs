//! Plants every known bug, one at a time, and says which check found it.
//!
//! ```text
//! cargo run -p protocol-tests --bin mutants               all; exit status 1 if one survives
//! cargo run -p protocol-tests --bin mutants -- NAME …     only these
//! cargo run -p protocol-tests --bin mutants -- --write    and the table in docs/properties.md
//! ```

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use protocol_tests::mutants::catalogue::{Bug, bugs};
use protocol_tests::mutants::page::with_table;
use protocol_tests::mutants::run::{Binaries, Outcome};

fn main() -> anyhow::Result<ExitCode> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let writes = names.iter().any(|name| name == "--write");
    names.retain(|name| name != "--write");
    if writes && !names.is_empty() {
        bail!("--write needs all mutants: give no names with it");
    }
    let chosen = choose(&names)?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binaries = Binaries::build(&root, chosen.iter().map(|bug| bug.place))?;
    let mut found = Vec::new();
    for bug in &chosen {
        found.extend(try_out(&binaries, bug)?);
    }
    let survivors = chosen.len() - found.len();
    println!("{} of {} mutants found", found.len(), chosen.len());
    if survivors > 0 {
        return Ok(ExitCode::FAILURE);
    }
    if writes {
        write_page(&root, &found)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn choose(names: &[String]) -> anyhow::Result<Vec<&'static Bug>> {
    let all: Vec<_> = bugs().map(|(_, bug)| bug).collect();
    if names.is_empty() {
        return Ok(all);
    }
    let named = |bug: &&Bug| names.contains(&format!("{:?}", bug.mutant));
    let chosen: Vec<_> = all.iter().copied().filter(named).collect();
    if chosen.is_empty() {
        let known: Vec<_> = all.iter().map(|bug| format!("{:?}", bug.mutant)).collect();
        bail!("no mutant of that name; known are {}", known.join(", "));
    }
    Ok(chosen)
}

/// How long the check took to find the bug, if it did.
fn try_out(binaries: &Binaries, bug: &Bug) -> anyhow::Result<Option<Duration>> {
    if binaries.check(bug, false)? != Outcome::Passed {
        bail!("{} does not pass without any bug", bug.test);
    }
    let outcome = binaries.check(bug, true)?;
    let (verdict, found) = match outcome {
        Outcome::Failed(after) => (
            format!("found in {:.2} s", after.as_secs_f64()),
            Some(after),
        ),
        Outcome::Passed => ("SURVIVED".to_owned(), None),
        Outcome::Hung => (
            "SURVIVED: its check neither failed nor passed".to_owned(),
            None,
        ),
    };
    println!(
        "{:<32} {verdict:<20} {}",
        format!("{:?}", bug.mutant),
        bug.test
    );
    Ok(found)
}

fn write_page(root: &Path, found: &[Duration]) -> anyhow::Result<()> {
    let path = root.join("docs/properties.md");
    let page = std::fs::read_to_string(&path)?;
    let page = with_table(&page, found).context("the page has no place for the table")?;
    std::fs::write(path, page)?;
    Ok(())
}
