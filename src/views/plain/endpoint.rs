//! A view without a model, built: one request's path through it.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::response::Response as HttpResponse;
use futures_util::FutureExt;
use http::Method;

use super::{BoxHandler, Metadata};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::fields::metadata;
use crate::heavy;
use crate::response::Response;
use crate::value::{Map, Value};
use crate::views::detached::Detached;
use crate::views::policy::{Begun, Policy};
use crate::views::request::Request;

/// A view without a model, built.
pub(crate) struct Endpoint {
    policy: Arc<Policy>,
    methods: Vec<(Method, BoxHandler)>,
    get_answers_head: bool,
    metadata: Metadata,
}

impl Endpoint {
    pub(super) fn new(
        policy: Policy,
        methods: Vec<(Method, BoxHandler)>,
        get_answers_head: bool,
        metadata: Metadata,
    ) -> Self {
        Endpoint { policy: Arc::new(policy), methods, get_answers_head, metadata }
    }

    /// Why it cannot be served.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.policy.takes_keys() {
            return Err(format!(
                "{}: idempotency keys need a write's transaction, which only view sets over models and their extra actions \
                 have.",
                self.policy.info.type_name
            ));
        }
        self.policy.check_scope(self.policy.reads_scope())?;
        self.policy.check()
    }

    /// What comes before and after its handlers.
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Answers a request whose path is the view's; a panic on the way is a 500 like any other.
    pub(crate) async fn handle(
        &self,
        request: axum::extract::Request,
        kwargs: Vec<(String, String)>,
        suffix: Option<&str>,
    ) -> HttpResponse {
        let policy = self.policy.of(request.method()).unwrap_or(&self.policy);
        let (parts, body) = request.into_parts();
        let mut context = Context::new(parts, kwargs);
        let mut begun = Begun::default();
        let answer = self.answer(policy, &mut context, body, suffix, &mut begun);
        let outcome = AssertUnwindSafe(answer).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("a view panicked")));
        heavy::weigh(policy.work(&outcome, &begun)).await;
        policy.finish(outcome, &context, begun)
    }

    async fn answer(
        &self,
        policy: &Arc<Policy>,
        context: &mut Context,
        body: axum::body::Body,
        suffix: Option<&str>,
        begun: &mut Begun,
    ) -> Result<Response> {
        policy.initial(context, suffix, begun).await?;
        let chosen = begun.accepted.clone().unwrap_or_else(|| policy.renderers.first());
        let request = Request::new(context.clone(), body, Arc::clone(policy), chosen);
        let method = context.method();
        let Some(handler) = self.handler(method) else {
            return match (&self.metadata, method) {
                (Metadata::Simple, &Method::OPTIONS) => Ok(Response::new(self.describe(context).await?)),
                (Metadata::Own(describe), &Method::OPTIONS) => Ok(Response::new(describe(&request))),
                _ => Err(Error::MethodNotAllowed(method.to_string())),
            };
        };
        let answer = handler.call(request);
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return answer.await;
        }
        Detached::new(answer).await
    }

    /// DRF's `SimpleMetadata`, with the fields that a body may have.
    async fn describe(&self, context: &Context) -> Result<Value> {
        let mut described = self.policy.metadata();
        let bodies = [Method::PUT, Method::POST];
        let Some(choose) = &self.policy.serializer else { return Ok(described) };
        let mut allowed = Vec::new();
        for method in bodies.into_iter().filter(|method| self.policy.allows(method)) {
            if self.policy.would_permit(context, method.clone()).await?.is_some() {
                allowed.push(method);
            }
        }
        if allowed.is_empty() {
            return Ok(described);
        }
        let fields = metadata::fields((choose.0)(context)?.fields());
        let actions = allowed.into_iter().map(|method| (method.to_string(), fields.clone()));
        if let Value::Map(described) = &mut described {
            described.insert("actions", Value::Map(actions.collect::<Map>()));
        }
        Ok(described)
    }

    fn handler(&self, method: &Method) -> Option<&BoxHandler> {
        let of = |method: &Method| self.methods.iter().find(|(m, _)| m == method).map(|(_, handler)| handler);
        of(method).or_else(|| of(&Method::GET).filter(|_| self.get_answers_head && *method == Method::HEAD))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("policy", &self.policy.info.type_name).finish_non_exhaustive()
    }
}
