//! One filter of a [`FilterSet`](super::FilterSet), as it is declared.

use std::fmt;
use std::sync::Arc;

use sea_orm::sea_query::IntoIden;

use super::Queryset;
use super::form::{Choices, Input};
use crate::error::Result;
use crate::model::Condition;
use crate::value::Value;

/// What a filter of one's own does.
pub(crate) type Method = dyn Fn(&mut Queryset<'_>, &Value) -> Result<()> + Send + Sync;

/// One filter of a [`FilterSet`](super::FilterSet): django-filter's filter classes by their names, without `Filter`.
///
/// It filters by the field of its own name unless [`field`](Self::field) names another one, for equality unless
/// [`lookup`](Self::lookup) says otherwise. A parameter that is absent or empty does not filter.
///
/// ```
/// use bowline::filters::{FieldFilter, FilterSet};
/// # use bowline::doc::booking;
/// let filters = FilterSet::new()
///     .filter("note", FieldFilter::char().lookup("icontains"))
///     .filter("from", FieldFilter::number().field(booking::Column::Start).lookup("gte"))
///     .filter("hours", FieldFilter::number().field(booking::Column::Start).lookup("in"));
/// ```
#[derive(Clone)]
pub struct FieldFilter {
    pub(crate) shape: Shape,
    pub(crate) field: Option<String>,
    pub(crate) lookup: String,
    pub(crate) exclude: bool,
    pub(crate) distinct: bool,
    pub(crate) required: bool,
    pub(crate) conjoined: bool,
    pub(crate) null: Option<String>,
    pub(crate) only: Option<Condition>,
    pub(crate) method: Option<Arc<Method>>,
}

/// How its parameters are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    /// One text.
    One(Input),
    /// `kind=a&kind=b`
    Multiple(Choices),
    /// `score_min=1&score_max=2`
    Range(Input, [&'static str; 2]),
    /// `day_after=…&day_before=…`, whole days.
    Days,
    /// The key of a row that a relation leads to.
    Model,
    /// Keys of rows that a relation leads to.
    Models,
    /// A value that a row has, or several.
    AllValues(bool),
    /// A value, and the lookup that it is compared by: one of these.
    Lookup(Input, Vec<String>),
    /// `today`, `yesterday`, `week`, `month` or `year`.
    Period,
    /// Names to order by: the field, and the name of the parameter's.
    Ordering(Vec<(String, String)>),
    /// By what the field holds, once it is known.
    Derived,
}

fn choices(choices: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Choices {
    choices.into_iter().map(|(value, name)| (value.into(), name.into())).collect()
}

impl FieldFilter {
    fn new(shape: Shape) -> Self {
        let distinct = matches!(shape, Shape::Multiple(_) | Shape::Models | Shape::AllValues(true));
        FieldFilter {
            shape,
            field: None,
            lookup: "exact".into(),
            exclude: false,
            distinct,
            required: false,
            conjoined: false,
            null: None,
            only: None,
            method: None,
        }
    }

    /// By what the field holds, as `Meta.fields` makes filters.
    pub(crate) fn derived() -> Self {
        FieldFilter::new(Shape::Derived)
    }

    /// Text, without white space around it.
    pub fn char() -> Self {
        FieldFilter::new(Shape::One(Input::Text))
    }

    /// A number.
    pub fn number() -> Self {
        FieldFilter::new(Shape::One(Input::Number { limited: true }))
    }

    /// `true` or `false`; anything else does not filter.
    pub fn boolean() -> Self {
        FieldFilter::new(Shape::One(Input::Boolean { lenient: true }))
    }

    /// One of some values, each with its name for people.
    pub fn choice(values: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        FieldFilter::new(Shape::One(Input::Choice(choices(values), None)))
    }

    /// Any of some values: the parameter may come several times.
    pub fn multiple_choice(values: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        FieldFilter::new(Shape::Multiple(choices(values)))
    }

    /// A day.
    pub fn date() -> Self {
        FieldFilter::new(Shape::One(Input::Date))
    }

    /// A point in time, by ISO 8601 or by one of Django's formats.
    pub fn datetime() -> Self {
        FieldFilter::new(Shape::One(Input::DateTime { iso: false }))
    }

    /// A point in time by ISO 8601 alone.
    pub fn iso_datetime() -> Self {
        FieldFilter::new(Shape::One(Input::DateTime { iso: true }))
    }

    /// A time of day.
    pub fn time() -> Self {
        FieldFilter::new(Shape::One(Input::Time))
    }

    /// A span of time.
    pub fn duration() -> Self {
        FieldFilter::new(Shape::One(Input::Duration))
    }

    /// A UUID.
    pub fn uuid() -> Self {
        FieldFilter::new(Shape::One(Input::Uuid))
    }

    /// Numbers from one to another, both included: the parameters `<name>_min` and `<name>_max`.
    pub fn range() -> Self {
        FieldFilter::new(Shape::Range(Input::Number { limited: false }, ["min", "max"]))
    }

    /// Days from one to another, both included: the parameters `<name>_after` and `<name>_before`.
    pub fn date_from_to_range() -> Self {
        FieldFilter::new(Shape::Days)
    }

    /// Points in time from one to another: the parameters `<name>_after` and `<name>_before`.
    pub fn datetime_from_to_range() -> Self {
        FieldFilter::new(Shape::Range(Input::DateTime { iso: false }, ["after", "before"]))
    }

    /// The same by ISO 8601 alone.
    pub fn iso_datetime_from_to_range() -> Self {
        FieldFilter::new(Shape::Range(Input::DateTime { iso: true }, ["after", "before"]))
    }

    /// Times of day from one to another: the parameters `<name>_after` and `<name>_before`.
    pub fn time_range() -> Self {
        FieldFilter::new(Shape::Range(Input::Time, ["after", "before"]))
    }

    /// The key of a row that a relation leads to; a key that no row has is an error.
    pub fn model_choice() -> Self {
        FieldFilter::new(Shape::Model)
    }

    /// Keys of rows that a relation leads to: the parameter may come several times, and any of them will do.
    pub fn model_multiple_choice() -> Self {
        FieldFilter::new(Shape::Models)
    }

    /// One of the values that rows have in the field, a column of the model: django-filter's `AllValuesFilter`.
    pub fn all_values() -> Self {
        FieldFilter::new(Shape::AllValues(false))
    }

    /// Any of several such values: the parameter may come several times.
    pub fn all_values_multiple() -> Self {
        FieldFilter::new(Shape::AllValues(true))
    }

    /// A value in the parameter `<name>`, and in `<name>_lookup` how it is compared: by one of these lookups.
    ///
    /// The value is text; [`of_numbers`](Self::of_numbers) and its like are for [`lookup_choice`](Self::lookup_choice) what
    /// django-filter's `field_class` is.
    ///
    /// ```
    /// use bowline::filters::{FieldFilter, FilterSet};
    /// let filters = FilterSet::new().filter("start", FieldFilter::lookup_choice(["exact", "gte"]).of_numbers());
    /// ```
    pub fn lookup_choice<L: Into<String>>(lookups: impl IntoIterator<Item = L>) -> Self {
        FieldFilter::new(Shape::Lookup(Input::Text, lookups.into_iter().map(Into::into).collect()))
    }

    /// A [`lookup_choice`](Self::lookup_choice) whose values are numbers.
    pub fn of_numbers(self) -> Self {
        self.of(Input::Number { limited: false })
    }

    /// A [`lookup_choice`](Self::lookup_choice) whose values are days.
    pub fn of_dates(self) -> Self {
        self.of(Input::Date)
    }

    fn of(mut self, input: Input) -> Self {
        if let Shape::Lookup(own, _) = &mut self.shape {
            *own = input;
        }
        self
    }

    /// Days by a word: `today`, `yesterday`, `week` (the past seven days), `month`, `year`; in UTC, django-filter's
    /// `DateRangeFilter`.
    pub fn date_range() -> Self {
        FieldFilter::new(Shape::Period)
    }

    /// An order by some fields, each by its own name or by the second of a pair; `-` before a name turns it.
    pub fn ordering<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let fields = fields.into_iter().map(|(field, name)| (field.to_owned(), name.to_owned()));
        FieldFilter::new(Shape::Ordering(fields.collect()))
    }

    /// The field that it filters by: a column of the entity's, a name, or a path over relations (`author__last_name`).
    pub fn field(mut self, name: impl IntoIden) -> Self {
        self.field = Some(name.into_iden().inner().into_owned());
        self
    }

    /// How it compares, by Django's lookups: `lt`, `lte`, `gt`, `gte`, `contains`, `icontains`, `startswith`, `istartswith`,
    /// `endswith`, `iendswith`, `iexact`, `regex`, `iregex`, `isnull`, and after `date`, `year`, `month`, `day` and so on
    /// (`year__gte`). With `in` and `range` the parameter is a list with commas.
    pub fn lookup(mut self, lookup: impl Into<String>) -> Self {
        self.lookup = lookup.into();
        self
    }

    /// Leaves out the rows that it finds.
    pub fn exclude(mut self) -> Self {
        self.exclude = true;
        self
    }

    /// Every row once, however often a relation to many leads to it.
    pub fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    /// The parameter has to be there.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Of several values all have to fit, not any.
    pub fn conjoined(mut self) -> Self {
        self.conjoined = true;
        self
    }

    /// The value `null` finds rows where the field is NULL, django-filter's `null_label`.
    pub fn or_null(mut self) -> Self {
        self.null = Some("null".into());
        if let Shape::One(Input::Choice(_, null)) = &mut self.shape {
            null.clone_from(&self.null);
        }
        self
    }

    /// Only rows like this may be named, for relations: django-filter's `queryset`.
    pub fn only(mut self, condition: Condition) -> Self {
        self.only = Some(condition);
        self
    }

    /// Filters in a way of one's own.
    ///
    /// ```
    /// use bowline::filters::{FieldFilter, FilterSet};
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// let filters = FilterSet::new().filter(
    ///     "early",
    ///     FieldFilter::boolean().method(|queryset, early| match early {
    ///         Value::Bool(true) => queryset.filter(Condition::lt(booking::Column::Start, 9)),
    ///         _ => queryset.filter(Condition::gte(booking::Column::Start, 9)),
    ///     }),
    /// );
    /// ```
    pub fn method(mut self, method: impl Fn(&mut Queryset<'_>, &Value) -> Result<()> + Send + Sync + 'static) -> Self {
        self.method = Some(Arc::new(method));
        self
    }
}

impl fmt::Debug for FieldFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldFilter")
            .field("shape", &self.shape)
            .field("field", &self.field)
            .field("lookup", &self.lookup)
            .finish_non_exhaustive()
    }
}
