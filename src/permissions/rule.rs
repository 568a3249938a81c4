//! Permissions put together: DRF's `&`, `|` and `~`.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{
    AllowAny, DjangoModelPermissions, DjangoModelPermissionsOrAnonReadOnly, DjangoObjectPermissions, IsAdminUser,
    IsAuthenticated, IsAuthenticatedOrReadOnly, Permission,
};
use crate::context::Context;
use crate::error::Result;
use crate::store::{Database, Needs};
use crate::validators::Object;
use crate::view_info::ViewInfo;

/// One permission, or several with `&`, `|` and `!` between them.
///
/// As in DRF, either side of `|` grants an object only where it grants the request too, `!` turns both answers around (the
/// opposite of a permission that grants every object grants none), and what is put together answers with DRF's sentence, not
/// with that of a part.
///
/// ```
/// use bowline::permissions::{IsAdminUser, IsAuthenticated, Rule};
/// let rule: Rule = IsAuthenticated & !IsAdminUser;
/// ```
#[derive(Clone)]
pub struct Rule(Arc<Node>);

enum Node {
    One(Box<dyn Permission>),
    And(Rule, Rule),
    Or(Rule, Rule),
    Not(Rule),
}

/// What the parts of a rule said about a request, in the shape of the rule.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) granted: bool,
    parts: Vec<Said>,
}

impl Rule {
    /// A permission of one's own, to put together with others; a list takes it as it is.
    pub fn new(permission: impl Permission) -> Self {
        Rule(Arc::new(Node::One(Box::new(permission))))
    }

    /// The permission, where it is only one: what it has to say to a client that may not.
    pub(super) fn single(&self) -> Option<&dyn Permission> {
        match &*self.0 {
            Node::One(permission) => Some(&**permission),
            _ => None,
        }
    }

    /// Whether it has anything to say about objects.
    pub(crate) fn judges_objects(&self) -> bool {
        match &*self.0 {
            Node::One(permission) => permission.judges_objects(),
            // for objects that no part judges they grant what they granted the request
            Node::And(a, b) | Node::Or(a, b) => a.judges_objects() || b.judges_objects(),
            Node::Not(_) => true,
        }
    }

    /// Whether it asks the database about requests.
    pub(crate) fn asks_database(&self) -> bool {
        match &*self.0 {
            Node::One(permission) => permission.asks_database(),
            Node::And(a, b) | Node::Or(a, b) => a.asks_database() || b.asks_database(),
            Node::Not(a) => a.asks_database(),
        }
    }

    /// Asks about a request; `all` asks parts too whose answer is not needed for the request, since it may be for its object.
    pub(super) fn judge<'a>(
        &'a self,
        all: bool,
        request: &'a Context,
        view: &'a ViewInfo,
        database: &'a Database,
    ) -> BoxFuture<'a, Result<Said>> {
        Box::pin(async move {
            Ok(match &*self.0 {
                Node::One(permission) => {
                    let granted = permission.has_permission(request, view, database).await?;
                    Said { granted, parts: Vec::new() }
                }
                Node::And(a, b) | Node::Or(a, b) => {
                    let decides = matches!(&*self.0, Node::Or(..));
                    let a = a.judge(all, request, view, database).await?;
                    if a.granted == decides && !all {
                        return Ok(Said { granted: decides, parts: vec![a] });
                    }
                    let b = b.judge(all, request, view, database).await?;
                    let granted = if decides { a.granted || b.granted } else { a.granted && b.granted };
                    Said { granted, parts: vec![a, b] }
                }
                Node::Not(a) => {
                    let a = a.judge(all, request, view, database).await?;
                    Said { granted: !a.granted, parts: vec![a] }
                }
            })
        })
    }

    /// Asks about an object, after [`judge`](Self::judge) asked all parts about the request.
    pub(super) fn judge_object(
        &self,
        said: &Said,
        request: &Context,
        view: &ViewInfo,
        object: &Object<'_>,
    ) -> Result<bool> {
        // an answer that was not asked for grants nothing
        let part = |n: usize| said.parts.get(n).filter(|part| part.granted);
        Ok(match &*self.0 {
            Node::One(permission) => permission.has_object_permission(request, view, object)?,
            Node::And(a, b) => {
                let (Some(said_a), Some(said_b)) = (said.parts.first(), said.parts.get(1)) else { return Ok(false) };
                a.judge_object(said_a, request, view, object)? && b.judge_object(said_b, request, view, object)?
            }
            Node::Or(a, b) => {
                for (rule, said) in [(a, part(0)), (b, part(1))] {
                    if let Some(said) = said
                        && rule.judge_object(said, request, view, object)?
                    {
                        return Ok(true);
                    }
                }
                false
            }
            Node::Not(a) => match said.parts.first() {
                Some(said) => !a.judge_object(said, request, view, object)?,
                None => false,
            },
        })
    }

    /// The tables that it reads.
    pub(crate) fn tables(&self) -> Vec<Needs> {
        match &*self.0 {
            Node::One(permission) => permission.tables().to_vec(),
            Node::And(a, b) | Node::Or(a, b) => a.tables().into_iter().chain(b.tables()).collect(),
            Node::Not(a) => a.tables(),
        }
    }

    /// Why it cannot be used for a view.
    pub(crate) fn check(&self, view: &ViewInfo) -> Result<(), String> {
        match &*self.0 {
            Node::One(permission) => permission.check(view),
            Node::And(a, b) | Node::Or(a, b) => a.check(view).and_then(|()| b.check(view)),
            Node::Not(a) => a.check(view),
        }
    }
}

impl<P: Permission> From<P> for Rule {
    fn from(permission: P) -> Self {
        Rule::new(permission)
    }
}

impl<R: Into<Rule>> BitAnd<R> for Rule {
    type Output = Rule;

    fn bitand(self, other: R) -> Rule {
        Rule(Arc::new(Node::And(self, other.into())))
    }
}

impl<R: Into<Rule>> BitOr<R> for Rule {
    type Output = Rule;

    fn bitor(self, other: R) -> Rule {
        Rule(Arc::new(Node::Or(self, other.into())))
    }
}

impl Not for Rule {
    type Output = Rule;

    fn not(self) -> Rule {
        Rule(Arc::new(Node::Not(self)))
    }
}

macro_rules! operators {
    ($($permission:ty),* $(,)?) => {$(
        impl<R: Into<Rule>> BitAnd<R> for $permission {
            type Output = Rule;

            fn bitand(self, other: R) -> Rule {
                Rule::new(self) & other
            }
        }

        impl<R: Into<Rule>> BitOr<R> for $permission {
            type Output = Rule;

            fn bitor(self, other: R) -> Rule {
                Rule::new(self) | other
            }
        }

        impl Not for $permission {
            type Output = Rule;

            fn not(self) -> Rule {
                !Rule::new(self)
            }
        }
    )*};
}

operators!(
    AllowAny,
    IsAuthenticated,
    IsAdminUser,
    IsAuthenticatedOrReadOnly,
    DjangoModelPermissions,
    DjangoModelPermissionsOrAnonReadOnly,
    DjangoObjectPermissions,
);

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Node::One(permission) => permission.fmt(f),
            Node::And(a, b) => write!(f, "({a:?} & {b:?})"),
            Node::Or(a, b) => write!(f, "({a:?} | {b:?})"),
            Node::Not(a) => write!(f, "!{a:?}"),
        }
    }
}

/// A list of permissions, all of which must be granted: one, several in a tuple, or rules in an array or a vector.
pub trait IntoRules {
    /// The list.
    fn into_rules(self) -> Vec<Rule>;
}

impl IntoRules for Rule {
    fn into_rules(self) -> Vec<Rule> {
        vec![self]
    }
}

impl<P: Permission> IntoRules for P {
    fn into_rules(self) -> Vec<Rule> {
        vec![self.into()]
    }
}

impl IntoRules for Vec<Rule> {
    fn into_rules(self) -> Vec<Rule> {
        self
    }
}

impl<const N: usize> IntoRules for [Rule; N] {
    fn into_rules(self) -> Vec<Rule> {
        self.into()
    }
}

impl IntoRules for () {
    fn into_rules(self) -> Vec<Rule> {
        Vec::new()
    }
}

macro_rules! tuples {
    ($(($($name:ident),*))*) => {$(
        impl<$($name: Into<Rule>),*> IntoRules for ($($name,)*) {
            #[allow(non_snake_case)]
            fn into_rules(self) -> Vec<Rule> {
                let ($($name,)*) = self;
                vec![$($name.into()),*]
            }
        }
    )*};
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) }
