//! What a group reads, all members together, and who should read what.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{ConsumerGroup, MemberMetadata, ResolvedRegex, metadata_hash};
use crate::group::assignor::{Assignor, GroupSpec, MemberSpec, TopicPartitions};
use crate::group::{MemberId, TopicName, TopicsView};
use crate::ids::TopicId;

/// The members of a group as they will be once the records at hand are written.
pub(super) struct Roster<'a> {
    group: &'a ConsumerGroup,
    /// In the order of their ids.
    members: Vec<(&'a MemberId, &'a MemberMetadata)>,
    regexes: &'a BTreeMap<String, ResolvedRegex>,
    /// Whose target each changed member inherits: its own, or that of the
    /// static member it replaces.
    heir: Option<(&'a MemberId, &'a MemberId)>,
}

impl<'a> Roster<'a> {
    /// The group's members without `leaver`.
    pub(super) fn without(
        group: &'a ConsumerGroup,
        leaver: &MemberId,
        regexes: &'a BTreeMap<String, ResolvedRegex>,
    ) -> Self {
        Roster {
            group,
            members: group
                .members
                .iter()
                .filter(|(id, _)| *id != leaver)
                .map(|(id, member)| (id, &member.metadata))
                .collect(),
            regexes,
            heir: None,
        }
    }

    /// The group's members with one that is new or changed, perhaps in the place
    /// of another.
    pub(super) fn with(
        group: &'a ConsumerGroup,
        member: (&'a MemberId, &'a MemberMetadata),
        replaces: Option<&'a MemberId>,
        regexes: &'a BTreeMap<String, ResolvedRegex>,
    ) -> Self {
        let mut roster = Roster::without(group, member.0, regexes);
        if let Some(replaced) = replaces {
            roster.members.retain(|(id, _)| *id != replaced);
            roster.heir = Some((member.0, replaced));
        }
        let place = roster.members.partition_point(|(id, _)| *id < member.0);
        roster.members.insert(place, member);
        roster
    }

    /// Whether anybody subscribes by this expression.
    pub(super) fn uses_regex(&self, regex: &str) -> bool {
        self.members
            .iter()
            .any(|(_, member)| member.regex() == Some(regex))
    }

    /// Every expression somebody subscribes by.
    pub(super) fn regexes_in_use(&self) -> BTreeSet<&'a str> {
        self.members
            .iter()
            .filter_map(|(_, member)| member.regex())
            .collect()
    }

    /// The hash of all topics the members read.
    pub(super) fn metadata_hash(&self, topics: &dyn TopicsView) -> i64 {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (_, member) in &self.members {
            names.extend(member.subscribed_topic_names.iter().map(TopicName::as_str));
        }
        for regex in self.regexes_in_use() {
            let resolved = self.regexes.get(regex).map(|resolved| &resolved.topics);
            names.extend(resolved.into_iter().flatten().map(TopicName::as_str));
        }
        metadata_hash::of_topics(names, topics)
    }

    /// The assignor most members prefer; the first on offer if none does.
    pub(super) fn preferred_assignor(&self, on_offer: &[Assignor]) -> Assignor {
        let votes = |assignor: &Assignor| {
            let preferred = |metadata: &MemberMetadata| {
                metadata.server_assignor.as_deref() == Some(assignor.name())
            };
            self.members
                .iter()
                .filter(|(_, metadata)| preferred(metadata))
                .count()
        };
        // Of equal votes the last wins in `max_by_key`; the first on offer shall.
        let preferred = on_offer.iter().rev().max_by_key(|assignor| votes(assignor));
        preferred.copied().unwrap_or(Assignor::Uniform)
    }

    /// A new target assignment, by member.
    pub(super) fn assign(
        &self,
        assignor: Assignor,
        topics: &dyn TopicsView,
    ) -> Vec<(&'a MemberId, TopicPartitions)> {
        let none = TopicPartitions::default();
        let mut resolver = Resolver::new(self.regexes, topics);
        let members: Vec<MemberSpec<'_>> = self
            .members
            .iter()
            .map(|(member_id, metadata)| MemberSpec {
                member_id,
                instance_id: metadata.instance_id.as_ref(),
                subscribed: resolver.subscribed(metadata),
                promised: self.promised(member_id).unwrap_or(&none),
            })
            .collect();
        let spec = GroupSpec {
            members,
            topics: resolver.partitions,
        };
        let ids = self.members.iter().map(|(id, _)| *id);
        ids.zip(assignor.assign(&spec)).collect()
    }

    /// What the target assignment promises a member now.
    pub(super) fn promised(&self, member: &MemberId) -> Option<&'a TopicPartitions> {
        let owner = match self.heir {
            Some((heir, predecessor)) if heir == member => predecessor,
            _ => member,
        };
        self.group.targets.get(owner)
    }
}

/// The ids of the existing topics a member subscribes to.
pub(super) fn subscribed_topic_ids(
    metadata: &MemberMetadata,
    regexes: &BTreeMap<String, ResolvedRegex>,
    topics: &dyn TopicsView,
) -> BTreeSet<TopicId> {
    let by_regex = metadata.regex().and_then(|regex| regexes.get(regex));
    let by_regex = by_regex.map(|resolved| &resolved.topics);
    metadata
        .subscribed_topic_names
        .iter()
        .chain(by_regex.into_iter().flatten())
        .filter_map(|name| topics.by_name(name.as_str()))
        .map(|topic| topic.id)
        .collect()
}

/// Turns subscriptions into topic ids, once for all members that share one.
struct Resolver<'a> {
    regexes: &'a BTreeMap<String, ResolvedRegex>,
    topics: &'a dyn TopicsView,
    partitions: BTreeMap<TopicId, i32>,
    known: BTreeMap<(&'a BTreeSet<TopicName>, &'a str), Rc<BTreeSet<TopicId>>>,
}

impl<'a> Resolver<'a> {
    fn new(regexes: &'a BTreeMap<String, ResolvedRegex>, topics: &'a dyn TopicsView) -> Self {
        Resolver {
            regexes,
            topics,
            partitions: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    fn subscribed(&mut self, metadata: &'a MemberMetadata) -> Rc<BTreeSet<TopicId>> {
        let subscription = (
            &metadata.subscribed_topic_names,
            metadata.subscribed_topic_regex.as_str(),
        );
        if let Some(ids) = self.known.get(&subscription) {
            return Rc::clone(ids);
        }
        let ids = Rc::new(subscribed_topic_ids(metadata, self.regexes, self.topics));
        for id in ids.iter() {
            if let Some(topic) = self.topics.by_id(*id) {
                self.partitions.insert(*id, topic.partitions);
            }
        }
        self.known.insert(subscription, Rc::clone(&ids));
        ids
    }
}
