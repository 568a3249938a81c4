//! Preconditions: judged on the answer of a request that reads, under the lock of the row of one that writes.
//!
//! What a tag stands for is the object as a GET shows it, and that may be more than its row: nested rows, names of other rows,
//! sets. The lock of the row does not keep those from changing. So a write with a precondition is serializable wherever the
//! view shows, or writes, more than the row: others of its kind that touch what it has read come before it or after it, and one
//! without a precondition can change nothing that it goes on to write. A view of nothing but its row is judged under its lock alone.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::header::{ETAG, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::policy::Policy;
use super::resource::{Resource, Stop};
use super::{Action, View};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::preconditions::{Conditions, ETags, EntityTag, Tags, hash};
use crate::renderers::Accepted;
use crate::response::{Data, Response};
use crate::serializers::shape::Shape;
use crate::serializers::{BoundSerializer, Via, Writes};
use crate::store::plan::Reads;
use crate::store::{Isolation, StoreError};
use crate::value::DbValue;

/// What a GET of an object shows: what preconditions are about.
#[derive(Debug)]
pub(crate) struct Shown {
    shape: Arc<Shape>,
    reads: Arc<Reads>,
    /// Whether it, and what the view writes, is the object's row and nothing else.
    row_alone: bool,
}

/// Which answers of a view show what a GET of the object shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answering {
    /// Whether GET shows one object.
    object: bool,
    /// The methods that write and answer the object so; to the byte, or in each field that may be asked for.
    writes: Vec<(Method, bool)>,
}

/// What a request that writes demands; the request's context has it while it is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Demands(Arc<(Conditions, ETags)>);

fn conditions(cx: &Context) -> Option<&Conditions> {
    cx.kept::<Demands>().map(|demands| &demands.0.0)
}

/// Whether the request demands anything of the object that it writes to.
pub(super) fn is_conditional(cx: &Context) -> bool {
    conditions(cx).is_some()
}

impl Demands {
    /// What a request demands; none where it only reads, where its view has no tags, or where it has no such headers.
    ///
    /// # Errors
    ///
    /// 400 for a header that cannot be read.
    pub(crate) fn of(policy: &Policy, cx: &Context) -> Result<Option<Self>> {
        let (Some(etags), Some(headers)) = (&policy.etags, cx.headers()) else { return Ok(None) };
        if !writes(cx.method()) || !policy.allows(cx.method()) {
            return Ok(None);
        }
        let conditions = Conditions::of_write(headers)?.strengthened(etags);
        Ok((!conditions.are_none()).then(|| Demands(Arc::new((conditions, etags.clone())))))
    }
}

fn writes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Refuses a request that writes to a list and demands what nobody can judge.
///
/// # Errors
///
/// 400 for tags; 412 for `If-None-Match: *`: the list is there.
pub(crate) fn refuse_on_list(cx: &Context) -> Result<()> {
    match conditions(cx) {
        None => Ok(()),
        Some(Conditions { if_match: None, if_none_match: Some(Tags::Any) }) => Err(Error::matches_already()),
        Some(_) => Err(Error::precondition_unsupported()),
    }
}

/// Refuses a request that writes to one object without `If-Match`, where its view demands that.
///
/// # Errors
///
/// 428; 404 and 403 come before.
pub(crate) async fn demand(view: &View, text: &str, policy: &Policy, cx: &Context) -> Result<()> {
    let required = policy.etags.as_ref().is_some_and(ETags::is_required) && writes(cx.method());
    if !required || conditions(cx).is_some_and(|conditions| conditions.if_match.is_some()) {
        return Ok(());
    }
    let resource = view.resource(view.action(true, cx.method()).unwrap_or(Action::Retrieve));
    Box::pin(resource.must_see_narrowed(&resource.key(text)?, cx)).await?;
    Err(Error::precondition_required())
}

impl Shown {
    /// What a GET by a resource shows, where the view writes by `writers` and has hooks or not.
    pub(crate) fn by<'a>(
        retrieve: &Resource,
        has_hooks: bool,
        mut writers: impl Iterator<Item = &'a BoundSerializer>,
    ) -> Self {
        let own = |writes: &Writes| !matches!(writes, Writes::Many(_) | Writes::Nested(_));
        let own = |serializer: &BoundSerializer| serializer.bound_fields().iter().all(|field| own(&field.writes));
        let row_alone = retrieve.shape.flat().is_some() && !has_hooks && writers.all(own);
        Shown { shape: Arc::clone(&retrieve.shape), reads: retrieve.plan.shared_reads(), row_alone }
    }
}

impl Resource {
    /// How the transaction of a request is isolated; one without a key is an action's, which may write anything.
    pub(super) fn isolation_for(&self, key: Option<&DbValue>, cx: &Context) -> Isolation {
        let alone = key.is_some() && self.shown.as_ref().is_some_and(|shown| shown.row_alone);
        if is_conditional(cx) && !alone { Isolation::Serializable } else { self.isolation }
    }

    /// Judges what a request demands of an object that is there, whose row it has locked where it goes on to write.
    ///
    /// # Errors
    ///
    /// 412 where it does not hold; as the store's.
    pub(super) async fn meet_demands(&self, key: &DbValue, via: Via<'_>, cx: &Context) -> Result<(), Stop> {
        let Some(Demands(demands)) = cx.kept::<Demands>() else { return Ok(()) };
        let (conditions, etags) = &**demands;
        let Some(shown) = self.shown.as_ref().filter(|_| conditions.name_tags()) else {
            // that it is there is all that matters
            return Ok(conditions.judge(None)?);
        };
        let rows = via.read(shown.reads.retrieve(key)).await?;
        if rows.is_empty() {
            return Err(self.no_match().into());
        }
        let groups = shown.shape.load(&rows, via).await?;
        let mut text = Vec::with_capacity(256);
        shown.shape.represent(&rows, 0, &groups, &cx.retrieving(), &mut text)?;
        Ok(conditions.judge(etags.state(&text, true).as_deref())?)
    }

    /// The same where nothing is written, since the request fails in any case.
    ///
    /// # Errors
    ///
    /// As [`meet_demands`](Self::meet_demands).
    pub(super) async fn would_meet_demands(&self, key: &DbValue, cx: &Context) -> Result<()> {
        match self.meet_demands(key, self.via(cx), cx).await {
            Err(Stop::Store(error)) => Err(error.into()),
            Err(Stop::Fail(error)) => Err(error),
            Err(Stop::Refused(_) | Stop::Unexplained | Stop::Mistake(..)) => {
                Err(StoreError::Internal("a read was refused".into()).into())
            }
            Ok(()) => Ok(()),
        }
    }
}

impl View {
    /// Which answers of the list, or of one object, show what a GET of the object shows.
    pub(crate) fn answering(&self, detail: bool) -> Answering {
        let retrieve = self.resource(Action::Retrieve);
        let actions: &[(Action, Method)] = match detail {
            true => &[(Action::Update, Method::PUT), (Action::PartialUpdate, Method::PATCH)],
            false => &[(Action::Create, Method::POST)],
        };
        let same = actions.iter().filter(|(action, _)| std::ptr::eq(self.resource(*action), retrieve));
        let writes = same.map(|(action, method)| {
            let exact = retrieve.shape.answers_as_read(*action == Action::PartialUpdate);
            (method.clone(), exact)
        });
        Answering { object: detail, writes: writes.collect() }
    }

    /// Whether a GET of an object shows a field.
    pub(crate) fn shows(&self, field: &str) -> bool {
        let fields = self.resource(Action::Retrieve).serializer.bound_fields();
        fields.iter().any(|bound| bound.field.name == field && !bound.field.write_only)
    }
}

/// An answer with its tag, where it has one; what a request to read demands of it is judged.
///
/// # Errors
///
/// 412 where `If-Match` does not name it.
pub(super) fn tagged(
    mut response: Response,
    etags: &ETags,
    answering: &Answering,
    cx: &Context,
    accepted: &Accepted,
) -> Result<Response> {
    let method = cx.method();
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let is_object = match response.status {
        StatusCode::OK if reads => answering.object,
        StatusCode::OK | StatusCode::CREATED => {
            let own = answering.writes.iter().find(|(own, _)| own == method);
            if !own.is_some_and(|(_, exact)| *exact || etags.field().is_some()) {
                return Ok(response);
            }
            // a list of new objects is nothing that a GET shows
            if !matches!(&response.data, Data::Json(text) if text.starts_with(b"{")) {
                return Ok(response);
            }
            true
        }
        _ => return Ok(response),
    };
    if !response.headers.contains_key(ETAG)
        && let Some(tag) = tag_of(&response.data, etags, is_object, accepted)
    {
        response.headers.insert(ETAG, tag);
    }
    let tag = response.headers.get(ETAG).and_then(|tag| EntityTag::parse(tag.as_bytes()));
    let (Some(tag), Some(headers), true) = (tag, cx.headers(), reads) else { return Ok(response) };
    let conditions = Conditions::of_read(headers)?.strengthened(etags);
    conditions.judge_read(&tag)?;
    if conditions.if_none_match.is_some_and(|tags| tags.has(&tag)) { Ok(not_modified(response)) } else { Ok(response) }
}

/// The tag of what an answer shows, as a renderer writes it; none for pages, which show more, and for what is not there as a
/// whole.
fn tag_of(data: &Data, etags: &ETags, is_object: bool, accepted: &Accepted) -> Option<HeaderValue> {
    let renderer = accepted.renderer();
    if renderer.is_page() {
        return None;
    }
    let text = data.to_json().ok().filter(|text| !text.is_empty())?;
    let state = etags.state(&text, is_object)?;
    let tag = match (renderer.format(), &accepted.media_type) {
        ("json", None) => format!("\"{state}\""),
        (format, None) => format!("\"{state}.{format}\""),
        // with parameters it is written otherwise
        (format, Some(asked)) => format!("\"{state}.{format}.{}\"", hash(asked.as_bytes())),
    };
    HeaderValue::from_str(&tag).ok()
}

/// 304: the answer's headers but for those of its body, RFC 9110 section 15.4.5.
fn not_modified(response: Response) -> Response {
    let mut headers: HeaderMap = response.headers;
    let of_body: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("content-")).cloned().collect();
    for name in of_body.iter().filter(|name| *name != http::header::CONTENT_LOCATION) {
        headers.remove(name);
    }
    // of no known length: that of the whole answer is not known, and none other may be said
    let nothing = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    Response { status: StatusCode::NOT_MODIFIED, data: Data::Raw(nothing), headers, content_type: None }
}
