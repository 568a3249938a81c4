//! Where a name like `author__last_name__icontains` leads: relations, a column, a lookup.

use std::sync::Arc;

use super::lookup::{Expression, LOOKUPS, Lookup};
use crate::model::{ColumnKind, ModelMeta};
use crate::relations::Link;
use crate::store::plan::{Hop, Part, Source};
use crate::suggest::candidates;

/// The models of an application, among which paths lead.
#[derive(Clone, Debug)]
pub(crate) struct Models(pub(crate) Arc<[Arc<ModelMeta>]>);

/// What a path ends at.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "few are made, at the start, and looked at once")]
pub(crate) enum End {
    /// A column of a model.
    Column(Arc<ModelMeta>, usize),
    /// The rows at the other end of a relation, and the column of theirs that it goes by.
    Relation(Link, usize),
}

/// A path, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) end: End,
    pub(crate) source: Arc<Source>,
    /// What follows the field: a lookup, with a transform before it.
    pub(crate) expression: Expression,
}

impl Models {
    /// Follows a path from a model.
    ///
    /// # Errors
    ///
    /// A sentence that names what is not there.
    pub(crate) fn resolve(&self, model: &Arc<ModelMeta>, path: &str) -> Result<Resolved, String> {
        let parts: Vec<&str> = path.split("__").collect();
        let mut rest = parts.as_slice();
        let mut at = Arc::clone(model);
        let mut hops: Vec<Hop> = Vec::new();
        let mut end = None;
        while let Some((name, after)) = rest.split_first() {
            if let Some(link) = self.link(&at, name) {
                step(&at, &link, &mut hops);
                let target = Arc::clone(link.target());
                let by = match &link {
                    Link::Forward { to_column, .. } => *to_column,
                    _ => key_of(&target)?,
                };
                end = Some(End::Relation(link, by));
                (at, rest) = (target, after);
                continue;
            }
            let key = || if *name == "pk" { at.primary_key.first().copied() } else { None };
            if let Some(column) = key().or_else(|| at.named(name)).or_else(|| at.column(name)) {
                end = Some(End::Column(Arc::clone(&at), column));
                rest = after;
            }
            break;
        }
        let Some(end) = end else {
            let name = rest.first().copied().unwrap_or(path);
            let known = self.names(model);
            let known = candidates(name, known.iter().map(String::as_str));
            return Err(format!("{} has no field {path} to filter, search or order by.{known}", model.name));
        };
        let (owner, column) = match &end {
            End::Column(owner, column) => (owner, *column),
            End::Relation(link, by) => (link.target(), *by),
        };
        let unknown = || format!("{} has no field {path} to filter, search or order by.", model.name);
        let source = Source::path(hops, owner, column).ok_or_else(unknown)?;
        let expression = Expression::parse(rest).ok_or_else(|| {
            let name = rest.first().copied().unwrap_or_default();
            let fields = if let End::Relation(..) = &end { self.names(&at) } else { Vec::new() };
            let known = fields.iter().map(String::as_str).chain(LOOKUPS);
            let known = candidates(name, known);
            format!("{}: {path} is no field, and {} is no lookup of one.{known}", model.name, rest.join("__"))
        })?;
        let resolved = Resolved {
            source: expression.part.map_or_else(|| Arc::clone(&source), |part| source.part(part)),
            end,
            expression,
        };
        resolved.check().map_err(|reason| format!("{}: {path} cannot be looked up: {reason}.", model.name))?;
        Ok(resolved)
    }

    /// The names that lead on from a model: its columns, and its relations there and back.
    fn names(&self, model: &ModelMeta) -> Vec<String> {
        let columns = model.columns.iter().map(|column| column.name.clone());
        let mut names: Vec<String> = columns.collect();
        names.extend(Link::names(model, &self.0));
        names
    }

    fn link(&self, model: &ModelMeta, name: &str) -> Option<Link> {
        // queries name an unnamed way back by the model alone, attributes with `_set`
        Link::find(model, name, &self.0).or_else(|| Link::find(model, &format!("{name}_set"), &self.0))
    }
}

fn key_of(model: &ModelMeta) -> Result<usize, String> {
    match model.primary_key.as_slice() {
        [key] => Ok(*key),
        _ => Err(format!("{}: a path needs a primary key of one column.", model.name)),
    }
}

/// Adds the steps of a relation.
fn step(model: &ModelMeta, link: &Link, hops: &mut Vec<Hop>) {
    let name = |model: &ModelMeta, n: usize| model.columns.get(n).map(|c| c.column.clone()).unwrap_or_default();
    let key = |model: &ModelMeta| model.primary_key.first().map(|n| name(model, *n)).unwrap_or_default();
    match link {
        Link::Forward { column, target, to_column, .. } => {
            hops.push(Hop {
                schema: target.schema.clone(),
                table: target.table.clone(),
                from_column: name(model, *column),
                to_column: name(target, *to_column),
                many: false,
                forward: true,
            });
        }
        Link::Reverse { target, column, own_column, one } => {
            hops.push(Hop {
                schema: target.schema.clone(),
                table: target.table.clone(),
                from_column: name(model, *own_column),
                to_column: name(target, *column),
                many: !one,
                forward: false,
            });
        }
        Link::Through { target, table: (schema, table), own, other, .. } => {
            hops.push(Hop {
                schema: schema.clone(),
                table: table.clone(),
                from_column: key(model),
                to_column: own.clone(),
                many: true,
                forward: false,
            });
            hops.push(Hop {
                schema: target.schema.clone(),
                table: target.table.clone(),
                from_column: other.clone(),
                to_column: key(target),
                many: false,
                forward: true,
            });
        }
    }
}

impl Resolved {
    /// What the field itself holds, before any transform.
    pub(crate) fn stored(&self) -> ColumnKind {
        match &self.end {
            End::Column(model, column) => model.columns[*column].kind,
            End::Relation(link, by) => link.target().columns[*by].kind,
        }
    }

    /// The digits and places of a decimal column.
    pub(crate) fn places(&self) -> Option<(u32, u32)> {
        match self.stored() {
            ColumnKind::Decimal(places) => places,
            _ => None,
        }
    }

    fn check(&self) -> Result<(), String> {
        let stored = self.stored();
        if let Some(part) = self.expression.part {
            let (date, time) = match stored {
                ColumnKind::DateTime(_) => (true, true),
                ColumnKind::Date => (true, false),
                ColumnKind::Time => (false, true),
                _ => (false, false),
            };
            let fits = match part {
                Part::Hour | Part::Minute | Part::Second => time,
                Part::Date | Part::Time => date && time,
                _ => date,
            };
            if !fits || matches!(self.end, End::Relation(..)) {
                return Err("only dates and times have parts".into());
            }
        }
        if matches!(self.end, End::Relation(..)) && self.expression.lookup.is_of_text() {
            return Err("a relation is no text".into());
        }
        let comparable = !matches!(stored, ColumnKind::Json | ColumnKind::Binary);
        let comparing = !self.expression.lookup.is_of_text() && self.expression.lookup != Lookup::IsNull;
        if comparing && !comparable {
            return Err("its values cannot be compared".into());
        }
        Ok(())
    }
}
