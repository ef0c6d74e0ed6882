import { answer } from "./api.js";
import { Chart } from "./chart.js";
import { drawMatrix } from "./colour.js";
import { element, field, select } from "./element.js";
import { latest } from "./latest.js";
import { number, score } from "./number.js";
import { Behind, table } from "./table.js";

/** The noise and the digits shown are the same for every unit, so that units can be compared. */
const SEED = 1;
const STIMULI = {
  class: "digits of each class",
  orientation: "orientation of gratings",
  spatial_frequency: "spatial frequency of gratings",
  size: "size of gratings",
  contrast: "contrast of gratings",
  position: "position of a spot",
};
const UNITS = {
  class: "class",
  orientation: "orientation (degrees)",
  spatial_frequency: "spatial frequency (cycles per pixel)",
  size: "diameter (pixels)",
  contrast: "contrast",
  position: "position (pixels)",
};
/** What a fitted peak is said in. */
const OF_PEAK = {
  orientation: "°",
  spatial_frequency: " cycles per pixel",
  size: " pixels",
  position: " pixels",
};

/** What a unit listens to: its tuning curve and its receptive field. */
export class Probe {
  constructor(frame, changed) {
    this._frame = frame;
    this._stimulus = select(Object.entries(STIMULI), () => {
      changed();
      this._measure(this._unit);
    });
    this._curve = new Chart("Tuning curve", { x: "class", y: "drive (a.u.)", height: 230 });
    this._curve.element.firstChild.after(field("Tuned to", this._stimulus));
    this._curveWords = element("p", { class: "hint" });
    this._field = element("canvas", { class: "digit field-map", role: "img", "aria-label": "Receptive field" });
    this._box = element("span", { class: "box", hidden: true });
    this._fieldWords = element("p", { class: "hint" });
    this._legend = element(
      "span",
      { class: "legend", hidden: true },
      element("span"),
      element("i", { class: "diverging" }),
      element("span"),
    );
    this._behind = new Behind("The numbers behind both", () => this._tables());
    this._measure = latest((unit) => frame.attempt(() => this._answer(unit)));
    this.element = element(
      "div",
      { class: "probe" },
      element("section", { class: "card" }, this._curve.element, this._curveWords),
      element(
        "section",
        { class: "card" },
        element("h3", {}, "Receptive field"),
        element("div", { class: "sheet small" }, this._field, this._box),
        this._legend,
        this._fieldWords,
      ),
      this._behind.element,
    );
  }

  get stimulus() {
    return this._stimulus.value === "class" ? null : this._stimulus.value;
  }

  set stimulus(stimulus) {
    this._stimulus.value = stimulus in STIMULI ? stimulus : "class";
  }

  /** Measures a unit, named as in a request. */
  look(unit) {
    this._unit = unit;
    this._measure(unit);
  }

  async _answer(unit) {
    const stimulus = this._stimulus.value;
    const curve = call("/cnn/tuning-curve", { ...unit, stimulus, ...(stimulus === "class" && { seed: SEED }) });
    const field = call("/cnn/receptive-field", { ...unit, seed: SEED });
    const listening = await answer(field);
    this._scores = listening.z_scores;
    this._showField(listening);
    this._offer("Receptive field", field, listening, ["field"]);
    const tuning = await answer(curve);
    this._showCurve(tuning);
    this._offer("Tuning curve", curve, tuning, ["curve", "stimuli"]);
    this._behind.refresh();
  }

  _offer(title, call, answered, names) {
    this._frame.offer({ title, call, answer: answered, figures: { call: { ...call, query: {} }, names } });
  }

  _showCurve({ stimulus, curve, fit, blank, response, component, indices }) {
    const means = curve.map(({ mean }) => mean);
    const isModulation = component === "F1";
    const axes = [...new Set(curve.map(({ axis }) => axis))];
    const series = axes.flatMap((axis) => {
      const points = curve.filter((point) => point.axis === axis);
      const words = isModulation ? "amplitude" : axis === null ? "mean" : `along the ${axis}`;
      return [
        ...(axis === null && !isModulation
          ? [
              {
                name: "± 1 sd",
                kind: stimulus === "class" ? "whiskers" : "area",
                ink: 0,
                points: points.map(({ value, mean, sd }) => [value, mean - sd, mean + sd]),
              },
            ]
          : []),
        {
          name: words,
          kind: stimulus === "class" ? "dots" : "line",
          ink: axes.indexOf(axis),
          points: points.map(({ value, mean, f1 }) => [value, isModulation ? f1 : mean]),
        },
      ];
    });
    this._curve.show(series, {
      rules: blank === null || isModulation ? [] : [blank],
      axes: { x: UNITS[stimulus], xTicks: stimulus === "class" ? curve.map(({ value }) => value) : undefined },
      words: `${response}, mean from ${number(Math.min(...means))} to ${number(Math.max(...means))}`,
    });
    this._curveWords.textContent = [
      `${response[0].toUpperCase()}${response.slice(1)}.`,
      blank === null || isModulation ? "" : `The dashed level is the drive to plain grey, ${number(blank)}.`,
      stimulus === "class" && indices
        ? `It prefers the class ${indices.preferred_class}${indices.d_prime === null ? "" : `, d′\u00a0${number(indices.d_prime)}`}.`
        : "",
      typeof fit?.peak === "number" ? `The fitted curve peaks at ${number(fit.peak)}${OF_PEAK[stimulus] ?? ""} (R² ${score(fit.r2)}).` : "",
    ].join(" ");
  }

  _showField({ z_scores: scores, theoretical, significant_pixels: count, threshold }) {
    const reach = scores.flat().reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    drawMatrix(this._field, scores, { map: "diverging", low: -reach, high: reach });
    this._box.hidden = this._legend.hidden = false;
    const [low, , high] = this._legend.children;
    low.textContent = `z ${number(-reach)}`;
    high.textContent = number(reach);
    const { top, bottom, left, right } = theoretical;
    const place = { left, top, width: right - left, height: bottom - top };
    for (const [side, pixels] of Object.entries(place)) this._box.style.setProperty(side, `${(100 * pixels) / 28}%`);
    const within = (right - left) * (bottom - top);
    const words =
      `${count} pixels of ${within} in the box that can reach it move it by more than chance ` +
      `(|z| above ${number(threshold)}).`;
    this._fieldWords.textContent = `Orange pixels drive it when they turn to ink, blue ones hold it back. ${words}`;
    this._field.setAttribute("aria-label", `Receptive field: ${words}`);
  }

  _tables() {
    const scores = this._scores ?? [];
    return [
      ...this._curve.tables,
      table(
        "Receptive field: z of each pixel",
        ["row", ...scores.keys()],
        scores.map((row, y) => [y, ...row.map((z) => z.toFixed(1))]),
      ),
    ];
  }
}

function call(path, body) {
  return { method: "POST", path, query: { renderings: "none" }, body };
}
