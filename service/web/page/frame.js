import { address, answer, picture, Problem } from "./api.js";
import { asCurl, asPython } from "./call.js";
import { button, element, freshId, select } from "./element.js";

const TELL_EVERY_MS = 1500;

/**
 * What stands around every panel: its title, refusals in plain words, a voice for screen readers, and what can be taken
 * along: the exact call, a link, JSON and PNG.
 *
 * @typedef {import("./api.js").Call} Call
 */
export class Frame {
  /**
   * @param {{name: string, title: string, lead: string}} panel
   * @param {(name: string, parameters: object) => void} open
   */
  constructor({ name, title, lead }, open) {
    const heading = element("h2", { id: freshId(), tabindex: -1 }, title);
    this.name = name;
    this.title = title;
    /** Leads to another panel, or to this one with other parameters. */
    this.open = open;
    /** Whether the address is this panel's, which is shown as soon as it is there. */
    this.isAsked = false;
    this.body = element("div", { class: "body" });
    this._refusals = 0;
    this._refusal = element("div", { class: "refusal", role: "alert", hidden: true });
    this._voice = element("p", { class: "unseen", role: "status" });
    this._take = new Take();
    this.element = element(
      "section",
      { class: `panel ${name}`, "aria-labelledby": heading.id, hidden: true },
      element("header", {}, heading, element("p", { class: "lead" }, lead)),
      this.body,
      this._take.element,
      this._voice,
      this._refusal,
    );
  }

  /** The address that leads back to what is shown, as `remember` was last told. */
  get link() {
    return `#${this.name}${this._parameters ? `?${this._parameters}` : ""}`;
  }

  /** Keeps in the address what repeats what is shown; null and "" are left out. */
  remember(parameters) {
    const kept = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
    this._parameters = new URLSearchParams(kept).toString();
    const [, name] = location.hash.match(/^#([a-z]+)/) ?? [];
    if (!this.isAsked || (name && name !== this.name)) return; // somebody is on the way to another panel
    history.replaceState(null, "", this.link);
    dispatchEvent(new Event("remembered"));
  }

  /** Says something to screen readers, politely: the newest at most every second and a half. */
  tell(words) {
    this._words = words;
    this._telling ??= setTimeout(() => {
      this._telling = null;
      if (this._voice.textContent !== this._words) this._voice.textContent = this._words;
    }, TELL_EVERY_MS);
  }

  /**
   * Offers what was answered: the exact `call`, its `answer`, and the pictures (`names`) that `figures.call` answers
   * with. Several offers are told apart by their `title`; the newest is chosen, unless somebody looks at another.
   */
  offer(offered) {
    this._take.offer(offered);
  }

  /** Runs `work` and shows what the service refuses; success takes away what of the same topic was refused before. */
  async attempt(work, topic = this.name) {
    const refusals = this._refusals;
    try {
      const result = await work();
      if (this._refusals === refusals && this._topic === topic) this.calm();
      return result;
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      this.refuse(error, topic);
      return undefined;
    }
  }

  /** Takes away what was refused. */
  calm() {
    this._refusal.hidden = true;
  }

  /** Shows why something was not done, and what to do. */
  refuse(error, topic = this.name) {
    this._refusals += 1;
    this._topic = topic;
    const isTold = error instanceof Problem || error.isTold;
    if (!isTold) console.error(error);
    const words = isTold ? error.message.replace(/; see errors\.$/, ":") : `The page failed: ${error.message} Reload it.`;
    const details = (error.errors ?? []).filter(({ detail }) => detail !== words);
    this._refusal.replaceChildren(
      element("p", {}, words),
      ...(details.length ? [element("ul", {}, ...details.map(({ pointer, detail }) => refused(pointer, detail)))] : []),
      button("×", () => this.calm(), { class: "quiet close", "aria-label": "Close" }),
    );
    this._refusal.hidden = false;
  }
}

function refused(pointer, detail) {
  const name = pointer.slice(1).replaceAll("/", " › ");
  return element("li", {}, name ? element("strong", {}, `${name}: `) : null, detail);
}

/** What can be taken along from a panel. */
class Take {
  constructor() {
    this._offers = new Map();
    this._code = element("code", {});
    this._which = select([], () => this._choose(), { "aria-label": "Of what" });
    this._pictures = select([], () => {}, { "aria-label": "Picture" });
    this._said = element("span", { role: "status" });
    this._picture = button("Download PNG", () => this._savePicture());
    this._tongues = element(
      "span",
      { class: "choice", role: "group", "aria-label": "Language of the call" },
      ...["curl", "Python"].map((tongue) =>
        button(tongue, () => this._write(tongue), { "aria-pressed": tongue === "curl" }),
      ),
    );
    this._tongue = "curl";
    this.element = element(
      "details",
      { class: "take", hidden: true, toggle: () => this._write(this._tongue) },
      element("summary", {}, "The call, a link, the data"),
      element(
        "div",
        { class: "row" },
        this._which,
        button("Copy link", () => this._copy(location.href, "The link")),
        button("Download JSON", () => this._saveJson()),
        this._pictures,
        this._picture,
      ),
      element(
        "div",
        { class: "row" },
        this._tongues,
        button("Copy call", () => this._copy(this._code.textContent, "The call")),
        this._said,
      ),
      element("pre", { tabindex: 0, role: "region", "aria-label": "The exact call" }, this._code),
    );
  }

  offer({ title = "", call, answer: answered = null, figures = null }) {
    this._offers.set(title, { call, answered, figures });
    this.element.hidden = false;
    fill(this._which, Array.from(this._offers.keys()));
    this._which.hidden = this._offers.size < 2;
    if (!this.element.open) this._which.value = title;
    this._choose();
  }

  get _offer() {
    return this._offers.get(this._which.value);
  }

  _choose() {
    const { figures } = this._offer;
    this._picture.hidden = this._pictures.hidden = figures === null;
    fill(this._pictures, figures?.names ?? []);
    this._write(this._tongue);
  }

  _write(tongue) {
    this._tongue = tongue;
    for (const each of this._tongues.children) each.setAttribute("aria-pressed", String(each.textContent === tongue));
    if (this.element.open) this._code.textContent = (tongue === "curl" ? asCurl : asPython)(this._offer.call);
  }

  async _copy(text, what) {
    this._said.textContent = "";
    await copy(text);
    this._said.textContent = `${what} is copied.`;
  }

  async _saveJson() {
    const answered = this._offer.answered ?? (await answer(this._offer.call));
    save(new Blob([JSON.stringify(answered, null, 1)], { type: "application/json" }), `${this._fileName()}.json`);
  }

  async _savePicture() {
    const { call } = this._offer.figures;
    const chosen = this._pictures.value;
    const drawn = await picture({ ...call, query: { ...call.query, rendering: chosen } });
    save(drawn, `${this._fileName()}-${chosen}.png`);
  }

  _fileName() {
    return new URL(address(this._offer.call)).pathname.slice(1).replaceAll("/", "-");
  }
}

/** Fills a choice, unless it has these options already. */
function fill(choice, names) {
  if (names.join() === Array.from(choice.options, ({ value }) => value).join()) return;
  const chosen = choice.value;
  choice.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(chosen)) choice.value = chosen;
}

/** Copies where the page comes over plain HTTP, too, where browsers have no clipboard for scripts. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const focused = document.activeElement;
  const area = element("textarea", { class: "unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  focused.focus();
}

/** Gives a file to whoever sits before the page. */
export function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
