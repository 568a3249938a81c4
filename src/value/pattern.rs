//! Regular expressions as Python's `re` reads them.
//!
//! A pattern is rewritten into the syntax of the `regex` crate, which matches in linear time; one that needs look-around,
//! references or `$` in its middle is matched by `fancy-regex`, which backtracks and gives up after a million steps.

use std::fmt;

mod translate;

use translate::translate;

/// The most memory that a compiled pattern may take: a class of all letters, repeated some hundred times, takes a lot.
const SIZE_LIMIT: usize = 64 << 20;

/// The same for a pattern of a client's.
const CLIENT_SIZE_LIMIT: usize = 1 << 20;

/// The most characters of a pattern of a client's.
pub(crate) const CLIENT_LENGTH: usize = 300;

/// How many steps a pattern of a client's may go back and forth in one text.
const CLIENT_STEPS: usize = 100_000;
/// The same for a program's.
const STEPS: usize = 1_000_000;

/// A compiled pattern; cheap to clone.
///
/// `\d`, `\w`, `\s` and letters without regard to case are those of Unicode, and `$` also matches before a newline that
/// ends the text.
///
/// ```
/// use bowline::value::pattern::Pattern;
/// let pattern = Pattern::new(r"^\w+$").unwrap();
/// assert!(pattern.is_match("h\u{e9}\n"));
/// assert!(!Pattern::new(r"^\w+\Z").unwrap().is_match("h\u{e9}\n"));
/// assert_eq!(
///     Pattern::new("a)").unwrap_err().to_string(),
///     "`a)` is no regular expression: unbalanced parenthesis at position 1"
/// );
/// ```
#[derive(Clone)]
pub struct Pattern {
    source: String,
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(fancy_regex::Regex),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError`] for what `re.compile` refuses, for what it accepts and no engine here has (`\N{…}`), and for a pattern that
    /// takes too much memory.
    pub fn new(source: impl Into<String>) -> Result<Self, PatternError> {
        Pattern::limited(source.into(), SIZE_LIMIT, STEPS)
    }

    /// Compiles a pattern that a client sent, which may be 300 characters long and take little memory and few steps. It may take
    /// some milliseconds all the same.
    ///
    /// # Errors
    ///
    /// As [`Pattern::new`].
    pub fn of_client(source: impl Into<String>) -> Result<Self, PatternError> {
        let source = source.into();
        // what says that case is ignored is no client's
        if source.chars().count() > CLIENT_LENGTH + "(?i)".len() {
            return Err(PatternError { source, reason: format!("it is longer than {CLIENT_LENGTH} characters") });
        }
        Pattern::limited(source, CLIENT_SIZE_LIMIT, CLIENT_STEPS)
    }

    fn limited(source: String, limit: usize, steps: usize) -> Result<Self, PatternError> {
        let error = |reason: String| PatternError { source: source.clone(), reason };
        let translated = translate(&source).map_err(error)?;
        let engine = if translated.needs_backtracking {
            let built = fancy_regex::RegexBuilder::new(&translated.text)
                .delegate_size_limit(limit)
                .backtrack_limit(steps)
                .build();
            Engine::Backtracking(built.map_err(|e| error(e.to_string()))?)
        } else {
            let built = regex::RegexBuilder::new(&translated.text).size_limit(limit).build();
            Engine::Linear(built.map_err(|e| error(e.to_string()))?)
        };
        Ok(Pattern { source, engine })
    }

    /// Whether it matches anywhere in the text: `re.search`; one that takes too many steps does not.
    pub fn is_match(&self, text: &str) -> bool {
        self.try_match(text).unwrap_or(false)
    }

    /// The same, where too many steps are no answer.
    ///
    /// # Errors
    ///
    /// [`TooManySteps`] where it is not found out within them.
    pub fn try_match(&self, text: &str) -> Result<bool, TooManySteps> {
        match &self.engine {
            Engine::Linear(regex) => Ok(regex.is_match(text)),
            Engine::Backtracking(regex) => regex.is_match(text).map_err(|_| TooManySteps),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source).finish()
    }
}

/// A pattern goes back and forth in a text more often than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySteps;

impl TooManySteps {
    pub(crate) const SENTENCE: &str = "a regular expression takes too many steps";
}

impl fmt::Display for TooManySteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SENTENCE)
    }
}

impl std::error::Error for TooManySteps {}

/// A text that is no regular expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    source: String,
    reason: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no regular expression: {}", self.source, self.reason)
    }
}

impl std::error::Error for PatternError {}

impl From<PatternError> for crate::error::Error {
    fn from(error: PatternError) -> Self {
        crate::error::Error::startup(error)
    }
}

#[cfg(test)]
mod tests;
