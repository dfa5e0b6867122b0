// What carries the events: the chip in the bar, and how to put a real Kafka in its place.

import { dialog } from "./dialog.js";
import { el, keep } from "./dom.js";
import { duration, t } from "./i18n.js";
import * as stream from "./stream.js";

const NAMES = {
  ottla: () => "Ottla",
  kafka: () => "Apache Kafka",
  "in-process": () => t("프로세스 안 버스", "In-process bus"),
};

let backend = null;

/** What is known: `{kind, address, …}`, or null. */
export const current = () => backend;

/** The chip. It follows the stream for as long as the page lives. */
export function chip(signal) {
  const name = el("b");
  const address = el("span.mono.addr");
  const pulse = el("i.pulse", { "aria-hidden": "true" });
  const state = el("span.sr");
  const node = el("button.backend", { id: "backend", type: "button", hidden: true, on: { click: explain } }, pulse, name, " ", address, state);
  const draw = () => {
    node.hidden = backend === null;
    const lost = stream.current().name === "lost";
    pulse.className = lost ? "pulse off" : "pulse";
    name.textContent = NAMES[backend?.kind]?.() ?? "";
    address.textContent = backend?.address ?? "";
    state.textContent = lost ? t(", 연결 끊김", ", disconnected") : t(", 자세히", ", details");
  };
  const learn = (data) => {
    backend = data.backend ?? backend;
    draw();
  };
  stream.on("snapshot", learn, signal);
  stream.on("delta", learn, signal);
  stream.on("status", draw, signal);
  return keep(node, draw);
}

function explain() {
  const rows = facts().map(([name, value]) => [el("dt", name), el("dd", value)]);
  dialog(
    "backend",
    () => NAMES[backend.kind]?.() ?? backend.kind,
    el("p", meaning),
    el("dl.kv", ...rows),
    el("h3", backend.kind === "kafka" ? () => t("Ottla로 돌아가려면", "Back to Ottla") : () => t("진짜 Kafka로 바꾸려면", "On a real Kafka")),
    el("p", change),
    backend.kind === "kafka" ? null : el("code.block", "KAFKA_BOOTSTRAP_SERVERS=", el("b", "kafka:9092"), " cargo run --release"),
  );
}

function meaning() {
  if (backend.kind === "ottla") {
    return t("댓글 이벤트는 Ottla 브로커를 지나요. 서비스는 그 사실을 몰라요. Kafka 프로토콜로만 말하니까요.",
      "Comment events pass an Ottla broker. The services do not know: they speak Kafka’s protocol and nothing else.");
  }
  if (backend.kind === "kafka") {
    return t("댓글 이벤트는 진짜 Apache Kafka를 지나요. 코드는 한 줄도 다르지 않아요.",
      "Comment events pass a real Apache Kafka. Not one line of code differs.");
  }
  return t("댓글 이벤트는 프로세스를 떠나지 않아요. 레코드도 파티션도 없어요.",
    "Comment events do not leave the process: there is no record and no partition.");
}

function change() {
  if (backend.kind === "kafka") {
    return t("KAFKA_BOOTSTRAP_SERVERS 없이 다시 시작하면 돼요.", "Start again without KAFKA_BOOTSTRAP_SERVERS.");
  }
  return t("멈추고, 이 변수 하나로 다시 시작하면 돼요. TLS와 SASL도 KAFKA_로 시작하는 변수로 줘요.",
    "Stop, and start again with this one variable. TLS and SASL are KAFKA_ variables too.");
}

/** Only what the server told. */
function facts() {
  const known = [
    [() => t("주소", "address"), backend.address],
    [() => t("브로커", "brokers"), backend.brokers],
    [() => t("토픽", "topic"), backend.topic?.name],
    [() => t("파티션", "partitions"), backend.topic?.partitions],
    [() => t("프로세스", "processes"), { one: t("하나에 모두", "all in one"), separate: t("따로따로", "separate") }[backend.processes]],
    [() => t("시작까지", "started in"), backend.startMillis === undefined ? undefined : duration(backend.startMillis)],
  ];
  return known.filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => [name, String(value)]);
}
