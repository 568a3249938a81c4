//! What a user declares about a model's serializer, without its types.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::FieldOptions;
use crate::context::Context;
use crate::error::ValidationError;
use crate::fields::{Default as FieldDefault, Field, FieldContext, Messages, ValueValidator};
use crate::model::{Condition, Row};
use crate::validators::{ObjectValidator, QueryValidator, UniqueForValidator, UniqueTogetherValidator};
use crate::value::{Map, Value};

/// A declaration without its types, by the names of fields and columns.
#[derive(Clone, Default)]
pub(crate) struct Declaration {
    /// The schema and name of the model's table.
    pub(crate) table: (Option<String>, String),
    pub(crate) selection: Selection,
    pub(crate) options: Vec<(String, FieldOptions)>,
    pub(crate) declared: Vec<Declared>,
    pub(crate) depth: u8,
    pub(crate) hyperlinked: bool,
    pub(crate) together: Option<Vec<UniqueTogetherValidator>>,
    pub(crate) unique_for: Option<Vec<UniqueForValidator>>,
    pub(crate) objects: Vec<Arc<dyn ObjectValidator>>,
    pub(crate) queries: Vec<Arc<dyn QueryValidator>>,
    pub(crate) hooks: Vec<(String, FieldHook)>,
    pub(crate) validate: Vec<BodyHook>,
    pub(crate) on_create: Vec<(String, Value)>,
    pub(crate) list: ListOptions,
}

/// DRF's `validate_<field>`.
pub(crate) type FieldHook = Arc<dyn Fn(Value, &FieldContext<'_>) -> Result<Value, ValidationError> + Send + Sync>;

/// DRF's `validate`: the validated values by the names of their fields, as they are and as they should be.
pub(crate) type BodyHook = Arc<dyn Fn(Map, &FieldContext<'_>) -> Result<Map, ValidationError> + Send + Sync>;

/// A rule about a list as a whole.
pub(crate) type ListRule = Arc<dyn Fn(&[Value]) -> Result<(), ValidationError> + Send + Sync>;

/// A value that is worked out from a row and the request.
pub(crate) type RowMethod = Arc<dyn Fn(&Row<'_>, &Context) -> Value + Send + Sync>;

/// What a list of objects may be, DRF's arguments of `many=True`.
#[derive(Clone)]
pub(crate) struct ListOptions {
    pub(crate) allow_empty: bool,
    pub(crate) min_length: Option<usize>,
    pub(crate) max_length: Option<usize>,
    pub(crate) rules: Vec<ListRule>,
}

impl Default for ListOptions {
    fn default() -> Self {
        ListOptions { allow_empty: true, min_length: None, max_length: None, rules: Vec::new() }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) enum Selection {
    #[default]
    All,
    List(Vec<String>),
    Exclude(Vec<String>),
}

/// A field that is declared rather than derived.
#[derive(Clone)]
pub(crate) enum Declared {
    Field(Box<Field>),
    Related(Box<RelatedField>),
    Nested(Box<NestedField>),
    Method(Cow<'static, str>, RowMethod),
    Count(Cow<'static, str>, String),
}

impl Declared {
    pub(crate) fn name(&self) -> &Cow<'static, str> {
        match self {
            Declared::Field(field) => &field.name,
            Declared::Related(field) => &field.arguments.name,
            Declared::Nested(field) => &field.arguments.name,
            Declared::Method(name, _) | Declared::Count(name, _) => name,
        }
    }
}

impl Declaration {
    /// Whether a rule is declared that reads other rows.
    pub(crate) fn has_query_rules(&self) -> bool {
        !self.queries.is_empty()
            || self.together.iter().flatten().any(|t| t.unenforced)
            || self.unique_for.iter().flatten().next().is_some()
            || self.options.iter().any(|(_, o)| o.unique.as_ref().is_some_and(|u| u.reads_other_rows()))
            || self.declared.iter().any(|declared| match declared {
                Declared::Nested(nested) => nested.declaration.has_query_rules(),
                _ => false,
            })
    }

    /// Whether a rule over exactly these columns is declared as unenforced.
    pub(crate) fn calls_unenforced(&self, columns: &[String]) -> bool {
        let together = self.together.iter().flatten().filter(|t| t.unenforced).map(|t| t.columns.as_slice());
        let single = self.options.iter().filter(|(_, o)| o.unique.as_ref().is_some_and(|u| u.unenforced));
        let same = |own: &[String]| own.len() == columns.len() && own.iter().all(|c| columns.contains(c));
        together.chain(single.map(|(name, _)| std::slice::from_ref(name))).any(same)
    }
}

/// DRF's core arguments of a relation, each only where it is said.
#[derive(Clone, Default)]
pub(crate) struct Arguments {
    pub(crate) name: Cow<'static, str>,
    pub(crate) source: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) write_only: bool,
    pub(crate) required: Option<bool>,
    pub(crate) allow_null: Option<bool>,
    pub(crate) allow_empty: Option<bool>,
    pub(crate) default: Option<FieldDefault>,
    pub(crate) label: Option<Cow<'static, str>>,
    pub(crate) help_text: Option<Cow<'static, str>>,
    pub(crate) messages: Messages,
    pub(crate) validators: Vec<Arc<dyn ValueValidator>>,
}

macro_rules! arguments {
    ($type:ident) => {
        impl $type {
            /// The relation that it reads and writes, where it is not of the field's name.
            #[must_use]
            pub fn source(mut self, source: impl Into<String>) -> Self {
                self.arguments.source = Some(source.into());
                self
            }

            /// Shows it and ignores it on input.
            #[must_use]
            pub fn read_only(mut self) -> Self {
                self.arguments.read_only = true;
                self
            }

            /// Accepts it and never shows it.
            #[must_use]
            pub fn write_only(mut self) -> Self {
                self.arguments.write_only = true;
                self
            }

            /// Whether a body without it is refused (never on PATCH).
            #[must_use]
            pub fn required(mut self, required: bool) -> Self {
                self.arguments.required = Some(required);
                self
            }

            /// Whether null is accepted.
            #[must_use]
            pub fn allow_null(mut self, allow: bool) -> Self {
                self.arguments.allow_null = Some(allow);
                self
            }

            /// Whether an empty list is accepted.
            #[must_use]
            pub fn allow_empty(mut self, allow: bool) -> Self {
                self.arguments.allow_empty = Some(allow);
                self
            }

            /// What an absent field becomes on POST and PUT; makes it not required.
            #[must_use]
            pub fn default(mut self, value: impl Into<Value>) -> Self {
                self.arguments.default = Some(FieldDefault::Value(value.into()));
                self
            }

            /// The name for people.
            #[must_use]
            pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
                self.arguments.label = Some(label.into());
                self
            }

            /// A sentence for people.
            #[must_use]
            pub fn help_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
                self.arguments.help_text = Some(text.into());
                self
            }

            /// The message of a code: `required`, `null`, `does_not_exist`, ….
            #[must_use]
            pub fn error_message(mut self, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
                self.arguments.messages.set(code, message);
                self
            }
        }
    };
}

/// How a relation's other side is written.
#[derive(Clone, Debug)]
pub(crate) enum How {
    PrimaryKey,
    Slug(String),
    String,
    Hyperlink(HyperlinkTo),
    /// A link to the object itself.
    Identity(HyperlinkTo),
}

/// A view that shows one object, and how its address names the object.
#[derive(Clone, Debug)]
pub(crate) struct HyperlinkTo {
    pub(crate) view_name: String,
    pub(crate) lookup_field: Option<String>,
}

/// A field that points at other rows, DRF's relational fields.
///
/// Whether it leads to one row or to many is the relation's own business. Whether one target exists is the foreign key's to say
/// when the row is written; targets by another field, filtered ones and many are looked up in the write's transaction and locked.
/// One that does not exist is DRF's `does_not_exist`.
///
/// ```
/// use bowline::serializers::RelatedField;
/// let author = RelatedField::slug("author", "email");
/// let tags = RelatedField::hyperlink("tags", "tag-detail").lookup_field("slug");
/// # let _ = (author, tags);
/// ```
#[derive(Clone)]
pub struct RelatedField {
    pub(crate) arguments: Arguments,
    pub(crate) how: How,
    pub(crate) only: Option<Condition>,
}

arguments!(RelatedField);

impl RelatedField {
    fn new(name: impl Into<Cow<'static, str>>, how: How) -> Self {
        RelatedField { arguments: Arguments { name: name.into(), ..Arguments::default() }, how, only: None }
    }

    /// By the other row's primary key, DRF's `PrimaryKeyRelatedField`.
    pub fn primary_key(name: impl Into<Cow<'static, str>>) -> Self {
        RelatedField::new(name, How::PrimaryKey)
    }

    /// By another unique field of the other row, DRF's `SlugRelatedField`.
    pub fn slug(name: impl Into<Cow<'static, str>>, slug_field: impl Into<String>) -> Self {
        RelatedField::new(name, How::Slug(slug_field.into()))
    }

    /// By the other row's text (its model's `display`), DRF's `StringRelatedField`.
    ///
    /// One row is read-only. Of many rows, as in DRF, a body has to hold the list, which can only be the empty one: no row
    /// is named by its text; [`read_only`](Self::read_only) is what is meant as a rule.
    pub fn string(name: impl Into<Cow<'static, str>>) -> Self {
        RelatedField::new(name, How::String)
    }

    /// By the address of the other row's view, DRF's `HyperlinkedRelatedField`.
    pub fn hyperlink(name: impl Into<Cow<'static, str>>, view_name: impl Into<String>) -> Self {
        RelatedField::new(name, How::Hyperlink(HyperlinkTo { view_name: view_name.into(), lookup_field: None }))
    }

    /// The address of the row's own view, DRF's `HyperlinkedIdentityField`.
    pub fn identity(name: impl Into<Cow<'static, str>>, view_name: impl Into<String>) -> Self {
        RelatedField::new(name, How::Identity(HyperlinkTo { view_name: view_name.into(), lookup_field: None }))
            .read_only()
    }

    /// The field that the address names the row by; its key where nothing is said.
    #[must_use]
    pub fn lookup_field(mut self, field: impl Into<String>) -> Self {
        if let How::Hyperlink(to) | How::Identity(to) = &mut self.how {
            to.lookup_field = Some(field.into());
        }
        self
    }

    /// A rule about the key of the row, or about the list of keys where there are many.
    ///
    /// It runs once the row is known to be there, and may run again where a write is tried again.
    #[must_use]
    pub fn validator(mut self, validator: impl ValueValidator) -> Self {
        self.arguments.validators.push(Arc::new(validator));
        self
    }

    /// Only rows like this may be pointed to (the field's `queryset`).
    #[must_use]
    pub fn filter(mut self, only: Condition) -> Self {
        self.only = Some(only);
        self
    }
}

impl fmt::Debug for RelatedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelatedField")
            .field("name", &self.arguments.name)
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}

/// Other rows in the body of this one: a serializer within a serializer.
///
/// Read-only it shows them. Writable, it creates, changes and deletes the rows that point here, in the transaction of the
/// row itself and under its lock: rows with a known key are changed, others are created, rows that are not mentioned
/// are deleted; `null` deletes the one of a one-to-one relation.
#[derive(Clone)]
pub struct NestedField {
    pub(crate) arguments: Arguments,
    pub(crate) declaration: Declaration,
    pub(crate) list: ListOptions,
}

arguments!(NestedField);

impl NestedField {
    pub(crate) fn new(name: Cow<'static, str>, declaration: Declaration) -> Self {
        NestedField { arguments: Arguments { name, ..Arguments::default() }, declaration, list: ListOptions::default() }
    }

    /// The fewest rows.
    #[must_use]
    pub fn min_length(mut self, n: usize) -> Self {
        self.list.min_length = Some(n);
        self
    }

    /// The most rows.
    #[must_use]
    pub fn max_length(mut self, n: usize) -> Self {
        self.list.max_length = Some(n);
        self
    }
}

impl fmt::Debug for NestedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NestedField").field("name", &self.arguments.name).finish_non_exhaustive()
    }
}
