/** A new SVG element with text in it. */
export function svg(tag, attributes, ...text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...text);
  return made;
}
