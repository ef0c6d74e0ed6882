/**
 * A new element. Attributes are set as given, `true` as an empty one and `false` or null not at all; functions listen
 * to the event they are named after.
 *
 * @param {string} tag
 * @param {Record<string, unknown>} attributes
 * @param {...(Node | string | null)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export function button(words, click, attributes = {}) {
  return element("button", { type: "button", click, ...attributes }, words);
}

/** A button that asks back: only a second press, before the focus goes elsewhere, does it. */
export function sureButton(words, sure, act) {
  const made = button(words, () => {
    if (made.textContent === sure) act();
    made.textContent = sure;
  });
  made.addEventListener("blur", () => (made.textContent = words));
  return made;
}

/** A labelled control; `hint` stands below it and is read with it. */
export function field(label, control, hint = null) {
  control.id ||= freshId();
  const note = hint && element("small", { id: `${control.id}-hint` }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return element("div", { class: "field" }, element("label", { for: control.id }, label), control, note);
}

/** A choice among `options`, pairs of value and words. */
export function select(options, change, attributes = {}) {
  const made = element("select", attributes);
  made.append(...options.map(([value, words]) => element("option", { value }, words)));
  made.addEventListener("change", () => change(made.value));
  return made;
}

let ids = 0;

export function freshId() {
  ids += 1;
  return `e${ids}`;
}
