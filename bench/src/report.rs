//! From samples to a Markdown table.

use std::fmt::Write;

use crate::statistics::{self, median};

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
    pub(crate) fn sum(&self) -> f64 {
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
        let ratio = |value: fn(&Sample) -> f64| {
            statistics::ratio(comparison.rounds.iter().map(|(first, second)| (value(first), value(second))))
        };
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
