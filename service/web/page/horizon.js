import { answer } from "./api.js";
import { Chart } from "./chart.js";
import { element, field, select } from "./element.js";
import { latest } from "./latest.js";
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
    this._frame = frame;
    this._models = null;
    this._picked = null; // null: those that are shipped, and the one of the trial
    this._boxes = element("div", { class: "checks", change: () => this._pick(changed) });
    this._measure = select(Object.entries(MEASURES), changed);
    this._isHeld = element("input", { type: "checkbox", change: changed });
    this._chart = new Chart("Horizon", { x: "delay (ms)", y: MEASURES.r2, isLogX: true, height: 260 });
    this._verdicts = element("ul", { class: "roles" });
    this._behind = new Behind("The numbers behind the curves", () => this._chart.tables);
    this._ask = latest((body) => frame.attempt(() => this._answer(body)));
    this.element = element(
      "section",
      { class: "card stack" },
      element("h3", {}, "After which delay does it fail?"),
      element("fieldset", {}, element("legend", { class: "hint" }, "Networks"), this._boxes),
      element("div", { class: "row" }, field("Measure", this._measure), element("label", { class: "check" }, this._isHeld, "With the gates held as chosen")),
      this._chart.element,
      this._verdicts,
      this._behind.element,
    );
  }

  /** What the address says of it. */
  get parameters() {
    return { compare: this._picked?.join("."), measure: this._measure.value, sweep: this._isHeld.checked ? "held" : null };
  }

  show(parameters) {
    this._picked = parameters.get("compare")?.split(".") ?? null;
    this._measure.value = parameters.get("measure") in MEASURES ? parameters.get("measure") : "r2";
    this._isHeld.checked = parameters.get("sweep") === "held";
  }

  /** Sweeps the chosen networks, where that is not what is shown already. */
  async look(model, clamps, seed) {
    Object.assign(this, { _model: model, _clamps: clamps, _seed: seed });
    if (!this._models) await this.refresh();
    const models = this._chosen;
    this._list(models);
    const body = { models, ...(this._isHeld.checked && this._clamps.length && { clamps: this._clamps }), seed: this._seed };
    const key = JSON.stringify(body);
    if (models.length && this._key !== key) this._ask(body);
    else if (this._answered) this._draw();
    this._key = key;
  }

  /** Reads which networks there are. */
  async refresh() {
    await this._frame.attempt(async () => {
      this._models = (await answer({ path: "/models", query: { family: "memory-lstm" } })).models;
    });
  }

  get _chosen() {
    const own = (each) => each.id === this._model || (!this._model && each.is_default);
    const isChosen = (each) => (this._picked ? this._picked.includes(each.id) : each.origin === "shipped" || own(each));
    const chosen = (this._models ?? []).filter(isChosen).sort((one, other) => own(other) - own(one));
    return chosen.map(({ id }) => id).slice(0, MOST);
  }

  _list(chosen) {
    const boxes = this._models.map(({ id, card }) => {
      const checked = chosen.includes(id);
      const box = element("input", { type: "checkbox", value: id, checked, disabled: !checked && chosen.length >= MOST });
      return element("label", { class: "check" }, box, card.name ? `${card.name} (${id})` : id);
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

  async _answer(body) {
    const call = { method: "POST", path: "/lstm/horizon", query: { renderings: "none" }, body };
    this._answered = await answer(call);
    this._draw();
    this._frame.offer({ title: "Horizon", call, answer: this._answered, figures: { call: { ...call, query: {} }, names: ["horizon"] } });
  }

  _draw() {
    const { models, criterion } = this._answered;
    const measure = this._measure.value;
    const isR2 = measure === "r2";
    const isError = measure === "report_rmse";
    const points = (curve, ...values) => curve.map((point) => [point.delay_ms, ...values.flatMap((value) => point[value]).map((value) => Math.max(-1, value))]);
    const series = models.flatMap(({ model: { id }, curve }, place) => {
      const ink = place % INKS;
      const interval = { name: `${id}, 95 % interval`, kind: "area", ink, points: points(curve, "r2_interval"), isUnnamed: true };
      return [...(isR2 ? [interval] : []), { name: id, ink, points: points(curve, measure) }];
    });
    if (isError) series.push({ name: "chance", ink: models.length % INKS, points: points(models[0].curve, "chance_rmse") });
    this._chart.show(series, {
      axes: { y: isR2 ? `${MEASURES.r2}, cut off at −1` : MEASURES[measure] },
      yRange: isError ? [0] : [0, 1],
      rules: isR2 ? [criterion] : [],
      words: models.map(({ model, horizon_ms: horizon }) => `${model.id} up to ${horizon} ms`).join(", "),
    });
    this._verdicts.replaceChildren(...models.map(({ model, verdict }) => element("li", {}, element("strong", {}, `${model.id}: `), verdict)));
    this._behind.refresh();
  }
}
