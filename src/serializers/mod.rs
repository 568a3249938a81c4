//! A set of fields: a body becomes changes, a row becomes bytes.
//!
//! [`Serializer`] is a set of fields over plain values. [`ModelSerializer`] is what a user declares about an entity; when
//! the router is built it becomes a bound serializer, with every name, column and message in its place:
//!
//! | module | what |
//! |---|---|
//! | `model`, `declaration`, `options` | what is declared |
//! | `build` | the declaration and the model's metadata become fields, constraints and rules |
//! | `input` | a body becomes changes: everything that can be said without the database |
//! | `attributes` | the values of a body as hooks see them, and what hooks answer |
//! | `judge` | what the database answered becomes DRF's errors |
//! | `blame` | whether the client or the program broke a constraint |
//! | `reads`, `shape` | a row, and the rows that hang on it, become bytes |
//! | `plain` | serializers without a model |
//! | [`typed`] | serializers of structs, what `#[derive(Serializer)]` is made of |
//!
//! See DRF's chapter "Serializers".

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::error::ErrorDetail;
use crate::fields::{Field, FieldContext, Source};
use crate::model::{ColumnKind, ModelMeta};
use crate::relations::Related;
use crate::storage::UploadTo;
use crate::store::Statement;
use crate::store::plan::{Plan, Probe, SetLinks};
use crate::validators::{ObjectValidator, QueryValidator};
use crate::value::{DbValue, Value};

mod attributes;
pub(crate) mod blame;
mod build;
pub(crate) mod declaration;
mod input;
pub(crate) mod judge;
mod metadata;
mod model;
mod options;
mod plain;
mod reads;
pub(crate) mod shape;
pub mod typed;
mod valid;

pub(crate) use build::Build;
pub(crate) use declaration::Declaration;
pub use declaration::{NestedField, RelatedField};
use input::Lookup;
pub(crate) use input::{Early, NestedInput, NestedRow, Validated};
pub use model::ModelSerializer;
pub use options::FieldOptions;
pub use plain::{AttributesValidator, ListSerializer, Serializer};
pub(crate) use shape::Via;

use declaration::{BodyHook, FieldHook, ListOptions};
use reads::Reads;
pub use valid::{FromBody, Validate};

/// Whether a body describes a new object, a whole one or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// POST.
    Create,
    /// PUT: required fields must be there, absent optional ones keep their values.
    Update,
    /// PATCH: DRF's `partial=True`.
    Partial,
}

impl Mode {
    /// Where the fields of such a body are validated.
    fn context(self, request: &Context) -> FieldContext<'_> {
        let (partial, creating) = (self == Mode::Partial, self == Mode::Create);
        FieldContext { partial, creating, ..FieldContext::new(request) }
    }
}

/// A model's serializer, built: shared by all requests, holding nothing of any.
pub(crate) struct BoundSerializer {
    model: Arc<ModelMeta>,
    fields: Vec<BoundField>,
    constraints: Vec<Constraint>,
    /// Fields that a set makes necessary in the body: for each set, its fields, and whether for PATCH too.
    needed: Vec<Needed>,
    /// What a column gets on creation where the body does not say it.
    defaults: Vec<(usize, ColumnDefault)>,
    /// What a column gets on every write.
    touched: Vec<usize>,
    objects: Vec<Arc<dyn ObjectValidator>>,
    queries: Vec<Arc<dyn QueryValidator>>,
    validate: Vec<BodyHook>,
    list: ListOptions,
}

/// What a column gets where a new object does not say it.
#[derive(Clone, Debug)]
enum ColumnDefault {
    Value(DbValue),
    Model(crate::model::DefaultValue),
    Now,
}

/// A field with its places in the model.
pub(crate) struct BoundField {
    pub(crate) field: Field,
    pub(crate) writes: Writes,
    pub(crate) reads: Reads,
    hooks: Vec<FieldHook>,
}

/// Where a validated value goes.
pub(crate) enum Writes {
    /// Nowhere.
    Nothing,
    /// Into a column.
    Column(usize),
    /// A file's name goes into a column, the file into the store.
    File(usize, UploadTo),
    /// The key of the row that it names goes into a column.
    One {
        column: usize,
        related: Related,
        /// Asks which rows there are; none where the foreign key itself answers.
        lookup: Option<Box<LookupPlan>>,
    },
    /// The rows that it names hang on this one.
    Many(Box<ManyWrite>),
    /// Rows of another serializer, which point here.
    Nested(Box<NestedWrite>),
}

/// How the rows of a relation are found.
#[derive(Clone, Debug)]
pub(crate) struct LookupPlan {
    /// By how bodies name them, among those that the field lets through.
    pub(crate) by_name: Question,
    /// By their keys, whatever rows they are: what a hook of the field answers.
    pub(crate) by_key: Question,
    /// The kind of the keys.
    pub(crate) key_kind: ColumnKind,
}

/// The statements that find rows: what they are found by comes first, then the key.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Outside of a transaction.
    pub(crate) plain: Statement,
    /// The rows stay as they are until the transaction ends.
    pub(crate) locking: Statement,
}

/// Rows that hang on this one and are named by a body.
pub(crate) struct ManyWrite {
    pub(crate) related: Related,
    pub(crate) lookup: LookupPlan,
    pub(crate) plan: SetLinks,
    /// The column here that they point to; the key where there is none.
    pub(crate) own: Option<usize>,
}

/// Other rows that a body holds.
pub(crate) struct NestedWrite {
    pub(crate) serializer: Arc<BoundSerializer>,
    pub(crate) plan: Plan,
    /// The keys of the rows that are there.
    pub(crate) keys: Statement,
    /// The column of the other model that points here, and the column here.
    pub(crate) column: usize,
    pub(crate) own_column: usize,
    /// The field of the other serializer that names a row's key.
    pub(crate) key_field: Option<usize>,
    pub(crate) many: bool,
    pub(crate) list: ListOptions,
}

/// A rule that the database keeps, with the error that breaking it is.
struct Constraint {
    probe: Probe,
    speaks: Speaks,
    /// Whether no index backs it, so that it is asked inside a serializable transaction.
    unenforced: bool,
}

/// Who speaks for a broken constraint.
enum Speaks {
    /// The field at this position, by DRF's `does_not_exist`.
    Relation(usize),
    /// The field at this position.
    Field(usize, ErrorDetail),
    /// The object as a whole.
    Together(ErrorDetail),
    /// A field, but only where all fields are right (DRF's `unique_for_*`).
    Late(Cow<'static, str>, ErrorDetail),
}

/// Fields that a rule about the whole needs in the body.
struct Needed {
    /// The rule, by its position among the constraints.
    rule: usize,
    fields: Vec<usize>,
    columns: Vec<usize>,
    /// Whether a change of an object needs them too.
    always: bool,
}

impl BoundSerializer {
    /// The model.
    pub(crate) fn model(&self) -> &Arc<ModelMeta> {
        &self.model
    }

    /// The fields in the order of the body.
    pub(crate) fn bound_fields(&self) -> &[BoundField] {
        &self.fields
    }

    /// Whether an object shows its own address, which is where a new one is.
    pub(crate) fn has_url(&self) -> bool {
        self.fields.iter().any(|f| f.field.name == "url" && !f.field.write_only)
    }

    /// Whether a field of a body, or of a row within it, is for a file.
    pub(crate) fn takes_files(&self) -> bool {
        self.fields.iter().filter(|bound| !bound.field.read_only).any(|bound| match &bound.writes {
            Writes::File(..) => true,
            Writes::Nested(nested) => nested.serializer.takes_files(),
            _ => bound.field.takes_files(),
        })
    }

    /// Whether a rule reads the object as it will be.
    pub(crate) fn has_object_rules(&self) -> bool {
        !self.objects.is_empty()
    }

    /// Whether a rule reads other rows, so that every write of the application has to be serializable.
    pub(crate) fn has_query_rules(&self) -> bool {
        !self.queries.is_empty() || self.has_unenforced()
    }

    /// Whether a rule reads other rows that no constraint protects, and so has to be asked before each write.
    pub(crate) fn has_unenforced(&self) -> bool {
        self.constraints.iter().any(|c| c.unenforced)
    }

    /// The probes, in DRF's order of errors.
    pub(crate) fn probes(&self) -> Vec<Probe> {
        self.constraints.iter().map(|c| c.probe.clone()).collect()
    }

    /// The sources of the fields that answers show, as paths.
    pub(crate) fn shown_sources(&self) -> Vec<String> {
        let shown = self.fields.iter().filter(|bound| !bound.field.write_only);
        let path = |bound: &BoundField| match &bound.field.source {
            Source::Name => Some(bound.field.name.clone().into_owned()),
            Source::Path(path) => Some(path.join("__")),
            Source::Whole => None,
        };
        shown.filter_map(path).collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.field.name == name)
    }
}

/// A value as the column's place takes it.
pub(crate) fn column_value(model: &ModelMeta, column: usize, value: Value) -> DbValue {
    use crate::model::ColumnKind;
    use crate::value::convert;
    let kind = model.columns.get(column).map(|c| c.kind);
    match (kind, value) {
        (_, Value::Null) => DbValue::String(None),
        (Some(ColumnKind::Json), value) => DbValue::String(Some(convert::json_text(&value))),
        (Some(ColumnKind::Char(_) | ColumnKind::Text), Value::Int(i)) => DbValue::String(Some(i.to_string())),
        (_, value) => convert::to_db(value),
    }
}

impl fmt::Debug for BoundSerializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSerializer")
            .field("model", &self.model.name)
            .field("fields", &self.fields.iter().map(|p| &p.field.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
