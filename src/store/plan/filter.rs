//! What rows have to be like by the values that a request brings, and its SQL.
//!
//! A value is always bound, never text. A [`Filter`] that stands by itself in a [`Listing`](super::Listing) is one call of
//! Django's `filter()`: what it says about a relation to many, it says about one and the same row at its other end.

use std::sync::Arc;

use super::super::forms::kept;
use super::super::{Dialect, many};
use super::Lookup;
use super::sql::{cast, quote, table};
use crate::model::{ColumnKind, Comparison, Condition, ModelMeta};
use crate::value::{DbValue, convert};

/// A step from a row to others: the rows of a table whose column has the value of a column here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The schema of the table, where one is named.
    pub schema: Option<String>,
    /// The table that it leads to.
    pub table: String,
    /// The column here.
    pub from_column: String,
    /// The column there.
    pub to_column: String,
    /// Whether any number of rows may be there.
    pub many: bool,
    /// Whether the column here is a foreign key to there, so that it says by itself which row is there.
    pub forward: bool,
}

/// What of a point in time is looked at, Django's transforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The day.
    Date,
    /// The time of day.
    Time,
    /// The year.
    Year,
    /// The year that the ISO week belongs to.
    IsoYear,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// The ISO week, 1 to 53.
    Week,
    /// Sunday is 1.
    WeekDay,
    /// Monday is 1.
    IsoWeekDay,
    /// 1 to 31.
    Day,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59.
    Second,
}

impl Part {
    /// What its values are.
    pub fn kind(self) -> ColumnKind {
        match self {
            Part::Date => ColumnKind::Date,
            Part::Time => ColumnKind::Time,
            _ => ColumnKind::BigInteger,
        }
    }

    fn sql(self, dialect: Dialect, column: &str, kind: ColumnKind) -> String {
        match dialect {
            Dialect::Sqlite => self.sqlite(column, kind),
            Dialect::Postgres => {
                let zoned = kind == ColumnKind::DateTime(true);
                let at = if zoned { format!("({column} AT TIME ZONE 'UTC')") } else { column.to_owned() };
                let field = match self {
                    Part::Date => return format!("{at}::date"),
                    Part::Time => return format!("{at}::time"),
                    Part::WeekDay => return format!("(EXTRACT(DOW FROM {at})::bigint + 1)"),
                    Part::Second => return format!("FLOOR(EXTRACT(SECOND FROM {at}))::bigint"),
                    Part::Year => "YEAR",
                    Part::IsoYear => "ISOYEAR",
                    Part::Quarter => "QUARTER",
                    Part::Month => "MONTH",
                    Part::Week => "WEEK",
                    Part::IsoWeekDay => "ISODOW",
                    Part::Day => "DAY",
                    Part::Hour => "HOUR",
                    Part::Minute => "MINUTE",
                };
                format!("EXTRACT({field} FROM {at})::bigint")
            }
        }
    }

    fn sqlite(self, column: &str, kind: ColumnKind) -> String {
        let number = |format: &str| format!("CAST(strftime('{format}', {column}) AS INTEGER)");
        match self {
            Part::Date => format!("date({column})"),
            Part::Time if kind == ColumnKind::Time => column.to_owned(),
            // SeaORM's driver writes the offset behind it
            Part::Time => format!("replace(substr({column}, 12), '+00:00', '')"),
            Part::Year => number("%Y"),
            Part::IsoYear => number("%G"),
            Part::Quarter => format!("(({} + 2) / 3)", number("%m")),
            Part::Month => number("%m"),
            Part::Week => number("%V"),
            Part::WeekDay => format!("({} + 1)", number("%w")),
            Part::IsoWeekDay => number("%u"),
            Part::Day => number("%d"),
            Part::Hour => number("%H"),
            Part::Minute => number("%M"),
            Part::Second => number("%S"),
        }
    }
}

/// What a list is filtered or ordered by: a column of its rows or of rows that they lead to.
///
/// Worked out when the router is built; requests share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    hops: Vec<Hop>,
    column: String,
    /// What the column holds.
    stored: ColumnKind,
    part: Option<Part>,
    /// The database's type of the value, for casts.
    db_type: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// Whether it may be NULL.
    pub null: bool,
}

impl Source {
    /// A column of the rows themselves, by its position.
    pub fn column(model: &ModelMeta, column: usize) -> Option<Arc<Self>> {
        Source::path(Vec::new(), model, column)
    }

    /// A column of the rows that a way leads to, whose model it is.
    ///
    /// A way that ends with a foreign key to just this column ends before it.
    pub fn path(mut hops: Vec<Hop>, model: &ModelMeta, column: usize) -> Option<Arc<Self>> {
        let meta = model.columns.get(column)?;
        let mut name = meta.column.clone();
        let mut null = meta.null || !hops.is_empty();
        if let Some(last) = hops.last()
            && last.forward
            && last.to_column == name
            && let Some(last) = hops.pop()
        {
            name = last.from_column;
            null = true;
        }
        Some(Arc::new(Source {
            hops,
            column: name,
            stored: meta.kind,
            part: None,
            db_type: meta.db_type.clone(),
            kind: meta.kind,
            null,
        }))
    }

    /// A part of its value.
    pub fn part(&self, part: Part) -> Arc<Self> {
        let db_type = match part {
            Part::Date => "date",
            Part::Time => "time without time zone",
            _ => "bigint",
        };
        Arc::new(Source { part: Some(part), kind: part.kind(), db_type: db_type.into(), ..self.clone() })
    }

    /// The column's name.
    pub(super) fn name(&self) -> &str {
        &self.column
    }

    /// Whether one row may have several such values.
    pub fn is_many(&self) -> bool {
        self.hops.iter().any(|hop| hop.many)
    }

    /// Whether it is a column of the rows themselves, by its name.
    pub fn own_column(&self) -> Option<&str> {
        (self.hops.is_empty() && self.part.is_none()).then_some(self.column.as_str())
    }
}

/// What rows have to be like, by the values that a request brings.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// A value is compared with another one; NULL is neither.
    Compare(Arc<Source>, Operator, DbValue),
    /// A value is NULL, or is not.
    IsNull(Arc<Source>, bool),
    /// A value is one of these.
    In(Arc<Source>, Vec<DbValue>),
    /// A value is as a text, or has it.
    Text(Arc<Source>, Lookup, String),
    /// A value matches a regular expression, in whatever case where that is said.
    Regex(Arc<Source>, String, bool),
    /// A value has these words, PostgreSQL's full-text search.
    Search(Arc<Source>, String),
    /// All of them hold; none at all is true.
    All(Vec<Filter>),
    /// One of them holds; none at all is false.
    Any(Vec<Filter>),
    /// It does not hold; what is not known does neither.
    Not(Box<Filter>),
    /// It does not hold for any row at the other end of its relations, or is not known: Django's `exclude()`.
    Exclude(Box<Filter>),
    /// It holds for one row at the other end of its relations, however many there are.
    Exists(Box<Filter>),
    /// Rows of another table are there that have these keys, each of them once.
    There(Arc<Presence>, Vec<DbValue>),
}

/// The question whether rows of a table are there, by their key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The table.
    from: String,
    /// What else the rows have to be like.
    scope: Vec<String>,
    /// The column of the key, as SQL.
    key: String,
    /// The database's type of it.
    db_type: String,
}

impl Presence {
    pub(super) fn new(from: String, scope: Vec<String>, key: String, db_type: String) -> Self {
        Presence { from, scope, key, db_type }
    }

    fn sql(&self, dialect: Dialect, keys: &[DbValue], places: &mut dyn Places) -> String {
        let scope: String = self.scope.iter().map(|condition| format!(" AND {condition}")).collect();
        let Presence { from, key, db_type, .. } = self;
        match keys {
            [one] if dialect == Dialect::Sqlite => {
                let place = places.place(one.clone(), db_type);
                format!("EXISTS (SELECT 1 FROM {from} WHERE {key} = {place}{scope})")
            }
            [_] => {
                let place = places.place(many::list(keys.iter().cloned()), "");
                let wanted = many::any_of_place(dialect, &place, db_type);
                format!("EXISTS (SELECT 1 FROM {from} WHERE {key} {wanted}{scope})")
            }
            several => {
                let place = places.place(many::list(several.iter().cloned()), "");
                let wanted = many::any_of_place(dialect, &place, db_type);
                let count = places.place(number(several.len()), "bigint");
                format!("(SELECT count(*) FROM {from} WHERE {key} {wanted}{scope}) = {count}")
            }
        }
    }

    /// The values of its places.
    pub(super) fn values(&self, dialect: Dialect, keys: &[DbValue], out: &mut Vec<DbValue>) {
        match keys {
            [one] if dialect == Dialect::Sqlite => out.push(one.clone()),
            keys => out.push(many::list(keys.iter().cloned())),
        }
        if keys.len() != 1 {
            out.push(number(keys.len()));
        }
    }
}

fn number(n: usize) -> DbValue {
    DbValue::BigInt(Some(i64::try_from(n).unwrap_or(i64::MAX)))
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operator {
    /// `=`
    Eq,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

impl Operator {
    fn sql(self) -> &'static str {
        match self {
            Operator::Eq => "=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::Gt => ">",
            Operator::Gte => ">=",
        }
    }
}

impl Filter {
    /// About how many words are looked for in each row; a regular expression counts as many.
    pub fn cost(&self) -> usize {
        match self {
            Filter::Regex(..) => 1_000,
            Filter::Text(..) | Filter::Search(..) => 1,
            Filter::All(parts) | Filter::Any(parts) => parts.iter().map(Filter::cost).sum(),
            Filter::Not(part) | Filter::Exclude(part) | Filter::Exists(part) => part.cost(),
            Filter::Compare(..) | Filter::IsNull(..) | Filter::In(..) | Filter::There(..) => 0,
        }
    }

    /// What always holds.
    pub fn everything() -> Self {
        Filter::All(Vec::new())
    }

    /// What never holds.
    pub fn nothing() -> Self {
        Filter::Any(Vec::new())
    }

    /// A condition of the program's, with its values bound; none where the model has no such column.
    ///
    /// ```
    /// use bowline::model::Condition;
    /// use bowline::store::plan::Filter;
    /// # let model = bowline::model::entity::ModelSource::of::<bowline::doc::booking::Entity>().meta;
    /// assert!(Filter::of(&Condition::eq("room_id", 7), &model).is_some());
    /// assert!(Filter::of(&Condition::eq("colour", 7), &model).is_none());
    /// ```
    pub fn of(condition: &Condition, model: &ModelMeta) -> Option<Filter> {
        let source = |name: &str| Source::column(model, Condition::position(model, name)?);
        let parts = |parts: &[Condition]| parts.iter().map(|part| Filter::of(part, model)).collect::<Option<Vec<_>>>();
        Some(match condition {
            Condition::Compare(column, how, value) => {
                let operator = match how {
                    Comparison::Eq => Operator::Eq,
                    Comparison::Lt => Operator::Lt,
                    Comparison::Lte => Operator::Lte,
                    Comparison::Gt => Operator::Gt,
                    Comparison::Gte => Operator::Gte,
                };
                Filter::Compare(source(column)?, operator, convert::to_db(value.clone()))
            }
            Condition::IsNull(column, wanted) => Filter::IsNull(source(column)?, *wanted),
            Condition::In(column, values) => {
                Filter::In(source(column)?, values.iter().cloned().map(convert::to_db).collect())
            }
            Condition::All(all) => Filter::All(parts(all)?),
            Condition::Any(any) => Filter::Any(parts(any)?),
            Condition::Not(part) => Filter::Not(Box::new(Filter::of(part, model)?)),
        })
    }

    /// Whether it says something about relations to many.
    pub fn is_many(&self) -> bool {
        match self {
            Filter::Compare(source, ..)
            | Filter::IsNull(source, _)
            | Filter::In(source, _)
            | Filter::Text(source, ..)
            | Filter::Regex(source, ..)
            | Filter::Search(source, _) => source.is_many(),
            Filter::All(parts) | Filter::Any(parts) => parts.iter().any(Filter::is_many),
            Filter::Not(part) | Filter::Exclude(part) | Filter::Exists(part) => part.is_many(),
            Filter::There(..) => false,
        }
    }

    /// Whether it may hold where a relation leads to no row.
    fn holds_for_none(&self) -> bool {
        match self {
            Filter::IsNull(_, wanted) => *wanted,
            Filter::Not(_) | Filter::Exclude(_) | Filter::Exists(_) | Filter::There(..) => true,
            Filter::All(parts) => parts.iter().all(Filter::holds_for_none),
            Filter::Any(parts) => parts.iter().any(Filter::holds_for_none),
            _ => false,
        }
    }
}

/// Where the values of a statement go.
pub(super) trait Places {
    /// The text of the next place.
    fn place(&mut self, value: DbValue, db_type: &str) -> String;
}

/// The places of a statement that has no others.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) dialect: Dialect,
    pub(super) values: Vec<DbValue>,
}

impl Places for Values {
    fn place(&mut self, value: DbValue, db_type: &str) -> String {
        self.values.push(value);
        numbered(self.dialect, self.values.len(), db_type)
    }
}

/// The text of a place by its number, cast where PostgreSQL could not infer its type.
pub(super) fn numbered(dialect: Dialect, n: usize, db_type: &str) -> String {
    match dialect {
        Dialect::Postgres if !db_type.is_empty() => format!("${n}::{}", cast(db_type)),
        Dialect::Postgres => format!("${n}"),
        Dialect::Sqlite => kept(db_type, format!("?{n}")),
    }
}

/// A joined table.
#[derive(Clone, Debug)]
struct Join {
    parent: String,
    hop: Hop,
    alias: String,
    /// The filter that a relation to many belongs to.
    step: usize,
}

/// Filters on their way to SQL.
pub(super) struct Filtering<'a> {
    dialect: Dialect,
    /// What the rows' own table is called.
    root: String,
    places: &'a mut dyn Places,
    joins: Vec<Join>,
    /// Whether the joins are those of the whole statement.
    outer: bool,
    aliases: usize,
    step: usize,
}

impl<'a> Filtering<'a> {
    pub(super) fn new(dialect: Dialect, root: impl Into<String>, places: &'a mut dyn Places) -> Self {
        Filtering { dialect, root: root.into(), places, joins: Vec::new(), outer: true, aliases: 0, step: 0 }
    }

    /// A filter that stands by itself. Where a row must not come more than once, or there is no FROM to add to, it is not
    /// `joining`.
    pub(super) fn step(&mut self, filter: &Filter, joining: bool) -> String {
        self.step += 1;
        if joining { self.filter(filter) } else { self.exists(filter) }
    }

    /// A value for ORDER BY; it may be of a table that a filter has joined.
    pub(super) fn value(&mut self, source: &Source) -> String {
        self.source(source, true)
    }

    /// What to add to FROM.
    pub(super) fn joins(&self) -> String {
        self.joins.iter().map(|join| join_sql(join, " LEFT JOIN ")).collect()
    }

    pub(super) fn place(&mut self, value: DbValue) -> String {
        self.places.place(value, "")
    }

    /// The same as a type of its own, where nothing else says which.
    pub(super) fn cast(&mut self, value: DbValue, db_type: &str) -> String {
        self.places.place(value, db_type)
    }

    fn source(&mut self, source: &Source, any_step: bool) -> String {
        let mut alias = self.root.clone();
        for hop in &source.hops {
            let step = self.step;
            let known = self.joins.iter().find(|join| {
                join.parent == alias && join.hop == *hop && (!hop.many || any_step || !self.outer || join.step == step)
            });
            alias = match known {
                Some(join) => join.alias.clone(),
                None => {
                    self.aliases += 1;
                    let joined = format!("f{}", self.aliases);
                    self.joins.push(Join { parent: alias, hop: hop.clone(), alias: joined.clone(), step });
                    joined
                }
            };
        }
        let column = format!("{alias}.{}", quote(&source.column));
        match source.part {
            Some(part) => part.sql(self.dialect, &column, source.stored),
            None => column,
        }
    }

    /// A filter with its relations inside of it.
    fn exists(&mut self, filter: &Filter) -> String {
        let (joins, outer) = (std::mem::take(&mut self.joins), std::mem::replace(&mut self.outer, false));
        let condition = self.filter(filter);
        let (own, _) = (std::mem::replace(&mut self.joins, joins), self.outer = outer);
        let Some((first, rest)) = own.split_first() else { return condition };
        let more: String = rest.iter().map(|join| join_sql(join, " LEFT JOIN ")).collect();
        let one_way = rest.iter().all(|join| join.parent != self.root);
        if one_way && !filter.holds_for_none() {
            let Join { parent, hop, alias, .. } = first;
            let from = table(hop.schema.as_deref(), &hop.table);
            let (to, own) = (quote(&hop.to_column), quote(&hop.from_column));
            return format!(
                "EXISTS (SELECT 1 FROM {from} AS {alias}{more} WHERE {alias}.{to} = {parent}.{own} AND ({condition}))"
            );
        }
        self.aliases += 1;
        let first = join_sql(first, " LEFT JOIN ");
        format!("EXISTS (SELECT 1 FROM (SELECT 1 AS n) AS f{}{first}{more} WHERE {condition})", self.aliases)
    }

    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::Compare(source, operator, value) => {
                let sql = self.source(source, false);
                let place = self.places.place(value.clone(), &source.db_type);
                format!("{sql} {} {place}", operator.sql())
            }
            Filter::IsNull(source, wanted) => {
                format!("{} IS {}NULL", self.source(source, false), if *wanted { "" } else { "NOT " })
            }
            Filter::In(_, values) if values.is_empty() => "1 = 0".into(),
            Filter::In(source, values) => {
                let sql = self.source(source, false);
                let place = self.places.place(many::list(values.iter().cloned()), "");
                format!("{sql} {}", many::any_of_place(self.dialect, &place, &source.db_type))
            }
            Filter::Text(source, lookup, text) => self.text(source, *lookup, text),
            Filter::Regex(source, pattern, insensitive) => {
                let sql = self.source(source, false);
                match self.dialect {
                    Dialect::Postgres => {
                        let place = self.places.place(DbValue::String(Some(pattern.clone())), "text");
                        format!("{sql}::text {} {place}", if *insensitive { "~*" } else { "~" })
                    }
                    Dialect::Sqlite => {
                        let pattern = if *insensitive { ignoring_case(pattern) } else { pattern.clone() };
                        let place = self.places.place(DbValue::String(Some(pattern)), "");
                        format!("{sql} REGEXP {place}")
                    }
                }
            }
            Filter::Search(source, words) => {
                let sql = self.source(source, false);
                let place = self.places.place(DbValue::String(Some(words.clone())), "text");
                match self.dialect {
                    Dialect::Postgres => {
                        format!("to_tsvector(COALESCE({sql}::text, '')) @@ plainto_tsquery({place})")
                    }
                    // refused when the router is built
                    Dialect::Sqlite => format!("{sql} = {place}"),
                }
            }
            Filter::All(parts) => self.joined(parts, " AND ", "1 = 1"),
            Filter::Any(parts) => self.joined(parts, " OR ", "1 = 0"),
            Filter::Not(part) => format!("NOT ({})", self.filter(part)),
            Filter::Exclude(part) if part.is_many() => format!("NOT ({})", self.exists(part)),
            Filter::Exclude(part) => format!("({}) IS NOT TRUE", self.filter(part)),
            Filter::Exists(part) => self.exists(part),
            Filter::There(presence, keys) => presence.sql(self.dialect, keys, self.places),
        }
    }

    fn text(&mut self, source: &Source, lookup: Lookup, text: &str) -> String {
        let sql = self.source(source, false);
        let pattern = pattern(self.dialect, lookup, text);
        if lookup == Lookup::Exact {
            let place = self.places.place(DbValue::String(Some(pattern)), &source.db_type);
            return format!("{sql} = {place}");
        }
        let place = self.places.place(DbValue::String(Some(pattern)), "text");
        match (self.dialect, lookup) {
            // SQLite knows no LIKE but the one that ignores the case of ASCII
            (Dialect::Sqlite, _) => format!("{sql} LIKE {place} ESCAPE '\\'"),
            (Dialect::Postgres, Lookup::IExact) => format!("UPPER({sql}::text) = UPPER({place})"),
            (Dialect::Postgres, Lookup::IContains | Lookup::IStartsWith | Lookup::IEndsWith) => {
                format!("UPPER({sql}::text) LIKE UPPER({place})")
            }
            (Dialect::Postgres, _) => format!("{sql}::text LIKE {place}"),
        }
    }

    /// Split in the middle again and again: SQLite counts how deep an expression is.
    fn joined(&mut self, parts: &[Filter], with: &str, empty: &str) -> String {
        match parts {
            [] => empty.into(),
            [part] => self.filter(part),
            [a, b] => format!("({}){with}({})", self.filter(a), self.filter(b)),
            parts if parts.len() <= 8 => {
                let parts: Vec<String> = parts.iter().map(|part| format!("({})", self.filter(part))).collect();
                parts.join(with)
            }
            parts => {
                let (a, b) = parts.split_at(parts.len() / 2);
                format!("({}){with}({})", self.joined(a, with, empty), self.joined(b, with, empty))
            }
        }
    }
}

/// A regular expression without regard to case.
pub fn ignoring_case(pattern: &str) -> String {
    if pattern.starts_with("(?i)") { pattern.to_owned() } else { format!("(?i){pattern}") }
}

/// What a text is compared with.
pub(super) fn pattern(dialect: Dialect, lookup: Lookup, text: &str) -> String {
    match lookup {
        Lookup::Exact => text.to_owned(),
        Lookup::IExact if dialect == Dialect::Postgres => text.to_owned(),
        Lookup::IExact => like(text),
        Lookup::Contains | Lookup::IContains => format!("%{}%", like(text)),
        Lookup::StartsWith | Lookup::IStartsWith => format!("{}%", like(text)),
        Lookup::EndsWith | Lookup::IEndsWith => format!("%{}", like(text)),
    }
}

/// A text as LIKE takes it for itself.
fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn join_sql(join: &Join, with: &str) -> String {
    let Join { parent, hop, alias, .. } = join;
    let (to, own) = (quote(&hop.to_column), quote(&hop.from_column));
    format!("{with}{} AS {alias} ON {alias}.{to} = {parent}.{own}", table(hop.schema.as_deref(), &hop.table))
}
