//! The help in Korean. English help stands beside each argument; this table
//! says the same in Korean, and a test walks the command line to see that
//! nothing is missing.

use clap::Command;

/// What a text belongs to: the verb's words, and the argument's id; `about`
/// for the verb itself, `examples` for what comes after its options.
type Entry = (&'static str, &'static str, &'static str);

/// The command with its help in Korean.
pub fn translate(command: Command) -> Command {
    translate_below(command, "")
}

fn translate_below(command: Command, verb: &str) -> Command {
    let mut command = command;
    if let Some(about) = text(verb, "about") {
        command = command.about(about);
    }
    if let Some(examples) = text(verb, "examples") {
        command = command.after_help(examples);
    }
    command
        .mut_args(|argument| match text(verb, argument.get_id().as_str()) {
            Some(help) => argument.help(help),
            None => argument,
        })
        .mut_subcommands(|below| {
            let verb = words(verb, below.get_name());
            translate_below(below, &verb)
        })
}

fn words(verb: &str, below: &str) -> String {
    format!("{verb} {below}").trim_start().to_owned()
}

fn text(verb: &str, id: &str) -> Option<&'static str> {
    TEXTS
        .iter()
        .find(|(of_verb, of_id, _)| (*of_verb, *of_id) == (verb, id))
        .map(|(_, _, text)| *text)
}

const TEXTS: &[Entry] = &[
    ("", "about", "작은 Kafka 호환 브로커와 그 도구"),
    (
        "",
        "examples",
        "\
예:
  ottla serve                                     메모리에만 두는 브로커, 127.0.0.1:9092
  ottla serve --data ./data --http 127.0.0.1:8080 레코드를 보관하고 지표를 보여 줌
  ottla topic create orders --partitions 3
  echo 'alice:hello' | ottla produce --topic orders --key-separator :
  ottla consume --topic orders --from-beginning --show-keys
  ottla group describe billing

`serve`와 `log dump`를 뺀 모든 명령은 Apache Kafka에도 그대로 쓸 수 있어요. --bootstrap이나
KAFKA_BOOTSTRAP_SERVERS로 주소만 지정하세요. 종료 코드: 0 성공, 1 실패, 2 잘못된 사용.",
    ),
    ("", "bootstrap", "접속할 브로커들, host:port[,host:port…]"),
    (
        "",
        "json",
        "글 대신 JSON으로 출력. 보고나 레코드마다 문서 하나",
    ),
    (
        "",
        "lang",
        "메시지 언어 [기본값: LC_ALL, LC_MESSAGES, LANG에서]",
    ),
    (
        "serve",
        "about",
        "Ctrl-C나 SIGTERM을 받을 때까지 브로커 실행",
    ),
    (
        "serve",
        "examples",
        "\
예:
  ottla serve                                        메모리에만 보관, 127.0.0.1:9092
  ottla serve --data ./data --http 127.0.0.1:8080    디스크에 보관, 지표와 상태는 HTTP로
  ottla serve --listen 0.0.0.0:9092 --data /var/lib/ottla
  ottla serve --config server.properties --set log.retention.hours=24
  ottla serve --listen 127.0.0.1:0 --ready-file /tmp/ottla.json --exit-with-stdin
  ottla serve --listen 127.0.0.1:0 --http 127.0.0.1:0 --control    어떤 언어의 테스트에서든

인증이 없어요. 포트에 닿을 수 있으면 누구나 읽고 쓸 수 있어요.",
    ),
    (
        "serve",
        "listen",
        "Kafka 클라이언트를 받을 주소. 포트 0은 빈 포트 [기본값: --config의 `listeners`, 없으면 127.0.0.1:9092]",
    ),
    (
        "serve",
        "http",
        "지표, 건강 상태, 클러스터 상태를 HTTP로 보여 줄 주소",
    ),
    (
        "serve",
        "control",
        "테스트가 HTTP로 브로커를 다루게 함: 장애, 시계, 초기화. --http에 루프백 주소가 필요",
    ),
    (
        "serve",
        "data",
        "레코드를 보관할 디렉터리 [기본값: --config의 `log.dirs`, 없으면 메모리]",
    ),
    (
        "serve",
        "config",
        "server.properties처럼 Kafka 이름을 쓰는 설정 파일",
    ),
    (
        "serve",
        "properties",
        "Kafka 이름의 설정. 파일보다 우선하며 여러 번 쓸 수 있음",
    ),
    (
        "serve",
        "ready_file",
        "클라이언트가 접속할 수 있게 되면 주소와 프로세스 번호를 JSON 한 줄로 이 파일에(한 번에 온전히) 그리고 표준 출력에 씀",
    ),
    (
        "serve",
        "exit_with_stdin",
        "표준 입력이 끝나면 멈춤. 부모 프로세스가 죽어도 끝남",
    ),
    ("topic", "about", "토픽 만들기, 목록, 보기, 지우기, 바꾸기"),
    ("topic create", "about", "토픽 만들기"),
    ("topic create", "name", "토픽 이름"),
    (
        "topic create",
        "partitions",
        "파티션 수 [기본값: 브로커의 num.partitions]",
    ),
    (
        "topic create",
        "replication_factor",
        "파티션마다 복제본 수 [기본값: 브로커의 설정]",
    ),
    (
        "topic create",
        "configs",
        "Kafka 이름의 토픽 설정. 여러 번 쓸 수 있음",
    ),
    (
        "topic create",
        "if_not_exists",
        "같은 이름의 토픽이 이미 있어도 성공",
    ),
    ("topic list", "about", "토픽 목록"),
    (
        "topic list",
        "exclude_internal",
        "브로커가 쓰는 내부 토픽은 빼기",
    ),
    (
        "topic describe",
        "about",
        "파티션, 리더, 복제본을 Kafka 도구와 같은 꼴로 보기",
    ),
    ("topic describe", "names", "볼 토픽 [기본값: 모두]"),
    ("topic delete", "about", "토픽과 그 레코드 지우기"),
    ("topic delete", "names", "지울 토픽"),
    ("topic delete", "if_exists", "없는 토픽이 있어도 성공"),
    (
        "topic delete-records",
        "about",
        "토픽의 오래된 레코드 지우기",
    ),
    (
        "topic delete-records",
        "examples",
        "\
예:
  ottla topic delete-records orders --partition 0 --before 42
  ottla topic delete-records orders                          지금까지 있는 모든 레코드

되돌릴 수 없어요.",
    ),
    ("topic delete-records", "name", "토픽"),
    ("topic delete-records", "partition", "이 파티션만"),
    (
        "topic delete-records",
        "before",
        "이 오프셋부터 남기기 [기본값: 컨슈머가 읽을 수 있는 모두를 지움]",
    ),
    ("topic alter", "about", "파티션 늘리기, 설정 바꾸기"),
    ("topic alter", "name", "토픽"),
    (
        "topic alter",
        "partitions",
        "파티션 수. 지금보다 줄일 수 없음",
    ),
    ("topic alter", "set", "바꿀 설정. 여러 번 쓸 수 있음"),
    (
        "topic alter",
        "unset",
        "기본값으로 되돌릴 설정. 여러 번 쓸 수 있음",
    ),
    (
        "produce",
        "about",
        "표준 입력의 한 줄을 레코드 하나로 보내기",
    ),
    (
        "produce",
        "examples",
        "\
예:
  echo hello | ottla produce --topic orders
  printf 'alice:1\\nbob:2\\n' | ottla produce --topic orders --key-separator :
  seq 100 | ottla produce --topic orders --partitioner round-robin --print-offsets
  cut -d, -f1 sales.csv | ottla produce --topic sales --key-separator , --partitioner region

파티셔너: key-hash(Kafka의 murmur2), round-robin, sticky, month(타임스탬프의 월),
region(키가 시작하는 도·시 이름).",
    ),
    ("produce", "topic", "토픽"),
    (
        "produce",
        "key_separator",
        "줄에서 키와 값을 나누는 글자. 없으면 줄 전체가 값",
    ),
    (
        "produce",
        "headers",
        "모든 레코드에 붙일 헤더. 같은 이름도 여러 번 쓸 수 있음",
    ),
    ("produce", "partition", "모든 레코드를 보낼 파티션"),
    ("produce", "partitioner", "파티션을 고르는 방법"),
    (
        "produce",
        "timestamp",
        "모든 레코드의 시각, Unix 밀리초 [기본값: 지금]",
    ),
    (
        "produce",
        "null_values",
        "빈 값은 null로 보내기. 컴팩션 토픽에서는 삭제 표시",
    ),
    ("produce", "acks", "기다릴 확인: 0, 1, all"),
    ("produce", "compression", "압축: none, gzip, snappy, lz4"),
    (
        "produce",
        "no_idempotence",
        "순번을 두지 않기. 재시도가 레코드를 두 번 쓸 수 있음",
    ),
    ("produce", "print_offsets", "레코드마다 놓인 자리를 출력"),
    ("consume", "about", "토픽의 레코드를 출력"),
    (
        "consume",
        "examples",
        "\
예:
  ottla consume --topic orders --from-beginning
  ottla consume --topic orders --offset -5 --exit-at-end      파티션마다 마지막 다섯 개
  ottla consume --topic orders --partition 0 --offset 42 --max-messages 1 --json
  ottla consume --topic orders --group billing                파티션을 나눠 읽고, Ctrl-C 때
                                                              출력한 데까지 커밋
  ottla consume --topic orders --group billing --group-protocol consumer",
    ),
    ("consume", "topic", "토픽"),
    (
        "consume",
        "group",
        "이 그룹의 멤버로 읽고, 출력한 데까지 커밋",
    ),
    ("consume", "group_protocol", "그룹이 파티션을 나누는 방법"),
    (
        "consume",
        "from_beginning",
        "가장 오래된 레코드부터(그룹에서는 커밋이 없을 때)",
    ),
    (
        "consume",
        "offset",
        "시작할 곳: earliest, latest, 오프셋, -N, @MS [기본값: latest]",
    ),
    ("consume", "partition", "이 파티션만"),
    ("consume", "max_messages", "이만큼 출력하고 끝냄"),
    (
        "consume",
        "exit_at_end",
        "더 기다리지 않고 파티션 끝에서 끝냄",
    ),
    ("consume", "timeout_ms", "이 시간 동안 레코드가 없으면 실패"),
    ("consume", "show_keys", "키 출력, 없으면 null"),
    ("consume", "show_headers", "헤더를 name=value,…로 출력"),
    ("consume", "show_offsets", "topic-partition@offset 출력"),
    (
        "consume",
        "show_timestamps",
        "타임스탬프를 Unix 밀리초로 출력",
    ),
    ("consume", "separator", "부분 사이에 넣을 글자"),
    ("group", "about", "컨슈머 그룹 목록, 보기, 되돌리기, 지우기"),
    ("group list", "about", "그룹 목록"),
    ("group describe", "about", "오프셋, 랙, 멤버 보기"),
    ("group describe", "group", "그룹"),
    ("group reset", "about", "멤버가 없는 그룹의 오프셋 정하기"),
    ("group reset", "group", "그룹"),
    ("group reset", "topic", "오프셋을 정할 토픽"),
    ("group reset", "partition", "이 파티션만"),
    ("group reset", "to_earliest", "가장 오래된 레코드로"),
    ("group reset", "to_latest", "끝으로"),
    (
        "group reset",
        "to_offset",
        "이 오프셋으로, 없으면 가장 가까운 곳으로",
    ),
    (
        "group reset",
        "to_timestamp",
        "이 시각(Unix 밀리초) 이후 첫 레코드로",
    ),
    (
        "group reset",
        "shift_by",
        "커밋된 곳에서 이만큼 옮기기. 음수는 뒤로",
    ),
    ("group reset", "dry_run", "바꾸지 않고 결과만 보기"),
    (
        "group delete",
        "about",
        "멤버가 없는 그룹과 그 오프셋 지우기",
    ),
    ("group delete", "groups", "지울 그룹"),
    ("cluster", "about", "클러스터 보기"),
    (
        "cluster describe",
        "about",
        "클러스터 번호, 컨트롤러, 브로커 보기",
    ),
    (
        "log",
        "about",
        "로그 보기: 브로커 없이 디스크의 파일을, 또는 크기를",
    ),
    (
        "log dump",
        "about",
        "파티션 파일의 배치와 레코드를 하나하나 검사하며 출력",
    ),
    ("log dump", "data", "브로커의 데이터 디렉터리"),
    ("log dump", "topic", "토픽"),
    ("log dump", "partition", "파티션"),
    ("log dump", "batches_only", "레코드는 빼기"),
    (
        "log dirs",
        "about",
        "브로커가 파티션을 어디에 두는지, 얼마나 큰지 물어보기",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::arguments::Arguments;

    /// Every text that English help has a counterpart of.
    fn wanted(command: &Command, verb: &str) -> BTreeSet<(String, String)> {
        let mut wanted = BTreeSet::from([(verb.to_owned(), "about".to_owned())]);
        for argument in command.get_arguments() {
            wanted.insert((verb.to_owned(), argument.get_id().to_string()));
        }
        for below in command.get_subcommands() {
            wanted.extend(self::wanted(below, &words(verb, below.get_name())));
        }
        wanted
    }

    #[test]
    fn every_verb_and_argument_is_explained_in_korean_and_nothing_else_is() {
        let wanted = wanted(&Arguments::command(), "");
        let there: BTreeSet<_> = TEXTS
            .iter()
            .filter(|(_, id, _)| *id != "examples")
            .map(|(verb, id, _)| ((*verb).to_owned(), (*id).to_owned()))
            .collect();
        assert_eq!(there, wanted);
    }

    #[test]
    fn korean_help_speaks_korean() {
        let help = translate(Arguments::command()).render_help().to_string();
        assert!(help.contains("작은 Kafka 호환 브로커"), "{help}");
        assert!(help.contains("접속할 브로커들"), "{help}");
    }
}
