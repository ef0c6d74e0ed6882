import { answer } from "./api.js";
import { Chart } from "./chart.js";
import { element, field, select } from "./element.js";
import { titleOf } from "./model.js";
import { typeset } from "./number.js";
import { Question } from "./question.js";
import { Behind } from "./table.js";

const MOST = 8;
const INKS = 6;
const MEASURES = {
  r2: "R² of the reports",
  gain: "gain (slope of answers over values)",
  correlation: "correlation",
  report_rmse: "report error (root mean square)",
};

/** Up to which delay networks remember: one curve each. */
export class HorizonCurves {
  constructor(frame, changed) {
    this._models = [];
    this._picked = null; // null: those that are shipped, and the one of the trial
    this._boxes = element("div", { class: "checks", change: () => this._pick(changed) });
    this._measure = select(Object.entries(MEASURES), changed);
    this._isHeld = element("input", { type: "checkbox", change: changed });
    this._chart = new Chart("Horizon", { x: "delay (ms)", y: MEASURES.r2, isLogX: true, height: 260 });
    this._verdicts = element("ul", { class: "roles" });
    this._behind = new Behind("The numbers behind the curves", () => this._chart.tables);
    this._question = new Question(frame, { title: "Horizon", path: "/lstm/horizon", names: ["horizon"] }, (answered) =>
      this._draw(answered),
    );
    this.element = element(
      "section",
      { class: "card stack" },
      element("h3", {}, "After which delay does it fail?"),
      element(
        "div",
        { class: "stack beside" },
        element(
          "div",
          { class: "stack" },
          element("fieldset", {}, element("legend", { class: "hint" }, "Networks"), this._boxes),
          element(
            "div",
            { class: "row" },
            field("Measure", this._measure),
            element("label", { class: "check" }, this._isHeld, "With the gates held as chosen"),
          ),
        ),
        this._chart.element,
        this._verdicts,
      ),
      this._behind.element,
    );
  }

  /** What the address says of it. */
  get parameters() {
    return {
      compare: this._picked?.join("."),
      measure: this._measure.value,
      sweep: this._isHeld.checked ? "held" : null,
    };
  }

  show(parameters) {
    this._picked = parameters.get("compare")?.split(".") ?? null;
    this._measure.value = parameters.get("measure") in MEASURES ? parameters.get("measure") : "r2";
    this._isHeld.checked = parameters.get("sweep") === "held";
  }

  /** Sweeps the chosen networks, where that is not what is shown already. */
  look(model, clamps, seed) {
    const isOwn = (each) => each.id === model || (!model && each.is_default);
    const isChosen = (each) =>
      this._picked ? this._picked.includes(each.id) : each.origin === "shipped" || isOwn(each);
    const chosen = this._models.filter(isChosen).sort((one, other) => isOwn(other) - isOwn(one));
    const models = chosen.map(({ id }) => id).slice(0, MOST);
    this._list(models);
    if (models.length === 0) return;
    const isNew = this._question.ask({ models, ...(this._isHeld.checked && clamps.length && { clamps }), seed });
    if (!isNew && this._question.answered) this._draw(this._question.answered);
  }

  /** Reads which networks there are. */
  async refresh() {
    this._models = (await answer({ path: "/models", query: { family: "memory-lstm" } })).models;
  }

  _list(chosen) {
    const boxes = this._models.map((model) => {
      const { id } = model;
      const checked = chosen.includes(id);
      const box = element("input", {
        type: "checkbox",
        value: id,
        checked,
        disabled: !checked && chosen.length >= MOST,
      });
      return element("label", { class: "check" }, box, titleOf(model));
    });
    const focused = document.activeElement.value;
    const isInside = this._boxes.contains(document.activeElement);
    this._boxes.replaceChildren(...boxes);
    if (isInside) this._boxes.querySelector(`[value="${focused}"]`).focus();
  }

  _pick(changed) {
    this._picked = Array.from(this._boxes.querySelectorAll(":checked"), ({ value }) => value);
    changed();
  }

  _draw({ models, criterion }) {
    const measure = this._measure.value;
    const isR2 = measure === "r2";
    const isError = measure === "report_rmse";
    const points = (curve, ...values) =>
      curve.map((point) => [
        point.delay_ms,
        ...values.flatMap((value) => point[value]).map((value) => Math.max(-1, value)),
      ]);
    const series = models.flatMap(({ model: { id }, curve }, place) => {
      const ink = place % INKS;
      const interval = {
        name: `${id}, 95 % interval`,
        kind: "area",
        ink,
        points: points(curve, "r2_interval"),
        isUnnamed: true,
      };
      return [...(isR2 ? [interval] : []), { name: id, ink, points: points(curve, measure) }];
    });
    if (isError)
      series.push({ name: "chance", ink: models.length % INKS, points: points(models[0].curve, "chance_rmse") });
    this._chart.show(series, {
      axes: { y: isR2 ? `${MEASURES.r2}, cut off at −1` : MEASURES[measure] },
      yRange: isError ? [0] : [0, 1],
      rules: isR2 ? [criterion] : [],
      words: models.map(({ model, horizon_ms: horizon }) => `${model.id} up to ${horizon} ms`).join(", "),
    });
    this._verdicts.replaceChildren(
      ...models.map(({ model, verdict }) => element("li", {}, element("strong", {}, `${model.id}: `), typeset(verdict))),
    );
    this._behind.refresh();
  }
}
