//! A REST framework with Django REST framework's contract, on axum and SeaORM, in which a write cannot race.
//!
//! SeaORM entities are the models. One line makes a resource of one:
//!
//! ```no_run
//! use bowline::prelude::*;
//! # use bowline::doc::booking;
//!
//! fn api() -> DefaultRouter {
//!     DefaultRouter::new().register("bookings", ModelViewSet::<booking::Entity>::new())
//! }
//!
//! #[tokio::main]
//! async fn main() -> bowline::Result<()> {
//!     bowline::serve(api()).await
//! }
//! ```
//!
//! What a validator may read decides how the write is isolated: see [`validators`].

#![warn(unreachable_pub)]

pub mod app;
pub mod authentication;
pub mod context;
#[doc(hidden)]
pub mod doc;
mod edge;
pub mod error;
pub mod fields;
pub mod filters;
mod heavy;
pub mod idempotency;
pub mod layers;
pub mod media_type;
pub mod model;
pub mod negotiation;
pub mod pagination;
pub mod parsers;
pub mod pause;
pub mod permissions;
pub mod preconditions;
pub mod prelude;
pub mod relations;
pub mod renderers;
pub mod response;
pub mod routers;
pub mod serializers;
pub mod settings;
pub mod storage;
pub mod store;
mod suggest;
pub mod testing;
pub mod throttling;
pub mod validators;
pub mod value;
pub mod versioning;
pub mod view_info;
pub mod views;

pub use app::{serve, serve_at};
pub use async_trait::async_trait;
#[cfg(feature = "derive")]
pub use bowline_derive::Serializer;
pub use error::{Error, Result};

/// The chapters of `docs/`, whose examples run as tests.
#[cfg(doctest)]
mod chapters {
    #[doc = include_str!("../docs/fields.md")]
    struct Fields;

    #[doc = include_str!("../docs/models.md")]
    struct Models;

    #[doc = include_str!("../docs/permissions.md")]
    struct Permissions;

    #[doc = include_str!("../docs/throttling.md")]
    struct Throttling;

    #[doc = include_str!("../docs/exceptions.md")]
    struct Exceptions;

    #[doc = include_str!("../docs/views.md")]
    struct Views;

    #[doc = include_str!("../docs/routers.md")]
    struct Routers;

    #[doc = include_str!("../docs/filters.md")]
    struct Filters;

    #[doc = include_str!("../docs/serializers.md")]
    struct Serializers;

    #[doc = include_str!("../docs/relations.md")]
    struct Relations;

    #[doc = include_str!("../docs/validators.md")]
    struct Validators;

    #[doc = include_str!("../docs/authentication.md")]
    struct Authentication;

    #[doc = include_str!("../docs/clients.md")]
    struct Clients;

    #[doc = include_str!("../docs/deployment.md")]
    struct Deployment;

    #[doc = include_str!("../docs/renderers.md")]
    struct Renderers;

    #[doc = include_str!("../docs/pagination.md")]
    struct Pagination;

    #[doc = include_str!("../docs/idempotency.md")]
    struct Idempotency;

    #[doc = include_str!("../docs/preconditions.md")]
    struct Preconditions;
}
