import { answer, file } from "./api.js";
import { button, element, sureButton } from "./element.js";
import { save } from "./frame.js";
import { number, percent } from "./number.js";
import { Behind } from "./table.js";

/** Where a family's models are used. */
const PANELS = { "digit-net": { digits: "Digits", unit: "A unit" }, "memory-lstm": { memory: "Memory" } };

/** All networks with their cards. */
export class ModelList {
  constructor(frame) {
    this._frame = frame;
    this._list = element("ul", { class: "entries", tabindex: -1, "aria-label": "Models" });
    this.element = element("section", { class: "card stack" }, element("h3", {}, "Models"), this._list);
  }

  async refresh() {
    const call = { path: "/models" };
    const answered = await answer(call);
    const known = JSON.stringify(answered);
    if (known === this._known) return; // nothing moves away under the pointer
    this._known = known;
    this._list.replaceChildren(...answered.models.map((model) => this._entry(model)));
    this._frame.offer({ title: "Models", call, answer: answered });
  }

  _entry({ id, family, origin, is_default: isDefault, card }) {
    const path = `/models/${id}`;
    const { job } = card;
    return element(
      "li",
      {},
      element(
        "div",
        {},
        element("strong", {}, card.name ?? id),
        " ",
        element("small", {}, [card.name && id, origin, isDefault && "the default"].filter(Boolean).join(" · ")),
        element("p", {}, scored(card.scores)),
      ),
      element(
        "div",
        { class: "row", role: "group", "aria-label": id },
        ...Object.entries(PANELS[family]).map(([panel, words]) =>
          button(`Use in ${words}`, () => this._frame.open(panel, { model: id })),
        ),
        isDefault
          ? null
          : button("Make default", () =>
              this._change({ method: "PUT", path: `/models/${family}/default`, body: { model: id } }),
            ),
        button(
          "Weights",
          () => this._frame.attempt(async () => save(await file({ path: `${path}/weights` }), `${id}.safetensors`)),
          { "aria-label": `Download the weights of ${id}` },
        ),
        job ? button("Its training", () => this._frame.open("jobs", { job })) : null,
        origin === "trained"
          ? sureButton("Delete…", "Delete for good?", () => this._change({ method: "DELETE", path }))
          : null,
      ),
      new Behind(`Card of ${id}`, () => [element("pre", {}, JSON.stringify(card, null, 1))]).element,
    );
  }

  _change(call) {
    this._frame.attempt(async () => {
      await answer(call);
      await this.refresh();
      this._list.focus();
    });
  }
}

function scored({ test_accuracy: accuracy, horizon_ms: horizon, loss }) {
  if (accuracy !== undefined) return `reads ${percent(accuracy)} of the test digits`;
  return `remembers over ${horizon} ms, loss ${number(loss)}`;
}
