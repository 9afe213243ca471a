// Puts settings, broker, model and view together; the clock and the dialogs are here.

import { connect } from "./broker.js";
import { make, say, set, show } from "./dom.js";
import { Model } from "./model.js";
import { complaint, load, MINUTES, save } from "./settings.js";
import { render } from "./view.js";
import { minutes } from "./words.js";

const DRAW_MS = 250; // at most this often, however many messages come
const TICK_MS = 1000; // at least this often, for the time moves on
const SPEAK_MS = 5000;
const MOST_WORDS = 3;

const at = (id) => document.getElementById(id);
const secure = location.protocol === "https:";
let settings = load(location, localStorage);
let password = "";
let model, link, drawing, reason;
let words = [];

function start() {
  link?.close();
  model = new Model({ prefix: settings.prefix, windowMs: settings.minutes * 60_000 });
  reason = complaint(settings, secure);
  if (reason) return openSettings(reason);
  reason = `Connecting to ${settings.broker} …`;
  const mine = model;
  link = connect(settings, password, model.topics, {
    up: () => {
      mine.connected(true, Date.now());
      soon();
    },
    down: (why, refused) => {
      mine.connected(false, Date.now());
      reason = why;
      if (refused) openSettings(why);
      soon();
    },
    message: (topic, text, retained) => {
      const news = mine.take(topic, text, Date.now(), retained);
      // What lay at the broker is no news.
      if (news && !retained) words.push(news);
      soon();
    },
  });
  paint();
}

function soon() {
  drawing ??= setTimeout(paint, DRAW_MS);
}

function paint() {
  clearTimeout(drawing);
  drawing = undefined;
  const now = Date.now();
  model.prune(now);
  words = words.slice(-MOST_WORDS);
  if (document.hidden) return;
  const up = model.downAt === null;
  set(at("connection"), "data-state", up ? "up" : "down");
  say(at("connection"), up ? `Connected to ${settings.broker}` : reason);
  render(at("devices"), model, { now, minutes: settings.minutes, onSwitch: confirm });
  show(at("empty"), up && !model.devices.size);
  say(at("empty"), `No device has spoken below ${settings.prefix}/ yet. It appears by itself.`);
  const { count, last } = model.ignored;
  show(at("ignored"), count > 0);
  say(at("ignored"), `⚠ ${count} ${count === 1 ? "message" : "messages"} not understood and left out; the last: ${last}`);
}

/** The newest few words at a time, so that a reader is not talked over. */
function speak() {
  if (!words.length) return;
  say(at("news"), words.join(". "));
  words = [];
}

function openSettings(why) {
  const dialog = at("settings");
  const form = dialog.querySelector("form");
  for (const key of ["broker", "user", "prefix", "minutes"]) form.elements[key].value = settings[key];
  say(at("complaint"), why);
  if (!dialog.open) dialog.showModal();
}

function takeSettings(event) {
  const { broker, user, prefix, minutes: shown, password: secret } = Object.fromEntries(new FormData(event.target));
  const wanted = { broker: broker.trim(), user: user.trim(), prefix: prefix.trim(), minutes: Number(shown) };
  const wrong = complaint(wanted, secure);
  if (wrong) {
    event.preventDefault();
    say(at("complaint"), wrong);
    return;
  }
  // Somewhere else another password counts, and this one is nobody's there.
  const same = wanted.broker === settings.broker && wanted.user === settings.user;
  password = secret || (same ? password : "");
  event.target.elements.password.value = "";
  settings = wanted;
  save(settings, localStorage);
  history.replaceState(null, "", location.pathname + location.search);
  start();
}

function confirm(device, on) {
  const dialog = at("confirm");
  say(at("confirm-title"), `${on ? "Open" : "Close"} the camera of ${device.name}?`);
  say(at("confirm-text"), on
    ? "It goes on looking at whoever is in front of it."
    : "Nobody is looked at until it is opened again, here or by another client.");
  say(dialog.querySelector(".main"), on ? "Open it" : "Close it");
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "yes") return;
    device.asked = { on, at: Date.now() };
    link.publish(`${model.prefix}/${device.name}/enabled/set`, on ? "ON" : "OFF");
    paint();
  };
  dialog.showModal();
}

const choices = MINUTES.map((count) => make("option", { value: count }, `${count}`));
at("settings").querySelector("select").append(...choices);
at("settings").querySelector("form").addEventListener("submit", takeSettings);
// No submit button: Enter in a field would take the first one, and cancel.
at("cancel").addEventListener("click", () => at("settings").close());
at("open-settings").addEventListener("click", () => openSettings(""));
addEventListener("hashchange", () => {
  password = "";
  settings = load(location, localStorage);
  start();
});
document.addEventListener("visibilitychange", soon);
addEventListener("resize", soon);
setInterval(paint, TICK_MS);
setInterval(speak, SPEAK_MS);
start();
