//! A whole row of a model, for display, properties and method fields.

use std::fmt;

use sea_orm::sea_query::{IntoIden, ValueType};

use super::{Condition, ModelMeta};
use crate::value::{Value, convert, python};

/// The values of every column of one row.
///
/// A column is named by the entity's own constant or as text, by its name in the database or that of its field.
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
}

impl<'a> Row<'a> {
    pub(crate) fn new(model: &'a ModelMeta, values: &'a [Value]) -> Self {
        Row { model, values }
    }

    /// The value of a column; null where there is no such column.
    pub fn value(&self, column: impl IntoIden) -> &'a Value {
        static NULL: Value = Value::Null;
        self.position(column).and_then(|n| self.values.get(n)).unwrap_or(&NULL)
    }

    fn position(&self, column: impl IntoIden) -> Option<usize> {
        Condition::position(self.model, &column.into_iden().inner())
    }

    /// The value as a Rust type; none where it is NULL or of another type.
    pub fn get<T: ValueType>(&self, column: impl IntoIden) -> Option<T> {
        convert::get(self.value(column))
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
        let row = Row::new(&meta, &values);
        assert_eq!(row.value(Column::RoomId), &Value::Int(3));
        assert_eq!(row.value("room_id"), &Value::Int(3));
        assert_eq!(row.value("floor"), &Value::Null);
        assert_eq!((row.get::<i64>(Column::Start), row.get::<i64>(Column::End)), (Some(9), None));
        assert_eq!((row.get::<i64>("note"), row.get::<String>("note").as_deref()), (None, Some("x")));
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
        assert_eq!(Row::new(&plain, &values).display(), "Booking object (7)");
        let row = Row::new(&said, &values);
        assert_eq!(row.display(), "room 3");
        assert_eq!((row.property("length"), row.property("width")), (Some(Value::Null), None));
        let choices = (row.choice(Column::Start), row.choice(Column::RoomId), row.choice(Column::End));
        assert_eq!(choices, ("Nine".into(), 3.into(), Value::Null));
    }

    #[test]
    fn a_key_of_several_columns() {
        let mut meta = Model::<Entity>::new().into_source().0.meta;
        meta.primary_key = vec![1, 4];
        assert_eq!(Row::new(&meta, &values()).display(), "Booking object ((3, 'x'))");
    }
}
