//! What `ottla produce` says: one line per record for programs, a summary with
//! a histogram of the partitions for people.

use std::collections::BTreeMap;

use ottla_client::Delivery;
use serde::Serialize;

use crate::language::Language;
use crate::output::{Report, Table};

/// Width of the longest bar.
const BAR_CELLS: u64 = 40;

/// A record that was acknowledged.
#[derive(Debug, Serialize)]
pub struct Delivered {
    topic: String,
    partition: i32,
    offset: Option<i64>,
    timestamp: i64,
}

impl From<&Delivery> for Delivered {
    fn from(delivery: &Delivery) -> Self {
        Delivered {
            topic: delivery.topic.clone(),
            partition: delivery.partition,
            offset: delivery.offset,
            timestamp: delivery.timestamp_ms,
        }
    }
}

impl Report for Delivered {
    fn text(&self, _: Language) -> String {
        let offset = self
            .offset
            .map_or_else(|| "?".to_owned(), |offset| offset.to_string());
        format!("{}-{}@{offset}\n", self.topic, self.partition)
    }
}

/// How many records went where.
#[derive(Debug, Default)]
pub struct Summary {
    by_partition: BTreeMap<i32, u64>,
}

impl Summary {
    /// Counts a record in.
    pub fn add(&mut self, partition: i32) {
        *self.by_partition.entry(partition).or_default() += 1;
    }

    /// The records and a bar per partition.
    pub fn text(&self, language: Language, topic: &str) -> String {
        let sum: u64 = self.by_partition.values().sum();
        let most = self.by_partition.values().max().copied().unwrap_or(0);
        let s = if sum == 1 { "" } else { "s" };
        let heading = language.pick(
            format!("produced {sum} record{s} to {topic}"),
            format!("{topic}에 레코드 {sum}개를 보냈어요"),
        );
        if self.by_partition.len() < 2 {
            return heading;
        }
        let titles = language.pick(["PARTITION", "RECORDS", ""], ["파티션", "레코드", ""]);
        let mut table = Table::new(&titles);
        for (partition, count) in &self.by_partition {
            let cells = (count * BAR_CELLS).div_ceil(most);
            let bar = "█".repeat(usize::try_from(cells).unwrap_or(0));
            table.row(&[partition.to_string(), count.to_string(), bar]);
        }
        format!("{heading}\n{}", table.render().trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_is_no_records() {
        let mut summary = Summary::default();
        summary.add(0);
        assert_eq!(summary.text(Language::En, "t"), "produced 1 record to t");
    }

    #[test]
    fn the_histogram_is_scaled_to_the_fullest_partition() {
        let mut summary = Summary::default();
        for partition in [0, 1, 1] {
            summary.add(partition);
        }
        let text = summary.text(Language::En, "t");
        assert!(text.starts_with("produced 3 records to t\nPARTITION  RECORDS\n"));
        let cells = |line: &str| line.chars().filter(|c| *c == '█').count();
        let bars: Vec<_> = text.lines().skip(2).map(cells).collect();
        assert_eq!(bars, [20, 40]);
    }
}
