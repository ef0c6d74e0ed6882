import { answer, file } from "./api.js";
import { button, element, freshId, sureButton } from "./element.js";
import { save } from "./frame.js";
import { number, percent } from "./number.js";
import { table } from "./table.js";

/** Where a family's models are used. */
const PANELS = { "digit-net": { digits: "Digits", unit: "A unit" }, "memory-lstm": { memory: "Memory" } };

/** All networks with their cards; those of one training stand together, folded. */
export class ModelList {
  constructor(frame) {
    this._frame = frame;
    this._unfolded = new Set();
    this._list = element("ul", { class: "entries models", tabindex: -1, "aria-label": "Models" });
    this.element = element("section", { class: "card stack" }, element("h3", {}, "Models"), this._list);
  }

  async refresh() {
    const call = { path: "/models" };
    const answered = await answer(call);
    const known = JSON.stringify(answered);
    if (known === this._known) return; // nothing moves away under the pointer
    this._known = known;
    const trainings = Map.groupBy(answered.models, ({ id, card }) => card.job ?? id);
    const entries = Array.from(trainings.values(), (models) =>
      models.length > 1 ? this._training(models) : this._model(models[0]),
    );
    this._list.replaceChildren(...entries);
    this._frame.offer({ title: "Models", call, answer: answered });
  }

  /** The networks of one training. */
  _training(models) {
    const [{ id, card }] = models;
    const stem = id.replace(/-\d+$/, "");
    const names = [...new Set(models.map((model) => model.card.name))].filter(Boolean);
    const hasDefault = models.some((model) => model.is_default);
    const [best] = models.toSorted((one, other) => other.card.scores.horizon_ms - one.card.scores.horizon_ms);
    return element(
      "li",
      {},
      told(
        names.join(", ") || stem,
        [names.length && stem, `${models.length} networks`, hasDefault && "with the default"],
        `the best remembers over ${best.card.scores.horizon_ms} ms`,
      ),
      ...this._folding("Networks", stem, [this._lineage("Their training", card)], () => [
        element(
          "ul",
          { class: "entries", "aria-label": `Networks of ${stem}` },
          ...models.map((model) => this._sibling(model, names.length > 1)),
        ),
      ]),
    );
  }

  _sibling(model, isNamed) {
    const { id, is_default: isDefault, is_shared: isShared, card } = model;
    const name = isNamed ? card.name : `seed ${card.seed}`;
    return this._entry(model, name, [id, isShared && "shared", isDefault && "the default"], null);
  }

  _model(model) {
    const { id, origin, is_default: isDefault, is_shared: isShared, card } = model;
    const notes = [card.name && id, origin, origin === "trained" && isShared && "shared", isDefault && "the default"];
    return this._entry(model, card.name ?? id, notes, card.job && this._lineage("Its training", card));
  }

  /** One network: where it is used, and folded what else can be done with it, and its card. */
  _entry(model, name, notes, lineage) {
    const { id, family, card } = model;
    const uses = Object.entries(PANELS[family]).map(([panel, words]) =>
      button(`Use in ${words}`, () => this._frame.open(panel, { model: id })),
    );
    return element(
      "li",
      {},
      told(name, notes, scored(model)),
      ...this._folding("More", id, uses, () => [
        element("div", { class: "row" }, lineage, ...this._acts(model)),
        element("div", { class: "tables" }, table(`Card of ${id}`, ["entry", "value"], rowsOf(card))),
      ]),
    );
  }

  _acts({ id, family, origin, is_default: isDefault, is_shared: isShared }) {
    const path = `/models/${id}`;
    const change = (words, call) => button(words, () => this._change(id, words, call));
    const acts = [
      button(
        "Weights",
        () => this._frame.attempt(async () => save(await file({ path: `${path}/weights` }), `${id}.safetensors`)),
        { "aria-label": `Download the weights of ${id}` },
      ),
    ];
    if (!isDefault)
      acts.push(change("Make default", { method: "PUT", path: `/models/${family}/default`, body: { model: id } }));
    if (origin === "trained")
      acts.push(
        change(isShared ? "Share no longer" : "Share", { method: isShared ? "DELETE" : "PUT", path: `${path}/shared` }),
        sureButton("Delete…", "Delete for good?", () => this._change(id, "Delete", { method: "DELETE", path })),
      );
    return acts;
  }

  _lineage(words, { job }) {
    return button(words, () => this._frame.open("jobs", { job }));
  }

  /** A row of buttons, the last of which unfolds what `content` makes. */
  _folding(words, id, buttons, content) {
    const inside = element("div", { class: "stack inside", id: freshId() });
    const fold = button(words, () => unfold(inside.hidden), {
      class: "fold",
      "aria-label": `${words}: ${id}`,
      "aria-controls": inside.id,
    });
    const unfold = (isOpen) => {
      this._unfolded[isOpen ? "add" : "delete"](id);
      fold.setAttribute("aria-expanded", String(isOpen));
      inside.hidden = !isOpen;
      inside.replaceChildren(...(isOpen ? content() : []));
    };
    unfold(this._unfolded.has(id));
    return [element("div", { class: "row", role: "group", "aria-label": id }, ...buttons, fold), inside];
  }

  /** Does what a button says; afterwards the focus is on the same model, where it is still there. */
  _change(id, words, call) {
    this._frame.attempt(async () => {
      await answer(call);
      await this.refresh();
      this._frame.tell(`${words}: ${id}. Done.`);
      (this._list.querySelector(`[aria-label="More: ${id}"]`) ?? this._list).focus();
    });
  }
}

function told(name, notes, words) {
  const small = element("small", {}, notes.filter(Boolean).join(" · "));
  return element("div", {}, element("strong", {}, name), " ", small, element("p", {}, words));
}

function scored({ card: { scores } }) {
  const { test_accuracy: accuracy, horizon_ms: horizon, loss } = scores;
  if (accuracy !== undefined) return `reads ${percent(accuracy)} of the test digits`;
  return `remembers over ${horizon} ms, loss ${number(loss)}`;
}

/** The rows of a card: what it says, however deep, beside where it says so. */
function rowsOf(card, above = "") {
  return Object.entries(card).flatMap(([key, value]) => {
    const name = above + key.replaceAll("_", " ");
    if (value === null) return [];
    if (typeof value === "object" && !Array.isArray(value)) return rowsOf(value, `${name}: `);
    if (typeof value === "number") return [[name, Number(value.toPrecision(6))]];
    return [[name, Array.isArray(value) ? value.join(", ") : value]];
  });
}
