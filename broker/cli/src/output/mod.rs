//! Says what happened: as text for people or as JSON for programs. Actions
//! return reports; only this module and `output/*` turn them into bytes.

mod table;
mod terminal;

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use crate::failure::Failure;
use crate::language::Language;
pub use table::Table;
pub use terminal::printable;

/// The outcome of an action.
pub trait Report: Serialize {
    /// What a person reads, line end included; empty for nothing.
    fn text(&self, language: Language) -> String;
}

/// Where and how to speak.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON document per report.
    pub json: bool,
    /// For people.
    pub language: Language,
}

impl Output {
    /// Shows a report on stdout. False when nobody reads it any more.
    pub fn report<R: Report>(self, report: &R) -> Result<bool, Failure> {
        let text = if self.json {
            to_json(report)? + "\n"
        } else {
            report.text(self.language)
        };
        self.bytes(text.as_bytes())
    }

    /// Writes to stdout as it is. False when nobody reads it any more, as
    /// behind `| head`: that is no failure.
    pub fn bytes(self, bytes: &[u8]) -> Result<bool, Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::failed(format!("cannot write to stdout: {error}"))),
        }
    }

    /// A remark for the person at the terminal; programs do not get it.
    pub fn remark(self, text: &str) {
        if !self.json {
            // There is nowhere left to complain to.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Says why it failed, on stderr, and how the process exits.
    pub fn failure(self, failure: &Failure) -> ExitCode {
        let text = if self.json {
            let error = json!({ "code": failure.code, "message": failure.message });
            json!({ "error": error }).to_string()
        } else {
            let label = self.language.pick("error", "오류");
            format!("{label}: {}", failure.message)
        };
        // There is nowhere left to complain to.
        let _ = writeln!(io::stderr(), "{text}");
        ExitCode::from(failure.exit_code())
    }
}

/// A value as one line of JSON.
pub fn to_json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::failed(error.to_string()))
}
