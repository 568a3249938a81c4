//! What an HTML form sent: Django's `QueryDict` and `MultiValueDict`.

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

    /// The entries `prefix[0]`, `prefix[1]`, … and `prefix[0]name`, … as a list of values and forms, in the order of
    /// their numbers; none where there is no such name (DRF's `parse_html_list`).
    pub fn parse_list(&self, prefix: &str) -> Option<Vec<Value>> {
        let mut found: Vec<(u64, Value)> = Vec::new();
        for (name, values) in self.lists() {
            let Some(rest) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('[')) else { continue };
            let Some((number, key)) = rest.split_once(']') else { continue };
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            let (Ok(number), Some(last)) = (number.parse::<u64>(), values.last()) else { continue };
            let place = found.iter_mut().find(|(n, _)| *n == number);
            match (place, key.is_empty()) {
                (Some((_, Value::Form(form))), false) => form.set(key, vec![last.clone()]),
                (place, is_value) => {
                    let value = if is_value {
                        last.clone()
                    } else {
                        let mut form = Form::new();
                        form.append(key, last.clone());
                        Value::Form(Box::new(form))
                    };
                    match place {
                        Some((_, place)) => *place = value,
                        None => found.push((number, value)),
                    }
                }
            }
        }
        found.sort_by_key(|(number, _)| *number);
        (!found.is_empty()).then(|| found.into_iter().map(|(_, value)| value).collect())
    }

    /// The entries `prefix.name` as a form of their own, empty where there is none (DRF's `parse_html_dict`).
    pub fn parse_dict(&self, prefix: &str) -> Form {
        let mut found = Form::new();
        for (name, values) in self.lists() {
            let key = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')).filter(|key| !key.is_empty());
            if let Some(key) = key {
                found.set(key, values.to_vec());
            }
        }
        found
    }
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
}
