//! Which Firefox is opened: the one that `FIREFOX` names, or the first that is
//! installed. Never downloads one.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::language::Language;

/// What it is called, Debian's name first.
const NAMES: [&str; 2] = ["firefox-esr", "firefox"];

/// Where it is on a Mac, from the root and from the home directory.
const MAC_APPLICATION: &str = "Applications/Firefox.app/Contents/MacOS/firefox";

/// Where Ubuntu's snap of Firefox can read and write.
const SNAP_FOLDER: &str = "snap/firefox/common";

/// A larger file is no script that leads to a snap.
const SCRIPT_BYTES_MAX: u64 = 16 * 1024;

/// A Firefox that is installed here.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
}

impl Program {
    /// # Errors
    /// When there is none: what to install.
    pub(crate) fn find(language: Language) -> anyhow::Result<Program> {
        let named = env::var_os("FIREFOX").filter(|name| !name.is_empty());
        let path = env::var_os("PATH").unwrap_or_default();
        let candidates = match &named {
            Some(named) => places(&[named], &path),
            None => {
                let names = NAMES.map(OsStr::new);
                places(&names, &path)
                    .into_iter()
                    .chain(on_a_mac())
                    .collect()
            }
        };
        match (candidates.into_iter().find(|path| path.is_file()), named) {
            (Some(path), _) => Ok(Program { path }),
            (None, Some(named)) => Err(anyhow::anyhow!(
                "FIREFOX is {}, and no such program is here",
                named.display()
            )),
            (None, None) => Err(anyhow::anyhow!("{}", nothing_found(language))),
        }
    }

    /// The file that is run.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where it can use a temporary profile: a snap sees another /tmp than
    /// everybody else, and its own folder.
    pub(crate) fn profiles_below(&self) -> PathBuf {
        match env::home_dir() {
            Some(home) if is_a_snap(&self.path) => home.join(SNAP_FOLDER),
            _ => env::temp_dir(),
        }
    }
}

fn nothing_found(language: Language) -> &'static str {
    language.pick(
        "Firefox를 찾지 못했어요. 설치하거나(Debian: apt install firefox-esr, macOS: brew install \
         --cask firefox) FIREFOX=/경로/firefox 로 알려 주세요",
        "no Firefox was found: install it (Debian: apt install firefox-esr, macOS: brew install \
         --cask firefox), or say where it is with FIREFOX=/path/to/firefox",
    )
}

/// Where `names` may be on the search path; a name with a slash is a place.
fn places(names: &[impl AsRef<OsStr>], path: &OsStr) -> Vec<PathBuf> {
    let folders = || env::split_paths(path);
    names
        .iter()
        .flat_map(|name| {
            let name = Path::new(name.as_ref());
            match name.components().count() {
                1 => folders().map(|folder| folder.join(name)).collect(),
                _ => vec![name.to_owned()],
            }
        })
        .collect()
}

fn on_a_mac() -> impl Iterator<Item = PathBuf> {
    [Some(PathBuf::from("/")), env::home_dir()]
        .into_iter()
        .flatten()
        .map(|base| base.join(MAC_APPLICATION))
}

/// Whether `path` leads to a snap: by its place, by a link to the snap
/// command, or as the script that Ubuntu installs in its stead.
fn is_a_snap(path: &Path) -> bool {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let small = || fs::metadata(&real).is_ok_and(|file| file.len() <= SCRIPT_BYTES_MAX);
    real.starts_with("/snap")
        || path.starts_with("/snap")
        || real.ends_with("snap")
        || (small() && fs::read_to_string(&real).is_ok_and(|script| script.contains("/snap/bin/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_in_every_folder_and_places_are_taken_as_they_are() {
        let found = places(&["firefox-esr", "firefox"], OsStr::new("/a:/b"));
        let found: Vec<_> = found
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(
            found,
            [
                "/a/firefox-esr",
                "/b/firefox-esr",
                "/a/firefox",
                "/b/firefox"
            ]
        );
        let place = places(&["/opt/firefox/firefox"], OsStr::new("/a"));
        assert_eq!(place, [Path::new("/opt/firefox/firefox")]);
    }

    #[test]
    fn a_snap_is_known_by_its_place_and_by_the_script_in_its_stead() {
        let folder = tempfile::tempdir().unwrap();
        let file = |text: &str| {
            let path = folder.path().join("firefox");
            fs::write(&path, text).unwrap();
            path
        };
        assert!(is_a_snap(Path::new("/snap/bin/firefox")));
        assert!(is_a_snap(&file(
            "#!/bin/sh\nexec /snap/bin/firefox \"$@\"\n"
        )));
        assert!(!is_a_snap(&file("#!/bin/sh\nexec firefox-esr \"$@\"\n")));
        assert!(!is_a_snap(Path::new("/nowhere/firefox")));
    }

    #[test]
    fn who_has_none_is_told_what_to_install() {
        for language in [Language::Ko, Language::En] {
            assert!(nothing_found(language).contains("apt install firefox-esr"));
        }
    }
}
