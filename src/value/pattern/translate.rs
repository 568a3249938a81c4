//! From Python's syntax to that of the `regex` and `fancy-regex` crates.

use std::fmt::Write as _;

/// How deep groups may be nested.
const MAX_DEPTH: usize = 200;

/// `str.isalnum()` and the underscore, as the inside of a class.
const WORD: &str = r"\p{L}\p{N}_";
/// `str.isspace()`.
const SPACE: &str = r"\s\x1c-\x1f";

/// A pattern in the other syntax.
pub(super) struct Translated {
    pub(super) text: String,
    pub(super) needs_backtracking: bool,
}

/// Rewrites a pattern; what Python would refuse is an error that says where.
pub(super) fn translate(source: &str) -> Result<Translated, String> {
    let mut translator = Translator {
        chars: source.chars().collect(),
        at: 0,
        out: String::new(),
        needs_backtracking: false,
        open: Vec::new(),
        groups: Vec::new(),
    };
    let flags = translator.global_flags()?;
    translator.alternatives(flags)?;
    if translator.at < translator.chars.len() {
        return Err(translator.error("unbalanced parenthesis", translator.at));
    }
    Ok(Translated { text: translator.out, needs_backtracking: translator.needs_backtracking })
}

#[derive(Clone, Copy, Default)]
struct Flags {
    ascii: bool,
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    verbose: bool,
}

impl Flags {
    fn set(&mut self, flag: char, on: bool) -> bool {
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

    fn word(self) -> &'static str {
        if self.ascii { "A-Za-z0-9_" } else { WORD }
    }

    fn digit(self) -> &'static str {
        if self.ascii { "0-9" } else { r"\p{Nd}" }
    }

    fn space(self) -> &'static str {
        if self.ascii { r" \t-\r" } else { SPACE }
    }

    /// The inside of a class for `\d`, `\w`, `\s` and their opposites.
    fn category(self, letter: char) -> Option<String> {
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

struct Group {
    name: Option<String>,
    closed: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Group,
    Ahead,
    Behind,
}

/// What a quantifier would repeat.
#[derive(Clone, Copy)]
enum Last {
    Nothing,
    /// An atom that begins here in the output.
    Atom(usize),
    /// A look-around that begins here in the output.
    Look(usize),
    Repeat,
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    out: String,
    needs_backtracking: bool,
    open: Vec<Kind>,
    groups: Vec<Group>,
}

type Done<T = ()> = Result<T, String>;

impl Translator {
    fn error(&self, what: &str, at: usize) -> String {
        format!("{what} at position {at}")
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(&text.chars().collect::<Vec<_>>());
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn rest(&self) -> &[char] {
        self.chars.get(self.at..).unwrap_or_default()
    }

    /// Everything up to and over an end mark.
    fn until(&mut self, end: char, missing: &str) -> Done<String> {
        let start = self.at;
        match self.rest().iter().position(|c| *c == end) {
            Some(length) => {
                self.at += length + 1;
                Ok(self.chars.iter().skip(start).take(length).collect())
            }
            None => Err(self.error(missing, start)),
        }
    }

    /// `(?ims)` at the very start.
    fn global_flags(&mut self) -> Done<Flags> {
        let mut flags = Flags::default();
        let rest: String = self.rest().iter().collect();
        let Some((letters, _)) = rest.strip_prefix("(?").and_then(|rest| rest.split_once(')')) else {
            return Ok(flags);
        };
        if !letters.is_empty() && letters.chars().all(|c| "aimsux".contains(c)) {
            letters.chars().for_each(|c| {
                flags.set(c, true);
            });
            self.at = letters.len() + 3;
        }
        Ok(flags)
    }

    /// Alternatives up to the end or a closing parenthesis, which is left.
    fn alternatives(&mut self, flags: Flags) -> Done {
        let mut last = Last::Nothing;
        loop {
            let (start, begin) = (self.at, self.out.len());
            let Some(c) = self.peek().filter(|c| *c != ')') else { return Ok(()) };
            self.at += 1;
            match c {
                '|' => {
                    self.out.push('|');
                    last = Last::Nothing;
                }
                c if flags.verbose && " \t\n\r\x0b\x0c".contains(c) => {}
                '#' if flags.verbose => while !matches!(self.next(), None | Some('\n')) {},
                '*' | '+' | '?' => {
                    let bounds = match c {
                        '*' => (0, None),
                        '+' => (1, None),
                        _ => (0, Some(1)),
                    };
                    last = self.repeat(last, bounds, start)?;
                }
                '{' => match self.bounds()? {
                    Some(bounds) => last = self.repeat(last, bounds, start)?,
                    None => {
                        self.literal('{', flags);
                        last = Last::Atom(begin);
                    }
                },
                '^' => {
                    self.out.push_str(if flags.multi_line { "(?m:^)" } else { r"\A" });
                    last = Last::Nothing;
                }
                '$' => {
                    self.end_of_text(flags);
                    last = Last::Nothing;
                }
                '.' => {
                    self.out.push_str(if flags.dot_all { "(?s:.)" } else { r"[^\n]" });
                    last = Last::Atom(begin);
                }
                '[' => {
                    self.class(flags)?;
                    last = Last::Atom(begin);
                }
                '(' => last = self.group(last, flags)?,
                '\\' => last = if self.escape(flags)? { Last::Atom(begin) } else { Last::Nothing },
                c => {
                    self.literal(c, flags);
                    last = Last::Atom(begin);
                }
            }
        }
    }

    /// A character for itself.
    fn literal(&mut self, c: char, flags: Flags) {
        match c {
            // Python takes these four for one another, Unicode's simple folding does not
            'i' | 'I' | 'İ' | 'ı' if flags.ignore_case => self.out.push_str("[iIİı]"),
            c if flags.ignore_case && c.is_alphabetic() => {
                let _ = write!(self.out, "(?i:{c})");
            }
            c => push_char(&mut self.out, c),
        }
    }

    /// `$`: the end, or before a newline that is the end.
    fn end_of_text(&mut self, flags: Flags) {
        if flags.multi_line {
            self.out.push_str("(?m:$)");
        } else if self.ends_the_match() {
            self.out.push_str(r"\n?\z");
        } else {
            self.needs_backtracking = true;
            self.out.push_str(r"(?=\n?\z)");
        }
    }

    /// Whether nothing can be matched after this place, so that a newline may be consumed instead of looked at.
    fn ends_the_match(&self) -> bool {
        let mut at = self.at;
        let mut open = self.open.as_slice();
        let get = |at: usize| self.chars.get(at).copied();
        loop {
            match get(at) {
                None => return true,
                Some(')') => {
                    let Some((kind, outer)) = open.split_last() else { return false };
                    match kind {
                        Kind::Ahead => return true,
                        Kind::Behind => return false,
                        Kind::Group => open = outer,
                    }
                    at += 1;
                    if matches!(get(at), Some('*' | '+' | '?' | '{')) {
                        return false;
                    }
                }
                Some('|') => {
                    // over the other alternatives of this group
                    let mut depth = 0;
                    let mut in_class = false;
                    loop {
                        match get(at) {
                            None => return true,
                            Some('\\') => at += 1,
                            Some('[') if !in_class => {
                                in_class = true;
                                // a bracket that comes first is a member
                                at += usize::from(get(at + 1) == Some('^'));
                                at += usize::from(get(at + 1) == Some(']'));
                            }
                            Some(']') => in_class = false,
                            Some('(') if !in_class => depth += 1,
                            Some(')') if !in_class && depth == 0 => break,
                            Some(')') if !in_class => depth -= 1,
                            Some(_) => {}
                        }
                        at += 1;
                    }
                }
                Some(_) => return false,
            }
        }
    }

    /// The inside of `{…}`, where it is a quantifier.
    fn bounds(&mut self) -> Done<Option<(u32, Option<u32>)>> {
        let start = self.at;
        let text: String = self.rest().iter().take_while(|c| c.is_ascii_digit() || **c == ',').collect();
        let (low, high) = text.split_once(',').unwrap_or((&text, &text));
        let closed = self.chars.get(start + text.len()) == Some(&'}');
        if !closed || text.is_empty() || high.contains(',') {
            return Ok(None);
        }
        self.at += text.len() + 1;
        let number =
            |text: &str| text.parse::<u32>().map_err(|_| self.error("the repetition number is too large", start));
        let low = if low.is_empty() { 0 } else { number(low)? };
        let high = if high.is_empty() { None } else { Some(number(high)?) };
        if high.is_some_and(|high| high < low) {
            return Err(self.error("min repeat greater than max repeat", start));
        }
        Ok(Some((low, high)))
    }

    fn repeat(&mut self, last: Last, (low, high): (u32, Option<u32>), start: usize) -> Done<Last> {
        let begin = match last {
            Last::Atom(begin) => begin,
            Last::Nothing => return Err(self.error("nothing to repeat", start)),
            Last::Repeat => return Err(self.error("multiple repeat", start)),
            Last::Look(begin) => {
                // the engine repeats none, and twice says no more than once
                if low == 0 {
                    self.out.insert_str(begin, "(?:");
                    self.out.push_str("|)");
                }
                let _ = self.take("?") || self.take("+");
                return Ok(Last::Repeat);
            }
        };
        let _ = match (low, high) {
            (0, None) => write!(self.out, "*"),
            (1, None) => write!(self.out, "+"),
            (0, Some(1)) => write!(self.out, "?"),
            (low, None) => write!(self.out, "{{{low},}}"),
            (low, Some(high)) => write!(self.out, "{{{low},{high}}}"),
        };
        if self.take("?") {
            self.out.push('?');
        } else if self.take("+") {
            // possessive: what it took it does not give back
            self.needs_backtracking = true;
            self.out.insert_str(begin, "(?>");
            self.out.push(')');
        }
        Ok(Last::Repeat)
    }

    /// A group after its parenthesis.
    fn group(&mut self, last: Last, flags: Flags) -> Done<Last> {
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

    fn reference(&mut self, number: usize, flags: Flags, start: usize) -> Done {
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

    /// What follows a backslash; whether it is an atom.
    fn escape(&mut self, flags: Flags) -> Done<bool> {
        let start = self.at - 1;
        let Some(c) = self.peek() else { return Err(self.error("bad escape (end of pattern)", start)) };
        if let Some(category) = flags.category(c) {
            self.at += 1;
            let _ = write!(self.out, "[{category}]");
            return Ok(true);
        }
        let word = flags.word();
        match c {
            'A' => self.out.push_str(r"\A"),
            'Z' => self.out.push_str(r"\z"),
            'b' | 'B' => {
                self.needs_backtracking = true;
                let _ = match c {
                    'b' => write!(self.out, "(?:(?<![{word}])(?=[{word}])|(?<=[{word}])(?![{word}]))"),
                    // nowhere in an empty text
                    _ => write!(self.out, r"(?:(?<=[{word}])(?=[{word}])|(?<![{word}])(?![{word}])(?!\A\z))"),
                };
            }
            '1'..='9' => {
                let digits: String = self.rest().iter().take_while(|c| c.is_ascii_digit()).take(3).collect();
                let octal = digits.len() == 3 && digits.chars().all(|c| c < '8');
                if octal {
                    self.at += 3;
                    let c = u32::from_str_radix(&digits, 8).ok().filter(|code| *code < 0o400).and_then(char::from_u32);
                    let c = c.ok_or_else(|| self.error("octal escape value outside of range 0-0o377", start))?;
                    self.literal(c, flags);
                    return Ok(true);
                }
                let digits: String = digits.chars().take(2).collect();
                self.at += digits.len();
                let number = digits.parse().unwrap_or(usize::MAX);
                self.reference(number, flags, start)?;
                return Ok(true);
            }
            _ => {
                let c = self.escaped_char()?;
                self.literal(c, flags);
                return Ok(true);
            }
        }
        self.at += 1;
        Ok(false)
    }

    /// The character that an escape stands for, inside a class and outside.
    fn escaped_char(&mut self) -> Done<char> {
        let start = self.at - 1;
        let Some(c) = self.next() else { return Err(self.error("bad escape (end of pattern)", start)) };
        let digits = |translator: &mut Self, count: usize| {
            let digits: String = translator.rest().iter().take(count).take_while(|c| c.is_ascii_hexdigit()).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == count);
            translator.at += digits.len();
            code.and_then(char::from_u32)
                .ok_or_else(|| translator.error(&format!("incomplete or bad escape \\{c}"), start))
        };
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => digits(self, 2)?,
            'u' => digits(self, 4)?,
            'U' => digits(self, 8)?,
            '0' => {
                let octal: String = self.rest().iter().take(2).take_while(|c| matches!(c, '0'..='7')).collect();
                self.at += octal.len();
                u32::from_str_radix(&octal, 8).ok().and_then(char::from_u32).unwrap_or('\0')
            }
            c if c.is_ascii_alphanumeric() => return Err(self.error(&format!("bad escape \\{c}"), start)),
            c => c,
        })
    }

    /// A class after its bracket.
    fn class(&mut self, flags: Flags) -> Done {
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

/// A character for itself, wherever it stands.
fn push_char(out: &mut String, c: char) {
    if c.is_alphanumeric() {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
    }
}
