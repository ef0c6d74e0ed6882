/** The maps of the service's own pictures (service/rendering/palette.py): values to colours, never without numbers. */

const ANCHORS = {
  greys: ["ffffff", "111317"],
  viridis: ["440154", "472c7a", "3b518b", "2c718e", "21908d", "27ad81", "5cc863", "aadc32", "fde725"],
  diverging: ["1a569a", "3d88be", "95c7e0", "fafafa", "fdc078", "e1821e", "9e4908"],
};

/** Tables of 256 colours, each as one 32-bit pixel of an ImageData. */
const TABLES = Object.fromEntries(Object.entries(ANCHORS).map(([name, anchors]) => [name, table(anchors)]));

/**
 * What value a colour stands for.
 *
 * @typedef {{map: "greys" | "viridis" | "diverging", low: number, high: number}} Scale
 */

/** @type {Scale} Pixels of a digit: 0 is paper, 1 is ink. */
export const PIXELS = { map: "greys", low: 0, high: 1 };

/** One scale for all values: from 0 to the largest, or centred on 0 where a value is negative. @returns {Scale} */
export function activityScale(...panels) {
  const values = panels.flat(Infinity);
  const low = values.reduce((least, value) => Math.min(least, value), 0);
  const high = values.reduce((most, value) => Math.max(most, value), 0);
  if (low === 0) return { map: "viridis", low, high: high || 1 };
  const reach = Math.max(-low, high);
  return { map: "diverging", low: -reach, high: reach };
}

/** The 32-bit pixel of a value; what lies outside the scale takes its end's colour. */
export function pixel(value, { map, low, high }) {
  const fraction = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return TABLES[map][Math.round(255 * fraction)];
}

/** Draws a matrix, one pixel a value, enlarged by CSS. */
export function drawMatrix(canvas, rows, scale) {
  const height = rows.length;
  const width = rows[0].length;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  rows.forEach((row, y) => row.forEach((value, x) => (pixels[y * width + x] = pixel(value, scale))));
  context.putImageData(image, 0, 0);
}

function table(anchors) {
  const colours = anchors.map((hex) => [0, 2, 4].map((place) => parseInt(hex.slice(place, place + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, step) => {
    const place = (step / 255) * (colours.length - 1);
    const below = Math.min(Math.floor(place), colours.length - 2);
    const [red, green, blue] = [0, 1, 2].map((channel) => {
      const from = colours[below][channel];
      return Math.round(from + (place - below) * (colours[below + 1][channel] - from));
    });
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // the bytes of RGBA on every machine of today
  });
}
