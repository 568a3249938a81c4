//! What SQLite keeps only in the text of its `CREATE TABLE` and `CREATE INDEX`: the names of constraints, CHECKs,
//! whether a foreign key is deferred, the WHERE of a partial index.
//!
//! SQLite has accepted the text before, so this reads on past whatever it does not know.

/// The constraints in the text of a `CREATE TABLE`, in the order in which they are written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Constraints {
    pub(super) references: Vec<Reference>,
    /// Name and text.
    pub(super) checks: Vec<(Option<String>, String)>,
    /// Name and columns.
    pub(super) uniques: Vec<(String, Vec<String>)>,
}

/// One foreign key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: Option<String>,
    pub(super) deferred: bool,
}

#[derive(Debug)]
struct Token {
    start: usize,
    end: usize,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    /// A bare word, for keywords and names.
    Word(String),
    /// A name in quotes of any style.
    Quoted(String),
    Open,
    Close,
    Comma,
    Other,
}

impl Token {
    fn is(&self, keyword: &str) -> bool {
        matches!(&self.kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(name) | Kind::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// The WHERE of a `CREATE INDEX`.
pub(super) fn predicate(sql: &str) -> Option<String> {
    let tokens = tokens(sql);
    let mut depth = 0;
    for token in &tokens {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ if depth == 0 && token.is("WHERE") => {
                return sql.get(token.end..).map(|text| text.trim().to_owned());
            }
            _ => {}
        }
    }
    None
}

/// The parts of a `CREATE INDEX`, as they are written.
pub(super) fn parts_of_index(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let Some(open) = tokens.iter().position(|t| t.kind == Kind::Open) else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, tokens[open].end);
    for token in &tokens[open..] {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        let ends = (depth == 0 && token.kind == Kind::Close) || (depth == 1 && token.kind == Kind::Comma);
        if ends {
            parts.push(sql.get(start..token.start).unwrap_or_default().trim().to_owned());
            start = token.end;
        }
        if depth == 0 {
            break;
        }
    }
    parts
}

/// A part of a `CREATE INDEX` without the word that says which way it is sorted.
pub(super) fn without_direction(part: &str) -> &str {
    match tokens(part).last() {
        Some(last) if last.is("ASC") || last.is("DESC") => part.get(..last.start).unwrap_or(part).trim_end(),
        _ => part,
    }
}

/// What SQLite calls a CHECK without a name when it is violated: its text, but where that begins with a name in quotes
/// only this name, for SQLite takes the text for a name and drops the quotes.
pub(super) fn called(text: &str) -> String {
    let starts_quoted = text.starts_with(['"', '`', '[', '\'']);
    match tokens(text).into_iter().next().map(|token| token.kind) {
        Some(Kind::Quoted(name)) if starts_quoted => name,
        _ => text.to_owned(),
    }
}

/// The names in an expression, keywords and functions among them.
pub(super) fn names(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let is_text = |token: &Token| sql.as_bytes().get(token.start) == Some(&b'\'');
    tokens.iter().filter(|token| !is_text(token)).filter_map(Token::name).map(str::to_owned).collect()
}

/// The constraints of a `CREATE TABLE`.
pub(super) fn constraints(sql: &str) -> Constraints {
    let tokens = tokens(sql);
    let mut found = Constraints::default();
    let Some(open) = tokens.iter().position(|t| t.kind == Kind::Open) else {
        return found;
    };
    let mut at = open + 1;
    // the first word of a definition is its column's name, where it is not a constraint of the table
    let mut first = true;
    let mut column: Option<String> = None;
    let mut name: Option<String> = None;
    while let Some(token) = tokens.get(at) {
        let next = at + 1;
        let after = matching(&tokens, next);
        if first {
            let of_table = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|k| token.is(k));
            first = false;
            column = None;
            if !of_table {
                column = token.name().map(str::to_owned);
                at = next;
                continue;
            }
        }
        match &token.kind {
            Kind::Comma => {
                first = true;
                name = None;
            }
            // the end of the table's parentheses
            Kind::Close => break,
            Kind::Open => {
                at = matching(&tokens, at);
                continue;
            }
            _ if token.is("CONSTRAINT") => {
                name = tokens.get(next).and_then(Token::name).map(str::to_owned);
                at = next + 1;
                continue;
            }
            _ if token.is("CHECK") => {
                let text = tokens.get(next).zip(tokens.get(after.saturating_sub(1)));
                let text = text.and_then(|(open, close)| sql.get(open.end..close.start));
                found.checks.push((name.take(), text.unwrap_or_default().trim().to_owned()));
                at = after;
                continue;
            }
            _ if token.is("UNIQUE") => {
                let columns = if tokens.get(next).is_some_and(|t| t.kind == Kind::Open) {
                    parts(tokens.get(next + 1..after.saturating_sub(1)).unwrap_or_default())
                } else {
                    column.iter().cloned().collect()
                };
                if let Some(name) = name.take() {
                    found.uniques.push((name, columns));
                }
            }
            _ if token.is("REFERENCES") => {
                found.references.push(Reference { name: name.take(), deferred: deferred(&tokens[next..]) });
            }
            _ => {}
        }
        at = next;
    }
    found
}

/// Behind the parentheses that open at a place, or the place itself.
fn matching(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0;
    for (n, token) in tokens.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return if token.kind == Kind::Close { n + 1 } else { at };
        }
    }
    tokens.len()
}

/// The first name of each part of a list.
fn parts(tokens: &[Token]) -> Vec<String> {
    tokens
        .split(|t| t.kind == Kind::Comma)
        .filter_map(|part| part.first().and_then(Token::name).map(str::to_owned))
        .collect()
}

/// Whether `DEFERRABLE INITIALLY DEFERRED` follows in the same definition.
fn deferred(tokens: &[Token]) -> bool {
    let mut depth = 0;
    let mut before: Option<&Token> = None;
    for (n, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close if depth == 0 => return false,
            Kind::Close => depth -= 1,
            Kind::Comma if depth == 0 => return false,
            _ if token.is("REFERENCES") => return false,
            _ if token.is("DEFERRABLE") => {
                let rest = (tokens.get(n + 1), tokens.get(n + 2));
                return !before.is_some_and(|t| t.is("NOT"))
                    && matches!(rest, (Some(a), Some(b)) if a.is("INITIALLY") && b.is("DEFERRED"));
            }
            _ => {}
        }
        before = Some(token);
    }
    false
}

fn tokens(sql: &str) -> Vec<Token> {
    let bytes = sql.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let kind = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
                at += 1;
                continue;
            }
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at = sql[at..].find('\n').map_or(bytes.len(), |n| at + n + 1);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') => {
                at = sql[at + 2..].find("*/").map_or(bytes.len(), |n| at + n + 4);
                continue;
            }
            b'"' | b'`' | b'\'' => {
                at = quoted(bytes, at);
                let quote = char::from(byte);
                let inner = sql.get(start + 1..at.saturating_sub(1)).unwrap_or_default();
                // SQLite also takes 'text' where only a name can stand
                Kind::Quoted(inner.replace(&format!("{quote}{quote}"), &quote.to_string()))
            }
            b'[' => {
                at = sql[at..].find(']').map_or(bytes.len(), |n| at + n + 1);
                Kind::Quoted(sql.get(start + 1..at.saturating_sub(1)).unwrap_or_default().to_owned())
            }
            b'(' => {
                at += 1;
                Kind::Open
            }
            b')' => {
                at += 1;
                Kind::Close
            }
            b',' => {
                at += 1;
                Kind::Comma
            }
            b if is_word(b) => {
                while bytes.get(at).is_some_and(|b| is_word(*b)) {
                    at += 1;
                }
                Kind::Word(sql[start..at].to_owned())
            }
            _ => {
                at += 1;
                Kind::Other
            }
        };
        tokens.push(Token { start, end: at, kind });
    }
    tokens
}

/// SQLite's names may hold anything that is not ASCII.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Behind a quoted token, in which a doubled quote stands for one.
fn quoted(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn reference(name: Option<&str>, deferred: bool) -> Reference {
        Reference { name: name.map(str::to_owned), deferred }
    }

    #[test]
    fn the_constraints_of_a_table() {
        let found = constraints(
            r#"CREATE TABLE "t" ("id" integer NOT NULL PRIMARY KEY, -- UNIQUE, in a comment
               "a" text NOT NULL CHECK ((JSON_VALID("a") OR "a" IS NULL)), b int CONSTRAINT b_once UNIQUE,
               "c" bigint NULL REFERENCES "u" ("id") DEFERRABLE INITIALLY DEFERRED,
               [d] bigint REFERENCES u(id) ON DELETE CASCADE, e int DEFAULT (',') /* , CHECK (1) */
                   CONSTRAINT "e refers" REFERENCES u NOT DEFERRABLE INITIALLY DEFERRED,
               f text CHECK (f <> ')' AND f <> 'it''s'),
               CONSTRAINT "t_ab" UNIQUE ("a", "b" COLLATE NOCASE), UNIQUE (c, d),
               CONSTRAINT small CHECK (b < 5),
               CONSTRAINT "fk_x" FOREIGN KEY (c, d) REFERENCES v (x, y) DEFERRABLE INITIALLY DEFERRED) STRICT"#,
        );
        assert_eq!(
            found.references,
            [
                reference(None, true),
                reference(None, false),
                reference(Some("e refers"), false),
                reference(Some("fk_x"), true),
            ]
        );
        let checks: Vec<_> = found.checks.iter().map(|(n, t)| (n.as_deref(), t.as_str())).collect();
        assert_eq!(
            checks,
            [
                (None, r#"(JSON_VALID("a") OR "a" IS NULL)"#),
                (None, "f <> ')' AND f <> 'it''s'"),
                (Some("small"), "b < 5"),
            ]
        );
        assert_eq!(
            found.uniques,
            [("b_once".to_owned(), vec!["b".to_owned()]), ("t_ab".to_owned(), vec!["a".to_owned(), "b".to_owned()])]
        );
    }

    #[test]
    fn a_deferrable_key_that_is_immediate() {
        let found =
            constraints("CREATE TABLE t (a REFERENCES u DEFERRABLE INITIALLY IMMEDIATE, b REFERENCES u DEFERRABLE)");
        assert_eq!(found.references, [reference(None, false), reference(None, false)]);
    }

    #[test]
    fn the_where_of_an_index() {
        assert_eq!(
            predicate(r#"CREATE UNIQUE INDEX "where" ON "t" ("a", lower("where")) WHERE "b" IS NULL "#).as_deref(),
            Some(r#""b" IS NULL"#)
        );
        assert_eq!(predicate("CREATE UNIQUE INDEX i ON t (a)"), None);
    }

    #[test]
    fn the_parts_of_an_index() {
        let sql = r#"CREATE UNIQUE INDEX "i,(" ON "t" (lower("a", ','), "b" COLLATE NOCASE DESC, (c + (1))) WHERE d IN (1, 2)"#;
        assert_eq!(parts_of_index(sql), ["lower(\"a\", ',')", "\"b\" COLLATE NOCASE DESC", "(c + (1))"]);
        let directions = ["\"b\" COLLATE NOCASE DESC", "lower(a)", "\"desc\""].map(without_direction);
        assert_eq!(directions, ["\"b\" COLLATE NOCASE", "lower(a)", "\"desc\""]);
    }

    #[test]
    fn checks_are_called_as_sqlite_calls_them() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for text in
            ["a > 0", "\"a\" > 0", "[a] > 0 AND 1", "`a` > 0", "('x' <> 'y') AND a > 0", "'x' = a", "a>0 /* c */"]
        {
            connection
                .execute_batch(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (a int CHECK ( {text} ))"))
                .unwrap();
            let error = connection.execute_batch("INSERT INTO t VALUES (0)").unwrap_err().to_string();
            let found = constraints(&format!("CREATE TABLE t (a int CHECK ( {text} ))"));
            assert_eq!(error, format!("CHECK constraint failed: {}", called(&found.checks[0].1)));
        }
    }

    #[test]
    fn the_names_of_an_expression() {
        assert_eq!(names(r#"("a" > 5 AND [b c] <> 'd' /* e */)"#), ["a", "5", "AND", "b c"]);
    }

    #[test]
    fn text_that_ends_early() {
        for sql in [
            "",
            "CREATE TABLE t",
            "CREATE TABLE t (",
            "CREATE TABLE t (a CHECK (",
            "CREATE TABLE t ('a",
            "(UNIQUE (",
            "(a UNIQUE(",
        ] {
            constraints(sql);
            predicate(sql);
            parts_of_index(sql);
            names(sql);
        }
    }
}
