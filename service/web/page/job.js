import { answer, events, pause, submit } from "./api.js";
import { button, element } from "./element.js";
import { number, percent } from "./number.js";

const PLACE_EVERY_MS = 2000;

/**
 * A job on its way: its place in the queue, how far it is, a way to cancel it.
 *
 * @typedef {{accepted?: (job: object) => void, progress?: (progress: object) => void,
 *   preview?: (picture: {media_type: string, data: string}) => void}} Watch
 */
export class JobRun {
  /** @param {import("./frame.js").Frame} frame @param {(isRunning: boolean) => void} changed */
  constructor(frame, changed) {
    this._frame = frame;
    this._changed = changed;
    this._ended = new AbortController();
    this._bar = element("progress", { max: 1, "aria-label": "Progress of the job" });
    this._words = element("p", { class: "words" });
    this._cancel = button("Cancel", () => this.cancel());
    this.element = element(
      "div",
      { class: "run", hidden: true },
      this._bar,
      element("div", { class: "row" }, this._words, this._cancel),
    );
  }

  /** Submits a job and follows it: `{job, result}`, the result null where it was cancelled. @param {Watch} watch */
  async submit(call, watch) {
    return this._during(async (signal) => this._follow(await submit(call, signal), watch, signal));
  }

  /** Follows a job that there is already. @param {Watch} watch */
  async follow(jobId, watch) {
    return this._during(async (signal) =>
      this._follow(await answer({ path: `/jobs/${jobId}`, query: { renderings: "none" } }, signal), watch, signal),
    );
  }

  async cancel() {
    this._cancel.disabled = true;
    await this._frame.attempt(() =>
      answer({ method: "POST", path: `/jobs/${this._id}/cancel`, query: { renderings: "none" } }),
    );
  }

  /** Looks away; the job goes on. */
  leave() {
    this._ended.abort();
  }

  async _during(work) {
    this.leave();
    const ended = (this._ended = new AbortController());
    this._show(0, "On its way…");
    this._cancel.disabled = false;
    this._cancel.hidden = true;
    this.element.hidden = false;
    this._changed(true);
    try {
      return await work(ended.signal);
    } finally {
      ended.abort();
      if (this._ended === ended) {
        this.element.hidden = true;
        this._changed(false);
      }
    }
  }

  async _follow(job, watch, signal) {
    this._id = job.id;
    this._cancel.hidden = false;
    watch.accepted?.(job);
    this._tellPlace(job, signal);
    for await (const { name, data } of events(job.id, signal)) {
      this._hasBegun = true;
      if (name === "progress") this._progress(data, watch);
      else if (name === "preview") watch.preview?.(data);
      else return this._end(name, data, signal);
    }
    return null;
  }

  async _end(status, job, signal) {
    this._frame.tell(`The job has ${status}.`);
    if (status === "failed")
      throw Object.assign(new Error(job.error.detail), { isTold: true, errors: job.error.errors });
    const result =
      status === "succeeded" ? await answer({ path: job.links.result, query: { renderings: "none" } }, signal) : null;
    return { job, result };
  }

  _progress(progress, watch) {
    const { step, total, fraction, eta_seconds: seconds } = progress;
    const left = seconds ? `, about ${number(Math.ceil(seconds))} s left` : "";
    this._show(fraction, `Step ${step}${total ? ` of ${total}` : ""}${left}`);
    this._frame.tell(`${percent(fraction, 0)} done.`);
    watch.progress?.(progress);
  }

  /** The queue has no events: it is asked now and then until the job begins. */
  async _tellPlace(job, signal) {
    this._hasBegun = false;
    while (!this._hasBegun && !signal.aborted) {
      if (job.status === "queued") {
        this._show(0, placeOf(job));
        this._frame.tell(this._words.textContent);
      }
      await pause(PLACE_EVERY_MS);
      if (this._hasBegun || signal.aborted) return;
      job = await answer({ path: `/jobs/${job.id}`, query: { renderings: "none" } }, signal).catch(() => job);
    }
  }

  _show(fraction, words) {
    this._bar.value = fraction;
    this._words.textContent = words;
  }
}

function placeOf({ position, starts_in_seconds: seconds }) {
  const place = position > 1 ? `Number ${position} in the queue` : "Next in the queue";
  return seconds ? `${place}, begins in about ${number(Math.ceil(seconds))} s` : place;
}
