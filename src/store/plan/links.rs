//! Rows that hang on other rows: the join tables of relations to many, and children of a foreign key.

use super::super::forms::kept;
use super::super::{Bound, Dialect, Statement, many};
use super::sql::{quote, table};
use crate::model::ModelMeta;
use crate::value::DbValue;

/// How the set of rows that hang on a row becomes another one, under the lock of that row.
#[derive(Clone, Debug)]
pub struct SetLinks {
    /// Locks what is about to change in the order of its keys, so that two of these never wait for each other.
    lock: Option<Statement>,
    remove: Option<Statement>,
    add: Statement,
}

impl SetLinks {
    /// Lets go of all but these, where rows can be let go.
    pub fn release(&self, owner: &DbValue, keys: &[DbValue]) -> Vec<Bound> {
        let Some(remove) = &self.remove else { return Vec::new() };
        let values = || vec![owner.clone(), many::list(keys.iter().cloned())];
        self.lock.iter().chain([remove]).map(|statement| statement.bind(values())).collect()
    }

    /// Lets go of all but these, then takes in those that are not there yet; `adding` for a row that has none yet.
    pub fn set(&self, owner: &DbValue, keys: &[DbValue], adding: bool) -> Vec<Bound> {
        let values = || vec![owner.clone(), many::list(keys.iter().cloned())];
        let mut statements = Vec::new();
        if let Some(lock) = self.lock.as_ref().filter(|_| !adding || !keys.is_empty()) {
            statements.push(lock.bind(values()));
        }
        if let Some(remove) = self.remove.as_ref().filter(|_| !adding) {
            statements.push(remove.bind(values()));
        }
        if !keys.is_empty() {
            statements.push(self.add.bind(values()));
        }
        statements
    }
}

/// The owner's key, of a type that PostgreSQL knows by itself.
fn owner_place(dialect: Dialect, db_type: &str) -> String {
    match dialect {
        Dialect::Postgres => "$1".into(),
        Dialect::Sqlite => kept(db_type, "?1".into()),
    }
}

/// The statements of a join table: its columns that point to the owner and to the others, each with its type.
pub fn join_table(dialect: Dialect, join: (Option<&str>, &str), own: (&str, &str), other: (&str, &str)) -> SetLinks {
    let join = table(join.0, join.1);
    let (own_column, other_column) = (quote(own.0), quote(other.0));
    let owner = match dialect {
        Dialect::Postgres => format!("$1::{}", super::sql::cast(own.1)),
        Dialect::Sqlite => owner_place(dialect, own.1),
    };
    let listed = many::any_of(dialect, 2, other.1);
    let keys = many::each_of(dialect, 2, other.1, "k");
    let gone = format!("{own_column} = {} AND NOT ({other_column} {listed})", owner_place(dialect, own.1));
    let lock = format!("SELECT 1 FROM {join} WHERE {gone} ORDER BY {other_column} FOR UPDATE");
    SetLinks {
        lock: (dialect == Dialect::Postgres).then(|| Statement::new(lock)),
        remove: Some(Statement::new(format!("DELETE FROM {join} WHERE {gone}"))),
        add: Statement::new(format!(
            "INSERT INTO {join} ({own_column}, {other_column}) SELECT {owner}, k.value FROM {keys} WHERE NOT EXISTS \
             (SELECT 1 FROM {join} AS j WHERE j.{own_column} = {owner} AND j.{other_column} = k.value) ORDER BY k.value"
        )),
    }
}

/// The statements of a foreign key that points to the owner: rows that are let go point nowhere, where they may.
pub fn owned_by(dialect: Dialect, child: &ModelMeta, column: usize, key: usize, own_type: &str) -> SetLinks {
    let from = table(child.schema.as_deref(), &child.table);
    let (own, key_column) = (quote(&child.columns[column].column), quote(&child.columns[key].column));
    let listed = many::any_of(dialect, 2, &child.columns[key].db_type);
    let owner = match dialect {
        Dialect::Postgres => format!("$1::{}", super::sql::cast(own_type)),
        Dialect::Sqlite => owner_place(dialect, own_type),
    };
    let remove = child.columns[column].null.then(|| {
        Statement::new(format!("UPDATE {from} SET {own} = NULL WHERE {own} = {owner} AND NOT ({key_column} {listed})"))
    });
    let add = Statement::new(format!("UPDATE {from} SET {own} = {owner} WHERE {key_column} {listed}"));
    let lock = (dialect == Dialect::Postgres).then(|| {
        let meant = format!("{own} = {owner} OR {key_column} {listed}");
        Statement::new(format!("SELECT 1 FROM {from} WHERE {meant} ORDER BY {key_column} FOR NO KEY UPDATE"))
    });
    SetLinks { lock, remove, add }
}

/// The keys of the rows that point to a row by a column, locked until the transaction ends.
pub fn under(dialect: Dialect, child: &ModelMeta, column: usize) -> Statement {
    let from = table(child.schema.as_deref(), &child.table);
    let key = child.primary_key.first().map(|n| quote(&child.columns[*n].column)).unwrap_or_default();
    let lock = match dialect {
        Dialect::Postgres => " FOR UPDATE",
        Dialect::Sqlite => "",
    };
    Statement::new(format!(
        "SELECT {key} FROM {from} WHERE {} = {} ORDER BY {key}{lock}",
        quote(&child.columns[column].column),
        owner_place(dialect, &child.columns[column].db_type)
    ))
}
