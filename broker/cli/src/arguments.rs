//! The command line: what every verb has, and the list of verbs.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::commands::{cluster, consume, group, log, produce, serve, topic};
use crate::korean;
use crate::language::Language;
use crate::output::Output;

const EXAMPLES: &str = "\
Examples:
  ottla serve                                     a broker in memory on 127.0.0.1:9092
  ottla serve --data ./data --http 127.0.0.1:8080 keeps records, shows metrics
  ottla topic create orders --partitions 3
  echo 'alice:hello' | ottla produce --topic orders --key-separator :
  ottla consume --topic orders --from-beginning --show-keys
  ottla group describe billing

Every verb but `serve` and `log dump` works against Apache Kafka as well: name it
with --bootstrap or KAFKA_BOOTSTRAP_SERVERS. Exit codes: 0 done, 1 failed,
2 wrong usage.";

/// Where help lists what every verb understands.
const COMMON: &str = "Common options";

/// A small Kafka-compatible broker and the tools to use one
#[derive(Debug, Parser)]
#[command(name = "ottla", version, after_help = EXAMPLES, propagate_version = true)]
pub struct Arguments {
    /// Brokers to reach, as host:port[,host:port…]
    #[arg(
        long,
        short = 'b',
        global = true,
        help_heading = COMMON,
        value_name = "SERVERS",
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "127.0.0.1:9092"
    )]
    pub bootstrap: String,

    /// Print JSON instead of text: one document per report or record
    #[arg(long, global = true, help_heading = COMMON)]
    pub json: bool,

    /// Language of messages [default: from LC_ALL, LC_MESSAGES or LANG]
    #[arg(long, global = true, help_heading = COMMON, value_enum)]
    pub lang: Option<Language>,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a broker until Ctrl-C or SIGTERM
    Serve(serve::ServeArguments),
    /// Create, list, describe, delete and alter topics
    #[command(subcommand)]
    Topic(topic::TopicVerb),
    /// Produce lines from standard input
    Produce(produce::ProduceArguments),
    /// Print records of a topic
    Consume(consume::ConsumeArguments),
    /// List, describe, reset and delete consumer groups
    #[command(subcommand)]
    Group(group::GroupVerb),
    /// Look at the cluster
    #[command(subcommand)]
    Cluster(cluster::ClusterVerb),
    /// Look at logs: their files on disk, without a broker, and their sizes
    #[command(subcommand)]
    Log(log::LogVerb),
}

impl Arguments {
    /// Parses the process's arguments; wrong ones end it with exit code 2.
    pub fn read() -> Arguments {
        let words: Vec<_> = std::env::args_os().collect();
        let command = match language_of_help(&words) {
            Language::Ko => korean::translate(Arguments::command()),
            Language::En => Arguments::command(),
        };
        let matches = command.get_matches_from(words);
        Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// How to speak.
    pub fn output(&self) -> Output {
        Output {
            json: self.json,
            language: self.lang.unwrap_or_else(language_of_environment),
        }
    }
}

fn language_of_environment() -> Language {
    Language::of_environment(|name| std::env::var(name).ok())
}

/// Help is asked for before the arguments are parsed, so `--lang` is looked
/// for by hand.
fn language_of_help(words: &[OsString]) -> Language {
    let mut said = None;
    for (place, word) in words.iter().enumerate() {
        let word = word.to_string_lossy();
        let value = match word.strip_prefix("--lang") {
            Some("") => words.get(place + 1).map(|next| next.to_string_lossy()),
            Some(rest) => rest.strip_prefix('=').map(Into::into),
            None => None,
        };
        said = value
            .and_then(|value| Language::from_str(&value, true).ok())
            .or(said);
    }
    said.unwrap_or_else(language_of_environment)
}

/// Parses `name=value`, as in `--set log.retention.ms=1000`.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_is_in_the_language_asked_for_last() {
        let of = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(OsString::from).collect();
            language_of_help(&words)
        };
        assert_eq!(of(&["ottla", "--lang", "ko", "--help"]), Language::Ko);
        assert_eq!(of(&["ottla", "serve", "--lang=ko"]), Language::Ko);
        assert_eq!(of(&["ottla", "--lang=ko", "--lang", "en"]), Language::En);
    }

    proptest! {
        #[test]
        fn a_name_and_value_are_split_at_the_first_equals_sign(name in "[a-z.]{1,9}", value in ".*") {
            let parsed = name_and_value(&format!("{name}={value}"));
            prop_assert_eq!(parsed, Ok((name, value)));
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".*") {
            let _ = name_and_value(&text);
        }
    }
}
