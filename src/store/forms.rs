//! The forms in which SQLite's tables keep UUIDs and times.
//!
//! SQLite has no types for them, so whoever writes a table gives them a form, and what compares them has to give them the same.
//! Two kinds of programs write the tables that are served here:
//!
//! | value | Django, and bowline in its own tables | SeaORM's driver |
//! |---|---|---|
//! | a UUID | 32 hexadecimal digits | 16 bytes |
//! | a point in time | `2026-02-03 04:05:06.780000`, in UTC | `2026-02-03T04:05:06.780+00:00` |
//! | a time without zone | `2026-02-03 04:05:06.780000` | `2026-02-03 04:05:06.780` |
//! | a time of day | `04:05:06.780000` | `04:05:06.780` |
//!
//! A column's form is found when the program starts: by the rows that are there, and where there are none by the type that it is
//! declared with, since SeaORM's migrations declare types of their own (`uuid_text`). From then on the column's `db_type` says it,
//! and each place of a statement that such a column is compared with or set to is wrapped by [`kept`] in a function that
//! gives the value its form.

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};

use super::catalogue::{StartupError, table};
use super::plan::sql::quote;
use super::{Cell, Dialect, Statement, Store, StoreError};
use crate::model::{ColumnKind, ColumnMeta, ModelMeta};
use crate::value::DbValue;

/// So many rows at either end of a table are looked at.
const LOOKED_AT: usize = 1000;

/// A form that SeaORM's driver gives to values and Django does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Form {
    Uuid,
    Zoned,
    Naive,
    Clock,
}

impl Form {
    const ALL: [Form; 4] = [Form::Uuid, Form::Zoned, Form::Naive, Form::Clock];

    /// The form that a type stands for, which SeaORM declares and Django does not.
    pub(in crate::store) fn of(db_type: &str) -> Option<Form> {
        match db_type {
            "timestamp_text" => Some(Form::Naive),
            _ => Form::ALL.into_iter().find(|form| form.db_type() == db_type),
        }
    }

    fn db_type(self) -> &'static str {
        match self {
            Form::Uuid => "uuid_text",
            Form::Zoned => "timestamp_with_timezone_text",
            Form::Naive => "datetime_text",
            Form::Clock => "time_text",
        }
    }

    /// The SQL function that gives a value this form.
    fn function(self) -> &'static str {
        match self {
            Form::Uuid => "uuid_of_sqlx",
            Form::Zoned => "zoned_of_sqlx",
            Form::Naive => "naive_of_sqlx",
            Form::Clock => "clock_of_sqlx",
        }
    }

    /// The form of the columns of a kind, with the type that stands for Django's.
    fn of_kind(kind: ColumnKind) -> Option<(Form, &'static str)> {
        match kind {
            ColumnKind::Uuid => Some((Form::Uuid, "char(32)")),
            ColumnKind::DateTime(true) => Some((Form::Zoned, "datetime")),
            ColumnKind::DateTime(false) => Some((Form::Naive, "datetime")),
            ColumnKind::Time => Some((Form::Clock, "time")),
            _ => None,
        }
    }

    /// Whether a stored value has this form (`true`) or Django's; none where it does not tell.
    fn has(self, cell: Cell<'_>) -> Option<bool> {
        match (self, cell) {
            (Form::Uuid, Cell::Bytes(bytes)) => (bytes.len() == 16).then_some(true),
            (Form::Uuid, Cell::Text(text)) => (text.len() == 32).then_some(false),
            (Form::Zoned, Cell::Text(text)) => match text.as_bytes().get(10) {
                Some(b'T') => Some(true),
                Some(b' ') => Some(false),
                _ => None,
            },
            // seconds alone, and microseconds that are no milliseconds, look the same
            (Form::Naive | Form::Clock, Cell::Text(text)) => match text.split_once('.')?.1 {
                fraction if matches!(fraction.len(), 3 | 9) => Some(true),
                fraction if fraction.len() == 6 && fraction.ends_with("000") => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// A value in Django's form given this one; others stay as they are.
    fn give(self, value: ValueRef<'_>) -> Option<Value> {
        let ValueRef::Text(text) = value else { return None };
        let text = std::str::from_utf8(text).ok()?;
        Some(match self {
            Form::Uuid if text.len() == 32 => Value::Blob(uuid::Uuid::try_parse(text).ok()?.as_bytes().to_vec()),
            Form::Uuid => return None,
            Form::Zoned => {
                let (day, clock) = text.split_once(' ').filter(|_| !text.contains('+'))?;
                Value::Text(format!("{day}T{}+00:00", shortened(clock)))
            }
            Form::Naive | Form::Clock => Value::Text(shortened(text).to_owned()),
        })
    }
}

/// A time without the digits of its fraction that say nothing: milliseconds have three.
fn shortened(time: &str) -> &str {
    match time.split_once('.') {
        Some((_, fraction)) if fraction.len() == 6 => time.strip_suffix("000").unwrap_or(time),
        _ => time,
    }
}

/// The SQL of a value in the form in which columns of a type are kept.
pub(in crate::store) fn kept(db_type: &str, sql: String) -> String {
    match Form::of(db_type) {
        Some(form) => format!("{}({sql})", form.function()),
        None => sql,
    }
}

/// Teaches a connection the functions that give values their forms.
pub(in crate::store) fn teach(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    Form::ALL.into_iter().try_for_each(|form| {
        connection.create_scalar_function(form.function(), 1, flags, move |call: &Context<'_>| {
            let value = call.get_raw(0);
            Ok(form.give(value).unwrap_or_else(|| same(value)))
        })
    })
}

fn same(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(i) => Value::Integer(i),
        ValueRef::Real(f) => Value::Real(f),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

/// The forms of the columns of UUIDs and times of some models, by the types that stand for them; none on PostgreSQL, which has
/// types for all of them.
#[derive(Debug, Default)]
pub(crate) struct Forms(HashMap<(String, String), &'static str>);

impl Forms {
    /// Looks at the rows of the models' tables, and at how their columns are declared.
    ///
    /// # Errors
    ///
    /// [`StartupError::TwoForms`] for columns of UUIDs of which both forms are met: no comparison would find all of their rows. As
    /// [`Store::read`].
    pub(crate) async fn find(store: &Store, models: &[ModelMeta]) -> Result<Self, Vec<StartupError>> {
        let (mut forms, mut mistakes) = (Forms::default(), Vec::new());
        for model in models.iter().filter(|_| store.dialect() == Dialect::Sqlite) {
            match forms.of_model(store, model).await {
                Ok(found) => mistakes.extend(found),
                Err(error) => mistakes.push(StartupError::Store(error)),
            }
        }
        if mistakes.is_empty() { Ok(forms) } else { Err(mistakes) }
    }

    /// Says the forms by the `db_type`s of the columns.
    pub(crate) fn say(&self, models: &mut [ModelMeta]) {
        for model in models {
            for column in &mut model.columns {
                let found = self.0.get(&(model.table.clone(), column.column.clone()));
                match found.filter(|_| Form::of_kind(column.kind).is_some()) {
                    Some(form) => column.db_type = (*form).into(),
                    // text in such a column is as it is
                    None if Form::of(&column.db_type).is_some() => column.db_type = "text".into(),
                    None => {}
                }
            }
        }
    }

    /// Whether a column has the form of SeaORM's driver.
    pub(in crate::store) fn is_drivers(&self, table: &str, column: &str) -> bool {
        self.0.get(&(table.to_owned(), column.to_owned())).is_some_and(|form| Form::of(form).is_some())
    }

    async fn of_model(&mut self, store: &Store, model: &ModelMeta) -> Result<Vec<StartupError>, StoreError> {
        let of = |column: &ColumnMeta| Form::of_kind(column.kind).map(|(form, own)| (column.column.clone(), form, own));
        let columns: Vec<(String, Form, &'static str)> = model.columns.iter().filter_map(of).collect();
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT name, lower(type) FROM pragma_table_info(?1)";
        let rows = store.read(Statement::once(sql).bind(vec![DbValue::from(model.table.clone())])).await?;
        let mut declared: HashMap<String, String> = HashMap::new();
        for row in 0..rows.len() {
            if let (Cell::Text(name), Cell::Text(ty)) = (rows.cell(row, 0)?, rows.cell(row, 1)?) {
                declared.insert(name.to_owned(), ty.to_owned());
            }
        }
        let met = met(store, &table(model), &columns).await?;
        let mut mistakes = Vec::new();
        for ((column, form, djangos), met) in columns.into_iter().zip(met) {
            let is_drivers = match met {
                [true, true] => {
                    let mend = mended(&table(model), &quote(&column), form);
                    let two = StartupError::TwoForms { model: model.name.clone(), column: column.clone(), mend };
                    // a column of times gets the other form by DEFAULT CURRENT_TIMESTAMP, and is read all the same
                    match form {
                        Form::Uuid => mistakes.push(two),
                        _ => tracing::warn!("{two}"),
                    }
                    true
                }
                [djangos, drivers] if djangos != drivers => drivers,
                _ => declared.get(&column).is_some_and(|ty| Form::of(ty).is_some()),
            };
            let db_type = if is_drivers { form.db_type() } else { djangos };
            self.0.insert((model.table.clone(), column), db_type);
        }
        Ok(mistakes)
    }
}

/// Of some columns, whether values in Django's form and in that of SeaORM's driver are met at the ends of the table.
async fn met(store: &Store, from: &str, columns: &[(String, Form, &str)]) -> Result<Vec<[bool; 2]>, StoreError> {
    let mut met = vec![[false; 2]; columns.len()];
    // an index would bring the values in its own order, those of one form first; views and some tables have no rowid
    for order in [" ORDER BY rowid", " ORDER BY rowid DESC", ""] {
        if order.is_empty() && met.iter().any(|met| met.contains(&true)) {
            break;
        }
        let of_column = |(column, ..): &(String, Form, &str)| {
            let rows = format!("SELECT {} AS c FROM {from}{order} LIMIT {LOOKED_AT}", quote(column));
            format!("(SELECT c FROM ({rows}) WHERE c IS NOT NULL LIMIT 1)")
        };
        let sql = format!("SELECT {}", columns.iter().map(of_column).collect::<Vec<_>>().join(", "));
        let rows = match store.read(Statement::once(sql).bind(Vec::new())).await {
            Ok(rows) => rows,
            // what is not there is told of by the catalogue
            Err(StoreError::Internal(_) | StoreError::Data(_)) => continue,
            Err(error) => return Err(error),
        };
        for (place, (_, form, _)) in columns.iter().enumerate() {
            if let Some(is_drivers) = form.has(rows.cell(0, place)?) {
                met[place][usize::from(is_drivers)] = true;
            }
        }
    }
    Ok(met)
}

/// The statement that gives all of a column's values Django's form.
fn mended(table: &str, column: &str, form: Form) -> String {
    match form {
        Form::Uuid => format!("UPDATE {table} SET {column} = lower(hex({column})) WHERE typeof({column}) = 'blob'"),
        Form::Zoned => format!(
            "UPDATE {table} SET {column} = strftime('%Y-%m-%d %H:%M:%f', {column}) || '000' WHERE {column} LIKE '%T%'"
        ),
        Form::Naive | Form::Clock => {
            format!("UPDATE {table} SET {column} = {column} || '000' WHERE {column} LIKE '%.___'")
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn values_get_the_drivers_form() {
        let connection = Connection::open_in_memory().unwrap();
        teach(&connection).unwrap();
        let given = |db_type: &str, value: &str| -> String {
            let sql = format!("SELECT quote({})", kept(db_type, value.into()));
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        for (db_type, value, formed) in [
            ("uuid_text", "'0000000000000000000000000000000a'", "X'0000000000000000000000000000000A'"),
            ("uuid_text", "X'01'", "X'01'"),
            ("uuid_text", "NULL", "NULL"),
            ("uuid_text", "'none'", "'none'"),
            ("char(32)", "'0000000000000000000000000000000a'", "'0000000000000000000000000000000a'"),
            ("timestamp_with_timezone_text", "'2026-02-03 04:05:06'", "'2026-02-03T04:05:06+00:00'"),
            ("timestamp_with_timezone_text", "'2026-02-03 04:05:06.780000'", "'2026-02-03T04:05:06.780+00:00'"),
            ("timestamp_with_timezone_text", "'2026-02-03 04:05:06.000001'", "'2026-02-03T04:05:06.000001+00:00'"),
            ("timestamp_with_timezone_text", "7", "7"),
            ("datetime_text", "'2026-02-03 04:05:06.780000'", "'2026-02-03 04:05:06.780'"),
            ("time_text", "'04:05:06.100000'", "'04:05:06.100'"),
            ("time_text", "'04:05:06'", "'04:05:06'"),
        ] {
            assert_eq!(given(db_type, value), formed, "{db_type} {value}");
        }
    }
}
