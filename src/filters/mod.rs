//! Which rows of a list a request wants, by the parameters of its address.
//!
//! A [`FilterBackend`] changes what is read: [`SearchFilter`] (`?search=`), [`OrderingFilter`] (`?ordering=`) and
//! [`DjangoFilterBackend`] with the [`FilterSet`] of a view set. What a request may name is declared; a name that no
//! field has is refused when the router is built. The values of a request are bound to statements, and never part of
//! their text.
//!
//! As in DRF the backends hold for single objects too: one that they leave out is a 404. See DRF's chapter "Filtering".

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::context::Context;
use crate::error::{Error, Result, ValidationError};
use crate::heavy;
use crate::model::{Condition, ModelMeta};
use crate::store::plan::{Filter, Listing, Order};
use crate::store::{Database, Dialect};
use crate::value::Value;

mod bound;
mod field;
mod form;
mod lookup;
mod ordering;
mod path;
mod reading;
mod scope;
mod search;
mod set;

pub use field::FieldFilter;
pub use ordering::OrderingFilter;
pub use scope::{IntoScope, Scope};
pub use search::SearchFilter;
pub use set::{DjangoFilterBackend, FilterSet};

use path::Models;
use reading::Late;

/// Changes which rows a request reads, and in which order: DRF's `BaseFilterBackend`.
///
/// ```
/// use bowline::error::ValidationError;
/// use bowline::filters::{FilterBackend, Queryset};
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
///
/// #[derive(Debug)]
/// struct Early;
///
/// #[bowline::async_trait]
/// impl FilterBackend for Early {
///     async fn filter_queryset(&self, request: &Context, queryset: &mut Queryset<'_>) -> bowline::Result<()> {
///         let Some(hour) = request.query_param("before") else { return Ok(()) };
///         let hour: i64 = hour.parse().map_err(|_| ValidationError::field("before", ErrorDetail::from("Not a number.")))?;
///         queryset.filter(Condition::lt(booking::Column::Start, hour))
///     }
/// }
/// let bookings = ModelViewSet::<booking::Entity>::new().filter_backend(Early);
/// # let _ = bookings;
/// ```
#[async_trait]
pub trait FilterBackend: Send + Sync + fmt::Debug {
    /// Looks up what it needs of a view when the router is built, and takes its own place with that; by default it stays
    /// as it is.
    ///
    /// # Errors
    ///
    /// Sentences that say what is wrong with the view's declarations.
    fn bind(&self, view: &FilterView<'_>) -> Result<Option<Arc<dyn FilterBackend>>, Vec<String>> {
        let _ = view;
        Ok(None)
    }

    /// Changes what a request reads.
    ///
    /// # Errors
    ///
    /// 400 for a parameter that is wrong.
    async fn filter_queryset(&self, request: &Context, queryset: &mut Queryset<'_>) -> Result<()>;
}

/// Which rows a request may see.
type GetQueryset = dyn Fn(&Context) -> Result<Scope> + Send + Sync;

/// What a view set declares about filters.
#[derive(Clone, Default)]
pub(crate) struct Declared {
    pub(crate) backends: Option<Vec<Arc<dyn FilterBackend>>>,
    pub(crate) filterset: Option<FilterSet>,
    pub(crate) search_fields: Vec<String>,
    pub(crate) ordering_fields: OrderingFields,
    pub(crate) queryset: Option<Arc<GetQueryset>>,
    pub(crate) parents: Vec<Parent>,
}

/// What a view set is nested in: a value of the path, and the lookup that finds its rows.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    pub(crate) kwarg: String,
    pub(crate) lookup: String,
}

impl Parent {
    /// The field of bodies that it is; none where it is further away.
    pub(crate) fn field(&self) -> Option<&str> {
        let (field, rest) = self.lookup.split_once("__").unwrap_or((&self.lookup, ""));
        (!rest.contains("__")).then_some(field)
    }
}

/// What rows may be ordered by.
#[derive(Clone, Debug, Default)]
pub(crate) enum OrderingFields {
    /// The fields that the serializer shows.
    #[default]
    Serializer,
    /// All columns.
    All,
    These(Vec<String>),
}

/// A view as a filter backend sees it when the router is built.
#[derive(Debug)]
pub struct FilterView<'a> {
    pub(crate) model: &'a Arc<ModelMeta>,
    pub(crate) models: Models,
    pub(crate) dialect: Dialect,
    pub(crate) filterset: Option<&'a FilterSet>,
    pub(crate) search_fields: &'a [String],
    pub(crate) ordering_fields: &'a OrderingFields,
    /// Which declarations a backend has looked at.
    pub(crate) read: Read,
    /// The sources of the fields that the serializer shows.
    pub(crate) shown: Vec<String>,
}

/// Which declarations of a view some filter backend has looked at.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) filterset: Cell<bool>,
    pub(crate) search_fields: Cell<bool>,
    pub(crate) ordering_fields: Cell<bool>,
}

impl FilterView<'_> {
    /// The model whose rows it serves.
    pub fn model(&self) -> &ModelMeta {
        self.model
    }

    /// Which SQL the database speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The view's `search_fields`.
    pub fn search_fields(&self) -> &[String] {
        self.read.search_fields.set(true);
        self.search_fields
    }
}

/// What a request reads so far: rows of a model, narrowed and ordered.
#[derive(Debug)]
pub struct Queryset<'a> {
    bound: &'a Bound,
    database: Database,
    listing: Listing,
    /// Whether there are regular expressions that nobody has compiled yet.
    unchecked: bool,
    /// What is only known once the list was read; none where that has to be known before.
    late: Option<Vec<Late>>,
}

impl Queryset<'_> {
    /// Only rows like this.
    ///
    /// # Errors
    ///
    /// 500 where the model has no such column.
    pub fn filter(&mut self, condition: Condition) -> Result<()> {
        let filter = self.bound.condition(&condition)?;
        self.listing.filters.push(filter);
        Ok(())
    }

    /// Only rows unlike this; a value that is NULL is unlike any.
    ///
    /// # Errors
    ///
    /// As [`filter`](Self::filter).
    pub fn exclude(&mut self, condition: Condition) -> Result<()> {
        let filter = self.bound.condition(&condition)?;
        self.listing.filters.push(Filter::Exclude(Box::new(filter)));
        Ok(())
    }

    /// No row.
    pub fn none(&mut self) {
        self.listing.filters.push(Filter::nothing());
    }

    /// Only rows whose field compares so with a value, by Django's lookups: `author__last_name__icontains`.
    ///
    /// # Errors
    ///
    /// 500 where there is no such field or lookup, 400 for a value of another kind than the field's.
    pub fn lookup(&mut self, path: &str, value: impl Into<Value>) -> Result<()> {
        let Bound { model, models, database, .. } = self.bound;
        let resolved = models.resolve(model, path).map_err(Error::internal)?;
        let found = resolved.compare_later(database.dialect(), &value.into());
        let filter = found.map_err(|refused| ValidationError::from(refused.detail()))?;
        self.unchecked |= resolved.expression.lookup.is_pattern();
        self.listing.filters.push(filter);
        Ok(())
    }

    /// In this order: field names, descending with `-` before them.
    ///
    /// # Errors
    ///
    /// 500 where there is no such field.
    pub fn order_by<'a>(&mut self, fields: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut order = Vec::new();
        for field in fields {
            let found = ordering::orders(&self.bound.models, &self.bound.model, field);
            order.extend(found.map_err(Error::internal)?);
        }
        self.listing.order = Some(order);
        Ok(())
    }

    /// In an order that is resolved already.
    pub(crate) fn set_order(&mut self, order: Vec<Order>) {
        self.listing.order = Some(order);
    }

    /// A filter that is resolved already.
    pub(crate) fn push(&mut self, filter: Filter) {
        self.listing.filters.push(filter);
    }

    /// Every row once, even where a filter finds it several times over a relation to many.
    pub fn distinct(&mut self) {
        self.listing.distinct = true;
    }

    /// The model whose rows are read.
    pub fn model(&self) -> &ModelMeta {
        &self.bound.model
    }

    /// The database, for a backend that has to ask it.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What is read so far.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }
}

/// The filters of a view, built.
pub(crate) struct Bound {
    model: Arc<ModelMeta>,
    models: Models,
    database: Database,
    backends: Vec<Arc<dyn FilterBackend>>,
    queryset: Option<Arc<GetQueryset>>,
    parents: Vec<Parent>,
}

impl Bound {
    /// Builds the filters of a view.
    ///
    /// # Errors
    ///
    /// Sentences that say what to change.
    pub(crate) fn new(
        declared: &Declared,
        defaults: &[Arc<dyn FilterBackend>],
        model: &Arc<ModelMeta>,
        models: &[Arc<ModelMeta>],
        shown: Vec<String>,
        database: Database,
    ) -> Result<Self, Vec<String>> {
        let models = Models(models.into());
        let view = FilterView {
            model,
            models: models.clone(),
            dialect: database.dialect(),
            filterset: declared.filterset.as_ref(),
            search_fields: &declared.search_fields,
            ordering_fields: &declared.ordering_fields,
            read: Read::default(),
            shown,
        };
        let (mut backends, mut mistakes) = (Vec::new(), Vec::new());
        for backend in declared.backends.as_deref().unwrap_or(defaults) {
            match backend.bind(&view) {
                Ok(bound) => backends.push(bound.unwrap_or_else(|| Arc::clone(backend))),
                Err(found) => mistakes.extend(found),
            }
        }
        mistakes.extend(declared.without_backend(&view));
        mistakes.extend(declared.parents.iter().filter_map(|parent| models.resolve(model, &parent.lookup).err()));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let (queryset, parents) = (declared.queryset.clone(), declared.parents.clone());
        Ok(Bound { model: Arc::clone(model), models, database, backends, queryset, parents })
    }

    /// Whether every request reads the same.
    pub(crate) fn is_empty(&self) -> bool {
        self.backends.is_empty() && self.queryset.is_none() && self.parents.is_empty()
    }

    fn condition(&self, condition: &Condition) -> Result<Filter> {
        if let Some(mistake) = self.model.unknown_in(condition) {
            return Err(Error::internal(mistake));
        }
        Filter::of(condition, &self.model).ok_or_else(|| {
            let columns = condition.columns().join(", ");
            Error::internal(format!("{} lacks one of the columns {columns} that a filter names", self.model.name))
        })
    }

    /// What a request reads.
    ///
    /// # Errors
    ///
    /// 400 for parameters that a backend refuses, 503 where others take the database's time for as long as one may wait; what
    /// `get_queryset` answers instead of rows.
    pub(crate) async fn listing(&self, request: &Context) -> Result<Listing> {
        self.read(request, None).await.map(|(listing, _)| listing)
    }

    /// The same for a list. It finds no row where a row that a parameter names is not there: whoever reads none has to
    /// [`settle`](Settling::settle) why.
    ///
    /// # Errors
    ///
    /// As [`listing`](Self::listing).
    pub(crate) async fn listing_of_list(&self, request: &Context) -> Result<(Listing, Settling)> {
        self.read(request, Some(Vec::new())).await
    }

    async fn read(&self, request: &Context, late: Option<Vec<Late>>) -> Result<(Listing, Settling)> {
        let database = self.database.until(request.deadline());
        let mut queryset = Queryset { bound: self, database, listing: Listing::default(), unchecked: false, late };
        if let Some(scope) = &self.queryset {
            match scope(request)? {
                Scope::All => {}
                Scope::Filter(condition) => queryset.filter(condition)?,
                Scope::None => queryset.none(),
            }
        }
        for Parent { kwarg, lookup } in &self.parents {
            let value = request.kwarg(kwarg).ok_or_else(Error::http404)?;
            // what no row can have is no row
            queryset.lookup(lookup, value).map_err(|error| match error {
                Error::Validation(_) => Error::http404(),
                other => other,
            })?;
        }
        for backend in &self.backends {
            let filtered = backend.filter_queryset(request, &mut queryset).await;
            if filtered.is_err() {
                // the backends before it come first
                let late = queryset.late.take().unwrap_or_default();
                Settling { late, database: queryset.database.clone() }.settle().await?;
            }
            filtered?;
        }
        let Queryset { listing, unchecked, late, database, .. } = queryset;
        let settling = Settling { late: late.unwrap_or_default(), database };
        if unchecked {
            heavy::begin().await;
            let checked = listing.filters.iter().try_for_each(lookup::check_pattern);
            if let Err(refused) = checked {
                settling.settle().await?;
                return Err(ValidationError::from(refused.detail()).into());
            }
        }
        if listing.is_costly() {
            heavy::search().await?;
        }
        Ok((listing, settling))
    }
}

/// What is to be known of a request's filters where a list has no rows.
#[derive(Debug)]
pub(crate) struct Settling {
    late: Vec<Late>,
    database: Database,
}

impl Settling {
    /// Asks for the rows that parameters name.
    ///
    /// # Errors
    ///
    /// 400 where one is not there.
    pub(crate) async fn settle(&self) -> Result<()> {
        let mut errors = ValidationError::fields();
        for late in &self.late {
            if let Some(error) = late.settle(&self.database).await? {
                errors.insert(late.filter.clone(), error);
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
    }
}

impl Declared {
    /// What no backend looks at, which would do nothing; what is wrong with it is told all the same.
    fn without_backend(&self, view: &FilterView<'_>) -> Vec<String> {
        let mut mistakes = Vec::new();
        let mut unread = |read: &Cell<bool>, what: &str, backend: &dyn FilterBackend, name: &str| {
            if !read.get() {
                mistakes.push(format!(
                    "{}: {what} is declared, and no filter backend reads it: add .filter_backend({name}::new()), or name {name} in \
                     Settings::filter_backends.",
                    view.model.name
                ));
                mistakes.extend(backend.bind(view).err().unwrap_or_default());
            }
        };
        if self.filterset.is_some() {
            unread(&view.read.filterset, "a filterset", &DjangoFilterBackend::new(), "DjangoFilterBackend");
        }
        if !self.search_fields.is_empty() {
            unread(&view.read.search_fields, "search_fields", &SearchFilter::new(), "SearchFilter");
        }
        if !matches!(self.ordering_fields, OrderingFields::Serializer) {
            unread(&view.read.ordering_fields, "ordering_fields", &OrderingFilter::new(), "OrderingFilter");
        }
        mistakes
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filters").field("backends", &self.backends).finish_non_exhaustive()
    }
}

impl fmt::Debug for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filters").field("backends", &self.backends).finish_non_exhaustive()
    }
}
