//! The table of `docs/properties.md`.

use std::fmt::Write;
use std::time::Duration;

use super::catalogue::{Bug, Place, Property, bugs};

/// Where the table begins and ends in the page.
pub const BEGIN: &str = "<!-- mutants: begin -->\n";
/// See [`BEGIN`].
pub const END: &str = "<!-- mutants: end -->\n";

/// The page with the table replaced, `found` being how long each check took,
/// in the order of the catalogue; `None` if the page has no place for a table.
pub fn with_table(page: &str, found: &[Duration]) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let mut table =
        String::from("\n| | Property | Known bug | Check | Found in |\n|---:|---|---|---|---:|\n");
    let mut last_row = 0;
    for ((property, bug), found) in bugs().zip(found) {
        let is_first = std::mem::replace(&mut last_row, property.row) != property.row;
        table.push_str(&line(property, bug, is_first, *found));
    }
    Some(format!("{before}{BEGIN}{table}\n{END}{after}"))
}

fn line(property: &Property, bug: &Bug, is_first: bool, found: Duration) -> String {
    let (row, text) = match is_first {
        true => (property.row.to_string(), property.text),
        false => (String::new(), ""),
    };
    let mut line = String::new();
    writeln!(
        line,
        "| {row} | {text} | {:?} | {} | {:.1} s |",
        bug.mutant,
        check(bug),
        found.as_secs_f64(),
    )
    .expect("writing to a string");
    line
}

/// How the page names a check: the test binary, and the test.
pub fn check(bug: &Bug) -> String {
    let Place { package, target } = bug.place;
    match target {
        Some(target) => format!("`{package}` `{target}`: `{}`", bug.test),
        None => format!("`{package}`: `{}`", bug.test),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_check_of_the_catalogue() {
        let page = include_str!("../../../docs/properties.md");
        for (property, bug) in bugs() {
            let (mutant, check) = (bug.mutant, check(bug));
            let has = |line: &str| line.contains(&format!("{mutant:?}")) && line.contains(&check);
            assert!(
                page.lines().any(has),
                "row {}: {mutant:?} is missing; run the mutants with --write",
                property.row
            );
        }
    }

    #[test]
    fn only_the_table_is_replaced() {
        let page = format!("before\n{BEGIN}was here before\n{END}after\n");
        let found = vec![Duration::from_millis(1_500); bugs().count()];
        let page = with_table(&page, &found).unwrap();
        assert!(page.starts_with("before\n"));
        assert!(page.ends_with("after\n"));
        assert!(!page.contains("was here before"));
        assert_eq!(page.matches("1.5 s").count(), found.len());
        assert_eq!(with_table("no place", &found), None);
    }
}
