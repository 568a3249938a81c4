//! The order of the rows that a statement reads, which ends with their key.
//!
//! Where two rows have the same place in an order, a database may answer them either way around, and differently each time:
//! pages that are cut from such a list lose rows and repeat others. So the text behind ORDER BY is an [`OrderBy`], and
//! only [`Ties`] makes one, which ends it with the key of the rows.

use std::fmt;

use super::select::Alias;
use super::sql::quote;
use crate::model::ModelMeta;

/// A value that rows are ordered by.
#[derive(Clone, Debug)]
pub(super) struct Term {
    /// Its SQL.
    pub(super) value: String,
    pub(super) descending: bool,
}

/// The values that no two rows have in common: the columns of their key.
#[derive(Clone, Debug)]
pub(super) struct Ties {
    key: Vec<String>,
}

/// A clause by which no two rows have the same place.
#[derive(Clone, Debug)]
pub(super) struct OrderBy(String);

impl Ties {
    /// Those of a model's rows, where its table is the one that rows are selected from.
    pub(super) fn of(model: &ModelMeta) -> Self {
        let column = |n: &usize| Some(format!("{}.{}", Alias::ROOT, quote(&model.columns.get(*n)?.column)));
        Ties { key: model.primary_key.iter().filter_map(column).collect() }
    }

    /// The order by some values, and by the key where they leave rows at the same place.
    ///
    /// The key ascends whatever the values do: rows of one place come as they were made. That of a unique column is not
    /// trusted to be enough: it may hold several NULLs, and its index may compare otherwise than the order does.
    pub(super) fn broken(&self, terms: &[Term]) -> OrderBy {
        let is_said = |key: &&String| terms.iter().any(|term| term.value == **key);
        let said = terms.iter().map(|term| format!("{}{}", term.value, if term.descending { " DESC" } else { "" }));
        let key = self.key.iter().filter(|key| !is_said(key)).cloned();
        OrderBy(said.chain(key).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // a table without a key has an order only where one is given
        if self.0.is_empty() { Ok(()) } else { write!(f, " ORDER BY {}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::entity::ModelSource;

    #[test]
    fn every_order_ends_with_the_key() {
        let meta = ModelSource::of::<crate::doc::booking::Entity>().meta;
        let ties = Ties::of(&meta);
        let by = |values: &[(&str, bool)]| {
            let term = |(value, descending): &(&str, bool)| Term { value: (*value).into(), descending: *descending };
            ties.broken(&values.iter().map(term).collect::<Vec<_>>()).to_string()
        };
        assert_eq!(by(&[]), r#" ORDER BY t0."id""#);
        assert_eq!(by(&[(r#"t0."start""#, true)]), r#" ORDER BY t0."start" DESC, t0."id""#);
        // another table's key is another one
        assert_eq!(by(&[(r#"t1."id""#, false)]), r#" ORDER BY t1."id", t0."id""#);
        let said = [(r#"t0."start""#, false), (r#"t0."id""#, true), (r#"t0."end""#, false)];
        assert_eq!(by(&said), r#" ORDER BY t0."start", t0."id" DESC, t0."end""#);
        let keyless = Ties { key: Vec::new() };
        assert_eq!(keyless.broken(&[]).to_string(), "");
    }
}
