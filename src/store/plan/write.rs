//! Statements that write or judge a write, for one set of columns.

use crate::model::ColumnKind;

use super::super::{ColumnSet, Dialect};
use super::sql::{Text, list, quote, table};
use super::{Place, Plan, Prepared, Probe};

impl Plan {
    /// What an answer needs back: the shown columns but for written JSON, which is answered as it was sent.
    fn returned(&self, columns: ColumnSet) -> Vec<usize> {
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

    fn quoted(&self, columns: &[usize]) -> String {
        list(columns.iter().map(|n| quote(&self.model.columns[*n].column)))
    }

    fn from(&self) -> String {
        table(self.model.schema.as_deref(), &self.model.table)
    }

    fn place(&self, text: &mut Text, column: usize) -> String {
        text.place(Place::Column(column), &self.model.columns[column].db_type)
    }

    fn key_place(&self, text: &mut Text) -> String {
        text.place(Place::Key, &self.model.columns[self.key].db_type)
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
            Probe::Free { columns: set, nulls_distinct } => {
                let raised = if stored {
                    set.iter().any(|n| columns.contains(*n))
                } else {
                    set.iter().all(|n| columns.contains(*n))
                };
                if !raised {
                    return None;
                }
                let from = self.from();
                let equals = match (nulls_distinct, self.dialect) {
                    (true, _) => "=",
                    (false, Dialect::Postgres) => "IS NOT DISTINCT FROM",
                    (false, Dialect::Sqlite) => "IS",
                };
                let key = quote(&self.model.columns[self.key].column);
                let mut parts = Vec::new();
                for n in set {
                    let name = quote(&self.model.columns[*n].column);
                    let value = if columns.contains(*n) {
                        self.place(text, *n)
                    } else {
                        let place = self.key_place(text);
                        format!("(SELECT {name} FROM {from} WHERE {key} = {place})")
                    };
                    parts.push(format!("o.{name} {equals} {value}"));
                }
                if stored {
                    let place = self.key_place(text);
                    parts.push(format!("o.{key} <> {place}"));
                }
                Some(format!("NOT EXISTS (SELECT 1 FROM {from} AS o WHERE {})", parts.join(" AND ")))
            }
        }
    }

    fn conditions(&self, columns: ColumnSet, stored: bool, text: &mut Text) -> (Vec<usize>, Vec<String>) {
        let asked = self.probes.iter().enumerate();
        asked.filter_map(|(n, probe)| Some((n, self.condition(probe, columns, stored, text)?))).unzip()
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
            verdict = Some((examined.statement, examined.places));
        } else {
            let named = |n: usize| format!("v{n}");
            let asked = list(conditions.iter().enumerate().map(|(n, c)| format!("{c} AS {}", named(n))));
            let guard = (0..conditions.len()).map(named).collect::<Vec<_>>().join(" AND ");
            let answers = list((0..conditions.len()).map(named));
            let rows = list(returns.iter().map(|n| format!("w.{}", quote(&self.model.columns[*n].column))));
            // a constraint that cannot be deferred lets the loser of a race go home without an aborted transaction
            let conflict = if self.model.uniques.iter().all(|u| u.immediate) { " ON CONFLICT DO NOTHING" } else { "" };
            text.push(&format!(
                "WITH v AS (SELECT {asked}), \
                 w AS (INSERT INTO {from} ({names}) SELECT {values} FROM v WHERE {guard}{conflict} RETURNING {returning}) \
                 SELECT {answers}, {rows} FROM v LEFT JOIN w ON true"
            ));
            let (statement, places) = text.statement();
            return Prepared { statement, places, probes, returns, guarded: true, verdict: None };
        }
        let (statement, places) = text.statement();
        let probes = if verdict.is_some() { probes } else { Vec::new() };
        Prepared { statement, places, probes, returns, guarded: false, verdict }
    }

    pub(super) fn make_update(&self, columns: ColumnSet) -> Prepared {
        let returns = self.returned(columns);
        let mut text = Text::new(self.dialect);
        let key = quote(&self.model.columns[self.key].column);
        let mut wanted = format!("{key} = {}", text.place(Place::Key, ""));
        // SQLite cannot check a deferred foreign key before the commit, which it shares with other requests
        if self.dialect == Dialect::Sqlite {
            for probe in &self.probes {
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
            format!("{name} = {}", text.place(Place::Column(n), ""))
        }));
        let returning = self.quoted(&returns);
        text.push(&format!("UPDATE {} SET {set} WHERE {wanted} RETURNING {returning}", self.from()));
        let (statement, places) = text.statement();
        Prepared { statement, places, probes: Vec::new(), returns, guarded: false, verdict: None }
    }

    pub(super) fn make_examine(&self, columns: ColumnSet, stored: bool) -> Prepared {
        let mut text = Text::new(self.dialect);
        let (probes, mut asked) = self.conditions(columns, stored, &mut text);
        if stored {
            let key = quote(&self.model.columns[self.key].column);
            let place = self.key_place(&mut text);
            asked.insert(0, format!("EXISTS (SELECT 1 FROM {} WHERE {key} = {place})", self.from()));
        }
        if asked.is_empty() {
            asked.push("1".into());
        }
        text.push(&format!("SELECT {}", list(asked)));
        let (statement, places) = text.statement();
        Prepared { statement, places, probes, returns: Vec::new(), guarded: false, verdict: None }
    }
}
