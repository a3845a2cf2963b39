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
