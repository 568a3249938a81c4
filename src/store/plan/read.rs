//! Statements that read: one row, all rows, a page with its count, a locked row.

use crate::model::ModelMeta;

use super::super::{Dialect, Statement};
use super::sql::{list, quote, table};

/// The texts of a model's reads.
pub(super) struct Reads {
    pub(super) retrieve: Statement,
    pub(super) list: Statement,
    pub(super) page: Statement,
    pub(super) page_uncounted: Statement,
    pub(super) lock: Statement,
}

impl Reads {
    pub(super) fn new(dialect: Dialect, model: &ModelMeta, key: usize, shown: &[usize]) -> Self {
        let from = table(model.schema.as_deref(), &model.table);
        let name = |n: &usize| quote(&model.columns[*n].column);
        let columns = list(shown.iter().map(name));
        let all = list((0..model.columns.len()).map(|n| name(&n)));
        let key = name(&key);
        let (one, two, lock) = match dialect {
            Dialect::Postgres => ("$1", "$2", " FOR UPDATE"),
            // a writer of SQLite is alone by nature
            Dialect::Sqlite => ("?1", "?2", ""),
        };
        let page = format!("SELECT {columns} FROM {from} ORDER BY {key} LIMIT {one} OFFSET {two}");
        Reads {
            retrieve: Statement::point(format!("SELECT {columns} FROM {from} WHERE {key} = {one}")),
            list: Statement::new(format!("SELECT {columns} FROM {from} ORDER BY {key}")),
            page: Statement::new(format!(
                "SELECT (SELECT count(*) FROM {from}), {columns} FROM {from} ORDER BY {key} LIMIT {one} OFFSET {two}"
            )),
            page_uncounted: Statement::new(page),
            lock: Statement::point(format!("SELECT {all} FROM {from} WHERE {key} = {one}{lock}")),
        }
    }
}
