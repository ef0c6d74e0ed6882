import { connection, hasKey, keepKey } from "./api.js";
import { element } from "./element.js";
import { Frame } from "./frame.js";
import * as digits from "./digits.js";
import * as jobs from "./jobs.js";
import * as memory from "./memory.js";
import * as unit from "./unit.js";

/**
 * The panels in the order of a lesson. Each module has `name` (its address), `title`, `lead`, and `mount(frame)`, which
 * fills `frame.body` and gives `{show(parameters)}`: to show what an address says, as URLSearchParams.
 */
const PANELS = [digits, unit, memory, jobs];

const embedded = location.pathname.match(/^\/embed\/([a-z]+)$/)?.[1] ?? null;
const query = new URLSearchParams(location.search);
const panels = PANELS.filter(({ name }) => embedded === null || name === embedded);
const frames = new Map(panels.map((panel) => [panel.name, new Frame(panel, open)]));
const mounted = new Map();

const main = document.querySelector("main");
const tabs = document.querySelector("nav ul");
const banner = document.querySelector("#gone");
const lock = document.querySelector("#lock");

document.documentElement.classList.toggle("bare", query.get("chrome") === "none");
document.documentElement.classList.toggle("embedded", embedded !== null);
main.append(...Array.from(frames.values(), (frame) => frame.element));
tabs.append(...Array.from(frames.values(), tab));
document.querySelector(".skip").addEventListener("click", skip);
document.querySelector("#change-key").addEventListener("click", () => askForKey(true));
addEventListener("hashchange", route);
addEventListener("remembered", linkTabs);
connection.addEventListener("gone", () => banner.classList.add("is-shown"));
connection.addEventListener("back", () => banner.classList.remove("is-shown"));
connection.addEventListener("locked", () => askForKey(false));
lock.addEventListener("submit", takeKey);
route();

function tab(frame) {
  return element("li", {}, element("a", { href: frame.link }, frame.title));
}

/** Shows the panel that the address names; its parameters are those of the query, over them those behind the hash. */
function route() {
  const [name, text = ""] = splitHash();
  const frame = frames.get(name) ?? frames.values().next().value;
  for (const each of frames.values()) each.element.hidden = each !== frame;
  document.title = `${frame.title} · Patchclamp`;
  const isNew = !mounted.has(frame.name);
  if (isNew) mounted.set(frame.name, PANELS.find((panel) => panel.name === frame.name).mount(frame));
  if (isNew || location.hash !== frame.link) show(frame, parametersOf(text));
  linkTabs();
}

function show(frame, parameters) {
  try {
    mounted.get(frame.name).show(parameters);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // what atob says of text that is none of its own
    frame.refuse(Object.assign(new Error("This link is damaged; ask for it again, or begin anew."), { isTold: true }));
  }
}

function splitHash() {
  const [, name, text] = location.hash.match(/^#([a-z]*)\??(.*)$/) ?? [];
  return [name, text];
}

function parametersOf(text) {
  const parameters = new URLSearchParams(embedded === null ? "" : query);
  parameters.delete("chrome");
  for (const [name, value] of new URLSearchParams(text)) parameters.set(name, value);
  return parameters;
}

function linkTabs() {
  Array.from(frames.values()).forEach((frame, place) => {
    const link = tabs.children[place].firstChild;
    link.href = frame.link;
    if (frame.element.hidden) link.removeAttribute("aria-current");
    else link.setAttribute("aria-current", "page");
  });
}

function open(name, parameters) {
  const kept = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  const hash = `#${name}?${new URLSearchParams(kept)}`;
  if (!frames.has(name)) {
    location.assign(`/embed/${name}${location.search}${hash}`);
    return;
  }
  history.pushState(null, "", hash);
  route();
  frames.get(name).element.querySelector("h2").focus();
}

function skip(event) {
  event.preventDefault();
  main.focus();
}

function askForKey(isWished) {
  lock.classList.add("is-shown");
  lock.querySelector("p").textContent = isWished
    ? "The key stays in this tab until it is closed; leave the field empty to forget it."
    : hasKey()
      ? "The service does not take this key. Is it complete? Ask your lecturer for a new one if it was withdrawn."
      : "This service wants a key. Your lecturer has one for you; it stays in this tab until it is closed.";
  lock.elements.key.focus();
}

function takeKey(event) {
  event.preventDefault();
  keepKey(lock.elements.key.value.trim());
  lock.elements.key.value = "";
  lock.classList.remove("is-shown");
  main.focus();
}
