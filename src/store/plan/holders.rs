//! Which rows have the unique values that a write wants, and how a row lets go of its own for a while.
//!
//! Both databases judge a unique index row by row, so that rows whose values change places cannot all be written as the body
//! has them. The questions here are the database's own: a set is compared by the columns, expressions, collations and
//! conditions of its index, or by the probe of a rule that no index backs.

use super::super::forms::kept;
use super::super::{Bound, ColumnSet, Dialect, Statement};
use super::sql::{Text, cast, list, quote, table};
use super::{Place, Plan, Prepared, Probe};
use crate::model::ModelMeta;
use crate::value::DbValue;

/// A set of values that two rows must not both have.
#[derive(Clone, Debug)]
pub struct UniqueSet {
    /// The columns whose change may give a row other values of the set.
    pub reads: Vec<usize>,
    /// Whether NULL equals nothing.
    pub nulls_distinct: bool,
    /// Whether the database judges it at the end of the transaction, where it is asked to.
    pub deferrable: bool,
    /// The probes that ask about it, by their positions.
    pub probes: Vec<usize>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// An index, by what it compares and its predicate.
    Index(Vec<String>, Option<String>),
    /// A probe, by its position.
    Probe(usize),
}

/// The unique sets of a model: those of its indexes, and the rules that compare otherwise.
pub(super) fn sets(model: &ModelMeta, probes: &[Probe]) -> Vec<UniqueSet> {
    let backed = model.uniques.iter().filter(|unique| unique.backed && !unique.parts.is_empty());
    let asking = |columns: &[usize]| {
        let asks = |probe: &Probe| matches!(probe, Probe::Free(free) if free.columns.len() == columns.len() && free.columns.iter().all(|n| columns.contains(n)));
        probes.iter().enumerate().filter(|(_, probe)| asks(probe)).map(|(n, _)| n).collect()
    };
    let mut sets: Vec<UniqueSet> = backed
        .map(|unique| UniqueSet {
            reads: unique.reads.clone(),
            nulls_distinct: unique.nulls_distinct,
            deferrable: !unique.immediate,
            probes: asking(&unique.columns),
            kind: Kind::Index(unique.parts.clone(), unique.predicate.clone()),
        })
        .collect();
    for (n, probe) in probes.iter().enumerate() {
        let Probe::Free(free) = probe else { continue };
        let is_plain =
            *free == super::Free { nulls_distinct: free.nulls_distinct, ..super::Free::new(free.columns.clone()) };
        let has_index = |unique: &crate::model::UniqueMeta| {
            let same = unique.columns.len() == free.columns.len();
            same && unique.predicate.is_none() && free.columns.iter().all(|n| unique.columns.contains(n))
        };
        if is_plain && model.uniques.iter().any(|unique| unique.backed && has_index(unique)) {
            continue;
        }
        let condition = free.condition.iter().flat_map(crate::model::Condition::columns);
        let condition = condition.filter_map(|name| crate::model::Condition::position(model, name));
        let date = free.period.map(|(date, _)| date);
        sets.push(UniqueSet {
            reads: free.columns.iter().copied().chain(date).chain(condition).collect(),
            nulls_distinct: free.nulls_distinct,
            deferrable: false,
            probes: vec![n],
            kind: Kind::Probe(n),
        });
    }
    sets
}

impl Plan {
    /// The unique sets of the model, by the numbers that [`Plan::holders`] answers with.
    pub fn unique_sets(&self) -> &[UniqueSet] {
        &self.sets
    }

    /// Asks which other rows have the unique values that a row gets by a change of these columns, or has as a new row: in each row
    /// the number of the set, and the primary key of who has them.
    ///
    /// It has no probes where these columns raise no question.
    pub(super) fn make_holders(&self, columns: ColumnSet, stored: bool) -> Prepared {
        let mut text = Text::new(self.dialect);
        let mut raised = Vec::new();
        let mut questions = Vec::new();
        for (n, set) in self.sets.iter().enumerate() {
            let question = match &set.kind {
                Kind::Probe(probe) => match self.probes.get(*probe) {
                    Some(Probe::Free(free)) => self
                        .others(free, columns, stored, true, &mut text)
                        .map(|others| format!("o.{} {others}", quote(&self.model.columns[self.key].column))),
                    _ => None,
                },
                Kind::Index(parts, predicate) => {
                    let is_raised = set.reads.iter().any(|n| columns.contains(*n));
                    is_raised.then(|| self.having(set, parts, predicate.as_deref(), columns, stored, &mut text))
                }
            };
            if let Some(question) = question {
                raised.push(n);
                questions.push(format!("SELECT {n} AS n, {question}"));
            }
        }
        text.push(&questions.join(" UNION ALL "));
        let (statement, filling) = text.statement();
        Prepared { statement, filling, probes: raised, returns: Vec::new(), guarded: false, verdict: None }
    }

    /// The rows that an index takes for the same as the row that is written.
    fn having(
        &self,
        set: &UniqueSet,
        parts: &[String],
        predicate: Option<&str>,
        columns: ColumnSet,
        stored: bool,
        text: &mut Text,
    ) -> String {
        let from = table(self.model.schema.as_deref(), &self.model.table);
        let key = quote(&self.model.columns[self.key].column);
        let by = quote(&self.model.columns[self.by].column);
        let compared = list(parts.iter().enumerate().map(|(n, part)| format!("({part}) AS e{n}")));
        // the row as it will be, by itself, so that the names in the index's text mean its columns
        let value = |n: &usize, text: &mut Text| {
            let meta = &self.model.columns[*n];
            let name = quote(&meta.column);
            match (columns.contains(*n), stored) {
                (true, _) => format!("{} AS {name}", text.place(Place::Column(*n), &meta.db_type)),
                (false, true) => name,
                (false, false) if self.dialect == Dialect::Postgres && !meta.db_type.is_empty() => {
                    format!("NULL::{} AS {name}", cast(&meta.db_type))
                }
                (false, false) => format!("NULL AS {name}"),
            }
        };
        let values = list(set.reads.iter().map(|n| value(n, text)));
        let mut row = format!("SELECT {values}");
        let mut there = Vec::new();
        there.extend(predicate.map(|predicate| format!("({predicate})")));
        if stored {
            let place = text.place(Place::Key, &self.model.columns[self.by].db_type);
            row.push_str(&format!(" FROM {from} WHERE {by} = {place}"));
            there.push(format!("{by} <> {place}"));
        }
        let there = if there.is_empty() { String::new() } else { format!(" WHERE {}", there.join(" AND ")) };
        let counts = predicate.map(|predicate| format!(" WHERE {predicate}")).unwrap_or_default();
        let equals = match (set.nulls_distinct, self.dialect) {
            (true, _) => "=",
            (false, Dialect::Postgres) => "IS NOT DISTINCT FROM",
            (false, Dialect::Sqlite) => "IS",
        };
        let same = (0..parts.len()).map(|n| format!("h.e{n} {equals} w.e{n}")).collect::<Vec<_>>().join(" AND ");
        format!(
            "h.k FROM (SELECT {key} AS k, {compared} FROM {from}{there}) AS h, \
             (SELECT {compared} FROM ({row}) AS r{counts}) AS w WHERE {same}"
        )
    }

    /// Sets one column of a row, whatever the scope.
    pub fn park(&self, key: &DbValue, column: usize, value: DbValue) -> Bound {
        let from = table(self.model.schema.as_deref(), &self.model.table);
        let name = |n: usize| quote(&self.model.columns[n].column);
        let places = match self.dialect {
            Dialect::Postgres => ("$1".into(), "$2".into()),
            Dialect::Sqlite => (
                kept(&self.model.columns[column].db_type, "?1".into()),
                kept(&self.model.columns[self.by].db_type, "?2".into()),
            ),
        };
        let sql = format!("UPDATE {from} SET {} = {} WHERE {} = {}", name(column), places.0, name(self.by), places.1);
        Statement::new(sql).bind(vec![value, key.clone()])
    }

    /// Looks for a row that a foreign key may point to and that no row here points to.
    pub fn unused_target(&self, column: usize) -> Option<Bound> {
        let relation = self.model.relations.iter().find(|relation| relation.columns == [column])?;
        let (own, to) = (quote(&self.model.columns[column].column), quote(relation.to_columns.first()?));
        let target = table(relation.to_schema.as_deref(), &relation.to_table);
        let from = table(self.model.schema.as_deref(), &self.model.table);
        let sql = format!(
            "SELECT o.{to} FROM {target} AS o WHERE NOT EXISTS (SELECT 1 FROM {from} AS c WHERE c.{own} = o.{to}) LIMIT 1"
        );
        Some(Statement::new(sql).bind(Vec::new()))
    }

    /// Has the unique constraints of the table that can wait judged at the end of the transaction, or at once again; none where
    /// there is none.
    pub fn waiting(&self, wait: bool) -> Option<String> {
        if self.dialect == Dialect::Sqlite {
            return None;
        }
        let schema = self.model.schema.as_deref();
        let waiting = self.model.uniques.iter().filter(|unique| unique.backed && !unique.immediate);
        let names: Vec<String> = waiting.filter_map(|unique| Some(table(schema, unique.name.as_deref()?))).collect();
        let when = if wait { "DEFERRED" } else { "IMMEDIATE" };
        (!names.is_empty()).then(|| format!("SET CONSTRAINTS {} {when}", names.join(", ")))
    }

    /// Has a foreign key point to no row for a while; none where the database does not let it.
    pub fn dangling(&self, column: usize, yes: bool) -> Option<&'static str> {
        match self.dialect {
            // every key, until the commit or the other word
            Dialect::Sqlite if yes => Some("PRAGMA defer_foreign_keys = ON"),
            Dialect::Sqlite => Some("PRAGMA defer_foreign_keys = OFF"),
            Dialect::Postgres => {
                let mut relations = self.model.relations.iter().filter(|relation| relation.columns == [column]);
                // it waits by itself
                relations.all(|relation| relation.deferred || relation.constraint.is_none()).then_some("")
            }
        }
    }
}
