//! A body becomes changes: everything that can be said without the database.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::Utc;

use super::declaration::ListOptions;
use super::judge::Found;
use super::{BoundField, BoundSerializer, ColumnDefault, Mode, NestedWrite, Writes, column_value};
use crate::context::Context;
use crate::error::{Error, ErrorDetail, MOST_ITEMS, Result, ValidationError};
use crate::fields::{FieldContext, Outcome};
use crate::store::plan::Prepared;
use crate::store::{Changes, Rows};
use crate::value::{DbValue, Map, Upload, Value, convert};

/// What validation without the database made of a body.
#[derive(Clone, Debug)]
pub(crate) struct Validated {
    /// What would be written.
    pub(crate) changes: Changes,
    /// What is wrong with it so far.
    pub(crate) errors: ValidationError,
    /// The fields that a rule about the whole lacks, with the rule's position: what rules before it find goes first.
    pub(crate) missing: Option<(usize, ValidationError)>,
    /// What a hook over the whole body said: every rule of a field or a set speaks before it.
    pub(crate) whole: Option<ValidationError>,
    /// Whether the hooks over the whole body have run.
    pub(super) settled: bool,
    /// Rows that have to be found before anything is written.
    pub(crate) lookups: Vec<Lookup>,
    /// The rows that were found for fields that name many.
    pub(crate) found: Vec<Found>,
    /// Other rows of the body.
    pub(crate) nested: Vec<NestedInput>,
    /// Files, by their columns.
    pub(crate) files: Vec<(usize, Arc<Upload>)>,
    /// The validated values by field, where a rule or a hook wants them.
    pub(crate) attributes: Map,
    /// Whether one does.
    pub(super) keeps: bool,
    /// Whether its files have their names already.
    pub(crate) late: bool,
    /// The files that have their names, where a hook may speak of them.
    pub(crate) staged: Vec<(Arc<Upload>, DbValue)>,
    /// What kind of body it is.
    pub(super) mode: Mode,
    /// Fields whose value is one, and which a hook refused: what the database says of them goes before the hook.
    pub(super) refused: Vec<usize>,
    /// What a hook answered that is no value of its field: a mistake of the program, not of the request.
    pub(super) mistake: Option<String>,
    /// Whether all rows of the request have given up what others of them want: what is in the way now stays there.
    pub(crate) placed: bool,
    /// What was done of it for that, before its turn.
    pub(crate) early: Option<Arc<Early>>,
}

/// A row that was written before its turn, so that others may have its values.
#[derive(Debug)]
pub(crate) struct Early {
    /// The changes that were written.
    pub(crate) changes: Changes,
    /// What the row was before.
    pub(crate) stored: Vec<DbValue>,
    /// What the statement returned; none where it could not be written, and only let go of its values.
    pub(crate) returned: Option<(Arc<Rows>, Arc<Prepared>)>,
}

impl Validated {
    pub(super) fn new(columns: usize, mode: Mode) -> Self {
        Validated {
            changes: Changes::new(columns),
            errors: ValidationError::fields(),
            missing: None,
            whole: None,
            settled: false,
            lookups: Vec::new(),
            found: Vec::new(),
            nested: Vec::new(),
            files: Vec::new(),
            attributes: Map::new(),
            keeps: false,
            late: false,
            staged: Vec::new(),
            mode,
            refused: Vec::new(),
            mistake: None,
            placed: false,
            early: None,
        }
    }

    /// Has a file written under its name.
    pub(crate) fn stage(&mut self, column: usize, file: Arc<Upload>, name: &str) {
        let name = DbValue::String(Some(name.to_owned()));
        self.changes.set(column, name.clone());
        if self.keeps {
            self.staged.push((file, name));
        }
    }

    /// Fails where a hook answered what is no value of its field.
    fn unless_mistaken(mut self) -> Result<Self> {
        match self.mistake.take() {
            Some(mistake) => Err(Error::internal(mistake)),
            None => Ok(self),
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

    /// Whether some of these rows have not been asked for yet.
    pub(super) fn is_pending(&self) -> bool {
        self.lookups.iter().any(|lookup| !lookup.answered) || self.nested.iter().any(NestedInput::is_pending)
    }

    /// What is wrong so far.
    pub(crate) fn into_errors(self) -> ValidationError {
        match self.missing {
            Some((_, missing)) if self.errors.is_empty() => missing,
            _ if self.errors.is_empty() => self.whole.unwrap_or(self.errors),
            _ => self.errors,
        }
    }

    /// Whether anything is wrong so far, in it or in the rows that it holds.
    pub(crate) fn is_wrong(&self) -> bool {
        !self.errors.is_empty() || self.missing.is_some() || self.whole.is_some()
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
    pub(super) fn new(field: usize) -> Self {
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
    /// Whether the field's rules wait for rows that these rows name.
    pub(super) waits: bool,
}

impl NestedInput {
    /// Whether it waits for rows that have not been asked for yet.
    pub(super) fn is_pending(&self) -> bool {
        self.waits || self.rows.iter().flatten().any(|row| row.validated.is_pending())
    }
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
        self.read(data, mode, request, false).unless_mistaken()
    }

    /// `keeps` where somebody wants the values by their fields.
    fn read(&self, data: &Value, mode: Mode, request: &Context, keeps: bool) -> Validated {
        let mut found = Validated::new(self.model.columns.len(), mode);
        found.keeps = keeps || !self.list.rules.is_empty() || !self.validate.is_empty();
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
        self.finish(&mut found);
        if found.errors.is_empty() {
            self.need(mode, &mut found);
        }
        if !found.has_lookups() {
            self.settle(&mut found, &cx);
        }
        found
    }

    /// What is written beside what the body says.
    pub(super) fn finish(&self, found: &mut Validated) {
        if found.mode == Mode::Create {
            self.fill_in(&mut found.changes);
        } else {
            let now = DbValue::ChronoDateTimeUtc(Some(Utc::now()));
            for column in &self.touched {
                found.changes.set(*column, now.clone());
            }
        }
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
                        let waits = bound.is_judged() && rows.iter().any(|row| row.validated.has_lookups());
                        let value =
                            if found.keeps || bound.is_judged() { nested.value(Some(&rows)) } else { Value::Null };
                        found.nested.push(NestedInput { field: n, rows: Some(rows), waits });
                        if waits {
                            return Ok(());
                        }
                        if !bound.is_judged() {
                            if found.keeps {
                                found.attributes.insert(&field.name, value);
                            }
                            return Ok(());
                        }
                        field.run_validators(&value, own)?;
                        value
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
            self.put(n, value, cx, found);
            return Ok(());
        }
        match bound.run_hooks(value.clone(), own) {
            Ok(value) => self.put(n, value, cx, found),
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
        let mut found = Vec::with_capacity(items.len());
        let mut wrong = 0;
        for item in items.iter() {
            let item = self.read_item(item, mode, request, false).unless_mistaken()?;
            wrong += usize::from(item.is_wrong());
            found.push(item);
            if wrong == MOST_ITEMS {
                // nothing is written, and no more is told
                break;
            }
        }
        Ok(found)
    }

    /// One object of a list, which may not be null.
    fn read_item(&self, item: &Value, mode: Mode, request: &Context, keeps: bool) -> Validated {
        if !item.is_null() {
            return self.read(item, mode, request, keeps);
        }
        let mut found = Validated::new(self.model.columns.len(), mode);
        found.errors = ErrorDetail::new("This field may not be null.", "null").into();
        found
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
        let mut errors = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let keeps = found.keeps || bound.is_judged();
            let mut row = self.serializer.read_item(item, found.mode, cx.request, keeps);
            found.mistake = found.mistake.take().or(row.mistake.take());
            if row.is_wrong() {
                errors.push((n, row.into_errors()));
                if errors.len() == MOST_ITEMS {
                    break;
                }
                continue;
            }
            rows.push(self.row(item.clone(), row));
        }
        if !errors.is_empty() {
            return Err(self.errors(items.len(), errors));
        }
        Ok(rows)
    }
}
