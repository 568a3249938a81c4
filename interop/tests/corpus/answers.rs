//! What queries answered, as text that can be compared.

use std::fmt::Debug;

use sea_orm::{DbErr, SqlErr};

/// Answers by the names of their queries.
#[derive(Debug, Default)]
pub(crate) struct Answers(Vec<(String, String)>);

impl Answers {
    /// Takes note of an answer; of an error its kind, not its words.
    pub(crate) fn add<T: Debug>(&mut self, name: impl Into<String>, answer: Result<T, DbErr>) {
        let text = match answer {
            Ok(value) => format!("{value:?}"),
            Err(error) => {
                let kind = format!("{error:?}");
                let kind = kind.split(['(', ' ', '{']).next().unwrap_or_default();
                let violation = match error.sql_err() {
                    Some(SqlErr::UniqueConstraintViolation(_)) => ", unique",
                    Some(SqlErr::ForeignKeyConstraintViolation(_)) => ", foreign key",
                    _ => "",
                };
                format!("error {kind}{violation}")
            }
        };
        self.0.push((name.into(), text));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The answers that are not the same.
    pub(crate) fn differences(&self, other: &Answers) -> Vec<String> {
        assert_eq!(self.0.len(), other.0.len());
        let pairs = self.0.iter().zip(&other.0);
        let differ = pairs.filter(|(ours, theirs)| ours != theirs);
        differ.map(|((name, theirs), (_, ours))| format!("{name}\n  seaorm:  {theirs}\n  bowline: {ours}")).collect()
    }

    /// Those that begin so, for a look.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
}
