//! The service as a process: its address, its data, its end, its refusals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_social-server-api");
const SOON: Duration = Duration::from_secs(20);

/// A running process; killed when dropped.
struct Process {
    child: Child,
    address: String,
}

fn command() -> Command {
    let mut command = Command::new(BINARY);
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    command
        .env_clear()
        .args(["--listen", "127.0.0.1:0", "--log-format", "json"])
        .args(["--bootstrap", &nowhere.to_string()])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

impl Process {
    /// Starts it and reads its address from its log.
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines.by_ref().find_map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            line["fields"]["address"].as_str().map(str::to_owned)
        });
        // What else it says must be read, or it would block.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address: address.expect("an address in the log"),
        }
    }

    fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\napi_key: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str::<Value>(body).unwrap()["response"].clone()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    fn wait(&mut self) -> std::process::ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < SOON, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn comments_acknowledged_before_a_kill_are_there_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Process::start(command().arg("--data").arg(directory.path()));
    let first = start();
    let join = json!({"name": "one", "principal": "one@test.kr", "credentials": "password"});
    let joined = first.call("POST", "/api/user/join", "", &join);
    let token = joined["apiToken"].as_str().unwrap();
    first.call("POST", "/api/post", token, &json!({"contents": "a post"}));
    for number in 0..20 {
        let body = json!({"contents": format!("comment {number}")});
        first.call("POST", "/api/user/1/post/1/comment", token, &body);
    }
    first.signal("-KILL");
    drop(first);

    let second = start();
    let comments = second.call("GET", "/api/user/1/post/1/comment/list", token, &json!({}));
    assert_eq!(comments.as_array().unwrap().len(), 20);
    let delivery = second.call(
        "GET",
        "/api/user/1/post/1/comment/20/delivery",
        token,
        &json!({}),
    );
    assert!(delivery["outbox"]["seq"].is_i64(), "{delivery}");
}

#[test]
fn a_signal_stops_it_in_order_and_in_time_even_without_kafka() {
    for signal in ["-INT", "-TERM"] {
        let mut process = Process::start(&mut command());
        process.signal(signal);
        assert!(process.wait().success());
    }
}

#[test]
fn a_client_that_keeps_its_connection_or_sends_half_a_request_delays_no_stop() {
    let mut process = Process::start(&mut command());
    let mut idle = TcpStream::connect(&process.address).unwrap();
    write!(idle, "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let mut half = TcpStream::connect(&process.address).unwrap();
    write!(half, "POST /api/auth HTTP/1.1\r\nhost: a\r\ncontent-le").unwrap();
    process.signal("-INT");
    let started = Instant::now();
    assert!(process.wait().success());
    assert!(
        started.elapsed() < Duration::from_secs(11),
        "{:?}",
        started.elapsed()
    );
}

/// One sentence on stderr, exit code not 0.
fn refusal(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    let last = text.lines().find(|line| line.starts_with("error:"));
    last.unwrap_or_else(|| panic!("no sentence in {text}"))
        .to_owned()
}

#[test]
fn a_taken_port_is_one_clear_sentence() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(BINARY);
    let told = refusal(command.env_clear().args(["--listen", &address]));
    assert!(
        told.contains("cannot listen on") && told.contains(&address),
        "{told}"
    );
}

#[test]
fn a_data_directory_that_cannot_be_used_is_one_clear_sentence() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let told = refusal(command().arg("--data").arg(file.path().join("below")));
    assert!(told.contains("cannot use the data directory"), "{told}");

    let directory = tempfile::tempdir().unwrap();
    let _first = Process::start(command().arg("--data").arg(directory.path()));
    let told = refusal(command().arg("--data").arg(directory.path()));
    assert!(told.contains("used by another instance"), "{told}");
}

#[test]
fn wrong_flags_are_refused_and_strange_variables_are_not() {
    let told = refusal(command().args(["--kafka", "no.such.property=1"]));
    assert!(told.contains("no.such.property"), "{told}");
    let told = refusal(command().args(["--no-such-flag"]));
    assert!(told.contains("--no-such-flag"), "{told}");
    let told = refusal(command().args(["--kafka", "sasl.password"]));
    assert!(told.contains("key=value"), "{told}");
    let mut process = Process::start(command().env("KAFKA_NO_SUCH_PROPERTY", "1"));
    process.signal("-INT");
    assert!(process.wait().success());
}

#[test]
fn seeded_users_can_log_in_and_the_first_sees_the_second() {
    let process = Process::start(command().arg("--seed-data"));
    let login = json!({"principal": "test00@example.com", "credentials": "1234"});
    let session = process.call("POST", "/api/auth", "", &login);
    assert_eq!(session["user"]["name"], "tester00");
    let token = session["apiToken"].as_str().unwrap();
    process.call("GET", "/api/user/2/post/list", token, &json!({}));
}
