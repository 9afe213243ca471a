import assert from "node:assert/strict";
import { test } from "node:test";
import { groupShares, history, shares } from "../../deploy/dashboard/history.js";
import { Model, reading } from "../../deploy/dashboard/model.js";
import { aggregate, event, face, iso, state, status, T } from "./messages.js";

const WINDOW = { windowMs: 60_000 };
const HOUR = 3_600_000;

/** A model that has heard these [kind, text, now, retained] of the device porch. */
function heard(...messages) {
  const model = new Model({ prefix: "home/edge-fer", ...WINDOW });
  model.connected(true, T);
  for (const [kind, text, now = T, retained = false] of messages) {
    model.take(`home/edge-fer/porch/${kind}`, text, now, retained);
  }
  return { model, porch: model.devices.get("porch") };
}

const emotions = (device) => device.faces.map((track) => track.segments.at(-1).emotion);
const spans = (device, now) => history(device, { now, ...WINDOW, pageDownAt: null });

test("a face in view has its last emotion", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["event", event()],
    ["event", event({ seq: 2, phase: "change", emotion: "sad" }, T + 1000), T + 1000],
  );
  assert.deepEqual(emotions(porch), ["sad"]);
  assert.equal(porch.model, "small");
});

test("an end takes the face out of view and leaves its track", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["event", event()],
    ["event", event({ seq: 2, phase: "end" }, T + 4000), T + 4000],
  );
  assert.deepEqual(emotions(porch), []);
  const [track] = spans(porch, T + 5000);
  assert.deepEqual([track.open, track.segments[0].to - track.segments[0].from], [false, 4000]);
});

test("a retained state counts only while its session is online, whichever comes first", () => {
  assert.deepEqual(emotions(heard(["state", state([face()])]).porch), []);
  const late = heard(["state", state([face()])], ["status", status("online")]);
  assert.deepEqual(emotions(late.porch), ["happy"]);
  const other = heard(["status", status("online", "s2")], ["state", state([face()])]);
  assert.deepEqual(emotions(other.porch), []);
  const dead = heard(["status", status("offline")], ["state", state([face()])]);
  assert.deepEqual(emotions(dead.porch), []);
});

test("a face that a newer state does not know has gone", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["event", event()],
    ["state", state([], T + 2000), T + 2000],
  );
  assert.deepEqual(emotions(porch), []);
});

test("the will of an earlier session takes nobody offline", () => {
  const { porch } = heard(["status", status("online", "s2")], ["status", status("offline", "s1")]);
  assert.deepEqual([porch.online, porch.stale], [true, 1]);
  const { porch: own } = heard(["status", status("online")], ["status", status("offline")]);
  assert.equal(own.online, false);
});

test("while the device is offline nobody is in view, and tracks stop at that moment", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["event", event()],
    ["status", status("offline"), T + 3000],
  );
  assert.deepEqual(emotions(porch), []);
  assert.equal(spans(porch, T + 20_000)[0].segments[0].to, T + 3000);
});

test("a restart ends the tracks of the run before", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["event", event()],
    ["status", status("online", "s2"), T + 3000],
    ["event", event({ session: "s2", track: "new" }, T + 4000), T + 4000],
    ["event", event({ session: "s1", seq: 2 }, T + 4000), T + 4000],
  );
  assert.deepEqual(porch.faces.map((track) => track.id), ["new"]);
  assert.deepEqual([porch.lost, porch.stale], [0, 1]);
});

test("events of a clock that is years off are drawn when they happened by ours", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["event", event({}, 300)],
    ["event", event({ seq: 2, phase: "change", emotion: "sad" }, 10_300), T + 10_000],
  );
  const [{ segments }] = spans(porch, T + 15_000);
  assert.deepEqual(segments.map(({ from, to }) => [from - T, to - T]), [[0, 10_000], [10_000, 15_000]]);
  assert.equal(porch.clock.known, T - 300);
});

test("an old retained state is not taken for a slow clock once a live message came", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["state", state([face()], T - HOUR), T, true],
  );
  assert.equal(porch.clock.known, null);
  porch.event({ ...JSON.parse(event({}, T)), time: T, model: "small", scores: [] }, T + 100, false);
  assert.equal(porch.clock.known, 100);
});

test("a clock that was put back is followed after some messages", () => {
  const messages = Array.from({ length: 21 }, (_, place) => ["state", state([], T - HOUR + place), T + place]);
  const { porch } = heard(["status", status("online")], ["state", state([])], ...messages);
  assert.equal(porch.clock.known, HOUR);
});

test("events that waited come after the state they led to, and find their place", () => {
  const { porch } = heard(
    ["status", status("online")],
    ["state", state([face({ emotion: "sad" })], T + 9000), T + 9000],
    ["event", event(), T + 9100],
    ["event", event({ seq: 2, phase: "change", emotion: "sad" }, T + 9000), T + 9200],
  );
  assert.deepEqual(emotions(porch), ["sad"]);
  assert.deepEqual(spans(porch, T + 10_000)[0].segments.map(({ emotion }) => emotion), ["happy", "sad"]);
});

test("an event that comes twice counts once, and a gap is counted", () => {
  const twice = ["event", event()];
  const { porch } = heard(["status", status("online")], twice, twice, ["event", event({ seq: 5 })]);
  assert.deepEqual([porch.repeated, porch.lost], [1, 3]);
});

test("history is bounded by count and by the window", () => {
  const many = Array.from({ length: 3000 }, (_, place) => [
    "event",
    event({ seq: place + 1, track: `t${place % 1000}`, phase: place < 2000 ? "change" : "end",
      emotion: place % 2 ? "sad" : "happy" }, T + place),
    T + place,
  ]);
  const { model, porch } = heard(["status", status("online")], ...many);
  model.prune(T + 3000);
  assert.ok(porch.tracks.size <= 200);
  model.prune(T + 70_000);
  assert.equal(porch.tracks.size, 0);
});

test("shares are of the faces' time, apart from what is unsure", () => {
  const change = (seq, at, values) => ["event", event({ seq, phase: "change", ...values }, T + at), T + at];
  const { porch } = heard(
    ["status", status("online")],
    ["event", event()],
    change(2, 5000, { emotion: "uncertain", confidence: 0.3 }),
    change(3, 7000, { emotion: "sad", confidence: 0.45 }),
  );
  const found = shares(spans(porch, T + 10_000)).map(({ label, share }) => [label, share]);
  assert.deepEqual(found, [["happy", 0.5], ["low confidence", 0.3], ["uncertain", 0.2]]);
});

test("what is unsure does not look like an emotion", () => {
  assert.deepEqual(reading({ emotion: "happy", confidence: 0.9 }), { kind: "sure", text: "happy" });
  assert.deepEqual(reading({ emotion: "happy", confidence: 0.5 }), { kind: "low", text: "perhaps happy" });
  assert.deepEqual(reading({ emotion: "uncertain", confidence: 0.9 }), { kind: "uncertain", text: "uncertain" });
});

test("a switch is asked for until the device answers", () => {
  const { model, porch } = heard(["status", status("online")], ["enabled", "ON"]);
  porch.asked = { on: false, at: T };
  model.take("home/edge-fer/porch/enabled", "OFF", T);
  assert.deepEqual([porch.on, porch.asked], [false, null]);
});

test("an event of schema 1 is read, and an end of schema 2 keeps the last emotion", () => {
  const old = heard(["status", status("online")], ["event", event({ schema: 1 })]);
  assert.equal(old.porch.faces[0].segments.at(-1).emotion, "happy");
  const { model, porch } = heard(
    ["status", status("online")],
    ["event", event()],
    ["event", event({ id: "s1-2", seq: 2, phase: "end", emotion: null, previous: "happy" }, T + 1000)],
  );
  assert.equal(model.ignored.count, 0);
  assert.deepEqual([porch.faces.length, [...porch.tracks.values()][0].segments.length], [0, 1]);
});

const WRONG = [
  ["status", "online"], ["status", "{}"], ["status", "null"], ["status", "[]"],
  ["event", event({ emotion: "<b>happy</b>" })], ["event", event({ confidence: 7 })],
  ["event", event({ seq: "1" })], ["event", event({ box: null })], ["event", event({ schema: 3 })],
  ["event", event({ scores: { happy: "much" } })], ["event", event({ time: "yesterday" })],
  ["state", JSON.stringify({ schema: 1, session: "s1", time: iso(T), camera: "cam0", faces: [null] })],
  ["state", state(Array(1000).fill(face()))], ["stats", '{"time": 5}'], ["enabled", "on"],
];
for (const [kind, text] of WRONG) {
  test(`${kind} ${text.slice(0, 40)} is left out, counted and changes nothing`, () => {
    const { model, porch } = heard(["status", status("online")], ["enabled", "ON"], [kind, text]);
    assert.equal(model.ignored.count, 1);
    assert.match(model.ignored.last, new RegExp(`^home/edge-fer/porch/${kind}: `));
    assert.deepEqual([porch.online, porch.on, porch.tracks.size], [true, true, 0]);
  });
}

test("what is not known yet is left alone", () => {
  const newer = JSON.stringify({ ...JSON.parse(status("online")), battery: { percent: 12 } });
  const { model, porch } = heard(["status", newer], ["stats", JSON.stringify({ time: iso(T), fps: 15, later: "x" })]);
  assert.deepEqual([model.ignored.count, [...porch.numbers.values]], [0, [["fps", 15]]]);
});

test("a device whose status was taken off the broker is forgotten", () => {
  const { model } = heard(["status", status("online")], ["state", ""], ["status", ""]);
  assert.deepEqual([model.devices.size, model.ignored.count], [0, 0]);
});

test("devices stay apart, and there are not endless ones", () => {
  const { model } = heard();
  for (let place = 0; place < 150; place += 1) {
    model.take(`home/edge-fer/d${place}/status`, status("online"), T);
  }
  assert.deepEqual([model.devices.size, model.ignored.count], [100, 50]);
});

test("a device that tells of groups alone has shares and no faces", () => {
  const { model, porch } = heard(
    ["status", status("online")],
    ["state", ""],
    ["aggregate", aggregate({}, T), T],
  );
  assert.deepEqual(emotions(porch), []);
  assert.equal(porch.group.people, 5);
  assert.deepEqual(
    groupShares(porch.group).map(({ label, kind, share }) => [label, kind, share]),
    [["happy", "sure", 0.5], ["sad", "sure", 0.3], ["uncertain", "uncertain", 0.2]],
  );
  assert.equal(model.ignored.count, 0);
});

test("a group that is withheld has no shares, and another session forgets it", () => {
  const withheld = aggregate({ withheld: true, people: null, shares: null });
  const { model, porch } = heard(["status", status("online")], ["aggregate", withheld]);
  assert.deepEqual([porch.group.people, groupShares(porch.group)], [null, []]);
  model.take("home/edge-fer/porch/status", status("online", "s2"), T + 1);
  assert.equal(porch.group, null);
  model.take("home/edge-fer/porch/aggregate", aggregate(), T + 2);
  assert.deepEqual([porch.group, porch.stale], [null, 1]);
});

test("a group without people or shares is refused", () => {
  const { model } = heard(
    ["aggregate", aggregate({ people: null })],
    ["aggregate", aggregate({ shares: null })],
    ["aggregate", aggregate({ shares: { happy: 2 } })],
  );
  assert.equal(model.ignored.count, 3);
});
