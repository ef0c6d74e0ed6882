import { Chart } from "./chart.js";
import { activityScale, drawMatrix, PIXELS } from "./colour.js";
import { element } from "./element.js";
import { LAYERS, LayerView } from "./layers.js";
import { number } from "./number.js";
import { Behind, table } from "./table.js";

/** A unit's preferred stimulus, from the first preview on. */
export class Tuned {
  /** @param {(unit: number) => void} open Opens another unit of the layer. */
  constructor(open) {
    this._open = open;
    this._before = digit("A random start");
    this._after = digit("The preferred stimulus");
    this._sentence = element("p", { class: "sentence" });
    this._trace = new Chart("The search", { x: "step", y: "drive (a.u.)", height: 240 });
    this._starts = new Chart("Every start", { x: "start, the best first", y: "drive (a.u.)" });
    this._digits = element("div", { class: "digits-row" });
    this._digitsCard = element(
      "section",
      { class: "card" },
      element("h3", {}, "Digits that come near"),
      element("p", { class: "hint" }, "Below each digit its class, and the drive that it gives (a.u.)."),
      this._digits,
    );
    this._layers = element("section", { class: "card layers-pair" });
    this._behind = new Behind("The numbers behind the pictures", () => this._tables());
    this._search = element("section", { class: "card" }, this._trace.element);
    this._results = element(
      "div",
      { class: "results" },
      element("section", { class: "card" }, this._starts.element),
      this._digitsCard,
      this._layers,
      this._behind.element,
    );
    this.element = element(
      "div",
      { class: "tuned" },
      element(
        "section",
        { class: "card stimulus" },
        element("h3", {}, "Preferred stimulus"),
        element("div", { class: "pair" }, this._before.figure, this._after.figure),
        this._sentence,
      ),
      this._search,
      this._results,
    );
    /** @type {import("./job.js").Watch} */
    this.watch = { progress: (progress) => this._progress(progress), preview: (picture) => this._preview(picture) };
    this.clear("y");
  }

  get sentence() {
    return this._sentence.textContent;
  }

  /** Nothing is known of the unit yet. */
  clear(layer) {
    this._layer = layer;
    this._result = null;
    for (const { canvas } of [this._before, this._after]) canvas.width = canvas.height = 28;
    this._sentence.textContent = "Not searched for yet. The search starts from random images and climbs the unit's drive.";
    this._results.hidden = this._search.hidden = true;
  }

  begin(layer) {
    this.clear(layer);
    this._points = [];
    this._search.hidden = false;
    this._trace.show([]);
    this._sentence.textContent = "Searching…";
  }

  cancelled() {
    this._sentence.textContent = "The search was cancelled.";
  }

  /** Shows the result of a job. */
  show(result) {
    const [unit] = result.units;
    this._result = result;
    this._results.hidden = this._search.hidden = false;
    drawMatrix(this._before.canvas, unit.initial_image, PIXELS);
    drawMatrix(this._after.canvas, unit.optimized_image, PIXELS);
    this._sentence.textContent = told(unit, result);
    this._trace.show(
      [
        { name: "drive", points: unit.trace.map(({ step, drive }) => [step, drive]) },
        { name: "penalty", points: unit.trace.map(({ step, penalty }) => [step, penalty]) },
      ],
      { words: `the drive goes from ${number(unit.drive_before)} to ${number(unit.drive_after)}` },
    );
    this._showStarts(unit, result);
    this._showLayers(unit);
    this._showDigits(unit, result);
    this._behind.refresh();
  }

  _progress({ step, total, metrics }) {
    if (metrics.drive === undefined) return;
    this._points.push([step, metrics.drive]);
    this._trace.show([{ name: "drive", points: this._points }], { xRange: [0, total], yRange: [0] });
    this._sentence.textContent = `Searching: its drive is ${number(metrics.drive)} after ${step} steps.`;
  }

  async _preview({ media_type: type, data }) {
    const image = new Image();
    image.src = `data:${type};base64,${data}`;
    await image.decode();
    if (this._result) return;
    const { canvas } = this._after;
    Object.assign(canvas, { width: image.width, height: image.height });
    canvas.getContext("2d").drawImage(image, 0, 0);
  }

  _showStarts({ starts }, { direction }) {
    const best =
      direction === "excite" ? (one, other) => other.after - one.after : (one, other) => one.after - other.after;
    const points = starts.toSorted(best).map(({ before, after }, place) => [place + 1, before, after]);
    this._starts.show([{ name: "before (hollow) and after", kind: "pairs", points }], {
      xRange: [0, points.length + 1],
      words: `${points.length} starts end between ${number(points.at(-1)[2])} and ${number(points[0][2])}`,
    });
  }

  _showLayers(unit) {
    const scale = activityScale(unit.layer_drive_before, unit.layer_drive_after);
    const views = [
      [`${this._layer} for the random start`, unit.layer_drive_before],
      [`${this._layer} for the preferred stimulus`, unit.layer_drive_after],
    ].map(([title, values]) => {
      const view = new LayerView(this._layer, this._open, { title });
      view.show(values, scale);
      if (Number.isInteger(unit.unit)) view.mark(unit.unit);
      return view;
    });
    this._views = views;
    this._layers.replaceChildren(
      element("h3", {}, "What its layer does"),
      element(
        "p",
        { class: "hint" },
        "Drive before the ReLU, both on one scale; the ring is the unit. ",
        `Rank ${unit.rank_before} before, ${unit.rank_after} after.`,
      ),
      ...views.map((view) => view.element),
    );
  }

  _showDigits(unit, { digits, direction }) {
    const near = direction === "excite" ? unit.top_digits : unit.bottom_digits;
    this._digitsCard.hidden = !near;
    const shown = (near ?? []).map(({ index, label, drive }) => {
      const found = digits.find((each) => each.index === index);
      const made = digit(`${label}: ${number(drive)}`);
      drawMatrix(made.canvas, found.image, PIXELS);
      return made.figure;
    });
    this._digits.replaceChildren(...shown);
  }

  _tables() {
    const { rows } = this._views[0];
    const after = this._views[1].rows;
    return [
      ...this._trace.tables,
      ...this._starts.tables,
      table(
        `Drive of ${this._layer}: ${LAYERS[this._layer].words}`,
        ["unit", "before", "after"],
        rows.map(([unit, value], place) => [unit, value, after[place][1]]),
      ),
    ];
  }
}

/** A 28×28 picture with words below it. */
export function digit(words) {
  const canvas = element("canvas", { class: "digit", width: 28, height: 28, role: "img", "aria-label": words });
  return { canvas, figure: element("figure", {}, canvas, element("figcaption", {}, words)) };
}

function told(unit, { direction, steps }) {
  const aim = direction === "excite" ? "rose" : "fell";
  const digits = unit.dataset_percentile === null ? "" : ` ${beyond(unit, direction)}`;
  const dead = unit.dead ? " No digit wakes it: it is dead on the data." : "";
  return (
    `Its drive ${aim} from ${number(unit.drive_before)} to ${number(unit.drive_after)} in ${steps} steps, ` +
    `its rank went from ${unit.rank_before} to ${unit.rank_after}.${digits} The network takes the image for a ` +
    `${unit.prediction.label} (${number(100 * unit.prediction.probability)} %).${dead}`
  );
}

function beyond({ dataset_maximum: most, dataset_minimum: least, drive_after: drive }, direction) {
  const [word, limit] = direction === "excite" ? ["largest", most] : ["smallest", least];
  const isBeyond = direction === "excite" ? drive > limit : drive < limit;
  return `The ${word} drive by a digit is ${number(limit)}${isBeyond ? ": no digit does as much." : "."}`;
}
