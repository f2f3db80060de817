// A reporter of Node's test runner: a line of JSON for each test, with the titles of those it is in.
import { relative } from "node:path";

const root = process.cwd();

export default async function* report(events) {
  const titles = [];
  for await (const { type, data } of events) {
    if (type === "test:start") titles[data.nesting] = data.name;
    if (type !== "test:pass" && type !== "test:fail") continue;
    titles[data.nesting] = data.name;
    const path = [relative(root, data.file), ...titles.slice(0, data.nesting + 1)];
    const ran = data.skip === undefined && data.todo === undefined;
    yield `${JSON.stringify({ test: path.join(" > "), passed: type === "test:pass" && ran })}\n`;
  }
}
