//! SQLite's catalogue: its pragmas as tables, joined with the names asked for, and the text that they leave out.

use std::collections::HashMap;

use crate::model::OnDelete;
use crate::value::DbValue;

use super::super::plan::sql::quote;
use super::super::{Bound, Rows, Statement, Store, StoreError};
use super::{CheckInfo, ColumnInfo, ForeignKeyInfo, Row, TableInfo, TableName, UniqueInfo, asked, assign, ddl};

/// The tables asked for that exist, by their place in the question, with their names as they were created.
const WANTED: &str = "WITH wanted AS MATERIALIZED (
  SELECT w.key AS ord, s.name, s.sql
  FROM json_each(?1) w JOIN sqlite_schema s ON s.name = json_extract(w.value, '$[1]') COLLATE NOCASE
  WHERE s.type IN ('table', 'view')
) ";

const TABLES: &str = "SELECT ord, name, sql FROM wanted ORDER BY ord";

const COLUMNS: &str = "SELECT w.ord, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden
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
            *info = Some(TableInfo::new(name.clone()));
            *slot = text;
            names.insert(created, name.clone());
        }
    }

    let mut primary: Vec<Vec<(i64, String)>> = tables.iter().map(|_| Vec::new()).collect();
    for mut row in Row::each(columns) {
        let n = row.index()?;
        let (name, db_type) = (row.text()?, row.text()?);
        let (not_null, default) = (row.truth()?, row.optional()?);
        let (key, hidden) = (row.integer()?, row.integer()?);
        let (Some(Some(info)), Some(primary)) = (infos.get_mut(n), primary.get_mut(n)) else {
            continue;
        };
        if key > 0 {
            primary.push((key, name.clone()));
        }
        let generated = matches!(hidden, 2 | 3);
        let has_default = default.is_some() || generated;
        let (numbered, readable) = (false, true);
        info.columns.push(ColumnInfo { name, db_type, not_null, has_default, default, numbered, generated, readable });
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
        let name = match (origin.as_str(), named) {
            ("u", Some((name, _))) => name.clone(),
            ("u", None) => {
                let made_up = made_up(&info.name.1, columns.iter().flatten(), "key");
                distinct(made_up, |name| info.uniques.iter().any(|unique| unique.name.as_deref() == Some(name)))
            }
            ("pk", _) => format!("{}_pkey", info.name.1),
            _ => index,
        };
        let parts = sql.as_deref().map(ddl::parts_of_index).unwrap_or_default();
        let compared = match parts.is_empty() {
            true => columns.iter().flatten().map(|column| quote(column)).collect(),
            false => parts.iter().map(|part| ddl::without_direction(part).to_owned()).collect(),
        };
        let expressions = parts.into_iter().zip(&columns).filter(|(_, column)| column.is_none());
        info.uniques.push(UniqueInfo {
            name: Some(name),
            expressions: expressions.map(|(part, _)| part).collect(),
            parts: compared,
            columns,
            predicate: sql.filter(|_| partial).and_then(|sql| ddl::predicate(&sql)),
            nulls_distinct: true,
            immediate: true,
            primary: origin == "pk",
        });
    }

    for (info, text) in infos.iter_mut().zip(&mut texts) {
        let Some(info) = info else { continue };
        for (name, text) in text.checks.drain(..) {
            let check = check(info, name, text);
            info.checks.push(check);
        }
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

/// A CHECK with the columns that it reads, and a name where the table gives it none.
fn check(info: &TableInfo, name: Option<String>, text: String) -> CheckInfo {
    let read = ddl::names(&text);
    let is_read = |column: &str| read.iter().any(|name| name.eq_ignore_ascii_case(column));
    let columns: Vec<String> =
        info.columns.iter().map(|column| &column.name).filter(|column| is_read(column)).cloned().collect();
    let name = name.unwrap_or_else(|| {
        // as PostgreSQL, which names one column or none
        let of = if let [column] = columns.as_slice() { Some(column) } else { None };
        let made_up = made_up(&info.name.1, of.into_iter(), "check");
        distinct(made_up, |name| info.checks.iter().any(|check| check.name == name))
    });
    CheckInfo { name, text, columns }
}

/// The name that PostgreSQL would give a constraint: `library_tag_slug_key`.
fn made_up<'a>(table: &str, columns: impl Iterator<Item = &'a String>, kind: &str) -> String {
    let mut name = table.to_owned();
    for column in columns {
        name.push('_');
        name.push_str(column);
    }
    name + "_" + kind
}

/// The name, with a number behind it where it is taken.
fn distinct(name: String, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(&name) {
        return name;
    }
    let mut n = 1;
    while is_taken(&format!("{name}{n}")) {
        n += 1;
    }
    format!("{name}{n}")
}

/// A primary key without an index is another name of the rowid: numbered, and never NULL whatever the text says.
fn rowid(info: &mut TableInfo, key: Vec<String>) {
    for column in info.columns.iter_mut().filter(|column| key.contains(&column.name)) {
        column.numbered = true;
        column.has_default = true;
        column.not_null = true;
    }
    info.uniques.push(UniqueInfo {
        name: Some(format!("{}_pkey", info.name.1)),
        parts: key.iter().map(|column| quote(column)).collect(),
        columns: key.into_iter().map(Some).collect(),
        expressions: Vec::new(),
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
                // SQLite lets no transaction put off what the table does not
                deferrable: reference.as_ref().is_some_and(|r| r.deferred),
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
            key.name = made_up(&key.table.1, key.columns.iter(), "fkey");
        }
    }
    Ok(keys)
}
