//! What an application names: `use bowline::prelude::*`.

pub use sea_orm::{ActiveModelTrait, ActiveValue, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder};

#[cfg(feature = "derive")]
pub use bowline_derive::Serializer;

pub use crate::context::{Context, User};
pub use crate::error::{Error, ErrorDetail, ValidationError};
pub use crate::fields::FieldContext;
pub use crate::filters::{DjangoFilterBackend, FieldFilter, FilterSet, OrderingFilter, Scope, SearchFilter};
pub use crate::idempotency::Idempotency;
pub use crate::model::{Condition, Model};
pub use crate::pagination::{CursorPagination, LimitOffsetPagination, PageNumberPagination};
pub use crate::permissions::Permission;
pub use crate::preconditions::ETags;
pub use crate::response::{Data, Response};
pub use crate::routers::DefaultRouter;
pub use crate::serializers::{FieldOptions, ModelSerializer, RelatedField};
pub use crate::settings::Settings;
pub use crate::store::{Database, Transaction};
pub use crate::validators::{
    Object, ObjectValidator, QueryValidator, UniqueForValidator, UniqueTogetherValidator, UniqueValidator,
    ValueValidator,
};
pub use crate::value::{DbValue, Value};
pub use crate::view_info::ViewInfo;
pub use crate::views::{
    Action, ActionRequest, ApiView, Attributes, ExtraAction, Instance, Lists, ModelViewSet, Request, Save, Valid,
    ViewSet, ViewSetHooks, api_view,
};
