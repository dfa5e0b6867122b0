//! What a coordinator's `decide` returns: records to write, and effects to
//! carry out once they are written.

/// Names a request whose answer the shell owes to a connection. The shell
/// draws it, the core only passes it back; it is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub u64);

/// The outcome of one step of a coordinator. Nothing has changed yet.
///
/// The shell appends `records` as one batch, or none at all. If that works it
/// replays every record, carries out `effects` in order, and lets no reply
/// leave before the high watermark has reached the end of that batch. If it
/// does not work, nothing happened: the shell answers the request with an
/// error and drops the effects.
#[derive(Debug, PartialEq)]
pub struct Decision<Record, Effect> {
    /// Hard state: all of them, or none.
    pub records: Vec<Record>,
    /// Replies, timers and soft state, in the order to carry them out.
    pub effects: Vec<Effect>,
}

impl<Record, Effect> Decision<Record, Effect> {
    /// A decision that writes nothing.
    pub fn of_effects(effects: Vec<Effect>) -> Self {
        Decision {
            records: Vec::new(),
            effects,
        }
    }
}

impl<Record, Effect> Default for Decision<Record, Effect> {
    fn default() -> Self {
        Decision {
            records: Vec::new(),
            effects: Vec::new(),
        }
    }
}
