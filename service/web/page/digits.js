import { answer, patientAnswer } from "./api.js";
import { drawMatrix, PIXELS } from "./colour.js";
import { Drawing } from "./drawing.js";
import { button, element } from "./element.js";
import { latest } from "./latest.js";
import { LAYERS, LayerView } from "./layers.js";
import { ModelChoice } from "./model.js";
import { percent } from "./number.js";
import { Probabilities } from "./probabilities.js";
import { Behind, table } from "./table.js";

const TEST_DIGITS = 10_000;
const FIGURES = ["input", ...Object.keys(LAYERS)];

export function mount(frame) {
  return new Digits(frame);
}

class Digits {
  constructor(frame) {
    this._frame = frame;
    this._drawing = new Drawing((isFinished) => this._drawn(isFinished));
    this._model = new ModelChoice("digit-net", () => this._drawn(true));
    this._isCentred = element("input", { type: "checkbox", checked: true, change: () => this._drawn(true) });
    this._seen = element("canvas", { class: "digit", role: "img", "aria-label": "The input that the network saw" });
    this._verdict = element("p", { class: "verdict" });
    this._probabilities = new Probabilities();
    this._layers = Object.keys(LAYERS).map((layer) => new LayerView(layer, (unit) => this._open(layer, unit)));
    this._behind = new Behind("The numbers behind the pictures", () => this._tables());
    this._reads = this._readings();
    this._ask = latest(
      (image) => this._frame.attempt(() => this._answer(image)),
      () => this._reads.setAttribute("aria-busy", "false"),
    );
    frame.body.append(...this._parts());
    this._empty();
    frame.attempt(() => this._model.refresh());
  }

  /** Shows the drawing or the digit that an address holds. */
  show(parameters) {
    this._model.value = parameters.get("model");
    this._isCentred.checked = parameters.get("centre") !== "off";
    const [split, index] = (parameters.get("sample") ?? "").split("-");
    if (index) this._put({ sample: { split, index: Number(index) } }, parameters.get("strokes"));
    else if (parameters.get("pixels"))
      this._put({ pixels: pixelsOf(parameters.get("pixels")) }, parameters.get("strokes"));
    else if (parameters.get("strokes")) {
      this._drawing.text = parameters.get("strokes");
      this._drawn(true);
    }
  }

  _parts() {
    const upload = element("input", {
      type: "file",
      accept: "image/png,image/jpeg",
      class: "unseen",
      change: () => this._upload(upload),
    });
    return [
      element(
        "div",
        { class: "draw" },
        this._drawing.element,
        element(
          "div",
          { class: "row" },
          ...this._drawing.tools,
          button("Random digit", () => this._random()),
          element("label", { class: "button" }, upload, "Upload…"),
        ),
        this._drawing.hint,
      ),
      this._reads,
      element("div", { class: "layers" }, ...this._layers.map((layer) => layer.element), this._behind.element),
    ];
  }

  /** What the network makes of the drawing; busy as long as an answer is awaited. */
  _readings() {
    const figure = element("figure", {}, this._seen, element("figcaption", {}, "What it sees"));
    return element(
      "div",
      { class: "reads", "aria-busy": "false" },
      element("div", { class: "saw" }, figure, this._verdict),
      this._probabilities.element,
      element("label", { class: "check" }, this._isCentred, "Fit and centre the drawing, as in MNIST"),
      this._model.element,
    );
  }

  _drawn(isFinished) {
    const image = this._image();
    this._reads.setAttribute("aria-busy", String(image !== null));
    if (image) this._ask(image);
    else this._empty();
    if (isFinished) this._remember();
  }

  /** The image as a call has it: as it lies while something is under the strokes, else as a picture to be centred. */
  _image() {
    if (this._drawing.isEmpty) return null;
    const { source } = this._drawing;
    if (source && !this._drawing.isTouched) return source;
    return source || !this._isCentred.checked ? { pixels: this._drawing.pixels } : { data: this._drawing.png };
  }

  async _answer(image) {
    const body = { image, ...(this._model.value && { model: this._model.value }) };
    const call = { method: "POST", path: "/cnn/activations", query: { renderings: "none" }, body };
    const answered = await patientAnswer(call, (problem) => this._frame.refuse(problem));
    this._frame.calm();
    if (this._drawing.isEmpty) return;
    this._shown(answered);
    this._frame.offer({
      title: "Activity",
      call,
      answer: answered,
      figures: { call: { ...call, query: {} }, names: FIGURES },
    });
  }

  _shown(answered) {
    const { label, probability, true_label: truth } = answered.prediction;
    this._answered = answered;
    this._probabilities.show(answered.prediction);
    this._verdict.replaceChildren(
      element("strong", {}, String(label)),
      element("span", {}, percent(probability)),
      ...(truth === null ? [] : [element("span", {}, truth === label ? "right" : `wrong: it is a ${truth}`)]),
    );
    drawMatrix(this._seen, answered.input, PIXELS);
    answered.layers.forEach(({ values }, place) => this._layers[place].show(values));
    this._behind.refresh();
    this._frame.tell(`Read as ${label}, ${percent(probability, 0)}.`);
  }

  _empty() {
    this._answered = null;
    this._probabilities.show(null);
    this._verdict.replaceChildren("Draw a digit, or take one from the test set.");
    this._seen.width = this._seen.height = 28;
    for (const layer of this._layers) layer.show(zeros(layer.shape));
  }

  _random() {
    this._put({ sample: { split: "test", index: Math.floor(Math.random() * TEST_DIGITS) } });
  }

  async _upload(input) {
    const [file] = input.files;
    input.value = "";
    const image = { data: await base64Of(file) };
    const call = {
      method: "POST",
      path: "/cnn/activations",
      query: { renderings: "none" },
      body: { image, layers: ["y"] },
    };
    const answered = await this._frame.attempt(() => answer(call));
    // Rounded to what an address holds, so that the link repeats the result to the last digit.
    if (answered) this._put({ pixels: answered.input.map((row) => row.map((ink) => Math.round(255 * ink) / 255)) });
  }

  /** Lays a digit on the sheet, over it the strokes of an address. */
  async _put(source, strokes = null) {
    const pixels = source.pixels ?? (await this._frame.attempt(() => this._pixels(source.sample)));
    if (!pixels) return;
    this._drawing.put(pixels, source);
    if (strokes) this._drawing.text = strokes;
    this._drawn(true);
  }

  async _pixels({ split, index }) {
    return (await answer({ path: `/digits/${split}/${index}`, query: { renderings: "none" } })).pixels;
  }

  _remember() {
    const { sample = null, pixels = null } = this._drawing.source ?? {};
    this._frame.remember({
      sample: sample && `${sample.split}-${sample.index}`,
      pixels: pixels && textOf(pixels),
      strokes: this._drawing.isTouched ? this._drawing.text : null,
      centre: this._isCentred.checked ? null : "off",
      model: this._model.value,
    });
  }

  _open(layer, unit) {
    this._frame.open("unit", { layer, unit, model: this._model.value });
  }

  _tables() {
    if (!this._answered) return [element("p", {}, "There are none before something is drawn.")];
    return [
      table(
        "The input, 28 rows of ink from 0 to 1",
        ["row", ...Array(28).keys()],
        this._answered.input.map((row, y) => [y, ...row.map((ink) => ink.toFixed(2))]),
      ),
      ...this._layers.map((layer) => table(`${layer.name}: ${layer.words}`, ["unit", "activity"], layer.rows)),
    ];
  }
}

function zeros([length, ...inner]) {
  return Array.from({ length }, () => (inner.length ? zeros(inner) : 0));
}

async function base64Of(file) {
  const url = await new Promise((resolve) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.readAsDataURL(file);
  });
  return url.split(",")[1];
}

function textOf(pixels) {
  const bytes = pixels.flat().map((ink) => Math.round(255 * ink));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function pixelsOf(text) {
  const bytes = Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0) / 255);
  return Array.from({ length: 28 }, (_, row) => bytes.slice(28 * row, 28 * (row + 1)));
}
