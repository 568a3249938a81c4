//! What a serializer reads, compiled: one SELECT with its joins, and one more for each relation to many.
//!
//! However many rows an answer has, the number of its statements is that of the serializer: there is no query per row.

use std::cell::RefCell;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::declaration::RowMethod;
use super::reads::{Absent, Item, Reads};
use super::{BoundField, BoundSerializer};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::fields::{Field, FieldContext};
use crate::heavy;
use crate::model::{ColumnKind, ModelMeta, Row};
use crate::relations::{Hyperlink, Link};
use crate::store::plan::{Alias, LinkedBy, Select};
use crate::store::{
    Bound, Cell, Changes, Deadline, Dialect, Isolation, Retry, RowStream, Rows, Statement, Store, StoreError,
    Transaction, many,
};
use crate::value::{DbValue, Value, write};

/// A serializer's reads.
#[derive(Debug)]
pub(crate) struct Shape {
    model: Arc<ModelMeta>,
    node: Node,
    prefetches: Vec<Prefetch>,
    /// The model's columns that a row consists of, where it needs nothing else.
    flat: Option<Vec<usize>>,
    /// The names of the fields, where every row has all of them and each shows one value.
    columns: Option<Vec<String>>,
}

/// The fields of one object.
#[derive(Debug)]
struct Node {
    shown: Vec<Shown>,
    /// NULL where there is no such object.
    presence: Option<usize>,
}

/// One field of an answer.
struct Shown {
    /// `"uid":`, ready to be written.
    key: Vec<u8>,
    field: Field,
    read: Read,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").field("field", &self.field).finish_non_exhaustive()
    }
}

impl Shown {
    /// The name, where every row has the field and it shows one value.
    fn column(&self) -> Option<String> {
        let one = match &self.read {
            Read::Cell { absent: Absent::Skip, .. } => false,
            Read::Cell { .. } => self.field.kind.shows_one_value(),
            Read::Link { .. } => true,
            Read::Row { .. } | Read::One(_) | Read::Many { .. } => false,
        };
        one.then(|| self.field.name.clone().into_owned())
    }
}

/// How a value comes out of a row.
enum Read {
    /// A cell, by the field's type.
    Cell { slot: usize, presence: Option<usize>, absent: Absent, json: bool },
    /// What is worked out from a whole row.
    Row { slots: Vec<usize>, presence: Option<usize>, absent: Absent, model: Arc<ModelMeta>, method: RowMethod },
    /// An address with a cell in it.
    Link { slot: usize, link: Hyperlink },
    /// Another object of the same row.
    One(Node),
    /// Rows of a further statement, by the key that they hang on.
    Many { prefetch: usize, key: usize, item: Box<ItemNode> },
}

/// A further statement, for the rows that hang on those of another one.
struct Prefetch {
    statement: Statement,
    /// Where the other rows' key is.
    key: usize,
    prefetches: Vec<Prefetch>,
}

impl std::fmt::Debug for Prefetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prefetch").field("statement", &self.statement.sql).finish_non_exhaustive()
    }
}

/// One of the rows of a further statement.
enum ItemNode {
    Object(Node),
    Value(Box<Field>, Read),
}

/// What the further statements found.
#[derive(Debug)]
pub(crate) struct Group {
    /// The rows by the key that they hang on, and in their order.
    index: Vec<(Key, usize)>,
    rows: Rows,
    groups: Vec<Group>,
}

impl Group {
    /// The rows that hang on a key.
    fn of(&self, key: &Key) -> impl Iterator<Item = usize> {
        let first = self.index.partition_point(|(known, _)| known < key);
        self.index[first..].iter().take_while(move |(known, _)| known == key).map(|(_, row)| *row)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Int(i64),
    Text(String),
    Uuid(uuid::Uuid),
}

impl Key {
    fn of(cell: Cell<'_>) -> Option<Key> {
        match cell {
            Cell::Int(i) => Some(Key::Int(i)),
            Cell::Text(text) => Some(Key::Text(text.to_owned())),
            Cell::Uuid(uuid) => Some(Key::Uuid(uuid)),
            Cell::Bytes(bytes) => uuid::Uuid::from_slice(bytes).ok().map(Key::Uuid),
            _ => None,
        }
    }

    fn value(&self) -> DbValue {
        match self {
            Key::Int(i) => DbValue::BigInt(Some(*i)),
            Key::Text(text) => DbValue::String(Some(text.clone())),
            Key::Uuid(uuid) => DbValue::Uuid(Some(*uuid)),
        }
    }
}

/// The way a question takes: by itself, or inside an open transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Via<'a> {
    /// Replayed so many times where a serializable transaction got in its way.
    Store {
        store: &'a Store,
        replays: u32,
        deadline: Option<Deadline>,
    },
    Transaction(&'a Transaction),
    /// Between the portions of a long read, in the state of the database that it sees.
    Stream(&'a RowStream),
}

impl Via<'_> {
    pub(crate) async fn read(self, bound: Bound) -> Result<Rows, StoreError> {
        let rows = match self {
            Via::Store { store, deadline, .. } if store.isolation() == Isolation::ReadCommitted => {
                store.until(deadline).read(bound).await?
            }
            Via::Store { store, replays, deadline } => Box::pin(replayed(store, replays, deadline, bound)).await?,
            // rare, and larger than a read: not to be carried by every request
            Via::Transaction(tx) => Box::pin(tx.query(bound)).await?,
            Via::Stream(rows) => Box::pin(rows.read(bound)).await?,
        };
        if heavy::are_much(&rows) {
            Box::pin(heavy::begin()).await;
        }
        Ok(rows)
    }
}

/// A read that is tried again where a serializable transaction got in its way.
async fn replayed(store: &Store, replays: u32, deadline: Option<Deadline>, bound: Bound) -> Result<Rows, StoreError> {
    let (mut retry, store) = (Retry::new(replays).until(deadline), store.until(deadline));
    loop {
        match store.read(bound.clone()).await {
            Ok(rows) => return Ok(rows),
            Err(error) => retry.again(error).await?,
        }
    }
}

/// Where the cells of a SELECT are in what a write returned.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    /// There.
    Cell(usize),
    /// Not there: the column was written as the request sent it.
    Written(usize),
}

/// One row, by the places of the SELECT.
#[derive(Clone, Copy)]
struct View<'a> {
    rows: &'a Rows,
    row: usize,
    /// How many cells come before the SELECT's own.
    before: usize,
    layout: Option<(&'a [Slot], &'a Changes)>,
}

impl<'a> View<'a> {
    fn cell(&self, slot: usize) -> Result<Cell<'a>, StoreError> {
        let Some((layout, changes)) = self.layout else { return self.rows.cell(self.row, slot + self.before) };
        match layout.get(slot) {
            Some(Slot::Cell(n)) => self.rows.cell(self.row, *n),
            // a JSON field keeps its value as the text that the writer made of the input
            Some(Slot::Written(column)) => Ok(match changes.get(*column) {
                Some(DbValue::String(Some(json))) => Cell::Json(json),
                _ => Cell::Null,
            }),
            None => Err(StoreError::Internal("no such cell".into())),
        }
    }

    fn is_there(&self, presence: Option<usize>) -> Result<bool, StoreError> {
        presence.map_or(Ok(true), |slot| Ok(self.cell(slot)? != Cell::Null))
    }
}

impl Shape {
    /// Compiles the reads of a serializer.
    pub(crate) fn compile(serializer: &BoundSerializer, dialect: Dialect, select: &mut Select) -> Shape {
        let model = Arc::clone(serializer.model());
        let mut compiler = Compiler { dialect, select, prefetches: Vec::new() };
        let node = compiler.node(serializer, Alias::ROOT, None);
        let prefetches = compiler.prefetches;
        // the key is there for whatever hangs on the row
        let flat = if prefetches.is_empty() { select.root_columns(&model) } else { None };
        let columns = node.shown.iter().map(Shown::column).collect();
        Shape { model, node, prefetches, flat, columns }
    }

    /// The names of the fields, in order, where every row has all of them and each shows one value; none otherwise.
    pub(crate) fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// The columns that an answer needs of a row just written; none where it needs more than the row.
    pub(crate) fn flat(&self) -> Option<&[usize]> {
        self.flat.as_deref()
    }

    /// Whether the answer to a write, or to that of a part of an object, is to the byte what a read of the row shows.
    pub(crate) fn answers_as_read(&self, partial: bool) -> bool {
        // the JSON of a row that was just written is shown as it was sent, and a part of an object has no defaults
        let json = self.flat.is_some();
        self.node.all(&|read| match read {
            Read::Cell { json: true, .. } if json => false,
            Read::Cell { absent: Absent::Default(_), .. } | Read::Row { absent: Absent::Default(_), .. } => !partial,
            _ => true,
        })
    }

    /// Where the SELECT's cells are in rows of these columns of the model.
    pub(crate) fn layout(&self, returns: &[usize], before: usize) -> Vec<Slot> {
        let slot = |column: &usize| match returns.iter().position(|n| n == column) {
            Some(n) => Slot::Cell(n + before),
            None => Slot::Written(*column),
        };
        self.flat.iter().flatten().map(slot).collect()
    }

    /// Runs the further statements for some rows.
    ///
    /// # Errors
    ///
    /// As [`Store::read`].
    pub(crate) async fn load(&self, rows: &Rows, via: Via<'_>) -> Result<Vec<Group>, StoreError> {
        if self.prefetches.is_empty() {
            return Ok(Vec::new());
        }
        load(&self.prefetches, rows, 0, via).await
    }

    /// Writes a row of the SELECT as a JSON object.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] for a cell that its field cannot show: something else wrote the row.
    pub(crate) fn represent(
        &self,
        rows: &Rows,
        row: usize,
        groups: &[Group],
        cx: &Context,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.node.represent(&View { rows, row, before: 0, layout: None }, groups, cx, out).map_err(|e| self.unfit(e))
    }

    /// The same of a row that a write returned.
    pub(crate) fn represent_written(
        &self,
        rows: &Rows,
        row: usize,
        layout: &[Slot],
        changes: &Changes,
        cx: &Context,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let view = View { rows, row, before: 0, layout: Some((layout, changes)) };
        self.node.represent(&view, &[], cx, out).map_err(|e| self.unfit(e))
    }

    fn unfit(&self, failure: Failure) -> Error {
        match failure {
            Failure::Store(error) => error.into(),
            Failure::Mistake(field, mistake) => {
                Error::internal(format!("the method {field} of a serializer of {}: {mistake}", self.model.name))
            }
            Failure::Field(name) => {
                Error::internal(format!("{}.{name} holds a value that its field cannot show", self.model.name))
            }
        }
    }
}

/// Why a row cannot be shown.
enum Failure {
    Store(StoreError),
    Field(String),
    /// A method or a property read what its row does not have.
    Mistake(String, String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

fn load<'a>(
    prefetches: &'a [Prefetch],
    rows: &'a Rows,
    before: usize,
    via: Via<'a>,
) -> BoxFuture<'a, Result<Vec<Group>, StoreError>> {
    Box::pin(async move {
        let mut groups = Vec::with_capacity(prefetches.len());
        for prefetch in prefetches {
            let mut keys: Vec<Key> = Vec::with_capacity(rows.len());
            for row in 0..rows.len() {
                keys.extend(Key::of(rows.cell(row, prefetch.key + before)?));
            }
            keys.sort_unstable();
            keys.dedup();
            if keys.is_empty() {
                groups.push(Group { index: Vec::new(), rows: Rows::none(), groups: Vec::new() });
                continue;
            }
            let found = via.read(prefetch.statement.bind(vec![many::list(keys.iter().map(Key::value))])).await?;
            let mut index: Vec<(Key, usize)> = Vec::with_capacity(found.len());
            for row in 0..found.len() {
                index.extend(Key::of(found.cell(row, 0)?).map(|key| (key, row)));
            }
            index.sort_unstable();
            let below = if prefetch.prefetches.is_empty() || found.is_empty() {
                Vec::new()
            } else {
                load(&prefetch.prefetches, &found, 1, via).await?
            };
            groups.push(Group { index, rows: found, groups: below });
        }
        Ok(groups)
    })
}

impl Node {
    /// Whether something holds of all values, those of further rows included.
    fn all(&self, holds: &dyn Fn(&Read) -> bool) -> bool {
        self.shown.iter().all(|shown| {
            holds(&shown.read)
                && match &shown.read {
                    Read::One(node) => node.all(holds),
                    Read::Many { item, .. } => match item.as_ref() {
                        ItemNode::Object(node) => node.all(holds),
                        ItemNode::Value(_, read) => holds(read),
                    },
                    Read::Cell { .. } | Read::Row { .. } | Read::Link { .. } => true,
                }
        })
    }

    fn represent(&self, view: &View<'_>, groups: &[Group], cx: &Context, out: &mut Vec<u8>) -> Result<(), Failure> {
        out.push(b'{');
        let mut first = true;
        for shown in &self.shown {
            let start = out.len();
            if !first {
                out.push(b',');
            }
            out.extend_from_slice(&shown.key);
            if shown.read.represent(&shown.field, view, groups, cx, out)? {
                first = false;
            } else {
                out.truncate(start);
            }
        }
        out.push(b'}');
        Ok(())
    }
}

impl Read {
    /// Writes the value; `false` where the answer has no such field.
    fn represent(
        &self,
        field: &Field,
        view: &View<'_>,
        groups: &[Group],
        cx: &Context,
        out: &mut Vec<u8>,
    ) -> Result<bool, Failure> {
        match self {
            Read::Cell { slot, presence, absent, json } => {
                let cell = view.cell(*slot)?;
                if cell == Cell::Null {
                    if !view.is_there(*presence)? {
                        return Ok(absent.represent(field, cx, out));
                    }
                    out.extend_from_slice(b"null");
                } else {
                    // JSON is text to SQLite, and the field need not know of which column it is
                    let cell = match cell {
                        Cell::Text(text) if *json => Cell::Json(text),
                        cell => cell,
                    };
                    let shown = field.kind.to_representation(cell, cx, out);
                    shown.map_err(|_| Failure::Field(field.name.clone().into_owned()))?;
                }
            }
            Read::Row { slots, presence, absent, model, method } => {
                if !view.is_there(*presence)? {
                    return Ok(absent.represent(field, cx, out));
                }
                let mut values = Vec::with_capacity(slots.len());
                for (slot, column) in slots.iter().zip(&model.columns) {
                    values.push(view.cell(*slot)?.to_attribute(column));
                }
                let mistake = RefCell::default();
                write::value(&method(&Row::new(model, &values, &mistake), cx), out);
                if let Some(mistake) = mistake.into_inner() {
                    return Err(Failure::Mistake(field.name.clone().into_owned(), mistake));
                }
            }
            Read::Link { slot, link } => match view.cell(*slot)? {
                Cell::Null => out.extend_from_slice(b"null"),
                cell => {
                    let shown = link.represent(cell, cx, out);
                    shown.map_err(|_| Failure::Field(field.name.clone().into_owned()))?;
                }
            },
            Read::One(node) => {
                if view.is_there(node.presence)? {
                    node.represent(view, groups, cx, out)?;
                } else {
                    out.extend_from_slice(b"null");
                }
            }
            Read::Many { prefetch, key, item } => {
                out.push(b'[');
                let key = Key::of(view.cell(*key)?);
                if let (Some(group), Some(key)) = (groups.get(*prefetch), key) {
                    for (n, row) in group.of(&key).enumerate() {
                        if n > 0 {
                            out.push(b',');
                        }
                        let view = View { rows: &group.rows, row, before: 1, layout: None };
                        match item.as_ref() {
                            ItemNode::Object(node) => node.represent(&view, &group.groups, cx, out)?,
                            ItemNode::Value(field, read) => {
                                if !read.represent(field, &view, &group.groups, cx, out)? {
                                    out.extend_from_slice(b"null");
                                }
                            }
                        }
                    }
                }
                out.push(b']');
            }
        }
        Ok(true)
    }
}

impl Absent {
    fn represent(&self, field: &Field, cx: &Context, out: &mut Vec<u8>) -> bool {
        match self {
            Absent::Skip => return false,
            Absent::Null => out.extend_from_slice(b"null"),
            // as in DRF, a part of an object has no defaults, neither read nor shown
            Absent::Default(_) if cx.is_partial() => return false,
            Absent::Default(default) => {
                let value = default.get(&FieldContext::new(cx)).unwrap_or(Value::Null);
                if value.is_null() {
                    out.extend_from_slice(b"null");
                } else {
                    let start = out.len();
                    if field.kind.to_representation(Cell::from(&value), cx, out).is_err() {
                        out.truncate(start);
                        write::value(&value, out);
                    }
                }
            }
        }
        true
    }
}

/// Compiles fields into a SELECT.
struct Compiler<'a> {
    dialect: Dialect,
    select: &'a mut Select,
    prefetches: Vec<Prefetch>,
}

impl Compiler<'_> {
    fn node(&mut self, serializer: &BoundSerializer, alias: Alias, presence: Option<usize>) -> Node {
        let shown = serializer.bound_fields().iter().filter(|f| !f.field.write_only);
        let shown = shown.filter_map(|bound| {
            let mut key = Vec::new();
            write::string(&bound.field.name, &mut key);
            key.push(b':');
            let read = self.read(bound, serializer.model(), alias)?;
            Some(Shown { key, field: bound.field.clone(), read })
        });
        let shown = shown.collect();
        Node { shown, presence }
    }

    fn read(&mut self, bound: &BoundField, model: &Arc<ModelMeta>, alias: Alias) -> Option<Read> {
        self.reads(&bound.reads, model, alias, None)
    }

    fn reads(&mut self, reads: &Reads, model: &Arc<ModelMeta>, alias: Alias, presence: Option<usize>) -> Option<Read> {
        Some(match reads {
            Reads::Nothing => return None,
            Reads::Column(n) => {
                let column = &model.columns[*n];
                let slot = self.select.column(alias, &column.column);
                let json = column.kind == ColumnKind::Json;
                Read::Cell { slot, presence, absent: Absent::Null, json }
            }
            Reads::Row(method) => Read::Row {
                slots: model.columns.iter().map(|c| self.select.column(alias, &c.column)).collect(),
                presence,
                absent: Absent::Null,
                model: Arc::clone(model),
                method: Arc::clone(method),
            },
            Reads::Link(n, link) => {
                let slot = self.select.column(alias, &model.columns[*n].column);
                Read::Link { slot, link: link.clone() }
            }
            Reads::Through(links, last, absent) => {
                let mut at = (alias, Arc::clone(model), presence);
                for link in links {
                    at = self.hop(link, &at.1, at.0)?;
                }
                let mut read = self.reads(last, &at.1, at.0, at.2)?;
                if let Read::Cell { absent: own, .. } | Read::Row { absent: own, .. } = &mut read {
                    *own = absent.clone();
                }
                read
            }
            Reads::Count { schema, table, column, own } => {
                let key = &model.columns[*own].column;
                let slot = self.select.count(alias, key, schema.as_deref(), table, column);
                Read::Cell { slot, presence: None, absent: Absent::Null, json: false }
            }
            Reads::One(link, serializer) => {
                let (joined, _, presence) = self.hop(link, model, alias)?;
                Read::One(self.node(serializer, joined, presence))
            }
            Reads::Many(link, item) => {
                let own = match link {
                    Link::Reverse { own_column, .. } => *own_column,
                    _ => *model.primary_key.first()?,
                };
                let key = self.select.column(alias, &model.columns[own].column);
                let (prefetch, item) = self.prefetch(link, item, key, &model.columns[own].db_type)?;
                self.prefetches.push(prefetch);
                Read::Many { prefetch: self.prefetches.len() - 1, key, item: Box::new(item) }
            }
        })
    }

    /// The row at the other end of a relation to one.
    fn hop(&mut self, link: &Link, model: &ModelMeta, alias: Alias) -> Option<(Alias, Arc<ModelMeta>, Option<usize>)> {
        let target = link.target();
        let joined = match link {
            Link::Forward { column, to_column, .. } => self.select.join(
                alias,
                &model.columns[*column].column,
                target.schema.as_deref(),
                &target.table,
                &target.columns[*to_column].column,
            ),
            Link::Reverse { column, own_column, .. } => self.select.join(
                alias,
                &model.columns[*own_column].column,
                target.schema.as_deref(),
                &target.table,
                &target.columns[*column].column,
            ),
            Link::Through { .. } => return None,
        };
        let key = target.primary_key.first()?;
        let presence = self.select.column(joined, &target.columns[*key].column);
        Some((joined, Arc::clone(target), Some(presence)))
    }

    fn prefetch(&mut self, link: &Link, item: &Item, key: usize, key_type: &str) -> Option<(Prefetch, ItemNode)> {
        let target = link.target();
        let mut select = Select::new(self.dialect, target);
        let mut below = Compiler { dialect: self.dialect, select: &mut select, prefetches: Vec::new() };
        let item = match item {
            Item::Object(serializer) => ItemNode::Object(below.node(serializer, Alias::ROOT, None)),
            Item::Value(field, reads) => ItemNode::Value(field.clone(), below.reads(reads, target, Alias::ROOT, None)?),
        };
        let prefetches = below.prefetches;
        let by = match link {
            Link::Through { table: (schema, table), own, other, .. } => LinkedBy {
                through: Some((schema.clone(), table.clone(), other.clone())),
                column: own.clone(),
                key_type: key_type.to_owned(),
            },
            Link::Reverse { column, .. } => LinkedBy {
                through: None,
                column: target.columns[*column].column.clone(),
                key_type: key_type.to_owned(),
            },
            Link::Forward { .. } => return None,
        };
        let statement = select.linked(target, &by);
        Some((Prefetch { statement, key, prefetches }, item))
    }
}
