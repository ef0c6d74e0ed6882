import { answer } from "./api.js";
import { field, select } from "./element.js";

/** A labelled choice among the models of one family, with the default named first. */
export class ModelChoice {
  /** @param {string} family @param {() => void} changed */
  constructor(family, changed) {
    this._family = family;
    this._select = select([["", "the default"]], changed);
    this.element = field("Network", this._select);
  }

  /** The model's id, or null for the default. */
  get value() {
    return this._select.value || null;
  }

  set value(id) {
    const wanted = id ?? "";
    if (!Array.from(this._select.options).some(({ value }) => value === wanted))
      this._select.append(new Option(wanted, wanted));
    this._select.value = wanted;
  }

  /** Reads which models there are now. */
  async refresh() {
    const { models } = await answer({ path: "/models" });
    const chosen = this.value;
    const ours = models.filter(({ family }) => family === this._family);
    const usual = ours.find(({ is_default }) => is_default);
    this._select.replaceChildren(
      new Option(`${usual.id} (default)`, ""),
      ...ours
        .filter((model) => model !== usual)
        .map(({ id, card }) => new Option(card.name ? `${card.name} (${id})` : id, id)),
    );
    this.value = chosen === usual.id ? null : chosen;
  }
}
