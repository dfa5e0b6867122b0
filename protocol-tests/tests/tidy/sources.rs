//! The files of this repository, as they lie on disk.

use std::fs;
use std::path::{Path, PathBuf};

/// A file and what it says.
pub struct File {
    /// Relative to the repository.
    pub path: String,
    pub text: String,
}

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// All Rust files below `folder`.
pub fn rust_files(folder: &str) -> Vec<File> {
    let mut files = below(&root().join(folder));
    files.retain(|file| file.path.ends_with(".rs"));
    files
}

/// All files that are text, but for the lock file, which names whole crates.
pub fn text_files() -> Vec<File> {
    let mut files = below(&root());
    files.retain(|file| file.path != "Cargo.lock");
    files
}

/// The part of a file before its test module.
pub fn without_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]")
        .map_or(text, |(before, _)| before)
}

fn below(folder: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                if !is_not_ours(&path) {
                    folders.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root()).unwrap();
                let path = path.to_str().unwrap().to_owned();
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// What was built, what others packed, and git's own folder.
fn is_not_ours(folder: &Path) -> bool {
    let root = root();
    folder.ends_with("node_modules")
        || ["target", ".git"]
            .iter()
            .any(|name| folder == root.join(name))
}
