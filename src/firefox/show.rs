//! What a newcomer reads: what was started, and what to click.

use std::fmt::Write as _;
use std::path::Path;

use url::Url;

use super::profile::Profile;
use super::visitor::{HOST, NAME as VISITOR};
use crate::language::Language;
use crate::parts::Part;
use crate::text;

/// What is told.
pub(super) struct Scene<'a> {
    /// What was started here; `None` when somebody else runs it.
    pub(super) parts: Option<&'a [Part]>,
    pub(super) program: &'a Path,
    pub(super) profile: &'a Profile,
    pub(super) page: &'a Url,
    pub(super) headless: bool,
}

/// The whole text, its lines ended.
pub(super) fn scene(language: Language, scene: &Scene<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in scene.parts.unwrap_or_default() {
        lines.push(text::part(language, part));
    }
    lines.push(browser(language, scene));
    if !scene.headless {
        lines.push(String::new());
        lines.extend(steps(language));
    }
    lines.push(String::new());
    lines.push(format!(
        "  {}",
        language.pick(
            "Firefox를 닫거나 Ctrl-C를 누르면 모두 멈춰요",
            "closing Firefox, or Ctrl-C, stops everything"
        )
    ));
    lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").expect("a String takes everything");
        text
    })
}

fn browser(language: Language, scene: &Scene<'_>) -> String {
    let folder = scene.profile.folder().display();
    let kept = match scene.profile.is_kept() {
        true => language.pick("남겨 둬요", "kept"),
        false => language.pick("끝나면 지워요", "removed at the end"),
    };
    format!(
        "  {}\n    {} {}\n    {} {folder} ({kept})",
        text::padded("Firefox", text::NAME_COLUMNS) + scene.page.as_str(),
        language.pick("프로그램", "program"),
        scene.program.display(),
        language.pick("프로필", "profile"),
    )
}

/// What to do, one line each.
fn steps(language: Language) -> Vec<String> {
    let log_in = match language {
        Language::Ko => format!("페이지에서 {HOST} 님을 눌러 들어가요"),
        Language::En => format!("on the page, press {HOST} to log in"),
    };
    let comment = match language {
        Language::Ko => format!("여기서 Enter를 눌러요: {VISITOR} 님이 댓글을 달고, 알림이 떠요"),
        Language::En => {
            format!("press Enter here: {VISITOR} comments on it, and the notification appears")
        }
    };
    [
        log_in.as_str(),
        language.pick(
            "“알림 받기”를 누르고, Firefox가 물으면 허용해요",
            "press “Get notified”, and allow it when Firefox asks",
        ),
        language.pick("글을 하나 써요", "write a post"),
        comment.as_str(),
    ]
    .iter()
    .zip(1..)
    .map(|(step, number)| format!("  {number}  {step}"))
    .collect()
}
