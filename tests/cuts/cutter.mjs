// When and how connections are cut: all of it drawn from the seed, before the cut, so that every client meets the same.

/** Each kind with its weight. `ack` is there where answers are to be lost. */
const kinds = { rst: 3, fin: 2, up: 2, down: 2, mute: 1, ghost: 2, late: 1 };
const losing = { ...kinds, ack: 4 };

/** Most cuts come this long after the client has joined, some this long after it has called. ms */
const AFTER_JOINING = [20, 50];
const AFTER_CALLING = [0, 10];
const EARLY = 0.1;

/** Who has not joined by then is cut all the same; a kind that waits for bytes waits for them no longer. ms */
const JOIN_LIMIT = 500;
/** Who has not called by then does not come back. ms */
const CALL_LIMIT = 20_000;
const BYTES_LIMIT = 30;

function draw(random, weights) {
  const sum = Object.values(weights).reduce((a, b) => a + b);
  let at = random.between(1, sum);
  return Object.keys(weights).find((kind) => (at -= weights[kind]) <= 0);
}

/** The next cut. Always the same number of draws. */
export function plan(random, { loseAcks }) {
  const early = random.next() < EARLY;
  return {
    early,
    delay: random.between(...(early ? AFTER_CALLING : AFTER_JOINING)),
    kind: draw(random, loseAcks ? losing : kinds),
    bytes: random.between(0, 150),
    time: random.between(10, 80),
    hold: random.between(3, 20),
    late: random.between(5, 60),
    target: random.next(),
  };
}

/** Does to all links of the proxy what the plan says. Resolves once the client has none of them. */
function apply(proxy, { kind, bytes, time, hold, late }) {
  const links = proxy.links;
  const each = (act) => links.forEach(act);
  const reset = () => each((link) => link.reset());
  const limit = (direction, left) => {
    const budget = { left };
    each((link) => link.limit(direction, budget, reset));
    return setTimeout(reset, BYTES_LIMIT);
  };
  const acts = {
    rst: reset,
    fin: () => each((link) => link.finish()),
    up: () => limit("up", bytes),
    down: () => limit("down", bytes),
    // The next answer is thrown away.
    ack: () => limit("down", 0),
    mute: () => each((link) => link.mute(time)),
    ghost: () => each((link) => link.ghost(3 * time)),
    late: () => each((link) => link.late(hold, late)),
  };
  const timer = acts[kind]();
  return proxy.until(() => links.every((link) => !link.open)).then(() => clearTimeout(timer));
}

const wait = (time) => new Promise((resolve) => setTimeout(resolve, time));

/**
 * Cuts `count` times. `targets()` are the ports to choose from for who comes back. Resolves with how often each kind
 * came: fewer than that, where the client stopped coming back.
 */
export async function cut(proxy, random, { count, targets, loseAcks }) {
  const counts = {};
  for (let done = 0; done < count; done += 1) {
    const next = plan(random, { loseAcks });
    // A client that is between two connections cannot be cut: its next one is.
    do {
      if (!(await proxy.until(() => proxy.links.length > 0, CALL_LIMIT))) return counts;
      if (!next.early) await proxy.until(() => proxy.joined, JOIN_LIMIT);
      await wait(next.delay);
    } while (proxy.links.length === 0);
    const ports = targets();
    proxy.target = ports[Math.floor(next.target * ports.length)];
    proxy.joined = false;
    await apply(proxy, next);
    counts[next.kind] = (counts[next.kind] ?? 0) + 1;
  }
  return counts;
}
