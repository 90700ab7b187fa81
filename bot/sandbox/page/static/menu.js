// A menu under a button, as Slack's selects and overflows open one.
import { el } from "./dom.js";

/** A button that opens a menu of options ({text, value}). `onChoose` gets the value. */
export function menuButton(label, options, onChoose, props = {}) {
  const button = el("button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", ...props }, label);
  button.addEventListener("click", () => open(button, options, onChoose));
  return button;
}

function open(button, options, onChoose) {
  const choose = (value) => {
    menu.hidePopover();
    onChoose(value);
  };
  const menu = el(
    "div",
    { class: "menu", popover: "auto", role: "menu" },
    options.map((option) =>
      el("button", { type: "button", role: "menuitem", text: option.text, onclick: () => choose(option.value) }),
    ),
  );
  menu.addEventListener("keydown", (event) => move(event, menu));
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    if (menu.contains(document.activeElement)) button.focus();
    button.setAttribute("aria-expanded", "false");
    menu.remove();
  });
  document.body.append(menu);
  menu.showPopover();
  place(menu, button);
  button.setAttribute("aria-expanded", "true");
  menu.firstElementChild.focus();
}

function place(menu, button) {
  const near = button.getBoundingClientRect();
  const own = menu.getBoundingClientRect();
  const below = near.bottom + 4 + own.height <= window.innerHeight;
  menu.style.top = `${Math.max(4, below ? near.bottom + 4 : near.top - own.height - 4)}px`;
  menu.style.left = `${Math.max(4, Math.min(near.left, window.innerWidth - own.width - 8))}px`;
}

function move(event, menu) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (to !== undefined) {
    event.preventDefault();
    items[(to + items.length) % items.length].focus();
  } else if (event.key === "Tab") {
    menu.hidePopover();
  }
}
