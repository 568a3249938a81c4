use bowline::doc::booking;
use bowline::prelude::*;

async fn is_free(_value: &DbValue) -> Result<(), ValidationError> {
    Ok(())
}

fn main() {
    let _ = ModelSerializer::<booking::Entity>::new().field(booking::Column::Note, |field| field.validator(is_free));
}
