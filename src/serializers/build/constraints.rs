//! Unique rules: what DRF derives from a model, and what is declared.

use std::borrow::Cow;
use std::sync::Arc;

use super::Build;
use crate::error::ErrorDetail;
use crate::fields::{Default as FieldDefault, Field};
use crate::model::{AutoNow, Condition, ConstraintMeta, ModelMeta, UniqueMeta};
use crate::serializers::declaration::Declaration;
use crate::serializers::{BoundField, BoundSerializer, Constraint, FieldOptions, Needed, Speaks, Writes};
use crate::store::plan::{Free, Probe};
use crate::validators::UniqueForValidator;
use crate::value::{Value, convert};

/// What unique sets make of fields, DRF's `get_uniqueness_extra_kwargs`: a default, or that a body must have them.
#[derive(Debug, Default)]
pub(super) struct SetArguments(Vec<(usize, Option<FieldDefault>)>);

impl SetArguments {
    /// Lays them over the field of a column; what is said about the field itself goes before them.
    pub(super) fn apply(&self, column: usize, field: &mut Field, options: Option<&FieldOptions>) {
        let Some((_, default)) = self.0.iter().find(|(n, _)| *n == column) else { return };
        if field.read_only {
            return;
        }
        let said = options.is_some_and(|o| o.required.is_some() || o.default.is_some());
        match default {
            Some(default) if options.is_none_or(|o| o.default.is_none()) => {
                field.default = Some(default.clone());
                field.required = false;
            }
            None if !said => field.required = true,
            _ => {}
        }
    }
}

/// A unique set of columns as DRF looks at it.
struct Set<'a> {
    columns: Vec<usize>,
    condition: Option<&'a Condition>,
    nulls_distinct: bool,
    said: Option<&'a ConstraintMeta>,
}

impl Set<'_> {
    /// Its columns and those of its condition.
    fn all(&self, model: &ModelMeta) -> Vec<usize> {
        let mut all = self.columns.clone();
        let read = self.condition.map(Condition::columns).unwrap_or_default();
        all.extend(read.into_iter().filter_map(|name| Condition::position(model, name)));
        all
    }
}

/// The unique sets of a model: those of the entity and the catalogue, then those that are said beside the entity.
fn sets(model: &ModelMeta) -> Vec<Set<'_>> {
    let said = |unique: &UniqueMeta| {
        model.constraints.iter().any(|c| c.condition.is_none() && same(&c.columns, &unique.columns))
    };
    let plain = model.uniques.iter().filter(|u| u.predicate.is_none() && !u.expression && u.backed && !said(u));
    let plain = plain.map(|u| Set {
        columns: u.columns.clone(),
        condition: None,
        nulls_distinct: u.nulls_distinct,
        said: None,
    });
    let own = model.constraints.iter().map(|c| Set {
        columns: c.columns.clone(),
        condition: c.condition.as_ref(),
        nulls_distinct: c
            .nulls_distinct
            .unwrap_or_else(|| backing(model, &c.columns).is_none_or(|backing| backing.nulls_distinct)),
        said: Some(c),
    });
    plain.chain(own).collect()
}

fn same(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|n| b.contains(n))
}

fn backing<'a>(model: &'a ModelMeta, columns: &[usize]) -> Option<&'a UniqueMeta> {
    model.uniques.iter().find(|u| u.backed && u.predicate.is_none() && !u.expression && same(&u.columns, columns))
}

/// Whether an index of the database backs a set with a condition: a partial one over the same columns.
fn partly_backed(model: &ModelMeta, columns: &[usize]) -> bool {
    model.uniques.iter().any(|u| u.backed && u.predicate.is_some() && same(&u.columns, columns))
}

impl Build<'_> {
    /// What the unique sets of a model make of its fields.
    pub(super) fn set_arguments(&self, declaration: &Declaration, model: &ModelMeta, names: &[String]) -> SetArguments {
        let mut arguments = SetArguments::default();
        if declaration.together.is_some() {
            return arguments;
        }
        let is_there = |n: &usize| {
            let source = |name: &String| {
                let said = declaration.options.iter().find(|(known, _)| known == name);
                said.and_then(|(_, o)| o.source.clone()).unwrap_or_else(|| Cow::Owned(name.clone()))
            };
            names.iter().any(|name| source(name) == model.columns[*n].name)
        };
        let mut columns: Vec<usize> = model.unique_for.iter().map(|u| u.date).collect();
        for set in sets(model) {
            let all = set.all(model);
            if all.len() > 1 && all.iter().all(is_there) {
                columns.extend(all);
            }
        }
        for n in columns {
            if arguments.0.iter().any(|(known, _)| *known == n) {
                continue;
            }
            let column = &model.columns[n];
            let attributes = &column.attributes;
            let now = || FieldDefault::Call(Arc::new(|_| Value::DateTime(chrono::Utc::now().fixed_offset())));
            let default = if attributes.auto_now == Some(AutoNow::Add) {
                Some(FieldDefault::CreateOnly(Box::new(now())))
            } else if attributes.auto_now.is_some() {
                Some(now())
            } else if let Some(default) = &attributes.default {
                let default = default.clone();
                Some(FieldDefault::Call(Arc::new(move |_| default.get())))
            } else if let Some(default) = &column.default {
                Some(FieldDefault::Value(convert::from_db(default)))
            } else if column.null {
                Some(FieldDefault::Value(Value::Null))
            } else if attributes.blank && column.is_text() {
                Some(FieldDefault::Value(Value::Str(String::new())))
            } else {
                None
            };
            arguments.0.push((n, default));
        }
        arguments
    }

    /// Fields that a set needs and the serializer does not show get their default.
    pub(super) fn hidden_of_sets(&self, serializer: &mut BoundSerializer, sets: &SetArguments) {
        for (n, default) in &sets.0 {
            let is_there = serializer.fields.iter().any(|f| f.column() == Some(*n) || f.reads_column() == Some(*n));
            if let (false, Some(default)) = (is_there, default) {
                let field = Field::hidden(serializer.model.columns[*n].name.clone(), default.clone());
                let reads = crate::serializers::reads::Reads::Nothing;
                serializer.fields.push(BoundField { field, writes: Writes::Column(*n), reads, hooks: Vec::new() });
            }
        }
    }

    pub(super) fn constraints(
        &self,
        serializer: &mut BoundSerializer,
        declaration: &Declaration,
        mistakes: &mut Vec<String>,
    ) {
        let model = Arc::clone(&serializer.model);
        for n in 0..serializer.fields.len() {
            self.field_constraints(serializer, declaration, &model, n, mistakes);
        }
        match &declaration.together {
            Some(_) => self.declared_sets(serializer, declaration, &model, mistakes),
            None => self.derived_sets(serializer, &model),
        }
        let validators: Vec<UniqueForValidator> = match &declaration.unique_for {
            Some(validators) => validators.clone(),
            None => {
                let name = |n: usize| model.columns[n].name.clone();
                let shown = |n: usize| serializer.fields.iter().any(|f| f.source_column(&model) == Some(n));
                let derived = model.unique_for.iter().filter(|u| shown(u.column));
                derived.map(|u| UniqueForValidator::new(name(u.column), name(u.date), u.period)).collect()
            }
        };
        for validator in validators {
            let place = |name: &str| {
                let n = serializer.fields.iter().position(|f| f.field.name == name)?;
                Some((n, serializer.fields[n].column()?))
            };
            let (Some((field, column)), Some((date_field, date))) =
                (place(&validator.field), place(&validator.date_field))
            else {
                mistakes.push(format!(
                    "{}: {} is to be unique for {}, and both have to be writable fields of the serializer.",
                    model.name, validator.field, validator.date_field
                ));
                continue;
            };
            let kind = model.columns[date].kind;
            if !kind.has_days() {
                let (field, date) = (&validator.field, &validator.date_field);
                mistakes.push(format!(
                    "{}: {field} is to be unique for {date}, which is {} and no date.",
                    model.name,
                    kind.name()
                ));
                continue;
            }
            let free = Free { period: Some((date, validator.period)), ..Free::new(vec![column]) };
            serializer.needed.push(Needed {
                rule: serializer.constraints.len(),
                fields: vec![field, date_field],
                columns: vec![column, date],
                always: true,
            });
            serializer.constraints.push(Constraint {
                probe: Probe::Free(free),
                speaks: Speaks::Late(validator.field.clone(), validator.detail()),
                unenforced: true,
            });
        }
    }

    /// What one field's column may not be: a key of no row, a value that another row has.
    fn field_constraints(
        &self,
        serializer: &mut BoundSerializer,
        declaration: &Declaration,
        model: &Arc<ModelMeta>,
        n: usize,
        mistakes: &mut Vec<String>,
    ) {
        let bound = &serializer.fields[n];
        let Some(column) = bound.column() else { return };
        let meta = &model.columns[column];
        if let Writes::One { lookup: None, .. } = &bound.writes
            && let Some(relation) = model.relations.iter().find(|r| r.columns == [column])
        {
            let probe = Probe::Exists {
                column,
                schema: relation.to_schema.clone(),
                table: relation.to_table.clone(),
                to_column: relation.to_columns.first().cloned().unwrap_or_else(|| "id".into()),
            };
            serializer.constraints.push(Constraint { probe, speaks: Speaks::Relation(n), unenforced: false });
        }
        let said = |name: &String| *name == *serializer.fields[n].field.name || *name == meta.column;
        let explicit = declaration.options.iter().find(|(name, _)| said(name)).and_then(|(_, o)| o.unique.as_ref());
        let among = explicit.and_then(|u| u.among.as_ref());
        if let Some(unknown) = among.and_then(|among| model.unknown_in(among)) {
            mistakes.push(format!("{}: the rows among which {} is unique: {unknown}", model.name, meta.column));
            return;
        }
        let backing = backing(model, &[column]);
        let own = model.constraints.iter().find(|c| c.columns == [column]);
        let is_key = model.primary_key == [column];
        // a condition over the column alone is one of the column
        let condition = own.and_then(|c| c.condition.as_ref());
        let condition =
            condition.filter(|c| c.columns().iter().all(|name| Condition::position(model, name) == Some(column)));
        let own = own.filter(|c| c.condition.is_none() || condition.is_some());
        if explicit.is_none() && backing.is_none() && !is_key && own.is_none() {
            return;
        }
        let reads_others = explicit.is_some_and(|u| u.reads_other_rows()) || own.is_some_and(|c| c.unenforced);
        let is_backed = backing.is_some() || is_key || (condition.is_some() && partly_backed(model, &[column]));
        if !is_backed && !reads_others {
            mistakes.push(unbacked(model, &[column]));
            return;
        }
        let detail = match explicit {
            Some(validator) => validator.detail(),
            // Django's text, which DRF takes over for derived validators
            None => {
                let text = meta.attributes.unique_message.as_deref();
                let text = text.unwrap_or("{model_name} with this {field_label} already exists.");
                let text = text.replace("{model_name}", &model.verbose_name());
                ErrorDetail::new(text.replace("{field_label}", &meta.verbose_name()), "unique")
            }
        };
        let free = Free {
            nulls_distinct: backing.is_none_or(|b| b.nulls_distinct),
            lookup: explicit.map(|u| u.lookup).unwrap_or_default(),
            among: explicit.and_then(|u| u.among.clone()),
            condition: condition.cloned(),
            ..Free::new(vec![column])
        };
        let unenforced = reads_others;
        serializer.constraints.push(Constraint {
            probe: Probe::Free(free),
            speaks: Speaks::Field(n, detail),
            unenforced,
        });
    }

    fn declared_sets(
        &self,
        serializer: &mut BoundSerializer,
        declaration: &Declaration,
        model: &Arc<ModelMeta>,
        mistakes: &mut Vec<String>,
    ) {
        for validator in declaration.together.iter().flatten() {
            let columns: Vec<usize> =
                validator.columns.iter().filter_map(|name| Condition::position(model, name)).collect();
            let names = validator.columns.join(", ");
            if columns.len() != validator.columns.len() || validator.table != model.table {
                mistakes.push(format!(
                    "{}: a unique set over {names} of {}: not all of them are columns of {}.",
                    model.name, validator.table, model.table
                ));
                continue;
            }
            if let Some(unknown) = validator.condition.as_ref().and_then(|condition| model.unknown_in(condition)) {
                mistakes.push(format!("{}: the condition of a unique set over {names}: {unknown}", model.name));
                continue;
            }
            let backing = backing(model, &columns);
            let is_backed = match &validator.condition {
                Some(_) => partly_backed(model, &columns),
                None => backing.is_some(),
            };
            if !is_backed && !validator.unenforced {
                mistakes.push(unbacked(model, &columns));
                continue;
            }
            let names: Vec<_> = columns.iter().map(|n| serializer.name_of(model, *n)).collect();
            let free = Free {
                nulls_distinct: backing.is_none_or(|b| b.nulls_distinct),
                condition: validator.condition.clone(),
                ..Free::new(columns)
            };
            self.add_set(serializer, model, free, validator.detail(&names), validator.unenforced);
        }
    }

    fn derived_sets(&self, serializer: &mut BoundSerializer, model: &Arc<ModelMeta>) {
        for set in sets(model) {
            let all = set.all(model);
            // as DRF: derived only where every column can be written, or has a default
            let is_there = |n: &usize| {
                let mut fields = serializer.fields.iter();
                fields.any(|f| f.column() == Some(*n) || (f.field.default.is_some() && f.reads_column() == Some(*n)))
            };
            if all.len() < 2 || !all.iter().all(is_there) {
                continue;
            }
            let names = set.columns.iter().map(|n| serializer.name_of(model, *n)).collect::<Vec<_>>().join(", ");
            let default = "The fields {field_names} must make a unique set.";
            let message = set.said.and_then(|c| c.message.as_deref()).unwrap_or(default);
            let code = set.said.and_then(|c| c.code.clone()).unwrap_or_else(|| "unique".into());
            let detail = ErrorDetail::new(message.replace("{field_names}", &names), code);
            let unenforced = set.said.is_some_and(|c| c.unenforced);
            let free = Free {
                nulls_distinct: set.nulls_distinct,
                condition: set.condition.cloned(),
                ..Free::new(set.columns.clone())
            };
            self.add_set(serializer, model, free, detail, unenforced);
        }
    }

    fn add_set(
        &self,
        serializer: &mut BoundSerializer,
        model: &ModelMeta,
        free: Free,
        detail: ErrorDetail,
        unenforced: bool,
    ) {
        let mut all = free.columns.clone();
        let read = free.condition.as_ref().map(Condition::columns).unwrap_or_default();
        all.extend(read.into_iter().filter_map(|name| Condition::position(model, name)));
        let place = |n: &usize| serializer.fields.iter().position(|f| f.column() == Some(*n));
        let (fields, columns) = all.iter().filter_map(|n| Some((place(n)?, *n))).unzip();
        let rule = serializer.constraints.len();
        serializer.needed.push(Needed { rule, fields, columns, always: false });
        serializer.constraints.push(Constraint {
            probe: Probe::Free(free),
            speaks: Speaks::Together(detail),
            unenforced,
        });
    }
}

impl BoundSerializer {
    /// The name in the body of a column's field; the column's own where it has none.
    fn name_of(&self, model: &ModelMeta, n: usize) -> Cow<'static, str> {
        let shown = self.fields.iter().find(|f| f.source_column(model) == Some(n)).map(|f| f.field.name.clone());
        shown.unwrap_or_else(|| Cow::Owned(model.columns[n].name.clone()))
    }
}

impl BoundField {
    /// The column that it shows.
    pub(crate) fn reads_column(&self) -> Option<usize> {
        match &self.reads {
            crate::serializers::reads::Reads::Column(n) => Some(*n),
            _ => None,
        }
    }

    /// The column that it writes or shows.
    fn source_column(&self, _model: &ModelMeta) -> Option<usize> {
        self.column().or_else(|| self.reads_column())
    }
}

fn unbacked(model: &ModelMeta, columns: &[usize]) -> String {
    let names: Vec<&str> = columns.iter().map(|n| model.columns[*n].column.as_str()).collect();
    let table = match &model.schema {
        Some(schema) => format!("\"{schema}\".\"{}\"", model.table),
        None => format!("\"{}\"", model.table),
    };
    let quoted = names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
    format!(
        "{}: no unique index backs the unique rule over {}. Run: CREATE UNIQUE INDEX \"{}_{}_uniq\" ON {table} ({quoted}); \
         or declare the rule .unenforced(), which makes every write of the application serializable.",
        model.name,
        names.join(", "),
        model.table,
        names.join("_"),
    )
}
