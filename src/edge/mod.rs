//! The edge of HTTP: what a request must be before any view sees it, and what becomes of the rest of it.
//!
//! A request is refused with 400 where its host is none that the API answers to ([`AllowedHosts`]), where it names two, and where a
//! header comes twice that may come once. What it says of scheme and host is made the origin of every link in its answer.

use std::future::Future;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, Version, header};

mod address;
mod hosts;
mod layer;
mod origin;
mod place;
mod refusal;
mod security;
mod singletons;
mod unread;

pub(crate) use address::{full_path, unescaped};
pub use hosts::AllowedHosts;
pub(crate) use layer::EdgeLayer;
pub use layer::{Secured, SecurityLayer};
pub use origin::ProxySslHeader;
use origin::Site;
use place::Places;
pub(crate) use refusal::{error, page, wants_json};
pub(crate) use security::{Security, secured};
pub use security::{SecurityHeaders, StrictTransportSecurity};

use crate::context::Origin;
use crate::error::{Error, ErrorFormat};
use crate::parsers::BodyLimits;
use crate::settings::{ServerLimits, Settings};

/// What stands between clients and the views of an API; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hosts: AllowedHosts,
    site: Site,
    lists: Vec<HeaderName>,
    errors: ErrorFormat,
    limits: ServerLimits,
    bodies: BodyLimits,
    /// What its own answers say to browsers; those of the views are seen to elsewhere.
    security: Security,
    /// Requests that may be under way at once.
    places: Places,
}

/// The host of a request that names none.
const OWN_NAME: &str = "localhost";

/// Why a request comes to no view.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// Its host is none, or none that is answered to.
    Host(String),
    /// HTTP/1.1 without a host.
    NoHost,
    /// A header that may come once came twice.
    Repeated(HeaderName),
    /// The address that it asks for is another host's than its header's.
    TwoHosts,
    /// Its body is coded in a way that is not undone here.
    Coded,
    /// Too many others are under way.
    Busy,
}

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A client, by the server of this crate.
    Client,
    /// Who runs the router, which may be a test: it need not name a host.
    Caller,
}

impl Edge {
    /// As the settings say.
    ///
    /// # Errors
    ///
    /// Sentences that say what is wrong with them.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Vec<String>> {
        let mut mistakes = settings.allowed_hosts.mistakes();
        let site = Site::new(settings).unwrap_or_else(|found| {
            mistakes.extend(found);
            Site::default()
        });
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Edge(Arc::new(Inner {
            hosts: settings.allowed_hosts.clone(),
            site,
            lists: settings.list_headers.clone(),
            errors: settings.errors,
            limits: settings.server.clone(),
            bodies: settings.body.clone(),
            security: Security::new(&settings.security),
            places: Places::new(settings.server.requests),
        })))
    }

    /// Answers a request by `next`, if it may come so far.
    pub(crate) async fn around<F: Future<Output = Response>>(
        &self,
        request: Request,
        peer: Peer,
        next: impl FnOnce(Request) -> F,
    ) -> Response {
        let (mut request, unread) = unread::watch(request, &self.0.bodies);
        let mut response = match self.admit(&mut request, peer) {
            Ok(()) if peer == Peer::Client => match self.0.places.take().await {
                Some(place) => {
                    if let Some(unread) = &unread {
                        unread.gives_up(&place);
                    }
                    let response = next(request).await;
                    place.end();
                    response
                }
                None => self.refuse(Refusal::Busy, request),
            },
            Ok(()) => next(request).await,
            Err(refusal) => self.refuse(refusal, request),
        };
        if let Some(unread) = unread {
            unread.settle(&mut response, &self.0.limits).await;
        }
        response
    }

    /// Judges a request by its head, and keeps its origin with it.
    fn admit(&self, request: &mut Request, peer: Peer) -> Result<(), Refusal> {
        let Inner { hosts, site, lists, .. } = &*self.0;
        let headers = request.headers();
        if let Some(name) = singletons::repeated(headers, request.version(), lists) {
            return Err(Refusal::Repeated(name.clone()));
        }
        if singletons::is_coded(headers) {
            return Err(Refusal::Coded);
        }
        let named = headers.get(header::HOST);
        let own = match (named.map(|host| host.to_str()), request.uri().authority()) {
            (Some(Ok(host)), Some(asked)) if !host.eq_ignore_ascii_case(asked.as_str()) => {
                return Err(Refusal::TwoHosts);
            }
            (Some(Ok(host)), _) => Some(host),
            (Some(Err(_)), _) => return Err(Refusal::Host(named.map_or_else(String::new, lossy))),
            (None, _) if peer == Peer::Client && request.version() == Version::HTTP_11 => return Err(Refusal::NoHost),
            (None, Some(asked)) => Some(asked.as_str()),
            // HTTP/1.0 need not name one: it is for the server's own name, which is to be allowed as any other
            (None, None) => (peer == Peer::Client).then_some(OWN_NAME),
        };
        let forwarded = match site.forwarded_host(headers) {
            Some(None) => return Err(Refusal::Host(String::new())),
            Some(host) => host,
            None => None,
        };
        let host = forwarded.or(own);
        let is_fixed = |host: &str| {
            let fixed = site.fixed.as_ref().filter(|_| !hosts.are_set());
            fixed.is_some_and(|origin| origin.host().eq_ignore_ascii_case(host))
        };
        if let Some(host) = host.filter(|host| !hosts.allows(host) && !is_fixed(host)) {
            return Err(Refusal::Host(host.to_owned()));
        }
        let origin = site.origin(headers, host.unwrap_or(OWN_NAME), forwarded.is_some());
        if let Some(origin) = origin {
            request.extensions_mut().insert::<Origin>(origin);
        }
        Ok(())
    }

    /// The answer to a request whose body nobody is going to read.
    fn refuse(&self, refusal: Refusal, request: Request) -> Response {
        let secure = security::is_secure(&request);
        let mut response = self.refusal(refusal, request);
        self.0.security.add(response.headers_mut(), secure);
        response
    }

    fn refusal(&self, refusal: Refusal, request: Request) -> Response {
        let sentence = match refusal {
            Refusal::Host(host) => {
                tracing::warn!(?host, "a request to a host that is not in allowed_hosts");
                if !wants_json(request.headers()) {
                    return page(request.method());
                }
                "Invalid Host header.".to_owned()
            }
            Refusal::NoHost => "The header Host is missing.".to_owned(),
            Refusal::Repeated(name) => format!("The header {name} came more than once."),
            Refusal::Busy => {
                let error = Error::unavailable("too many requests are under way");
                tracing::warn!(%error, "a request was turned away");
                return refusal::error(&error, request.method(), self.0.errors);
            }
            Refusal::Coded => "A body may be sent in chunks, and in no other Transfer-Encoding.".to_owned(),
            Refusal::TwoHosts => "The header Host is another than the host of the address.".to_owned(),
        };
        error(&Error::Parse(sentence), request.method(), self.0.errors)
    }
}

fn lossy(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
