//! The law by its types: a validator that reads more than its plan protects does not compile.

#[test]
fn a_validator_that_reads_more_than_its_plan_protects_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/law/what_each_may_read.rs");
    cases.compile_fail("tests/law/value_rule_asks_the_database.rs");
    cases.compile_fail("tests/law/object_rule_reads_another_row.rs");
    cases.compile_fail("tests/law/query_rule_as_object_rule.rs");
    cases.compile_fail("tests/law/value_rule_is_async.rs");
    cases.compile_fail("tests/law/rule_keeps_its_request.rs");
    cases.compile_fail("tests/law/rule_changes_itself.rs");
}

/// What does not compile beside it are `compile_fail` examples of `ViewSetHooks` and `IntoScope`.
#[test]
fn hooks_write_what_their_entity_can_hold() {
    trybuild::TestCases::new().pass("tests/law/what_hooks_may_write.rs");
}
