use bowline::doc::booking;
use bowline::prelude::*;

struct AtMostThree;

impl ObjectValidator for AtMostThree {
    fn validate(&self, object: &Object<'_>, tx: &Transaction) -> bowline::Result<()> {
        let room = object.get::<i64>(booking::Column::RoomId)?;
        let taken = booking::Entity::find().filter(booking::Column::RoomId.eq(room)).count(tx).await;
        if taken.is_ok_and(|n| n < 3) { Ok(()) } else { Err(ValidationError::from("The room is full.").into()) }
    }
}

fn main() {}
