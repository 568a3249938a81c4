//! What is said about an entity beside the entity, once for all serializers on it: Django's model options.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::{EntityTrait, IdenStatic};

use super::attributes::Attributes;
use super::condition::Condition;
use super::entity::ModelSource;
use super::row::Row;
use super::{ConstraintMeta, ManyToManyMeta, OnDelete, Period, PropertyMeta, UniqueForMeta};
use crate::value::Value;

/// An entity with Django's model options: labels, choices, ordering, constraints, relations to many.
///
/// ```
/// use bowline::model::Model;
/// # use bowline::doc::booking;
/// let booking = Model::<booking::Entity>::new()
///     .ordering(["start", "-id"])
///     .display(|row| format!("{} at {}", row.text("room_id"), row.text("start")))
///     .column(booking::Column::Note, |note| note.label("Remark").blank());
/// # let _ = booking;
/// ```
pub struct Model<E: EntityTrait> {
    source: ModelSource,
    mistakes: Vec<String>,
    entity: PhantomData<fn() -> E>,
}

impl<E: EntityTrait> Model<E> {
    /// The entity as it is.
    pub fn new() -> Self {
        Model { source: ModelSource::of::<E>(), mistakes: Vec::new(), entity: PhantomData }
    }

    /// The model's name in messages, Django's class name; by default the entity's module.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.source.meta.name = name.into();
        self
    }

    /// The model's name for people, singular.
    pub fn verbose_name(mut self, name: impl Into<String>) -> Self {
        self.source.meta.verbose_name = Some(name.into());
        self
    }

    /// The order of lists by field names, descending with `-` before them; by default that of the key.
    pub fn ordering<'a>(mut self, fields: impl IntoIterator<Item = &'a str>) -> Self {
        for field in fields {
            let (name, descending) = field.strip_prefix('-').map_or((field, false), |name| (name, true));
            match Condition::position(&self.source.meta, name) {
                Some(n) => self.source.meta.ordering.push((n, descending)),
                None => self.mistakes.push(format!("{}: cannot order by {name}: no such field.", self.source.meta.name)),
            }
        }
        self
    }

    /// The row as text, Django's `__str__`.
    pub fn display(mut self, display: impl Fn(&Row<'_>) -> String + Send + Sync + 'static) -> Self {
        self.source.meta.display = Some(PropertyMeta::new("__str__", move |row| Value::Str(display(row))));
        self
    }

    /// A value that is worked out from the row, Python's `@property`.
    pub fn property<V: Into<Value>>(
        mut self,
        name: impl Into<String>,
        property: impl Fn(&Row<'_>) -> V + Send + Sync + 'static,
    ) -> Self {
        self.source.meta.properties.push(PropertyMeta::new(name, move |row| property(row).into()));
        self
    }

    /// What is said about a column.
    pub fn column(mut self, column: E::Column, say: impl FnOnce(Attributes) -> Attributes) -> Self {
        let name = IdenStatic::as_str(&column);
        if let Some(n) = self.source.meta.column(name) {
            let column = &mut self.source.meta.columns[n];
            column.attributes = say(std::mem::take(&mut column.attributes));
            if column.attributes.format == Some(super::Format::Duration) {
                column.kind = super::ColumnKind::Duration;
            }
        }
        self
    }

    /// What is said about a foreign key.
    pub fn foreign_key(mut self, column: E::Column, say: impl FnOnce(ForeignKey) -> ForeignKey) -> Self {
        let name = IdenStatic::as_str(&column);
        let meta = &mut self.source.meta;
        let relation = meta.column(name).and_then(|n| meta.relations.iter_mut().find(|r| r.columns == [n]));
        match relation {
            Some(relation) => {
                let said = say(ForeignKey::default());
                if let Some(on_delete) = said.on_delete {
                    relation.on_delete = on_delete;
                }
                relation.one_to_one |= said.one_to_one;
                relation.related_name = said.related_name.or(relation.related_name.take());
                relation.limit_choices_to = said.limit_choices_to;
            }
            None => self.mistakes.push(format!("{}: {name} is not a foreign key.", meta.name)),
        }
        self
    }

    /// A relation to many rows of another entity by way of a join table.
    pub fn many_to_many<T: EntityTrait>(
        mut self,
        name: impl Into<String>,
        through: &str,
        from_column: &str,
        to_column: &str,
        say: impl FnOnce(ManyToMany) -> ManyToMany,
    ) -> Self {
        let to = T::default();
        let said = say(ManyToMany::default());
        self.source.meta.many_to_many.push(ManyToManyMeta {
            name: name.into(),
            to_schema: to.schema_name().map(str::to_owned),
            to_table: to.table_name().to_owned(),
            schema: self.source.meta.schema.clone(),
            table: through.to_owned(),
            from_column: from_column.to_owned(),
            to_column: to_column.to_owned(),
            related_name: said.related_name,
            blank: said.blank,
            verbose_name: said.verbose_name,
            help_text: said.help_text,
        });
        self
    }

    /// A unique constraint with its condition and its words (Django's `UniqueConstraint`).
    ///
    /// The entity says nothing of constraints with conditions; the database has them, here they get their message.
    pub fn constraint(mut self, constraint: UniqueConstraint) -> Self {
        let meta = &mut self.source.meta;
        let mut columns = Vec::new();
        for name in &constraint.fields {
            match Condition::position(meta, name) {
                Some(n) => columns.push(n),
                None => self.mistakes.push(format!("{}: a unique constraint over {name}: no such field.", meta.name)),
            }
        }
        meta.constraints.push(ConstraintMeta {
            name: constraint.name,
            columns,
            condition: constraint.condition,
            nulls_distinct: constraint.nulls_distinct,
            message: constraint.message,
            code: constraint.code,
            unenforced: constraint.unenforced,
        });
        self
    }

    /// The words of a CHECK constraint, answered with 400 when it stops a write.
    pub fn check(mut self, name: impl Into<String>, message: impl Into<String>) -> Self {
        self.source.meta.check_messages.push((name.into(), message.into()));
        self
    }

    /// A column is unique among the rows of the same day, Django's `unique_for_date`.
    pub fn unique_for_date(self, column: E::Column, date: E::Column) -> Self {
        self.unique_for(column, date, Period::Date)
    }

    /// A column is unique among the rows of the same month (of whatever year), Django's `unique_for_month`.
    pub fn unique_for_month(self, column: E::Column, date: E::Column) -> Self {
        self.unique_for(column, date, Period::Month)
    }

    /// A column is unique among the rows of the same year, Django's `unique_for_year`.
    pub fn unique_for_year(self, column: E::Column, date: E::Column) -> Self {
        self.unique_for(column, date, Period::Year)
    }

    fn unique_for(mut self, column: E::Column, date: E::Column, period: Period) -> Self {
        let meta = &mut self.source.meta;
        let positions = (meta.column(IdenStatic::as_str(&column)), meta.column(IdenStatic::as_str(&date)));
        if let (Some(column), Some(date)) = positions {
            meta.unique_for.push(UniqueForMeta { column, date, period });
        }
        self
    }

    pub(crate) fn into_source(self) -> (ModelSource, Vec<String>) {
        (self.source, self.mistakes)
    }
}

impl<E: EntityTrait> Default for Model<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: EntityTrait> fmt::Debug for Model<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model").field("name", &self.source.meta.name).finish_non_exhaustive()
    }
}

/// What is said about a foreign key.
#[derive(Clone, Debug, Default)]
pub struct ForeignKey {
    related_name: Option<String>,
    on_delete: Option<OnDelete>,
    one_to_one: bool,
    limit_choices_to: Option<Condition>,
}

impl ForeignKey {
    /// The name of the way back on the other model; by default `<model>_set`.
    #[must_use]
    pub fn related_name(mut self, name: impl Into<String>) -> Self {
        self.related_name = Some(name.into());
        self
    }

    /// What happens here when the other row is deleted.
    #[must_use]
    pub fn on_delete(mut self, on_delete: OnDelete) -> Self {
        self.on_delete = Some(on_delete);
        self
    }

    /// The other row has one of these at most (Django's `OneToOneField`).
    #[must_use]
    pub fn one_to_one(mut self) -> Self {
        self.one_to_one = true;
        self
    }

    /// Only rows like this may be pointed to.
    #[must_use]
    pub fn limit_choices_to(mut self, condition: Condition) -> Self {
        self.limit_choices_to = Some(condition);
        self
    }
}

/// What is said about a relation to many.
#[derive(Clone, Debug, Default)]
pub struct ManyToMany {
    related_name: Option<String>,
    blank: bool,
    verbose_name: Option<String>,
    help_text: Option<String>,
}

impl ManyToMany {
    /// The name of the way back on the other model.
    #[must_use]
    pub fn related_name(mut self, name: impl Into<String>) -> Self {
        self.related_name = Some(name.into());
        self
    }

    /// Accepts an empty list, and bodies without it.
    #[must_use]
    pub fn blank(mut self) -> Self {
        self.blank = true;
        self
    }

    /// The relation's name for people.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>) -> Self {
        self.verbose_name = Some(name.into());
        self
    }

    /// A sentence for people.
    #[must_use]
    pub fn help_text(mut self, text: impl Into<String>) -> Self {
        self.help_text = Some(text.into());
        self
    }
}

/// A unique constraint with its condition and its words, Django's `UniqueConstraint`.
#[derive(Clone, Debug)]
pub struct UniqueConstraint {
    fields: Vec<String>,
    name: Option<String>,
    condition: Option<Condition>,
    nulls_distinct: Option<bool>,
    message: Option<String>,
    code: Option<String>,
    unenforced: bool,
}

impl UniqueConstraint {
    /// Over these fields.
    pub fn new<'a>(fields: impl IntoIterator<Item = &'a str>) -> Self {
        UniqueConstraint {
            fields: fields.into_iter().map(str::to_owned).collect(),
            name: None,
            condition: None,
            nulls_distinct: None,
            message: None,
            code: None,
            unenforced: false,
        }
    }

    /// The name of the constraint or index in the database.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only among rows like this (a partial index).
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Whether NULLs are distinct (SQL's default).
    #[must_use]
    pub fn nulls_distinct(mut self, yes: bool) -> Self {
        self.nulls_distinct = Some(yes);
        self
    }

    /// The message (`violation_error_message`); `{field_names}` is filled in.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The machine code (`violation_error_code`).
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// No index backs it: a query rule, which makes every write of the application serializable.
    #[must_use]
    pub fn unenforced(mut self) -> Self {
        self.unenforced = true;
        self
    }
}

/// Something that is said about a model, with its type left behind.
pub(crate) type Property = Arc<dyn Fn(&Row<'_>) -> Value + Send + Sync>;
