//! Fields that point at other rows: DRF's `build_relational_field`.

use std::sync::Arc;

use super::constraints::SetArguments;
use super::{Build, Made, column, shared};
use crate::fields::{ColumnField, Field};
use crate::model::{Condition, ModelMeta};
use crate::relations::{Link, ManyRelatedKind, Naming, Related, RelatedKind};
use crate::serializers::declaration::{Arguments, Declaration, How, HyperlinkTo, RelatedField};
use crate::serializers::reads::{Absent, Item, Reads};
use crate::serializers::{FieldOptions, LookupPlan, ManyWrite, Question, Writes};
use crate::store::RowLock;
use crate::store::plan::{Alias, LinkedBy, Select, join_table, owned_by};
use crate::suggest::candidates;

/// What a declaration says, laid over a field.
pub(super) fn say(arguments: &Arguments, field: &mut Field) {
    field.read_only = arguments.read_only;
    field.write_only = arguments.write_only;
    field.allow_null = arguments.allow_null.unwrap_or(false);
    field.allow_empty = arguments.allow_empty.unwrap_or(true);
    field.default = arguments.default.clone();
    field.label = arguments.label.clone();
    field.help_text = arguments.help_text.clone();
    field.messages = arguments.messages.clone();
    field.validators.clone_from(&arguments.validators);
}

/// A relation as a declared field has it.
pub(super) fn declared(build: &Build<'_>, model: &Arc<ModelMeta>, said: &RelatedField) -> Result<Made, Vec<String>> {
    let arguments = &said.arguments;
    let name = arguments.name.clone();
    let source = arguments.source.clone().unwrap_or_else(|| name.clone().into_owned());
    let relation = model.column(&source).and_then(|n| model.relations.iter().find(|r| r.columns == [n]));
    let source = relation.map_or(source, |r| r.name.clone());
    let Some(link) = Link::find(model, &source, build.models) else {
        let links = Link::names(model, build.models);
        let known = candidates(&source, links.iter().map(String::as_str));
        return Err(vec![format!("{} has no relation {source} for the field {name}.{known}", model.name)]);
    };
    let mut field = Field::new(name, ColumnField::any());
    say(arguments, &mut field);
    field.read_only |= matches!(said.how, How::String) && !link.is_many();
    field.required = arguments.required.unwrap_or(!field.read_only && field.default.is_none());
    made(build, model, field, link, &said.how, said.only.as_ref())
}

/// A relation as the model alone has it.
pub(super) fn derived(
    build: &Build<'_>,
    declaration: &Declaration,
    model: &Arc<ModelMeta>,
    name: &str,
    link: Link,
    options: &FieldOptions,
    sets: &SetArguments,
) -> Result<Made, Vec<String>> {
    let mut field = Field::new(name.to_owned(), ColumnField::any());
    let mut only = None;
    let (mut optional, mut null, mut blank) = (false, false, true);
    match &link {
        Link::Forward { column, relation, .. } => {
            let meta = &model.columns[*column];
            let attributes = &meta.attributes;
            null = meta.null;
            let has_default = meta.default.is_some() || attributes.default.is_some();
            optional = null || has_default || attributes.blank;
            field.read_only = attributes.not_editable;
            only.clone_from(&relation.limit_choices_to);
            field.label = Some(meta.label().into());
            field.help_text = attributes.help_text.clone().or_else(|| meta.comment.clone()).map(Into::into);
            field.validators.extend(attributes.validators.iter().cloned().map(column::rule));
        }
        Link::Through { declared: Some(many), .. } => {
            blank = many.blank;
            optional = many.blank;
            field.label = Some(many.label().into());
            field.help_text = many.help_text.clone().map(Into::into);
        }
        Link::Reverse { .. } | Link::Through { declared: None, .. } => {
            field.label = Some(column::capfirst(&name.replace('_', " ")).into());
        }
    }
    field.read_only |= matches!(&link, Link::Through { through_model: true, .. });
    field.allow_null = options.allow_null.unwrap_or(null);
    field.allow_empty = blank;
    field.read_only = options.read_only.unwrap_or(field.read_only);
    field.write_only = options.write_only.unwrap_or(false);
    field.default = options.default.clone();
    field.required = !field.read_only && !optional && field.default.is_none();
    if let Some(required) = options.required {
        field.required = required;
    }
    if let Some(label) = &options.label {
        field.label = Some(label.clone());
    }
    if let Some(text) = &options.help_text {
        field.help_text = Some(text.clone());
    }
    if !options.validators.is_empty() {
        field.validators.clone_from(&options.validators);
    }
    for (code, message) in &options.messages {
        field.messages.set(code, message.clone());
    }
    if let Link::Forward { column, .. } = &link {
        sets.apply(*column, &mut field, Some(options));
    }
    let how = if declaration.hyperlinked {
        let view_name = format!("{}-detail", link.target().name.to_lowercase());
        How::Hyperlink(HyperlinkTo { view_name, lookup_field: None })
    } else {
        How::PrimaryKey
    };
    made(build, model, field, link, &how, only.as_ref())
}

fn made(
    build: &Build<'_>,
    model: &Arc<ModelMeta>,
    mut field: Field,
    link: Link,
    how: &How,
    only: Option<&Condition>,
) -> Result<Made, Vec<String>> {
    let target = Arc::clone(link.target());
    let one = |mistake: String| vec![mistake];
    if let Some(unknown) = only.and_then(|only| target.unknown_in(only)) {
        return Err(one(format!("{}.{}: the rows that it may name: {unknown}", model.name, field.name)));
    }
    let key = match (&link, how) {
        // a foreign key may point to another column than the key
        (Link::Forward { to_column, .. }, How::PrimaryKey) => *to_column,
        _ => target.primary_key.first().copied().unwrap_or(0),
    };
    let position = |name: &str| {
        let found = target.named(name).or_else(|| target.column(name));
        found.ok_or_else(|| {
            let known = build.known(&target, name);
            one(format!("{}.{}: {} has no field {name}.{known}", model.name, field.name, target.name))
        })
    };
    // what is shown of the other row
    let (naming, by, shows) = match how {
        How::PrimaryKey => (Naming::PrimaryKey, key, Reads::Column(key)),
        How::Slug(slug) => {
            let n = position(slug)?;
            (Naming::Slug(slug.clone()), n, Reads::Column(n))
        }
        How::Hyperlink(to) | How::Identity(to) => {
            let link = build.hyperlink(&to.view_name).map_err(one)?;
            let n = match &to.lookup_field {
                Some(name) if name != "pk" => position(name)?,
                _ => key,
            };
            (Naming::Hyperlink(link.clone()), n, Reads::Link(n, link))
        }
        How::String => (Naming::Text, key, Reads::Row(Arc::new(|row, _| row.display().into()))),
    };
    let related = Related { naming, kind: target.columns[by].kind };
    let many = link.is_many();
    if many {
        // DRF's `many=True` passes it on to the items, which never ask
        field.allow_null = false;
    }
    let item = match how {
        How::String => shared(ColumnField::any()),
        _ => shared(RelatedKind(related.clone())),
    };
    let writes =
        if field.read_only { Writes::Nothing } else { writes(build, &link, &related, by, key, only, &field, model)? };
    let reads = if field.write_only {
        Reads::Nothing
    } else if many {
        let one = Field::shared(field.name.clone(), Arc::clone(&item));
        Reads::Many(link, Item::Value(Box::new(one), Box::new(shows)))
    } else {
        match (&link, &shows) {
            // the key is in the row itself
            (Link::Forward { column, to_column, .. }, Reads::Column(n)) if n == to_column => Reads::Column(*column),
            (Link::Forward { column, to_column, .. }, Reads::Link(n, to)) if n == to_column => {
                Reads::Link(*column, to.clone())
            }
            _ => Reads::Through(vec![link], Box::new(shows), Absent::Null),
        }
    };
    field.kind = match many {
        true => shared(ManyRelatedKind { child: related, allow_empty: field.allow_empty }),
        false => item,
    };
    Ok(Made { field, writes, reads })
}

#[allow(clippy::too_many_arguments)] // the parts of one relation
fn writes(
    build: &Build<'_>,
    link: &Link,
    related: &Related,
    by: usize,
    key: usize,
    only: Option<&Condition>,
    field: &Field,
    model: &ModelMeta,
) -> Result<Writes, Vec<String>> {
    let target = link.target();
    let question = |by: usize, only: Option<&Condition>| {
        let mut select = Select::by_key(build.dialect, target);
        select.column(Alias::ROOT, &target.columns[key].column);
        if let Some(only) = only {
            select.filter(target, only);
        }
        let column = &target.columns[by];
        let linked = LinkedBy { through: None, column: column.column.clone(), key_type: column.db_type.clone() };
        let plain = select.linked(target, &linked);
        // a filter may look at any column, a key alone at what foreign keys look at
        let lock = match (only.is_some() || by != key, link) {
            (true, Link::Reverse { .. }) => RowLock::Change,
            (true, _) => RowLock::Whole,
            (false, _) => RowLock::Key,
        };
        let locking = plain.locking(build.dialect, lock);
        Question { plain, locking }
    };
    let lookup =
        || LookupPlan { by_name: question(by, only), by_key: question(key, None), key_kind: target.columns[key].kind };
    Ok(match link {
        Link::Forward { column, relation, .. } => {
            let by_itself = by == key && only.is_none() && relation.constraint.is_some() && !build.within;
            Writes::One { column: *column, related: related.clone(), lookup: (!by_itself).then(lookup).map(Box::new) }
        }
        Link::Through { table, own, other, .. } => {
            let own_type = model.primary_key.first().map(|n| model.columns[*n].db_type.clone()).unwrap_or_default();
            let plan = join_table(
                build.dialect,
                (table.0.as_deref(), &table.1),
                (own, &own_type),
                (other, &target.columns[key].db_type),
            );
            Writes::Many(Box::new(ManyWrite { related: related.clone(), lookup: lookup(), plan, own: None }))
        }
        Link::Reverse { column, own_column, one: false, .. } => {
            let plan = owned_by(build.dialect, target, *column, key, &model.columns[*own_column].db_type);
            Writes::Many(Box::new(ManyWrite {
                related: related.clone(),
                lookup: lookup(),
                plan,
                own: Some(*own_column),
            }))
        }
        Link::Reverse { .. } => {
            return Err(vec![format!(
                "{}.{}: the way back of a one-to-one relation cannot be written; make it read_only().",
                model.name, field.name
            )]);
        }
    })
}
