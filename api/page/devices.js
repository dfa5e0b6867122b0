// The devices that get one's pushes. The push service keeps them; it is asked over Kafka.

import { call, exchange } from "./api.js";
import { el } from "./dom.js";
import { ago, t } from "./i18n.js";
import { panel, rows } from "./panel.js";
import * as push from "./push.js";
import { explain } from "./refusal.js";
import * as stream from "./stream.js";

/** The panel. */
export function devices(signal) {
  const list = rows(() => t("알림을 받는 기기가 없어요.", "No device gets pushes."));
  const refusal = el("p.refusal", { role: "alert" });
  const asked = el("p.muted.asked");
  const remove = async (device) => {
    try {
      if (device.seq === push.current().seq) await push.turnOff();
      else await call("DELETE", `/api/subscriptions/${device.seq}`);
    } catch (error) {
      if (error.status !== 404) return (refusal.textContent = explain(error));
    }
    await load();
  };
  const load = async () => {
    try {
      const { response, headers } = await exchange("GET", "/api/subscriptions");
      list.show(response.map((device) => row(device, remove)));
      refusal.textContent = "";
      asked.replaceChildren(...path(headers));
    } catch (error) {
      refusal.textContent = explain(error);
    }
  };
  stream.on("gap", load, signal);
  stream.on("delta", ({ devicesChanged }) => devicesChanged && load(), signal);
  push.onChange(({ name }) => (name === "on" || name === "off") && load(), signal);
  load();
  return panel("devices", () => t("기기", "Devices"), () => t("어느 브라우저가 내 알림을 받나요?", "Which browsers get your pushes?"), list.node, refusal, asked);
}

function row(device, remove) {
  const isThis = device.seq === push.current().seq;
  return el("li.row", { "data-device": String(device.seq) },
    el("div", el("b.mono", shortened(device.notificationEndPoint)), isThis ? el("span.tag.ok", () => t("이 기기", "this device")) : null,
      el("small", () => ago(device.createAt))),
    el("div.acts", el("button.btn.small.danger", { type: "button", on: { click: () => remove(device) } }, () => t("지우기", "Remove"))));
}

/** An endpoint is a secret that anybody may push to: origin and last four characters tell it apart. */
function shortened(endpoint) {
  const { origin } = new URL(endpoint);
  return `${origin}/…${endpoint.slice(-4)}`;
}

/** Where the question and its answer passed. */
function path(headers) {
  const [request, reply, millis] = ["kafka-request", "kafka-reply", "kafka-round-trip-ms"].map((name) => headers.get(name));
  if (!request || !reply) return [];
  return [t("푸시 서비스에 물었어요: ", "Asked of the push service: "), el("code", request), " → ", el("code", reply), el("span.nowrap", ` · ${Math.round(millis)} ms`)];
}
