// What a page of the matrix offers: one scenario on one face. Served with both clients beside it.

/** Before that the browser driver's own limit, which does not say how far it came. */
const LIMIT = 25_000;

const problems = [];
addEventListener("error", (event) => problems.push(`error: ${event.message}`));
addEventListener("unhandledrejection", (event) => problems.push(`rejection: ${event.reason?.stack ?? event.reason}`));

const faces = {
  async js(call, log) {
    const [client, face] = await Promise.all([import("/client/socket.io.js"), import("/js-face.mjs")]);
    await face.run(client, ...call, log);
  },
  async rust(call, log) {
    const face = await import("/wasm/matrix.js");
    await face.default();
    for (const line of await face.run(...call)) log(line);
  },
};

/** `call`: the scenario, the server's URL and the name of the run. `{ lines, problems, error, userAgent }`. */
globalThis.run = async (face, ...call) => {
  const lines = [];
  const log = (line) => lines.push(line);
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${LIMIT} ms`)), LIMIT);
  });
  const error = await Promise.race([faces[face](call, log), limit]).then(
    () => null,
    (error) => String(error?.stack ?? error),
  );
  clearTimeout(timer);
  return { lines, problems, error, userAgent: navigator.userAgent };
};
