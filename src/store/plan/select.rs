//! What a serializer reads of a row and of the rows that it points to: one SELECT with its joins.

use std::fmt;
use std::sync::Arc;

use super::super::forms::kept;
use super::super::{Bound, Dialect, Statement};
use super::condition;
use super::filter::Presence;
use super::order::{OrderBy, Term, Ties};
use super::shape::Shapes;
use super::sql::{list, quote, table};
use super::texts::Texts;
use crate::model::{ColumnMeta, Condition, ModelMeta, OrderMeta};
use crate::value::DbValue;

/// A table within a [`Select`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alias(usize);

impl Alias {
    /// The table that rows are selected from.
    pub const ROOT: Alias = Alias(0);
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

/// A SELECT under construction.
#[derive(Clone, Debug)]
pub struct Select {
    dialect: Dialect,
    from: String,
    columns: Vec<String>,
    /// Of each column the one of the root table that it is, by name.
    roots: Vec<Option<String>>,
    joins: Vec<(Alias, String, String, String)>,
    order: Vec<Term>,
    ties: Ties,
    scope: Vec<String>,
}

/// Where the rows of a [`Select`] hang on other rows: the join table, or a column of the rows themselves.
#[derive(Clone, Debug)]
pub struct LinkedBy {
    /// The join table with its schema, and its column that points to the rows; none where the rows point by themselves.
    pub through: Option<(Option<String>, String, String)>,
    /// The column that points to the other rows, of the join table or of the rows.
    pub column: String,
    /// The database's type of the other rows' key, for casts.
    pub key_type: String,
}

impl Select {
    /// Rows of a model, in the model's order and that of its key.
    pub fn new(dialect: Dialect, model: &ModelMeta) -> Self {
        let mut select = Select::by_key(dialect, model);
        select.order_by(model, &model.ordering);
        select
    }

    /// Rows of a model in the order of its key, and of its table alone.
    pub fn by_key(dialect: Dialect, model: &ModelMeta) -> Self {
        Select {
            dialect,
            from: format!("{} AS {}", table(model.schema.as_deref(), &model.table), Alias::ROOT),
            columns: Vec::new(),
            roots: Vec::new(),
            joins: Vec::new(),
            order: Vec::new(),
            ties: Ties::of(model),
            scope: Vec::new(),
        }
    }

    /// Another order, which the key's follows.
    pub fn order_by(&mut self, model: &ModelMeta, ordering: &[OrderMeta]) {
        self.order = ordering.iter().map(|order| self.order_of(model, order)).collect();
    }

    fn order_of(&mut self, model: &ModelMeta, order: &OrderMeta) -> Term {
        let column = &model.columns[order.column].column;
        let to = || model.relations.iter().find(|relation| relation.columns == [order.column]);
        let (alias, column) = match (&order.through, to()) {
            (Some(through), Some(relation)) if relation.to_columns.len() == 1 => {
                let (schema, to) = (relation.to_schema.as_deref(), &relation.to_table);
                (self.join(Alias::ROOT, column, schema, to, &relation.to_columns[0]), through)
            }
            _ => (Alias::ROOT, column),
        };
        Term { value: format!("{alias}.{}", quote(column)), descending: order.descending }
    }

    /// Only rows like this.
    pub fn filter(&mut self, model: &ModelMeta, only: &Condition) {
        let alias = Alias::ROOT.to_string();
        let sql = condition::sql(self.dialect, only, model, &mut condition::aliased(model, &alias));
        self.scope.push(format!("({sql})"));
    }

    /// The place of a column in the rows.
    pub fn column(&mut self, alias: Alias, column: &str) -> usize {
        let root = (alias == Alias::ROOT).then(|| column.to_owned());
        self.expression(format!("{alias}.{}", quote(column)), root)
    }

    fn expression(&mut self, sql: String, root: Option<String>) -> usize {
        match self.columns.iter().position(|known| *known == sql) {
            Some(n) => n,
            None => {
                self.columns.push(sql);
                self.roots.push(root);
                self.columns.len() - 1
            }
        }
    }

    /// The row that a column points to, which need not be there.
    pub fn join(&mut self, alias: Alias, column: &str, schema: Option<&str>, to: &str, to_column: &str) -> Alias {
        let to = table(schema, to);
        let wanted = (alias, column.to_owned(), to.clone(), to_column.to_owned());
        if let Some(n) = self.joins.iter().position(|known| *known == wanted) {
            return Alias(n + 1);
        }
        self.joins.push(wanted);
        let joined = Alias(self.joins.len());
        self.from.push_str(&format!(
            " LEFT JOIN {to} AS {joined} ON {joined}.{} = {alias}.{}",
            quote(to_column),
            quote(column)
        ));
        joined
    }

    /// How many rows of another table point to a row by one of their columns.
    pub fn count(&mut self, alias: Alias, key: &str, schema: Option<&str>, other: &str, column: &str) -> usize {
        let other = table(schema, other);
        self.expression(
            format!("(SELECT count(*) FROM {other} AS c WHERE c.{} = {alias}.{})", quote(column), quote(key)),
            None,
        )
    }

    /// The columns of the model that the rows consist of; none where they hold anything else.
    pub fn root_columns(&self, model: &ModelMeta) -> Option<Vec<usize>> {
        self.roots.iter().map(|root| model.column(root.as_ref()?)).collect()
    }

    /// How many columns the rows have.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    fn conditions(&self, own: Option<String>) -> String {
        let all: Vec<String> = own.into_iter().chain(self.scope.iter().cloned()).collect();
        if all.is_empty() { String::new() } else { format!(" WHERE {}", all.join(" AND ")) }
    }

    /// A place for a value of a type, which PostgreSQL knows by itself.
    fn place(&self, n: usize, db_type: &str) -> String {
        match self.dialect {
            Dialect::Postgres => format!("${n}"),
            Dialect::Sqlite => kept(db_type, format!("?{n}")),
        }
    }

    /// The statements of a resource that finds its rows by a column.
    pub fn reads(&self, by: &ColumnMeta) -> Reads {
        let columns = list(self.columns.iter().cloned());
        let order = self.ties.broken(&self.order);
        let from = &self.from;
        let wanted =
            self.conditions(Some(format!("{}.{} = {}", Alias::ROOT, quote(&by.column), self.place(1, &by.db_type))));
        let scope = self.conditions(None);
        let root = self.from.split(" LEFT JOIN ").next().unwrap_or(from);
        let (limit, offset) = (self.place(1, ""), self.place(2, ""));
        let page = format!("SELECT {columns} FROM {from}{scope}{order} LIMIT {limit} OFFSET {offset}");
        let parts = Parts {
            dialect: self.dialect,
            columns: columns.clone(),
            from: from.clone(),
            root: root.to_owned(),
            scope: self.scope.clone(),
            order: order.clone(),
            ties: self.ties.clone(),
            by: by.column.clone(),
            by_type: by.db_type.clone(),
        };
        Reads {
            parts,
            texts: Arc::default(),
            shapes: Arc::default(),
            retrieve: Statement::point(format!("SELECT {columns} FROM {from}{wanted}")),
            list: Statement::new(format!("SELECT {columns} FROM {from}{scope}{order}")),
            page: Statement::new(format!(
                "SELECT {columns}, (SELECT count(*) FROM {root}{scope}) FROM {from}{scope}{order} \
                 LIMIT {limit} OFFSET {offset}"
            )),
            page_uncounted: Statement::new(page),
            count: Statement::new(format!("SELECT count(*) FROM {root}{scope}")),
        }
    }

    /// The rows that hang on other rows, by the list of those rows' keys; the key comes first in each row.
    pub fn linked(&self, model: &ModelMeta, by: &LinkedBy) -> Statement {
        let columns = list(self.columns.iter().cloned());
        let order = self.ties.broken(&self.order);
        let keys = super::super::many::any_of(self.dialect, 1, &by.key_type);
        let column = quote(&by.column);
        let (link, from) = match &by.through {
            Some((schema, through, to)) => {
                let key = model.primary_key.first().map(|n| quote(&model.columns[*n].column)).unwrap_or_default();
                let (joined, rest) = match self.from.split_once(" LEFT JOIN ") {
                    Some((root, rest)) => (root.to_owned(), format!(" LEFT JOIN {rest}")),
                    None => (self.from.clone(), String::new()),
                };
                (
                    format!("th.{column}"),
                    format!(
                        "{} AS th JOIN {joined} ON {}.{key} = th.{}{rest}",
                        table(schema.as_deref(), through),
                        Alias::ROOT,
                        quote(to)
                    ),
                )
            }
            None => (format!("{}.{column}", Alias::ROOT), self.from.clone()),
        };
        let wanted = self.conditions(Some(format!("{link} {keys}")));
        let columns = if columns.is_empty() { String::new() } else { format!(", {columns}") };
        Statement::new(format!("SELECT {link}{columns} FROM {from}{wanted}{order}"))
    }
}

/// What the statements of a resource are put together from.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) dialect: Dialect,
    pub(super) columns: String,
    /// The table with its joins.
    pub(super) from: String,
    /// The table alone.
    pub(super) root: String,
    pub(super) scope: Vec<String>,
    pub(super) order: OrderBy,
    pub(super) ties: Ties,
    /// The column that names a row, and its type.
    pub(super) by: String,
    pub(super) by_type: String,
}

/// The statements that read a resource.
#[derive(Clone, Debug)]
pub struct Reads {
    parts: Parts,
    texts: Arc<Texts>,
    shapes: Arc<Shapes>,
    retrieve: Statement,
    list: Statement,
    page: Statement,
    page_uncounted: Statement,
    count: Statement,
}

impl Reads {
    /// One row by its key.
    pub fn retrieve(&self, key: &DbValue) -> Bound {
        self.retrieve.bind(vec![key.clone()])
    }

    /// Every row in its order.
    pub fn list(&self) -> Bound {
        self.list.bind(Vec::new())
    }

    /// Some rows, with the count of all as their last column; an empty first page means that there are none.
    ///
    /// Count and page come from one statement and so from one snapshot.
    pub fn page(&self, limit: u64, offset: u64) -> Bound {
        self.page.bind(vec![count(limit), count(offset)])
    }

    /// Some rows without a count.
    pub fn page_uncounted(&self, limit: u64, offset: u64) -> Bound {
        self.page_uncounted.bind(vec![count(limit), count(offset)])
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(super) fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The question whether rows are there, by the column that names them, whose type the catalogue has named.
    pub fn presence(&self, db_type: &str) -> Presence {
        let Parts { root, scope, by, .. } = &self.parts;
        Presence::new(root.clone(), scope.clone(), format!("{}.{}", Alias::ROOT, quote(by)), db_type.to_owned())
    }

    /// How many rows there are.
    pub fn count(&self) -> Bound {
        self.count.bind(Vec::new())
    }
}

fn count(n: u64) -> DbValue {
    DbValue::BigInt(Some(i64::try_from(n).unwrap_or(i64::MAX)))
}
