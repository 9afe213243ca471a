import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const css = readFileSync(new URL("../../deploy/dashboard/style.css", import.meta.url), "utf8");
const [light, dark] = [...css.matchAll(/:root \{([^}]*--page[^}]*)\}/g)].map(([, text]) =>
  Object.fromEntries([...text.matchAll(/--(\w+): (#\w+)/g)].map(([, name, value]) => [name, value])),
);
const EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt", "other"];

/** WCAG 2.2's relative luminance of #rgb or #rrggbb. */
function luminance(colour) {
  const digits = colour.length === 4 ? colour.replace(/[^#]/g, "$&$&") : colour;
  const parts = [1, 3, 5].map((at) => parseInt(digits.slice(at, at + 2), 16) / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

for (const [scheme, colours] of Object.entries({ light, dark })) {
  const grounds = ["page", "card", "inset"];
  const words = ["text", "soft", "good", "bad", "warn"];
  const pairs = [
    ...words.flatMap((word) => grounds.map((ground) => [word, ground, 4.5])),
    ...[...EMOTIONS, "focus"].map((name) => ["on", name, 4.5]),
    ...[...EMOTIONS, "focus"].flatMap((name) => grounds.map((ground) => [name, ground, 3])),
  ];
  test(`${scheme}: text has a contrast of 4.5 and drawings have 3 (WCAG AA)`, () => {
    const short = pairs.filter(([a, b, least]) => contrast(colours[a], colours[b]) < least);
    assert.deepEqual(short, []);
  });
}
