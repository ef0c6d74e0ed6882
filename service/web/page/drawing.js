import { button, element, freshId } from "./element.js";

/** The drawing is 28 pixels a side, as the network's input; points are kept to an eighth of one. */
const SIDE = 28;
const EIGHTH = 8;
const BRUSH = 2.4; // as wide as the strokes of MNIST's digits, once the digit is fitted
const PICTURE_SIDE = 140;
const PAPER = "#ffffff";
const INK = "#111317";

/**
 * A sheet of paper for mouse, touch, pen and keyboard. Strokes are kept as points, so that one can be taken back and
 * the whole drawing fits an address.
 */
export class Drawing {
  /** @param {(isFinished: boolean) => void} changed Told at every new point, and when a stroke has ended. */
  constructor(changed) {
    this._changed = changed;
    this._base = null;
    this._strokes = [];
    this._past = [];
    this._stroke = null;
    this._pen = { x: SIDE / 2, y: SIDE / 2, isDown: false };
    const hint = element(
      "p",
      { class: "hint", id: freshId() },
      "Draw with mouse, finger or pen. By keyboard: arrow keys move the pen, Space puts it down or lifts it, ",
      "Backspace takes a stroke back, Delete clears.",
    );
    this._canvas = element("canvas", {
      role: "application",
      tabindex: 0,
      "aria-label": "Drawing surface",
      "aria-describedby": hint.id,
      keydown: (event) => this._key(event),
    });
    this._cursor = element("span", { class: "pen" });
    this._undo = button("Undo", () => this.undo());
    this._clear = button("Clear", () => this.clear());
    this.element = element("div", { class: "drawing" }, element("div", { class: "sheet" }, this._canvas, this._cursor));
    this.tools = [this._undo, this._clear];
    this.hint = hint;
    this._listen();
    this._paint();
  }

  get isEmpty() {
    return this._base === null && this._strokes.length === 0;
  }

  /** What was laid on the sheet, as a call names it; null where there are strokes alone. */
  get source() {
    return this._base?.source ?? null;
  }

  get isTouched() {
    return this._strokes.length > 0;
  }

  /** The strokes as text for an address: two bytes a point, 255 between strokes. */
  get text() {
    const bytes = this._strokes.flatMap((stroke) => [...stroke.flat(), 255]).slice(0, -1);
    return btoa(String.fromCharCode(...bytes))
      .replaceAll("+", "-")
      .replaceAll("/", "_")
      .replaceAll("=", "");
  }

  set text(text) {
    const bytes = Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    this._strokes = [[]];
    for (let place = 0; place < bytes.length; place += 1) {
      if (bytes[place] === 255) this._strokes.push([]);
      else this._strokes.at(-1).push([bytes[place], bytes[(place += 1)]]);
    }
    this._strokes = this._strokes.filter((stroke) => stroke.length > 0);
    this._paint();
  }

  /** The drawing as a PNG, in base64: black ink on white paper. */
  get png() {
    const canvas = element("canvas", { width: PICTURE_SIDE, height: PICTURE_SIDE });
    this._drawOn(canvas.getContext("2d", { willReadFrequently: true }), PICTURE_SIDE);
    return canvas.toDataURL("image/png").split(",")[1];
  }

  /** The drawing as 28×28 numbers from 0 to 1: strokes where they lie, over the digit beneath. */
  get pixels() {
    const canvas = element("canvas", { width: SIDE, height: SIDE });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    this._drawStrokes(context, SIDE, "#000");
    const { data } = context.getImageData(0, 0, SIDE, SIDE);
    return Array.from({ length: SIDE }, (_, y) =>
      Array.from({ length: SIDE }, (_, x) => {
        const ink = 1 - data[4 * (y * SIDE + x)] / 255;
        return Math.round(1e4 * Math.max(ink, this._base?.pixels[y][x] ?? 0)) / 1e4;
      }),
    );
  }

  /** Lays a digit (28×28, 0 to 1) on the sheet instead of what is there; `source` is its name in a call. */
  put(pixels, source) {
    this._keep();
    this._base = { pixels, source };
    this._strokes = [];
    this._paint();
  }

  undo() {
    const before = this._past.pop();
    if (!before) return;
    [this._base, this._strokes] = before;
    this._paint();
    this._changed(true);
  }

  clear() {
    if (this.isEmpty) return;
    this._keep();
    this._base = null;
    this._strokes = [];
    this._paint();
    this._changed(true);
  }

  _keep() {
    this._past.push([this._base, this._strokes.slice()]);
  }

  _listen() {
    this._canvas.addEventListener("pointerdown", (event) => this._down(event));
    this._canvas.addEventListener("pointermove", (event) => this._move(event));
    for (const end of ["pointerup", "pointercancel"]) this._canvas.addEventListener(end, () => this._lift());
    this._canvas.addEventListener("blur", () => this._lift());
    new ResizeObserver(() => this._paint()).observe(this._canvas);
  }

  _down(event) {
    if (event.button !== 0) return;
    this._canvas.setPointerCapture(event.pointerId);
    this._begin(this._pointOf(event));
  }

  _move(event) {
    if (this._stroke === null || this._pen.isDown) return;
    const together = event.getCoalescedEvents?.() ?? [];
    for (const each of together.length ? together : [event]) this._extend(this._pointOf(each));
    this._changed(false);
  }

  _pointOf({ clientX, clientY }) {
    const box = this._canvas.getBoundingClientRect();
    return [(SIDE * (clientX - box.left)) / box.width, (SIDE * (clientY - box.top)) / box.height];
  }

  _key(event) {
    const step = event.shiftKey ? 3 : 1;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in moves) this._movePen(moves[event.key].map((way) => step * way));
    else if (event.key === " ") this._togglePen();
    else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
  }

  _movePen([right, down]) {
    const pen = this._pen;
    pen.x = Math.min(SIDE - 1, Math.max(1, pen.x + right));
    pen.y = Math.min(SIDE - 1, Math.max(1, pen.y + down));
    if (pen.isDown) {
      this._extend([pen.x, pen.y]);
      this._changed(false);
    }
    this._showPen();
  }

  _togglePen() {
    if (this._pen.isDown) {
      this._lift();
      return;
    }
    this._pen.isDown = true;
    this._begin([this._pen.x, this._pen.y]);
    this._showPen();
  }

  _showPen() {
    this._cursor.classList.toggle("is-down", this._pen.isDown);
    this._cursor.style.setProperty("left", `${(100 * this._pen.x) / SIDE}%`);
    this._cursor.style.setProperty("top", `${(100 * this._pen.y) / SIDE}%`);
  }

  _begin(point) {
    this._keep();
    this._stroke = [];
    this._strokes.push(this._stroke);
    this._extend(point);
    this._changed(false);
  }

  /** Adds a point, in eighths of a pixel; one that is hardly further than the last is left out. */
  _extend(point) {
    const [x, y] = point.map((each) => Math.min(SIDE * EIGHTH, Math.max(0, Math.round(each * EIGHTH))));
    const last = this._stroke.at(-1);
    if (last && Math.hypot(x - last[0], y - last[1]) < 2) return;
    this._stroke.push([x, y]);
    this._drawStroke(this._context(), this._canvas.width, INK, last ? [last, [x, y]] : [[x, y]]);
    this._enable();
  }

  _lift() {
    if (this._stroke === null) return;
    this._stroke = null;
    this._pen.isDown = false;
    this._showPen();
    this._changed(true);
  }

  _paint() {
    const side = Math.round((this._canvas.clientWidth || 280) * devicePixelRatio);
    if (this._canvas.width !== side) Object.assign(this._canvas, { width: side, height: side });
    this._drawOn(this._context(), side);
    this._showPen();
    this._enable();
  }

  _enable() {
    this._undo.disabled = this._past.length === 0;
    this._clear.disabled = this.isEmpty;
  }

  _context() {
    return this._canvas.getContext("2d", { desynchronized: true });
  }

  _drawOn(context, side) {
    context.fillStyle = PAPER;
    context.fillRect(0, 0, side, side);
    if (this._base) this._drawBase(context, side / SIDE);
    this._drawStrokes(context, side, INK);
  }

  _drawBase(context, pixel) {
    this._base.pixels.forEach((row, y) =>
      row.forEach((ink, x) => {
        context.fillStyle = `rgb(17 19 23 / ${ink})`;
        if (ink > 0) context.fillRect(x * pixel, y * pixel, pixel, pixel);
      }),
    );
  }

  _drawStrokes(context, side, ink) {
    for (const stroke of this._strokes) this._drawStroke(context, side, ink, stroke);
  }

  _drawStroke(context, side, ink, stroke) {
    const scale = side / SIDE / EIGHTH;
    context.strokeStyle = ink;
    context.lineWidth = (BRUSH * side) / SIDE;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    stroke.forEach(([x, y], place) => context[place ? "lineTo" : "moveTo"](x * scale, y * scale));
    if (stroke.length === 1) context.lineTo(stroke[0][0] * scale, stroke[0][1] * scale);
    context.stroke();
  }
}
