//! Classes: `[…]`.

use std::fmt::Write as _;

use super::flags::Flags;
use super::{Done, Translator, push_char};

impl Translator {
    /// A class after its bracket.
    pub(super) fn class(&mut self, flags: Flags) -> Done {
        let start = self.at - 1;
        let unterminated = |translator: &Self| translator.error("unterminated character set", start);
        let mut class = String::from(if self.take("^") { "[^" } else { "[" });
        let mut has_i = false;
        let mut first = true;
        loop {
            let at = self.at;
            if self.peek() == Some(']') && !first {
                self.at += 1;
                break;
            }
            first = false;
            let low = self.member(flags)?.ok_or_else(|| unterminated(self))?;
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
            if self.peek() == Some('-') && self.at + 1 == self.chars.len() {
                return Err(unterminated(self));
            }
            if !is_range {
                match low {
                    Member::Char(c) => {
                        has_i |= "iIİı".contains(c);
                        push_char(&mut class, c);
                    }
                    Member::Category(category) => class.push_str(&category),
                }
                continue;
            }
            self.at += 1;
            let high = self.member(flags)?.ok_or_else(|| unterminated(self))?;
            match (low, high) {
                (Member::Char(low), Member::Char(high)) if low <= high => {
                    has_i |= "iIİı".chars().any(|c| (low..=high).contains(&c));
                    push_char(&mut class, low);
                    class.push('-');
                    push_char(&mut class, high);
                }
                _ => return Err(self.error("bad character range", at)),
            }
        }
        if has_i && flags.ignore_case {
            class.push_str("iIİı");
        }
        class.push(']');
        let _ = if flags.ignore_case { write!(self.out, "(?i:{class})") } else { write!(self.out, "{class}") };
        Ok(())
    }

    /// One member of a class; none at the end of the pattern.
    fn member(&mut self, flags: Flags) -> Done<Option<Member>> {
        let Some(c) = self.next() else { return Ok(None) };
        if c != '\\' {
            return Ok(Some(Member::Char(c)));
        }
        let start = self.at - 1;
        let Some(c) = self.peek() else { return Err(self.error("bad escape (end of pattern)", start)) };
        if let Some(category) = flags.category(c) {
            self.at += 1;
            return Ok(Some(Member::Category(category)));
        }
        Ok(Some(Member::Char(match c {
            'b' => {
                self.at += 1;
                '\x08'
            }
            '1'..='7' => {
                let octal: String = self.rest().iter().take(3).take_while(|c| matches!(c, '0'..='7')).collect();
                self.at += octal.len();
                let c = u32::from_str_radix(&octal, 8).ok().filter(|code| *code < 0o400).and_then(char::from_u32);
                c.ok_or_else(|| self.error("octal escape value outside of range 0-0o377", start))?
            }
            _ => self.escaped_char()?,
        })))
    }
}

enum Member {
    Char(char),
    Category(String),
}
