//! SQLite's catalogue: its pragmas as tables, joined with the names asked for, and the text that they leave out.

use std::collections::HashMap;

use crate::model::OnDelete;
use crate::value::DbValue;

use super::super::{Bound, Rows, Statement, Store, StoreError};
use super::{CheckInfo, ColumnInfo, ForeignKeyInfo, Row, TableInfo, TableName, UniqueInfo, asked, assign, ddl};

/// The tables asked for that exist, by their place in the question, with their names as they were created.
const WANTED: &str = "WITH wanted AS MATERIALIZED (
  SELECT w.key AS ord, s.name, s.sql
  FROM json_each(?1) w JOIN sqlite_schema s ON s.name = json_extract(w.value, '$[1]') COLLATE NOCASE
  WHERE s.type IN ('table', 'view')
) ";

const TABLES: &str = "SELECT ord, name, sql FROM wanted ORDER BY ord";

const COLUMNS: &str = "SELECT w.ord, x.name, x.type, x.\"notnull\", x.dflt_value IS NOT NULL, x.pk, x.hidden
FROM wanted w, pragma_table_xinfo(w.name) x ORDER BY w.ord, x.cid";

const UNIQUES: &str = "SELECT w.ord, l.name, l.origin, s.sql, l.partial,
  (SELECT json_group_array(i.name) FROM (SELECT name FROM pragma_index_xinfo(l.name) WHERE key ORDER BY seqno) i)
FROM wanted w, pragma_index_list(w.name) l
LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = l.name
WHERE l.\"unique\" ORDER BY w.ord, l.seq DESC";

/// Those of every table, since any may point here. A key that names no columns points to the primary key.
const FOREIGN_KEYS: &str = "SELECT s.name, s.sql, f.id, coalesce(t.name, f.\"table\"), f.\"from\",
  coalesce(f.\"to\", (SELECT p.name FROM pragma_table_info(f.\"table\") p WHERE p.pk = f.seq + 1), ''), f.on_delete
FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
LEFT JOIN sqlite_schema t ON t.type = 'table' AND t.name = f.\"table\" COLLATE NOCASE
WHERE s.type = 'table' ORDER BY s.name, f.id DESC, f.seq";

pub(super) async fn read(store: &Store, tables: &[TableName]) -> Result<Vec<TableInfo>, StoreError> {
    let json = asked(tables);
    let bind =
        |sql: &str| -> Bound { Statement::once(format!("{WANTED}{sql}")).bind(vec![DbValue::from(json.clone())]) };
    let keys = Statement::once(FOREIGN_KEYS).bind(Vec::new());
    let answers = store.snapshot(vec![bind(TABLES), bind(COLUMNS), bind(UNIQUES), keys]).await?;
    let [found, columns, uniques, keys] = answers.as_slice() else {
        return Err(StoreError::Internal("the catalogue's snapshot is not complete".into()));
    };

    // by the place in the question
    let mut infos: Vec<Option<TableInfo>> = tables.iter().map(|_| None).collect();
    let mut texts: Vec<ddl::Constraints> = tables.iter().map(|_| ddl::Constraints::default()).collect();
    // the name of a table as it was created, to the one by which it was asked for
    let mut names: HashMap<String, TableName> = HashMap::new();
    for mut row in Row::each(found) {
        let n = row.index()?;
        let created = row.text()?;
        let text = row.optional()?.map(|sql| ddl::constraints(&sql)).unwrap_or_default();
        if let (Some(info), Some(slot), Some(name)) = (infos.get_mut(n), texts.get_mut(n), tables.get(n)) {
            let mut table = TableInfo::new(name.clone());
            table.checks = text
                .checks
                .iter()
                .map(|(name, text)| CheckInfo {
                    name: name.clone().unwrap_or_else(|| text.clone()),
                    text: text.clone(),
                })
                .collect();
            *info = Some(table);
            *slot = text;
            names.insert(created, name.clone());
        }
    }

    let mut primary: Vec<Vec<(i64, String)>> = tables.iter().map(|_| Vec::new()).collect();
    for mut row in Row::each(columns) {
        let n = row.index()?;
        let (name, db_type) = (row.text()?, row.text()?);
        let (not_null, has_default) = (row.truth()?, row.truth()?);
        let (key, hidden) = (row.integer()?, row.integer()?);
        let (Some(Some(info)), Some(primary)) = (infos.get_mut(n), primary.get_mut(n)) else {
            continue;
        };
        if key > 0 {
            primary.push((key, name.clone()));
        }
        let generated = matches!(hidden, 2 | 3);
        let has_default = has_default || generated;
        info.columns.push(ColumnInfo { name, db_type, not_null, has_default, numbered: false, generated });
    }

    for mut row in Row::each(uniques) {
        let n = row.index()?;
        let (index, origin) = (row.text()?, row.text()?);
        let (sql, partial) = (row.optional()?, row.truth()?);
        let columns = row.names()?;
        let (Some(Some(info)), Some(text)) = (infos.get_mut(n), texts.get(n)) else {
            continue;
        };
        // the index of a constraint has no text and a made-up name
        let named = text.uniques.iter().find(|(_, of)| of.iter().map(Some).eq(columns.iter().map(Option::as_ref)));
        let name = match named {
            Some((name, _)) if origin == "u" => name.clone(),
            _ => index,
        };
        info.uniques.push(UniqueInfo {
            name: Some(name),
            columns,
            predicate: sql.filter(|_| partial).and_then(|sql| ddl::predicate(&sql)),
            nulls_distinct: true,
            immediate: true,
            primary: origin == "pk",
        });
    }

    for (info, mut key) in infos.iter_mut().zip(primary) {
        let Some(info) = info else { continue };
        key.sort_unstable();
        if !key.is_empty() && !info.uniques.iter().any(|unique| unique.primary) {
            rowid(info, key.into_iter().map(|(_, name)| name).collect());
        }
    }
    let mut infos: Vec<TableInfo> = infos.into_iter().flatten().collect();
    assign(&mut infos, foreign_keys(keys, &names)?);
    Ok(infos)
}

/// A primary key without an index is another name of the rowid: numbered, and never NULL whatever the text says.
fn rowid(info: &mut TableInfo, key: Vec<String>) {
    for column in info.columns.iter_mut().filter(|column| key.contains(&column.name)) {
        column.numbered = true;
        column.has_default = true;
        column.not_null = true;
    }
    info.uniques.push(UniqueInfo {
        name: None,
        columns: key.into_iter().map(Some).collect(),
        predicate: None,
        nulls_distinct: true,
        immediate: true,
        primary: true,
    });
}

/// One row for each column of a key; the keys of a table in the order of its text.
fn foreign_keys(rows: &Rows, names: &HashMap<String, TableName>) -> Result<Vec<ForeignKeyInfo>, StoreError> {
    let mut keys: Vec<ForeignKeyInfo> = Vec::new();
    let mut table = String::new();
    let mut text: std::vec::IntoIter<ddl::Reference> = Vec::new().into_iter();
    let mut last = None;
    for mut row in Row::each(rows) {
        let (from, sql, id) = (row.text()?, row.text()?, row.integer()?);
        let (to, column, to_column) = (row.text()?, row.text()?, row.text()?);
        let action = row.text()?;
        if from != table {
            text = ddl::constraints(&sql).references.into_iter();
            table = from;
            last = None;
        }
        if last != Some(id) {
            last = Some(id);
            let reference = text.next();
            let named = |name: &String| names.get(name).cloned().unwrap_or_else(|| (None, name.clone()));
            keys.push(ForeignKeyInfo {
                deferred: reference.as_ref().is_some_and(|r| r.deferred),
                name: reference.and_then(|r| r.name).unwrap_or_default(),
                table: named(&table),
                columns: Vec::new(),
                to_table: named(&to),
                to_columns: Vec::new(),
                on_delete: match action.as_str() {
                    "CASCADE" => OnDelete::Cascade,
                    "SET NULL" => OnDelete::SetNull,
                    "SET DEFAULT" => OnDelete::SetDefault,
                    _ => OnDelete::Protect,
                },
            });
        }
        if let Some(key) = keys.last_mut() {
            key.columns.push(column);
            key.to_columns.push(to_column);
        }
    }
    for key in &mut keys {
        if key.name.is_empty() {
            key.name = format!("{}_{}_fkey", key.table.1, key.columns.join("_"));
        }
    }
    Ok(keys)
}
