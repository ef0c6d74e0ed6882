import { button, element } from "./element.js";
import { score, typeset } from "./number.js";
import { Question } from "./question.js";
import { table } from "./table.js";

const WINDOWS = { always: "always", encode: "at memorize", delay: "in the delay", report: "at report" };

/** What is lost when each gate is held shut or open, in each window. */
export class LesionTable {
  /** @param {(clamp: object) => void} hold Holds a gate in the trial. */
  constructor(frame, hold) {
    this._hold = hold;
    this._question = new Question(frame, { title: "Lesions", path: "/lstm/lesions", names: ["lesions"] }, (answered) =>
      this._show(answered),
    );
    this._content = element("div", {
      class: "scroll lesions",
      tabindex: 0,
      role: "region",
      "aria-label": "Lesions of the gates",
    });
    this._roles = element("ul", { class: "roles" });
    this.element = element(
      "section",
      { class: "card stack" },
      element("h3", {}, "What is each gate for?"),
      this._content,
      this._roles,
    );
  }

  look(body) {
    this._question.ask(body);
  }

  _show({ intact, lesions, roles, delay_ms: delay, trials }) {
    const caption = `R² over ${trials} trials with a delay of ${delay} ms; ${score(intact.r2)} with nothing held. Press one to see it in the trial.`;
    const rows = Map.groupBy(lesions, ({ gate, value }) => `${gate} gate ${value ? "open" : "shut"}`);
    const cells = Array.from(rows, ([held, row]) => [held, ...row.map((lesion) => this._cell(held, lesion))]);
    this._roles.replaceChildren(...Object.values(roles).map((words) => element("li", {}, typeset(words))));
    this._content.replaceChildren(table(caption, ["gate", ...Object.values(WINDOWS)], cells));
  }

  _cell(held, { gate, value, window, effect, r2 }) {
    const label = `${held} ${WINDOWS[window]}: ${effect}, R² ${score(r2)}. Hold it so`;
    const cell = button(element("strong", {}, effect), () => this._hold({ gate, value, window }), {
      class: effect,
      "aria-label": label,
    });
    cell.append(score(r2));
    return cell;
  }
}
