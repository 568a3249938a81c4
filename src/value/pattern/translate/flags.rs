//! Flags, and what `\w`, `\d` and `\s` are by them.

/// `str.isalnum()` and the underscore, as the inside of a class.
const WORD: &str = r"\p{L}\p{N}_";
/// `str.isspace()`.
const SPACE: &str = r"\s\x1c-\x1f";

#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ascii: bool,
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
    pub(super) verbose: bool,
}

impl Flags {
    pub(super) fn set(&mut self, flag: char, on: bool) -> bool {
        match flag {
            'a' => self.ascii = on,
            'i' => self.ignore_case = on,
            'm' => self.multi_line = on,
            's' => self.dot_all = on,
            'x' => self.verbose = on,
            'u' => self.ascii = !on,
            _ => return false,
        }
        true
    }

    pub(super) fn word(self) -> &'static str {
        if self.ascii { "A-Za-z0-9_" } else { WORD }
    }

    pub(super) fn digit(self) -> &'static str {
        if self.ascii { "0-9" } else { r"\p{Nd}" }
    }

    pub(super) fn space(self) -> &'static str {
        if self.ascii { r" \t-\r" } else { SPACE }
    }

    /// The inside of a class for `\d`, `\w`, `\s` and their opposites.
    pub(super) fn category(self, letter: char) -> Option<String> {
        Some(match letter {
            'd' => self.digit().to_owned(),
            'w' => self.word().to_owned(),
            's' => self.space().to_owned(),
            'D' => format!("[^{}]", self.digit()),
            'W' => format!("[^{}]", self.word()),
            'S' => format!("[^{}]", self.space()),
            _ => return None,
        })
    }
}
