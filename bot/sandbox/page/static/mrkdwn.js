// Slack's mrkdwn as nodes. https://docs.slack.dev/messaging/formatting-message-text
import { el } from "./dom.js";

const INSIDE = (mark) => String.raw`(?:<[^<>\n]*>|[^${mark}\n<])+?`;
const PHRASE = (mark) => String.raw`(?<![\w${mark}])[${mark}](?=\S)(${INSIDE(mark)})(?<=\S)[${mark}](?![\w${mark}])`;
const TOKEN = new RegExp(
  [
    String.raw`\`\`\`([\s\S]+?)\`\`\``,
    String.raw`\`([^\`\n]+)\``,
    String.raw`<([^<>\n]+)>`,
    PHRASE("*"),
    PHRASE("_"),
    PHRASE("~"),
    String.raw`:([a-z0-9_+-]+):`,
  ].join("|"),
  "g",
);
const PHRASES = { 4: "strong", 5: "em", 6: "s" };
const EMOJI = {
  white_check_mark: "✅", heavy_check_mark: "✔️", x: "❌", warning: "⚠️", eyes: "👀", bell: "🔔", no_bell: "🔕",
  zzz: "💤", palm_tree: "🌴", wave: "👋", tada: "🎉", rocket: "🚀", hourglass: "⌛", calendar: "📅", bug: "🐛",
  thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", speech_balloon: "💬", lock: "🔒", pencil2: "✏️",
  arrow_right: "➡️", large_green_circle: "🟢", red_circle: "🔴", smile: "😄", heart: "❤️", fire: "🔥",
};

/** Nodes for a text object, or for a string of mrkdwn. `names` are user names by id. */
export function renderText(text, names) {
  if (typeof text === "string") return renderMrkdwn(text, names);
  if (text.type === "mrkdwn") return renderMrkdwn(text.text, names);
  return [text.emoji === false ? text.text : withEmoji(text.text)];
}

function renderMrkdwn(text, names) {
  const nodes = [];
  let quoted = [];
  const endQuote = () => {
    if (quoted.length) nodes.push(el("blockquote", {}, inline(quoted.join("\n"), names)));
    quoted = [];
  };
  const lines = text.split("\n");
  let plain = [];
  const endPlain = () => {
    if (plain.length) nodes.push(...inline(plain.join("\n"), names));
    plain = [];
  };
  for (const line of lines) {
    if (line.startsWith("&gt;")) {
      endPlain();
      quoted.push(line.slice(4).trimStart());
    } else {
      endQuote();
      plain.push(line);
    }
  }
  endQuote();
  endPlain();
  return nodes;
}

function inline(text, names) {
  const nodes = [];
  let place = 0;
  for (const found of text.matchAll(TOKEN)) {
    if (found.index > place) nodes.push(unescape(text.slice(place, found.index)));
    nodes.push(renderToken(found, names));
    place = found.index + found[0].length;
  }
  if (place < text.length) nodes.push(unescape(text.slice(place)));
  return nodes;
}

function renderToken(found, names) {
  if (found[1] !== undefined) return el("pre", { text: unescape(found[1].replace(/^\n/, "")) });
  if (found[2] !== undefined) return el("code", { text: unescape(found[2]) });
  if (found[3] !== undefined) return renderControl(found[3], names);
  for (const [group, tag] of Object.entries(PHRASES)) {
    if (found[group] !== undefined) return el(tag, {}, inline(found[group], names));
  }
  return EMOJI[found[7]] ?? found[0];
}

function renderControl(control, names) {
  const bar = control.indexOf("|");
  const target = bar < 0 ? control : control.slice(0, bar);
  const label = bar < 0 ? null : unescape(control.slice(bar + 1));
  if (target.startsWith("@")) return el("span", { class: "mention", text: `@${names[target.slice(1)] ?? label ?? target.slice(1)}` });
  if (target.startsWith("#")) return el("span", { class: "mention", text: `#${label ?? target.slice(1)}` });
  if (target.startsWith("!date^")) return label ?? target;
  if (target.startsWith("!")) return el("span", { class: "mention", text: `@${label ?? target.slice(1)}` });
  const url = unescape(target);
  return /^(https?|mailto):/i.test(url) ? link(url, label ?? url) : (label ?? url);
}

/** A link that leaves the page. Links to the sandbox's own pull requests stay on it: see page.js. */
export function link(url, label, props = {}) {
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", text: label, ...props });
}

function withEmoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] ?? all);
}

function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
