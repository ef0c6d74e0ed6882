/**
 * Runs `work` on the newest of what it is given: one at a time, what came in between is dropped. Tells `settled` when
 * nothing is left to do.
 *
 * @template T
 * @param {(given: T) => Promise<void>} work
 * @param {() => void} settled
 * @returns {(given: T) => void}
 */
export function latest(work, settled = () => {}) {
  let isRunning = false;
  let waiting = null;

  async function run(given) {
    isRunning = true;
    try {
      await work(given);
    } finally {
      isRunning = false;
      const next = waiting;
      waiting = null;
      if (next) run(next.given);
      else settled();
    }
  }

  return (given) => {
    if (isRunning) waiting = { given };
    else run(given);
  };
}
