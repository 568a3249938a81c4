//! The entries of an object: a [`Map`] from [`Key`]s to values, in order.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;

use smol_str::SmolStr;

use super::Value;

/// The name of an entry of a [`Map`]: text that is not changed and cheap to copy.
///
/// Names of up to 23 bytes need no memory of their own.
///
/// ```
/// use bowline::value::Key;
/// let key = Key::from("title");
/// assert_eq!(key, "title");
/// assert_eq!(key.len(), 5);
/// ```
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(SmolStr);

impl Key {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Key {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key(SmolStr::new(text))
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Key(SmolStr::new(text))
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Key(SmolStr::new(text))
    }
}

impl From<Cow<'_, str>> for Key {
    fn from(text: Cow<'_, str>) -> Self {
        Key(SmolStr::new(text))
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.as_str().to_owned()
    }
}

impl From<Key> for Cow<'static, str> {
    fn from(key: Key) -> Self {
        Cow::Owned(key.into())
    }
}

/// How many entries are searched one after the other; more of them have an index.
const SEARCHED: usize = 32;

/// The entries of a [`Value::Map`]: of equal keys the last value at the place of the first key, as in Python.
///
/// Bodies have few entries, so that it is a list that is searched; only a long one has an index beside.
///
/// ```
/// use bowline::value::{Map, Value};
/// let mut map = Map::new();
/// map.insert("a", Value::Int(1));
/// map.insert("b", Value::Int(2));
/// map.insert("a", Value::Int(3));
/// assert_eq!(map.get("a"), Some(&Value::Int(3)));
/// assert_eq!(map.keys().map(|key| key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
/// ```
#[derive(Clone, Default)]
pub struct Map {
    entries: Vec<(Key, Value)>,
    /// The places by the keys, where there are more than [`SEARCHED`].
    index: Option<Box<HashMap<Key, usize>>>,
}

impl Map {
    /// Without entries.
    pub fn new() -> Self {
        Map::default()
    }

    /// Without entries yet, with room for some.
    pub fn with_capacity(entries: usize) -> Self {
        Map { entries: Vec::with_capacity(entries), index: None }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&self, key: &str) -> Option<usize> {
        match &self.index {
            None => self.entries.iter().position(|(own, _)| own.as_str() == key),
            Some(index) => index.get(key).copied(),
        }
    }

    /// The place of a key, which is likely to be at the place given or after it.
    pub(crate) fn place_near(&self, key: &Key, near: usize) -> Option<usize> {
        if self.entries.get(near).is_some_and(|(own, _)| own == key) {
            return Some(near);
        }
        match &self.index {
            None => self.entries.iter().position(|(own, _)| own == key),
            Some(index) => index.get(key).copied(),
        }
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Value> {
        self.entries.get(place).map(|(_, value)| value)
    }

    /// Takes the value from a place, and leaves null there.
    pub(crate) fn take(&mut self, place: usize) -> Option<Value> {
        self.entries.get_mut(place).map(|(_, value)| std::mem::replace(value, Value::Null))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.at(self.place(key)?)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let place = self.place(key)?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// Whether there is an entry of the key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Sets the value of a key: at its place where it is there, else at the end. Answers the value that was there.
    pub fn insert(&mut self, key: impl Into<Key>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.place_near(&key, usize::MAX).and_then(|place| self.entries.get_mut(place)) {
            Some((_, place)) => Some(std::mem::replace(place, value)),
            None => {
                self.push(key, value);
                None
            }
        }
    }

    /// Adds an entry of a key that is not there.
    pub(crate) fn push(&mut self, key: Key, value: Value) {
        let place = self.entries.len();
        match &mut self.index {
            Some(index) => {
                index.insert(key.clone(), place);
            }
            None if place == SEARCHED => self.index = Some(Box::new(index(&self.entries, Some(&key)))),
            None => {}
        }
        self.entries.push((key, value));
    }

    /// The value of a key, made and put at the end where there is none.
    pub fn get_or_insert_with(&mut self, key: impl Into<Key>, make: impl FnOnce() -> Value) -> &mut Value {
        let key = key.into();
        let place = match self.place_near(&key, usize::MAX) {
            Some(place) => place,
            None => {
                self.push(key, make());
                self.entries.len() - 1
            }
        };
        &mut self.entries[place].1
    }

    /// Takes an entry out; those after it move up.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.place(key)?;
        let (_, value) = self.entries.remove(place);
        self.index = (self.entries.len() > SEARCHED).then(|| Box::new(index(&self.entries, None)));
        Some(value)
    }

    /// The entries.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.entries.iter())
    }

    /// The keys.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl ExactSizeIterator<Item = &mut Value> {
        self.entries.iter_mut().map(|(_, value)| value)
    }
}

/// The places of the entries by their keys, and the place of the one that comes after them.
fn index(entries: &[(Key, Value)], next: Option<&Key>) -> HashMap<Key, usize> {
    entries.iter().map(|(key, _)| key).chain(next).cloned().zip(0..).collect()
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Whether they have the same entries, in whatever order: the equality of Python's dictionaries.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        let same = |(key, value): (&Key, &Value)| other.get(key) == Some(value);
        self.len() == other.len() && self.iter().all(same)
    }
}

impl<K: Into<Key>> Extend<(K, Value)> for Map {
    fn extend<I: IntoIterator<Item = (K, Value)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Into<Key>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let mut map = Map::new();
        map.extend(entries);
        map
    }
}

impl<K: Into<Key>, const N: usize> From<[(K, Value); N]> for Map {
    fn from(entries: [(K, Value); N]) -> Self {
        entries.into_iter().collect()
    }
}

/// The entries of a [`Map`], in order.
#[derive(Clone, Debug)]
pub struct Iter<'a>(std::slice::Iter<'a, (Key, Value)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Key, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Key, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Map {
    type Item = (Key, Value);
    type IntoIter = std::vec::IntoIter<(Key, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
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
                assert_eq!(map.keys().nth(n).unwrap(), &n.to_string());
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
            let key = Key::from("3");
            for near in [0, 3, 4, usize::MAX] {
                assert_eq!(map.place_near(&key, near), Some(3));
            }
            assert_eq!(map.place_near(&Key::from("x"), 3), None);
            assert_eq!(map.take(3), Some(Value::Int(3)));
            assert_eq!(map.get("3"), Some(&Value::Null));
            assert_eq!(map.take(50), None);
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
