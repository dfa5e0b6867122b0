//! `ottla topic alter`

use std::collections::BTreeMap;

use clap::{ArgGroup, Args};
use ottla_client::admin::ConfigResource;
use serde::Serialize;

use super::super::Session;
use crate::arguments::name_and_value;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::Report;

const EXAMPLES: &str = "\
Examples:
  ottla topic alter orders --partitions 6
  ottla topic alter orders --set retention.ms=3600000 --unset segment.bytes";

/// Arguments of `ottla topic alter`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)))]
pub struct AlterArguments {
    /// The topic
    name: String,
    /// How many partitions it shall have; never fewer than now
    #[arg(long, short = 'p', group = "change", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// A property to set; may be repeated
    #[arg(long, group = "change", value_name = "NAME=VALUE", value_parser = name_and_value)]
    set: Vec<(String, String)>,
    /// A property to set back to its default; may be repeated
    #[arg(long, group = "change", value_name = "NAME")]
    unset: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Altered {
    topic: String,
    partitions: Option<i32>,
    set: BTreeMap<String, Option<String>>,
}

impl Report for Altered {
    fn text(&self, language: Language) -> String {
        let mut text = String::new();
        let name = &self.topic;
        if let Some(count) = self.partitions {
            text += &language.pick(
                format!("topic {name} has {count} partitions now; keys may go elsewhere from here on\n"),
                format!("토픽 {name}의 파티션이 {count}개가 됐어요. 이제부터 같은 키가 다른 파티션으로 갈 수 있어요\n"),
            );
        }
        for (property, value) in &self.set {
            text += &match value {
                Some(value) => format!("{name}: {property}={value}\n"),
                None => language.pick(
                    format!("{name}: {property} is back to its default\n"),
                    format!("{name}: {property}을(를) 기본값으로 되돌렸어요\n"),
                ),
            };
        }
        text
    }
}

pub async fn run(arguments: AlterArguments, session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let name = arguments.name;
    if let Some(count) = arguments.partitions {
        session.check(client.create_partitions(&name, count).await)?;
    }
    let mut changes = BTreeMap::new();
    changes.extend(arguments.unset.into_iter().map(|property| (property, None)));
    let set = arguments.set.into_iter();
    changes.extend(set.map(|(property, value)| (property, Some(value))));
    if !changes.is_empty() {
        let resource = ConfigResource::Topic(name.clone());
        session.check(client.alter_configs(&resource, &changes).await)?;
    }
    let altered = Altered {
        topic: name,
        partitions: arguments.partitions,
        set: changes,
    };
    session.output.report(&altered).map(drop)
}
