//! From a declaration and a model's metadata to a serializer: DRF's `ModelSerializer` field mapping.

use std::borrow::Cow;
use std::sync::Arc;

use super::model::Selection;
use super::{Constraint, Declaration, BoundSerializer, FieldOptions, SerializerField, Speaks};
use crate::fields::{
    BigIntegerField, BooleanField, CharField, DateField, DateTimeField, Field, FieldType, FloatField, IntegerField,
    JSONField, Source, UUIDField,
};
use crate::model::{ColumnKind, ColumnMeta, ModelMeta, RelationMeta};
use crate::relations::PrimaryKeyRelatedField;
use crate::store::Dialect;
use crate::store::plan::Probe;
use crate::value::{DbValue, write};

impl BoundSerializer {
    /// Builds the serializer of a model whose catalogue was read.
    ///
    /// # Errors
    ///
    /// Sentences that say what to change: a declared unique rule without an index, a column whose type has no field.
    pub(crate) fn build(
        declaration: &Declaration,
        model: &Arc<ModelMeta>,
        models: &[Arc<ModelMeta>],
        dialect: Dialect,
    ) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut serializer = BoundSerializer {
            model: Arc::clone(model),
            fields: Vec::new(),
            constraints: Vec::new(),
            defaults: Vec::new(),
            objects: declaration.objects.clone(),
            queries: declaration.queries.clone(),
        };
        let required: Vec<usize> = together_columns(declaration, model);
        for column in selected(declaration, model) {
            let default: FieldOptions = Default::default();
            let options = declaration.options.iter().find(|(n, _)| *n == model.columns[column].column);
            let options = options.map_or(&default, |(_, o)| o);
            match field(model, column, options, models, dialect, required.contains(&column)) {
                Ok(field) => {
                    let mut key = Vec::new();
                    write::string(&field.name, &mut key);
                    key.push(b':');
                    serializer.fields.push(SerializerField {
                        field,
                        column,
                        key,
                    });
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        for (column, meta) in model.columns.iter().enumerate() {
            if let (Some(default), false) = (&meta.default, meta.auto_increment) {
                serializer.defaults.push((column, default.clone()));
            }
        }
        serializer.field_constraints(declaration, &mut mistakes);
        serializer.together_constraints(declaration, &mut mistakes);
        if mistakes.is_empty() { Ok(serializer) } else { Err(mistakes) }
    }

    fn field_constraints(&mut self, declaration: &Declaration, mistakes: &mut Vec<String>) {
        for n in 0..self.fields.len() {
            let SerializerField { field, column, .. } = &self.fields[n];
            let column = *column;
            if field.read_only {
                continue;
            }
            let model = &self.model;
            if let Some(relation) = model.relations.iter().find(|r| r.columns == [column]) {
                let speaks = Speaks::Relation(n);
                self.constraints.push(Constraint { probe: exists(relation, column), speaks, unenforced: false });
            }
            let explicit = declaration.options.iter().find(|(c, _)| *c == model.columns[column].column);
            let explicit = explicit.and_then(|(_, o)| o.unique.as_ref());
            let backing = model.uniques.iter().find(|u| u.backed && u.columns == [column] && u.predicate.is_none());
            let is_key = model.primary_key == [column];
            if explicit.is_none() && !model.columns[column].unique && backing.is_none() && !is_key {
                continue;
            }
            let unenforced = explicit.is_some_and(|u| u.unenforced);
            if backing.is_none() && !is_key && !unenforced {
                mistakes.push(unbacked(model, &[column]));
                continue;
            }
            let detail = match explicit {
                Some(validator) => validator.detail(),
                // Django's text, which DRF takes over for derived validators
                None => {
                    let label = model.columns[column].name.replace('_', " ");
                    let text = format!("{} with this {label} already exists.", verbose(&model.name));
                    crate::error::ErrorDetail::new(text, "unique")
                }
            };
            let probe = Probe::Free { columns: vec![column], nulls_distinct: backing.is_none_or(|b| b.nulls_distinct) };
            self.constraints.push(Constraint { probe, speaks: Speaks::Field(n, detail), unenforced });
        }
    }

    fn together_constraints(&mut self, declaration: &Declaration, mistakes: &mut Vec<String>) {
        let model = Arc::clone(&self.model);
        let name = |n: &usize| {
            let shown = self.fields.iter().find(|f| f.column == *n).map(|f| f.field.name.clone());
            shown.unwrap_or_else(|| Cow::Owned(model.columns[*n].name.clone()))
        };
        let mut constraints = Vec::new();
        match &declaration.together {
            Some(declared) => {
                for validator in declared {
                    let columns: Vec<usize> = validator.columns.iter().filter_map(|c| model.column(c)).collect();
                    let backing = backing(&model, &columns);
                    if backing.is_none() && !validator.unenforced {
                        mistakes.push(unbacked(&model, &columns));
                    }
                    let names: Vec<_> = columns.iter().map(name).collect();
                    let nulls_distinct = backing.is_none_or(|b| b.nulls_distinct);
                    constraints.push(Constraint {
                        probe: Probe::Free { columns, nulls_distinct },
                        speaks: Speaks::Together(validator.detail(&names)),
                        unenforced: validator.unenforced,
                    });
                }
            }
            None => {
                for unique in model.uniques.iter().filter(|u| is_together(u)) {
                    // as DRF: derived only where every column is on the serializer
                    let whole = unique.columns.iter().all(|n| self.fields.iter().any(|f| f.column == *n));
                    if !whole || !unique.backed {
                        continue;
                    }
                    let names = unique.columns.iter().map(name).collect::<Vec<_>>().join(", ");
                    let text = format!("The fields {names} must make a unique set.");
                    constraints.push(Constraint {
                        probe: Probe::Free { columns: unique.columns.clone(), nulls_distinct: unique.nulls_distinct },
                        speaks: Speaks::Together(crate::error::ErrorDetail::new(text, "unique")),
                        unenforced: false,
                    });
                }
            }
        }
        self.constraints.extend(constraints);
    }
}

fn is_together(unique: &crate::model::UniqueMeta) -> bool {
    unique.columns.len() > 1 && unique.predicate.is_none() && !unique.expression
}

fn backing<'a>(model: &'a ModelMeta, columns: &[usize]) -> Option<&'a crate::model::UniqueMeta> {
    let sorted = |columns: &[usize]| {
        let mut columns = columns.to_vec();
        columns.sort_unstable();
        columns
    };
    model
        .uniques
        .iter()
        .find(|u| u.backed && u.predicate.is_none() && !u.expression && sorted(&u.columns) == sorted(columns))
}

/// The columns of unique sets, which a body must have unless they have a default (DRF's `get_uniqueness_extra_kwargs`).
fn together_columns(declaration: &Declaration, model: &ModelMeta) -> Vec<usize> {
    match &declaration.together {
        Some(declared) => declared.iter().flat_map(|t| t.columns.iter().filter_map(|c| model.column(c))).collect(),
        None => model.uniques.iter().filter(|u| is_together(u)).flat_map(|u| u.columns.iter().copied()).collect(),
    }
}

/// The columns of the body in DRF's order: the key, the plain fields, the relations; or as listed.
fn selected(declaration: &Declaration, model: &ModelMeta) -> Vec<usize> {
    let relation = |n: &usize| model.relations.iter().any(|r| r.columns == [*n]);
    let mut all: Vec<usize> = model.primary_key.clone();
    all.extend((0..model.columns.len()).filter(|n| !model.primary_key.contains(n) && !relation(n)));
    all.extend((0..model.columns.len()).filter(|n| !model.primary_key.contains(n) && relation(n)));
    match &declaration.selection {
        Selection::All => all,
        Selection::List(names) => names.iter().filter_map(|name| model.column(name)).collect(),
        Selection::Exclude(names) => {
            all.retain(|n| !names.contains(&model.columns[*n].column));
            all
        }
    }
}

fn exists(relation: &RelationMeta, column: usize) -> Probe {
    Probe::Exists {
        column,
        schema: relation.to_schema.clone(),
        table: relation.to_table.clone(),
        to_column: relation.to_columns.first().cloned().unwrap_or_else(|| "id".into()),
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

/// `DocumentVersion` as Django's `verbose_name`: `document version`.
fn verbose(name: &str) -> String {
    let mut text = String::new();
    for (n, c) in name.chars().enumerate() {
        if c.is_uppercase() && n > 0 {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    text
}

/// Django's `capfirst(verbose_name)` of a column; `ID` for the key that Django would have made.
fn label(column: &ColumnMeta) -> String {
    if column.name == "id" {
        return "ID".into();
    }
    let text = column.name.replace('_', " ");
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn field(
    model: &ModelMeta,
    column: usize,
    options: &FieldOptions,
    models: &[Arc<ModelMeta>],
    dialect: Dialect,
    in_set: bool,
) -> Result<Field, String> {
    let meta = &model.columns[column];
    let relation = model.relations.iter().find(|r| r.columns == [column]);
    let kind: Arc<dyn FieldType> = match (&options.kind, relation) {
        (Some(kind), _) => Arc::clone(kind),
        (None, Some(relation)) => Arc::new(PrimaryKeyRelatedField::new(key_kind(relation, meta, models))),
        (None, None) => kind(model, meta, options, dialect)?,
    };
    let read_only = options.read_only.unwrap_or(meta.auto_increment);
    let optional = meta.null || meta.has_default || meta.default.is_some();
    let optional = optional && !(in_set && meta.default.is_none() && !meta.null);
    let name = options.name.clone().unwrap_or_else(|| Cow::Owned(meta.name.clone()));
    let mut messages = crate::fields::Messages::default();
    for (code, message) in &options.messages {
        messages.set(code, message.clone());
    }
    Ok(Field {
        source: if name == meta.name { Source::Name } else { Source::Path(vec![Cow::Owned(meta.name.clone())]) },
        name,
        required: options.required.unwrap_or(!optional && options.default.is_none() && !read_only),
        default: options.default.clone(),
        allow_null: options.allow_null.unwrap_or(meta.null),
        read_only,
        write_only: options.write_only.unwrap_or(false),
        label: Some(options.label.clone().unwrap_or_else(|| Cow::Owned(label(meta)))),
        help_text: options.help_text.clone().or_else(|| meta.comment.clone().map(Cow::Owned)),
        hidden: false,
        initial: None,
        messages,
        validators: options.validators.clone(),
        kind,
    })
}

/// The kind of the key that a relation points to: the target model's where it is known, else the column's own.
fn key_kind(relation: &RelationMeta, own: &ColumnMeta, models: &[Arc<ModelMeta>]) -> ColumnKind {
    let target = models.iter().find(|m| m.table == relation.to_table && m.schema == relation.to_schema);
    let column = target.and_then(|m| Some(&m.columns[m.column(relation.to_columns.first()?)?]));
    column.map_or(own.kind, |c| c.kind)
}

fn kind(
    model: &ModelMeta,
    meta: &ColumnMeta,
    options: &FieldOptions,
    dialect: Dialect,
) -> Result<Arc<dyn FieldType>, String> {
    let limits =
        |low: i64, high: i64| (Some(options.min_value.unwrap_or(low)), Some(options.max_value.unwrap_or(high)));
    Ok(match meta.kind {
        ColumnKind::Boolean => Arc::new(BooleanField::new()),
        ColumnKind::SmallInteger | ColumnKind::Integer => {
            // as Django: SQLite holds 64 bits whatever the column is called
            let (min, max) = match (dialect, meta.kind) {
                (Dialect::Sqlite, _) => limits(i64::MIN, i64::MAX),
                (_, ColumnKind::SmallInteger) => limits(i16::MIN.into(), i16::MAX.into()),
                _ => limits(i32::MIN.into(), i32::MAX.into()),
            };
            Arc::new(IntegerField::new().min_value(min).max_value(max))
        }
        ColumnKind::BigInteger => {
            let (min, max) = limits(i64::MIN, i64::MAX);
            Arc::new(BigIntegerField::new().min_value(min).max_value(max))
        }
        ColumnKind::Float => Arc::new(FloatField::new()),
        ColumnKind::Char(_) | ColumnKind::Text => {
            let column = match meta.kind {
                ColumnKind::Char(Some(n)) => usize::try_from(n).ok(),
                _ => None,
            };
            let blank = matches!(&meta.default, Some(DbValue::String(Some(text))) if text.is_empty());
            let field = CharField::new()
                .allow_blank(options.allow_blank.unwrap_or(blank))
                .max_length(options.max_length.or(column))
                .min_length(options.min_length);
            Arc::new(field)
        }
        ColumnKind::Json => Arc::new(JSONField::new()),
        ColumnKind::Uuid => Arc::new(UUIDField::new()),
        ColumnKind::DateTime(_) => Arc::new(DateTimeField::new()),
        ColumnKind::Date => Arc::new(DateField::new()),
        other => {
            return Err(format!(
                "{}.{}: no field is made for a column of the kind {other:?} yet; exclude it, or give it a type by \
                 .field(column, |f| f.field_type(…)).",
                model.name, meta.name
            ));
        }
    })
}
