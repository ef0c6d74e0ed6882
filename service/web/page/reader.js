import { element } from "./element.js";
import { swatch } from "./marks.js";
import { number } from "./number.js";
import { stepped } from "./steps.js";
import { svg } from "./svg.js";

const MOST_TOLD = 8;

/**
 * What a chart has at one place: its marks, `y` in pixels, and their values in words.
 *
 * @typedef {{name: string, kind: string, ink: number, y: number, words: string}} Told
 */

/** Tells a chart's values at the pointer, or from place to place with arrow keys. */
export class Reader {
  /** @param {string} title Of the chart. */
  constructor(title) {
    this._place = null;
    this._height = null;
    this._cursor = element("span", { class: "cursor" });
    this._tip = element("div", { class: "tip" });
    /** Rings around the marks that are told, for the chart to draw. */
    this.rings = svg("g", {});
    this.element = element(
      "div",
      {
        class: "reader",
        role: "slider",
        tabindex: 0,
        "aria-label": `Values of ${title}`,
        "aria-valuemin": 0,
        hidden: true,
        pointermove: (event) => this._point(event),
        pointerleave: () => this._go(null),
        keydown: (event) => this._key(event),
        focus: () => this._go(this._place ?? 0),
        blur: () => this._go(null),
      },
      this._cursor,
      this._tip,
    );
  }

  /**
   * @param {{x: string, xs: number[], at: (x: number) => number, told: (x: number) => Told[]}} chart The label of the
   *   axis, the places that have values, in order, where they lie in pixels, and what is told of each.
   */
  show(chart) {
    this._chart = chart;
    this._last = chart.xs.length - 1;
    this.element.hidden = chart.xs.length === 0;
    if (this.element.hidden) return;
    this.element.setAttribute("aria-valuemax", this._last);
    this._go(this._place === null ? null : Math.min(this._place, this._last));
  }

  _point({ clientX, clientY }) {
    const box = this.element.getBoundingClientRect();
    const far = this._chart.xs.map((x) => Math.abs(this._chart.at(x) - (clientX - box.left)));
    this._height = clientY - box.top;
    this._go(far.indexOf(Math.min(...far)));
  }

  _key(event) {
    this._height = null;
    const place = event.key === "Escape" ? null : stepped(event, this._place ?? 0, this._last);
    if (place === null && event.key !== "Escape") return;
    event.preventDefault();
    this._go(place);
  }

  /** Goes to a place, or away. */
  _go(place) {
    this._place = place;
    if (this.element.hidden) return;
    const x = this._chart.xs[place ?? 0];
    const told = this._chart.told(x);
    this._say(place ?? 0, `${this._chart.x} ${number(x)}`, told);
    this._cursor.hidden = this._tip.hidden = place === null;
    this._mark(x, place === null ? [] : this._near(told));
  }

  _mark(x, told) {
    const left = this._chart.at(x);
    this.rings.replaceChildren(...told.map(({ y }) => svg("circle", { class: "ring", cx: left, cy: y, r: 5 })));
    this._cursor.style.setProperty("left", `${left}px`);
    this._tip.style.setProperty("--at", `${left}px`);
    this._tip.classList.toggle("is-left", left > this.element.clientWidth / 2);
    this._tip.replaceChildren(
      element("strong", {}, `${this._chart.x}: ${number(x)}`),
      ...told.map((each) => element("span", {}, swatch(each), `${each.name}: ${each.words}`)),
    );
  }

  _say(place, where, told) {
    const values = told.slice(0, MOST_TOLD).map(({ name, words }) => `${name} ${words}`);
    const more = told.length > MOST_TOLD ? [`and ${told.length - MOST_TOLD} more, in the table`] : [];
    this.element.setAttribute("aria-valuenow", place);
    this.element.setAttribute("aria-valuetext", `${where}: ${[...values, ...more].join(", ")}`);
  }

  /** All, or the nearest to the pointer where those would hide the chart. */
  _near(told) {
    if (told.length <= MOST_TOLD) return told;
    const height = this._height ?? 0;
    return told.toSorted((one, other) => Math.abs(one.y - height) - Math.abs(other.y - height)).slice(0, 1);
  }
}
