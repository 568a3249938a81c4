//! Values validated and represented: `/fields/<kind>/` and `/composite/<name>/`.

use std::collections::HashMap;
use std::sync::Arc;

use bowline::prelude::*;
use bowline::serializers::Serializer;
use bowline::value;

use crate::composites::composites;
use crate::kinds::kinds;
use crate::raise::shaped;

/// Serializers by their names in the path.
type Serializers = Arc<HashMap<&'static str, Arc<Serializer>>>;

/// Validates and represents one value.
async fn post(mut request: Request) -> bowline::Result<Response> {
    let validated = request.validate().await?;
    let data = request.serializer()?.data(&validated, &request)?;
    Ok(Response::new(value!({"data": data, "validated": validated})))
}

async fn patch(mut request: Request) -> bowline::Result<Response> {
    Ok(Response::new(value!({"validated": request.validate_partial().await?})))
}

fn view(type_name: &'static str, serializers: &Serializers) -> ApiView {
    let serializers = Arc::clone(serializers);
    ApiView::new(type_name)
        .serializer_by(move |request| {
            let kind = request.kwarg("kind").unwrap_or_default();
            serializers.get(kind).cloned().ok_or_else(Error::http404)
        })
        .post(post)
        .patch(patch)
        .authentication([])
}

pub fn urls() -> bowline::Result<DefaultRouter> {
    let kinds = kinds()?.into_iter().map(|(name, field)| (name, Serializer::new().field(field).into()));
    let kinds: Serializers = Arc::new(kinds.collect());
    let composites: Serializers =
        Arc::new(composites()?.into_iter().map(|(name, serializer)| (name, serializer.into())).collect());
    let described = "As /composite/<name>/ but errors are answered by get_full_details().";
    Ok(DefaultRouter::new()
        .path("fields/<str:kind>/", view("ValueView", &kinds).description("Validates and represents one value."))
        .path("fields-codes/<str:kind>/", view("ValueCodesView", &kinds).exception_handler(shaped()))
        .path("composite/<str:kind>/", view("CompositeView", &composites))
        .path(
            "composite-codes/<str:kind>/",
            view("CodesView", &composites).description(described).exception_handler(shaped()),
        ))
}
