//! The files of `api/page/`, as they are in the binary.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use sha2::{Digest, Sha256};

/// A file, its kind and its content.
pub(super) struct File {
    name: &'static str,
    pub(super) media_type: &'static str,
    pub(super) content: &'static [u8],
    /// The hash of the content, as an entity tag.
    pub(super) etag: HeaderValue,
}

impl File {
    fn new(name: &'static str, media_type: &'static str, content: &'static [u8]) -> Self {
        let hash = Sha256::digest(content);
        let digits: String = hash[..16].iter().map(|b| format!("{b:02x}")).collect();
        let etag = HeaderValue::try_from(format!("\"{digits}\""))
            .expect("hexadecimal digits in quotes are legal in a header");
        Self {
            name,
            media_type,
            content,
            etag,
        }
    }
}

/// The file of that name.
pub(super) fn find(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const MANIFEST: &str = "application/manifest+json";
const SVG: &str = "image/svg+xml";
const PNG: &str = "image/png";

macro_rules! files {
    ($($kind:ident $name:literal)*) => {
        static FILES: LazyLock<Vec<File>> = LazyLock::new(|| vec![
            $(File::new($name, $kind, include_bytes!(concat!("../../page/", $name)))),*
        ]);
    };
}

files! {
    HTML "index.html"
    MANIFEST "manifest.webmanifest"
    SVG "mark.svg"
    PNG "icon-192.png"
    PNG "icon-512.png"
    STYLE "base.css"
    STYLE "people.css"
    STYLE "journey.css"
    STYLE "shell.css"
    STYLE "square.css"
    STYLE "tokens.css"
    SCRIPT "api.js"
    SCRIPT "backend.js"
    SCRIPT "bell.js"
    SCRIPT "comments.js"
    SCRIPT "connections.js"
    SCRIPT "devices.js"
    SCRIPT "dialog.js"
    SCRIPT "dom.js"
    SCRIPT "feed.js"
    SCRIPT "follow.js"
    SCRIPT "friend.js"
    SCRIPT "i18n.js"
    SCRIPT "icons.js"
    SCRIPT "journey.js"
    SCRIPT "journey-head.js"
    SCRIPT "journey-lanes.js"
    SCRIPT "journey-model.js"
    SCRIPT "journey-panel.js"
    SCRIPT "journey-play.js"
    SCRIPT "journey-sheet.js"
    SCRIPT "journey-steps.js"
    SCRIPT "journey-table.js"
    SCRIPT "journey-words.js"
    SCRIPT "keyboard.js"
    SCRIPT "layout.js"
    SCRIPT "main.js"
    SCRIPT "me.js"
    SCRIPT "notices.js"
    SCRIPT "panel.js"
    SCRIPT "people.js"
    SCRIPT "post.js"
    SCRIPT "push.js"
    SCRIPT "refusal.js"
    SCRIPT "router.js"
    SCRIPT "session.js"
    SCRIPT "shell.js"
    SCRIPT "square.js"
    SCRIPT "sse.js"
    SCRIPT "stream.js"
    SCRIPT "sw.js"
    SCRIPT "textfield.js"
    SCRIPT "theme.js"
    SCRIPT "trace.js"
    SCRIPT "trip.js"
    SCRIPT "verdict.js"
    SCRIPT "welcome.js"
    SCRIPT "worker.js"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let entries = std::fs::read_dir(folder).unwrap();
        let there: BTreeSet<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|file| file.name.to_owned()).collect();
        assert_eq!(there, listed);
        assert_eq!(FILES.len(), listed.len(), "a file is listed twice");
    }
}
