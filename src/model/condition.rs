//! Conditions over a model's columns, as data: the scope of a queryset, the condition of a constraint.

use std::cmp::Ordering;

use sea_orm::sea_query::IntoIden;

use super::ModelMeta;
use crate::value::Value;

/// What rows have to be like, Django's `Q`.
///
/// A column is named by the entity's own constant, which the compiler checks, or as text: by its name in the database
/// (`owner_id`) or that of its field (`owner`).
///
/// ```
/// use bowline::model::Condition;
/// # use bowline::doc::booking;
/// let noted = Condition::eq(booking::Column::Note, "").negate();
/// let early_or_short = Condition::lt(booking::Column::Start, 9).or(Condition::lte(booking::Column::End, 10));
/// let mine = Condition::eq("owner", 7).and(Condition::is_null("returned_at"));
/// # let _ = (noted, early_or_short, mine);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// A column compared with a value that is not null.
    Compare(String, Comparison, Value),
    /// Whether a column is NULL.
    IsNull(String, bool),
    /// A column is one of these.
    In(String, Vec<Value>),
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// How a column is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Eq,
    /// `<`
    Lt,
    /// `<=`
    Lte,
    /// `>`
    Gt,
    /// `>=`
    Gte,
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident = $how:ident;)+) => {
        impl Condition {$(
            $(#[$doc])*
            pub fn $name(column: impl IntoIden, value: impl Into<Value>) -> Self {
                Condition::Compare(name(column), Comparison::$how, value.into())
            }
        )+}
    };
}

comparisons! {
    /// A column equals a value.
    eq = Eq;
    /// A column is less than a value.
    lt = Lt;
    /// A column is less than a value, or equal.
    lte = Lte;
    /// A column is greater than a value.
    gt = Gt;
    /// A column is greater than a value, or equal.
    gte = Gte;
}

fn name(column: impl IntoIden) -> String {
    column.into_iden().to_string()
}

impl Condition {
    /// A column is one of some values.
    pub fn is_in<V: Into<Value>>(column: impl IntoIden, values: impl IntoIterator<Item = V>) -> Self {
        Condition::In(name(column), values.into_iter().map(Into::into).collect())
    }

    /// A column is NULL.
    pub fn is_null(column: impl IntoIden) -> Self {
        Condition::IsNull(name(column), true)
    }

    /// A column is not NULL.
    pub fn is_not_null(column: impl IntoIden) -> Self {
        Condition::IsNull(name(column), false)
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Condition) -> Self {
        Condition::All(vec![self, other])
    }

    /// One of the two holds.
    #[must_use]
    pub fn or(self, other: Condition) -> Self {
        Condition::Any(vec![self, other])
    }

    /// It does not hold (Django's `exclude`).
    #[must_use]
    pub fn negate(self) -> Self {
        Condition::Not(Box::new(self))
    }

    /// The names of the columns that it reads.
    pub fn columns(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Condition::Compare(column, ..) | Condition::IsNull(column, _) | Condition::In(column, _) => {
                if !found.contains(&column.as_str()) {
                    found.push(column);
                }
            }
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| part.collect(found)),
            Condition::Not(part) => part.collect(found),
        }
    }

    /// The position of the column that has this name, in the database or as a field.
    pub(crate) fn position(model: &ModelMeta, name: &str) -> Option<usize> {
        model.named(name).or_else(|| model.column(name))
    }

    /// Whether it holds for the values of an object, which `get` gives by the names that the condition has; unknown
    /// (SQL's NULL) counts as not.
    ///
    /// ```
    /// use bowline::{model::Condition, value::Value};
    /// let hours = Value::Int(3);
    /// let get = |name: &str| (name == "hours").then_some(&hours);
    /// assert!(Condition::gt("hours", 2).holds(&get));
    /// assert!(!Condition::gt("days", 2).holds(&get));
    /// assert!(!Condition::gt("days", 2).negate().holds(&get));
    /// ```
    pub fn holds<'a>(&self, get: &dyn Fn(&str) -> Option<&'a Value>) -> bool {
        self.judge(get) == Some(true)
    }

    fn judge<'a>(&self, get: &dyn Fn(&str) -> Option<&'a Value>) -> Option<bool> {
        let value = |column: &str| get(column).filter(|value| !value.is_null());
        match self {
            Condition::Compare(column, how, wanted) => {
                let order = compare(value(column)?, wanted)?;
                Some(match how {
                    Comparison::Eq => order == Ordering::Equal,
                    Comparison::Lt => order == Ordering::Less,
                    Comparison::Lte => order != Ordering::Greater,
                    Comparison::Gt => order == Ordering::Greater,
                    Comparison::Gte => order != Ordering::Less,
                })
            }
            Condition::IsNull(column, wanted) => Some(value(column).is_none() == *wanted),
            Condition::In(column, wanted) => {
                let value = value(column)?;
                Some(wanted.iter().any(|w| compare(value, w) == Some(Ordering::Equal)))
            }
            Condition::All(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.judge(get)).collect();
                if parts.contains(&Some(false)) {
                    return Some(false);
                }
                (!parts.contains(&None)).then_some(true)
            }
            Condition::Any(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| part.judge(get)).collect();
                if parts.contains(&Some(true)) {
                    return Some(true);
                }
                (!parts.contains(&None)).then_some(false)
            }
            Condition::Not(part) => part.judge(get).map(|truth| !truth),
        }
    }
}

/// The order of two values of the same kind; none where they cannot be compared.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    Some(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Bool(a), Value::Int(b)) => i64::from(*a).cmp(b),
        (Value::Int(a), Value::Bool(b)) => a.cmp(&i64::from(*b)),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Int(a), Value::Float(b)) => (*a as f64).partial_cmp(b)?,
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&(*b as f64))?,
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b)?,
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Int(b)) => a.cmp(&b.to_string().parse().ok()?),
        (Value::Int(a), Value::Decimal(b)) => a.to_string().parse::<crate::value::Decimal>().ok()?.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
        (Value::NaiveDateTime(a), Value::NaiveDateTime(b)) => a.cmp(b),
        (Value::Duration(a), Value::Duration(b)) => a.cmp(b),
        (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        (a, b) if a == b => Ordering::Equal,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::doc::booking;

    fn null_and_one<'a>(null: &'a Value, one: &'a Value) -> impl Fn(&str) -> Option<&'a Value> {
        move |name| if name == "n" { Some(null) } else { Some(one) }
    }

    #[test]
    fn three_truth_values() {
        let get = null_and_one(&Value::Null, &Value::Int(1));
        assert!(Condition::is_null("n").holds(&get));
        assert!(Condition::is_not_null("n").negate().holds(&get));
        assert!(!Condition::eq("n", 1).holds(&get));
        assert!(!Condition::eq("n", 1).negate().holds(&get));
        assert!(!Condition::is_in("n", [1, 2]).negate().holds(&get));
        assert!(Condition::eq("n", 1).or(Condition::eq("a", 1)).holds(&get));
        assert!(!Condition::eq("n", 1).and(Condition::eq("a", 1)).holds(&get));
        // false whatever the unknown is
        assert!(Condition::eq("n", 1).and(Condition::eq("a", 2)).negate().holds(&get));
    }

    #[test]
    fn comparisons() {
        let get = null_and_one(&Value::Null, &Value::Int(1));
        for (condition, holds) in [
            (Condition::eq("a", 1), true),
            (Condition::eq("a", true), true),
            (Condition::eq("a", "1"), false),
            (Condition::lt("a", 1), false),
            (Condition::lt("a", 1.5), true),
            (Condition::lte("a", 1), true),
            (Condition::gt("a", 1), false),
            (Condition::gt("a", "0.5".parse::<crate::value::Decimal>().unwrap()), true),
            (Condition::gte("a", 1), true),
            (Condition::is_in("a", [3, 1]), true),
            (Condition::is_in("a", [3, 4]), false),
            (Condition::is_in::<i64>("a", []), false),
        ] {
            assert_eq!(condition.holds(&get), holds, "{condition:?}");
        }
    }

    #[test]
    fn columns_are_named_once_each() {
        let condition = Condition::eq(booking::Column::RoomId, 1)
            .and(Condition::is_null("note").or(Condition::gt(booking::Column::RoomId, 7).negate()));
        assert_eq!(condition.columns(), ["room_id", "note"]);
    }
}
