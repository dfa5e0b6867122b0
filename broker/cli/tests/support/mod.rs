//! Runs the real binary, as a shell would.

#![allow(clippy::unwrap_used, dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The command with a clean environment.
pub fn ottla(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command
        .args(arguments)
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .env_remove("RUST_LOG")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

/// Runs the command to its end.
pub fn run(arguments: &[&str]) -> Output {
    ottla(arguments).output().unwrap()
}

/// What it wrote to stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What it wrote to stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A broker in a process of its own, which ends with the test.
pub struct Served {
    child: Child,
    stdin: Option<ChildStdin>,
    /// The line it announced itself with.
    pub ready: Value,
    /// `host:port`.
    pub bootstrap: String,
}

impl Served {
    /// A broker in memory.
    pub fn in_memory() -> Served {
        Served::with(&[])
    }

    /// A broker that keeps its records.
    pub fn with_data(data: &Path) -> Served {
        Served::with(&["--data", data.to_str().unwrap()])
    }

    /// A broker with these further arguments.
    pub fn with(arguments: &[&str]) -> Served {
        let mut command = ottla(&["--json", "serve", "--listen", "127.0.0.1:0"]);
        let mut child = command
            .args(["--exit-with-stdin"])
            .args(["--set", "group.initial.rebalance.delay.ms=0"])
            .args(["--set", "group.consumer.assignment.interval.ms=0"])
            .args(["--set", "offsets.topic.num.partitions=1"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).expect("it says where it is");
        Served {
            stdin: child.stdin.take(),
            bootstrap: ready["bootstrap"].as_str().unwrap().to_owned(),
            child,
            ready,
        }
    }

    /// Runs a verb against it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a verb that must succeed, and returns its stdout.
    pub fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        stdout(&output)
    }

    /// Runs a verb with `--json` that must succeed, and returns its document.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.stdout(&arguments)).unwrap()
    }

    /// A verb against it, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ottla(arguments);
        command.env("KAFKA_BOOTSTRAP_SERVERS", &self.bootstrap);
        command
    }

    /// Produces lines.
    pub fn produce(&self, arguments: &[&str], lines: &str) -> Output {
        let mut child = self
            .command(&[&["produce"], arguments].concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        output
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends its standard input and waits for its end.
    pub fn end_stdin(&mut self) -> Option<i32> {
        self.stdin = None;
        self.wait()
    }

    /// Waits for its end; its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        wait(&mut self.child)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a process's end; its exit code.
pub fn wait(child: &mut Child) -> Option<i32> {
    let limit = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < limit, "the process does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal by its name.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Reads lines until there are `count`.
pub fn read_lines(child: &mut Child, count: usize) -> Vec<String> {
    let stdout = child.stdout.as_mut().unwrap();
    let mut lines = vec![String::new()];
    let mut byte = [0];
    while lines.len() <= count {
        assert_eq!(
            stdout.read(&mut byte).unwrap(),
            1,
            "it ended after {lines:?}"
        );
        match byte[0] {
            b'\n' => lines.push(String::new()),
            byte => lines.last_mut().unwrap().push(char::from(byte)),
        }
    }
    lines.truncate(count);
    lines
}
