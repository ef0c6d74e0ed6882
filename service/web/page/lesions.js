import { answer } from "./api.js";
import { button, element } from "./element.js";
import { latest } from "./latest.js";
import { score } from "./number.js";
import { table } from "./table.js";

const WINDOWS = { always: "always", encode: "at memorize", delay: "in the delay", report: "at report" };

/** What is lost when each gate is held shut or open, in each window. */
export class LesionTable {
  /** @param {(clamp: object) => void} hold Holds a gate in the trial. */
  constructor(frame, hold) {
    this._frame = frame;
    this._hold = hold;
    this._content = element("div", { class: "scroll lesions", tabindex: 0, role: "region", "aria-label": "Lesions of the gates" });
    this._ask = latest((body) => frame.attempt(() => this._answer(body)));
    this.element = element("section", { class: "card wide" }, element("h3", {}, "What is each gate for?"), this._content);
  }

  /** Measures, where that is not what is shown already. */
  look(body) {
    const key = JSON.stringify(body);
    if (this._key !== key) this._ask(body);
    this._key = key;
  }

  async _answer(body) {
    const call = { method: "POST", path: "/lstm/lesions", query: { renderings: "none" }, body };
    const answered = await answer(call);
    this._draw(answered);
    this._frame.offer({ title: "Lesions", call, answer: answered, figures: { call: { ...call, query: {} }, names: ["lesions"] } });
  }

  _draw({ intact, lesions, delay_ms: delay, trials }) {
    const caption = `R² over ${trials} trials with a delay of ${delay} ms; ${score(intact.r2)} with nothing held. Press one to see it in the trial.`;
    const rows = lesions.filter(({ window }) => window === "always").map(({ gate, value }) => [
      heldAs(gate, value),
      ...lesions.filter((each) => each.gate === gate && each.value === value).map((lesion) => this._cell(lesion)),
    ]);
    this._content.replaceChildren(table(caption, ["gate", ...Object.values(WINDOWS)], rows));
  }

  _cell({ gate, value, window, effect, r2 }) {
    const label = `${heldAs(gate, value)} ${WINDOWS[window]}: ${effect}, R² ${score(r2)}. Hold it so`;
    const cell = button("", () => this._hold({ gate, value, window }), { class: effect, "aria-label": label });
    cell.append(element("strong", {}, effect), element("span", {}, score(r2)));
    return cell;
  }
}

function heldAs(gate, value) {
  return `${gate} gate ${value ? "open" : "shut"}`;
}
