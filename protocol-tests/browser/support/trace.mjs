// Traces as the API answers them, for what a running demo shows only when
// something breaks. The shape is that of `GET /api/trace/{id}`.

const REQUEST = Date.UTC(2026, 0, 1);

function step(name, process, offsetMillis, details) {
  return { name, process, at: new Date(REQUEST + offsetMillis).toISOString(), offsetMillis, ...details };
}

const API = "social-server-api";
const PUSH = "social-server-push";
const TOPIC = "v1.event.comment-created";

const STEPS = [
  step("request", API, 0, { method: "POST", path: "/api/user/1/post/17/comment" }),
  step("committed", API, 3.8, { commentSeq: 482, outboxSeq: 1190, eventType: "CommentCreatedEvent", database: "SQLite" }),
  step("busEvent", API, 4.3, { eventType: "CommentCreatedEvent", handlers: ["kafka-relay"] }),
  step("answered", API, 6.1, { status: 200 }),
  step("produced", API, 8.2, { apiKey: "Produce", acks: "all", millis: 1.9 }),
  step("record", "broker", 10.1, { topic: TOPIC, partition: 0, offset: 318, key: "1", brokers: 3, replicas: 3, inSync: 3, approximate: true }),
  step("fetched", PUSH, 11.4, { waitedMillis: 312 }),
  step("consumed", PUSH, 12.6, { group: PUSH, member: "rdkafka-0f1e2d3c", generation: 7 }),
  step("sent", PUSH, 13.4, { subscription: 1, status: 201, verdict: "accepted", endpoint: "https://push…c3Zk", consoleLine: "https://push…c3Zk -> “민지가 코멘트를 달았습니다.”푸쉬발송", tries: 1 }),
  step("offsetCommitted", PUSH, 31, { partition: 0, next: 319 }),
  step("shown", "browser", 38.2, { tag: "t", title: "민지가 댓글을 달았어요.", body: "한번 확인해 보세요.", devices: 1, approximate: true }),
];

const MILLIS = { api: 6.1, relay: 2.1, broker: 3.2, push: 21.6, browser: 5.2 };

function lanes(partitions) {
  return Array.from({ length: partitions }, (_, partition) => ({
    partition,
    records: Array.from({ length: 13 }, (_, place) => ({ offset: 306 + place, key: String(1 + ((place + partition) % 9)) })),
  }));
}

/** A trace up to `last`, in `state`; `change(step)` may add to its steps. */
export function trace({ state = "shown", last = "shown", contents = "One comment.", partitions = 3, change = (one) => one } = {}) {
  const known = STEPS.slice(0, STEPS.findIndex(({ name }) => name === last) + 1).flatMap((one) => change({ ...one }));
  return {
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    eventId: "7f2c1f6e-0000-4000-8000-000000000000",
    comment: { seq: 482, postId: 17, contents, writer: { seq: 3, name: "민지" } },
    post: { seq: 17, contents: "A post.", writer: { seq: 1, name: "지훈" } },
    state,
    ...(state === "shown" ? { totalMillis: 38.2 } : {}),
    parts: Object.entries(MILLIS).map(([name, millis]) => ({ name, millis })),
    steps: known,
    lanes: known.some(({ name }) => name === "record") ? lanes(partitions) : [],
  };
}
