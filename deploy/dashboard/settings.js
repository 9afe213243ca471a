// Where the broker is and what is below which prefix: from the address's fragment, else as
// remembered by this browser. The password is in neither; it lives in memory.

const KEY = "edge-fer-dashboard";
const PREFIX = /^[^/#+\s]+(\/[^/#+\s]+)*$/;
export const MINUTES = [1, 5, 15, 60];

export function load(location, storage) {
  const fragment = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return settle({ ...defaults(location), ...remembered(storage), ...fragment }, location);
}

export function save(settings, storage) {
  try {
    storage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing works until it is closed.
  }
}

/** Return what is wrong with an address or a prefix, or "". */
export function complaint({ broker, prefix }, secure) {
  let url;
  try {
    url = new URL(broker);
  } catch {
    return `broker "${broker}" must be an address like ws://raspberrypi.local:9001`;
  }
  if (!["ws:", "wss:"].includes(url.protocol)) {
    return `broker "${broker}" must begin with ws:// or wss://: browsers speak MQTT over websockets`;
  }
  if (url.username || url.password) return "user name and password have fields of their own";
  if (url.hash) return `broker "${broker}" must have no #`;
  if (secure && url.protocol === "ws:") {
    return "this page came over https, so its broker must be at wss://";
  }
  if (!PREFIX.test(prefix)) {
    return `prefix "${prefix}" must be as in mqtt.prefix: no blanks, +, # or slash at an end`;
  }
  return "";
}

function defaults({ protocol, hostname }) {
  const host = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  const scheme = protocol === "https:" ? "wss" : "ws";
  return { broker: `${scheme}://${host || "localhost"}:9001`, user: "", prefix: "edge-fer", minutes: 5 };
}

function remembered(storage) {
  try {
    const value = JSON.parse(storage.getItem(KEY) ?? "{}");
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

function settle(values, location) {
  const { minutes } = defaults(location);
  const wanted = Number(values.minutes);
  return {
    broker: String(values.broker).trim(),
    user: String(values.user).trim(),
    prefix: String(values.prefix).trim(),
    minutes: MINUTES.includes(wanted) ? wanted : minutes,
  };
}
