// Instructions of one emit: by valgrind, as the difference of two runs of different length, so that what a process does
// once does not count. They do not depend on the load of the machine, and they do not count what the kernel does.
import { spawnSync } from "node:child_process";
import { conditions, publish, run, withPrograms } from "./programs.mjs";

const COUNTS = [5_000, 15_000];
/** Emits before those that are counted: of `ours` always as many, of `bench-outbox` a tenth. */
const WARMUP = 2_000;

function install() {
  if (spawnSync("valgrind", ["--version"]).status === 0) return;
  if (process.getuid?.() !== 0) throw new Error("valgrind is not installed. Run as root: apt-get install valgrind");
  const options = ["-qq", "-o", "DPkg::Lock::Timeout=300"];
  run("apt-get", [...options, "update"]);
  run("apt-get", [...options, "-y", "install", "--no-install-recommends", "valgrind"], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

/** Of a whole process. */
function instructions(binary, args) {
  const options = ["--tool=callgrind", "--callgrind-out-file=/dev/null", binary, ...args.map(String)];
  const { status, stdout, stderr } = spawnSync("valgrind", options, { encoding: "utf8" });
  const found = /Collected : (\d+)/.exec(stderr);
  if (status !== 0 || !found) throw new Error(`${binary} ${args.join(" ")}: ${stdout}${stderr}`);
  return Number(found[1]);
}

export async function measure(base) {
  install();
  await withPrograms(base, async ({ before, now, url }) => {
    const send = (folder) => (count) => [`${folder}/ours`, ["send", url, WARMUP, count], 1];
    const outbox = (mode) => (count) => [`${now}/bench-outbox`, [mode, url, count], 1.1];
    const cases = {
      "plain, before": send(before),
      "plain, now": send(now),
      "plain": outbox("plain"),
      "with ack": outbox("acked"),
      "reliable": outbox("reliable"),
      "reliable, its text comes back": outbox("reliable-echoed"),
      "bare: emit and read an answer": outbox("bare"),
    };
    const seen = {};
    for (const [name, of] of Object.entries(cases)) {
      const [short, long] = COUNTS.map((count) => {
        const [binary, args, rounds] = of(count);
        return { all: instructions(binary, args), emits: count * rounds };
      });
      seen[name] = (long.all - short.all) / (long.emits - short.emits);
      console.log(`${name}: ${Math.round(seen[name])}`);
    }
    const ratio = (one, other) => (seen[one] / seen[other]).toFixed(2);
    const table = [
      `${conditions(base)}.`,
      "",
      "| emits | instructions each |",
      "|---|---|",
      ...Object.entries(seen).map(([name, each]) => `| ${name} | ${Math.round(each).toLocaleString("en-US")} |`),
      "",
      `Now : before, plain: ${ratio("plain, now", "plain, before")}. Reliable : plain: ${ratio("reliable", "plain")}; reliable : with ack: ${ratio("reliable", "with ack")}; bare : plain: ${ratio("bare: emit and read an answer", "plain")}.`,
    ].join("\n");
    publish("<!-- instructions -->", table);
  });
}
