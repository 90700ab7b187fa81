// Makes and updates elements. What comes from outside becomes text, never markup.

/** An element. `props` are attributes; `on...` are listeners, `text` is the content, and null is left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * Shows one child for each item, in order. Unchanged children stay as they are, and the focus stays.
 * Returns the children that replaced others.
 */
export function showAll(parent, items, keyOf, render) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const changed = [];
  const nodes = items.map((item) => {
    const key = String(keyOf(item));
    const before = old.get(key);
    const version = JSON.stringify(item);
    if (before?.version === version) return before;
    const node = render(item);
    node.dataset.key = key;
    node.version = version;
    if (before) changed.push(node);
    return node;
  });
  const focused = parent.contains(document.activeElement) ? pathOf(document.activeElement, parent) : null;
  const kept = new Set(nodes);
  for (const node of [...parent.children]) if (!kept.has(node)) node.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
  if (focused !== null && !parent.contains(document.activeElement)) refocus(parent, focused);
  return changed;
}

/** Renders `data` in `parent`, unless it is the same as before. */
export function show(parent, data, render) {
  const version = JSON.stringify(data);
  if (parent.version === version) return;
  const focused = parent.contains(document.activeElement) ? pathOf(document.activeElement, parent) : null;
  parent.version = version;
  parent.replaceChildren(...[render(data)].flat().filter((child) => child !== null));
  if (focused !== null) refocus(parent, focused);
}

/** Sets the options of a select. The selected option stays selected if it still exists. */
export function showOptions(select, options) {
  const version = JSON.stringify(options);
  if (select.version === version) return;
  const { value } = select;
  select.version = version;
  select.replaceChildren(...options.map((option) => el("option", { value: option.value, text: option.text })));
  if (options.some((option) => option.value === value)) select.value = value;
}

function pathOf(node, parent) {
  return { key: node.dataset.focus, index: focusable(parent).indexOf(node) };
}

function refocus(parent, { key, index }) {
  const all = focusable(parent);
  const same = key === undefined ? undefined : all.find((node) => node.dataset.focus === key);
  (same ?? all[Math.min(Math.max(index, 0), all.length - 1)] ?? parent).focus?.({ preventScroll: true });
}

function focusable(parent) {
  return [...parent.querySelectorAll("a[href], button, input, select, textarea, summary")];
}
