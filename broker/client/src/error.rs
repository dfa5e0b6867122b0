//! Why a call to the client failed. One enum: callers match on the broker's
//! [`ErrorCode`] far more often than on the operation.

use std::io;
use std::sync::Arc;

use crate::error_code::ErrorCode;

/// Why a call failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No stream to the broker could be opened.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// `host:port`.
        address: String,
        /// What the operating system (or the simulation) said.
        source: Arc<io::Error>,
    },
    /// None of the bootstrap addresses answered.
    #[error("no bootstrap server answered: {last}")]
    NoBrokerAnswered {
        /// What the last of them said.
        last: Box<ClientError>,
    },
    /// The connection ended before the answer came. Whether the broker carried
    /// out the request is unknown.
    #[error("the connection to {address} ended before its answer came: {reason}")]
    Disconnected {
        /// `host:port`.
        address: String,
        /// Who ended it and why.
        reason: String,
    },
    /// The answer did not come in time; the connection was closed. Whether the
    /// broker carried out the request is unknown.
    #[error("{address} did not answer {api} within {timeout_ms} ms")]
    TimedOut {
        /// `host:port`.
        address: String,
        /// The request's name.
        api: String,
        /// The request's deadline.
        timeout_ms: u64,
    },
    /// The bytes that came are no valid answer.
    #[error("{address} sent an answer to {api} that cannot be read: {reason}")]
    Malformed {
        /// `host:port`.
        address: String,
        /// The request's name.
        api: String,
        /// What was wrong with the bytes.
        reason: String,
    },
    /// The broker and this client have no version of the API in common.
    #[error("{address} does not offer {api} in a version this client speaks")]
    UnsupportedApi {
        /// `host:port`.
        address: String,
        /// The API's name.
        api: String,
    },
    /// The request holds something its version cannot express.
    #[error("{api} version {version} cannot express the request: {reason}")]
    Unencodable {
        /// The API's name.
        api: String,
        /// The version agreed with the broker.
        version: i16,
        /// Which field.
        reason: String,
    },
    /// The broker refused.
    #[error("{subject}: {code}{}", .message.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Refused {
        /// What was asked for: a topic, a partition, a group.
        subject: String,
        /// The broker's code.
        code: ErrorCode,
        /// The broker's sentence, when it sent one.
        message: Option<String>,
    },
    /// No broker leads the partition, or it could not be found in time.
    #[error("partition {partition} of topic {topic} has no leader")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// A batch the broker sent fails its checks.
    #[error("partition {partition} of topic {topic}, offset {offset}: {reason}")]
    CorruptBatch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset that was asked for.
        offset: i64,
        /// Which check.
        reason: String,
    },
    /// The caller asked for something that makes no sense.
    #[error("{0}")]
    InvalidArgument(String),
}

impl ClientError {
    /// The broker's code, when it was the broker that refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether the same call may succeed when made again.
    pub fn is_retriable(&self) -> bool {
        match self {
            ClientError::Connect { .. }
            | ClientError::NoBrokerAnswered { .. }
            | ClientError::Disconnected { .. }
            | ClientError::TimedOut { .. }
            | ClientError::NoLeader { .. } => true,
            ClientError::Refused { code, .. } => code.is_retriable(),
            ClientError::Malformed { .. }
            | ClientError::UnsupportedApi { .. }
            | ClientError::Unencodable { .. }
            | ClientError::CorruptBatch { .. }
            | ClientError::InvalidArgument(_) => false,
        }
    }

    pub(crate) fn refused(subject: impl Into<String>, code: ErrorCode) -> Self {
        ClientError::Refused {
            subject: subject.into(),
            code,
            message: None,
        }
    }

    /// Turns a response's code and message into a result about `subject`.
    pub(crate) fn check(
        subject: impl FnOnce() -> String,
        code: i16,
        message: Option<&str>,
    ) -> Result<(), ClientError> {
        ErrorCode(code)
            .check()
            .map_err(|code| ClientError::Refused {
                subject: subject(),
                code,
                message: message.filter(|text| !text.is_empty()).map(str::to_owned),
            })
    }
}
