//! The differences that `docs/differences.md` lists for this run: the rows of
//! its table with the columns *Id, API, Field, Kafka answers, Ottla answers, Afterwards*.

use anyhow::Context;

use super::compare::Difference;

/// The head of the table in the document.
const HEAD: &str = "| Id | API | Field | Kafka answers | Ottla answers | Afterwards |";

/// Stands for any value in a row.
const ANY: &str = "*any*";

/// Says that the servers' states differ from there on.
const APART: &str = "apart";

/// Says that only a long run is sure to meet it; states differ then too.
const RARE: &str = "rare";

/// One row: what a difference must look like to be it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The difference it belongs to, a row of another table of the document.
    pub id: String,
    api: String,
    field: String,
    kafka: String,
    ottla: String,
    /// Whether both servers are in different states afterwards, so that the
    /// rest of a script says nothing.
    pub apart: bool,
    /// Whether only a long run is sure to meet it.
    pub rare: bool,
}

impl Known {
    /// Whether it speaks of this difference.
    pub fn covers(&self, difference: &Difference) -> bool {
        let is = |expected: &str, found: &str| {
            let begins = expected.strip_suffix(" …");
            expected == ANY || expected == found || begins.is_some_and(|it| found.starts_with(it))
        };
        self.api == difference.api
            && self.field == difference.field
            && is(&self.kafka, &difference.kafka)
            && is(&self.ottla, &difference.ottla)
    }
}

impl std::fmt::Display for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {} {}: Kafka {}, Ottla {}",
            self.id, self.api, self.field, self.kafka, self.ottla
        )
    }
}

/// Reads the document.
///
/// # Errors
/// When the table is not there, a row has other columns, or a row's id stands
/// at no difference that is explained.
pub fn read(document: &str) -> anyhow::Result<Vec<Known>> {
    let (explained, table) = document
        .split_once(HEAD)
        .with_context(|| format!("the document has no table {HEAD}"))?;
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let known = known(row)?;
        anyhow::ensure!(
            explained.contains(&format!("| `{}` |", known.id)),
            "no row of the document explains '{}'",
            known.id
        );
        anyhow::ensure!(
            known.field != ANY && known.api != ANY && (known.kafka != ANY || known.ottla != ANY),
            "a row that excuses too much: {row}"
        );
        Ok(known)
    })
    .collect()
}

fn known(row: &str) -> anyhow::Result<Known> {
    let cells: Vec<String> = row
        .trim()
        .trim_start_matches("| ")
        .trim_end_matches('|')
        .split(" |")
        .map(|cell| cell.trim().trim_matches('`').to_owned())
        .collect();
    let [id, api, field, kafka, ottla, afterwards] =
        <[String; 6]>::try_from(cells).map_err(|_| anyhow::anyhow!("not six columns: {row}"))?;
    Ok(Known {
        id,
        api,
        field,
        kafka,
        ottla,
        apart: afterwards == APART || afterwards == RARE,
        rare: afterwards == RARE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "\
| Id | What |\n|---|---|\n| `at-once` | why |\n\n\
| Id | API | Field | Kafka answers | Ottla answers | Afterwards |\n|---|---|---|---|---|---|\n\
| `at-once` | Metadata | `topics[].error_code` | LEADER_NOT_AVAILABLE | NONE | |\n\nmore\n";

    fn difference(ottla: &str) -> Difference {
        Difference {
            api: "Metadata".to_owned(),
            version: 4,
            field: "topics[].error_code".to_owned(),
            kafka: "LEADER_NOT_AVAILABLE".to_owned(),
            ottla: ottla.to_owned(),
        }
    }

    #[test]
    fn a_row_covers_what_it_says_and_nothing_else() {
        let known = read(DOCUMENT).unwrap();
        assert_eq!(known.len(), 1);
        assert!(known[0].covers(&difference("NONE")));
        assert!(!known[0].covers(&difference("INVALID_REQUEST")));
    }

    #[test]
    fn a_row_that_nothing_explains_is_refused() {
        let unexplained = DOCUMENT.replacen("`at-once`", "`something-else`", 1);
        assert!(read(&unexplained).is_err());
    }

    #[test]
    fn a_row_that_excuses_any_answer_is_refused() {
        let any = DOCUMENT.replace("LEADER_NOT_AVAILABLE | NONE", "*any* | *any*");
        assert!(read(&any).is_err());
    }
}
