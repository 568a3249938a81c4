use bowline::doc::booking;
use bowline::prelude::*;

async fn start_before_end(_object: &Object<'_>) -> Result<(), ValidationError> {
    Ok(())
}

fn main() {
    let _ = ModelSerializer::<booking::Entity>::new().object_validator(start_before_end);
}
