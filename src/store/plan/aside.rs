//! A row of PostgreSQL's that is taken out of its table and put back with other values, within one transaction.
//!
//! Where no value is left that a row could have for a while (a truth value, a CHECK, a foreign key whose targets are all pointed
//! to), this is how it lets go of the one that it has. It is done to rows only that nothing points to, and in tables
//! only that have no triggers and no rules, so that nobody can tell it from an update.

use super::super::{Bound, Cell, ColumnSet, Rows, Statement};
use super::filter::Places;
use super::sql::{Text, list, quote, table};
use super::{Plan, Prepared};
use crate::value::DbValue;

/// The columns of a table, and the foreign keys that point to its rows.
#[derive(Debug)]
pub struct Aside {
    /// The columns that are written.
    pub columns: Vec<String>,
    /// Tables whose columns point to a column here.
    pointing: Vec<[String; 3]>,
}

impl Aside {
    /// From the answer to [`Plan::asks_aside`]; none where rows of the table cannot be taken out.
    pub fn read(rows: &Rows) -> Option<Self> {
        let text = |column| match rows.cell(0, column) {
            Ok(Cell::Text(text)) => Some(text),
            _ => None,
        };
        let is_plain = matches!(rows.cell(0, 0), Ok(Cell::Bool(true)));
        let columns = serde_json::from_str(text(1)?).ok().filter(|_| is_plain)?;
        Some(Aside { columns, pointing: serde_json::from_str(text(2)?).ok()? })
    }
}

impl Plan {
    /// Asks for the columns of the table, and for the foreign keys that point to it.
    pub fn asks_aside(&self) -> Bound {
        let sql = "SELECT c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity \
             AND NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal) \
             AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE confrelid = c.oid AND contype = 'f' AND cardinality(conkey) > 1), \
             (SELECT json_agg(attname ORDER BY attnum)::text FROM pg_attribute \
              WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''), \
             (SELECT coalesce(json_agg(json_build_array(f.conrelid::regclass::text, quote_ident(a.attname), quote_ident(b.attname))), '[]')::text \
              FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1] \
              JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = f.confkey[1] \
              WHERE f.confrelid = c.oid AND f.contype = 'f') \
             FROM pg_class c WHERE c.oid = $1::text::regclass";
        Statement::new(sql).bind(vec![DbValue::from(self.aside_table())])
    }

    fn aside_table(&self) -> String {
        table(self.model.schema.as_deref(), &self.model.table)
    }

    /// Takes a row out, where nothing points to it, and returns it as JSON.
    pub fn take_out(&self, aside: &Aside, key: &DbValue) -> Bound {
        let (from, by) = (self.aside_table(), &self.model.columns[self.by]);
        let place = format!("$1::{}", super::sql::cast(&by.db_type));
        let named = format!("t.{} = {place}", quote(&by.column));
        let pointed = |[child, column, to]: &[String; 3]| {
            format!(" AND NOT EXISTS (SELECT 1 FROM {child} AS c WHERE c.{column} = t.{to})")
        };
        let alone: String = aside.pointing.iter().map(pointed).collect();
        let sql = format!("DELETE FROM {from} AS t WHERE {named}{alone} RETURNING row_to_json(t.*)::text");
        Statement::once(sql).bind(vec![key.clone()])
    }

    /// Puts a row back that was taken out, with the values that some columns get.
    pub fn put_back(&self, aside: &Aside, row: &str, columns: ColumnSet) -> Prepared {
        let from = self.aside_table();
        let returns = self.returned(columns);
        let mut text = Text::new(self.dialect);
        let record = Places::place(&mut text, DbValue::String(Some(row.to_owned())), "text");
        let value = |name: &String| match self.model.column(name).filter(|n| columns.contains(*n)) {
            Some(n) => self.place(&mut text, n),
            None => format!("r.{}", quote(name)),
        };
        let values = list(aside.columns.iter().map(value).collect::<Vec<_>>());
        let names = list(aside.columns.iter().map(|name| quote(name)));
        let returning = self.quoted(&returns);
        text.push(&format!(
            "INSERT INTO {from} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} \
             FROM json_populate_record(NULL::{from}, {record}::json) AS r RETURNING {returning}"
        ));
        let (statement, filling) = text.statement();
        Prepared { statement, filling, probes: Vec::new(), returns, guarded: false, verdict: None }
    }
}
