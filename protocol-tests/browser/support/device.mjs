// A device that gets pushes from the local push service without being a
// browser: it speaks the browsers' WebSocket protocol, and acknowledges what
// comes without decrypting it. Firefox's own tests decrypt.

import { createECDH, randomBytes, randomUUID } from "node:crypto";
import { WebSocket } from "ws";

const SUBPROTOCOL = "push-notification";
const DELIVERED = 100;

/** Subscribes `person` on a new device; `close()` ends it. */
export async function startDevice(pushService, person) {
  const socket = new WebSocket(pushService.replace(/^http/, "ws"), SUBPROTOCOL);
  const answers = listen(socket);
  const say = (message) => socket.send(JSON.stringify(message));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));

  say({ messageType: "hello", use_webpush: true });
  await answers.next("hello");
  const key = await person.call("GET", "/api/push/key");
  say({ messageType: "register", channelID: randomUUID(), key });
  const { pushEndpoint } = await answers.next("register");

  const pair = createECDH("prime256v1");
  await person.call("POST", "/api/subscribe", {
    notificationEndPoint: pushEndpoint,
    publicKey: pair.generateKeys("base64url"),
    auth: randomBytes(16).toString("base64url"),
  });
  return { close: () => socket.close() };
}

/** Answers by their type; notifications are acknowledged at once. */
function listen(socket) {
  const waiting = new Map();
  socket.on("message", (text) => {
    const message = JSON.parse(text);
    const { messageType, channelID, version } = message;
    if (messageType === "notification") {
      socket.send(JSON.stringify({ messageType: "ack", updates: [{ channelID, version, code: DELIVERED }] }));
    }
    waiting.get(messageType)?.(message);
  });
  return { next: (messageType) => new Promise((resolve) => waiting.set(messageType, resolve)) };
}
