// Instants as people read them, in the zone of the person whose Slack is shown.

const format = (zone, options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });

/** 10:01 */
export function clock(instant, zone) {
  return format(zone, { hour: "2-digit", minute: "2-digit" }).format(new Date(instant));
}

/** Tuesday 24 Nov */
export function day(instant, zone) {
  return format(zone, { weekday: "long", day: "numeric", month: "short" }).format(new Date(instant)).replace(",", "");
}

/** Tue 24 Nov */
export function shortDay(instant, zone) {
  return format(zone, { weekday: "short", day: "numeric", month: "short" }).format(new Date(instant)).replace(",", "");
}

/** 10:01 today, else Wed 09:00, or with the date if it is six days away or more. */
export function when(instant, now, zone) {
  const [then, today] = [new Date(instant), new Date(now)];
  const dayOf = (date) => format(zone, { dateStyle: "short" }).format(date);
  if (dayOf(then) === dayOf(today)) return clock(then, zone);
  const isNear = Math.abs(then - today) < 6.5 * 86_400_000;
  return `${isNear ? format(zone, { weekday: "short" }).format(then) : shortDay(then, zone)} ${clock(then, zone)}`;
}

/** The last day of an absence whose end is exclusive. */
export function lastDay(end, zone) {
  return day(new Date(new Date(end) - 1), zone);
}

/** Berlin, of Europe/Berlin. */
export function city(zone) {
  return zone.split("/").at(-1).replaceAll("_", " ");
}
