// The JavaScript clients in a process: ours as npm package, or with CLIENT=upstream the published one.
import { createInterface } from "node:readline";
import { client, upstream } from "../js/client.mjs";
import { start } from "./application.mjs";

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const commands = start(client.io, JSON.parse(process.argv[2]), print, !upstream);

createInterface({ input: process.stdin })
  .on("line", (line) => commands[JSON.parse(line)]())
  .on("close", () => process.exit(0));
