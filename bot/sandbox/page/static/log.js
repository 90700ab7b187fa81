// Everything that happens, as it happens.
import { el } from "./dom.js";
import { clock, when } from "./time.js";

const KINDS = {
  webhook: "GitHub → Ripe", github: "Ripe → GitHub", slack: "Ripe → Slack", person: "Slack → Ripe", job: "job", clock: "clock",
};
const MOST_SHOWN = 300;

/** Follows the news: the browser reconnects by itself and says what it saw last. `onItem` hears of each. */
export function follow(onItem) {
  const source = new EventSource("/page/events");
  source.addEventListener("message", (event) => onItem(JSON.parse(event.data)));
  // Else the browser counts the open connection as an error while it leaves.
  window.addEventListener("pagehide", () => source.close());
}

/** Adds an item on top. */
export function addToLog(item, zone) {
  const log = document.getElementById("log");
  log.prepend(el("li", { class: item.is_ok ? "" : "failed" },
    el("time", { text: clock(item.at, zone) }),
    el("span", { class: `kind kind-${item.kind}`, text: KINDS[item.kind] }),
    el("span", { class: "what", text: item.text }),
    el("span", { class: "outcome", text: item.until ? `${item.outcome} to ${when(item.until, item.at, zone)}` : item.outcome })));
  while (log.children.length > MOST_SHOWN) log.lastElementChild.remove();
}
