//! What a restart does with the files of a cleaning that a crash cut short.
//!
//! The rules are those of Kafka's `LogLoader`, so that either can go on with
//! what the other has left.

use std::io;

use ottla_core::ids::Offset;

use super::SWAP;
use super::output::file_name;
use crate::storage::StorageError;
use crate::storage::folder::Folder;
use crate::storage::scan::BatchScan;
use crate::storage::segment::HOP_BYTES;

/// Files that are not complete are removed; a segment that is complete takes the
/// place of those it stands for.
pub(in crate::storage) fn finish_swaps(folder: &Folder) -> Result<(), StorageError> {
    let failed = |error| StorageError::io("finish the cleaning of", folder.name(), error);
    finish(folder).map_err(failed)
}

fn finish(folder: &Folder) -> io::Result<()> {
    let names = folder.list()?;
    let half_made = || names.iter().filter(|name| name.ends_with(".cleaned"));
    let in_place = || names.iter().filter(|name| name.ends_with(".swap"));
    if half_made().next().is_none() && in_place().next().is_none() {
        return Ok(());
    }
    // Kafka makes several segments of one by way of `.cleaned`, too: as long as
    // one is left, those behind it are not all there.
    let first_half_made = half_made().filter_map(|name| base_of(name)).min();
    let mut complete = Vec::new();
    for name in in_place() {
        let base = base_of(name);
        let is_complete = first_half_made.is_none_or(|first| base.is_some_and(|base| base < first));
        match (base, is_complete && name.ends_with(SWAP)) {
            (Some(base), true) => complete.push(base),
            // An index is made again.
            _ => folder.remove(name)?,
        }
    }
    for name in half_made() {
        folder.remove(name)?;
    }
    for base in complete {
        let end = end_of(folder, base)?;
        let replaced = |name: &&String| {
            base_of(name).is_some_and(|of| of == base || (base..end).contains(&of))
                && ![".swap", ".cleaned", ".snapshot"]
                    .iter()
                    .any(|suffix| name.ends_with(suffix))
        };
        for name in names.iter().filter(replaced) {
            folder.remove(name)?;
        }
        folder.disk().sync_folder(folder.name())?;
        tracing::info!(folder = %folder.name(), base = base.0, "went on with a cleaning");
        folder.rename(&file_name(base, SWAP), &file_name(base, ".log"))?;
    }
    folder.disk().sync_folder(folder.name())
}

/// The offset behind the last batch of a cleaned segment.
fn end_of(folder: &Folder, base: Offset) -> io::Result<Offset> {
    let file = folder.open(&file_name(base, SWAP))?;
    let mut scan = BatchScan::new(&*file, 0, file.size()?, HOP_BYTES);
    let mut end = base;
    while !scan.is_at_end() {
        let Some(header) = scan.header()? else { break };
        end = header.next_offset();
        scan.pass(&header);
    }
    Ok(end)
}

/// The offset that a file of a segment is named by.
fn base_of(name: &str) -> Option<Offset> {
    let (digits, _) = name.split_once('.')?;
    let is_base = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_base.then(|| digits.parse().ok().map(Offset))?
}
