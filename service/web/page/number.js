const RAISED = Object.fromEntries(Array.from("-0123456789", (sign, place) => [sign, "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"[place]]));

/** A number for reading: three significant digits, a true minus sign. */
export function number(value) {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-4)) return scientific(value);
  if (size !== 0 && size < 1e-3) return typeset(String(Number(value.toPrecision(2))));
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4;
  return value
    .toFixed(digits)
    .replace(/^-(?=.*[1-9])/, "−")
    .replace(/^-/, "");
}

function scientific(value) {
  const [factor, power] = value.toExponential(1).split("e");
  return typeset(`${factor}·10${Array.from(String(Number(power)), (sign) => RAISED[sign]).join("")}`);
}

/** Words with the minus signs of their numbers, as a book has them. */
export function typeset(words) {
  return words.replaceAll(/(^|[\s(])-(?=\d)/g, "$1−");
}

/** Numbers side by side, all with as many decimals. */
export function alike(values) {
  const decimals = Math.max(0, ...values.map((value) => String(value).split(".")[1]?.length ?? 0));
  return values.map((value) => (value === 0 ? "0" : typeset(value.toFixed(decimals))));
}

export function percent(share, digits = 1) {
  return `${(100 * share).toFixed(digits)} %`;
}

/** Round places for an axis from `low` to `high`, about `count` of them. */
export function ticks(low, high, count = 5) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

/** A score such as R², with two decimals however small it is. */
export function score(value) {
  return value == null ? "–" : (Math.round(100 * value) / 100 || 0).toFixed(2).replace("-", "−");
}
