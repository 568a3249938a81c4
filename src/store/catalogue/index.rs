//! The unique indexes that constraints described beside an entity need.

use super::super::Dialect;
use super::super::plan::condition;
use super::super::plan::sql::quote;
use super::complete::{same, table};
use crate::model::{ConstraintMeta, ModelMeta};

/// The statement that creates the index of a constraint, without `CREATE UNIQUE INDEX` before it.
fn rest(dialect: Dialect, model: &ModelMeta, constraint: &ConstraintMeta) -> String {
    let columns: Vec<&str> = constraint.columns.iter().map(|n| model.columns[*n].column.as_str()).collect();
    let name = constraint.name.clone().unwrap_or_else(|| name(&model.table, &columns));
    let columns: Vec<String> = columns.iter().map(|column| quote(column)).collect();
    let mut sql = format!("{} ON {} ({})", quote(&name), table(model), columns.join(", "));
    if constraint.nulls_distinct == Some(false) && dialect == Dialect::Postgres {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    if let Some(condition) = &constraint.condition {
        let mut column = |n: usize| model.columns.get(n).map_or_else(|| "NULL".into(), |c| quote(&c.column));
        sql.push_str(" WHERE ");
        sql.push_str(&condition::sql(dialect, condition, model, &mut column));
    }
    sql
}

/// The statement that an administrator may run.
pub(super) fn create(dialect: Dialect, model: &ModelMeta, constraint: &ConstraintMeta) -> String {
    format!("CREATE UNIQUE INDEX {}", rest(dialect, model, constraint))
}

/// The statements for a table that was just created, but for what its entity declares.
pub(in crate::store) fn definitions(dialect: Dialect, model: &ModelMeta) -> Vec<String> {
    let declared = |constraint: &ConstraintMeta| {
        constraint.condition.is_none() && model.uniques.iter().any(|unique| same(&unique.columns, &constraint.columns))
    };
    let constraints = model.constraints.iter().filter(|c| !c.unenforced && !c.columns.is_empty() && !declared(c));
    constraints.map(|c| format!("CREATE UNIQUE INDEX IF NOT EXISTS {}", rest(dialect, model, c))).collect()
}

/// Whether an index of the database enforces a constraint: one over the same columns, among all rows or, for a
/// constraint with a condition, among some. The conditions themselves are not compared: the database words them anew.
pub(super) fn is_backed(model: &ModelMeta, constraint: &ConstraintMeta) -> bool {
    let is_key = constraint.condition.is_none() && same(&model.primary_key, &constraint.columns);
    is_key
        || model.uniques.iter().any(|unique| {
            unique.backed
                && !unique.expression
                && same(&unique.columns, &constraint.columns)
                && (unique.predicate.is_none() || constraint.condition.is_some())
                && (constraint.nulls_distinct != Some(false) || !unique.nulls_distinct)
        })
}

/// `document_collection_id_uid_uniq`, within PostgreSQL's 63 bytes.
pub(super) fn name(table: &str, columns: &[&str]) -> String {
    let mut name = format!("{table}_{}", columns.join("_"));
    while name.len() > 63 - "_uniq".len() {
        name.pop();
    }
    name + "_uniq"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::{StartupError, models};
    use super::*;
    use crate::doc::booking::{Column, Entity};
    use crate::model::{Condition, Model, UniqueConstraint};
    use crate::store::{Statement, Store, StoreOptions, Unit, schema};

    fn booking() -> Model<Entity> {
        Model::new()
            .constraint(UniqueConstraint::new([Column::RoomId, Column::End]).name("one_end"))
            .constraint(
                UniqueConstraint::new([Column::RoomId])
                    .condition(Condition::eq(Column::Note, "it's \"open\"").and(Condition::is_null("end"))),
            )
            .constraint(UniqueConstraint::new([Column::Id]).name("the_key"))
            .constraint(UniqueConstraint::new([Column::Start, Column::RoomId]).name("as_the_entity"))
            .constraint(UniqueConstraint::new([Column::Note, Column::Start]).nulls_distinct(false))
            .constraint(UniqueConstraint::new([Column::Note]).name("rule").unenforced())
    }

    #[test]
    fn statements_of_both_databases() {
        let meta = booking().into_source().0.meta;
        let postgres = definitions(Dialect::Postgres, &meta);
        let create = "CREATE UNIQUE INDEX IF NOT EXISTS";
        assert_eq!(
            postgres,
            [
                format!(r#"{create} "one_end" ON "booking" ("room_id", "end")"#),
                format!(
                    r#"{create} "booking_room_id_uniq" ON "booking" ("room_id") WHERE ("note" = 'it''s "open"') AND ("end" IS NULL)"#
                ),
                format!(r#"{create} "the_key" ON "booking" ("id")"#),
                format!(r#"{create} "booking_note_start_uniq" ON "booking" ("note", "start") NULLS NOT DISTINCT"#),
            ]
        );
        assert!(definitions(Dialect::Sqlite, &meta)[3].ends_with(r#"("note", "start")"#));
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::connect(folder.path().join("db").to_str().unwrap(), StoreOptions::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_constraint_without_an_index_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let sources = [booking().into_source().0];
        let plain = [Model::<Entity>::new().into_source().0];
        assert!(schema::create_if_empty(&store, &plain).await.unwrap());
        let statements = |errors: Vec<StartupError>| {
            let create = |error| match error {
                StartupError::UnbackedUnique { create, .. } => create,
                other => other.to_string(),
            };
            errors.into_iter().map(create).collect::<Vec<_>>()
        };
        let missing = statements(models(&store, &sources).await.unwrap_err());
        let named = |name: &str| format!("CREATE UNIQUE INDEX \"{name}\" ON");
        let names = ["one_end", "booking_room_id_uniq", "booking_note_start_uniq"];
        assert_eq!(missing.len(), names.len(), "{missing:?}");
        assert!(missing.iter().zip(names).all(|(sql, name)| sql.starts_with(&named(name))), "{missing:?}");

        // what the sentences say helps, but where SQLite has no such index
        let run = missing.iter().map(|sql| Statement::once(sql.clone()).bind(Vec::new())).collect();
        store.write(Unit { statements: run, verdict: None }).await.unwrap();
        let missing = statements(models(&store, &sources).await.unwrap_err());
        assert_eq!(missing.len(), 1, "{missing:?}");
        assert!(missing[0].starts_with(&named("booking_note_start_uniq")));
    }

    #[tokio::test]
    async fn a_table_that_is_made_has_its_constraints() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let mut source = booking().into_source().0;
        source.meta.constraints.retain(|constraint| constraint.nulls_distinct.is_none());
        assert!(schema::create_if_empty(&store, std::slice::from_ref(&source)).await.unwrap());
        let found = models(&store, &[source]).await.unwrap();
        let partial: Vec<_> = found[0].uniques.iter().filter_map(|unique| unique.predicate.as_deref()).collect();
        assert_eq!(partial, [r#"("note" = 'it''s "open"') AND ("end" IS NULL)"#]);
    }
}
