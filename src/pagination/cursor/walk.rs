//! Where the pages before and after a page begin: DRF's `get_next_link` and `get_previous_link`.

use super::token::{Cursor, Position};

/// A page that was read, and what lies around it.
pub(super) struct Walk<'a> {
    /// Where it began; the start of the list without one.
    pub(super) cursor: Option<&'a Cursor>,
    /// The most rows of a page.
    pub(super) size: u64,
    /// The keys of the rows that are shown, in the list's order.
    pub(super) rows: &'a [Vec<Position>],
    /// The first key of the row beyond, where there is one.
    pub(super) beyond: Option<Position>,
    /// From which offset on a cursor says the whole place of its row, as it does where DRF's cannot say it at all; none
    /// where it says so whenever rows share a position.
    pub(super) cutoff: Option<u64>,
}

impl Walk<'_> {
    fn reverse(&self) -> bool {
        self.cursor.is_some_and(|cursor| cursor.reverse)
    }

    /// The first key of the place where the page began.
    fn current(&self) -> Option<Position> {
        let cursor = self.cursor?;
        match &cursor.anchor {
            Some(anchor) => anchor.first().cloned(),
            None => cursor.position.clone().map(Some),
        }
    }

    /// Whether the page began at a place, and not at an end of the list.
    fn began_within(&self) -> bool {
        self.cursor.is_some_and(|cursor| cursor.position.is_some() || cursor.anchor.is_some() || cursor.offset > 0)
    }

    fn has_next(&self) -> bool {
        if self.reverse() { self.began_within() } else { self.beyond.is_some() }
    }

    fn has_previous(&self) -> bool {
        if self.reverse() { self.beyond.is_some() } else { self.began_within() }
    }

    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<Cursor> {
        self.has_next().then(|| self.towards(false, self.rows.iter().rev()))
    }

    /// Where the page before begins, if there is one.
    pub(super) fn previous(&self) -> Option<Cursor> {
        self.has_previous().then(|| self.towards(true, self.rows.iter()))
    }

    /// Both ways at once: `rows` come from the page's edge inwards.
    fn towards<'r>(&self, back: bool, mut rows: impl Iterator<Item = &'r Vec<Position>>) -> Cursor {
        // the row across the edge
        let across = if self.reverse() == back { self.beyond.clone() } else { self.current() };
        let Some(edge) = rows.next() else {
            // nothing is shown, so nothing is passed over: from the other end, or as DRF has it
            let position = self.cursor.and_then(|cursor| cursor.position.clone()).filter(|_| self.cutoff.is_some());
            return Cursor { reverse: back, position, ..Cursor::default() };
        };
        let first = |row: &Vec<Position>| row.first().cloned().unwrap_or(None);
        // an offset cursor that turns round has no mark across the edge
        let turned = self.cursor.is_some_and(|cursor| cursor.reverse != back && cursor.offset != 0);
        let mut compare = if turned { Some(first(edge)) } else { across };
        let mut offset = 0;
        let mut mark = None;
        for row in std::iter::once(edge).chain(rows) {
            let position = first(row);
            if compare.as_ref() != Some(&position) {
                mark = Some(position);
                break;
            }
            compare = Some(position);
            offset += 1;
        }
        let is_marked = mark.is_some();
        // where DRF's part of the cursor did not say where the page began, it cannot say what comes after it
        let mut goes_on = false;
        let position = mark.unwrap_or_else(|| {
            let before = if back { self.has_next() } else { self.has_previous() };
            let current = self.cursor.and_then(|cursor| cursor.position.clone());
            match (before, self.reverse() == back) {
                // an end of the list
                (false, _) => {
                    offset = self.size;
                    None
                }
                // further the same way
                (true, true) => {
                    goes_on = self.cursor.is_some_and(|cursor| cursor.anchor.is_some());
                    offset = self.cursor.map_or(0, |cursor| cursor.offset).saturating_add(self.size);
                    current
                }
                // turned round, where DRF passes over some rows
                (true, false) => {
                    offset = 0;
                    if let Some(beyond) = &self.beyond { beyond.clone() } else { None }
                }
            }
        });
        let says_all = match self.cutoff {
            None => is_marked && offset == 0 && position.is_some(),
            Some(cutoff) => {
                !goes_on && offset <= cutoff && (!is_marked || position.is_some()) && edge.first() != Some(&None)
            }
        };
        Cursor { offset, reverse: back, position, anchor: (!says_all).then(|| edge.clone()) }
    }
}
