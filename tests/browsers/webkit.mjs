// WebKitGTK's own small browser, driven by WebKitWebDriver, on a screen that nobody sees.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { PATIENCE, root } from "../page/harness.mjs";
import { WebDriver } from "./webdriver.mjs";

const home = join(root, "tests/.work/home");

/** `{ child, failed, stop }`; `failed` rejects when the process ends. */
function start(command, args, options) {
  const child = spawn(command, args, options);
  const gone = new Promise((resolve) => child.once("close", resolve));
  const failed = new Promise((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`${command} ended: ${signal ?? code}`)));
  });
  // Nobody may be waiting when it ends as it should.
  failed.catch(() => {});
  // The browser, which is not our child, ends with its driver's session, or else with the screen.
  return { child, failed, stop: () => (child.kill("SIGTERM"), gone) };
}

/** A virtual screen; the server chooses its number and tells it on a pipe. */
async function startScreen() {
  const args = ["-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp"];
  const screen = start("Xvfb", args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const number = new Promise((resolve) => screen.child.stdio[3].once("data", (data) => resolve(String(data).trim())));
  return { display: `:${await Promise.race([number, screen.failed])}`, stop: screen.stop };
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves once the port takes connections. */
async function listening(url, driver) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const answer = fetch(`${url}/status`).then(
      (response) => response.ok,
      () => new Promise((resolve) => setTimeout(resolve, 20, false)),
    );
    if (await Promise.race([answer, driver.failed])) return;
    if (Date.now() > deadline) throw new Error(`WebKitWebDriver does not answer at ${url}`);
  }
}

/** The driver does not tell the port that it chose: it is given one, and another if somebody was faster. */
async function startDriver(display, attempts = 3) {
  const port = await freePort();
  const env = { ...process.env, DISPLAY: display, GDK_BACKEND: "x11" };
  Object.assign(env, { HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home });
  delete env.WAYLAND_DISPLAY;
  const driver = start("WebKitWebDriver", [`--port=${port}`], { env, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  try {
    await listening(url, driver);
    return { url, stop: driver.stop };
  } catch (error) {
    await driver.stop();
    if (attempts > 1) return startDriver(display, attempts - 1);
    throw error;
  }
}

/** `{ session, close }`. */
export async function startWebKit() {
  mkdirSync(home, { recursive: true });
  const running = [];
  const stop = async () => {
    for (const process of running.reverse()) await process.stop();
  };
  try {
    const screen = await startScreen();
    running.push(screen);
    const driver = await startDriver(screen.display);
    running.push(driver);
    // The driver knows where its library's browser is.
    const session = await WebDriver.connect(driver.url, { browserName: "MiniBrowser" }, { script: 2 * PATIENCE });
    const close = () => session.end().finally(stop);
    return { session, close };
  } catch (error) {
    await stop();
    throw error;
  }
}
