//! The validated values of a body by their fields, as hooks see them, and the way back from what hooks answer.

use std::sync::Arc;

use super::input::Lookup;
use super::{
    BoundField, BoundSerializer, LookupPlan, NestedInput, NestedRow, NestedWrite, Validated, Writes, column_value,
};
use crate::fields::{FieldContext, fits_column};
use crate::model::ColumnKind;
use crate::relations::parse_key;
use crate::value::{DbValue, Map, Upload, Value, convert};

impl BoundField {
    /// Whether rules or hooks are declared for it.
    pub(super) fn is_judged(&self) -> bool {
        !self.hooks.is_empty() || !self.field.validators.is_empty()
    }
}

impl NestedWrite {
    /// Rows as a hook sees them: their validated values.
    pub(super) fn value(&self, rows: Option<&[NestedRow]>) -> Value {
        let Some(rows) = rows else { return Value::Null };
        let mut values = rows.iter().map(|row| Value::Map(row.validated.attributes.clone()));
        if self.many { Value::List(values.collect()) } else { values.next().unwrap_or(Value::Null) }
    }

    /// A row with the key that it names.
    pub(super) fn row(&self, data: Value, mut validated: Validated) -> NestedRow {
        let key_column = self.serializer.model().primary_key.first().copied();
        let key = key_column.filter(|_| self.key_field.is_some()).and_then(|column| validated.changes.take(column));
        NestedRow { key: key.filter(|key| !crate::value::is_null(key)), data, validated }
    }
}

impl BoundSerializer {
    /// Puts a field's value where it belongs.
    pub(super) fn put(&self, n: usize, value: Value, cx: &FieldContext<'_>, found: &mut Validated) {
        let bound = &self.fields[n];
        if found.keeps {
            found.attributes.insert(&bound.field.name, value.clone());
        }
        match (&bound.writes, value) {
            (Writes::File(column, _), Value::File(file)) if found.late => match found.staged_name(&file) {
                Some(name) => found.changes.set(*column, name),
                None => self.unfit(n, &Value::File(file), "a file of the request", found),
            },
            (Writes::File(column, _), Value::File(file)) => found.files.push((*column, file)),
            (Writes::One { lookup: Some(plan), .. }, value) if !value.is_null() => {
                self.find_keys(n, plan, vec![value], found);
            }
            // a field of one's own or a hook may make a span that no column holds
            (Writes::Column(_), Value::Duration(span)) if span.num_microseconds().is_none() => {
                if let Err(error) = fits_column(span, &cx.of(&bound.field)) {
                    found.errors.insert(bound.field.name.clone(), error);
                }
            }
            (Writes::Column(column) | Writes::One { column, .. } | Writes::File(column, _), value) => {
                found.changes.set(*column, column_value(&self.model, *column, value));
            }
            (Writes::Many(many), Value::List(keys)) => self.find_keys(n, &many.lookup, keys, found),
            (Writes::Many(_), value) if !value.is_null() => self.unfit(n, &value, "a list of keys", found),
            (Writes::Nested(nested), value) => self.put_rows(n, nested, value, cx, found),
            (Writes::Nothing | Writes::Many(_), _) => {}
        }
    }

    /// Has rows found by keys that a hook or a default gave.
    fn find_keys(&self, n: usize, plan: &LookupPlan, keys: Vec<Value>, found: &mut Validated) {
        let mut lookup = Lookup { by_key: true, ..Lookup::new(n) };
        for key in keys {
            let read = match (&key, plan.key_kind) {
                (Value::Uuid(_), ColumnKind::Uuid) => Ok(key.clone()),
                (key, kind) => parse_key(kind, key),
            };
            match read {
                Ok(value) => lookup.wanted.push((convert::to_db(value), key)),
                Err(_) => return self.unfit(n, &key, "a key", found),
            }
        }
        found.lookups.push(lookup);
    }

    /// Takes the rows that a hook or a default gave: those that the body has as they are, others by their values.
    fn put_rows(&self, n: usize, nested: &NestedWrite, value: Value, cx: &FieldContext<'_>, found: &mut Validated) {
        let values = match value {
            Value::Null => None,
            Value::List(values) if nested.many => Some(values),
            value if nested.many => return self.unfit(n, &value, "a list of objects", found),
            value => Some(vec![value]),
        };
        let place = found.nested.iter().position(|known| known.field == n);
        let known = place.and_then(|place| found.nested[place].rows.take()).unwrap_or_default();
        let staged: Vec<_> = known.iter().flat_map(|row| row.validated.staged.iter().cloned()).collect();
        let mut known: Vec<Option<NestedRow>> = known.into_iter().map(Some).collect();
        let (mut rows, mut errors) = (Vec::new(), Vec::new());
        for value in values.iter().flatten() {
            let Value::Map(attributes) = value else { return self.unfit(n, value, "an object", found) };
            let is_it = |row: &&mut Option<NestedRow>| {
                row.as_ref().is_some_and(|row| row.validated.keeps && row.validated.attributes == *attributes)
            };
            if let Some(row) = known.iter_mut().find(is_it).and_then(Option::take) {
                rows.push(row);
                continue;
            }
            let serializer = &nested.serializer;
            let mut row = Validated::new(serializer.model().columns.len(), found.mode);
            (row.keeps, row.settled) = (true, true);
            (row.late, row.staged) = (found.late, staged.clone());
            serializer.lay(attributes.clone(), cx, &mut row);
            found.mistake = found.mistake.take().or(row.mistake.take());
            if row.is_wrong() {
                errors.push((rows.len(), row.clone().into_errors()));
            }
            rows.push(nested.row(value.clone(), row));
        }
        if !errors.is_empty() {
            found.errors.insert(self.fields[n].field.name.clone(), nested.errors(rows.len(), errors));
        }
        let rows = values.map(|_| rows);
        match place {
            Some(place) => found.nested[place].rows = rows,
            None => found.nested.push(NestedInput { field: n, rows, waits: false }),
        }
    }

    /// Lays values by their fields over what was validated: what is other than it was goes to its place.
    pub(super) fn lay(&self, attributes: Map, cx: &FieldContext<'_>, found: &mut Validated) {
        let known = std::mem::take(&mut found.attributes);
        let is_field = |name: &&str| self.fields.iter().any(|f| f.field.name == **name && !f.field.read_only);
        if let Some(name) = attributes.keys().find(|name| !is_field(name)) {
            let model = &self.model.name;
            found.mistake = Some(format!("{model}: a hook gave {name}, which is no writable field of the serializer"));
        }
        for (n, bound) in self.fields.iter().enumerate() {
            let name = bound.field.name.as_ref();
            match (known.get(name), attributes.get(name)) {
                (known, Some(value)) if known == Some(value) => {
                    found.attributes.insert(name, value.clone());
                }
                (None, None) => {}
                (_, value) => {
                    self.take_out(n, found);
                    match value {
                        Some(value) => self.put(n, value.clone(), cx, found),
                        None => found.nested.retain(|nested| nested.field != n),
                    }
                }
            }
        }
        found.nested.sort_by_key(|nested| nested.field);
        self.finish(found);
    }

    /// Runs the hooks over the whole body, DRF's `validate`, where nothing is wrong with its parts.
    pub(super) fn settle(&self, found: &mut Validated, cx: &FieldContext<'_>) {
        if self.validate.is_empty() || found.settled || found.is_wrong() || found.mistake.is_some() {
            return;
        }
        found.settled = true;
        match self.validate.iter().try_fold(found.attributes.clone(), |values, hook| hook(values, cx)) {
            Ok(values) if values == found.attributes => {}
            Ok(values) => self.lay(values, cx, found),
            Err(error) => found.whole = Some(error.into_fields()),
        }
    }

    /// Forgets what a field would write, but for rows: of those a hook may leave some as they are.
    fn take_out(&self, n: usize, found: &mut Validated) {
        if let Some(column) = self.fields[n].column() {
            found.changes.take(column);
            found.files.retain(|(own, _)| *own != column);
        }
        found.lookups.retain(|lookup| lookup.field != n);
        found.found.retain(|known| known.field != n);
    }

    fn unfit(&self, n: usize, value: &Value, wanted: &str, found: &mut Validated) {
        let (model, field) = (&self.model.name, &self.fields[n].field.name);
        let text = format!("{model}.{field}: a hook or a default gave a {} in place of {wanted}", value.type_name());
        found.mistake = Some(text);
    }
}

impl Validated {
    /// The name that a file of the request is kept under.
    fn staged_name(&self, file: &Arc<Upload>) -> Option<DbValue> {
        self.staged.iter().find(|(known, _)| Arc::ptr_eq(known, file)).map(|(_, name)| name.clone())
    }
}
