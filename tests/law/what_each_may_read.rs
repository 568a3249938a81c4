//! What the four kinds may read: this compiles, so that what does not compile beside it fails for its own reason.

use bowline::doc::booking;
use bowline::prelude::*;

struct StartBeforeEnd;

impl ObjectValidator for StartBeforeEnd {
    fn validate(&self, object: &Object<'_>) -> bowline::Result<()> {
        let (start, end) = (object.get::<i64>(booking::Column::Start)?, object.get::<i64>(booking::Column::End)?);
        if start < end { Ok(()) } else { Err(ValidationError::from("A booking ends after it starts.").into()) }
    }
}

struct AtMostThree;

#[bowline::async_trait]
impl QueryValidator for AtMostThree {
    async fn validate(&self, object: &Object<'_>, tx: &Transaction) -> bowline::Result<()> {
        let room = object.get::<i64>(booking::Column::RoomId)?;
        let taken = booking::Entity::find().filter(booking::Column::RoomId.eq(room)).count(tx).await?;
        if taken < 3 { Ok(()) } else { Err(ValidationError::from("The room is full.").into()) }
    }
}

fn main() {
    let _ = ModelSerializer::<booking::Entity>::new()
        .field("note", |field| field.validator(|_: &Value| Ok(())))
        .validator(UniqueTogetherValidator::new([booking::Column::RoomId, booking::Column::Start]))
        .object_validator(StartBeforeEnd)
        .query_validator(AtMostThree);
}
