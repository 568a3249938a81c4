//! Permissions over Django's own: `auth_permission`, given to users and groups.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::Method;

use super::{Permission, is_safe};
use crate::context::{Context, User};
use crate::error::{Error, Result};
use crate::model::ModelMeta;
use crate::store::{Database, Needs, granted};
use crate::validators::Object;
use crate::value::{DbValue, convert};
use crate::view_info::ViewInfo;

/// Which of Django's permissions a method needs, DRF's `perms_map`.
///
/// The names have places: `{app_label}` and `{model_name}`. A method that is not in it is answered with 405.
///
/// ```
/// use bowline::permissions::{DjangoModelPermissions, PermsMap};
/// use http::Method;
///
/// let reading_too = PermsMap::default().with(Method::GET, ["{app_label}.view_{model_name}"]);
/// let permission = DjangoModelPermissions::new().perms_map(reading_too);
/// ```
#[derive(Clone, Debug)]
pub struct PermsMap(Vec<(Method, Vec<String>)>);

impl Default for PermsMap {
    /// DRF's: nothing for GET, HEAD and OPTIONS, else what the method does.
    fn default() -> Self {
        let none: [&str; 0] = [];
        PermsMap(Vec::new())
            .with(Method::GET, none)
            .with(Method::OPTIONS, none)
            .with(Method::HEAD, none)
            .with(Method::POST, ["{app_label}.add_{model_name}"])
            .with(Method::PUT, ["{app_label}.change_{model_name}"])
            .with(Method::PATCH, ["{app_label}.change_{model_name}"])
            .with(Method::DELETE, ["{app_label}.delete_{model_name}"])
    }
}

impl PermsMap {
    /// With other permissions for one method.
    pub fn with<S: Into<String>>(mut self, method: Method, names: impl IntoIterator<Item = S>) -> Self {
        self.0.retain(|(m, _)| *m != method);
        self.0.push((method, names.into_iter().map(Into::into).collect()));
        self
    }

    /// The permissions for a method.
    ///
    /// # Errors
    ///
    /// 405 for a method that is not in it.
    fn names(&self, method: &Method, model: &ModelMeta) -> Result<Vec<String>> {
        let names = self.0.iter().find(|(m, _)| m == method);
        let (_, names) = names.ok_or_else(|| Error::MethodNotAllowed(method.to_string()))?;
        let (label, name) = (model.app_label(), model.name.to_lowercase());
        Ok(names.iter().map(|n| n.replace("{app_label}", label).replace("{model_name}", &name)).collect())
    }
}

/// The model of a view; the start has made sure that there is one.
fn model(view: &ViewInfo) -> Result<&Arc<ModelMeta>> {
    view.model.as_ref().ok_or_else(|| Error::internal("permissions on a model need a view with a model"))
}

fn needs_model(name: &str, view: &ViewInfo) -> Result<(), String> {
    if view.is_root {
        return Ok(());
    }
    let Some(model) = &view.model else {
        return Err(format!(
            "{name} cannot be applied to {}, which has no model: give the view other permissions.",
            view.type_name
        ));
    };
    if model.app_label().is_empty() {
        return Err(format!(
            "{name} needs to know to which Django application {} belongs: describe the model with app_label.",
            model.name
        ));
    }
    Ok(())
}

/// Whether a user has all of these permissions, Django's `has_perms`: a superuser has them all, nobody else without asking.
async fn has_all(user: Option<&User>, names: &[String], database: &Database) -> Result<bool> {
    let Some(user) = user else { return Ok(names.is_empty()) };
    if user.is_superuser {
        return Ok(true);
    }
    let key: DbValue = convert::to_db(user.pk.clone());
    for name in names {
        if database.read(granted::permission(database.dialect(), key.clone(), name)).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// DRF's `DjangoModelPermissions.has_permission`, for those who may ask at all.
async fn may(known: bool, perms: &PermsMap, request: &Context, view: &ViewInfo, database: &Database) -> Result<bool> {
    if !known || view.is_root {
        return Ok(known);
    }
    let names = perms.names(request.method(), model(view)?)?;
    has_all(request.user(), &names, database).await
}

/// Who is logged in and has Django's permission to add, change or delete rows of the view's model may; to read needs none.
///
/// A view without a model cannot have it: the router does not start then (an API root may).
#[derive(Clone, Debug, Default)]
pub struct DjangoModelPermissions {
    perms: PermsMap,
}

impl DjangoModelPermissions {
    /// With DRF's permissions for each method.
    pub fn new() -> Self {
        DjangoModelPermissions::default()
    }

    /// With other permissions for each method.
    pub fn perms_map(mut self, perms: PermsMap) -> Self {
        self.perms = perms;
        self
    }
}

#[async_trait]
impl Permission for DjangoModelPermissions {
    async fn has_permission(&self, request: &Context, view: &ViewInfo, database: &Database) -> Result<bool> {
        may(request.user().is_some(), &self.perms, request, view, database).await
    }

    fn judges_objects(&self) -> bool {
        false
    }

    fn tables(&self) -> &'static [Needs] {
        &granted::TABLES
    }

    fn check(&self, view: &ViewInfo) -> Result<(), String> {
        needs_model("DjangoModelPermissions", view)
    }
}

/// As [`DjangoModelPermissions`], and who is not logged in may do what needs no permission: read.
#[derive(Clone, Debug, Default)]
pub struct DjangoModelPermissionsOrAnonReadOnly {
    perms: PermsMap,
}

impl DjangoModelPermissionsOrAnonReadOnly {
    /// With DRF's permissions for each method.
    pub fn new() -> Self {
        DjangoModelPermissionsOrAnonReadOnly::default()
    }

    /// With other permissions for each method.
    pub fn perms_map(mut self, perms: PermsMap) -> Self {
        self.perms = perms;
        self
    }
}

#[async_trait]
impl Permission for DjangoModelPermissionsOrAnonReadOnly {
    async fn has_permission(&self, request: &Context, view: &ViewInfo, database: &Database) -> Result<bool> {
        may(true, &self.perms, request, view, database).await
    }

    fn judges_objects(&self) -> bool {
        false
    }

    fn tables(&self) -> &'static [Needs] {
        &granted::TABLES
    }

    fn check(&self, view: &ViewInfo) -> Result<(), String> {
        needs_model("DjangoModelPermissionsOrAnonReadOnly", view)
    }
}

type Judge = dyn Fn(&User, &str, &Object<'_>) -> Result<bool> + Send + Sync;

/// As [`DjangoModelPermissions`], and for the object that the request is about, its permissions on that object.
///
/// Django itself knows no permissions on objects; in DRF a further backend says who has them. Here a function of the row
/// does, [`by`](Self::by). Without it nobody but a superuser has any, as in Django.
///
/// Who may not even read the object is answered with 404.
///
/// ```
/// use bowline::permissions::DjangoObjectPermissions;
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
///
/// let permission = DjangoObjectPermissions::new().by(|user, permission, booking| {
///     Ok(permission == "hotel.view_booking" || booking.get::<String>(booking::Column::Note)? == user.username)
/// });
/// ```
#[derive(Clone, Default)]
pub struct DjangoObjectPermissions {
    perms: PermsMap,
    by: Option<Arc<Judge>>,
}

impl DjangoObjectPermissions {
    /// With DRF's permissions for each method.
    pub fn new() -> Self {
        DjangoObjectPermissions::default()
    }

    /// With other permissions for each method.
    pub fn perms_map(mut self, perms: PermsMap) -> Self {
        self.perms = perms;
        self
    }

    /// Says whether a user has a permission (`library.change_book`) on an object.
    ///
    /// # Errors
    ///
    /// Where it answers an error, that answers the request.
    pub fn by(mut self, judge: impl Fn(&User, &str, &Object<'_>) -> Result<bool> + Send + Sync + 'static) -> Self {
        self.by = Some(Arc::new(judge));
        self
    }

    fn has(&self, user: Option<&User>, names: &[String], object: &Object<'_>) -> Result<bool> {
        for name in names {
            let has = match (user, &self.by) {
                (Some(user), _) if user.is_superuser => true,
                (Some(user), Some(judge)) => judge(user, name, object)?,
                _ => false,
            };
            if !has {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[async_trait]
impl Permission for DjangoObjectPermissions {
    async fn has_permission(&self, request: &Context, view: &ViewInfo, database: &Database) -> Result<bool> {
        may(request.user().is_some(), &self.perms, request, view, database).await
    }

    fn has_object_permission(&self, request: &Context, view: &ViewInfo, object: &Object<'_>) -> Result<bool> {
        let (user, model) = (request.user(), model(view)?);
        if self.has(user, &self.perms.names(request.method(), model)?, object)? {
            return Ok(true);
        }
        // who may read it is told that it may not change it; to others it is not there
        if is_safe(request.method()) || !self.has(user, &self.perms.names(&Method::GET, model)?, object)? {
            return Err(Error::http404());
        }
        Ok(false)
    }

    fn tables(&self) -> &'static [Needs] {
        &granted::TABLES
    }

    fn check(&self, view: &ViewInfo) -> Result<(), String> {
        needs_model("DjangoObjectPermissions", view)
    }
}

impl fmt::Debug for DjangoObjectPermissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DjangoObjectPermissions").field("perms", &self.perms).finish_non_exhaustive()
    }
}
