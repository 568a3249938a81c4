//! What is said of a model and can never work, told when the program starts.

use std::collections::HashSet;
use std::sync::Arc;

use super::{AutoNow, Choice, ColumnKind, ColumnMeta, Condition, DefaultValue, Format, ModelMeta};
use crate::suggest::{candidates, is_near, repeated};
use crate::value::{Value, convert, python};

impl ModelMeta {
    /// What is said of the model and contradicts its columns.
    pub(crate) fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        for column in &self.columns {
            let said = column.contradictions();
            found.extend(said.into_iter().map(|said| format!("{}.{}: {said}.", self.name, column.column)));
        }
        for unique in &self.unique_for {
            let (column, date) = (self.columns.get(unique.column), self.columns.get(unique.date));
            if let (Some(column), Some(date)) = (column, date.filter(|date| !date.kind.has_days())) {
                found.push(format!(
                    "{}.{} is to be unique for {}, which is {} and no date.",
                    self.name,
                    column.column,
                    date.column,
                    date.kind.name()
                ));
            }
        }
        let properties: Vec<String> = self.properties.iter().map(|property| property.name.clone()).collect();
        found.extend(repeated(&properties).map(|name| format!("{}: the property {name} is said twice.", self.name)));
        let hidden = properties.iter().filter(|name| self.named(name).or_else(|| self.column(name)).is_some());
        found.extend(
            hidden.map(|name| {
                format!("{}: the property {name} has the name of a column, which would hide it.", self.name)
            }),
        );
        found.extend(self.misspelt_checks());
        found
    }

    /// Words for a constraint whose name is nearly that of one that there is.
    fn misspelt_checks(&self) -> Vec<String> {
        let uniques = self.uniques.iter().filter_map(|unique| unique.name.as_deref());
        let keys = self.relations.iter().filter_map(|relation| relation.constraint.as_deref());
        let checks = self.checks.iter().map(|check| check.name.as_str());
        let known: Vec<&str> = uniques.chain(keys).chain(checks).collect();
        let misspelt = |name: &&String| !known.contains(&name.as_str()) && known.iter().any(|one| is_near(name, one));
        let names = self.check_messages.iter().map(|(name, _)| name).filter(misspelt);
        let sentence = |name: &String| {
            let known = candidates(name, known.iter().copied());
            format!("{}: words for the constraint {name}, which its table does not have.{known}", self.name)
        };
        names.map(sentence).collect()
    }

    /// A column that a condition compares with a value that it never has: text where numbers are.
    pub(super) fn uncomparable(&self, condition: &Condition) -> Option<String> {
        let of = |name: &str, value: &Value| {
            let column = self.columns.get(Condition::position(self, name)?)?;
            let fits = *value == Value::Null || column.kind.compares(value);
            (!fits).then(|| {
                let value = python::repr(value);
                format!("{}.{} is {}, and is compared with {value}.", self.name, column.column, column.kind.name())
            })
        };
        match condition {
            Condition::Compare(name, _, value) => of(name, value),
            Condition::In(name, values) => values.iter().find_map(|value| of(name, value)),
            Condition::IsNull(..) => None,
            Condition::All(parts) | Condition::Any(parts) => parts.iter().find_map(|part| self.uncomparable(part)),
            Condition::Not(part) => self.uncomparable(part),
        }
    }
}

impl ColumnMeta {
    fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let attributes = &self.attributes;
        let is_date = self.kind.has_days() || self.kind == ColumnKind::Time;
        if let Some(now) = attributes.auto_now.filter(|_| !is_date) {
            let name = if now == AutoNow::Add { "auto_now_add" } else { "auto_now" };
            found.push(format!("{name} is for dates and times, and it is {}", self.kind.name()));
        }
        let is_text = self.is_text() || matches!(self.kind, ColumnKind::Inet | ColumnKind::Other);
        let is_misplaced = match &attributes.format {
            None | Some(Format::Duration) => false,
            Some(_) => !is_text,
        };
        if is_misplaced {
            found.push(format!("a format is for text, and it is {}", self.kind.name()));
        }
        // what a file's column holds is no text of the program's, and JSON is any value
        let is_free =
            self.kind == ColumnKind::Json || matches!(attributes.format, Some(Format::File(_) | Format::Image(_)));
        if let (Some(DefaultValue::Value(default)), false) = (&attributes.default, is_free)
            && let Err(reason) = self.takes(&convert::to_db(default.clone()))
        {
            found.push(format!("its default cannot be set: {reason}"));
        }
        let options = attributes.choices.iter().flat_map(|choice| match choice {
            Choice::Option(value, _) => std::slice::from_ref(value).iter().collect::<Vec<_>>(),
            Choice::Group(_, options) => options.iter().map(|(value, _)| value).collect(),
        });
        let wrong = options.filter(|_| !is_free).find_map(|value| match value {
            Value::Null => None,
            value => self.takes(&convert::to_db(value.clone())).err().map(|reason| (value, reason)),
        });
        if let Some((value, reason)) = wrong {
            found.push(format!("the choice {} cannot be stored: {reason}", python::repr(value)));
        }
        found
    }
}

impl ColumnKind {
    /// Whether its values have days.
    pub(crate) fn has_days(self) -> bool {
        matches!(self, ColumnKind::Date | ColumnKind::DateTime(_))
    }

    /// Whether its values can be compared with one of the program's.
    fn compares(self, value: &Value) -> bool {
        let is_number = matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Decimal(_));
        match self {
            ColumnKind::Boolean => matches!(value, Value::Bool(_)),
            ColumnKind::SmallInteger | ColumnKind::Integer | ColumnKind::BigInteger => is_number,
            ColumnKind::Float | ColumnKind::Decimal(_) => is_number || matches!(value, Value::Str(_)),
            ColumnKind::Char(_) | ColumnKind::Text => matches!(value, Value::Str(_)),
            ColumnKind::Uuid => match value {
                Value::Str(text) => uuid::Uuid::try_parse(text).is_ok(),
                value => matches!(value, Value::Uuid(_)),
            },
            ColumnKind::DateTime(_) | ColumnKind::Date | ColumnKind::Time => {
                !is_number && !matches!(value, Value::Bool(_) | Value::List(_) | Value::Map(_))
            }
            ColumnKind::Duration => is_number || matches!(value, Value::Duration(_)),
            ColumnKind::Json | ColumnKind::Inet | ColumnKind::Binary | ColumnKind::Other => true,
        }
    }
}

/// Ways back that two relations have the same name for, or that have the name of a column.
pub(crate) fn clashes(models: &[Arc<ModelMeta>]) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen: HashSet<(Option<String>, String, String)> = HashSet::new();
    for model in models {
        for relation in &model.relations {
            let Some(back) = relation.related_name.as_ref().filter(|name| !name.ends_with('+')) else { continue };
            let target = models.iter().find(|m| m.table == relation.to_table && m.schema == relation.to_schema);
            let Some(target) = target else { continue };
            let (model, relation, to) = (&model.name, &relation.name, &target.name);
            if target.named(back).is_some() {
                found.push(format!(
                    "{model}.{relation}: {to} has a field {back} already, which its related_name would hide."
                ));
            } else if !seen.insert((target.schema.clone(), target.table.clone(), back.clone())) {
                found.push(format!("{model}.{relation}: another relation to {to} has the related_name {back}, too."));
            }
        }
    }
    found
}
