// The tracks of the last minutes: lanes for the eye, a table for everybody else.

import { draw, make, say, set, show } from "./dom.js";
import { reading } from "./model.js";
import { clockTime, minutes as inMinutes, percent, shortly } from "./words.js";

const LANE = 30;
const GAP = 6;
const AXIS = 22;
const GUTTER = 42; // for the tracks' names
const LETTER = 8.4; // more than the width of a letter, to know what fits
const MOST_LANES = 12;
const MOST_ROWS = 200;

export function createTimeline() {
  const body = make("tbody");
  const names = ["Track", "From", "To", "Emotion", "Confidence"];
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  const table = make("table", {}, make("thead", {}, head), body);
  const rolling = make("div", { class: "rolling", tabindex: "0", role: "region", "aria-label": "Timeline as a table" }, table);
  return {
    none: make("p", { class: "none" }),
    picture: draw("svg", { class: "lanes", role: "img" }),
    more: make("p", { class: "note" }),
    details: make("details", {}, make("summary", {}, "As a table"), rolling),
    body,
    written: "",
  };
}

export function updateTimeline(parts, tracks, { now, minutes }) {
  const { none, picture, more, details } = parts;
  show(none, !tracks.length);
  say(none, `No face in the last ${inMinutes(minutes)}.`);
  picture.toggleAttribute("hidden", !tracks.length);
  show(details, tracks.length > 0);
  const lanes = tracks.slice(-MOST_LANES);
  show(more, tracks.length > lanes.length);
  say(more, `${tracks.length - lanes.length} earlier tracks are in the table.`);
  if (tracks.length) drawLanes(picture, lanes, now, minutes);
  if (tracks.length && details.open) write(parts, tracks);
}

function drawLanes(picture, tracks, now, minutes) {
  const width = Math.max(picture.parentElement.clientWidth, 200);
  const height = tracks.length * (LANE + GAP) + AXIS;
  const span = minutes * 60_000;
  const x = (time) => GUTTER + ((time - now + span) / span) * (width - GUTTER);
  set(picture, "width", width);
  set(picture, "height", height);
  set(picture, "viewBox", `0 0 ${width} ${height}`);
  const some = `${tracks.length} ${tracks.length === 1 ? "track" : "tracks"}`;
  set(picture, "aria-label", `Timeline of the last ${inMinutes(minutes)}: ${some}. The table below says the same.`);
  picture.replaceChildren(
    ...axis(x, now, minutes, height - AXIS),
    ...tracks.map((track, row) => lane(track, x, row * (LANE + GAP))),
  );
}

function axis(x, now, minutes, height) {
  const step = { 1: 0.25, 5: 1, 15: 3, 60: 10 }[minutes];
  const marks = [];
  for (let back = minutes; back >= 0; back -= step) {
    const at = x(now - back * 60_000);
    const anchor = back === 0 ? "end" : back === minutes ? "start" : "middle";
    const label = draw("text", { x: at, y: height + 16, "text-anchor": anchor });
    label.textContent = back === 0 ? "now" : minutes === 1 ? `−${back * 60} s` : `−${back} min`;
    marks.push(draw("line", { x1: at, x2: at, y1: 0, y2: height }), label);
  }
  return marks;
}

function lane(track, x, top) {
  const name = draw("text", { class: "track", x: 0, y: top + LANE / 2 + 4 });
  name.textContent = shortly(track.id);
  return draw("g", {}, name, ...track.segments.map((segment) => block(segment, x, top)));
}

function block({ from, to, emotion, confidence }, x, top) {
  const { kind, text } = reading({ emotion, confidence });
  const left = x(from);
  const width = Math.max(x(to) - left - 1, 2);
  const rect = draw("rect", { x: left, y: top + 1, width, height: LANE - 2, rx: Math.min(4, width / 2) });
  const group = draw("g", { "data-emotion": emotion, "data-kind": kind }, rect);
  if (text.length * LETTER + 8 < width) {
    const label = draw("text", { x: left + 6, y: top + LANE / 2 + 4 });
    label.textContent = text;
    group.append(label);
  }
  return group;
}

/** Renew the table only when it says something else: a reader may be in it. */
function write(parts, tracks) {
  const rows = tracks
    .flatMap(({ id, open, segments }) =>
      segments.map((segment, place) => ({ id, ...segment, now: open && place === segments.length - 1 })),
    )
    .sort((a, b) => b.from - a.from)
    .slice(0, MOST_ROWS)
    .map(({ id, from, to, emotion, confidence, now }) => [
      shortly(id),
      clockTime(from),
      now ? "now" : clockTime(to),
      reading({ emotion, confidence }).text,
      percent(confidence),
    ]);
  const text = JSON.stringify(rows);
  if (text === parts.written) return;
  parts.written = text;
  const cells = (row) => row.map((cell, column) => (column ? make("td", {}, cell) : make("th", { scope: "row" }, cell)));
  parts.body.replaceChildren(...rows.map((row) => make("tr", {}, ...cells(row))));
}
