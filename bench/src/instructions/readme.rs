//! The table of the README: the ratios of `limits.toml`, which is what `scripts/test` holds.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::Limits;
use crate::Result;
use crate::operation::OPERATIONS;

const BEGIN: &str = "<!-- made by bowline-bench --instructions write -->\n";
const END: &str = "<!-- end -->\n";

/// The layers, as `limits.toml` names them.
const LAYERS: [(&str, &str); 9] = [
    ("filtered", "filter backend, no filter asked for"),
    ("throttled", "throttle, in the process"),
    ("versioned", "version in the Accept header"),
    ("tagged", "entity tag"),
    ("token", "DRF's token"),
    ("bearer", "hashed token that ends"),
    ("jwt", "JSON web token"),
    ("session", "Django's session"),
    ("idempotent", "a POST with an idempotency key, beside one without"),
];

/// Ratios of the operations, and under them those of the layers.
fn table(limits: &Limits) -> String {
    let cell = |database: &str, name: &str| match limits.get(database, name) {
        Some(ratio) => format!("{ratio:.2}"),
        None => "–".to_owned(),
    };
    let mut out = String::from("\n| operation | PostgreSQL | SQLite |\n|---|--:|--:|\n");
    for operation in &OPERATIONS {
        let name = operation.name;
        let _ = writeln!(out, "| {} | {} | {} |", operation.title, cell("postgres", name), cell("sqlite", name));
    }
    out.push_str("\n| a retrieve through a layer, beside one without | PostgreSQL | SQLite |\n|---|--:|--:|\n");
    for (name, title) in LAYERS {
        let name = format!("layer-{name}");
        let _ = writeln!(out, "| {title} | {} | {} |", cell("postgres", &name), cell("sqlite", &name));
    }
    out.push('\n');
    out
}

/// Puts the table of these limits between the marks of a text; `None` where there are no marks.
fn with_table(text: &str, limits: &Limits) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", table(limits)))
}

/// Writes the table into the README.
pub(super) fn write(path: &Path, limits: &Limits) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let text = with_table(&text, limits).ok_or_else(|| format!("{}: no marks for the table", path.display()))?;
    Ok(fs::write(path, text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructions::{limits_path, readme_path};

    #[test]
    fn the_readme_has_the_limits() {
        let limits = Limits::read(limits_path()).expect("the limits");
        let text = fs::read_to_string(readme_path()).expect("the README");
        assert_eq!(
            with_table(&text, &limits).expect("marks"),
            text,
            "bowline-bench --instructions write makes it anew"
        );
    }
}
