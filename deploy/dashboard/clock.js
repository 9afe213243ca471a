// A device's clock against ours: neither is right, and a clip's starts in 1970.
// Of how late the last messages came, the least is the difference of the clocks: a message may
// wait on its way, but none comes before it was sent. All times are in ms.

const SAMPLES = 20; // so that a clock that was put back is followed after as many messages

export class Clock {
  #late = [];
  #live = false;

  hear(time, now, retained) {
    this.#late.push(now - time);
    if (this.#late.length > SAMPLES) this.#late.shift();
    this.#live ||= !retained;
  }

  /** What to add to the device's time to have ours. */
  get difference() {
    return this.#late.length ? Math.min(...this.#late) : 0;
  }

  /** The same, null until a message came that had not lain at the broker. */
  get known() {
    return this.#live ? this.difference : null;
  }

  theirs(now) {
    return now - this.difference;
  }
}
