import { patientAnswer, post } from "./api.js";
import { latest } from "./latest.js";

/** A question whose newest answer is shown and offered; one that is answered already is not asked again. */
export class Question {
  /**
   * @param {import("./frame.js").Frame} frame
   * @param {{title: string, path: string, names: string[]}} what `names` are those of its pictures.
   * @param {(answered: object) => void} show
   */
  constructor(frame, { title, path, names }, show) {
    this._ask = latest((body) =>
      frame.attempt(async () => {
        const call = post(path, body);
        this.answered = await patientAnswer(call, (problem) => frame.refuse(problem));
        show(this.answered);
        frame.offer({ title, call, answer: this.answered, figures: { call: { ...call, query: {} }, names } });
      }),
    );
  }

  /** Asks; whether that was necessary. */
  ask(body) {
    const key = JSON.stringify(body);
    const isNew = key !== this._key;
    this._key = key;
    if (isNew) this._ask(body);
    return isNew;
  }
}
