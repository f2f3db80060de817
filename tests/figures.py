"""Writes what the steps of a full run have counted into `tests/README.md`, behind the marker `figures`; what other steps have
left there stays.

    figures.py WORK <ROWS

WORK: where steps leave their tables, a file each. ROWS: lines of `run`, for each step that passed: `row|STEP|PASSED|FAILED|TIME`,
`line|STEP|TEXT` and `table|FILE`.
"""

import datetime
import os
import pathlib
import re
import subprocess
import sys

README = pathlib.Path(__file__).with_name("README.md")
BEGIN = "<!-- figures -->\n"
# Before a table, where its file does not say what it is.
ABOUT = {
    "simulate": "What happened in the simulator's runs, and which states its clients were seen in:",
    "browsers": "The scenarios on every face in every engine, with the connections that the server counted for each:",
    "cuts": "What became of every event while connections were cut (`cuts/README.md`):",
    "recovery": "What became of every event that came to us meanwhile (`recovery/README.md`):",
}


def blocks(text):
    """By name: what is behind each marker."""
    parts = re.split(r"^<!-- ([\w-]+) -->\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def steps(machine, when, rows, before):
    ours = {step for step, *_ in rows}
    kept = [line for line in before.splitlines() if re.match(r"\| [\w-]+ \| \d+ \|", line) and line.split()[1] not in ours]
    new = [f"| {step} | {passed} | {failed} | {time} | {when} |" for step, passed, failed, time in rows]
    head = ["| step | passed | failed | time | date | commit |", "|---|---|---|---|---|---|"]
    about = f"{machine}. What each step has shown at its full length, when it ran so last and passed:"
    return "\n".join(["", about, "", *head, *kept, *new, "", ""])


def counted(lines, ours, before):
    step = re.compile(r"- ([\w-]+): ")
    kept = [line for line in before.splitlines() if (found := step.match(line)) and found[1] not in ours]
    return "\n".join(["", "What tests have counted:", "", *kept, *(f"- {step}: {text}" for step, text in lines), "", ""])


def main():
    work = sys.argv[1]
    said = lambda *command: subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    machine = f"{len(os.sched_getaffinity(0))} cores, {' '.join(said('rustc', '--version').split()[:2])}"
    when = f"{datetime.datetime.now(datetime.timezone.utc).date()} | {said('git', 'rev-parse', '--short', 'HEAD')}"
    rows, lines, tables = [], [], []
    for line in sys.stdin.read().splitlines():
        kind, _, rest = line.partition("|")
        if kind == "row":
            rows.append(rest.split("|"))
        elif kind == "line":
            lines.append(rest.split("|", 1))
        else:
            tables.append(pathlib.Path(work, rest))
    head, _, figures = README.read_text().partition(BEGIN)
    all_blocks = blocks("<!-- steps -->\n" + figures)
    all_blocks["steps"] = steps(machine, when, rows, all_blocks["steps"])
    ours = {step for step, *_ in rows}
    all_blocks["counted"] = counted(lines, ours, all_blocks.get("counted", ""))
    for table in tables:
        about = ABOUT.get(table.stem)
        all_blocks[table.stem] = "\n" + (f"{about}\n\n" if about else "") + table.read_text().strip() + "\n\n"
    text = all_blocks.pop("steps") + "".join(f"<!-- {name} -->\n{block.rstrip()}\n\n" for name, block in all_blocks.items())
    README.write_text(head + BEGIN + text.rstrip() + "\n")


main()
