// Is the device well: a list for people, and every number it told.

import { keep, make, say, set } from "./dom.js";
import { brief, duration, number } from "./words.js";

const CLOCKS_DIFFER_MS = 5000;

export function createHealth() {
  const numbers = make("tbody");
  const table = make("table", {}, make("caption", {}, "As on the stats topic"), numbers);
  return {
    list: make("dl", { class: "health" }),
    details: make("details", {}, make("summary", {}, "All numbers"), table),
    numbers,
  };
}

export function updateHealth({ list, details, numbers }, device, now) {
  const pair = () => make("div", {}, make("dt"), make("dd"));
  keep(list, entries(device, now), ([name]) => name, pair, (node, [name, text, odd]) => {
    say(node.firstChild, name);
    say(node.lastChild, odd ? `⚠ ${text}` : text);
    set(node, "data-odd", Boolean(odd));
  });
  const told = [...(device.numbers?.values ?? [])];
  details.hidden = !told.length;
  if (!details.open) return;
  const row = () => make("tr", {}, make("th", { scope: "row" }), make("td"));
  keep(numbers, told, ([name]) => name, row, (node, [name, value]) => {
    say(node.firstChild, name);
    say(node.lastChild, number(value));
  });
}

/** Name, text, and whether somebody should look at it. */
function entries(device, now) {
  const told = device.numbers?.values ?? new Map();
  const value = (name, unit = "") => (told.has(name) ? `${brief(told.get(name))}${unit}` : "–");
  const dropped = told.get("dropped_full") ?? 0;
  const rows = [
    ["Frames per second", value("fps")],
    ["Frame latency, p95", value("frame_p95_ms", " ms")],
    ["Events waiting", value("waiting")],
    ["Events dropped", value("dropped_full"), dropped > 0],
    ["Memory", value("rss_mb", " MB")],
    ["Model", device.model ?? "not told yet"],
    ["Camera", device.camera ?? "not told yet"],
    ["Version", device.alive?.version ?? "–"],
    ["Numbers are from", device.numbers ? `${duration(now - device.numbers.at)} ago` : "not told yet"],
  ];
  const off = device.clock.known;
  if (off !== null && Math.abs(off) > CLOCKS_DIFFER_MS) {
    const way = off > 0 ? "behind" : "ahead of";
    rows.push(["Clock of the frames", `${duration(Math.abs(off))} ${way} ours`, true]);
  }
  if (device.lost) rows.push(["Events missed here", number(device.lost), true]);
  if (device.repeated) rows.push(["Events sent twice", number(device.repeated)]);
  if (device.stale) rows.push(["Messages of an earlier run", number(device.stale)]);
  return rows;
}
