import assert from "node:assert/strict";
import { test } from "node:test";
import { complaint, load, save } from "../../deploy/dashboard/settings.js";

function storage() {
  const kept = new Map();
  return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), kept };
}

const at = (url) => new URL(url);

test("the broker is looked for where the page came from", () => {
  assert.equal(load(at("http://pi.local:8080/"), storage()).broker, "ws://pi.local:9001");
  assert.equal(load(at("https://pi.local/"), storage()).broker, "wss://pi.local:9001");
  assert.equal(load(at("http://[::1]:8080/"), storage()).broker, "ws://[::1]:9001");
});

test("the address's fragment goes ahead of what the browser remembers", () => {
  const place = storage();
  save({ broker: "ws://a:1", user: "me", prefix: "x", minutes: 15 }, place);
  const expected = { broker: "ws://b:2", user: "me", prefix: "x/y", minutes: 15 };
  assert.deepEqual(load(at("http://pi/#broker=ws://b:2&prefix=x/y&minutes=7e9&password=p"), place), {
    ...expected,
    minutes: 5,
  });
  assert.deepEqual(load(at("http://pi/#broker=ws://b:2&prefix=x/y"), place), expected);
});

test("a browser that remembers nonsense, or may not remember, does no harm", () => {
  const place = storage();
  place.setItem("edge-fer-dashboard", "{nonsense");
  assert.equal(load(at("http://pi/"), place).prefix, "edge-fer");
  const forbidden = { getItem: () => { throw new Error(); }, setItem: () => { throw new Error(); } };
  save(load(at("http://pi/"), forbidden), forbidden);
});

for (const [broker, prefix, secure, expected] of [
  ["ws://pi:9001", "home/edge-fer", false, /^$/],
  ["wss://pi/mqtt", "edge-fer", true, /^$/],
  ["mqtt://pi", "edge-fer", false, /must begin with ws:\/\/ or wss:\/\//],
  ["pi", "edge-fer", false, /must be an address like/],
  ["ws://me:secret@pi", "edge-fer", false, /fields of their own/],
  ["ws://pi", "edge-fer", true, /must be at wss:/],
  ["ws://pi", "edge-fer/#", false, /^prefix "edge-fer\/#" must be/],
  ["ws://pi", "/edge-fer", false, /^prefix/],
]) {
  test(`broker ${broker}, prefix ${prefix}, ${secure ? "https" : "http"}: ${expected}`, () => {
    assert.match(complaint({ broker, prefix }, secure), expected);
  });
}
