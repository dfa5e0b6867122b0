// What is said of each step, in both languages, as plain data: the drawing and
// the table print the same words. Never touches the page.

import { duration, t } from "./i18n.js";

/** Reasons of the answers that push services give. */
const REASONS = new Map([
  [200, "OK"], [201, "Created"], [202, "Accepted"], [400, "Bad Request"], [401, "Unauthorized"],
  [403, "Forbidden"], [404, "Not Found"], [410, "Gone"], [413, "Payload Too Large"],
  [429, "Too Many Requests"], [500, "Internal Server Error"], [503, "Service Unavailable"],
]);

/** What stays of a client's long name. */
const NAME_LETTERS_MAX = 12;

/** A duration as a figure and its unit, to be set apart: 38.2 ms, 1.24 s, 3 min 5 s. */
export function durationParts(millis) {
  if (millis < 1000) return { figure: millis.toFixed(1), unit: "ms" };
  if (millis < 60_000) return { figure: (millis / 1000).toFixed(2), unit: t("초", "s") };
  const seconds = Math.round(millis / 1000);
  const minutes = Math.floor(seconds / 60);
  return { figure: t(`${minutes}분 ${seconds % 60}초`, `${minutes} min ${seconds % 60} s`), unit: "" };
}

/** Since the request: +12.6, or ≈12.6 where two clocks had to be aligned. */
export function sinceRequest({ offsetMillis, approximate }) {
  const sign = approximate ? "≈" : "+";
  return offsetMillis < 10_000 ? sign + offsetMillis.toFixed(1) : `${sign}${(offsetMillis / 1000).toFixed(1)} ${t("초", "s")}`;
}

/** The name of a process, and what is known of it. */
export function processWords(process, trace, backend) {
  const step = (name) => trace.steps.find((one) => one.name === name);
  switch (process) {
    case "broker": {
      const brokers = step("record")?.brokers ?? backend?.brokers;
      return {
        name: { ottla: "ottla", kafka: "Apache Kafka" }[backend?.kind] ?? t("브로커", "broker"),
        note: brokers ? t(`브로커 ${brokers}대`, brokers === 1 ? "1 broker" : `${brokers} brokers`) : "",
      };
    }
    case "browser":
      return {
        name: t(`${trace.post.writer.name}님의 브라우저`, `${trace.post.writer.name}’s browser`),
        note: t("서비스 워커", "service worker"),
        spoken: true,
      };
    default:
      return { name: process, note: process === "social-server-api" ? step("committed")?.database ?? "" : "" };
  }
}

/** What is on the network between two processes: a name and its details. */
export function hopWords({ name, step }) {
  switch (name) {
    case "Produce":
      return { name, details: joined(step?.acks && `acks=${step.acks}`, step?.millis !== undefined && duration(step.millis)) };
    case "Fetch": {
      const waited = step?.waitedMillis;
      const text = waited !== undefined && t(`컨슈머가 ${duration(waited)} 동안 기다리던 참`, `the consumer had been waiting for ${duration(waited)}`);
      return { name, details: joined(text) };
    }
    case "Web Push":
      return { name, details: joined(t("암호화 aes128gcm", "encrypted, aes128gcm")) };
    default:
      return { name: t("이벤트 버스", "event bus"), details: joined(t("같은 프로세스 안", "within the process")) };
  }
}

const joined = (...details) => details.filter(Boolean).map((detail) => ` · ${detail}`).join("");

const TITLES = {
  request: ["요청", "Request"],
  committed: ["DB 행", "Row"],
  busEvent: ["버스 이벤트", "Bus event"],
  answered: ["응답", "Reply"],
  produced: ["보내기", "Produce"],
  record: ["카프카 레코드", "Kafka record"],
  fetched: ["가져오기", "Fetch"],
  consumed: ["컨슈머", "Consumer"],
  sent: ["푸시 발송", "Push"],
  offsetCommitted: ["오프셋 커밋", "Commit"],
  shown: ["알림 표시", "Shown"],
};

/** Where a comment is while a step has not come yet. */
const WAITS_FOR = {
  record: ["아웃박스에서 카프카를 기다려요", "in the outbox until Kafka takes it"],
  consumed: ["로그에서 푸시 서비스를 기다려요", "in the log until the push service reads it"],
  sent: ["기기마다 한 번 보내요", "once for each device"],
  offsetCommitted: ["보낸 다음에야 커밋합니다", "only after the push was sent"],
  shown: ["브라우저가 받으면 보여 줘요", "as soon as the browser has it"],
};

/**
 * Words of one step: `title`, `aside` (its role or its answer) and `lines`, each
 * a list of texts, `{ strong }` where one should stand out; `code` where they
 * are identifiers, `refused` where they say why it failed.
 */
export function stepWords(step) {
  const title = t(...(TITLES[step.name] ?? [step.name, step.name]));
  const words = step.waiting ? stillWaiting(step) : KNOWN[step.name]?.(step) ?? {};
  const failed = step.failed ? [{ texts: [step.failed], refused: true }] : [];
  return { title, aside: "", ...words, lines: [...(words.lines ?? []), ...failed] };
}

const code = (...texts) => ({ texts, code: true });
const prose = (ko, en) => ({ texts: [t(ko, en)] });

function stillWaiting({ name }) {
  const reason = WAITS_FOR[name];
  return { aside: t("대기 중", "waiting"), lines: reason ? [prose(...reason)] : [] };
}

const KNOWN = {
  request: ({ method, path }) => ({ lines: [code(`${method} ${path}`)] }),
  committed: ({ commentSeq, outboxSeq, eventType }) => ({
    aside: "Aggregate",
    bracket: t("한 트랜잭션에 두 행", "two rows, one transaction"),
    lines: [
      code("comments ", { strong: `#${commentSeq}` }, t(" 댓글", " the comment")),
      code("outbox   ", { strong: `#${outboxSeq}` }, ` ${eventType}`),
    ],
  }),
  busEvent: ({ eventType, handlers }) => ({
    aside: "Event Publisher",
    lines: [code(`${eventType} → `, { strong: handlers.join(", ") || t("아무도 듣지 않음", "nobody listens") })],
  }),
  answered: ({ status }) => ({
    title: t(`응답 ${status}`, `Reply ${status}`),
    lines: [prose("글쓴이는 여기까지만 기다립니다", "all the commenter ever waits for")],
  }),
  produced: (step) => ({ lines: [code(withoutDot(hopWords({ name: "Produce", step }).details))] }),
  record: ({ topic, partition, offset, replicas, inSync }) => ({
    aside: replicas === undefined || inSync === undefined ? "" : `ISR ${inSync}/${replicas}`,
    lines: [code(topic)],
    place: { partition, offset },
  }),
  fetched: (step) => ({ lines: [code(withoutDot(hopWords({ name: "Fetch", step }).details))] }),
  consumed: ({ group, member, generation }) => ({
    aside: "Subscriber",
    lines: [
      code(
        t("그룹 ", "group "),
        { strong: group },
        joined(member && shortened(member), generation !== undefined && t(`세대\u00a0${generation}`, `gen\u00a0${generation}`)),
      ),
    ],
  }),
  sent: ({ status, verdict, tries, consoleLine, endpoint }) => ({
    aside: status === undefined ? "" : [status, REASONS.get(status)].filter(Boolean).join(" "),
    lines: [prose(...(VERDICTS[verdict] ?? VERDICTS.accepted)), ...(tries > 1 ? [prose(`${tries}번째 시도`, `try ${tries}`)] : [])],
    consoleLine,
    endpoint,
  }),
  offsetCommitted: ({ partition, next }) => ({
    aside: `P${partition} → ${next}`,
    lines: [prose("보낸 다음에야 커밋합니다", "only after the push was sent")],
  }),
  shown: ({ tag, title, body, devices }) => ({
    aside: devices ? t(`기기 ${devices}대`, devices === 1 ? "1 device" : `${devices} devices`) : "",
    lines: tag ? [code(`tag=${tag}`)] : [],
    toast: title ? { title, body: body ?? "" } : undefined,
  }),
};

const VERDICTS = {
  accepted: ["같은 이벤트는 한 기기에 한 번만", "once per event and device"],
  gone: ["구독이 없어진 기기라서 지웠어요", "that device is gone, its subscription was removed"],
  later: ["나중에 다시 보내요", "to be sent again later"],
  dead: ["더 보내지 않아요", "given up"],
};

/** A client's long name: its beginning and its end. */
function shortened(name) {
  return name.length <= NAME_LETTERS_MAX ? name : `${name.slice(0, 7)}…${name.slice(-4)}`;
}

const withoutDot = (details) => details.replace(/^ · /, "");
