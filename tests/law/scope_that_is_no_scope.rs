use bowline::doc::booking;
use bowline::prelude::*;

fn main() {
    let _ = ModelViewSet::<booking::Entity>::new().get_queryset(|request: &Context| request.user().is_some());
}
