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
  /** @param {{name: string, title: string, lead: string}} panel @param {(name: string, parameters: object) => void} open */
  constructor({ name, title, lead }, open) {
    const heading = element("h2", { id: freshId(), tabindex: -1 }, title);
    this.name = name;
    this.title = title;
    /** Leads to another panel, or to this one with other parameters. */
    this.open = open;
    this.body = element("div", { class: "body" });
    this._refusal = element("div", { class: "refusal", role: "alert", hidden: true });
    this._voice = element("p", { class: "unseen", role: "status" });
    this._take = new Take();
    this.element = element(
      "section",
      { class: `panel ${name}`, "aria-labelledby": heading.id, hidden: true },
      element("header", {}, heading, element("p", { class: "lead" }, lead)),
      this._refusal,
      this.body,
      this._take.element,
      this._voice,
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
    if (this.element.hidden) return;
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

  /** Offers what was answered: the exact `call`, its `answer`, and the pictures that `figures` answers with by name. */
  offer(offered) {
    this._take.offer(offered);
  }

  /** Runs `work` and shows what the service refuses; an abort is no news. */
  async attempt(work) {
    try {
      const result = await work();
      this._refusal.hidden = true;
      return result;
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      this.refuse(error);
      return undefined;
    }
  }

  /** Shows why something was not done, and what to do. */
  refuse(error) {
    if (!(error instanceof Problem)) console.error(error);
    const words = error instanceof Problem ? error.message : `The page failed: ${error.message} Reload it.`;
    const details = (error.errors ?? []).filter(({ detail }) => detail !== words);
    this._refusal.replaceChildren(
      element("p", {}, words),
      ...(details.length
        ? [element("ul", {}, ...details.map(({ pointer, detail }) => refused(pointer, detail)))]
        : []),
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
    this._code = element("code", {});
    this._pictures = select([], () => {}, { "aria-label": "Picture" });
    this._said = element("span", { role: "status" });
    this._picture = button("Download PNG", () => this._savePicture());
    this._tongues = element(
      "span",
      { class: "choice", role: "group", "aria-label": "Language of the call" },
      ...["curl", "Python"].map((tongue) => button(tongue, () => this._write(tongue), { "aria-pressed": tongue === "curl" })),
    );
    this._tongue = "curl";
    this.element = element(
      "details",
      { class: "take", hidden: true, toggle: () => this._write(this._tongue) },
      element("summary", {}, "The call, a link, the data"),
      element(
        "div",
        { class: "row" },
        button("Copy link", () => this._copy(location.href, "The link")),
        button("Download JSON", () => this._saveJson()),
        this._pictures,
        this._picture,
      ),
      element("div", { class: "row" }, this._tongues, button("Copy call", () => this._copy(this._code.textContent, "The call")), this._said),
      element("pre", { tabindex: 0, role: "region", "aria-label": "The exact call" }, this._code),
    );
  }

  offer({ call, answer: answered = null, figures = null }) {
    Object.assign(this, { _call: call, _answer: answered, _figures: figures });
    this.element.hidden = false;
    this._picture.hidden = this._pictures.hidden = figures === null;
    const names = figures?.names ?? [];
    if (names.join() !== Array.from(this._pictures.options, ({ value }) => value).join()) {
      this._pictures.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
    }
    this._write(this._tongue);
  }

  _write(tongue) {
    this._tongue = tongue;
    for (const each of this._tongues.children) each.setAttribute("aria-pressed", String(each.textContent === tongue));
    if (this.element.open && this._call) this._code.textContent = (tongue === "curl" ? asCurl : asPython)(this._call);
  }

  async _copy(text, what) {
    await copy(text);
    this._said.textContent = `${what} is copied.`;
  }

  async _saveJson() {
    const answered = this._answer ?? (await answer(this._call));
    save(new Blob([JSON.stringify(answered, null, 1)], { type: "application/json" }), `${this._fileName()}.json`);
  }

  async _savePicture() {
    const { call } = this._figures;
    const chosen = this._pictures.value;
    const drawn = await picture({ ...call, query: { ...call.query, rendering: chosen } });
    save(drawn, `${this._fileName()}-${chosen}.png`);
  }

  _fileName() {
    return new URL(address(this._call)).pathname.slice(1).replaceAll("/", "-");
  }
}

/** Copies where the page comes over plain HTTP, too, where browsers have no clipboard for scripts. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = element("textarea", { class: "unseen" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function save(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
