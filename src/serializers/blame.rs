//! Whether a constraint that stopped a write was the client's to keep or the program's.

use super::{BoundSerializer, Constraint};
use crate::error::Error;
use crate::store::plan::Probe;
use crate::store::{ColumnSet, Violation, ViolationKind};
use crate::value::Value;

impl BoundSerializer {
    /// What a violation is answered with, and whether it may be gone by the next try.
    pub(crate) fn ruling(&self, violation: &Violation, data: &Value) -> (Error, bool) {
        match self.mistake(violation, ColumnSet::default()) {
            Some(mistake) => (Error::internal(mistake), may_be_gone(violation)),
            None => (self.verdict(violation, data).into(), self.is_asked(violation)),
        }
    }

    /// The same for an action, whose handler wrote by itself: NULL for a column that takes none is its own.
    pub(crate) fn ruling_on_action(&self, violation: &Violation, data: &Value) -> (Error, bool) {
        match violation.kind {
            ViolationKind::NotNull => (Error::internal(self.sentence(violation)), false),
            _ => (self.verdict(violation, data).into(), self.is_asked(violation)),
        }
    }

    /// The sentence for the log where no body can have broken a constraint and no other body would keep it: every column of it
    /// is one that no field writes, or that a hook gave its value.
    ///
    /// What is taken by another row is the client's to know, whoever chose the value.
    pub(crate) fn mistake(&self, violation: &Violation, given: ColumnSet) -> Option<String> {
        let columns = self.broken_columns(violation);
        let is_own = violation.table.as_ref().is_none_or(|table| *table == self.model.table);
        let is_programs = |n: &usize| given.contains(*n) || !self.fields.iter().any(|f| f.column() == Some(*n));
        let blamed = match violation.kind {
            // a column of another table was written by a hook, or by the join table's own plan
            ViolationKind::NotNull => !is_own || columns.iter().all(is_programs),
            // SQLite does not say which key it was: those of the body were asked beforehand, those of a hook were not
            ViolationKind::ForeignKey if columns.is_empty() => {
                is_own && self.model.relations.iter().any(|r| r.columns.iter().any(|n| given.contains(*n)))
            }
            ViolationKind::ForeignKey | ViolationKind::Check => {
                is_own && !columns.is_empty() && columns.iter().all(is_programs)
            }
            // a rule of the database's own about what a body says
            ViolationKind::Raised => false,
            ViolationKind::Unique | ViolationKind::Exclusion | ViolationKind::Deferrable => false,
        };
        blamed.then(|| self.sentence(violation))
    }

    /// What stopped a write, by its names.
    pub(crate) fn sentence(&self, violation: &Violation) -> String {
        let kind = match violation.kind {
            ViolationKind::Unique => "a unique constraint",
            ViolationKind::ForeignKey => "a foreign key",
            ViolationKind::NotNull => "NOT NULL",
            ViolationKind::Check => "a CHECK constraint",
            ViolationKind::Exclusion => "an exclusion constraint",
            ViolationKind::Raised => "a trigger",
            ViolationKind::Deferrable => "a deferrable unique constraint",
        };
        let table = violation.table.as_deref().unwrap_or(&self.model.table);
        let columns = match violation.columns.as_slice() {
            [] => {
                let own = self.broken_columns(violation);
                own.into_iter().map(|n| self.model.columns[n].column.clone()).collect()
            }
            named => named.to_vec(),
        };
        let mut sentence = format!("{kind} of the table {table}");
        if !columns.is_empty() {
            sentence.push_str(&format!(" over {}", columns.join(", ")));
        }
        if let Some(name) = &violation.constraint {
            sentence.push_str(&format!(" ({name})"));
        }
        sentence.push_str(" stopped a write, and nothing in the body of the request could keep it");
        sentence
    }

    /// The columns of the model that a violation is about, those of a CHECK among them.
    fn broken_columns(&self, violation: &Violation) -> Vec<usize> {
        let columns = self.violated_columns(violation);
        let is_own = violation.table.as_ref().is_none_or(|table| *table == self.model.table);
        match &violation.constraint {
            Some(name) if columns.is_empty() && is_own => {
                let check = self.model.checks.iter().find(|check| check.name == *name);
                check.map(|check| check.columns.clone()).unwrap_or_default()
            }
            _ => columns,
        }
    }

    /// Takes the answers to probes about values that a hook gave out of those about the body's: whose targets are not there
    /// is the program's business.
    pub(crate) fn take_given(&self, answers: &mut Vec<(usize, bool)>, given: ColumnSet) -> Option<String> {
        let of_hook = |constraint: &Constraint| match &constraint.probe {
            Probe::Exists { column, .. } if given.contains(*column) => Some(*column),
            _ => None,
        };
        let mut blamed = None;
        answers.retain(|(n, fine)| {
            let column = self.constraints.get(*n).filter(|_| !fine).and_then(of_hook);
            if let Some(column) = column.and_then(|n| self.model.columns.get(n)) {
                let (model, column) = (&self.model.name, &column.column);
                blamed = Some(format!("a hook set {model}.{column} to the key of a row that is not there"));
            }
            column.is_none()
        });
        blamed.filter(|_| answers.iter().all(|(_, fine)| *fine))
    }

    /// What keeps every new row from being written: a column that is NOT NULL, has no default, and that neither a field nor the
    /// program fills. `linked` is a column that another row's key fills.
    pub(crate) fn unfilled(&self, linked: Option<usize>) -> Vec<String> {
        let filled = |n: usize| {
            linked == Some(n)
                || self.defaults.iter().any(|(known, _)| *known == n)
                || self.fields.iter().any(|f| f.column() == Some(n))
        };
        let model = &self.model;
        let open = model.must_fill.iter().filter(|name| !model.column(name).is_some_and(filled));
        let sentence = |column: &String| match model.column(column) {
            Some(n) => {
                let shown = self.fields.iter().any(|f| *f.field.name == model.columns[n].name);
                let field = if shown { "a field that can be written" } else { "a field" };
                format!(
                    "{}.{column} is NOT NULL without a default, and nothing fills it in a new row: give the serializer {field} \
                     for it, or a value by on_create or a default, set it in a perform_create hook, or leave out Action::Create.",
                    model.name
                )
            }
            None => format!(
                "{} has the column {column}, NOT NULL without a default, which the entity lacks: no row can be inserted; add it \
                 to the entity, or give it a default.",
                model.table
            ),
        };
        open.map(sentence).collect()
    }

    /// Whether a body can say a field.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.fields.iter().any(|f| f.field.name == name && !matches!(f.writes, super::Writes::Nothing))
    }
}

/// Whether the next try may find it kept: another transaction's rows decide.
pub(crate) fn may_be_gone(violation: &Violation) -> bool {
    matches!(violation.kind, ViolationKind::ForeignKey | ViolationKind::Unique)
}
