//! Which view a path means, as DRF's URL patterns have it.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;

use super::pattern::{Kwargs, PathPattern};
use super::prefix::Prefix;
use crate::fields::Field;
use crate::suggest::candidates;
use crate::view_info::ViewInfo;
use crate::views::policy::{Bound, Policy};
use crate::views::preconditions::Answering;
use crate::views::{Endpoint, ExtraAction, View, view_name};

/// The views by their prefixes, and the paths of one's own.
#[derive(Debug)]
pub(super) struct Resolver {
    roots: Vec<Root>,
    views: Vec<(Prefix, Mounted)>,
    generic: Vec<(PathPattern, Mounted)>,
    paths: Vec<OwnPath>,
}

/// A path of one's own with its view.
#[derive(Debug)]
pub(super) struct OwnPath {
    pattern: PathPattern,
    /// The same with a format suffix, where it has one.
    suffixed: Option<PathPattern>,
    endpoint: Endpoint,
}

impl OwnPath {
    /// A path as it is written, with or without format suffixes.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with it.
    pub(super) fn new(route: &str, suffixes: bool, endpoint: Endpoint) -> Result<Self, String> {
        let suffixed = suffixes.then(|| PathPattern::with_suffix(route)).transpose()?;
        Ok(OwnPath { pattern: PathPattern::parse(route)?, suffixed, endpoint })
    }
}

/// The API root of a router.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// The path below which the router is: nothing, or one that ends with a slash.
    pub(super) at: String,
    /// The prefixes of its view sets, below that.
    pub(super) prefixes: Vec<String>,
}

/// A view set with what comes before and after its handlers.
#[derive(Debug)]
pub(super) struct Mounted {
    pub(super) view: Arc<View>,
    pub(super) list: Policy,
    pub(super) detail: Policy,
    pub(super) extras: Vec<Extra>,
    /// Whether there is a list, and an object, at all: a router makes no address for what no method leads to.
    has: [bool; 2],
    /// The path of one object, where its key matches an expression of its own.
    own_key: Option<(PathPattern, PathPattern)>,
    style: Style,
}

/// An extra action, with what comes before and after its handlers.
#[derive(Debug)]
pub(super) struct Extra {
    /// Its path below the view set's, and the same with a format suffix.
    pattern: (PathPattern, PathPattern),
    pub(super) policy: Policy,
    pub(super) action: ExtraAction,
}

/// How a router writes the addresses of its view sets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Whether they stand in the router's root.
    pub(super) rooted: bool,
    /// Whether they have format suffixes.
    pub(super) suffixes: bool,
    /// What they end with.
    pub(super) slash: &'static str,
}

impl Mounted {
    /// A view set as a router has it: its list and its objects have names of their own.
    ///
    /// # Errors
    ///
    /// A sentence that says which path of an action, or which expression for keys, is no pattern.
    pub(super) fn new(view: View, style: Style, bound: &Bound<'_>) -> Result<Self, String> {
        Mounted::named(view, ["List", "Instance"], style, bound)
    }

    /// A view at one path, by its own name.
    ///
    /// # Errors
    ///
    /// As [`Mounted::new`].
    pub(super) fn generic(view: View, bound: &Bound<'_>) -> Result<Self, String> {
        let style = Style { rooted: false, suffixes: false, slash: "" };
        Mounted::named(view, ["", ""], style, bound)
    }

    fn named(mut view: View, suffixes: [&str; 2], style: Style, bound: &Bound<'_>) -> Result<Self, String> {
        let type_name = view.name.clone().unwrap_or_else(|| format!("{}ViewSet", view.resource.model().name));
        let policy = |detail: bool, suffix: &str| {
            let methods: Vec<Method> =
                view.allowed(detail).into_iter().filter_map(|m| Method::from_bytes(m.as_bytes()).ok()).collect();
            let mut info = ViewInfo::new(type_name.clone());
            info.model = Some(Arc::clone(view.resource.plan.model()));
            info.namespaces.clone_from(&view.namespaces);
            let mut policy = bound.policy(info).allowing(methods);
            if !suffix.is_empty() {
                policy.name = format!("{} {suffix}", view_name(&type_name));
            }
            policy.idempotency.clone_from(&bound.settings.idempotency);
            policy.answering = view.answering(detail);
            policy.takes_files = view.takes_files();
            view.overrides.apply(&mut policy);
            policy = policy.described(&view.description);
            for (action, own) in &view.by_action {
                let methods = view.allowed(detail).into_iter().filter_map(|m| Method::from_bytes(m.as_bytes()).ok());
                policy.set_for(methods.filter(|method| view.action(detail, method) == Some(*action)), own);
            }
            policy
        };
        let (list, detail) = (policy(false, suffixes[0]), policy(true, suffixes[1]));
        let (name, keys) = &view.lookup;
        let object = format!("(?P<{name}>{})", keys.as_deref().unwrap_or("[^/.]+"));
        let patterns = |path: String| {
            let route = format!("^{path}{}$", style.slash);
            Ok::<_, String>((PathPattern::parse(&route)?, PathPattern::with_suffix(&format!("^{path}"))?))
        };
        let own_key = keys.as_ref().map(|_| patterns(format!("/{object}"))).transpose()?;
        let mut extras = Vec::new();
        let whole = |policy: &Policy| policy.clone().without_parts();
        for action in std::mem::take(&mut view.extra) {
            let below =
                if action.detail { format!("/{object}/{}", action.path()) } else { format!("/{}", action.path()) };
            let mut policy = whole(if action.detail { &detail } else { &list }).allowing(action.allowed());
            policy.name = action.title();
            if !action.description.is_empty() {
                policy = policy.described(&action.description);
            }
            policy.answering = Answering::default();
            if let Some(serializer) = &action.serializer {
                policy.takes_files = serializer.fields().any(Field::takes_files);
            }
            action.overrides.apply(&mut policy);
            let mistakes = action.serializer.iter().flat_map(|serializer| serializer.mistakes());
            if let Some(mistake) = mistakes.into_iter().next() {
                return Err(format!("{type_name}: {mistake}"));
            }
            extras.push(Extra { pattern: patterns(below)?, policy, action });
        }
        let field_of = |policy: &Policy| policy.etags.as_ref().and_then(|etags| etags.field().map(str::to_owned));
        let wanted =
            detail.all().chain(extras.iter().filter(|e| e.action.detail).map(|e| &e.policy)).filter_map(field_of);
        if let Some(field) = wanted.into_iter().find(|field| !view.shows(field)) {
            let shown = view.resource(crate::views::Action::Retrieve).serializer.shown_sources();
            let known = candidates(&field, shown.iter().map(String::as_str));
            return Err(format!(
                "{type_name}: entity tags cannot be made of the field {field}, which its serializer does not show.{known}"
            ));
        }
        let policies = || [&list, &detail].into_iter().chain(extras.iter().map(|extra: &Extra| &extra.policy));
        list.check_scope(!view.overrides.has_scope() || policies().any(Policy::reads_scope))?;
        for extra in extras.iter().filter(|extra| extra.action.overrides.has_scope()) {
            extra.policy.check_scope(extra.policy.reads_scope())?;
        }
        for (action, _) in view.by_action.iter().filter(|(_, own)| own.has_scope()) {
            let own = view
                .methods_of(*action)
                .into_iter()
                .find_map(|(is_detail, method)| if is_detail { detail.of(&method) } else { list.of(&method) });
            own.map_or(Ok(()), |policy| policy.check_scope(policy.reads_scope()))?;
        }
        list.check()?;
        extras.iter().try_for_each(|extra: &Extra| extra.policy.check())?;
        let has = [false, true].map(|detail| view.allowed(detail).len() > 1);
        Ok(Mounted { list, detail, extras, has, own_key, style, view: Arc::new(view) })
    }

    /// A view of its own, which is not named as one of a set's.
    pub(super) fn alone(mut self) -> Self {
        for policy in [&mut self.list, &mut self.detail] {
            policy.name = view_name(&policy.info.type_name);
        }
        self
    }

    /// The extra action of the list, or of one object, that a path below the view set's is.
    fn extra<'a>(&'a self, detail: bool, rest: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        self.extras.iter().filter(|extra| extra.action.detail == detail).find_map(|extra| {
            let (plain, suffixed) = &extra.pattern;
            if let Some(kwargs) = plain.matches(rest) {
                return Some((Target::Extra(self, extra, kwargs), None));
            }
            let kwargs = suffixed.matches(rest).filter(|_| self.style.suffixes)?;
            let format = rest.trim_end_matches('/').rsplit('.').next();
            Some((Target::Extra(self, extra, kwargs), format))
        })
    }

    /// One object, by a key that matches the expression.
    fn keyed<'a>(&'a self, rest: &'a str, keys: &(PathPattern, PathPattern)) -> Option<(Target<'a>, Option<&'a str>)> {
        let named = |kwargs: Kwargs| {
            let key = kwargs.iter().find(|(name, _)| *name == self.view.lookup.0).map(|(_, key)| key.clone())?;
            Some(Target::Detail(self, Cow::Owned(key), kwargs))
        };
        if let Some(kwargs) = keys.0.matches(rest) {
            return Some((named(kwargs)?, None));
        }
        let kwargs = keys.1.matches(rest).filter(|_| self.style.suffixes)?;
        Some((named(kwargs)?, rest.trim_end_matches('/').rsplit('.').next()))
    }

    /// What a path below the view set's prefix means.
    fn below<'a>(&'a self, rest: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        let suffix = |rest: &'a str| suffix(rest).filter(|_| self.style.suffixes);
        let slash = self.style.slash;
        if rest == slash && self.has(false) {
            return Some((Target::List(self, Vec::new()), None));
        }
        if let Some(format) = suffix(rest).filter(|_| self.has(false)) {
            return Some((Target::List(self, Vec::new()), Some(format)));
        }
        if let (Some(found), false) = (self.extra(false, rest), self.extras.is_empty()) {
            return Some(found);
        }
        if let Some(keys) = &self.own_key {
            let object = self.keyed(rest, keys).filter(|_| self.has(true));
            return object.or_else(|| self.extra(true, rest));
        }
        let below = rest;
        let rest = rest.strip_prefix('/').filter(|_| self.has(true) || !self.extras.is_empty())?;
        let end = rest.find(['/', '.']).unwrap_or(rest.len());
        let (key, rest) = rest.split_at(end);
        if key.is_empty() {
            return None;
        }
        if rest == slash && self.has(true) {
            return Some((Target::Detail(self, Cow::Borrowed(key), Vec::new()), None));
        }
        if let Some(format) = suffix(rest).filter(|_| self.has(true)) {
            return Some((Target::Detail(self, Cow::Borrowed(key), Vec::new()), Some(format)));
        }
        self.extra(true, below)
    }

    fn has(&self, detail: bool) -> bool {
        self.has[usize::from(detail)]
    }
}

/// What a path means.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Root(&'a Root),
    /// A list, with the values of its path.
    List(&'a Mounted, Kwargs),
    /// One object by its key, with the values of its path.
    Detail(&'a Mounted, Cow<'a, str>, Kwargs),
    /// An extra action, with the values of its path.
    Extra(&'a Mounted, &'a Extra, Kwargs),
    /// A path of one's own, with its values.
    Path(&'a Endpoint, Kwargs),
}

impl Target<'_> {
    /// The same with the values of what it is nested in before its own.
    fn within(mut self, values: Kwargs) -> Self {
        match &mut self {
            Target::List(_, own) | Target::Detail(_, _, own) | Target::Extra(_, _, own) | Target::Path(_, own) => {
                own.splice(0..0, values);
            }
            Target::Root(_) => {}
        }
        self
    }
}

impl Resolver {
    pub(super) fn new(
        root: Root,
        included: Vec<Root>,
        views: Vec<(Prefix, Mounted)>,
        generic: Vec<(PathPattern, Mounted)>,
        paths: Vec<OwnPath>,
    ) -> Self {
        let roots = [root].into_iter().chain(included).filter(|root| !root.prefixes.is_empty()).collect();
        Resolver { roots, views, generic, paths }
    }

    /// What comes before and after the handlers of all views.
    pub(super) fn policies(&self) -> impl Iterator<Item = &Policy> {
        let mounted = self.views.iter().map(|(_, mounted)| mounted).chain(self.generic.iter().map(|(_, m)| m));
        let sets = mounted.flat_map(|m| [&m.list, &m.detail].into_iter().chain(m.extras.iter().map(|e| &e.policy)));
        sets.chain(self.paths.iter().map(|own| own.endpoint.policy()))
    }

    /// The view and the format suffix of a path; none where no pattern matches.
    pub(super) fn resolve<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        let path = path.strip_prefix('/')?;
        self.root(path).or_else(|| self.view(path)).or_else(|| self.generic(path)).or_else(|| self.path(path))
    }

    /// A router's root, or its format suffix.
    fn root<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        self.roots.iter().find_map(|root| {
            let rest = path.strip_prefix(root.at.as_str())?;
            if rest.is_empty() {
                return Some((Target::Root(root), None));
            }
            suffix(rest).map(|format| (Target::Root(root), Some(format)))
        })
    }

    /// A path of one's own.
    fn path<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        self.paths.iter().find_map(|own| {
            if let Some(kwargs) = own.pattern.matches(path) {
                return Some((Target::Path(&own.endpoint, kwargs), None));
            }
            let kwargs = own.suffixed.as_ref()?.matches(path)?;
            let format = path.trim_end_matches('/').rsplit('.').next();
            Some((Target::Path(&own.endpoint, kwargs), format))
        })
    }

    /// A path of a generic view: of one object where it has a value, else of the list.
    fn generic<'a>(&'a self, path: &str) -> Option<(Target<'a>, Option<&'a str>)> {
        self.generic.iter().find_map(|(pattern, mounted)| {
            let kwargs = pattern.matches(path)?;
            let by_name = kwargs.iter().find(|(name, _)| *name == mounted.view.lookup.0);
            let key = by_name.or(kwargs.first()).filter(|_| mounted.has(true)).map(|(_, key)| key.clone());
            Some(match key {
                Some(key) => (Target::Detail(mounted, Cow::Owned(key), kwargs), None),
                None => (Target::List(mounted, kwargs), None),
            })
        })
    }

    /// A path of a view set.
    fn view<'a>(&'a self, path: &'a str) -> Option<(Target<'a>, Option<&'a str>)> {
        self.views.iter().find_map(|(prefix, view)| {
            let (values, rest) = prefix.strip(path)?;
            let (target, format) = view.below(rest)?;
            Some((target.within(values), format))
        })
    }
}

/// `.json` or `.json/`: DRF's format suffix.
fn suffix(text: &str) -> Option<&str> {
    let format = text.strip_prefix('.')?;
    let format = format.strip_suffix('/').unwrap_or(format);
    let valid = !format.is_empty() && format.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    valid.then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        assert_eq!(suffix(".json"), Some("json"));
        assert_eq!(suffix(".json/"), Some("json"));
        assert_eq!(suffix(".JSON"), None);
        assert_eq!(suffix("."), None);
        assert_eq!(suffix("json"), None);
    }
}
