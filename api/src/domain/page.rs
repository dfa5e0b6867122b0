//! Which part of a list: offset and limit.

/// The largest, and the default, number of entries.
const LIMIT_MAX: i64 = 5;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many entries to pass over.
    pub offset: i64,
    /// How many to show, 1 to 5.
    pub limit: i64,
}

/// An offset or a limit that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Below zero.
    #[error("offset must be 0 or more")]
    Offset,
    /// Not 1 to 5.
    #[error("limit must be 1 to {LIMIT_MAX}")]
    Limit,
}

impl Page {
    /// From what a query says, with defaults for what it does not.
    ///
    /// # Errors
    /// When either is out of range.
    pub fn parse(offset: Option<i64>, limit: Option<i64>) -> Result<Self, PageError> {
        let (offset, limit) = (offset.unwrap_or(0), limit.unwrap_or(LIMIT_MAX));
        if offset < 0 {
            return Err(PageError::Offset);
        }
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(PageError::Limit);
        }
        Ok(Self { offset, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_optional_and_bounded() {
        assert_eq!(
            Page::parse(None, None),
            Ok(Page {
                offset: 0,
                limit: 5
            })
        );
        assert_eq!(Page::parse(Some(-1), None), Err(PageError::Offset));
        assert_eq!(Page::parse(None, Some(6)), Err(PageError::Limit));
        assert_eq!(Page::parse(None, Some(0)), Err(PageError::Limit));
    }
}
