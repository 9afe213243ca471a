// Messages as docs/reference/topics.md has them, with few words.

export const T = Date.parse("2024-05-01T12:00:00.000Z");
export const iso = (time) => new Date(time).toISOString();
export const BOX = { left: 10, top: 20, width: 50, height: 50, frame_width: 640, frame_height: 480 };

export const status = (state, session = "s1") => JSON.stringify({ state, session, version: "1.0.0" });

export const event = (values = {}, at = T) =>
  JSON.stringify({
    schema: 2, id: "s1-1", session: "s1", seq: 1, time: iso(at), device: "porch", camera: "cam0",
    track: "5b1c", phase: "begin", emotion: "happy", previous: null, confidence: 0.9,
    scores: { happy: 0.9, sad: 0.1 }, box: BOX, model: { name: "small" }, ...values,
  });

export const state = (faces, at = T, session = "s1") =>
  JSON.stringify({ schema: 2, session, time: iso(at), device: "porch", camera: "cam0", faces });

export const aggregate = (values = {}, at = T) =>
  JSON.stringify({
    schema: 2, id: "s1-1", session: "s1", seq: 1, time: iso(at), device: "porch", camera: "cam0",
    seconds: 60, withheld: false, people: 5, shares: { uncertain: 0.2, sad: 0.3, happy: 0.5 },
    model: { name: "small", sha256: "ab" }, ...values,
  });

export const face = (values = {}) => ({ track: "5b1c", emotion: "happy", confidence: 0.9, box: BOX, ...values });
