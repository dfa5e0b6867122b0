//! `ottla serve`, as a process.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{fs, process};

use serde_json::Value;
use support::{Served, run, signal, stderr};

#[test]
fn it_says_where_it_is_in_a_file_that_is_gone_when_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let mut served = Served::with(&["--ready-file", file.to_str().unwrap()]);
    let written: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written, served.ready);
    assert_eq!(written["pid"], served.id());
    assert_eq!(written["http"], Value::Null);
    TcpStream::connect(&served.bootstrap).expect("clients can connect at once");

    signal(served.id(), "TERM");
    assert_eq!(served.wait(), Some(0));
    assert!(!file.exists());
}

#[test]
fn the_end_of_standard_input_stops_it() {
    let mut served = Served::in_memory();
    assert_eq!(served.end_stdin(), Some(0));
}

#[test]
fn http_shows_its_health() {
    let served = Served::with(&["--http", "127.0.0.1:0"]);
    let http = served.ready["http"].as_str().unwrap();
    let address = http.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn a_taken_port_is_one_clear_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.starts_with(&format!("error: {address} is taken")),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    let korean = run(&["serve", "--listen", &address, "--lang", "ko"]);
    assert!(stderr(&korean).contains("이미 쓰이고 있어요"));
}

#[test]
fn a_taken_http_port_leaves_no_broker_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--http", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--http"));
}

#[test]
fn a_directory_that_cannot_be_written_is_one_clear_sentence() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let below = file.path().join("data");
    let output = run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        below.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("cannot use the data directory"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn an_unknown_property_is_refused_with_the_nearest_known_one() {
    let output = run(&["serve", "--set", "log.retention.hour=1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean 'log.retention.hours'?"));
}

#[test]
fn a_properties_file_is_read_and_its_mistakes_are_named_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.properties");
    fs::write(&file, "node.id=7\nnonsense\n").unwrap();
    let path = file.to_str().unwrap();
    let output = run(&["serve", "--config", path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("line 2"), "{}", stderr(&output));

    fs::write(&file, "node.id=7\nlisteners=PLAINTEXT://127.0.0.1:0\n").unwrap();
    let served = Served::with(&["--config", path]);
    assert_eq!(served.json(&["cluster", "describe"])["brokers"][0]["id"], 7);

    let missing = run(&["serve", "--config", "no/such/file"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn an_address_that_is_none_is_wrong_usage() {
    for listen in ["nonsense", "127.0.0.1", "127.0.0.1:99999"] {
        let output = run(&["serve", "--listen", listen]);
        assert_eq!(output.status.code(), Some(2), "{listen}");
        assert!(stderr(&output).contains("--listen"), "{}", stderr(&output));
    }
}

#[test]
fn records_and_groups_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::with_data(folder.path());
    served.stdout(&["topic", "create", "orders", "--partitions", "1"]);
    served.produce(&["--topic", "orders"], "one\ntwo\nthree\n");
    let read = [
        "consume",
        "--topic",
        "orders",
        "--group",
        "g",
        "--from-beginning",
    ];
    let first = served.stdout(&[&read[..], &["--max-messages", "2"]].concat());
    assert_eq!(first, "one\ntwo\n");
    signal(served.id(), "TERM");
    assert_eq!(served.wait(), Some(0));

    let served = Served::with_data(folder.path());
    let rest = served.stdout(&[&read[..], &["--exit-at-end"]].concat());
    assert_eq!(rest, "three\n");
}

#[test]
fn two_brokers_do_not_share_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    let _served = Served::with_data(folder.path());
    let data = folder.path().to_str().unwrap();
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--data", data]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn a_second_interrupt_does_not_wait() {
    let mut served = Served::in_memory();
    signal(served.id(), "INT");
    // It may be gone before the second one comes.
    let _ = process::Command::new("kill")
        .args(["-s", "INT", &served.id().to_string()])
        .output();
    assert!(matches!(served.wait(), Some(0 | 130)));
}
