//! Statements that write or judge a write, for one set of columns.

use std::sync::atomic::Ordering;

use crate::model::{ColumnKind, Condition, Period};
use crate::value::DbValue;

use super::super::many::InsertMany;
use super::super::{Bound, Changes, ColumnSet, Dialect, Statement};
use super::filter::Filtering;
use super::sql::{Text, list, quote, table};
use super::{Filling, Free, Lookup, Place, Plan, Prepared, Probe, bind, condition};

impl Plan {
    /// What an answer needs back: the shown columns but for written JSON, which is answered as it was sent.
    pub(super) fn returned(&self, columns: ColumnSet) -> Vec<usize> {
        let mut returned: Vec<usize> = self
            .shown
            .iter()
            .copied()
            .filter(|n| !(columns.contains(*n) && self.model.columns[*n].kind == ColumnKind::Json))
            .collect();
        if !returned.contains(&self.key) {
            returned.push(self.key);
        }
        returned
    }

    pub(super) fn quoted(&self, columns: &[usize]) -> String {
        list(columns.iter().map(|n| quote(&self.model.columns[*n].column)))
    }

    fn from(&self) -> String {
        table(self.model.schema.as_deref(), &self.model.table)
    }

    pub(super) fn place(&self, text: &mut Text, column: usize) -> String {
        text.place(Place::Column(column), &self.model.columns[column].db_type)
    }

    /// The type of a column where PostgreSQL knows by itself what a place is of, and SQLite has to give the value its form.
    fn formed(&self, column: usize) -> &str {
        match self.dialect {
            Dialect::Postgres => "",
            Dialect::Sqlite => &self.model.columns[column].db_type,
        }
    }

    fn key_place(&self, text: &mut Text) -> String {
        text.place(Place::Key, &self.model.columns[self.by].db_type)
    }

    /// The probe as a condition that holds when all is well; none where these columns do not raise the question.
    fn condition(&self, probe: &Probe, columns: ColumnSet, stored: bool, text: &mut Text) -> Option<String> {
        match probe {
            Probe::Exists { column, schema, table: to, to_column } => {
                if !columns.contains(*column) {
                    return None;
                }
                let place = self.place(text, *column);
                let to = table(schema.as_deref(), to);
                let exists = format!("EXISTS (SELECT 1 FROM {to} WHERE {} = {place})", quote(to_column));
                Some(if self.model.columns[*column].null { format!("({place} IS NULL OR {exists})") } else { exists })
            }
            Probe::Free(free) => self.free(free, columns, stored, text),
        }
    }

    /// A column as it will be: the new value, or the stored one.
    fn as_it_will_be(&self, n: usize, columns: ColumnSet, stored: bool, text: &mut Text) -> String {
        if columns.contains(n) {
            return self.place(text, n);
        }
        if !stored {
            return "NULL".into();
        }
        let name = quote(&self.model.columns[n].column);
        format!("(SELECT {name} FROM {} WHERE {})", self.from(), self.is_meant(text))
    }

    /// The condition that names the request's row.
    fn is_meant(&self, text: &mut Text) -> String {
        let by = quote(&self.model.columns[self.by].column);
        format!("{by} = {}", self.key_place(text))
    }

    fn free(&self, free: &Free, columns: ColumnSet, stored: bool, text: &mut Text) -> Option<String> {
        let others = self.others(free, columns, stored, false, text)?;
        let taken = format!("EXISTS (SELECT 1 {others})");
        Some(match &free.condition {
            None => format!("NOT {taken}"),
            Some(only) => {
                let mut of = |n: usize| self.as_it_will_be(n, columns, stored, text);
                let own = condition::sql(self.dialect, only, &self.model, &mut of);
                // where the condition is unknown, the set does not count
                format!("NOT (COALESCE(({own}), 1 = 0) AND {taken})")
            }
        })
    }

    /// The other rows that have the values of a set, from FROM on; `counted` where the row itself has to be of those that the
    /// set is about. None where these columns do not raise the question.
    pub(super) fn others(
        &self,
        free: &Free,
        columns: ColumnSet,
        stored: bool,
        counted: bool,
        text: &mut Text,
    ) -> Option<String> {
        let read = || free.condition.iter().flat_map(Condition::columns);
        let read: Vec<usize> = read().filter_map(|name| Condition::position(&self.model, name)).collect();
        let dated = free.period.map(|(date, _)| date);
        let mut set = free.columns.iter().chain(&dated);
        let raised = if stored {
            set.any(|n| columns.contains(*n)) || read.iter().any(|n| columns.contains(*n))
        } else {
            // what the database fills in by itself is its own constraint's business
            set.all(|n| columns.contains(*n))
        };
        if !raised {
            return None;
        }
        let mut parts = Vec::new();
        for n in &free.columns {
            let name = format!("o.{}", quote(&self.model.columns[*n].column));
            let value = self.as_it_will_be(*n, columns, stored, text);
            parts.push(self.compares(free, &name, &value));
        }
        if let Some((date, period)) = free.period {
            let name = format!("o.{}", quote(&self.model.columns[date].column));
            let value = self.as_it_will_be(date, columns, stored, text);
            parts.push(self.same_period(period, date, &name, &value));
        }
        let others = |only: &Condition| {
            condition::sql(self.dialect, only, &self.model, &mut condition::aliased(&self.model, "o"))
        };
        parts.extend(free.condition.iter().chain(&free.among).map(|only| format!("({})", others(only))));
        if stored {
            let by = quote(&self.model.columns[self.by].column);
            parts.push(format!("o.{by} <> {}", self.key_place(text)));
        }
        if let (true, Some(only)) = (counted, &free.condition) {
            let mut of = |n: usize| self.as_it_will_be(n, columns, stored, text);
            parts.push(format!("({})", condition::sql(self.dialect, only, &self.model, &mut of)));
        }
        Some(format!("FROM {} AS o WHERE {}", self.from(), parts.join(" AND ")))
    }

    fn compares(&self, free: &Free, name: &str, value: &str) -> String {
        let equals = match (free.nulls_distinct, self.dialect) {
            (true, _) => "=",
            (false, Dialect::Postgres) => "IS NOT DISTINCT FROM",
            (false, Dialect::Sqlite) => "IS",
        };
        let folded = |sql: &str| match self.dialect {
            Dialect::Postgres => format!("UPPER(({sql})::text)"),
            Dialect::Sqlite => format!("UPPER({sql})"),
        };
        let text = |sql: &str| match self.dialect {
            Dialect::Postgres => format!("({sql})::text"),
            Dialect::Sqlite => sql.to_owned(),
        };
        let (name, value) = match free.lookup {
            Lookup::Exact => return format!("{name} {equals} {value}"),
            Lookup::IExact | Lookup::IContains | Lookup::IStartsWith | Lookup::IEndsWith => {
                (folded(name), folded(value))
            }
            _ => (text(name), text(value)),
        };
        match (free.lookup, self.dialect) {
            (Lookup::Contains | Lookup::IContains, Dialect::Postgres) => format!("strpos({name}, {value}) > 0"),
            (Lookup::Contains | Lookup::IContains, Dialect::Sqlite) => format!("instr({name}, {value}) > 0"),
            (Lookup::StartsWith | Lookup::IStartsWith, _) => format!("substr({name}, 1, length({value})) = {value}"),
            (Lookup::EndsWith | Lookup::IEndsWith, Dialect::Postgres) => {
                format!("right({name}, length({value})) = {value}")
            }
            (Lookup::EndsWith | Lookup::IEndsWith, Dialect::Sqlite) => {
                format!("(length({name}) >= length({value}) AND substr({name}, -length({value})) = {value})")
            }
            _ => format!("{name} {equals} {value}"),
        }
    }

    fn same_period(&self, period: Period, date: usize, name: &str, value: &str) -> String {
        let zoned = matches!(self.model.columns[date].kind, ColumnKind::DateTime(true));
        match self.dialect {
            Dialect::Postgres => {
                let local =
                    |sql: &str| if zoned { format!("(({sql}) AT TIME ZONE 'UTC')") } else { format!("({sql})") };
                let (name, value) = (local(name), local(value));
                match period {
                    Period::Date => format!("{name}::date = {value}::date"),
                    Period::Month => format!("EXTRACT(MONTH FROM {name}) = EXTRACT(MONTH FROM {value})"),
                    Period::Year => format!("EXTRACT(YEAR FROM {name}) = EXTRACT(YEAR FROM {value})"),
                }
            }
            Dialect::Sqlite => {
                let format = match period {
                    Period::Date => "%Y-%m-%d",
                    Period::Month => "%m",
                    Period::Year => "%Y",
                };
                format!("strftime('{format}', {name}) = strftime('{format}', {value})")
            }
        }
    }

    fn conditions(&self, columns: ColumnSet, stored: bool, text: &mut Text) -> (Vec<usize>, Vec<String>) {
        let asked = self.probes.iter().enumerate();
        asked.filter_map(|(n, probe)| Some((n, self.condition(probe, columns, stored, text)?))).unzip()
    }

    /// Narrows a condition to the rows of the resource.
    fn scoped(&self, wanted: &mut String, text: &mut Text) {
        if let Some(scope) = &self.scope {
            let mut of = |n: usize| quote(&self.model.columns[n].column);
            wanted.push_str(&format!(" AND ({})", condition::sql(self.dialect, scope, &self.model, &mut of)));
        }
        let mut filtering = Filtering::new(self.dialect, quote(&self.model.table), text);
        for filter in &self.narrow {
            wanted.push_str(&format!(" AND ({})", filtering.step(filter, false)));
        }
    }

    pub(super) fn make_stored(&self, locked: bool) -> (Statement, Filling) {
        let all: Vec<usize> = (0..self.model.columns.len()).collect();
        let mut text = Text::new(self.dialect);
        let mut wanted = self.is_meant(&mut text);
        self.scoped(&mut wanted, &mut text);
        let lock = match self.dialect {
            // others may go on pointing to it: their keys ask for no more than that it stays
            Dialect::Postgres if locked => " FOR NO KEY UPDATE",
            // a writer of SQLite is alone by nature
            _ => "",
        };
        let (_, filling) = text.statement();
        (Statement::point(format!("SELECT {} FROM {} WHERE {wanted}{lock}", self.quoted(&all), self.from())), filling)
    }

    /// All columns of a row by its primary key, whatever the scope: one that was just written.
    pub fn written(&self, pk: &DbValue) -> Bound {
        let all: Vec<usize> = (0..self.model.columns.len()).collect();
        let key = &self.model.columns[self.key];
        let mut text = Text::new(self.dialect);
        let place = text.place(Place::Key, &key.db_type);
        let (_, filling) = text.statement();
        let sql = format!("SELECT {} FROM {} WHERE {} = {place}", self.quoted(&all), self.from(), quote(&key.column));
        bind(&Statement::point(sql), &filling, Some(pk), &Changes::default())
    }

    pub(super) fn make_insert(&self, columns: ColumnSet, guarded: bool) -> Prepared {
        let from = self.from();
        let returns = self.returned(columns);
        let returning = self.quoted(&returns);
        let into: Vec<usize> = columns.iter().collect();
        let names = self.quoted(&into);
        let mut text = Text::new(self.dialect);
        let (probes, conditions) =
            if guarded { self.conditions(columns, false, &mut text) } else { Default::default() };
        let values = list(into.iter().map(|n| self.place(&mut text, *n)));
        let mut verdict = None;
        if into.is_empty() {
            text.push(&format!("INSERT INTO {from} DEFAULT VALUES RETURNING {returning}"));
        } else if conditions.is_empty() {
            text.push(&format!("INSERT INTO {from} ({names}) VALUES ({values}) RETURNING {returning}"));
        } else if self.dialect == Dialect::Sqlite {
            let guard = conditions.join(" AND ");
            text.push(&format!("INSERT INTO {from} ({names}) SELECT {values} WHERE {guard} RETURNING {returning}"));
            let examined = self.make_examine(columns, false);
            verdict = Some((examined.statement, examined.filling));
        } else {
            let named = |n: usize| format!("v{n}");
            let asked = list(conditions.iter().enumerate().map(|(n, c)| format!("{c} AS {}", named(n))));
            let guard = (0..conditions.len()).map(named).collect::<Vec<_>>().join(" AND ");
            let answers = list((0..conditions.len()).map(named));
            let rows = list(returns.iter().map(|n| format!("w.{}", quote(&self.model.columns[*n].column))));
            // a constraint that cannot be deferred lets the loser of a race go home without an aborted transaction
            let immediate = !self.deferrable.load(Ordering::Relaxed) && self.model.uniques.iter().all(|u| u.immediate);
            let conflict = if immediate { " ON CONFLICT DO NOTHING" } else { "" };
            text.push(&format!(
                "WITH v AS (SELECT {asked}), \
                 w AS (INSERT INTO {from} ({names}) SELECT {values} FROM v WHERE {guard}{conflict} RETURNING {returning}) \
                 SELECT {answers}, {rows} FROM v LEFT JOIN w ON true"
            ));
            let (statement, filling) = text.statement();
            return Prepared { statement, filling, probes, returns, guarded: true, verdict: None };
        }
        let (statement, filling) = text.statement();
        let probes = if verdict.is_some() { probes } else { Vec::new() };
        Prepared { statement, filling, probes, returns, guarded: false, verdict }
    }

    pub(super) fn make_insert_many(&self, columns: ColumnSet) -> (InsertMany, Vec<usize>) {
        let returns = self.returned(columns);
        let tail = format!("RETURNING {}", self.quoted(&returns));
        let column = |n: usize| (self.model.columns[n].column.as_str(), self.model.columns[n].db_type.as_str());
        let into: Vec<(&str, &str)> = columns.iter().map(column).collect();
        (InsertMany::new(self.dialect, &self.from(), &into, &tail), returns)
    }

    pub(super) fn make_update(&self, columns: ColumnSet) -> Prepared {
        let returns = self.returned(columns);
        let mut text = Text::new(self.dialect);
        let by = quote(&self.model.columns[self.by].column);
        let mut wanted = format!("{by} = {}", text.place(Place::Key, self.formed(self.by)));
        self.scoped(&mut wanted, &mut text);
        // SQLite cannot check a deferred foreign key before the commit, which it shares with other requests
        if self.dialect == Dialect::Sqlite {
            for probe in self.probes.iter() {
                let Probe::Exists { column, .. } = probe else { continue };
                let deferred = self.model.relations.iter().any(|r| r.deferred && r.columns == [*column]);
                if let (true, Some(condition)) = (deferred, self.condition(probe, columns, true, &mut text)) {
                    wanted.push_str(" AND ");
                    wanted.push_str(&condition);
                }
            }
        }
        let set = list(columns.iter().map(|n| {
            let name = quote(&self.model.columns[n].column);
            format!("{name} = {}", text.place(Place::Column(n), self.formed(n)))
        }));
        let returning = self.quoted(&returns);
        text.push(&format!("UPDATE {} SET {set} WHERE {wanted} RETURNING {returning}", self.from()));
        let (statement, filling) = text.statement();
        Prepared { statement, filling, probes: Vec::new(), returns, guarded: false, verdict: None }
    }

    pub(super) fn make_examine(&self, columns: ColumnSet, stored: bool) -> Prepared {
        let mut text = Text::new(self.dialect);
        let (probes, mut asked) = self.conditions(columns, stored, &mut text);
        if stored {
            let mut wanted = self.is_meant(&mut text);
            self.scoped(&mut wanted, &mut text);
            asked.insert(0, format!("EXISTS (SELECT 1 FROM {} WHERE {wanted})", self.from()));
        }
        if asked.is_empty() {
            asked.push("1".into());
        }
        text.push(&format!("SELECT {}", list(asked)));
        let (statement, filling) = text.statement();
        Prepared { statement, filling, probes, returns: Vec::new(), guarded: false, verdict: None }
    }
}
