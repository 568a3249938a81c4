//! Texts of statements that requests put together: some are kept prepared, a bounded number of them.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use super::super::Statement;

/// How many texts connections keep prepared; bounds the memory that clients can claim.
const KEPT: usize = 256;

/// A longer text is rarely the same twice.
const LONGEST: usize = 4 << 10;

/// The texts that were met first.
#[derive(Debug, Default)]
pub(super) struct Texts {
    known: RwLock<HashSet<Arc<str>>>,
}

impl Texts {
    /// The statement, which connections keep prepared if it is one of those met first.
    pub(super) fn kept(&self, mut statement: Statement) -> Statement {
        statement.cached = statement.sql.len() <= LONGEST && self.is_known(&statement.sql);
        statement
    }

    fn is_known(&self, sql: &Arc<str>) -> bool {
        // a poisoned lock only means that another thread panicked beside the set, which is whole
        if self.known.read().unwrap_or_else(|e| e.into_inner()).contains(sql) {
            return true;
        }
        let mut known = self.known.write().unwrap_or_else(|e| e.into_inner());
        known.len() < KEPT && (known.insert(Arc::clone(sql)) || known.contains(sql))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_are_kept() {
        let texts = Texts::default();
        for n in 0..KEPT {
            assert!(texts.kept(Statement::once(format!("SELECT {n}"))).cached);
        }
        assert!(!texts.kept(Statement::once("SELECT 'late'")).cached);
        assert!(texts.kept(Statement::once("SELECT 7")).cached);
        assert!(!Texts::default().kept(Statement::new("x".repeat(LONGEST + 1))).cached);
    }
}
