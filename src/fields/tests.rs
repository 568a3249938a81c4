#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::testing::details;
use super::*;

fn run(field: &Field, input: Option<&Value>, partial: bool) -> Result<Outcome, ValidationError> {
    field.run_validation(input, &FieldContext { partial, ..FieldContext::new(&Context::default()) })
}

fn messages(field: &Field, input: Option<&Value>, partial: bool) -> Vec<String> {
    details(run(field, input, partial).unwrap_err())
}

#[test]
fn an_absent_field() {
    let mut field = Field::new("n", IntegerField::new());
    assert_eq!(messages(&field, None, false), ["required: This field is required."]);
    assert_eq!(run(&field, None, true), Ok(Outcome::Skip));
    field.required = false;
    assert_eq!(run(&field, None, false), Ok(Outcome::Skip));
    let field = field.default(42);
    assert_eq!(run(&field, None, false), Ok(Outcome::Set(Value::Int(42))));
    assert_eq!(run(&field, None, true), Ok(Outcome::Skip));
    let field = field.default_with(|cx| cx.method().as_str().into());
    assert_eq!(run(&field, None, false), Ok(Outcome::Set("GET".into())));
}

#[test]
fn null() {
    let mut field = Field::new("n", IntegerField::new()).default(42);
    assert_eq!(messages(&field, Some(&Value::Null), true), ["null: This field may not be null."]);
    field.allow_null = true;
    assert_eq!(run(&field, Some(&Value::Null), false), Ok(Outcome::Set(Value::Null)));
}

#[test]
fn a_read_only_field_ignores_its_input() {
    let field = Field::new("n", IntegerField::new()).read_only();
    assert_eq!(run(&field, Some(&"x".into()), false), Ok(Outcome::Skip));
    assert_eq!(run(&field, None, false), Ok(Outcome::Skip));
}

#[test]
fn own_messages() {
    let field = Field::new("n", IntegerField::new().max_value(3))
        .error_message("max_value", "{max_value} at most, not more than {max_value}.")
        .error_message("required", "Say {something}.");
    assert_eq!(messages(&field, Some(&Value::Int(4)), false), ["max_value: 3 at most, not more than 3."]);
    assert_eq!(messages(&field, None, false), ["required: Say {something}."]);
    let field = field.error_message("required", "Say it.");
    assert_eq!(messages(&field, None, false), ["required: Say it."]);
}
