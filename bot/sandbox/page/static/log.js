// The log of everything that happens, as it happens.
import { el } from "./dom.js";
import { clock, when } from "./time.js";

const KINDS = {
  webhook: "GitHub → Ripe", github: "Ripe → GitHub", slack: "Ripe → Slack", person: "Slack → Ripe", job: "job", clock: "clock",
};
const MOST_SHOWN = 300;

/** Follows the news and calls `onItem` with each item. The browser reconnects by itself after the last one it saw. */
export function follow(onItem) {
  const source = new EventSource("/page/events");
  source.addEventListener("message", (event) => onItem(JSON.parse(event.data)));
  // Otherwise the browser reports the open connection as an error when it leaves the page.
  window.addEventListener("pagehide", () => source.close());
}

const shown = new Map();
let shownZone = null;

/** Adds an item at the top. */
export function addToLog(item, zone) {
  const log = document.getElementById("log");
  const line = el("li", { class: item.is_ok ? "" : "failed" },
    el("time", {}),
    el("span", { class: `kind kind-${item.kind}`, text: KINDS[item.kind] }),
    el("span", { class: "what", text: item.text }),
    el("span", { class: "outcome" }));
  log.prepend(line);
  shown.set(line, item);
  showTimes(line, item, zone);
  while (log.children.length > MOST_SHOWN) {
    shown.delete(log.lastElementChild);
    log.lastElementChild.remove();
  }
}

/** Shows all items in another zone, so that two never stand side by side. */
export function showLogIn(zone) {
  if (zone === shownZone) return;
  shownZone = zone;
  for (const [line, item] of shown) showTimes(line, item, zone);
}

function showTimes(line, item, zone) {
  line.querySelector("time").textContent = clock(item.at, zone);
  const until = item.until ? ` to ${when(item.until, item.at, zone)}` : "";
  line.querySelector(".outcome").textContent = `${item.outcome}${until}`;
}
