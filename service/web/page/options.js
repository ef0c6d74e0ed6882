import { element, field } from "./element.js";

/** What can be changed about a job: numbers that may stay empty, and so are left to the service, folded away. */
export class Options {
  /**
   * @param {[string, string, string, number?][]} numbers For each its name in a request, its label, what the service
   *   takes where it is left out, and its least value (default: 0; null where it has none).
   * @param {...HTMLElement} fields Those that are no numbers.
   */
  constructor(numbers, ...fields) {
    this._inputs = Object.fromEntries(
      numbers.map(([key, , usual, least = 0]) => [
        key,
        element("input", { type: "number", min: least, step: "any", placeholder: usual }),
      ]),
    );
    this.element = element(
      "details",
      {},
      element("summary", {}, "More"),
      element("div", { class: "more" }, ...numbers.map(([key, label]) => field(label, this._inputs[key])), ...fields),
    );
  }

  /** The numbers that were chosen, as a request has them. */
  get chosen() {
    const filled = Object.entries(this._inputs).filter(([, input]) => input.value !== "");
    return Object.fromEntries(filled.map(([key, input]) => [key, Number(input.value)]));
  }

  /** Chooses what an address or a request says; the rest is left to the service. */
  choose(numbers) {
    for (const [key, input] of Object.entries(this._inputs)) input.value = numbers[key] ?? "";
  }
}
