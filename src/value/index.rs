//! Entries of a value by `[…]`, for tests and handlers that know what they look at.

use std::ops::Index;

use super::Value;

/// An entry of an object; null where there is none, as in `serde_json`.
///
/// ```
/// use bowline::value;
/// let book = value!({"title": "Dust", "tags": [{"name": "dry"}]});
/// assert_eq!(book["tags"][0]["name"], "dry".into());
/// assert_eq!(book["author"]["name"], value!(null));
/// ```
impl Index<&str> for Value {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }
}

/// An item of a list; null where there is none.
impl Index<usize> for Value {
    type Output = Value;

    fn index(&self, place: usize) -> &Value {
        self.as_list().and_then(|items| items.get(place)).unwrap_or(&Value::Null)
    }
}
