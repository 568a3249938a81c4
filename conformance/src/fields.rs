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
type Serializers = Arc<HashMap<&'static str, Serializer>>;

/// Validates and represents one value.
async fn answer(mut request: Request, serializers: Serializers, is_partial: bool) -> bowline::Result<Response> {
    let serializer = serializers.get(request.kwarg("kind").unwrap_or_default()).ok_or_else(Error::http404)?;
    let data = request.data().await?.clone();
    if is_partial {
        let validated = serializer.run_partial_validation(&data, &request)?;
        return Ok(Response::new(value!({"validated": validated})));
    }
    let validated = serializer.run_validation(&data, &request)?;
    Ok(Response::new(value!({"data": serializer.data(&validated, &request)?, "validated": validated})))
}

fn view(type_name: &'static str, serializers: &Serializers) -> ApiView {
    let (post, patch) = (Arc::clone(serializers), Arc::clone(serializers));
    ApiView::new(type_name)
        .post(move |request| answer(request, Arc::clone(&post), false))
        .patch(move |request| answer(request, Arc::clone(&patch), true))
        .authentication([])
}

pub fn urls() -> bowline::Result<DefaultRouter> {
    let kinds = kinds()?.into_iter().map(|(name, field)| (name, Serializer::new().field(field)));
    let kinds: Serializers = Arc::new(kinds.collect());
    let composites: Serializers = Arc::new(composites()?.into_iter().collect());
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
