import { post } from "./api.js";
import { Chart } from "./chart.js";
import { button, element, field, select } from "./element.js";
import { JobRun } from "./job.js";
import { number, typeset } from "./number.js";
import { Options } from "./options.js";
import { Behind, table } from "./table.js";

/** What can be changed about the training. */
const OPTIONS = [
  ["hidden_size", "Hidden units", "1", 1],
  ["seq_len_max", "Sequences shorter than (ms)", "20", 4],
  ["forget_bias", "Forget gate's bias", "default", null],
  ["target_loss", "Loss to reach", "0.0001"],
  ["max_steps", "Steps at most", "20000", 1],
  ["seed", "Seed", "drawn anew"],
];
const ASKED = ["networks", "name", "loss_on", ...OPTIONS.map(([key]) => key)];
const INKS = 6;
const TOPIC = "training";
const PREFIX = "train-"; // of what an address says, which has a model and a seed of the trial already

/** Networks of one's own, trained side by side while each one's loss is seen to fall. */
export class MemoryTraining {
  /** @param {(id: string) => void} open Shows a network in the trial. @param {() => void} changed */
  constructor(frame, open, changed) {
    Object.assign(this, { _frame: frame, _open: open, _changed: changed, _job: null });
    this._networks = element("input", { type: "number", min: 1, max: 64, value: 4, inputmode: "numeric" });
    this._name = element("input", { maxlength: 80, autocomplete: "off", placeholder: "my memory" });
    this._loss = select(
      [
        ["all", "at every ms"],
        ["report", "at reports only"],
      ],
      () => {},
    );
    this._options = new Options(OPTIONS, field("Loss counts", this._loss));
    this._start = element("button", { class: "first" }, "Train");
    this._run = new JobRun(frame, (isRunning) => (this._start.disabled = isRunning));
    this._chart = new Chart("Loss", { x: "step", y: "mean squared error (log scale)", isLogY: true, height: 220 });
    this._verdict = element("p", { class: "sentence" });
    this._table = element("div", { class: "scroll tables" });
    this._behind = new Behind("The numbers behind the losses", () => this._chart.tables);
    this._results = element(
      "div",
      { class: "stack", hidden: true },
      element(
        "div",
        { class: "stack beside" },
        element("div", {}, this._chart.element, this._verdict),
        this._table,
      ),
      this._behind.element,
    );
    this.element = element(
      "form",
      { class: "card stack", novalidate: true, submit: (event) => this._submit(event) },
      element("h3", {}, "Train networks of your own"),
      element("div", { class: "row" }, field("Side by side", this._networks), field("Name", this._name), this._start),
      this._options.element,
      this._run.element,
      this._results,
    );
  }

  /** What the address says of it: the job, and what repeats it where that is forgotten or another's. */
  get parameters() {
    if (this._job === null) return {};
    const { id, request } = this._job;
    return { job: id, ...Object.fromEntries(ASKED.map((key) => [PREFIX + key, request[key]])) };
  }

  /** Fills the form with what an address says, and follows its job. */
  show(parameters) {
    const asked = Array.from(parameters).filter(([key]) => key.startsWith(PREFIX));
    if (asked.length) this._fill(Object.fromEntries(asked.map(([key, value]) => [key.slice(PREFIX.length), value])));
    const job = parameters.get("job");
    if (job && job !== this._job?.id) this._frame.attempt(() => this._follow(job), TOPIC);
  }

  _fill(asked) {
    this._networks.value = asked.networks ?? 1;
    this._name.value = asked.name ?? "";
    this._loss.value = asked.loss_on === "report" ? "report" : "all";
    this._options.choose(asked);
  }

  async _follow(job) {
    try {
      this._ended(await this._run.follow(job, this._watch()));
    } catch (error) {
      if (error.status !== 404) throw error;
      const words = "The training of this link is forgotten, or belongs to somebody else. Press Train to repeat it.";
      throw Object.assign(new Error(words), { isTold: true });
    }
  }

  _submit(event) {
    event.preventDefault();
    this._frame.attempt(async () => {
      const { job, result } = await this._run.submit(this._call(), this._watch());
      this._ended({ job, result });
      if (result) this._open(result.model.id);
    }, TOPIC);
  }

  _call() {
    return post("/lstm/train", {
      networks: Number(this._networks.value),
      keep: "all",
      ...(this._name.value && { name: this._name.value }),
      ...(this._loss.value !== "all" && { loss_on: this._loss.value }),
      ...this._options.chosen,
    });
  }

  /** Draws a training as it goes on: a point for each network at the end of each block of steps. */
  _watch() {
    const history = [];
    return {
      accepted: (job) => this._accepted(job),
      progress: (progress) => this._progress(progress, history),
    };
  }

  _accepted(job) {
    this._job = job;
    this._table.replaceChildren();
    this._chart.show([]);
    this._verdict.textContent = "";
    this._results.hidden = false;
    this._changed();
  }

  _progress({ step, metrics: { loss, losses, chance_loss: chance, solved } }, history) {
    if (!losses || String(losses) === String(history.at(-1)?.losses)) return;
    history.push({ step, losses });
    this._chart.show(this._lines(history), { rules: [chance], words: `lowest ${number(loss)} after ${step} steps` });
    this._verdict.textContent =
      `The lowest loss is ${number(loss)} after ${step} steps; whoever always answers 0 has ${number(chance)} ` +
      `(dashed). Solved: ${solved}.`;
  }

  /** The loss of each network; network k has the seed of the training + k. */
  _lines(history) {
    const { networks, seed } = this._job.request;
    return Array.from({ length: networks }, (_, place) => ({
      name: `seed ${seed + place}`,
      ink: place % INKS,
      isUnnamed: networks > INKS,
      points: history.map(({ step, losses }) => [step, losses[place]]),
    }));
  }

  _ended({ job, result }) {
    if (result === null) {
      this._verdict.textContent = "The training was cancelled.";
      return;
    }
    this._draw(result);
    this._frame.tell(result.verdict);
    const call = { ...post("/lstm/train", { ...job.request, seed: result.seed }), headers: { Prefer: "wait=60" } };
    this._frame.offer({
      title: "Training",
      call,
      answer: result,
      figures: { call: { path: `/jobs/${job.id}/result` }, names: ["curve", "networks"] },
    });
  }

  _draw({ history, networks, best, chance_loss: chance, target_loss: target, verdict }) {
    this._chart.show(this._lines(history), { rules: [chance, target], words: verdict });
    this._verdict.textContent =
      `${typeset(verdict)} Dashed: chance, ${number(chance)}, and the loss to reach, ${number(target)}.`;
    const rows = networks.map(({ seed, loss, solved_at: solved, family, horizon_ms: horizon, model }, place) => [
      seed,
      number(loss),
      solved ?? "not yet",
      family === "closed" ? "shut" : "open",
      place === best ? longest(horizon) : horizon,
      model ? button("Show", () => this._open(model), { "aria-label": `Show the network of seed ${seed}` }) : "",
    ]);
    this._table.replaceChildren(
      table(
        "The trained networks, their input gate in the delay, the longest horizon in bold",
        ["seed", "loss", "solved after (steps)", "input gate", "horizon (ms)", "in the trial"],
        rows,
      ),
    );
    this._behind.refresh();
  }
}

function longest(horizon) {
  return element("strong", {}, String(horizon), element("span", { class: "unseen" }, ", the longest"));
}
