import { element, field, freshId, select } from "./element.js";
import { JobRun } from "./job.js";
import { LAYERS, unitName } from "./layers.js";
import { ModelChoice } from "./model.js";
import { Options } from "./options.js";
import { Probe } from "./probe.js";
import { Quiz } from "./quiz.js";
import { Tuned } from "./tuned.js";

/** What can be changed about the search. */
const OPTIONS = [
  ["starts", "Random starts", "64"],
  ["steps", "Steps at most", "200"],
  ["penalty", "Penalty on ink", "1"],
  ["smoothness", "Smoothness", "0"],
  ["robustness", "Robustness, 0 to 1", "0"],
  ["seed", "Seed", "drawn anew"],
];
const TOPIC = "search";
const FIGURES = ["stimulus", "responses", "starts", "trace", "neighbours"];

export function mount(frame) {
  return new UnitPanel(frame);
}

class UnitPanel {
  constructor(frame) {
    this._frame = frame;
    this._job = null;
    this._layer = select(
      Object.keys(LAYERS).map((layer) => [layer, `${layer} · ${LAYERS[layer].words}`]),
      () => this._chosen(),
    );
    this._unit = element("input", {
      type: "number",
      min: 0,
      value: 3,
      inputmode: "numeric",
      change: () => this._chosen(),
    });
    this._name = element("small", { id: freshId() });
    this._unit.setAttribute("aria-describedby", this._name.id);
    this._direction = { excite: this._radio("excite", "Excite", true), inhibit: this._radio("inhibit", "Inhibit") };
    this._method = select(
      [
        ["ascent", "Ascent"],
        ["notebook", "As in the notebook"],
      ],
      () => {},
    );
    this._model = new ModelChoice("digit-net", () => this._chosen());
    this._options = new Options(OPTIONS, field("Method", this._method), this._model.element);
    this._start = element("button", { class: "first" }, "Find its stimulus");
    this._run = new JobRun(frame, (isRunning) => (this._start.disabled = isRunning));
    this._tuned = new Tuned((unit) => frame.open("unit", { layer: this._layer.value, unit, model: this._model.value }));
    this._watch = { ...this._tuned.watch, accepted: (job) => this._accepted(job) };
    this._probe = new Probe(frame, () => this._remember());
    this._quiz = new Quiz(frame, () => this._remember());
    frame.body.append(this._controls(), this._tuned.element, this._probe.element, this._quiz.element);
    this._layer.value = "y";
    frame.attempt(() => this._model.refresh());
  }

  /** Shows the unit that an address names; where it names a job or a seed, the search too. */
  show(parameters) {
    const asked = Object.fromEntries(parameters);
    this._run.leave();
    this._job = null;
    this._layer.value = asked.layer in LAYERS ? asked.layer : "y";
    this._unit.value = asked.unit ?? 3;
    this._direction[asked.direction === "inhibit" ? "inhibit" : "excite"].checked = true;
    this._method.value = asked.method === "notebook" ? "notebook" : "ascent";
    this._model.value = asked.model;
    this._options.choose(asked);
    this._probe.stimulus = asked.curve;
    this._tuned.clear(this._layer.value);
    this._look();
    if (asked.job || asked.seed) this._frame.attempt(() => this._restore(asked.job), TOPIC);
    if (asked.quiz) this._quiz.follow(asked.quiz);
  }

  _controls() {
    return element(
      "form",
      { class: "card controls", novalidate: true, submit: (event) => this._submit(event) },
      field("Layer", this._layer),
      element("div", {}, field("Unit", this._unit), this._name),
      element(
        "fieldset",
        {},
        element("legend", { class: "unseen" }, "Direction"),
        ...Object.values(this._direction).map((radio) => radio.closest("label")),
      ),
      this._options.element,
      element("div", { class: "row" }, this._start),
      this._run.element,
    );
  }

  _radio(value, words, checked = false) {
    const radio = element("input", { type: "radio", name: "direction", value, checked });
    element("label", { class: "check" }, radio, words);
    return radio;
  }

  /** Another unit: what was found or refused for the last one goes. */
  _chosen() {
    this._frame.calm();
    this._run.leave();
    this._job = null;
    this._tuned.clear(this._layer.value);
    this._look();
    this._remember();
  }

  /** Measures what takes no job. */
  _look() {
    const unit = Number(this._unit.value);
    const size = LAYERS[this._layer.value].shape.reduce((product, side) => product * side);
    this._name.textContent =
      unit < size ? unitName(this._layer.value, unit) : `${this._layer.value} has units 0 to ${size - 1}`;
    this._probe.look({ layer: this._layer.value, unit, ...this._modelIfAny() });
  }

  _submit(event) {
    event.preventDefault();
    this._frame.attempt(() => this._tune(), TOPIC);
  }

  async _tune() {
    const call = this._call();
    await this._ended(await this._run.submit(call, this._watch), call.body);
  }

  /** From now on the job stands in the address. */
  _accepted({ id, request }) {
    Object.assign(this, { _job: id, _seed: request.seed });
    this._tuned.begin(this._layer.value);
    this._remember();
  }

  /** The same job again where it is still there and ours, else the same search with its seed. */
  async _restore(jobId) {
    if (!jobId) return this._tune();
    try {
      await this._ended(await this._run.follow(jobId, this._watch), this._call().body);
    } catch (error) {
      if (error.status !== 404 || this._options.chosen.seed === undefined) throw error;
      await this._tune();
    }
  }

  async _ended({ job, result }, body) {
    if (result === null) return this._tuned.cancelled();
    this._tuned.show(result);
    this._frame.tell(this._tuned.sentence);
    this._frame.offer({
      title: "Preferred stimulus",
      call: { ...this._call(), headers: { Prefer: "wait=60" }, body: { ...body, seed: result.seed } },
      answer: result,
      figures: { call: { path: `/jobs/${job.id}/result` }, names: result.digits ? FIGURES : FIGURES.slice(0, -1) },
    });
  }

  _call() {
    const body = {
      layer: this._layer.value,
      unit: Number(this._unit.value),
      direction: this._directionChosen,
      ...(this._method.value === "notebook" && { method: "notebook" }),
      ...this._options.chosen,
      ...this._modelIfAny(),
    };
    return { method: "POST", path: "/cnn/tune", query: { renderings: "none" }, body };
  }

  get _directionChosen() {
    return this._direction.inhibit.checked ? "inhibit" : "excite";
  }

  _modelIfAny() {
    return this._model.value && { model: this._model.value };
  }

  _remember() {
    const { body } = this._call();
    this._frame.remember({
      ...body,
      seed: this._job ? this._seed : body.seed,
      job: this._job,
      curve: this._probe.stimulus,
      quiz: this._quiz.jobId,
    });
  }
}
