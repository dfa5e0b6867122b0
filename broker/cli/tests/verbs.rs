//! The verbs that speak to a broker, as processes: texts, JSON, exit codes.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Stdio;

use support::{PATIENCE, Served, read_lines, run, signal, stderr, stdout, wait};

#[test]
fn the_walk_through_of_every_kafka_tutorial_works() {
    let served = Served::in_memory();
    let created = served.stdout(&["topic", "create", "event.purchase", "--partitions", "3"]);
    assert_eq!(created, "created topic event.purchase with 3 partitions\n");
    assert_eq!(served.stdout(&["topic", "list"]), "event.purchase\n");
    let described = served.stdout(&["topic", "describe", "event.purchase"]);
    let lines: Vec<_> = described.lines().collect();
    assert!(lines[0].starts_with("Topic: event.purchase\tTopicId: "));
    assert!(lines[0].contains("\tPartitionCount: 3\tReplicationFactor: 1\t"));
    assert_eq!(
        lines[3],
        "\tTopic: event.purchase\tPartition: 2\tLeader: 0\tReplicas: 0\tIsr: 0"
    );

    // Order is kept within a partition, and only there.
    let produced = served.produce(&["-t", "event.purchase", "-p", "0"], "사과\n배\n");
    assert_eq!(stderr(&produced), "produced 2 records to event.purchase\n");
    let consume = [
        "consume",
        "--topic",
        "event.purchase",
        "--from-beginning",
        "--exit-at-end",
    ];
    assert_eq!(served.stdout(&consume), "사과\n배\n");
    assert_eq!(
        served.stdout(&["topic", "delete", "event.purchase"]),
        "deleted topic event.purchase\n"
    );
    assert_eq!(served.stdout(&["topic", "list"]), "");
}

#[test]
fn keys_headers_offsets_and_times_are_shown_when_asked_for() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "1"]);
    let arguments = [
        "--topic",
        "t",
        "--key-separator",
        ":",
        "--header",
        "h=1",
        "--header",
        "h=2",
        "--timestamp",
        "1700000000000",
        "--compression",
        "lz4",
        "--print-offsets",
    ];
    let produced = served.produce(&arguments, "alice:hello\nno key\n");
    assert_eq!(stdout(&produced), "t-0@0\nt-0@1\n");
    let shown = served.stdout(&[
        "consume",
        "--topic",
        "t",
        "--offset",
        "0",
        "--exit-at-end",
        "--show-keys",
        "--show-headers",
        "--show-offsets",
        "--show-timestamps",
        "--separator",
        "|",
    ]);
    assert_eq!(
        shown,
        "t-0@0|1700000000000|h=1,h=2|alice|hello\nt-0@1|1700000000000|h=1,h=2|null|no key\n"
    );
    let last = served.json(&[
        "consume",
        "--topic",
        "t",
        "--offset",
        "-1",
        "--max-messages",
        "1",
    ]);
    assert_eq!(last["offset"], 1);
    assert_eq!(last["value"], "no key");
    assert_eq!(last["headers"][1]["value"], "2");
}

#[test]
fn a_partitioner_places_and_the_summary_counts() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "3"]);
    let produced = served.produce(
        &["--topic", "t", "--partitioner", "round-robin"],
        "1\n2\n3\n4\n5\n6\n",
    );
    let summary = stderr(&produced);
    assert_eq!(summary.lines().count(), 5, "{summary}");
    for partition in 0..3 {
        let line = summary.lines().nth(partition + 2).unwrap();
        assert!(
            line.starts_with(&format!("{partition}          2 ")),
            "{line}"
        );
    }
    // murmur2("21") puts it in the same place as Kafka's own producer does.
    let keyed = served.produce(
        &["--topic", "t", "--key-separator", ":", "--json"],
        "21:x\n",
    );
    let delivered: serde_json::Value = serde_json::from_str(&stdout(&keyed)).unwrap();
    assert_eq!(delivered["partition"], 1_173_551_340 % 3);
}

#[test]
fn a_group_goes_on_where_ctrl_c_stopped_it() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "1"]);
    for protocol in ["classic", "consumer"] {
        let group = format!("g-{protocol}");
        let consume = [
            "consume",
            "--topic",
            "t",
            "--group",
            &group,
            "--group-protocol",
            protocol,
            "--from-beginning",
        ];
        served.produce(&["--topic", "t"], "1\n2\n3\n4\n5\n");
        let mut first = served
            .command(&consume)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let before = if protocol == "classic" { 5 } else { 11 };
        assert_eq!(read_lines(&mut first, before).len(), before);
        signal(first.id(), "INT");
        assert_eq!(wait(&mut first), Some(0));

        served.produce(&["--topic", "t"], "6\n");
        let next = served.stdout(&[&consume[..], &["--max-messages", "1"]].concat());
        assert_eq!(next, "6\n", "{protocol}");
        let described = served.json(&["group", "describe", &group]);
        assert_eq!(described["protocol"], protocol);
        assert_eq!(described["state"], "Empty");
        assert_eq!(described["partitions"][0]["lag"], 0);
        assert_eq!(
            described["partitions"][0]["log_end_offset"],
            before as i64 + 1
        );
    }
}

#[test]
fn a_described_group_shows_members_lag_and_who_stands_by() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "1"]);
    served.produce(&["--topic", "t"], "1\n2\n3\n");
    served.stdout(&[
        "consume",
        "--topic",
        "t",
        "--group",
        "g",
        "--from-beginning",
        "-n",
        "1",
    ]);
    let table = served.stdout(&["group", "describe", "g"]);
    let row: Vec<_> = table.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(row, ["g", "t", "0", "1", "3", "2", "-", "-", "-"]);

    let consume = ["consume", "--topic", "t", "--group", "g"];
    let mut members: Vec<_> = (0..2)
        .map(|_| {
            served
                .command(&consume)
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let limit = std::time::Instant::now() + PATIENCE;
    loop {
        let table = served.stdout(&["group", "describe", "g"]);
        let standing_by = table
            .lines()
            .filter(|line| line.starts_with("standby: "))
            .count();
        if table.contains("members 2") && standing_by == 1 {
            break;
        }
        assert!(std::time::Instant::now() < limit, "{table}");
    }
    let refused = served.run(&["group", "reset", "g", "--topic", "t", "--to-earliest"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("stop its consumers first"),
        "{}",
        stderr(&refused)
    );
    let refused = served.run(&["group", "delete", "g"]);
    assert!(stderr(&refused).contains("NON_EMPTY_GROUP"));
    for member in &mut members {
        signal(member.id(), "TERM");
        assert_eq!(wait(member), Some(0));
    }

    let reset = ["group", "reset", "g", "--topic", "t", "--shift-by", "-2"];
    let shown = served.json(&[&reset[..], &["--dry-run"]].concat());
    assert_eq!(shown["offsets"][0]["new_offset"], 1);
    assert_eq!(
        served.json(&["group", "describe", "g"])["partitions"][0]["current_offset"],
        3
    );
    served.stdout(&reset);
    assert_eq!(
        served.json(&["group", "describe", "g"])["partitions"][0]["current_offset"],
        1
    );
    assert_eq!(served.json(&["group", "list"])["groups"][0]["group"], "g");
    served.stdout(&["group", "delete", "g"]);
    assert_eq!(served.stdout(&["group", "list"]), "no groups\n");
}

#[test]
fn refusals_have_kafkas_name_advice_and_exit_code_1() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "3"]);
    for (arguments, name) in [
        (&["topic", "create", "t"][..], "TOPIC_ALREADY_EXISTS"),
        (
            &["topic", "create", "u", "-r", "2"],
            "INVALID_REPLICATION_FACTOR",
        ),
        (&["topic", "create", "no/slash"], "INVALID_TOPIC_EXCEPTION"),
        (
            &["topic", "create", "u", "--config", "a=b"],
            "INVALID_CONFIG",
        ),
        (
            &["topic", "alter", "t", "--partitions", "2"],
            "INVALID_PARTITIONS",
        ),
        (&["topic", "describe", "u"], "UNKNOWN_TOPIC_OR_PARTITION"),
        (&["topic", "delete", "u"], "UNKNOWN_TOPIC_OR_PARTITION"),
        (&["consume", "--topic", "u"], "UNKNOWN_TOPIC_OR_PARTITION"),
        (&["group", "describe", "u"], "GROUP_ID_NOT_FOUND"),
        (&["group", "delete", "u"], "GROUP_ID_NOT_FOUND"),
    ] {
        let output = served.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            stderr(&output).contains(name),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert_eq!(stderr(&output).lines().count(), 1);
        let output = served.run(&[arguments, &["--json"]].concat());
        let error: serde_json::Value = serde_json::from_str(&stderr(&output)).unwrap();
        assert_eq!(error["error"]["code"], name);
    }
    served.stdout(&["topic", "create", "t", "--if-not-exists"]);
    served.stdout(&["topic", "delete", "u", "--if-exists"]);
}

#[test]
fn wrong_usage_is_exit_code_2_and_never_reaches_a_broker() {
    for arguments in [
        &["topic"][..],
        &["topic", "create"],
        &["topic", "create", "t", "--partitions", "0"],
        &["topic", "alter", "t"],
        &["produce"],
        &["produce", "--topic", "t", "--partitioner", "modulo"],
        &["produce", "--topic", "t", "--header", "novalue"],
        &["consume", "--topic", "t", "--offset", "soon"],
        &[
            "consume",
            "--topic",
            "t",
            "--partition",
            "0",
            "--group",
            "g",
        ],
        &["group", "reset", "g", "--topic", "t"],
        &["topic", "list", "--bootstrap", ","],
        &["nonsense"],
    ] {
        let output = run(arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(!stderr(&output).is_empty());
    }
}

#[test]
fn no_broker_is_one_sentence_that_says_what_to_do() {
    // Nothing listens on a port that was just given back.
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let output = run(&["topic", "list", "--bootstrap", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("Is the broker running?"),
        "{}",
        stderr(&output)
    );
    let output = run(&["topic", "list", "--bootstrap", &address, "--lang", "ko"]);
    assert!(stderr(&output).contains("브로커가 실행 중인가요?"));
}

#[test]
fn the_log_on_disk_is_dumped_and_a_flipped_bit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::with_data(folder.path());
    served.stdout(&["topic", "create", "t", "--partitions", "1"]);
    served.produce(
        &["--topic", "t", "--key-separator", ":"],
        "alice:1\nbob:2\n",
    );
    assert_eq!(served.end_stdin(), Some(0));

    let data = folder.path().to_str().unwrap();
    let dump = [
        "log",
        "dump",
        "--data",
        data,
        "--topic",
        "t",
        "--partition",
        "0",
    ];
    let output = run(&dump);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("CRC ok"));
    assert!(stdout(&output).contains("offset: 1 "));
    assert!(stdout(&output).contains("key: bob"));

    let segment = folder.path().join("t-0").join("00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[70] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let output = run(&dump);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("CRC BAD"));
    let missing = run(&["log", "dump", "--data", data, "--topic", "u"]);
    assert_eq!(missing.status.code(), Some(1));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "1"]);
    served.produce(&["--topic", "t"], &"a line of some length\n".repeat(5_000));
    let mut consumer = served
        .command(&["consume", "--topic", "t", "--from-beginning"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    read_lines(&mut consumer, 1);
    drop(consumer.stdout.take());
    assert_eq!(wait(&mut consumer), Some(0));
}

#[test]
fn the_oldest_records_are_deleted_and_the_rest_is_left() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "2"]);
    served.produce(&["--topic", "t", "--partition", "1"], "a\nb\nc\n");
    let verb = ["topic", "delete-records", "t"];
    let before = [&verb[..], &["--partition", "1", "--before", "2"]].concat();
    assert_eq!(served.stdout(&before), "t-1 starts at offset 2 now\n");
    let consume = [
        "consume",
        "--topic",
        "t",
        "--from-beginning",
        "--exit-at-end",
    ];
    assert_eq!(served.stdout(&consume), "c\n");
    let behind = [&verb[..], &["--partition", "1", "--before", "4"]].concat();
    let refused = served.run(&behind);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("OFFSET_OUT_OF_RANGE"));
    let all = [&verb[..], &["--lang", "ko"]].concat();
    assert_eq!(
        served.stdout(&all),
        "t-0의 첫 오프셋이 이제 0이에요\nt-1의 첫 오프셋이 이제 3이에요\n"
    );
    assert_eq!(served.stdout(&consume), "");
    // Which offset means nothing without which partition.
    let unclear = served.run(&[&verb[..], &["--before", "1"]].concat());
    assert_eq!(unclear.status.code(), Some(2));
}

#[test]
fn log_directories_are_shown_with_what_lies_in_them() {
    let served = Served::in_memory();
    served.stdout(&["topic", "create", "t", "--partitions", "2"]);
    served.produce(&["--topic", "t", "--partition", "1"], "hello\n");
    let shown = served.json(&["log", "dirs"]);
    let dir = &shown["log_dirs"][0];
    assert_eq!(dir["broker"], 0);
    let logs = dir["partitions"].as_array().unwrap();
    let bytes = |partition: i64| {
        let of = |log: &&serde_json::Value| log["topic"] == "t" && log["partition"] == partition;
        logs.iter().find(of).unwrap()["size_bytes"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(bytes(0), 0);
    assert!(bytes(1) > 61, "{shown}");
    let text = served.stdout(&["log", "dirs"]);
    assert!(text.starts_with("BROKER  PATH"), "{text}");
    assert!(text.contains("\n0       t      1 "), "{text}");
}
