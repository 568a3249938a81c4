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
    /// Whether it is made even where Django is: no migration of its own makes it.
    pub beside_django: bool,
}

impl Needs {
    /// A table that Django has to make.
    pub const fn of_django(name: &'static str) -> Self {
        Needs { name, definition: None, beside_django: false }
    }

    /// A table that is made where it is absent.
    pub const fn made(name: &'static str, definition: fn() -> TableCreateStatement) -> Self {
        Needs { name, definition: Some(definition), beside_django: false }
    }

    /// A table that is made where it is absent, whoever made the others.
    pub const fn own(name: &'static str, definition: fn() -> TableCreateStatement) -> Self {
        Needs { name, definition: Some(definition), beside_django: true }
    }
}

/// Where Django keeps which of its migrations ran.
const MIGRATIONS: &str = "django_migrations";

/// A table that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Its name.
    pub(crate) name: &'static str,
    /// What makes it, and why it was not made here; none for a table of Django's.
    pub(crate) refused: Option<(String, String)>,
}

/// Makes those of the tables that are absent and can be made, unless the database is Django's, whose migrations would stumble
/// over them: those that are missing after that.
///
/// # Errors
///
/// Where the database fails.
pub(crate) async fn meet(database: &Database, needs: &[Needs], may_make: bool) -> Result<Vec<Missing>, StoreError> {
    let mut needs = needs.to_vec();
    needs.sort_unstable_by_key(|needed| needed.name);
    // by its name, `auth_user` comes before the table that points to it
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
    for needed in &needs {
        if is_there(needed.name) {
            database.knows_table(needed.name);
            continue;
        }
        let refused = match needed.definition.filter(|_| may_make || needed.beside_django) {
            None => None,
            Some(definition) => match database.make_table(needed.name, definition).await {
                Ok(()) => continue,
                Err(error @ (StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_))) => return Err(error),
                // a role without the right to make tables
                Err(error) => Some((database.built(&definition()).statement.sql.to_string(), error.to_string())),
            },
        };
        missing.push(Missing { name: needed.name, refused });
    }
    Ok(missing)
}
