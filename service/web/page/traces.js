import { element } from "./element.js";
import { number, ticks } from "./number.js";
import { stepped } from "./steps.js";
import { svg } from "./svg.js";

const LEFT = 40;
const RIGHT = 30; // for the grips of the gates
const TITLE = 20;
const GAP = 12;
const MARKS = 18;
const GRAB_PIXELS = 3;
const SNAP = 0.04;
const WORD_PIXELS = 66;
const LETTER_PIXELS = 14;
const LEAST_PIXELS = 3;
/** From when to when (ms) an event makes a window last, as in models/memory_lstm.py. */
const SPANS = {
  encode: ({ kind, time_ms: time }) => (kind === "memorize" ? [[time, time]] : []),
  delay: ({ kind, time_ms: time, delay_ms: delay }) =>
    kind === "memorize" && delay > 1 ? [[time + 1, time + delay - 1]] : [],
  report: ({ kind, time_ms: time }) => (kind === "report" ? [[time, time]] : []),
};
const WHEN = { always: "", encode: " at memorize", delay: " in the delay", report: " at report" };

/** The rows on the one time axis. A gate can be held by dragging its trace. */
const ROWS = [
  { key: "stimulus", title: "Stimulus", height: 44, range: [-1, 1] },
  { key: "input", title: "Input gate", height: 54, range: [0, 1], isGate: true },
  { key: "forget", title: "Forget gate", height: 54, range: [0, 1], isGate: true },
  { key: "output", title: "Output gate", height: 54, range: [0, 1], isGate: true },
  { key: "cell", title: "Cell", height: 64 },
  { key: "report", title: "Report", height: 64, least: 1 },
];
const BOTTOM = ROWS.reduce((top, row) => (row.top = top + GAP + TITLE) + row.height, MARKS - GAP);

export const GATES = ROWS.filter(({ isGate }) => isGate);

/** What one unit does on one time axis; thin dashes are the same trial with no gate held. */
export class Traces {
  /** @param {(gate: string, value: number) => void} hold Called while a gate's trace is dragged. */
  constructor(hold) {
    this._hold = hold;
    this._time = null;
    this._svg = svg("svg", { "aria-hidden": "true", height: BOTTOM + 22 });
    this._grips = GATES.map(({ title }) =>
      element("span", { class: "grip", title: `Drag to hold the ${title.toLowerCase()}` }),
    );
    this._stage = element(
      "div",
      { class: "stage", role: "slider", tabindex: 0, "aria-label": "Time in the trial", "aria-valuemin": 0 },
      this._svg,
      ...this._grips,
    );
    this._title = element("strong", {});
    this._letters = element("span", { class: "hint", hidden: true }, "M: memorize, R: report.");
    this.element = element(
      "figure",
      { class: "chart" },
      element(
        "figcaption",
        {},
        this._title,
        element("span", { class: "hint" }, "Drag a gate's trace, or its ⇕, to hold the gate; shaded: while it is held."),
        this._letters,
      ),
      this._stage,
    );
    const listeners = {
      pointermove: (event) => (this._grabbed ? this._drag(event) : this._point(event)),
      pointerdown: (event) => this._grab(event),
      pointerup: () => (this._grabbed = null),
      pointercancel: () => (this._grabbed = null),
      pointerleave: () => this._look(null),
      keydown: (event) => this._key(event),
      focus: () => this._look(this._time ?? 0),
      blur: () => this._look(null),
    };
    for (const [type, listener] of Object.entries(listeners)) this._stage.addEventListener(type, listener);
    new ResizeObserver(() => this._draw()).observe(this._stage);
  }

  /**
   * @param {object} answer Of /lstm/gates.
   * @param {object | null} intact The same trial with nothing held.
   * @param {{gate: string, value: number, window: string}[]} clamps
   */
  show(answer, intact, clamps) {
    const unit = (intact ?? answer).reporting_unit;
    const units = answer.cell[0].length;
    Object.assign(this, {
      _answer: answer,
      _clamps: clamps,
      _values: valuesOf(answer, unit),
      _intact: intact && valuesOf(intact, unit),
    });
    this._last = answer.time_ms.length - 1;
    this._title.textContent =
      units === 1 ? "Inside the network" : `Inside the network: unit ${unit} of ${units}, which reports`;
    this._stage.setAttribute("aria-valuemax", this._last);
    this._look(this._time === null ? null : Math.min(this._time, this._last));
  }

  /** All values, a row each ms. */
  get rows() {
    return this._answer.time_ms.map((time) => [
      time,
      ...ROWS.map(({ key }) => number(this._values[key][time])),
      number(this._answer.target[time]),
    ]);
  }

  get columns() {
    return ["time (ms)", ...ROWS.map(({ title }) => title.toLowerCase()), "wanted"];
  }

  _grab(event) {
    const row = this._rowAt(event);
    const isScrolling = event.pointerType === "touch" && !this._grips.includes(event.target);
    if (!row?.isGate || event.button !== 0 || isScrolling) return;
    this._grabbed = { row, from: event.clientY };
    this._stage.setPointerCapture(event.pointerId);
  }

  _drag(event) {
    const { row, from } = this._grabbed;
    this._grabbed.isMoving ||= Math.abs(event.clientY - from) > GRAB_PIXELS;
    if (!this._grabbed.isMoving) return;
    const open = 1 - (event.clientY - this._stage.getBoundingClientRect().top - row.top) / row.height;
    this._hold(row.key, open < SNAP ? 0 : open > 1 - SNAP ? 1 : Math.round(100 * open) / 100);
  }

  _point(event) {
    if (!this._values) return;
    this._stage.classList.toggle("on-gate", Boolean(this._rowAt(event)?.isGate));
    const share = (event.clientX - this._stage.getBoundingClientRect().left - LEFT) / this._inner;
    this._look(Math.round(share * this._last));
  }

  _rowAt({ clientY }) {
    const y = clientY - this._stage.getBoundingClientRect().top;
    return ROWS.find(({ top, height }) => y >= top - TITLE && y <= top + height + GAP / 2);
  }

  _key(event) {
    const time = stepped(event, this._time ?? 0, this._last);
    if (!this._values || time === null) return;
    event.preventDefault();
    this._look(time);
  }

  /** Puts the cursor on a time, or takes it away. */
  _look(time) {
    if (!this._values) return;
    this._time = time === null ? null : Math.min(this._last, Math.max(0, time));
    const now = this._time ?? 0;
    this._stage.setAttribute("aria-valuenow", now);
    this._stage.setAttribute(
      "aria-valuetext",
      `${now} ms: ${ROWS.map(({ key, title }) => `${title.toLowerCase()} ${number(this._values[key][now])}`).join(", ")}`,
    );
    this._draw();
  }

  _draw() {
    const width = this._stage.clientWidth;
    if (!width || !this._values) return;
    this._inner = width - LEFT - RIGHT;
    this._svg.setAttribute("viewBox", `0 0 ${width} ${BOTTOM + 22}`);
    this._svg.replaceChildren(
      ...this._events(),
      ...ROWS.flatMap((row) => this._row(row)),
      ...this._axis(),
      ...this._cursor(),
    );
  }

  _x(time) {
    return LEFT + (time / this._last) * this._inner;
  }

  /** The events through all rows: a line and its name, where names have room; else the first letter. */
  _events() {
    const { events } = this._answer;
    const places = events.map(({ time_ms: time }) => this._x(time));
    const isWide = places.every((x, place) => x - (places[place - 1] ?? -WORD_PIXELS / 2) >= WORD_PIXELS);
    this._letters.hidden = isWide;
    return events.flatMap(({ kind }, place) => [
      svg("path", { class: `event ${kind}`, d: `M${places[place]} ${MARKS}V${BOTTOM}` }),
      svg(
        "text",
        { x: places[place], y: MARKS - 5, "text-anchor": anchorAt(places, place), class: "title" },
        isWide ? kind : kind[0].toUpperCase(),
      ),
    ]);
  }

  /** Where a gate is held: its row is shaded as long as it is. */
  _window({ window }, { top, height }) {
    const spans = window === "always" ? [[0, this._last]] : this._answer.events.flatMap(SPANS[window]);
    return spans.map(([from, to]) => {
      const x = this._x(Math.max(0, from - 0.5));
      const width = Math.max(LEAST_PIXELS, this._x(Math.min(this._last, to + 0.5)) - x);
      return svg("rect", { class: "window", x, y: top, width, height });
    });
  }

  _row({ key, title, top, height, range, least, isGate }) {
    const values = this._values[key];
    const intact = this._intact?.[key];
    const [low, high] = range ?? reach(least, values, intact ?? []);
    const y = (value) => top + (1 - (value - low) / (high - low)) * height;
    const line = (each) =>
      each.map((value, time) => `${time ? "L" : "M"}${this._x(time).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const held = this._clamps.find(({ gate }) => isGate && gate === key);
    if (isGate) this._place(key, top, y(held?.value ?? values.at(-1)), held);
    return [
      ...(held ? this._window(held, { top, height }) : []),
      ...[...new Set([low, 0, high])].flatMap((value) => [
        svg("path", { class: value === 0 ? "zero" : "rule", d: `M${LEFT} ${y(value)}H${LEFT + this._inner}` }),
        svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)),
      ]),
      svg(
        "text",
        { x: LEFT, y: top - 6, class: "title" },
        title,
        held ? ` · held at ${number(held.value)}${WHEN[held.window]}` : "",
      ),
      ...(intact ? [svg("path", { class: "intact", d: line(intact) })] : []),
      svg("path", { class: `line ink-${held ? 1 : 0} ${key}`, d: line(values) }),
      ...(key === "stimulus" ? this._dots("memorize", "dot ink-0", values, y, 4) : []),
      ...(key === "report"
        ? [
            ...this._dots("report", "hollow", this._answer.target, y, 6),
            ...this._dots("report", "dot ink-0", values, y, 3.5),
          ]
        : []),
    ];
  }

  /** The values at the events of a kind. */
  _dots(kind, style, values, y, r) {
    const events = this._answer.events.filter((event) => event.kind === kind);
    return events.map(({ time_ms: time }) =>
      svg("circle", { class: style, cx: this._x(time), cy: y(values[time]), r }),
    );
  }

  _place(gate, top, y, held) {
    const grip = this._grips[GATES.findIndex(({ key }) => key === gate)];
    grip.style.setProperty("top", `${top - TITLE / 2}px`);
    grip.style.setProperty("--at", `${y - top + TITLE / 2}px`);
    grip.classList.toggle("is-held", Boolean(held));
  }

  _axis() {
    const times = ticks(0, this._last, this._inner / 60).filter(Number.isInteger);
    return [
      ...times.map((time) => svg("text", { x: this._x(time), y: BOTTOM + 16, "text-anchor": "middle" }, String(time))),
      svg("text", { x: LEFT + this._inner + RIGHT, y: BOTTOM + 16, "text-anchor": "end" }, "ms"),
    ];
  }

  _cursor() {
    if (this._time === null) return [];
    const told = (y, words) => svg("text", { x: LEFT + this._inner, y, "text-anchor": "end", class: "value" }, words);
    return [
      svg("path", { class: "zero", d: `M${this._x(this._time)} ${MARKS}V${BOTTOM}` }),
      told(MARKS - 5, `${this._time} ms`),
      ...ROWS.map(({ key, top }) => told(top - 6, number(this._values[key][this._time]))),
    ];
  }
}

/** Letters that would meet lean away from each other. */
function anchorAt(places, place) {
  if (places[place + 1] - places[place] < LETTER_PIXELS) return "end";
  return places[place] - places[place - 1] < LETTER_PIXELS ? "start" : "middle";
}

function valuesOf({ inputs, gates, cell, predicted }, unit) {
  const of = (values) => values.map((units) => units[unit]);
  return {
    stimulus: inputs.map(([stimulus]) => stimulus),
    input: of(gates.input),
    forget: of(gates.forget),
    output: of(gates.output),
    cell: of(cell),
    report: predicted,
  };
}

/** A range around 0 that holds all values, and `least` in any case. */
function reach(least = 0, ...all) {
  const most = Math.max(least, ...all.flat().map(Math.abs)) || 1;
  return [-most, most];
}
