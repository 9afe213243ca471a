// Messages in, state out: no drawing, no network, no clock; `now` comes in, in ms.
// Tracks keep the device's time; `Clock` tells how far that is from ours.

import { Clock } from "./clock.js";
import { Malformed, parse, TOPICS } from "./parse.js";

export const LOW = 0.6; // below it an emotion is shown as "perhaps"
const MOST_DEVICES = 100;
const MOST_TRACKS = 200;
const MOST_SEGMENTS = 500;

export class Model {
  devices = new Map();
  ignored = { count: 0, last: "" };
  downAt = 0; // since when this page has no broker; null while it has one

  constructor({ prefix, windowMs }) {
    this.prefix = prefix;
    this.windowMs = windowMs;
  }

  get topics() {
    return TOPICS.map((kind) => `${this.prefix}/+/${kind}`);
  }

  /** Take in a message; returns the words for a screen reader, or null. */
  take(topic, text, now, retained = false) {
    const [name, kind, ...rest] = topic.slice(this.prefix.length + 1).split("/");
    if (!topic.startsWith(`${this.prefix}/`) || !name || rest.length || !TOPICS.includes(kind)) {
      return this.#ignore(topic, "no topic of a device");
    }
    // An empty message takes a retained one off the broker: that of a device that is no more.
    if (!text) {
      if (kind === "status") this.devices.delete(name);
      return null;
    }
    try {
      const value = parse(kind, text);
      return this.#device(name)[kind](value, now, retained);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return this.#ignore(topic, error.message);
    }
  }

  /** The page got or lost its broker. */
  connected(up, now) {
    this.downAt = up ? null : (this.downAt ?? now);
  }

  sorted() {
    return [...this.devices.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  prune(now) {
    for (const device of this.devices.values()) device.prune(now - this.windowMs);
  }

  #device(name) {
    if (!this.devices.has(name)) {
      if (this.devices.size >= MOST_DEVICES) throw new Malformed("too many devices");
      this.devices.set(name, new Device(name));
    }
    return this.devices.get(name);
  }

  #ignore(topic, reason) {
    this.ignored = { count: this.ignored.count + 1, last: `${topic.slice(0, 80)}: ${reason}` };
    return null;
  }
}

export class Device {
  alive = null; // the last status that was not of an earlier session
  downAt = null; // since when it is not online
  on = null; // is the camera open
  asked = null; // { on, at }: a command without an answer yet
  numbers = null; // { values, at }
  group = null; // the last interval, where the device tells nothing of single faces
  camera = null;
  model = null;
  clock = new Clock();
  tracks = new Map();
  lost = 0; // events that were sent and did not come
  repeated = 0;
  stale = 0; // messages of an earlier session
  #seq = 0;
  #state = null;

  constructor(name) {
    this.name = name;
  }

  get online() {
    return this.alive?.state === "online";
  }

  /** The tracks in view; nobody, unless the daemon is there to vouch for them. */
  get faces() {
    return this.online ? [...this.tracks.values()].filter((track) => track.end === null) : [];
  }

  /** Until when we know of open tracks, by our clock. */
  edge(now, pageDownAt = null) {
    return Math.min(now, this.downAt ?? now, pageDownAt ?? now);
  }

  status(value, now) {
    if (value.state !== "online" && this.online && value.session !== this.alive.session) {
      // The will of a run that another one has followed.
      this.stale += 1;
      return null;
    }
    if (this.alive && value.session !== this.alive.session) this.#renew(now);
    const news = this.alive?.state !== value.state;
    this.alive = value;
    this.downAt = this.online ? null : (this.downAt ?? now);
    this.#settle();
    return news ? `${this.name} is ${value.state}` : null;
  }

  event(value, now, retained) {
    if (this.alive && value.session !== this.alive.session) return this.#old();
    if (this.#seq && value.seq <= this.#seq) {
      this.repeated += 1;
      return null;
    }
    if (this.#seq) this.lost += value.seq - this.#seq - 1;
    this.#seq = value.seq;
    this.clock.hear(value.time, now, retained);
    this.camera = value.camera;
    this.model = value.model;
    const track = this.#note(value, value.time);
    if (value.phase !== "end") return `${this.name}: ${words(value)}`;
    track.end ??= value.time;
    return `${this.name}: a face has gone`;
  }

  aggregate(value, now, retained) {
    if (this.alive && value.session !== this.alive.session) return this.#old();
    this.clock.hear(value.time, now, retained);
    this.camera = value.camera;
    this.model = value.model;
    this.group = value;
    return null;
  }

  state(value, now, retained) {
    this.clock.hear(value.time, now, retained);
    this.#state = value;
    this.#settle();
    return null;
  }

  stats(value, now) {
    this.numbers = { values: value.numbers, at: now };
    return null;
  }

  enabled(on) {
    const news = this.on !== null && this.on !== on;
    this.on = on;
    if (this.asked?.on === on) this.asked = null;
    return news ? `${this.name}: camera ${on ? "on" : "off"}` : null;
  }

  prune(since) {
    for (const track of this.tracks.values()) {
      const { segments } = track;
      const edge = track.clock.theirs(since);
      while (segments.length > 1 && segments[1].time <= edge) segments.shift();
      segments.splice(0, segments.length - MOST_SEGMENTS);
      if (track.end !== null && track.end < edge) this.tracks.delete(track.id);
    }
    const ended = [...this.tracks.values()].filter((track) => track.end !== null);
    const many = Math.max(0, this.tracks.size - MOST_TRACKS);
    for (const track of ended.slice(0, many)) this.tracks.delete(track.id);
  }

  #old() {
    this.stale += 1;
    return null;
  }

  /** Another run of the daemon: what the last one left open ended with it. */
  #renew(now) {
    const edge = this.clock.theirs(this.edge(now));
    for (const track of this.tracks.values()) track.end ??= Math.max(edge, track.segments.at(-1).time);
    this.#seq = 0;
    this.group = null;
    this.clock = new Clock();
  }

  /** Believe the state only while the daemon that said it is online. */
  #settle() {
    const said = this.#state;
    if (!said || !this.online || said.session !== this.alive.session) return;
    this.#state = null;
    this.camera = said.camera;
    const seen = new Set(said.faces.map((face) => face.track));
    for (const face of said.faces) this.#note(face, said.time);
    for (const track of this.tracks.values()) {
      const older = track.segments.at(-1).time <= said.time;
      if (track.end === null && older && !seen.has(track.id)) track.end = said.time;
    }
  }

  /** Events may come later than the state that they led to, so each finds its place by time. */
  #note({ track: id, emotion, confidence, box, scores = null }, time) {
    const track = this.tracks.get(id) ?? { id, clock: this.clock, segments: [], end: null };
    this.tracks.set(id, track);
    const { segments } = track;
    const place = segments.findLastIndex((segment) => segment.time <= time);
    const before = segments[place];
    if (place === segments.length - 1) {
      track.box = box;
      if (scores || before?.emotion !== emotion) track.scores = scores;
    }
    if (before?.emotion === emotion) before.confidence = confidence;
    else if (track.end === null || time < track.end) {
      segments.splice(place + 1, 0, { time, emotion, confidence });
    }
    return track;
  }
}

/** How an emotion may be called: `sure` false where it must not look like one. */
export function reading({ emotion, confidence }) {
  if (emotion === "uncertain") return { kind: "uncertain", text: "uncertain" };
  if (confidence < LOW) return { kind: "low", text: `perhaps ${emotion}` };
  return { kind: "sure", text: emotion };
}

function words(face) {
  const { kind, text } = reading(face);
  return kind === "uncertain" ? text : `${text}, ${Math.round(100 * face.confidence)} percent`;
}
