// The way to the broker: mqtt.js and what its errors mean to people. Nothing else knows it.

import mqtt from "./mqtt.esm.js";

const AGAIN_MS = 3000;
const REFUSED = new Set([4, 5, 134, 135]); // user name or password; not authorized
const NOT_GRANTED = 128;

/**
 * Connect and stay so. `on` has message(topic, text, retained), up(), down(reason, refused).
 * Returns { publish(topic, text), close() }.
 */
export function connect({ broker, user }, password, topics, on) {
  let client;
  let closed = false;
  const down = (reason, refused = false) => closed || on.down(reason, refused);
  const close = () => {
    closed = true;
    client?.end(true);
  };
  try {
    client = mqtt.connect(broker, {
      protocolVersion: 4,
      clientId: `edge-fer-dashboard-${random()}`,
      username: user || undefined,
      password: user && password ? password : undefined,
      reconnectPeriod: AGAIN_MS,
      connectTimeout: 10_000,
      queueQoSZero: false,
      resubscribe: false,
      timerVariant: "native", // its worker would need a policy that allows code from blobs
    });
  } catch (error) {
    down(`${broker}: ${error.message}`);
    return { publish: () => {}, close };
  }
  client.on("connect", () => subscribe(client, topics, on, down));
  client.on("message", (topic, payload, packet) => {
    if (!closed) on.message(topic, new TextDecoder().decode(payload), packet.retain);
  });
  client.on("error", (error) => {
    if (!REFUSED.has(error.code)) return;
    down(`${broker} refuses this user name or password.`, true);
    close();
  });
  client.on("close", () => {
    down(`No answer from ${broker}. Is the broker there, with a websockets listener? Trying again …`);
  });
  return { publish: (topic, text) => client.publish(topic, text, { qos: 1 }), close };
}

function subscribe(client, topics, on, down) {
  client.subscribe(topics, { qos: 1 }, (error, granted = []) => {
    if (error || granted.some(({ qos }) => qos >= NOT_GRANTED)) {
      down(`The broker does not let us read ${topics[0]} and its like.`, true);
    } else {
      on.up();
    }
  });
}

function random() {
  return [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
