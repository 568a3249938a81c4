//! What a user declares about a model's serializer.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::sea_query::IntoIden;
use sea_orm::{EntityTrait, IdenStatic};

use super::FieldOptions;
use super::declaration::{Declaration, Declared, NestedField, RelatedField, Selection};
use crate::context::Context;
use crate::error::ValidationError;
use crate::fields::{Field, FieldContext};
use crate::model::Row;
use crate::validators::{
    ObjectValidator, QueryValidator, UniqueForValidator, UniqueTogetherValidator, UniqueValidator,
};
use crate::value::{Map, Value};

/// The fields of an entity, its rules and what is said about each, DRF's `ModelSerializer`.
///
/// Without a word more it has all fields, derived from the entity, what is said beside it ([`Model`](crate::model::Model))
/// and the database's catalogue.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let serializer = ModelSerializer::<booking::Entity>::new()
///     .exclude(["note"])
///     .field("room_id", |field| field.help_text("Where."))
///     .validator(UniqueTogetherValidator::new([booking::Column::RoomId, booking::Column::Start]));
/// # let _ = serializer;
/// ```
pub struct ModelSerializer<E: EntityTrait> {
    declaration: Declaration,
    entity: PhantomData<fn() -> E>,
}

impl<E: EntityTrait> ModelSerializer<E> {
    /// All fields (`fields = "__all__"`).
    pub fn new() -> Self {
        let entity = E::default();
        let table = (entity.schema_name().map(str::to_owned), entity.table_name().to_owned());
        ModelSerializer { declaration: Declaration { table, ..Declaration::default() }, entity: PhantomData }
    }

    /// Only these fields, in this order: columns, relations, properties and declared fields by their names, or by the
    /// entity's own constants.
    pub fn fields<N: IntoIden>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.declaration.selection = Selection::List(names.into_iter().map(text).collect());
        self
    }

    /// All fields but these.
    pub fn exclude<N: IntoIden>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.declaration.selection = Selection::Exclude(names.into_iter().map(text).collect());
        self
    }

    /// Shows the rows that relations lead to instead of their keys, so many relations deep (10 at most).
    pub fn depth(mut self, depth: u8) -> Self {
        self.declaration.depth = depth.min(10);
        self
    }

    /// Links instead of keys, `url` before all other fields: DRF's `HyperlinkedModelSerializer`.
    pub fn hyperlinked(mut self) -> Self {
        self.declaration.hyperlinked = true;
        self
    }

    /// Options of one field, DRF's `extra_kwargs`.
    pub fn field(mut self, name: impl IntoIden, say: impl FnOnce(FieldOptions) -> FieldOptions) -> Self {
        let name = text(name);
        let known = self.declaration.options.iter().position(|(n, _)| *n == name);
        let options = known.map(|n| self.declaration.options.remove(n).1).unwrap_or_default();
        self.declaration.options.push((name, say(options)));
        self
    }

    /// These fields are shown and ignored on input.
    pub fn read_only_fields<N: IntoIden>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        for name in names {
            self = self.field(name, |field| field.read_only(true));
        }
        self
    }

    fn with(mut self, declared: Declared) -> Self {
        let known = self.declaration.declared.iter().position(|d| d.name() == declared.name());
        match known {
            Some(n) => self.declaration.declared[n] = declared,
            None => self.declaration.declared.push(declared),
        }
        self
    }

    /// A field of one's own: it reads and writes the column of its name or source, or what a dotted source leads to.
    pub fn declare(self, field: Field) -> Self {
        self.with(Declared::Field(Box::new(field)))
    }

    /// A field that points at other rows.
    pub fn related(self, field: RelatedField) -> Self {
        self.with(Declared::Related(Box::new(field)))
    }

    /// Other rows within this one, by a serializer of their own; see [`NestedField`].
    pub fn nested<C: EntityTrait>(
        self,
        name: impl Into<Cow<'static, str>>,
        serializer: ModelSerializer<C>,
        say: impl FnOnce(NestedField) -> NestedField,
    ) -> Self {
        let field = say(NestedField::new(name.into(), serializer.into_declaration()));
        self.with(Declared::Nested(Box::new(field)))
    }

    /// A value that is worked out from the row, DRF's `SerializerMethodField`.
    pub fn method<V: Into<Value>>(
        self,
        name: impl Into<Cow<'static, str>>,
        method: impl Fn(&Row<'_>, &Context) -> V + Send + Sync + 'static,
    ) -> Self {
        self.with(Declared::Method(name.into(), Arc::new(move |row, cx| method(row, cx).into())))
    }

    /// How many rows a relation to many leads to, counted by the statement that reads the row.
    pub fn count(self, name: impl Into<Cow<'static, str>>, relation: impl Into<String>) -> Self {
        self.with(Declared::Count(name.into(), relation.into()))
    }

    /// A hook after a field's own validation, DRF's `validate_<field>`: it may refuse the value or answer another one.
    pub fn validate_field(
        mut self,
        name: impl IntoIden,
        hook: impl Fn(Value, &FieldContext<'_>) -> Result<Value, ValidationError> + Send + Sync + 'static,
    ) -> Self {
        self.declaration.hooks.push((text(name), Arc::new(hook)));
        self
    }

    /// A hook over the values of the body, DRF's `validate`: it may refuse them or answer others.
    ///
    /// It gets them by the names of their fields once every field is right, before the database is asked; where the body
    /// names rows otherwise than by their bare keys, inside the transaction, once they are found, and then it may run
    /// again where a write is tried again. A relation is the key of its row or the list of keys, rows within the row are
    /// objects or lists of them. Only fields that a body may have can be answered, and it knows no other column: a rule
    /// about the object as it will be is an [`object_validator`](Self::object_validator).
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// let bookings = ModelSerializer::<booking::Entity>::new().validate(|mut values, _| {
    ///     if let (Some(start), None) = (values.get("start").and_then(Value::as_int), values.get("end")) {
    ///         values.insert("end", (start + 1).into());
    ///     }
    ///     Ok(values)
    /// });
    /// # let _ = bookings;
    /// ```
    pub fn validate(
        mut self,
        hook: impl Fn(Map, &FieldContext<'_>) -> Result<Map, ValidationError> + Send + Sync + 'static,
    ) -> Self {
        self.declaration.validate.push(Arc::new(hook));
        self
    }

    /// No other row has this field's value; says how the derived rule is to speak, or declares one.
    pub fn unique(self, name: impl IntoIden, validator: UniqueValidator) -> Self {
        self.field(name, |field| field.unique(validator))
    }

    /// A unique set of fields; the first one declared takes the place of all derived ones.
    pub fn validator(mut self, validator: UniqueTogetherValidator) -> Self {
        self.declaration.together.get_or_insert_default().push(validator);
        self.declaration.unique_for.get_or_insert_default();
        self
    }

    /// A field that is unique for a date; the first one declared takes the place of all derived validators.
    pub fn unique_for(mut self, validator: UniqueForValidator) -> Self {
        self.declaration.unique_for.get_or_insert_default().push(validator);
        self.declaration.together.get_or_insert_default();
        self
    }

    /// No validators but the declared ones (`validators = []`); the constraints stay and answer 400 by themselves.
    pub fn no_derived_validators(mut self) -> Self {
        self.declaration.together.get_or_insert_default();
        self.declaration.unique_for.get_or_insert_default();
        self
    }

    /// A rule about the object as it will be.
    pub fn object_validator(mut self, validator: impl ObjectValidator) -> Self {
        self.declaration.objects.push(Arc::new(validator));
        self
    }

    /// A rule that asks the database.
    pub fn query_validator(mut self, validator: impl QueryValidator) -> Self {
        self.declaration.queries.push(Arc::new(validator));
        self
    }

    /// A column that a new object gets beside what the body says, unless the body says it.
    pub fn on_create(mut self, column: E::Column, value: impl Into<Value>) -> Self {
        self.declaration.on_create.push((IdenStatic::as_str(&column).to_owned(), value.into()));
        self
    }

    /// Whether an empty list of objects is accepted.
    pub fn allow_empty(mut self, yes: bool) -> Self {
        self.declaration.list.allow_empty = yes;
        self
    }

    /// The most objects in one list.
    pub fn max_length(mut self, n: usize) -> Self {
        self.declaration.list.max_length = Some(n);
        self
    }

    /// The fewest objects in one list.
    pub fn min_length(mut self, n: usize) -> Self {
        self.declaration.list.min_length = Some(n);
        self
    }

    /// A rule about a list of objects as a whole, after each of them was right (DRF's `ListSerializer.validate`).
    pub fn validate_list(
        mut self,
        rule: impl Fn(&[Value]) -> Result<(), ValidationError> + Send + Sync + 'static,
    ) -> Self {
        self.declaration.list.rules.push(Arc::new(rule));
        self
    }

    pub(crate) fn into_declaration(self) -> Declaration {
        self.declaration
    }
}

/// The name of a field or a column as text.
fn text(name: impl IntoIden) -> String {
    name.into_iden().inner().into_owned()
}

impl<E: EntityTrait> Clone for ModelSerializer<E> {
    fn clone(&self) -> Self {
        ModelSerializer { declaration: self.declaration.clone(), entity: PhantomData }
    }
}

impl<E: EntityTrait> Default for ModelSerializer<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: EntityTrait> fmt::Debug for ModelSerializer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelSerializer").field("fields", &self.declaration.selection).finish_non_exhaustive()
    }
}
