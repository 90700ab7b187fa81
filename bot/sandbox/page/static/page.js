// The sandbox's page: what is selected, what is shown, and what its buttons do.
import { get, post } from "./api.js";
import { showOptions } from "./dom.js";
import { addToLog, follow, showLogIn } from "./log.js";
import { called } from "./people.js";
import { showCourse, showDecision, showPicker, showPull } from "./pull.js";
import { Slack } from "./slack.js";
import { city, clock, shortDay } from "./time.js";

const byId = (id) => document.getElementById(id);
const LOCAL = byId("mode").textContent;
const SOON = 120; // milliseconds in which what happens is shown at once, together

let state = JSON.parse(byId("state").textContent);
let readAt = performance.now();
let chosenPull = null; // a label such as acme/api#1; null: the newest
let chosenPerson = null; // a name; null: whoever was asked
let announced = null;
let actor = null;

const slack = new Slack(refresh, fail);

/** Shows what went wrong; null hides it. */
function fail(words) {
  const problem = byId("problem");
  problem.textContent = words ?? "";
  problem.hidden = !words;
}

function now() {
  return new Date(new Date(state.now).getTime() + performance.now() - readAt).toISOString();
}

function shownPull() {
  return state.pulls.find((pull) => pull.label === chosenPull) ?? state.pulls[0];
}

function shownPerson() {
  return state.people.find((one) => one.name === (chosenPerson ?? reviewerOf(shownPull()))) ?? state.people[0];
}

/** The login of the reviewer whom Ripe asked last, else of one whom people asked, else Ana. */
function reviewerOf(pull) {
  const asked = pull?.decisions?.flatMap((decision) => decision.people).filter((one) => one.outcome === "asked");
  return asked?.at(-1)?.login ?? pull?.requests?.at(-1)?.login ?? pull?.requested?.at(-1) ?? "ana";
}

// Showing

function showAllOfIt() {
  if (!state) return;
  const [pull, person, at] = [shownPull(), shownPerson(), now()];
  const logins = state.logins.map((login) => ({ value: login, text: called(login) }));
  for (const select of document.querySelectorAll("select[data-logins]")) showOptions(select, logins);
  showOptions(byId("open-repository"), state.repositories.map((name) => ({ value: name, text: name })));
  if (pull) {
    showPicker(state.pulls, pull.label);
    showPull({ ...pull, askable: logins.filter((one) => one.value !== pull.author) }, at, person.zone);
    showDecision(pull, at, person.zone);
    showCourse(pull, at, person.zone);
  }
  slack.show(state, person.name, choosePerson);
  if (actor !== person.name && state.logins.includes(person.name)) byId("act-by").value = actor = person.name;
  byId("slack-whose").textContent = `as ${called(person.name)} sees it`;
  showEvents(pull, person);
  showLogIn(person.zone);
  showRules();
  byId("mode").textContent = state.mode === "shadow" ? "shadow mode: Ripe decides, and sends nothing" : LOCAL;
  showClock();
  announce(person);
}

function showRules() {
  byId("open-rules").textContent = state.rules[byId("open-repository").value] ?? "";
}

function showEvents(pull, person) {
  const name = called(person.name);
  const approve = byId("approve");
  approve.textContent = `Approve as ${name}`;
  approve.disabled = !pull || pull.state !== "open" || pull.author === person.name || !state.logins.includes(person.name);
  byId("leave").textContent = person.away_until ? `${name} is back` : `${name} goes on leave`;
  byId("leave").disabled = !person.is_known;
}

function showClock() {
  if (!state) return;
  const person = shownPerson();
  byId("clock-time").textContent = clock(now(), person.zone);
  byId("clock-day").textContent = shortDay(now(), person.zone);
  byId("clock-place").textContent = `in ${city(person.zone)}`;
}

/** Announces a new DM to screen readers, once. */
function announce(person) {
  const newest = (state.dms[person.name] ?? []).filter((message) => message.author !== person.name).at(-1);
  const heard = newest ? `${person.name} ${newest.ts}` : null;
  if (announced !== null && heard !== null && heard !== announced && heard.startsWith(person.name)) {
    byId("news").textContent = `New message to ${called(person.name)}: ${newest.text}`;
  }
  announced = heard ?? announced ?? "";
}

let reading = null;
let isStale = false;
let isCutOff = false;

/** Loads the state. All calls during a load share one more load after it. */
function refresh() {
  isStale = true;
  reading ??= readUntilFresh().finally(() => {
    reading = null;
  });
  return reading;
}

async function readUntilFresh() {
  while (isStale) {
    isStale = false;
    const fresh = await get("/page/state").catch(() => null);
    if (fresh === null) {
      isCutOff = true;
      fail("The bot does not answer. This page tries again every second.");
      setTimeout(refresh, 1000);
      return;
    }
    state = fresh;
    readAt = performance.now();
    if (isCutOff) fail(null);
    isCutOff = false;
    showAllOfIt();
  }
}

// Acting

function choosePerson(name) {
  chosenPerson = name;
  showAllOfIt();
  slack.refreshHome();
}

function choosePull(label) {
  chosenPull = label;
  chosenPerson = null;
  showAllOfIt();
}

async function order(path, body) {
  fail(null);
  try {
    return await post(path, body);
  } catch (error) {
    fail(error.message);
    return null;
  } finally {
    await refresh();
  }
}

function onGitHub(operation, more = {}) {
  const { repository, number } = shownPull();
  return order(`/page/github/${operation}`, { repository, number, ...more });
}

const ACTS = {
  review: (by, button) => onGitHub("review", { reviewer: by, state: button.dataset.state }),
  request_review: (by) => onGitHub("request_review", { by, reviewers: [byId("act-asked").value] }),
  remove_request: (by) => onGitHub("remove_request", { by, reviewers: [byId("act-asked").value] }),
  push: (by) => onGitHub("push", { by, files: [byId("act-path").value.trim()].filter(Boolean) }),
};

byId("later").addEventListener("click", () => order("/page/working-hours", { slack_user_id: shownPerson().id, hours: 4 }));
byId("approve").addEventListener("click", () => onGitHub("review", { reviewer: shownPerson().name, state: "APPROVED" }));
byId("leave").addEventListener("click", () => {
  const person = shownPerson();
  const text = person.away_until ? "off" : person.leave;
  chosenPerson = person.name;
  order("/page/slack/command", { user: person.name, command: "/ooo", text });
});
byId("act").addEventListener("submit", (event) => event.preventDefault());
byId("act-fold").open = window.matchMedia("(min-width: 701px)").matches;
byId("act").addEventListener("click", (event) => {
  const { act } = event.target.dataset;
  if (act) (ACTS[act] ?? ((by) => onGitHub(act, { by })))(byId("act-by").value, event.target);
});
byId("decision").addEventListener("click", (event) => {
  if (event.target.id === "minute") order("/sandbox/clock", { minutes: 1 });
});
byId("pull-picker").addEventListener("change", (event) => choosePull(event.target.value));
byId("open-repository").addEventListener("change", showRules);
byId("open").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const files = form.get("files").split("\n").map((line) => line.trim()).filter(Boolean);
  const opened = await order("/page/github/open_pull_request", {
    repository: form.get("repository"), author: form.get("author"), title: form.get("title"), files, draft: form.has("draft"),
  });
  if (!opened) return;
  choosePull(`${form.get("repository")}#${opened.number}`);
  byId("first-screen").focus({ preventScroll: true });
  window.scrollTo({ top: 0, behavior: "smooth" });
});

// Links to the sandbox's own pull requests stay on this page.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || !state || !link.href.startsWith(`${state.github_url}/`)) return;
  const [owner, name, , number] = new URL(link.href).pathname.slice(1).split("/");
  event.preventDefault();
  const person = shownPerson().name;
  choosePull(`${owner}/${name}#${number}`);
  choosePerson(person);
});

const [owner, name, number] = location.hash.slice(1).split("/");
if (number) chosenPull = `${owner}/${name}#${number}`;

showAllOfIt();
if (!state) refresh();
setInterval(showClock, 1000);

let timer = null;
follow((item) => {
  addToLog(item, state ? shownPerson().zone : "UTC");
  timer ??= setTimeout(() => {
    timer = null;
    refresh();
  }, SOON);
});
