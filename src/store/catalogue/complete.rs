//! Models laid over the catalogue: what fits is filled in, what does not is named.

use crate::model::{ModelMeta, OnDelete, ReferenceMeta, UniqueMeta};

use super::{ForeignKeyInfo, StartupError, TableInfo, UniqueInfo, kind};

/// Fills in what only the database knows: types with their limits, defaults, names of constraints, uniques that no entity
/// declares, and who points to whom.
///
/// What an entity declares for deletion goes before what the database does: where the two differ, bowline does what
/// is declared, in the same transaction. What differs without harm is logged as a warning.
///
/// # Errors
///
/// Every mistake that is found; the models are completed as far as they can be, so that a caller may let one pass
/// (an [`StartupError::UnbackedUnique`] that is kept by a query rule).
pub fn complete(models: &mut [ModelMeta], infos: &[TableInfo]) -> Result<(), Vec<StartupError>> {
    let mut errors = Vec::new();
    for model in models.iter_mut() {
        let Some(info) = infos.iter().find(|info| is(info, model)) else {
            errors.push(StartupError::MissingTable { model: model.name.clone(), table: table(model) });
            continue;
        };
        columns(model, info, &mut errors);
        uniques(model, info, &mut errors);
        relations(model, info);
        model.checks = info.checks.iter().map(|check| check.name.clone()).collect();
    }
    for n in 0..models.len() {
        models[n].referenced_by = references(&models[n], models, infos);
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn is(info: &TableInfo, model: &ModelMeta) -> bool {
    info.name.0 == model.schema && info.name.1 == model.table
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The table as SQL names it.
pub(in crate::store) fn table(model: &ModelMeta) -> String {
    qualified(model.schema.as_deref(), &model.table)
}

pub(in crate::store) fn qualified(schema: Option<&str>, table: &str) -> String {
    match schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(table)),
        None => quote(table),
    }
}

fn columns(model: &mut ModelMeta, info: &TableInfo, errors: &mut Vec<StartupError>) {
    let (name, table) = (model.name.clone(), table(model));
    for column in &mut model.columns {
        let Some(found) = info.columns.iter().find(|c| c.name == column.column) else {
            errors.push(StartupError::MissingColumn {
                model: name.clone(),
                table: table.clone(),
                column: column.column.clone(),
                columns: info.columns.iter().map(|c| c.name.clone()).collect(),
            });
            continue;
        };
        column.db_type.clone_from(&found.db_type);
        column.kind = kind::limited(column.kind, &found.db_type);
        if column.null && found.not_null {
            tracing::warn!(model = %name, column = %column.column, "the entity allows NULL, the table refuses it");
            column.null = false;
        } else if !column.null && !found.not_null {
            tracing::warn!(model = %name, column = %column.column, "the table allows NULL, the entity cannot read it");
        }
        if column.auto_increment && !found.has_default {
            tracing::warn!(model = %name, column = %column.column, "the entity counts on a number that the table does not give");
            column.auto_increment = false;
        }
        // a default that is an expression runs in the database or not at all
        column.has_default = column.is_filled() || found.has_default;
    }
    for column in &info.columns {
        if column.not_null && !column.has_default && model.column(&column.name).is_none() {
            tracing::warn!(
                model = %name,
                column = %column.name,
                "the table has a column without default that the entity lacks: nothing can be inserted"
            );
        }
    }
}

fn uniques(model: &mut ModelMeta, info: &TableInfo, errors: &mut Vec<StartupError>) {
    for index in info.uniques.iter().filter(|index| !index.primary) {
        let found = unique(model, index);
        let twin = model.uniques.iter_mut().find(|u| {
            !found.expression && !u.expression && u.predicate == found.predicate && same(&u.columns, &found.columns)
        });
        match twin {
            // of several indexes over the same columns the strictest word counts
            Some(twin) if twin.backed => {
                twin.immediate &= found.immediate;
                twin.nulls_distinct &= found.nulls_distinct;
            }
            Some(twin) => {
                let declared = twin.declared;
                *twin = UniqueMeta { declared, columns: std::mem::take(&mut twin.columns), ..found };
            }
            None => model.uniques.push(found),
        }
    }
    let key = model.primary_key.clone();
    let has_key = info.uniques.iter().any(|index| index.primary && same(&unique(model, index).columns, &key));
    let table = table(model);
    for unique in &mut model.uniques {
        let [n] = unique.columns[..] else { continue };
        if unique.backed && unique.predicate.is_none() {
            model.columns[n].unique = true;
        }
    }
    for unique in &mut model.uniques {
        unique.backed |= has_key && unique.predicate.is_none() && same(&unique.columns, &key);
        if unique.backed {
            continue;
        }
        let columns: Vec<String> = unique.columns.iter().map(|n| model.columns[*n].column.clone()).collect();
        errors.push(StartupError::UnbackedUnique {
            create: format!(
                "CREATE UNIQUE INDEX {} ON {table} ({})",
                quote(&index_name(&model.table, &columns)),
                columns.iter().map(|c| quote(c)).collect::<Vec<_>>().join(", ")
            ),
            model: model.name.clone(),
            columns,
        });
    }
}

/// An index of the database as the model's columns have it; one over a column that the entity lacks is as opaque as
/// an expression.
fn unique(model: &ModelMeta, index: &UniqueInfo) -> UniqueMeta {
    let columns: Option<Vec<usize>> = index.columns.iter().map(|column| model.column(column.as_ref()?)).collect();
    UniqueMeta {
        name: index.name.clone(),
        expression: columns.is_none(),
        columns: columns.unwrap_or_default(),
        predicate: index.predicate.clone(),
        nulls_distinct: index.nulls_distinct,
        immediate: index.immediate,
        declared: false,
        backed: true,
    }
}

/// The order of columns does not matter to a unique.
fn same(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|n| b.contains(n))
}

/// `document_collection_id_uid_uniq`, within PostgreSQL's 63 bytes.
fn index_name(table: &str, columns: &[String]) -> String {
    let mut name = format!("{table}_{}", columns.join("_"));
    while name.len() > 63 - "_uniq".len() {
        name.pop();
    }
    name + "_uniq"
}

fn relations(model: &mut ModelMeta, info: &TableInfo) {
    for relation in &mut model.relations {
        let columns: Vec<&str> = relation.columns.iter().map(|n| model.columns[*n].column.as_str()).collect();
        let key = info.foreign_keys.iter().find(|key| {
            key.to_table.0 == relation.to_schema
                && key.to_table.1 == relation.to_table
                && pairs(key, &columns, &relation.to_columns)
        });
        match key {
            Some(key) => {
                relation.constraint = Some(key.name.clone());
                relation.deferred = key.deferred;
            }
            None => tracing::warn!(
                model = %model.name,
                relation = %relation.name,
                "no foreign key of the database backs the relation"
            ),
        }
    }
    for key in &info.foreign_keys {
        if !model.relations.iter().any(|relation| relation.constraint.as_ref() == Some(&key.name)) {
            tracing::warn!(
                model = %model.name,
                constraint = %key.name,
                "the entity does not declare a foreign key that the table has"
            );
        }
    }
}

/// Whether a key has these columns for those, in any order.
fn pairs(key: &ForeignKeyInfo, columns: &[&str], to_columns: &[String]) -> bool {
    key.columns.len() == columns.len()
        && columns.len() == to_columns.len()
        && columns
            .iter()
            .zip(to_columns)
            .all(|(column, to)| key.columns.iter().zip(&key.to_columns).any(|(c, t)| c == column && t == to))
}

/// The keys that point to a model: those of the catalogue, then those that only entities declare.
fn references(target: &ModelMeta, models: &[ModelMeta], infos: &[TableInfo]) -> Vec<ReferenceMeta> {
    let keys = infos.iter().find(|info| is(info, target)).map_or(&[][..], |info| &info.referenced_by);
    let mut found: Vec<ReferenceMeta> = keys
        .iter()
        .map(|key| {
            let declared = models
                .iter()
                .filter(|model| model.schema == key.table.0 && model.table == key.table.1)
                .flat_map(|model| &model.relations)
                .find(|relation| relation.constraint.as_ref() == Some(&key.name))
                .map(|relation| relation.on_delete);
            let on_delete = declared.unwrap_or(key.on_delete);
            // a deferred key refuses too late to be an answer
            let by_database = on_delete == key.on_delete && !(on_delete == OnDelete::Protect && key.deferred);
            if on_delete == OnDelete::Protect && key.on_delete != OnDelete::Protect {
                tracing::warn!(
                    model = %target.name,
                    constraint = %key.name,
                    "the database deletes or changes the rows that point here, the entity protects them: bowline does"
                );
            }
            ReferenceMeta {
                schema: key.table.0.clone(),
                table: key.table.1.clone(),
                columns: key.columns.clone(),
                to_columns: key.to_columns.clone(),
                constraint: Some(key.name.clone()),
                on_delete,
                by_database,
            }
        })
        .collect();
    for model in models {
        for relation in &model.relations {
            let here = relation.to_schema == target.schema && relation.to_table == target.table;
            if !here || relation.constraint.is_some() {
                continue;
            }
            let columns: Vec<String> = relation.columns.iter().map(|n| model.columns[*n].column.clone()).collect();
            if found.iter().any(|r| r.schema == model.schema && r.table == model.table && r.columns == columns) {
                continue;
            }
            found.push(ReferenceMeta {
                schema: model.schema.clone(),
                table: model.table.clone(),
                columns,
                to_columns: relation.to_columns.clone(),
                constraint: None,
                on_delete: relation.on_delete,
                by_database: false,
            });
        }
    }
    found
}
