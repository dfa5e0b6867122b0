//! The push service's console: the seed's lines, as they were printed.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::broadcast;

/// Where the lines can be read.
#[derive(Debug)]
pub(super) enum Lines {
    /// The push service runs in this process.
    Observed(broadcast::Receiver<Arc<str>>),
    /// Its standard output goes to this file.
    File(PathBuf),
    /// Its standard output is somewhere else.
    Unknown,
}

impl Lines {
    /// Those of the lines so far that are exactly `line`; `None` when the
    /// console cannot be seen from here.
    pub(super) fn count(&mut self, line: &str) -> anyhow::Result<Option<u32>> {
        let is_it = |printed: &&str| *printed == line;
        match self {
            Lines::Unknown => Ok(None),
            Lines::File(path) => {
                let text = std::fs::read_to_string(&*path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Ok(Some(text.lines().filter(is_it).count() as u32))
            }
            Lines::Observed(lines) => {
                let mut count = 0;
                while let Ok(printed) = lines.try_recv() {
                    count += u32::from(is_it(&&*printed));
                }
                Ok(Some(count))
            }
        }
    }
}

/// The line of the seed, with its curly quotes and its fixed particle.
pub(super) fn seed_line(endpoint: &str, commenter: &str) -> String {
    format!("{endpoint} -> “{commenter}가 코멘트를 달았습니다.”푸쉬발송")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_the_seeds() {
        assert_eq!(
            seed_line("https://push.example/1", "민지"),
            "https://push.example/1 -> \u{201c}민지가 코멘트를 달았습니다.\u{201d}푸쉬발송"
        );
    }
}
