//! The catalogue as it is kept: any table by its name, join tables, and what a violation means.

use super::{ForeignKeyInfo, TableInfo, ddl};
use crate::store::{StoreError, Violation, ViolationKind};

/// The tables that an application works on, as its database has them.
///
/// The tables of its models are among them, the join tables of their relations to many, and every table that points to
/// one of these. A [`Store`](crate::store::Store) keeps it once it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    tables: Vec<TableInfo>,
}

/// A join table: rows of two columns, each of which points to a row of another table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JoinTable<'a> {
    /// Its two foreign keys, in the order of its columns.
    pub keys: [&'a ForeignKeyInfo; 2],
    /// Whether the database keeps pairs from being there twice.
    pub unique: bool,
}

impl Catalogue {
    /// A catalogue of these tables.
    pub fn new(tables: Vec<TableInfo>) -> Self {
        Catalogue { tables }
    }

    /// All of its tables.
    pub fn tables(&self) -> &[TableInfo] {
        &self.tables
    }

    /// The table of this schema and name, whether a model has it or not.
    pub fn table(&self, schema: Option<&str>, name: &str) -> Option<&TableInfo> {
        self.tables.iter().find(|info| info.name.0.as_deref() == schema && info.name.1 == name)
    }

    /// Fills in what the database left out when it named what stopped a write: table and columns of a constraint that is
    /// named, the name of a unique of which only the columns are known, the name and the columns of a CHECK of which
    /// SQLite says the text.
    ///
    /// Nothing is guessed: what several constraints fit stays open.
    pub fn explain(&self, violation: &mut Violation) {
        let tables = self.tables.iter().filter(|info| violation.table.as_ref().is_none_or(|name| *name == info.name.1));
        let mut found = tables.flat_map(|info| candidates(info, violation));
        let Some(first) = found.next() else { return };
        let rest: Vec<Candidate> = found.collect();
        let agreed = |same: &dyn Fn(&Candidate) -> bool| rest.iter().all(same);
        if agreed(&|other| other.name == first.name) && first.name.is_some() {
            violation.constraint.clone_from(&first.name);
        }
        if violation.columns.is_empty() && agreed(&|other| other.columns == first.columns) {
            violation.columns.clone_from(&first.columns);
        }
        if violation.table.is_none() && agreed(&|other| other.table == first.table) {
            violation.table = Some(first.table);
        }
    }

    /// The same for an error that may be a violation.
    pub(in crate::store) fn explained(&self, mut error: StoreError) -> StoreError {
        if let StoreError::Violation(violation) = &mut error {
            self.explain(violation);
        }
        error
    }
}

impl TableInfo {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&super::ColumnInfo> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether a constraint of the table is what a violation names.
    pub(in crate::store) fn has(&self, violation: &Violation) -> bool {
        match violation.kind {
            ViolationKind::NotNull => {
                self.columns.iter().any(|column| column.not_null && violation.columns == [column.name.as_str()])
            }
            _ => !candidates(self, violation).is_empty(),
        }
    }

    /// What it joins, where it is nothing but a join table: two foreign keys of one column each, and besides at most a
    /// key of its own that is numbered.
    pub fn join(&self) -> Option<JoinTable<'_>> {
        let mut keys: Vec<&ForeignKeyInfo> = Vec::with_capacity(2);
        for column in &self.columns {
            let key = self.foreign_keys.iter().find(|key| key.columns == [column.name.as_str()]);
            match key {
                Some(key) => keys.push(key),
                None if column.numbered => {}
                None => return None,
            }
        }
        let keys = <[&ForeignKeyInfo; 2]>::try_from(keys).ok()?;
        let pair = |unique: &super::UniqueInfo| {
            unique.predicate.is_none()
                && unique.columns.len() == 2
                && keys.iter().all(|key| unique.columns.iter().flatten().any(|column| key.columns == [column.as_str()]))
        };
        Some(JoinTable { unique: self.uniques.iter().any(pair), keys })
    }
}

/// A constraint that may be the one that was violated.
#[derive(Debug)]
struct Candidate {
    name: Option<String>,
    table: String,
    columns: Vec<String>,
}

/// The constraints of a table that fit what is known of a violation.
fn candidates(info: &TableInfo, violation: &Violation) -> Vec<Candidate> {
    let candidate = |name: Option<&String>, columns: Vec<String>| Candidate {
        name: name.cloned(),
        table: info.name.1.clone(),
        columns,
    };
    let said = violation.constraint.as_deref();
    let is_said = |name: Option<&str>| said.is_some() && said == name;
    match violation.kind {
        ViolationKind::Unique => {
            let fits = |unique: &&super::UniqueInfo| match said {
                Some(_) => is_said(unique.name.as_deref()),
                // SQLite names the table and the columns in the order of the index
                None => violation.table.is_some() && unique.columns.iter().flatten().eq(&violation.columns),
            };
            let uniques = info.uniques.iter().filter(fits);
            // of a unique over expressions the plain columns would say too little
            let columns = |u: &super::UniqueInfo| u.columns.iter().cloned().collect::<Option<Vec<_>>>();
            uniques.map(|u| candidate(u.name.as_ref(), columns(u).unwrap_or_default())).collect()
        }
        ViolationKind::Check => {
            let named = info.checks.iter().filter(|check| is_said(Some(&check.name)));
            let by_text = info.checks.iter().filter(|check| is_said(Some(&ddl::called(&check.text))));
            let checks: Vec<_> = if named.clone().next().is_some() { named.collect() } else { by_text.collect() };
            checks.into_iter().map(|check| candidate(Some(&check.name), check.columns.clone())).collect()
        }
        ViolationKind::ForeignKey => {
            let keys = info.foreign_keys.iter().filter(|key| is_said(Some(&key.name)));
            keys.map(|key| candidate(Some(&key.name), key.columns.clone())).collect()
        }
        ViolationKind::Exclusion => {
            let exclusions = info.exclusions.iter().filter(|exclusion| is_said(Some(&exclusion.name)));
            exclusions.map(|exclusion| candidate(Some(&exclusion.name), exclusion.columns.clone())).collect()
        }
        ViolationKind::NotNull | ViolationKind::Raised | ViolationKind::Deferrable => Vec::new(),
    }
}
