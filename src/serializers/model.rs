//! What a user declares about a model's serializer.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use sea_orm::{EntityTrait, IdenStatic};

use super::FieldOptions;
use crate::validators::{ObjectValidator, QueryValidator, UniqueTogetherValidator};

/// The fields of an entity, its rules and what is said about each, DRF's `ModelSerializer`.
///
/// Without a word more it has all fields, derived from the entity and the database's catalogue.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let serializer = ModelSerializer::<booking::Entity>::new()
///     .exclude([booking::Column::Note])
///     .field(booking::Column::RoomId, |field| field.help_text("Where."))
///     .validator(UniqueTogetherValidator::new([booking::Column::RoomId, booking::Column::Start]));
/// ```
pub struct ModelSerializer<E: EntityTrait> {
    declaration: Declaration,
    entity: PhantomData<fn() -> E>,
}

/// The declaration without its types, by the columns' names in the database.
#[derive(Clone, Default)]
pub(crate) struct Declaration {
    pub(super) selection: Selection,
    pub(super) options: Vec<(String, FieldOptions)>,
    pub(super) together: Option<Vec<UniqueTogetherValidator>>,
    pub(super) objects: Vec<Arc<dyn ObjectValidator>>,
    pub(super) queries: Vec<Arc<dyn QueryValidator>>,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Selection {
    #[default]
    All,
    List(Vec<String>),
    Exclude(Vec<String>),
}

impl Declaration {
    /// Whether a rule is declared that reads other rows.
    pub(crate) fn has_query_rules(&self) -> bool {
        !self.queries.is_empty()
            || self.together.iter().flatten().any(|t| t.unenforced)
            || self.options.iter().any(|(_, o)| o.unique.as_ref().is_some_and(|u| u.unenforced))
    }
}

impl Declaration {
    /// Whether a rule over exactly these columns is declared as unenforced.
    pub(crate) fn calls_unenforced(&self, columns: &[String]) -> bool {
        let together = self.together.iter().flatten().filter(|t| t.unenforced).map(|t| t.columns.as_slice());
        let single = self.options.iter().filter(|(_, o)| o.unique.as_ref().is_some_and(|u| u.unenforced));
        let same = |own: &[String]| own.len() == columns.len() && own.iter().all(|c| columns.contains(c));
        together.chain(single.map(|(name, _)| std::slice::from_ref(name))).any(same)
    }
}

impl<E: EntityTrait> ModelSerializer<E> {
    /// All fields (`fields = "__all__"`).
    pub fn new() -> Self {
        ModelSerializer { declaration: Declaration::default(), entity: PhantomData }
    }

    /// Only these fields, in this order.
    pub fn fields(mut self, columns: impl IntoIterator<Item = E::Column>) -> Self {
        self.declaration.selection = Selection::List(names::<E>(columns));
        self
    }

    /// All fields but these.
    pub fn exclude(mut self, columns: impl IntoIterator<Item = E::Column>) -> Self {
        self.declaration.selection = Selection::Exclude(names::<E>(columns));
        self
    }

    /// Options of one field.
    pub fn field(mut self, column: E::Column, say: impl FnOnce(FieldOptions) -> FieldOptions) -> Self {
        let name = IdenStatic::as_str(&column).to_owned();
        let known = self.declaration.options.iter().position(|(n, _)| *n == name);
        let options = known.map(|n| self.declaration.options.remove(n).1).unwrap_or_default();
        self.declaration.options.push((name, say(options)));
        self
    }

    /// These fields are shown and ignored on input.
    pub fn read_only_fields(mut self, columns: impl IntoIterator<Item = E::Column>) -> Self {
        for column in columns {
            self = self.field(column, |field| field.read_only(true));
        }
        self
    }

    /// A unique set of fields; the first one declared takes the place of all derived ones.
    pub fn validator(mut self, validator: UniqueTogetherValidator) -> Self {
        self.declaration.together.get_or_insert_default().push(validator);
        self
    }

    /// No unique sets but the declared ones (`validators = []`); the constraints stay and answer 400 by themselves.
    pub fn no_derived_validators(mut self) -> Self {
        self.declaration.together.get_or_insert_default();
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

    pub(crate) fn into_declaration(self) -> Declaration {
        self.declaration
    }
}

fn names<E: EntityTrait>(columns: impl IntoIterator<Item = E::Column>) -> Vec<String> {
    columns.into_iter().map(|c| IdenStatic::as_str(&c).to_owned()).collect()
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
