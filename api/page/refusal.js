// What a person reads when the API did not do it: what is true, and what to do next.

import { t } from "./i18n.js";

const SENTENCES = {
  0: () => t("서버에 닿지 못했어요. 적은 글은 그대로 있으니 다시 눌러 주세요.", "The server was not reached. Your text is still here; try again."),
  401: () => t("로그인이 끝났어요. 다시 로그인해 주세요.", "Your session has ended. Log in again."),
  403: () => t("볼 수 없는 글이에요. 먼저 연결을 부탁해 보세요.", "This is not yours to see. Ask for a connection first."),
  404: () => t("찾을 수 없어요. 지워졌거나 볼 수 없는 글이에요.", "Not found: it is gone, or not yours to see."),
  429: () => t("너무 자주 눌렀어요. 잠시 뒤에 다시 해 주세요.", "Too often. Try again in a moment."),
  503: () => t("지금은 카프카나 푸시 서비스에 닿지 않아요. 잠시 뒤에 다시 해 주세요.", "Kafka or the push service cannot be reached now. Try again in a moment."),
  504: () => t("푸시 서비스가 제때 답하지 않았어요. 다시 해도 한 번만 저장돼요.", "The push service did not answer in time. A retry does no harm."),
};

/** The sentence for an error; `own` has sentences by status that say it better at this place. */
export function explain(error, own = {}) {
  const sentence = own[error.status] ?? SENTENCES[error.status];
  if (sentence) return sentence();
  return t(`서버가 받지 않았어요: ${error.message}`, `The server refused: ${error.message}`);
}
