//! What rounds of measurements say together, and about the machine that they were taken on.

use std::fs;

/// The ratio of the medians, and between which bounds the ratios of single rounds lie.
pub(crate) fn ratio(rounds: impl IntoIterator<Item = (f64, f64)>) -> String {
    let rounds: Vec<(f64, f64)> = rounds.into_iter().collect();
    let middle = median(rounds.iter().map(|r| r.0).collect()) / median(rounds.iter().map(|r| r.1).collect());
    if !middle.is_finite() {
        return "–".to_owned();
    }
    let single = || rounds.iter().map(|r| r.0 / r.1);
    let low = single().fold(f64::INFINITY, f64::min);
    let high = single().fold(f64::NEG_INFINITY, f64::max);
    format!("**{middle:.2}** ({low:.2}–{high:.2})")
}

/// The middle value; the mean of the two middle ones of an even number.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
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

    #[test]
    fn one_bad_round_does_not_move_the_ratio_but_shows() {
        assert_eq!(ratio([(2.0, 1.0), (2.0, 1.0), (9.0, 1.0)]), "**2.00** (2.00–9.00)");
        assert_eq!(ratio([(0.0, 0.0)]), "–");
    }

    #[test]
    fn an_even_number_has_a_median() {
        assert!((median(vec![4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
    }
}
