// Block Kit as nodes. https://docs.slack.dev/reference/block-kit/blocks
import { el } from "./dom.js";
import { menuButton } from "./menu.js";
import { link, renderText } from "./mrkdwn.js";

/**
 * Nodes for blocks. `place` is {names, act}: user names by id, and a function (actionId, value) for buttons and menus.
 */
export function renderBlocks(blocks, place) {
  return blocks.map((block) => BLOCKS[block.type]?.(block, place) ?? el("p", { text: `(${block.type})` }));
}

/** What a person filled in: values by block id, without empty fields. */
export function valuesOf(form) {
  const values = {};
  for (const field of form.querySelectorAll("[data-block]")) {
    const value = READ[field.dataset.type]?.(field) ?? field.value;
    if (value !== "" && value !== null && value.length !== 0) values[field.dataset.block] = value;
  }
  return values;
}

const BLOCKS = {
  section: (block, place) =>
    el(
      "div",
      { class: "block section" },
      el(
        "div",
        { class: "section-text" },
        block.text ? el("div", { class: "words" }, renderText(block.text, place.names)) : null,
        block.fields
          ? el("div", { class: "fields" }, block.fields.map((field) => el("div", { class: "words" }, renderText(field, place.names))))
          : null,
      ),
      block.accessory ? renderElement(block.accessory, block, place) : null,
    ),
  context: (block, place) =>
    el("div", { class: "block context words" }, block.elements.map((one) =>
      one.type === "image" ? el("span", { text: `(${one.alt_text})` }) : el("span", {}, renderText(one, place.names)))),
  actions: (block, place) =>
    el("div", { class: "block actions" }, block.elements.map((one) => renderElement(one, block, place))),
  divider: () => el("hr", { class: "block" }),
  header: (block, place) => el("p", { class: "block header" }, renderText(block.text, place.names)),
  image: (block) => el("p", { class: "block context", text: `(${block.alt_text})` }),
  input: renderInput,
};

function renderInput(block, place) {
  const isGroup = ["radio_buttons", "checkboxes"].includes(block.element.type);
  const id = `field-${block.block_id}`;
  const label = [renderText(block.label, place.names), block.optional ? el("span", { class: "quiet", text: " (optional)" }) : null];
  const field = (FIELDS[block.element.type] ?? FIELDS.plain_text_input)(block.element, block, place);
  field.dataset.block = block.block_id;
  field.dataset.type = block.element.type;
  if (!isGroup) field.id = id;
  return el(
    isGroup ? "fieldset" : "div",
    { class: "block input" },
    el(isGroup ? "legend" : "label", isGroup ? {} : { for: id }, label.flat()),
    field,
    block.hint ? el("p", { class: "quiet" }, renderText(block.hint, place.names)) : null,
  );
}

function renderElement(element, block, place) {
  const act = (value) => {
    if (element.confirm && !window.confirm(element.confirm.text.text)) return;
    place.act(element.action_id, value);
  };
  return (ELEMENTS[element.type] ?? ELEMENTS.other)(element, block, place, act);
}

const ELEMENTS = {
  button: (element, block, place, act) => {
    const props = { class: `slack-button ${element.style ?? ""}`, "data-focus": `${element.action_id} ${element.value}` };
    const words = renderText(element.text, place.names);
    if (!element.url) {
      return el("button", { type: "button", ...props, "aria-label": element.accessibility_label, onclick: () => act(element.value ?? null) }, words);
    }
    const opening = link(element.url, "", props);
    opening.append(...words);
    opening.addEventListener("click", () => act(element.value ?? null));
    return opening;
  },
  static_select: (element, block, place, act) => {
    const words = element.initial_option?.text.text ?? element.placeholder?.text ?? "Select";
    const props = { class: "slack-button select", "data-focus": element.action_id };
    return menuButton(words, optionsOf(element).map(plainOption), act, props);
  },
  overflow: (element, block, place, act) =>
    menuButton("⋯", element.options.map(plainOption), act, {
      class: "slack-button", "aria-label": "More actions", "data-focus": element.action_id,
    }),
  other: (element, block, place, act) => {
    const field = (FIELDS[element.type] ?? FIELDS.plain_text_input)(element, block, place);
    field.dataset.type = element.type;
    field.setAttribute("aria-label", element.placeholder?.text ?? element.action_id);
    field.addEventListener("change", () => act(READ[element.type]?.(field) ?? field.value));
    return field;
  },
};

const FIELDS = {
  plain_text_input: (element) => {
    const field = el(element.multiline ? "textarea" : "input", {
      type: element.multiline ? null : "text", placeholder: element.placeholder?.text, maxlength: element.max_length,
    });
    field.value = element.initial_value ?? "";
    return field;
  },
  datepicker: (element) => el("input", { type: "date", value: element.initial_date }),
  timepicker: (element) => el("input", { type: "time", value: element.initial_time }),
  datetimepicker: () => el("input", { type: "datetime-local" }),
  static_select: (element) => select(element, [element.initial_option?.value]),
  multi_static_select: (element) => select(element, (element.initial_options ?? []).map((option) => option.value)),
  radio_buttons: (element, block, place) => choices(element, "radio", [element.initial_option?.value], place),
  checkboxes: (element, block, place) => choices(element, "checkbox", (element.initial_options ?? []).map((option) => option.value), place),
};

function select(element, chosen) {
  const isMany = element.type === "multi_static_select";
  const first = isMany ? [] : [el("option", { value: "", text: element.placeholder?.text ?? "Select" })];
  return el("select", { multiple: isMany }, first, optionsOf(element).map((option) =>
    el("option", { value: option.value, text: option.text.text, selected: chosen.includes(option.value) })));
}

function choices(element, type, chosen, place) {
  return el("div", { class: "choices" }, element.options.map((option) =>
    el("label", { class: "check" },
      el("input", { type, name: element.action_id, value: option.value, checked: chosen.includes(option.value) }),
      el("span", {}, renderText(option.text, place.names)))));
}

const checked = (field) => [...field.querySelectorAll("input:checked")].map((input) => input.value);
const READ = {
  radio_buttons: (field) => checked(field)[0] ?? "",
  checkboxes: checked,
  multi_static_select: (field) => [...field.selectedOptions].map((option) => option.value),
  datetimepicker: (field) => (field.value ? String(Math.floor(new Date(field.value).getTime() / 1000)) : ""),
};

function optionsOf(element) {
  return [...(element.options ?? []), ...(element.option_groups ?? []).flatMap((group) => group.options)];
}

function plainOption(option) {
  return { text: option.text.text, value: option.value };
}
