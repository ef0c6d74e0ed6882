import { element } from "./element.js";

/** A table with a caption; the first cell of each row names it. A column may have no name. */
export function table(caption, columns, rows) {
  const head = element(
    "tr",
    {},
    ...columns.map((column) => (column === "" ? element("td") : element("th", { scope: "col" }, column))),
  );
  const body = rows.map(([name, ...values]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      ...values.map((value) => element("td", {}, value instanceof Node ? value : String(value))),
    ),
  );
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, head),
    element("tbody", {}, ...body),
  );
}

/** The numbers behind pictures, written only while somebody looks. */
export class Behind {
  /** @param {string} summary @param {() => HTMLElement[]} tables */
  constructor(summary, tables) {
    this._tables = tables;
    this._content = element("div", { class: "tables", tabindex: 0, role: "region", "aria-label": summary });
    this.element = element(
      "details",
      { class: "behind", toggle: () => this.refresh() },
      element("summary", {}, summary),
      this._content,
    );
  }

  /** Writes the tables anew, where they are open. */
  refresh() {
    if (this.element.open) this._content.replaceChildren(...this._tables());
  }
}
