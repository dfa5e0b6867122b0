//! Why a command failed, in a sentence that says what to do next.

use std::error::Error as _;
use std::io;

use ottla_client::{ClientError, ErrorCode};

use crate::language::Language;

/// How a command ended that did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is, which decides the exit code.
    pub kind: FailureKind,
    /// Kafka's name of the broker's error code, if it was the broker's refusal.
    pub code: Option<String>,
    /// One sentence, or two.
    pub message: String,
}

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It could not be done: exit code 1.
    Failed,
    /// It was asked for in a way that makes no sense: exit code 2.
    Usage,
}

impl Failure {
    /// Something that could not be done.
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure {
            kind: FailureKind::Failed,
            code: None,
            message: message.into(),
        }
    }

    /// Something that was asked for wrongly.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure {
            kind: FailureKind::Usage,
            ..Failure::failed(message)
        }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            FailureKind::Failed => 1,
            FailureKind::Usage => 2,
        }
    }

    /// What a client's error means to somebody at a shell.
    pub fn of_client(language: Language, error: &ClientError) -> Failure {
        let message = match error {
            ClientError::NoBrokerAnswered { last } => return Failure::of_client(language, last),
            ClientError::Connect { address, source } => unreachable(language, address, source),
            ClientError::Disconnected { address, .. } => language.pick(
                format!("{error}. Does a Kafka broker listen on {address}?"),
                format!("{address}에서 응답 전에 연결이 끊겼어요. 그 주소에서 Kafka 브로커가 듣고 있나요?"),
            ),
            ClientError::TimedOut { address, timeout_ms, .. } => language.pick(
                format!("{error}. Is it a Kafka broker, and is it overloaded?"),
                format!("{address}가 {timeout_ms}ms 안에 응답하지 않았어요. Kafka 브로커가 맞는지, 과부하는 아닌지 확인하세요."),
            ),
            ClientError::Refused { code, subject, .. } => match advice(language, *code) {
                Some(advice) => format!("{}. {advice}", error.to_string().trim_end_matches('.')),
                None => language.pick(format!("{error}"), format!("거절됨: {subject}: {error}")),
            },
            other => other.to_string(),
        };
        let code = error.code().and_then(ErrorCode::name);
        Failure {
            code: code.map(str::to_owned),
            ..Failure::failed(message)
        }
    }
}

fn unreachable(language: Language, address: &str, source: &io::Error) -> String {
    let why = source
        .source()
        .map_or_else(|| source.to_string(), ToString::to_string);
    match source.kind() {
        io::ErrorKind::ConnectionRefused => language.pick(
            format!(
                "nothing listens on {address}. Is the broker running? \
                 Start one with `ottla serve`, or name another with --bootstrap"
            ),
            format!(
                "{address}에서 듣는 프로그램이 없어요. 브로커가 실행 중인가요? \
                 `ottla serve`로 시작하거나 --bootstrap으로 다른 주소를 지정하세요"
            ),
        ),
        _ => language.pick(
            format!("cannot connect to {address}: {why}. Check --bootstrap and the network"),
            format!("{address}에 연결할 수 없어요: {why}. --bootstrap 값과 네트워크를 확인하세요"),
        ),
    }
}

/// What to do about a broker's refusal.
fn advice(language: Language, code: ErrorCode) -> Option<&'static str> {
    let (english, korean) = match code.name()? {
        "UNKNOWN_TOPIC_OR_PARTITION" => (
            "See what there is with `ottla topic list`, or create it with `ottla topic create`",
            "`ottla topic list`로 토픽을 확인하거나 `ottla topic create`로 만드세요",
        ),
        "TOPIC_ALREADY_EXISTS" => (
            "Use --if-not-exists to accept it as it is",
            "그대로 쓰려면 --if-not-exists를 붙이세요",
        ),
        "INVALID_REPLICATION_FACTOR" => (
            "A partition has at most one replica per broker; see `ottla cluster describe`",
            "복제본은 브로커당 하나까지예요. `ottla cluster describe`로 브로커 수를 확인하세요",
        ),
        "INVALID_PARTITIONS" => (
            "Partitions can be added, never removed",
            "파티션은 늘릴 수만 있고 줄일 수 없어요",
        ),
        "NON_EMPTY_GROUP" | "UNKNOWN_MEMBER_ID" => (
            "The group has members; stop its consumers first",
            "그룹에 멤버가 있어요. 먼저 컨슈머를 멈추세요",
        ),
        "GROUP_ID_NOT_FOUND" => (
            "See which groups there are with `ottla group list`",
            "`ottla group list`로 그룹을 확인하세요",
        ),
        "MESSAGE_TOO_LARGE" => (
            "Raise max.message.bytes of the topic, or send less at once",
            "토픽의 max.message.bytes를 늘리거나 더 작게 보내세요",
        ),
        "OFFSET_OUT_OF_RANGE" => (
            "Start with --offset earliest or --offset latest",
            "--offset earliest 또는 --offset latest로 시작하세요",
        ),
        _ => return None,
    };
    Some(language.pick(english, korean))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_refused_connection_asks_whether_the_broker_runs() {
        let error = ClientError::NoBrokerAnswered {
            last: Box::new(ClientError::Connect {
                address: "127.0.0.1:1".to_owned(),
                source: Arc::new(io::ErrorKind::ConnectionRefused.into()),
            }),
        };
        let english = Failure::of_client(Language::En, &error);
        assert!(english.message.contains("Is the broker running?"));
        assert_eq!(english.exit_code(), 1);
        let korean = Failure::of_client(Language::Ko, &error);
        assert!(korean.message.contains("브로커가 실행 중인가요?"));
    }

    #[test]
    fn a_brokers_refusal_keeps_kafkas_name_and_adds_advice() {
        let error = ClientError::Refused {
            subject: "topic t".to_owned(),
            code: ErrorCode::TOPIC_ALREADY_EXISTS,
            message: None,
        };
        let failure = Failure::of_client(Language::En, &error);
        assert_eq!(failure.code.as_deref(), Some("TOPIC_ALREADY_EXISTS"));
        assert!(failure.message.contains("--if-not-exists"));
    }
}
