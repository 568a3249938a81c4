//! `limits.toml`: the ratios that were reached, and may not be lost again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::Line;
use crate::Result;

/// How far a ratio may be from its limit: two compilers lay out code differently, and two processors copy memory by other
/// instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    /// In per cent.
    pub(crate) above: u32,
}

impl Tolerance {
    /// The highest ratio that passes, as a multiple of the limit.
    fn highest(self) -> f64 {
        1.0 + f64::from(self.above) / 100.0
    }

    /// The lowest one: a ratio that is below has to become the new limit.
    fn lowest(self) -> f64 {
        1.0 - f64::from(self.above + 2) / 100.0
    }
}

/// The ratios of all lines, by database and name.
#[derive(Debug, Default)]
pub(crate) struct Limits(BTreeMap<String, BTreeMap<String, f64>>);

impl Limits {
    /// Reads a file; one that is not there has no limits.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Ok(Limits(toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Limits::default()),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }

    /// The ratio of a line, if there is one.
    pub(super) fn get(&self, database: &str, name: &str) -> Option<f64> {
        self.0.get(database)?.get(name).copied()
    }

    /// Takes the ratios of lines as their limits.
    pub(crate) fn take(&mut self, database: &str, lines: &[Line]) {
        let limits = self.0.entry(database.to_owned()).or_default();
        // as the file has them: the README's table is made of both
        limits.extend(lines.iter().map(|line| (line.name.clone(), (line.ratio() * 1000.0).round() / 1000.0)));
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut out = String::from(
            "# Instructions of the server for each request: of an operation as a multiple of the hand-written program's, of a\n\
             # layer as a multiple of the same request without it. Made by `bowline-bench --instructions write`, and\n\
             # held by `--instructions hold`: a ratio may neither rise by 3 % nor stay here when it has fallen by 5 %.\n",
        );
        for (database, limits) in &self.0 {
            let _ = writeln!(out, "\n[{database}]");
            for (name, limit) in limits {
                let _ = writeln!(out, "{name} = {limit:.3}");
            }
        }
        Ok(fs::write(path, out)?)
    }

    /// The sentences about the lines that are not within their limits.
    pub(crate) fn judge(&self, database: &str, lines: &[Line], tolerance: Tolerance) -> Vec<String> {
        let none = BTreeMap::new();
        let limits = self.0.get(database).unwrap_or(&none);
        let judged = lines.iter().filter_map(|line| {
            let name = &line.name;
            let ratio = line.ratio();
            match limits.get(name) {
                None => Some(format!("{database}, {name}: there is no limit yet for {ratio:.3}")),
                Some(limit) if ratio > limit * tolerance.highest() => {
                    Some(format!("{database}, {name}: {ratio:.3} is above its limit {limit:.3}"))
                }
                Some(limit) if ratio < limit * tolerance.lowest() => Some(format!(
                    "{database}, {name}: {ratio:.3} is below its limit {limit:.3}, which has to be lowered"
                )),
                Some(_) => None,
            }
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Count;
    use super::*;

    fn line(name: &str, ratio: f64) -> Line {
        Line { name: name.to_owned(), first: Count(vec![ratio]), second: Count(vec![1.0]) }
    }

    #[test]
    fn a_ratio_may_neither_rise_nor_fall_unseen() {
        let mut limits = Limits::default();
        limits.take("sqlite", &[line("retrieve", 1.5)]);
        let judged =
            |database, name, ratio, above| limits.judge(database, &[line(name, ratio)], Tolerance { above }).len();
        assert_eq!(judged("sqlite", "retrieve", 1.5, 3), 0);
        assert_eq!(judged("sqlite", "retrieve", 1.54, 3), 0);
        assert_eq!(judged("sqlite", "retrieve", 1.55, 3), 1);
        assert_eq!(judged("sqlite", "retrieve", 1.55, 10), 0);
        assert_eq!(judged("sqlite", "retrieve", 1.66, 10), 1);
        assert_eq!(judged("sqlite", "retrieve", 1.42, 3), 1);
        assert_eq!(judged("sqlite", "retrieve", 1.42, 10), 0);
        assert_eq!(judged("sqlite", "page", 1.0, 3), 1);
        assert_eq!(judged("postgres", "retrieve", 1.5, 3), 1);
    }
}
