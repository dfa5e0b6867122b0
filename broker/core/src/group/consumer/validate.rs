//! What is wrong with a heartbeat before anybody looks at its group.

use super::{ConsumerGroupConfig, Heartbeat, LEAVE_EPOCH, STATIC_LEAVE_EPOCH};
use crate::group::GroupError;

/// The keys of a group's records hold texts of at most this many bytes.
pub(super) const KEY_TEXT_BYTES_MAX: usize = i16::MAX as usize;

/// Refuses what no state of the group could make right.
pub(super) fn check(request: &Heartbeat, config: &ConsumerGroupConfig) -> Result<(), GroupError> {
    check_names(request)?;
    match request.member_epoch {
        0 => check_join(request)?,
        STATIC_LEAVE_EPOCH if request.instance.is_none() => {
            return invalid("InstanceId can't be null");
        }
        ..STATIC_LEAVE_EPOCH => return invalid("MemberEpoch is invalid"),
        _ => {}
    }
    check_assignor(request, config)
}

fn check_names(request: &Heartbeat) -> Result<(), GroupError> {
    let member_id_required = request.member_id_required
        || request.member_epoch > 0
        || request.member_epoch == LEAVE_EPOCH;
    if member_id_required && request.member.is_empty() {
        return invalid("MemberId can't be empty");
    }
    if request.group.is_empty() {
        return invalid("GroupId can't be empty");
    }
    if request.instance.as_ref().is_some_and(|id| id.is_empty()) {
        return invalid("InstanceId can't be empty");
    }
    if request.rack.as_ref().is_some_and(String::is_empty) {
        return invalid("RackId can't be empty");
    }
    let longest = request
        .group
        .as_str()
        .len()
        .max(request.member.as_str().len());
    if longest > KEY_TEXT_BYTES_MAX {
        return invalid("GroupId and MemberId can't be longer than 32767 bytes");
    }
    Ok(())
}

fn check_join(request: &Heartbeat) -> Result<(), GroupError> {
    if request.rebalance_timeout_ms.is_none() {
        return invalid("RebalanceTimeoutMs must be provided in first request");
    }
    if request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) {
        return invalid("TopicPartitions must be empty when (re-)joining");
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        return invalid(
            "either SubscribedTopicNames or SubscribedTopicRegex must be non-null when \
             (re-)joining",
        );
    }
    Ok(())
}

fn check_assignor(request: &Heartbeat, config: &ConsumerGroupConfig) -> Result<(), GroupError> {
    let Some(wanted) = &request.server_assignor else {
        return Ok(());
    };
    let names: Vec<&str> = config.assignors.iter().map(|known| known.name()).collect();
    if names.contains(&wanted.as_str()) {
        return Ok(());
    }
    Err(GroupError::UnsupportedAssignor(format!(
        "ServerAssignor {wanted} is not supported; supported assignors: {}",
        names.join(", ")
    )))
}

fn invalid(sentence: &str) -> Result<(), GroupError> {
    Err(GroupError::InvalidRequest(sentence.to_owned()))
}
