// Empty projects into which the packed tarball is installed, as a user does it.
//
// PACKAGE=socket.io-client@4.8.4 takes another package, to prove these tests; what only ours promises is left out then.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { root } from "../page/harness.mjs";

/** Not below `tests`: a module looks for others in the `node_modules` of every folder above it. */
const place = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "install");

/** Whether the package is ours. */
export const ours = process.env.PACKAGE === undefined;

/** Runs a command to its end: `{ status, out, err }`. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (part) => (out += part));
    child.stderr.setEncoding("utf8").on("data", (part) => (err += part));
    child.on("error", reject).on("close", (status) => resolve({ status, out, err }));
  });
}

async function must(command, args, options) {
  const { status, out, err } = await run(command, args, options);
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}\n${out}${err}`);
  return out;
}

const npm = (args, cwd) => must("npm", [...args, "--no-audit", "--no-fund", "--no-progress"], { cwd });

/** `npm pack` of a folder; the tarball's path. */
async function packed(folder) {
  await mkdir(place, { recursive: true });
  const [{ filename }] = JSON.parse(
    await must("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", place], { cwd: folder }),
  );
  return join(place, filename);
}

let tarball;

/** What is installed: our tarball, built anew where it is not up to date, or what PACKAGE names. */
export function specifier() {
  tarball ??= ours
    ? must(process.execPath, ["client-wasm/js/build.mjs"], { cwd: root }).then(() =>
        packed(join(root, "client-wasm/js")),
      )
    : Promise.resolve(process.env.PACKAGE);
  return tarball;
}

/**
 * A project with the package in it, and with `others` of the packages that the tests have. `files` are written into it,
 * the package's name in place of `PACKAGE`. Gone after the test.
 */
export async function project(t, files, others = []) {
  await mkdir(place, { recursive: true });
  const folder = await mkdtemp(join(place, "project-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "package.json"), '{ "private": true }');
  const add = [await specifier()];
  for (const name of others) add.push(await packed(join(root, "tests/node_modules", name)));
  await npm(["install", ...add], folder);
  const { dependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const [name] = Object.keys(dependencies).filter((dependency) => !others.includes(dependency));
  await writeFile(join(folder, "scenario.mjs"), await readFile(join(root, "tests/install/scenario.js")));
  for (const [file, text] of Object.entries(files)) {
    await writeFile(join(folder, file), text.replaceAll("PACKAGE", name));
  }
  return { folder, name, installed: join(folder, "node_modules", name) };
}

const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".map": "application/json",
  ".wasm": "application/wasm",
};

/** Serves a folder; its origin is another than the Socket.IO server's. `policy` is its Content-Security-Policy. */
export async function serve(t, folder, policy) {
  const asked = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    asked.push(pathname);
    try {
      const body = await readFile(join(folder, normalize(pathname)));
      const headers = { "content-type": types[extname(pathname)] ?? "application/octet-stream" };
      if (policy) headers["content-security-policy"] = policy;
      response.writeHead(200, headers).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections() ?? server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, asked };
}
