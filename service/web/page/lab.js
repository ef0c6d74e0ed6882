import { connection, hasKey, keepKey, returned } from "./api.js";
import { element } from "./element.js";
import { Frame } from "./frame.js";

/**
 * The panels in the order of a lesson: address, title and lead. The module of that name comes when its panel is first
 * opened; it has `mount(frame)`, which fills `frame.body` and gives `{show(parameters)}`: to show what an address says,
 * as URLSearchParams.
 */
const PANELS = [
  { name: "digits", title: "Digits", lead: "Draw a digit and watch what every unit of the network does." },
  { name: "unit", title: "A unit", lead: "Which stimulus does it prefer, and what does it listen to?" },
  { name: "memory", title: "Memory", lead: "How long does a network remember a number, and which gate does what?" },
  {
    name: "jobs",
    title: "Jobs and models",
    lead: "What waits, what runs, what came of it; and the networks to work with.",
  },
];

const embedded = location.pathname.match(/^\/embed\/([a-z]+)$/)?.[1] ?? null;
const query = new URLSearchParams(location.search);
const panels = PANELS.filter(({ name }) => embedded === null || name === embedded);
const frames = new Map(panels.map((panel) => [panel.name, new Frame(panel, open)]));
const mounted = new Map();
const shown = new Set();

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

/** A panel's link; its module is on its way as soon as somebody aims at it. */
function tab(frame) {
  const load = () => moduleOf(frame).catch(() => {}); // who opens it is told
  return element("li", {}, element("a", { href: frame.link, pointerenter: load, focus: load }, frame.title));
}

/** Shows the panel that the address names once it is there; until then the one before it stays. */
async function route() {
  const frame = frames.get(splitHash()[0]) ?? frames.values().next().value;
  for (const each of frames.values()) each.isAsked = each === frame;
  linkTabs();
  const panel = await panelOf(frame).catch((error) => frame.refuse(error));
  if (!frame.isAsked) return;
  for (const each of frames.values()) each.element.hidden = each !== frame;
  document.title = `${frame.title} · Patchclamp`;
  if (panel && (!shown.has(frame) || location.hash !== frame.link)) show(frame, panel);
  shown.add(frame);
  linkTabs();
}

/** The panel of a frame, mounted once. */
async function panelOf(frame) {
  const module = await moduleOf(frame);
  if (!mounted.has(frame)) mounted.set(frame, module.mount(frame));
  return mounted.get(frame);
}

/** A panel's module, which the browser loads once; while the service is gone it is waited for. */
async function moduleOf({ name }) {
  const load = () => import(`./${name}.js`);
  try {
    return await load();
  } catch {
    await returned();
    return load();
  }
}

/** Shows in a panel what the address says: the parameters of the query, over them those behind the hash. */
function show(frame, panel) {
  try {
    panel.show(parametersOf(splitHash()[1]));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // what atob says of text that is none of its own
    frame.refuse(Object.assign(new Error("This link is damaged; ask for it again, or begin anew."), { isTold: true }));
  }
}

function splitHash() {
  const [, name, text = ""] = location.hash.match(/^#([a-z]*)\??(.*)$/) ?? [];
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
    if (frame.isAsked) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
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
  route().then(() => frames.get(name).element.querySelector("h2").focus());
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
