//! Filters by declared parameters, django-filter's `FilterSet`.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{NaiveTime, TimeDelta};

use super::field::{FieldFilter, Method, Shape};
use super::form::{self, Input};
use super::lookup::{Lookup, Refused};
use super::ordering::orders;
use super::path::{End, Resolved};
use super::{FilterBackend, FilterView, Queryset};
use crate::context::Context;
use crate::error::{Error, ErrorDetail, Result, ValidationError};
use crate::model::{Choice, ColumnKind, ModelMeta};
use crate::relations::{Link, parse_key};
use crate::store::plan::{Alias, Filter, Listing, Operator, Order, Reads, Select, Source, Window};
use crate::store::{Cell, Dialect};
use crate::value::query::parameters;
use crate::value::{Value, convert};

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
        let Some(set) = view.filterset else { return Ok(None) };
        let (mut filters, mut mistakes) = (Vec::new(), Vec::new());
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

/// One of them.
struct BoundFilter {
    name: String,
    reading: Reading,
    required: bool,
    exclude: bool,
    distinct: bool,
    conjoined: bool,
    null: Option<String>,
    acting: Acting,
}

/// How its parameters are read.
#[derive(Debug)]
enum Reading {
    One(Input),
    /// With commas; a range has two.
    Csv(Box<Reading>, bool),
    Multiple(Input),
    Range(Input, [String; 2]),
    Days([String; 2]),
    Model(Target),
    Models(Target),
}

/// What its value does.
enum Acting {
    Compare(Box<Resolved>, Dialect),
    Method(Arc<Method>),
    Order(Vec<(String, Vec<Order>)>),
}

/// The rows that a relation may be asked for.
struct Target {
    model: Arc<ModelMeta>,
    /// The column that names them, and that column as a list is filtered by it.
    column: usize,
    source: Arc<Source>,
    reads: Reads,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("model", &self.model.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for BoundFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundFilter").field("name", &self.name).field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl Target {
    fn new(resolved: &Resolved, only: Option<&crate::model::Condition>, dialect: Dialect) -> Result<Self, String> {
        let End::Relation(link, column) = &resolved.end else {
            return Err("it is no relation".into());
        };
        let model = Arc::clone(link.target());
        let mut select = Select::by_key(dialect, &model);
        let limit = match link {
            Link::Forward { relation, .. } => relation.limit_choices_to.as_ref(),
            _ => None,
        };
        for only in limit.into_iter().chain(only) {
            if let Some(name) = only.columns().iter().find(|c| crate::model::Condition::position(&model, c).is_none()) {
                return Err(format!("{} has no column {name}", model.name));
            }
            select.filter(&model, only);
        }
        let name = model.columns[*column].column.clone();
        select.column(Alias::ROOT, &name);
        let source = Source::column(&model, *column).ok_or("it has no key")?;
        Ok(Target { reads: select.reads(&name), source, column: *column, model })
    }

    fn key(&self, text: &str) -> Result<Value, crate::relations::KeyError> {
        parse_key(self.model.columns[self.column].kind, &Value::Str(text.to_owned()))
    }

    /// Those of some keys that there are, as text.
    async fn there(&self, keys: &[Value], queryset: &Queryset<'_>) -> Result<HashSet<String>> {
        let keys = keys.iter().cloned().map(convert::to_db).collect();
        let listing = Listing { filters: vec![Filter::In(Arc::clone(&self.source), keys)], ..Listing::default() };
        let rows = queryset.database().read(self.reads.listing(&listing, Window::All)).await?;
        let mut found = HashSet::new();
        for row in 0..rows.len() {
            found.insert(match rows.cell(row, 0)? {
                Cell::Int(i) => i.to_string(),
                Cell::Uuid(uuid) => uuid.to_string(),
                Cell::Text(text) => text.to_owned(),
                _ => continue,
            });
        }
        Ok(found)
    }
}

impl BoundFilter {
    fn new(name: &str, filter: &FieldFilter, django: bool, view: &FilterView<'_>) -> Result<Self, String> {
        let mistake = |reason: String| format!("{}: the filter {name}: {reason}", view.model.name);
        let field = filter.field.as_deref().unwrap_or(name);
        let path = if filter.lookup == "exact" { field.to_owned() } else { format!("{field}__{}", filter.lookup) };
        let resolved = view.models.resolve(view.model, &path);
        let resolved = if filter.method.is_some() || matches!(filter.shape, Shape::Ordering(_)) {
            resolved.ok()
        } else {
            Some(resolved.map_err(mistake)?)
        };
        let lookup = resolved.as_ref().map(|r| r.expression.lookup);
        if lookup == Some(Lookup::Search) && view.dialect == Dialect::Sqlite {
            return Err(mistake("SQLite has no full-text search.".into()));
        }
        let target = || {
            let resolved = resolved.as_ref().ok_or_else(|| mistake("it is no relation.".into()))?;
            Target::new(resolved, filter.only.as_ref(), view.dialect).map_err(|reason| mistake(format!("{reason}.")))
        };
        let suffixed = |suffixes: &[&str; 2]| suffixes.map(|suffix| format!("{name}_{suffix}"));
        let reading = match &filter.shape {
            Shape::One(Input::Boolean { .. }) => Reading::One(Input::Boolean { lenient: !django }),
            Shape::One(input) => Reading::One(input.clone()),
            Shape::Multiple(choices) => Reading::Multiple(Input::Choice(choices.clone(), filter.null.clone())),
            Shape::Range(input, suffixes) => Reading::Range(input.clone(), suffixed(suffixes)),
            Shape::Days => Reading::Days(suffixed(&["after", "before"])),
            Shape::Model => Reading::Model(target()?),
            Shape::Models => Reading::Models(target()?),
            Shape::Ordering(fields) => {
                let both = fields.iter().flat_map(|(_, name)| [name.clone(), format!("-{name}")]);
                let choices = both.map(|name| (name.clone(), name)).collect();
                Reading::Csv(Box::new(Reading::One(Input::Choice(choices, None))), false)
            }
            Shape::Derived => match &resolved {
                Some(resolved) => derived(resolved, django, target)
                    .map_err(|reason| if reason.starts_with(&view.model.name) { reason } else { mistake(reason) })?,
                None => Reading::One(Input::Text),
            },
        };
        let csv = !matches!(reading, Reading::Csv(..) | Reading::Range(..) | Reading::Days(_) | Reading::Multiple(_));
        let reading = match lookup {
            Some(Lookup::In) if csv => Reading::Csv(Box::new(reading), false),
            Some(Lookup::Range) if csv => Reading::Csv(Box::new(reading), true),
            _ => reading,
        };
        let acting = match (&filter.method, &filter.shape, resolved) {
            (Some(method), ..) => Acting::Method(Arc::clone(method)),
            (None, Shape::Ordering(fields), _) => {
                let order =
                    |(field, name): &(String, String)| Ok((name.clone(), orders(&view.models, view.model, field)?));
                Acting::Order(fields.iter().map(order).collect::<Result<_, String>>()?)
            }
            (None, _, Some(resolved)) => Acting::Compare(Box::new(resolved), view.dialect),
            (None, _, None) => return Err(mistake("it filters by nothing.".into())),
        };
        let distinct = filter.distinct || matches!(reading, Reading::Models(_) | Reading::Multiple(_));
        Ok(BoundFilter {
            name: name.to_owned(),
            reading,
            required: filter.required,
            exclude: filter.exclude,
            distinct,
            conjoined: filter.conjoined,
            null: filter.null.clone(),
            acting,
        })
    }
}

/// django-filter's `filter_for_lookup`.
fn derived(resolved: &Resolved, django: bool, target: impl Fn() -> Result<Target, String>) -> Result<Reading, String> {
    let lookup = resolved.expression.lookup;
    if lookup == Lookup::IsNull {
        return Ok(Reading::One(Input::Boolean { lenient: !django }));
    }
    if let End::Relation(..) = &resolved.end {
        let one = matches!(&resolved.end, End::Relation(link, ..) if !link.is_many());
        return Ok(if one { Reading::Model(target()?) } else { Reading::Models(target()?) });
    }
    if let End::Column(model, column) = &resolved.end
        && lookup == Lookup::Compare(Operator::Eq)
        && resolved.expression.part.is_none()
    {
        let flat = model.columns[*column].attributes.choices.iter().flat_map(flattened);
        let choices: Vec<(String, String)> = flat.collect();
        if !choices.is_empty() {
            return Ok(Reading::One(Input::Choice(choices, None)));
        }
    }
    let kind = resolved.source.kind;
    Ok(Reading::One(match kind {
        ColumnKind::SmallInteger
        | ColumnKind::Integer
        | ColumnKind::BigInteger
        | ColumnKind::Float
        | ColumnKind::Decimal(_) => Input::Number { limited: true },
        ColumnKind::Boolean => Input::Boolean { lenient: !django },
        ColumnKind::Date => Input::Date,
        ColumnKind::DateTime(_) => Input::DateTime { iso: !django },
        ColumnKind::Time => Input::Time,
        ColumnKind::Duration => Input::Duration,
        ColumnKind::Uuid => Input::Uuid,
        ColumnKind::Char(_) | ColumnKind::Text | ColumnKind::Inet | ColumnKind::Other => Input::Text,
        _ => return Err("no filter is known for what the field holds; declare one.".into()),
    }))
}

/// What a request says of one filter.
struct Said<'a> {
    pairs: &'a [(std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)],
}

impl<'a> Said<'a> {
    fn last(&self, name: &str) -> Option<&'a str> {
        self.all(name).last()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, value)| &**value)
    }
}

/// A choice's value and name, of each of a group's.
fn flattened(choice: &Choice) -> Vec<(String, String)> {
    let pair = |(value, name): (&Value, &String)| (value.to_python_str().into_owned(), name.clone());
    match choice {
        Choice::Option(value, name) => vec![pair((value, name))],
        Choice::Group(_, options) => options.iter().map(|(value, name)| pair((value, name))).collect(),
    }
}

type Read = Result<Value, ValidationError>;

fn one(detail: ErrorDetail) -> ValidationError {
    ValidationError::List(vec![detail])
}

impl BoundFilter {
    /// The cleaned value; none where it is absent or empty.
    async fn read(&self, said: &Said<'_>, queryset: &Queryset<'_>) -> Result<Read> {
        let read = self.clean(&self.reading, said, queryset).await?;
        Ok(read
            .and_then(|value| if self.required && is_empty(&value) { Err(one(form::required())) } else { Ok(value) }))
    }

    async fn clean(&self, reading: &Reading, said: &Said<'_>, queryset: &Queryset<'_>) -> Result<Read> {
        Ok(match reading {
            Reading::One(input) => match said.last(&self.name) {
                Some(text) => input.read(text).map_err(one),
                None => Ok(Value::Null),
            },
            Reading::Csv(of, range) => {
                let text = match said.last(&self.name) {
                    Some(text) if !text.is_empty() => text,
                    _ => return Ok(Ok(Value::Null)),
                };
                let mut values = Vec::new();
                for text in text.split(',') {
                    let value = match &**of {
                        Reading::One(input) => input.read(text).map_err(one),
                        Reading::Model(target) | Reading::Models(target) => self.model(target, text, queryset).await?,
                        _ => Ok(Value::Null),
                    };
                    match value {
                        Ok(value) if self.required && is_empty(&value) => return Ok(Err(one(form::required()))),
                        Ok(value) => values.push(value),
                        Err(error) => return Ok(Err(error)),
                    }
                }
                if *range && values.len() != 2 {
                    let detail = ErrorDetail::new("Range query expects two values.", "invalid_values");
                    return Ok(Err(one(detail)));
                }
                Ok(Value::List(values))
            }
            Reading::Multiple(input) => {
                let mut values: Vec<Value> = Vec::new();
                for text in said.all(&self.name) {
                    let value = if text.is_empty() { Err(form::invalid_choice(text)) } else { input.read(text) };
                    match value {
                        Ok(value) if values.contains(&value) => {}
                        Ok(value) => values.push(value),
                        Err(detail) => return Ok(Err(one(detail))),
                    }
                }
                Ok(if values.is_empty() { Value::Null } else { Value::List(values) })
            }
            Reading::Range(input, names) => both(names, said, |text, _| input.read(text)),
            Reading::Days(names) => both(names, said, |text, end| {
                let Value::Date(day) = Input::Date.read(text)? else { return Ok(Value::Null) };
                let midnight = day.and_time(NaiveTime::MIN);
                let at = if end { midnight + TimeDelta::microseconds(86_400_000_000 - 1) } else { midnight };
                Ok(Value::DateTime(at.and_utc().fixed_offset()))
            }),
            Reading::Model(target) => match said.last(&self.name) {
                Some(text) if !text.is_empty() => self.model(target, text, queryset).await?,
                _ => Ok(Value::Null),
            },
            Reading::Models(target) => self.models(target, said, queryset).await?,
        })
    }

    async fn model(&self, target: &Target, text: &str, queryset: &Queryset<'_>) -> Result<Read> {
        if text.is_empty() {
            return Ok(Ok(Value::Null));
        }
        if self.null.as_deref() == Some(text) {
            return Ok(Ok(text.into()));
        }
        if text.contains('\0') {
            return Ok(Err(one(form::null_characters())));
        }
        if let Ok(key) = target.key(text)
            && !target.there(std::slice::from_ref(&key), queryset).await?.is_empty()
        {
            return Ok(Ok(key));
        }
        let text = "Select a valid choice. That choice is not one of the available choices.";
        Ok(Err(one(ErrorDetail::new(text, "invalid_choice"))))
    }

    async fn models(&self, target: &Target, said: &Said<'_>, queryset: &Queryset<'_>) -> Result<Read> {
        let mut values: Vec<Value> = Vec::new();
        let mut asked: Vec<(&str, Value)> = Vec::new();
        for text in said.all(&self.name) {
            if self.null.as_deref() == Some(text) {
                values.push(text.into());
                continue;
            }
            if text.contains('\0') {
                return Ok(Err(one(form::null_characters())));
            }
            match target.key(text) {
                Ok(key) => asked.push((text, key)),
                Err(crate::relations::KeyError::NoSuchRow) => return Ok(Err(one(form::invalid_choice(text)))),
                Err(_) => {
                    let text = format!("“{text}” is not a valid value.");
                    return Ok(Err(one(ErrorDetail::new(text, "invalid_pk_value"))));
                }
            }
        }
        if !asked.is_empty() {
            let keys: Vec<Value> = asked.iter().map(|(_, key)| key.clone()).collect();
            let there = target.there(&keys, queryset).await?;
            for (text, key) in asked {
                // as in Django, by the text of the key: `01` is not among them
                if !there.contains(text) {
                    return Ok(Err(one(form::invalid_choice(text))));
                }
                if !values.contains(&key) {
                    values.push(key);
                }
            }
        }
        Ok(Ok(if values.is_empty() { Value::Null } else { Value::List(values) }))
    }

    fn apply(&self, value: Value, queryset: &mut Queryset<'_>) -> Result<()> {
        if is_empty(&value) {
            return Ok(());
        }
        let (resolved, dialect) = match &self.acting {
            Acting::Method(method) => return method(queryset, &value),
            Acting::Order(fields) => {
                let mut order: Vec<Order> = Vec::new();
                for term in value.as_list().into_iter().flatten().filter_map(Value::as_str) {
                    let (name, turned) = match term.strip_prefix('-') {
                        Some(name) => (name, true),
                        None => (term, false),
                    };
                    for by in fields.iter().filter(|(known, _)| known == name).flat_map(|(_, order)| order) {
                        order.push(Order { source: Arc::clone(&by.source), descending: by.descending != turned });
                    }
                }
                if !order.is_empty() {
                    queryset.set_order(order);
                }
                return Ok(());
            }
            Acting::Compare(resolved, dialect) => (resolved, *dialect),
        };
        let refused = |refused: Refused| Error::from(ValidationError::field(self.name.clone(), refused.detail()));
        let is_null = |value: &Value| self.null.is_some() && value.as_str() == self.null.as_deref();
        let compare = |value: &Value| {
            let value = if is_null(value) { &Value::Null } else { value };
            resolved.compare(dialect, value).map_err(refused)
        };
        let filters: Vec<Filter> = match (&self.reading, &value) {
            (Reading::Range(..) | Reading::Days(_), Value::List(ends)) => {
                let mut all = Vec::new();
                for (value, operator) in ends.iter().zip([Operator::Gte, Operator::Lte]) {
                    if !value.is_null() {
                        all.push(resolved.ordered(dialect, operator, value).map_err(refused)?);
                    }
                }
                vec![Filter::All(all)]
            }
            (Reading::Multiple(_) | Reading::Models(_), Value::List(values)) => {
                let each = values.iter().map(compare).collect::<Result<Vec<_>>>()?;
                if self.conjoined { each } else { vec![Filter::Any(each)] }
            }
            (_, value) => vec![compare(value)?],
        };
        for filter in filters {
            queryset.push(if self.exclude { Filter::Exclude(Box::new(filter)) } else { filter });
        }
        if self.distinct {
            queryset.distinct();
        }
        Ok(())
    }
}

/// The two ends of a range; both may be absent.
fn both(names: &[String; 2], said: &Said<'_>, read: impl Fn(&str, bool) -> Result<Value, ErrorDetail>) -> Read {
    let (mut ends, mut errors) = (Vec::new(), Vec::new());
    for (name, end) in names.iter().zip([false, true]) {
        match said.last(name).filter(|text| !text.is_empty()).map(|text| read(text, end)) {
            None => ends.push(Value::Null),
            Some(Ok(value)) => ends.push(value),
            Some(Err(detail)) if errors.contains(&detail) => {}
            Some(Err(detail)) => errors.push(detail),
        }
    }
    match errors.is_empty() {
        false => Err(ValidationError::List(errors)),
        true if ends.iter().all(Value::is_null) => Ok(Value::Null),
        true => Ok(Value::List(ends)),
    }
}

/// django-filter's `EMPTY_VALUES`.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Str(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

#[async_trait]
impl FilterBackend for BoundSet {
    async fn filter_queryset(&self, request: &Context, queryset: &mut Queryset<'_>) -> Result<()> {
        let pairs = parameters(request.query());
        let said = Said { pairs: &pairs };
        let mut errors = ValidationError::fields();
        let mut values = Vec::with_capacity(self.filters.len());
        for filter in &self.filters {
            match filter.read(&said, queryset).await? {
                Ok(value) => values.push(value),
                Err(error) => errors.insert(filter.name.clone(), error),
            }
        }
        if !errors.is_empty() {
            return Err(errors.into());
        }
        for (filter, value) in self.filters.iter().zip(values) {
            filter.apply(value, queryset)?;
        }
        Ok(())
    }
}
