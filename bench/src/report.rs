//! From samples to a Markdown table.

use std::fmt::Write;
use std::fs;

/// One timed run of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Processor time of the server for one request, in microseconds.
    pub(crate) server: f64,
    /// The same of the database's processes; none for a database that lives in the server.
    pub(crate) database: f64,
    pub(crate) rate: f64,
    /// Milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Sample {
    fn sum(&self) -> f64 {
        self.server + self.database
    }
}

/// What was measured for one operation: a pair of samples, ours and the peer's, for each round.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) title: &'static str,
    pub(crate) rounds: Vec<(Sample, Sample)>,
}

/// The table of one database.
pub(crate) fn table(ours: &str, peer: &str, comparisons: &[Comparison]) -> String {
    let mut out = String::from(
        "| operation | program | server µs | database µs | sum µs | requests/s | p50 ms | p99 ms |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for comparison in comparisons {
        let (first, second): (Vec<_>, Vec<_>) = comparison.rounds.iter().copied().unzip();
        for (title, name, samples) in [(comparison.title, ours, first), ("", peer, second)] {
            let of = |value: fn(&Sample) -> f64| median(samples.iter().map(value).collect());
            let _ = writeln!(
                out,
                "| {title} | {name} | {:.1} | {:.1} | {:.1} | {:.0} | {:.2} | {:.2} |",
                of(|s| s.server),
                of(|s| s.database),
                of(Sample::sum),
                of(|s| s.rate),
                of(|s| s.p50),
                of(|s| s.p99),
            );
        }
        let ratio = |value: fn(&Sample) -> f64| ratio(&comparison.rounds, value);
        let _ = writeln!(
            out,
            "| | **{ours} ÷ {peer}** | {} | {} | {} | {} | {} | {} |",
            ratio(|s| s.server),
            ratio(|s| s.database),
            ratio(Sample::sum),
            ratio(|s| s.rate),
            ratio(|s| s.p50),
            ratio(|s| s.p99),
        );
    }
    out
}

/// The ratio of the medians, and between which bounds the ratios of single rounds lie.
fn ratio(rounds: &[(Sample, Sample)], value: fn(&Sample) -> f64) -> String {
    let middle =
        median(rounds.iter().map(|r| value(&r.0)).collect()) / median(rounds.iter().map(|r| value(&r.1)).collect());
    if !middle.is_finite() {
        return "–".to_owned();
    }
    let single = || rounds.iter().map(|r| value(&r.0) / value(&r.1));
    let low = single().fold(f64::INFINITY, f64::min);
    let high = single().fold(f64::NEG_INFINITY, f64::max);
    format!("**{middle:.2}** ({low:.2}–{high:.2})")
}

/// The middle value; the mean of the two middle ones of an even number.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// The processor, in words.
pub(crate) fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let cores = text.lines().filter(|l| l.starts_with("processor")).count();
    format!("{model}, {cores} cores")
}

/// How many processes wanted a core during the last minute; over a half and the numbers are noisy.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    first.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(server: f64) -> Sample {
        Sample { server, database: 0.0, rate: 1.0, p50: 1.0, p99: 1.0 }
    }

    #[test]
    fn one_bad_round_does_not_move_the_ratio_but_shows() {
        let rounds = [(2.0, 1.0), (2.0, 1.0), (9.0, 1.0)].map(|(a, b)| (sample(a), sample(b)));
        assert_eq!(ratio(&rounds, |s| s.server), "**2.00** (2.00–9.00)");
        assert_eq!(ratio(&rounds, |s| s.database), "–");
    }

    #[test]
    fn an_even_number_has_a_median() {
        assert!((median(vec![4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
    }
}
