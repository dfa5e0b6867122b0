//! `ottla consume`: prints records as they come.

mod report;
mod source;
mod start;

use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::{Args, ValueEnum};
use ottla_client::group::Assignor;
use ottla_client::{ConsumerConfig, ConsumerRecord, GroupConfig, GroupProtocol, OffsetSpec};

use super::Session;
use crate::failure::Failure;
use crate::stop::Stop;
use report::Around;
use source::Source;
use start::Start;

/// How long to wait for records before looking around.
const POLL: Duration = Duration::from_millis(500);

/// How long committing and leaving may take when asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  ottla consume --topic orders --from-beginning
  ottla consume --topic orders --offset -5 --exit-at-end      the last five of each partition
  ottla consume --topic orders --partition 0 --offset 42 --max-messages 1 --json
  ottla consume --topic orders --group billing                shares the partitions; Ctrl-C
                                                              commits what was printed
  ottla consume --topic orders --group billing --group-protocol consumer";

/// Arguments of `ottla consume`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConsumeArguments {
    /// The topic
    #[arg(long, short = 't')]
    topic: String,
    /// Read as a member of this group and commit what was printed
    #[arg(long, short = 'g', conflicts_with = "partition")]
    group: Option<String>,
    /// How the group shares its partitions out
    #[arg(long, value_enum, default_value = "classic", requires = "group")]
    group_protocol: ProtocolName,
    /// Start with the oldest record (in a group: where nothing is committed)
    #[arg(long, conflicts_with = "offset")]
    from_beginning: bool,
    /// Where to start: earliest, latest, an offset, -N or @MS [default: latest]
    #[arg(long, short = 'o', value_name = "WHERE", allow_hyphen_values = true)]
    offset: Option<Start>,
    /// Only this partition
    #[arg(long, short = 'p', value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// Stop after so many records
    #[arg(long, short = 'n', value_name = "COUNT")]
    max_messages: Option<u64>,
    /// Stop at the end of the partitions instead of waiting for more
    #[arg(long, short = 'e')]
    exit_at_end: bool,
    /// Fail when no record comes for so long
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    #[command(flatten)]
    around: Around,
}

/// The protocols by the names of Kafka's `group.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProtocolName {
    /// Members elect a leader that assigns
    Classic,
    /// The coordinator assigns (KIP-848)
    Consumer,
}

impl ConsumeArguments {
    fn start(&self) -> Start {
        let usual = match self.from_beginning {
            true => OffsetSpec::Earliest,
            false => OffsetSpec::Latest,
        };
        self.offset.unwrap_or(Start::At(usual))
    }

    fn group_config(&self, group: &str, reset: OffsetSpec) -> GroupConfig {
        GroupConfig {
            protocol: match self.group_protocol {
                ProtocolName::Classic => {
                    GroupProtocol::Classic(vec![Assignor::Range, Assignor::CooperativeSticky])
                }
                ProtocolName::Consumer => GroupProtocol::Consumer(None),
            },
            auto_commit_interval_ms: Some(1_000),
            fetch: ConsumerConfig {
                offset_reset: Some(reset),
                ..ConsumerConfig::default()
            },
            ..GroupConfig::new(group, &[&self.topic])
        }
    }
}

/// Carries the verb out.
pub async fn run(arguments: ConsumeArguments, session: &Session) -> Result<(), Failure> {
    let mut stop = Stop::listen()
        .map_err(|error| Failure::failed(format!("cannot wait for signals: {error}")))?;
    let mut source = open(&arguments, session).await?;
    let printed = print_all(&arguments, session, &mut source, &mut stop).await;
    let closed = tokio::time::timeout(STOP_TIMEOUT, source.close()).await;
    printed?;
    match closed {
        Ok(closed) => session.check(closed),
        Err(_) => Err(Failure::failed(session.language().pick(
            "the group's coordinator did not answer in time; the member will time out",
            "그룹 코디네이터가 제때 응답하지 않았어요. 멤버는 시간이 지나면 빠져요",
        ))),
    }
}

async fn open(arguments: &ConsumeArguments, session: &Session) -> Result<Source, Failure> {
    let client = session.connect().await?;
    let topic = &arguments.topic;
    let Some(group) = &arguments.group else {
        let start = arguments.start();
        let source = Source::of_partitions(&client, topic, arguments.partition, start).await;
        return session.check(source);
    };
    // A misspelt topic would be waited for for ever.
    session.check(client.topic(topic, false).await)?;
    match arguments.start() {
        Start::At(reset) => Ok(Source::of_group(
            &client,
            arguments.group_config(group, reset),
        )),
        Start::BeforeEnd(_) => Err(Failure::usage(session.language().pick(
            "--offset -N works with --partition or without --group; use `ottla group reset`",
            "--offset -N은 --group 없이 쓰세요. 그룹의 오프셋은 `ottla group reset`으로 바꿔요",
        ))),
    }
}

/// Prints until there is a reason to stop.
async fn print_all(
    arguments: &ConsumeArguments,
    session: &Session,
    source: &mut Source,
    stop: &mut Stop,
) -> Result<(), Failure> {
    let mut left = arguments.max_messages.unwrap_or(u64::MAX);
    let mut last_record_at = tokio::time::Instant::now();
    while left > 0 && !stop.is_asked() {
        let polled = tokio::select! {
            biased;
            () = stop.asked() => return Ok(()),
            polled = source.poll(POLL) => session.check(polled)?,
        };
        if !polled.is_empty() {
            last_record_at = tokio::time::Instant::now();
        }
        let printed = print(arguments, session, &polled, left)?;
        left -= printed as u64;
        if printed < polled.len() {
            session.check(source.unread(&polled[printed..]))?;
            return Ok(());
        }
        if arguments.exit_at_end && source.is_at_end() {
            return Ok(());
        }
        let limit = arguments.timeout_ms.map(Duration::from_millis);
        if limit.is_some_and(|limit| last_record_at.elapsed() >= limit) {
            return Err(Failure::failed(
                session
                    .language()
                    .pick("no record came in time", "제시간에 레코드가 오지 않았어요"),
            ));
        }
    }
    Ok(())
}

/// Prints up to `left` records, all in one write; none when nobody reads them
/// any more.
fn print(
    arguments: &ConsumeArguments,
    session: &Session,
    records: &[ConsumerRecord],
    left: u64,
) -> Result<usize, Failure> {
    let for_terminal = io::stdout().is_terminal();
    let count = records
        .len()
        .min(usize::try_from(left).unwrap_or(usize::MAX));
    let lines = records[..count]
        .iter()
        .map(|record| match session.output.json {
            true => report::json(record).into_bytes(),
            false => report::line(record, &arguments.around, for_terminal),
        });
    let lines = lines.collect::<Vec<_>>().concat();
    let read = session.output.bytes(&lines)?;
    Ok(if read { count } else { 0 })
}
