use bowline::doc::booking;
use bowline::prelude::*;

/// `set_context`, as it was before DRF 3.11.
struct HasContext {
    room: Option<i64>,
}

impl ObjectValidator for HasContext {
    fn validate(&mut self, object: &Object<'_>) -> bowline::Result<()> {
        self.room = object.get(booking::Column::RoomId)?;
        Ok(())
    }
}

fn main() {}
