//! One or several of a fixed set.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::list::not_a_list;
use super::text::python_str;
use super::{Field, FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::store::Cell;
use crate::value::{Form, Value, json, write};

/// A value to choose, with its name for people; or a named group of such values.
///
/// Text and integers are choices that are their own names, a pair is a value with its name.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A value and its name.
    One(Value, Value),
    /// A group by its name.
    Group(Cow<'static, str>, Vec<(Value, Value)>),
}

impl Choice {
    /// A group of choices; groups inside it are laid flat.
    pub fn group(name: impl Into<Cow<'static, str>>, choices: impl IntoIterator<Item = impl Into<Choice>>) -> Self {
        let mut members = Vec::new();
        for choice in choices {
            match choice.into() {
                Choice::One(value, label) => members.push((value, label)),
                Choice::Group(_, inner) => members.extend(inner),
            }
        }
        Choice::Group(name.into(), members)
    }
}

impl<V: Into<Value>, L: Into<String>> From<(V, L)> for Choice {
    fn from((value, label): (V, L)) -> Self {
        Choice::One(value.into(), Value::Str(label.into()))
    }
}

macro_rules! own_name {
    ($($from:ty),+) => {$(
        impl From<$from> for Choice {
            fn from(value: $from) -> Self {
                let value = Value::from(value);
                Choice::One(value.clone(), value)
            }
        }
    )+};
}

own_name!(&str, String, i32, i64);

/// The choices of a field, shared by its clones.
struct Choices {
    grouped: Vec<Choice>,
    all: Vec<(Value, Value)>,
    /// By what Python's `str()` makes of the value.
    by_text: HashMap<String, usize>,
}

impl Choices {
    fn new(choices: impl IntoIterator<Item = impl Into<Choice>>) -> Self {
        let grouped: Vec<Choice> = choices.into_iter().map(Into::into).collect();
        let mut all: Vec<(Value, Value)> = Vec::new();
        let mut add = |value: &Value, label: &Value| match all.iter_mut().find(|(known, _)| known == value) {
            Some((_, place)) => *place = label.clone(),
            None => all.push((value.clone(), label.clone())),
        };
        for choice in &grouped {
            match choice {
                Choice::One(value, label) => add(value, label),
                Choice::Group(_, members) => members.iter().for_each(|(value, label)| add(value, label)),
            }
        }
        let by_text = all.iter().enumerate().map(|(n, (value, _))| (value.to_python_str().into_owned(), n)).collect();
        Choices { grouped, all, by_text }
    }

    fn find(&self, text: &str) -> Option<&Value> {
        self.all.get(*self.by_text.get(text)?).map(|(value, _)| value)
    }

    fn of_input(&self, input: &Value) -> Option<&Value> {
        match input {
            Value::Surrogates(..) => None,
            input => self.find(&input.to_python_str()),
        }
    }
}

impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

/// One of a fixed set of values, which is found by its text: `"1"` chooses `1`.
///
/// | code | message |
/// |---|---|
/// | `invalid_choice` | `"{input}" is not a valid choice.` |
///
/// ```
/// use bowline::fields::{Choice, ChoiceField, Field};
/// use bowline::value::Value;
/// let size = Field::new("size", ChoiceField::new([(1, "Small"), (2, "Large")]));
/// assert_eq!(size.clean(&"2".into()), Ok(Value::Int(2)));
/// assert_eq!(size.clean(&"x".into()).unwrap_err().to_json(), r#"["\"x\" is not a valid choice."]"#);
///
/// let colour = ChoiceField::new([
///     Choice::group("Warm", [("r", "Red"), ("o", "Orange")]),
///     ("x", "None").into(),
/// ]);
/// assert!(Field::new("colour", colour).clean(&"o".into()).is_ok());
/// ```
#[derive(Clone, Debug)]
pub struct ChoiceField {
    choices: Arc<Choices>,
    allow_blank: bool,
    html_cutoff: Option<usize>,
    html_cutoff_text: Cow<'static, str>,
    invalid: &'static str,
}

impl ChoiceField {
    /// One of these.
    pub fn new(choices: impl IntoIterator<Item = impl Into<Choice>>) -> Self {
        ChoiceField {
            choices: Arc::new(Choices::new(choices)),
            allow_blank: false,
            html_cutoff: None,
            html_cutoff_text: "More than {count} items...".into(),
            invalid: "\"{input}\" is not a valid choice.",
        }
    }

    /// Whether empty text is accepted.
    pub fn allow_blank(mut self, yes: bool) -> Self {
        self.allow_blank = yes;
        self
    }

    /// How many choices an HTML form shows at most.
    pub fn html_cutoff(mut self, count: impl Into<Option<usize>>) -> Self {
        self.html_cutoff = count.into();
        self
    }

    /// What an HTML form shows after the last of them; `{count}` is their number.
    pub fn html_cutoff_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.html_cutoff_text = text.into();
        self
    }

    /// The choices as they were declared, groups and all.
    pub fn grouped_choices(&self) -> &[Choice] {
        &self.choices.grouped
    }

    /// Every value with its name.
    pub fn choices(&self) -> &[(Value, Value)] {
        &self.choices.all
    }

    /// How many choices an HTML form shows at most, and what it shows after them.
    pub fn cutoff(&self) -> Option<(usize, String)> {
        let count = self.html_cutoff?;
        Some((count, self.html_cutoff_text.replace("{count}", &count.to_string())))
    }

    /// Another text for a wrong choice.
    pub(super) fn invalid_text(mut self, text: &'static str) -> Self {
        self.invalid = text;
        self
    }

    fn choose(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        if self.allow_blank && is_blank(input) {
            return Ok(Value::Str(String::new()));
        }
        let refusal = || cx.error("invalid_choice", self.invalid, &[("input", &input.to_python_str())]);
        self.choices.of_input(input).cloned().ok_or_else(refusal)
    }
}

fn is_blank(value: &Value) -> bool {
    matches!(value, Value::Str(text) if text.is_empty())
}

impl FieldType for ChoiceField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        self.choose(input, cx)
    }

    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        match self.choices.of_input(value) {
            Some(choice) if choice == value => {}
            _ => *value = self.choose(value, cx)?,
        }
        Ok(())
    }

    fn allows_blank(&self) -> bool {
        self.allow_blank
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        match (self.choices.find(&python_str(cell)), cell) {
            // what is no choice, or no longer, is shown as it is
            (None, _) | (_, Cell::Text("")) => write::value(&cell.to_plain_attribute(), out),
            (Some(value), _) => write::value(value, out),
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "choice"
    }

    fn metadata_choices(&self) -> Option<Vec<(Value, Value)>> {
        Some(self.choices.all.clone())
    }
}

/// Any number of a fixed set of values, each of which counts once.
///
/// | code | message |
/// |---|---|
/// | `invalid_choice` | `"{input}" is not a valid choice.` (about the first that is none) |
/// | `not_a_list` | `Expected a list of items but got type "{input_type}".` |
/// | `empty` | `This selection may not be empty.` |
///
/// A whole HTML form that leaves the field out chooses nothing.
///
/// ```
/// use bowline::fields::{Field, MultipleChoiceField};
/// use bowline::value::json;
/// let field = Field::new("days", MultipleChoiceField::new(["mo", "tu", "we"]));
/// let input = json::parse(br#"["we", "mo", "we"]"#).unwrap();
/// assert_eq!(field.clean(&input), Ok(json::parse(br#"["we", "mo"]"#).unwrap()));
/// ```
#[derive(Clone, Debug)]
pub struct MultipleChoiceField {
    one: ChoiceField,
    allow_empty: bool,
}

impl MultipleChoiceField {
    /// Any number of these.
    pub fn new(choices: impl IntoIterator<Item = impl Into<Choice>>) -> Self {
        MultipleChoiceField { one: ChoiceField::new(choices), allow_empty: true }
    }

    /// Whether nothing may be chosen.
    pub fn allow_empty(mut self, yes: bool) -> Self {
        self.allow_empty = yes;
        self
    }

    /// Whether empty text is a choice.
    pub fn allow_blank(mut self, yes: bool) -> Self {
        self.one = self.one.allow_blank(yes);
        self
    }

    /// How many choices an HTML form shows at most.
    pub fn html_cutoff(mut self, count: impl Into<Option<usize>>) -> Self {
        self.one = self.one.html_cutoff(count);
        self
    }

    /// What an HTML form shows after the last of them; `{count}` is their number.
    pub fn html_cutoff_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.one = self.one.html_cutoff_text(text);
        self
    }

    /// The field of one choice.
    pub fn one(&self) -> &ChoiceField {
        &self.one
    }
}

impl FieldType for MultipleChoiceField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let keys: Vec<Value>;
        let items = match input {
            Value::List(items) => items.as_slice(),
            // what Python iterates over in a dictionary
            Value::Map(map) => {
                keys = map.keys().map(Value::from).collect();
                keys.as_slice()
            }
            Value::Form(form) => {
                keys = form.lists().map(|(key, _)| key.into()).collect();
                keys.as_slice()
            }
            other => return Err(not_a_list(other, cx)),
        };
        if items.is_empty() && !self.allow_empty {
            return Err(cx.error("empty", "This selection may not be empty.", &[]));
        }
        let mut found = Vec::with_capacity(items.len().min(self.one.choices.all.len() + 1));
        for item in items {
            let value = self.one.choose(item, cx)?;
            if !found.contains(&value) {
                found.push(value);
            }
        }
        Ok(Value::List(found))
    }

    fn form_value(&self, field: &Field, form: &Form, cx: &FieldContext<'_>) -> Option<Value> {
        let is_absent = !form.contains(&field.name);
        (!(is_absent && cx.partial)).then(|| Value::List(form.get_list(&field.name).to_vec()))
    }

    fn allows_blank(&self) -> bool {
        self.one.allow_blank
    }

    fn to_representation(&self, cell: Cell<'_>, _cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let parsed;
        let items = match cell {
            Cell::Value(Value::List(items)) => items,
            Cell::Json(text) | Cell::Text(text) => match json::parse_str(text) {
                Ok(Value::List(items)) => {
                    parsed = items;
                    &parsed
                }
                _ => return Err(Unrepresentable),
            },
            _ => return Err(Unrepresentable),
        };
        let mut shown: Vec<&Value> = Vec::with_capacity(items.len());
        for item in items {
            let value = self.one.choices.of_input(item).unwrap_or(item);
            if !shown.contains(&value) {
                shown.push(value);
            }
        }
        out.push(b'[');
        for (n, value) in shown.into_iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            write::value(value, out);
        }
        out.push(b']');
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "multiple choice"
    }

    fn metadata_choices(&self) -> Option<Vec<(Value, Value)>> {
        self.one.metadata_choices()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, parsed, set, shown};
    use super::*;

    #[test]
    fn one_choice() {
        let field = ChoiceField::new([(1, "One"), (2, "Two")]);
        for (json, value) in [("1", 1), (r#""1""#, 1), (r#""2""#, 2)] {
            assert_eq!(set(&field, json), Value::Int(value), "{json}");
        }
        for (json, input) in [
            ("3", "3"),
            ("1.0", "1.0"),
            ("true", "True"),
            (r#""One""#, "One"),
            (r#""""#, ""),
            ("[]", "[]"),
            (r#"{"a": 1}"#, "{'a': 1}"),
            (r#""\ud800""#, "\u{fffd}"),
        ] {
            let message = format!("invalid_choice: \"{input}\" is not a valid choice.");
            assert_eq!(error(&field, json), [message]);
        }
        let blank = ChoiceField::new([("r", "Red")]).allow_blank(true);
        assert_eq!(set(&blank, r#""""#), "".into());
        assert_eq!(error(&blank, r#"" ""#), ["invalid_choice: \" \" is not a valid choice."]);
    }

    #[test]
    fn groups() {
        let warm = Choice::group("Warm", [("r", "Red"), ("o", "Orange")]);
        let field = ChoiceField::new([warm.clone(), ("x", "None").into(), ("r", "Crimson").into()]);
        assert_eq!(set(&field, r#""o""#), "o".into());
        assert_eq!(error(&field, r#""Warm""#), ["invalid_choice: \"Warm\" is not a valid choice."]);
        let labels: Vec<_> = field.choices().iter().map(|(_, label)| label.to_python_str()).collect();
        assert_eq!(labels, ["Crimson", "Orange", "None"]);
        assert_eq!(field.grouped_choices()[0], warm);
        assert_eq!(field.html_cutoff(9).cutoff(), Some((9, "More than 9 items...".into())));
    }

    #[test]
    fn several_choices() {
        let field = MultipleChoiceField::new([(1, "One"), (2, "Two")]);
        assert_eq!(set(&field, r#"["2", 1, 2]"#), parsed("[2,1]"));
        assert_eq!(set(&field, r#"{"1": 0}"#), parsed("[1]"));
        assert_eq!(set(&field, "{}"), parsed("[]"));
        assert_eq!(error(&field, "[1, 3, 4]"), ["invalid_choice: \"3\" is not a valid choice."]);
        assert_eq!(error(&field, "[[1]]"), ["invalid_choice: \"[1]\" is not a valid choice."]);
        assert_eq!(error(&field, "5"), ["not_a_list: Expected a list of items but got type \"int\"."]);
        let some = field.allow_empty(false);
        assert_eq!(error(&some, "[]"), ["empty: This selection may not be empty."]);
    }

    #[test]
    fn forms() {
        let field = Field::new("m", MultipleChoiceField::new(["a", "b"]));
        let mut form = Form::new();
        let request = Context::default();
        let whole = FieldContext::new(&request);
        let part = FieldContext { partial: true, ..whole };
        assert_eq!(field.get_value(&Value::Form(Box::new(form.clone())), &whole).as_deref(), Some(&parsed("[]")));
        assert_eq!(field.get_value(&Value::Form(Box::new(form.clone())), &part), None);
        form.append("m", "b".into());
        form.append("m", "a".into());
        let both = parsed(r#"["b","a"]"#);
        assert_eq!(field.get_value(&Value::Form(Box::new(form)), &part).as_deref(), Some(&both));
    }

    #[test]
    fn cells() {
        let field = ChoiceField::new([(1, "One"), (2, "Two")]);
        for (cell, json) in
            [(Cell::Int(1), "1"), (Cell::Text("2"), "2"), (Cell::Int(7), "7"), (Cell::Text("x"), r#""x""#)]
        {
            assert_eq!(shown(&field, cell).unwrap(), json);
        }
        let several = MultipleChoiceField::new([(1, "One"), (2, "Two")]);
        assert_eq!(shown(&several, Cell::Value(&parsed(r#"["1", 1, 9]"#))).unwrap(), "[1,9]");
        assert!(shown(&several, Cell::Int(1)).is_err());
    }
}
