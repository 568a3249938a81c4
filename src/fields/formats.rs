//! How dates and times are written: ISO 8601, or patterns of `strftime`.

use crate::value::iso::Written;
use crate::value::strptime::Pattern;

/// DRF's name for ISO 8601 among the formats.
const ISO_8601: &str = "iso-8601";

/// How a field writes its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum OutputFormat {
    #[default]
    Iso,
    /// As the value is, by the encoder (DRF's `format=None`).
    Raw,
    /// A pattern of `strftime`.
    Pattern(String),
}

impl From<&str> for OutputFormat {
    fn from(format: &str) -> Self {
        if is_iso(format) { OutputFormat::Iso } else { OutputFormat::Pattern(format.to_owned()) }
    }
}

fn is_iso(format: &str) -> bool {
    format.to_lowercase() == ISO_8601
}

/// The formats that a field reads, in the order in which they are tried.
#[derive(Clone, Debug)]
pub(super) struct InputFormats {
    formats: Vec<InputFormat>,
    /// As messages name them.
    humanized: String,
}

#[derive(Clone, Debug)]
struct InputFormat {
    is_iso: bool,
    /// None where Python knows no such pattern, so that nothing matches it.
    pattern: Option<Pattern>,
}

impl InputFormats {
    /// From DRF's notation; `iso` is what messages call ISO 8601.
    pub(super) fn new<F: AsRef<str>>(formats: impl IntoIterator<Item = F>, iso: &str) -> Self {
        let mut texts = Vec::new();
        let mut compiled = Vec::new();
        for format in formats {
            let format = format.as_ref();
            compiled.push(InputFormat { is_iso: is_iso(format), pattern: Pattern::new(format) });
            texts.push(format.to_owned());
        }
        InputFormats { formats: compiled, humanized: humanize(&texts.join(", ").replace(ISO_8601, iso)) }
    }

    /// ISO 8601 alone.
    pub(super) fn iso(name: &str) -> Self {
        InputFormats::new([ISO_8601], name)
    }

    /// What the first format that fits makes of a text.
    pub(super) fn read<T>(
        &self,
        text: &str,
        iso: impl Fn(&str) -> Option<T>,
        written: impl Fn(Written) -> T,
    ) -> Option<T> {
        self.formats.iter().find_map(|format| match format {
            InputFormat { is_iso: true, .. } => iso(text),
            InputFormat { pattern, .. } => pattern.as_ref()?.parse(text).map(&written),
        })
    }

    /// The same for dates with times, where DRF also takes the word `iso-8601` itself for a pattern.
    pub(super) fn read_datetime(&self, text: &str, iso: impl Fn(&str) -> Option<Written>) -> Option<Written> {
        self.formats.iter().find_map(|format| {
            let found = if format.is_iso { iso(text) } else { None };
            found.or_else(|| format.pattern.as_ref()?.parse(text))
        })
    }

    pub(super) fn humanized(&self) -> &str {
        &self.humanized
    }
}

/// DRF's `humanize_strptime`.
fn humanize(formats: &str) -> String {
    let names = [
        ("%Y", "YYYY"),
        ("%y", "YY"),
        ("%m", "MM"),
        ("%b", "[Jan-Dec]"),
        ("%B", "[January-December]"),
        ("%d", "DD"),
        ("%H", "hh"),
        ("%I", "hh"),
        ("%M", "mm"),
        ("%S", "ss"),
        ("%f", "uuuuuu"),
        ("%a", "[Mon-Sun]"),
        ("%A", "[Monday-Sunday]"),
        ("%p", "[AM|PM]"),
        ("%z", "[+HHMM|-HHMM]"),
    ];
    names.iter().fold(formats.to_owned(), |text, (place, name)| text.replace(place, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_formats() {
        let formats = InputFormats::new(["%d/%m/%Y %H:%M", "iso-8601"], "YYYY");
        assert_eq!(formats.humanized(), "DD/MM/YYYY hh:mm, YYYY");
        assert_eq!(InputFormats::iso("hh:mm").humanized(), "hh:mm");
        assert_eq!(InputFormats::new(["%Q %I:%M %p"], "").humanized(), "%Q hh:mm [AM|PM]");
    }

    #[test]
    fn the_name_of_iso_is_of_any_case() {
        assert_eq!(OutputFormat::from("ISO-8601"), OutputFormat::Iso);
        assert_eq!(OutputFormat::from("%Y"), OutputFormat::Pattern("%Y".into()));
    }
}
