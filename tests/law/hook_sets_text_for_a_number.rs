use bowline::doc::booking;
use bowline::prelude::*;

struct Early;

#[bowline::async_trait]
impl ViewSetHooks<booking::Entity> for Early {
    async fn perform_create(&self, save: &mut Save<'_, booking::Entity>) -> bowline::Result<()> {
        save.set(booking::COLUMN.start, "nine");
        save.save().await
    }
}

fn main() {}
