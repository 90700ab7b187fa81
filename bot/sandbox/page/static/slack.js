// The right column: one person's Slack, as Slack renders it.
import { post } from "./api.js";
import { renderBlocks, valuesOf } from "./blocks.js";
import { el, show, showAll } from "./dom.js";
import { renderText } from "./mrkdwn.js";
import { called, face } from "./people.js";
import { clock, day } from "./time.js";

const byId = (id) => document.getElementById(id);

/** `done` is awaited after each act; `fail` shows what went wrong, or hides it with null. */
export class Slack {
  constructor(done, fail) {
    this.done = done;
    this.fail = fail;
    this.tab = "messages";
    this.closed = null;
    this.seen = new Map();
    byId("tab-messages").addEventListener("click", () => this.openTab("messages"));
    byId("tab-home").addEventListener("click", () => this.openTab("home"));
    byId("composer").addEventListener("submit", (event) => this.send(event));
    for (const button of document.querySelectorAll("[data-command]")) {
      button.addEventListener("click", () => this.say(button.dataset.command));
    }
    byId("modal").addEventListener("cancel", (event) => {
      event.preventDefault();
      this.closeModal();
    });
  }

  /** Shows what `person` sees. */
  show(state, person, onPerson) {
    this.state = state;
    this.person = person;
    this.zone = state.people.find((one) => one.name === person)?.zone ?? "UTC";
    this.showPeople(onPerson);
    this.showMessages();
    this.showHome();
    this.showModal();
  }

  showPeople(onPerson) {
    const items = this.state.people.map((one) => ({
      name: one.name, isChosen: one.name === this.person, isAway: Boolean(one.away_until), hasNews: this.hasNews(one.name),
    }));
    showAll(byId("people"), items, (one) => one.name, (one) =>
      el("button", { type: "button", "aria-pressed": String(one.isChosen), "data-focus": one.name, onclick: () => onPerson(one.name) },
        face(one.name), el("span", { text: called(one.name) }),
        one.hasNews ? el("span", { class: "unread", "aria-label": "new messages" }) : null,
        one.isAway ? el("span", { class: "away", text: "out" }) : null));
  }

  hasNews(name) {
    const newest = (this.state.dms[name] ?? []).filter((message) => message.author !== name).at(-1)?.ts ?? "";
    if (name === this.person || !this.seen.has(name)) this.seen.set(name, newest);
    return newest > this.seen.get(name);
  }

  showMessages() {
    const list = byId("messages");
    const messages = this.state.dms[this.person] ?? [];
    let before = null;
    const items = messages.flatMap((message) => {
      const at = Number(message.ts) * 1000;
      const today = day(at, this.zone);
      const isNewDay = today !== before;
      before = today;
      const item = { ...message, person: this.person, zone: this.zone, time: clock(at, this.zone) };
      return isNewDay ? [{ ts: today, divider: today }, item] : [item];
    });
    const isOther = list.dataset.person !== this.person;
    list.dataset.person = this.person;
    const shown = items.length ? items : [{ ts: "none", empty: `${called(this.person)} has no messages from Ripe yet.` }];
    const changed = showAll(list, shown, (item) => `${this.person} ${item.ts}`, (item) => this.renderItem(item));
    const newest = messages.at(-1)?.ts;
    if (isOther || (newest ?? "") !== list.dataset.newest) list.scrollTop = list.scrollHeight;
    else if (changed.length) list.scrollTop = Math.min(list.scrollTop, changed.at(-1).offsetTop - list.offsetTop - 8);
    for (const node of changed) node.classList.add("changed");
    list.dataset.newest = newest ?? "";
  }

  renderItem(item) {
    if (item.divider) return el("div", { class: "day" }, el("span", { text: item.divider }));
    if (item.empty) return el("p", { class: "empty", text: item.empty });
    const isBot = item.author !== item.person;
    const body = item.blocks.length
      ? renderBlocks(item.blocks, this.place((actionId, value) => this.click({ message_ts: item.ts, action_id: actionId, value })))
      : [el("div", { class: "words" }, renderText(item.text, this.state.names), item.edited_ts ? el("span", { class: "quiet", text: " (edited)" }) : null)];
    return el("article", { class: `message${item.is_ephemeral ? " ephemeral" : ""}`, "aria-label": `${isBot ? "Ripe" : called(item.author)}, ${item.time}` },
      item.is_ephemeral ? el("p", { class: "only-you", text: "Only visible to you" }) : null,
      isBot ? el("img", { src: "/page/static/ripe.svg", alt: "", width: "36", height: "36", class: "app-face" }) : face(item.author),
      el("div", { class: "message-body" },
        el("p", { class: "message-head" }, el("strong", { text: isBot ? "Ripe" : called(item.author) }),
          isBot ? el("span", { class: "app", text: "APP" }) : null, el("time", { class: "quiet", text: item.time })),
        body));
  }

  place(act) {
    return { names: this.state.names, act };
  }

  showHome() {
    const view = this.state.views.find((one) => one.user === this.person && one.type === "home");
    byId("messages").hidden = this.tab !== "messages";
    byId("composer").hidden = this.tab !== "messages";
    byId("home").hidden = this.tab !== "home";
    for (const tab of ["messages", "home"]) byId(`tab-${tab}`).setAttribute("aria-pressed", String(tab === this.tab));
    show(byId("home"), view ?? null, () => view
      ? renderBlocks(view.blocks, this.place((actionId, value) => this.click({ view_id: view.id, action_id: actionId, value })))
      : el("p", { class: "empty", text: "Opening Home…" }));
  }

  async openTab(tab) {
    this.tab = tab;
    this.showHome();
    if (tab === "home") await this.act("home", {});
  }

  /** Loads the Home tab of the person who is shown. */
  async refreshHome() {
    if (this.tab === "home") await this.act("home", {});
  }

  /** The modal on top, unless it was closed a moment ago. */
  openModal() {
    const modals = this.state.views.filter((one) => one.user === this.person && one.type === "modal");
    return modals.filter((one) => one.id !== this.closed).at(-1);
  }

  showModal() {
    const dialog = byId("modal");
    const view = this.openModal();
    if (!view) {
      dialog.version = undefined;
      if (dialog.open) dialog.close();
      return;
    }
    show(dialog, view, () => this.renderModal(view));
    if (!dialog.open) dialog.showModal();
  }

  renderModal(view) {
    const form = el("form", { class: "modal-form", novalidate: true },
      el("header", {}, el("h2", { id: "modal-title" }, renderText(view.title, this.state.names)),
        el("button", { type: "button", class: "close", "aria-label": "Close", text: "✕", onclick: () => this.closeModal() })),
      el("div", { class: "modal-blocks" }, renderBlocks(view.blocks, this.place((actionId, value) => this.click({ view_id: view.id, action_id: actionId, value })))),
      el("footer", {},
        el("button", { type: "button", class: "slack-button", onclick: () => this.closeModal(), "data-focus": "close" }, view.close ? renderText(view.close, this.state.names) : "Close"),
        view.submit ? el("button", { type: "submit", class: "slack-button primary", "data-focus": "submit" }, renderText(view.submit, this.state.names)) : null));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit(view, form);
    });
    return form;
  }

  async submit(view, form) {
    const values = valuesOf(form);
    const missing = view.blocks.filter((block) => block.type === "input" && !block.optional && !(block.block_id in values));
    if (missing.length) {
      this.markErrors(form, Object.fromEntries(missing.map((block) => [block.block_id, "Please complete this required field."])));
      return;
    }
    const reply = await this.act("submit", { view_id: view.id, values });
    if (reply?.errors && Object.keys(reply.errors).length) this.markErrors(form, reply.errors);
  }

  /** Shows errors under their fields, which keep their content. */
  markErrors(form, errors) {
    form.querySelectorAll(".error").forEach((node) => node.remove());
    form.querySelectorAll(".wrong").forEach((node) => node.classList.remove("wrong"));
    for (const [blockId, words] of Object.entries(errors)) {
      const field = [...form.querySelectorAll("[data-block]")].find((node) => node.dataset.block === blockId);
      if (!field) continue;
      const id = `field-${blockId}-error`;
      const block = field.closest(".input");
      block.classList.add("wrong");
      block.append(el("p", { class: "error", id, role: "alert", text: words }));
      field.setAttribute("aria-describedby", id);
    }
    form.querySelector(".wrong input, .wrong select, .wrong textarea")?.focus();
  }

  async closeModal() {
    const view = this.openModal();
    if (!view) return;
    // Closed here at once: a second Escape before the answer must not close the modal below.
    this.closed = view.id;
    this.showModal();
    await this.act("close", { view_id: view.id });
  }

  async click(what) {
    const reply = await this.act("click", what);
    if (reply?.error) this.fail(`Slack says: ${reply.error}`);
  }

  async send(event) {
    event.preventDefault();
    const field = byId("composer-text");
    const text = field.value.trim();
    field.value = "";
    if (text) await this.say(text);
  }

  /** Sends a text to the bot, or runs it if it is a command. */
  async say(text) {
    const [command, ...words] = text.split(/\s+/);
    byId("messages").scrollTop = byId("messages").scrollHeight;
    const reply = text.startsWith("/")
      ? await this.act("command", { command, text: words.join(" ") })
      : await this.act("dm", { text });
    if (reply?.error) this.fail(text.startsWith("/") ? `Slack knows no ${command} here, or got no answer (${reply.error}).` : reply.error);
  }

  async act(name, body) {
    this.fail(null);
    try {
      return await post(`/page/slack/${name}`, { user: this.person, ...body });
    } catch (error) {
      this.fail(error.message);
      return null;
    } finally {
      await this.done();
    }
  }
}
