// Numbers as people read them.

export function percent(share) {
  return share > 0 && share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`;
}

/** Return ms as "12 s", "4 min" or "3 h". */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h`;
  const days = Math.floor(seconds / 86400);
  return days < 730 ? `${days} days` : `${Math.floor(days / 365.25)} years`;
}

/** Tracks are few at a time: the first letters of their random names tell them apart. */
export function shortly(track) {
  return track.slice(0, 4);
}

export function minutes(count) {
  return count === 1 ? "minute" : `${count} minutes`;
}

export function clockTime(ms) {
  return new Date(ms).toLocaleTimeString();
}

/** Return a number with at most two decimals and in groups of three. */
export function number(value) {
  return value.toLocaleString(undefined, { maximumFractionDigits: 2 });
}

/** The same for a glance: no decimals from 100 on, one below. */
export function brief(value) {
  return value.toLocaleString(undefined, { maximumFractionDigits: Math.abs(value) < 100 ? 1 : 0 });
}
