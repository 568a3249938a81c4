//! PostgreSQL's catalogue: five statements for all tables, in one snapshot.

use crate::model::OnDelete;
use crate::value::DbValue;

use super::super::plan::sql::quote;
use super::super::{Bound, Statement, Store, StoreError};
use super::{
    CheckInfo, ColumnInfo, ExclusionInfo, ForeignKeyInfo, Row, TableInfo, TableName, UniqueInfo, asked, assign,
};

/// The tables asked for that exist, by their place in the question. Names are quoted before `to_regclass` reads
/// them, which then resolves a bare name by the search path as every other statement does.
const WANTED: &str = "WITH wanted AS MATERIALIZED (
  SELECT w.ord, w.schema, w.name, c.oid
  FROM (SELECT t.ord - 1 AS ord, t.a->>0 AS schema, t.a->>1 AS name
        FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS t(a, ord)) w
  JOIN pg_catalog.pg_class c
    ON c.oid = to_regclass(concat_ws('.', quote_ident(w.schema), quote_ident(w.name)))
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
) ";

/// A trigger for each row, before its INSERT or instead of it, may fill in what the statement leaves out.
const TABLES: &str = "SELECT w.ord, EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t
  WHERE t.tgrelid = w.oid AND NOT t.tgisinternal AND t.tgtype & 5 = 5 AND t.tgtype & 66 <> 0)
FROM wanted w ORDER BY w.ord";

const COLUMNS: &str = "SELECT w.ord, a.attname::text, format_type(a.atttypid, a.atttypmod)::text, a.attnotnull,
  a.atthasdef OR a.attidentity <> '',
  CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
  a.attidentity <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false),
  a.attgenerated <> '' OR a.attidentity = 'a',
  (WITH RECURSIVE under AS (
     SELECT y.oid, y.typtype, y.typcategory, y.typname, y.typbasetype, y.typelem
     FROM pg_catalog.pg_type y WHERE y.oid = a.atttypid
     UNION ALL
     SELECT y.oid, y.typtype, y.typcategory, y.typname, y.typbasetype, y.typelem
     FROM under u JOIN pg_catalog.pg_type y
       ON y.oid = CASE WHEN u.typtype = 'd' THEN u.typbasetype WHEN u.typcategory = 'A' THEN u.typelem END)
   SELECT bool_and(u.typtype IN ('d', 'e') OR u.typcategory = 'A' OR u.typname IN (
     'int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric', 'bool', 'text', 'varchar', 'bpchar', 'name', 'char',
     'citext', 'xml', 'json', 'jsonb', 'hstore', 'uuid', 'bytea', 'date', 'time', 'timetz', 'timestamp', 'timestamptz',
     'interval', 'inet', 'cidr')) FROM under u)
FROM wanted w
JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
ORDER BY w.ord, a.attnum";

/// `indnullsnotdistinct` came with PostgreSQL 15, so it is looked up by name in the row.
const UNIQUES: &str = "SELECT w.ord, i.relname::text,
  (SELECT json_agg(a.attname ORDER BY k.n)::text
   FROM unnest(x.indkey) WITH ORDINALITY AS k(attnum, n)
   LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
   WHERE k.n <= x.indnkeyatts),
  (SELECT coalesce(json_agg(pg_get_indexdef(x.indexrelid, k.n::int, true) ORDER BY k.n), '[]')::text
   FROM unnest(x.indkey) WITH ORDINALITY AS k(attnum, n)
   WHERE k.n <= x.indnkeyatts AND k.attnum = 0),
  pg_get_expr(x.indpred, x.indrelid),
  coalesce((to_jsonb(x)->>'indnullsnotdistinct')::boolean, false),
  x.indimmediate, x.indisprimary
FROM wanted w
JOIN pg_catalog.pg_index x ON x.indrelid = w.oid AND x.indisunique AND x.indisvalid
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
ORDER BY w.ord, i.oid";

/// A table that was asked for keeps the name by which it was; another is named with its schema only where the
/// search path does not find it.
const FOREIGN_KEYS: &str = "SELECT c.conname::text,
  CASE WHEN f.name IS NOT NULL THEN f.schema WHEN NOT pg_table_is_visible(fc.oid) THEN fn.nspname::text END,
  fc.relname::text,
  (SELECT json_agg(a.attname ORDER BY k.n)::text FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum),
  CASE WHEN t.name IS NOT NULL THEN t.schema WHEN NOT pg_table_is_visible(tc.oid) THEN tn.nspname::text END,
  tc.relname::text,
  (SELECT json_agg(a.attname ORDER BY k.n)::text FROM unnest(c.confkey) WITH ORDINALITY AS k(attnum, n)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum),
  c.confdeltype::text, c.condeferrable, c.condeferred
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class fc ON fc.oid = c.conrelid
JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
JOIN pg_catalog.pg_class tc ON tc.oid = c.confrelid
JOIN pg_catalog.pg_namespace tn ON tn.oid = tc.relnamespace
LEFT JOIN wanted f ON f.oid = c.conrelid
LEFT JOIN wanted t ON t.oid = c.confrelid
WHERE c.contype = 'f' AND c.conparentid = 0 AND (f.oid IS NOT NULL OR t.oid IS NOT NULL)
ORDER BY fc.relname, c.conname";

/// CHECK and EXCLUDE.
const CHECKS: &str = "SELECT w.ord, c.contype = 'c', c.conname::text,
  coalesce(pg_get_expr(c.conbin, c.conrelid), pg_get_constraintdef(c.oid))::text,
  (SELECT coalesce(json_agg(a.attname ORDER BY k.n), '[]')::text
   FROM unnest(c.conkey) WITH ORDINALITY AS k(attnum, n)
   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum)
FROM wanted w
JOIN pg_catalog.pg_constraint c ON c.conrelid = w.oid AND c.contype IN ('c', 'x')
ORDER BY w.ord, c.conname";

pub(super) async fn read(store: &Store, tables: &[TableName]) -> Result<Vec<TableInfo>, StoreError> {
    let json = asked(tables);
    let bind =
        |sql: &str| -> Bound { Statement::once(format!("{WANTED}{sql}")).bind(vec![DbValue::from(json.clone())]) };
    let answers =
        store.snapshot(vec![bind(TABLES), bind(COLUMNS), bind(UNIQUES), bind(FOREIGN_KEYS), bind(CHECKS)]).await?;
    let [found, columns, uniques, foreign_keys, checks] = answers.as_slice() else {
        return Err(StoreError::Internal("the catalogue's snapshot is not complete".into()));
    };

    // by the place in the question
    let mut infos: Vec<Option<TableInfo>> = tables.iter().map(|_| None).collect();
    for mut row in Row::each(found) {
        let n = row.index()?;
        if let (Some(info), Some(name)) = (infos.get_mut(n), tables.get(n)) {
            *info = Some(TableInfo { fills_rows: row.truth()?, ..TableInfo::new(name.clone()) });
        }
    }
    for mut row in Row::each(columns) {
        let n = row.index()?;
        let column = ColumnInfo {
            name: row.text()?,
            db_type: row.text()?,
            not_null: row.truth()?,
            has_default: row.truth()?,
            default: row.optional()?,
            numbered: row.truth()?,
            generated: row.truth()?,
            readable: row.truth()?,
        };
        if let Some(Some(info)) = infos.get_mut(n) {
            info.columns.push(column);
        }
    }
    for mut row in Row::each(uniques) {
        let n = row.index()?;
        let name = Some(row.text()?);
        let columns = row.names()?;
        let expressions: Vec<String> = row.names()?.into_iter().flatten().collect();
        let mut others = expressions.iter().cloned();
        let parts = columns.iter().filter_map(|column| column.as_deref().map(quote).or_else(|| others.next()));
        let unique = UniqueInfo {
            name,
            parts: parts.collect(),
            columns,
            expressions,
            predicate: row.optional()?,
            nulls_distinct: !row.truth()?,
            immediate: row.truth()?,
            primary: row.truth()?,
        };
        if let Some(Some(info)) = infos.get_mut(n) {
            info.uniques.push(unique);
        }
    }
    for mut row in Row::each(checks) {
        let n = row.index()?;
        let is_check = row.truth()?;
        let (name, text) = (row.text()?, row.text()?);
        let columns = row.names()?.into_iter().flatten().collect();
        match infos.get_mut(n) {
            Some(Some(info)) if is_check => info.checks.push(CheckInfo { name, text, columns }),
            Some(Some(info)) => info.exclusions.push(ExclusionInfo { name, text, columns }),
            _ => {}
        }
    }
    let mut keys = Vec::with_capacity(foreign_keys.len());
    for mut row in Row::each(foreign_keys) {
        keys.push(ForeignKeyInfo {
            name: row.text()?,
            table: (row.optional()?, row.text()?),
            columns: row.names()?.into_iter().flatten().collect(),
            to_table: (row.optional()?, row.text()?),
            to_columns: row.names()?.into_iter().flatten().collect(),
            on_delete: match row.text()?.as_str() {
                "c" => OnDelete::Cascade,
                "n" => OnDelete::SetNull,
                "d" => OnDelete::SetDefault,
                _ => OnDelete::Protect,
            },
            deferrable: row.truth()?,
            deferred: row.truth()?,
        });
    }
    let mut infos: Vec<TableInfo> = infos.into_iter().flatten().collect();
    assign(&mut infos, keys);
    Ok(infos)
}
