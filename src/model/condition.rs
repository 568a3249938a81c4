//! Conditions over a model's columns, as data: the scope of a queryset, the condition of a constraint.

use std::cmp::Ordering;

use super::ModelMeta;
use crate::value::Value;

/// What rows have to be like.
///
/// ```
/// use bowline::model::Condition;
/// let open = Condition::is_null("returned_at");
/// let mine = Condition::eq("owner", 7).and(Condition::eq("done", false));
/// # let _ = (open, mine);
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

impl Condition {
    /// A column equals a value.
    pub fn eq(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Condition::Compare(column.into(), Comparison::Eq, value.into())
    }

    /// A column is less than a value, or equal.
    pub fn lte(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Condition::Compare(column.into(), Comparison::Lte, value.into())
    }

    /// A column is greater than a value, or equal.
    pub fn gte(column: impl Into<String>, value: impl Into<Value>) -> Self {
        Condition::Compare(column.into(), Comparison::Gte, value.into())
    }

    /// A column is NULL.
    pub fn is_null(column: impl Into<String>) -> Self {
        Condition::IsNull(column.into(), true)
    }

    /// A column is not NULL.
    pub fn is_not_null(column: impl Into<String>) -> Self {
        Condition::IsNull(column.into(), false)
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

    /// The column, by its position, of the name of a field or a column.
    pub(crate) fn position(model: &ModelMeta, name: &str) -> Option<usize> {
        model.named(name).or_else(|| model.column(name))
    }

    /// Whether it holds for the values of an object; unknown (SQL's NULL) counts as not.
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
    use super::*;

    #[test]
    fn three_truth_values() {
        let null = Value::Null;
        let one = Value::Int(1);
        let get = |name: &str| match name {
            "n" => Some(&null),
            _ => Some(&one),
        };
        assert!(Condition::is_null("n").holds(&get));
        assert!(!Condition::eq("n", 1).holds(&get));
        assert!(!Condition::eq("n", 1).negate().holds(&get));
        assert!(Condition::eq("n", 1).or(Condition::eq("a", 1)).holds(&get));
        assert!(!Condition::eq("n", 1).and(Condition::eq("a", 1)).holds(&get));
        assert!(Condition::gte("a", 1).and(Condition::lte("a", 1)).holds(&get));
    }
}
