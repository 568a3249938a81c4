//! One typed value with everything that can be set, and DRF's defaults.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::authentication::Authentication;
pub use crate::edge::{AllowedHosts, ProxySslHeader, SecurityHeaders, StrictTransportSecurity};
use crate::error::{ErrorFormat, ExceptionHandler};
use crate::filters::FilterBackend;
use crate::idempotency::Idempotency;
use crate::pagination::Pagination;
use crate::parsers::{BodyLimits, Parsers};
use crate::permissions::Rule;
use crate::preconditions::ETags;
use crate::renderers::Renderers;
use crate::storage::{FileSystemStorage, Storage};
use crate::store::StoreOptions;
use crate::throttling::{MemoryThrottleStore, Throttle, ThrottleRates, ThrottleStore};
use crate::versioning::Versioning;

/// What holds for the whole application unless a view set says otherwise.
///
/// ```
/// use std::sync::Arc;
///
/// use bowline::prelude::*;
/// let settings = Settings { pagination: Some(Arc::new(PageNumberPagination::new(20))), ..Settings::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// DRF's `DEFAULT_PAGINATION_CLASS` with its `PAGE_SIZE`; none by default, as in DRF.
    pub pagination: Option<Arc<dyn Pagination>>,
    /// What narrows and orders lists, DRF's `DEFAULT_FILTER_BACKENDS`; none by default, as in DRF.
    pub filter_backends: Vec<Arc<dyn FilterBackend>>,
    /// How answers are written, DRF's `DEFAULT_RENDERER_CLASSES`: JSON alone by default.
    pub renderers: Renderers,
    /// How bodies are read, DRF's `DEFAULT_PARSER_CLASSES`: JSON, forms and multipart forms by default.
    pub parsers: Parsers,
    /// The ways to tell who sent a request, DRF's `DEFAULT_AUTHENTICATION_CLASSES`; none by default.
    pub authentication: Vec<Arc<dyn Authentication>>,
    /// Who may do what, DRF's `DEFAULT_PERMISSION_CLASSES`; everybody everything by default.
    pub permissions: Vec<Rule>,
    /// What keeps clients from asking too often, DRF's `DEFAULT_THROTTLE_CLASSES`; nothing by default.
    pub throttles: Vec<Arc<dyn Throttle>>,
    /// How often they may ask, by scope; DRF's `DEFAULT_THROTTLE_RATES`.
    pub throttle_rates: ThrottleRates,
    /// Where the times of their requests are kept: in the process by default.
    pub throttle_store: Arc<dyn ThrottleStore>,
    /// Behind how many proxies of one's own the server is, each of which adds the address that it was asked from to
    /// `X-Forwarded-For`; DRF's `NUM_PROXIES`.
    ///
    /// By default there is none: the header is what a client made up. With `None`, DRF's default, all of the header is who the
    /// client is, which it may change with every request.
    pub num_proxies: Option<usize>,
    /// The hosts that the API answers to, Django's `ALLOWED_HOSTS`; those of one's own machine by default.
    pub allowed_hosts: AllowedHosts,
    /// The scheme and the host that clients use, `https://api.example.org`: every link of an answer begins with them, whatever
    /// a request says. None by default.
    pub public_origin: Option<String>,
    /// The header by which a proxy of one's own tells that a request came by HTTPS, Django's `SECURE_PROXY_SSL_HEADER`; none is
    /// looked at by default. It needs [`num_proxies`](Self::num_proxies).
    pub secure_proxy_ssl_header: Option<ProxySslHeader>,
    /// Whether `X-Forwarded-Host` of a proxy of one's own goes before `Host`, Django's `USE_X_FORWARDED_HOST`; not by default. It
    /// needs [`num_proxies`](Self::num_proxies).
    pub use_x_forwarded_host: bool,
    /// Headers of one's own whose value is a list, which may come more than once; a request in which another one does is refused,
    /// but for the lists of HTTP itself.
    pub list_headers: Vec<HeaderName>,
    /// What answers say to browsers beside their content, where [`serve`](crate::serve) runs the server.
    pub security: SecurityHeaders,
    /// Whether view sets over models take idempotency keys; they do not by default.
    pub idempotency: Option<Idempotency>,
    /// Whether answers have entity tags and requests may have preconditions; not by default, as in DRF.
    pub etags: Option<ETags>,
    /// How versions of the API are told apart, DRF's `DEFAULT_VERSIONING_CLASS`; not at all by default.
    pub versioning: Option<Arc<dyn Versioning>>,
    /// The shape of errors: DRF's, DRF's full details with codes, or RFC 9457.
    pub errors: ErrorFormat,
    /// Whether errors of list items are answered by their index, DRF's `LIST_SERIALIZER_ERRORS_AS_DICT`; as a list with
    /// `{}` for the items that are right (the form before DRF 3.18) otherwise.
    pub list_errors_as_dict: bool,
    /// From errors to answers, DRF's `EXCEPTION_HANDLER`.
    pub exception_handler: ExceptionHandler,
    /// Whether a path without its final slash is redirected, Django's `APPEND_SLASH`.
    pub append_slash: bool,
    /// Whether unknown paths are answered in JSON whatever the client accepts; Django's small page otherwise, unless the client
    /// asks for JSON by name.
    pub json_not_found: bool,
    /// Limits of request bodies.
    pub body: BodyLimits,
    /// Where uploaded files go, Django's default storage: the directory `media`, shown below `/media/`, by default.
    pub storage: Arc<dyn Storage>,
    /// How often a write that another transaction got in the way of is replayed before the answer is 503, where the request's
    /// deadline ([`StoreOptions::deadline`]) does not come first.
    pub replays: u32,
    /// Whether an empty database gets the application's tables.
    pub create_tables: bool,
    /// Limits and sizes of the database layer.
    pub store: StoreOptions,
    /// Limits of lists that flow to their clients.
    pub streams: StreamLimits,
    /// Limits of connections, where [`serve`](crate::serve) runs the server.
    pub server: ServerLimits,
}

/// Limits of long lists, which are read from the database while their clients take them. Half as many of them as there are
/// connections to the database may be under way at once; a client that takes nothing of one for
/// [`idle_timeout`](StoreOptions::idle_timeout) loses it.
#[derive(Clone, Debug)]
pub struct StreamLimits {
    /// How many a client may have at once, by its address as throttles know it; it waits for the next one as for a connection. 4
    /// by default.
    pub per_client: usize,
    /// How long one may be under way. 10 minutes by default.
    pub time: Duration,
    /// How many bytes a second its client takes of it, on the whole: 16 KiB by default.
    pub rate: u32,
    /// How long it may take less before that is asked for. 30 seconds by default.
    pub grace: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        StreamLimits { per_client: 4, time: Duration::from_secs(600), rate: 16 << 10, grace: Duration::from_secs(30) }
    }
}

/// What clients may do to a server that [`serve`](crate::serve) or [`serve_at`](crate::serve_at) runs; limits of bodies are in
/// [`BodyLimits`].
///
/// ```
/// use std::time::Duration;
///
/// use bowline::prelude::*;
/// use bowline::settings::ServerLimits;
///
/// // behind a load balancer that keeps idle connections for a minute
/// let server = ServerLimits { header_timeout: Duration::from_secs(75), ..ServerLimits::default() };
/// let settings = Settings { server, ..Settings::default() };
/// ```
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// How long the head of a request may take to arrive, from the moment that the connection is there or its last answer
    /// is sent: how long a connection may be idle, too. 15 seconds by default.
    pub header_timeout: Duration,
    /// The most bytes of a head, the line with the path included; 431 beyond. 64 KiB by default.
    pub header_bytes: usize,
    /// How long a client may take nothing of its answer before the connection is closed, or less than
    /// [`write_rate`](Self::write_rate) asks for. 30 seconds by default.
    pub write_timeout: Duration,
    /// The fewest bytes a second that a client takes of an answer while it waits to be sent. 1 KiB by default.
    pub write_rate: u32,
    /// The most connections that are open at once; the next one is told 503 and closed. 16,384 by default.
    pub connections: usize,
    /// The most requests that are under way at once; the next one waits for a second and is answered with 503. 1,024 by default.
    pub requests: usize,
    /// The most bytes that are read of a body that nobody wants, so that its client sees the answer and can go on; where there
    /// are more, or they do not arrive within [`drain_time`](Self::drain_time), the connection is closed. 8 MiB by default.
    pub drain_bytes: u64,
    /// How long they may take to arrive. 2 seconds by default.
    pub drain_time: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits {
            header_timeout: Duration::from_secs(15),
            header_bytes: 64 << 10,
            write_timeout: Duration::from_secs(30),
            write_rate: 1 << 10,
            connections: 16_384,
            requests: 1_024,
            drain_bytes: 8 << 20,
            drain_time: Duration::from_secs(2),
        }
    }
}

impl Settings {
    /// What cannot work.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let mut mistakes = self.throttle_rates.mistakes();
        if self.store.max_connections == 0 {
            mistakes.push(
                "Settings: store.max_connections is 0, so that no statement could ever run: say 1 or more.".into(),
            );
        }
        let limits = [
            ("store.acquire_timeout", self.store.acquire_timeout),
            ("store.statement_timeout", self.store.statement_timeout),
            ("server.header_timeout", self.server.header_timeout),
            ("server.write_timeout", self.server.write_timeout),
        ];
        let zero = limits.into_iter().filter(|(_, limit)| limit.is_zero());
        mistakes.extend(
            zero.map(|(name, _)| format!("Settings: {name} is 0, so that everything would be too late: say how long.")),
        );
        mistakes
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            pagination: None,
            filter_backends: Vec::new(),
            renderers: Renderers::json(),
            parsers: Parsers::default(),
            authentication: Vec::new(),
            permissions: Vec::new(),
            throttles: Vec::new(),
            throttle_rates: ThrottleRates::default(),
            throttle_store: Arc::new(MemoryThrottleStore::default()),
            num_proxies: Some(0),
            allowed_hosts: AllowedHosts::default(),
            public_origin: None,
            secure_proxy_ssl_header: None,
            use_x_forwarded_host: false,
            list_headers: Vec::new(),
            security: SecurityHeaders::default(),
            idempotency: None,
            etags: None,
            versioning: None,
            errors: ErrorFormat::Messages,
            list_errors_as_dict: true,
            exception_handler: ExceptionHandler::default(),
            append_slash: true,
            json_not_found: false,
            body: BodyLimits::default(),
            storage: Arc::new(FileSystemStorage::new("media", "/media/")),
            replays: 1_000,
            create_tables: true,
            store: StoreOptions::default(),
            streams: StreamLimits::default(),
            server: ServerLimits::default(),
        }
    }
}
