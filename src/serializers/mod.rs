//! A set of fields over a model: a body becomes changes, a row becomes bytes.
//!
//! [`ModelSerializer`] is what a user declares; [`BoundSerializer`] is what it becomes when the router is built, with every
//! name, column and message in its place. See DRF's chapter "Serializers".

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::error::{Error, ErrorDetail, Result, ValidationError};
use crate::fields::{Field, FieldContext, Outcome};
use crate::model::{ColumnKind, ModelMeta};
use crate::relations::PrimaryKeyRelatedField;
use crate::store::plan::{Prepared, Probe};
use crate::store::{Cell, Changes, Rows, Violation, ViolationKind};
use crate::validators::{Object, ObjectValidator, QueryValidator};
use crate::value::{DbValue, Value, convert};

mod build;
mod model;
mod options;
mod plain;
mod valid;

pub(crate) use model::Declaration;
pub use model::ModelSerializer;
pub use options::FieldOptions;
pub use plain::{AttributesValidator, ListSerializer, Serializer};
pub use valid::{FromBody, Validate};

/// Whether a body describes a new object, a whole one or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// POST.
    Create,
    /// PUT: required fields must be there, absent optional ones keep their values.
    Update,
    /// PATCH: DRF's `partial=True`.
    Partial,
}

/// A serializer, built: shared by all requests, holding nothing of any.
pub struct BoundSerializer {
    model: Arc<ModelMeta>,
    fields: Vec<SerializerField>,
    constraints: Vec<Constraint>,
    defaults: Vec<(usize, DbValue)>,
    objects: Vec<Arc<dyn ObjectValidator>>,
    queries: Vec<Arc<dyn QueryValidator>>,
}

/// A field with its place in the model and in the answer.
struct SerializerField {
    field: Field,
    column: usize,
    /// `"uid":`, ready to be written.
    key: Vec<u8>,
}

/// A rule that the database keeps, with the error that breaking it is.
struct Constraint {
    probe: Probe,
    speaks: Speaks,
    /// Whether no index backs it, so that it is asked inside a serializable transaction.
    unenforced: bool,
}

/// Who speaks for a broken constraint.
enum Speaks {
    /// The field at this position, by DRF's `does_not_exist`.
    Relation(usize),
    /// The field at this position.
    Field(usize, ErrorDetail),
    /// The object as a whole.
    Together(ErrorDetail),
}

/// What validation without the database made of a body.
#[derive(Debug)]
pub struct Validated {
    /// What would be written.
    pub changes: Changes,
    /// What is wrong with it so far.
    pub errors: ValidationError,
}

/// Where a field's cell is to be found.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Cell(usize),
    Written,
}

/// Which columns a statement returns, in the order of the shown fields.
#[derive(Debug)]
pub struct Layout(Vec<Slot>);

impl BoundSerializer {
    /// The model.
    pub fn model(&self) -> &Arc<ModelMeta> {
        &self.model
    }

    /// The fields in the order of the body.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().map(|f| &f.field)
    }

    /// Whether a rule reads the object as it will be.
    pub fn has_object_rules(&self) -> bool {
        !self.objects.is_empty()
    }

    /// Whether a rule reads other rows, so that every write of the application has to be serializable.
    pub fn has_query_rules(&self) -> bool {
        !self.queries.is_empty() || self.constraints.iter().any(|c| c.unenforced)
    }

    /// Whether a rule reads other rows that no constraint protects, and so has to be asked before each write.
    pub fn has_unenforced(&self) -> bool {
        self.constraints.iter().any(|c| c.unenforced)
    }

    /// The columns that answers show, in the order of the fields.
    pub(crate) fn shown(&self) -> Vec<usize> {
        let mut shown: Vec<usize> = Vec::new();
        for field in self.fields.iter().filter(|f| !f.field.write_only) {
            if !shown.contains(&field.column) {
                shown.push(field.column);
            }
        }
        shown
    }

    /// The probes, in DRF's order of errors.
    pub(crate) fn probes(&self) -> Vec<Probe> {
        self.constraints.iter().map(|c| c.probe.clone()).collect()
    }

    /// Value rules: everything that can be said without the database, in DRF's order.
    pub fn validate(&self, data: &Value, mode: Mode) -> Validated {
        let mut changes = Changes::new(self.model.columns.len());
        let mut errors = ValidationError::fields();
        let Value::Map(data) = data else {
            let detail = match data {
                Value::Null => ErrorDetail::new("No data provided", "null"),
                other => {
                    let text = format!("Invalid data. Expected a dictionary, but got {}.", other.type_name());
                    ErrorDetail::new(text, "invalid")
                }
            };
            errors.insert("non_field_errors", detail.into());
            return Validated { changes, errors };
        };
        let request = Context::default();
        let cx = FieldContext {
            partial: mode == Mode::Partial,
            creating: mode == Mode::Create,
            ..FieldContext::new(&request)
        };
        for place in &self.fields {
            let field = &place.field;
            if field.read_only {
                continue;
            }
            let input = data.get(field.name.as_ref());
            match field.run_validation(input, &cx) {
                Ok(Outcome::Skip) => {}
                Ok(Outcome::Set(value)) => {
                    let is_json = self.model.columns[place.column].kind == ColumnKind::Json && !value.is_null();
                    changes.set(
                        place.column,
                        if is_json { DbValue::String(Some(convert::json_text(&value))) } else { convert::to_db(value) },
                    );
                }
                Err(error) => errors.insert(field.name.clone(), error),
            }
        }
        if mode == Mode::Create {
            for (column, value) in &self.defaults {
                if changes.get(*column).is_none() {
                    changes.set(*column, value.clone());
                }
            }
        }
        Validated { changes, errors }
    }

    /// Adds what probes answered to the errors, in DRF's order: fields first; rules about the whole only where every
    /// field is right.
    pub(crate) fn judge(&self, data: &Value, answers: &[(usize, bool)], errors: &mut ValidationError) {
        let broken = |(probe, fine): &&(usize, bool)| !*fine && *probe < self.constraints.len();
        let broken: Vec<&Constraint> = answers.iter().filter(broken).map(|(n, _)| &self.constraints[*n]).collect();
        for constraint in &broken {
            if let Some((field, detail)) = self.field_error(constraint, data) {
                errors.insert(field, detail.into());
            }
        }
        self.sort(errors);
        if errors.is_empty() {
            for constraint in &broken {
                if let Speaks::Together(detail) = &constraint.speaks {
                    errors.insert("non_field_errors", detail.clone().into());
                }
            }
        }
    }

    fn field_error(&self, constraint: &Constraint, data: &Value) -> Option<(Cow<'static, str>, ErrorDetail)> {
        match &constraint.speaks {
            Speaks::Relation(n) => {
                let field = &self.fields.get(*n)?.field;
                let sent = match data {
                    Value::Map(map) => map.get(field.name.as_ref()),
                    _ => None,
                };
                let detail = PrimaryKeyRelatedField::does_not_exist(sent.unwrap_or(&Value::Null), &field.messages);
                Some((field.name.clone(), detail))
            }
            Speaks::Field(n, detail) => Some((self.fields.get(*n)?.field.name.clone(), detail.clone())),
            Speaks::Together(_) => None,
        }
    }

    /// Puts errors into the order of the fields.
    fn sort(&self, errors: &mut ValidationError) {
        if let ValidationError::Fields(map) = errors {
            map.sort_by_cached_key(|name, _| {
                self.fields.iter().position(|f| f.field.name == *name).unwrap_or(self.fields.len())
            });
        }
    }

    /// Object rules: each one judges, and what they find is joined.
    pub(crate) fn object_rules(&self, stored: Option<&[DbValue]>, changes: &Changes) -> ValidationError {
        let mut errors = ValidationError::fields();
        let object = Object::new(&self.model, stored, changes);
        for rule in &self.objects {
            if let Err(error) = rule.validate(&object) {
                errors.merge(error);
            }
        }
        errors
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

    /// The error that a broken constraint is, for a conflict that no probe can see any more or that nobody declared.
    pub(crate) fn verdict(&self, violation: &Violation, data: &Value) -> ValidationError {
        let columns: Vec<usize> = self.violated_columns(violation);
        let found = self.constraints.iter().find(|c| {
            let kind = match &c.probe {
                Probe::Exists { .. } => ViolationKind::ForeignKey,
                Probe::Free { .. } => ViolationKind::Unique,
            };
            let mut own: Vec<usize> = c.probe.columns().to_vec();
            own.sort_unstable();
            kind == violation.kind && !columns.is_empty() && own == columns
        });
        if let Some(constraint) = found {
            return match (&constraint.speaks, self.field_error(constraint, data)) {
                (Speaks::Together(detail), _) => ValidationError::field("non_field_errors", detail.clone()),
                (_, Some((field, detail))) => ValidationError::field(field, detail),
                (_, None) => ValidationError::fields(),
            };
        }
        if violation.kind == ViolationKind::NotNull
            && let Some(field) = self.fields.iter().find(|f| columns == [f.column])
        {
            let detail = field.field.messages.detail("null", "This field may not be null.", &[]);
            return ValidationError::field(field.field.name.clone(), detail);
        }
        // SQLite says an unnamed CHECK's expression and a trigger's own words where others say a name: only what is
        // known to be a name is shown
        let detail = match violation.constraint.as_deref().filter(|name| self.is_constraint(name)) {
            Some(name) => format!("Constraint “{name}” is violated."),
            None => "A constraint of the database is violated.".into(),
        };
        ValidationError::field("non_field_errors", ErrorDetail::new(detail, "invalid"))
    }

    /// Whether the catalogue knows a constraint of the model by this name.
    fn is_constraint(&self, name: &str) -> bool {
        let uniques = self.model.uniques.iter().filter_map(|u| u.name.as_deref());
        let keys = self.model.relations.iter().filter_map(|r| r.constraint.as_deref());
        let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
        is_name && uniques.chain(keys).chain(self.model.checks.iter().map(String::as_str)).any(|known| known == name)
    }

    /// The columns of the model that a constraint is about; none where it is another table's, which a hook wrote to.
    fn violated_columns(&self, violation: &Violation) -> Vec<usize> {
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

    /// Where the fields' cells are in rows of these columns; columns that are not there were written by the request.
    pub(crate) fn layout(&self, returns: &[usize], before: usize) -> Layout {
        let shown = self.fields.iter().filter(|f| !f.field.write_only);
        Layout(
            shown
                .map(|f| match returns.iter().position(|n| *n == f.column) {
                    Some(n) => Slot::Cell(n + before),
                    None => Slot::Written,
                })
                .collect(),
        )
    }

    /// Where the fields' cells are in what a prepared write returns.
    pub(crate) fn layout_of(&self, prepared: &Prepared) -> Layout {
        self.layout(&prepared.returns, if prepared.guarded { prepared.probes.len() } else { 0 })
    }

    /// Writes a row as a JSON object.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] for a cell that its field cannot show: something else wrote the row.
    pub(crate) fn represent(
        &self,
        rows: &Rows,
        row: usize,
        layout: &Layout,
        written: Option<&Changes>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.push(b'{');
        let mut first = true;
        let shown = self.fields.iter().filter(|f| !f.field.write_only);
        for (place, slot) in shown.zip(&layout.0) {
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(&place.key);
            let cell = match slot {
                Slot::Cell(n) => rows.cell(row, *n)?,
                Slot::Written => match written.and_then(|w| w.get(place.column)) {
                    Some(DbValue::String(Some(json))) => {
                        // a JSON field keeps its value as the text that the writer made of the input
                        out.extend_from_slice(json.as_bytes());
                        continue;
                    }
                    _ => Cell::Null,
                },
            };
            if cell == Cell::Null {
                out.extend_from_slice(b"null");
            } else {
                place.field.kind.to_representation(cell, &Context::default(), out).map_err(|_| {
                    Error::internal(format!(
                        "{}.{} holds a value that its field cannot show",
                        self.model.name, place.field.name
                    ))
                })?;
            }
        }
        out.push(b'}');
        Ok(())
    }
}

impl fmt::Debug for BoundSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSerializer")
            .field("model", &self.model.name)
            .field("fields", &self.fields.iter().map(|p| &p.field.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
