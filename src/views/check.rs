//! What a view set declares and what can never work, told before the first request.

use super::{Action, Declared, Lists};
use crate::suggest::{candidates, repeated};

const ACTIONS: [Action; 6] =
    [Action::List, Action::Create, Action::Retrieve, Action::Update, Action::PartialUpdate, Action::Destroy];

impl Declared {
    /// The name that its views' names begin with.
    pub(crate) fn basename(&self) -> String {
        self.basename.clone().unwrap_or_else(|| self.source.meta.name.to_lowercase())
    }

    /// The paths of its list, and of the extra actions below it whose paths are plain words.
    pub(crate) fn list_paths(&self, prefix: &str, slash: &str) -> Vec<String> {
        let of_list =
            self.many.destroy || [Action::List, Action::Create].iter().any(|action| self.actions.contains(*action));
        let own = of_list.then(|| format!("{prefix}{slash}"));
        let is_word = |path: &str| path.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'));
        let extra = self.extra.iter().filter(|action| !action.detail).map(|action| action.path().replace("\\-", "-"));
        let extra = extra.filter(|path| is_word(path)).map(|path| format!("{prefix}/{path}{slash}"));
        let mut paths: Vec<String> = Vec::new();
        for path in own.into_iter().chain(extra) {
            // two actions at one path are told of by themselves
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    /// What cannot work; `values` are the names that the values of its path have.
    pub(crate) fn mistakes(&self, values: &[&str]) -> Vec<String> {
        let name = self.name.clone().unwrap_or_else(|| format!("{}ViewSet", self.source.meta.name));
        let mut mistakes = Vec::new();
        self.check_actions(&mut mistakes);
        self.check_extra(&mut mistakes);
        self.check_parents(values, &mut mistakes);
        let twice = |what: &str, names: &[String]| {
            repeated(names)
                .map(|field| format!("{what} names the field {field} twice: leave one out."))
                .collect::<Vec<_>>()
        };
        let ordering: Vec<String> = self.ordering.iter().map(|(name, _)| name.clone()).collect();
        mistakes.extend(twice("ordering", &ordering));
        mistakes.extend(twice("search_fields", &self.filters.search_fields));
        if let crate::filters::OrderingFields::These(names) = &self.filters.ordering_fields {
            mistakes.extend(twice("ordering_fields", names));
        }
        for kwarg in [&self.lookup_url_kwarg, &self.lookup_field].into_iter().flatten() {
            let is_name = kwarg.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_name || kwarg.starts_with(|c: char| c.is_ascii_digit()) || kwarg.is_empty() {
                mistakes
                    .push(format!("\"{kwarg}\" cannot name the value of a path: use letters, digits and underscores."));
            }
        }
        mistakes.into_iter().map(|mistake| format!("{name}: {mistake}")).collect()
    }

    /// Words about actions that the view set does not have.
    fn check_actions(&self, mistakes: &mut Vec<String>) {
        let has = |action| self.serves(action);
        let names: Vec<&str> = ACTIONS.into_iter().filter(|action| has(*action)).map(Action::name).collect();
        if names.is_empty() && self.extra.is_empty() && !self.many.destroy {
            mistakes.push("it has no action at all: name some in actions([…]).".into());
        }
        let mut absent = |what: &str, actions: &mut dyn Iterator<Item = Action>| {
            let mut seen = Vec::new();
            for action in actions {
                if !has(action) {
                    let there = if names.is_empty() { "none".into() } else { names.join(", ") };
                    mistakes.push(format!(
                        "{what} speaks of the action {}, which the view set does not have; it has {there}.",
                        action.name()
                    ));
                } else if seen.contains(&action) && what == "serializer_for" {
                    mistakes.push(format!("{what} speaks of the action {} twice: leave one out.", action.name()));
                }
                seen.push(action);
            }
        };
        absent("serializer_for", &mut self.serializers.iter().map(|(action, _)| *action));
        absent("for_action or permissions_for", &mut self.by_action.iter().map(|(action, _)| *action));
        if self.many.create != Lists::Never && !self.actions.contains(Action::Create) {
            mistakes.push("create_many takes lists by POST, and actions([…]) leaves Action::Create out.".into());
        }
        for action in &self.many.wrong {
            mistakes.push(format!(
                "update_many takes Action::Update (PUT of the list) and Action::PartialUpdate (PATCH), and was given {}.",
                action.name()
            ));
        }
    }

    /// Whether a method of the list, or of one object, is this action.
    fn serves(&self, action: Action) -> bool {
        self.actions.contains(action)
            || match action {
                Action::Update => self.many.put,
                Action::PartialUpdate => self.many.patch,
                Action::Destroy => self.many.destroy,
                _ => false,
            }
    }

    /// Extra actions that hide each other.
    fn check_extra(&self, mistakes: &mut Vec<String>) {
        for (n, action) in self.extra.iter().enumerate() {
            let name = action.name();
            if ACTIONS.iter().any(|known| known.name() == name) {
                mistakes
                    .push(format!("an extra action cannot be called {name}, which is an action of every view set."));
            }
            if action.methods.is_empty() {
                mistakes.push(format!("the extra action {name} has no handler: give it one by get(…), post(…), ….",));
            }
            let end = action.name_end();
            if ["list", "detail"].contains(&end.as_str()) {
                mistakes.push(format!(
                    "the extra action {name} has the url_name \"{end}\", which the view set itself has."
                ));
            }
            for before in &self.extra[..n] {
                let path = action.path();
                let method = action.methods.iter().find(|(m, ..)| before.methods.iter().any(|(other, ..)| other == m));
                if before.name() == name {
                    mistakes.push(format!("two extra actions are called {name}: give one another name."));
                } else if let (true, Some((method, ..))) =
                    (before.detail == action.detail && before.path() == path, method)
                {
                    mistakes.push(format!(
                        "the extra actions {} and {name} both answer {method} at the url_path \"{path}\": only the first would be asked.",
                        before.name()
                    ));
                } else if before.detail == action.detail && before.path() == path {
                    mistakes.push(format!(
                        "the extra actions {} and {name} have one url_path \"{path}\": give one action the methods of both.",
                        before.name()
                    ));
                } else if before.name_end() == end {
                    mistakes.push(format!(
                        "the extra actions {} and {name} have one url_name \"{end}\": give one another.",
                        before.name()
                    ));
                }
            }
        }
    }

    /// Values of the path that it does not have.
    fn check_parents(&self, values: &[&str], mistakes: &mut Vec<String>) {
        for parent in &self.filters.parents {
            let kwarg = &parent.kwarg;
            if !values.contains(&kwarg.as_str()) {
                mistakes.push(format!(
                    "parent_lookup(\"{kwarg}\", …): the path of the view set has no such value.{}",
                    candidates(kwarg, values.iter().copied())
                ));
            }
        }
        let kwargs: Vec<String> = self.filters.parents.iter().map(|parent| parent.kwarg.clone()).collect();
        mistakes.extend(repeated(&kwargs).map(|kwarg| format!("parent_lookup(\"{kwarg}\", …) is said twice.")));
    }
}
