//! What an absent field becomes.

use std::fmt;
use std::sync::Arc;

use super::FieldContext;
use crate::context::Context;
use crate::value::Value;

/// A default for an absent field.
#[derive(Clone)]
pub enum Default {
    /// A fixed value.
    Value(Value),
    /// A value made anew for each object, by the request.
    Call(Arc<dyn Fn(&Context) -> Value + Send + Sync>),
    /// Only for a new object; an update passes over the field (DRF's `CreateOnlyDefault`).
    CreateOnly(Box<Default>),
}

impl Default {
    /// The value; none where it is passed over.
    pub fn get(&self, cx: &FieldContext<'_>) -> Option<Value> {
        match self {
            Default::Value(value) => Some(value.clone()),
            Default::Call(make) => Some(make(cx.request)),
            Default::CreateOnly(default) => {
                if cx.creating {
                    default.get(cx)
                } else {
                    None
                }
            }
        }
    }
}

impl fmt::Debug for Default {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Default::Value(v) => f.debug_tuple("Value").field(v).finish(),
            Default::Call(_) => f.write_str("Call(..)"),
            Default::CreateOnly(default) => f.debug_tuple("CreateOnly").field(default).finish(),
        }
    }
}

/// The primary key of who sent the request, as a default; null where nobody is known. DRF's `CurrentUserDefault`.
///
/// ```
/// use bowline::fields::{CurrentUserDefault, Field};
/// let reviewer = Field::hidden("reviewer", CurrentUserDefault);
/// let once = Field::hidden("created_by", CurrentUserDefault).create_only();
/// # assert!(reviewer.hidden && once.hidden);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CurrentUserDefault;

impl From<CurrentUserDefault> for Default {
    fn from(_: CurrentUserDefault) -> Self {
        Default::Call(Arc::new(|cx| cx.user().map_or(Value::Null, |user| user.pk.clone())))
    }
}

impl<V: Into<Value>> From<V> for Default {
    fn from(value: V) -> Self {
        Default::Value(value.into())
    }
}
