import { answer, connection, events, pause } from "./api.js";
import { button, element, field, select, sureButton } from "./element.js";
import { ModelList } from "./models.js";
import { number } from "./number.js";

const PAGE = 20;
const LOOK_EVERY_MS = 10_000;
const LOOK_AT_REST_EVERY_MS = 30_000;
const NEVER = new Promise(() => {});
const KINDS = {
  "cnn.tune": "Preferred stimulus",
  "cnn.class-matrix": "Class matrix",
  "cnn.compare": "Comparison of tunings",
  "cnn.quiz": "Quiz",
  "cnn.train": "Training of a digit network",
  "lstm.train": "Training of memories",
  "lstm.compare": "Comparison of recipes",
};
/** In which panel a job's result is at home. */
const HOMES = {
  "cnn.tune": ({ id, request: { layer, unit, model } }) => ["unit", { layer, unit, model, job: id }],
  "cnn.quiz": ({ id }) => ["unit", { quiz: id }],
  "lstm.train": ({ id }) => ["memory", { job: id }],
};
const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];
const WHEN = { dateStyle: "medium", timeStyle: "short" };
const TOLD = ["name", "layer", "unit", "direction", "model", "networks", "seed"];

export function mount(frame) {
  return new JobsPanel(frame);
}

class JobsPanel {
  constructor(frame) {
    this._frame = frame;
    this._rows = new Map();
    this._status = select([["", "all"], ...STATUSES.map((status) => [status, status])], () => this._turn(null));
    this._kind = select([["", "all"], ...Object.entries(KINDS)], () => this._turn(null));
    this._list = element("ol", { class: "entries", tabindex: -1, "aria-label": "Jobs" });
    const none = "No such jobs. Searches, quizzes and trainings come here.";
    this._none = element("p", { class: "hint", hidden: true }, none);
    this._newest = button("Newest jobs", () => this._turn(null));
    this._older = button("Older jobs", () => this._turn(this._next));
    this._models = new ModelList(frame);
    frame.body.append(
      element(
        "section",
        { class: "card stack" },
        element("h3", {}, "Jobs"),
        element("div", { class: "row" }, field("Status", this._status), field("Kind", this._kind)),
        this._list,
        this._none,
        element("div", { class: "row" }, this._newest, this._older),
      ),
      this._models.element,
    );
    connection.addEventListener("key", () => (this._top = null)); // another's, perhaps
    new IntersectionObserver(([{ isIntersecting }]) => this._seen(isIntersecting)).observe(frame.element);
  }

  /** Shows what an address names: which jobs, and one of them opened on top. */
  show(parameters) {
    this._status.value = parameters.get("status") ?? "";
    this._kind.value = parameters.get("kind") ?? "";
    const job = parameters.get("job");
    this._frame.attempt(async () => {
      this._top = job && (await answer({ path: `/jobs/${job}`, query: { renderings: "none" } }));
      await this._turn(null);
      await this._rows.get(job)?.open();
    }, "link");
  }

  /** Turns to the page that begins at a cursor. */
  async _turn(cursor) {
    this._cursor = cursor;
    this._remember();
    await this._frame.attempt(() => this._read());
  }

  _seen(isSeen) {
    this._looking?.abort();
    if (!isSeen) return;
    this._looking = new AbortController();
    this._frame.attempt(() => this._look(this._looking.signal));
    this._frame.attempt(() => this._models.refresh());
  }

  /** One list now and then, and one stream of events: that of the job whose turn it is. */
  async _look(signal) {
    for (let stream = null; !signal.aborted;) {
      if (document.hidden)
        await new Promise((resolve) => addEventListener("visibilitychange", resolve, { once: true }));
      await this._frame.attempt(() => this._read(signal));
      const jobs = Array.from(this._rows.values(), ({ job }) => job);
      const first = jobs.find(({ status }) => status === "running") ?? jobs.findLast(isUnfinished);
      if (first) {
        stream ??= this._frame
          .attempt(() => this._follow(first.id, signal))
          .then((isEnded) => ((stream = null), isEnded || NEVER));
      }
      await Promise.race([pause(first ? LOOK_EVERY_MS : LOOK_AT_REST_EVERY_MS), stream ?? NEVER]);
    }
  }

  /** Shows how a job comes along; true when it has ended. */
  async _follow(id, signal) {
    for await (const { name: event, data } of events(id, signal)) {
      const row = this._rows.get(id);
      const hasBegun = row?.job.status === "queued";
      if (event === "progress") row?.show({ ...row.job, status: "running", progress: data });
      if (hasBegun) this._frame.attempt(() => this._read(signal)); // the others move up
      if (event !== "progress" && event !== "preview") this._ended(data);
    }
    return true;
  }

  _ended(job) {
    this._frame.tell(`${KINDS[job.kind]}: ${job.status}.`);
    if (job.kind.endsWith("train")) this._frame.attempt(() => this._models.refresh());
  }

  async _read(signal) {
    const call = {
      path: "/jobs",
      query: { status: this._status.value || null, kind: this._kind.value || null, limit: PAGE, cursor: this._cursor },
    };
    const answered = await answer(call, signal);
    const { jobs, next } = answered;
    const top = this._top && !jobs.some(({ id }) => id === this._top.id) ? [this._top] : [];
    const rows = [...top, ...jobs].map((job) => this._row(job));
    this._rows = new Map(rows.map((row) => [row.job.id, row]));
    for (const gone of [...this._list.children].filter((each) => !rows.some((row) => row.element === each)))
      gone.remove();
    rows.forEach(
      (row, place) =>
        this._list.children[place] === row.element ||
        this._list.insertBefore(row.element, this._list.children[place] ?? null),
    );
    this._none.hidden = rows.length > 0;
    this._next = next;
    this._older.hidden = !next;
    this._newest.hidden = !this._cursor;
    this._frame.offer({ title: "Jobs", call, answer: answered });
  }

  _row(job) {
    const row =
      this._rows.get(job.id) ??
      new JobRow(
        this._frame,
        (id) => this._remember(id),
        () => this._forgotten(job.id),
      );
    row.show(job);
    return row;
  }

  async _forgotten(id) {
    if (this._top?.id === id) this._top = null;
    await this._turn(this._cursor);
    this._list.focus();
  }

  _remember(job = this._top?.id) {
    this._frame.remember({ status: this._status.value, kind: this._kind.value, job });
  }
}

/** A job: how it stands, and what can be done about it. */
class JobRow {
  constructor(frame, opened, gone) {
    this._frame = frame;
    this._words = element("p", {});
    this._bar = element("progress", { max: 1, "aria-label": "Progress" });
    this._pictures = element("div", {
      class: "pictures",
      role: "region",
      tabindex: 0,
      "aria-label": "Pictures of the result",
    });
    const acts = {
      cancel: button("Cancel", () => frame.attempt(async () => this.show(await answer(this._call("POST", "/cancel"))))),
      open: button("Open", () => this.open().then(() => opened(this.job.id))),
      go: button("Show in its panel", () => frame.open(...HOMES[this.job.kind](this.job))),
      forget: sureButton("Forget…", "Forget for good?", () =>
        frame.attempt(async () => {
          await answer({ method: "DELETE", path: `/jobs/${this.job.id}` });
          await gone();
        }),
      ),
    };
    this._acts = acts;
    this._buttons = element("div", { class: "row", role: "group" }, ...Object.values(acts));
    this._title = element("strong", {});
    this._told = element("small", {});
    this.element = element(
      "li",
      {},
      element("div", {}, this._title, " ", this._told, this._words, this._bar),
      this._buttons,
      this._pictures,
    );
  }

  /** Says how the job stands now. */
  show(job) {
    this.job = job;
    const { kind, status, request, created_at: created } = job;
    const told = TOLD.filter((key) => request[key] != null && typeof request[key] !== "object").map(
      (key) => `${key} ${request[key]}`,
    );
    this._title.textContent = KINDS[kind];
    this._told.textContent = [...told, new Date(created).toLocaleString([], WHEN)].join(" · ");
    this._buttons.setAttribute("aria-label", `${KINDS[kind]}, ${this._told.textContent}`);
    this._words.textContent = standing(job);
    this._words.className = status;
    this._bar.hidden = status !== "running";
    this._bar.value = job.progress.fraction;
    this._acts.cancel.hidden = !isUnfinished(job);
    this._acts.open.hidden = status !== "succeeded";
    this._acts.go.hidden = status !== "succeeded" || !HOMES[kind];
    this._acts.forget.hidden = isUnfinished(job);
  }

  /** Shows the pictures of the result. */
  async open() {
    if (this.job.status !== "succeeded") return;
    await this._frame.attempt(async () => {
      const call = this._call("GET", "/result", {});
      const { renderings, ...result } = await answer(call);
      this._pictures.replaceChildren(
        ...renderings.map(({ media_type: type, data, alt }) =>
          element("img", { src: `data:${type};base64,${data}`, alt }),
        ),
      );
      this._frame.offer({
        title: "Result",
        call: this._call("GET", "/result"),
        answer: result,
        figures: { call, names: renderings.map((each) => each.name) },
      });
    });
  }

  _call(method, what = "", query = { renderings: "none" }) {
    return { method, path: `/jobs/${this.job.id}${what}`, query };
  }
}

function isUnfinished({ status }) {
  return status === "queued" || status === "running";
}

function standing({
  status,
  position,
  starts_in_seconds: start,
  progress,
  started_at: started,
  finished_at: finished,
  error,
}) {
  const about = (seconds, words) => (seconds ? `, ${words} ${number(Math.ceil(seconds))} s` : "");
  if (status === "queued")
    return `number ${position ?? "?"} in the queue${about(start, "begins in about")}${about(progress.eta_seconds, "ends in about")}`;
  if (status === "running")
    return `running: step ${progress.step}${progress.total ? ` of ${progress.total}` : ""}${about(progress.eta_seconds, "ends in about")}`;
  if (status === "failed") return `failed: ${error?.detail ?? ""}`;
  return started ? `${status} after ${number((new Date(finished) - new Date(started)) / 1000)} s` : status;
}
