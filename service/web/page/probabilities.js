import { element } from "./element.js";
import { number, percent } from "./number.js";

/** Ten bars with their numbers: how likely each digit is to the network. */
export class Probabilities {
  constructor() {
    this._rows = Array.from({ length: 10 }, (_, digit) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, String(digit)),
        element("td", { class: "bar" }, element("i")),
        element("td", { class: "share" }),
        element("td", { class: "logit" }),
      ),
    );
    this.element = element(
      "table",
      { class: "probabilities" },
      element("caption", { class: "unseen" }, "Probability and logit of each digit"),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          ...["digit", null, "probability", "logit"].map((word) =>
            word ? element("th", { scope: "col" }, word) : element("td"),
          ),
        ),
      ),
      element("tbody", {}, ...this._rows),
    );
    this.show(null);
  }

  /** Shows a prediction; null empties the bars. */
  show(prediction) {
    this._rows.forEach((row, digit) => {
      const [, bar, share, logit] = row.children;
      const probability = prediction?.probabilities[digit];
      bar.firstChild.style.setProperty("--share", probability ?? 0);
      share.textContent = prediction ? percent(probability) : "";
      logit.textContent = prediction ? number(prediction.logits[digit]) : "";
      row.classList.toggle("is-likeliest", prediction?.label === digit);
    });
  }
}
