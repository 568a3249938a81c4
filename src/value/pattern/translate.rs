//! From Python's syntax to that of the `regex` and `fancy-regex` crates.

use std::fmt::Write as _;

mod class;
mod flags;
mod group;

use flags::Flags;

/// How deep groups may be nested.
const MAX_DEPTH: usize = 200;

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
}

/// A character for itself, wherever it stands.
fn push_char(out: &mut String, c: char) {
    if c.is_alphanumeric() {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
    }
}
