//! A read that goes to the database together with the question who asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Bound, Rows};

/// A read that is known before it is known who asks for it: it is sent along with the first read of a
/// [`Database`](super::Database) that carries it, in one round trip. What it found is there for whoever wants just this read
/// later; until then nobody sees it.
#[derive(Debug)]
pub(crate) struct Ahead(Mutex<State>);

#[derive(Debug)]
enum State {
    Unsent(Bound),
    Found(Bound, Rows),
    Over,
}

impl Ahead {
    /// A read that nobody has sent yet.
    pub(crate) fn new(bound: Bound) -> Self {
        Ahead(Mutex::new(State::Unsent(bound)))
    }

    /// The read, to be sent; none where it was sent before.
    pub(super) fn send(&self) -> Option<Bound> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Unsent(bound) => Some(bound),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Keeps what it found.
    pub(super) fn found(&self, bound: Bound, rows: Rows) {
        *self.state() = State::Found(bound, rows);
    }

    /// What it found, where it is the same read; once.
    pub(crate) fn take(&self, wanted: &Bound) -> Option<Rows> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Found(bound, rows) if bound.is_same(wanted) => Some(rows),
            _ => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Statement;
    use super::*;

    #[test]
    fn what_was_found_is_for_the_same_read_alone_and_once() {
        let statement = Statement::new("SELECT 1 WHERE 1 = $1");
        let read = |key: i64| statement.bind(vec![key.into()]);
        let ahead = Ahead::new(read(1));
        assert!(ahead.take(&read(1)).is_none(), "it was not sent");

        let ahead = Ahead::new(read(1));
        assert!(ahead.send().is_some_and(|sent| sent.is_same(&read(1))));
        assert!(ahead.send().is_none());
        ahead.found(read(1), Rows::none());
        assert!(ahead.take(&read(1)).is_some());
        assert!(ahead.take(&read(1)).is_none());

        ahead.found(read(1), Rows::none());
        assert!(ahead.take(&read(2)).is_none());
    }
}
