// What a device's tracks were over a window of time, by our clock: for drawing, table and shares.

import { reading } from "./model.js";

/** Return [{ id, open, segments: [{ from, to, emotion, confidence }] }], the oldest first. */
export function history(device, { now, windowMs, pageDownAt }) {
  const edge = device.edge(now, pageDownAt);
  const since = now - windowMs;
  return [...device.tracks.values()]
    .map((track) => spans(track, edge, since))
    .filter((track) => track.segments.length)
    .sort((a, b) => a.segments[0].from - b.segments[0].from);
}

function spans({ id, clock, segments, end }, edge, since) {
  const ours = (time) => time + clock.difference;
  const last = end === null ? edge : Math.min(ours(end), edge);
  const cut = segments.map(({ time, emotion, confidence }, place) => {
    const next = segments[place + 1];
    const to = next ? Math.min(ours(next.time), last) : last;
    return { from: Math.max(ours(time), since), to, emotion, confidence };
  });
  return { id, open: end === null, segments: cut.filter((segment) => segment.to > segment.from) };
}

/** Return the same as `shares` of what an aggregating device has told of an interval. */
export function groupShares({ shares: told }) {
  return told
    .map(([label, share]) => ({ label, kind: label === "uncertain" ? label : "sure", share }))
    .sort((a, b) => (a.kind !== "sure") - (b.kind !== "sure") || b.share - a.share);
}

/** Return [{ label, kind, share }] of the faces' time, emotions first, the largest ahead. */
export function shares(tracks) {
  const times = new Map();
  for (const segment of tracks.flatMap((track) => track.segments)) {
    const { kind } = reading(segment);
    const label = { sure: segment.emotion, low: "low confidence", uncertain: "uncertain" }[kind];
    const sum = (times.get(label)?.time ?? 0) + segment.to - segment.from;
    times.set(label, { label, kind, time: sum });
  }
  const total = [...times.values()].reduce((sum, { time }) => sum + time, 0);
  return [...times.values()]
    .map(({ time, ...rest }) => ({ ...rest, share: time / total }))
    .sort((a, b) => (a.kind !== "sure") - (b.kind !== "sure") || b.share - a.share);
}
