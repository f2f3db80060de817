//! Memory and open files over time, as an SVG for light and dark pages.

use std::fmt::Write as _;

use super::results::Results;
use super::sample::Sample;

const WIDTH: f64 = 900.0;
/// Of a panel, beside the axis and above the next.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;

const STYLE: &str = "\
  <style>
    text { font: 13px sans-serif; fill: #333 }
    .page { fill: #fff } .axis { stroke: #888; fill: none } .grid { stroke: #ddd } .cut { stroke: #b58900 }
    .rss { stroke: #0969da } .heap { stroke: #1a7f37 } .handles { stroke: #8250df }
    .line { fill: none; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #ccc } .page { fill: #0d1117 } .grid { stroke: #30363d } .cut { stroke: #d29922 }
      .rss { stroke: #58a6ff } .heap { stroke: #3fb950 } .handles { stroke: #bc8cff }
    }
  </style>
";

/// One of the pictures above each other.
struct Panel {
    top: f64,
    height: f64,
    /// Values go from 0 to here.
    most: f64,
    step: f64,
    seconds: f64,
}

impl Panel {
    fn new(top: f64, height: f64, values: impl Iterator<Item = f64>, seconds: f64) -> Self {
        let largest = values.fold(1.0, f64::max);
        let step = step(largest, 4.0);
        Self { top, height, most: (largest / step).ceil() * step, step, seconds }
    }

    fn x(&self, at: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * at / self.seconds
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - value / self.most)
    }

    fn axes(&self, svg: &mut String, title: &str) {
        let (top, bottom, right) = (self.top, self.top + self.height, WIDTH - RIGHT);
        svg.push_str(&format!("  <text x=\"{LEFT}\" y=\"{:.0}\">{title}</text>\n", top - 8.0));
        let mut value = 0.0;
        while value <= self.most {
            let y = self.y(value);
            let _ = writeln!(svg, "  <path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
            let _ = writeln!(
                svg,
                "  <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
                LEFT - 8.0,
                y + 4.0
            );
            value += self.step;
        }
        let _ = writeln!(svg, "  <path class=\"axis\" d=\"M{LEFT} {top}V{bottom}H{right}\"/>");
    }

    fn line(&self, svg: &mut String, class: &str, samples: &[Sample], of: impl Fn(&Sample) -> f64) {
        let points =
            samples.iter().map(|sample| format!("{:.1},{:.1}", self.x(sample.at), self.y(of(sample))));
        let points: Vec<_> = points.collect();
        let _ = writeln!(svg, "  <polyline class=\"line {class}\" points=\"{}\"/>", points.join(" "));
    }

    /// Each of them a short line above the axis.
    fn cuts(&self, svg: &mut String, cuts: &[(f64, String)]) {
        let bottom = self.top + self.height;
        let lines: String = cuts
            .iter()
            .map(|(at, _)| format!("M{:.1} {:.0}V{bottom:.0}", self.x(*at), bottom - 7.0))
            .collect();
        let _ = writeln!(svg, "  <path class=\"cut\" d=\"{lines}\"/>");
    }

    /// Minutes, or seconds of a short run.
    fn times(&self, svg: &mut String) {
        let (unit, name) = if self.seconds > 300.0 { (60.0, "minutes") } else { (1.0, "seconds") };
        let step = step(self.seconds / unit, 6.0);
        let y = self.top + self.height + 18.0;
        let mut time = 0.0;
        while time * unit <= self.seconds {
            let x = self.x(time * unit);
            let _ = writeln!(svg, "  <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{time}</text>");
            time += step;
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            "  <text x=\"{middle}\" y=\"{:.0}\" text-anchor=\"middle\">{name}</text>",
            y + 20.0
        );
    }
}

/// A round number that is in `most` about so many times.
fn step(most: f64, times: f64) -> f64 {
    let rough = most / times;
    let power = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().find(|round| rough <= round * power);
    round.unwrap_or(10.0) * power
}

fn legend(svg: &mut String, top: f64, entries: &[(&str, &str)]) {
    let mut x = WIDTH - RIGHT;
    for (class, name) in entries.iter().rev() {
        x -= 12.0 + 7.5 * name.len() as f64;
        let _ = writeln!(svg, "  <path class=\"line {class}\" d=\"M{:.0} {:.0}h18\"/>", x - 24.0, top - 12.0);
        let _ = writeln!(svg, "  <text x=\"{x:.0}\" y=\"{:.0}\">{name}</text>", top - 8.0);
        x -= 36.0;
    }
}

pub(super) fn draw(results: &Results) -> String {
    let (samples, cuts) = (&results.samples, &results.cuts);
    let height = 500.0;
    let mib = |kilobytes: f64| kilobytes / 1024.0;
    let memory = Panel::new(40.0, 230.0, samples.iter().map(|sample| mib(sample.rss)), results.seconds);
    let handles = Panel::new(320.0, 120.0, samples.iter().map(|sample| sample.handles), results.seconds);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n  <title>Memory and \
         open files of a client, {} s</title>\n{STYLE}  <rect class=\"page\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
        results.seconds
    );
    memory.axes(&mut svg, "Memory of the client, MiB");
    legend(&mut svg, memory.top, &[("rss", "resident"), ("heap", "allocated"), ("cut", "a cut")]);
    memory.line(&mut svg, "rss", samples, |sample| mib(sample.rss));
    memory.line(&mut svg, "heap", samples, |sample| mib(sample.heap));
    memory.cuts(&mut svg, cuts);
    handles.axes(&mut svg, "Its open files");
    handles.line(&mut svg, "handles", samples, |sample| sample.handles);
    handles.cuts(&mut svg, cuts);
    handles.times(&mut svg);
    svg.push_str("</svg>\n");
    svg
}
