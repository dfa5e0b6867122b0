//! `ottla cluster describe`

use clap::Subcommand;
use serde::Serialize;

use super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, Table};

/// The verbs of `ottla cluster`.
#[derive(Debug, Subcommand)]
pub enum ClusterVerb {
    /// Show the cluster's id, controller and brokers
    Describe,
}

#[derive(Debug, Serialize)]
struct Cluster {
    cluster_id: String,
    controller: Option<i32>,
    brokers: Vec<DescribedBroker>,
}

#[derive(Debug, Serialize)]
struct DescribedBroker {
    id: i32,
    host: String,
    port: i32,
    rack: Option<String>,
}

impl Report for Cluster {
    fn text(&self, language: Language) -> String {
        let controller = self
            .controller
            .map_or_else(|| "none".to_owned(), |id| id.to_string());
        let mut table = Table::new(&["BROKER", "HOST", "PORT", "RACK"]);
        for broker in &self.brokers {
            table.row(&[
                broker.id.to_string(),
                broker.host.clone(),
                broker.port.to_string(),
                broker.rack.clone().unwrap_or_else(|| "-".to_owned()),
            ]);
        }
        let heading = language.pick(
            format!("cluster {}, controller {controller}", self.cluster_id),
            format!("클러스터 {}, 컨트롤러 {controller}", self.cluster_id),
        );
        format!("{heading}\n{}", table.render())
    }
}

/// Carries the verb out.
pub async fn run(verb: &ClusterVerb, session: &Session) -> Result<(), Failure> {
    let ClusterVerb::Describe = verb;
    let client = session.connect().await?;
    let described = session.check(client.describe_cluster().await)?;
    let brokers = described.brokers.into_iter().map(|broker| DescribedBroker {
        id: broker.id,
        host: broker.host,
        port: broker.port,
        rack: broker.rack,
    });
    let cluster = Cluster {
        cluster_id: described.cluster_id,
        controller: described.controller,
        brokers: brokers.collect(),
    };
    session.output.report(&cluster).map(drop)
}
