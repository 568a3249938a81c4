//! Where the value of a field comes from, before it is compiled into a statement.

use std::fmt;
use std::sync::Arc;

use super::BoundSerializer;
use super::declaration::RowMethod;
use crate::fields::{Default as FieldDefault, Field};
use crate::relations::{Hyperlink, Link};

/// Where the value of a field comes from.
#[derive(Clone)]
pub(crate) enum Reads {
    /// Nowhere: it is only written.
    Nothing,
    /// A column of the row.
    Column(usize),
    /// Worked out from the whole row.
    Row(RowMethod),
    /// An address with a column in it.
    Link(usize, Hyperlink),
    /// The same of the row at the end of relations to one.
    Through(Vec<Link>, Box<Reads>, Absent),
    /// How many rows point here.
    Count {
        /// The schema of their table.
        schema: Option<String>,
        /// Their table, a join table too.
        table: String,
        /// Their column that points here.
        column: String,
        /// The column here.
        own: usize,
    },
    /// The object at the other end.
    One(Link, Arc<BoundSerializer>),
    /// What is at the other end, any number of times.
    Many(Link, Item),
}

/// One of many.
#[derive(Clone)]
pub(crate) enum Item {
    /// A whole object.
    Object(Arc<BoundSerializer>),
    /// A value of it.
    Value(Box<Field>, Box<Reads>),
}

/// What an answer shows where a relation on the way leads nowhere, as DRF's `get_attribute` has it.
#[derive(Clone, Debug)]
pub(crate) enum Absent {
    /// Nothing: the field is left out.
    Skip,
    /// `null`.
    Null,
    /// The field's default.
    Default(FieldDefault),
}

impl Absent {
    /// By the field's own arguments.
    pub(crate) fn of(field: &Field) -> Absent {
        match &field.default {
            Some(default) => Absent::Default(default.clone()),
            None if field.allow_null => Absent::Null,
            None => Absent::Skip,
        }
    }
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reads::Nothing => f.write_str("Nothing"),
            Reads::Column(n) => f.debug_tuple("Column").field(n).finish(),
            Reads::Row(_) => f.write_str("Row(..)"),
            Reads::Link(n, link) => f.debug_tuple("Link").field(n).field(&link.view_name).finish(),
            Reads::Through(links, last, _) => f.debug_tuple("Through").field(&links.len()).field(last).finish(),
            Reads::Count { table, .. } => f.debug_tuple("Count").field(table).finish(),
            Reads::One(..) => f.write_str("One(..)"),
            Reads::Many(..) => f.write_str("Many(..)"),
        }
    }
}
