//! The tables of Django's that layers read beside the application's models.

use sea_orm::sea_query::TableCreateStatement;

use super::catalogue::{self, TableName};
use super::{Database, StoreError};

/// A table that a way of authentication or a permission reads.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Its name.
    pub name: &'static str,
    /// What makes it where there is no Django to do so; none for tables that are of no use without the rows that Django puts
    /// into them.
    pub definition: Option<fn() -> TableCreateStatement>,
}

impl Needs {
    /// A table that Django has to make.
    pub const fn of_django(name: &'static str) -> Self {
        Needs { name, definition: None }
    }

    /// A table that is made where it is absent.
    pub const fn made(name: &'static str, definition: fn() -> TableCreateStatement) -> Self {
        Needs { name, definition: Some(definition) }
    }
}

/// Where Django keeps which of its migrations ran.
const MIGRATIONS: &str = "django_migrations";

/// Makes those of the tables that are absent and can be made, unless the database is Django's, whose migrations would stumble
/// over them: the names of those that are missing after that.
///
/// # Errors
///
/// Where the database fails.
pub(crate) async fn meet(
    database: &Database,
    needs: &[Needs],
    may_make: bool,
) -> Result<Vec<&'static str>, StoreError> {
    let mut needs = needs.to_vec();
    needs.sort_unstable_by_key(|needed| needed.name);
    needs.dedup_by_key(|needed| needed.name);
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let names = needs.iter().map(|needed| needed.name).chain([MIGRATIONS]);
    let names: Vec<TableName> = names.map(|name| (None, name.to_owned())).collect();
    let found = catalogue::read(database.store(), &names).await?;
    let is_there = |name: &str| found.iter().any(|info| info.name.1 == name);
    let may_make = may_make && !is_there(MIGRATIONS);
    let mut missing = Vec::new();
    for needed in needs.iter().filter(|needed| !is_there(needed.name)) {
        match needed.definition.filter(|_| may_make) {
            Some(definition) => database.make_table(needed.name, definition).await?,
            None => missing.push(needed.name),
        }
    }
    Ok(missing)
}
