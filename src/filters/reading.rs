//! What a request says of a filter, read.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use chrono::{NaiveTime, TimeDelta};

use super::Queryset;
use super::bound::BoundFilter;
use super::form::{self, Input};
use super::path::{End, Resolved};
use crate::error::{ErrorDetail, Result, ValidationError};
use crate::model::{ColumnKind, ModelMeta};
use crate::relations::{Link, parse_key};
use crate::store::plan::{Alias, Filter, Listing, Operator, Presence, Reads, Select, Source, Window};
use crate::store::{Database, Dialect};
use crate::value::{Rounding, Value, convert, duration, iso, python};

/// How the parameters of a filter are read.
#[derive(Debug)]
pub(super) enum Reading {
    One(Input),
    /// With commas; a range has two.
    Csv(Box<Reading>, bool),
    Multiple(Input),
    Range(Input, [String; 2]),
    Days([String; 2]),
    Model(Arc<Target>),
    Models(Arc<Target>),
    /// A value that a row has.
    Stored(Stored),
    /// Values that rows have.
    StoredMany(Stored),
    /// A value, and in a second parameter the lookup that it is compared by.
    Lookup(Input, Vec<String>, String),
}

/// The rows that a relation may be asked for.
pub(super) struct Target {
    model: Arc<ModelMeta>,
    /// The column that names them, and that column as a list is filtered by it.
    column: usize,
    source: Arc<Source>,
    reads: Reads,
    presence: Arc<Presence>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("model", &self.model.name).finish_non_exhaustive()
    }
}

impl Target {
    pub(super) fn new(
        resolved: &Resolved,
        only: Option<&crate::model::Condition>,
        dialect: Dialect,
    ) -> Result<Self, String> {
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
        let reads = select.reads(&model.columns[*column]);
        let presence = Arc::new(reads.presence(&model.columns[*column].db_type));
        Ok(Target { reads, source, column: *column, model, presence })
    }

    fn key(&self, text: &str) -> Result<Value, crate::relations::KeyError> {
        parse_key(self.model.columns[self.column].kind, &Value::Str(text.to_owned()))
    }

    /// The filter that finds rows where all of these keys are there, and none otherwise.
    fn all_there(&self, keys: &[Value]) -> Filter {
        Filter::There(Arc::clone(&self.presence), keys.iter().cloned().map(convert::to_db).collect())
    }

    /// Those of some keys that there are, as text.
    async fn there(&self, keys: &[Value], database: &Database) -> Result<HashSet<String>> {
        let keys = keys.iter().cloned().map(convert::to_db).collect();
        let listing = Listing { filters: vec![Filter::In(Arc::clone(&self.source), keys)], ..Listing::default() };
        let rows = database.read(self.reads.listing(&listing, Window::All)).await?;
        let mut found = HashSet::new();
        let kind = self.model.columns[self.column].kind;
        for row in 0..rows.len() {
            // by its kind: SQLite keeps UUIDs as digits without hyphens, or as bytes
            let key = rows.cell(row, 0)?.to_value(kind);
            found.insert(convert::from_db(&key).to_python_str().into_owned());
        }
        Ok(found)
    }
}

/// Whether the rows are there that a request names: the list's own statement asks that too, and where it finds a row, they are.
/// Where it finds none, this is asked by itself.
#[derive(Debug)]
pub(crate) struct Late {
    /// The filter that named them.
    pub(super) filter: String,
    target: Arc<Target>,
    keys: Vec<Value>,
    /// Whether there may be several, so that an error says which one is meant.
    several: bool,
}

impl Late {
    /// What is wrong with the parameter, if anything is.
    ///
    /// # Errors
    ///
    /// Where the database fails.
    pub(super) async fn settle(&self, database: &Database) -> Result<Option<ValidationError>> {
        let there = self.target.there(&self.keys, database).await?;
        let mut texts = self.keys.iter().map(Value::to_python_str);
        let absent = texts.find(|text| !there.contains(&**text));
        Ok(absent.map(|text| one(if self.several { form::invalid_choice(&text) } else { not_available() })))
    }
}

/// A column of which any value that a row has may be asked for.
pub(super) struct Stored {
    resolved: Box<Resolved>,
    dialect: Dialect,
    reads: Reads,
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").finish_non_exhaustive()
    }
}

impl Stored {
    pub(super) fn new(resolved: &Resolved, model: &Arc<ModelMeta>, dialect: Dialect) -> Result<Self, String> {
        let End::Column(end, column) = &resolved.end else {
            return Err("it is no column".into());
        };
        if end.table != model.table || resolved.source.own_column().is_none() {
            return Err("all values are those of a column of the model itself".into());
        }
        let mut select = Select::by_key(dialect, model);
        let name = model.columns[*column].column.clone();
        select.column(Alias::ROOT, &name);
        let key = model.primary_key.first().map_or(*column, |key| *key);
        let reads = select.reads(&model.columns[key]);
        Ok(Stored { resolved: Box::new(resolved.clone()), dialect, reads })
    }

    /// Whether a row has the value that a text is of.
    async fn has(&self, text: &str, queryset: &Queryset<'_>) -> Result<bool> {
        let Some(value) = self.value(text).filter(|_| !text.contains('\0')) else { return Ok(false) };
        let Ok(filter) = self.resolved.ordered(self.dialect, Operator::Eq, &value) else { return Ok(false) };
        let listing = Listing { filters: vec![filter], ..Listing::default() };
        let bound = self.reads.listing(&listing, Window::Part { limit: 1, offset: 0 });
        Ok(!queryset.database().read(bound).await?.is_empty())
    }

    /// The value whose text it is, as in Django by what Python writes for it: `01` is no 1.
    fn value(&self, text: &str) -> Option<Value> {
        let value = match self.resolved.stored() {
            ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger => python::parse_int(text)?,
            ColumnKind::Float => Value::Float(python::parse_float(text)?),
            ColumnKind::Decimal(places) => {
                let decimal = python::parse_decimal(text)?;
                Value::Decimal(match places {
                    Some((digits, places)) => decimal.quantize(places, Rounding::HalfEven, digits)?,
                    None => decimal,
                })
            }
            ColumnKind::Boolean => Value::Bool(text == "True"),
            ColumnKind::Date => Value::Date(iso::parse_date(text)?),
            ColumnKind::DateTime(zoned) => {
                let written = iso::parse_datetime(text)?;
                let utc = written.local.checked_sub_signed(written.offset.unwrap_or_default())?;
                if zoned { Value::DateTime(utc.and_utc().fixed_offset()) } else { Value::NaiveDateTime(utc) }
            }
            ColumnKind::Time => Value::Time(iso::parse_time(text)?),
            ColumnKind::Duration => Value::Duration(duration::parse(text).ok()??),
            ColumnKind::Uuid => Value::Uuid(uuid::Uuid::try_parse(text).ok()?),
            _ => return Some(text.into()),
        };
        (value.to_python_str() == text).then_some(value)
    }
}

/// What a request says of one filter.
pub(super) struct Said<'a> {
    pub(super) pairs: &'a [(std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)],
}

impl<'a> Said<'a> {
    fn last(&self, name: &str) -> Option<&'a str> {
        self.all(name).last()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, value)| &**value)
    }
}

type Read = Result<Value, ValidationError>;

fn one(detail: ErrorDetail) -> ValidationError {
    ValidationError::List(vec![detail])
}

impl BoundFilter {
    /// The cleaned value; none where it is absent or empty.
    ///
    /// # Errors
    ///
    /// Where the database fails; what is wrong with the parameters is within.
    pub(super) async fn read(&self, said: &Said<'_>, queryset: &mut Queryset<'_>) -> Result<Read> {
        let read = self.clean(&self.reading, said, queryset).await?;
        Ok(read
            .and_then(|value| if self.required && is_empty(&value) { Err(one(form::required())) } else { Ok(value) }))
    }

    async fn clean(&self, reading: &Reading, said: &Said<'_>, queryset: &mut Queryset<'_>) -> Result<Read> {
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
            Reading::Range(input, names) => both(names, said, self.required, |text, _| input.read(text)),
            Reading::Days(names) => both(names, said, self.required, |text, end| {
                let Value::Date(day) = Input::Date.read(text)? else { return Ok(Value::Null) };
                let midnight = day.and_time(NaiveTime::MIN);
                let at = if end { midnight + TimeDelta::microseconds(86_400_000_000 - 1) } else { midnight };
                Ok(Value::DateTime(at.and_utc().fixed_offset()))
            }),
            Reading::Model(target) => match said.last(&self.name) {
                Some(text) if !text.is_empty() => match self.later(target, text, queryset) {
                    Some(key) => Ok(key),
                    None => self.model(target, text, queryset).await?,
                },
                _ => Ok(Value::Null),
            },
            Reading::Models(target) => self.models(target, said, queryset).await?,
            Reading::Stored(stored) => match said.last(&self.name) {
                Some(text) if !text.is_empty() => self.stored(stored, text, queryset).await?,
                _ => Ok(Value::Null),
            },
            Reading::StoredMany(stored) => {
                let mut values: Vec<Value> = Vec::new();
                let mut asked: HashSet<&str> = HashSet::new();
                for text in said.all(&self.name) {
                    // what came before is not asked for again: a request asks no more than there are values
                    if !asked.insert(text) {
                        continue;
                    }
                    match self.stored(stored, text, queryset).await? {
                        Ok(value) => values.push(value),
                        Err(error) => return Ok(Err(error)),
                    }
                }
                Ok(if values.is_empty() { Value::Null } else { Value::List(values) })
            }
            Reading::Lookup(input, lookups, parameter) => {
                let lookup = said.last(parameter).unwrap_or("");
                let text = said.last(&self.name).unwrap_or("");
                if self.required && (text.is_empty() || lookup.is_empty()) {
                    return Ok(Err(one(form::required())));
                }
                let value = input.read(text);
                let known = lookup.is_empty() || lookups.iter().any(|known| known == lookup);
                let wrong = (!known).then(|| form::invalid_choice(lookup));
                let errors: Vec<ErrorDetail> = value.as_ref().err().cloned().into_iter().chain(wrong).collect();
                match value {
                    Ok(value) if errors.is_empty() && is_empty(&value) => Ok(Value::Null),
                    Ok(_) if errors.is_empty() && lookup.is_empty() => {
                        Err(one(ErrorDetail::new("Select a lookup.", "lookup_required")))
                    }
                    Ok(value) if errors.is_empty() => Ok(Value::List(vec![value, lookup.into()])),
                    _ => Err(ValidationError::List(errors)),
                }
            }
        })
    }

    async fn stored(&self, stored: &Stored, text: &str, queryset: &Queryset<'_>) -> Result<Read> {
        let is_null = self.null.as_deref() == Some(text);
        let known = is_null || stored.has(text, queryset).await?;
        Ok(if known { Ok(text.into()) } else { Err(one(form::invalid_choice(text))) })
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
            && !target.there(std::slice::from_ref(&key), queryset.database()).await?.is_empty()
        {
            return Ok(Ok(key));
        }
        Ok(Err(one(not_available())))
    }

    /// The key of a row that the list's own statement looks for; none where it has to be asked for at once.
    fn later(&self, target: &Arc<Target>, text: &str, queryset: &mut Queryset<'_>) -> Option<Value> {
        let late = queryset.late.as_mut()?;
        if self.null.as_deref() == Some(text) || text.contains('\0') || self.is_by_method() {
            return None;
        }
        let key = target.key(text).ok()?;
        late.push(self.late(target, vec![key.clone()], false));
        queryset.listing.filters.push(target.all_there(std::slice::from_ref(&key)));
        Some(key)
    }

    fn late(&self, target: &Arc<Target>, keys: Vec<Value>, several: bool) -> Late {
        Late { filter: self.name.clone(), target: Arc::clone(target), keys, several }
    }

    async fn models(&self, target: &Arc<Target>, said: &Said<'_>, queryset: &mut Queryset<'_>) -> Result<Read> {
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
        // as in Django, by the text of the key: `01` is not among them
        let are_texts = !self.is_by_method() && asked.iter().all(|(text, key)| key.to_python_str() == *text);
        if let (Some(late), false, true) = (&mut queryset.late, asked.is_empty(), are_texts) {
            let mut keys: Vec<Value> = Vec::new();
            for (_, key) in asked {
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            late.push(self.late(target, keys.clone(), true));
            queryset.listing.filters.push(target.all_there(&keys));
            values.extend(keys);
        } else if !asked.is_empty() {
            let keys: Vec<Value> = asked.iter().map(|(_, key)| key.clone()).collect();
            let there = target.there(&keys, queryset.database()).await?;
            let mut seen: HashSet<&str> = HashSet::new();
            for (text, key) in asked {
                if !there.contains(text) {
                    return Ok(Err(one(form::invalid_choice(text))));
                }
                if seen.insert(text) {
                    values.push(key);
                }
            }
        }
        Ok(Ok(if values.is_empty() { Value::Null } else { Value::List(values) }))
    }
}

fn not_available() -> ErrorDetail {
    let text = "Select a valid choice. That choice is not one of the available choices.";
    ErrorDetail::new(text, "invalid_choice")
}

/// The two ends of a range; both may be absent unless it is required.
fn both(
    names: &[String; 2],
    said: &Said<'_>,
    required: bool,
    read: impl Fn(&str, bool) -> Result<Value, ErrorDetail>,
) -> Read {
    let (mut ends, mut errors) = (Vec::new(), Vec::new());
    if required && names.iter().any(|name| said.last(name).is_none_or(str::is_empty)) {
        return Err(one(form::required()));
    }
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
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Str(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}
