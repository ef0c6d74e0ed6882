import { answer } from "./api.js";
import { field, select } from "./element.js";

/** How people tell a model apart: by its name, its id, and its seed where others were trained beside it. */
export function titleOf({ id, card }) {
  const notes = [card.name && id, card.job && card.training.networks > 1 && `seed ${card.seed}`].filter(Boolean);
  return `${card.name ?? id}${notes.length ? ` (${notes.join(", ")})` : ""}`;
}

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
        .map((model) => new Option(titleOf(model), model.id)),
    );
    this.value = chosen === usual.id ? null : chosen;
  }
}
