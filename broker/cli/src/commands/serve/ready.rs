//! The sentence, or the line of JSON, that says clients can connect.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ottla::Broker;
use ottla_console::Console;
use serde::Serialize;

use super::ServeArguments;
use crate::failure::Failure;
use crate::language::Language;
use crate::output::{Report, to_json};

/// Where the broker is.
#[derive(Debug, Serialize)]
pub struct Ready {
    bootstrap: String,
    http: Option<String>,
    pid: u32,
    data: Option<PathBuf>,
    started_in_ms: f64,
}

impl Ready {
    pub fn of(
        broker: &Broker,
        console: Option<&Console>,
        arguments: &ServeArguments,
        took: Duration,
    ) -> Ready {
        Ready {
            bootstrap: broker.bootstrap_servers(),
            http: console.map(|console| format!("http://{}", console.address())),
            pid: std::process::id(),
            data: arguments.data.clone(),
            started_in_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
        }
    }

    /// Writes the JSON line whole or not at all: beside the file, then renamed.
    /// Not synced: after a power cut nobody answers at that address.
    pub fn write(&self, file: &Path, language: Language) -> Result<(), Failure> {
        let line = to_json(self)? + "\n";
        let temporary = file.with_extension(format!("tmp{}", self.pid));
        let write = || {
            let mut out = fs::File::create(&temporary)?;
            out.write_all(line.as_bytes())?;
            fs::rename(&temporary, file)
        };
        write().map_err(|error| {
            // It may not even have been created.
            let _ = fs::remove_file(&temporary);
            let file = file.display();
            Failure::failed(language.pick(
                format!("cannot write {file}: {error}"),
                format!("{file}을(를) 쓸 수 없어요: {error}"),
            ))
        })
    }
}

/// Takes the file away: nobody answers at that address any more.
pub fn remove(file: Option<&Path>) {
    if let Some(file) = file {
        // Somebody else may have done so.
        let _ = fs::remove_file(file);
    }
}

impl Report for Ready {
    fn text(&self, language: Language) -> String {
        let bootstrap = &self.bootstrap;
        let ms = self.started_in_ms;
        let records = match &self.data {
            Some(data) => language.pick(
                format!("records in {}", data.display()),
                format!("레코드는 {}에", data.display()),
            ),
            None => language
                .pick("records in memory", "레코드는 메모리에")
                .to_owned(),
        };
        let mut text = language.pick(
            format!("Kafka clients connect to {bootstrap}; {records}; ready in {ms} ms\n"),
            format!("Kafka 클라이언트 주소 {bootstrap}, {records}, {ms}ms 만에 준비됨\n"),
        );
        if let Some(http) = &self.http {
            text += &language.pick(
                format!("metrics and state at {http}\n"),
                format!("지표와 상태는 {http}\n"),
            );
        }
        text + language.pick("Ctrl-C stops it\n", "Ctrl-C로 멈춰요\n")
    }
}
