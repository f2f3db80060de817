// What page tests stand on: browsers, and child processes that write lines. Nothing here sleeps.
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

/** The checkout. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** How long a wait lasts before the test fails. Generous: the machine may be busy. */
export const PATIENCE = 30_000;

// Browsers write caches and settings to the home folder, whatever profile they are given.
const home = join(root, "tests/.work/home");
const temporary = join(root, "tests/.work/tmp");

const launches = {
  chromium: {
    browser: "chrome",
    executablePath: "/usr/bin/chromium",
    // Chromium refuses its sandbox to root, and containers give it a small /dev/shm.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  },
  firefox: { browser: "firefox", executablePath: "/usr/bin/firefox-esr" },
};

/** Both browsers' names: `for (const name of browsers) test(`${name}: …`, …)`. */
export const browsers = Object.keys(launches);

/** A headless browser. Close it: `t.after(() => browser.close())`. `settings`: more of the driver's. */
export async function launch(name, settings = {}) {
  mkdirSync(home, { recursive: true });
  mkdirSync(temporary, { recursive: true });
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home };
  // Chromium puts a socket there, and a socket's path has at most 107 bytes.
  env.TMPDIR = temporary.length <= 60 ? temporary : "/tmp";
  return puppeteer.launch({ ...launches[name], ...settings, headless: true, env, protocolTimeout: 2 * PATIENCE });
}

/** A new tab, blank. Firefox opens it beside the tab in front, and refuses where that is just being closed. */
export async function newTab(browser) {
  for (let left = 5; ; left -= 1) {
    try {
      return await browser.newPage();
    } catch (error) {
      if (left === 0 || !error.message.includes("DiscardedBrowsingContext")) throw error;
    }
  }
}

/** A new tab. What the page throws or logs as an error is kept in `page.problems`. */
export async function open(browser, url) {
  const page = await newTab(browser);
  page.setDefaultTimeout(PATIENCE);
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.problems.push(message.text()));
  await page.goto(url);
  return page;
}

/** A child process with pipes, whose output is read by lines; killed with the test. */
export class Child {
  #waiting = new Set();

  /** `t` is the test's context: the child ends with it. */
  constructor(t, command, args, options = {}) {
    this.name = `${command} ${args.join(" ")}`;
    this.lines = [];
    this.ended = false;
    this.process = spawn(command, args, { cwd: root, ...options, stdio: ["pipe", "pipe", "pipe"] });
    this.process.stdin.on("error", () => {});
    this.process.on("error", (error) => this.#add(`cannot start: ${error.message}`));
    this.exit = new Promise((resolve) => this.process.on("close", (code, signal) => resolve({ code, signal })));
    this.exit.then(() => this.#end());
    for (const stream of [this.process.stdout, this.process.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (part) => {
        const parts = (rest + part).split("\n");
        rest = parts.pop();
        parts.forEach((line) => this.#add(line));
      });
    }
    t.after(() => this.kill());
  }

  /** Writes one value as a line of JSON. */
  send(value) {
    this.process.stdin.write(`${JSON.stringify(value)}\n`);
  }

  /** The first line, also of those that are there, for which `pick` gives something true: that, not the line. */
  wait(what, pick) {
    return new Promise((resolve, reject) => {
      let at = 0;
      const fail = (why) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        reject(new Error(`${this.name}: ${why} while waiting for ${what}\n${this.lines.slice(-50).join("\n")}`));
      };
      const look = () => {
        while (at < this.lines.length) {
          const found = pick(this.lines[at++]);
          if (!found) continue;
          clearTimeout(timer);
          this.#waiting.delete(look);
          return resolve(found);
        }
        if (this.ended) fail("it ended");
      };
      const timer = setTimeout(() => fail(`nothing within ${PATIENCE} ms`), PATIENCE);
      this.#waiting.add(look);
      look();
    });
  }

  /** The same for lines of JSON; others are passed over. */
  waitJson(what, wanted) {
    return this.wait(what, (line) => {
      const value = line.startsWith("{") && JSON.parse(line);
      return value && wanted(value) && value;
    });
  }

  /** SIGKILL, and waits until it is gone. */
  async kill() {
    if (!this.ended) this.process.kill("SIGKILL");
    await this.exit;
  }

  #add(line) {
    this.lines.push(line);
    for (const look of [...this.#waiting]) look();
  }

  #end() {
    this.ended = true;
    for (const look of [...this.#waiting]) look();
  }
}

/** The Node server (`servers/node.mjs`). Its port is in `.port`. */
export async function nodeServer(t, config = {}) {
  const child = new Child(t, process.execPath, [join(root, "tests/servers/node.mjs"), JSON.stringify(config)]);
  child.port = (await child.waitJson("its port", (line) => line.port)).port;
  child.url = `http://127.0.0.1:${child.port}`;
  return child;
}
