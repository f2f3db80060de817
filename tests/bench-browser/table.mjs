// The figures as a table: medians over the rounds, and ratios, of which more is always better for ours.
export function medianOf(numbers) {
  const sorted = numbers.filter((number) => number !== undefined).sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// How a figure is shown, and whether more of it is better.
const figures = {
  rate: { unit: "per s", more: true },
  median: { unit: "median us", more: false },
  p99: { unit: "p99 us", more: false },
  cpu: { unit: "CPU us", more: false },
  millis: { unit: "ms", more: false },
};

const short = (number) => (number >= 100 ? Math.round(number).toLocaleString("en-US") : number.toFixed(1));

/** `name` against the published client, by the median over rounds of the ratio within a round. */
function ratio(rounds, name, figure) {
  const { more } = figures[figure];
  const all = rounds.map((seen) => {
    const [one, other] = [seen[name][figure], seen.upstream[figure]];
    return more ? one / other : other / one;
  });
  return { median: medianOf(all), low: Math.min(...all), high: Math.max(...all) };
}

function row(label, rounds, figure, contestants) {
  const cells = [label, figures[figure].unit];
  for (const name of contestants) cells.push(short(medianOf(rounds.map((seen) => seen[name][figure]))));
  for (const name of contestants.filter((name) => name !== "upstream")) {
    const { median, low, high } = ratio(rounds, name, figure);
    cells.push(`${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`);
  }
  const busy = rounds.flatMap((seen) => contestants.map((name) => seen[name].busy)).filter(Number.isFinite);
  cells.push(busy.length > 0 ? `${Math.round(100 * Math.max(...busy))} %` : "–");
  return `| ${cells.join(" | ")} |`;
}

export function table({ date, commit, cpus, rounds, quick, contestants, browsers }) {
  const lines = [`${date}, commit ${commit}, ${cpus}, ${rounds} rounds${quick ? ", a fifth of the work" : ""}.`];
  for (const { version, load, cases } of browsers) {
    const titles = ["case", "figure", ...contestants];
    for (const name of contestants.filter((name) => name !== "upstream")) titles.push(`${name} : upstream`);
    titles.push("server at most");
    lines.push("", `**${version}** (load of the machine before: ${load.toFixed(1)})`, "");
    lines.push(`| ${titles.join(" | ")} |`, `|${titles.map(() => "---|").join("")}`);
    for (const { name, rounds } of cases) {
      for (const figure of Object.keys(figures)) {
        if (Number.isFinite(rounds[0].upstream[figure])) lines.push(row(name, rounds, figure, contestants));
      }
    }
  }
  return lines.join("\n");
}
