//! In which order rows give up what others wait for.

/// One step of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A row lets go of its values of a set for a while: it stands in a ring.
    Park(usize, usize),
    /// A row gets all its new values.
    Write(usize),
}

/// The steps after which no row that is waited for has what others wait for: each comes after those that it waits for itself, and one row
/// of every ring is parked.
///
/// `waits` are of each row the rows that it waits for, each with the number of the set; `stuck` are rows that cannot be parked: another
/// row of their ring is, where it has one.
pub(super) fn steps(waits: &[Vec<(usize, usize)>], stuck: &[usize]) -> Vec<Step> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Waiting,
        Done,
    }
    let mut state = vec![State::New; waits.len()];
    let mut steps = Vec::new();
    let mut awaited: Vec<usize> = waits.iter().flatten().map(|(row, _)| *row).collect();
    awaited.sort_unstable();
    awaited.dedup();
    // it is the first one met of a ring that is parked
    awaited.sort_by_key(|row| stuck.contains(row));
    for first in awaited {
        if state[first] != State::New {
            continue;
        }
        // as deep as the longest chain of a body, which no stack of calls has to be
        let mut way = vec![(first, 0)];
        state[first] = State::Waiting;
        while let Some((row, next)) = way.last_mut() {
            let row = *row;
            let Some((other, set)) = waits[row].get(*next).copied() else {
                state[row] = State::Done;
                steps.push(Step::Write(row));
                way.pop();
                continue;
            };
            *next += 1;
            match state[other] {
                State::New => {
                    state[other] = State::Waiting;
                    way.push((other, 0));
                }
                State::Waiting if !steps.contains(&Step::Park(other, set)) => steps.push(Step::Park(other, set)),
                State::Waiting | State::Done => {}
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::Step::{Park, Write};
    use super::*;

    #[test]
    fn nobody_waits() {
        assert_eq!(steps(&[vec![], vec![]], &[]), []);
    }

    #[test]
    fn chains_are_written_from_their_end() {
        // 0 takes what 1 gives up, which takes what 2 gives up: 0 has its turn later
        assert_eq!(steps(&[vec![(1, 0)], vec![(2, 0)], vec![]], &[]), [Write(2), Write(1)]);
    }

    #[test]
    fn one_row_of_a_ring_is_parked() {
        assert_eq!(steps(&[vec![(1, 7)], vec![(0, 7)]], &[]), [Park(0, 7), Write(1), Write(0)]);
        let ring = [vec![(1, 0)], vec![(2, 0)], vec![(0, 0)]];
        assert_eq!(steps(&ring, &[]), [Park(0, 0), Write(2), Write(1), Write(0)]);
        assert_eq!(steps(&ring, &[0, 1]), [Park(2, 0), Write(1), Write(0), Write(2)]);
        // two rings through one row, by two sets
        let both = [vec![(1, 0), (2, 1)], vec![(0, 0)], vec![(0, 1)]];
        assert_eq!(steps(&both, &[]), [Park(0, 0), Write(1), Park(0, 1), Write(2), Write(0)]);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let rows = 200_000;
        let waits: Vec<_> = (0..rows).map(|n| if n + 1 < rows { vec![(n + 1, 0)] } else { vec![] }).collect();
        assert_eq!(steps(&waits, &[]).len(), rows - 1);
    }
}
