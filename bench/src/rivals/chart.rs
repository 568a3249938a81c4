//! A bar for each program and operation, as SVG.

use std::fmt::Write;

use super::Line;

const LEFT: usize = 250;
const WIDTH: usize = 820;
const BAR: usize = 18;

/// Processor time of each program for a request, on a logarithmic scale.
pub(crate) fn chart(operations: &[&str], lines: &[Line]) -> String {
    let height = operations.len() * (lines.len() * BAR + 40) + 30;
    let all = || lines.iter().flat_map(|line| line.figures.iter().map(|figure| figure.0));
    let (low, high) = (all().fold(f64::INFINITY, f64::min) / 2.0, all().fold(0.0, f64::max));
    let length = |value: f64| ((value / low).ln() / (high / low).ln() * (WIDTH - LEFT - 110) as f64).max(1.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"18\" font-weight=\"bold\">Processor time for each request, server and database, µs (logarithmic)</text>\n"
    );
    let mut y = 30;
    for (n, operation) in operations.iter().enumerate() {
        let _ = writeln!(out, "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{operation}</text>", y + 16);
        y += 24;
        for line in lines {
            let Some((time, _)) = line.figures.get(n) else { continue };
            let colour = if line.title == "bowline" { "#1f6feb" } else { "#8c959f" };
            let end = LEFT as f64 + length(*time);
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect x=\"{LEFT}\" y=\"{}\" width=\"{:.1}\" \
                 height=\"{}\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{}\">{time:.0}</text>",
                LEFT - 8,
                y + 13,
                line.title,
                y + 2,
                length(*time),
                BAR - 4,
                end + 6.0,
                y + 13
            );
            y += BAR;
        }
        y += 16;
    }
    out.push_str("</svg>\n");
    out
}
