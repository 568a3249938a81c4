//! `perform_create`, `perform_update` and `perform_destroy`, inside the open transaction.

use std::fmt;
use std::marker::PhantomData;

use async_trait::async_trait;
use sea_orm::EntityTrait;

use super::instance::{Deleting, Instance};
use super::save::{Save, Saving};
use crate::error::Result;

/// What a view set does around its writes, DRF's `perform_*` hooks.
///
/// Each runs inside the open transaction, after validation, with the row locked: what it reads and writes through
/// [`Save::tx`] is committed with the row or not at all. A conflict with another transaction replays the whole, so a
/// hook may run several times for one request: effects outside the database do not belong into it, but into
/// [`Save::on_commit`].
///
/// It is a hook of one entity, so that another entity's column, or a view set of another entity, does not compile.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
///
/// struct Numbered;
///
/// #[bowline::async_trait]
/// impl ViewSetHooks<booking::Entity> for Numbered {
///     async fn perform_create(&self, save: &mut Save<'_, booking::Entity>) -> bowline::Result<()> {
///         let before = booking::Entity::find().count(save.tx()).await?;
///         save.set(booking::COLUMN.note, format!("number {}", before + 1));
///         save.save().await
///     }
/// }
/// ```
///
/// A hook of any entity has a parameter: `impl<E: EntityTrait> ViewSetHooks<E> for Audited`.
///
/// Neither a hook of another entity compiles, nor another entity's column in a hook, nor text for a number:
///
/// ```compile_fail,E0277
/// use bowline::doc::{author, booking};
/// use bowline::prelude::*;
///
/// struct Signed;
///
/// #[bowline::async_trait]
/// impl ViewSetHooks<author::Entity> for Signed {}
///
/// let bookings = ModelViewSet::<booking::Entity>::new().hooks(Signed);
/// ```
///
/// ```compile_fail,E0277
/// use bowline::doc::{author, booking};
/// use bowline::prelude::*;
///
/// fn sign(save: &mut Save<'_, booking::Entity>) {
///     save.set(author::Column::FirstName, "Ada");
/// }
/// ```
///
/// ```compile_fail
/// use bowline::doc::booking;
/// use bowline::prelude::*;
///
/// fn begin(save: &mut Save<'_, booking::Entity>) {
///     save.set(booking::COLUMN.start, "nine");
/// }
/// ```
///
/// # Errors
///
/// A hook's [`ValidationError`](crate::error::ValidationError) is answered with 400 and rolls everything back; an error
/// of the database by its own kind; a panic with 500.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook of `{E}`",
    label = "does not implement `ViewSetHooks<{E}>`",
    note = "write `#[bowline::async_trait] impl ViewSetHooks<…::Entity> for …` for the entity of the view set"
)]
pub trait ViewSetHooks<E: EntityTrait>: Send + Sync + 'static {
    /// Saves a new object.
    async fn perform_create(&self, save: &mut Save<'_, E>) -> Result<()> {
        save.save().await
    }

    /// Saves the changes of an object.
    async fn perform_update(&self, save: &mut Save<'_, E>) -> Result<()> {
        save.save().await
    }

    /// Deletes an object.
    async fn perform_destroy(&self, instance: &mut Instance<'_, E>) -> Result<()> {
        instance.delete().await
    }
}

impl<E: EntityTrait> fmt::Debug for dyn ViewSetHooks<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ViewSetHooks")
    }
}

/// Hooks without their entity, as the engine calls them.
#[async_trait]
pub(crate) trait Hooks: Send + Sync {
    /// Saves a new object, or the changes of one.
    async fn save<'a>(&self, saving: Saving<'a>) -> (Saving<'a>, Result<()>);

    /// Deletes an object.
    async fn destroy<'a>(&self, deleting: Deleting<'a>) -> (Deleting<'a>, Result<()>);
}

impl fmt::Debug for dyn Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// Hooks of an entity.
pub(super) struct Of<E, H> {
    hooks: H,
    entity: PhantomData<fn() -> E>,
}

impl<E: EntityTrait, H: ViewSetHooks<E>> Of<E, H> {
    pub(super) fn new(hooks: H) -> Self {
        Of { hooks, entity: PhantomData }
    }
}

#[async_trait]
impl<E: EntityTrait, H: ViewSetHooks<E>> Hooks for Of<E, H> {
    async fn save<'a>(&self, saving: Saving<'a>) -> (Saving<'a>, Result<()>) {
        let is_new = saving.is_new();
        let mut save = Save::<E>::new(saving);
        let outcome = match is_new {
            true => self.hooks.perform_create(&mut save).await,
            false => self.hooks.perform_update(&mut save).await,
        };
        (save.into_inner(), outcome)
    }

    async fn destroy<'a>(&self, deleting: Deleting<'a>) -> (Deleting<'a>, Result<()>) {
        let mut instance = Instance::<E>::new(deleting);
        let outcome = self.hooks.perform_destroy(&mut instance).await;
        (instance.into_inner(), outcome)
    }
}
