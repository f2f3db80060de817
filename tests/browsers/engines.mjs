// The three engines as the matrix sees them: a browser, a fresh page in it, and one function of the page called.
import { launch, open } from "../page/harness.mjs";
import { startWebKit } from "./webkit.mjs";

// A page is loaded when its module has run.
const pageRun = (...args) => globalThis.run(...args);

/** Through puppeteer. */
async function puppet(name) {
  const browser = await launch(name);
  return {
    version: await browser.version(),
    async open(url) {
      const page = await open(browser, url);
      return { run: (...args) => page.evaluate(pageRun, ...args), close: () => page.close() };
    },
    close: () => browser.close(),
  };
}

/** Through WebDriver. One tab for everything: each page replaces the one before. */
async function webkit() {
  const { session, close } = await startWebKit();
  const { browserName, browserVersion } = session.capabilities;
  return {
    version: `${browserName}/${browserVersion}`,
    async open(url) {
      await session.navigate(url);
      return { run: (...args) => session.call(pageRun, ...args), close: () => session.navigate("about:blank") };
    },
    close,
  };
}

/** `userAgent`: what the server has to see. Each browser names others too; these parts are its own. */
export const engines = {
  chromium: { userAgent: /AppleWebKit\/537\.36 .* (Headless)?Chrome\/\d/, start: () => puppet("chromium") },
  firefox: { userAgent: /Gecko\/20100101 Firefox\/\d/, start: () => puppet("firefox") },
  webkit: { userAgent: /AppleWebKit\/605\.1\.15 \(KHTML, like Gecko\) Version\/\S+ Safari\//, start: webkit },
};
