import { answer } from "./api.js";
import { activityScale, drawMatrix, PIXELS } from "./colour.js";
import { button, element, field, select } from "./element.js";
import { JobRun } from "./job.js";
import { LAYERS, LayerView, unitName } from "./layers.js";
import { digit } from "./tuned.js";

const TOPIC = "quiz";

/** A stimulus whose unit is not told: which one was it? */
export class Quiz {
  constructor(frame, changed) {
    this._frame = frame;
    this._changed = changed;
    this.jobId = null;
    this._layer = select(
      ["y", "l4", "l3", "l2", "l1"].map((layer) => [layer, `${layer} · ${LAYERS[layer].words}`]),
      () => {},
    );
    this._begin = button("Ask me", () => frame.attempt(() => this._ask(), TOPIC));
    this._run = new JobRun(frame, (isRunning) => (this._begin.disabled = isRunning));
    this._watch = { accepted: (job) => this._accepted(job) };
    this._before = digit("A random start");
    this._after = digit("What some unit prefers");
    this._views = element("div", { class: "layers-pair" });
    this._verdict = element("p", { class: "sentence", role: "status" });
    this._guess = element("input", { type: "number", min: 0, inputmode: "numeric", required: true });
    this._answerRow = element(
      "form",
      { class: "row", submit: (event) => this._submit(event) },
      field("It was unit", this._guess),
      element("button", { class: "first" }, "Guess"),
      button("Tell me", () => this._judge(this._guess.value, true)),
    );
    this._content = element(
      "div",
      { class: "quiz-content", hidden: true },
      element("div", { class: "pair" }, this._before.figure, this._after.figure),
      this._views,
      element("p", { class: "hint" }, "Point at a unit and click it, or type its number."),
      this._answerRow,
      this._verdict,
    );
    this.element = element(
      "section",
      { class: "card quiz" },
      element("h3", {}, "Would you recognise a unit?"),
      element(
        "p",
        { class: "hint" },
        "A unit is chosen at random, and its preferred stimulus is found. You see what the layer did before and ",
        "after, and say which unit it was.",
      ),
      element("div", { class: "row" }, field("Layer", this._layer), this._begin),
      this._run.element,
      this._content,
    );
  }

  /** Takes up a quiz that an address names. */
  follow(jobId) {
    if (jobId === this.jobId) return;
    this._frame.attempt(async () => this._ended(await this._run.follow(jobId, this._watch)), TOPIC);
  }

  async _ask() {
    const call = {
      method: "POST",
      path: "/cnn/quiz",
      query: { renderings: "none" },
      body: { layer: this._layer.value },
    };
    await this._ended(await this._run.submit(call, this._watch));
    this._frame.offer({
      title: "Quiz",
      call: { ...call, headers: { Prefer: "wait=60" } },
      figures: { call: { path: `/jobs/${this.jobId}/result` }, names: ["stimulus", "responses"] },
    });
  }

  _accepted({ id }) {
    this.jobId = id;
    this._content.hidden = true;
    this._changed();
  }

  async _ended({ result }) {
    if (result === null) return;
    this._content.hidden = false;
    this._layer.value = result.layer;
    this._verdict.textContent = this._guess.value = "";
    drawMatrix(this._before.canvas, result.initial_image, PIXELS);
    drawMatrix(this._after.canvas, result.optimized_image, PIXELS);
    const scale = activityScale(result.layer_before, result.layer_after);
    const shown = { before: result.layer_before, after: result.layer_after };
    this._shown = Object.entries(shown).map(([title, values]) => {
      const view = new LayerView(result.layer, (unit) => this._judge(unit), { title: `${result.layer} ${title}` });
      view.show(values, scale);
      return view;
    });
    this._views.replaceChildren(...this._shown.map((view) => view.element));
  }

  _submit(event) {
    event.preventDefault();
    this._judge(this._guess.value);
  }

  /** Judges a guess; who wants to be told need not have one. */
  async _judge(guess, reveal = false) {
    const unit = Number(guess);
    const call = { method: "POST", path: `/cnn/quiz/${this.jobId}/guess`, body: { unit, reveal } };
    const verdict = await this._frame.attempt(() => answer(call), TOPIC);
    if (!verdict) return;
    this._guess.value = guess;
    const solution = verdict.answer?.unit ?? null;
    for (const view of this._shown) view.mark(solution ?? unit);
    const open =
      solution === null
        ? []
        : [
            button(
              `Open ${unitName(this._layer.value, solution)}`,
              () =>
                this._frame.open("unit", {
                  layer: this._layer.value,
                  unit: solution,
                  seed: verdict.answer.seed,
                  quiz: this.jobId,
                }),
              { class: "quiet" },
            ),
          ];
    const words = guess === "" ? `It was ${unitName(this._layer.value, solution)}.` : verdict.sentence;
    this._verdict.replaceChildren(words, " ", ...open);
  }
}
