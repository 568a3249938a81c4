//! What the layers below the views may know of the view that a request goes to.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::ModelMeta;

/// The view that a request goes to, as permissions, throttles and versions see it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ViewInfo {
    /// The name of the view's type.
    pub type_name: Cow<'static, str>,
    /// The model whose rows it serves; none of a view without a model.
    pub model: Option<Arc<ModelMeta>>,
    /// Whether it is an API root, which permissions on models leave alone (DRF's `_ignore_model_permissions`).
    pub is_root: bool,
    /// DRF's `throttle_scope`.
    pub throttle_scope: Option<Cow<'static, str>>,
    /// The name of its path with the namespaces before it, Django's `view_name`; none of a path without a name.
    pub view_name: Option<String>,
    /// The namespaces that its path was included under, the outermost first.
    pub namespaces: Vec<String>,
}

impl ViewInfo {
    /// A view by the name of its type.
    pub fn new(type_name: impl Into<Cow<'static, str>>) -> Self {
        ViewInfo {
            type_name: type_name.into(),
            model: None,
            is_root: false,
            throttle_scope: None,
            view_name: None,
            namespaces: Vec::new(),
        }
    }
}
