//! One request's path, in the order in which DRF runs it: suffix, negotiation, method, parsing, the view.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::response::Response as HttpResponse;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode, Uri, header};

use super::live::Live;
use super::resolve::{Extra, Mounted, Resolver, Root, Target};
use crate::context::Context;
use crate::edge::{full_path, page, unescaped, wants_json};
use crate::error::{Error, Result};
use crate::fields::metadata::fields as fields_metadata;
use crate::heavy::{self, Turns};
use crate::pause::Pause;
use crate::renderers::Accepted;
use crate::response::Response;
use crate::serializers::Mode;
use crate::store::{Ahead, Deadline, Needs};
use crate::value::query::parameters;
use crate::value::{DbValue, Map, Value};
use crate::view_info::ViewInfo;
use crate::views::idempotency::{Answers, Claim, once, takes_key};
use crate::views::policy::{Begun, Bound, Policy};
use crate::views::preconditions::{Demands, demand, refuse_on_list};
use crate::views::{Action, Body as ActionBody, ExtraAction, Lists, Metadata, Resource, View, run_action};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const ROOT: [Method; 3] = [Method::GET, Method::HEAD, Method::OPTIONS];
const NOT_FOUND_PAGE: &str = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Not Found</title>\n</head>\n<body>\n  \
    <h1>Not Found</h1><p>The requested resource was not found on this server.</p>\n</body>\n</html>\n";

/// The resources, and how requests reach them.
#[derive(Debug)]
pub(crate) struct Dispatch {
    resolver: Resolver,
    root: Policy,
    append_slash: bool,
    json_not_found: bool,
    turns: Turns,
}

impl Dispatch {
    pub(super) fn new(resolver: Resolver, bound: &Bound<'_>, turns: Turns) -> Self {
        let mut info = ViewInfo::new("APIRootView");
        info.is_root = true;
        let root = bound.policy(info).allowing(ROOT);
        let root = root.described("The default basic root view for DefaultRouter");
        Dispatch {
            resolver,
            root,
            append_slash: bound.settings.append_slash,
            json_not_found: bound.settings.json_not_found,
            turns,
        }
    }

    /// Why the roots cannot be served.
    pub(super) fn check(&self) -> Result<(), String> {
        self.root.check()
    }

    /// Why nobody but the machine itself may reach the views, each reason once.
    pub(super) fn weaknesses(&self) -> Vec<String> {
        let mut found: Vec<String> =
            self.resolver.policies().chain([&self.root]).flat_map(Policy::weaknesses).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Whether answers are kept for requests that come again.
    pub(super) fn keeps_answers(&self) -> bool {
        self.resolver.policies().any(Policy::takes_keys)
    }

    /// The tables that the layers of all views read.
    pub(super) fn tables(&self) -> Vec<Needs> {
        self.resolver.policies().chain([&self.root]).flat_map(Policy::tables).collect()
    }

    /// Answers a request; a panic on the way is a 500 like any other. What computes for long does so beside the others.
    pub(super) async fn handle(&self, request: Request, live: &Live) -> HttpResponse {
        // in a box from the beginning: what is handed on from here is moved again and again, and it is large
        let carried: BoxFuture<'_, HttpResponse> = Box::pin(self.carried(request, live));
        heavy::carry(&self.turns, carried).await
    }

    async fn carried(&self, request: Request, live: &Live) -> HttpResponse {
        heavy::weigh(head_bytes(&request)).await;
        let uri = request.uri().clone();
        let path = unescaped(uri.path());
        let Some((mut target, suffix)) = self.resolver.resolve(&path) else {
            return self.unknown(&path, &uri, request);
        };
        if let Target::Path(endpoint, kwargs) = &target {
            // not to be carried by requests to resources
            return Box::pin(endpoint.handle(request, kwargs.clone(), suffix)).await;
        }
        let Some(policy) = self.policy(&target) else { return self.unknown(&path, &uri, request) };
        let policy = policy.of(request.method()).map_or(policy, |own| own);
        let pause = Pause::of(request.extensions());
        let (parts, body) = request.into_parts();
        let kwargs = match &mut target {
            Target::List(_, kwargs) | Target::Detail(_, _, kwargs) | Target::Extra(_, _, kwargs) => {
                std::mem::take(kwargs)
            }
            Target::Root(_) | Target::Path(..) => Vec::new(),
        };
        let mut context = Context::new(parts, kwargs);
        let named = |action: Action| action.name().into();
        context.set_action(match &target {
            _ if *context.method() == Method::OPTIONS => Some("metadata".into()),
            Target::List(mounted, _) => mounted.view.action(false, context.method()).map(named),
            Target::Detail(mounted, ..) => mounted.view.action(true, context.method()).map(named),
            Target::Extra(_, extra, _) => extra.action.handler(context.method()).map(|(name, _)| name.clone()),
            Target::Root(_) | Target::Path(..) => None,
        });
        if let Some(ahead) = ahead(&target, policy, &context) {
            context.keep(ahead);
        }
        let mut begun = Begun::default();
        let mut sent = Sent::new(body);
        let outcome = {
            let answer = pin!(async {
                policy.initial(&mut context, suffix, &mut begun).await?;
                if let Some(demands) = Demands::of(policy, &context)? {
                    context.keep(demands);
                }
                let outcome =
                    self.answer(&target, suffix, policy, &context, (&mut sent, begun.accepted.as_ref()), &pause).await;
                match outcome {
                    Err(error) => {
                        // without a type of its own: the compiler stops at a depth
                        let sent = (&mut sent, begun.accepted.as_ref());
                        self.again(error, live, &path, &context, sent, &pause).boxed().await
                    }
                    answered => answered,
                }
            });
            AssertUnwindSafe(answer).catch_unwind().await
        };
        let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("a hook, a validator or a view panicked")));
        heavy::weigh(policy.work(&outcome, &begun)).await;
        policy.finish(outcome, &context, begun)
    }

    /// Answers a request once more where tables were altered, and what is served was made anew for it.
    async fn again(
        &self,
        error: Error,
        live: &Live,
        path: &str,
        context: &Context,
        (sent, accepted): (&mut Sent, Option<&Accepted>),
        pause: &Pause,
    ) -> Result<Response> {
        let Some(current) = live.instead_of(self, &error).await.filter(|_| sent.is_kept()) else { return Err(error) };
        let Some((target, suffix)) = current.resolver.resolve(path) else { return Err(error) };
        let Some(policy) = current.policy(&target) else { return Err(error) };
        let policy = policy.of(context.method()).map_or(policy, |own| own);
        current.answer(&target, suffix, policy, context, (sent, accepted), pause).await
    }

    /// What comes before and after the handlers of a view set.
    fn policy<'a>(&'a self, target: &Target<'a>) -> Option<&'a Policy> {
        Some(match target {
            Target::Root(_) => &self.root,
            Target::List(mounted, _) => &mounted.list,
            Target::Detail(mounted, ..) => &mounted.detail,
            Target::Extra(_, extra, _) => &extra.policy,
            Target::Path(..) => return None,
        })
    }

    async fn answer(
        &self,
        target: &Target<'_>,
        suffix: Option<&str>,
        policy: &Policy,
        context: &Context,
        (sent, accepted): (&mut Sent, Option<&Accepted>),
        pause: &Pause,
    ) -> Result<Response> {
        let method = context.method();
        if !policy.allows(method) {
            return Err(Error::MethodNotAllowed(method.to_string()));
        }
        if method == Method::OPTIONS {
            let own = match target {
                Target::List(mounted, _) | Target::Detail(mounted, ..) | Target::Extra(mounted, ..) => {
                    &mounted.view.metadata
                }
                Target::Root(_) | Target::Path(..) => &Metadata::Simple,
            };
            return match own {
                Metadata::Simple => Ok(Response::new(Box::pin(metadata(target, policy, context)).await?)),
                Metadata::None => Err(Error::MethodNotAllowed(method.to_string())),
                Metadata::Own(describe) => {
                    let accepted = policy.renderers.first();
                    let request =
                        crate::views::Request::new(context.clone(), sent.body(), Arc::new(policy.clone()), accepted);
                    Ok(Response::new(describe(&request)))
                }
            };
        }
        match target {
            Target::Root(root) => Ok(Response::new(addresses(root, suffix, context))),
            Target::List(mounted, _) if matches!(*method, Method::GET | Method::HEAD) => {
                Box::pin(mounted.view.list(context, accepted)).await
            }
            Target::Detail(mounted, text, _) if matches!(*method, Method::GET | Method::HEAD) => {
                let resource = mounted.view.resource(Action::Retrieve);
                Ok(Response::json(resource.retrieve_narrowed(&resource.key(text)?, context).await?))
            }
            // each in a box of its own: none is to be as large as the largest
            Target::List(mounted, _) => Box::pin(list(&mounted.view, policy, context, sent, pause)).await,
            Target::Detail(mounted, text, _) => {
                Box::pin(detail(&mounted.view, text, policy, context, sent, pause)).await
            }
            Target::Extra(mounted, extra, _) => {
                Box::pin(action(&mounted.view, &extra.action, policy, context, sent.body())).await
            }
            // has answered already
            Target::Path(..) => Err(Error::http404()),
        }
    }

    /// A path that means nothing: Django's redirect to its final slash, or its 404.
    fn unknown(&self, path: &str, uri: &Uri, request: Request) -> HttpResponse {
        if self.append_slash && !path.ends_with('/') && self.resolver.resolve(&format!("{path}/")).is_some() {
            let uri = request.extensions().get::<OriginalUri>().map_or(uri, |original| &original.0);
            let location = full_path(&unescaped(uri.path()), uri.query(), true);
            let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) else {
                return page(request.method());
            };
            let mut response = HttpResponse::default();
            *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
            response.headers_mut().insert(header::CONTENT_TYPE, HTML);
            response.headers_mut().insert(header::LOCATION, location);
            return response;
        }
        if self.json_not_found || wants_json(request.headers()) {
            let (parts, _) = request.into_parts();
            return self.root.error_alone(Error::http404(), &Context::new(parts, Vec::new()));
        }
        let is_head = request.method() == Method::HEAD;
        let mut response = HttpResponse::new(if is_head { Body::empty() } else { Body::from(NOT_FOUND_PAGE) });
        *response.status_mut() = StatusCode::NOT_FOUND;
        response.headers_mut().insert(header::CONTENT_TYPE, HTML);
        response
    }
}

/// The read of an object that a request asks for, where nothing but the right to see it depends on who asks: it is sent along
/// with the question who that is.
fn ahead(target: &Target<'_>, policy: &Policy, context: &Context) -> Option<Arc<Ahead>> {
    let Target::Detail(mounted, text, _) = target else { return None };
    if !matches!(*context.method(), Method::GET | Method::HEAD) || !policy.asks_who(context) {
        return None;
    }
    let resource = mounted.view.resource(Action::Retrieve);
    resource.read_ahead(&resource.key(text).ok()?).map(|read| Arc::new(Ahead::new(read)))
}

/// About how many bytes a request has before its body: a query of many parameters is read as often as somebody asks for one.
fn head_bytes(request: &Request) -> usize {
    let uri = request.uri();
    let headers: usize = request.headers().values().map(HeaderValue::len).sum();
    headers + uri.path().len() + uri.query().map_or(0, str::len)
}

/// What a request sent: as it came, or read by an earlier try.
struct Sent {
    body: Option<Body>,
    /// The deadline that begins once it is read, and what it says.
    parsed: Option<(Option<Deadline>, Arc<Value>)>,
}

impl Sent {
    fn new(body: Body) -> Self {
        Sent { body: Some(body), parsed: None }
    }

    /// The body as it came.
    fn body(&mut self) -> Body {
        self.body.take().unwrap_or_default()
    }

    /// Whether nothing of it is lost.
    fn is_kept(&self) -> bool {
        self.body.is_some() || self.parsed.is_some()
    }

    /// What the body says, with the values of what the view is nested in.
    async fn parsed(&mut self, view: &View, policy: &Policy, context: &mut Context) -> Result<Arc<Value>> {
        if let Some((deadline, data)) = &self.parsed {
            context.end(*deadline);
            return Ok(Arc::clone(data));
        }
        let mut data = policy.parse(context, self.body()).await?;
        view.fill_in(&mut data, context);
        let data = Arc::new(data);
        self.parsed = Some((context.deadline(), Arc::clone(&data)));
        Ok(data)
    }
}

/// A request that writes to the list of a view set.
async fn list(
    view: &Arc<View>,
    policy: &Policy,
    context: &Context,
    sent: &mut Sent,
    pause: &Pause,
) -> Result<Response> {
    refuse_on_list(context)?;
    let context = &mut context.clone();
    let data = sent.parsed(view, policy, context).await?;
    let (view, pause) = (Arc::clone(view), pause.clone());
    match *context.method() {
        Method::POST => {
            let is_list = match view.many.create {
                Lists::Never => false,
                Lists::Also => matches!(*data, Value::List(_)),
                Lists::Always => true,
            };
            let links = !is_list && view.resource(Action::Create).serializer.has_url();
            let answers = Answers::Created { links };
            let claim = Claim::of(policy, context, &data, answers).await?;
            let write = async move |cx: Context| {
                let resource = view.resource(Action::Create);
                if is_list {
                    let body = Box::pin(view.create_list(resource, &data, &cx, &pause)).await?;
                    return Ok(answers.response(body));
                }
                Ok(answers.response(view.create(resource, &data, &cx, &pause).await?))
            };
            once(claim, policy, context, write).await
        }
        Method::DELETE => {
            let claim = Claim::of(policy, context, &data, Answers::Gone).await?;
            let write = async move |cx: Context| {
                let resource = view.resource(Action::Destroy);
                let narrowed = Box::pin(resource.narrowed(&cx)).await?;
                view.destroy_list(narrowed.as_ref().unwrap_or(resource), &data, &cx, &pause).await?;
                Ok(Answers::Gone.response(Vec::new()))
            };
            once(claim, policy, context, write).await
        }
        _ => {
            let (action, mode) = updating(context.method());
            let claim = Claim::of(policy, context, &data, Answers::Changed).await?;
            let write = async move |cx: Context| {
                let resource = view.resource(action);
                let narrowed = Box::pin(resource.narrowed(&cx)).await?;
                let body = view.update_list(narrowed.as_ref().unwrap_or(resource), &data, mode, &cx, &pause).await?;
                Ok(Answers::Changed.response(body))
            };
            once(claim, policy, context, write).await
        }
    }
}

/// A request that writes to one object of a view set.
async fn detail(
    view: &Arc<View>,
    text: &str,
    policy: &Policy,
    context: &Context,
    sent: &mut Sent,
    pause: &Pause,
) -> Result<Response> {
    let (view, pause) = (Arc::clone(view), pause.clone());
    demand(&view, text, policy, context).await?;
    match *context.method() {
        Method::DELETE => {
            let key = view.resource(Action::Destroy).key(text)?;
            let claim = Claim::of(policy, context, &Value::Null, Answers::Gone).await?;
            let write = async move |cx: Context| {
                let resource = view.resource(Action::Destroy);
                let narrowed = Box::pin(resource.narrowed(&cx)).await?;
                view.destroy(narrowed.as_ref().unwrap_or(resource), &key, &cx, &pause).await?;
                Ok(Answers::Gone.response(Vec::new()))
            };
            once(claim, policy, context, write).await
        }
        _ => {
            let (action, mode) = updating(context.method());
            let key = view.resource(action).key(text)?;
            let context = &mut context.clone();
            let data = match sent.parsed(&view, policy, context).await {
                Ok(data) => data,
                Err(error) => {
                    // DRF looks for the row before it looks at the body
                    Box::pin(view.resource(action).must_see_narrowed(&key, context)).await?;
                    return Err(error);
                }
            };
            let claim = Claim::of(policy, context, &data, Answers::Changed).await?;
            let write = async move |cx: Context| {
                let resource = view.resource(action);
                let narrowed = Box::pin(resource.narrowed(&cx)).await?;
                let body = view.update(narrowed.as_ref().unwrap_or(resource), &key, &data, mode, &cx, &pause).await?;
                Ok(Answers::Changed.response(body))
            };
            once(claim, policy, context, write).await
        }
    }
}

/// A request to an extra action.
async fn action(
    view: &Arc<View>,
    action: &ExtraAction,
    policy: &Policy,
    context: &Context,
    body: Body,
) -> Result<Response> {
    let Some((_, handler)) = action.handler(context.method()) else {
        return Err(Error::MethodNotAllowed(context.method().to_string()));
    };
    let key = context.kwarg(&view.lookup.0).filter(|_| action.detail).map(str::to_owned);
    let (view, handler, serializer) = (Arc::clone(view), Arc::clone(handler), action.serializer.clone());
    if matches!(*context.method(), Method::GET | Method::HEAD) {
        let body = ActionBody::new(Ok(Value::map()), serializer);
        return Box::pin(run_action(view, handler, key, body, context.clone())).await;
    }
    match &key {
        Some(key) => demand(&view, key, policy, context).await?,
        None => refuse_on_list(context)?,
    }
    let context = &mut context.clone();
    let mut parsed = policy.parse(context, body).await;
    let claim = match &mut parsed {
        Ok(data) => {
            view.fill_in(data, context);
            Claim::of(policy, context, data, Answers::Changed).await?.map(Claim::looking_first)
        }
        // what cannot be read cannot be told from another request with its key
        Err(_) if takes_key(policy, context)? => return Err(parsed.err().unwrap_or_else(Error::parse_error)),
        Err(_) => None,
    };
    let body = ActionBody::new(parsed, serializer);
    once(claim, policy, context, |cx| run_action(view, handler, key, body, cx)).await
}

/// OPTIONS: what the view is, and the fields of each method that writes (DRF's `determine_actions`).
async fn metadata(target: &Target<'_>, policy: &Policy, context: &Context) -> Result<Value> {
    let mut found = policy.metadata();
    let mut actions = Map::new();
    // as in DRF, what the client may not do is left out
    let may = |method| policy.would_permit(context, method);
    match target {
        Target::List(Mounted { view, .. }, _)
            if view.actions.contains(Action::Create) && may(Method::POST).await?.is_some() =>
        {
            actions.insert("POST", view.resource(Action::Create).serializer.metadata());
        }
        Target::Extra(_, Extra { action: ExtraAction { serializer: Some(serializer), .. }, .. }, _) => {
            for method in [Method::PUT, Method::POST] {
                if policy.allows(&method) && may(method.clone()).await?.is_some() {
                    actions.insert(method.as_str(), fields_metadata(serializer.fields()));
                }
            }
        }
        Target::Extra(Mounted { view, .. }, _, _) => {
            if policy.allows(&Method::POST) && may(Method::POST).await?.is_some() {
                actions.insert("POST", view.resource(Action::Create).serializer.metadata());
            }
            let resource = view.resource(Action::Update);
            let key = context.kwarg(&view.lookup.0).map_or_else(|| Err(Error::http404()), |text| resource.key(text));
            if policy.allows(&Method::PUT)
                && let Some(put) = may(Method::PUT).await?
                && may_see(resource, key, &put).await?
            {
                actions.insert("PUT", resource.serializer.metadata());
            }
        }
        Target::Detail(Mounted { view, .. }, text, _) if view.actions.contains(Action::Update) => {
            let resource = view.resource(Action::Update);
            // as in DRF, what is not there cannot be changed
            if let Some(put) = may(Method::PUT).await?
                && may_see(resource, resource.key(text), &put).await?
            {
                actions.insert("PUT", resource.serializer.metadata());
            }
        }
        _ => {}
    }
    if let (Value::Map(found), false) = (&mut found, actions.is_empty()) {
        found.insert("actions", Value::Map(actions));
    }
    Ok(found)
}

/// Whether a request sees the row of a key; what is wrong with the request is no matter here.
async fn may_see(resource: &Resource, key: Result<DbValue>, context: &Context) -> Result<bool> {
    let Ok(key) = key else { return Ok(false) };
    match resource.must_see_narrowed(&key, context).await {
        Err(error) if error.status().is_server_error() => Err(error),
        seen => Ok(seen.is_ok()),
    }
}

/// What PUT and PATCH mean.
fn updating(method: &Method) -> (Action, Mode) {
    if *method == Method::PUT { (Action::Update, Mode::Update) } else { (Action::PartialUpdate, Mode::Partial) }
}

/// The API root: the address of each list, with the suffix that the root was asked with.
fn addresses(root: &Root, suffix: Option<&str>, context: &Context) -> Value {
    let path = context.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    // what a suffix added to the root's own address is not part of the lists'
    let path = path.rsplit_once('/').filter(|(_, last)| last.starts_with('.')).map_or(path, |(base, _)| base);
    let base = format!("{}{path}", context.origin());
    let format = parameters(context.query()).into_iter().rev().find(|(name, _)| name == "format");
    let format = format.map(|(_, format)| format!("?format={format}")).unwrap_or_default();
    let end = suffix.map_or_else(|| "/".to_owned(), |suffix| format!(".{suffix}"));
    let entry = |prefix: &String| (prefix.clone(), format!("{base}/{prefix}{end}{format}").into());
    Value::Map(root.prefixes.iter().map(entry).collect::<Map>())
}
