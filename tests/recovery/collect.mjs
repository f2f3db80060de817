// What the files of this step have left, as one table: `.work/recovery.md`.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../client-wasm/js/cargo.mjs";
import { clients } from "./clients.mjs";
import { notes, table } from "./table.mjs";

const work = join(root, "tests/.work");
const files = readdirSync(join(work, "recovery"));
const order = Object.keys(clients).filter((client) => files.includes(`${client}.json`));
const all = order.map((client) => ({ client, ...JSON.parse(readFileSync(join(work, "recovery", `${client}.json`), "utf8")) }));
const played = all.flatMap(({ played }) => played).sort((a, b) => a.row - b.row);
const seeds = all.map(({ client, seed }) => `${client} ${seed}`).join(", ");
writeFileSync(join(work, "recovery.md"), [`Seeds: ${seeds}.`, "", table(played), "", ...notes(played), ""].join("\n"));
