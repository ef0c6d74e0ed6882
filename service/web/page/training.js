import { post } from "./api.js";
import { Chart } from "./chart.js";
import { button, element, field, select } from "./element.js";
import { JobRun } from "./job.js";
import { number } from "./number.js";
import { table } from "./table.js";

/** What can be changed about the training; an empty field leaves it to the service. */
const MORE = [
  ["hidden_size", "Hidden units", "1"],
  ["seq_len_max", "Sequences shorter than (ms)", "20"],
  ["forget_bias", "Forget gate's bias", "as torch has it"],
  ["target_loss", "Loss to reach", "0.0001"],
  ["max_steps", "Steps at most", "20000"],
  ["seed", "Seed", "drawn anew"],
];
const INKS = 6;

/** Networks of one's own, trained side by side while the loss is seen to fall. */
export class MemoryTraining {
  /** @param {(id: string) => void} open Shows a network in the trial. @param {() => void} changed */
  constructor(frame, open, changed) {
    Object.assign(this, { _frame: frame, _open: open, _changed: changed, jobId: null });
    this._networks = element("input", { type: "number", min: 1, max: 64, value: 4, inputmode: "numeric" });
    this._name = element("input", { maxlength: 80, autocomplete: "off", placeholder: "my memory" });
    this._loss = select(
      [
        ["all", "at every ms"],
        ["report", "at reports only"],
      ],
      () => {},
    );
    this._more = Object.fromEntries(
      MORE.map(([key, , usual]) => [key, element("input", { type: "number", step: "any", placeholder: usual })]),
    );
    this._start = element("button", { class: "first" }, "Train");
    this._run = new JobRun(frame, (isRunning) => (this._start.disabled = isRunning));
    this._chart = new Chart("Loss", { x: "step", y: "mean squared error (log scale)", isLogY: true, height: 220 });
    this._verdict = element("p", { class: "sentence" });
    this._table = element("div", { class: "scroll tables" });
    this._results = element("div", { class: "stack", hidden: true }, this._chart.element, this._verdict, this._table);
    this.element = element(
      "form",
      { class: "card stack", novalidate: true, submit: (event) => this._submit(event) },
      element("h3", {}, "Train networks of your own"),
      element("div", { class: "row" }, field("Side by side", this._networks), field("Name", this._name), this._start),
      element(
        "details",
        {},
        element("summary", {}, "More"),
        element(
          "div",
          { class: "more" },
          ...MORE.map(([key, label]) => field(label, this._more[key])),
          field("Loss counts", this._loss),
        ),
      ),
      this._run.element,
      this._results,
    );
  }

  /** Follows the job that an address names. */
  show(parameters) {
    const job = parameters.get("job");
    if (job && job !== this.jobId) this._frame.attempt(() => this._during((watch) => this._run.follow(job, watch)));
  }

  _submit(event) {
    event.preventDefault();
    this._frame.attempt(async () => {
      const result = await this._during((watch) => this._run.submit(this._call(), watch));
      if (result) this._open(result.model.id);
    });
  }

  _call() {
    const more = Object.entries(this._more)
      .filter(([, input]) => input.value !== "")
      .map(([key, input]) => [key, Number(input.value)]);
    const body = {
      networks: Number(this._networks.value),
      keep: "all",
      ...(this._name.value && { name: this._name.value }),
      ...(this._loss.value !== "all" && { loss_on: this._loss.value }),
      ...Object.fromEntries(more),
    };
    return post("/lstm/train", body);
  }

  async _during(work) {
    const points = [];
    this.jobId = null;
    this._table.replaceChildren();
    this._results.hidden = false;
    this._chart.show([]);
    this._verdict.textContent = "";
    const { job, result } = await work({ progress: (progress) => this._progress(progress, points) });
    if (result === null) this._verdict.textContent = "The training was cancelled.";
    else this._ended(job, result);
    return result;
  }

  _progress({ step, metrics: { loss, chance_loss: chance, solved } }, points) {
    if (loss == null) return;
    points.push([step, loss]);
    this._chart.show([{ name: "the lowest loss", points }], {
      rules: [chance],
      words: `${number(loss)} after ${step} steps`,
    });
    this._verdict.textContent = `The lowest loss is ${number(loss)} after ${step} steps; whoever always answers 0 has ${number(chance)} (dashed). Solved: ${solved}.`;
  }

  _ended(job, result) {
    this.jobId = job.id;
    this._draw(result);
    this._changed();
    const call = { ...post("/lstm/train", { ...job.request, seed: result.seed }), headers: { Prefer: "wait=60" } };
    this._frame.offer({
      title: "Training",
      call,
      answer: result,
      figures: { call: { path: `/jobs/${job.id}/result` }, names: ["curve", "networks"] },
    });
  }

  _draw({ history, networks, best, chance_loss: chance, target_loss: target, verdict }) {
    const series = networks.map(({ seed }, place) => ({
      name: `seed ${seed}`,
      ink: place % INKS,
      isUnnamed: networks.length > INKS,
      points: history.map(({ step, losses }) => [step, losses[place]]),
    }));
    this._chart.show(series, { rules: [chance, target], words: verdict });
    this._verdict.textContent = `${verdict} Dashed: chance, ${number(chance)}, and the loss to reach, ${number(target)}.`;
    const rows = networks.map(({ seed, loss, solved_at: solved, family, horizon_ms: horizon, model }, place) => [
      seed,
      number(loss),
      solved === null ? "not yet" : `${solved} steps`,
      family === "closed" ? "shut" : "open",
      `${horizon} ms${place === best ? ", the longest" : ""}`,
      model ? button("Show", () => this._open(model), { "aria-label": `Show the network of seed ${seed}` }) : "",
    ]);
    this._table.replaceChildren(
      table(
        "The trained networks",
        ["seed", "loss", "solved after", "input gate in the delay", "horizon", "in the trial"],
        rows,
      ),
    );
  }
}
