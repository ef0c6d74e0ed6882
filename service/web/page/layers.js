import { activityScale, pixel } from "./colour.js";
import { element } from "./element.js";
import { number } from "./number.js";

/** The network as the page draws it: how many maps (or dense units) stand side by side, where there is room or not. */
export const LAYERS = {
  l1: { kind: "conv", shape: [6, 14, 14], columns: { wide: 6, narrow: 3 }, words: "6 channels of 14×14" },
  l2: { kind: "conv", shape: [16, 7, 7], columns: { wide: 8, narrow: 4 }, words: "16 channels of 7×7" },
  l3: { kind: "dense", shape: [120], columns: { wide: 30, narrow: 15 }, words: "120 units" },
  l4: { kind: "dense", shape: [84], columns: { wide: 28, narrow: 14 }, words: "84 units" },
  y: { kind: "dense", shape: [10], columns: { wide: 10, narrow: 10 }, words: "10 logits, one a digit" },
};

const NARROW_PIXELS = 460;

/** How a student says which unit it is. */
export function unitName(layer, unit) {
  const { kind, shape } = LAYERS[layer];
  if (kind === "dense") return layer === "y" ? `output ${unit}` : `${layer} unit ${unit}`;
  const [, rows, columns] = shape;
  const [channel, place] = [Math.floor(unit / (rows * columns)), unit % (rows * columns)];
  return `${layer} channel ${channel}, row ${Math.floor(place / columns)}, column ${place % columns}`;
}

/**
 * The activity of one layer as cells on one scale, with the scale's numbers. Pointing at a unit tells its value, arrow
 * keys go from unit to unit, a click or Enter opens one.
 */
export class LayerView {
  /** @param {string} name @param {(unit: number) => void} open @param {{title?: string}} options */
  constructor(name, open, { title = name } = {}) {
    Object.assign(this, { name, ...LAYERS[name], _open: open, _title: title });
    this._values = null;
    this._current = 0;
    this._marked = null;
    this._canvas = element("canvas", { "aria-hidden": "true" });
    this._cells = [0, 1].map(() => element("div", { role: "gridcell", class: "cell", tabindex: -1 }));
    this._mark = element("div", { class: "mark", hidden: true });
    this._grid = element(
      "div",
      {
        class: `cells ${this.kind}`,
        role: "grid",
        "aria-label": `${title}: ${this.words}`,
        keydown: (event) => this._key(event),
      },
      this._canvas,
      element("div", { role: "row" }, ...this._cells),
      this._mark,
    );
    this._said = element("output", { class: "said", "aria-hidden": "true" });
    this._legend = element("span", { class: "legend" }, element("span"), element("i"), element("span"));
    this.element = element(
      "figure",
      { class: `layer ${name}` },
      element(
        "figcaption",
        {},
        element("strong", {}, title),
        element("span", { class: "words" }, this.words),
        this._said,
        this._legend,
      ),
      this._grid,
      name === "y"
        ? element(
            "div",
            { class: "classes", "aria-hidden": "true" },
            ...Array.from("0123456789", (digit) => element("span", {}, digit)),
          )
        : null,
    );
    this._listen();
    this._arrange();
    this._place(0);
  }

  /** Draws the layer's values, nested as its shape; `scale` where several views share one. */
  show(values, scale = activityScale(values)) {
    this._values = values.flat(Infinity);
    this._scale = scale;
    this._draw();
    const [low, bar, high] = this._legend.children;
    low.textContent = number(scale.low);
    high.textContent = number(scale.high);
    bar.className = scale.map;
    this._label(this._current);
  }

  /** Marks a unit with a ring; null takes the ring away. */
  mark(unit) {
    this._marked = unit;
    this._mark.hidden = unit === null;
    if (unit !== null) this._put(this._mark, unit);
  }

  /** The rows of a table of all values: unit and value. */
  get rows() {
    return (this._values ?? []).map((value, unit) => [unitName(this.name, unit), number(value)]);
  }

  _listen() {
    this._grid.addEventListener("pointermove", (event) => this._say(this._unitAt(event)));
    this._grid.addEventListener("pointerleave", () => this._say(null));
    this._grid.addEventListener("click", (event) => this._openUnit(this._unitAt(event)));
    this._grid.addEventListener("focusin", () => this._say(this._current));
    this._grid.addEventListener("focusout", () => this._say(null));
    new ResizeObserver(() => this._arrange()).observe(this._grid);
  }

  /** Lays the units out: maps side by side with a pixel between them, dense units in rows. */
  _arrange() {
    const width = this._grid.clientWidth;
    const columns = this.columns[width && width < NARROW_PIXELS ? "narrow" : "wide"];
    if (columns === this._columns) return;
    this._columns = columns;
    const [count, rows, side] = this.kind === "conv" ? this.shape : [this.shape[0], 1, 1];
    const gap = this.kind === "conv" ? 1 : 0;
    const lines = Math.ceil(count / columns);
    this._size = [columns * (side + gap) - gap, lines * (rows + gap) - gap];
    this._places = Array.from({ length: count * rows * side }, (_, unit) => {
      const [map, place] = [Math.floor(unit / (rows * side)), unit % (rows * side)];
      return [
        (map % columns) * (side + gap) + (place % side),
        Math.floor(map / columns) * (rows + gap) + Math.floor(place / side),
      ];
    });
    this._units = new Map(this._places.map(([x, y], unit) => [y * this._size[0] + x, unit]));
    [this._canvas.width, this._canvas.height] = this._size;
    this._grid.style.setProperty("--columns", this._size[0]);
    this._grid.style.setProperty("--lines", this._size[1]);
    if (this._values) this._draw();
    this._place(this._current);
    this.mark(this._marked);
  }

  _draw() {
    const context = this._canvas.getContext("2d");
    const image = context.createImageData(...this._size);
    const pixels = new Uint32Array(image.data.buffer);
    this._values.forEach((value, unit) => {
      const [x, y] = this._places[unit];
      pixels[y * this._size[0] + x] = pixel(value, this._scale);
    });
    context.putImageData(image, 0, 0);
  }

  _unitAt({ clientX, clientY }) {
    const box = this._canvas.getBoundingClientRect();
    const x = Math.floor(((clientX - box.left) / box.width) * this._size[0]);
    const y = Math.floor(((clientY - box.top) / box.height) * this._size[1]);
    if (x < 0 || y < 0 || x >= this._size[0] || y >= this._size[1]) return null;
    return this._units.get(y * this._size[0] + x) ?? null;
  }

  _say(unit) {
    const isKnown = unit !== null && this._values;
    this._said.textContent = isKnown ? `${unitName(this.name, unit)}: ${number(this._values[unit])}` : "";
    this._grid.classList.toggle(
      "is-pointing",
      isKnown && document.activeElement?.parentNode?.parentNode !== this._grid,
    );
    if (isKnown) this._put(this._cells[1], unit);
  }

  _openUnit(unit) {
    if (unit !== null) this._open(unit);
  }

  _key(event) {
    const [x, y] = this._places[this._current];
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) this._focus(this._neighbour(x, y, moves[event.key]));
    else if (event.key === "Home") this._focus(0);
    else if (event.key === "End") this._focus(this._places.length - 1);
    else if (event.key === "Enter" || event.key === " ") this._open(this._current);
    else return;
    event.preventDefault();
  }

  /** The next unit in a direction, over the gaps between maps; the same one at the edge. */
  _neighbour(x, y, [right, down]) {
    for (let step = 1; step <= 2; step += 1) {
      const [column, row] = [x + step * right, y + step * down];
      if (column < 0 || row < 0 || column >= this._size[0] || row >= this._size[1]) break;
      const found = this._units.get(row * this._size[0] + column);
      if (found !== undefined) return found;
    }
    return this._current;
  }

  _focus(unit) {
    this._place(unit);
    this._cells[0].focus();
    this._say(unit);
  }

  /** Two cells take turns, so that a screen reader hears of a new one at every move. */
  _place(unit) {
    this._current = unit;
    this._cells.reverse();
    const [cell, other] = this._cells;
    other.tabIndex = -1;
    other.removeAttribute("aria-label");
    cell.tabIndex = 0;
    this._put(cell, unit);
    this._label(unit);
  }

  _label(unit) {
    const value = this._values ? number(this._values[unit]) : "not recorded yet";
    this._cells[0].setAttribute("aria-label", `${unitName(this.name, unit)}: ${value}`);
  }

  _put(marker, unit) {
    const [x, y] = this._places[unit];
    const [width, height] = this._size;
    const place = { left: x / width, top: y / height, width: 1 / width, height: 1 / height };
    for (const [side, share] of Object.entries(place)) marker.style.setProperty(side, `${100 * share}%`);
  }
}
