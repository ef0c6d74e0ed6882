const STEPS = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageUp: 10,
  PageDown: -10,
  Home: -Infinity,
  End: Infinity,
};

/** Where a key takes a slider that is at `place`, of the places 0 to `last`; null for keys that move nothing. */
export function stepped({ key }, place, last) {
  return key in STEPS ? Math.min(last, Math.max(0, place + STEPS[key])) : null;
}
