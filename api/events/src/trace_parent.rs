//! The W3C trace context's `traceparent`: one journey through both services, one trace id.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// `00-<32 hex trace id>-<16 hex parent id>-<2 hex flags>` (W3C Trace Context, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// A text that is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("traceparent must be 00-<32 hex>-<16 hex>-<2 hex> with ids that are not all zero")]
pub struct TraceParentError;

impl TraceParent {
    /// Starts a new, sampled trace.
    #[must_use]
    pub fn random() -> Self {
        Self {
            trace_id: Uuid::new_v4().as_u128(),
            parent_id: random_span_id(),
            flags: 1,
        }
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            parent_id: random_span_id(),
            ..self
        }
    }

    /// The id that all steps of the trace share.
    #[must_use]
    pub const fn trace_id(self) -> u128 {
        self.trace_id
    }
}

fn random_span_id() -> u64 {
    // The lower half of a v4 UUID has two fixed bits, so it is never zero.
    Uuid::new_v4().as_u64_pair().1
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{:032x}-{:016x}-{:02x}",
            self.trace_id, self.parent_id, self.flags
        )
    }
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut fields = text.split('-');
        let mut field = |digits: usize| {
            let field = fields.next().ok_or(TraceParentError)?;
            let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            let legal = field.len() == digits && field.bytes().all(lower_hex);
            legal.then_some(field).ok_or(TraceParentError)
        };
        let (version, trace, parent, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        // A later version may append fields; version 00 may not, and ff is forbidden.
        if version == "ff" || (version == "00" && fields.next().is_some()) {
            return Err(TraceParentError);
        }
        let parsed = Self {
            trace_id: u128::from_str_radix(trace, 16).map_err(|_| TraceParentError)?,
            parent_id: u64::from_str_radix(parent, 16).map_err(|_| TraceParentError)?,
            flags: u8::from_str_radix(flags, 16).map_err(|_| TraceParentError)?,
        };
        if parsed.trace_id == 0 || parsed.parent_id == 0 {
            return Err(TraceParentError);
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_child_keeps_the_trace_and_changes_the_step() {
        let parent = TraceParent::random();
        let child = parent.child();
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child, parent);
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        for text in [
            "",
            "00",
            &format!("ff-{trace}-b7ad6b7169203331-01"),
            &format!("00-{trace}-b7ad6b7169203331-01-extra"),
            &format!("00-{trace}-0000000000000000-01"),
            &format!("00-{}-b7ad6b7169203331-01", "0".repeat(32)),
            &format!("00-{}-b7ad6b7169203331-01", trace.to_uppercase()),
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(TraceParentError), "{text}");
        }
        assert!(
            format!("00-{trace}-b7ad6b7169203331-01")
                .parse::<TraceParent>()
                .is_ok()
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(trace_id in 1u128.., parent_id in 1u64.., flags: u8) {
            let written = TraceParent { trace_id, parent_id, flags };
            prop_assert_eq!(written.to_string().parse(), Ok(written));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = text.parse::<TraceParent>();
        }
    }
}
