//! What an HTML form sent: Django's `QueryDict` and `MultiValueDict`.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::Value;

/// Names with all of their values, in the order in which they came; text and uploaded files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form(IndexMap<String, Vec<Value>>);

impl Form {
    /// Nothing yet.
    pub fn new() -> Self {
        Form::default()
    }

    /// Adds a value to a name.
    pub fn append(&mut self, name: impl Into<String>, value: Value) {
        self.0.entry(name.into()).or_default().push(value);
    }

    /// Sets all values of a name.
    pub fn set(&mut self, name: impl Into<String>, values: Vec<Value>) {
        self.0.insert(name.into(), values);
    }

    /// The last value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)?.last()
    }

    /// All values of a name; none where it was not sent.
    pub fn get_list(&self, name: &str) -> &[Value] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a name was sent.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names with all of their values.
    pub fn lists(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds all values of another form, each after those of the same name.
    pub fn extend(&mut self, other: Form) {
        for (name, values) in other.0 {
            self.0.entry(name).or_default().extend(values);
        }
    }

    /// The names that have uploaded files.
    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.lists().filter(|(_, values)| values.iter().any(|v| matches!(v, Value::File(_)))).map(|(name, _)| name)
    }

    /// The entries `prefix[0]`, `prefix[1]`, … and `prefix[0]name`, … as a list of values and forms, in the order of
    /// their numbers; none where there is no such name (DRF's `parse_html_list`).
    pub fn parse_list(&self, prefix: &str) -> Option<Vec<Value>> {
        let mut found: BTreeMap<(usize, &str), Value> = BTreeMap::new();
        for (name, values) in self.lists() {
            let Some(rest) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('[')) else { continue };
            let Some((number, key)) = rest.split_once(']') else { continue };
            let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let (true, Some(key), Some(last)) = (is_number, one_line(key), values.last()) else { continue };
            // numbers of any size, in their order
            let number = number.trim_start_matches('0');
            let place = found.entry((number.len(), number)).or_insert(Value::Null);
            match place {
                _ if key.is_empty() => *place = last.clone(),
                Value::Form(form) => form.set(key, vec![last.clone()]),
                _ => {
                    let mut form = Form::new();
                    form.append(key, last.clone());
                    *place = Value::Form(Box::new(form));
                }
            }
        }
        (!found.is_empty()).then(|| found.into_values().collect())
    }

    /// The entries `prefix.name` as a form of their own, empty where there is none (DRF's `parse_html_dict`).
    pub fn parse_dict(&self, prefix: &str) -> Form {
        let mut found = Form::new();
        for (name, values) in self.lists() {
            let key = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).and_then(one_line);
            if let Some(key) = key.filter(|key| !key.is_empty()) {
                found.set(key, values.to_vec());
            }
        }
        found
    }
}

/// What Python's `(.*)$` finds of a text: all of it, but for a line end that ends it; nothing where there are more lines.
fn one_line(text: &str) -> Option<&str> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    (!line.contains('\n')).then_some(line)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Form {
        let mut form = Form::new();
        for (name, value) in pairs {
            form.append(*name, (*value).into());
        }
        form
    }

    #[test]
    fn the_last_value_counts() {
        let form = form(&[("a", "1"), ("a", "2")]);
        assert_eq!(form.get("a"), Some(&"2".into()));
        assert_eq!(form.get_list("a").len(), 2);
        assert!(form.get_list("b").is_empty());
    }

    #[test]
    fn lists_and_dicts() {
        let form = form(&[("l[1]", "b"), ("l[0]", "a"), ("m[0]x", "1"), ("m[0]y", "2"), ("d.k", "v"), ("l[]", "no")]);
        assert_eq!(form.parse_list("l"), Some(vec!["a".into(), "b".into()]));
        let items = form.parse_list("m").unwrap();
        let [Value::Form(item)] = items.as_slice() else { unreachable!() };
        assert_eq!((item.get("x"), item.get("y")), (Some(&"1".into()), Some(&"2".into())));
        assert_eq!(form.parse_list("z"), None);
        assert_eq!(form.parse_dict("d").get("k"), Some(&"v".into()));
    }

    #[test]
    fn odd_names_of_lists_and_dicts() {
        let form = form(&[
            ("l[99999999999999999999]", "last"),
            ("l[10]", "c"),
            ("l[9]", "b"),
            ("l[010]", "later"),
            ("l[1]x", "1"),
            ("l[1]", "value"),
            ("l[2]", "value"),
            ("l[2]x", "form"),
            ("l[a]", "no"),
            ("l[3]x\ny", "no"),
            ("d.", "no"),
            ("d.a\n", "a"),
            ("d.a\nb", "no"),
        ]);
        let items = form.parse_list("l").unwrap();
        let [one, Value::Form(two), rest @ ..] = items.as_slice() else { unreachable!() };
        assert_eq!((one, two.get("x")), (&"value".into(), Some(&"form".into())));
        assert_eq!(rest, ["b".into(), "later".into(), "last".into()]);
        assert_eq!(form.parse_dict("d").lists().collect::<Vec<_>>(), [("a", ["a".into()].as_slice())]);
    }

    #[test]
    fn files_come_after_fields() {
        let mut fields = form(&[("a", "1"), ("b", "2")]);
        let mut files = Form::new();
        files.append("a", Value::File(std::sync::Arc::new(super::super::Upload::new("f", None, "x"))));
        fields.extend(files);
        assert_eq!(fields.file_names().collect::<Vec<_>>(), ["a"]);
        assert_eq!(fields.get_list("a").len(), 2);
    }
}
