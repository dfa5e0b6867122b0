//! `ottla log dirs`

use ottla_client::admin::LogDir;
use serde::Serialize;

use super::super::Session;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, Table};

#[derive(Debug, Serialize)]
struct LogDirs {
    log_dirs: Vec<DescribedLogDir>,
}

#[derive(Debug, Serialize)]
struct DescribedLogDir {
    broker: i32,
    path: String,
    total_bytes: Option<u64>,
    usable_bytes: Option<u64>,
    partitions: Vec<DescribedSize>,
}

#[derive(Debug, Serialize)]
struct DescribedSize {
    topic: String,
    partition: i32,
    size_bytes: u64,
}

impl Report for LogDirs {
    fn text(&self, _: Language) -> String {
        let mut dirs = Table::new(&["BROKER", "PATH", "PARTITIONS", "BYTES", "FREE", "TOTAL"]);
        let mut logs = Table::new(&["BROKER", "TOPIC", "PARTITION", "BYTES"]);
        for dir in &self.log_dirs {
            let or_dash =
                |bytes: Option<u64>| bytes.map_or("-".to_owned(), |bytes| bytes.to_string());
            let in_all: u64 = dir.partitions.iter().map(|log| log.size_bytes).sum();
            dirs.row(&[
                dir.broker.to_string(),
                dir.path.clone(),
                dir.partitions.len().to_string(),
                in_all.to_string(),
                or_dash(dir.usable_bytes),
                or_dash(dir.total_bytes),
            ]);
            for log in &dir.partitions {
                logs.row(&[
                    dir.broker.to_string(),
                    log.topic.clone(),
                    log.partition.to_string(),
                    log.size_bytes.to_string(),
                ]);
            }
        }
        dirs.render() + "\n" + &logs.render()
    }
}

impl From<LogDir> for DescribedLogDir {
    fn from(dir: LogDir) -> Self {
        let sizes = dir.partitions.into_iter().map(|log| DescribedSize {
            topic: log.partition.topic,
            partition: log.partition.partition,
            size_bytes: log.size_bytes,
        });
        DescribedLogDir {
            broker: dir.broker,
            path: dir.path,
            total_bytes: dir.total_bytes,
            usable_bytes: dir.usable_bytes,
            partitions: sizes.collect(),
        }
    }
}

pub async fn run(session: &Session) -> Result<(), Failure> {
    let client = session.connect().await?;
    let dirs = session.check(client.describe_log_dirs().await)?;
    let log_dirs = dirs.into_iter().map(DescribedLogDir::from).collect();
    session.output.report(&LogDirs { log_dirs }).map(drop)
}
