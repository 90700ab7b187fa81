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

/** Adds an item at the top. */
export function addToLog(item, zone) {
  const log = document.getElementById("log");
  log.prepend(el("li", { class: item.is_ok ? "" : "failed" },
    el("time", { text: clock(item.at, zone) }),
    el("span", { class: `kind kind-${item.kind}`, text: KINDS[item.kind] }),
    el("span", { class: "what", text: item.text }),
    el("span", { class: "outcome", text: item.until ? `${item.outcome} to ${when(item.until, item.at, zone)}` : item.outcome })));
  while (log.children.length > MOST_SHOWN) log.lastElementChild.remove();
}
