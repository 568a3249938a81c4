//! One filter of a view, built: what its value does.

use std::fmt;
use std::sync::Arc;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

use super::field::{FieldFilter, Method, Shape};
use super::form::Input;
use super::lookup::{Lookup, Refused};
use super::ordering::orders;
use super::path::{End, Resolved};
use super::reading::{Reading, Stored, Target, is_empty};
use super::{FilterView, Queryset};
use crate::error::{Error, Result, ValidationError};
use crate::model::{Choice, ColumnKind};
use crate::store::Dialect;
use crate::store::plan::{Filter, Operator, Order};
use crate::value::Value;

/// The words of django-filter's `DateRangeFilter`, with their names for people.
const PERIODS: [(&str, &str); 5] = [
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("week", "Past 7 days"),
    ("month", "This month"),
    ("year", "This year"),
];

/// One filter of a view.
pub(super) struct BoundFilter {
    pub(super) name: String,
    pub(super) reading: Reading,
    pub(super) required: bool,
    exclude: bool,
    distinct: bool,
    conjoined: bool,
    pub(super) null: Option<String>,
    acting: Acting,
}

/// What its value does.
enum Acting {
    Compare(Box<Resolved>, Dialect),
    Method(Arc<Method>),
    Order(Vec<(String, Vec<Order>)>),
    /// By the lookup that the request names.
    Lookups(Vec<(String, Resolved)>, Dialect),
    /// Between two days that a word stands for.
    Period(Box<Resolved>, Dialect),
}

impl fmt::Debug for BoundFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundFilter").field("name", &self.name).field("reading", &self.reading).finish_non_exhaustive()
    }
}

impl BoundFilter {
    pub(super) fn new(name: &str, filter: &FieldFilter, django: bool, view: &FilterView<'_>) -> Result<Self, String> {
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
            Shape::AllValues(many) => {
                let resolved = resolved.as_ref().ok_or_else(|| mistake("it filters by nothing.".into()))?;
                let stored = Stored::new(resolved, view.model, view.dialect);
                let stored = stored.map_err(|reason| mistake(format!("{reason}.")))?;
                if *many { Reading::StoredMany(stored) } else { Reading::Stored(stored) }
            }
            Shape::Lookup(input, lookups) => Reading::Lookup(input.clone(), lookups.clone(), format!("{name}_lookup")),
            Shape::Period => {
                Reading::One(Input::Choice(PERIODS.map(|(word, title)| (word.into(), title.into())).to_vec(), None))
            }
            Shape::Model => Reading::Model(Arc::new(target()?)),
            Shape::Models => Reading::Models(Arc::new(target()?)),
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
        let csv = !matches!(
            reading,
            Reading::Csv(..)
                | Reading::Range(..)
                | Reading::Days(_)
                | Reading::Multiple(_)
                | Reading::StoredMany(_)
                | Reading::Lookup(..)
        );
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
            (None, Shape::Lookup(_, lookups), _) => {
                let each = |lookup: &String| {
                    if matches!(lookup.as_str(), "in" | "range" | "isnull") {
                        return Err(mistake(format!("the lookup {lookup} does not compare with one value.")));
                    }
                    let resolved = view.models.resolve(view.model, &format!("{field}__{lookup}")).map_err(mistake)?;
                    Ok((lookup.clone(), resolved))
                };
                Acting::Lookups(lookups.iter().map(each).collect::<Result<_, String>>()?, view.dialect)
            }
            (None, Shape::Period, Some(resolved)) => {
                if !matches!(resolved.source.kind, ColumnKind::Date | ColumnKind::DateTime(_)) {
                    return Err(mistake("only dates and points in time are within a month or a year.".into()));
                }
                Acting::Period(Box::new(resolved), view.dialect)
            }
            (None, _, Some(resolved)) => Acting::Compare(Box::new(resolved), view.dialect),
            (None, _, None) => return Err(mistake("it filters by nothing.".into())),
        };
        let distinct =
            filter.distinct || matches!(reading, Reading::Models(_) | Reading::Multiple(_) | Reading::StoredMany(_));
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

impl BoundFilter {
    /// Whether a function of the program's is given what was read, which may count on it that the rows are there.
    pub(super) fn is_by_method(&self) -> bool {
        matches!(self.acting, Acting::Method(_))
    }

    /// Whether what was read may be a regular expression.
    pub(super) fn is_by_pattern(&self, value: &Value) -> bool {
        let is_pattern = |resolved: &Resolved| resolved.expression.lookup.is_pattern();
        let may_be = match &self.acting {
            Acting::Compare(resolved, _) => is_pattern(resolved),
            Acting::Lookups(lookups, _) => lookups.iter().any(|(_, resolved)| is_pattern(resolved)),
            Acting::Method(_) | Acting::Order(_) | Acting::Period(..) => false,
        };
        may_be && !is_empty(value)
    }

    /// Filters by what was read.
    ///
    /// # Errors
    ///
    /// 400 for a value that the field cannot be compared with.
    pub(super) fn apply(&self, value: Value, queryset: &mut Queryset<'_>) -> Result<()> {
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
            Acting::Compare(resolved, dialect) => (&**resolved, *dialect),
            Acting::Period(resolved, dialect) => {
                return self.within(&value, Utc::now().date_naive(), resolved, *dialect, queryset);
            }
            Acting::Lookups(lookups, dialect) => {
                let lookup = lookups.iter().find(|(lookup, _)| value[1].as_str() == Some(lookup));
                let Some((_, resolved)) = lookup else { return Ok(()) };
                (resolved, *dialect)
            }
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
            (Reading::Lookup(..), pair) => vec![compare(&pair[0])?],
            (Reading::Multiple(_) | Reading::Models(_) | Reading::StoredMany(_), Value::List(values)) => {
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
    /// Filters by the days that a word stands for.
    fn within(
        &self,
        word: &Value,
        today: NaiveDate,
        resolved: &Resolved,
        dialect: Dialect,
        queryset: &mut Queryset<'_>,
    ) -> Result<()> {
        let Some((from, to)) = word.as_str().and_then(|word| period(word, today)) else { return Ok(()) };
        let value = |day: NaiveDate| match resolved.source.kind {
            ColumnKind::Date => Value::Date(day),
            _ => Value::DateTime(day.and_time(NaiveTime::MIN).and_utc().fixed_offset()),
        };
        let ends = [(Operator::Gte, from), (Operator::Lt, to)];
        let ends = ends.map(|(operator, day)| {
            let refused = |refused: Refused| Error::from(ValidationError::field(self.name.clone(), refused.detail()));
            resolved.ordered(dialect, operator, &value(day)).map_err(refused)
        });
        let filter = Filter::All(ends.into_iter().collect::<Result<_>>()?);
        queryset.push(if self.exclude { Filter::Exclude(Box::new(filter)) } else { filter });
        if self.distinct {
            queryset.distinct();
        }
        Ok(())
    }
}

/// From which day, and before which one, a word of [`PERIODS`] means.
fn period(word: &str, today: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let tomorrow = today.succ_opt()?;
    Some(match word {
        "today" => (today, tomorrow),
        "yesterday" => (today.pred_opt()?, today),
        "week" => (today.checked_sub_days(Days::new(7))?, tomorrow),
        "month" => {
            let first = today.with_day(1)?;
            (first, first.checked_add_months(Months::new(1))?)
        }
        "year" => (NaiveDate::from_ymd_opt(today.year(), 1, 1)?, NaiveDate::from_ymd_opt(today.year() + 1, 1, 1)?),
        _ => return None,
    })
}

/// django-filter's `filter_for_lookup`.
fn derived(resolved: &Resolved, django: bool, target: impl Fn() -> Result<Target, String>) -> Result<Reading, String> {
    let lookup = resolved.expression.lookup;
    if lookup == Lookup::IsNull {
        return Ok(Reading::One(Input::Boolean { lenient: !django }));
    }
    if let End::Relation(..) = &resolved.end {
        let one = matches!(&resolved.end, End::Relation(link, ..) if !link.is_many());
        return Ok(if one { Reading::Model(Arc::new(target()?)) } else { Reading::Models(Arc::new(target()?)) });
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

/// A choice's value and name, of each of a group's.
fn flattened(choice: &Choice) -> Vec<(String, String)> {
    let pair = |(value, name): (&Value, &String)| (value.to_python_str().into_owned(), name.clone());
    match choice {
        Choice::Option(value, name) => vec![pair((value, name))],
        Choice::Group(_, options) => options.iter().map(|(value, name)| pair((value, name))).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn days_that_words_stand_for() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (word, today, from, to) in [
            ("today", "2024-02-29", "2024-02-29", "2024-03-01"),
            ("yesterday", "2024-03-01", "2024-02-29", "2024-03-01"),
            ("week", "2024-01-03", "2023-12-27", "2024-01-04"),
            ("month", "2023-12-31", "2023-12-01", "2024-01-01"),
            ("month", "2024-01-31", "2024-01-01", "2024-02-01"),
            ("year", "2024-06-30", "2024-01-01", "2025-01-01"),
        ] {
            assert_eq!(period(word, day(today)), Some((day(from), day(to))), "{word} {today}");
        }
        assert_eq!(period("decade", day("2024-06-30")), None);
    }
}
