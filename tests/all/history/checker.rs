//! Is a history linearizable? The search of Wing and Gong, with Lowe's memory of what was tried.

use std::collections::HashSet;

use super::{Answer, Operation, State};

/// Whether some order of the operations explains every answer: one that keeps each operation between its start and its
/// end, and in which each meets the state that the ones before it left.
pub(crate) fn linearizable(initial: Option<State>, operations: &[Operation]) -> bool {
    assert!(operations.len() <= 128, "a history is kept in the bits of a number");
    let mut search = Search { operations, tried: HashSet::new() };
    search.from(0, initial)
}

struct Search<'a> {
    operations: &'a [Operation],
    /// What was done, and the state that this led to: there is no way on from here.
    tried: HashSet<(u128, Option<State>)>,
}

impl Search<'_> {
    fn from(&mut self, done: u128, state: Option<State>) -> bool {
        let open = |n: &usize| done & (1 << n) == 0;
        let answered = |n: &usize| self.operations[*n].answer != Answer::Unknown;
        let left = || (0..self.operations.len()).filter(open);
        // an operation may come next if none that is left had ended before it started
        let Some(limit) = left().filter(answered).map(|n| self.operations[n].end).min() else {
            // what was not answered need not have happened
            return true;
        };
        if !self.tried.insert((done, state)) {
            return false;
        }
        let next = left().filter(|n| self.operations[*n].start <= limit).collect::<Vec<_>>();
        next.into_iter().any(|n| {
            let Operation { request, answer, .. } = &self.operations[n];
            let (after, seen) = request.meets(state);
            (*answer == Answer::Unknown || *answer == seen) && self.from(done | (1 << n), after)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Request::{Create, Delete, Get, PatchBlob, PatchUid, Put};
    use super::super::{Answer, Operation, Request, State};
    use super::linearizable;

    const FIRST: State = State { uid: 1, blob: 1 };

    fn row(uid: u32, blob: u32) -> Answer {
        Answer::Row(State { uid, blob })
    }

    fn op(start: u64, end: u64, request: Request, answer: Answer) -> Operation {
        Operation { client: 0, request, answer, start, end }
    }

    #[test]
    fn one_after_the_other() {
        let history = [
            op(0, 1, Get, row(1, 1)),
            op(2, 3, PatchUid(2), row(2, 1)),
            op(4, 5, PatchBlob(3), row(2, 3)),
            op(6, 7, Put(State { uid: 4, blob: 4 }), row(4, 4)),
            op(8, 9, Delete, Answer::Deleted),
            op(10, 11, Get, Answer::Missing),
            op(12, 13, PatchUid(9), Answer::Missing),
            op(14, 15, Delete, Answer::Missing),
        ];
        assert!(linearizable(Some(FIRST), &history));
    }

    #[test]
    fn at_the_same_time_any_order_will_do() {
        let history = [
            op(0, 10, PatchUid(2), row(2, 3)),
            op(0, 10, PatchBlob(3), row(1, 3)),
            op(1, 2, Get, row(1, 1)),
            op(8, 9, Get, row(2, 3)),
        ];
        assert!(linearizable(Some(FIRST), &history));
    }

    #[test]
    fn a_document_begins_with_its_creation() {
        let history = [op(0, 5, Create(FIRST), row(1, 1)), op(6, 7, Get, row(1, 1))];
        assert!(linearizable(None, &history));
        assert!(!linearizable(None, &history[1..]));
        assert!(!linearizable(Some(FIRST), &history), "it existed before");
    }

    #[test]
    fn a_stale_read() {
        let history = [op(0, 1, PatchBlob(2), row(1, 2)), op(2, 3, Get, row(1, 1))];
        assert!(!linearizable(Some(FIRST), &history));
    }

    #[test]
    fn a_read_that_goes_back() {
        let history = [op(0, 10, PatchBlob(2), row(1, 2)), op(1, 2, Get, row(1, 2)), op(3, 4, Get, row(1, 1))];
        assert!(!linearizable(Some(FIRST), &history));
    }

    #[test]
    fn a_lost_update() {
        let history = [op(0, 5, PatchUid(2), row(2, 1)), op(0, 5, PatchBlob(3), row(1, 3)), op(6, 7, Get, row(1, 3))];
        assert!(!linearizable(Some(FIRST), &history));
        // each alone would do, together they leave no order: both saw the document without the other
        assert!(!linearizable(Some(FIRST), &history[..2]));
    }

    #[test]
    fn a_row_that_comes_back() {
        let history = [op(0, 5, Delete, Answer::Deleted), op(0, 6, PatchBlob(2), row(1, 2)), op(7, 8, Get, row(1, 2))];
        assert!(!linearizable(Some(FIRST), &history));
        assert!(linearizable(Some(FIRST), &history[..2]), "without the read the PATCH came first");
    }

    #[test]
    fn two_deletions_of_one_row() {
        let history = [op(0, 5, Delete, Answer::Deleted), op(0, 5, Delete, Answer::Deleted)];
        assert!(!linearizable(Some(FIRST), &history));
    }

    #[test]
    fn a_write_that_answers_with_what_it_did_not_write() {
        assert!(!linearizable(Some(FIRST), &[op(0, 5, PatchUid(2), row(3, 1))]));
        assert!(!linearizable(Some(FIRST), &[op(0, 5, PatchUid(2), row(2, 9))]));
    }

    #[test]
    fn what_was_not_answered_happened_or_not() {
        let unknown = op(0, 1, PatchBlob(2), Answer::Unknown);
        let early = [unknown.clone(), op(2, 3, Get, row(1, 2))];
        let late = [unknown.clone(), op(2, 3, Get, row(1, 1)), op(4, 5, Get, row(1, 2))];
        let never = [unknown.clone(), op(2, 3, Get, row(1, 1))];
        let twice = [unknown, op(2, 3, Get, row(1, 2)), op(4, 5, PatchBlob(3), row(1, 3)), op(6, 7, Get, row(1, 2))];
        assert!(linearizable(Some(FIRST), &early));
        assert!(linearizable(Some(FIRST), &late));
        assert!(linearizable(Some(FIRST), &never));
        assert!(!linearizable(Some(FIRST), &twice), "it happens once");
    }

    /// A long history with much overlap and no explanation is refused in bounded time.
    #[test]
    fn a_hopeless_history_is_given_up() {
        let mut history =
            (0..40).map(|n| op(n, n + 6, PatchBlob(n as u32 % 4 + 2), Answer::Unknown)).collect::<Vec<_>>();
        history.extend((0..40).map(|n| op(n, n + 6, Get, row(1, n as u32 % 4 + 2))));
        history.push(op(100, 101, Get, row(7, 7)));
        for operation in &mut history {
            if operation.answer == Answer::Unknown {
                let Request::PatchBlob(blob) = operation.request else {
                    continue;
                };
                operation.answer = row(1, blob);
            }
        }
        assert!(!linearizable(Some(FIRST), &history));
    }
}
