//! What of a list decides its text: statements are made once for each shape, and looked up by it.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, RwLock};

use super::super::{Dialect, Statement, many};
use super::filter::{Filter, Source, ignoring_case, pattern};
use super::listing::{Listing, Order};
use crate::value::DbValue;

/// How many shapes are remembered; bounds the memory that clients can claim.
const KEPT: usize = 256;

/// Which statement is made of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Made {
    All,
    Counted,
    Part,
    Last,
    Count,
    Estimate,
    /// One row by its key; whether it takes long.
    One(bool),
}

/// The shapes that were met first, with their statements.
#[derive(Debug, Default)]
pub(super) struct Shapes(RwLock<HashMap<u64, Vec<Known>>>);

#[derive(Debug)]
struct Known {
    made: Made,
    /// Without its values.
    listing: Listing,
    statement: Statement,
}

impl Shapes {
    /// The statement of a shape; `make` makes it where it was not met before, and says by its `cached` whether it is kept.
    pub(super) fn statement(&self, made: Made, listing: &Listing, make: impl FnOnce() -> Statement) -> Statement {
        let mut digest = Digest(0xcbf2_9ce4_8422_2325);
        made.hash(&mut digest);
        listing.filters.iter().for_each(|filter| filter.hash_shape(&mut digest));
        let digest = digest.finish();
        // a poisoned lock only means that another thread panicked beside the map, which is whole
        let known = self.0.read().unwrap_or_else(|e| e.into_inner());
        let is_same = |known: &&Known| known.made == made && known.listing.has_shape(listing);
        if let Some(found) = known.get(&digest).and_then(|known| known.iter().find(is_same)) {
            return found.statement.clone();
        }
        drop(known);
        let statement = make();
        if statement.cached {
            let mut known = self.0.write().unwrap_or_else(|e| e.into_inner());
            let count: usize = known.values().map(Vec::len).sum();
            let alike = known.entry(digest).or_default();
            if count < KEPT && !alike.iter().any(|known| is_same(&known)) {
                alike.push(Known { made, listing: listing.without_values(), statement: statement.clone() });
            }
        }
        statement
    }
}

/// FNV-1a: shapes are short, and nobody chooses them who could not choose them alike.
struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn same_source(a: &Arc<Source>, b: &Arc<Source>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

fn same_sources(a: &[Arc<Source>], b: &[Arc<Source>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_source(a, b))
}

fn same_filters(a: &[Filter], b: &[Filter]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.has_shape(b))
}

impl Listing {
    fn has_shape(&self, other: &Listing) -> bool {
        let same_order = |a: &[Order], b: &[Order]| {
            let same = |(a, b): (&Order, &Order)| a.descending == b.descending && same_source(&a.source, &b.source);
            a.len() == b.len() && a.iter().zip(b).all(same)
        };
        let order = match (&self.order, &other.order) {
            (None, None) => true,
            (Some(a), Some(b)) => same_order(a, b),
            _ => false,
        };
        order
            && self.distinct == other.distinct
            && same_sources(&self.keys, &other.keys)
            && same_filters(&self.filters, &other.filters)
    }

    fn without_values(&self) -> Listing {
        Listing {
            filters: self.filters.iter().map(Filter::without_values).collect(),
            order: self.order.clone(),
            keys: self.keys.clone(),
            distinct: self.distinct,
        }
    }
}

impl Filter {
    /// The values of its places, in the order in which its SQL has them.
    pub(super) fn values(&self, dialect: Dialect, out: &mut Vec<DbValue>) {
        match self {
            Filter::Compare(_, _, value) => out.push(value.clone()),
            Filter::IsNull(..) => {}
            Filter::In(_, values) if values.is_empty() => {}
            Filter::In(_, values) => out.push(many::list(values.iter().cloned())),
            Filter::Text(_, lookup, text) => out.push(DbValue::String(Some(pattern(dialect, *lookup, text)))),
            Filter::Regex(_, pattern, insensitive) => {
                let ignoring = dialect == Dialect::Sqlite && *insensitive;
                out.push(DbValue::String(Some(if ignoring { ignoring_case(pattern) } else { pattern.clone() })));
            }
            Filter::Search(_, words) => out.push(DbValue::String(Some(words.clone()))),
            Filter::All(parts) | Filter::Any(parts) => parts.iter().for_each(|part| part.values(dialect, out)),
            Filter::Not(part) | Filter::Exclude(part) | Filter::Exists(part) => part.values(dialect, out),
            Filter::There(presence, keys) => presence.values(dialect, keys, out),
        }
    }

    fn without_values(&self) -> Filter {
        let parts = |parts: &[Filter]| parts.iter().map(Filter::without_values).collect();
        match self {
            Filter::Compare(source, operator, _) => {
                Filter::Compare(Arc::clone(source), *operator, DbValue::String(None))
            }
            Filter::IsNull(source, wanted) => Filter::IsNull(Arc::clone(source), *wanted),
            Filter::In(source, values) => {
                Filter::In(Arc::clone(source), values.first().map(|_| DbValue::String(None)).into_iter().collect())
            }
            Filter::Text(source, lookup, _) => Filter::Text(Arc::clone(source), *lookup, String::new()),
            Filter::Regex(source, _, insensitive) => Filter::Regex(Arc::clone(source), String::new(), *insensitive),
            Filter::Search(source, _) => Filter::Search(Arc::clone(source), String::new()),
            Filter::All(all) => Filter::All(parts(all)),
            Filter::Any(any) => Filter::Any(parts(any)),
            Filter::Not(part) => Filter::Not(Box::new(part.without_values())),
            Filter::Exclude(part) => Filter::Exclude(Box::new(part.without_values())),
            Filter::Exists(part) => Filter::Exists(Box::new(part.without_values())),
            Filter::There(presence, keys) => {
                Filter::There(Arc::clone(presence), keys.iter().take(2).map(|_| DbValue::String(None)).collect())
            }
        }
    }

    /// Whether its SQL is the same, whatever the values.
    fn has_shape(&self, other: &Filter) -> bool {
        match (self, other) {
            (Filter::Compare(a, how, _), Filter::Compare(b, other, _)) => how == other && same_source(a, b),
            (Filter::IsNull(a, wanted), Filter::IsNull(b, other)) => wanted == other && same_source(a, b),
            (Filter::In(a, values), Filter::In(b, others)) => {
                values.is_empty() == others.is_empty() && same_source(a, b)
            }
            (Filter::Text(a, how, _), Filter::Text(b, other, _)) => how == other && same_source(a, b),
            (Filter::Regex(a, _, how), Filter::Regex(b, _, other)) => how == other && same_source(a, b),
            (Filter::Search(a, _), Filter::Search(b, _)) => same_source(a, b),
            (Filter::All(a), Filter::All(b)) | (Filter::Any(a), Filter::Any(b)) => same_filters(a, b),
            (Filter::Not(a), Filter::Not(b))
            | (Filter::Exclude(a), Filter::Exclude(b))
            | (Filter::Exists(a), Filter::Exists(b)) => a.has_shape(b),
            (Filter::There(a, keys), Filter::There(b, others)) => {
                (keys.len() > 1) == (others.len() > 1) && (Arc::ptr_eq(a, b) || a == b)
            }
            _ => false,
        }
    }

    fn hash_shape(&self, digest: &mut Digest) {
        std::mem::discriminant(self).hash(digest);
        match self {
            Filter::Compare(source, ..)
            | Filter::IsNull(source, _)
            | Filter::In(source, _)
            | Filter::Text(source, ..)
            | Filter::Regex(source, ..)
            | Filter::Search(source, _) => digest.write(source.name().as_bytes()),
            Filter::All(parts) | Filter::Any(parts) => parts.iter().for_each(|part| part.hash_shape(digest)),
            Filter::Not(part) | Filter::Exclude(part) | Filter::Exists(part) => part.hash_shape(digest),
            Filter::There(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::super::super::Bound;
    use super::super::filter::Operator;
    use super::super::listing::Window;
    use super::super::select::{Alias, Reads, Select};
    use super::*;
    use crate::doc::booking;
    use crate::model::ModelMeta;
    use crate::model::entity::ModelSource;

    fn reads(model: &ModelMeta) -> Reads {
        let mut select = Select::by_key(Dialect::Sqlite, model);
        select.column(Alias::ROOT, "id");
        select.reads(&model.columns[model.column("id").unwrap()])
    }

    fn room(model: &ModelMeta) -> Arc<Source> {
        Source::column(model, model.column("room_id").unwrap()).unwrap()
    }

    fn by(filter: Filter) -> Listing {
        Listing { filters: vec![filter], ..Listing::default() }
    }

    #[test]
    fn a_text_is_made_once_for_all_values() {
        let model = ModelSource::of::<booking::Entity>().meta;
        let reads = reads(&model);
        // of one source, and of one that is made anew
        let room_is = |n: i64| Filter::Compare(room(&model), Operator::Eq, n.into());
        let first = reads.listing(&by(room_is(1)), Window::All);
        let second = reads.listing(&by(room_is(2)), Window::All);
        assert!(Arc::ptr_eq(&first.statement.sql, &second.statement.sql));
        assert_eq!((first.values, second.values), (vec![1i64.into()], vec![2i64.into()]));
        assert!(second.statement.cached);

        let in_rooms = |rooms: Vec<i64>| Filter::In(room(&model), rooms.into_iter().map(DbValue::from).collect());
        let few = reads.listing(&by(in_rooms(vec![1])), Window::All);
        let many = reads.listing(&by(in_rooms((1..1000).collect())), Window::All);
        assert!(Arc::ptr_eq(&few.statement.sql, &many.statement.sql));
        assert!(!reads.listing(&by(in_rooms(Vec::new())), Window::All).statement.sql.contains("json_each"));

        let key = |n: i64| reads.one(&n.into(), &[room_is(n)]);
        assert!(Arc::ptr_eq(&key(3).statement.sql, &key(4).statement.sql));
        assert_eq!(key(5).values, vec![5i64.into(), 5i64.into()]);
    }

    #[test]
    fn other_shapes_are_other_texts() {
        let model = ModelSource::of::<booking::Entity>().meta;
        let reads = reads(&model);
        let compare = |operator| Filter::Compare(room(&model), operator, 1i64.into());
        let order = |descending| Listing {
            order: Some(vec![Order { source: room(&model), descending }]),
            ..by(compare(Operator::Eq))
        };
        let part = Window::Part { limit: 1, offset: 0 };
        let texts: Vec<Bound> = vec![
            reads.listing(&by(compare(Operator::Eq)), Window::All),
            reads.listing(&by(compare(Operator::Gt)), Window::All),
            reads.listing(&by(Filter::Not(Box::new(compare(Operator::Eq)))), Window::All),
            reads.listing(&by(Filter::IsNull(room(&model), true)), Window::All),
            reads.listing(&by(Filter::IsNull(room(&model), false)), Window::All),
            reads.listing(&by(compare(Operator::Eq)), part),
            reads.listing(&by(compare(Operator::Eq)), Window::Count),
            reads.listing(&by(Filter::Any(vec![compare(Operator::Eq), compare(Operator::Lt)])), Window::All),
            reads.listing(&by(Filter::All(vec![compare(Operator::Eq), compare(Operator::Lt)])), Window::All),
            reads.listing(&order(false), Window::All),
            reads.listing(&order(true), Window::All),
            reads.one(&1i64.into(), &[compare(Operator::Eq)]),
        ];
        let different: HashSet<&str> = texts.iter().map(|bound| &*bound.statement.sql).collect();
        assert_eq!(different.len(), texts.len(), "{different:#?}");
    }
}
