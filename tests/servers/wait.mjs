// Waits for what a test is not told of. Nothing here sleeps.

// A test may replace the global ones.
const { setTimeout: later, clearTimeout: cancel } = globalThis;
const clock = performance.now.bind(performance);

/** How long a wait lasts before the test fails. Generous: the machine may be busy. */
export const PATIENCE = 20_000;

const late = (what, patience) =>
  new Error(`not within ${patience} ms: ${typeof what === "function" ? what() : what}`);

/**
 * The first true value of `condition()`, or of what it promises, looked at again and again. `what` is for the message, or
 * gives it.
 */
export async function until(condition, what = String(condition), patience = PATIENCE) {
  for (const begin = clock(); ; ) {
    let value = condition();
    if (typeof value?.then === "function") value = await within(value, what, patience);
    if (value) return value;
    if (clock() - begin > patience) throw late(what, patience);
    await new Promise((resolve) => later(resolve, 1));
  }
}

/** The promise, or an error after the limit that names what was waited for. */
export function within(promise, what, patience = PATIENCE) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = later(() => reject(late(what, patience)), patience);
  });
  return Promise.race([promise, limit]).finally(() => cancel(timer));
}
