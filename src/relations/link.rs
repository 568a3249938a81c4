//! Where the name of a relation leads: forward keys, the ways back, join tables.

use std::sync::Arc;

use crate::model::{ManyToManyMeta, ModelMeta, RelationMeta};

/// A relation of a model, found by its name.
#[derive(Clone, Debug)]
pub(crate) enum Link {
    /// A foreign key of the model's own.
    Forward {
        /// Its column.
        column: usize,
        /// The model that it points to.
        target: Arc<ModelMeta>,
        /// The column that it points to.
        to_column: usize,
        /// What is known of it.
        relation: RelationMeta,
    },
    /// A foreign key of another model that points here.
    Reverse {
        /// The other model.
        target: Arc<ModelMeta>,
        /// Its column.
        column: usize,
        /// The column here that it points to.
        own_column: usize,
        /// Whether there is one such row at most.
        one: bool,
    },
    /// Rows of another model by way of a join table.
    Through {
        /// The other model.
        target: Arc<ModelMeta>,
        /// The schema and name of the join table.
        table: (Option<String>, String),
        /// The column of the join table that points here.
        own: String,
        /// The column of the join table that points there.
        other: String,
        /// Whether the join table is a model of its own.
        through_model: bool,
        /// What is known of it, from the side that declares it.
        declared: Option<ManyToManyMeta>,
    },
}

impl Link {
    /// The relation of this name.
    pub(crate) fn find(model: &ModelMeta, name: &str, models: &[Arc<ModelMeta>]) -> Option<Link> {
        let by_table = |schema: &Option<String>, table: &str| {
            models.iter().find(|m| m.table == table && m.schema == *schema).map(Arc::clone)
        };
        if let Some(relation) = model.relations.iter().find(|r| r.name == name)
            && let ([column], [to]) = (relation.columns.as_slice(), relation.to_columns.as_slice())
        {
            let target = by_table(&relation.to_schema, &relation.to_table)?;
            let to_column = target.column(to)?;
            return Some(Link::Forward { column: *column, target, to_column, relation: relation.clone() });
        }
        if let Some(many) = model.many_to_many.iter().find(|m| m.name == name) {
            return Some(Link::Through {
                target: by_table(&many.to_schema, &many.to_table)?,
                table: (many.schema.clone(), many.table.clone()),
                own: many.from_column.clone(),
                other: many.to_column.clone(),
                through_model: many.through_model,
                declared: Some(many.clone()),
            });
        }
        models.iter().find_map(|other| Link::back(model, name, other))
    }

    /// The names of all relations of a model, there and back.
    pub(crate) fn names(model: &ModelMeta, models: &[Arc<ModelMeta>]) -> Vec<String> {
        let points_here = |schema: &Option<String>, table: &str| *schema == model.schema && table == model.table;
        let mut names: Vec<String> = model.relations.iter().map(|relation| relation.name.clone()).collect();
        names.extend(model.many_to_many.iter().map(|many| many.name.clone()));
        for other in models {
            let lower = other.name.to_lowercase();
            let keys =
                other.relations.iter().filter(|r| r.columns.len() == 1 && points_here(&r.to_schema, &r.to_table));
            names.extend(keys.map(|relation| match &relation.related_name {
                Some(related) => related.clone(),
                None if relation.one_to_one => lower.clone(),
                None => format!("{lower}_set"),
            }));
            let many = other.many_to_many.iter().filter(|many| points_here(&many.to_schema, &many.to_table));
            names.extend(many.map(|many| many.related_name.clone().unwrap_or_else(|| format!("{lower}_set"))));
        }
        names
    }

    /// The way back from a relation of another model.
    fn back(model: &ModelMeta, name: &str, other: &Arc<ModelMeta>) -> Option<Link> {
        let points_here = |schema: &Option<String>, table: &str| *schema == model.schema && table == model.table;
        let lower = other.name.to_lowercase();
        for relation in &other.relations {
            let ([column], [to]) = (relation.columns.as_slice(), relation.to_columns.as_slice()) else { continue };
            let one = relation.one_to_one;
            let is_named = match &relation.related_name {
                Some(related) => related == name,
                None if one => lower == name,
                None => name.strip_suffix("_set") == Some(&lower),
            };
            if is_named && points_here(&relation.to_schema, &relation.to_table) {
                let own_column = model.column(to)?;
                return Some(Link::Reverse { target: Arc::clone(other), column: *column, own_column, one });
            }
        }
        for many in &other.many_to_many {
            let is_named = match &many.related_name {
                Some(related) => related == name,
                None => name.strip_suffix("_set") == Some(&lower),
            };
            if is_named && points_here(&many.to_schema, &many.to_table) {
                return Some(Link::Through {
                    target: Arc::clone(other),
                    table: (many.schema.clone(), many.table.clone()),
                    own: many.to_column.clone(),
                    other: many.from_column.clone(),
                    through_model: many.through_model,
                    declared: None,
                });
            }
        }
        None
    }

    /// The model at the other end.
    pub(crate) fn target(&self) -> &Arc<ModelMeta> {
        match self {
            Link::Forward { target, .. } | Link::Reverse { target, .. } | Link::Through { target, .. } => target,
        }
    }

    /// Whether it leads to any number of rows.
    pub(crate) fn is_many(&self) -> bool {
        match self {
            Link::Forward { .. } => false,
            Link::Reverse { one, .. } => !one,
            Link::Through { .. } => true,
        }
    }
}
