//! `?search=words "and phrases"`

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::form;
use super::lookup::{Expression, Lookup};
use super::path::{End, Models, Resolved};
use super::{FilterBackend, FilterView, Queryset};
use crate::context::Context;
use crate::error::{ErrorDetail, Result, ValidationError};
use crate::heavy;
use crate::model::ModelMeta;
use crate::store::Dialect;
use crate::store::plan::{self, Filter};
use crate::value::{Value, python};

/// The most terms of one search; SQLite would not take many more, and each is looked for in every field of every row.
const TERMS: usize = 1_000;

/// Whether a request is meant.
type When = dyn Fn(&Context) -> bool + Send + Sync;

/// Searches the view's `search_fields` for the terms of `?search=`, DRF's `SearchFilter`: all terms have to be found, each
/// in any of the fields. A phrase in quotes is one term.
///
/// A field is searched for a term anywhere in it, in whatever case. A prefix changes that: `^` at its beginning, `=` the
/// whole of it, `$` a regular expression, `@` PostgreSQL's full-text search. A field may say any lookup instead:
/// `title__startswith`.
///
/// ```
/// use bowline::filters::SearchFilter;
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let bookings = ModelViewSet::<booking::Entity>::new().filter_backend(SearchFilter::new()).search_fields(["^note"]);
/// # let _ = bookings;
/// ```
#[derive(Clone)]
pub struct SearchFilter {
    param: String,
    others: Vec<(Vec<String>, Arc<When>)>,
}

impl SearchFilter {
    /// By the parameter `search`.
    pub fn new() -> Self {
        SearchFilter { param: "search".into(), others: Vec::new() }
    }

    /// By another parameter, DRF's `search_param`.
    pub fn param(mut self, name: impl Into<String>) -> Self {
        self.param = name.into();
        self
    }

    /// Other fields for some requests, what DRF's users write into `get_search_fields`; the first that fits is taken.
    ///
    /// ```
    /// use bowline::filters::SearchFilter;
    /// let search = SearchFilter::new().fields_when(["title"], |request| request.query_param("title_only").is_some());
    /// ```
    pub fn fields_when<'a>(
        mut self,
        fields: impl IntoIterator<Item = &'a str>,
        when: impl Fn(&Context) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.others.push((fields.into_iter().map(str::to_owned).collect(), Arc::new(when)));
        self
    }
}

impl Default for SearchFilter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SearchFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchFilter").field("param", &self.param).finish_non_exhaustive()
    }
}

impl From<SearchFilter> for Arc<dyn FilterBackend> {
    fn from(backend: SearchFilter) -> Self {
        Arc::new(backend)
    }
}

/// The filter of one view.
struct BoundSearch {
    param: String,
    dialect: Dialect,
    fields: Vec<Resolved>,
    others: Vec<(Vec<Resolved>, Arc<When>)>,
}

impl fmt::Debug for BoundSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchFilter").field("param", &self.param).field("fields", &self.fields).finish_non_exhaustive()
    }
}

/// DRF's `construct_search`.
fn field(models: &Models, model: &Arc<ModelMeta>, name: &str, dialect: Dialect) -> Result<Resolved, String> {
    let lookup = match name.chars().next() {
        Some('^') => Some(Lookup::Text(plan::Lookup::IStartsWith)),
        Some('=') => Some(Lookup::Text(plan::Lookup::IExact)),
        Some('$') => Some(Lookup::Regex(true)),
        Some('@') => Some(Lookup::Search),
        _ => None,
    };
    let path = if lookup.is_some() { name.get(1..).unwrap_or_default() } else { name };
    let mut resolved = models.resolve(model, path)?;
    if let Some(lookup) = lookup {
        resolved.expression = Expression { lookup, ..resolved.expression };
    } else if !resolved.expression.said {
        resolved.expression.lookup = Lookup::Text(plan::Lookup::IContains);
    }
    if matches!(resolved.end, End::Relation(..)) && resolved.expression.lookup.is_of_text() {
        return Err(format!("{}: {path} is a relation and no text to search; name a field of its rows.", model.name));
    }
    if resolved.expression.lookup == Lookup::Search && dialect == Dialect::Sqlite {
        return Err(format!("{}: SQLite has no full-text search for the field {name}.", model.name));
    }
    Ok(resolved)
}

#[async_trait]
impl FilterBackend for SearchFilter {
    fn bind(&self, view: &FilterView<'_>) -> Result<Option<Arc<dyn FilterBackend>>, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut resolve = |names: &[String]| {
            let mut found = Vec::new();
            for name in names {
                match field(&view.models, view.model, name, view.dialect) {
                    Ok(field) => found.push(field),
                    Err(mistake) => mistakes.push(mistake),
                }
            }
            found
        };
        let fields = resolve(view.search_fields());
        let others = self.others.iter().map(|(names, when)| (resolve(names), Arc::clone(when))).collect();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Some(Arc::new(BoundSearch { param: self.param.clone(), dialect: view.dialect, fields, others })))
    }

    async fn filter_queryset(&self, _request: &Context, _queryset: &mut Queryset<'_>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl FilterBackend for BoundSearch {
    async fn filter_queryset(&self, request: &Context, queryset: &mut Queryset<'_>) -> Result<()> {
        let Some(text) = request.query_param(&self.param) else { return Ok(()) };
        if text.contains('\0') {
            return Err(ValidationError::from(form::null_characters()).into());
        }
        let terms = terms(&text);
        let others = self.others.iter().find(|(_, when)| when(request));
        let fields = others.map_or(&self.fields, |(fields, _)| fields);
        if fields.is_empty() || terms.is_empty() {
            return Ok(());
        }
        if terms.len() > TERMS {
            let text = format!("Ensure this value has at most {TERMS} search terms (it has {}).", terms.len());
            return Err(ValidationError::from(ErrorDetail::new(text, "max_terms")).into());
        }
        if fields.iter().any(|field| field.expression.lookup.is_pattern()) {
            heavy::begin().await;
        }
        let mut all = Vec::with_capacity(terms.len());
        for term in terms {
            let length = term.chars().count();
            if length > form::LONGEST_TEXT {
                return Err(ValidationError::from(form::too_long(length)).into());
            }
            let term = Value::Str(term);
            let any: Result<Vec<Filter>, _> = fields.iter().map(|field| field.compare(self.dialect, &term)).collect();
            let mut any = any.map_err(|refused| ValidationError::from(refused.detail()))?;
            all.push(if any.len() == 1 { any.swap_remove(0) } else { Filter::Any(any) });
        }
        let filter = if all.len() == 1 { all.swap_remove(0) } else { Filter::All(all) };
        queryset.push(if filter.is_many() { Filter::Exists(Box::new(filter)) } else { filter });
        Ok(())
    }
}

/// DRF's `search_smart_split`.
fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    for term in smart_split(text) {
        let term = term.trim_matches(',');
        let quote = term.chars().next().filter(|c| matches!(c, '"' | '\'') && term.ends_with(*c));
        match quote {
            Some(quote) => {
                let inner = term.get(1..term.len().max(2) - 1).unwrap_or_default();
                terms.push(inner.replace(&format!("\\{quote}"), &quote.to_string()).replace("\\\\", "\\"));
            }
            None => {
                let parts = term.split(',').filter(|part| !part.is_empty());
                terms.extend(parts.map(|part| python::strip(part).to_owned()));
            }
        }
    }
    terms
}

/// Django's `smart_split`: split at white space, but not within quotes that end.
fn smart_split(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(python::is_space);
        if rest.is_empty() {
            return found;
        }
        let end = with_quotes(rest).unwrap_or_else(|| rest.find(python::is_space).unwrap_or(rest.len()));
        let (term, after) = rest.split_at(end);
        found.push(term);
        rest = after;
    }
}

/// The length of the words at the beginning of a text that are held together by quotes; none where there are none.
fn with_quotes(text: &str) -> Option<usize> {
    let plain = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.find(|c| python::is_space(c) || matches!(c, '"' | '\'')).unwrap_or(rest.len())
    };
    let mut end = None;
    let mut at = plain(0);
    while let Some(quoted) = quoted(text.get(at..).unwrap_or_default()) {
        at = plain(at + quoted);
        end = Some(at);
    }
    end
}

/// The length of a text in quotes at the beginning; a backslash takes the next character along.
fn quoted(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next().filter(|(_, c)| matches!(c, '"' | '\''))?;
    while let Some((at, c)) = chars.next() {
        match c {
            // `.` is anything but the end of a line
            '\\' => {
                chars.next().filter(|(_, c)| *c != '\n')?;
            }
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_split_as_drf_splits_them() {
        // what Python answers
        for (text, expected) in [
            ("fig 5", vec!["fig", "5"]),
            ("fig,5", vec!["fig", "5"]),
            ("\"cherry pie\"", vec!["cherry pie"]),
            ("'honey dew' 7", vec!["honey dew", "7"]),
            ("", vec![]),
            ("   ", vec![]),
            ("fig \"", vec!["fig", ""]),
            ("\"unclosed", vec!["\"unclosed"]),
            ("\"", vec![""]),
            (",", vec![]),
            (",\"a b\",", vec!["a b"]),
            ("a\"b c\"d", vec!["a\"b c\"d"]),
            ("a\"b c", vec!["a\"b", "c"]),
            (r#""say \"hi\" now""#, vec!["say \"hi\" now"]),
            (r#""a\\b c""#, vec!["a\\b c"]),
            ("it's a cat's", vec!["it's a cat's"]),
            ("a,,b", vec!["a", "b"]),
            ("x\u{a0}y", vec!["x", "y"]),
        ] {
            assert_eq!(terms(text), expected, "{text}");
        }
    }
}
