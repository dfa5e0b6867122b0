//! `ottla group list`

use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, Table};

#[derive(Debug, Serialize)]
struct Groups {
    groups: Vec<ListedGroup>,
}

#[derive(Debug, Serialize)]
struct ListedGroup {
    group: String,
    protocol: String,
    state: String,
}

impl Report for Groups {
    fn text(&self, language: Language) -> String {
        if self.groups.is_empty() {
            return language.pick("no groups\n", "그룹이 없어요\n").to_owned();
        }
        let mut table = Table::new(&["GROUP", "PROTOCOL", "STATE"]);
        for group in &self.groups {
            table.row(&[
                group.group.clone(),
                group.protocol.clone(),
                group.state.clone(),
            ]);
        }
        table.render()
    }
}

pub async fn run(session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let listed = session.check(client.list_groups().await)?;
    let groups = listed.into_iter().map(|group| ListedGroup {
        group: group.group,
        protocol: group.kind,
        state: group.state,
    });
    let groups = Groups {
        groups: groups.collect(),
    };
    session.output.report(&groups).map(drop)
}
