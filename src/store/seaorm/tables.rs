//! Which tables a statement names, and which column each of its values is compared with or set to.
//!
//! The statements are SeaORM's and those that people write by hand, and any of them is accepted: what is not understood is passed
//! over. It decides between forms of values only, never what a statement does.

use std::collections::HashMap;

/// A statement in words.
#[derive(Debug)]
pub(super) struct Sql<'a> {
    tokens: Vec<Token<'a>>,
    /// The tables that it names, in their order.
    pub(super) tables: Vec<&'a str>,
    /// What it calls them, in small letters.
    aliases: HashMap<String, &'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A name in quotes.
    Quoted(&'a str),
    Place,
    Sign(char),
}

/// A column that a value belongs to, as far as a statement tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Belongs<'a> {
    pub(super) table: Option<&'a str>,
    pub(super) column: Option<&'a str>,
}

const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "collate",
    "conflict",
    "cross",
    "default",
    "delete",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "exists",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "insert",
    "into",
    "is",
    "join",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "nothing",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "returning",
    "right",
    "select",
    "set",
    "then",
    "union",
    "update",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// After these a comma comes before something else than another table.
const AFTER_TABLES: &[&str] =
    &["group", "having", "limit", "on", "order", "returning", "select", "set", "union", "using", "values", "where"];

impl<'a> Token<'a> {
    fn is(self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    fn name(self) -> Option<&'a str> {
        match self {
            Token::Quoted(name) => Some(name),
            Token::Word(word) if !KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) => Some(word),
            _ => None,
        }
    }
}

impl<'a> Sql<'a> {
    pub(super) fn read(sql: &'a str) -> Self {
        let tokens: Vec<Token<'a>> = tokens(sql).collect();
        let made = made(&tokens);
        let mut tables: Vec<&'a str> = Vec::new();
        let mut aliases = HashMap::new();
        let (mut expected, mut listed) = (false, false);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            let is_next = expected || (listed && *token == Token::Sign(','));
            if token.is("from") {
                listed = true;
            } else if *token == Token::Sign('(') || AFTER_TABLES.iter().any(|keyword| token.is(keyword)) {
                listed = false;
            }
            expected = ["from", "join", "into", "update", "only"].iter().any(|keyword| token.is(keyword));
            if expected || !is_next {
                continue;
            }
            let named = if *token == Token::Sign(',') { at } else { at - 1 };
            let Some(mut name) = tokens.get(named).and_then(|token| token.name()) else { continue };
            let mut end = named + 1;
            if let (Some(Token::Sign('.')), Some(table)) =
                (tokens.get(end), tokens.get(end + 1).and_then(|token| token.name()))
            {
                (name, end) = (table, end + 2);
            }
            if tokens.get(end).is_some_and(|token| token.is("as")) {
                end += 1;
            }
            if made.contains(&name) {
                continue;
            }
            tables.push(name);
            aliases.entry(name.to_lowercase()).or_insert(name);
            if let Some(alias) = tokens.get(end).and_then(|token| token.name()) {
                aliases.insert(alias.to_lowercase(), name);
            }
        }
        Sql { tokens, tables, aliases }
    }

    /// What each of the places belongs to, in their order.
    pub(super) fn places(&self) -> Vec<Belongs<'a>> {
        let mut found = Vec::new();
        let mut last = Belongs::default();
        // the table and the columns of an INSERT, the column whose turn it is, and how deep its row is
        let mut target = self.target();
        let mut columns: Vec<&'a str> = Vec::new();
        let (mut listing, mut in_values, mut depth, mut turn) = (false, false, 0_usize, 0_usize);
        let mut at = 0;
        while let Some(token) = self.tokens.get(at).copied() {
            at += 1;
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => {
                    depth = depth.saturating_sub(1);
                    listing = false;
                }
                Token::Sign(',') if in_values && depth <= 1 => turn = if depth == 1 { turn + 1 } else { 0 },
                Token::Place if in_values => {
                    found.push(Belongs { table: target, column: columns.get(turn).copied() });
                }
                Token::Place => found.push(last),
                _ if token.is("into") => {
                    target = self.named_at(at);
                    columns.clear();
                    (listing, depth) = (true, 0);
                }
                _ if token.is("values") && !columns.is_empty() => {
                    (in_values, listing, depth, turn) = (true, false, 0, 0);
                }
                _ if token.is("on") || token.is("returning") || token.is("select") => {
                    (in_values, listing) = (false, false);
                }
                _ => {
                    let Some(name) = token.name() else { continue };
                    if listing && depth == 1 {
                        columns.push(name);
                        continue;
                    }
                    if in_values || self.tokens.get(at) == Some(&Token::Sign('.')) {
                        continue;
                    }
                    // a function's name
                    if matches!(token, Token::Word(_)) && self.tokens.get(at) == Some(&Token::Sign('(')) {
                        continue;
                    }
                    let before = at.checked_sub(2).and_then(|n| self.tokens.get(n));
                    let qualifier = match before {
                        Some(Token::Sign('.')) => at.checked_sub(3).and_then(|n| self.tokens.get(n)?.name()),
                        _ => None,
                    };
                    // what a subquery is called is no table
                    let table = qualifier.and_then(|qualifier| self.aliases.get(&qualifier.to_lowercase()).copied());
                    last = Belongs { table, column: Some(name) };
                }
            }
        }
        found
    }

    /// The table that is written.
    fn target(&self) -> Option<&'a str> {
        let written = |token: &Token<'a>| token.is("into") || token.is("update");
        self.named_at(self.tokens.iter().position(written)? + 1)
    }

    fn named_at(&self, at: usize) -> Option<&'a str> {
        let name = self.tokens.get(at)?.name()?;
        match self.tokens.get(at + 1) {
            Some(Token::Sign('.')) => self.tokens.get(at + 2)?.name(),
            _ => Some(name),
        }
    }
}

/// The names that a statement gives to queries of its own: `WITH name AS (…)`, `name (a, b) AS (…)`.
fn made<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let mut made = Vec::new();
    for (n, _) in tokens.iter().enumerate().filter(|(_, token)| token.is("as")) {
        let opens = tokens.get(n + 1..n + 4).unwrap_or(tokens.get(n + 1..).unwrap_or_default());
        let mut opens = opens.iter().filter(|token| !token.is("not") && !token.is("materialized"));
        if opens.next() != Some(&Token::Sign('(')) {
            continue;
        }
        let before = tokens.get(..n).unwrap_or_default();
        let name = match before.last() {
            Some(Token::Sign(')')) => {
                let open = before.iter().rposition(|token| *token == Token::Sign('('));
                open.and_then(|open| before.get(open.checked_sub(1)?))
            }
            last => last,
        };
        made.extend(name.and_then(|name| name.name()));
    }
    made
}

/// The words of a statement, its names without their quotes, its places and signs; texts and comments are left out.
fn tokens(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            let first = rest.chars().next()?;
            let is_name = |c: char| c.is_alphanumeric() || c == '_';
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once('\n').map_or("", |(_, after)| after);
            } else if let Some(comment) = rest.strip_prefix("/*") {
                rest = comment.split_once("*/").map_or("", |(_, after)| after);
            } else if matches!(first, '"' | '`' | '\'') {
                let (inner, after) = rest.get(1..)?.split_once(first).unwrap_or((rest.get(1..)?, ""));
                rest = after;
                if first != '\'' {
                    return Some(Token::Quoted(inner));
                }
            } else if is_name(first) {
                let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                // a number is no name
                if !first.is_ascii_digit() {
                    return Some(Token::Word(word));
                }
            } else {
                rest = rest.get(first.len_utf8()..)?;
                if matches!(first, '?' | '$') {
                    rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                    return Some(Token::Place);
                }
                return Some(Token::Sign(first));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_in_statements() {
        let found = |sql| Sql::read(sql).tables;
        assert_eq!(found(r#"SELECT "a"."id" FROM "a" AS "x" JOIN `b` ON 'FROM c' = "d""#), ["a", "b"]);
        assert_eq!(found(r#"INSERT INTO "a" ("id") VALUES ($1)"#)[0], "a");
        assert_eq!(found("update a set b = 1 where c in (select d from e)"), ["a", "e"]);
        assert_eq!(found("DELETE FROM a -- FROM b\n /* FROM c */"), ["a"]);
        assert_eq!(found(r#"SELECT 1 FROM "public"."a""#), ["a"]);
        assert!(found("SELECT * FROM a, b").contains(&"b"));
        assert_eq!(
            found(r#"WITH "l" ("x") AS (SELECT 1 FROM "a"), m AS MATERIALIZED (SELECT 2) SELECT 1 FROM "l" JOIN m"#),
            ["a"]
        );
    }

    #[test]
    fn values_belong_to_columns() {
        let found = |sql| {
            let text = |b: Belongs<'_>| format!("{}.{}", b.table.unwrap_or("-"), b.column.unwrap_or("-"));
            Sql::read(sql).places().into_iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(
            found(
                r#"SELECT "a"."id" FROM "a" AS "r0" JOIN "b" ON "r0"."id" = "b"."a" WHERE "r0"."k" IN (?, ?) AND "b"."t" BETWEEN ? AND ?"#
            ),
            ["a.k", "a.k", "b.t", "b.t"]
        );
        assert_eq!(
            found(
                r#"INSERT INTO "a" ("x", "y") VALUES (?, ?), (?, lower(?)) ON CONFLICT ("x") DO UPDATE SET "y" = ? RETURNING "x""#
            ),
            ["a.x", "a.y", "a.x", "a.y", "-.y"]
        );
        assert_eq!(found(r#"UPDATE "a" SET "x" = ?, "y" = coalesce("z", ?) WHERE "a"."k" = ?"#), ["-.x", "-.z", "a.k"]);
        assert_eq!(found("select ?1, a.b from c a where max(a.d) > ?2 limit ?3"), ["-.-", "c.d", "c.d"]);
    }
}
