//! Comments that were acknowledged against event ids that were decrypted.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// What the tour found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    /// Comments answered with 200.
    pub(crate) acknowledged: usize,
    /// Their event ids that were decrypted at the receiver.
    pub(crate) delivered: usize,
    /// Event ids that were acknowledged and not decrypted.
    pub(crate) lost: Vec<String>,
    /// Event ids that were decrypted more than once.
    pub(crate) repeated: Vec<String>,
    /// The seed's lines on the push service's console; `None` when it could
    /// not be seen.
    pub(crate) console_lines: Option<u32>,
}

impl Verdict {
    /// Compares what was acknowledged with what arrived, and how often.
    pub(super) fn new(
        acknowledged: &BTreeSet<String>,
        arrived: &BTreeMap<String, u32>,
        console_lines: Option<u32>,
    ) -> Verdict {
        let lost: Vec<String> = acknowledged
            .iter()
            .filter(|id| !arrived.contains_key(*id))
            .cloned()
            .collect();
        let repeated = arrived.iter().filter(|(_, times)| **times > 1);
        Verdict {
            acknowledged: acknowledged.len(),
            delivered: acknowledged.len() - lost.len(),
            lost,
            repeated: repeated.map(|(id, _)| id.clone()).collect(),
            console_lines,
        }
    }

    /// True when nothing was lost, nothing came twice, and every push was
    /// told on the console.
    pub(crate) fn is_good(&self) -> bool {
        let told = self
            .console_lines
            .is_none_or(|lines| lines as usize == self.acknowledged);
        self.lost.is_empty() && self.repeated.is_empty() && told
    }
}

impl Verdict {
    /// What the process ends with: 0 if all is well.
    pub(crate) fn exit_status(&self) -> u8 {
        u8::from(!self.is_good())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(acknowledged: &[&str], arrived: &[(&str, u32)], lines: Option<u32>) -> Verdict {
        let acknowledged = acknowledged.iter().map(|id| (*id).to_owned()).collect();
        let arrived = arrived
            .iter()
            .map(|(id, times)| ((*id).to_owned(), *times))
            .collect();
        Verdict::new(&acknowledged, &arrived, lines)
    }

    #[test]
    fn all_that_was_acknowledged_and_arrived_once_is_good() {
        let good = verdict(&["a", "b"], &[("a", 1), ("b", 1), ("join", 1)], Some(2));
        assert!(good.is_good());
        assert_eq!((good.acknowledged, good.delivered), (2, 2));
    }

    #[test]
    fn a_lost_a_repeated_and_an_untold_push_are_each_bad() {
        let lost = verdict(&["a", "b"], &[("a", 1)], Some(2));
        assert_eq!(lost.lost, ["b"]);
        assert!(!lost.is_good());
        assert!(!verdict(&["a"], &[("a", 2)], Some(1)).is_good());
        assert!(!verdict(&["a"], &[("a", 1)], Some(0)).is_good());
        assert!(verdict(&["a"], &[("a", 1)], None).is_good());
    }
}
