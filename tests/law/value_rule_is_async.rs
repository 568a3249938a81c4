use bowline::doc::booking;
use bowline::prelude::*;

async fn is_free(_value: &Value) -> Result<(), ValidationError> {
    Ok(())
}

fn main() {
    let _ = ModelSerializer::<booking::Entity>::new().field("note", |field| field.validator(is_free));
}
