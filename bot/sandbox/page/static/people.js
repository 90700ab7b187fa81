// Names and faces.
import { el } from "./dom.js";

/** A letter as an avatar, with a colour that depends on the name. */
export function face(name) {
  const tone = name.toLowerCase().charCodeAt(0) % 6;
  return el("span", { class: `face tone-${tone}`, "aria-hidden": "true", text: name.slice(0, 1).toUpperCase() });
}

/** Ana, of ana. */
export function called(login) {
  return login.slice(0, 1).toUpperCase() + login.slice(1);
}
