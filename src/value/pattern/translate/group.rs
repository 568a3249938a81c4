//! Groups, look-around, references and the flags of a group: `(…)`.

use std::fmt::Write as _;

use super::flags::Flags;
use super::{Done, Group, Kind, Last, MAX_DEPTH, Translator};

impl Translator {
    /// A group after its parenthesis.
    pub(super) fn group(&mut self, last: Last, flags: Flags) -> Done<Last> {
        let (start, begin) = (self.at - 1, self.out.len());
        if self.open.len() == MAX_DEPTH {
            return Err(self.error("too many nested groups", start));
        }
        let mut inner = flags;
        let mut kind = Kind::Group;
        let mut number = None;
        if !self.take("?") {
            number = Some(self.begin_group(None, start)?);
            self.out.push('(');
        } else if self.take("#") {
            self.until(')', "missing ), unterminated comment")?;
            return Ok(last);
        } else if self.take("P<") {
            let name = self.until('>', "missing >, unterminated name")?;
            let _ = write!(self.out, "(?P<{name}>");
            number = Some(self.begin_group(Some(name), start)?);
        } else if self.take("P=") {
            let name = self.until(')', "missing ), unterminated name")?;
            let number = self.groups.iter().position(|group| group.name.as_deref() == Some(name.as_str()));
            let number = number.ok_or_else(|| self.error(&format!("unknown group name '{name}'"), start))?;
            self.reference(number + 1, flags, start)?;
            return Ok(Last::Atom(begin));
        } else if self.take("(") {
            let name = self.until(')', "missing ), unterminated name")?;
            let known = match name.parse::<usize>() {
                Ok(number) => (1..=self.groups.len()).contains(&number).then_some(number),
                Err(_) => self.groups.iter().position(|group| group.name.as_deref() == Some(&name)).map(|n| n + 1),
            };
            let known = known.ok_or_else(|| self.error("invalid group reference", start))?;
            self.needs_backtracking = true;
            let _ = write!(self.out, "(?({known})");
        } else if let Some(opening) = ["<=", "<!", "=", "!", ">", ":"].into_iter().find(|opening| self.take(opening)) {
            kind = match opening {
                "<=" | "<!" => Kind::Behind,
                "=" | "!" => Kind::Ahead,
                _ => Kind::Group,
            };
            self.needs_backtracking |= opening != ":";
            let _ = write!(self.out, "(?{opening}");
        } else {
            inner = self.scoped_flags(flags, start)?;
            self.out.push_str("(?:");
        }
        self.open.push(kind);
        self.alternatives(inner)?;
        self.open.pop();
        if self.next() != Some(')') {
            return Err(self.error("missing ), unterminated subpattern", start));
        }
        self.out.push(')');
        if let Some(group) = number.and_then(|number: usize| self.groups.get_mut(number)) {
            group.closed = true;
        }
        Ok(if kind == Kind::Group { Last::Atom(begin) } else { Last::Look(begin) })
    }

    fn begin_group(&mut self, name: Option<String>, start: usize) -> Done<usize> {
        if let Some(name) = &name {
            let is_identifier = |c: char| c == '_' || c.is_ascii_alphanumeric();
            if !name.chars().all(is_identifier) || name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
                return Err(self.error(&format!("bad character in group name '{name}'"), start));
            }
            if self.groups.iter().any(|group| group.name.as_ref() == Some(name)) {
                return Err(self.error(&format!("redefinition of group name '{name}'"), start));
            }
        }
        self.groups.push(Group { name, closed: false });
        Ok(self.groups.len() - 1)
    }

    /// `i-m:` of `(?i-m:…)`.
    fn scoped_flags(&mut self, mut flags: Flags, start: usize) -> Done<Flags> {
        let mut on = true;
        loop {
            match self.next() {
                Some(':') => return Ok(flags),
                Some('-') if on => on = false,
                Some(')') => return Err(self.error("global flags not at the start of the expression", start)),
                Some(c) if flags.set(c, on) => {}
                _ => return Err(self.error("unknown extension", start)),
            }
        }
    }

    pub(super) fn reference(&mut self, number: usize, flags: Flags, start: usize) -> Done {
        match number.checked_sub(1).and_then(|n| self.groups.get(n)) {
            Some(group) if group.closed => {}
            Some(_) => return Err(self.error("cannot refer to an open group", start)),
            None => return Err(self.error(&format!("invalid group reference {number}"), start)),
        }
        self.needs_backtracking = true;
        // in a group of its own, so that a digit after it is not part of the number
        let _ =
            if flags.ignore_case { write!(self.out, r"(?i:\{number})") } else { write!(self.out, r"(?:\{number})") };
        Ok(())
    }
}
