//! What a disk holds, what of it is sure to outlive a power cut, and what is
//! left after one.
//!
//! Pure: the same changes and the same seed always leave the same bytes. Bytes
//! are sure once their file was synced, names once their folder was. Everything
//! else is kept with what it replaced, so that it can be taken back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Loss;

/// A disk writes this many bytes at once or not at all.
pub(super) const SECTOR_BYTES: u64 = 512;

/// Stands for a folder; files count from 1.
const FOLDER: FileId = 0;

/// A file, whatever its name is by now.
pub(super) type FileId = u64;

/// One step of a disk's history.
#[derive(Clone, Debug)]
pub(super) enum Change {
    CreateFolder(String),
    Create(String),
    Rename {
        from: String,
        to: String,
    },
    Remove(String),
    RemoveFolder(String),
    SyncFolder(String),
    SyncAll,
    Write {
        file: FileId,
        position: u64,
        bytes: Bytes,
    },
    Truncate {
        file: FileId,
        size: u64,
    },
    Sync(FileId),
    /// Not a change of the disk: whoever uses it has come this far.
    Note(u64),
}

impl Change {
    /// The same write, as far as its first `bytes` bytes.
    pub fn torn(&self, kept: usize) -> Option<Change> {
        match self {
            Change::Write {
                file,
                position,
                bytes,
            } if kept < bytes.len() => Some(Change::Write {
                file: *file,
                position: *position,
                bytes: bytes.slice(..kept),
            }),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Paths; a folder's ends with a slash.
    names: BTreeMap<String, FileId>,
    durable_names: BTreeMap<String, FileId>,
    pending_names: Vec<NameChange>,
    /// Shared with copies of this state until one of them changes a file.
    files: BTreeMap<FileId, Arc<File>>,
    last_file: FileId,
}

/// Names that came, went, or mean another file now, all at once or not at all.
#[derive(Clone, Debug)]
struct NameChange {
    /// A sync of one of these makes it sure.
    folders: Vec<String>,
    after: Vec<(String, Option<FileId>)>,
    /// A folder that went elsewhere with all that is in it: from, to.
    moved: Option<(String, String)>,
}

#[derive(Clone, Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// Since the last sync.
    pending: Vec<ByteChange>,
}

/// A write, or a cut where `written` is none.
#[derive(Clone, Debug)]
struct ByteChange {
    position: u64,
    written: Option<Bytes>,
    /// What lay behind `position` and is not there any more.
    replaced: Vec<u8>,
    size_before: u64,
}

impl State {
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::CreateFolder(folder) => self.create_folder(folder),
            Change::Create(path) => {
                self.create(path);
            }
            Change::Rename { from, to } => self.rename(from, to),
            Change::Remove(path) => self.change_names(vec![(path.clone(), None)]),
            Change::RemoveFolder(folder) => {
                let gone = self.inside(folder);
                self.change_names(gone.into_iter().map(|(path, _)| (path, None)).collect());
            }
            Change::SyncFolder(folder) => self.sync_folder(folder),
            Change::SyncAll => self.sync_all(),
            Change::Write {
                file,
                position,
                bytes,
            } => {
                if let Some(file) = self.files.get_mut(file) {
                    Arc::make_mut(file).write(*position, bytes);
                }
            }
            Change::Truncate { file, size } => {
                if let Some(file) = self.files.get_mut(file) {
                    Arc::make_mut(file).truncate(*size);
                }
            }
            Change::Sync(file) => {
                if let Some(file) = self.files.get_mut(file) {
                    Arc::make_mut(file).pending.clear();
                }
            }
            Change::Note(_) => {}
        }
    }

    pub fn file(&self, path: &str) -> Option<FileId> {
        self.names.get(path).copied()
    }

    pub fn bytes(&self, file: FileId) -> &[u8] {
        self.files.get(&file).map_or(&[], |file| &file.bytes)
    }

    /// A change in words.
    pub fn describe(&self, change: &Change) -> String {
        let path = |file: &FileId| {
            let named = self.names.iter().find(|(_, named)| *named == file);
            named.map_or("a file without a name", |(path, _)| path)
        };
        match change {
            Change::Write {
                file,
                position,
                bytes,
            } => {
                format!(
                    "write {} bytes at {position} of {}",
                    bytes.len(),
                    path(file)
                )
            }
            Change::Truncate { file, size } => format!("cut {} to {size} bytes", path(file)),
            Change::Sync(file) => format!("sync {}", path(file)),
            other => format!("{other:?}"),
        }
    }

    /// Every file's path, in order.
    pub fn paths(&self) -> Vec<String> {
        let files = self.names.iter().filter(|(_, file)| **file != FOLDER);
        files.map(|(path, _)| path.clone()).collect()
    }

    /// What lies directly in a folder.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let prefix = prefix_of(folder);
        let mut names: Vec<String> = self
            .inside(folder)
            .iter()
            .filter_map(|(path, _)| path[prefix.len()..].split('/').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        names.dedup();
        names
    }

    pub fn has_folder(&self, folder: &str) -> bool {
        folder.is_empty() || self.names.contains_key(&prefix_of(folder))
    }

    /// What another start of the system finds.
    pub fn after_power_cut(&self, loss: Loss) -> State {
        let mut chance = match loss {
            Loss::Nothing => None,
            Loss::Unsynced => Some(Chance::Never),
            Loss::Torn { seed } => Some(Chance::Seeded(seed)),
        };
        let mut names = self.durable_names.clone();
        // Names go into a journal: an earlier change is never lost alone.
        let kept_names = match &mut chance {
            None => self.pending_names.len(),
            Some(chance) => chance.below(self.pending_names.len() as u64 + 1) as usize,
        };
        for change in &self.pending_names[..kept_names] {
            change.make(&mut names);
        }
        let is_reachable = |path: &str| {
            let folders = path.match_indices('/').map(|(at, _)| &path[..=at]);
            folders
                .filter(|folder| *folder != path)
                .all(|folder| names.contains_key(folder))
        };
        let names: BTreeMap<String, FileId> = names
            .iter()
            .filter(|(path, _)| is_reachable(path))
            .map(|(path, file)| (path.clone(), *file))
            .collect();
        let mut files = BTreeMap::new();
        for file in names.values().filter(|file| **file != FOLDER) {
            let left = match (self.files.get(file), &mut chance) {
                (None, _) => Arc::default(),
                (Some(found), _) if found.pending.is_empty() => Arc::clone(found),
                (Some(found), None) => Arc::new(File {
                    bytes: found.bytes.clone(),
                    pending: Vec::new(),
                }),
                (Some(found), Some(chance)) => Arc::new(found.after_power_cut(chance)),
            };
            files.insert(*file, left);
        }
        State {
            durable_names: names.clone(),
            names,
            pending_names: Vec::new(),
            files,
            last_file: self.last_file,
        }
    }

    fn create_folder(&mut self, folder: &str) {
        let folders = folder.match_indices('/').map(|(at, _)| &folder[..at]);
        for folder in folders.chain([folder]) {
            if !self.has_folder(folder) {
                self.change_names(vec![(prefix_of(folder), Some(FOLDER))]);
            }
        }
    }

    fn create(&mut self, path: &str) {
        if let Some(known) = self.file(path) {
            return self.apply(&Change::Truncate {
                file: known,
                size: 0,
            });
        }
        self.last_file += 1;
        self.files.insert(self.last_file, Arc::default());
        self.change_names(vec![(path.to_owned(), Some(self.last_file))]);
    }

    fn rename(&mut self, from: &str, to: &str) {
        let mut moved: Vec<(String, FileId)> = self.inside(from);
        let is_folder = !moved.is_empty();
        moved.extend(self.file(from).map(|file| (from.to_owned(), file)));
        let mut changes = Vec::new();
        for (path, file) in moved {
            changes.push((format!("{to}{}", &path[from.len()..]), Some(file)));
            changes.push((path, None));
        }
        let folders = vec![parent_of(from), parent_of(to)];
        let moved = is_folder.then(|| (from.to_owned(), to.to_owned()));
        self.change_names_in(folders, changes, moved);
    }

    fn change_names(&mut self, after: Vec<(String, Option<FileId>)>) {
        // Of a folder's contents that go with it, the shortest path is its own.
        let shortest = after
            .iter()
            .map(|(path, _)| path)
            .min_by_key(|path| path.len());
        let folders = shortest.map(|path| parent_of(path)).into_iter().collect();
        self.change_names_in(folders, after, None);
    }

    fn change_names_in(
        &mut self,
        folders: Vec<String>,
        after: Vec<(String, Option<FileId>)>,
        moved: Option<(String, String)>,
    ) {
        let change = NameChange {
            folders,
            after,
            moved,
        };
        change.make(&mut self.names);
        self.pending_names.push(change);
    }

    fn sync_folder(&mut self, folder: &str) {
        let mut waiting: Vec<NameChange> = Vec::new();
        for change in std::mem::take(&mut self.pending_names) {
            if !change.folders.iter().any(|one| one == folder) {
                waiting.push(change);
                continue;
            }
            change.make(&mut self.durable_names);
            if let Some((from, to)) = &change.moved {
                for earlier in &mut waiting {
                    earlier.follow(from, to);
                }
            }
        }
        self.pending_names = waiting;
        // No name leads to it, on this disk or on what a power cut leaves.
        if self.pending_names.is_empty() {
            let (now, durable) = (&self.names, &self.durable_names);
            let named: std::collections::BTreeSet<FileId> =
                now.values().chain(durable.values()).copied().collect();
            self.files.retain(|file, _| named.contains(file));
        }
    }

    fn sync_all(&mut self) {
        self.durable_names.clone_from(&self.names);
        self.pending_names.clear();
        for file in self.files.values_mut() {
            if !file.pending.is_empty() {
                Arc::make_mut(file).pending.clear();
            }
        }
        // Drops what has no name any more.
        self.sync_folder("");
    }

    /// Everything below a folder, itself included.
    fn inside(&self, folder: &str) -> Vec<(String, FileId)> {
        let prefix = prefix_of(folder);
        let from_here = self.names.range(prefix.clone()..);
        from_here
            .take_while(|(path, _)| path.starts_with(&prefix))
            .map(|(path, file)| (path.clone(), *file))
            .collect()
    }
}

impl NameChange {
    /// The folder that these names were in is elsewhere by now.
    fn follow(&mut self, from: &str, to: &str) {
        let prefix = prefix_of(from);
        let paths = self.after.iter_mut().map(|(path, _)| path);
        for path in paths.chain(&mut self.folders) {
            if path == from {
                to.clone_into(path);
            } else if let Some(rest) = path.strip_prefix(&prefix) {
                *path = format!("{to}/{rest}");
            }
        }
    }

    fn make(&self, names: &mut BTreeMap<String, FileId>) {
        for (path, file) in &self.after {
            match file {
                Some(file) => names.insert(path.clone(), *file),
                None => names.remove(path),
            };
        }
    }
}

impl File {
    fn write(&mut self, position: u64, bytes: &Bytes) {
        let change = self.begin(position, Some(bytes.clone()), bytes.len());
        self.pending.push(change);
        overwrite(&mut self.bytes, position, bytes);
    }

    fn truncate(&mut self, size: u64) {
        if size < self.bytes.len() as u64 {
            let change = self.begin(size, None, usize::MAX);
            self.pending.push(change);
            self.bytes.truncate(size as usize);
        }
    }

    fn begin(&self, position: u64, written: Option<Bytes>, length: usize) -> ByteChange {
        let from = self.bytes.len().min(position as usize);
        let to = self.bytes.len().min(from.saturating_add(length));
        ByteChange {
            position,
            written,
            replaced: self.bytes[from..to].to_vec(),
            size_before: self.bytes.len() as u64,
        }
    }

    fn after_power_cut(&self, chance: &mut Chance) -> File {
        let mut bytes = self.bytes.clone();
        for change in self.pending.iter().rev() {
            bytes.truncate(change.size_before as usize);
            overwrite(&mut bytes, change.position, &change.replaced);
        }
        for change in &self.pending {
            change.survive(chance, &mut bytes);
        }
        File {
            bytes,
            pending: Vec::new(),
        }
    }
}

impl ByteChange {
    /// Does again what of it has reached the disk.
    fn survive(&self, chance: &mut Chance, bytes: &mut Vec<u8>) {
        let Some(written) = &self.written else {
            if chance.below(2) == 1 {
                bytes.truncate(self.position as usize);
            }
            return;
        };
        let mut done = 0;
        while done < written.len() {
            let position = self.position + done as u64;
            let in_sector = (SECTOR_BYTES - position % SECTOR_BYTES) as usize;
            let piece = &written[done..written.len().min(done + in_sector)];
            match chance.below(12) {
                0..=5 => {}
                6 => {
                    let mut flipped = piece.to_vec();
                    flipped[chance.below(piece.len() as u64) as usize] ^= 1;
                    overwrite(bytes, position, &flipped);
                }
                _ => overwrite(bytes, position, piece),
            }
            done += piece.len();
        }
    }
}

/// Writes into a file, with zeros where it has not been that long.
fn overwrite(file: &mut Vec<u8>, position: u64, bytes: &[u8]) {
    let position = position as usize;
    let end = position + bytes.len();
    if bytes.is_empty() {
        return;
    }
    if file.len() < end {
        file.resize(end, 0);
    }
    file[position..end].copy_from_slice(bytes);
}

/// Decides what survives: nothing, or what a seed says (SplitMix64).
enum Chance {
    Never,
    Seeded(u64),
}

impl Chance {
    /// 0 up to `bound`, without it; always 0 for nothing.
    fn below(&mut self, bound: u64) -> u64 {
        let Chance::Seeded(state) = self else {
            return 0;
        };
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// What the paths inside of a folder begin with; the root is the empty path.
fn prefix_of(folder: &str) -> String {
    match folder {
        "" => String::new(),
        folder => format!("{folder}/"),
    }
}

/// The folder a file or folder lies in.
fn parent_of(path: &str) -> String {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/')
        .map_or_else(String::new, |(parent, _)| parent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(state: &mut State, path: &str, position: u64, bytes: &'static [u8]) {
        let file = state.file(path).unwrap();
        let bytes = Bytes::from_static(bytes);
        state.apply(&Change::Write {
            file,
            position,
            bytes,
        });
    }

    fn sync(state: &mut State, path: &str) {
        let file = state.file(path).unwrap();
        state.apply(&Change::Sync(file));
    }

    fn content(state: &State, path: &str) -> Option<Vec<u8>> {
        Some(state.bytes(state.file(path)?).to_vec())
    }

    /// A folder with one file, all of it sure.
    fn synced() -> State {
        let mut state = State::default();
        state.apply(&Change::CreateFolder("a".into()));
        state.apply(&Change::Create("a/x".into()));
        write(&mut state, "a/x", 0, b"old");
        sync(&mut state, "a/x");
        state.apply(&Change::SyncFolder("a".into()));
        state.apply(&Change::SyncFolder(String::new()));
        state
    }

    #[test]
    fn bytes_survive_once_their_file_was_synced_and_not_before() {
        let mut state = synced();
        write(&mut state, "a/x", 1, b"ne");
        write(&mut state, "a/x", 3, b"w");
        assert_eq!(content(&state, "a/x").unwrap(), b"onew");
        let cut = |state: &State| content(&state.after_power_cut(Loss::Unsynced), "a/x");
        assert_eq!(cut(&state).unwrap(), b"old");
        sync(&mut state, "a/x");
        assert_eq!(cut(&state).unwrap(), b"onew");
        let file = state.file("a/x").unwrap();
        state.apply(&Change::Truncate { file, size: 1 });
        assert_eq!(cut(&state).unwrap(), b"onew");
        assert_eq!(
            content(&state.after_power_cut(Loss::Nothing), "a/x").unwrap(),
            b"o"
        );
    }

    #[test]
    fn names_survive_once_every_folder_on_the_way_was_synced() {
        let mut state = State::default();
        state.apply(&Change::CreateFolder("a".into()));
        state.apply(&Change::Create("a/x".into()));
        state.apply(&Change::SyncFolder("a".into()));
        assert!(state.after_power_cut(Loss::Unsynced).paths().is_empty());
        state.apply(&Change::SyncFolder(String::new()));
        assert_eq!(state.after_power_cut(Loss::Unsynced).paths(), ["a/x"]);
    }

    #[test]
    fn a_rename_that_was_not_synced_may_be_lost() {
        let mut state = synced();
        state.apply(&Change::Rename {
            from: "a/x".into(),
            to: "a/y".into(),
        });
        assert_eq!(state.paths(), ["a/y"]);
        assert_eq!(state.after_power_cut(Loss::Unsynced).paths(), ["a/x"]);
        state.apply(&Change::SyncFolder("a".into()));
        assert_eq!(state.after_power_cut(Loss::Unsynced).paths(), ["a/y"]);
        let moved = Change::Rename {
            from: "a".into(),
            to: "b".into(),
        };
        state.apply(&moved);
        assert_eq!(
            (state.paths(), state.list("")),
            (vec!["b/y".to_owned()], vec!["b".to_owned()])
        );
        assert_eq!(state.after_power_cut(Loss::Unsynced).paths(), ["a/y"]);
    }

    #[test]
    fn names_that_were_never_synced_go_where_their_folder_goes() {
        let mut state = State::default();
        state.apply(&Change::CreateFolder("a".into()));
        state.apply(&Change::Create("a/x".into()));
        state.apply(&Change::Rename {
            from: "a".into(),
            to: "b".into(),
        });
        state.apply(&Change::SyncFolder(String::new()));
        state.apply(&Change::CreateFolder("a".into()));
        for seed in 0..50 {
            let paths = state.after_power_cut(Loss::Torn { seed }).paths();
            assert!(!paths.contains(&"a/x".to_owned()), "{paths:?}");
        }
    }

    #[test]
    fn a_torn_write_keeps_some_sectors_and_the_same_seed_the_same_ones() {
        let mut state = synced();
        let bytes = Bytes::from(vec![7; 5_000]);
        let file = state.file("a/x").unwrap();
        state.apply(&Change::Write {
            file,
            position: 3,
            bytes,
        });
        let torn = |seed| content(&state.after_power_cut(Loss::Torn { seed }), "a/x").unwrap();
        assert_eq!(torn(5), torn(5));
        let lengths: std::collections::BTreeSet<usize> =
            (0..50).map(|seed| torn(seed).len()).collect();
        assert!(lengths.len() > 3, "{lengths:?}");
        assert!(
            (0..50).all(|seed| torn(seed).starts_with(b"old")),
            "what was synced is not touched"
        );
    }
}
