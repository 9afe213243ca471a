// The faces in view: a card each, where they are in the frame, and what the last minutes held.

import { draw, keep, make, say, set, show } from "./dom.js";
import { reading } from "./model.js";
import { duration, percent, shortly } from "./words.js";

const MOST_SCORES = 3;

export function createFaces() {
  return {
    none: make("p", { class: "none" }),
    cards: make("ul", { class: "cards" }),
    frame: draw("svg", { class: "frame", role: "img" }),
  };
}

export function updateFaces({ none, cards, frame }, faces, now, why) {
  show(none, !faces.length);
  say(none, why);
  keep(cards, faces, (track) => track.id, card, (node, track) => renew(node, track, now));
  frame.toggleAttribute("hidden", !faces.length);
  if (faces.length) drawFrame(frame, faces);
}

function card() {
  const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("i"));
  const top = make("p", { class: "emotion" }, make("b"), make("span"));
  const scores = make("ul", { class: "scores" });
  return make("li", { class: "card" }, top, bar, make("p", { class: "note" }), make("p", { class: "note" }), scores);
}

function renew(node, track, now) {
  const last = track.segments.at(-1);
  const { kind, text } = reading(last);
  const [top, bar, since, title, scores] = node.children;
  set(node, "data-kind", kind);
  set(node, "data-emotion", last.emotion);
  say(top.firstChild, text);
  say(top.lastChild, kind === "uncertain" ? "no label is strong enough" : percent(last.confidence));
  bar.firstChild.style.inlineSize = `${100 * last.confidence}%`;
  const strongest = [...(track.scores ?? [])].sort((a, b) => b[1] - a[1]).slice(0, MOST_SCORES);
  keep(scores, strongest, ([label]) => label, () => make("li", {}, make("span"), make("span")), score);
  say(since, `for ${duration(track.clock.theirs(now) - last.time)} · track ${shortly(track.id)}`);
  show(title, strongest.length > 0);
  say(title, "Scores when it last changed:");
}

function score(node, [label, value]) {
  say(node.firstChild, label);
  say(node.lastChild, percent(value));
}

function drawFrame(frame, faces) {
  const { frame_width: width, frame_height: height } = faces[0].box;
  const unit = Math.max(width, height) / 100;
  set(frame, "viewBox", `0 0 ${width} ${height}`);
  set(frame, "aria-label", `Where in the frame: ${faces.map((face) => place(face.box)).join("; ")}`);
  const boxes = faces.map(({ id, box, segments }) => {
    const last = segments.at(-1);
    const { kind } = reading(last);
    const { left: x, top: y, width: w, height: h } = box;
    const rect = draw("rect", { x, y, width: Math.max(w, 0), height: Math.max(h, 0), rx: 2 * unit });
    const below = y + h + 8 * unit < height;
    const label = draw("text", { x: x + w / 2, y: below ? y + h + 7 * unit : y - 2 * unit, "font-size": 7 * unit });
    label.textContent = shortly(id);
    return draw("g", { "data-emotion": last.emotion, "data-kind": kind }, rect, label);
  });
  frame.replaceChildren(...boxes);
}

function place(box) {
  const third = (at, size, words) => words[Math.min(2, Math.max(0, Math.floor((3 * at) / size)))];
  const across = third(box.left + box.width / 2, box.frame_width, ["left", "centre", "right"]);
  const down = third(box.top + box.height / 2, box.frame_height, ["top", "middle", "bottom"]);
  return `${down} ${across}`;
}

export function createShares() {
  return {
    none: make("p", { class: "none" }),
    bar: make("div", { class: "shares", "aria-hidden": "true" }),
    list: make("ul", { class: "legend" }),
  };
}

export function updateShares({ none, bar, list }, shares, why) {
  show(none, !shares.length);
  show(bar, shares.length > 0);
  say(none, why);
  const mark = (node, { label, kind }) => {
    set(node, "data-kind", kind);
    set(node, "data-emotion", label);
  };
  keep(bar, shares, (share) => share.label, () => make("i"), (node, share) => {
    mark(node, share);
    node.style.flexGrow = Math.max(share.share, 0.005);
  });
  const entry = () => make("li", {}, make("i", { class: "swatch", "aria-hidden": "true" }), make("span"), make("b"));
  keep(list, shares, (share) => share.label, entry, (node, share) => {
    mark(node, share);
    say(node.children[1], share.label);
    say(node.children[2], percent(share.share));
  });
}
