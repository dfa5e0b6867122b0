//! How text is measured: in NFC, by graphemes, with a bound on bytes.
//!
//! macOS sends Hangul decomposed: without NFC one syllable would count as two or three. And one
//! grapheme can carry any number of marks, so bytes are bounded too.

use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_segmentation::UnicodeSegmentation;

/// More bytes than this per allowed grapheme are refused: the longest emoji in use have 35.
const BYTES_PER_GRAPHEME_MAX: usize = 36;

/// Text before and after normalization is bounded by this many bytes per allowed grapheme.
pub(super) fn is_oversized(text: &str, graphemes_max: usize) -> bool {
    text.len() > graphemes_max * BYTES_PER_GRAPHEME_MAX
}

/// `text` in NFC.
pub(super) fn composed(text: &str) -> String {
    if is_nfc(text) {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

/// How many characters a reader sees.
pub(super) fn graphemes(text: &str) -> usize {
    text.graphemes(true).count()
}

/// Whether nobody could see anything of it.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Zero-width characters and fillers: alone they look like nothing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{115f}'
        | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{ad}')
}

/// Characters that reorder or break the text around them: they could fake another's words.
pub(super) fn is_disruptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}
