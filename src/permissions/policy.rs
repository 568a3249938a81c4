//! The permissions of a view, as its requests meet them: DRF's `check_permissions` and `check_object_permissions`.

use std::sync::Arc;

use super::rule::Said;
use super::{IntoRules, Rule};
use crate::context::Context;
use crate::error::{Error, IntoDetail, Result};
use crate::store::{Database, Needs};
use crate::validators::Object;
use crate::view_info::ViewInfo;

/// The permissions of a view.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    rules: Arc<[Rule]>,
}

impl Permissions {
    /// All of which must be granted.
    pub fn new(rules: impl IntoRules) -> Self {
        Permissions { rules: rules.into_rules().into() }
    }

    /// Whether there is none at all.
    pub(crate) fn are_none(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether one of them asks the database about requests.
    pub(crate) fn ask_database(&self) -> bool {
        self.rules.iter().any(Rule::asks_database)
    }

    /// The tables that they read.
    pub(crate) fn tables(&self) -> impl Iterator<Item = Needs> {
        self.rules.iter().flat_map(Rule::tables)
    }

    /// Why they cannot be used for a view.
    pub(crate) fn check(&self, view: &ViewInfo) -> Result<(), String> {
        self.rules.iter().try_for_each(|rule| rule.check(view))
    }

    /// Asks all of them about a request. What they said is kept for its object, where one of them wants to see it.
    ///
    /// # Errors
    ///
    /// 401 or 403 where one does not grant it.
    pub(crate) async fn judge(
        &self,
        request: &Context,
        view: &ViewInfo,
        database: &Database,
        challenges: bool,
    ) -> Result<Option<Granted>> {
        let mut all_said = Vec::new();
        for rule in self.rules.iter() {
            let judges = rule.judges_objects();
            let said = rule.judge(judges, request, view, database).await?;
            if !said.granted {
                return Err(denied(rule, request, challenges));
            }
            all_said.push(judges.then_some(said));
        }
        if all_said.iter().all(Option::is_none) {
            return Ok(None);
        }
        let rules = Arc::clone(&self.rules);
        Ok(Some(Granted { rules, said: all_said.into(), view: Arc::new(view.clone()), challenges }))
    }
}

/// What permissions said about a request, to be asked about its object.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    rules: Arc<[Rule]>,
    /// By rule; none of one that has nothing to say about objects.
    said: Arc<[Option<Said>]>,
    view: Arc<ViewInfo>,
    challenges: bool,
}

impl Granted {
    /// Asks about the request's object.
    ///
    /// # Errors
    ///
    /// 401 or 403 where one does not grant it.
    pub(crate) fn judge_object(&self, request: &Context, object: &Object<'_>) -> Result<()> {
        for (rule, said) in self.rules.iter().zip(self.said.iter()) {
            if let Some(said) = said
                && !rule.judge_object(said, request, &self.view, object)?
            {
                return Err(denied(rule, request, self.challenges));
            }
        }
        Ok(())
    }
}

/// DRF's `permission_denied`: who did not log in where that is possible should do so first.
fn denied(rule: &Rule, request: &Context, challenges: bool) -> Error {
    if challenges && request.user().is_none() {
        return Error::not_authenticated();
    }
    let permission = rule.single();
    let code = permission.and_then(|p| p.code());
    match permission.and_then(|p| p.message()) {
        Some(message) => Error::denied(message.into_detail(code.unwrap_or("permission_denied")), "permission_denied"),
        None => match code {
            Some(code) => Error::denied("You do not have permission to perform this action.", code),
            None => Error::permission_denied(),
        },
    }
}
