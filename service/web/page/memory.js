import { patientAnswer, post } from "./api.js";
import { button, element, field, freshId, select } from "./element.js";
import { HorizonCurves } from "./horizon.js";
import { latest } from "./latest.js";
import { LesionTable } from "./lesions.js";
import { MemoryTraining } from "./training.js";
import { ModelChoice } from "./model.js";
import { number, score, typeset } from "./number.js";
import { Behind, table } from "./table.js";
import { GATES, Traces } from "./traces.js";

const TRIALS = 128;
const DELAYS = [...Array(21).keys()]
  .slice(1)
  .concat(25, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1000);
const WINDOWS = [
  ["always", "always"],
  ["encode", "at memorize"],
  ["delay", "in the delay"],
  ["report", "at report"],
];
const SCORES = [
  ["R² of the reports", "r2"],
  ["gain (slope)", "gain"],
  ["correlation", "correlation"],
  ["report error (rms)", "report_rmse", "chance_rmse"],
  ["answers unasked (rms)", "leak_rms"],
];

export function mount(frame) {
  return new MemoryPanel(frame);
}

class MemoryPanel {
  constructor(frame) {
    this._frame = frame;
    this._model = new ModelChoice("memory-lstm", () => this._settled());
    this._delay = element("input", {
      id: freshId(),
      type: "range",
      min: 0,
      max: DELAYS.length - 1,
      input: () => this._slid(),
      change: () => this._settled(),
    });
    this._delayWords = element("output", {});
    this._gates = GATES.map(
      (gate) =>
        new Holding(
          gate,
          () => this._changed(),
          () => this._settled(),
        ),
    );
    this._release = button("Let go of all", () => this._hold([]));
    this._traces = new Traces((gate, value) => this._gates.find(({ key }) => key === gate).hold(value));
    this._traces.element.addEventListener("pointerup", () => this._settled());
    this._sentence = element("p", { class: "sentence" });
    this._scores = element("div", { class: "tables" });
    this._roles = element("ul", { class: "roles" });
    this._behind = new Behind("The numbers behind the traces", () => [
      table("Each ms of the trial", this._traces.columns, this._traces.rows),
    ]);
    this._lesions = new LesionTable(frame, (clamp) => this._hold([clamp]));
    this._horizon = new HorizonCurves(frame, () => this._settled());
    this._training = new MemoryTraining(
      frame,
      (id) => this._open(id),
      () => this._remember(),
    );
    this._ask = latest(() => frame.attempt(() => this._answer()));
    frame.body.append(
      this._controls(),
      this._trial(),
      this._training.element,
      this._horizon.element,
      this._lesions.element,
    );
    frame.attempt(() => this._refresh());
  }

  /** Shows the trial that an address names. */
  show(parameters) {
    this._model.value = parameters.get("model");
    this._setDelay(whole(parameters.get("delay"), 15));
    this._seed = whole(parameters.get("seed"), 1);
    this._setClamps((parameters.get("held") ?? "").split(".").map(clampOf));
    this._horizon.show(parameters);
    this._training.show(parameters);
    this._settled();
  }

  _controls() {
    return element(
      "div",
      { class: "card controls" },
      this._model.element,
      element(
        "div",
        { class: "field" },
        element("label", { for: this._delay.id }, "Delay from memorize to report"),
        element("div", { class: "row slide" }, this._delay, this._delayWords),
      ),
      element(
        "fieldset",
        { class: "stack" },
        element("legend", {}, "Hold a gate"),
        ...this._gates.map((holding) => holding.element),
      ),
      element(
        "div",
        { class: "row" },
        this._release,
        button("Other trials", () => this._drawTrials()),
      ),
    );
  }

  _trial() {
    return element(
      "div",
      { class: "trial stack" },
      element("section", { class: "card" }, this._traces.element, this._behind.element),
      element(
        "section",
        { class: "card told" },
        element("div", {}, element("h3", {}, "How well it reports"), this._sentence, this._scores),
        element("div", {}, element("h3", {}, "What the gates do"), this._roles),
      ),
    );
  }

  get _clamps() {
    return this._gates.map(({ clamp }) => clamp).filter(Boolean);
  }

  get _modelIfAny() {
    return this._model.value && { model: this._model.value };
  }

  _call(clamps) {
    const body = {
      delay: this._delayMs,
      batch_size: TRIALS,
      ...(clamps.length && { clamps }),
      ...this._modelIfAny,
      seed: this._seed,
    };
    return post("/lstm/gates", body);
  }

  async _answer() {
    const clamps = this._clamps;
    const call = this._call(clamps);
    const [intact, held] = await Promise.all([this._intactNow(), clamps.length ? this._measured(call) : null]);
    this._draw(intact, held, clamps);
    this._frame.offer({
      title: "Trial",
      call,
      answer: held ?? intact,
      figures: { call: { ...call, query: {} }, names: ["gates", "aligned", "trial", "scatter"] },
    });
  }

  /** The same trials with nothing held; asked for anew only when they are others. */
  async _intactNow() {
    const call = this._call([]);
    const key = JSON.stringify(call);
    if (this._intact?.key !== key) this._intact = { key, answered: await this._measured(call) };
    return this._intact.answered;
  }

  _measured(call) {
    return patientAnswer(call, (problem) => this._frame.refuse(problem));
  }

  _draw(intact, held, clamps) {
    const { error } = held ?? intact;
    this._traces.show(held ?? intact, held && intact, clamps);
    const rows = SCORES.map(([words, key, chance]) => [
      words,
      score(error[key]),
      ...(held ? [score(intact.error[key])] : []),
      chance ? score(error[chance]) : "",
    ]);
    this._scores.replaceChildren(
      table(
        `Over ${error.reports} reports`,
        ["score", ...(held ? ["held", "nothing held"] : ["network"]), "chance"],
        rows,
      ),
    );
    this._sentence.textContent = held ? broken(error, intact.error) : remembered(error, this._delayMs);
    this._roles.replaceChildren(...Object.values(intact.roles).map((words) => element("li", {}, typeset(words))));
    this._behind.refresh();
    this._frame.tell(this._sentence.textContent);
  }

  _slid() {
    this._setDelay(DELAYS[this._delay.value]);
    this._changed();
  }

  _setDelay(delay) {
    this._delayMs = delay;
    this._delay.value = DELAYS.findLastIndex((each) => each <= delay);
    this._delayWords.textContent = `${delay} ms`;
    this._delay.setAttribute("aria-valuetext", `${delay} ms`);
  }

  _hold(clamps) {
    this._setClamps(clamps);
    this._settled();
    this._traces.element.scrollIntoView({ block: "nearest" });
  }

  _setClamps(clamps) {
    for (const holding of this._gates) holding.show(clamps.find(({ gate }) => gate === holding.key));
  }

  _drawTrials() {
    [this._seed] = crypto.getRandomValues(new Uint32Array(1));
    this._settled();
  }

  /** What follows while a slider moves. */
  _changed() {
    this._release.disabled = this._clamps.length === 0;
    this._ask();
    this._remember();
  }

  /** What is measured once it rests. */
  _settled() {
    this._changed();
    this._lesions.look({ delay: Math.max(2, this._delayMs), ...this._modelIfAny, seed: this._seed });
    this._horizon.look(this._model.value, this._clamps, this._seed);
  }

  async _open(id) {
    this._model.value = id;
    await this._refresh();
  }

  /** Reads which networks there are. */
  async _refresh() {
    await Promise.all([this._model.refresh(), this._horizon.refresh()]);
    this._settled();
  }

  _remember() {
    this._frame.remember({
      model: this._model.value,
      delay: this._delayMs,
      held: this._clamps.map(({ gate, value, window }) => `${gate}-${Math.round(100 * value)}-${window}`).join("."),
      seed: this._seed,
      ...this._horizon.parameters,
      ...this._training.parameters,
    });
  }
}

/** Where a gate is held, and when. */
class Holding {
  /** @param {() => void} changed Called while it moves. @param {() => void} settled Called when it rests. */
  constructor({ key, title }, changed, settled) {
    this.key = key;
    this._changed = changed;
    this._is = element("input", { type: "checkbox", change: settled });
    this._value = element("input", {
      type: "range",
      min: 0,
      max: 1,
      step: 0.01,
      "aria-label": `${title} held at`,
      input: () => this.hold(this._value.value),
      change: settled,
    });
    this._words = element("output", {});
    this._window = select(WINDOWS, settled, { "aria-label": `When the ${title.toLowerCase()} is held` });
    this.element = element(
      "div",
      { class: "holding" },
      element("label", { class: "check" }, this._is, title),
      this._window,
      element("div", { class: "row slide" }, this._value, this._words),
    );
  }

  get clamp() {
    return this._is.checked ? { gate: this.key, value: Number(this._value.value), window: this._window.value } : null;
  }

  /** Takes over a clamp, or lets go. */
  show(clamp) {
    this._is.checked = Boolean(clamp);
    this._window.value = clamp?.window ?? this._window.value;
    this._set(clamp?.value ?? 0);
  }

  hold(value) {
    this._is.checked = true;
    this._set(value);
    this._changed();
  }

  _set(value) {
    this._value.value = value;
    this._words.textContent = number(Number(value));
  }
}

function remembered({ r2, correlation }, delay) {
  if (r2 >= 0.9) return `It remembers over ${delay} ms: R² ${score(r2)}.`;
  const order = correlation > 0.9 ? `, though in the right order (correlation ${score(correlation)})` : "";
  return `Over ${delay} ms it no longer reports what it was told: R² ${score(r2)}${order}.`;
}

function broken(error, intact) {
  const leaks = error.leak_rms - intact.leak_rms > 0.1 * error.chance_rmse ? " It answers when nothing is asked." : "";
  const words = intact.r2 - error.r2 > 0.1 ? "This breaks it: R² goes" : "This does no harm to its reports: R² goes";
  return `${words} from ${score(intact.r2)} to ${score(error.r2)}.${leaks}`;
}

function clampOf(text) {
  const [gate, value, window] = text.split("-");
  return { gate, value: Number(value) / 100, window };
}

function whole(text, usual) {
  return /^\d+$/.test(text ?? "") ? Number(text) : usual;
}
