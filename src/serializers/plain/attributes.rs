//! A body becomes attributes: in its own place where it may be kept.

use std::borrow::Cow;

use super::{Attributes, PlainField, Serializer, no_data};
use crate::error::{NON_FIELD_ERRORS, ValidationError};
use crate::fields::{Field, FieldContext, FieldType, Outcome, Source};
use crate::value::{Map, Value};

impl Serializer {
    pub(super) fn run(&self, data: Cow<'_, Value>, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        match data {
            data if data.is_null() => Err(no_data()),
            Cow::Borrowed(data) => self.to_internal_value(data, cx),
            Cow::Owned(mut data) => self.coerce(&mut data, cx).map(|()| data),
        }
    }

    pub(super) fn refuse_no_object(&self, input: &Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        if matches!(input, Value::Map(_) | Value::Form(_)) {
            return Ok(());
        }
        let text = "Invalid data. Expected a dictionary, but got {datatype}.";
        let detail = cx.detail("invalid", text, &[("datatype", input.type_name())]);
        Err(ValidationError::field(NON_FIELD_ERRORS, detail))
    }

    /// What the fields make of a body.
    pub(super) fn attributes(&self, data: &Value, cx: &FieldContext<'_>) -> Result<Attributes, ValidationError> {
        let mut found = Attributes::with_capacity(self.fields.len());
        let mut errors = None;
        for own @ PlainField { field, .. } in &self.fields {
            let input = field.get_value(data, cx);
            let outcome = match field.run_validation(input.as_deref(), cx) {
                Ok(outcome) => own.run_hooks(outcome, cx),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(Outcome::Set(value)) => set_value(&mut found, field, value),
                Ok(Outcome::Skip) => {}
                Err(error) => add(&mut errors, field, error),
            }
        }
        errors.map_or(Ok(found), Err)
    }

    /// Validates a body in its place, after the mapping of the input.
    pub(super) fn coerce_mapped(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        let found = match value {
            Value::Map(map) => {
                self.coerce_entries(map, cx)?;
                if self.validators.is_empty() && self.validate.is_empty() {
                    return Ok(());
                }
                std::mem::take(map)
            }
            _ => {
                self.refuse_no_object(value, cx)?;
                self.attributes(value, cx)?
            }
        };
        *value = Value::Map(self.judge(found, cx)?);
        Ok(())
    }

    /// What the fields make of a body, in its place as long as the body has the order of the fields.
    fn coerce_entries(&self, map: &mut Map, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        // so many entries at the front are done; or there is another map for what is found
        let mut done = 0;
        let mut apart: Option<Attributes> = None;
        let mut near = 0;
        let mut errors = None;
        for own @ PlainField { field, .. } in &self.fields {
            let place = if field.hidden { None } else { own.place(map, &mut near) };
            let is_next = apart.is_none() && place == Some(done) && field.source == Source::Name;
            if field.read_only {
                if is_next {
                    map.remove_at(done);
                    near = done;
                }
                continue;
            }
            if is_next && let Some(value) = map.at_mut(done) {
                if let Err(error) = own.coerce(value, cx) {
                    add(&mut errors, field, error);
                }
                done += 1;
                continue;
            }
            let outcome = match place.and_then(|place| map.take(place)) {
                Some(mut value) => own.coerce(&mut value, cx).map(|()| Outcome::Set(value)),
                None => field.run_validation(None, cx).and_then(|outcome| own.run_hooks(outcome, cx)),
            };
            match outcome {
                Ok(Outcome::Set(value)) if apart.is_none() && done == map.len() && field.source == Source::Name => {
                    map.insert(&field.name, value);
                    done += 1;
                }
                Ok(Outcome::Set(value)) => {
                    let found = apart.get_or_insert_with(|| map.take_front(done, self.fields.len()));
                    set_value(found, field, value);
                }
                Ok(Outcome::Skip) => {}
                Err(error) => add(&mut errors, field, error),
            }
        }
        match apart {
            Some(found) => *map = found,
            None => map.truncate(done),
        }
        errors.map_or(Ok(()), Err)
    }

    /// The rules about all attributes, then the hooks.
    pub(super) fn judge(
        &self,
        mut attributes: Attributes,
        cx: &FieldContext<'_>,
    ) -> Result<Attributes, ValidationError> {
        self.run_validators(&attributes, cx)?;
        for hook in &self.validate {
            attributes = hook(attributes, cx).map_err(ValidationError::into_fields)?;
        }
        Ok(attributes)
    }
}

#[cold]
fn add(errors: &mut Option<ValidationError>, field: &Field, error: ValidationError) {
    errors.get_or_insert_with(ValidationError::fields).insert(field.name.clone(), error);
}

impl PlainField {
    fn coerce(&self, value: &mut Value, cx: &FieldContext<'_>) -> Result<(), ValidationError> {
        self.field.coerce(value, cx)?;
        if !self.hooks.is_empty() {
            let cx = cx.of(&self.field);
            for hook in &self.hooks {
                *value = hook(std::mem::replace(value, Value::Null), &cx)?;
            }
        }
        Ok(())
    }

    fn run_hooks(&self, outcome: Outcome, cx: &FieldContext<'_>) -> Result<Outcome, ValidationError> {
        match outcome {
            Outcome::Set(value) if !self.hooks.is_empty() => {
                let cx = cx.of(&self.field);
                self.hooks.iter().try_fold(value, |value, hook| hook(value, &cx)).map(Outcome::Set)
            }
            other => Ok(other),
        }
    }
}

/// DRF's `set_value`: a path makes the objects on its way, the whole is laid over what is there.
fn set_value(attributes: &mut Attributes, field: &Field, value: Value) {
    match &field.source {
        Source::Name => {
            attributes.insert(&field.name, value);
        }
        Source::Path(path) => {
            let Some((last, parents)) = path.split_last() else { return };
            let mut place = attributes;
            for parent in parents {
                let next = place.get_or_insert_with(parent.as_ref(), Value::map);
                if !matches!(next, Value::Map(_)) {
                    *next = Value::map();
                }
                let Value::Map(next) = next else { return };
                place = next;
            }
            place.insert(last.as_ref(), value);
        }
        Source::Whole => match value {
            Value::Map(map) => attributes.extend(map),
            // nothing to lay over the others
            Value::Null => {}
            other => {
                attributes.insert(&field.name, other);
            }
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use proptest::prelude::*;

    use super::super::ListSerializer;
    use crate::context::Context;
    use crate::fields::{
        BooleanField, CharField, ChoiceField, Default, Field, FloatField, IntegerField, JSONField, ListField,
    };
    use crate::serializers::Serializer;
    use crate::value::{Map, Value, convert::json_text};

    fn serializer() -> Serializer {
        let inner = Serializer::new()
            .field(Field::new("x", IntegerField::new()))
            .field(Field::new("y", CharField::new()).default("y"))
            .validator(|found: &Map| match found.get("x") {
                Some(Value::Int(13)) => Err("unlucky".into()),
                _ => Ok(()),
            });
        Serializer::new()
            .field(Field::new("a", CharField::new().max_length(3)))
            .field(Field::new("b", IntegerField::new().max_value(5)).required(false))
            .field(Field::new("read", CharField::new()).read_only())
            .field(Field::hidden("hidden", Default::Value("h".into())))
            .field(Field::new("c", BooleanField::new()).default(true))
            .field(Field::new("d", FloatField::new()).allow_null(true).required(false))
            .field(Field::new("e", ListField::of(IntegerField::new())).required(false))
            .field(Field::new("f", ChoiceField::new([(1, "One"), (2, "Two")])).required(false))
            .field(Field::new("g", ChoiceField::new(["r", "g"]).allow_blank(true)).source("deep.er").required(false))
            .field(Field::new("h", JSONField::new()).required(false))
            .field(Field::new("i", inner.clone()).required(false))
            .field(Field::new("j", ListSerializer::new(inner)).required(false))
            .field(Field::new("k", CharField::new().allow_blank(true)).required(false))
            .validate_field("b", |value, _| match value {
                Value::Int(4) => Err("not four".into()),
                Value::Int(n) => Ok(Value::Int(n * 10)),
                other => Ok(other),
            })
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (0..15_i64).prop_map(Value::Int),
            Just(Value::Float(1.5)),
            Just(Value::Float(f64::INFINITY)),
            Just(Value::Surrogates(0xd800, "\u{fffd}".into())),
            prop_oneof!["", " ", "r", " r ", "1", "abcd", "true"].prop_map(Value::Str),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::vec(("[xyz]", inner), 0..3)
                    .prop_map(|entries| Value::Map(entries.into_iter().collect())),
            ]
        })
    }

    fn body() -> impl Strategy<Value = Value> {
        let name = prop_oneof!["[a-l]", "read|hidden|deep"];
        // in the order of the fields more often than not
        (prop::collection::vec((name, value()), 0..12), any::<bool>(), any::<bool>()).prop_map(
            |(mut entries, sort, a)| {
                if a {
                    entries.insert(0, ("a".into(), "abc".into()));
                }
                if sort {
                    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                }
                Value::Map(entries.into_iter().collect())
            },
        )
    }

    proptest! {
        #[test]
        fn a_body_that_may_be_kept_becomes_the_same(body in prop_oneof![9 => body(), 1 => value()], partial: bool) {
            let (serializer, request) = (serializer(), Context::default());
            let (kept, lent) = match partial {
                true => (
                    serializer.run_partial_validation(body.clone(), &request),
                    serializer.run_partial_validation(&body, &request),
                ),
                false => (
                    serializer.run_validation(body.clone(), &request),
                    serializer.run_validation(&body, &request),
                ),
            };
            match (kept, lent) {
                (Ok(kept), Ok(lent)) => prop_assert_eq!(json_text(&kept), json_text(&lent)),
                (kept, lent) => prop_assert_eq!(kept, lent),
            }
            let list = ListSerializer::new(serializer);
            let bodies = Value::List(vec![body.clone(), body]);
            let (kept, lent) = (list.run_validation(bodies.clone(), &request), list.run_validation(&bodies, &request));
            prop_assert_eq!(kept, lent);
        }
    }

    #[test]
    fn the_body_itself_becomes_the_attributes() {
        let body = |text: &str| crate::value::json::parse_str(text).unwrap();
        for (text, attributes) in [
            (r#"{"a":"x","b":1,"c":false}"#, r#"{"a":"x","b":10,"hidden":"h","c":false}"#),
            (r#"{"z":0,"a":"x","b":1}"#, r#"{"a":"x","b":10,"hidden":"h","c":true}"#),
            (r#"{"a":"x","read":"r","c":false,"z":0}"#, r#"{"a":"x","hidden":"h","c":false}"#),
            (r#"{"c":false,"a":"x","g":"r","k":" "}"#, r#"{"a":"x","hidden":"h","c":false,"deep":{"er":"r"},"k":""}"#),
        ] {
            let valid = serializer().run_validation(body(text), &Context::default()).unwrap();
            assert_eq!(json_text(&valid), attributes, "{text}");
        }
    }
}
