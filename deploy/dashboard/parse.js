// Payloads to checked values: the only file that knows the JSON on the wire (docs/reference/topics.md).
// What it does not know it leaves alone; what cannot be right it refuses with a reason.

export class Malformed extends Error {}

const LABEL = /^[a-z0-9_-]{1,32}$/;
const NAME = /^[^\u0000-\u001f]{1,64}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const SCHEMAS = [1, 2];
const MOST_FACES = 64;
const MOST_NUMBERS = 300;

const PARSERS = { status, event, state, aggregate, stats, enabled };
export const TOPICS = Object.keys(PARSERS);

/** Return what `text` on topic `<prefix>/<device>/<kind>` says; throws Malformed. */
export function parse(kind, text) {
  return PARSERS[kind](text);
}

function status(text) {
  const { state, session, version } = object(text);
  return {
    state: must(["online", "stopped", "offline"].includes(state), "state", state),
    session: name("session", session),
    version: name("version", version),
  };
}

function event(text) {
  const message = versioned(object(text));
  const { phase, seq } = message;
  must(["begin", "change", "end"].includes(phase), "phase");
  must(Number.isSafeInteger(seq) && seq >= 1, "seq");
  return {
    ...common(message),
    // Since schema 2 an end has no emotion of its own: the last one is in previous.
    ...face(phase === "end" && message.emotion === null ? { ...message, emotion: message.previous } : message),
    phase,
    seq,
    scores: scores(message.scores),
    model: name("model", message.model?.name),
  };
}

function state(text) {
  const message = versioned(object(text));
  must(Array.isArray(message.faces) && message.faces.length <= MOST_FACES, "faces");
  return { ...common(message), faces: message.faces.map(face) };
}

function aggregate(text) {
  const message = versioned(object(text));
  const { people, seconds, withheld } = message;
  must(typeof withheld === "boolean", "withheld");
  must(withheld || (Number.isSafeInteger(people) && people > 0), "people");
  must(Number.isFinite(seconds) && seconds >= 0, "seconds");
  return {
    ...common(message),
    people: withheld ? null : people,
    seconds,
    shares: withheld ? [] : scores(message.shares),
    model: name("model", message.model?.name),
  };
}

function stats(text) {
  const { time: stamp, ...rest } = object(text);
  const numbers = Object.entries(rest)
    .filter(([key, value]) => NAME.test(key) && Number.isFinite(value))
    .slice(0, MOST_NUMBERS);
  return { time: time(stamp), numbers: new Map(numbers) };
}

function enabled(text) {
  return must(text === "ON" || text === "OFF", "ON or OFF", text === "ON");
}

function common(message) {
  return {
    session: name("session", message.session),
    camera: name("camera", message.camera),
    time: time(message.time),
  };
}

function face(value) {
  must(value !== null && typeof value === "object", "face");
  return {
    track: name("track", value.track),
    emotion: label(value.emotion),
    confidence: probability("confidence", value.confidence),
    box: box(value.box),
  };
}

function box(value) {
  const sides = ["left", "top", "width", "height", "frame_width", "frame_height"];
  must(value !== null && typeof value === "object", "box");
  must(sides.every((side) => Number.isFinite(value[side])), "box");
  must(value.frame_width > 0 && value.frame_height > 0, "box");
  return Object.fromEntries(sides.map((side) => [side, value[side]]));
}

function scores(value) {
  must(value !== null && typeof value === "object" && !Array.isArray(value), "scores");
  return Object.entries(value).map(([key, score]) => [label(key), probability("scores", score)]);
}

function object(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Malformed("no JSON");
  }
  return must(value !== null && typeof value === "object" && !Array.isArray(value), "object", value);
}

function versioned(message) {
  if (!SCHEMAS.includes(message.schema)) throw new Malformed(`schema must be ${SCHEMAS.join(" or ")}`);
  return message;
}

function time(value) {
  const stamp = typeof value === "string" && TIME.test(value) ? Date.parse(value) : NaN;
  return must(Number.isFinite(stamp), "time", stamp);
}

function name(key, value) {
  return must(typeof value === "string" && NAME.test(value), key, value);
}

function label(value) {
  return must(typeof value === "string" && LABEL.test(value), "emotion", value);
}

function probability(key, value) {
  return must(Number.isFinite(value) && value >= 0 && value <= 1, key, value);
}

function must(right, what, value) {
  if (!right) throw new Malformed(`${what} is not as docs/reference/topics.md says`);
  return value;
}
