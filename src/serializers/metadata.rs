//! What OPTIONS says about a model's serializer: DRF's `SimpleMetadata.get_serializer_info`.

use std::sync::Arc;

use super::reads::{Item, Reads};
use super::{BoundField, BoundSerializer, Writes};
use crate::fields::metadata;
use crate::value::{Map, Value};

impl BoundSerializer {
    /// The fields by name, without hidden ones.
    pub(crate) fn metadata(&self) -> Value {
        let shown = self.fields.iter().filter(|bound| !bound.field.hidden);
        let fields = shown.map(|bound| (bound.field.name.clone().into_owned(), bound.metadata()));
        Value::Map(fields.collect::<Map>())
    }
}

impl BoundField {
    fn metadata(&self) -> Value {
        let mut info = metadata::field(&self.field);
        let Some((serializer, many)) = self.nested() else { return info };
        let Value::Map(map) = &mut info else { return info };
        if many {
            map.insert("type", "field".into());
            // `many=True` gives its arguments to the child too
            let mut child = Map::new();
            child.insert("type", "nested object".into());
            for name in ["required", "read_only"] {
                child.extend(map.get(name).map(|value| (name.to_owned(), value.clone())));
            }
            for (name, text) in [("label", &self.field.label), ("help_text", &self.field.help_text)] {
                let text = text.as_ref().filter(|text| !text.is_empty());
                child.extend(text.map(|text| (name.to_owned(), Value::from(text.to_string()))));
            }
            child.insert("children", serializer.metadata());
            map.insert("child", Value::Map(child));
        } else {
            map.insert("children", serializer.metadata());
        }
        info
    }

    /// The serializer of the objects that it holds, and whether there are many.
    fn nested(&self) -> Option<(&Arc<BoundSerializer>, bool)> {
        match (&self.reads, &self.writes) {
            (Reads::One(_, serializer), _) => Some((serializer, false)),
            (Reads::Many(_, Item::Object(serializer)), _) => Some((serializer, true)),
            (_, Writes::Nested(nested)) => Some((&nested.serializer, nested.many)),
            _ => None,
        }
    }
}
