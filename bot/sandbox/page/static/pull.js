// The left column: a pull request as GitHub shows it, and the acts on it.
import { el, show, showAll, showOptions } from "./dom.js";
import { called, face } from "./people.js";
import { when } from "./time.js";

const VERDICTS = {
  APPROVED: ["approved these changes", "approved"],
  CHANGES_REQUESTED: ["requested changes", "changes"],
  COMMENTED: ["left a comment", "commented"],
  DISMISSED: ["was dismissed", "commented"],
};

/** Open, Draft, Merged or Closed. */
export function standing(pull) {
  if (pull.merged_at) return "Merged";
  if (pull.state === "closed") return "Closed";
  return pull.draft ? "Draft" : "Open";
}

export function showPull(pull, now, zone) {
  const shown = { ...pull, opened: when(pull.created_at, now, zone) };
  show(document.getElementById("pull"), shown, renderPull);
  showOptions(document.getElementById("act-asked"), pull.askable);
  const isOpen = pull.state === "open";
  const can = {
    review: isOpen, request_review: isOpen, remove_request: isOpen && pull.requested.length > 0, push: !pull.merged_at,
    merge: isOpen && !pull.draft, close: isOpen, reopen: !isOpen && !pull.merged_at,
    convert_to_draft: isOpen && !pull.draft, ready_for_review: isOpen && pull.draft,
  };
  for (const button of document.querySelectorAll("#act [data-act]")) {
    const { act } = button.dataset;
    button.disabled = !can[act];
    if (["close", "reopen", "convert_to_draft", "ready_for_review"].includes(act)) button.hidden = !can[act];
  }
}

function renderPull(pull) {
  const state = standing(pull);
  const lines = pull.files.reduce((sum, file) => [sum[0] + file.additions, sum[1] + file.deletions], [0, 0]);
  return [
    el("p", { class: "quiet path", text: pull.repository }),
    el("h3", { class: "title" }, pull.title, " ", el("span", { class: "quiet", text: `#${pull.number}` })),
    el("p", { class: "byline" },
      el("span", { class: `state ${state.toLowerCase()}`, text: state }),
      face(pull.author),
      el("span", {}, el("strong", { text: pull.author }), ` opened this at ${pull.opened}`)),
    el("h4", { class: "small-heading" }, `${pull.files.length} file${pull.files.length === 1 ? "" : "s"} changed `, counts(...lines)),
    el("ul", { class: "files" }, pull.files.map((file) =>
      el("li", {}, el("code", { text: file.path }), counts(file.additions, file.deletions)))),
    el("h4", { class: "small-heading", text: "Reviewers" }),
    renderReviewers(pull),
  ];
}

function counts(additions, deletions) {
  return el("span", { class: "counts" },
    el("span", { class: "added", text: `+${additions}` }), " ", el("span", { class: "removed", text: `−${deletions}` }));
}

function renderReviewers(pull) {
  const verdicts = new Map(pull.reviews.filter((review) => review.login !== pull.author).map((review) => [review.login, review.state]));
  for (const login of pull.requested) verdicts.set(login, null);
  if (verdicts.size === 0) return el("p", { class: "quiet", text: "Nobody yet" });
  return el("ul", { class: "reviewers" }, [...verdicts].map(([login, verdict]) => {
    const [words, look] = VERDICTS[verdict] ?? ["was asked to review", "asked"];
    return el("li", {}, face(login), el("strong", { text: login }), " ", el("span", { text: words }), el("span", { class: `dot ${look}`, "aria-hidden": "true" }));
  }));
}

/** The list of pull requests, once there is more than one. */
export function showPicker(pulls, chosen) {
  const picker = document.getElementById("pull-picker");
  picker.parentElement.hidden = pulls.length < 2;
  showOptions(picker, pulls.map((pull) => ({ value: pull.label, text: `${pull.label} ${pull.title}`.slice(0, 60) })));
  picker.value = chosen;
}

/** The middle column: who was asked, who was not, and why. */
export function showDecision(pull, now, zone) {
  const latest = pull.decisions?.at(-1);
  const waits = latest || !pull.decides_at ? null : when(pull.decides_at, now, zone);
  const decision = document.getElementById("decision");
  show(decision, { pull: [standing(pull), pull.repository, pull.requested], latest, waits, earlier: pull.decisions?.length ?? 0 }, () =>
    latest ? renderDecision(latest, pull.decisions.length - 1, when(latest.decided_at, now, zone)) : renderNone(pull, waits));
}

function renderDecision(decision, earlier, at) {
  const asked = decision.people.filter((one) => one.outcome === "asked");
  const headline = asked.length ? `${asked.map((one) => one.name).join(" and ")} ${asked.length > 1 ? "were" : "was"} asked` : "Nobody was asked";
  const ordered = [...asked, ...decision.people.filter((one) => one.outcome !== "asked")];
  return [
    el("h3", { class: "title", text: headline }),
    el("p", { class: "quiet", text: `decided at ${at}${earlier ? `, after ${earlier} earlier decision${earlier > 1 ? "s" : ""}` : ""}` }),
    el("ul", { class: "verdicts" }, ordered.map(renderVerdict)),
    ...decision.notes.map((note) => el("p", { class: "note", text: note })),
    ...Object.entries(decision.refusals).map(([login, why]) => el("p", { class: "note", text: `GitHub refused ${login}: ${why}` })),
  ];
}

function renderVerdict(one) {
  const owns = /^(owns|fallback for) (.+)$/.exec(one.reason);
  const why = owns ? [`${owns[1]} `, el("code", { text: owns[2] })] : [one.reason];
  return el("li", { class: one.outcome }, face(one.name),
    el("div", {},
      el("p", {}, el("strong", { text: one.name }), " ", el("span", { class: "outcome", text: one.outcome })),
      el("p", { class: "why" }, why)));
}

function renderNone(pull, waits) {
  if (waits !== null) {
    return [
      el("h3", { class: "title", text: "Not yet" }),
      el("p", { class: "words", text: `Humans go first: for one minute Ripe leaves it to people to ask somebody. It decides at ${waits}.` }),
      el("p", {}, el("button", { type: "button", id: "minute", text: "Let the minute pass" })),
    ];
  }
  const words = pull.draft ? "Ripe leaves drafts alone until they are ready." : "Ripe chooses only where rules exist and somebody is missing.";
  return [el("h3", { class: "title", text: pull.requested.length ? "People asked themselves" : "Nothing to decide" }), el("p", { class: "quiet", text: words })];
}

const ENDS = {
  approved: "approved", changes_requested: "asked for changes", commented: "commented",
  unassigned: "is no longer asked", removed: "is no longer asked", merged: "it was merged", closed: "it was closed",
};

/** What has happened for each reviewer, and what comes next. */
export function showCourse(pull, now, zone) {
  const requests = (pull.requests ?? []).slice(-4);
  document.getElementById("course").hidden = requests.length === 0;
  const steps = requests.flatMap((request) => {
    const name = called(request.login);
    return [
      { key: `${request.opened_at}-${name}`, at: when(request.opened_at, now, zone), text: `asked of ${name} on GitHub` },
      { key: `${request.opened_at}-${name}-next`, ...nextStep(request, name, now, zone) },
    ];
  });
  showAll(document.getElementById("course-list"), steps, (step) => step.key, (step) =>
    el("li", { class: step.kind ?? "" }, el("span", { class: "at", text: step.at }), el("span", { text: step.text })));
}

function nextStep(request, name, now, zone) {
  if (request.closed_at) {
    const isTheirs = ["approved", "changes_requested", "commented", "unassigned", "removed"].includes(request.close_reason);
    const why = `${isTheirs ? `${name} ` : ""}${ENDS[request.close_reason] ?? "it is over"}`;
    return { at: when(request.closed_at, now, zone), text: `${why}: nothing more is sent`, kind: "over" };
  }
  const at = request.next_at ? when(request.next_at, now, zone) : "quiet";
  return { at, text: request.next, kind: "next" };
}
