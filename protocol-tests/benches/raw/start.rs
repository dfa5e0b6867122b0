//! How long from nothing to a record that is acknowledged?

use std::path::Path;

use super::Effort;
use super::peers::{self, Storage};
use super::report::{Table, Verdicts};
use super::rivals::Rival;

pub fn measure(ottla: &Path, effort: &Effort, verdicts: &mut Verdicts) {
    let mut table = Table::new("spawn to the first acknowledged record, ms");
    for round in 0..effort.starts {
        for storage in [Storage::Memory, Storage::Disk] {
            let milliseconds = peers::start_to_first_acknowledgement(ottla, storage);
            table.add(&format!("ottla, {storage}"), milliseconds);
        }
        for rival in Rival::present() {
            // One of them takes seconds.
            if rival == Rival::Kfake || round < effort.rounds.min(3) {
                let milliseconds = rival.start_to_first_acknowledgement();
                table.add(&rival.to_string(), milliseconds);
            }
        }
    }
    table.print();
    let what = "spawn to the first acknowledged record, memory, ms";
    verdicts.at_most(what, 5.0, &table, "ottla, memory");
}
