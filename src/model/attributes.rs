//! What neither an entity nor a catalogue can say about a column: the arguments of Django's model fields.

use std::fmt;
use std::sync::Arc;

use crate::error::ValidationError;
use crate::value::{Decimal, Value};

/// One option of a choice: the value and what people read.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A value with its label.
    Option(Value, String),
    /// Options under a heading.
    Group(String, Vec<(Value, String)>),
}

impl<V: Into<Value>> From<(V, &str)> for Choice {
    fn from((value, label): (V, &str)) -> Self {
        Choice::Option(value.into(), label.to_owned())
    }
}

impl<V: Into<Value>, const N: usize> From<(&str, [(V, &str); N])> for Choice {
    fn from((heading, options): (&str, [(V, &str); N])) -> Self {
        Choice::from((heading, Vec::from(options)))
    }
}

impl<V: Into<Value>> From<(&str, Vec<(V, &str)>)> for Choice {
    fn from((heading, options): (&str, Vec<(V, &str)>)) -> Self {
        let options = options.into_iter().map(|(value, label)| (value.into(), label.to_owned()));
        Choice::Group(heading.to_owned(), options.collect())
    }
}

/// What text means beyond being text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// An e-mail address.
    Email,
    /// Letters, digits, hyphens and underscores; with Unicode letters where `true`.
    Slug(bool),
    /// An address on the web.
    Url,
    /// An IP address: `both`, `ipv4` or `ipv6`.
    Ip(&'static str),
    /// An uploaded file, by the folder that it goes to (`strftime` places are filled in).
    File(String),
    /// An uploaded image, likewise.
    Image(String),
    /// A file below a folder.
    FilePath(String),
    /// A span of time, in microseconds where the database has no type for it.
    Duration,
}

/// A moment's value for a column, on every save or on the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoNow {
    /// When the row is made (`auto_now_add`).
    Add,
    /// Whenever the row is written (`auto_now`).
    Save,
}

/// A rule of a model about one value of a column; serializers run it as they run their own.
pub type ColumnValidator = Arc<dyn Fn(&Value) -> Result<(), ValidationError> + Send + Sync>;

/// The arguments of one column, Django's of a model field; serializers derive their fields from them.
///
/// What the entity and the catalogue say need not be said here: types and lengths, digits of a decimal, NULL, unique
/// columns, keys, defaults that are plain values.
///
/// ```
/// use bowline::model::Model;
/// # use bowline::doc::booking;
/// let booking = Model::<booking::Entity>::new()
///     .column(booking::Column::Start, |start| start.verbose_name("first hour").min_value(0).max_value(23))
///     .column(booking::Column::Note, |note| note.blank().help_text("For the porter."));
/// # let _ = booking;
/// ```
///
/// See Django's chapter "Model field reference", and DRF's "ModelSerializer" for what is made of them.
#[derive(Clone, Default)]
pub struct Attributes {
    /// The name for people in messages: Django's `verbose_name`.
    pub verbose_name: Option<String>,
    /// A sentence for people.
    pub help_text: Option<String>,
    /// What text means.
    pub format: Option<Format>,
    /// The values that are allowed.
    pub choices: Vec<Choice>,
    /// Whether empty text is accepted, and a body may leave it out.
    pub blank: bool,
    /// Whether a serializer may write it at all (`editable=False` when it is false).
    pub not_editable: bool,
    /// The digits of a decimal, and how many of them are after the point.
    pub digits: Option<(u32, u32)>,
    /// The most characters, where the column's type does not say.
    pub max_length: Option<usize>,
    /// Django's `MinValueValidator`.
    pub min_value: Option<Decimal>,
    /// Django's `MaxValueValidator`.
    pub max_value: Option<Decimal>,
    /// Not below zero (`PositiveIntegerField`).
    pub positive: bool,
    /// The moment it is given.
    pub auto_now: Option<AutoNow>,
    /// The value of an object that does not say.
    pub default: Option<DefaultValue>,
    /// The message for a value that another row has, Django's `error_messages={'unique': …}`.
    pub unique_message: Option<String>,
    /// Rules about the value.
    pub validators: Vec<ColumnValidator>,
}

/// A default: a value or a function.
#[derive(Clone)]
pub enum DefaultValue {
    /// A fixed value.
    Value(Value),
    /// A value made anew for each object.
    Call(Arc<dyn Fn() -> Value + Send + Sync>),
}

impl DefaultValue {
    /// The value.
    pub fn get(&self) -> Value {
        match self {
            DefaultValue::Value(value) => value.clone(),
            DefaultValue::Call(make) => make(),
        }
    }
}

impl fmt::Debug for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DefaultValue::Value(value) => f.debug_tuple("Value").field(value).finish(),
            DefaultValue::Call(_) => f.write_str("Call(..)"),
        }
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attributes")
            .field("format", &self.format)
            .field("choices", &self.choices)
            .finish_non_exhaustive()
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($argument:ident: $type:ty) { $($body:tt)* })+) => {
        impl Attributes {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $argument: $type) -> Self {
                let this = &mut self;
                setters!(@ this $($body)*);
                self
            }
        )+}
    };
    (@ $this:ident $field:ident = $value:expr) => { $this.$field = $value };
}

setters! {
    /// Names the column for people, as messages print it; its first letter large it is the field's label.
    verbose_name(name: impl Into<String>) { verbose_name = Some(name.into()) }
    /// Says a sentence about it to people.
    help_text(text: impl Into<String>) { help_text = Some(text.into()) }
    /// Uploads go to this folder.
    file(upload_to: impl Into<String>) { format = Some(Format::File(upload_to.into())) }
    /// Uploaded images go to this folder.
    image(upload_to: impl Into<String>) { format = Some(Format::Image(upload_to.into())) }
    /// An IP address: `both`, `ipv4` or `ipv6`.
    ip(protocol: &'static str) { format = Some(Format::Ip(protocol)) }
    /// A path of a file below this folder of the server.
    file_path(folder: impl Into<String>) { format = Some(Format::FilePath(folder.into())) }
    /// A decimal's digits, and how many of them are after the point (`max_digits`, `decimal_places`), where the column's
    /// type does not say.
    digits(digits: (u32, u32)) { digits = Some(digits) }
    /// The most characters, where the column's type does not say.
    max_length(characters: usize) { max_length = Some(characters) }
    /// A fixed default.
    default(value: impl Into<Value>) { default = Some(DefaultValue::Value(value.into())) }
    /// A default made anew for each object.
    default_with(make: impl Fn() -> Value + Send + Sync + 'static) { default = Some(DefaultValue::Call(Arc::new(make))) }
    /// The smallest value (`MinValueValidator`).
    min_value(value: impl Into<Decimal>) { min_value = Some(value.into()) }
    /// The largest value (`MaxValueValidator`).
    max_value(value: impl Into<Decimal>) { max_value = Some(value.into()) }
    /// The message for a value that another row has; by default Django's, `{model_name} with this {field_label} already
    /// exists.`, in which the names for people are filled in.
    unique_message(message: impl Into<String>) { unique_message = Some(message.into()) }
}

impl Attributes {
    /// Nothing said.
    pub fn new() -> Self {
        <Self as Default>::default()
    }

    /// An e-mail address.
    #[must_use]
    pub fn email(mut self) -> Self {
        self.format = Some(Format::Email);
        self
    }

    /// A slug: ASCII letters, digits, hyphens and underscores.
    #[must_use]
    pub fn slug(mut self) -> Self {
        self.format = Some(Format::Slug(false));
        self
    }

    /// A slug with Unicode letters (`SlugField(allow_unicode=True)`).
    #[must_use]
    pub fn unicode_slug(mut self) -> Self {
        self.format = Some(Format::Slug(true));
        self
    }

    /// An address on the web.
    #[must_use]
    pub fn url(mut self) -> Self {
        self.format = Some(Format::Url);
        self
    }

    /// A span of time in a column of integers: microseconds, as Django keeps it where the database has no type for it.
    #[must_use]
    pub fn duration(mut self) -> Self {
        self.format = Some(Format::Duration);
        self
    }

    /// The values that are allowed, each with its label, or groups of them; a second call adds to the first.
    ///
    /// ```
    /// use bowline::model::Attributes;
    /// let country = Attributes::new()
    ///     .choices([("Europe", [("GB", "United Kingdom"), ("FR", "France")])])
    ///     .choices([("XX", "Elsewhere")]);
    /// assert_eq!(country.choice_label(&"FR".into()), Some("France"));
    /// ```
    #[must_use]
    pub fn choices<C: Into<Choice>>(mut self, choices: impl IntoIterator<Item = C>) -> Self {
        self.choices.extend(choices.into_iter().map(Into::into));
        self
    }

    /// Accepts bodies without it, and empty text. A column that may be NULL may be left out anyway.
    #[must_use]
    pub fn blank(mut self) -> Self {
        self.blank = true;
        self
    }

    /// A rule about the value, which runs after the field's own (Django's `validators`).
    ///
    /// ```
    /// use bowline::model::Attributes;
    /// use bowline::error::ValidationError;
    /// use bowline::value::Value;
    ///
    /// fn even(value: &Value) -> Result<(), ValidationError> {
    ///     if value.as_int().is_some_and(|i| i % 2 == 0) { Ok(()) } else { Err("Not even.".into()) }
    /// }
    /// let pages = Attributes::new().validator(even);
    /// # let _ = pages;
    /// ```
    #[must_use]
    pub fn validator(
        mut self,
        validator: impl Fn(&Value) -> Result<(), ValidationError> + Send + Sync + 'static,
    ) -> Self {
        self.validators.push(Arc::new(validator));
        self
    }

    /// Keeps it out of serializers' input (`editable=False`).
    #[must_use]
    pub fn not_editable(mut self) -> Self {
        self.not_editable = true;
        self
    }

    /// Not below zero (`PositiveIntegerField`).
    #[must_use]
    pub fn positive(mut self) -> Self {
        self.positive = true;
        self
    }

    /// The moment when the row is made; keeps it out of input.
    #[must_use]
    pub fn auto_now_add(mut self) -> Self {
        self.auto_now = Some(AutoNow::Add);
        self.not_editable = true;
        self
    }

    /// The moment when the row was last written; keeps it out of input.
    #[must_use]
    pub fn auto_now(mut self) -> Self {
        self.auto_now = Some(AutoNow::Save);
        self.not_editable = true;
        self
    }

    /// The label of a value, where it is a choice (Django's `get_…_display`).
    pub fn choice_label(&self, value: &Value) -> Option<&str> {
        self.choices.iter().find_map(|choice| match choice {
            Choice::Option(v, label) => (v == value).then_some(label.as_str()),
            Choice::Group(_, options) => options.iter().find(|(v, _)| v == value).map(|(_, label)| label.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn choices_are_found_in_groups_too() {
        let said = Attributes::new().choices([("Warm", [(1, "Red"), (2, "Orange")])]).choices([(3, "None")]);
        assert_eq!(said.choices.len(), 2);
        assert_eq!(said.choice_label(&Value::Int(2)), Some("Orange"));
        assert_eq!(said.choice_label(&Value::Int(3)), Some("None"));
        assert_eq!(said.choice_label(&Value::Str("3".into())), None);
        assert_eq!(said.choice_label(&Value::Null), None);
    }

    #[test]
    fn a_moment_is_not_for_input() {
        assert!(Attributes::new().auto_now().not_editable);
        let said = Attributes::new().auto_now_add();
        assert_eq!((said.not_editable, said.auto_now), (true, Some(AutoNow::Add)));
    }

    #[test]
    fn defaults_are_values_or_made_anew() {
        let count = Arc::new(std::sync::atomic::AtomicI64::new(0));
        let made = Attributes::new()
            .default_with(move || Value::Int(count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)));
        let made = made.default.unwrap();
        assert_eq!((made.get(), made.get()), (Value::Int(0), Value::Int(1)));
        let fixed = Attributes::new().default(7).default.unwrap();
        assert_eq!((fixed.get(), fixed.get()), (Value::Int(7), Value::Int(7)));
    }

    #[test]
    fn limits_may_have_a_fraction() {
        let half: Decimal = "0.5".parse().unwrap();
        let said = Attributes::new().min_value(half.clone()).max_value(3);
        assert_eq!((said.min_value.unwrap(), said.max_value.unwrap()), (half, Decimal::from(3)));
    }
}
