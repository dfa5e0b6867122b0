//! What the scripts reached: each API in each version, and each error code in
//! each API, as both servers answered them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::Value;

use super::script::Operation;
use super::versions::Versions;

/// Counted over a run.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    operations: usize,
    /// How often each API was called, by version.
    calls: BTreeMap<i16, BTreeMap<i16, usize>>,
    /// The error codes that both servers answered, by API.
    errors: BTreeMap<i16, BTreeSet<String>>,
}

impl Coverage {
    /// Counts an operation and the answers to it.
    pub fn count(&mut self, operation: &Operation, kafka: &Value, ottla: &Value) {
        self.operations += 1;
        let api = operation.api as i16;
        let versions = self.calls.entry(api).or_default();
        *versions.entry(operation.version).or_default() += 1;
        let (mut of_kafka, mut of_ottla) = (BTreeSet::new(), BTreeSet::new());
        collect_errors(kafka, &mut of_kafka);
        collect_errors(ottla, &mut of_ottla);
        let both = of_kafka.intersection(&of_ottla).cloned();
        self.errors.entry(api).or_default().extend(both);
    }

    /// Takes over what another one counted.
    pub fn add(&mut self, other: &Coverage) {
        self.operations += other.operations;
        for (api, versions) in &other.calls {
            for (version, calls) in versions {
                *self
                    .calls
                    .entry(*api)
                    .or_default()
                    .entry(*version)
                    .or_default() += calls;
            }
        }
        for (api, errors) in &other.errors {
            self.errors
                .entry(*api)
                .or_default()
                .extend(errors.iter().cloned());
        }
    }

    /// Requests sent to each server.
    pub fn operations(&self) -> usize {
        self.operations
    }

    /// Different codes that both servers answered, "no error" not counted.
    pub fn error_codes(&self) -> BTreeSet<String> {
        let mut codes: BTreeSet<String> = self.errors.values().flatten().cloned().collect();
        codes.remove("NONE");
        codes
    }

    /// APIs and versions of `shared` that no script used.
    pub fn missing(&self, shared: &Versions) -> Vec<String> {
        let mut missing = Vec::new();
        for (api, (min, max)) in shared.apis() {
            let used = self.calls.get(&(api as i16));
            let unused =
                (min..=max).filter(|version| !used.is_some_and(|used| used.contains_key(version)));
            missing.extend(unused.map(|version| format!("{api:?} v{version}")));
        }
        missing
    }

    /// The table, as Markdown.
    pub fn table(&self, shared: &Versions) -> String {
        let mut table = String::from(
            "| API | Versions | Requests | Error codes that both answered |\n|---|---|---:|---|\n",
        );
        for (api, (min, max)) in shared.apis() {
            let used = self.calls.get(&(api as i16)).cloned().unwrap_or_default();
            let served: Vec<i16> = (min..=max)
                .filter(|version| used.contains_key(version))
                .collect();
            let calls: usize = used.values().sum();
            let mut errors = self.errors.get(&(api as i16)).cloned().unwrap_or_default();
            errors.remove("NONE");
            let errors: Vec<String> = errors.into_iter().collect();
            writeln!(
                table,
                "| {api:?} | {} of {}–{} | {calls} | {} |",
                served.len(),
                min,
                max,
                errors.join(", ")
            )
            .expect("writing to a string does not fail");
        }
        table
    }
}

fn collect_errors(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(code) if name == "error_code" => {
                        into.insert(code.clone());
                    }
                    other => collect_errors(other, into),
                }
            }
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| collect_errors(element, into)),
        _ => {}
    }
}
