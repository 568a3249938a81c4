//! Filters by declared parameters, django-filter's `FilterSet`.

use std::sync::Arc;

use async_trait::async_trait;

use super::bound::BoundFilter;
use super::field::FieldFilter;
use super::reading::Said;
use super::{FilterBackend, FilterView, Queryset};
use crate::context::Context;
use crate::error::{Result, ValidationError};
use crate::heavy;
use crate::suggest::repeated;
use crate::value::query::parameters;

/// What a list may be filtered by, django-filter's `FilterSet`.
///
/// | declared | parameter |
/// |---|---|
/// | [`fields`](Self::fields)`(["kind"])` | `?kind=a` |
/// | [`lookups`](Self::lookups)`("price", ["lt", "gt"])` | `?price__lt=5&price__gt=1` |
/// | [`filter`](Self::filter)`("cheap", …)` | `?cheap=true`, as the [`FieldFilter`] says |
///
/// ```
/// use bowline::filters::{DjangoFilterBackend, FieldFilter, FilterSet};
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let bookings = ModelViewSet::<booking::Entity>::new().filter_backend(DjangoFilterBackend::new()).filterset(
///     FilterSet::new()
///         .fields(["room"])
///         .lookups("start", ["exact", "gte", "lt"])
///         .filter("note", FieldFilter::char().lookup("icontains")),
/// );
/// # let _ = bookings;
/// ```
#[derive(Clone, Debug, Default)]
pub struct FilterSet {
    derived: Vec<(String, FieldFilter)>,
    declared: Vec<(String, FieldFilter)>,
    django: bool,
}

impl FilterSet {
    /// No filters yet; truth values and points in time are read as `django_filters.rest_framework` reads them.
    pub fn new() -> Self {
        FilterSet::default()
    }

    /// The same as `django_filters.FilterSet` has it: truth values by Django's own widget (`true`, `True`, `2`), points in
    /// time of derived filters by Django's formats too.
    pub fn django() -> Self {
        FilterSet { django: true, ..FilterSet::default() }
    }

    /// Filters for equality by fields, django-filter's `Meta.fields` as a list.
    pub fn fields<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        for name in names {
            self = self.lookups(name, ["exact"]);
        }
        self
    }

    /// Filters by a field, one for each lookup, django-filter's `Meta.fields` as a dictionary.
    pub fn lookups<'a>(mut self, field: &str, lookups: impl IntoIterator<Item = &'a str>) -> Self {
        for lookup in lookups {
            let name = format!("{field}__{lookup}");
            let name = name.strip_suffix("__exact").unwrap_or(&name).to_owned();
            let filter = FieldFilter { field: Some(field.to_owned()), ..FieldFilter::derived() };
            self.derived.push((name, filter.lookup(lookup)));
        }
        self
    }

    /// A filter under a name.
    pub fn filter(mut self, name: impl Into<String>, filter: FieldFilter) -> Self {
        self.declared.push((name.into(), filter));
        self
    }

    /// The names that are declared more than once; one that is declared may replace one that is derived.
    fn repeated(&self) -> Vec<String> {
        let names =
            |filters: &[(String, FieldFilter)]| filters.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let (derived, declared) = (names(&self.derived), names(&self.declared));
        repeated(&derived).chain(repeated(&declared)).cloned().collect()
    }

    /// All of them in order; what is declared takes the place of what is derived.
    fn all(&self) -> Vec<(&String, &FieldFilter)> {
        let mut all: Vec<(&String, &FieldFilter)> = self.derived.iter().map(|(name, filter)| (name, filter)).collect();
        for (name, filter) in &self.declared {
            match all.iter().position(|(known, _)| *known == name) {
                Some(n) => all[n].1 = filter,
                None => all.push((name, filter)),
            }
        }
        all
    }
}

/// Filters by the view's [`FilterSet`], django-filter's backend for DRF.
#[derive(Clone, Debug, Default)]
pub struct DjangoFilterBackend {
    _private: (),
}

impl DjangoFilterBackend {
    /// By what the view declares; nothing where it declares nothing.
    pub fn new() -> Self {
        DjangoFilterBackend::default()
    }
}

impl From<DjangoFilterBackend> for Arc<dyn FilterBackend> {
    fn from(backend: DjangoFilterBackend) -> Self {
        Arc::new(backend)
    }
}

#[async_trait]
impl FilterBackend for DjangoFilterBackend {
    fn bind(&self, view: &FilterView<'_>) -> Result<Option<Arc<dyn FilterBackend>>, Vec<String>> {
        view.read.filterset.set(true);
        let Some(set) = view.filterset else { return Ok(None) };
        let (mut filters, mut mistakes) = (Vec::new(), Vec::new());
        for name in set.repeated() {
            mistakes.push(format!("{}: the filter {name} is declared twice: leave one out.", view.model.name));
        }
        for (name, filter) in set.all() {
            match BoundFilter::new(name, filter, set.django, view) {
                Ok(filter) => filters.push(filter),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if mistakes.is_empty() { Ok(Some(Arc::new(BoundSet { filters }))) } else { Err(mistakes) }
    }

    async fn filter_queryset(&self, _request: &Context, _queryset: &mut Queryset<'_>) -> Result<()> {
        Ok(())
    }
}

/// The filters of one view.
#[derive(Debug)]
struct BoundSet {
    filters: Vec<BoundFilter>,
}

#[async_trait]
impl FilterBackend for BoundSet {
    async fn filter_queryset(&self, request: &Context, queryset: &mut Queryset<'_>) -> Result<()> {
        let pairs = parameters(request.query());
        let said = Said { pairs: &pairs };
        let before = queryset.late.as_ref().map_or(0, Vec::len);
        let mut values = Vec::with_capacity(self.filters.len());
        let mut wrong = Vec::new();
        for (n, filter) in self.filters.iter().enumerate() {
            match filter.read(&said, queryset).await? {
                Ok(value) => values.push(value),
                Err(error) => wrong.push((n, error)),
            }
        }
        if !wrong.is_empty() {
            // all that is wrong is said at once
            let late = queryset.late.as_mut().map(|late| late.split_off(before)).unwrap_or_default();
            for late in late {
                let n = self.filters.iter().position(|filter| filter.name == late.filter).unwrap_or_default();
                wrong.extend(late.settle(&queryset.database).await?.map(|error| (n, error)));
            }
            return Err(fields(&self.filters, wrong).into());
        }
        if self.filters.iter().zip(&values).any(|(filter, value)| filter.is_by_pattern(value)) {
            heavy::begin().await;
        }
        for (filter, value) in self.filters.iter().zip(values) {
            filter.apply(value, queryset)?;
        }
        Ok(())
    }
}

/// The errors of filters in their order.
fn fields(filters: &[BoundFilter], mut wrong: Vec<(usize, ValidationError)>) -> ValidationError {
    wrong.sort_by_key(|(n, _)| *n);
    let mut errors = ValidationError::fields();
    for (n, error) in wrong {
        errors.insert(filters[n].name.clone(), error);
    }
    errors
}
