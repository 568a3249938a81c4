//! From a declaration and a model's metadata to a serializer: DRF's `ModelSerializer.get_fields`.

use std::borrow::Cow;
use std::sync::Arc;

use super::declaration::{Declaration, Declared, How, Selection};
use super::reads::{Absent, Item, Reads};
use super::{BoundField, BoundSerializer, ColumnDefault, FieldOptions, NestedWrite, Writes};
use crate::fields::{ColumnField, Field, FieldType, NestedRows, Source};
use crate::model::{AutoNow, ColumnKind, ColumnMeta, Format, ModelMeta};
use crate::relations::{Hyperlink, Link, Urls};
use crate::storage::{Storage, UploadTo};
use crate::store::Dialect;
use crate::store::plan::{Alias, Plan, RowsBy, Select, under};
use crate::suggest::{candidates, repeated};
use crate::value::DbValue;

mod column;
mod constraints;
mod fit;
mod relation;

/// What building serializers needs to know of the application.
#[derive(Clone, Debug)]
pub(crate) struct Build<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) models: &'a [Arc<ModelMeta>],
    pub(crate) urls: &'a Arc<dyn Urls>,
    pub(crate) storage: &'a Arc<dyn Storage>,
    /// Whether the rows are written within another one's body: what they point to is asked beforehand, for an error of
    /// theirs belongs to their place in the body, and a key of the database may speak at the commit only.
    pub(crate) within: bool,
}

/// One field under construction.
pub(super) struct Made {
    pub(super) field: Field,
    pub(super) writes: Writes,
    pub(super) reads: Reads,
}

impl Build<'_> {
    fn model(&self, table: &(Option<String>, String)) -> Option<&Arc<ModelMeta>> {
        // an entity's schema is PostgreSQL's alone
        let same_schema = |m: &ModelMeta| self.dialect == Dialect::Sqlite || m.schema == table.0;
        self.models.iter().find(|m| m.table == table.1 && same_schema(m))
    }

    /// Builds a serializer of a model whose catalogue was read.
    ///
    /// # Errors
    ///
    /// Sentences that say what to change: a declared unique rule without an index, a column whose type has no field, a
    /// name that means nothing.
    pub(crate) fn serializer(&self, declaration: &Declaration) -> Result<BoundSerializer, Vec<String>> {
        let Some(model) = self.model(&declaration.table) else {
            return Err(vec![format!(
                "The table {} has no model: register its entity, or make it known by DefaultRouter::model.",
                declaration.table.1
            )]);
        };
        let mut mistakes = Vec::new();
        let mut serializer = BoundSerializer {
            model: Arc::clone(model),
            fields: Vec::new(),
            constraints: Vec::new(),
            needed: Vec::new(),
            defaults: Vec::new(),
            touched: Vec::new(),
            objects: declaration.objects.clone(),
            queries: declaration.queries.clone(),
            validate: declaration.validate.clone(),
            list: declaration.list.clone(),
        };
        let names = self.names(declaration, model);
        let sets = self.set_arguments(declaration, model, &names);
        for name in &names {
            let default: FieldOptions = Default::default();
            let options = declaration.options.iter().find(|(n, _)| is_named(model, n, name));
            let options = options.map_or(&default, |(_, o)| o);
            let made = self.field(declaration, model, name, options, &sets);
            let declared = declaration.declared.iter().find(|declared| declared.name() == name);
            let wrong = match (declared, &made) {
                // as it was declared: what is not a column's becomes write-only
                (Some(Declared::Field(field)), _) => field.mistakes(),
                (Some(_), Ok(made)) => made.field.mistakes(),
                (None, Ok(made)) if options.may_be_wrong() => made.field.mistakes(),
                _ => Vec::new(),
            };
            mistakes.extend(wrong.into_iter().map(|wrong| format!("{}: {wrong}.", model.name)));
            let derived =
                made.as_ref().ok().filter(|_| declared.is_none()).and_then(|made| match (&made.writes, &made.reads) {
                    (Writes::Column(n) | Writes::File(n, _), _) | (Writes::Nothing, Reads::Column(n)) => Some(*n),
                    _ => None,
                });
            mistakes.extend(derived.into_iter().flat_map(|n| fit::mistakes(model, n, name, options)));
            match made {
                Ok(Made { field, writes, reads }) => {
                    let hooks = declaration.hooks.iter().filter(|(n, _)| *n == field.name);
                    let hooks = hooks.map(|(_, hook)| Arc::clone(hook)).collect();
                    serializer.fields.push(BoundField { field, writes, reads, hooks });
                }
                Err(found) => mistakes.extend(found),
            }
        }
        for (name, _) in &declaration.hooks {
            if serializer.position(name).is_none() {
                let known = candidates(name, names.iter().map(String::as_str));
                mistakes
                    .push(format!("{}: a hook for {name}, which is no field of the serializer.{known}", model.name));
            }
        }
        for (name, _) in &declaration.options {
            if !names.iter().any(|n| is_named(model, name, n)) {
                let known = candidates(name, names.iter().map(String::as_str));
                mistakes
                    .push(format!("{}: options for {name}, which is no field of the serializer.{known}", model.name));
            }
        }
        for declared in &declaration.declared {
            if !names.iter().any(|name| name == declared.name()) {
                let name = declared.name();
                mistakes.push(format!("{}: {name} is declared, but not among the serializer's fields.", model.name));
            }
        }
        for (column, value) in &declaration.on_create {
            let refused = model.column(column).and_then(|n| fit::refused(model, n, value));
            mistakes.extend(refused.map(|reason| format!("on_create: {reason}.")));
        }
        for name in repeated(&names) {
            mistakes.push(format!("{}: {name} is named twice among the serializer's fields.", model.name));
        }
        if let Selection::Exclude(excluded) = &declaration.selection {
            let all = self.names(&Declaration { selection: Selection::All, ..declaration.clone() }, model);
            for name in excluded.iter().filter(|name| !all.iter().any(|known| is_named(model, name, known))) {
                let known = candidates(name, all.iter().map(String::as_str));
                mistakes.push(format!("{}: {name} is excluded, and is no field of the serializer.{known}", model.name));
            }
        }
        self.hidden_of_sets(&mut serializer, &sets);
        serializer.defaults = defaults(model, declaration);
        let touched = model.columns.iter().enumerate();
        serializer.touched =
            touched.filter(|(_, c)| c.attributes.auto_now == Some(AutoNow::Save)).map(|(n, _)| n).collect();
        self.constraints(&mut serializer, declaration, &mut mistakes);
        if mistakes.is_empty() { Ok(serializer) } else { Err(mistakes) }
    }

    /// The names of the body in DRF's order: the key, what is declared, the plain fields, the relations; or as listed.
    fn names(&self, declaration: &Declaration, model: &ModelMeta) -> Vec<String> {
        let column = |n: usize| model.columns[n].name.clone();
        let relation = |n: &usize| model.relations.iter().any(|r| r.columns == [*n]);
        let all = || {
            let mut all: Vec<String> = Vec::new();
            if declaration.hyperlinked {
                all.push("url".into());
            } else {
                all.extend(model.primary_key.iter().map(|n| column(*n)));
            }
            all.extend(declaration.declared.iter().map(|d| d.name().clone().into_owned()));
            let others = || (0..model.columns.len()).filter(|n| !model.primary_key.contains(n));
            all.extend(others().filter(|n| !relation(n)).map(column));
            all.extend(others().filter(|n| relation(n)).map(column));
            all.extend(model.many_to_many.iter().map(|m| m.name.clone()));
            let mut seen: Vec<String> = Vec::new();
            all.retain(|name| {
                let is_new = !seen.contains(name);
                seen.push(name.clone());
                is_new
            });
            all
        };
        match &declaration.selection {
            Selection::All => all(),
            Selection::List(names) => {
                let known = |name: &String| match model.column(name) {
                    // a typed column is called by its name in the database
                    Some(n) if declaration.declared.iter().all(|d| d.name() != name) => column(n),
                    _ => name.clone(),
                };
                names.iter().map(known).collect()
            }
            Selection::Exclude(names) => {
                let mut all = all();
                all.retain(|name| !names.iter().any(|n| is_named(model, n, name)));
                all
            }
        }
    }

    fn field(
        &self,
        declaration: &Declaration,
        model: &Arc<ModelMeta>,
        name: &str,
        options: &FieldOptions,
        sets: &constraints::SetArguments,
    ) -> Result<Made, Vec<String>> {
        if let Some(declared) = declaration.declared.iter().find(|d| d.name() == name) {
            let mut made = self.declared(declared, model)?;
            made.field.validators.extend(options.validators.iter().cloned());
            return Ok(made);
        }
        let source = options.source.as_deref().unwrap_or(name);
        let position = model.named(source).or_else(|| model.column(source));
        if let Some(n) = position.filter(|n| model.relations.iter().all(|r| r.columns != [*n])) {
            let made = column::field(self, model, n, name, options, sets).map_err(|mistake| vec![mistake])?;
            return Ok(made);
        }
        let relation = position.and_then(|n| model.relations.iter().find(|r| r.columns == [n]));
        let source = relation.map_or(source, |r| r.name.as_str());
        if let Some(link) = Link::find(model, source, self.models) {
            if declaration.depth > 0 {
                return self.deeper(declaration, name, link);
            }
            return relation::derived(self, declaration, model, name, link, options, sets);
        }
        if let Some(property) = model.properties.iter().find(|p| p.name == source) {
            let property = property.clone();
            let method: super::declaration::RowMethod = Arc::new(move |row, _| property.get(row));
            let field = Field::new(name.to_owned(), ColumnField::any()).read_only();
            return Ok(Made { field, writes: Writes::Nothing, reads: Reads::Row(method) });
        }
        if name == "url" && declaration.hyperlinked {
            let view_name = format!("{}-detail", model.name.to_lowercase());
            let link = self.hyperlink(&view_name).map_err(|mistake| vec![mistake])?;
            let key = model.primary_key.first().copied().unwrap_or(0);
            let field = Field::new("url", ColumnField::any()).read_only();
            return Ok(Made { field, writes: Writes::Nothing, reads: Reads::Link(key, link) });
        }
        let message = if self.dangling(model, source) {
            format!(
                "{}.{source} points to a table whose entity is not known: register it, or make it known by \
                 DefaultRouter::model.",
                model.name
            )
        } else {
            format!("{} has no field {source}.{}", model.name, self.known(model, source))
        };
        Err(vec![message])
    }

    /// What a model has that a field may be of, for a name that it does not have.
    pub(super) fn known(&self, model: &ModelMeta, name: &str) -> String {
        let links = Link::names(model, self.models);
        let columns = model.columns.iter().map(|c| c.name.as_str());
        let properties = model.properties.iter().map(|property| property.name.as_str());
        candidates(name, columns.chain(links.iter().map(String::as_str)).chain(properties))
    }

    fn dangling(&self, model: &ModelMeta, name: &str) -> bool {
        model.relations.iter().any(|r| r.name == name) || model.many_to_many.iter().any(|m| m.name == name)
    }

    /// Where the files of a column go.
    fn upload_to(&self, column: &ColumnMeta, folder: &str) -> UploadTo {
        let length = match column.kind {
            ColumnKind::Char(Some(n)) => usize::try_from(n).ok(),
            _ => None,
        };
        UploadTo::new(Arc::clone(self.storage), folder.to_owned()).max_length(column.attributes.max_length.or(length))
    }

    /// The address of a view's objects.
    fn hyperlink(&self, view_name: &str) -> Result<Hyperlink, String> {
        match self.urls.around(view_name) {
            Some(around) => Ok(Hyperlink { view_name: view_name.to_owned(), around, urls: Arc::clone(self.urls) }),
            None => Err(format!(
                "No view is called \"{view_name}\": a view set that is registered as \"books\" of the model Book has \
                 the view \"book-detail\", and basename(…) gives another name.{}",
                candidates(view_name, self.urls.names().iter().map(String::as_str))
            )),
        }
    }

    /// A relation as whole objects, for serializers with a depth.
    fn deeper(&self, declaration: &Declaration, name: &str, link: Link) -> Result<Made, Vec<String>> {
        let target = link.target();
        let below = Declaration {
            table: (target.schema.clone(), target.table.clone()),
            depth: declaration.depth - 1,
            hyperlinked: declaration.hyperlinked,
            ..Declaration::default()
        };
        let serializer = Arc::new(self.serializer(&below)?);
        let field = Field::new(name.to_owned(), NestedRows { many: link.is_many() }).read_only();
        let reads =
            if link.is_many() { Reads::Many(link, Item::Object(serializer)) } else { Reads::One(link, serializer) };
        Ok(Made { field, writes: Writes::Nothing, reads })
    }

    fn declared(&self, declared: &Declared, model: &Arc<ModelMeta>) -> Result<Made, Vec<String>> {
        let one = |mistake: String| vec![mistake];
        match declared {
            Declared::Field(field) => self.own_field(field, model).map_err(one),
            Declared::Related(field) => match &field.how {
                How::Identity(to) => {
                    let link = self.hyperlink(&to.view_name).map_err(one)?;
                    let key = model.primary_key.first().copied().unwrap_or(0);
                    let lookup = match to.lookup_field.as_deref() {
                        Some(name) => model.named(name).ok_or_else(|| {
                            one(format!("{} has no field {name}.{}", model.name, self.known(model, name)))
                        })?,
                        None => key,
                    };
                    let made = Field::new(field.arguments.name.clone(), ColumnField::any()).read_only();
                    Ok(Made { field: made, writes: Writes::Nothing, reads: Reads::Link(lookup, link) })
                }
                _ => relation::declared(self, model, field),
            },
            Declared::Nested(nested) => self.nested(nested, model),
            Declared::Method(name, method) => {
                let field = Field::new(name.clone(), ColumnField::any()).read_only();
                Ok(Made { field, writes: Writes::Nothing, reads: Reads::Row(Arc::clone(method)) })
            }
            Declared::Count(name, relation) => {
                let link = Link::find(model, relation, self.models);
                let key = model.primary_key.first().copied().unwrap_or(0);
                let reads = match link {
                    Some(Link::Reverse { target, column, own_column, .. }) => Reads::Count {
                        schema: target.schema.clone(),
                        table: target.table.clone(),
                        column: target.columns[column].column.clone(),
                        own: own_column,
                    },
                    Some(Link::Through { table, own, .. }) => {
                        Reads::Count { schema: table.0, table: table.1, column: own, own: key }
                    }
                    _ => {
                        let links = Link::names(model, self.models);
                        let known = candidates(relation, links.iter().map(String::as_str));
                        return Err(one(format!("{} has no relation {relation} to many rows.{known}", model.name)));
                    }
                };
                let field = Field::new(name.clone(), ColumnField::any()).read_only();
                Ok(Made { field, writes: Writes::Nothing, reads })
            }
        }
    }

    /// A field of the user's own: of a column, of what a path leads to, or only for validation.
    fn own_field(&self, field: &Field, model: &Arc<ModelMeta>) -> Result<Made, String> {
        let mut field = field.clone();
        let name = field.name.clone();
        let path: Vec<Cow<'static, str>> = match &field.source {
            Source::Name => vec![name.clone()],
            Source::Path(path) => path.clone(),
            Source::Whole => {
                return Err(format!(
                    "{}.{name}: a field over the whole object is a method of the serializer: .method({name:?}, …).",
                    model.name
                ));
            }
        };
        let Some((last, parents)) = path.split_last() else {
            return Err(format!("{}.{name} has an empty source.", model.name));
        };
        if parents.is_empty()
            && let Some(n) = model.named(last).or_else(|| model.column(last))
        {
            let writes = if field.read_only {
                Writes::Nothing
            } else if let Some(Format::File(folder) | Format::Image(folder)) = &model.columns[n].attributes.format {
                Writes::File(n, self.upload_to(&model.columns[n], folder))
            } else {
                Writes::Column(n)
            };
            let reads = if field.write_only { Reads::Nothing } else { Reads::Column(n) };
            return Ok(Made { field, writes, reads });
        }
        let mut links = Vec::new();
        let mut at = Arc::clone(model);
        for parent in parents {
            let link = Link::find(&at, parent, self.models).filter(|link| !link.is_many());
            let link = link.ok_or_else(|| {
                let links = Link::names(&at, self.models);
                let known = candidates(parent, links.iter().map(String::as_str));
                format!("{}.{name}: {} has no relation {parent} to one row.{known}", model.name, at.name)
            })?;
            at = Arc::clone(link.target());
            links.push(link);
        }
        let last = if let Some(n) = at.named(last).or_else(|| at.column(last)) {
            if let Some(kind) = field.kind.over(&at.columns[n]) {
                field.kind = kind;
            }
            Reads::Column(n)
        } else if let Some(property) = at.properties.iter().find(|p| p.name == *last) {
            let property = property.clone();
            Reads::Row(Arc::new(move |row, _| property.get(row)))
        } else if let Some(n) = last.strip_prefix("get_").and_then(|l| at.named(l.strip_suffix("_display")?)) {
            let name = at.columns[n].name.clone();
            Reads::Row(Arc::new(move |row, _| row.choice(name.clone())))
        } else if field.read_only || matches!(field.source, Source::Path(_)) {
            return Err(format!(
                "{}.{name}: {} has nothing called {last}.{}",
                model.name,
                at.name,
                self.known(&at, last)
            ));
        } else {
            // validated, and kept from the row: hooks see it
            let reads = Reads::Nothing;
            field.write_only = true;
            return Ok(Made { field, writes: Writes::Nothing, reads });
        };
        if !field.read_only {
            return Err(format!(
                "{}.{name} reads what {} leads to and has to be read_only().",
                model.name,
                path.join(".")
            ));
        }
        let absent = Absent::of(&field);
        let reads = Reads::Through(links, Box::new(last), absent);
        Ok(Made { field, writes: Writes::Nothing, reads })
    }

    fn nested(&self, nested: &super::NestedField, model: &Arc<ModelMeta>) -> Result<Made, Vec<String>> {
        let arguments = &nested.arguments;
        let name = arguments.name.clone();
        let source = arguments.source.clone().unwrap_or_else(|| name.clone().into_owned());
        let Some(link) = Link::find(model, &source, self.models) else {
            let links = Link::names(model, self.models);
            let known = candidates(&source, links.iter().map(String::as_str));
            return Err(vec![format!(
                "{} has no relation {source} for the nested serializer {name}.{known}",
                model.name
            )]);
        };
        let within = Build { within: !arguments.read_only, ..self.clone() };
        let serializer = Arc::new(within.serializer(&nested.declaration)?);
        let many = link.is_many();
        let mut field = Field::new(name.clone(), NestedRows { many });
        relation::say(arguments, &mut field);
        field.required = arguments.required.unwrap_or(!field.read_only && field.default.is_none());
        let writes = if field.read_only {
            Writes::Nothing
        } else {
            let Link::Reverse { target, column, own_column, .. } = &link else {
                return Err(vec![format!(
                    "{}.{name}: only rows that point here by a foreign key can be written within this one; make it \
                     read_only(), or name the rows by their keys.",
                    model.name
                )]);
            };
            let unfilled = serializer.unfilled(Some(*column));
            if !unfilled.is_empty() {
                return Err(unfilled.into_iter().map(|mistake| format!("{}.{name}: {mistake}", model.name)).collect());
            }
            let mut select = Select::new(self.dialect, target);
            let key = target.primary_key.first().copied().unwrap_or(0);
            select.column(Alias::ROOT, &target.columns[key].column);
            let plan = Plan::new(
                self.dialect,
                Arc::clone(target),
                &select,
                RowsBy::default(),
                Vec::new(),
                serializer.probes(),
                self.models,
            )
            .map_err(|mistake| vec![mistake])?;
            let key_field = serializer
                .bound_fields()
                .iter()
                .position(|f| matches!(f.writes, Writes::Column(n) if n == key) && !f.field.read_only);
            Writes::Nested(Box::new(NestedWrite {
                keys: under(self.dialect, target, *column),
                plan,
                column: *column,
                own_column: *own_column,
                key_field,
                many,
                list: super::declaration::ListOptions {
                    allow_empty: arguments.allow_empty.unwrap_or(true),
                    ..nested.list.clone()
                },
                serializer: Arc::clone(&serializer),
            }))
        };
        let reads = match (field.write_only, many) {
            (true, _) => Reads::Nothing,
            (false, true) => Reads::Many(link, Item::Object(serializer)),
            (false, false) => Reads::One(link, serializer),
        };
        Ok(Made { field, writes, reads })
    }
}

/// Whether a name of a declaration means the field of this name.
fn is_named(model: &ModelMeta, said: &str, field: &str) -> bool {
    said == field || model.column(said).is_some_and(|n| model.columns[n].name == field)
}

/// What columns get on creation where nothing else is said.
fn defaults(model: &ModelMeta, declaration: &Declaration) -> Vec<(usize, ColumnDefault)> {
    let mut defaults = Vec::new();
    for (name, value) in &declaration.on_create {
        if let Some(n) = model.column(name) {
            defaults.push((n, ColumnDefault::Value(super::column_value(model, n, value.clone()))));
        }
    }
    for (n, column) in model.columns.iter().enumerate() {
        if column.auto_increment || defaults.iter().any(|(known, _)| *known == n) {
            continue;
        }
        let attributes = &column.attributes;
        if attributes.auto_now.is_some() {
            defaults.push((n, ColumnDefault::Now));
        } else if let Some(default) = &attributes.default {
            defaults.push((n, ColumnDefault::Model(default.clone())));
        } else if let Some(default) = &column.default {
            defaults.push((n, ColumnDefault::Value(default.clone())));
        } else if attributes.blank && !column.null && column.is_text() {
            // Django saves text that is not given as empty
            defaults.push((n, ColumnDefault::Value(DbValue::String(Some(String::new())))));
        }
    }
    defaults
}

/// A kind of field that is shared.
pub(super) fn shared(kind: impl FieldType + 'static) -> Arc<dyn FieldType> {
    Arc::new(kind)
}
