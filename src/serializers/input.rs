//! A body becomes changes: everything that can be said without the database.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::Utc;
use indexmap::IndexMap;

use super::declaration::ListOptions;
use super::judge::Found;
use super::{BoundField, BoundSerializer, ColumnDefault, LookupPlan, Mode, NestedWrite, Writes, column_value};
use crate::context::Context;
use crate::error::{Error, ErrorDetail, Result, ValidationError};
use crate::fields::{FieldContext, Outcome};
use crate::relations::parse_key;
use crate::store::Changes;
use crate::value::{DbValue, Upload, Value, convert};

/// What validation without the database made of a body.
#[derive(Clone, Debug)]
pub(crate) struct Validated {
    /// What would be written.
    pub(crate) changes: Changes,
    /// What is wrong with it so far.
    pub(crate) errors: ValidationError,
    /// The fields that a rule about the whole lacks, with the rule's position: what rules before it find goes first.
    pub(crate) missing: Option<(usize, ValidationError)>,
    /// Rows that have to be found before anything is written.
    pub(crate) lookups: Vec<Lookup>,
    /// The rows that were found for fields that name many.
    pub(crate) found: Vec<Found>,
    /// Other rows of the body.
    pub(crate) nested: Vec<NestedInput>,
    /// Files, by their columns.
    pub(crate) files: Vec<(usize, Arc<Upload>)>,
    /// The validated values by field, where a rule about a list wants them.
    pub(crate) attributes: IndexMap<String, Value>,
    /// What kind of body it is.
    pub(super) mode: Mode,
    /// Fields whose value is one, and which a hook refused: what the database says of them goes before the hook.
    pub(super) refused: Vec<usize>,
    /// What a hook answered that is no value of its field: a mistake of the program, not of the request.
    pub(super) mistake: Option<String>,
}

impl Validated {
    fn new(columns: usize, mode: Mode) -> Self {
        Validated {
            changes: Changes::new(columns),
            errors: ValidationError::fields(),
            missing: None,
            lookups: Vec::new(),
            found: Vec::new(),
            nested: Vec::new(),
            files: Vec::new(),
            attributes: IndexMap::new(),
            mode,
            refused: Vec::new(),
            mistake: None,
        }
    }

    /// Whether all of it can be written by one statement.
    pub(crate) fn is_plain(&self) -> bool {
        self.lookups.is_empty() && self.nested.is_empty() && self.files.is_empty()
    }

    /// Whether rows have to be found before it can be written, for itself or for the rows that it holds.
    pub(crate) fn has_lookups(&self) -> bool {
        let rows = || self.nested.iter().filter_map(|nested| nested.rows.as_ref()).flatten();
        !self.lookups.is_empty() || rows().any(|row| row.validated.has_lookups())
    }

    /// What is wrong so far.
    fn into_errors(self) -> ValidationError {
        match self.missing {
            Some((_, missing)) if self.errors.is_empty() => missing,
            _ => self.errors,
        }
    }

    /// Whether anything is wrong so far, in it or in the rows that it holds.
    pub(crate) fn is_wrong(&self) -> bool {
        !self.errors.is_empty() || self.missing.is_some()
    }
}

/// Rows that a field of a body names.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    /// The field, by its position.
    pub(crate) field: usize,
    /// What the column would hold for each, and how it was sent.
    pub(crate) wanted: Vec<(DbValue, Value)>,
    /// What is wrong with the one after these.
    pub(crate) error: Option<ValidationError>,
    /// Whether the names are keys that a hook or a default gave: no rule of the field judges them any more.
    pub(crate) by_key: bool,
    /// Whether the answer is known.
    pub(crate) answered: bool,
}

impl Lookup {
    /// What a body says.
    fn new(field: usize) -> Self {
        Lookup { field, wanted: Vec::new(), error: None, by_key: false, answered: false }
    }
}

/// Other rows that a field of a body holds.
#[derive(Clone, Debug)]
pub(crate) struct NestedInput {
    /// The field, by its position.
    pub(crate) field: usize,
    /// The rows; none where the body says `null`.
    pub(crate) rows: Option<Vec<NestedRow>>,
}

/// One of the other rows of a body.
#[derive(Clone, Debug)]
pub(crate) struct NestedRow {
    /// The key that the body names.
    pub(crate) key: Option<DbValue>,
    /// What the body says of it.
    pub(crate) data: Value,
    pub(crate) validated: Validated,
}

impl BoundSerializer {
    /// Value rules: everything that can be said without the database, in DRF's order.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where a hook answered what is no value of its field.
    pub(crate) fn validate(&self, data: &Value, mode: Mode, request: &Context) -> Result<Validated> {
        let mut found = self.read(data, mode, request);
        match found.mistake.take() {
            Some(mistake) => Err(Error::internal(mistake)),
            None => Ok(found),
        }
    }

    fn read(&self, data: &Value, mode: Mode, request: &Context) -> Validated {
        let mut found = Validated::new(self.model.columns.len(), mode);
        if !matches!(data, Value::Map(_) | Value::Form(_)) {
            let detail = match data {
                Value::Null => ErrorDetail::new("No data provided", "null"),
                other => {
                    let text = format!("Invalid data. Expected a dictionary, but got {}.", other.type_name());
                    ErrorDetail::new(text, "invalid")
                }
            };
            found.errors.insert("non_field_errors", detail.into());
            return found;
        }
        let cx = mode.context(request);
        for (n, bound) in self.fields.iter().enumerate() {
            if bound.field.read_only {
                continue;
            }
            if let Err(error) = self.field(n, bound, data, &cx, &mut found) {
                found.errors.insert(bound.field.name.clone(), error);
            }
        }
        if mode == Mode::Create {
            self.fill_in(&mut found.changes);
        } else if !found.changes.columns().is_empty() || !found.is_plain() {
            let now = DbValue::ChronoDateTimeUtc(Some(Utc::now()));
            for column in &self.touched {
                found.changes.set(*column, now.clone());
            }
        }
        if found.errors.is_empty() {
            self.need(mode, &mut found);
        }
        found
    }

    /// The defaults of a new object.
    pub(crate) fn fill_in(&self, changes: &mut Changes) {
        for (column, default) in &self.defaults {
            if changes.get(*column).is_none() {
                let value = match default {
                    ColumnDefault::Value(value) => value.clone(),
                    ColumnDefault::Model(default) => column_value(&self.model, *column, default.get()),
                    ColumnDefault::Now => DbValue::ChronoDateTimeUtc(Some(Utc::now())),
                };
                changes.set(*column, value);
            }
        }
    }

    /// DRF's `enforce_required_fields` of rules about the whole.
    fn need(&self, mode: Mode, found: &mut Validated) {
        for needed in &self.needed {
            if !needed.always && mode != Mode::Create {
                continue;
            }
            let missing = needed.fields.iter().zip(&needed.columns).filter(|(field, column)| {
                let is_found = found.lookups.iter().any(|lookup| lookup.field == **field);
                found.changes.get(**column).is_none() && !is_found
            });
            let missing: Vec<usize> = missing.map(|(field, _)| *field).collect();
            if missing.is_empty() {
                continue;
            }
            // as in DRF, the first rule that lacks something has the word
            let mut errors = ValidationError::fields();
            for field in missing {
                let detail = ErrorDetail::new("This field is required.", "required");
                errors.insert(self.fields[field].field.name.clone(), detail.into());
            }
            found.missing = Some((needed.rule, errors));
            return;
        }
    }

    fn field(
        &self,
        n: usize,
        bound: &BoundField,
        data: &Value,
        cx: &FieldContext<'_>,
        found: &mut Validated,
    ) -> Result<(), ValidationError> {
        let field = &bound.field;
        let input = field.get_value(data, cx);
        let own = &cx.of(field);
        let value = match field.validate_empty_values(input.as_deref(), own)? {
            Some(Outcome::Skip) => return Ok(()),
            Some(Outcome::Set(value)) => value,
            None => {
                let input = input.as_deref().unwrap_or(&Value::Null);
                match &bound.writes {
                    Writes::Many(many) => {
                        let mut lookup = Lookup::new(n);
                        for item in many_items(bound, input, own)?.iter() {
                            match many.related.read(item, own) {
                                Ok(value) => lookup.wanted.push((convert::to_db(value), item.clone())),
                                Err(error) if lookup.wanted.is_empty() => return Err(error),
                                Err(error) => {
                                    lookup.error = Some(error);
                                    break;
                                }
                            }
                        }
                        found.lookups.push(lookup);
                        return Ok(());
                    }
                    Writes::One { related, lookup: Some(_), .. } => {
                        let value = convert::to_db(related.read(input, own)?);
                        found.lookups.push(Lookup { wanted: vec![(value, input.clone())], ..Lookup::new(n) });
                        return Ok(());
                    }
                    Writes::Nested(nested) => {
                        let rows = nested.validate(input, bound, own, found)?;
                        found.nested.push(NestedInput { field: n, rows: Some(rows) });
                        return Ok(());
                    }
                    writes => {
                        let value = field.kind.to_internal_value(input, own)?;
                        if let Err(error) = field.run_validators(&value, own) {
                            if let Writes::One { column, .. } = writes {
                                // whether there is such a row is asked before the rules about it
                                found.changes.set(*column, column_value(&self.model, *column, value));
                            }
                            return Err(error);
                        }
                        value
                    }
                }
            }
        };
        if bound.hooks.is_empty() {
            self.put(n, value, found);
            return Ok(());
        }
        match bound.run_hooks(value.clone(), own) {
            Ok(value) => self.put(n, value, found),
            Err(error) => {
                if let Writes::Column(column) | Writes::One { column, lookup: None, .. } = &bound.writes {
                    found.changes.set(*column, column_value(&self.model, *column, value));
                    found.refused.push(n);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Puts a field's value where it belongs.
    pub(super) fn put(&self, n: usize, value: Value, found: &mut Validated) {
        let bound = &self.fields[n];
        if !self.list.rules.is_empty() {
            found.attributes.insert(bound.field.name.clone().into_owned(), value.clone());
        }
        match (&bound.writes, value) {
            (Writes::File(column, _), Value::File(file)) => found.files.push((*column, file)),
            (Writes::One { lookup: Some(plan), .. }, value) if !value.is_null() => {
                self.find_keys(n, plan, vec![value], found);
            }
            (Writes::Column(column) | Writes::One { column, .. } | Writes::File(column, _), value) => {
                found.changes.set(*column, column_value(&self.model, *column, value));
            }
            (Writes::Many(many), Value::List(keys)) => self.find_keys(n, &many.lookup, keys, found),
            (Writes::Many(_), value) if !value.is_null() => self.unfit(n, &value, "a list of keys", found),
            (Writes::Nested(_), _) => found.nested.push(NestedInput { field: n, rows: None }),
            (Writes::Nothing | Writes::Many(_), _) => {}
        }
    }

    /// Has rows found by keys that a hook or a default gave.
    fn find_keys(&self, n: usize, plan: &LookupPlan, keys: Vec<Value>, found: &mut Validated) {
        let mut lookup = Lookup { by_key: true, ..Lookup::new(n) };
        for key in keys {
            match parse_key(plan.key_kind, &key) {
                Ok(value) => lookup.wanted.push((convert::to_db(value), key)),
                Err(_) => return self.unfit(n, &key, "a key", found),
            }
        }
        found.lookups.push(lookup);
    }

    fn unfit(&self, n: usize, value: &Value, wanted: &str, found: &mut Validated) {
        let (model, field) = (&self.model.name, &self.fields[n].field.name);
        let text = format!("{model}.{field}: a hook or a default gave a {} in place of {wanted}", value.type_name());
        found.mistake = Some(text);
    }

    /// Validates a list of objects, DRF's `many=True`.
    ///
    /// # Errors
    ///
    /// What is wrong with the list as such; as [`BoundSerializer::validate`].
    pub(crate) fn validate_list(&self, data: &Value, mode: Mode, request: &Context) -> Result<Vec<Validated>> {
        if data.is_null() {
            let detail = ErrorDetail::new("No data provided", "null");
            return Err(ValidationError::field("non_field_errors", detail).into());
        }
        let cx = FieldContext::new(request);
        let items = list_items(data, &self.list, &cx)?;
        let one = |item: &Value| {
            if !item.is_null() {
                return self.validate(item, mode, request);
            }
            let mut found = Validated::new(self.model.columns.len(), mode);
            found.errors = ErrorDetail::new("This field may not be null.", "null").into();
            Ok(found)
        };
        items.iter().map(one).collect()
    }

    /// The rules about a list whose objects are all right.
    ///
    /// # Errors
    ///
    /// What the first one found.
    pub(crate) fn validate_whole_list(&self, objects: &[Validated]) -> Result<(), ValidationError> {
        if self.list.rules.is_empty() {
            return Ok(());
        }
        let values: Vec<Value> = objects.iter().map(|object| Value::Map(object.attributes.clone())).collect();
        self.list.rules.iter().try_for_each(|rule| rule(&values)).map_err(ValidationError::into_fields)
    }
}

/// The items of a relation to many.
fn many_items<'a>(
    bound: &BoundField,
    input: &'a Value,
    cx: &FieldContext<'_>,
) -> Result<Cow<'a, [Value]>, ValidationError> {
    let Writes::Many(many) = &bound.writes else { return Ok(Cow::Borrowed(&[])) };
    let allow_empty = bound.field.allow_empty;
    crate::relations::ManyRelatedKind { child: many.related.clone(), allow_empty }.items(input, cx)
}

/// The items of a list of objects.
fn list_items<'a>(
    data: &'a Value,
    options: &ListOptions,
    cx: &FieldContext<'_>,
) -> Result<Cow<'a, [Value]>, ValidationError> {
    let whole = |detail: ErrorDetail| ValidationError::field("non_field_errors", detail);
    let items = match data {
        Value::List(items) => Cow::Borrowed(items.as_slice()),
        Value::Form(form) => Cow::Owned(form.parse_list("").unwrap_or_default()),
        other => {
            let text = "Expected a list of items but got type \"{input_type}\".";
            return Err(whole(cx.detail("not_a_list", text, &[("input_type", other.type_name())])));
        }
    };
    if items.is_empty() && !options.allow_empty {
        return Err(whole(cx.detail("empty", "This list may not be empty.", &[])));
    }
    if let Some(max) = options.max_length.filter(|max| items.len() > *max) {
        let text = "Ensure this field has no more than {max_length} elements.";
        return Err(whole(cx.detail("max_length", text, &[("max_length", &max.to_string())])));
    }
    if let Some(min) = options.min_length.filter(|min| items.len() < *min) {
        let text = "Ensure this field has at least {min_length} elements.";
        return Err(whole(cx.detail("min_length", text, &[("min_length", &min.to_string())])));
    }
    Ok(items)
}

impl NestedWrite {
    fn validate(
        &self,
        input: &Value,
        bound: &BoundField,
        cx: &FieldContext<'_>,
        found: &mut Validated,
    ) -> Result<Vec<NestedRow>, ValidationError> {
        let items: Cow<'_, [Value]> =
            if self.many { list_items(input, &self.list, cx)? } else { Cow::Borrowed(std::slice::from_ref(input)) };
        let mut rows = Vec::with_capacity(items.len());
        let mut errors = ValidationError::fields();
        for (n, item) in items.iter().enumerate() {
            let mut row = self.serializer.read(item, found.mode, cx.request);
            found.mistake = found.mistake.take().or(row.mistake.take());
            if row.is_wrong() {
                if !self.many {
                    return Err(row.into_errors());
                }
                errors.insert(Cow::Owned(n.to_string()), row.into_errors());
                continue;
            }
            let key_column = self.serializer.model().primary_key.first().copied();
            let key = key_column.filter(|_| self.key_field.is_some()).and_then(|column| row.changes.take(column));
            let key = key.filter(|key| !crate::value::is_null(key));
            rows.push(NestedRow { key, data: item.clone(), validated: row });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if !bound.hooks.is_empty() {
            // a hook about nested rows sees what the body says of them
            let values: Vec<Value> = items.iter().cloned().collect();
            let value = if self.many { Value::List(values) } else { values.into_iter().next().unwrap_or(Value::Null) };
            bound.run_hooks(value, cx)?;
        }
        Ok(rows)
    }
}
