//! The statements of one resource, worked out when the router is built.
//!
//! A [`Plan`] turns the metadata of a model and its probes into SQL text. A request looks its statement up by the
//! set of columns that it writes; text for a set that was not seen before is made once and kept.
//!
//! A *probe* is a question whose answer decides an error of DRF's: does the row exist that a key points to, is this
//! key still free. On the happy path nobody asks it separately: it rides as a guard in the INSERT, or the constraint
//! answers by itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use crate::model::{Condition, ModelMeta, Period};
use crate::value::DbValue;

use super::many::InsertMany;
use super::{Bound, Changes, ColumnSet, Dialect, Statement, Violation, ViolationKind};
use texts::Texts;

mod aside;
pub(in crate::store) mod condition;
mod destroy;
mod filter;
mod holders;
mod links;
mod listing;
mod order;
mod select;
mod shape;
pub(in crate::store) mod sql;
mod texts;
mod write;

pub use aside::Aside;
pub use destroy::Destroy;
pub use filter::{Filter, Hop, Operator, Part, Presence, Source, ignoring_case};
pub use holders::UniqueSet;
pub use links::{SetLinks, join_table, owned_by, under};
pub use listing::{Listing, Order, Window, estimate};
pub use select::{Alias, LinkedBy, Reads, Select};

/// How many texts are kept before further ones are made for one use; bounds the memory that clients can claim.
const KEPT: usize = 512;

/// A question about other rows whose answer decides an error.
#[derive(Clone, Debug)]
pub enum Probe {
    /// The row that a column's new value points to exists.
    Exists {
        /// The foreign key's column here.
        column: usize,
        /// The schema of the other table.
        schema: Option<String>,
        /// The other table.
        table: String,
        /// The column that it points to.
        to_column: String,
    },
    /// No other row has the same values in these columns.
    Free(Free),
}

/// A unique set that a [`Probe`] asks about.
#[derive(Clone, Debug, PartialEq)]
pub struct Free {
    /// The columns of the unique set.
    pub columns: Vec<usize>,
    /// Whether NULL equals nothing, as SQL has it.
    pub nulls_distinct: bool,
    /// The set counts only for rows like this, the new one included.
    pub condition: Option<Condition>,
    /// The other rows are only these; the new one may be like them or not (a validator's queryset).
    pub among: Option<Condition>,
    /// How values are compared.
    pub lookup: Lookup,
    /// Only rows whose date in this column is of the same day, month or year.
    pub period: Option<(usize, Period)>,
}

impl Free {
    /// Over these columns, as SQL has it.
    pub fn new(columns: Vec<usize>) -> Self {
        Free { columns, nulls_distinct: true, condition: None, among: None, lookup: Lookup::Exact, period: None }
    }
}

/// How a unique rule compares, Django's lookups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lookup {
    /// The same value.
    #[default]
    Exact,
    /// The same text in whatever case.
    IExact,
    /// Text that holds it.
    Contains,
    /// Text that holds it in whatever case.
    IContains,
    /// Text that begins with it.
    StartsWith,
    /// Text that begins with it in whatever case.
    IStartsWith,
    /// Text that ends with it.
    EndsWith,
    /// Text that ends with it in whatever case.
    IEndsWith,
}

impl Probe {
    /// The columns that it asks about.
    pub fn columns(&self) -> &[usize] {
        match self {
            Probe::Exists { column, .. } => std::slice::from_ref(column),
            Probe::Free(free) => &free.columns,
        }
    }
}

/// What a place of a statement is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The primary key of the request's row.
    Key,
    /// The new value of a column.
    Column(usize),
    /// A value that the statement brings along.
    Given(usize),
}

/// What the places of a statement are filled with, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Filling {
    places: Vec<Place>,
    given: Vec<DbValue>,
}

/// A statement for one set of columns, with the meaning of its places and of what it returns.
#[derive(Debug)]
pub struct Prepared {
    statement: Statement,
    filling: Filling,
    /// The probes whose answers come first in the row, by position in the plan.
    pub probes: Vec<usize>,
    /// The columns that come after them.
    pub returns: Vec<usize>,
    /// Whether the last statement's row is there whatever happened, with the key's column NULL where nothing was written.
    pub guarded: bool,
    /// Asks the probes after a guarded statement that wrote nothing (SQLite).
    verdict: Option<(Statement, Filling)>,
}

impl Prepared {
    /// The statement with its values.
    pub fn bind(&self, key: Option<&DbValue>, changes: &Changes) -> Bound {
        bind(&self.statement, &self.filling, key, changes)
    }

    /// The verdict with its values.
    pub fn bind_verdict(&self, key: Option<&DbValue>, changes: &Changes) -> Option<Bound> {
        self.verdict.as_ref().map(|(statement, filling)| bind(statement, filling, key, changes))
    }
}

fn bind(statement: &Statement, filling: &Filling, key: Option<&DbValue>, changes: &Changes) -> Bound {
    let null = || DbValue::String(None);
    let values = filling.places.iter().map(|place| match place {
        Place::Key => key.cloned().unwrap_or_else(null),
        Place::Column(column) => changes.get(*column).cloned().unwrap_or_else(null),
        Place::Given(n) => filling.given.get(*n).cloned().unwrap_or_else(null),
    });
    statement.bind(values.collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Purpose {
    Insert,
    InsertPlain,
    Update,
    ExamineNew,
    ExamineStored,
    HoldersNew,
    HoldersStored,
}

/// How requests name the rows of a resource, and which there are.
#[derive(Clone, Debug, Default)]
pub struct RowsBy {
    /// The column that names a row; the key where there is none.
    pub column: Option<usize>,
    /// Only rows like this, DRF's `queryset`.
    pub scope: Option<Condition>,
}

/// The statements of one resource.
pub struct Plan {
    dialect: Dialect,
    model: Arc<ModelMeta>,
    key: usize,
    by: usize,
    scope: Option<Condition>,
    /// What else a request's rows have to be like.
    narrow: Vec<Filter>,
    shown: Vec<usize>,
    probes: Arc<[Probe]>,
    sets: Arc<[UniqueSet]>,
    reads: Arc<Reads>,
    own: Arc<Reads>,
    width: usize,
    lock: (Statement, Filling),
    stored: (Statement, Filling),
    destroy: Destroy,
    models: Arc<[Arc<ModelMeta>]>,
    texts: Arc<Texts>,
    kept: RwLock<HashMap<(Purpose, ColumnSet), Arc<Prepared>>>,
    /// Whether a unique constraint can be deferred by now that could not when the program started.
    deferrable: Arc<AtomicBool>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("table", &self.model.table).field("probes", &self.probes).finish_non_exhaustive()
    }
}

impl Plan {
    /// Works out the statements of a model: `shown` are the columns that an answer needs of a row just written, `models`
    /// all models of the application, for cascades.
    ///
    /// # Errors
    ///
    /// A sentence that says what to change, where the model has no key of one column, too many columns, or cascades
    /// that lead back to itself by way of other tables.
    pub fn new(
        dialect: Dialect,
        model: Arc<ModelMeta>,
        select: &Select,
        rows: RowsBy,
        shown: Vec<usize>,
        probes: Vec<Probe>,
        models: &[Arc<ModelMeta>],
    ) -> Result<Self, String> {
        let &[key] = model.primary_key.as_slice() else {
            return Err(format!("{}: a resource needs a primary key of one column.", model.name));
        };
        let RowsBy { column, scope } = rows;
        let by = column.unwrap_or(key);
        if model.columns.len() > ColumnSet::MAX {
            return Err(format!("{}: a resource can have {} columns at most.", model.name, ColumnSet::MAX));
        }
        let destroy = Destroy::new(dialect, &model, by, scope.as_ref(), &[], models)?;
        let mut scoped = select.clone();
        if let Some(scope) = &scope {
            scoped.filter(&model, scope);
        }
        let mut plan = Plan {
            dialect,
            key,
            by,
            scope,
            narrow: Vec::new(),
            shown,
            sets: holders::sets(&model, &probes).into(),
            probes: probes.into(),
            own: Arc::new(select.reads(&model.columns[key])),
            reads: Arc::new(scoped.reads(&model.columns[by])),
            width: select.width(),
            lock: (Statement::new(""), Filling::default()),
            stored: (Statement::new(""), Filling::default()),
            destroy,
            models: models.into(),
            texts: Arc::default(),
            kept: RwLock::default(),
            deferrable: Arc::default(),
            model,
        };
        plan.lock = plan.make_stored(true);
        plan.stored = plan.make_stored(false);
        Ok(plan)
    }

    /// The same for the rows that a request may see: every statement has the filters in its WHERE, but for those that read a
    /// row just written.
    ///
    /// # Errors
    ///
    /// As [`Plan::new`].
    pub fn narrowed(&self, narrow: Vec<Filter>) -> Result<Self, String> {
        let destroy = Destroy::new(self.dialect, &self.model, self.by, self.scope.as_ref(), &narrow, &self.models)?;
        let mut plan = Plan {
            dialect: self.dialect,
            model: Arc::clone(&self.model),
            key: self.key,
            by: self.by,
            scope: self.scope.clone(),
            narrow,
            shown: self.shown.clone(),
            probes: Arc::clone(&self.probes),
            sets: Arc::clone(&self.sets),
            reads: Arc::clone(&self.reads),
            own: Arc::clone(&self.own),
            width: self.width,
            lock: (Statement::new(""), Filling::default()),
            stored: (Statement::new(""), Filling::default()),
            destroy: destroy.kept_by(&self.texts),
            models: Arc::clone(&self.models),
            texts: Arc::clone(&self.texts),
            kept: RwLock::default(),
            deferrable: Arc::clone(&self.deferrable),
        };
        let (lock, filling) = plan.make_stored(true);
        plan.lock = (self.texts.kept(lock), filling);
        let (stored, filling) = plan.make_stored(false);
        plan.stored = (self.texts.kept(stored), filling);
        Ok(plan)
    }

    /// What else a request's rows have to be like.
    pub fn narrow(&self) -> &[Filter] {
        &self.narrow
    }

    /// The model.
    pub fn model(&self) -> &Arc<ModelMeta> {
        &self.model
    }

    /// The position of the primary key's column.
    pub fn key(&self) -> usize {
        self.key
    }

    /// The position of the column that requests name a row by.
    pub fn by(&self) -> usize {
        self.by
    }

    /// The statements that read the rows of the resource.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// The same, for who keeps them.
    pub fn shared_reads(&self) -> Arc<Reads> {
        Arc::clone(&self.reads)
    }

    /// The same for any row of the table, by its primary key: one that was just written.
    pub fn own(&self) -> &Reads {
        &self.own
    }

    /// How many columns a read returns; the count of a page comes after them.
    pub fn width(&self) -> usize {
        self.width
    }

    /// INSERT of any number of rows of the same columns, and the columns that it returns of each, in their order.
    pub fn insert_many(&self, columns: ColumnSet) -> (InsertMany, Vec<usize>) {
        self.make_insert_many(columns)
    }

    /// All columns of one row, locked until the transaction ends.
    pub fn lock(&self, key: &DbValue) -> Bound {
        let (statement, filling) = &self.lock;
        bind(statement, filling, Some(key), &Changes::default())
    }

    /// The same without a lock.
    pub fn stored(&self, key: &DbValue) -> Bound {
        let (statement, filling) = &self.stored;
        bind(statement, filling, Some(key), &Changes::default())
    }

    /// How a row is deleted.
    pub fn destroy(&self) -> &Destroy {
        &self.destroy
    }

    /// INSERT of these columns, with the probes as its guard.
    pub fn insert(&self, columns: ColumnSet) -> Arc<Prepared> {
        self.prepared(Purpose::Insert, columns)
    }

    /// Takes note of what a write met: where a constraint can be deferred by now, statements no longer count on the contrary.
    pub(crate) fn learn(&self, violation: &Violation) {
        if violation.kind != ViolationKind::Deferrable {
            return;
        }
        if !self.deferrable.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                table = self.model.table,
                constraint = violation.constraint,
                "a unique constraint was made deferrable while the server runs; new rows are written without ON CONFLICT now"
            );
        }
        let mut kept = self.kept.write().unwrap_or_else(|e| e.into_inner());
        kept.retain(|(purpose, _), _| *purpose != Purpose::Insert);
    }

    /// INSERT of these columns that leaves every judgement to the constraints.
    pub fn insert_plain(&self, columns: ColumnSet) -> Arc<Prepared> {
        self.prepared(Purpose::InsertPlain, columns)
    }

    /// UPDATE of these columns of one row, which must not be none.
    pub fn update(&self, columns: ColumnSet) -> Arc<Prepared> {
        self.prepared(Purpose::Update, columns)
    }

    /// Asks the probes that these columns of a new row allow to ask.
    pub fn examine_new(&self, columns: ColumnSet) -> Arc<Prepared> {
        self.prepared(Purpose::ExamineNew, columns)
    }

    /// Asks whether the row exists, then the probes that a change of these columns makes necessary.
    pub fn examine_stored(&self, columns: ColumnSet) -> Arc<Prepared> {
        self.prepared(Purpose::ExamineStored, columns)
    }

    /// Asks which other rows have the unique values that a row gets by a change of these columns, or has as a new row, where the
    /// columns raise the question: each row has the number of a [`UniqueSet`] and the primary key of who has its values.
    pub fn holders(&self, columns: ColumnSet, stored: bool) -> Option<Arc<Prepared>> {
        let purpose = if stored { Purpose::HoldersStored } else { Purpose::HoldersNew };
        Some(self.prepared(purpose, columns)).filter(|prepared| !prepared.probes.is_empty())
    }

    fn prepared(&self, purpose: Purpose, columns: ColumnSet) -> Arc<Prepared> {
        // a poisoned lock only means that another thread panicked beside the map, which is whole
        let kept = self.kept.read().unwrap_or_else(|e| e.into_inner());
        if let Some(found) = kept.get(&(purpose, columns)) {
            return Arc::clone(found);
        }
        drop(kept);
        let mut made = match purpose {
            Purpose::Insert => self.make_insert(columns, true),
            Purpose::InsertPlain => self.make_insert(columns, false),
            Purpose::Update => self.make_update(columns),
            Purpose::ExamineNew => self.make_examine(columns, false),
            Purpose::ExamineStored => self.make_examine(columns, true),
            Purpose::HoldersNew => self.make_holders(columns, false),
            Purpose::HoldersStored => self.make_holders(columns, true),
        };
        if !self.narrow.is_empty() {
            made.statement = self.texts.kept(made.statement);
            made.verdict = made.verdict.map(|(statement, filling)| (self.texts.kept(statement), filling));
        }
        let mut kept = self.kept.write().unwrap_or_else(|e| e.into_inner());
        if kept.len() >= KEPT {
            made.statement.cached = false;
            if let Some((statement, _)) = &mut made.verdict {
                statement.cached = false;
            }
            return Arc::new(made);
        }
        Arc::clone(kept.entry((purpose, columns)).or_insert_with(|| Arc::new(made)))
    }
}
