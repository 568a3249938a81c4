//! What is said about an entity beside the entity, once for all serializers on it: Django's model options.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::sea_query::IntoIden;
use sea_orm::{EntityTrait, IdenStatic, Order, Related, RelationDef};

use super::attributes::Attributes;
use super::condition::Condition;
use super::entity::{self, ModelSource};
use super::row::Row;
use super::{ConstraintMeta, ManyToManyMeta, ModelMeta, OnDelete, OrderMeta, Period, PropertyMeta, UniqueForMeta};
use crate::suggest::candidates;
use crate::value::Value;

/// An entity with Django's model options: labels, choices, ordering, constraints, relations to many.
///
/// What the entity says need not be said again. Columns are named by the entity's own constants, which the compiler
/// checks; where a name is text, the start fails with a sentence if there is no such column.
///
/// ```
/// use bowline::model::{Condition, Model, UniqueConstraint};
/// # use bowline::doc::booking;
/// let booking = Model::<booking::Entity>::new()
///     .ordering(["start", "-id"])
///     .display(|row| format!("{} at {}", row.text(booking::Column::RoomId), row.text(booking::Column::Start)))
///     .column(booking::Column::Note, |note| note.verbose_name("remark").blank())
///     .constraint(
///         UniqueConstraint::new([booking::Column::RoomId])
///             .condition(Condition::is_null(booking::Column::End))
///             .name("booking_open_room")
///             .message("The room is taken."),
///     );
/// # let _ = booking;
/// ```
///
/// A router is told by `DefaultRouter::describe`, once for all view sets on the entity.
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

    /// The model's name in messages, Django's class name; by default the entity's module in camel case.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.source.meta.name = name.into();
        self
    }

    /// The model's name for people, singular; by default its name in small letters.
    pub fn verbose_name(mut self, name: impl Into<String>) -> Self {
        self.source.meta.verbose_name = Some(name.into());
        self
    }

    /// The model's name for people, plural; by default with an `s`.
    pub fn verbose_name_plural(mut self, name: impl Into<String>) -> Self {
        self.source.meta.verbose_name_plural = Some(name.into());
        self
    }

    /// The Django application that the model belongs to, the first half of a permission's name (`library.add_book`); by
    /// default what stands before the model's name in that of the table.
    pub fn app_label(mut self, label: impl Into<String>) -> Self {
        self.source.meta.app_label = Some(label.into());
        self
    }

    /// The order of lists: columns, as text descending with `-` before them; by default that of the key.
    pub fn ordering<C: IntoIden>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        for column in columns {
            let column = column.into_iden().inner();
            let (name, descending) = column.strip_prefix('-').map_or((&*column, false), |name| (name, true));
            match Condition::position(&self.source.meta, name) {
                Some(n) => self.source.meta.ordering.push((n, descending).into()),
                None => {
                    let known = candidates(name, self.source.meta.columns.iter().map(|column| column.name.as_str()));
                    self.mistake(format!("cannot order by {name}: no such column.{known}"));
                }
            }
        }
        self
    }

    /// The order of lists by a column of the row that a foreign key points to, Django's `author__name`; it comes after
    /// what was said before.
    ///
    /// ```
    /// use bowline::model::Model;
    /// # use bowline::doc::{author, book};
    /// use sea_orm::Order;
    /// let book = Model::<book::Entity>::new()
    ///     .ordering_by::<author::Entity>(book::Column::AuthorId, author::Column::LastName, Order::Asc)
    ///     .ordering(["-id"]);
    /// # assert!(book.meta().ordering[0].through.as_deref() == Some("last_name") && book.meta().ordering[1].descending);
    /// ```
    pub fn ordering_by<T: EntityTrait>(mut self, key: E::Column, column: T::Column, order: Order) -> Self {
        let (own, to) = (IdenStatic::as_str(&key), T::default());
        let meta = &mut self.source.meta;
        let position = Condition::position(meta, own);
        let is_key = |n: &usize| {
            meta.relations.iter().any(|relation| relation.columns == [*n] && relation.to_table == to.table_name())
        };
        match position.filter(is_key) {
            Some(column_here) => meta.ordering.push(OrderMeta {
                column: column_here,
                through: Some(IdenStatic::as_str(&column).to_owned()),
                descending: matches!(order, Order::Desc),
            }),
            None => {
                let mistake = format!("cannot order by way of {own}, which does not point to {}.", to.table_name());
                self.mistake(mistake);
            }
        }
        self
    }

    /// The row as text, Django's `__str__`; by default `Booking object (7)`.
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

    /// What is said about a column; a second word adds to the first.
    pub fn column(mut self, column: E::Column, say: impl FnOnce(Attributes) -> Attributes) -> Self {
        let name = IdenStatic::as_str(&column);
        if let Some(n) = self.source.meta.column(name) {
            let column = &mut self.source.meta.columns[n];
            column.attributes = say(std::mem::take(&mut column.attributes));
            column.has_default |= column.is_filled();
            if column.attributes.format == Some(super::Format::Duration) {
                column.kind = super::ColumnKind::Duration;
            }
        }
        self
    }

    /// What is said about a foreign key; its names for people are said with [`column`](Model::column).
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
                relation.limit_choices_to = said.limit_choices_to.or(relation.limit_choices_to.take());
            }
            None => self.mistake(format!("{name} is not a foreign key.")),
        }
        self
    }

    /// A relation to many rows of another entity, by way of the join table that the entities name
    /// (`#[sea_orm(has_many, via = "…")]`), Django's `ManyToManyField`.
    ///
    /// ```
    /// use bowline::model::Model;
    /// # use bowline::doc::{book, tag};
    /// let book = Model::<book::Entity>::new()
    ///     .many_to_many::<tag::Entity>("tags", |tags| tags.related_name("books").blank());
    /// # let _ = book;
    /// ```
    pub fn many_to_many<T: EntityTrait>(
        mut self,
        name: impl Into<String>,
        say: impl FnOnce(ManyToMany) -> ManyToMany,
    ) -> Self
    where
        E: Related<T>,
    {
        let name = name.into();
        match Join::of(E::via(), &E::to()) {
            Some(join) => self.source.meta.many_to_many.push(join.meta::<T>(name, say(ManyToMany::default()))),
            None => self.mistake(format!(
                "{name} does not lead to {} by way of a join table with one column for each; name them with \
                 .many_to_many_through(…).",
                T::default().table_name(),
            )),
        }
        self
    }

    /// The same by way of a join entity `J` and its columns: the one that points here, the one that points to `T`.
    ///
    /// For a relation of an entity to itself, or where two relations lead to the same entity.
    pub fn many_to_many_through<T: EntityTrait, J: EntityTrait>(
        mut self,
        name: impl Into<String>,
        from: J::Column,
        to: J::Column,
        say: impl FnOnce(ManyToMany) -> ManyToMany,
    ) -> Self {
        let through = J::default();
        let join = Join {
            schema: through.schema_name().map(str::to_owned),
            table: through.table_name().to_owned(),
            from_column: IdenStatic::as_str(&from).to_owned(),
            to_column: IdenStatic::as_str(&to).to_owned(),
        };
        self.source.meta.many_to_many.push(join.meta::<T>(name.into(), say(ManyToMany::default())));
        self
    }

    /// A unique constraint with its condition and its words (Django's `UniqueConstraint`).
    ///
    /// The entity says nothing of constraints with conditions; the database has them, here they get their message.
    pub fn constraint(mut self, constraint: UniqueConstraint) -> Self {
        let mut columns = Vec::new();
        let condition = constraint.condition.iter().flat_map(Condition::columns).map(str::to_owned);
        for name in constraint.columns.iter().cloned().chain(condition) {
            match Condition::position(&self.source.meta, &name) {
                Some(n) if columns.len() < constraint.columns.len() => columns.push(n),
                Some(_) => {}
                None => {
                    let known = candidates(&name, self.source.meta.columns.iter().map(|column| column.name.as_str()));
                    self.mistake(format!("a unique constraint over {name}: no such column.{known}"));
                }
            }
        }
        self.source.meta.constraints.push(ConstraintMeta {
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

    /// The words of a CHECK constraint or an index over expressions, by its name, or of a trigger, by the text of its `RAISE`:
    /// answered with 400 when it stops a write.
    pub fn check(mut self, name: impl Into<String>, message: impl Into<String>) -> Self {
        self.source.meta.check_messages.push((name.into(), message.into()));
        self
    }

    /// A column is unique among the rows of the same day, Django's `unique_for_date`.
    ///
    /// No index of a database can say so: it is a query rule, which makes every write of the application serializable.
    pub fn unique_for_date(self, column: E::Column, date: E::Column) -> Self {
        self.unique_for(column, date, Period::Date)
    }

    /// A column is unique among the rows of the same month, of whatever year, Django's `unique_for_month`; a query rule.
    pub fn unique_for_month(self, column: E::Column, date: E::Column) -> Self {
        self.unique_for(column, date, Period::Month)
    }

    /// A column is unique among the rows of the same year, Django's `unique_for_year`; a query rule.
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

    /// What is known of the model by now, before the database's catalogue was read.
    pub fn meta(&self) -> &ModelMeta {
        &self.source.meta
    }

    fn mistake(&mut self, what: String) {
        self.mistakes.push(format!("{}: {what}", self.source.meta.name));
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

/// A join table and its two columns.
struct Join {
    schema: Option<String>,
    table: String,
    from_column: String,
    to_column: String,
}

impl Join {
    /// From SeaORM's two halves of the way: from here to the join table, from there to the target.
    fn of(via: Option<RelationDef>, to: &RelationDef) -> Option<Join> {
        let via = via?;
        let (schema, table) = entity::table_name(&via.to_tbl)?;
        let (from, to) = (entity::names(&via.to_col), entity::names(&to.from_col));
        match (&from[..], &to[..]) {
            ([from], [to]) => Some(Join { schema, table, from_column: from.clone(), to_column: to.clone() }),
            _ => None,
        }
    }

    fn meta<T: EntityTrait>(self, name: String, said: ManyToMany) -> ManyToManyMeta {
        let to = T::default();
        ManyToManyMeta {
            name,
            to_schema: to.schema_name().map(str::to_owned),
            to_table: to.table_name().to_owned(),
            schema: self.schema,
            table: self.table,
            from_column: self.from_column,
            to_column: self.to_column,
            through_model: said.through_model,
            related_name: said.related_name,
            blank: said.blank,
            verbose_name: said.verbose_name,
            help_text: said.help_text,
        }
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
    through_model: bool,
    related_name: Option<String>,
    blank: bool,
    verbose_name: Option<String>,
    help_text: Option<String>,
}

impl ManyToMany {
    /// Its join table is a model of its own, Django's `through`: serializers show the relation and do not write it, unless
    /// they declare a field of their own for it.
    ///
    /// A join table with further columns is one without being called so.
    #[must_use]
    pub fn through_model(mut self) -> Self {
        self.through_model = true;
        self
    }

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
    pub fn verbose_name(mut self, name: impl Into<String>) -> Self {
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
    columns: Vec<String>,
    name: Option<String>,
    condition: Option<Condition>,
    nulls_distinct: Option<bool>,
    message: Option<String>,
    code: Option<String>,
    unenforced: bool,
}

impl UniqueConstraint {
    /// Over these columns.
    pub fn new<C: IntoIden>(columns: impl IntoIterator<Item = C>) -> Self {
        UniqueConstraint {
            columns: columns.into_iter().map(|column| column.into_iden().to_string()).collect(),
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

#[cfg(test)]
mod tests;
