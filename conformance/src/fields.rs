//! Values validated and represented: `/fields/<kind>/` and `/composite/<name>/`.

use std::collections::HashMap;
use std::sync::LazyLock;

use bowline::prelude::*;
use bowline::serializers::Serializer;
use bowline::value;

use crate::composites::composites;
use crate::kinds::kinds;
use crate::raise::shaped;

/// Serializers by their names in the path.
type Serializers = LazyLock<HashMap<&'static str, Serializer>>;

static KINDS: Serializers = LazyLock::new(|| {
    kinds().into_iter().map(|field| (field.0, Serializer::new().field(field.1))).collect()
});
static COMPOSITES: Serializers = LazyLock::new(|| composites().into_iter().collect());

async fn answer(mut request: Request, serializers: &Serializers, is_partial: bool) -> bowline::Result<Response> {
    let kind = request.kwarg("kind").unwrap_or_default();
    let serializer = serializers.get(kind).ok_or_else(Error::http404)?;
    let data = request.data().await?.clone();
    if is_partial {
        let validated = serializer.run_partial_validation(&data, &request)?;
        return Ok(Response::new(value!({"validated": validated})));
    }
    let validated = serializer.run_validation(&data, &request)?;
    Ok(Response::new(value!({"data": serializer.data(&validated, &request)?, "validated": validated})))
}

fn view(type_name: &'static str, serializers: &'static Serializers) -> ApiView {
    ApiView::new(type_name)
        .post(move |request| answer(request, serializers, false))
        .patch(move |request| answer(request, serializers, true))
        .authentication([])
}

pub fn value_view() -> ApiView {
    view("ValueView", &KINDS).description("Validates and represents one value.")
}

pub fn value_codes_view() -> ApiView {
    view("ValueCodesView", &KINDS).exception_handler(shaped())
}

pub fn composite_view() -> ApiView {
    view("CompositeView", &COMPOSITES)
}

pub fn codes_view() -> ApiView {
    view("CodesView", &COMPOSITES)
        .description("As /composite/<name>/ but errors are answered by get_full_details().")
        .exception_handler(shaped())
}
