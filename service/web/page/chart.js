import { element } from "./element.js";
import { MARKS, swatch } from "./marks.js";
import { alike, number, ticks } from "./number.js";
import { Reader } from "./reader.js";
import { svg } from "./svg.js";
import { table } from "./table.js";

const MARGIN = { left: 48, right: 20, top: 8, bottom: 36 };
const SPREADS = ["area", "whiskers"];
const SPANS = [...SPREADS, "pairs"];

/**
 * Something with a name on a chart. `points` are [x, y], for `area`, `pairs` and `whiskers` [x, from, to]; areas and
 * whiskers are the spread of the series after them.
 *
 * @typedef {{name: string, kind?: "line" | "dots" | "bars" | "pairs" | "area" | "whiskers", points: number[][],
 *   ink?: number, isUnnamed?: boolean}} Series
 */

/** A chart with axes and units, drawn anew at every size; its inks differ in dash as well as in colour. */
export class Chart {
  /**
   * @param {string} title
   * @param {{x: string, y: string, isLogX?: boolean, isLogY?: boolean, height?: number, xTicks?: number[]}} axes
   *   Labels with their units.
   */
  constructor(title, axes) {
    this.title = title;
    this._axes = { height: 200, ...axes };
    this._series = [];
    this._svg = svg("svg", { role: "img", "aria-label": title });
    this._legend = element("ul", { class: "series" });
    this._y = element("p", { class: "axis" }, axes.y);
    this._reader = new Reader(title);
    this.element = element(
      "figure",
      { class: "chart" },
      element("figcaption", {}, element("strong", {}, title), this._legend),
      this._y,
      element("div", { class: "plot" }, this._svg, this._reader.element),
    );
    new ResizeObserver(() => this._draw()).observe(this._svg);
  }

  /**
   * @param {Series[]} series
   * @param {{xRange?: number[], yRange?: number[], rules?: number[], words?: string, axes?: object}} options
   *   Ranges that the axes hold at least, levels drawn across, and words that say what there is to see.
   */
  show(series, { xRange = [], yRange = [], rules = [], words = "", axes = {} } = {}) {
    Object.assign(this, {
      _series: series.map((each, place) => ({ kind: "line", ink: place, ...each })),
      _rules: rules,
      _ranges: [xRange, yRange],
    });
    Object.assign(this._axes, axes);
    this._y.textContent = this._axes.y;
    this._svg.setAttribute("aria-label", words ? `${this.title}: ${words}` : this.title);
    this._legend.replaceChildren(
      ...(series.length > 1 ? this._series.filter(({ isUnnamed }) => !isUnnamed).map(legend) : []),
    );
    this._draw();
  }

  /** The numbers behind the chart. */
  get tables() {
    return this._series.map(({ name, points, kind }) => {
      const columns = SPANS.includes(kind) ? [this._axes.x, "from", "to"] : [this._axes.x, this._axes.y];
      return table(
        `${this.title}: ${name}`,
        columns,
        points.map((point) => point.map(number)),
      );
    });
  }

  _draw() {
    const width = this._svg.clientWidth;
    if (!width) return;
    const { height } = this._axes;
    this._svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this._svg.setAttribute("height", height);
    this._scale(width, height);
    this._svg.replaceChildren(
      ...(this._places.length ? this._frame(width, height) : []),
      ...this._series.flatMap((each) => this._marks(each)),
      this._reader.rings,
    );
    this._reader.show({ x: this._axes.x, xs: this._places, at: this._x, told: (x) => this._told(x) });
  }

  get _places() {
    const all = this._series.flatMap(({ points }) => points.map(([x]) => x));
    return [...new Set(all)].sort((one, other) => one - other);
  }

  /** What the series have at one place; a spread stands behind the value that it belongs to. */
  _told(x) {
    return this._series.flatMap((series, place) => {
      const point = pointAt(series, x);
      if (!point || SPREADS.includes(series.kind)) return [];
      const before = this._series[place - 1];
      const spread = before && SPREADS.includes(before.kind) ? pointAt(before, x) : null;
      const words = [range(point), ...(spread ? [`(${range(spread)})`] : [])].join(" ");
      return [{ ...series, words, y: this._upward(point.at(-1)) }];
    });
  }

  _scale(width, height) {
    const points = this._series.flatMap(({ points: all }) => all);
    const { isLogX, isLogY } = this._axes;
    const across = [...points.map(([x]) => x), ...(this._ranges?.[0] ?? [])];
    const up = [...points.flatMap(([, ...values]) => values), ...(this._ranges?.[1] ?? []), ...(this._rules ?? [])];
    const [low, high] = spread(
      across.map((x) => along(x, isLogX)),
      0,
    );
    const [bottom, top] = spread(
      up.map((y) => along(y, isLogY)),
      0.06,
    );
    const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    this._range = { low, high, bottom, top };
    this._x = (x) => MARGIN.left + ((along(x, isLogX) - low) / (high - low)) * inner[0];
    this._upward = (y) => MARGIN.top + (1 - (along(y, isLogY) - bottom) / (top - bottom)) * inner[1];
  }

  _frame(width, height) {
    const { low, high, bottom, top } = this._range;
    const right = width - MARGIN.right;
    const base = height - MARGIN.bottom;
    const across =
      this._axes.xTicks ?? (this._axes.isLogX ? decades(low, high) : ticks(low, high, Math.min(7, width / 70)));
    const up = this._axes.isLogY ? decades(bottom, top) : ticks(bottom, top, 4);
    const upWords = this._axes.isLogY ? up.map(String) : alike(up);
    const acrossWords = alike(across);
    return [
      ...up.flatMap((y, place) => [
        svg("path", { class: y === 0 ? "zero" : "rule", d: `M${MARGIN.left} ${this._upward(y)}H${right}` }),
        svg(
          "text",
          { x: MARGIN.left - 6, y: this._upward(y) + 4, "text-anchor": "end" },
          upWords[place],
        ),
      ]),
      ...across.map((x, place) =>
        svg("text", { x: this._x(x), y: base + 16, "text-anchor": "middle" }, acrossWords[place]),
      ),
      ...(this._rules ?? []).map((y) =>
        svg("path", { class: "level", d: `M${MARGIN.left} ${this._upward(y)}H${right}` }),
      ),
      svg("text", { x: right, y: height - 4, "text-anchor": "end", class: "label" }, this._axes.x),
    ];
  }

  _marks({ kind, points, ink }) {
    return MARKS[kind].draw(points, `ink-${ink}`, (x, y) => [this._x(x), this._upward(y)]);
  }
}

function legend(series) {
  return element("li", {}, swatch(series), series.name);
}

function pointAt({ points }, x) {
  return points.find(([each]) => each === x);
}

function range([, ...values]) {
  return values.map(number).join(" to ");
}

function along(value, isLog) {
  return isLog ? Math.log10(value) : value;
}

/** The least and the largest, with some room; never the same. */
function spread(values, room) {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return [0, 1];
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const more = (high - low || Math.abs(high) || 1) * (high === low ? 0.5 : room);
  return [low - more, high + more];
}

function decades(low, high) {
  return ticks(Math.ceil(low - 1e-9), Math.floor(high + 1e-9), 4)
    .filter(Number.isInteger)
    .map((power) => 10 ** power);
}
