// Times as people read them, in the browser's own zone.

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "long", day: "numeric", month: "long" });
const withYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const complete = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "medium", hourCycle: "h23" });

const DAY = 86_400_000;

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function daysAgo(date) {
  return Math.round((midnight(new Date()) - midnight(date)) / DAY);
}

export const dayKey = (seconds) => midnight(new Date(seconds * 1000));
export const timeOf = (seconds) => clock.format(new Date(seconds * 1000));
export const completeTime = (seconds) => complete.format(new Date(seconds * 1000));

export function dayName(seconds) {
  const date = new Date(seconds * 1000);
  const ago = daysAgo(date);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return date.getFullYear() === new Date().getFullYear() ? weekday.format(date) : withYear.format(date);
}

export function listTime(seconds) {
  const date = new Date(seconds * 1000);
  return daysAgo(date) === 0 ? clock.format(date) : short.format(date);
}

const PARTS = {
  w: { weekday: "long" },
  d: { day: "2-digit", month: "2-digit", year: "2-digit" },
  D: { day: "numeric", month: "long", year: "numeric" },
  t: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  T: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
};
const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]];

function relative(seconds) {
  const away = seconds - Date.now() / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(away) >= length) || UNITS.at(-1);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(away / size), unit);
}

// An instant in the reader's zone, as a message's format asks ("r", or w, d or D, t or T); null when it asks nothing.
export function inFormat(seconds, format) {
  if (format === "r") return relative(seconds);
  if (!/^w?[dD]?[tT]?$/.test(format || "") || !format) return null;
  const parts = Object.assign({}, ...[...format].map((letter) => PARTS[letter]));
  return new Intl.DateTimeFormat("en-GB", parts).format(new Date(seconds * 1000));
}
