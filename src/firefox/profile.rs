//! Firefox's profile: a folder with the few preferences that make it get its
//! pushes from this machine. Never writes into a profile of somebody else.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

/// The first line of our `user.js`, by which a folder is known as ours.
const MARK: &str = "// Written by `ottla-demo firefox` at every start.";

/// A preference and its value.
type Preference = (&'static str, Value);

/// What a preference can be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Flag(bool),
    Number(i32),
    Text(String),
}

/// What makes Firefox use the push service at `push_service`, and start
/// without questions. Nobody can answer one when it is `headless`.
pub(crate) fn preferences(push_service: SocketAddr, headless: bool) -> Vec<Preference> {
    use Value::{Flag, Number, Text};
    let mut preferences = vec![
        ("dom.push.serverURL", Text(format!("ws://{push_service}/"))),
        // Without it only wss is taken.
        ("dom.push.testing.allowInsecureServerURL", Flag(true)),
        // It is also the longest pause before the next try to connect, and that is half an hour
        // otherwise: too long for a push service that is stopped and started in front of you.
        ("dom.push.pingInterval", Number(30_000)),
        ("dom.push.retryBaseInterval", Number(1_000)),
        // Firefox draws notifications itself. Where no desktop draws them, showing one fails, and
        // where "do not disturb" is on, nobody sees it.
        ("alerts.useSystemBackend", Flag(false)),
        // A start without terms to read and questions to answer.
        ("browser.shell.checkDefaultBrowser", Flag(false)),
        ("datareporting.policy.dataSubmissionEnabled", Flag(false)),
        ("termsofuse.bypassNotification", Flag(true)),
        // Ctrl-C looks like a crash to Firefox. It would open the page twice, then in safe mode.
        ("browser.sessionstore.resume_from_crash", Flag(false)),
        ("toolkit.startup.max_resumed_crashes", Number(-1)),
    ];
    if headless {
        preferences.push(("permissions.default.desktop-notification", Number(1)));
        // Whoever drives it over WebDriver gets a browser as people have it: automation's own
        // preferences would switch pushes off.
        preferences.push(("remote.prefs.recommended", Flag(false)));
    }
    preferences
}

/// A profile that Firefox is started with. A temporary one goes with it.
#[derive(Debug)]
pub(crate) struct Profile {
    folder: PathBuf,
    temporary: Option<TempDir>,
}

impl Profile {
    /// The profile in `kept`, made there if need be, or a temporary one below
    /// `temporary_below`.
    pub(crate) fn make(
        kept: Option<&Path>,
        temporary_below: &Path,
        preferences: &[Preference],
    ) -> anyhow::Result<Profile> {
        let profile = match kept {
            Some(folder) => Profile::kept(folder)?,
            None => Profile::temporary(temporary_below)?,
        };
        let user_js = profile.folder.join("user.js");
        fs::write(&user_js, in_javascript(preferences))
            .with_context(|| format!("cannot write {}", user_js.display()))?;
        Ok(profile)
    }

    fn kept(folder: &Path) -> anyhow::Result<Profile> {
        let cannot = || format!("cannot use {} as a profile", folder.display());
        fs::create_dir_all(folder).with_context(cannot)?;
        let folder = fs::canonicalize(folder).with_context(cannot)?;
        let empty = fs::read_dir(&folder).with_context(cannot)?.next().is_none();
        let ours =
            fs::read_to_string(folder.join("user.js")).is_ok_and(|text| text.starts_with(MARK));
        anyhow::ensure!(
            empty || ours,
            "{} is not empty, and not a profile of this command; name another directory with \
             --profile",
            folder.display()
        );
        Ok(Profile {
            folder,
            temporary: None,
        })
    }

    fn temporary(below: &Path) -> anyhow::Result<Profile> {
        let folder = tempfile::Builder::new()
            .prefix("ottla-firefox-")
            .tempdir_in(below)
            .with_context(|| format!("cannot make a profile in {}", below.display()))?;
        Ok(Profile {
            folder: folder.path().to_owned(),
            temporary: Some(folder),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it is still there next time.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }
}

/// The file that Firefox reads them from at every start.
fn in_javascript(preferences: &[Preference]) -> String {
    let mut text = format!("{MARK}\n");
    for (name, value) in preferences {
        let value = match value {
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            // A JSON text is a JavaScript text.
            Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        };
        writeln!(text, "user_pref(\"{name}\", {value});").expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(headless: bool) -> String {
        in_javascript(&preferences("127.0.0.1:7070".parse().unwrap(), headless))
    }

    #[test]
    fn pushes_come_from_this_machine() {
        let text = written(false);
        assert!(
            text.contains(r#"user_pref("dom.push.serverURL", "ws://127.0.0.1:7070/");"#),
            "{text}"
        );
    }

    #[test]
    fn only_where_nobody_can_answer_are_notifications_allowed_unasked() {
        let allowed = "permissions.default.desktop-notification";
        assert!(!written(false).contains(allowed));
        assert!(written(true).contains(&format!("user_pref(\"{allowed}\", 1);")));
    }

    #[test]
    fn a_kept_profile_is_found_again_and_a_foreign_one_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, foreign) = (folder.path().join("ours"), folder.path().join("foreign"));
        let make = |place: &Path| Profile::make(Some(place), folder.path(), &[]);
        assert!(make(&ours).unwrap().is_kept());
        fs::write(ours.join("prefs.js"), "").unwrap();
        make(&ours).unwrap();

        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("prefs.js"), "").unwrap();
        assert!(
            make(&foreign)
                .unwrap_err()
                .to_string()
                .contains("--profile")
        );
        assert!(!foreign.join("user.js").exists());
    }

    #[test]
    fn a_temporary_profile_goes_with_its_window() {
        let below = tempfile::tempdir().unwrap();
        let profile = Profile::make(None, below.path(), &[]).unwrap();
        let folder = profile.folder().to_owned();
        assert!(folder.join("user.js").exists() && !profile.is_kept());
        drop(profile);
        assert!(!folder.exists());
    }
}
