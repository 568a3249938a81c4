//! What the database answered becomes DRF's errors.

use std::borrow::Cow;
use std::collections::HashMap;

use futures_util::future::BoxFuture;

use super::{
    BoundField, BoundSerializer, Constraint, Lookup, LookupPlan, NestedInput, NestedRow, NestedWrite, Speaks,
    Validated, Via, Writes,
};
use crate::context::Context;
use crate::error::{Error, ErrorDetail, Result, ValidationError};
use crate::fields::FieldContext;
use crate::model::{ColumnKind, Condition};
use crate::relations::{Naming, Related, key_text};
use crate::store::plan::Probe;
use crate::store::{Cell, Changes, StoreError, Violation, ViolationKind, many};
use crate::validators::Object;
use crate::value::{DbValue, Value, convert};

/// The keys of the rows that a field of a body names.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The field, by its position.
    pub(crate) field: usize,
    /// The keys, each once, in the order of the body.
    pub(crate) keys: Vec<DbValue>,
}

impl BoundSerializer {
    /// Finds the rows that a body names: the key of one goes into its column, those of many are answered.
    ///
    /// What is not there is an error of its field; the errors of a lookup that cannot be asked are kept.
    ///
    /// # Errors
    ///
    /// As [`Store::read`](crate::store::Store::read).
    pub(crate) fn look_up<'a>(
        &'a self,
        found: &'a mut Validated,
        cx: &'a Context,
        via: Via<'a>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.look_up_all(found, cx, via))
    }

    async fn look_up_all(&self, found: &mut Validated, cx: &Context, via: Via<'_>) -> Result<(), StoreError> {
        loop {
            // a hook may answer other keys, which are asked for too
            while let Some(lookup) = found.lookups.iter_mut().find(|lookup| !lookup.answered) {
                lookup.answered = true;
                let lookup = lookup.clone();
                self.find(&lookup, found, cx, via).await?;
            }
            for n in 0..found.nested.len() {
                self.find_in_rows(n, found, cx, via).await?;
            }
            self.settle(found, &found.mode.context(cx));
            if !found.is_pending() {
                break;
            }
        }
        self.sort(&mut found.errors);
        match found.mistake.take() {
            Some(mistake) => Err(StoreError::Internal(mistake.into())),
            None => Ok(()),
        }
    }

    /// Finds what the rows of a field name, and has the field's rules judge the rows where that was waited for.
    async fn find_in_rows(
        &self,
        place: usize,
        found: &mut Validated,
        cx: &Context,
        via: Via<'_>,
    ) -> Result<(), StoreError> {
        let n = found.nested[place].field;
        let bound = &self.fields[n];
        let Writes::Nested(write) = &bound.writes else { return Ok(()) };
        if !found.nested[place].is_pending() {
            return Ok(());
        }
        let waits = std::mem::take(&mut found.nested[place].waits);
        let mut errors = write.look_up(&mut found.nested[place], cx, via).await?;
        if errors.is_empty() && waits {
            let own = &found.mode.context(cx).of(&bound.field);
            let value = write.value(found.nested[place].rows.as_deref());
            let judged = bound.field.run_validators(&value, own);
            match judged.and_then(|()| bound.run_hooks(value.clone(), own)) {
                Ok(answer) if answer == value => {}
                Ok(answer) => {
                    self.put(n, answer, &found.mode.context(cx), found);
                    errors = write.look_up(&mut found.nested[place], cx, via).await?;
                }
                Err(error) => errors = error,
            }
        }
        if !errors.is_empty() {
            found.errors.insert(bound.field.name.clone(), errors);
        } else if found.keeps {
            let value = write.value(found.nested[place].rows.as_deref());
            found.attributes.insert(&bound.field.name, value);
        }
        Ok(())
    }

    /// Finds what one field names, and has the field's rules judge it.
    async fn find(&self, lookup: &Lookup, found: &mut Validated, cx: &Context, via: Via<'_>) -> Result<(), StoreError> {
        let bound = &self.fields[lookup.field];
        let (plan, related) = match &bound.writes {
            Writes::One { lookup: Some(plan), related, .. } => (plan.as_ref(), related),
            Writes::Many(many) => (&many.lookup, &many.related),
            _ => return Ok(()),
        };
        let by_key = Related { naming: Naming::PrimaryKey, kind: plan.key_kind };
        let related = if lookup.by_key { &by_key } else { related };
        let rows = ask(plan, related.kind, lookup, via).await?;
        let mut keys: Vec<DbValue> = Vec::with_capacity(lookup.wanted.len());
        for (value, sent) in &lookup.wanted {
            let error = match rows.get(&key_text(related.kind, value)).map(Vec::as_slice) {
                Some([key]) => {
                    if !keys.contains(key) {
                        keys.push(key.clone());
                    }
                    continue;
                }
                Some([_, _, ..]) => ErrorDetail::new("More than one object has this value.", "invalid"),
                _ => related.does_not_exist(sent, &bound.field.messages),
            };
            found.errors.insert(bound.field.name.clone(), error.into());
            return Ok(());
        }
        let judged = match &lookup.error {
            Some(error) => Err(error.clone()),
            None if lookup.by_key => Ok(None),
            None => self.judge_keys(lookup.field, plan, &keys, &found.mode.context(cx)),
        };
        if let (Ok(None), true) = (&judged, found.keeps) {
            let value = key_values(bound, plan, &keys);
            found.attributes.insert(&bound.field.name, value);
        }
        match (judged, &bound.writes) {
            (Err(error), _) => found.errors.insert(bound.field.name.clone(), error),
            (Ok(Some(other)), _) => self.put(lookup.field, other, &found.mode.context(cx), found),
            (Ok(None), Writes::One { column, .. }) => {
                if let Some(key) = keys.into_iter().next() {
                    found.changes.set(*column, key);
                }
            }
            (Ok(None), _) => found.found.push(Found { field: lookup.field, keys }),
        }
        Ok(())
    }

    /// Has a field's rules and hooks judge the rows that were found for it: another value, where a hook answered one.
    ///
    /// # Errors
    ///
    /// What they found.
    fn judge_keys(
        &self,
        n: usize,
        plan: &LookupPlan,
        keys: &[DbValue],
        cx: &FieldContext<'_>,
    ) -> Result<Option<Value>, ValidationError> {
        let bound = &self.fields[n];
        if !bound.is_judged() {
            return Ok(None);
        }
        let own = &cx.of(&bound.field);
        let value = key_values(bound, plan, keys);
        bound.field.run_validators(&value, own)?;
        let answer = bound.run_hooks(value.clone(), own)?;
        Ok(Some(answer).filter(|answer| *answer != value))
    }

    /// Adds what probes answered to the errors, in DRF's order: fields first; rules about the whole only where every
    /// field is right.
    ///
    /// `found` is what the body alone is, where that is wrong.
    pub(crate) fn judge(
        &self,
        data: &Value,
        answers: &[(usize, bool)],
        found: Option<&Validated>,
        errors: &mut ValidationError,
    ) {
        let missing = found.and_then(|found| found.missing.as_ref());
        let mut refused = found.map(|found| found.refused.clone()).unwrap_or_default();
        let broken = |(probe, fine): &&(usize, bool)| !*fine && *probe < self.constraints.len();
        let broken: Vec<(usize, &Constraint)> =
            answers.iter().filter(broken).map(|(n, _)| (*n, &self.constraints[*n])).collect();
        for (_, constraint) in &broken {
            if let Some((field, detail)) = self.field_error(constraint, data) {
                // rules of a relation judge rows that are there, and hooks what every rule let through
                let is_first = match constraint.speaks {
                    Speaks::Relation(_) => true,
                    Speaks::Field(n, _) => refused.contains(&n),
                    _ => false,
                };
                if let (true, ValidationError::Fields(known)) = (is_first, &mut *errors) {
                    known.shift_remove(&field);
                    refused.retain(|n| self.fields[*n].field.name != field);
                }
                errors.insert(field, detail.into());
            }
        }
        self.sort(errors);
        if errors.is_empty() {
            for (n, constraint) in &broken {
                if missing.is_some_and(|(rule, _)| n >= rule) {
                    break;
                }
                match &constraint.speaks {
                    Speaks::Together(detail) => errors.insert("non_field_errors", detail.clone().into()),
                    // as in DRF, an error by field ends the rules and stands alone
                    Speaks::Late(field, detail) => {
                        *errors = ValidationError::field(field.clone(), detail.clone());
                        return;
                    }
                    _ => {}
                }
            }
            if let Some((_, missing)) = missing {
                errors.clone_from(missing);
            }
        }
    }

    fn field_error(&self, constraint: &Constraint, data: &Value) -> Option<(Cow<'static, str>, ErrorDetail)> {
        match &constraint.speaks {
            Speaks::Relation(n) => {
                let bound = self.fields.get(*n)?;
                let Writes::One { related, .. } = &bound.writes else { return None };
                let request = Context::default();
                let sent = bound.field.get_value(data, &FieldContext::new(&request));
                let detail = related.does_not_exist(sent.as_deref().unwrap_or(&Value::Null), &bound.field.messages);
                Some((bound.field.name.clone(), detail))
            }
            Speaks::Field(n, detail) => Some((self.fields.get(*n)?.field.name.clone(), detail.clone())),
            Speaks::Together(_) | Speaks::Late(..) => None,
        }
    }

    /// Puts errors into the order of the fields.
    pub(crate) fn sort(&self, errors: &mut ValidationError) {
        if let ValidationError::Fields(map) = errors {
            map.sort_by_cached_key(|name, _| self.position(name).unwrap_or(self.fields.len()));
        }
    }

    /// Object rules: each one judges, and what they find is joined.
    ///
    /// # Errors
    ///
    /// What a rule meets that is no answer about the object.
    pub(crate) fn object_rules(&self, stored: Option<&[DbValue]>, changes: &Changes) -> Result<ValidationError> {
        let mut errors = ValidationError::fields();
        let object = Object::new(&self.model, stored, changes);
        for rule in &self.objects {
            match rule.validate(&object) {
                Ok(()) => {}
                Err(Error::Validation(error)) => errors.merge(error),
                Err(error) => return Err(error),
            }
        }
        Ok(errors)
    }

    /// Query rules, inside the transaction that writes.
    pub(crate) async fn query_rules(
        &self,
        stored: Option<&[DbValue]>,
        changes: &Changes,
        tx: &crate::store::Transaction,
    ) -> Result<ValidationError> {
        let mut errors = ValidationError::fields();
        let object = Object::new(&self.model, stored, changes);
        for rule in &self.queries {
            match rule.validate(&object, tx).await {
                Ok(()) => {}
                Err(Error::Validation(error)) => errors.merge(error),
                Err(error) => return Err(error),
            }
        }
        Ok(errors)
    }

    /// The constraint that a violation of these columns broke, if a probe asks about it.
    fn violated(&self, violation: &Violation, columns: &[usize]) -> Option<&Constraint> {
        let same = |own: &[usize]| {
            let mut own = own.to_vec();
            own.sort_unstable();
            own == columns
        };
        self.constraints.iter().find(|c| {
            let kind = match &c.probe {
                Probe::Exists { .. } => ViolationKind::ForeignKey,
                Probe::Free(_) => ViolationKind::Unique,
            };
            kind == violation.kind && !columns.is_empty() && same(c.probe.columns())
        })
    }

    /// Whether a probe may ask about what a violation broke, so that its silence means that the other row is gone.
    pub(crate) fn is_asked(&self, violation: &Violation) -> bool {
        let columns = self.violated_columns(violation);
        let by_probe = matches!(violation.kind, ViolationKind::ForeignKey | ViolationKind::Unique);
        by_probe && (columns.is_empty() || self.violated(violation, &columns).is_some())
    }

    /// The error that a broken constraint is, for a conflict that no probe can see any more or that nobody declared.
    pub(crate) fn verdict(&self, violation: &Violation, data: &Value) -> ValidationError {
        let columns = self.violated_columns(violation);
        if let Some(constraint) = self.violated(violation, &columns) {
            return match (&constraint.speaks, self.field_error(constraint, data)) {
                (Speaks::Together(detail), _) => ValidationError::field("non_field_errors", detail.clone()),
                (Speaks::Late(field, detail), _) => ValidationError::field(field.clone(), detail.clone()),
                (_, Some((field, detail))) => ValidationError::field(field, detail),
                (_, None) => ValidationError::fields(),
            };
        }
        if violation.kind == ViolationKind::NotNull
            && let Some(bound) = self.fields.iter().find(|f| f.column().is_some_and(|n| columns == [n]))
        {
            // a PATCH may make a row within a row, and leave out what a new row needs
            let is_absent = match data {
                Value::Map(map) => !map.contains_key(&bound.field.name),
                Value::Form(form) => !form.contains(&bound.field.name),
                _ => false,
            };
            let messages = &bound.field.messages;
            let detail = match is_absent {
                true => messages.detail("required", "This field is required.", &[]),
                false => messages.detail("null", "This field may not be null.", &[]),
            };
            return ValidationError::field(bound.field.name.clone(), detail);
        }
        ValidationError::field("non_field_errors", self.constraint_message(violation, &columns))
    }

    /// What is said of a constraint that no rule of the serializer stands for.
    fn constraint_message(&self, violation: &Violation, columns: &[usize]) -> ErrorDetail {
        let name = violation.constraint.as_deref();
        let said = self.model.constraints.iter().find(|c| {
            let is_named = c.name.is_some() && c.name.as_deref() == name;
            let mut own = c.columns.clone();
            own.sort_unstable();
            is_named || (violation.kind == ViolationKind::Unique && !columns.is_empty() && own == columns)
        });
        if let Some(said) = said {
            let names: Vec<&str> = said.columns.iter().map(|n| self.model.columns[*n].name.as_str()).collect();
            let names = names.join(", ");
            let message = match &said.message {
                Some(message) => message.replace("{field_names}", &names),
                None => format!("The fields {names} must make a unique set."),
            };
            return ErrorDetail::new(message, said.code.clone().unwrap_or_else(|| "unique".into()));
        }
        if let Some((_, message)) = self.model.check_messages.iter().find(|(check, _)| Some(check.as_str()) == name) {
            return ErrorDetail::new(message.clone(), "invalid");
        }
        if violation.kind == ViolationKind::Unique && columns.len() > 1 {
            let names: Vec<&str> = columns.iter().map(|n| self.model.columns[*n].name.as_str()).collect();
            return ErrorDetail::new(format!("The fields {} must make a unique set.", names.join(", ")), "unique");
        }
        // nobody declared it, so that nobody may know of it
        let table = violation.table.as_deref().unwrap_or(&self.model.table);
        if violation.kind == ViolationKind::Raised {
            tracing::warn!(
                table,
                said = name,
                "a trigger stopped a write in words that no check(…) of the model translates"
            );
        } else {
            tracing::info!(
                table,
                columns = ?violation.columns,
                constraint = name,
                "a constraint that no serializer knows stopped a write"
            );
        }
        // SQLite says an unnamed CHECK's expression and a trigger's own words where others say a name: only what is
        // known to be a name is shown
        let detail = match name.filter(|name| self.is_constraint(name)) {
            Some(name) => format!("Constraint “{name}” is violated."),
            None => "A constraint of the database is violated.".into(),
        };
        ErrorDetail::new(detail, "invalid")
    }

    /// Whether the catalogue knows a constraint of the model by this name.
    fn is_constraint(&self, name: &str) -> bool {
        let uniques = self.model.uniques.iter().filter_map(|u| u.name.as_deref());
        let keys = self.model.relations.iter().filter_map(|r| r.constraint.as_deref());
        let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        is_name
            && uniques
                .chain(keys)
                .chain(self.model.checks.iter().map(|check| check.name.as_str()))
                .any(|known| known == name)
    }

    /// The columns of the model that a constraint is about; none where it is another table's, which a hook wrote to.
    pub(super) fn violated_columns(&self, violation: &Violation) -> Vec<usize> {
        if violation.table.as_ref().is_some_and(|table| *table != self.model.table) {
            return Vec::new();
        }
        let mut columns: Vec<usize> = violation.columns.iter().filter_map(|c| self.model.column(c)).collect();
        if let (true, Some(name)) = (columns.is_empty(), &violation.constraint) {
            let unique = self.model.uniques.iter().filter(|u| u.name.as_ref() == Some(name)).map(|u| &u.columns);
            let relation =
                self.model.relations.iter().filter(|r| r.constraint.as_ref() == Some(name)).map(|r| &r.columns);
            columns = unique.chain(relation).next().cloned().unwrap_or_default();
        }
        columns.sort_unstable();
        columns
    }

    /// The objects of a batch that repeat a unique value of an earlier one, with DRF's error for each.
    pub(crate) fn repeated(&self, objects: &[Validated]) -> Vec<(usize, ValidationError)> {
        let mut repeated = Vec::new();
        for constraint in &self.constraints {
            let Probe::Free(free) = &constraint.probe else { continue };
            // what only the database can compare is asked there, for each object after those before it
            if free.period.is_some() || free.among.is_some() || free.lookup != crate::store::plan::Lookup::Exact {
                continue;
            }
            let mut seen: std::collections::HashSet<String> = Default::default();
            for (n, object) in objects.iter().enumerate() {
                let values: Option<Vec<&DbValue>> = free.columns.iter().map(|c| object.changes.get(*c)).collect();
                let Some(values) = values else { continue };
                if free.nulls_distinct && values.iter().any(|value| crate::value::is_null(value)) {
                    continue;
                }
                if !self.counts(free.condition.as_ref(), &object.changes) {
                    continue;
                }
                let text: Vec<String> = values.into_iter().map(text_of).collect();
                if !seen.insert(text.join("\u{0}")) {
                    let error = match &constraint.speaks {
                        Speaks::Field(field, detail) => {
                            ValidationError::field(self.fields[*field].field.name.clone(), detail.clone())
                        }
                        Speaks::Together(detail) => ValidationError::field("non_field_errors", detail.clone()),
                        Speaks::Late(field, detail) => ValidationError::field(field.clone(), detail.clone()),
                        Speaks::Relation(_) => continue,
                    };
                    repeated.push((n, error));
                }
            }
        }
        repeated
    }

    /// Whether a new object is of those that a conditional set is about.
    fn counts(&self, condition: Option<&Condition>, changes: &Changes) -> bool {
        let Some(condition) = condition else { return true };
        let values: Vec<(usize, Value)> =
            changes.columns().iter().filter_map(|n| Some((n, convert::from_db(changes.get(n)?)))).collect();
        condition.holds(&|name| {
            let position = Condition::position(&self.model, name)?;
            values.iter().find(|(n, _)| *n == position).map(|(_, value)| value)
        })
    }
}

impl super::BoundField {
    /// The column that it writes.
    pub(crate) fn column(&self) -> Option<usize> {
        match &self.writes {
            Writes::Column(n) | Writes::File(n, _) | Writes::One { column: n, .. } => Some(*n),
            _ => None,
        }
    }
}

impl BoundField {
    /// DRF's `validate_<field>`.
    ///
    /// # Errors
    ///
    /// What the first hook that refuses the value says.
    pub(super) fn run_hooks(&self, value: Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        self.hooks.iter().try_fold(value, |value, hook| hook(value, cx))
    }
}

impl NestedWrite {
    /// Finds what rows of a body name: the errors of those that name what is not there.
    async fn look_up(
        &self,
        nested: &mut NestedInput,
        cx: &Context,
        via: Via<'_>,
    ) -> Result<ValidationError, StoreError> {
        let length = nested.rows.as_ref().map_or(0, Vec::len);
        let mut errors = Vec::new();
        for (n, NestedRow { validated: row, .. }) in nested.rows.iter_mut().flatten().enumerate() {
            if !row.is_pending() {
                continue;
            }
            self.serializer.look_up(row, cx, via).await?;
            if row.is_wrong() {
                errors.push((n, row.clone().into_errors()));
            }
        }
        Ok(self.errors(length, errors))
    }

    /// The errors of its rows, by their places.
    pub(super) fn errors(&self, length: usize, mut errors: Vec<(usize, ValidationError)>) -> ValidationError {
        if self.many {
            return ValidationError::items(length, errors);
        }
        errors.pop().map_or_else(ValidationError::fields, |(_, error)| error)
    }
}

/// Keys as rules and hooks of their field see them.
fn key_values(bound: &BoundField, plan: &LookupPlan, keys: &[DbValue]) -> Value {
    let mut values = keys.iter().map(|key| match (convert::from_db(key), plan.key_kind) {
        (Value::Str(text), ColumnKind::Uuid) => uuid::Uuid::try_parse(&text).map_or(Value::Str(text), Value::Uuid),
        (value, _) => value,
    });
    match &bound.writes {
        Writes::Many(_) => Value::List(values.collect()),
        _ => values.next().unwrap_or(Value::Null),
    }
}

/// The keys of the rows that there are, by what they are found by.
async fn ask(
    plan: &LookupPlan,
    kind: ColumnKind,
    lookup: &Lookup,
    via: Via<'_>,
) -> Result<HashMap<String, Vec<DbValue>>, StoreError> {
    let mut known: HashMap<String, Vec<DbValue>> = HashMap::new();
    if lookup.wanted.is_empty() {
        return Ok(known);
    }
    let question = if lookup.by_key { &plan.by_key } else { &plan.by_name };
    let statement = if matches!(via, Via::Transaction(_)) { &question.locking } else { &question.plain };
    let wanted = many::list(lookup.wanted.iter().map(|(value, _)| value.clone()));
    let rows = via.read(statement.bind(vec![wanted])).await?;
    for row in 0..rows.len() {
        let name = key_text(kind, &rows.cell(row, 0)?.to_value(kind));
        let key = match rows.cell(row, 1)? {
            Cell::Int(i) => DbValue::BigInt(Some(i)),
            Cell::Uuid(uuid) => DbValue::Uuid(Some(uuid)),
            Cell::Text(text) => DbValue::String(Some(text.to_owned())),
            Cell::Bytes(bytes) => match uuid::Uuid::from_slice(bytes) {
                Ok(uuid) => DbValue::Uuid(Some(uuid)),
                Err(_) => continue,
            },
            _ => continue,
        };
        known.entry(name).or_default().push(key);
    }
    Ok(known)
}

/// A key as text, alike for the value of a request and the cell of a row.
fn text_of(value: &DbValue) -> String {
    convert::from_db(value).to_python_str().into_owned()
}
