//! A request as handlers see it.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Body;

use super::policy::Policy;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::renderers::Accepted;
use crate::serializers::{FromBody, Serializer};
use crate::store::Database;
use crate::value::Value;
use crate::view_info::ViewInfo;

/// A request, DRF's `Request`: its body is read and parsed when a handler asks for it.
///
/// Everything else is the request's [`Context`], which it dereferences to.
///
/// ```
/// use bowline::prelude::*;
/// use bowline::value;
///
/// async fn echo(mut request: Request) -> bowline::Result<Response> {
///     let name = request.query_param("name").unwrap_or_default();
///     Ok(Response::new(value!({"name": name, "got": request.data().await?})))
/// }
/// # let _ = api_view([http::Method::POST], echo);
/// ```
pub struct Request {
    context: Context,
    body: Option<Body>,
    data: Value,
    policy: Arc<Policy>,
    accepted: Accepted,
    database: Option<Database>,
}

impl Request {
    pub(crate) fn new(context: Context, body: Body, policy: Arc<Policy>, accepted: Accepted) -> Self {
        let database = policy.database(&context).ok();
        Request { context, body: Some(body), data: Value::map(), policy, accepted, database }
    }

    /// The body, parsed by its media type: an empty object where there is none.
    ///
    /// # Errors
    ///
    /// 400 for a body that is not what it says, 408 for one that does not arrive, 413 for one too long, 415 for one that no
    /// parser of the view reads. What is asked again after that is an empty object.
    pub async fn data(&mut self) -> Result<&Value> {
        if let Some(body) = self.body.take() {
            let data = self.policy.parse(&mut self.context, body).await;
            self.database = self.policy.database(&self.context).ok();
            self.data = data?;
        }
        Ok(&self.data)
    }

    /// The body as a type with a serializer, or as a list of them (`Vec<T>`).
    ///
    /// # Errors
    ///
    /// As [`Request::data`], and 400 with DRF's errors of the serializer.
    pub async fn valid<T: FromBody>(&mut self) -> Result<T> {
        self.data().await?;
        Ok(T::from_body(&self.data, &self.context)?)
    }

    /// The view's serializer, DRF's `get_serializer`.
    ///
    /// # Errors
    ///
    /// What the view's [`serializer_by`](crate::views::ApiView::serializer_by) says; 500 where the view has none.
    pub fn serializer(&self) -> Result<Arc<Serializer>> {
        match &self.policy.serializer {
            Some(choose) => (choose.0)(&self.context),
            None => Err(Error::internal(format!("{} has no serializer", self.policy.info.type_name))),
        }
    }

    /// The body as the view's serializer validates it.
    ///
    /// # Errors
    ///
    /// As [`Request::serializer`] and [`Request::data`], and 400 with DRF's errors of the serializer.
    pub async fn validate(&mut self) -> Result<Value> {
        let serializer = self.serializer()?;
        self.validate_with(&serializer).await
    }

    /// The same for a body that need not have every field (DRF's `partial=True`).
    ///
    /// # Errors
    ///
    /// As [`Request::validate`].
    pub async fn validate_partial(&mut self) -> Result<Value> {
        let serializer = self.serializer()?;
        self.data().await?;
        Ok(serializer.run_partial_validation(&self.data, &self.context)?)
    }

    /// The body as another serializer validates it.
    ///
    /// # Errors
    ///
    /// As [`Request::data`], and 400 with DRF's errors of the serializer.
    pub async fn validate_with(&mut self, serializer: &Serializer) -> Result<Value> {
        self.data().await?;
        Ok(serializer.run_validation(&self.data, &self.context)?)
    }

    /// What fields and rules may know of the request.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// A value of the path as a Rust type.
    ///
    /// # Errors
    ///
    /// 404 where the path has no such value, or it is not of the type.
    pub fn path_value<T: FromStr>(&self, name: &str) -> Result<T> {
        self.context.kwarg(name).and_then(|text| text.parse().ok()).ok_or_else(Error::http404)
    }

    /// The address of a view by its name, DRF's `reverse`: in the version of the request where that has one.
    ///
    /// View sets have the names `{basename}-list`, `{basename}-detail` and `{basename}-{action}`; others have those that
    /// [`path_named`](crate::routers::DefaultRouter::path_named) gave them.
    ///
    /// # Errors
    ///
    /// 500 where no view of the name has a path with exactly these values.
    pub fn reverse(&self, view_name: &str, kwargs: &[(&str, &str)]) -> Result<String> {
        let found = self.policy.reverse(&self.context, view_name, kwargs);
        found.ok_or_else(|| Error::internal(format!("no view has the name {view_name} and these values")))
    }

    /// What is known of the view.
    pub fn view(&self) -> &ViewInfo {
        &self.policy.info
    }

    /// The database, outside of any transaction, until the request's deadline ([`Database::until`]).
    ///
    /// # Errors
    ///
    /// 500 in a view that no router serves.
    pub fn database(&self) -> Result<&Database> {
        self.database.as_ref().ok_or_else(|| Error::internal("a view outside of a router has no database"))
    }

    /// How the answer is going to be written.
    pub fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// The view's name for people.
    pub fn view_name(&self) -> &str {
        &self.policy.name
    }
}

impl Deref for Request {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", self.context.method()).field("path", &self.context.path()).finish()
    }
}
