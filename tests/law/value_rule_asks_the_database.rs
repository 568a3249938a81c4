use bowline::doc::booking;
use bowline::prelude::*;

struct IsFree;

#[bowline::async_trait]
impl QueryValidator for IsFree {
    async fn validate(&self, object: &Object<'_>, tx: &Transaction) -> bowline::Result<()> {
        let note = object.get::<String>(booking::Column::Note)?;
        let taken = booking::Entity::find().filter(booking::Column::Note.eq(note)).count(tx).await?;
        if taken == 0 { Ok(()) } else { Err(ValidationError::from("Taken.").into()) }
    }
}

fn main() {
    let _ = ModelSerializer::<booking::Entity>::new().field("note", |field| field.validator(IsFree));
}
