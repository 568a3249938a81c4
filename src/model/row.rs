//! A whole row of a model, for display, properties and method fields.

use std::cell::RefCell;
use std::fmt;

use sea_orm::sea_query::{IntoIden, ValueType};

use super::{Condition, ModelMeta};
use crate::suggest::candidates;
use crate::value::{Value, convert, python};

/// The values of every column of one row.
///
/// A column is named by the entity's own constant or as text, by its name in the database or that of its field. A name that the
/// model does not have, and a type that the column is not of, are mistakes of the program: the request is answered with 500,
/// and the log names the column.
///
/// ```
/// use bowline::model::Model;
/// # use bowline::doc::booking;
/// let booking = Model::<booking::Entity>::new()
///     .display(|row| format!("room {}", row.text(booking::Column::RoomId)))
///     .property("hours", |row| {
///         let hour = |column| row.get::<i64>(column).unwrap_or_default();
///         hour(booking::Column::End) - hour(booking::Column::Start)
///     });
/// # let _ = booking;
/// ```
#[derive(Clone, Copy)]
pub struct Row<'a> {
    model: &'a ModelMeta,
    values: &'a [Value],
    /// The first thing that was asked for and is not there.
    mistake: &'a RefCell<Option<String>>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(model: &'a ModelMeta, values: &'a [Value], mistake: &'a RefCell<Option<String>>) -> Self {
        Row { model, values, mistake }
    }

    /// The value of a column.
    pub fn value(&self, column: impl IntoIden) -> &'a Value {
        self.at(self.position(column))
    }

    fn at(&self, position: Option<usize>) -> &'a Value {
        static NULL: Value = Value::Null;
        position.and_then(|n| self.values.get(n)).unwrap_or(&NULL)
    }

    fn position(&self, column: impl IntoIden) -> Option<usize> {
        let name = column.into_iden().inner();
        let found = Condition::position(self.model, &name);
        if found.is_none() {
            let known = candidates(&name, self.model.columns.iter().map(|column| column.name.as_str()));
            self.note(format!("{} has no column {name}.{known}", self.model.name));
        }
        found
    }

    fn note(&self, mistake: String) {
        self.mistake.borrow_mut().get_or_insert(mistake);
    }

    /// The value as a Rust type; none where it is NULL.
    pub fn get<T: ValueType>(&self, column: impl IntoIden) -> Option<T> {
        let position = self.position(column);
        let value = self.at(position);
        let found = convert::get(value);
        if let (None, false, Some(n)) = (&found, value.is_null(), position) {
            let (name, column) = (&self.model.name, &self.model.columns[n].column);
            self.note(format!("{name}.{column} is {}, and cannot be read as {}.", value.type_name(), T::type_name()));
        }
        found
    }

    /// The value as Python's `str()` prints it.
    pub fn text(&self, column: impl IntoIden) -> String {
        self.value(column).to_python_str().into_owned()
    }

    /// The label of the choice that the value is, or the value where it is none, Django's `get_…_display`.
    pub fn choice(&self, column: impl IntoIden) -> Value {
        let Some(n) = self.position(column) else { return Value::Null };
        let value = self.values.get(n).unwrap_or(&Value::Null);
        let label = self.model.columns.get(n).and_then(|column| column.attributes.choice_label(value));
        label.map_or_else(|| value.clone(), Value::from)
    }

    /// The row as text, Python's `str()` of it: as the model says, else `Book object (7)`.
    pub fn display(&self) -> String {
        if let Some(display) = &self.model.display {
            return display.get(self).to_python_str().into_owned();
        }
        let key: Vec<_> = self.model.primary_key.iter().filter_map(|n| self.values.get(*n)).collect();
        let key = match key[..] {
            [key] => key.to_python_str().into_owned(),
            _ => format!("({})", key.iter().map(|key| python::repr(key)).collect::<Vec<_>>().join(", ")),
        };
        format!("{} object ({key})", self.model.name)
    }

    /// A value that the model works out from the row; none where it has no such property.
    pub fn property(&self, name: &str) -> Option<Value> {
        self.model.properties.iter().find(|property| property.name == name).map(|property| property.get(self))
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.model.columns.iter().map(|c| &c.name).zip(self.values)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doc::booking::{Column, Entity};
    use crate::model::Model;

    fn values() -> Vec<Value> {
        vec![Value::Int(7), Value::Int(3), Value::Int(9), Value::Null, Value::Str("x".into())]
    }

    #[test]
    fn values_by_constant_and_by_text() {
        let meta = Model::<Entity>::new().into_source().0.meta;
        let values = values();
        let mistake = RefCell::default();
        let row = Row::new(&meta, &values, &mistake);
        assert_eq!(row.value(Column::RoomId), &Value::Int(3));
        assert_eq!(row.value("room_id"), &Value::Int(3));
        assert_eq!(row.value("floor"), &Value::Null);
        assert_eq!((row.get::<i64>(Column::Start), row.get::<i64>(Column::End)), (Some(9), None));
        assert_eq!((row.get::<i64>("note"), row.get::<String>("note").as_deref()), (None, Some("x")));
        assert_eq!(
            mistake.borrow().as_deref(),
            Some("Booking has no column floor. There are id, room_id, start, end, note.")
        );
        mistake.take();
        assert_eq!((row.get::<i64>(Column::End), mistake.take()), (None, None));
        assert_eq!(row.get::<i64>("note"), None);
        assert_eq!(mistake.borrow().as_deref(), Some("Booking.note is str, and cannot be read as i64."));
        assert_eq!((row.text(Column::End).as_str(), row.text(Column::Note).as_str()), ("None", "x"));
    }

    #[test]
    fn a_row_is_shown_as_its_model_says() {
        let plain = Model::<Entity>::new().into_source().0.meta;
        let said = Model::<Entity>::new()
            .display(|row| format!("room {}", row.text(Column::RoomId)))
            .property("length", |row| row.get::<i64>(Column::End).map(|end| end - 1))
            .column(Column::Start, |start| start.choices([(9, "Nine")]));
        let said = said.into_source().0.meta;
        let values = values();
        let mistake = RefCell::default();
        assert_eq!(Row::new(&plain, &values, &mistake).display(), "Booking object (7)");
        let row = Row::new(&said, &values, &mistake);
        assert_eq!(row.display(), "room 3");
        assert_eq!((row.property("length"), row.property("width")), (Some(Value::Null), None));
        let choices = (row.choice(Column::Start), row.choice(Column::RoomId), row.choice(Column::End));
        assert_eq!(choices, ("Nine".into(), 3.into(), Value::Null));
    }

    #[test]
    fn a_key_of_several_columns() {
        let mut meta = Model::<Entity>::new().into_source().0.meta;
        meta.primary_key = vec![1, 4];
        assert_eq!(Row::new(&meta, &values(), &RefCell::default()).display(), "Booking object ((3, 'x'))");
    }
}
