//! How a row is deleted: one statement where the database cascades by itself, otherwise parents locked from the
//! top, children deleted from the bottom, in one transaction and one round trip.

use std::sync::Arc;

use crate::model::{ColumnMeta, Condition, DefaultValue, ModelMeta, OnDelete, ReferenceMeta};
use crate::value::{DbValue, convert};

use super::super::forms::kept;
use super::super::{Bound, Dialect, Statement, Unit};
use super::condition;
use super::filter::{Filter, Filtering, Values};
use super::sql::{list, quote, table};
use super::texts::Texts;

/// The statements that delete one row by its key, the first value of each.
#[derive(Clone, Debug)]
pub struct Destroy {
    statements: Vec<Statement>,
    verdict: Option<Statement>,
    /// The same one by one, with a guard for every key that the database checks late or not at all.
    steps: Vec<Statement>,
    /// Whether the row is there.
    there: Statement,
    /// The relations that protect a row from deletion, as `Document.collection`.
    pub protected_by: Vec<String>,
    /// The constraints of the children that the statements delete or change.
    cascading: Vec<String>,
    /// The values after the key.
    given: Vec<DbValue>,
}

struct Cascade<'a> {
    dialect: Dialect,
    models: &'a [Arc<ModelMeta>],
    locks: Vec<Statement>,
    deletes: Vec<String>,
    /// The tables that rows are deleted from, by their names in SQL.
    emptied: Vec<String>,
    protectors: Vec<Protector>,
    protected_by: Vec<String>,
    cascading: Vec<String>,
}

/// Rows of a table that keep others from being deleted.
struct Protector {
    child: String,
    /// Holds where there is no such row.
    guard: String,
    /// Whether the database refuses before anything else is deleted.
    by_database: bool,
    /// Whether the database refuses at all.
    is_enforced: bool,
}

impl Destroy {
    pub(super) fn new(
        dialect: Dialect,
        model: &ModelMeta,
        key: usize,
        scope: Option<&Condition>,
        narrow: &[Filter],
        models: &[Arc<ModelMeta>],
    ) -> Result<Self, String> {
        let from = table(model.schema.as_deref(), &model.table);
        let place = match dialect {
            Dialect::Postgres => "$1".into(),
            Dialect::Sqlite => kept(&model.columns[key].db_type, "?1".into()),
        };
        let key = quote(&model.columns[key].column);
        let mut cascade = Cascade {
            dialect,
            models,
            locks: Vec::new(),
            deletes: Vec::new(),
            emptied: vec![from.clone()],
            protectors: Vec::new(),
            protected_by: Vec::new(),
            cascading: Vec::new(),
        };
        let mut wanted = format!("{key} = {place}");
        if let Some(scope) = scope {
            let mut of = |n: usize| quote(&model.columns[n].column);
            wanted.push_str(&format!(" AND ({})", condition::sql(dialect, scope, model, &mut of)));
        }
        // the first place is the key's
        let mut values = Values { dialect, values: vec![DbValue::String(None)] };
        let mut filtering = Filtering::new(dialect, quote(&model.table), &mut values);
        for filter in narrow {
            wanted.push_str(&format!(" AND ({})", filtering.step(filter, false)));
        }
        let doomed = cascade.closure(model, &wanted);
        cascade.below(model, &doomed, &mut vec![&model.table])?;
        let (late, guards) = (cascade.guards(true), cascade.guards(false));
        let deletes = |guards: &[String]| {
            let guard: String = guards.iter().map(|g| format!(" AND {g}")).collect();
            let mut statements = Vec::new();
            if !cascade.deletes.is_empty() && dialect == Dialect::Postgres {
                let lock = format!("SELECT 1 FROM {from} WHERE {doomed} ORDER BY {key} FOR UPDATE");
                statements.push(Statement::new(lock));
                statements.extend(cascade.locks.iter().cloned());
            }
            // every statement carries the guard, so that a protected row keeps all that hangs on it; deletions can only
            // take protecting rows away, so what held for the first statement holds for the last
            statements.extend(cascade.deletes.iter().map(|delete| Statement::new(format!("{delete}{guard}"))));
            statements.push(Statement::new(format!("DELETE FROM {from} WHERE {doomed}{guard} RETURNING {key}")));
            statements
        };
        let there = Statement::new(format!("SELECT {key} FROM {from} WHERE {wanted}"));
        let given = values.values.split_off(1);
        Ok(Destroy {
            statements: deletes(&guards),
            verdict: (!guards.is_empty()).then(|| there.clone()),
            steps: deletes(&late),
            there,
            protected_by: cascade.protected_by,
            cascading: cascade.cascading,
            given,
        })
    }

    /// The same with texts that are kept by what keeps those of requests.
    pub(super) fn kept_by(self, texts: &Texts) -> Self {
        let statements = self.statements.into_iter().map(|statement| texts.kept(statement)).collect();
        let steps = self.steps.into_iter().map(|statement| texts.kept(statement)).collect();
        let verdict = self.verdict.map(|statement| texts.kept(statement));
        let there = texts.kept(self.there);
        Destroy { statements, steps, verdict, there, ..self }
    }

    fn bind(&self, statement: &Statement, key: &DbValue) -> Bound {
        statement.bind(std::iter::once(key).chain(&self.given).cloned().collect())
    }

    /// The statements for one row. The last one returns the row's key; where it returns nothing, the verdict (if
    /// there is one) tells a protected row from one that is not there.
    pub fn unit(&self, key: &DbValue) -> Unit {
        let bind = |statement: &Statement| self.bind(statement, key);
        Unit { statements: self.statements.iter().map(bind).collect(), verdict: self.verdict.as_ref().map(bind) }
    }

    /// Whether a foreign key that stopped the deletion is one whose rows the statements take along, so that only a row
    /// that came in between can have broken it.
    pub fn cascades(&self, constraint: Option<&str>) -> bool {
        constraint.is_some_and(|name| self.cascading.iter().any(|c| c == name))
    }

    /// The same statements one by one, for a transaction that is open. As with [`Destroy::unit`], the last one returns
    /// the row's key; a row that is kept is kept at once, even where the database would say so at the commit.
    pub fn statements(&self, key: &DbValue) -> Vec<Bound> {
        self.steps.iter().map(|s| self.bind(s, key)).collect()
    }

    /// Returns the row's key where it is still there.
    pub fn there(&self, key: &DbValue) -> Bound {
        self.bind(&self.there, key)
    }
}

/// The default of a column as SQL: the entity's, else PostgreSQL's own.
fn default(dialect: Dialect, column: &ColumnMeta) -> Option<String> {
    if let Some(DefaultValue::Value(value)) = &column.attributes.default {
        return Some(kept(&column.db_type, condition::literal(dialect, value)));
    }
    match &column.default {
        Some(value) => Some(kept(&column.db_type, condition::literal(dialect, &convert::from_db(value)))),
        None => (dialect == Dialect::Postgres && column.has_default).then(|| "DEFAULT".into()),
    }
}

impl Cascade<'_> {
    /// The rows of a model that go: those that a condition names, and by a cascade onto itself those below them.
    fn closure(&self, model: &ModelMeta, condition: &str) -> String {
        let own = model
            .referenced_by
            .iter()
            .find(|r| self.is_own(model, r) && r.on_delete == OnDelete::Cascade && !r.by_database);
        let Some(ReferenceMeta { columns, to_columns, .. }) = own else { return condition.into() };
        let ([column], [to]) = (columns.as_slice(), to_columns.as_slice()) else { return condition.into() };
        let from = table(model.schema.as_deref(), &model.table);
        let (column, to) = (quote(column), quote(to));
        format!(
            "{to} IN (WITH RECURSIVE d(k) AS (SELECT {to} FROM {from} WHERE {condition} \
             UNION SELECT c.{to} FROM {from} AS c JOIN d ON c.{column} = d.k) SELECT k FROM d)"
        )
    }

    fn is_own(&self, model: &ModelMeta, reference: &ReferenceMeta) -> bool {
        reference.table == model.table && reference.schema == model.schema
    }

    /// The conditions without which nothing is deleted.
    ///
    /// PostgreSQL's foreign keys need none of them, and see what other transactions do; but once the cascade has taken the
    /// protecting rows along, no key speaks for them any more, and Django's `PROTECT` holds even then. Where the commit is
    /// too late for an answer, those keys are guarded too that are checked only then.
    fn guards(&self, late: bool) -> Vec<String> {
        let is_needed = |protector: &&Protector| {
            let is_alone = late || self.dialect == Dialect::Sqlite || !protector.is_enforced;
            self.emptied.contains(&protector.child) || (is_alone && !protector.by_database)
        };
        self.protectors.iter().filter(is_needed).map(|protector| protector.guard.clone()).collect()
    }

    /// Locks rows that are about to point elsewhere, in the order of their keys; of a table that no model has, in their own.
    fn lock_changed(&mut self, child: &str, model: Option<&ModelMeta>, condition: &str) {
        if self.dialect == Dialect::Postgres {
            let order = match model {
                Some(model) => list(model.primary_key.iter().map(|n| quote(&model.columns[*n].column))),
                None => "tableoid, ctid".into(),
            };
            let lock = format!("SELECT 1 FROM {child} WHERE {condition} ORDER BY {order} FOR NO KEY UPDATE");
            self.locks.push(Statement::new(lock));
        }
    }

    /// What must happen to the rows that point at the doomed rows of a model.
    fn below<'a>(&mut self, model: &'a ModelMeta, doomed: &str, path: &mut Vec<&'a str>) -> Result<(), String>
    where
        Self: 'a,
    {
        let from = table(model.schema.as_deref(), &model.table);
        for reference in &model.referenced_by {
            if reference.by_database && reference.on_delete != OnDelete::Protect {
                continue;
            }
            if self.is_own(model, reference) && reference.on_delete == OnDelete::Cascade {
                continue;
            }
            let child = table(reference.schema.as_deref(), &reference.table);
            let columns = list(reference.columns.iter().map(|c| quote(c)));
            let to = list(reference.to_columns.iter().map(|c| quote(c)));
            let columns = if reference.columns.len() > 1 { format!("({columns})") } else { columns };
            let condition = format!("{columns} IN (SELECT {to} FROM {from} WHERE {doomed})");
            let known =
                self.models.iter().find(|m| m.table == reference.table && m.schema == reference.schema).cloned();
            if reference.on_delete != OnDelete::Protect {
                self.cascading.extend(reference.constraint.clone());
            }
            match reference.on_delete {
                OnDelete::Protect => {
                    let relation = known.as_ref().and_then(|m| {
                        m.relations
                            .iter()
                            .find(|r| r.columns.iter().map(|n| &m.columns[*n].column).eq(reference.columns.iter()))
                    });
                    self.protected_by.push(match (&known, relation) {
                        (Some(model), Some(relation)) => format!("{}.{}", model.name, relation.name),
                        _ => reference.table.clone(),
                    });
                    let guard = format!("NOT EXISTS (SELECT 1 FROM {child} WHERE {condition})");
                    let (by_database, is_enforced) = (reference.by_database, reference.constraint.is_some());
                    self.protectors.push(Protector { child, guard, by_database, is_enforced });
                }
                OnDelete::SetNull => {
                    self.lock_changed(&child, known.as_deref(), &condition);
                    let set = list(reference.columns.iter().map(|c| format!("{} = NULL", quote(c))));
                    self.deletes.push(format!("UPDATE {child} SET {set} WHERE ({condition})"));
                }
                OnDelete::SetDefault => {
                    let mut set = Vec::with_capacity(reference.columns.len());
                    for name in &reference.columns {
                        let column = known.as_ref().and_then(|m| m.columns.get(m.column(name)?));
                        let value = column.and_then(|column| default(self.dialect, column)).ok_or_else(|| {
                            format!(
                                "{}: {child} is to get the default of {name} when a row is deleted, and has none that \
                                 is known; give the entity's column a default_value, or the foreign key \
                                 ON DELETE SET DEFAULT in the database.",
                                model.name
                            )
                        })?;
                        set.push(format!("{} = {value}", quote(name)));
                    }
                    self.lock_changed(&child, known.as_deref(), &condition);
                    let set = list(set);
                    self.deletes.push(format!("UPDATE {child} SET {set} WHERE ({condition})"));
                }
                OnDelete::Cascade => {
                    self.emptied.push(child.clone());
                    let deletes = if let Some(next) = known {
                        if path.contains(&reference.table.as_str()) {
                            return Err(format!(
                                "{}: its cascades lead back to {} by way of other tables; give the foreign keys \
                                 ON DELETE CASCADE in the database.",
                                model.name, next.name
                            ));
                        }
                        let doomed = self.closure(&next, &condition);
                        if self.dialect == Dialect::Postgres {
                            let order = list(next.primary_key.iter().map(|n| quote(&next.columns[*n].column)));
                            self.locks.push(Statement::new(format!(
                                "SELECT 1 FROM {child} WHERE {doomed} ORDER BY {order} FOR UPDATE"
                            )));
                        }
                        let mut path: Vec<&str> = path.clone();
                        path.push(&next.table);
                        self.below(&next, &doomed, &mut path)?;
                        format!("DELETE FROM {child} WHERE ({doomed})")
                    } else {
                        if self.dialect == Dialect::Postgres {
                            let order = "ORDER BY tableoid, ctid FOR UPDATE";
                            self.locks.push(Statement::new(format!("SELECT 1 FROM {child} WHERE {condition} {order}")));
                        }
                        format!("DELETE FROM {child} WHERE ({condition})")
                    };
                    self.deletes.push(deletes);
                }
            }
        }
        Ok(())
    }
}
