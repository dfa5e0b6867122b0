// Eight people, who know each other and have written a little: what the
// pictures in the README show. Numbers, and so colours, are those of the order.

import { caller, person } from "./people.mjs";

const PASSWORD = "1234";
const NAMES = ["지훈", "Emma", "민지", "서연", "도윤", "Liam", "하은", "우진"];

const POSTS = [
  { by: 7, text: "컨슈머 그룹 A에 A4를 더하면 어느 파티션을 읽을까요? 아무것도 안 읽습니다. 궁금해서 띄워 봤더니 정말 가만히 기다리네요.", comments: [[5, "세 개를 넷이 나눌 수는 없으니까요."], [2, "The patient one."]] },
  { by: 2, text: "Killed a broker on purpose. Lag went up for eleven seconds, a follower took over, and not one event was missing. Oddly relaxing to watch.", comments: [[8, "저도 그 그래프를 멍하니 보고 있었어요."], [1, "유실 0건이라는 줄이 제일 좋아요."]] },
  { by: 1, text: "카프카 스터디에서 파티션이 3개인 토픽을 직접 만들어 봤어요. 같은 키는 정말 늘 같은 파티션으로 가네요. ‘순서는 파티션 안에서만 지켜진다’는 말이 이제야 이해됩니다.", comments: [[6, "Same key, same partition. Until you add partitions."], [4, "키를 안 주면 어디로 가나요?"]] },
];

/** Makes them, lets everybody see everybody, and writes. Resolves to the people and the last post. */
export async function settleVillage(origin) {
  const people = [];
  for (const name of NAMES) people.push(await joins(origin, name, people.length + 1));
  for (const viewer of people) {
    for (const owner of people.filter((one) => one !== viewer)) {
      await viewer.call("POST", "/api/user/connections", { userId: owner.seq });
      await owner.call("PATCH", "/api/user/connections", { userId: viewer.seq });
    }
  }
  let last;
  for (const { by, text, comments } of POSTS) {
    const author = people[by - 1];
    last = await author.post(text);
    for (const [commenter, words] of comments) await people[commenter - 1].comment(author.seq, last.seq, words);
  }
  return { people, post: last };
}

async function joins(origin, name, number) {
  const email = `person${number}@example.com`;
  await caller(origin)("POST", "/api/user/join", { name, principal: email, credentials: PASSWORD });
  return { ...(await person(origin, { email, password: PASSWORD })), email, password: PASSWORD };
}
