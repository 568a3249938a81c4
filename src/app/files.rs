//! How many files the process may have open: each connection is one.

use std::fs;

/// What is left for the database, for uploads and for connections that are turned away: a quarter, within these.
const SPARE: (usize, usize) = (128, 1_024);

/// The limit of this process, where the system tells it.
pub(super) fn limit() -> Option<usize> {
    of(&fs::read_to_string("/proc/self/limits").ok()?)
}

fn of(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many connections may be open of those that are wanted.
pub(super) fn connections(wanted: usize, files: Option<usize>) -> usize {
    let possible = |files: usize| files.saturating_sub((files / 4).clamp(SPARE.0, SPARE.1)).max(files / 4);
    files.map_or(wanted, |files| wanted.min(possible(files))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             63388                63388                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(of(limits), Some(1_024));
        assert_eq!(of(&limits.replace("1024   ", "unlimited")), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn some_files_are_left() {
        assert_eq!(connections(16_384, None), 16_384);
        assert_eq!(connections(16_384, Some(1_024)), 768);
        assert_eq!(connections(16_384, Some(1 << 20)), 16_384);
        assert_eq!(connections(16_384, Some(8_192)), 7_168);
        assert_eq!(connections(8, Some(1_024)), 8);
        assert_eq!(connections(16_384, Some(100)), 25);
        assert_eq!(connections(0, Some(0)), 1);
    }
}
