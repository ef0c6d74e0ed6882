import { svg } from "./svg.js";

/**
 * How each kind of series is drawn, `at(x, y)` being a point's place in pixels, and what stands for it in the legend.
 *
 * @type {Record<string, {
 *   draw: (points: number[][], ink: string, at: (x: number, y: number) => number[]) => SVGElement[],
 *   swatch: (ink: string) => SVGElement,
 * }>}
 */
export const MARKS = {
  line: {
    draw: (points, ink, at) => [svg("path", { class: `line ${ink}`, d: path(points.map(([x, y]) => at(x, y))) })],
    swatch: (ink) => svg("path", { class: `line ${ink}`, d: "M0 5H22" }),
  },
  dots: {
    draw: (points, ink, at) => points.map(([x, y]) => dot(at(x, y), `dot ${ink}`)),
    swatch: (ink) => dot([11, 5], `dot ${ink}`),
  },
  bars: {
    draw: (points, ink, at) => points.map(([x, y]) => bar(x, y, ink, at)),
    swatch: (ink) => svg("rect", { class: `bar ${ink}`, width: 22, height: 10 }),
  },
  area: {
    draw: (points, ink, at) => {
      const there = points.map(([x, from]) => at(x, from));
      const back = points.toReversed().map(([x, , to]) => at(x, to));
      return [svg("path", { class: `area ${ink}`, d: `${path([...there, ...back])}Z` })];
    },
    swatch: (ink) => svg("rect", { class: `area ${ink}`, width: 22, height: 10 }),
  },
  whiskers: {
    draw: (points, ink, at) => points.map(([x, from, to]) => span(at(x, from), at(x, to), `whisker ${ink}`)),
    swatch: (ink) => svg("path", { class: `whisker ${ink}`, d: "M11 0V10" }),
  },
  pairs: {
    draw: (points, ink, at) =>
      points.flatMap(([x, from, to]) => [
        span(at(x, from), at(x, to), "pair"),
        dot(at(x, from), "hollow"),
        dot(at(x, to), `dot ${ink}`),
      ]),
    swatch: (ink) => dot([11, 5], `dot ${ink}`),
  },
};

/** What stands for a series in words about it. */
export function swatch({ kind, ink }) {
  return svg("svg", { class: "swatch", width: 22, height: 10, "aria-hidden": "true" }, MARKS[kind].swatch(`ink-${ink}`));
}

function path(places) {
  return `M${places.map((place) => place.map((each) => each.toFixed(1)).join(" ")).join("L")}`;
}

function dot([x, y], style) {
  return svg("circle", { class: style, cx: x, cy: y, r: 3 });
}

function span(from, to, style) {
  return svg("path", { class: style, d: path([from, to]) });
}

function bar(x, y, ink, at) {
  const half = Math.max(1, 0.35 * (at(1, 0)[0] - at(0, 0)[0]));
  const [middle, top] = at(x, Math.max(0, y));
  const height = at(x, Math.min(0, y))[1] - top;
  return svg("rect", { class: `bar ${ink}`, x: middle - half, y: top, width: 2 * half, height });
}
