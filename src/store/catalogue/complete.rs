//! Models laid over the catalogue: what fits is filled in, what does not is named.

use crate::model::{CheckMeta, ManyToManyMeta, ModelMeta, OnDelete, ReferenceMeta, UniqueMeta};

use super::super::Dialect;
use super::super::plan::sql::quote;
use super::{ColumnInfo, ForeignKeyInfo, StartupError, TableInfo, UniqueInfo, ddl, index, kind};

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
pub fn complete(models: &mut [ModelMeta], infos: &[TableInfo], dialect: Dialect) -> Result<(), Vec<StartupError>> {
    let mut errors = Vec::new();
    for model in models.iter_mut() {
        let Some(info) = infos.iter().find(|info| is(info, model)) else {
            errors.push(StartupError::MissingTable { model: model.name.clone(), table: table(model) });
            continue;
        };
        columns(model, info, &mut errors);
        uniques(model, info, &mut errors);
        constraints(model, dialect, &mut errors);
        relations(model, info);
        checks(model, info);
        join_tables(model, infos, &mut errors);
    }
    for n in 0..models.len() {
        models[n].referenced_by = references(&models[n], models, infos);
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn is(info: &TableInfo, model: &ModelMeta) -> bool {
    info.name.0 == model.schema && info.name.1 == model.table
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
        if !found.readable {
            errors.push(StartupError::UnreadableColumn {
                model: name.clone(),
                column: column.column.clone(),
                db_type: found.db_type.clone(),
            });
        }
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
        column.attributes.not_editable |= found.generated;
    }
    let must_fill = |c: &&ColumnInfo| !info.fills_rows && c.not_null && !c.has_default && !c.numbered && !c.generated;
    model.must_fill = info.columns.iter().filter(must_fill).map(|column| column.name.clone()).collect();
}

/// The CHECKs, and what the one of a `PositiveIntegerField` means.
fn checks(model: &mut ModelMeta, info: &TableInfo) {
    model.checks = info
        .checks
        .iter()
        .map(|check| CheckMeta {
            name: check.name.clone(),
            expression: check.text.clone(),
            columns: check.columns.iter().filter_map(|column| model.column(column)).collect(),
        })
        .collect();
    for check in &model.checks {
        let [n] = check.columns[..] else { continue };
        let column = &mut model.columns[n];
        // one that somebody named says something of its own
        let is_djangos =
            check.name.starts_with(&format!("{}_{}", model.table, column.column)) || check.name.len() == 63;
        if is_djangos && check.name.ends_with("_check") && is_not_negative(&check.expression, &column.column) {
            column.attributes.positive = true;
        }
    }
}

/// Whether an expression is `column >= 0`.
fn is_not_negative(expression: &str, column: &str) -> bool {
    let text = expression.trim();
    let text = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text);
    let Some((left, "0")) = text.split_once(">=").map(|(left, right)| (left.trim(), right.trim())) else {
        return false;
    };
    left == column || left == quote(column)
}

/// Whether the join tables of a model's relations to many are there, with their columns.
///
/// One with more than a key and the two columns is a model of its own, as Django's are that somebody wrote.
fn join_tables(model: &mut ModelMeta, infos: &[TableInfo], errors: &mut Vec<StartupError>) {
    for many in &mut model.many_to_many {
        let name = qualified(many.schema.as_deref(), &many.table);
        let Some(info) = infos.iter().find(|info| info.name.0 == many.schema && info.name.1 == many.table) else {
            errors.push(StartupError::MissingJoinTable {
                model: model.name.clone(),
                relation: many.name.clone(),
                table: name,
            });
            continue;
        };
        for column in [&many.from_column, &many.to_column] {
            if info.column(column).is_none() {
                errors.push(StartupError::MissingColumn {
                    model: format!("{}.{}", model.name, many.name),
                    table: name.clone(),
                    column: column.clone(),
                    columns: info.columns.iter().map(|c| c.name.clone()).collect(),
                });
            }
        }
        let is_key = |name: &str| {
            info.uniques.iter().any(|u| u.primary && matches!(u.columns.as_slice(), [Some(key)] if key == name))
        };
        let is_own = |name: &str| name != many.from_column && name != many.to_column && !is_key(name);
        many.through_model |= info.columns.iter().any(|column| !column.numbered && is_own(&column.name));
        let unique = |unique: &UniqueInfo| {
            unique.predicate.is_none()
                && unique.columns.len() == 2
                && [&many.from_column, &many.to_column].iter().all(|c| unique.columns.iter().flatten().any(|u| u == *c))
        };
        if !info.uniques.iter().any(unique) {
            tracing::warn!(
                model = %model.name,
                relation = %many.name,
                table = %name,
                "nothing keeps the join table from holding a pair twice"
            );
        }
    }
}

fn uniques(model: &mut ModelMeta, info: &TableInfo, errors: &mut Vec<StartupError>) {
    for index in info.uniques.iter().filter(|index| !index.primary) {
        let found = unique(model, index, info);
        let twin = model.uniques.iter_mut().find(|u| {
            !found.expression && !u.expression && u.predicate == found.predicate && same(&u.columns, &found.columns)
        });
        match twin {
            // of several indexes over the same columns the strictest word counts
            Some(twin) if twin.backed => {
                twin.immediate &= found.immediate;
                twin.nulls_distinct &= found.nulls_distinct;
                // one that names a collation takes more values for the same
                if found.parts.iter().map(String::len).sum::<usize>() > twin.parts.iter().map(String::len).sum() {
                    twin.parts = found.parts;
                }
            }
            Some(twin) => {
                let declared = twin.declared;
                *twin = UniqueMeta { declared, columns: std::mem::take(&mut twin.columns), ..found };
            }
            None => model.uniques.push(found),
        }
    }
    let key = model.primary_key.clone();
    let has_key = info.uniques.iter().any(|index| index.primary && same(&unique(model, index, info).columns, &key));
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
        let columns: Vec<&str> = unique.columns.iter().map(|n| model.columns[*n].column.as_str()).collect();
        errors.push(StartupError::UnbackedUnique {
            create: format!(
                "CREATE UNIQUE INDEX {} ON {table} ({})",
                quote(&index::name(&model.table, &columns)),
                columns.iter().map(|c| quote(c)).collect::<Vec<_>>().join(", ")
            ),
            model: model.name.clone(),
            columns: columns.into_iter().map(str::to_owned).collect(),
        });
    }
}

/// Constraints that are described beside the entity: the database has to have them, or they are a query rule.
fn constraints(model: &ModelMeta, dialect: Dialect, errors: &mut Vec<StartupError>) {
    for constraint in model.constraints.iter().filter(|c| !c.unenforced && !c.columns.is_empty()) {
        // of one that the entity declares too it was said already
        let is_declared = constraint.condition.is_none()
            && model.uniques.iter().any(|u| u.declared && !u.backed && same(&u.columns, &constraint.columns));
        if is_declared || index::is_backed(model, constraint) {
            continue;
        }
        errors.push(StartupError::UnbackedUnique {
            create: index::create(dialect, model, constraint),
            model: model.name.clone(),
            columns: constraint.columns.iter().map(|n| model.columns[*n].column.clone()).collect(),
        });
    }
}

/// An index of the database as the model's columns have it; one over a column that the entity lacks is as opaque as
/// an expression.
fn unique(model: &ModelMeta, index: &UniqueInfo, info: &TableInfo) -> UniqueMeta {
    let reads = reads(model, index, info);
    let columns: Option<Vec<usize>> = index.columns.iter().map(|column| model.column(column.as_ref()?)).collect();
    UniqueMeta {
        name: index.name.clone(),
        expression: columns.is_none(),
        columns: columns.unwrap_or_default(),
        predicate: index.predicate.clone(),
        parts: if reads.is_some() { index.parts.clone() } else { Vec::new() },
        reads: reads.unwrap_or_default(),
        nulls_distinct: index.nulls_distinct,
        immediate: index.immediate,
        declared: false,
        backed: true,
    }
}

/// The columns that the parts and the predicate of an index read; none where the entity lacks one.
fn reads(model: &ModelMeta, index: &UniqueInfo, info: &TableInfo) -> Option<Vec<usize>> {
    let mut reads = Vec::new();
    for name in index.parts.iter().chain(&index.predicate).flat_map(|part| ddl::names(part)) {
        // what is no column is a function, a type or a word of the language
        let Some(column) = info.columns.iter().find(|column| column.name.eq_ignore_ascii_case(&name)) else { continue };
        let position = model.column(&column.name)?;
        if !reads.contains(&position) {
            reads.push(position);
        }
    }
    Some(reads)
}

/// The order of columns does not matter to a unique.
pub(super) fn same(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().all(|n| b.contains(n))
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

/// Whether a foreign key is one of a join table: one that a relation to many names, or a table that is nothing else.
fn joins(key: &ForeignKeyInfo, models: &[ModelMeta], infos: &[TableInfo]) -> bool {
    let is_declared = |many: &ManyToManyMeta| {
        many.schema == key.table.0
            && many.table == key.table.1
            && [&many.from_column, &many.to_column].iter().any(|column| key.columns == [column.as_str()])
    };
    let is_model = models.iter().any(|model| model.schema == key.table.0 && model.table == key.table.1);
    let info = infos.iter().find(|info| info.name == key.table);
    models.iter().flat_map(|model| &model.many_to_many).any(is_declared)
        || (!is_model && info.and_then(TableInfo::join).is_some_and(|join| join.unique))
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
            // a join table's rows say nothing of their own: Django deletes them with either side
            let is_join = declared.is_none() && key.on_delete == OnDelete::Protect && joins(key, models, infos);
            let on_delete = if is_join { OnDelete::Cascade } else { declared.unwrap_or(key.on_delete) };
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
