// A client of the W3C WebDriver protocol, as much of it as a test needs: https://www.w3.org/TR/webdriver2/
// For browsers that puppeteer does not speak to.

export class WebDriver {
  #session;

  /** `capabilities` is what the session began with: the browser's name and version among them. */
  constructor(session, capabilities) {
    this.#session = session;
    this.capabilities = capabilities;
  }

  /** A new session at the driver that listens at `url`. `script`: the limit of `call`, in milliseconds. */
  static async connect(url, capabilities, { script }) {
    const { sessionId, capabilities: got } = await command("POST", `${url}/session`, {
      capabilities: { alwaysMatch: { ...capabilities, timeouts: { script } } },
    });
    return new WebDriver(`${url}/session/${sessionId}`, got);
  }

  async navigate(url) {
    await command("POST", `${this.#session}/url`, { url });
  }

  /** Calls a function of the page; what it resolves to comes back as JSON. */
  async call(body, ...args) {
    const script = `
      const done = arguments[arguments.length - 1];
      const args = [...arguments].slice(0, -1);
      Promise.resolve().then(() => (${body})(...args)).then(
        (value) => done({ value }),
        (error) => done({ error: String(error?.stack ?? error) }),
      );`;
    const { value, error } = await command("POST", `${this.#session}/execute/async`, { script, args });
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Ends the session, and with it the browser. */
  async end() {
    await command("DELETE", this.#session);
  }
}

async function command(method, url, parameters) {
  const request = { method };
  if (parameters) {
    request.headers = { "content-type": "application/json; charset=utf-8" };
    request.body = JSON.stringify(parameters);
  }
  const response = await fetch(url, request);
  const { value } = await response.json();
  if (response.ok) return value;
  throw new Error(`${method} ${new URL(url).pathname}: ${value.error}: ${value.message}`);
}
