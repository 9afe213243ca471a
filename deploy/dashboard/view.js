// State to page: one section per device, made once and renewed in place.

import { keep, make, say, set, show } from "./dom.js";
import { createFaces, createShares, updateFaces, updateShares } from "./faces.js";
import { createHealth, updateHealth } from "./health.js";
import { groupShares, history, shares } from "./history.js";
import { createTimeline, updateTimeline } from "./timeline.js";
import { clockTime, duration, minutes as inMinutes } from "./words.js";

const ANSWER_MS = 10_000;
const MARKS = { online: "●", stopped: "◆", offline: "■", unknown: "?" };

/** Draw everything; `onSwitch(device, on)` is called when somebody uses a switch. */
export function render(page, model, { now, minutes, onSwitch }) {
  const devices = model.sorted();
  const create = (device) => section(device, onSwitch);
  keep(page, devices, (device) => device.name, create, (node, device) =>
    update(node.parts, device, { now, minutes, pageDownAt: model.downAt, windowMs: model.windowMs }),
  );
  page.classList.toggle("single", devices.length === 1);
}

function section(device, onSwitch) {
  const id = `device-${device.name}`;
  const parts = {
    badge: make("p", { class: "badge" }),
    toggle: make("button", { type: "button", role: "switch", class: "switch" }, make("span"), make("b")),
    note: make("p", { class: "note answer" }),
    faces: createFaces(),
    shares: createShares(),
    timeline: createTimeline(),
    health: createHealth(),
    sharesTitle: make("h3"),
  };
  parts.toggle.addEventListener("click", () => onSwitch(device, !device.on));
  say(parts.toggle.firstChild, "Camera ");
  set(parts.toggle, "aria-label", `Camera of ${device.name}`);
  const { faces, shares: share, timeline, health } = parts;
  const node = make(
    "section",
    { class: "device", "aria-labelledby": id },
    make("header", {}, make("h2", { id }, device.name), parts.badge, parts.toggle, parts.note),
    make("div", { class: "panels" },
      make("section", { class: "now wide" }, make("h3", {}, "Faces now"), faces.none,
        make("div", { class: "row" }, faces.cards, faces.frame)),
      make("section", {}, make("h3", {}, "Timeline"), timeline.none,
        make("div", {}, timeline.picture), timeline.more, timeline.details),
      make("section", {}, parts.sharesTitle, share.none, share.bar, share.list),
      make("section", { class: "wide" }, make("h3", {}, "Health"), health.list, health.details)),
  );
  node.parts = parts;
  return node;
}

function update(parts, device, { now, minutes, pageDownAt, windowMs }) {
  const known = pageDownAt === null;
  const state = known ? (device.alive?.state ?? "unknown") : "unknown";
  set(parts.badge, "data-state", state);
  say(parts.badge, `${MARKS[state]} ${state}${since(device, state, now)}`);
  updateSwitch(parts, device, now, known);
  const tracks = history(device, { now, windowMs, pageDownAt });
  updateFaces(parts.faces, known ? device.faces : [], now, nobody(device, known));
  const { group } = device;
  say(parts.sharesTitle, group ? told(group) : `Shares of the last ${inMinutes(minutes)}`);
  const none = group ? "Too few people to tell anything of them, or nobody." : `No face in the last ${inMinutes(minutes)}.`;
  updateShares(parts.shares, group ? groupShares(group) : shares(tracks), none);
  updateTimeline(parts.timeline, tracks, { now, minutes });
  updateHealth(parts.health, device, now);
}

function since(device, state, now) {
  const down = (state === "offline" || state === "stopped") && device.downAt !== null;
  return down ? `, for at least ${duration(now - device.downAt)}` : "";
}

/** What an interval's shares are of. */
function told({ people, seconds, time }) {
  const of = people === null ? "Shares" : `Shares of ${people} people or more`;
  return `${of}, ${duration(1000 * seconds)} until ${clockTime(time)}`;
}

function nobody(device, known) {
  if (!known) return "Unknown while the broker is away.";
  if (!device.alive) return "The device has not said that it is online.";
  if (!device.online) return `The daemon is ${device.alive.state}: nobody is looking.`;
  if (device.on === false) return "The camera is switched off.";
  if (device.group) return "This device tells nothing of single faces (privacy.mode is aggregate).";
  return "Nobody in view.";
}

function updateSwitch({ toggle, note }, device, now, known) {
  show(toggle, device.on !== null);
  set(toggle, "aria-checked", device.on === true);
  say(toggle.lastChild, device.on ? "on" : "off");
  toggle.disabled = !known || !device.online;
  const { asked } = device;
  show(note, asked !== null);
  if (!asked) return;
  const word = asked.on ? "on" : "off";
  const silent = now - asked.at > ANSWER_MS;
  say(note, silent ? `No answer: is this page allowed to switch it ${word}?` : `Switching ${word} …`);
}
