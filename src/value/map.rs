//! The entries of an object: a [`Map`] from names to values, in order.

use std::fmt;

use indexmap::IndexSet;

use super::Value;

/// How many entries are searched one after the other; more of them have an index.
const SEARCHED: usize = 32;

/// The entries of a [`Value::Map`]: of equal names the last value at the place of the first name, as in Python.
///
/// Bodies have few entries, so that it is a list that is searched; only a long one has an index beside. All names stand
/// one after the other in one text, so that an entry needs no memory of its own for its name.
///
/// ```
/// use bowline::value::{Map, Value};
/// let mut map = Map::new();
/// map.insert("a", Value::Int(1));
/// map.insert("b", Value::Int(2));
/// map.insert("a", Value::Int(3));
/// assert_eq!(map.get("a"), Some(&Value::Int(3)));
/// assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b"]);
/// ```
#[derive(Clone, Default)]
pub struct Map {
    /// Apart, so that a [`Value`] is small; none where nothing was put in yet.
    entries: Option<Box<Entries>>,
}

#[derive(Clone, Default)]
struct Entries {
    names: String,
    /// The values, each with the end of its name.
    values: Vec<(usize, Value)>,
    /// A bit for each name that was put in, by [`bit`].
    seen: u64,
    /// The names, where there are more than [`SEARCHED`].
    index: Option<Box<IndexSet<Box<str>>>>,
}

/// One of 64 bits: equal names have the same one, different names often different ones.
fn bit(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let byte = |place: usize| bytes.get(place).copied().map_or(0, u64::from);
    let length = bytes.len() as u64;
    let mixed = length | byte(bytes.len() / 2) << 8 | byte(bytes.len().saturating_sub(1)) << 16;
    1 << (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}

/// Whether two texts are equal, without a call for short ones.
fn same(one: &[u8], other: &[u8]) -> bool {
    fn ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
        one.first_chunk::<N>() == other.first_chunk::<N>() && one.last_chunk::<N>() == other.last_chunk::<N>()
    }
    one.len() == other.len()
        && match one.len() {
            0..4 => one == other,
            4..8 => ends::<4>(one, other),
            8..=16 => ends::<8>(one, other),
            _ => one == other,
        }
}

impl Entries {
    fn start(&self, place: usize) -> usize {
        place.checked_sub(1).and_then(|before| self.values.get(before)).map_or(0, |(end, _)| *end)
    }

    fn name(&self, place: usize) -> Option<&str> {
        let (end, _) = self.values.get(place)?;
        self.names.get(self.start(place)..*end)
    }

    fn is_at(&self, place: usize, name: &str) -> bool {
        let end = self.values.get(place).map_or(0, |(end, _)| *end);
        let own = self.names.as_bytes().get(self.start(place)..end);
        own.is_some_and(|own| same(own, name.as_bytes()))
    }

    fn place(&self, name: &str) -> Option<usize> {
        if self.seen & bit(name) == 0 {
            return None;
        }
        if let Some(index) = &self.index {
            return index.get_index_of(name);
        }
        let names = self.names.as_bytes();
        let mut start = 0;
        self.values.iter().position(|(end, _)| {
            let own = start..*end;
            start = *end;
            own.len() == name.len() && names.get(own).is_some_and(|own| same(own, name.as_bytes()))
        })
    }

    /// Adds an entry of null, whose value is to be written into its place.
    fn push(&mut self, name: &str) -> usize {
        let place = self.values.len();
        self.names.push_str(name);
        let end = self.names.len();
        // unlike `push` this writes it where it belongs, and not first somewhere else
        self.values.extend(std::iter::once_with(|| (end, Value::Null)));
        self.seen |= bit(name);
        if place >= SEARCHED {
            self.add_to_index(name);
        }
        place
    }

    #[cold]
    fn add_to_index(&mut self, name: &str) {
        if let Some(index) = &mut self.index {
            index.insert(name.into());
            return;
        }
        let names = (0..self.values.len()).filter_map(|place| self.name(place));
        self.index = Some(Box::new(names.map(Box::from).collect()));
    }

    fn value(&mut self, place: usize) -> Option<&mut Value> {
        self.values.get_mut(place).map(|(_, value)| value)
    }

    fn remove(&mut self, place: usize) -> Value {
        let start = self.start(place);
        let (end, value) = self.values.remove(place);
        self.names.replace_range(start..end, "");
        for (after, _) in self.values.iter_mut().skip(place) {
            *after -= end - start;
        }
        if let Some(index) = &mut self.index {
            index.shift_remove_index(place);
        }
        value
    }
}

impl Map {
    /// Without entries.
    pub fn new() -> Self {
        Map::default()
    }

    /// Without entries yet, with room for some.
    pub fn with_capacity(entries: usize) -> Self {
        // names of fields have eight letters or so
        let room = || Entries {
            names: String::with_capacity(entries * 8),
            values: Vec::with_capacity(entries),
            ..Entries::default()
        };
        Map { entries: (entries > 0).then(|| Box::new(room())) }
    }

    fn values_of(&self) -> &[(usize, Value)] {
        self.entries.as_ref().map_or(&[], |entries| entries.values.as_slice())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.values_of().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values_of().is_empty()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.entries.as_ref()?.place(name)
    }

    /// The place of a name, which is likely to be the given one.
    pub(crate) fn place_near(&self, name: &str, near: usize) -> Option<usize> {
        let entries = self.entries.as_ref()?;
        if near < entries.values.len() && entries.is_at(near, name) { Some(near) } else { entries.place(name) }
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Value> {
        self.values_of().get(place).map(|(_, value)| value)
    }

    /// The value at a place, to be changed.
    pub(crate) fn at_mut(&mut self, place: usize) -> Option<&mut Value> {
        self.entries.as_mut()?.value(place)
    }

    /// Takes an entry out by its place; those after it move up.
    pub(crate) fn remove_at(&mut self, place: usize) -> Option<Value> {
        let entries = self.entries.as_mut()?;
        (place < entries.values.len()).then(|| entries.remove(place))
    }

    /// Drops all entries but so many.
    pub(crate) fn truncate(&mut self, length: usize) {
        if let Some(entries) = &mut self.entries {
            entries.values.truncate(length);
            let end = entries.start(length);
            entries.names.truncate(end);
            if let Some(index) = &mut entries.index {
                index.truncate(length);
            }
        }
    }

    /// A map of so many entries at the front, whose values it takes, with room for more.
    pub(crate) fn take_front(&mut self, length: usize, capacity: usize) -> Map {
        let mut front = Map::with_capacity(capacity);
        for place in 0..length {
            let name = self.entries.as_ref().and_then(|entries| entries.name(place)).unwrap_or_default().to_owned();
            front.insert(name, self.take(place).unwrap_or(Value::Null));
        }
        front
    }

    /// Takes the value from a place, and leaves null there.
    pub(crate) fn take(&mut self, place: usize) -> Option<Value> {
        let value = self.entries.as_mut()?.value(place)?;
        Some(std::mem::replace(value, Value::Null))
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.at(self.place(name)?)
    }

    /// The value of a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let place = self.place(name)?;
        self.at_mut(place)
    }

    /// Whether there is an entry of the name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Sets the value of a name: at its place where it is there, else at the end. Answers the value that was there.
    #[inline]
    pub fn insert(&mut self, name: impl AsRef<str>, value: Value) -> Option<Value> {
        let entries = self.entries.get_or_insert_default();
        match entries.place(name.as_ref()) {
            Some(place) => Some(std::mem::replace(&mut entries.values[place].1, value)),
            None => {
                let place = entries.push(name.as_ref());
                entries.values[place].1 = value;
                None
            }
        }
    }

    /// The value of a name, made and put at the end where there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, name: impl AsRef<str>, make: impl FnOnce() -> Value) -> &mut Value {
        let entries = self.entries.get_or_insert_default();
        if let Some(place) = entries.place(name.as_ref()) {
            return &mut entries.values[place].1;
        }
        let place = entries.push(name.as_ref());
        let value = &mut entries.values[place].1;
        *value = make();
        value
    }

    /// Takes an entry out; those after it move up.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.place(name)?;
        self.remove_at(place)
    }

    /// The entries.
    pub fn iter(&self) -> Iter<'_> {
        let names = self.entries.as_ref().map_or("", |entries| entries.names.as_str());
        Iter { names, start: 0, values: self.values_of().iter() }
    }

    /// The names.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// The values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.values_of().iter().map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.entries.iter_mut().flat_map(|entries| entries.values.iter_mut().map(|(_, value)| value))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Whether they have the same entries, in whatever order: the equality of Python's dictionaries.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        let same = |(name, value): (&str, &Value)| other.get(name) == Some(value);
        self.len() == other.len() && self.iter().all(same)
    }
}

impl<N: AsRef<str>> Extend<(N, Value)> for Map {
    fn extend<I: IntoIterator<Item = (N, Value)>>(&mut self, entries: I) {
        for (name, value) in entries {
            self.insert(name, value);
        }
    }
}

impl<N: AsRef<str>> FromIterator<(N, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(entries: I) -> Self {
        let mut map = Map::new();
        map.extend(entries);
        map
    }
}

impl<N: AsRef<str>, const COUNT: usize> From<[(N, Value); COUNT]> for Map {
    fn from(entries: [(N, Value); COUNT]) -> Self {
        entries.into_iter().collect()
    }
}

/// The entries of a [`Map`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    names: &'a str,
    start: usize,
    values: std::slice::Iter<'a, (usize, Value)>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        let (end, value) = self.values.next()?;
        let start = std::mem::replace(&mut self.start, *end);
        Some((self.names.get(start..*end).unwrap_or_default(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a str, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// The entries of a [`Map`] that is used up, in order.
#[derive(Debug)]
pub struct IntoIter {
    names: String,
    start: usize,
    values: std::vec::IntoIter<(usize, Value)>,
}

impl Iterator for IntoIter {
    type Item = (String, Value);

    fn next(&mut self) -> Option<Self::Item> {
        let (end, value) = self.values.next()?;
        let start = std::mem::replace(&mut self.start, end);
        Some((self.names.get(start..end).unwrap_or_default().to_owned(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.values.size_hint()
    }
}

impl ExactSizeIterator for IntoIter {}

impl IntoIterator for Map {
    type Item = (String, Value);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        let Entries { names, values, .. } = self.entries.map_or_else(Entries::default, |entries| *entries);
        IntoIter { names, start: 0, values: values.into_iter() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn numbers(count: usize) -> Map {
        (0..count).map(|n| (n.to_string(), Value::Int(n as i64))).collect()
    }

    #[test]
    fn the_last_value_stands_at_the_place_of_the_first_key() {
        for count in [2, SEARCHED - 1, SEARCHED, SEARCHED + 1, 1000] {
            let mut map = numbers(count);
            assert_eq!(map.insert("1", "new".into()), Some(Value::Int(1)));
            assert_eq!(map.insert("x", 5.into()), None);
            assert_eq!(map.len(), count + 1);
            for n in 0..count {
                let value = if n == 1 { "new".into() } else { Value::Int(n as i64) };
                assert_eq!(map.get(&n.to_string()), Some(&value), "{n} of {count}");
                assert_eq!(map.keys().nth(n).unwrap(), n.to_string());
            }
            assert_eq!((map.get("x"), map.get("y")), (Some(&Value::Int(5)), None));
        }
    }

    #[test]
    fn entries_are_taken_out() {
        for count in [3, SEARCHED + 1, SEARCHED + 2, 100] {
            let mut map = numbers(count);
            assert_eq!(map.remove("1"), Some(Value::Int(1)));
            assert_eq!(map.remove("1"), None);
            assert!(!map.contains_key("1"));
            assert_eq!(map.get("2"), Some(&Value::Int(2)));
            assert_eq!(map.insert("1", 7.into()), None);
            assert_eq!(map.keys().last().unwrap(), "1");
            assert_eq!(map.get("1"), Some(&Value::Int(7)));
        }
    }

    #[test]
    fn places() {
        for count in [5, 50] {
            let mut map = numbers(count);
            let key = "3";
            for near in [0, 3, 4, usize::MAX] {
                assert_eq!(map.place_near(key, near), Some(3));
            }
            assert_eq!(map.place_near("x", 3), None);
            assert_eq!(map.take(3), Some(Value::Int(3)));
            assert_eq!(map.get("3"), Some(&Value::Null));
            assert_eq!(map.take(50), None);
        }
    }

    #[test]
    fn the_front_alone() {
        for count in [5, 50] {
            let mut map = numbers(count);
            let front = map.take_front(3, 10);
            assert_eq!(front, numbers(3));
            assert_eq!(map.get("1"), Some(&Value::Null));
            assert_eq!(map.remove_at(0), Some(Value::Null));
            assert_eq!(map.remove_at(count), None);
            map.truncate(3);
            assert_eq!(map.keys().collect::<Vec<_>>(), ["1", "2", "3"]);
            assert_eq!((map.get("3"), map.get("4")), (Some(&Value::Int(3)), None));
            map.insert("4", Value::Null);
            assert_eq!(map.iter().last(), Some(("4", &Value::Null)));
        }
    }

    #[test]
    fn order_does_not_count() {
        let letters =
            |entries: [(&str, i64); 2]| entries.into_iter().map(|(key, n)| (key, Value::Int(n))).collect::<Map>();
        let (one, other) = (letters([("a", 1), ("b", 2)]), letters([("b", 2), ("a", 1)]));
        assert_eq!(one, other);
        assert_ne!(one, letters([("a", 1), ("b", 3)]));
        assert_ne!(one, letters([("a", 1), ("c", 2)]));
        assert_ne!(one, numbers(3));
        assert_eq!(numbers(100), (0..100).rev().map(|n| (n.to_string(), Value::Int(n))).collect());
    }

    #[test]
    fn made_where_there_is_none() {
        let mut map = Map::new();
        *map.get_or_insert_with("a", || 1.into()) = 2.into();
        assert_eq!(*map.get_or_insert_with("a", || 1.into()), Value::Int(2));
        let long = "a name that is longer than twenty-three bytes";
        map.get_or_insert_with(long, Value::map);
        assert_eq!(format!("{map:?}"), format!("{{\"a\": Int(2), {long:?}: Map({{}})}}"));
    }
}
